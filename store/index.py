"""The vector index: immutable generations of a Chroma collection, published by one pointer file.

No other module knows Chroma. A generation also holds its vectors as one plain matrix, from which smaller
libraries are searched exactly, without the 1.1-1.6 s that `import chromadb` costs a fresh process.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from store.errors import LibraryDamaged, StorageError
from store.record import Record, storage_error

Vectors = NDArray[np.float32]
Nums = NDArray[np.int64]

INDEX_VERSION = 1
EXACT_LIMIT = 50_000
"""Passages up to which a search reads every vector: 12-23 ms at 20,000-50,000 on two busy cores."""
_CHECKED_PASSAGES = 40
_REBUILD_SHARE = 0.3  # of deleted vectors: HNSW keeps them, so a copy would only grow
_READ_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Generation:
    """One published state of the index; its folder never changes any more.

    Attributes:
        changes: The record's change count it was made at.
        collection: Named after the identity of embedder and settings: another embedder cannot even see it.
        deleted: Vectors deleted since the collection was last built from nothing.
        files: Relative path to size in bytes of files whose loss must be noticed.
    """

    number: int
    count: int
    dimension: int
    changes: int
    collection: str
    deleted: int
    files: dict[str, int]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A passage number with its cosine similarity to the query."""

    num: int
    similarity: float


class VectorIndex(Protocol):
    def search(
        self, query: Vectors, k: int, *, allowed: Nums | None = None, as_of: date | None = None
    ) -> list[Neighbour]:
        """The nearest passages, nearest first; equals come in the order of their numbers.

        Args:
            query: One unit vector.
            allowed: Rising passage numbers to choose from; None is all. Says the same as `as_of`.
        """

    def close(self) -> None: ...


def collection_name(embedder_spec: str, digest: str, dimension: int) -> str:
    """Same name, same geometry."""
    identity = json.dumps([INDEX_VERSION, "cosine", embedder_spec, digest, dimension])
    return "passages-" + hashlib.sha256(identity.encode()).hexdigest()[:24]


# --- generations on disk


def index_folder(library: Path) -> Path:
    return library / "index"


