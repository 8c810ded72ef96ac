"""What every retriever promises."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from store.ingest import ingest
from store.library import Library
from store.retrievers.base import RETRIEVERS
from tests.fakes import FakeEmbedder
from tests.store.folders import NEWS, write_articles


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("contract")
    twins = {
        f"twin{i}": {"title": "Twin", "text": f"A bank and a ship in story {i}.", "published": "2020-03-01"}
        for i in range(8)
    }
    ingest(folder / "library", [write_articles(folder, NEWS | twins)], embedder=FakeEmbedder())
    with Library.open(folder / "library", embedder=FakeEmbedder()) as opened:
        yield opened


@pytest.fixture(params=sorted(RETRIEVERS))
def retriever(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_hits_are_sorted_ranked_and_named(library: Library, retriever: str) -> None:
    hits = library.search("ship bank", 6, retriever=retriever)
    assert len(hits) == 6
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5, 6]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.retriever for hit in hits} == {retriever}
    assert len({hit.passage.id for hit in hits}) == 6


@pytest.mark.parametrize("k", [1, 3, 1_000])
def test_at_most_k(library: Library, retriever: str, k: int) -> None:
    assert 1 <= len(library.search("ship bank", k, retriever=retriever)) <= min(k, 11)


def test_k_below_one_gives_nothing(library: Library, retriever: str) -> None:
    assert library.search("ship", 0, retriever=retriever) == ()


def test_equal_scores_come_in_the_order_of_their_articles(library: Library, retriever: str) -> None:
    hits = library.search("bank and ship story", 8, retriever=retriever)
    assert [hit.passage.article_id for hit in hits] == [f"twin{i}" for i in range(8)]
    assert hits == library.search("bank and ship story", 8, retriever=retriever)


def test_an_empty_library_has_no_hits(tmp_path: Path, retriever: str) -> None:
    ingest(tmp_path / "empty", [], embedder=FakeEmbedder())
    with Library.open(tmp_path / "empty", embedder=FakeEmbedder()) as empty:
        assert empty.search("ship", 5, retriever=retriever) == ()


def test_passages_are_cut_from_their_articles(library: Library, retriever: str) -> None:
    for hit in library.search("ship bank rain", 11, retriever=retriever):
        text = library.article(hit.passage.article_id).text
        assert text[hit.passage.start : hit.passage.end] == hit.passage.text


def test_as_of_hides_later_and_undated_articles(library: Library, retriever: str) -> None:
    hits = library.search("ship bank rain", 20, retriever=retriever, as_of=date(2020, 2, 28))
    assert {hit.passage.article_id for hit in hits} == {"harbour", "money"}
