import json
from datetime import date
from pathlib import Path

import pytest

from store.errors import ArticleNotFound, ConfigError, EmbedderUnavailable, IdentityMismatch, LibraryMissing
from store.ingest import Progress, ingest, rebuild, remove
from store.library import Library
from store.verify import verify
from tests.fakes import FakeEmbedder
from tests.store.folders import NEWS, write_articles


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def found(library: Path, query: str, retriever: str = "dense") -> list[str]:
    with Library.open(library, embedder=FakeEmbedder()) as opened:
        return [hit.passage.article_id for hit in opened.search(query, 5, retriever=retriever)]


def test_first_ingest_counts_what_it_took_in(tmp_path: Path, library: Path) -> None:
    report = ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    assert (report.added, report.updated, report.unchanged, report.passages) == (3, 0, 0, 3)
    assert (report.duplicates, report.refused) == ((), ())


def test_unchanged_articles_are_skipped_and_not_embedded(tmp_path: Path, library: Path) -> None:
    source = write_articles(tmp_path, NEWS)
    ingest(library, [source], embedder=FakeEmbedder())
    again = FakeEmbedder()
    report = ingest(library, [source], embedder=again)
    assert (report.added, report.updated, report.unchanged, report.passages) == (0, 0, 3, 0)
    assert again.embedded == []


def test_changed_metadata_updates_an_article_without_embedding_it(tmp_path: Path, library: Path) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    later = NEWS | {"money": NEWS["money"] | {"published": "2020-03-01"}}
    embedder = FakeEmbedder()
    report = ingest(library, [write_articles(tmp_path, later)], embedder=embedder)
    assert (report.updated, report.unchanged) == (1, 2)
    assert embedder.embedded == []
    with Library.open(library) as opened:
        published = opened.article("money").published
        assert published is not None
        assert published.date == date(2020, 3, 1)


def test_e08_an_update_replaces_all_passages_and_keeps_the_old_text_in_history(
    tmp_path: Path, library: Path
) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    later = NEWS | {"harbour": NEWS["harbour"] | {"text": "The bank closed."}}
    report = ingest(library, [write_articles(tmp_path, later)], embedder=FakeEmbedder())
    assert report.updated == 1
    assert found(library, "ship") == ["weather", "harbour", "money"]
    with Library.open(library) as opened:
        assert [passage.text for passage in opened.passages("harbour")] == ["The bank closed."]
        assert opened.history("harbour") == ("A ship reached the port. The ship was late.",)


def test_e09_the_same_words_under_another_id_are_a_duplicate(tmp_path: Path, library: Path) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    copy = {"copy": {"title": "Other", "text": "The  bank raised its rate\non Monday."}}
    report = ingest(library, [write_articles(tmp_path, copy, "copy.jsonl")], embedder=FakeEmbedder())
    assert [(one.article_id, one.of) for one in report.duplicates] == [("copy", "money")]
    assert report.added == 0


def test_e09_duplicates_within_one_ingest_are_seen(tmp_path: Path, library: Path) -> None:
    twins = {"one": {"title": "T", "text": "A ship."}, "two": {"title": "T", "text": "A ship."}}
    report = ingest(library, [write_articles(tmp_path, twins)], embedder=FakeEmbedder())
    assert (report.added, [one.of for one in report.duplicates]) == (1, ["one"])


def test_e09_tracking_parameters_do_not_make_another_article(tmp_path: Path, library: Path) -> None:
    lines = [
        {"title": "T", "text": "A ship.", "url": "https://news.example/a?utm_source=x"},
        {"title": "T", "text": "A ship.", "url": "http://news.example/a"},
    ]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    report = ingest(library, [file], embedder=FakeEmbedder())
    with Library.open(library) as opened:
        assert opened.counts().articles == 1
    assert report.added == 1


def test_a_broken_line_is_refused_by_number_and_the_others_go_in(tmp_path: Path, library: Path) -> None:
    file = tmp_path / "news.jsonl"
    file.write_text(
        '{"id": "a", "title": "A", "text": "A ship."}\n{broken\n{"id": "b", "title": "B", "text": "Rain."}'
    )
    report = ingest(library, [file], embedder=FakeEmbedder())
    assert report.added == 2
    assert len(report.refused) == 1
    assert "2" in report.refused[0].where


def test_a_missing_source_is_refused_not_raised(tmp_path: Path, library: Path) -> None:
    report = ingest(library, [tmp_path / "nowhere"], embedder=FakeEmbedder())
    assert [one.reason for one in report.refused] == ["no such file or folder"]
    with Library.open(library) as opened:
        assert opened.counts().articles == 0


