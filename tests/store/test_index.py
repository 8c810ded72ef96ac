import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from store import index
from store.errors import LibraryDamaged, StorageError
from store.ingest import ingest
from store.library import Library
from tests.fakes import FakeEmbedder
from tests.store.folders import NEWS, write_articles

WORDS = ("ship", "bank", "rain")


def many(count: int) -> dict[str, dict[str, str]]:
    return {
        f"n{i:03}": {
            "title": f"T{i}",
            "text": f"{WORDS[i % 3]} " * (1 + i % 5) + f"{WORDS[(i + 1) % 3]} {i}.",
            "published": f"2020-01-{1 + i % 28:02}",
        }
        for i in range(count)
    }


def test_chroma_and_the_exact_matrix_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "library"
    ingest(path, [write_articles(tmp_path, many(90))], embedder=FakeEmbedder())

    def search() -> list[tuple[str, float]]:
        with Library.open(path, embedder=FakeEmbedder()) as library:
            hits = [
                *library.search("ship bank bank", 90, retriever="dense"),
                *library.search("rain", 20, retriever="dense", as_of=date(2020, 1, 9)),
            ]
        return [(hit.passage.id, round(hit.score, 4)) for hit in hits]

    exact = search()
    monkeypatch.setattr(index, "EXACT_LIMIT", 10)
    by_graph = search()
    assert {one[0] for one in by_graph} == {one[0] for one in exact}
    assert [score for _, score in by_graph] == pytest.approx([score for _, score in exact], abs=2e-4)


def test_a_small_change_is_added_to_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "library"
    ingest(path, [write_articles(tmp_path, many(60))], embedder=FakeEmbedder())
    more = many(60) | {
        "n000": {"title": "T", "text": "rain rain rain, new."},
        "x": {"title": "X", "text": "bank."},
    }
    ingest(path, [write_articles(tmp_path, more)], embedder=FakeEmbedder())
    generation = index.read_generation(path, 2)
    assert (generation.count, generation.deleted) == (61, 1)
    assert index.check_apart(path, 2) is None


def test_many_deletions_build_it_from_nothing(tmp_path: Path) -> None:
    path = tmp_path / "library"
    ingest(path, [write_articles(tmp_path, many(10))], embedder=FakeEmbedder())
    changed = {key: {**fields, "text": fields["text"] + " rain"} for key, fields in many(10).items()}
    ingest(path, [write_articles(tmp_path, changed)], embedder=FakeEmbedder())
    assert index.read_generation(path, 2).deleted == 0


def test_an_index_that_does_not_read_back_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "library"
    ingest(path, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())

    def fail(target: object, matrix: object, nums: object) -> None:
        raise LibraryDamaged("does not read back")

    monkeypatch.setattr(index, "_check", fail)
    with pytest.raises(LibraryDamaged):
        ingest(path, [write_articles(tmp_path, NEWS | many(1))], embedder=FakeEmbedder())
    assert index.current_number(path) == 1
    with Library.open(path, embedder=FakeEmbedder()) as library:
        assert len(library.search("ship bank rain", 10, retriever="dense")) == 4


def test_c06_space_is_checked_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1_000_000

    path = tmp_path / "library"
    monkeypatch.setattr("shutil.disk_usage", lambda where: Usage)
    with pytest.raises(StorageError, match="1 MB are free"):
        ingest(path, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    monkeypatch.undo()
    assert ingest(path, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder()).unchanged == 3
    assert index.current_number(path) == 1


def test_the_collections_name_changes_with_the_embedder() -> None:
    names = {
        index.collection_name("a", "d", 4),
        index.collection_name("b", "d", 4),
        index.collection_name("a", "e", 4),
        index.collection_name("a", "d", 5),
    }
    assert len(names) == 4


def test_one_library_serves_several_threads_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "library"
    ingest(path, [write_articles(tmp_path, many(30))], embedder=FakeEmbedder())
    failures: list[BaseException] = []
    stop = threading.Event()
    with Library.open(path, embedder=FakeEmbedder()) as library:

        def ask() -> None:
            try:
                while not stop.is_set():
                    assert library.search("ship bank", 5)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for size in (31, 32, 33):
            ingest(path, [write_articles(tmp_path, many(size))], embedder=FakeEmbedder())
        stop.set()
        for thread in threads:
            thread.join()
        assert np.isfinite(library.search("ship", 1)[0].score)
        assert library.counts().articles == 33
    assert failures == []


class Graph:
    """Stands in for a Chroma collection that cannot reach some of its vectors."""

    def __init__(self, count: int, out_of_reach: set[int]) -> None:
        self._count, self._lost = count, out_of_reach

    def count(self) -> int:
        return self._count

    def query(self, *, query_embeddings: list[np.ndarray], **_: object) -> dict[str, list[list[float]]]:
        position = int(query_embeddings[0][0])
        return {"ids": [[position]], "distances": [[1.0 if position in self._lost else 0.0]]}


@pytest.mark.parametrize(
    ("count", "lost", "damaged"),
    [(100_001, 0, False), (100_001, 4, False), (100_001, 5, True), (30, 1, True), (30, 0, False)],
)
def test_only_a_large_graph_may_miss_a_few_passages(count: int, lost: int, damaged: bool) -> None:
    matrix = np.arange(count, dtype=np.float32).reshape(count, 1)
    checked = np.unique(np.linspace(0, count - 1, 40).astype(int)).tolist()
    graph = Graph(count, set(checked[:lost]))
    if damaged:
        with pytest.raises(LibraryDamaged, match="does not find itself"):
            index._check(graph, matrix, np.arange(count))
    else:
        index._check(graph, matrix, np.arange(count))
