"""Slips of the pen in a question: words that neither the articles nor the dictionary have, read as those they are meant for.

A name is left alone unless the question is careless elsewhere too: "Hansen" and "Hanson" may be two people.
"""

import re
from collections.abc import Collection
from functools import cache
from math import log10
from typing import Any

from bot.questions import language_of
from store.keys import search_terms
from store.library import Library

_WORD = re.compile(r"(?<![\w'’-])[A-Za-z]{3,}(?![\w'’-])")
_LITTLE = frozenset(
    "and are but can did does for from had has have how its not off one out she that the their them then they this was were what"
    " when where which who whom why will with you".split()
)
"""A word of three letters is only ever meant for one of these: between others one letter decides too much."""
_LONG, _ALIKE = 8, 0.94
"""Two slips are forgiven in a word of this many letters, where it begins much like the other (Jaro-Winkler)."""
_OURS, _COMMON = 0.05, 0.01
"""How much nearer a word of the articles counts than another one, and a word that is ten times as common."""
_FOREIGN = 0.4
"""With this share of strange words a question may be in another language that is written in Latin letters."""
_OTHERS = ("es", "fr", "de", "it", "pt", "nl")


def corrected(question: str, library: Library) -> str:
    """The question with its misspelt words put right; as it is where it is not English or has none."""
    found = list(_WORD.finditer(question))
    if not found or language_of(question) not in (None, "en"):
        return question
    # The dictionary takes a tenth of a second to load: "where" and "what" need none.
    doubted = {m: _forms(m[0].lower()) for m in found if m[0].lower() not in _LITTLE}
    held = library.words_of({form for forms in doubted.values() for form in forms})
    strange = [m for m, forms in doubted.items() if held.isdisjoint(forms) and not _in_dictionary(forms)]
    if not strange or (len(strange) > _FOREIGN * len(found) and _is_foreign([m[0] for m in found])):
        return question
    ours = library.vocabulary()
    plain = [m for m in strange if m[0].islower() or m.start() == 0]
    meant = {m.start(): _nearest(m[0].lower(), ours) for m in plain}
    # Careless: its names may be misspelt too, where the articles have one that is a letter away.
    if any(meant.values()):
        for m in strange:
            if m not in plain:
                meant[m.start()] = _nearest(m[0].lower(), ours, only_ours=True)
    text = question
    for m in reversed(strange):
        if word := meant.get(m.start()):
            text = text[: m.start()] + (word.capitalize() if m[0][0].isupper() else word) + text[m.end() :]
    return text


def _forms(word: str) -> tuple[str, ...]:
    """A word, what it may be a form of, and how it is spelt across the ocean."""
    endings = ("", "s", "es", "ed", "ing", "ly", *(("d",) if word.endswith("ed") else ()))
    cut = (word.removesuffix(ending) for ending in endings)
    stems = tuple(stem for stem in cut if len(stem) > 2)
    return (*stems, *search_terms(word), word.replace("is", "iz"), word.replace("our", "or"))


def _in_dictionary(forms: Collection[str]) -> bool:
    return any(_dictionary("en")[form] for form in forms)


def _is_foreign(words: Collection[str]) -> bool:
    def known(language: str) -> int:
        return sum(bool(_dictionary(language)[word.lower()]) for word in words)

    return any(known(language) > known("en") for language in _OTHERS)


def _nearest(word: str, ours: frozenset[str], *, only_ours: bool = False) -> str | None:
    from rapidfuzz.distance import OSA, JaroWinkler
    from rapidfuzz.process import extract

    most = 2 if len(word) >= _LONG and not only_ours else 1
    frequency = _dictionary("en")
    pools: tuple[Collection[str], ...] = (
        (_LITTLE,) if len(word) == 3 else (ours,) if only_ours else (ours, frequency.dictionary.keys())
    )
    near = {}
    for other, slips, _ in (
        one for pool in pools for one in extract(word, pool, scorer=OSA.distance, score_cutoff=most, limit=50)
    ):
        if other[0] != word[0] and sorted(other[:2]) != sorted(word[:2]):
            continue  # the first letter is seldom the wrong one
        alike = JaroWinkler.similarity(word, other)
        if slips == 1 or alike >= _ALIKE:
            worth = alike + _OURS * (other in ours) + _COMMON * log10(1 + frequency[other])
            near[other] = (slips, -worth, other)
    return min(near.values())[2] if near else None


@cache
def _dictionary(language: str) -> Any:  # Any: spellchecker is imported when needed
    """Words of a language to how often they are used, 0 for others."""
    from spellchecker import SpellChecker

    return SpellChecker(language=language).word_frequency