def test_folders_are_walked_without_links_hidden_files_and_readme(tmp_path: Path, library: Path) -> None:
    folder = tmp_path / "news"
    write_articles(folder / "deep", {"deep": {"title": "D", "text": "A ship."}})
    write_articles(folder, {"hidden": {"title": "H", "text": "Rain."}}, ".hidden.jsonl")
    (folder / "README.md").write_text("# About\n\nThis folder holds articles.")
    outside = write_articles(tmp_path, {"outside": {"title": "O", "text": "A bank."}}, "outside.jsonl")
    (folder / "link.jsonl").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    report = ingest(library, [folder], embedder=FakeEmbedder())
    assert (report.added, report.refused) == (1, ())


def test_progress_tells_articles_then_index(tmp_path: Path, library: Path) -> None:
    told: list[Progress] = []
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder(), progress=told.append)
    assert told == [Progress("articles", 3, None), Progress("index", 3, 3)]


def test_an_article_of_another_embedder_is_refused_before_anything_is_read(
    tmp_path: Path, library: Path
) -> None:
    source = write_articles(tmp_path, NEWS)
    ingest(library, [source], embedder=FakeEmbedder())
    other = FakeEmbedder(digest="d2")
    with pytest.raises(IdentityMismatch, match="citewire rebuild --embedder fake:words"):
        ingest(library, [source], embedder=other)
    assert other.embedded == []


def test_a_failing_embedder_keeps_what_was_recorded(tmp_path: Path, library: Path) -> None:
    many = {f"n{i:03}": {"title": f"T{i}", "text": f"A ship number {i}."} for i in range(100)}
    source = write_articles(tmp_path, many)
    with pytest.raises(EmbedderUnavailable):
        ingest(library, [source], embedder=FakeEmbedder(fail_after=64))
    with Library.open(library, embedder=FakeEmbedder()) as opened:
        assert opened.counts().articles == 64
        assert len(opened.search("ship", 100, retriever="dense")) == 64
    report = ingest(library, [source], embedder=FakeEmbedder())
    assert (report.added, report.unchanged) == (36, 64)
    assert verify(library) == ()


def test_removed_articles_are_not_found(tmp_path: Path, library: Path) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    assert remove(library, ["harbour", "harbour"]) == 1
    assert "harbour" not in found(library, "ship")
    assert "harbour" not in found(library, "port", "lexical")
    assert verify(library) == ()


def test_removing_an_unknown_article_removes_nothing(tmp_path: Path, library: Path) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    with pytest.raises(ArticleNotFound, match="No article 'nope'"):
        remove(library, ["harbour", "nope"])
    assert "harbour" in found(library, "ship")


def test_removing_from_nothing_makes_no_library(library: Path) -> None:
    with pytest.raises(LibraryMissing):
        remove(library, ["a"])
    assert not library.exists()


def test_rebuild_without_an_embedder_gives_the_same_results(tmp_path: Path, library: Path) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    before = found(library, "ship bank")
    report = rebuild(library)
    assert (report.articles, report.passages, report.embedded) == (3, 3, 0)
    assert found(library, "ship bank") == before


def test_c13_rebuild_with_another_embedder_switches_to_it(tmp_path: Path, library: Path) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    other = FakeEmbedder(("ship", "bank", "rain", "port"), spec="fake:more")
    report = rebuild(library, embedder=other)
    assert report.embedded == 3
    with Library.open(library, embedder=other) as opened:
        assert opened.search("port", 1, retriever="dense")[0].passage.article_id == "harbour"
    with pytest.raises(IdentityMismatch):
        Library.open(library, embedder=FakeEmbedder())
    assert verify(library) == ()


def test_a_rebuild_whose_embedder_fails_leaves_the_library_as_it_was(tmp_path: Path, library: Path) -> None:
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    with pytest.raises(EmbedderUnavailable):
        rebuild(library, embedder=FakeEmbedder(digest="d2", fail_after=0))
    assert found(library, "bank")[0] == "money"
    assert [finding for finding in verify(library) if finding.severity == "error"] == []


def test_c15_another_chunker_is_a_notice_and_rebuild_mends_it(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.ingest.CHUNKER_VERSION", 0)
    ingest(library, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    monkeypatch.undo()
    assert [(one.severity, one.part) for one in verify(library)] == [("notice", "articles")]
    assert found(library, "bank")[0] == "money"
    with pytest.raises(ConfigError, match="--embedder"):
        rebuild(library)
    assert rebuild(library, embedder=FakeEmbedder()).embedded == 0
    assert verify(library) == ()
