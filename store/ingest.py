"""Articles in: files are read, cut, embedded and recorded, then the index is published."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from store import index
from store.chunking import CHUNKER_VERSION, chunk
from store.embeddings import Embedder, Vectors
from store.errors import ArticleNotFound, ConfigError, LibraryBusy, LibraryDamaged
from store.keys import content_key
from store.library import check_identity, open_record
from store.loaders.base import LOADERS, Refusal, load
from store.places import CARD_FILE, RECORD_FILE
from store.record import Record, StoredPassage, storage_error
from store.types import Article, Passage

_BATCH_PASSAGES = 64
_NOT_ARTICLES = ("readme", "license", "changelog", "contributing")  # of a folder; name one to take it in
LOCK_FILE = "writer.lock"
_WRITER_FILE = "writer.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step is.

    Attributes:
        stage: "articles" (recorded: a kill after this loses none of them) or "index" (vectors written).
        total: None while it is not known.
    """

    stage: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An article that was not stored because its words already are, under another id."""

    article_id: str
    of: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of the sources.

    Attributes:
        added: Articles that were new; `updated`, `unchanged` likewise.
        passages: New passages recorded.
        notes: What happened to articles on their way in, as "article id: note".
    """

    added: int
    updated: int
    unchanged: int
    duplicates: tuple[Duplicate, ...]
    refused: tuple[Refusal, ...]
    passages: int
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild did; `embedded` counts passages that had to go through the embedder."""

    articles: int
    passages: int
    embedded: int
    seconds: float


Watcher = Callable[[Progress], None]


def ingest(
    path: Path, sources: Sequence[Path], *, embedder: Embedder, progress: Watcher | None = None
) -> IngestReport:
    """Takes in files and folders; what is unchanged is skipped, what changed is replaced.

    Folders are walked without following links; hidden files, other kinds and a README are passed over.

    Raises:
        LibraryBusy: Another process is writing.
        IdentityMismatch: The library was built with another embedder; nothing was read.
        EmbedderUnavailable: The embedder failed; what was recorded before stays.
        StorageError: The disk is full or not writable; what was recorded before stays.
        LibraryDamaged: The record is broken.
    """
    started = time.monotonic()
    with writing(path) as (folder, record):
        check_identity(folder, record, embedder)
        # Chroma takes longer to import than a small ingest to run: both at once.
        preload = threading.Thread(target=index.preload, daemon=True)
        preload.start()
        intake = _Intake(record, embedder, progress)
        for item in _items(sources):
            intake.take(item)
        intake.flush()
        if intake.updated:
            record.tidy()
        preload.join()
        _publish(folder, record, progress)
        return intake.report(time.monotonic() - started)


class _Intake:
    """Gathers articles until there are enough passages to embed at once, then records them together."""

    def __init__(self, record: Record, embedder: Embedder, progress: Watcher | None) -> None:
        self._record, self._embedder, self._progress = record, embedder, progress
        self._waiting: dict[str, Article] = {}
        self._keys: dict[bytes, str] = {}
        self._passages: dict[str, tuple[StoredPassage, ...]] = {}
        self._texts: dict[bytes, str] = {}
        self._versions = record.versions()
        self.added = self.updated = self.unchanged = self.new_passages = 0
        self._duplicates: list[Duplicate] = []
        self._refused: list[Refusal] = []
        self._notes: list[str] = []
        self._now = datetime.now(UTC).isoformat(timespec="seconds")

    def take(self, item: Article | Refusal) -> None:
        if isinstance(item, Refusal):
            self._refused.append(item)
            return
        self._notes.extend(f"{item.id}: {note}" for note in item.notes)
        if self._versions.get(item.id) == item.version:
            self.unchanged += 1
            return
        key = content_key(item.text)
        twin = self._keys.get(key) or self._record.same_content(key)
        if twin is not None and twin != item.id and item.id not in self._versions:
            self._duplicates.append(Duplicate(item.id, twin))
            return
        if item.id in self._waiting:  # twice in one ingest: the later one replaces the earlier
            self.flush()
        passages = chunk(item)
        if not passages:
            self._refused.append(Refusal(item.id, "no text found"))
            return
        if item.id in self._versions:
            self.updated += 1
        else:
            self.added += 1
        self._versions[item.id] = item.version
        stored = tuple(stored_passage(item, passage, self._embedder) for passage in passages)
        self._waiting[item.id], self._passages[item.id], self._keys[key] = item, stored, item.id
        self._texts |= {
            one.text_hash: embedded_text(item, one.passage)
            for one in stored
            if one.text_hash not in self._texts
        }
        self.new_passages += len(stored)
        if len(self._texts) >= _BATCH_PASSAGES:
            self.flush()

    def flush(self) -> None:
        """Embeds and records what waits, all or nothing."""
        if not self._waiting:
            return
        vectors = embed_missing(self._record, self._embedder, self._texts)
        _claim(self._record, self._embedder)
        with self._record.together():
            self._record.put_vectors(vectors)
            for article in self._waiting.values():
                self._record.put(
                    article,
                    self._passages[article.id],
                    content_key=content_key(article.text),
                    chunker=CHUNKER_VERSION,
                    now=self._now,
                )
        self._waiting, self._passages, self._keys, self._texts = {}, {}, {}, {}
        if self._progress:
            self._progress(Progress("articles", self.added + self.updated + self.unchanged, None))

    def report(self, seconds: float) -> IngestReport:
        return IngestReport(
            self.added,
            self.updated,
            self.unchanged,
            tuple(self._duplicates),
            tuple(self._refused),
            self.new_passages,
            seconds,
            tuple(self._notes),
        )


def remove(path: Path, article_ids: Sequence[str], *, purge: bool = False) -> int:
    """Takes articles out of the library.

    Without `purge` their words stay in the history and in free space of the files. With it nothing of them
    is left in the record, the index or the kept model states of this folder.

    Returns: How many were removed.

    Raises:
        ArticleNotFound: One of them is not there; nothing was removed.
        LibraryMissing: There is no library.
        LibraryBusy: Another process is writing.
        StorageError: The disk is full or not writable.
    """
    with writing(path, create=False) as (folder, record):
        wanted = list(dict.fromkeys(article_ids))
        known = record.versions()
        for one in wanted:
            if one not in known and not (purge and record.history(one)):
                raise ArticleNotFound(f"No article '{one}' in {folder}. See: citewire articles list")
        removed = record.remove(wanted)
        if purge:
            record.purge(wanted)
            for state in (folder / "kv").glob("**/*"):
                if state.is_file():
                    state.unlink(missing_ok=True)
        _publish(folder, record, None, fresh=purge)
        if purge:
            index.drop_all_but_current(folder)
        return removed


def rebuild(
    path: Path, *, embedder: Embedder | None = None, progress: Watcher | None = None
) -> RebuildReport:
    """Makes the index anew from the record.

    With another embedder, or after a change of the chunker, passages are cut and embedded again too.

    Readers go on with the old index until the new one is published.

    Raises:
        ConfigError: Passages must be embedded, but no embedder was given.
        LibraryMissing: There is no library.
        LibraryBusy: Another process is writing.
        LibraryDamaged: The record itself is broken.
        StorageError: The disk is full or not writable.
        EmbedderUnavailable: The embedder failed; the library is as it was.
    """
    started = time.monotonic()
    with writing(path, create=False) as (folder, record):
        embedded = _renew(record, embedder, progress) if _needs_renewal(record, embedder) else 0
        _publish(folder, record, progress, fresh=True)
        counts = record.counts()
        return RebuildReport(counts.articles, counts.passages, embedded, time.monotonic() - started)


def _needs_renewal(record: Record, embedder: Embedder | None) -> bool:
    manifest = record.manifest()
    if record.outdated(CHUNKER_VERSION) or record.vectorless():
        return True
    return embedder is not None and (embedder.spec, embedder.digest) != (
        manifest.get("embedder"),
        manifest.get("digest"),
    )


def _renew(record: Record, embedder: Embedder | None, progress: Watcher | None) -> int:
    """Cuts and embeds every article again: new vectors go in beside the old, then all switch at once."""
    if embedder is None:
        raise ConfigError("This rebuild has to embed passages again. Run: citewire rebuild --embedder NAME")
    total, embedded = record.counts().articles, 0
    texts: dict[bytes, str] = {}

    def keep() -> int:
        vectors = embed_missing(record, embedder, texts)
        record.put_vectors(vectors)
        texts.clear()
        return len(vectors)

    for done, article in enumerate(record.articles(), 1):
        for passage in chunk(article):
            texts[stored_passage(article, passage, embedder).text_hash] = embedded_text(article, passage)
        if len(texts) >= _BATCH_PASSAGES:
            embedded += keep()
            if progress:
                progress(Progress("articles", done, total))
    embedded += keep()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with record.together():
        for article in record.articles():
            stored = tuple(stored_passage(article, passage, embedder) for passage in chunk(article))
            key = content_key(article.text)
            record.put(article, stored, content_key=key, chunker=CHUNKER_VERSION, now=now)
        _claim(record, embedder, anew=True)
    record.tidy()
    return embedded


# --- passages and vectors


def embedded_text(article: Article, passage: Passage) -> str:
    """What the embedder reads for a passage."""
    return passage.text


def stored_passage(article: Article, passage: Passage, embedder: Embedder) -> StoredPassage:
    """A passage with the key of its vector: the same words by the same embedder are embedded once."""
    text = embedded_text(article, passage)
    key = hashlib.sha256(
        f"{embedder.spec}\0{embedder.digest}\0{text}".encode("utf-8", "surrogatepass")
    ).digest()
    return StoredPassage(passage, key)


def embed_missing(record: Record, embedder: Embedder, texts: dict[bytes, str]) -> dict[bytes, Vectors]:
    """Vectors of those texts that have none yet, by hash."""
    known = record.known_hashes(texts)
    missing = [key for key in texts if key not in known]
    if not missing:
        return {}
    vectors = embedder.embed([texts[key] for key in missing])
    return dict(zip(missing, vectors, strict=True))


def _claim(record: Record, embedder: Embedder, *, anew: bool = False) -> None:
    if anew or "embedder" not in record.manifest():
        record.set_manifest(
            {
                "embedder": embedder.spec,
                "digest": embedder.digest,
                "dimension": str(embedder.dimension),
                "chunker": str(CHUNKER_VERSION),
            }
        )


def _publish(folder: Path, record: Record, progress: Watcher | None, *, fresh: bool = False) -> None:
    """Publishes a generation, unless the current one already shows this state of the record."""
    manifest = record.manifest()
    if "embedder" not in manifest:
        return
    dimension = int(manifest["dimension"])
    collection = index.collection_name(manifest["embedder"], manifest["digest"], dimension)
    if not fresh and _is_published(folder, record, collection):
        return

    def tell(done: int, total: int) -> None:
        if progress:
            progress(Progress("index", done, total))

    made = index.publish(
        folder, record, collection=collection, dimension=dimension, fresh=fresh, progress=tell
    )
    record.set_manifest({"generation": str(made.number)})


def _is_published(folder: Path, record: Record, collection: str) -> bool:
    try:
        number = index.current_number(folder)
        if number is None:
            return False
        current = index.read_generation(folder, number)
    except LibraryDamaged:
        return False
    return current.changes == record.changes() and current.collection == collection


# --- sources


def _items(sources: Sequence[Path]) -> Iterator[Article | Refusal]:
    for source in sources:
        if source.is_dir() and not source.is_symlink():
            for file in _files(source):
                yield from load(file)
        elif not source.exists():
            yield Refusal(str(source), "no such file or folder")
        else:
            yield from load(source)


def _files(folder: Path) -> Iterator[Path]:
    """Article files below a folder, by name; links and hidden files are passed over."""
    for root, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(root) / name
            if name.startswith(".") or file.is_symlink() or file.suffix.lower() not in LOADERS:
                continue
            if file.stem.lower() not in _NOT_ARTICLES:
                yield file


# --- one writer


@contextmanager
def writing(path: Path, *, create: bool = True) -> Iterator[tuple[Path, Record]]:
    """The one writer's hold on a library: the folder, its record open for writing, and a lock on both.

    Raises:
        LibraryBusy: Another process holds it; says which.
        LibraryMissing: There is no library and none was to be made.
    """
    folder = path.expanduser().absolute()
    if create:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(folder, error) from error
    else:
        open_record(folder).close()
    lock = FileLock(folder / LOCK_FILE, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise LibraryBusy(
            f"Library {folder} is in use by {_writer(folder)}. Wait for it to finish"
        ) from error
    except OSError as error:
        raise storage_error(folder, error) from error
    try:
        _sign(folder)
        record = _create(folder) if create else open_record(folder, writable=True)
        try:
            yield folder, record
        finally:
            record.close()
    finally:
        (folder / _WRITER_FILE).unlink(missing_ok=True)
        lock.release()


def _create(folder: Path) -> Record:
    if (folder / CARD_FILE).exists() or (folder / RECORD_FILE).exists():
        record = open_record(folder, writable=True)
    else:
        record = Record.create(folder)
    card = folder / CARD_FILE
    if not card.exists():
        fresh = card.with_suffix(".new")
        try:
            fresh.write_text(json.dumps({"store_id": record.manifest()["store_id"], "program": "citewire"}))
            fresh.replace(card)
        except OSError as error:
            record.close()
            raise storage_error(card, error) from error
    return record


def _sign(folder: Path) -> None:
    note = {"pid": os.getpid(), "started": datetime.now().strftime("%H:%M")}
    try:
        (folder / _WRITER_FILE).write_text(json.dumps(note))
    except OSError as error:
        raise storage_error(folder, error) from error


def _writer(folder: Path) -> str:
    try:
        note = json.loads((folder / _WRITER_FILE).read_text())
        return f"PID {note['pid']} (started {note['started']})"
    except (OSError, ValueError, KeyError):
        return "another process"