def current_number(library: Path) -> int | None:
    """What the pointer names now; a small read, done before each search. None where nothing is published."""
    try:
        return int((index_folder(library) / "current").read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LibraryDamaged(
            f"{index_folder(library) / 'current'} is damaged. Run: citewire rebuild"
        ) from error
    except OSError as error:
        raise storage_error(index_folder(library), error) from error


def read_generation(library: Path, number: int) -> Generation:
    """The description of a generation, after a look whether its files are all there.

    Raises:
        LibraryDamaged: Something is gone or has another size.
    """
    folder = index_folder(library) / str(number)
    try:
        found = Generation(**json.loads((folder / "generation.json").read_text()))
        for name, size in found.files.items():
            actual = (folder / name).stat().st_size
            if actual != size:
                raise LibraryDamaged(_damage(f"{folder / name} has {actual} bytes instead of {size}"))
        with (folder / "chroma" / "chroma.sqlite3").open("rb") as file:
            if file.read(15) != b"SQLite format 3":
                raise LibraryDamaged(_damage(f"{folder / 'chroma' / 'chroma.sqlite3'} is damaged"))
    except FileNotFoundError as error:
        raise LibraryDamaged(_damage(f"{error.filename} is gone")) from error
    except (ValueError, TypeError) as error:
        raise LibraryDamaged(_damage(f"{folder / 'generation.json'} is damaged")) from error
    return found


def _damage(what: str) -> str:
    return f"Index damaged: {what}. Your articles are safe in articles.db. Run: citewire rebuild"


def publish(
    library: Path,
    record: Record,
    *,
    collection: str,
    dimension: int,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Generation:
    """Writes the next generation, checks it, and swaps the pointer; a kill at any time leaves the old one.

    Args:
        fresh: Build from nothing, even if the current one could be copied and added to.
        progress: Called with vectors written and to write.

    Raises:
        StorageError: The disk is full or not writable.
        LibraryDamaged: What was written does not read back.
    """
    root = index_folder(library)
    try:
        root.mkdir(exist_ok=True)
        number = 1 + max([int(one.name) for one in root.iterdir() if one.name.isdigit()], default=0)
        draft = root / f"{number}.new"
        for leftover in root.glob("*.new"):
            shutil.rmtree(leftover)
        draft.mkdir()
        made = _write(draft, library, record, number, collection, dimension, fresh, progress)
        draft.rename(root / str(number))
        _sync_folder(root)
        _write_whole(root / "current", str(number))
        _drop_old(root, keep=number)
    except OSError as error:
        raise storage_error(root, error) from error
    return made


def _write(
    draft: Path,
    library: Path,
    record: Record,
    number: int,
    collection: str,
    dimension: int,
    fresh: bool,
    progress: Callable[[int, int], None] | None,
) -> Generation:
    changes, nums = record.changes(), record.passage_nums()
    base = None if fresh else _base(library, collection)
    old = _load_nums(library, base.number) if base else np.zeros(0, dtype=np.int64)
    removed = np.setdiff1d(old, nums, assume_unique=True)
    added = np.setdiff1d(nums, old, assume_unique=True)
    if base and base.deleted + len(removed) > _REBUILD_SHARE * max(len(nums), 1):
        base, old, removed, added = None, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), nums
    _reserve(draft, len(nums), dimension)
    matrix_file = draft / "vectors.npy"
    matrix = np.lib.format.open_memmap(matrix_file, "w+", np.float32, (max(len(nums), 1), dimension))
    if base:
        shutil.copytree(index_folder(library) / str(base.number) / "chroma", draft / "chroma")
        old_matrix = np.load(index_folder(library) / str(base.number) / "vectors.npy", mmap_mode="r")
        kept = np.isin(old, nums, assume_unique=True)
        matrix[np.searchsorted(nums, old[kept])] = old_matrix[: len(old)][kept]
    with _client(draft / "chroma") as client:
        target = client.get_or_create_collection(
            collection, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )
        most = client.get_max_batch_size()
        for start in range(0, len(removed), most):
            target.delete(ids=[str(num) for num in removed[start : start + most]])
        done = 0
        for start in range(0, len(added), min(_READ_ROWS, most)):
            part = added[start : start + min(_READ_ROWS, most)]
            vectors = record.vectors_of(part, dimension)
            matrix[np.searchsorted(nums, part)] = vectors
            days = record.published_of(part)
            target.upsert(
                ids=[str(num) for num in part],
                embeddings=vectors,
                metadatas=[{"published": days.get(int(num), 0)} for num in part],
            )
            done += len(part)
            if progress:
                progress(done, len(added))
        _check(target, matrix, nums)
    matrix.flush()
    del matrix
    np.save(draft / "nums.npy", nums)
    made = Generation(
        number=number,
        count=len(nums),
        dimension=dimension,
        changes=changes,
        collection=collection,
        deleted=(base.deleted + len(removed)) if base else 0,
        files=_sizes(draft),
    )
    _write_whole(draft / "generation.json", json.dumps(asdict(made)))
    _sync_tree(draft)
    return made


def _base(library: Path, collection: str) -> Generation | None:
    """The current generation, if it can be copied and added to."""
    number = current_number(library)
    if number is None:
        return None
    try:
        found = read_generation(library, number)
    except LibraryDamaged:
        return None  # the record has everything: built from nothing instead
    return found if found.collection == collection else None


def _check(target: Any, matrix: Vectors, nums: Nums) -> None:
    """Counts agree and passages find themselves, before anyone is shown this generation.

    The graph is approximate: in a large one a passage may now and then be out of reach, which is no damage.
    """
    if target.count() != len(nums):
        raise LibraryDamaged(_damage(f"it holds {target.count()} vectors of {len(nums)}"))
    spread = np.linspace(0, len(nums) - 1, _CHECKED_PASSAGES if len(nums) else 0)
    checked = np.unique(spread.astype(int)).tolist()
    lost = []
    for position in checked:
        row = matrix[position]
        answer = target.query(query_embeddings=[row], n_results=min(10, len(nums)), include=["distances"])
        # Not the id: copies of a text share one vector.
        if not answer["ids"][0] or answer["distances"][0][0] > 1e-3:
            lost.append(nums[position])
    if len(lost) * 10 > len(checked) or (lost and len(nums) <= EXACT_LIMIT):
        raise LibraryDamaged(_damage(f"passage {lost[0]} does not find itself"))


def _reserve(draft: Path, count: int, dimension: int) -> None:
    need = 2 * count * (8 * dimension + 600) + 4_000_000
    free = shutil.disk_usage(draft).free
    if free < need:
        raise StorageError(
            f"Disk nearly full: the index of {count} passages needs {need / 1e6:.0f} MB, "
            f"{free / 1e6:.0f} MB are free. Nothing is lost: make space and run it again"
        )


def _sizes(draft: Path) -> dict[str, int]:
    # Chroma may touch its SQLite file when it is opened, so that one is only looked at.
    names = sorted(p for p in draft.rglob("*") if p.is_file() and not p.name.startswith("chroma.sqlite3"))
    return {str(p.relative_to(draft)): p.stat().st_size for p in names}


def _load_nums(library: Path, number: int) -> Nums:
    try:
        nums: Nums = np.load(index_folder(library) / str(number) / "nums.npy")
    except (OSError, ValueError) as error:
        raise LibraryDamaged(_damage(f"nums.npy of generation {number} cannot be read")) from error
    return nums


def _drop_old(root: Path, keep: int) -> None:
    """Keeps the one before for readers that are just opening it."""
    numbers = sorted(int(one.name) for one in root.iterdir() if one.name.isdigit())
    for number in numbers[:-2]:
        if number != keep:
            shutil.rmtree(root / str(number), ignore_errors=True)


def drop_all_but_current(library: Path) -> None:
    """For a purge: earlier generations still hold the vectors of removed passages."""
    root, keep = index_folder(library), current_number(library)
    for one in root.iterdir():
        if one.is_dir() and one.name != str(keep):
            shutil.rmtree(one, ignore_errors=True)


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".tmp")
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def _sync_tree(folder: Path) -> None:
    for one in folder.rglob("*"):
        if one.is_file():
            with one.open("rb") as file:
                os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- searching


