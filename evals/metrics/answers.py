"""Whether an answer is right, and whether it abstained when it should."""

import re

from evals.text import contains, plain
from evals.text import token_f1 as f1
from evals.types import AnswerJSON, Articles, Case, Score

_UNSCORED_TYPES = ("underspecified",)
"""Where the right reply asks back, which no rule here can tell from a wrong one."""


def accuracy(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """1 for a right answer, 0 for a wrong one.

    An unanswerable case wants an abstention. Otherwise each group of `all_of` must match and nothing of
    `none_of`; without them a normalised reference must stand in the answer. Long reference answers (tag
    "longform") cannot be scored so: such a case counts as unscored unless an abstention decides it.
    """
    if case.type in _UNSCORED_TYPES:
        return Score(None, why="the right reply asks back")
    abstained = bool(answer["abstained"])
    if not case.answerable:
        return Score(float(abstained), why="" if abstained else "answered what the articles do not say")
    if abstained:
        return Score(
            float(case.abstain_ok), why="" if case.abstain_ok else "abstained though the articles say it"
        )
    text = str(answer["answer"])
    if case.all_of or case.none_of:
        why = _mismatch(case, text)
        return Score(float(why is None), why=why or "")
    if "longform" in case.tags:
        return Score(None, why="reference too long to be looked for word by word")
    if not case.answers:
        return Score(0.0, why="went along with a false premise")
    right = any(contains(text, reference, case.language) for reference in case.answers)
    return Score(float(right), why="" if right else f"lacks {' / '.join(case.answers)}")


def _mismatch(case: Case, text: str) -> str | None:
    """Why the patterns refuse the text; None when they accept it."""
    for group in case.all_of:
        if not any(matches(pattern, text) for pattern in group):
            return f"lacks {' or '.join(group)}"
    for pattern in case.none_of:
        if matches(pattern, text):
            return f"says {pattern}, which is wrong"
    return None


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found, case and typographic signs aside."""
    return any(re.search(pattern, version, re.IGNORECASE) for version in (text, plain(text)))


def token_f1(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Best F1 over the reference answers; an abstention of an answerable case is 0."""
    if not case.answerable or not case.answers or (case.abstain_ok and answer["abstained"]):
        return None
    if answer["abstained"]:
        return Score(0.0)
    return Score(max(f1(str(answer["answer"]), reference, case.language) for reference in case.answers))


def abstention_recall(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Over unanswerable cases: 1 for an abstention."""
    if case.answerable or case.type in _UNSCORED_TYPES:
        return None
    return Score(float(bool(answer["abstained"])))


def false_abstention(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Over answerable cases where no abstention is right: 1 for an abstention."""
    if not case.answerable or case.abstain_ok:
        return None
    return Score(float(bool(answer["abstained"])))


def false_premise_handled(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Over cases of type "false_premise": 1 when it was corrected or refused, 0 when gone along with."""
    return accuracy(case, answer, articles) if case.type == "false_premise" else None
