from pathlib import Path

import pytest

from store.embeddings import Embedder
from store.ingest import ingest
from store.library import Library
from store.retrievers.base import Candidate, Scored
from store.retrievers.hybrid import fuse, spread
from store.retrievers.languages import dense_trust, guess
from store.types import Passage
from tests.fakes import FakeEmbedder
from tests.store.folders import NEWS, write_articles

ENGLISH = FakeEmbedder(languages=frozenset({"en"}))


def scored(article_id: str, start: int, score: float, text: str) -> Scored:
    passage = Passage(f"{article_id}:{start}", article_id, start, start + len(text), text)
    return Scored(passage, Candidate(0, score), score)


def test_scores_are_scaled_by_their_best_and_weighed() -> None:
    by_words = [Candidate(1, 10.0, lexical=10.0), Candidate(2, 5.0, lexical=5.0)]
    by_meaning = [Candidate(2, 0.8, similarity=0.8), Candidate(3, 0.4, similarity=0.4)]
    fused = fuse(by_words, by_meaning, 0.25)
    # 1: .75 * 1; 2: .75 * .5 + .25 * 1; 3: .25 * .5
    assert [(one.num, one.score) for one in fused] == [(1, 0.75), (2, 0.625), (3, 0.125)]
    assert [(one.lexical, one.similarity) for one in fused] == [(10.0, None), (5.0, 0.8), (None, 0.4)]


def test_negative_similarity_counts_as_none() -> None:
    assert fuse([], [Candidate(1, 0.5), Candidate(2, -0.5)], 1.0)[1].score == 0.0


def test_e04_near_copies_are_folded_into_the_best() -> None:
    words = " ".join(f"word{i}x" for i in range(40))
    kept = spread(
        [scored("b", 0, 0.9, words), scored("a", 0, 0.8, words + " more"), scored("c", 0, 0.7, "other")]
    )
    assert [one.passage.article_id for one in kept] == ["b", "c"]


def test_reports_that_differ_in_a_number_are_no_copies() -> None:
    words = " ".join(["word"] * 3 + [f"w{c}" for c in "abcdefghijklmnopqrstuvwxyz"])
    kept = spread([scored("a", 0, 0.9, words + " 5 dead"), scored("b", 0, 0.8, words + " 7 dead")])
    assert [one.passage.article_id for one in kept] == ["a", "b"]


def test_e04_the_third_passage_of_an_article_counts_half() -> None:
    kept = spread([scored("a", i, 0.8, f"text {i}") for i in range(3)])
    assert [one.score for one in kept] == [0.8, 0.8, 0.4]


@pytest.mark.parametrize(
    ("text", "language", "trust"),
    [
        ("Who signed the agreement?", None, 1.0),
        ("¿Quién firmó el acuerdo?", None, 0.4),
        ("Qui a signé le traité et quand ?", None, 0.4),
        ("من وقع الاتفاق؟", None, 0.0),
        ("Кто подписал соглашение?", None, 0.0),
        ("Shoigu Doha", None, 1.0),
        ("Shoigu Doha", "es", 0.4),
        ("2017", None, 1.0),
    ],
)
def test_dense_counts_for_what_it_can_do_with_a_language(
    text: str, language: str | None, trust: float
) -> None:
    assert dense_trust(text, language, ENGLISH) == trust


def test_an_embedder_for_any_language_is_always_trusted() -> None:
    assert dense_trust("من وقع الاتفاق؟", None, FakeEmbedder()) == 1.0


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Wer war der Kanzler?", "de"),
        ("Quando foi que o rei caiu?", "pt"),
        ("Chi ha vinto la gara?", "it"),
        ("xyz", None),
    ],
)
def test_languages_are_told_by_their_function_words(text: str, tag: str | None) -> None:
    assert guess(text) == tag


def test_arabic_is_found_by_words_alone_with_an_english_embedder(tmp_path: Path) -> None:
    articles = {
        "port": {"title": "ميناء", "text": "وصلت السفينة إلى الميناء صباحاً."},
        "bank": {"title": "مصرف", "text": "رفع المصرف سعر الفائدة."},
    }
    ingest(tmp_path / "library", [write_articles(tmp_path, articles)], embedder=ENGLISH)
    opened = FakeEmbedder(languages=frozenset({"en"}))
    with Library.open(tmp_path / "library", embedder=opened) as library:
        assert [hit.passage.article_id for hit in library.search("متى وصلت سفينةٌ؟")] == ["port"]
    assert opened.embedded == []


def test_langchain_documents_carry_their_place(tmp_path: Path) -> None:
    from store.retrievers.langchain import LibraryRetriever

    ingest(tmp_path / "library", [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    with Library.open(tmp_path / "library", embedder=FakeEmbedder()) as library:
        documents = LibraryRetriever(library=library, k=1, retriever="dense").invoke("bank")
    assert [document.page_content for document in documents] == ["The bank raised its rate on Monday."]
    assert {
        key: documents[0].metadata[key] for key in ("article_id", "title", "start", "end", "published")
    } == {
        "article_id": "money",
        "title": "Money",
        "start": 0,
        "end": 35,
        "published": "2020-02-05",
    }
    assert documents[0].metadata["score"] == pytest.approx(1.0)


@pytest.mark.models
def test_the_seed_article_is_found_by_meaning(tmp_path: Path, default_embedder: Embedder) -> None:
    seeds = Path(__file__).parent.parent.parent / "seeds"
    ingest(tmp_path / "library", [*seeds.glob("*.txt")], embedder=default_embedder)
    with Library.open(tmp_path / "library", embedder=default_embedder) as library:
        hit = library.search("Which countries agreed to work together on defence?", 1, retriever="dense")[0]
    assert "Qatar" in hit.passage.text
    assert hit.score > 0.3
