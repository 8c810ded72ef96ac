from datetime import date
from pathlib import Path

import numpy as np
import pytest

from store.errors import LibraryDamaged
from store.record import Counts, Record, StoredPassage
from store.types import Article, Passage
from tests.fakes import article

VECTOR = np.array([1.0, 0.0], dtype=np.float32)


def put(record: Record, one: Article, *, text_hash: bytes | None = None) -> None:
    key = text_hash or one.text.encode()
    record.put_vectors({key: VECTOR})
    passage = Passage(f"{one.id}-0", one.id, 0, len(one.text), one.text)
    record.put(one, [StoredPassage(passage, key)], content_key=one.text.encode(), chunker=1, now="2020-01-01")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record.create(tmp_path)


def test_an_article_comes_back_as_it_was(record: Record) -> None:
    one = article("a", "Ünïcode 𝔸 and\nlines", published=date(2017, 10, 26), url="https://x.example/a")
    put(record, one)
    assert record.article("a") == one


def test_passages_are_cut_by_characters_not_bytes(record: Record) -> None:
    text = "𝔸é first. Second ünd."
    one = article("a", text)
    record.put_vectors({b"k": VECTOR})
    passage = Passage("a-1", "a", 10, len(text), text[10:])
    record.put(one, [StoredPassage(passage, b"k")], content_key=b"c", chunker=1, now="")
    assert record.passages_of("a") == (passage,)


def test_a_passage_that_is_not_in_its_text_is_never_written(record: Record) -> None:
    wrong = StoredPassage(Passage("a-0", "a", 0, 5, "wrong"), b"k")
    with pytest.raises(ValueError, match="not what stands at its place"):
        record.put(article("a", "right words"), [wrong], content_key=b"c", chunker=1, now="")
    assert record.counts() == Counts(0, 0)


def test_e10_writes_made_together_happen_all_or_none(record: Record) -> None:
    put(record, article("a", "old words", version="v1"))
    before = record.changes()

    def write_two_and_fail() -> None:
        with record.together():
            put(record, article("a", "new words", version="v2"))
            put(record, article("b", "more words"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_two_and_fail()
    assert record.counts() == Counts(1, 1)
    assert [one.text for one in record.passages_of("a")] == ["old words"]
    assert [match.num for match in record.lexical(["old"], 5)] == [1]
    assert record.changes() == before


def test_numbers_of_passages_are_never_given_twice(record: Record) -> None:
    put(record, article("a", "words"))
    record.remove(["a"])
    put(record, article("a", "words"))
    assert record.passage_nums().tolist() == [2]


def test_rare_words_count_more_than_common_ones(record: Record) -> None:
    for i in range(10):
        put(record, article(f"n{i}", f"harbour report {i}"))
    put(record, article("rare", "walrus report today"))
    best = record.lexical(["report", "walrus"], 3)
    assert record.passages([best[0].num])[best[0].num].article_id == "rare"
    assert best[0].score > best[1].score > 0


@pytest.mark.parametrize("rarer", [3, 30])
def test_two_common_words_find_the_passages_with_both(
    record: Record, monkeypatch: pytest.MonkeyPatch, rarer: int
) -> None:
    """Where scoring all that have either would cost too much, the best are those that would have won."""
    for i in range(60):
        words = ["harbour"] * (i % 2) + ["report"] * (i < rarer) + ["of", "day", str(i)]
        put(record, article(f"n{i}", " ".join(words)))
    either = record.lexical(["harbour", "report"], 5)
    monkeypatch.setattr("store.record._MOST_SCORED", 10)
    both = record.lexical(["harbour", "report"], 5)
    with_both = min(5, rarer // 2)
    assert both[:with_both] == either[:with_both]
    assert len(both) == min(5, rarer), "the rarer word alone fills up"


def test_a_missing_vector_is_damage(record: Record) -> None:
    one = article("a", "words")
    passage = StoredPassage(Passage("a-0", "a", 0, 5, "words"), b"nowhere")
    record.put(one, [passage], content_key=b"c", chunker=1, now="")
    assert record.problems() == ("1 passages have no vector",)
    with pytest.raises(LibraryDamaged, match=r"Passage 1 .* has no vector of 2 numbers"):
        record.vectors_of([1], 2)
