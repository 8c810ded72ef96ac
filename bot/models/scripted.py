"""An engine that plays back a script, for tests: replies and log-odds in order, every call recorded."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import ModelMissing
from bot.models.base import NO, YES, Engine, EngineOptions, Limits, Message, PrefixState, Reply
from store.errors import CitewireError, ConfigError

Line = str | Reply | CitewireError | Callable[[Sequence[Message]], str | Reply]
"""A reply's text, a whole reply, an error to raise, or a function of the messages."""
Odds = float | None | Callable[[Sequence[Message]], float | None]


@dataclass(frozen=True, slots=True)
class Called:
    """One call as it came in."""

    kind: str
    messages: tuple[Message, ...]
    limits: Limits | None = None
    key: str = ""


@dataclass
class ScriptedEngine(Engine):
    """Plays `replies` and `odds` in order; the last one of each repeats. Callables see the messages.

    Attributes:
        calls: Every stream, log_odds and prepare, oldest first.
    """

    replies: Sequence[Line] = ("",)
    odds: Sequence[Odds] = (None,)
    spec: str = "scripted:test"
    digest: str = ""
    context_tokens: int = 4096
    calls: list[Called] = field(default_factory=list)
    _replied: int = 0
    _judged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def stream(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        with self._lock:
            self.calls.append(Called("stream", tuple(messages), limits))
            line = self.replies[min(self._replied, len(self.replies) - 1)]
            self._replied += 1
        reply = line(messages) if callable(line) else line
        if isinstance(reply, CitewireError):
            raise reply
        if isinstance(reply, str):
            tokens = self.count_tokens(messages)
            reply = Reply(
                reply, "stop", prompt_tokens=tokens, cached_tokens=0, completion_tokens=len(reply.split())
            )
        shown = ""
        for piece in _pieces(reply.text):
            if cancel is not None and cancel.is_set():
                yield Reply(shown, "cancelled")
                return
            shown += piece
            yield piece
        yield reply

    def log_odds(
        self,
        messages: Sequence[Message],
        yes: Sequence[str] = YES,
        no: Sequence[str] = NO,
        cancel: threading.Event | None = None,
    ) -> float | None:
        with self._lock:
            self.calls.append(Called("log_odds", tuple(messages)))
            odds = self.odds[min(self._judged, len(self.odds) - 1)]
            self._judged += 1
        return odds(messages) if callable(odds) else odds

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words, one more for each message."""
        return sum(1 + len(message.content.split()) for message in messages)

    def prepare(
        self, prefix: Sequence[Message], key: str, cancel: threading.Event | None = None
    ) -> PrefixState:
        with self._lock:
            self.calls.append(Called("prepare", tuple(prefix), key=key))
        return PrefixState("computed", self.count_tokens(prefix))


def open_scripted(name: str, options: EngineOptions) -> ScriptedEngine:
    """Reads a script: a JSON file of {"replies": [text...], "odds": [number or null...]}.

    Raises:
        ModelMissing: No such file.
        ConfigError: It is not a script.
    """
    try:
        raw = Path(name).read_bytes()
    except OSError as error:
        raise ModelMissing(
            f"There is no script {name}: {error.strerror}. Give the path of a JSON file."
        ) from error
    try:
        script = json.loads(raw)
        replies = [str(reply) for reply in script["replies"]] or [""]
        odds = [None if one is None else float(one) for one in script.get("odds", [])] or [None]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'The script {name} must be like {{"replies": ["..."], "odds": [1.5]}}: {error}'
        ) from error
    return ScriptedEngine(
        replies=replies,
        odds=odds,
        spec=f"scripted:{name}",
        digest=hashlib.sha256(raw).hexdigest(),
        context_tokens=options.context_tokens,
    )


def _pieces(text: str) -> Iterator[str]:
    """Words with the space before them, as models write."""
    start = 0
    for n, char in enumerate(text):
        if char == " " and n > start:
            yield text[start:n]
            start = n
    if start < len(text):
        yield text[start:]
