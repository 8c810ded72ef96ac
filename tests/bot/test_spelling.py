"""Misspelt questions, read against what the articles and the dictionary have."""

from collections.abc import Iterable
from typing import Any, cast

import pytest

from bot.spelling import corrected
from store.library import Library


class Words:
    """As much of a library as spelling asks for: its words."""

    def __init__(self, text: str) -> None:
        self._words = frozenset(text.split())

    def words_of(self, words: Iterable[str]) -> frozenset[str]:
        return self._words & set(words)

    def vocabulary(self) -> frozenset[str]:
        return self._words


LIBRARY = cast(
    "Library", cast("Any", Words("kessandra treaty signed selm river orlescu dragomer ctenophore"))
)


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("wher was teh treatty signd", "where was the treaty signed"),
        ("What did Orlesku say abuot the river?", "What did Orlescu say about the river?"),
        ("who sings for Kessandra", "who sings for Kessandra"),  # a word all the same
        ("How many species of ctenohore are there?", "How many species of ctenophore are there?"),
        ("Was the accomodation for the goverment paid?", "Was the accommodation for the government paid?"),
    ],
)
def test_slips_are_read_as_the_word_they_are_meant_for(asked: str, read: str) -> None:
    assert corrected(asked, LIBRARY) == read


@pytest.mark.parametrize(
    "asked",
    [
        "Who is Orlesko?",  # may be another person
        "What was rebranded, hospitalised or honoured?",
        "Which embargoes did the ministers restate?",
        "quien firmo el acuerdo con Rusia",
        "wer hat das Abkommen unterzeichnet",
        "¿Quién firmó el tratado?",
        "кто подписал договор",
        "???",
        "S-400 vs S-300",
    ],
)
def test_what_may_be_right_is_left_alone(asked: str) -> None:
    assert corrected(asked, LIBRARY) == asked
