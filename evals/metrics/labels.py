"""Whether the program's own support labels can be believed.

A statement should be called supported exactly when the answer it stands in is right. One right sentence
beside a wrong one counts against the label too, so these are lower bounds.
"""

from evals.metrics.answers import accuracy
from evals.types import AnswerJSON, Articles, Case, Score


def agreement(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Share of statements whose label agrees: supported in a right answer, not so in a wrong one."""
    right = _right(case, answer, articles)
    if right is None or right.value is None:
        return right
    agreed = [(s["support"] == "supported") == (right.value == 1) for s in answer["statements"]]
    return Score(sum(agreed) / len(agreed), len(agreed))


def supported_is_right(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Of the statements called supported, the share that stands in a right answer."""
    right = _right(case, answer, articles)
    if right is None or right.value is None:
        return right
    supported = sum(s["support"] == "supported" for s in answer["statements"])
    return Score(right.value, supported) if supported else None


def _right(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    if answer["abstained"] or not answer["statements"]:
        return None
    return accuracy(case, answer, articles)
