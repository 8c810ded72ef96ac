"""Thresholds a run must keep, for CI.

[[check]]
metric = "accuracy"          # any metric's name
model = "embedded:..."       # optional; else every model of the run
part = "holdout"             # optional: tuned, holdout or all
type = "who"                 # optional: one question type
at_least = 0.85              # and/or at_most
bound = "value"              # or "interval": the interval's unfavourable end must keep it
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.errors import GateBroken
from evals.figures import figure_text, value_text
from evals.metrics.base import READINGS
from evals.summary import figure
from evals.tables import Table
from evals.types import Run

_KEYS = {"metric", "model", "part", "type", "at_least", "at_most", "bound"}


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    model: str = ""
    part: str = "all"
    type: str = ""
    bound: str = "value"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check against one run."""

    check: Check
    run: str
    measured: str
    passed: bool


def read_checks(path: Path) -> tuple[Check, ...]:
    """Raises: GateBroken: No such file, not TOML, an unknown key or metric, or no threshold."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GateBroken(f"{path} cannot be read: {error}. Give a TOML file of [[check]] tables.") from error
    checks = content.get("check")
    if set(content) != {"check"} or not isinstance(checks, list) or not checks:
        raise GateBroken(f"{path} must hold [[check]] tables and nothing else.")
    return tuple(_check(path, number, fields) for number, fields in enumerate(checks, 1))


def _check(path: Path, number: int, fields: Mapping[str, Any]) -> Check:
    where = f"{path}, check {number}"
    if unknown := sorted(set(fields) - _KEYS):
        raise GateBroken(f"{where}: unknown key {unknown[0]!r}. Known: {', '.join(sorted(_KEYS))}.")
    if fields.get("metric") not in READINGS:
        raise GateBroken(f"{where}: no metric {fields.get('metric')!r}. Known: {', '.join(READINGS)}.")
    limits = [fields[key] for key in ("at_least", "at_most") if key in fields]
    if not limits or any(isinstance(x, bool) or not isinstance(x, int | float) for x in limits):
        raise GateBroken(f"{where}: give at_least or at_most as a number.")
    if fields.get("part", "all") not in ("tuned", "holdout", "all"):
        raise GateBroken(f"{where}: part must be tuned, holdout or all, this is {fields['part']!r}.")
    if fields.get("bound", "value") not in ("value", "interval"):
        raise GateBroken(f"{where}: bound must be value or interval, this is {fields['bound']!r}.")
    return Check(**fields)


def judge(runs: Sequence[Run], checks: Sequence[Check]) -> tuple[Verdict, ...]:
    """Every check against every run it is meant for.

    Raises:
        GateBroken: A run is not finished, a check is meant for no run, or it has nothing to measure.
    """
    for run in runs:
        if len(run.results) < len(run.cases):
            raise GateBroken(
                f"{run.name}: {len(run.results)} of {len(run.cases)} cases are done. Resume the run."
            )
    return tuple(verdict for check in checks for verdict in _verdicts(runs, check))


def _verdicts(runs: Sequence[Run], check: Check) -> list[Verdict]:
    meant = [run for run in runs if check.model in ("", run.name)]
    if not meant:
        raise GateBroken(f"No run of {check.model} for the check of {check.metric}. Run that model too.")
    return [_verdict(run, check) for run in meant]


def _verdict(run: Run, check: Check) -> Verdict:
    cases = [
        case
        for case in run.cases
        if (check.part == "all" or case.holdout == (check.part == "holdout"))
        and check.type in ("", case.type)
    ]
    found = figure(run, check.metric, cases)
    if found.interval is None:
        raise GateBroken(f"{run.name} has nothing to measure {check.metric} on ({len(cases)} cases chosen).")
    low = high = found.interval.value
    if check.bound == "interval":
        if found.interval.low is None or found.interval.high is None:
            raise GateBroken(f"{run.name}: {check.metric} has too few cases for an interval.")
        low, high = found.interval.low, found.interval.high
    enough = check.at_least is None or low >= check.at_least
    few_enough = check.at_most is None or high <= check.at_most
    return Verdict(check, run.name, figure_text(found), enough and few_enough)


def table(verdicts: Sequence[Verdict]) -> Table:
    """The verdicts as rows."""
    rows = tuple(
        (
            "passed" if one.passed else "FAILED",
            READINGS[one.check.metric].label,
            one.run,
            one.measured,
            _limits(one.check),
            " ".join(filter(None, (one.check.type, one.check.part))),
        )
        for one in verdicts
    )
    return Table("Gate", ("", "metric", "model", "measured", "limit", "cases"), rows)


def _limits(check: Check) -> str:
    texts = []
    if check.at_least is not None:
        texts.append(f"at least {value_text(check.metric, check.at_least)}")
    if check.at_most is not None:
        texts.append(f"at most {value_text(check.metric, check.at_most)}")
    return " and ".join(texts) + (" (interval)" if check.bound == "interval" else "")
