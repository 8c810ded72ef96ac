"""Yes-or-no questions: both answers are put to the check, and the program says which one the article bears out.

A small model asked to answer goes along with the question. Asked twice whether an excerpt states the answer, once
"Yes." and once "No.", its two log-odds part cleanly; where neither stands out the article does not tell.
"""

import re
from dataclasses import dataclass
from math import exp
from typing import Literal

from bot.grounding.words import content_words

Word = Literal["yes", "no"]

_WORDS: dict[str, tuple[str, str]] = {
    "en": ("Yes", "No"),
    "es": ("Sí", "No"),
    "fr": ("Oui", "Non"),
    "de": ("Ja", "Nein"),
    "it": ("Sì", "No"),
    "pt": ("Sim", "Não"),
    "ru": ("Да", "Нет"),
    "ar": ("نعم", "لا"),
}
_LEADING: dict[Word, re.Pattern[str]] = {
    "yes": re.compile(r"^\W*(?:yes|sí|sì|oui|ja|sim|да|نعم)\b[,:.;\s]*", re.IGNORECASE),
    "no": re.compile(r"^\W*(?:no|non|nein|não|нет|لا)\b[,:.;\s]*", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class PolarityRule:
    """From where on an answer is taken; in natural-log odds.

    Attributes:
        yes_from: "Yes." must reach this, and lead "No." by `yes_lead`.
        no_from: "No." must reach this, and lead "Yes." by `no_lead`.
        sure: A verdict of this probability is called supported.
    """

    yes_from: float = 1.6
    yes_lead: float = 1.2
    no_from: float = 0.5
    no_lead: float = 0.2
    sure: float = 0.92


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which answer the article bears out.

    Attributes:
        holds: It does so clearly enough.
    """

    word: Word
    probability: float
    holds: bool


def judge(yes: float, no: float, rule: PolarityRule) -> Verdict:
    """The better borne out of the two answers."""
    for_yes = min(yes - rule.yes_from, yes - no - rule.yes_lead)
    for_no = min(no - rule.no_from, no - yes - rule.no_lead)
    margin = max(for_yes, for_no)
    return Verdict("yes" if for_yes >= for_no else "no", 1 / (1 + exp(-2.0 * margin)), margin >= 0.0)


def weighed(yes: float, *, answered: float, holds: bool) -> Verdict:
    """The likelier of the two answers.

    Args:
        yes: Probability that a yes is right, where either is.
        answered: Probability that the article answers at all.
        holds: Whether that is enough.
    """
    return Verdict("yes" if yes >= 0.5 else "no", answered * max(yes, 1 - yes), holds)


def word_of(draft: str) -> Word | None:
    """The yes or no a draft begins with, in any of a few languages."""
    return next((word for word, pattern in _LEADING.items() if pattern.match(draft)), None)


def without_word(text: str) -> str:
    """A text without the yes or no it begins with, where anything follows."""
    word = word_of(text)
    rest = _LEADING[word].sub("", text) if word else text
    return f"{rest[:1].upper()}{rest[1:]}" if rest else text


def worded(verdict: Verdict, question: str, draft: str, sentence: str, language: str | None) -> str:
    """The answer in words that agree with the verdict: the draft's where it agrees and the sentence bears it out, else the
    article's own."""
    said = _WORDS.get(language or "en", _WORDS["en"])[0 if verdict.word == "yes" else 1]
    theirs = word_of(draft)
    if theirs == verdict.word:
        rest = _LEADING[theirs].sub("", draft).strip()
        return f"{said}, {rest}" if rest and _borne_out(rest, question, sentence) else f"{said}: {sentence}"
    if theirs is None and verdict.word == "no" and _borne_out(draft, question, sentence):
        return f"{said}: {draft}"
    return f"{said}: {sentence}"


_OF_ITS_OWN = 0.5
"""Share of what a draft adds to the question that the sentence must hold."""


def _borne_out(draft: str, question: str, sentence: str) -> bool:
    """Whether a draft tells of the same as the sentence that decides: it may have been made from another one."""
    added = set(content_words(draft)) - set(content_words(question))
    return len(added & set(content_words(sentence))) >= _OF_ITS_OWN * len(added)
