"""Which articles are read for a question, and which of them could tell another story."""

from pathlib import Path
from typing import Any

from bot.candidates import find_candidates
from tests.bot.archive import FERRY_QUESTION, library_of

FERRY: dict[str, Any] = {
    "title": "Ferry opens in Larkhaven",
    "text": "The ferry of Larkhaven carried 212 passengers.",
    "published": "2018-01-03",
    "source": "Lark Courier",
}


def rivals(folder: Path, **other: Any) -> list[bool]:
    """Whether each candidate competes; the other article comes second."""
    with library_of(folder, {"first": FERRY, "other": other}) as library:
        hits = sorted(library.search(FERRY_QUESTION, 5), key=lambda h: h.passage.article_id)
        return [c.competes for c in find_candidates(FERRY_QUESTION, hits, library, most=3)]


def test_another_days_report_in_the_questions_words_competes(tmp_path: Path) -> None:
    text = "Passengers of the ferry of Larkhaven: it did carry 198."
    assert rivals(tmp_path, title="Ferry", text=text, published="2018-01-01") == [False, True]


def test_one_that_is_as_close_in_meaning_competes_in_other_words(tmp_path: Path) -> None:
    text = "On the ferry sat some two hundred."  # the fake embedder knows this one word
    assert rivals(tmp_path, title="Full boat", text=text, published="2018-01-01") == [False, True]


def test_one_about_something_else_does_not_compete(tmp_path: Path) -> None:
    text = "The bank of Dalby raised its rate."
    assert rivals(tmp_path, title="Bank", text=text, published="2018-01-01")[1:] in ([], [False])


def test_the_same_days_text_of_the_same_outlet_does_not_compete(tmp_path: Path) -> None:
    same = {key: FERRY[key] for key in ("published", "source")}
    text = "The ferry of Larkhaven carried passengers, 212 of them."
    assert rivals(tmp_path, title="Ferry", text=text, **same) == [False, False]
