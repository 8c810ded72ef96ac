"""The record: articles, their history, passages, vectors and the lexical index in one SQLite file.

Everything else in a library can be rebuilt from it. No other module knows SQL.
"""

import errno
import json
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.errors import IdentityMismatch, LibraryBusy, LibraryDamaged, LibraryMissing, StorageError
from store.keys import search_key
from store.places import RECORD_FILE
from store.types import Article, ArticleSummary, Passage, Published, Section

FORMAT_VERSION = 1
BUSY_TIMEOUT_S = 5.0
_MOST_TERMS = 64
_MOST_SCORED = 12_000
"""Passages BM25 may look at for one query: about a microsecond each."""

_SCHEMA = """
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE articles (
    id TEXT PRIMARY KEY, version TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    chars INTEGER NOT NULL, published TEXT, published_origin TEXT, published_confidence REAL,
    published_raw TEXT, source TEXT, url TEXT, authors TEXT NOT NULL, language TEXT,
    sections TEXT NOT NULL, notes TEXT NOT NULL, content_key BLOB NOT NULL, chunker INTEGER NOT NULL
);
CREATE INDEX articles_content ON articles (content_key);
CREATE INDEX articles_published ON articles (published);
CREATE TABLE versions (
    article_id TEXT NOT NULL, version TEXT NOT NULL, replaced_at TEXT NOT NULL, article TEXT NOT NULL,
    PRIMARY KEY (article_id, version)
);
-- AUTOINCREMENT: a number is never given twice, so an index that lags behind cannot name the wrong passage.
CREATE TABLE passages (
    num INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, article_id TEXT NOT NULL,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, text_hash BLOB NOT NULL
);
CREATE INDEX passages_article ON passages (article_id, start);
CREATE INDEX passages_hash ON passages (text_hash);
CREATE TABLE vectors (text_hash BLOB PRIMARY KEY, vector BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (title, body, tokenize = "unicode61 remove_diacritics 2");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a library holds."""

    articles: int
    passages: int


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage to write: with the hash of the words that were embedded for it."""

    passage: Passage
    text_hash: bytes


@dataclass(frozen=True, slots=True)
class LexicalMatch:
    """A passage number with its BM25 score; higher is better."""

    num: int
    score: float


class Record:
    """An open record. Safe from several threads; one process at a time should write, see `store.ingest`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self.path = path
        self._frequencies: tuple[int, dict[str, int]] = (-1, {})  # after which change, by word
        self._vocabulary: tuple[int, frozenset[str]] = (-1, frozenset())  # after which change

    @classmethod
    def create(cls, folder: Path) -> "Record":
        """Makes a new record; an existing one is left alone and opened.

        Raises:
            StorageError: The folder cannot be written.
            LibraryDamaged: There is a record, but it is broken.
        """
        path = folder / RECORD_FILE
        if path.exists():
            return cls.open(folder, writable=True)
        # Made beside and renamed: a kill in between leaves no half record.
        fresh = folder / f"{RECORD_FILE}.new"
        with _translated(path):
            fresh.unlink(missing_ok=True)
            connection = sqlite3.connect(fresh, isolation_level=None)
            connection.executescript(_SCHEMA)
            connection.executemany(
                "INSERT INTO manifest VALUES (?, ?)",
                [
                    ("format", str(FORMAT_VERSION)),
                    ("store_id", secrets.token_hex(8)),
                    ("secret", secrets.token_hex(32)),
                    ("changes", "0"),
                ],
            )
            connection.close()
            fresh.rename(path)
        return cls.open(folder, writable=True)

    @classmethod
    def open(cls, folder: Path, *, writable: bool = False) -> "Record":
        """Opens an existing record.

        Raises:
            LibraryMissing: There is none.
            LibraryDamaged: It is not a record, or cut short.
            IdentityMismatch: A newer program made it.
            StorageError: It cannot be read.
            LibraryBusy: Another program keeps it locked.
        """
        path = folder / RECORD_FILE
        with _translated(path):
            if not path.is_file():
                raise LibraryMissing(f"No library at {folder}. Make one with: citewire ingest PATH")
            if path.stat().st_size < 512:
                raise LibraryDamaged(
                    f"{path} is empty. Restore it from a backup, or ingest into another folder"
                )
            connection = _connect(path, writable=writable)
            record = cls(connection, path)
            record._check_format()
        return record

    def _check_format(self) -> None:
        found = int(self.manifest().get("format", "0"))
        if found > FORMAT_VERSION:
            raise IdentityMismatch(
                f"Library {self.path.parent} has format {found}, this program reads {FORMAT_VERSION}. "
                "Update citewire to open it"
            )

    # --- manifest

    def manifest(self) -> dict[str, str]:
        return {row["key"]: row["value"] for row in self._rows("SELECT key, value FROM manifest")}

    def set_manifest(self, values: Mapping[str, str]) -> None:
        with self._transaction() as cursor:
            cursor.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?)", list(values.items()))

    def changes(self) -> int:
        """Grows with every write to articles or vectors: an index made at the same number is complete."""
        return int(self._one("SELECT value FROM manifest WHERE key = 'changes'"))

    # --- reading articles

    def counts(self) -> Counts:
        return Counts(
            int(self._one("SELECT count(*) FROM articles")), int(self._one("SELECT count(*) FROM passages"))
        )

    def article(self, article_id: str) -> Article | None:
        rows = self._rows("SELECT * FROM articles WHERE id = ?", (article_id,))
        return _article(rows[0]) if rows else None

    def articles(self) -> Iterator[Article]:
        """All articles by id, read one at a time."""
        for (article_id,) in self._rows("SELECT id FROM articles ORDER BY id"):
            article = self.article(article_id)
            if article is not None:
                yield article

    def summaries(self, *, limit: int | None = None, offset: int = 0) -> tuple[ArticleSummary, ...]:
        """Newest first; articles without a date come last."""
        rows = self._rows(
            "SELECT id, title, published, published_origin, published_confidence, published_raw, source, "
            "url, language, version, chars FROM articles ORDER BY published IS NULL, published DESC, id "
            "LIMIT ? OFFSET ?",
            (-1 if limit is None else limit, offset),
        )
        return tuple(
            ArticleSummary(
                id=row["id"],
                title=row["title"],
                published=_published(row),
                source=row["source"],
                url=row["url"],
                language=row["language"],
                version=row["version"],
                chars=row["chars"],
            )
            for row in rows
        )

    def versions(self) -> dict[str, str]:
        """Article id to version, of all articles."""
        return {row[0]: row[1] for row in self._rows("SELECT id, version FROM articles ORDER BY id")}

    def outdated(self, chunker: int) -> int:
        """How many articles were cut by another chunker."""
        return int(self._one("SELECT count(*) FROM articles WHERE chunker <> ?", (chunker,)))

    def vectorless(self) -> int:
        """How many passages have no vector: none, unless the file was tampered with."""
        sql = "SELECT count(*) FROM passages WHERE text_hash NOT IN (SELECT text_hash FROM vectors)"
        return int(self._one(sql))

    def same_content(self, key: bytes) -> str | None:
        """The id of an article with this content key."""
        rows = self._rows("SELECT id FROM articles WHERE content_key = ? ORDER BY rowid LIMIT 1", (key,))
        return str(rows[0][0]) if rows else None

    def history(self, article_id: str) -> tuple[str, ...]:
        """Earlier versions' texts, newest last."""
        rows = self._rows(
            "SELECT article FROM versions WHERE article_id = ? ORDER BY replaced_at", (article_id,)
        )
        return tuple(json.loads(row[0])["text"] for row in rows)

    # --- reading passages

    def passages_of(self, article_id: str) -> tuple[Passage, ...]:
        rows = self._rows(_PASSAGE + " WHERE p.article_id = ? ORDER BY p.start", (article_id,))
        return tuple(_passage(row) for row in rows)

    def passages(self, nums: Sequence[int]) -> dict[int, Passage]:
        """Passages by number; those no longer there are left out."""
        if not nums:
            return {}
        marks = ",".join("?" * len(nums))
        rows = self._rows(_PASSAGE + f" WHERE p.num IN ({marks})", [int(num) for num in nums])
        return {row["num"]: _passage(row) for row in rows}

    def passage_nums(self) -> NDArray[np.int64]:
        """Numbers of all passages, rising."""
        rows = self._rows("SELECT num FROM passages ORDER BY num")
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def nums_published_by(self, day: date) -> NDArray[np.int64]:
        """Numbers of the passages whose article says it was published on or before a day, rising."""
        rows = self._rows(
            "SELECT p.num FROM passages p JOIN articles a ON a.id = p.article_id "
            "WHERE a.published <= ? ORDER BY 1",
            (day.isoformat(),),
        )
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def published_of(self, nums: Sequence[int] | NDArray[np.int64]) -> dict[int, int]:
        """Publication days as numbers such as 20171026; passages without a date are left out."""
        found: dict[int, int] = {}
        for start in range(0, len(nums), 500):
            part = [int(num) for num in nums[start : start + 500]]
            marks = ",".join("?" * len(part))
            rows = self._rows(
                "SELECT p.num, a.published FROM passages p JOIN articles a ON a.id = p.article_id "
                f"WHERE a.published IS NOT NULL AND p.num IN ({marks})",
                part,
            )
            found |= {row[0]: int(row[1].replace("-", "")) for row in rows}
        return found

    def vectors_of(self, nums: Sequence[int] | NDArray[np.int64], dimension: int) -> NDArray[np.float32]:
        """Vectors of passages, in the order given.

        Raises:
            LibraryDamaged: A passage has no vector of this dimension.
        """
        out = np.empty((len(nums), dimension), dtype=np.float32)
        for start in range(0, len(nums), 500):
            part = [int(num) for num in nums[start : start + 500]]
            marks = ",".join("?" * len(part))
            rows = self._rows(
                "SELECT p.num, v.vector FROM passages p JOIN vectors v USING (text_hash) "
                f"WHERE p.num IN ({marks})",
                part,
            )
            found = {row[0]: row[1] for row in rows}
            for position, num in enumerate(part, start):
                blob = found.get(num)
                if blob is None or len(blob) != 4 * dimension:
                    raise LibraryDamaged(
                        f"Passage {num} in {self.path} has no vector of {dimension} numbers. "
                        "Run: citewire rebuild"
                    )
                out[position] = np.frombuffer(blob, dtype=np.float32)
        return out

    def known_hashes(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Those of the hashes whose vector is already there."""
        wanted = list(dict.fromkeys(hashes))
        known: set[bytes] = set()
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            known |= {
                row[0]
                for row in self._rows(f"SELECT text_hash FROM vectors WHERE text_hash IN ({marks})", part)
            }
        return known

    # --- lexical search

    def lexical(self, terms: Sequence[str], k: int, *, as_of: date | None = None) -> tuple[LexicalMatch, ...]:
        """The best passages by BM25, best first.

        Args:
            terms: Search keys without repetition; any of them may match.
        """
        telling = self._telling(terms)
        if not telling:
            return ()
        first, *rest = (f'"{term}"' for term in telling)
        if not rest or sum(telling.values()) <= _MOST_SCORED:
            found = self._matching(" OR ".join((first, *rest)), k, as_of)
        else:
            # Two common words: passages with both, which is a fraction of those with either, and beside them those with
            # the rarer one where they can be afforded, or are needed.
            found = self._matching(f"{first} AND {rest[0]}", k, as_of)
            if len(found) < k or min(telling.values()) <= _MOST_SCORED:
                found = self._matching(first, k, as_of) | found
        best = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:k]
        return tuple(LexicalMatch(num, score) for num, score in best)

    def _matching(self, expression: str, k: int, as_of: date | None) -> dict[int, float]:
        """Passage numbers to scores of the k best that an expression of the full-text index matches."""
        # A title counts a little more than a word of the body.
        sql = (
            "SELECT rowid AS num, bm25(words, 1.2, 1.0) AS cost FROM words WHERE words MATCH ? {} "
            "ORDER BY cost, num LIMIT ?"
        )
        values: list[Any] = [expression]
        condition = ""
        if as_of is not None:
            condition = (
                "AND rowid IN (SELECT p.num FROM passages p JOIN articles a ON a.id = p.article_id "
                "WHERE a.published <= ?)"
            )
            values.append(as_of.isoformat())
        rows = self._rows(sql.format(condition), [*values, k])
        return {row["num"]: -row["cost"] for row in rows}

    def words_of(self, words: Iterable[str]) -> frozenset[str]:
        """Those of some words, as the index spells them, that it has."""
        wanted = set(words)
        frequencies = self._counted(wanted)
        return frozenset(word for word in wanted if word and frequencies[word])

    def vocabulary(self) -> frozenset[str]:
        """Every word of the index; kept until the record changes."""
        changes = self.changes()
        at, words = self._vocabulary
        if at != changes:
            words = frozenset(row["term"] for row in self._rows("SELECT term FROM vocabulary", ()))
            self._vocabulary = (changes, words)
        return words

    def _telling(self, terms: Sequence[str]) -> dict[str, int]:
        """Rarest first, each with the number of passages that have it.

        The commonest words of a large library are left out: they cost the most time and tell the least.
        """
        frequencies = self._counted(terms)
        total = frequencies[""]
        rarest = sorted((frequencies[term], term) for term in terms if frequencies[term])
        kept: dict[str, int] = {}
        for frequency, term in rarest:
            scored = sum(kept.values()) + frequency
            if len(kept) == _MOST_TERMS:
                break
            if len(kept) >= 2 and (scored > _MOST_SCORED or frequency > max(20, total // 8)):
                break
            kept[term] = frequency
        return kept

    def _counted(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many passages each of these stands, and how many passages there are under ""; kept until the record changes."""
        # Other threads search and refresh at the same time: each works on the one dictionary it took.
        changes = self.changes()
        at, frequencies = self._frequencies
        if at != changes:
            frequencies = {"": int(self._one("SELECT count(*) FROM passages"))}
            self._frequencies = (changes, frequencies)
        for term in terms:  # one by one: given a list, SQLite looks through the whole vocabulary
            if term not in frequencies:
                rows = self._rows("SELECT doc FROM vocabulary WHERE term = ?", (term,))
                frequencies[term] = int(rows[0][0]) if rows else 0
        return frequencies

    # --- writing

    @contextmanager
    def together(self) -> Iterator[None]:
        """Makes the writes inside one transaction: all of them happen, or none."""
        with self._transaction():
            yield

    def put_vectors(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keeps vectors by text hash ahead of the passages that will use them."""
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                [
                    (key, np.ascontiguousarray(row, dtype=np.float32).tobytes())
                    for key, row in vectors.items()
                ],
            )

    def put(
        self,
        article: Article,
        passages: Sequence[StoredPassage],
        *,
        content_key: bytes,
        chunker: int,
        now: str,
        keep_history: bool = True,
    ) -> None:
        """Writes an article, or replaces it with its passages and words, as one transaction.

        Args:
            now: ISO time, for the history.
        """
        with self._transaction() as cursor:
            old = self.article(article.id)
            if old is not None:
                if keep_history and old.version != article.version:
                    cursor.execute(
                        "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?)",
                        (old.id, old.version, now, json.dumps(asdict(old), default=str)),
                    )
                _drop_passages(cursor, article.id)
                cursor.execute("DELETE FROM articles WHERE id = ?", (article.id,))
            cursor.execute(
                f"INSERT INTO articles VALUES ({','.join('?' * 17)})",
                _article_row(article, content_key, chunker),
            )
            title = search_key(article.title)
            for stored in passages:
                passage = stored.passage
                if article.text[passage.start : passage.end] != passage.text:
                    raise ValueError(f"passage {passage.id} is not what stands at its place in {article.id}")
                cursor.execute(
                    "INSERT INTO passages (id, article_id, start, stop, text_hash) VALUES (?, ?, ?, ?, ?)",
                    (passage.id, article.id, passage.start, passage.end, stored.text_hash),
                )
                cursor.execute(
                    "INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)",
                    (cursor.lastrowid, title, search_key(passage.text)),
                )
            _count_change(cursor)

    def remove(self, article_ids: Sequence[str]) -> int:
        """Takes articles out of everything but the history; unknown ids are left alone."""
        with self._transaction() as cursor:
            removed = 0
            for article_id in article_ids:
                _drop_passages(cursor, article_id)
                removed += cursor.execute("DELETE FROM articles WHERE id = ?", (article_id,)).rowcount
            _count_change(cursor)
        return removed

    def purge(self, article_ids: Sequence[str]) -> None:
        """Overwrites what is left of removed articles: history, vectors, words and free pages of the file."""
        with self._transaction() as cursor:
            cursor.executemany("DELETE FROM versions WHERE article_id = ?", [(one,) for one in article_ids])
            cursor.execute("DELETE FROM vectors WHERE text_hash NOT IN (SELECT text_hash FROM passages)")
            # Deleted words stay in the segments of the index until they are merged into one.
            cursor.execute("INSERT INTO words (words) VALUES ('optimize')")
        with self._lock, _translated(self.path):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def tidy(self) -> None:
        """Drops vectors that no passage uses and lets the words be merged."""
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM vectors WHERE text_hash NOT IN (SELECT text_hash FROM passages)")
            cursor.execute("INSERT INTO words (words, rank) VALUES ('merge', 200)")

    # --- health

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the file, in plain words; empty when it is sound."""
        found = [f"SQLite: {row[0]}" for row in self._rows("PRAGMA integrity_check(20)") if row[0] != "ok"]
        lost = int(
            self._one("SELECT count(*) FROM passages WHERE text_hash NOT IN (SELECT text_hash FROM vectors)")
        )
        if lost:
            found.append(f"{lost} passages have no vector")
        unworded = "SELECT count(*) FROM passages WHERE num NOT IN (SELECT rowid FROM words)"
        wordless = int(self._one(unworded))
        if wordless:
            found.append(f"{wordless} passages are not in the lexical index")
        for row in self._rows("SELECT id FROM articles WHERE id NOT IN (SELECT article_id FROM passages)"):
            found.append(f"article '{row[0]}' has no passages")
        return tuple(found)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # --- plumbing

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, _translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        rows = self._rows(sql, values)
        return rows[0][0] if rows else 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._lock, _translated(self.path):
            cursor = self._connection.cursor()
            if self._connection.in_transaction:  # inside `together`: the outermost one commits
                yield cursor
                return
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have rolled back already
                    self._connection.rollback()
                raise
            cursor.execute("COMMIT")


_PASSAGE = (
    "SELECT p.num AS num, p.id AS id, p.article_id AS article_id, p.start AS start, p.stop AS stop, "
    "substr(a.text, p.start + 1, p.stop - p.start) AS text "
    "FROM passages p JOIN articles a ON a.id = p.article_id"
)


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    mode = "rw" if writable else "ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    if writable:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        return connection
    try:
        connection.execute("SELECT value FROM manifest LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        # In a folder we may not write, SQLite cannot make the shared memory of WAL; without writers
        # a finished file can be read as it is.
        if "readonly" not in str(error) and "unable to open" not in str(error):
            raise
        connection.close()
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turns SQLite's and the system's errors into ours: the only door they come through."""
    try:
        yield
    except sqlite3.OperationalError as error:
        said = str(error)
        if "locked" in said or "busy" in said:
            raise LibraryBusy(
                f"{path} is locked by another program. Close that program (or wait) and run it again"
            ) from error
        if "full" in said:
            raise StorageError(
                f"Disk full while writing {path}; nothing stored is lost. {_free(path)}"
            ) from error
        if "readonly" in said or "unable to open" in said:
            raise StorageError(f"No permission to write {path}. Check its owner and its folder") from error
        if "disk I/O error" in said:
            raise StorageError(f"The disk failed on {path}: {said}. {_free(path)}") from error
        raise LibraryDamaged(
            f"{path} cannot be used: {said}. Restore it, or ingest into another folder"
        ) from error
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours, such as using a closed record
    except sqlite3.DatabaseError as error:
        raise LibraryDamaged(
            f"{path} is damaged: {error}. Restore it from a backup, or ingest into another folder"
        ) from error
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """Our error for a failed file operation, with the next step."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(f"Disk full while writing {path}; nothing stored is lost. {_free(path)}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"No permission to use {path}. Check its owner, or choose another --library")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StorageError(f"{path} is in the way: not a folder. Choose another --library")
    return StorageError(f"{path}: {error.strerror or error}. Check the disk and run it again")


def _free(path: Path) -> str:
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return "Free some space and run it again"
    return f"{free / 1e6:.0f} MB are free: make space and run it again"


def _drop_passages(cursor: sqlite3.Cursor, article_id: str) -> None:
    cursor.execute(
        "DELETE FROM words WHERE rowid IN (SELECT num FROM passages WHERE article_id = ?)", (article_id,)
    )
    cursor.execute("DELETE FROM passages WHERE article_id = ?", (article_id,))


def _count_change(cursor: sqlite3.Cursor) -> None:
    cursor.execute("UPDATE manifest SET value = CAST(value AS INTEGER) + 1 WHERE key = 'changes'")


def _passage(row: sqlite3.Row) -> Passage:
    return Passage(row["id"], row["article_id"], row["start"], row["stop"], row["text"])


def _published(row: sqlite3.Row) -> Published | None:
    if row["published"] is None:
        return None
    return Published(
        date.fromisoformat(row["published"]),
        row["published_origin"],
        row["published_confidence"],
        row["published_raw"],
    )


def _article(row: sqlite3.Row) -> Article:
    return Article(
        id=row["id"],
        title=row["title"],
        text=row["text"],
        published=_published(row),
        source=row["source"],
        url=row["url"],
        authors=tuple(json.loads(row["authors"])),
        language=row["language"],
        version=row["version"],
        sections=tuple(Section(kind, start, end) for kind, start, end in json.loads(row["sections"])),
        notes=tuple(json.loads(row["notes"])),
    )


def _article_row(article: Article, content_key: bytes, chunker: int) -> tuple[Any, ...]:
    published = article.published
    return (
        article.id,
        article.version,
        article.title,
        article.text,
        len(article.text),
        published.date.isoformat() if published else None,
        published.origin if published else None,
        published.confidence if published else None,
        published.raw if published else None,
        article.source,
        article.url,
        json.dumps(article.authors),
        article.language,
        json.dumps([(section.kind, section.start, section.end) for section in article.sections]),
        json.dumps(article.notes),
        content_key,
        chunker,
    )
