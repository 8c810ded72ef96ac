"""Reads articles before anyone asks: their engine states are made now and kept for the first question."""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot import prompt
from bot.errors import QuestionRefused
from bot.grounding.heads import beginnings
from bot.models.base import Engine, PrefixState
from bot.reading import Reading, reading_at
from store.errors import ArticleNotFound, LibraryMissing
from store.library import Library, open_record

if TYPE_CHECKING:
    from bot.settings import Settings

Progress = Callable[[int, int, str], None]
"""Called with characters read, all characters, and what goes on."""
NOTE = "reading ahead"


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """What was read.

    Attributes:
        articles: Articles all of whose stretches are kept now.
        left: Articles that were not read to their end: no room in the budget, or the reading was stopped.
        bytes: Size of the kept states.
        keeps: Whether this engine keeps states at all.
    """

    articles: int
    left: int
    bytes: int
    seconds: float
    keeps: bool = True


def versions_of(path: Path) -> dict[str, str]:
    """Article id to version of a library; empty when there is none yet."""
    try:
        record = open_record(path)
    except LibraryMissing:
        return {}
    try:
        return record.versions()
    finally:
        record.close()


def can_read_unasked(settings: "Settings", articles: int) -> bool:
    """Whether to read ahead without being told: few new articles, and nothing to fetch for it."""
    from bot import weights
    from bot.models.opening import DEFAULT_EMBEDDED

    spec = DEFAULT_EMBEDDED if settings.model == "auto" else settings.model
    backend, _, name = spec.partition(":")
    if backend != "embedded" or not 0 < articles <= settings.read_ahead_articles:
        return False
    return name.endswith(".gguf") or weights.status(name).state == "present"


def read_ahead(
    library: Library,
    engine: Engine,
    article_ids: Collection[str],
    *,
    budget_bytes: int,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> ReadAhead:
    """Has the engine read the fixed part of the checks, then each article, the newest first.

    Reading ends where the next state would push out one of those just made.

    Args:
        budget_bytes: The engine's own limit for its states.

    Raises: ModelUnavailable: The engine cannot be loaded.
    """
    began = time.monotonic()
    chosen = [one for one in library.summaries() if one.id in article_ids]
    total, read, whole = sum(one.chars for one in chosen), 0, 0
    tell = progress or (lambda done, total, note: None)
    tell(0, total, NOTE)
    states = [engine.prepare(prefix, key, cancel) for key, prefix in beginnings(engine)]
    state = states[-1]
    used, largest = sum(s.kept_bytes for s in states), max(s.kept_bytes for s in states)
    for one in chosen:
        for reading in _stretches(library, one.id):
            if state.kept_bytes == 0 or used + largest > budget_bytes or _is_set(cancel):
                return _told(whole, len(chosen), used, began, state)
            state = _prepared(engine, reading, cancel) or state
            used, largest = used + state.kept_bytes, max(largest, state.kept_bytes)
            tell(min(total, read + reading.end), total, NOTE)
        read, whole = read + one.chars, whole + (state.kept_bytes > 0)
        tell(read, total, NOTE)
    return _told(whole, len(chosen), used, began, state)


def _told(whole: int, wanted: int, used: int, began: float, state: PrefixState) -> ReadAhead:
    return ReadAhead(whole, wanted - whole, used, time.monotonic() - began, state.origin != "none")


def _prepared(engine: Engine, reading: Reading, cancel: threading.Event | None) -> PrefixState | None:
    """None for a stretch that is too long for this context: no question will be asked about it either."""
    try:
        return engine.prepare(prompt.kept_beginning(reading), reading.key, cancel)
    except QuestionRefused:
        return None


def _stretches(library: Library, article_id: str) -> Iterator[Reading]:
    try:
        article = library.article(article_id)
    except ArticleNotFound:  # removed by another program a moment ago
        return
    start, secret = 0, library.secret
    while start < max(1, len(article.text)):
        reading = reading_at(article, secret, start=start)
        yield reading
        start = reading.end


def _is_set(cancel: threading.Event | None) -> bool:
    return cancel is not None and cancel.is_set()
