"""What the web app needs of a session, an archive shelf and a model shop; tests bring their own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from bot.models.base import ModelStatus
from bot.types import Event, Question
from store.types import Article, ArticleSummary, Hit

Progress = Callable[[int, int, str], None]
"""Called with done, total (0 where unknown) and one plain line."""


class LibraryLike(Protocol):
    @property
    def fingerprint(self) -> str: ...
    def counts(self) -> Any: ...  # .articles, .passages: store.library.Counts
    def summaries(self) -> tuple[ArticleSummary, ...]: ...
    def article(self, article_id: str, /) -> Article: ...
    def search(self, query: str, k: int = ..., *, as_of: date | None = ...) -> tuple[Hit, ...]: ...


class EngineLike(Protocol):
    @property
    def spec(self) -> str: ...
    @property
    def digest(self) -> str: ...
    def status(self) -> ModelStatus: ...


class ChainLike(Protocol):
    def events(self, asked: Question, cancel: threading.Event | None = None) -> Iterator[Event]: ...


class SessionLike(Protocol):
    @property
    def library(self) -> LibraryLike: ...
    @property
    def engine(self) -> EngineLike: ...
    @property
    def chain(self) -> ChainLike: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file: "added", "updated", "unchanged", "duplicate" or "refused"; `reason` in words."""

    name: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of an upload: a line a file, and the counts of articles."""

    files: tuple[FileReport, ...]
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


class Shelf(Protocol):
    """The writing side of the library: one writer at a time, in threads of the caller."""

    def take_in(self, paths: Sequence[Path], progress: Progress) -> TakenIn: ...
    def seed(self, progress: Progress) -> TakenIn: ...
    def remove(self, article_ids: Sequence[str]) -> int: ...


class Shop(Protocol):
    """Which models there are, and how to get one ready."""

    def listed(self) -> tuple[ModelStatus, ...]: ...
    def fetch(self, spec: str, progress: Progress) -> None: ...
