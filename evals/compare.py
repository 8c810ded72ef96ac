"""Two runs over the same cases, paired case by case: what differs, by how much, and whether that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals import statistics
from evals.errors import RunsUnlike
from evals.figures import ABSENT, interval_text, value_text
from evals.metrics.base import READINGS
from evals.statistics import Interval, Unit
from evals.summary import cluster_of, names, score
from evals.tables import Table
from evals.types import Case, Run

NO_DIFFERENCE = "no difference shown"
_MATERIAL = ("prompts", "index", "options", "code_sha256")
"""Header fields that change answers; the model aside, they should be the same when models are compared."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two runs over the cases that both have scored.

    Attributes:
        difference: Second minus first, with its paired interval.
        p: Exact McNemar for metrics of right or wrong; None for the others.
        only_one: Cases that only one of the two runs could score.
    """

    metric: str
    first: float
    second: float
    difference: Interval
    p: float | None
    n: int
    only_one: int

    @property
    def verdict(self) -> str:
        """Which run is better, as far as the interval (and the exact test) show it."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None or low <= 0 <= high or (self.p is not None and self.p >= 0.05):
            return NO_DIFFERENCE
        better = READINGS[self.metric].better
        if not better:
            return "second is higher" if low > 0 else "second is lower"
        return "second is better" if (low > 0) == (better == "higher") else "first is better"


def refuse_unlike(first: Run, second: Run, *, force: bool = False) -> tuple[str, ...]:
    """What differs between two runs besides their answers, in plain words.

    Raises:
        RunsUnlike: The cases differ; or, without `force`, both the model and something else do, so that a
            difference would have two possible causes.
    """
    if first.header["suite_sha256"] != second.header["suite_sha256"]:
        raise RunsUnlike(
            f"{first.name} ({first.header['suite']}) and {second.name} ({second.header['suite']}) answered other "
            "cases or articles; their difference would mean nothing. Run both over the same cases."
        )
    if set(first.header["cases"]) != set(second.header["cases"]):
        raise RunsUnlike(
            f"{first.name} was asked {len(first.cases)} cases, {second.name} {len(second.cases)}, and not the "
            "same ones. Run both with the same --limit, --part, --type and --ids."
        )
    unfinished = [run.name for run in (first, second) if len(run.results) < len(run.cases)]
    if unfinished:
        raise RunsUnlike(
            f"The run of {' and '.join(unfinished)} is not finished. Run the same command again."
        )
    other_model = first.header["model_digest"] != second.header["model_digest"] or first.name != second.name
    other = [name for name in _MATERIAL if first.header.get(name) != second.header.get(name)]
    if other_model and other and not force:
        raise RunsUnlike(
            f"{first.name} and {second.name} differ in {', '.join(other)} too, so a difference would have more "
            "than one possible cause. Run both again, or compare them all the same with --force."
        )
    return tuple(["model"] * other_model + other)


def compare(first: Run, second: Run) -> tuple[Difference, ...]:
    """Every metric that both runs have, over the cases that both have scored."""
    found = (_difference(name, first, second) for name in names())
    return tuple(one for one in found if one is not None)


def _difference(name: str, first: Run, second: Run) -> Difference | None:
    pairs: list[tuple[Case, float, float]] = []
    only_one = 0
    for case in first.cases:
        values = [_value(run, case, name) for run in (first, second)]
        if values[0] is not None and values[1] is not None:
            pairs.append((case, values[0], values[1]))
        elif values != [None, None]:
            only_one += 1
    if not pairs:
        return None
    n = len(pairs)
    units = [Unit(b - a, 1, cluster_of(case)) for case, a, b in pairs]
    binary = all(value in (0, 1) for _, a, b in pairs for value in (a, b))
    p = None
    if binary and READINGS[name].kind == "share":
        p = statistics.mcnemar(sum(a > b for _, a, b in pairs), sum(b > a for _, a, b in pairs))
    means = sum(a for _, a, _ in pairs) / n, sum(b for _, _, b in pairs) / n
    return Difference(name, *means, statistics.paired_difference(units), p, n, only_one)


def _value(run: Run, case: Case, name: str) -> float | None:
    found = score(run, case, name)
    return None if found is None else found.value


def flips(first: Run, second: Run) -> tuple[list[Case], list[Case]]:
    """Cases only the first run got right, and cases only the second did."""
    lost, won = [], []
    for case in first.cases:
        a, b = _value(first, case, "accuracy"), _value(second, case, "accuracy")
        if a == 1 and b == 0:
            lost.append(case)
        elif a == 0 and b == 1:
            won.append(case)
    return lost, won


def table(first: Run, second: Run, differences: Sequence[Difference]) -> Table:
    """The comparison as rows; means a case, so that both runs weigh every case the same."""
    rows = []
    for one in differences:
        sign = "+" if one.difference.value > 0 else ""
        ends = interval_text(one.metric, one.difference.low, one.difference.high)
        change = f"{sign}{value_text(one.metric, one.difference.value)}" + (f" [{ends}]" if ends else "")
        counted = f"{one.n}" + (f", {one.only_one} in one run only" if one.only_one else "")
        rows.append(
            (
                READINGS[one.metric].label,
                value_text(one.metric, one.first),
                value_text(one.metric, one.second),
                change,
                ABSENT if one.p is None else f"{one.p:.3f}",
                counted,
                one.verdict,
            )
        )
    columns = ("", f"first: {first.name}", f"second: {second.name}", "difference", "McNemar p", "cases", "")
    return Table(f"{first.header['suite']}: paired by case", columns, tuple(rows))
