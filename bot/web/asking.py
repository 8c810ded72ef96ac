"""One question on its way: waits its turn, runs the chain in a thread, and stops the model when nobody listens."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from bot.types import Event, Finished, FoundPassage, Question, Retrieved
from bot.web.desk import error_words
from bot.web.limits import WebLimits
from bot.web.line import Ticket
from bot.web.seam import LibraryLike
from store.errors import CitewireError
from store.types import Hit


@dataclass(frozen=True, slots=True)
class Queued:
    """Event: this many questions are ahead; 0 says that it is answered now."""

    ahead: int


@dataclass(frozen=True, slots=True)
class Glance:
    """Event: passages for the question as typed, shown while it waits; `Retrieved` replaces them."""

    retrieved: Retrieved


@dataclass(frozen=True, slots=True)
class Alive:
    """Event: nothing new; keeps proxies from cutting the stream."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Event: it went wrong; always last."""

    kind: str
    message: str
    exit_code: int
    http_status: int
    partial: str = ""

    @classmethod
    def of(cls, error: Exception) -> "Failed":
        kind, message = error_words(error)
        ours = error if isinstance(error, CitewireError) else CitewireError()
        return cls(kind, message, ours.exit_code, ours.http_status, getattr(error, "partial", ""))

    def as_mapping(self) -> Mapping[str, Any]:
        return {"type": self.kind, "message": self.message, "exit_code": self.exit_code}


Told = Event | Glance | Queued | Alive | Failed
Start = Callable[[threading.Event], Iterator[Event]]


def found(hit: Hit, library: LibraryLike) -> FoundPassage:
    """A hit with the title, outlet and date of its article."""
    article = library.article(hit.passage.article_id)
    return FoundPassage(
        article_id=article.id,
        title=article.title,
        source=article.source,
        published=article.published.date.isoformat() if article.published else None,
        start=hit.passage.start,
        end=hit.passage.end,
        text=hit.passage.text,
        score=hit.score,
    )


@dataclass(eq=False)
class Asking:
    """A question being asked; `stop` ends it from anywhere.

    Args:
        start: Begins the chain; called in a thread of `pool` when it is this question's turn.
        glance: Passages to show while the question waits, or None; called in a thread too.
    """

    ticket: Ticket
    start: Start
    limits: WebLimits
    pool: ThreadPoolExecutor
    glance: Callable[[], Glance] | None = None
    cancel: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.cancel.set()

    async def events(self) -> AsyncIterator[Told]:
        """Ends with `Finished` or `Failed`; closing it stops the model, and only then the next one's turn comes."""
        began = False
        try:
            if self.glance is not None:
                with suppress(CitewireError):  # the chain will say it in its turn
                    yield await asyncio.get_running_loop().run_in_executor(self.pool, self.glance)
            async for told in self._wait():
                yield told
            if self.cancel.is_set():
                return
            began = True
            async for told in self._run():
                yield told
        finally:
            self.cancel.set()
            if not began:
                self.ticket.leave()

    async def _wait(self) -> AsyncIterator[Told]:
        told, quiet_s = -1, 0.0
        while (ahead := self.ticket.ahead) > 0 and not self.cancel.is_set():
            if ahead != told:
                told, quiet_s = ahead, 0.0
                yield Queued(ahead)
            # Wakes each second as well, since `stop` comes from another task.
            quiet_s = 0.0 if await self.ticket.moved(1.0) else quiet_s + 1.0
            if quiet_s >= self.limits.alive_s:
                quiet_s = 0.0
                yield Alive()
        if told > 0:
            yield Queued(0)

    async def _run(self) -> AsyncIterator[Told]:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Told | None] = asyncio.Queue()

        def put(told: Told | None) -> None:
            loop.call_soon_threadsafe(arrived.put_nowait, told)

        def work() -> None:
            try:
                with closing(self.start(self.cancel)) as events:  # type: ignore[type-var]  # chains give generators
                    for event in events:
                        if self.cancel.is_set():
                            return
                        put(event)
                        if isinstance(event, Finished):
                            return
            except Exception as error:  # told to the page; `Failed.of` logs what is not ours
                if not self.cancel.is_set():
                    put(Failed.of(error))
            finally:
                put(None)

        # The place is given up when the thread ends, not when the listener leaves: the model must be free.
        working = loop.run_in_executor(self.pool, work)
        working.add_done_callback(lambda _: self.ticket.leave())
        while True:
            try:
                told = await asyncio.wait_for(arrived.get(), self.limits.alive_s)
            except TimeoutError:
                yield Alive()
                continue
            if told is None:
                return
            yield told


def glance_at(library: LibraryLike, question: Question, k: int = 6) -> Callable[[], Glance]:
    """A plain search for the question as typed, to have passages on the screen while it waits."""

    def look() -> Glance:
        hits = library.search(question.text, k, as_of=question.as_of)
        return Glance(Retrieved(question.text, tuple(found(hit, library) for hit in hits)))

    return look
