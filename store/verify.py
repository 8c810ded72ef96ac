"""Checks a library from top to bottom, and says for each finding what mends it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from store import index
from store.chunking import CHUNKER_VERSION
from store.errors import CitewireError, LibraryDamaged
from store.library import open_record
from store.record import Record


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        severity: "error" makes answers wrong or fail; "notice" does not.
        part: "record", "index" or "articles".
        next_step: The command or action that mends it.
    """

    severity: Literal["error", "notice"]
    part: str
    problem: str
    next_step: str


_REBUILD = "citewire rebuild"


def verify(path: Path) -> tuple[Finding, ...]:
    """Everything wrong with a library; empty when it is sound.

    Vector files are read in a child process, since damage in them can crash their reader.

    Raises:
        LibraryMissing: There is no library.
        LibraryBusy: Another program keeps it locked.
        StorageError: It cannot be read.
    """
    folder = path.expanduser().absolute()
    try:
        record = open_record(folder)
    except LibraryDamaged as error:
        return (Finding("error", "record", str(error), "restore articles.db from a backup"),)
    try:
        return (*_record_findings(record), *_index_findings(folder, record))
    except LibraryDamaged as error:
        return (Finding("error", "record", str(error), "restore articles.db from a backup"),)
    finally:
        record.close()


def _record_findings(record: Record) -> Iterator[Finding]:
    for problem in record.problems():
        mendable = not problem.startswith("SQLite")
        yield Finding(
            "error", "record", problem, _REBUILD if mendable else "restore articles.db from a backup"
        )
    for article in record.articles():
        for passage in record.passages_of(article.id):
            if article.text[passage.start : passage.end] != passage.text:
                yield Finding(
                    "error", "articles", f"a passage of '{article.id}' is not in its text", _REBUILD
                )
    outdated = record.outdated(CHUNKER_VERSION)
    if outdated:
        yield Finding(
            "notice",
            "articles",
            f"{outdated} articles were cut by another chunker than version {CHUNKER_VERSION}; they still serve",
            _REBUILD,
        )


def _index_findings(folder: Path, record: Record) -> Iterator[Finding]:
    manifest = record.manifest()
    if "embedder" not in manifest:
        return
    try:
        number = index.current_number(folder)
        if number is None:
            raise LibraryDamaged("no index is published; an ingest was killed or the index folder is gone")
        generation = index.read_generation(folder, number)
    except CitewireError as error:
        yield Finding("error", "index", str(error), _REBUILD)
        return
    wanted = index.collection_name(manifest["embedder"], manifest["digest"], int(manifest["dimension"]))
    if generation.collection != wanted:
        yield Finding("error", "index", "the index was made for another embedder", _REBUILD)
        return
    problem = index.check_apart(folder, number)
    if problem:
        yield Finding("error", "index", problem, _REBUILD)
        return
    if generation.changes != record.changes():
        yield Finding(
            "notice", "index", "the last ingest was not finished", "citewire ingest PATH, or rebuild"
        )
        return
    yield from _compared(folder, number, generation, record)


def _compared(folder: Path, number: int, generation: index.Generation, record: Record) -> Iterator[Finding]:
    """The index against the record it was made from."""
    nums = record.passage_nums()
    matrix, indexed = index.read_matrix(folder, generation)
    if not np.array_equal(nums, indexed):
        yield Finding(
            "error",
            "index",
            f"generation {number} holds {len(indexed)} passages, the record {len(nums)}",
            _REBUILD,
        )
        return
    for start in range(0, len(nums), 2_000):
        part = slice(start, start + 2_000)
        if not np.array_equal(matrix[part], record.vectors_of(nums[part], generation.dimension)):
            yield Finding(
                "error", "index", f"vectors of generation {number} differ from the record's", _REBUILD
            )
            return
