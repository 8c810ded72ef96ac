"""Scores of many cases summed up: every figure with its n, its interval and what could not be scored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals import statistics
from evals.metrics.base import METRICS, READINGS, metric
from evals.statistics import Interval, Unit
from evals.types import Case, Run, Score

FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric over a set of cases.

    Attributes:
        interval: None where nothing could be scored.
        n: Units counted: answers, citations or statements.
        cases: Cases they come from.
        unscored: Cases where the metric applies but could not be scored.
    """

    metric: str
    interval: Interval | None
    n: int
    cases: int
    unscored: int


def score(run: Run, case: Case, name: str) -> Score | None:
    """One metric of one case; a failed case is a wrong answer, and unscored for every other metric."""
    result = run.results.get(case.id)
    if result is None:
        return None
    if name == FAILED:
        return Score(float(result.failure is not None))
    if result.answer is None:
        why = f"failed: {result.failure.type}" if result.failure else "failed"
        return Score(0.0, why=why) if name == "accuracy" else None
    return metric(name)(case, result.answer, run.worlds[case.world])


def names() -> tuple[str, ...]:
    """All metrics in the order of reports."""
    return (*METRICS, FAILED)


def figure(run: Run, name: str, cases: Iterable[Case]) -> Figure:
    """One metric over some cases of a run."""
    scored: list[tuple[Case, Score]] = []
    unscored = 0
    for case in cases:
        found = score(run, case, name)
        if found is None:
            continue
        if found.value is None:
            unscored += 1
        else:
            scored.append((case, found))
    n = sum(one.units for _, one in scored)
    return Figure(name, _interval(name, scored) if n else None, n, len(scored), unscored)


def _interval(name: str, scored: Sequence[tuple[Case, Score]]) -> Interval:
    values = [one.value for _, one in scored if one.value is not None]
    kind = READINGS[name].kind
    if kind == "median":
        return statistics.median(values)
    if kind == "share" and all(one.units == 1 and one.value in (0, 1) for _, one in scored):
        return statistics.proportion(int(sum(values)), len(values))
    return statistics.ratio([unit(case, one) for case, one in scored])


def unit(case: Case, scored: Score) -> Unit:
    """What a score gives to a mean, filed under the article its evidence is in."""
    assert scored.value is not None
    return Unit(scored.value * scored.units, scored.units, cluster_of(case))


def cluster_of(case: Case) -> str:
    """Cases with the same first evidence article may stand or fall together."""
    return case.evidence[0].article if case.evidence else f"case {case.id}"


def by_type(run: Run, name: str = "accuracy") -> dict[str, Figure]:
    """One metric for each question type, in the order of the types' names."""
    types = sorted({case.type for case in run.cases})
    return {kind: figure(run, name, [c for c in run.cases if c.type == kind]) for kind in types}


def wrong_cases(run: Run) -> list[tuple[Case, Score]]:
    """Cases that were answered and scored, and are not right; failed ones are among them."""
    found = []
    for case in run.cases:
        scored = score(run, case, "accuracy")
        if scored is not None and scored.value is not None and scored.value < 1:
            found.append((case, scored))
    return found


def judged(run: Run) -> list[tuple[bool, bool]]:
    """Cases that judge and rules both decided: whether the judge said right, and whether they agree."""
    found = []
    for case in run.cases:
        result, scored = run.results.get(case.id), score(run, case, "accuracy")
        opinion = result.judge.get("right") if result else None
        if opinion is not None and scored is not None and scored.value is not None:
            found.append((bool(opinion), bool(opinion) == (scored.value == 1)))
    return found
