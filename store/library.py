"""A library folder as a reader sees it: articles by id, and passages found for a question."""

import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from store.embeddings import Embedder
from store.errors import ArticleNotFound, IdentityMismatch, LibraryDamaged, LibraryMissing
from store.index import (
    EXACT_LIMIT,
    ExactIndex,
    Generation,
    VectorIndex,
    collection_name,
    current_number,
    open_index,
    read_generation,
)
from store.places import CARD_FILE, RECORD_FILE
from store.record import Counts, Record
from store.retrievers.base import Corpus, Query, open_retriever
from store.types import Article, ArticleSummary, Hit, Passage

_KEPT_VECTORS = 20_000
"""Sentence vectors kept in memory: 30 MB with the default embedder."""


class Library:
    """An open library. It is safe to use from several threads, and sees at its next search what another
    process has published in the meantime.
    """

    def __init__(self, path: Path, record: Record, embedder: Embedder | None) -> None:
        self.path = path
        self._record = record
        self._embedder = embedder
        self._lock = threading.Lock()
        self._number: int | None = None
        self._index: VectorIndex | None = None
        self._retired: VectorIndex | None = None
        self._published_by: dict[tuple[int, date], NDArray[np.int64]] = {}
        self._fingerprint: tuple[int, str] | None = None
        self._vectors: dict[str, NDArray[np.float32]] = {}

    @classmethod
    def open(cls, path: Path, *, embedder: Embedder | None = None) -> "Library":
        """Opens a library for reading.

        Args:
            embedder: The one it was built with; without one only lexical search works.

        Raises:
            LibraryMissing: Nothing was ever ingested here.
            LibraryDamaged: The record or the index is broken.
            IdentityMismatch: Another embedder built it, or a newer program.
            LibraryBusy: Another program keeps its file locked.
            StorageError: It cannot be read.
        """
        path = path.expanduser().absolute()
        record = open_record(path)
        try:
            check_identity(path, record, embedder)
            library = cls(path, record, embedder)
            library._current_index()
        except BaseException:
            record.close()
            raise
        return library

    def __enter__(self) -> "Library":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees files and memory; calling it again does nothing."""
        with self._lock:
            for index in (self._index, self._retired):
                if index is not None:
                    index.close()
            self._index = self._retired = None
            self._record.close()

    # --- articles

    def article(self, article_id: str) -> Article:
        """One article with its text.

        Raises:
            ArticleNotFound: There is none with this id.
        """
        found = self._record.article(_whole(article_id))
        if found is None:
            raise ArticleNotFound(f"No article {article_id!r} in {self.path}. See: citewire articles list")
        return found

    def summaries(self, *, limit: int | None = None, offset: int = 0) -> tuple[ArticleSummary, ...]:
        """Articles without their texts, newest first; those without a date come last."""
        return self._record.summaries(limit=limit, offset=offset)

    def passages(self, article_id: str) -> tuple[Passage, ...]:
        """An article's passages in the order of its text; empty for an unknown id."""
        return self._record.passages_of(article_id)

    def history(self, article_id: str) -> tuple[str, ...]:
        """Texts of earlier versions of an article, oldest first."""
        return self._record.history(article_id)

    def counts(self) -> Counts:
        return self._record.counts()

    def words_of(self, words: Iterable[str]) -> frozenset[str]:
        """Those of some words, in small letters and without accents, that the articles have."""
        return self._record.words_of(words)

    def vocabulary(self) -> frozenset[str]:
        """Every word of the articles, in small letters and without accents; kept until they change."""
        return self._record.vocabulary()

    @property
    def fingerprint(self) -> str:
        """Changes with any article, the embedder or the chunker: equal ones give equal search results."""
        changes = self._record.changes()
        if self._fingerprint is None or self._fingerprint[0] != changes:
            manifest = self._record.manifest()
            parts = [manifest.get(key) for key in ("embedder", "digest", "dimension", "chunker")]
            content = json.dumps([parts, sorted(self._record.versions().items())])
            self._fingerprint = (changes, hashlib.sha256(content.encode()).hexdigest()[:16])
        return self._fingerprint[1]

    @property
    def secret(self) -> bytes:
        """32 random bytes of this library: no author of an article can guess what is derived from them."""
        return bytes.fromhex(self._record.manifest()["secret"])

    @property
    def embedder_spec(self) -> str | None:
        """What the library was built with; None before its first passage."""
        return self._record.manifest().get("embedder")

    # --- search

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        retriever: str = "hybrid",
        as_of: date | None = None,
        language: str | None = None,
    ) -> tuple[Hit, ...]:
        """Passages for a query.

        Args:
            as_of: Only articles known to be published by that day; those without a date are left out.
            language: Of the query, as a primary tag; guessed where not given.

        Returns: At most k hits, best first; empty for an empty library or query.

        Raises:
            ConfigError: No such retriever, or it needs the embedder this library was opened without.
            EmbedderUnavailable: The embedder fails on the query.
            IdentityMismatch: The library was rebuilt with another embedder since it was opened.
        """
        find = open_retriever(retriever)
        query = _whole(query)
        if k < 1 or not query.strip():
            return ()
        corpus = Corpus(self._record, self._current_index(), self._embedder, self._passages_published_by)
        return find(Query(query, k, as_of, language), corpus)

    def similarities(self, query: str, texts: Sequence[str]) -> tuple[float, ...] | None:
        """Cosine similarity of each text to the query, -1 to 1; None without an embedder."""
        if self._embedder is None or not texts:
            return None
        with self._lock:
            held = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in held]
        vectors = self._embedder.embed([query, *missing])
        held.update(zip(missing, vectors[1:], strict=True))
        with self._lock:
            if len(self._vectors) > _KEPT_VECTORS:
                self._vectors.clear()
            self._vectors.update(held)
        return tuple(float(held[text] @ vectors[0]) for text in texts)

    def _passages_published_by(self, day: date) -> NDArray[np.int64]:
        key = (self._record.changes(), day)
        known = self._published_by.get(key)
        if known is None:
            known = self._record.nums_published_by(day)
            self._published_by = {key: known}
        return known

    def _current_index(self) -> VectorIndex | None:
        with self._lock:
            number = current_number(self.path)
            if self._index is not None and number == self._number:
                return self._index
            generation = _read_current(self.path)
            number = generation.number if generation else None
            opened = _open_index(self.path, self._record, generation, self._embedder)
            if self._retired is not None:
                self._retired.close()
            # Another thread may be searching the old one: it is closed at the next change.
            self._retired, self._index, self._number = self._index, opened, number
            return opened


