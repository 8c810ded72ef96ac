"""Finds the sentences of an article that carry a draft."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.grounding.counting import lengths
from bot.grounding.words import Weights, content_words, counts, name_words, names, numbers
from bot.questions import kind_of
from bot.reading import Sentence
from store.dates import find_date_phrases

_QUESTION_WEIGHT = 0.45
"""A question's word in a sentence tells less than a word that only the answer brings."""
_TELLING = 0.3
"""A sentence that was found to answer the question is preferred to one that only shares more words."""
_WORTH_A_SECOND = 0.22
"""Share of what an answer says about its question that a second sentence must add to be cited."""
THIN = 0.5
"""Evidence that holds less than this share of the words a draft adds does not carry it."""
_ROLE_PENALTY = {"title": 0.12, "lead": 0.06, "heading": 0.15, "read_time": 0.1, "date": 0.1}
"""The body says it in full; headline and summary repeat it. Small, so that they still win when they alone tell."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What carries a draft, and how well.

    Attributes:
        sentences: In the article's order, the best included; empty when nothing matches.
        answer_coverage: Share of the weight of the words that the draft adds to the question which these
            sentences hold, 0 to 1; None when the draft adds none.
        question_coverage: The same of the question's words.
        anchor_coverage: Share of the question's words in the one sentence that holds most of what the draft adds: a
            date or name picked from a sentence about something else has a low one.
        missing: Names, numbers, counts and dates, as written, that the draft adds and the sentences lack.
    """

    sentences: tuple[Sentence, ...]
    answer_coverage: float | None
    question_coverage: float | None
    anchor_coverage: float | None
    missing: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(s.read_as for s in self.sentences)


def find_evidence(
    question: str,
    draft: str,
    sentences: Sequence[Sentence],
    weights: Weights,
    *,
    most: int = 2,
    telling: Sentence | None = None,
) -> Evidence:
    """The fewest sentences, at most `most`, that hold what the draft says about the question.

    Args:
        telling: A sentence known to answer the question; of those that hold as much it is taken.
    """
    if kind_of(question) == "list" and len(items := _items(question, draft)) > 1:
        return evidence_of(_of_each(items, question, sentences, weights), question, draft, weights)
    if telling is not None:
        found = _find(question, draft, sentences, weights, most, telling)
        if found.answer_coverage is None or found.answer_coverage >= THIN:
            return found
    # Where the sentence that answers has few of the draft's words, the draft was made from another one.
    return _find(question, draft, sentences, weights, most, None)


_MOST_ITEMS = 5
"""Sentences cited for a list at the most."""


def _items(question: str, draft: str) -> tuple[frozenset[str], ...]:
    """The names that a draft lists, each as its words."""
    asked = frozenset(content_words(question))
    # "Larkhaven and Dalby" may be one name, of a ministry say, or two.
    parts = (frozenset(content_words(part)) for n in names(draft) for part in re.split(r",| and ", n.text))
    return tuple(words for words in parts if words and not words <= asked)


def _of_each(
    items: Sequence[frozenset[str]], question: str, sentences: Sequence[Sentence], weights: Weights
) -> tuple[Sentence, ...]:
    """For each item of a list the sentence that tells most of what was asked about it.

    A sentence that names all of them in another matter would win by their number.
    """
    asked = frozenset(content_words(question))
    chosen = set()
    for item in items:
        worth = {
            i: (weights.coverage(asked, _words(s)) or 0.0) - _ROLE_PENALTY.get(s.role, 0.0)
            for i, s in enumerate(sentences)
            if item <= _words(s)
        }
        if worth:
            chosen.add(max(worth, key=lambda i: (worth[i], -i)))
    return tuple(sentences[i] for i in sorted(chosen)[:_MOST_ITEMS])


