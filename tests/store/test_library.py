from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from store.errors import ArticleNotFound, ConfigError, IdentityMismatch, LibraryMissing
from store.ingest import ingest, remove
from store.library import Library
from store.record import Record
from tests.fakes import FakeEmbedder
from tests.store.folders import NEWS, write_articles


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ingest(tmp_path / "library", [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    return tmp_path / "library"


def ids(library: Library, query: str, **options: object) -> list[str]:
    return [hit.passage.article_id for hit in library.search(query, 5, **options)]  # type: ignore[arg-type]


def test_passages_are_cut_from_the_article(path: Path) -> None:
    with Library.open(path, embedder=FakeEmbedder()) as library:
        hit = library.search("bank", 1)[0]
        text = library.article(hit.passage.article_id).text
        assert text[hit.passage.start : hit.passage.end] == hit.passage.text == NEWS["money"]["text"]


def test_dense_scores_are_cosines(path: Path) -> None:
    with Library.open(path, embedder=FakeEmbedder()) as library:
        hits = library.search("ship", 3, retriever="dense")
    # harbour is (2,0,0,0)/2, weather is (1,0,1,0)/sqrt 2, money is (0,1,0,0).
    assert [(hit.passage.article_id, hit.rank) for hit in hits] == [
        ("harbour", 1),
        ("weather", 2),
        ("money", 3),
    ]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.5**0.5, 0.0], abs=1e-6)


def test_a_path_where_nothing_was_ingested_is_no_empty_library(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing, match="citewire ingest"):
        Library.open(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_a_folder_of_something_else_is_not_a_library(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(LibraryMissing, match="is not a library"):
        Library.open(tmp_path)


def test_c14_another_embedder_of_the_same_size_is_refused(path: Path) -> None:
    with pytest.raises(
        IdentityMismatch, match=r"built with fake:words \(d1, 4 numbers\); you asked for .*d2"
    ):
        Library.open(path, embedder=FakeEmbedder(digest="d2"))


def test_without_an_embedder_only_words_are_searched(path: Path) -> None:
    with Library.open(path) as library:
        assert ids(library, "bank", retriever="lexical") == ["money"]
        with pytest.raises(ConfigError, match="without its embedder"):
            library.search("bank", retriever="dense")


def test_an_unknown_retriever_names_the_known_ones(path: Path) -> None:
    with Library.open(path) as library, pytest.raises(ConfigError, match="dense, hybrid, lexical"):
        library.search("bank", retriever="magic")


def test_as_of_sees_only_what_was_published_by_then(path: Path) -> None:
    with Library.open(path, embedder=FakeEmbedder()) as library:
        assert ids(library, "ship bank", as_of=date(2020, 1, 4)) == []
        for retriever in ("dense", "lexical", "hybrid"):
            assert ids(library, "ship bank", as_of=date(2020, 1, 5), retriever=retriever) == ["harbour"]
        # The weather article has no date: nothing shows that it was published by then.
        assert sorted(ids(library, "ship bank rain", as_of=date(2021, 1, 1))) == ["harbour", "money"]


def test_c02_an_open_library_finds_what_another_writer_added_and_removed(path: Path, tmp_path: Path) -> None:
    with Library.open(path, embedder=FakeEmbedder()) as library:
        before = library.fingerprint
        assert ids(library, "rain", retriever="dense")[0] == "weather"
        more = {"flood": {"title": "Flood", "text": "rain rain rain"}}
        ingest(path, [write_articles(tmp_path, more, "more.jsonl")], embedder=FakeEmbedder())
        assert ids(library, "rain", retriever="dense")[0] == "flood"
        assert library.fingerprint != before
        remove(path, ["flood"])
        assert ids(library, "rain", retriever="dense")[0] == "weather"
        assert library.fingerprint == before


def test_summaries_come_newest_first_and_undated_last(path: Path) -> None:
    with Library.open(path) as library:
        assert [one.id for one in library.summaries()] == ["money", "harbour", "weather"]
        assert [one.id for one in library.summaries(limit=1, offset=1)] == ["harbour"]


def test_an_unknown_article_says_where_to_look(path: Path) -> None:
    with Library.open(path) as library:
        for article_id in ("nope", "\ud800"):
            with pytest.raises(ArticleNotFound, match="citewire articles list"):
                library.article(article_id)


def test_the_secret_stays_and_differs_between_libraries(path: Path, tmp_path: Path) -> None:
    ingest(tmp_path / "other", [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    with Library.open(path) as one, Library.open(path) as same, Library.open(tmp_path / "other") as other:
        assert len(one.secret) == 32
        assert one.secret == same.secret != other.secret
        assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        '"',
        "AND OR NOT",
        "a* NEAR(b)",
        "col:x",
        "\x00",
        "؟",
        "ship" * 3000,
        "\ud800 ship",
        " ".join(f"w{i}" for i in range(3000)),
    ],
)
def test_any_query_is_only_words(path: Path, query: str) -> None:
    with Library.open(path, embedder=FakeEmbedder()) as library:
        for retriever in ("dense", "lexical", "hybrid"):
            assert len(library.search(query, 3, retriever=retriever)) <= 3


def test_similarities_stay_right_when_the_kept_vectors_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(tmp_path / "library", [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    monkeypatch.setattr("store.library._KEPT_VECTORS", 1)
    with Library.open(tmp_path / "library", embedder=FakeEmbedder()) as library:
        assert library.similarities("ship", ["ship", "bank"]) == pytest.approx((1.0, 0.0))
        assert library.similarities("ship", ["ship", "bank", "rain"]) == pytest.approx((1.0, 0.0, 0.0))


def test_a_change_between_two_looks_at_the_vocabulary_loses_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "library"
    ingest(path, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    with closing(Record.open(path)) as record:
        first = record.lexical(["ship", "bank"], 5)
        assert first
        rows = record._rows

        def meanwhile(sql: str, values: object = ()) -> object:
            # What another thread's search after an ingest does: it starts the counts anew.
            if "vocabulary" in sql:
                monkeypatch.setattr(record, "_rows", rows)
                record._frequencies = (-1, {})
                record.lexical(["bank"], 5)
            return rows(sql, values)

        monkeypatch.setattr(record, "_rows", meanwhile)
        record._frequencies = (-1, {})
        assert record.lexical(["ship", "bank"], 5) == first


def test_the_words_of_the_articles_are_known_and_follow_them(path: Path) -> None:
    with Library.open(path, embedder=FakeEmbedder()) as library:
        assert library.words_of(["bank", "bnak", ""]) == {"bank"}
        assert "bank" in library.vocabulary()
        remove(path, ["money"])
        assert "bank" not in library.vocabulary()
        assert library.words_of(["bank"]) == frozenset()