def _whole(text: str) -> str:
    """Without lone surrogates, which neither SQLite nor a tokenizer takes; JSON from outside may hold them."""
    return text.encode("utf-8", "replace").decode()


def open_record(path: Path, *, writable: bool = False) -> Record:
    """Opens the record of a library folder and notices one that was lost.

    Raises:
        LibraryMissing: Nothing was ever ingested here.
        LibraryDamaged: It was, but the record is gone, another one, or broken.
    """
    card = _card(path)
    if card is None and not (path / RECORD_FILE).exists():
        if path.is_dir() and any(path.iterdir()):
            raise LibraryMissing(
                f"{path} is not a library. Give another --library, or run: citewire ingest PATH"
            )
        raise LibraryMissing(f"No library at {path}. Make one with: citewire ingest PATH")
    if card is not None and not (path / RECORD_FILE).exists():
        raise LibraryDamaged(
            f"{path / RECORD_FILE} is gone, with all articles. Restore it from a backup, "
            "or ingest the articles into another folder"
        )
    record = Record.open(path, writable=writable)
    if card is not None and card.get("store_id") != record.manifest().get("store_id"):
        record.close()
        raise LibraryDamaged(
            f"{path / RECORD_FILE} belongs to another library than {path / CARD_FILE}. Restore the right one"
        )
    return record


def _card(path: Path) -> dict[str, str] | None:
    try:
        card = json.loads((path / CARD_FILE).read_text())
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise LibraryMissing(f"{path} is a file, not a library. Choose another --library") from error
    except (OSError, ValueError) as error:
        raise LibraryDamaged(f"{path / CARD_FILE} cannot be read: {error}. Run: citewire rebuild") from error
    return card if isinstance(card, dict) else {}


def check_identity(path: Path, record: Record, embedder: Embedder | None) -> None:
    """Compares an embedder with the one a library was built with, before any vector is compared.

    Raises:
        IdentityMismatch: They differ, be it only in their weights.
    """
    manifest = record.manifest()
    if embedder is None or "embedder" not in manifest:
        return
    if (embedder.spec, embedder.digest) == (manifest["embedder"], manifest["digest"]):
        return
    raise IdentityMismatch(
        f"Library {path} was built with {manifest['embedder']} ({manifest['digest'][:12]}, "
        f"{manifest['dimension']} numbers); you asked for {embedder.spec} ({embedder.digest[:12]}, "
        f"{embedder.dimension} numbers). Run: citewire rebuild --embedder {embedder.spec}"
    )


def _read_current(path: Path) -> Generation | None:
    """The published generation; read again when a writer swapped and cleaned up in between."""
    for attempt in range(3):
        number = current_number(path)
        if number is None:
            return None
        try:
            return read_generation(path, number)
        except LibraryDamaged:
            if attempt == 2 or current_number(path) == number:
                raise
    return None


def _open_index(
    path: Path, record: Record, generation: Generation | None, embedder: Embedder | None
) -> VectorIndex | None:
    manifest = record.manifest()
    if "embedder" not in manifest:
        return None
    check_identity(path, record, embedder)
    dimension = int(manifest["dimension"])
    collection = collection_name(manifest["embedder"], manifest["digest"], dimension)
    if generation is not None and generation.collection == collection:
        return open_index(path, generation, record)
    if generation is None and "generation" in manifest:
        raise LibraryDamaged(
            f"The index of {path} is gone. Your articles are safe in {RECORD_FILE}. Run: citewire rebuild"
        )
    # A first ingest or a rebuild was killed before it published: the record has every vector.
    nums = record.passage_nums()
    if len(nums) > EXACT_LIMIT:
        raise LibraryDamaged(f"The index of {path} was never finished. Run: citewire rebuild")
    return ExactIndex(record.vectors_of(nums, dimension), nums)