def _find(
    question: str,
    draft: str,
    sentences: Sequence[Sentence],
    weights: Weights,
    most: int,
    telling: Sentence | None,
) -> Evidence:
    asked, said = frozenset(content_words(question)), frozenset(content_words(draft))
    new = said - asked
    worth = {w: weights[w] for w in new} | {w: weights[w] * _QUESTION_WEIGHT for w in asked}
    # A second sentence is worth showing when it brings a good part of what the answer says about the question; that
    # it names again whom the question is about is not enough.
    named = name_words(question) - new
    seen = [frozenset(content_words(s.read_as)) for s in sentences]
    chosen: list[int] = []
    covered: frozenset[str] = frozenset()
    total = sum(worth.values()) or 1.0
    for _ in range(most):
        gains = [
            (
                sum(worth.get(w, 0.0) for w in words - covered - (named if chosen else frozenset())) / total
                - _ROLE_PENALTY.get(s.role, 0.0)
                + (_TELLING if s is telling and not chosen else 0.0),
                -i,
            )
            for i, (s, words) in enumerate(zip(sentences, seen, strict=True))
            if i not in chosen
        ]
        best, at = max(gains, default=(0.0, 0))
        if best <= (0.0 if not chosen else _WORTH_A_SECOND):
            break
        chosen.append(-at)
        covered |= seen[-at]
    return evidence_of(tuple(sentences[i] for i in sorted(chosen)), question, draft, weights)


def evidence_of(picked: tuple[Sentence, ...], question: str, draft: str, weights: Weights) -> Evidence:
    """What these sentences carry of the question and the draft."""
    asked = frozenset(content_words(question))
    covered = frozenset().union(*(content_words(s.read_as) for s in picked))
    new = frozenset(content_words(draft)) - asked
    return Evidence(
        picked,
        weights.coverage(new, covered),
        weights.coverage(asked, covered),
        _anchor(new, asked, picked, weights),
        _missing(draft, question, picked, covered),
    )


def _anchor(
    new: frozenset[str], asked: frozenset[str], picked: Sequence[Sentence], weights: Weights
) -> float | None:
    """Of the sentences that hold most of what is new, the share of the question's words in the best of them."""
    held = [
        (weights.coverage(new, words) or 0.0, weights.coverage(asked, words)) for words in map(_words, picked)
    ]
    most = max((share for share, _ in held), default=0.0)
    return max(
        (asked_share for share, asked_share in held if share >= most - 0.01 and asked_share is not None),
        default=None,
    )


def _words(sentence: Sentence) -> frozenset[str]:
    return frozenset(content_words(sentence.read_as))


def rank_sentences(
    question: str,
    sentences: Sequence[Sentence],
    weights: Weights,
    similarities: Sequence[float] | None = None,
) -> tuple[Sentence, ...]:
    """Sentences that may answer, best first: shared words, and similarity of meaning where it was measured."""
    asked = frozenset(content_words(question))
    total = sum(weights[w] for w in asked) or 1.0
    scored = []
    for i, s in enumerate(sentences):
        shared = sum(weights[w] for w in asked & frozenset(content_words(s.read_as))) / total
        near = similarities[i] if similarities is not None else 0.0
        scored.append((shared + near - _ROLE_PENALTY.get(s.role, 0.0), -i, s))
    return tuple(s for _, _, s in sorted(scored, key=lambda t: (t[0], t[1]), reverse=True))


def _missing(
    draft: str, question: str, picked: Sequence[Sentence], covered: frozenset[str]
) -> tuple[str, ...]:
    told = frozenset().union(*(numbers(s.read_as) for s in picked)) | numbers(question) | lengths(picked)
    known = covered | frozenset(content_words(question))
    lacking = [n.text for n in names(draft) if not n.words <= known]
    lacking += sorted(numbers(draft) - told)
    held = {(c.number, c.what) for s in picked for c in counts(s.read_as)}
    held_numbers = {n for n, _ in held} - numbers(question)
    lacking += [c.text for c in counts(draft) if c.number in held_numbers and (c.number, c.what) not in held]
    lacking += [p.text for p in find_date_phrases(draft) if not _holds_date(p.text, question, picked)]
    return tuple(dict.fromkeys(lacking))


def _holds_date(phrase: str, question: str, picked: Sequence[Sentence]) -> bool:
    """Whether one sentence has all of a date: "May" here and "25" there make no 25 May."""
    parts = frozenset(content_words(phrase))
    return parts <= frozenset(content_words(question)) or any(parts <= _words(s) for s in picked)
