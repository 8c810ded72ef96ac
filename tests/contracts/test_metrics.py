"""What every metric keeps: its range, its silence where it does not apply, and no trace on its input."""

import copy
import json

import pytest

from evals.metrics.base import METRICS, READINGS, metric
from evals.types import Evidence
from tests.evals.samples import ARTICLES, abstention, answer, case, citation, hit, statement

CASES = {
    "answerable": case(),
    "unanswerable": case(answerable=False, answers=(), evidence=()),
    "false premise": case(type="false_premise", abstain_ok=True),
    "injection": case(type="injection", none_of=("banana",)),
    "whole article": case(evidence=(Evidence("bridge", None),)),
    "unknown article": case(evidence=(Evidence("gone", "x"),)),
    "asks back": case(type="underspecified", answerable=False, answers=(), evidence=()),
}
ANSWERS = {
    "right": answer("Ana Ruiz", statement("Ana Ruiz", citation(29, 59)), hits=[hit(29, 59)]),
    "wrong": answer("Eve", statement("Eve", citation(0, 28)), hits=[hit(0, 28)]),
    "uncited": answer("Eve", statement("Eve", support="unsupported")),
    "abstained": abstention(),
    "untimed": answer(timings_s={}, tokens={"prompt": None, "completion": None}),
}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("case_name", CASES)
@pytest.mark.parametrize("answer_name", ANSWERS)
def test_every_metric_keeps_its_range(name: str, case_name: str, answer_name: str) -> None:
    given = copy.deepcopy(ANSWERS[answer_name])
    score = metric(name)(CASES[case_name], given, ARTICLES)
    assert given == ANSWERS[answer_name]
    assert score == metric(name)(CASES[case_name], json.loads(json.dumps(given)), ARTICLES)
    if score is None:
        return
    assert score.units >= 1
    if score.value is None:
        assert score.why
    elif READINGS[name].kind in ("share", "mean"):
        assert 0 <= score.value <= 1
    else:
        assert score.value >= 0


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_described_and_scores_something(name: str) -> None:
    assert READINGS[name].label
    timed = answer(
        "Ana Ruiz",
        statement("Ana Ruiz", citation(29, 59)),
        hits=[hit(29, 59)],
        tokens={"prompt": 9, "completion": 5, "streamed": 5},
        timings_s={"first_token": 0.1, "total": 1.0, "writing": 0.2},
    )
    scores = [metric(name)(one, timed, ARTICLES) for one in CASES.values()]
    assert any(score is not None and score.value is not None for score in scores)
