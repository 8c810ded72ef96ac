from pathlib import Path
from typing import Any

import pytest

from evals import gate
from evals.compare import NO_DIFFERENCE, compare, flips, refuse_unlike, table
from evals.errors import GateBroken, RunsUnlike
from evals.records import read_runs
from evals.runner import run
from evals.suites import load_suite, select
from evals.summary import figure
from evals.types import Run
from tests.evals.fakes import FakeWorkbench

SUITE = load_suite("deal")
CASES = select(
    [c for c in SUITE.cases if c.answerable and c.answers and c.evidence and not c.none_of], limit=20
)


def runs_of(
    out: Path, rule: Any, models: tuple[str, ...] = ("fake:a", "fake:b"), cases: Any = CASES
) -> list[Run]:
    run(SUITE, cases, models, out, FakeWorkbench(SUITE, rule))
    return list(read_runs(out))


def better_b(spec: str, case: Any) -> str:
    """A is right in 4 of 20 cases, b in 16 of them, those 4 among them."""
    place = CASES.index(case)
    return "right" if place < (4 if spec == "fake:a" else 16) else "wrong"


def test_a_run_against_itself_shows_no_difference(tmp_path: Path) -> None:
    (one,) = runs_of(tmp_path, better_b, ("fake:a",))
    assert refuse_unlike(one, one) == ()
    found = compare(one, one)
    assert found
    assert {difference.verdict for difference in found} == {NO_DIFFERENCE}


def test_a_large_difference_is_shown_with_its_exact_test(tmp_path: Path) -> None:
    first, second = runs_of(tmp_path, better_b)
    accuracy = next(d for d in compare(first, second) if d.metric == "accuracy")
    assert (accuracy.first, accuracy.second, accuracy.n) == (0.2, 0.8, 20)
    assert accuracy.difference.value == pytest.approx(0.6)
    assert accuracy.p == pytest.approx(2 / 2**12)
    assert accuracy.verdict == "second is better"
    lost, won = flips(first, second)
    assert (len(lost), len(won)) == (0, 12)
    assert "second is better" in str(table(first, second, [accuracy]).rows)


def test_fewer_abstentions_are_better_where_none_is_right(tmp_path: Path) -> None:
    def rule(spec: str, case: Any) -> str:
        return "abstain" if spec == "fake:a" else "right"

    first, second = runs_of(tmp_path, rule)
    found = next(d for d in compare(first, second) if d.metric == "false_abstention")
    assert found.difference.value == -1.0
    assert found.verdict == "second is better"


def test_unlike_cases_are_refused_and_nothing_forces_them(tmp_path: Path) -> None:
    (first,) = runs_of(tmp_path / "1", better_b, ("fake:a",))
    (second,) = runs_of(tmp_path / "2", better_b, ("fake:b",), CASES[:10])
    for force in (False, True):
        with pytest.raises(RunsUnlike, match="20 cases, fake:b 10"):
            refuse_unlike(first, second, force=force)


def test_an_unfinished_run_is_not_compared(tmp_path: Path) -> None:
    (one,) = runs_of(tmp_path, better_b, ("fake:a",))
    path = tmp_path / "models" / "fake-a.jsonl"
    path.write_text("\n".join(path.read_text().split("\n")[:-3]) + "\n")
    (cut,) = read_runs(tmp_path)
    with pytest.raises(RunsUnlike, match="not finished"):
        refuse_unlike(one, cut)


def write_gate(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_gate_passes_and_fails_by_its_thresholds(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, better_b)
    checks = gate.read_checks(
        write_gate(
            tmp_path / "gate.toml",
            '[[check]]\nmetric = "accuracy"\nat_least = 0.5\n'
            '[[check]]\nmetric = "accuracy"\nmodel = "fake:b"\nat_least = 0.8\n'
            '[[check]]\nmetric = "accuracy"\nmodel = "fake:b"\nat_least = 0.8\nbound = "interval"\n',
        )
    )
    assert [(v.run, v.passed) for v in gate.judge(runs, checks)] == [
        ("fake:a", False),
        ("fake:b", True),
        ("fake:b", True),
        ("fake:b", False),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must hold"),
        ("x = [", "cannot be read"),
        ('[[check]]\nmetric = "acuracy"\nat_least = 1', "no metric 'acuracy'"),
        ('[[check]]\nmetric = "accuracy"', "at_least or at_most"),
        ('[[check]]\nmetric = "accuracy"\nat_leest = 1', "unknown key 'at_leest'"),
        ('[[check]]\nmetric = "accuracy"\nat_least = 1\npart = "x"', "part must be"),
    ],
)
def test_a_gate_that_cannot_be_read_is_broken(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(GateBroken, match=reason):
        gate.read_checks(write_gate(tmp_path / "gate.toml", text))


def test_a_gate_with_nothing_to_measure_is_broken_not_passed(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, better_b)
    for check in (gate.Check("accuracy", 0.1, type="nothing"), gate.Check("accuracy", 0.1, model="fake:z")):
        with pytest.raises(GateBroken):
            gate.judge(runs, [check])


def test_unscored_and_failed_cases_are_counted_apart(tmp_path: Path) -> None:
    def rule(spec: str, case: Any) -> str:
        return "raise" if CASES.index(case) < 5 else "right"

    (one,) = runs_of(tmp_path, rule, ("fake:a",))
    accuracy, failed, precision = (
        figure(one, m, CASES) for m in ("accuracy", "failed", "citation_precision")
    )
    assert accuracy.interval is not None
    assert (accuracy.interval.value, accuracy.n) == (0.75, 20)
    assert failed.interval is not None
    assert failed.interval.value == 0.25
    assert precision.cases == 15


def test_nothing_measured_is_no_zero(tmp_path: Path) -> None:
    (one,) = runs_of(tmp_path, lambda spec, case: "abstain", ("fake:a",))
    assert figure(one, "citation_precision", CASES).interval is None
    assert figure(one, "accuracy", []).interval is None