def open_index(library: Path, generation: Generation, record: Record) -> VectorIndex:
    """Exact for small libraries, Chroma for large ones.

    Raises:
        LibraryDamaged: The generation's files do not read.
    """
    if generation.count <= EXACT_LIMIT or not os.access(index_folder(library), os.W_OK):
        return ExactIndex.open(library, generation, record)
    return ChromaIndex(index_folder(library) / str(generation.number) / "chroma", generation.collection)


def read_matrix(library: Path, generation: Generation) -> tuple[Vectors, Nums]:
    """A generation's vectors, memory-mapped, and the passage numbers of their rows.

    Raises:
        LibraryDamaged: They cannot be read, or are not what the generation says.
    """
    file = index_folder(library) / str(generation.number) / "vectors.npy"
    nums = _load_nums(library, generation.number)
    try:
        matrix: Vectors = np.load(file, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise LibraryDamaged(_damage(f"{file} cannot be read")) from error
    if matrix.shape != (max(generation.count, 1), generation.dimension) or len(nums) != generation.count:
        raise LibraryDamaged(_damage(f"{file} has shape {matrix.shape} for {generation.count} passages"))
    return matrix[: len(nums)], nums


class ExactIndex:
    """Compares the query with every vector of a memory-mapped matrix."""

    def __init__(self, matrix: Vectors, nums: Nums) -> None:
        self._matrix, self._nums = matrix, nums

    @classmethod
    def open(cls, library: Path, generation: Generation, record: Record) -> "ExactIndex":
        matrix, nums = read_matrix(library, generation)
        if record.changes() != generation.changes:
            # An ingest was killed before it published (or is about to): its articles are in the record.
            late = np.setdiff1d(record.passage_nums(), nums, assume_unique=True)
            if len(late):
                matrix = np.concatenate([matrix, record.vectors_of(late, generation.dimension)])
                nums = np.concatenate([nums, late])
        return cls(matrix, nums)

    def search(
        self, query: Vectors, k: int, *, allowed: Nums | None = None, as_of: date | None = None
    ) -> list[Neighbour]:
        similarities = np.asarray(self._matrix @ query)
        nums = self._nums
        if allowed is not None:
            inside = np.isin(nums, allowed)
            similarities, nums = similarities[inside], nums[inside]
        k = min(k, len(nums))
        if not k:
            return []
        nearest = np.argpartition(-similarities, k - 1)[:k]
        order = sorted(nearest.tolist(), key=lambda i: (-float(similarities[i]), int(nums[i])))
        return [Neighbour(int(nums[i]), float(similarities[i])) for i in order]

    def close(self) -> None:
        self._matrix = self._matrix[:0]


class ChromaIndex:
    """Chroma's HNSW graph over a generation, asked by vectors only: no text ever reaches it."""

    def __init__(self, folder: Path, collection: str) -> None:
        self._opened = _client(folder)
        self._client = self._opened.__enter__()
        self._collection = self._client.get_collection(collection, embedding_function=None)

    def search(
        self, query: Vectors, k: int, *, allowed: Nums | None = None, as_of: date | None = None
    ) -> list[Neighbour]:
        where = None
        if as_of is not None:
            day = int(as_of.strftime("%Y%m%d"))
            where = {"$and": [{"published": {"$gt": 0}}, {"published": {"$lte": day}}]}
        answer = self._collection.query(
            query_embeddings=[query], n_results=k, where=where, include=["distances"]
        )
        found = [
            Neighbour(int(one), 1.0 - float(distance))
            for one, distance in zip(answer["ids"][0], answer["distances"][0], strict=True)
        ]
        return sorted(found, key=lambda neighbour: (-neighbour.similarity, neighbour.num))

    def close(self) -> None:
        self._opened.__exit__(None, None, None)


@contextmanager
def _client(folder: Path) -> Iterator[Any]:
    """An embedded Chroma over a folder of ours, deaf to the environment and to a `.env` file."""
    import chromadb
    from chromadb.config import Settings
    from chromadb.errors import ChromaError

    settings = Settings(
        _env_file=None,
        is_persistent=True,
        persist_directory=str(folder.absolute()),
        anonymized_telemetry=False,
        allow_reset=False,
        chroma_api_impl="chromadb.api.rust.RustBindingsAPI",
        chroma_otel_collection_endpoint="",
        chroma_server_host=None,
        migrations="apply",
    )
    try:
        client = chromadb.PersistentClient(path=str(folder.absolute()), settings=settings)
    except (ChromaError, ValueError, OSError) as error:
        raise _chroma_error(folder, error) from error
    try:
        yield client
    except ChromaError as error:
        raise _chroma_error(folder, error) from error
    finally:
        client.close()


def _chroma_error(folder: Path, error: Exception) -> LibraryDamaged | StorageError:
    said = str(error).replace("\n", " ")[:200]
    probe = folder if folder.exists() else folder.parent
    if "full" in said or "No space" in said or shutil.disk_usage(probe).free < 4_000_000:
        return StorageError(
            f"Disk full while writing {folder}; nothing stored is lost: make space and run it again"
        )
    if "readonly" in said or "Permission denied" in said:
        return StorageError(f"No permission to write {folder}. Check its owner and its folder")
    return LibraryDamaged(_damage(f"{folder}: {said}"))


def preload() -> None:
    """Imports Chroma, so that an ingest can have it done beside the embedding."""
    import chromadb  # noqa: F401


# --- the check in a process of its own


def check_apart(library: Path, number: int, timeout_s: float = 300.0) -> str | None:
    """Opens and asks a generation in a child process, since noise in HNSW files crashes its process.

    Returns: What is wrong, in plain words; None when it is sound.
    """
    command = [sys.executable, "-m", "store.index", str(library.absolute()), str(number)]
    root = str(Path(__file__).parent.parent)
    environment = {
        "PYTHONPATH": root,
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/"),
    }
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, env=environment, cwd=root, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the check of generation {number} took over {timeout_s:.0f} s"
    if done.returncode < 0:
        return (
            f"reading generation {number} crashes (signal {-done.returncode}): its vector files are damaged"
        )
    if done.returncode:
        return (done.stdout.strip() or done.stderr.strip()[-200:]) or f"generation {number} does not open"
    return None


def _check_main(arguments: Sequence[str]) -> int:
    """`python -m store.index LIBRARY NUMBER`: prints what is wrong and exits 1, or exits 0."""
    import shutil as files
    import tempfile

    library, number = Path(arguments[0]), int(arguments[1])
    folder = index_folder(library) / str(number)
    try:
        generation = read_generation(library, number)
        matrix, nums = np.load(folder / "vectors.npy", mmap_mode="r"), _load_nums(library, number)
        with tempfile.TemporaryDirectory() as scratch:  # a published generation is never written to
            files.copytree(folder / "chroma", Path(scratch) / "chroma")
            with _client(Path(scratch) / "chroma") as client:
                target = client.get_collection(generation.collection, embedding_function=None)
                _check(target, matrix, nums)
                _check_all(target, matrix, nums)
    except (LibraryDamaged, StorageError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def _check_all(target: Any, matrix: Vectors, nums: Nums) -> None:
    for start in range(0, len(nums), _READ_ROWS):
        part = [str(num) for num in nums[start : start + _READ_ROWS]]
        found = target.get(ids=part, include=["embeddings"])
        rows = dict(zip(found["ids"], found["embeddings"], strict=True))
        for position, name in enumerate(part, start):
            if name not in rows or not np.allclose(rows[name], matrix[position], atol=1e-5):
                raise LibraryDamaged(_damage(f"the vector of passage {name} is not the one that was stored"))


if __name__ == "__main__":
    sys.exit(_check_main(sys.argv[1:]))
