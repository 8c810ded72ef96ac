"""What a retriever is given and how one is registered."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from store.embeddings import Embedder
from store.errors import ConfigError
from store.index import VectorIndex
from store.record import Record
from store.types import Hit, Passage

RETRIEVERS: dict[str, str] = {
    "dense": "store.retrievers.dense:search",
    "lexical": "store.retrievers.lexical:search",
    "hybrid": "store.retrievers.hybrid:search",
}
"""Name to "module:function"; the function is a `Retriever`."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Attributes:
        k: Most hits to give.
        as_of: Only articles known to be published by that day; articles without a date are left out,
            since nothing shows that they were.
        language: Primary tag of the words, where the caller knows it; else it is guessed.
    """

    text: str
    k: int
    as_of: date | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where it is looked for.

    Attributes:
        index: None for a library without passages.
        embedder: None where the caller opened the library without one; then only "lexical" works.
        published_by: Rising numbers of the passages published on or before a day.
    """

    record: Record
    index: VectorIndex | None
    embedder: Embedder | None
    published_by: Callable[[date], NDArray[np.int64]]


Retriever = Callable[[Query, Corpus], tuple[Hit, ...]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage number with what the indexes said about it; its words are read only if it comes far enough."""

    num: int
    score: float
    similarity: float | None = None
    lexical: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its words."""

    passage: Passage
    candidate: Candidate
    score: float


def open_retriever(name: str) -> Retriever:
    """The registered function.

    Raises:
        ConfigError: No such retriever.
    """
    if name not in RETRIEVERS:
        raise ConfigError(f"No retriever '{name}'. Choose one of: {', '.join(sorted(RETRIEVERS))}")
    module, _, function = RETRIEVERS[name].partition(":")
    retriever: Retriever = getattr(importlib.import_module(module), function)
    return retriever


def with_words(candidates: Sequence[Candidate], corpus: Corpus) -> list[Scored]:
    """Reads the candidates' passages; one removed since the index was published is left out."""
    passages = corpus.record.passages([one.num for one in candidates])
    return [Scored(passages[one.num], one, one.score) for one in candidates if one.num in passages]


def ranked(scored: Sequence[Scored], k: int, retriever: str) -> tuple[Hit, ...]:
    """The k best as hits; equal scores come in the order of article and place."""
    order = sorted(scored, key=place)
    return tuple(
        Hit(one.passage, one.score, rank, retriever, one.candidate.similarity, one.candidate.lexical)
        for rank, one in enumerate(order[:k], 1)
    )


def place(one: Scored) -> tuple[float, str, int]:
    """The sorting key: best score first, then article and place in it."""
    return (-one.score, one.passage.article_id, one.passage.start)
