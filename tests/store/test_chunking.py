"""Passages: exact, whole sentences, small enough for the embedder."""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.chunking import chunk, sentences
from store.loaders.base import load
from store.types import Article, Passage, Section

SEED = Path(__file__).parents[2] / "seeds" / "000_4d08abf3760346cf.txt"


def article(text: str, *, sections: tuple[Section, ...] = ()) -> Article:
    return Article("x", "t", text, None, None, None, (), None, "v", sections)


def bodies(passages: tuple[Passage, ...]) -> list[str]:
    return [passage.text for passage in passages]


def test_a_short_article_is_one_passage() -> None:
    text = "A headline\n\nOne sentence. Another one.\n"
    assert bodies(chunk(article(text))) == ["A headline\n\nOne sentence. Another one."]


def test_an_article_without_words_has_no_passages() -> None:
    assert chunk(article("\n \n")) == ()


def test_sentences_are_packed_whole() -> None:
    text = "Aaaa aaaa. Bbbb bbbb. Cccc cccc. Dddd dddd."
    assert bodies(chunk(article(text), target_chars=22)) == ["Aaaa aaaa. Bbbb bbbb.", "Cccc cccc. Dddd dddd."]


def test_a_passage_rather_ends_with_its_paragraph() -> None:
    text = "Aaaa aaaa. Bbbb bbbb.\n\nC c. Dddd dddd."
    assert bodies(chunk(article(text), target_chars=30)) == ["Aaaa aaaa. Bbbb bbbb.", "C c. Dddd dddd."]


def test_a_heading_opens_a_passage() -> None:
    text = "Aaaa aaaa aaaa.\n\nHead\n\nBbbb bbbb bbbb bbbb."
    heading = Section("heading", text.index("Head"), text.index("Head") + 4)
    assert bodies(chunk(article(text, sections=(heading,)), target_chars=30)) == [
        "Aaaa aaaa aaaa.",
        "Head\n\nBbbb bbbb bbbb bbbb.",
    ]


def test_a_sentence_longer_than_a_passage_is_cut_at_a_space() -> None:
    text = "one two three four five six seven eight"
    assert bodies(chunk(article(text), target_chars=15)) == ["one two three", "four five six", "seven eight"]


def test_other_scripts_get_shorter_passages_since_they_need_more_tokens() -> None:
    assert max(len(passage.text) for passage in chunk(article("東京都。" * 300))) <= 250


def test_unchanged_passages_keep_their_ids_in_an_update() -> None:
    old = chunk(article("Aaaa aaaa. Bbbb bbbb. Cccc cccc. Dddd dddd."), target_chars=22)
    new = chunk(article("Aaaa aaaa. Bbbb bbbb. Cccc cccc. Eeee eeee."), target_chars=22)
    assert old[0].id == new[0].id
    assert old[1].id != new[1].id


def test_every_sentence_of_the_seed_lies_in_one_passage() -> None:
    (seed,) = load(SEED)
    assert isinstance(seed, Article)
    passages = chunk(seed)
    assert len(passages) == 5
    for start, end in sentences(seed.text):
        assert sum(1 for passage in passages if passage.start <= start and end <= passage.end) == 1


@pytest.mark.models
def test_the_embedder_reads_seed_passages_whole() -> None:
    weights = Path(os.environ["CITEWIRE_WEIGHTS"]) / "all-MiniLM-L6-v2-tokenizer.json"
    if not weights.exists():
        pytest.skip("the default embedder's tokenizer is not on this machine")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(weights))
    tokenizer.no_truncation()
    (seed,) = load(SEED)
    assert isinstance(seed, Article)
    figures = article("In 2017 it was 1,234.56 (up 7.8%), then $9,876,543.21; " * 80)
    arabic = article("وقع وزير الدفاع الروسي اتفاقية للتعاون العسكري مع قطر. " * 80)
    for text in (seed, figures, arabic):
        assert max(len(tokenizer.encode(passage.text).ids) for passage in chunk(text)) <= 256


@given(st.text("ab .\n東1", max_size=300), st.integers(5, 60))
def test_passages_are_exact_ordered_and_lose_no_word(text: str, target_chars: int) -> None:
    passages = chunk(article(text), target_chars=target_chars)
    assert all(text[p.start : p.end] == p.text and len(p.text) <= target_chars for p in passages)
    assert all(a.end <= b.start for a, b in pairwise(passages))
    assert "".join("".join(p.text for p in passages).split()) == "".join(text.split())


@pytest.mark.parametrize("unit", ["a", "\n", "漢", "word "])
def test_e13_a_million_characters_take_under_two_seconds(unit: str) -> None:
    big = article(unit * (1_000_000 // len(unit)))
    start = time.process_time()
    chunk(big)
    assert time.process_time() - start < 2
