"""The calibrated decision, fitted to graded attempts."""

import json
from pathlib import Path

import numpy as np
import pytest

import evals.fit
from bot.grounding.decide import parse
from bot.grounding.polarity import PolarityRule
from evals.fit import DRAFTS_FROM, FEATURES, GATE_FROM, Graded, Part, auc, fit, main, write


def graded(n: int = 100) -> list[Graded]:
    """Right attempts have log-odds above those of wrong ones; "unknown" tells nothing."""
    return [
        Graded(f"c{i}", {"stated": (2.0 if i % 2 else -2.0) + i % 5 / 10, "unknown": 1.0}, bool(i % 2))
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([1, 2, 3, 4], 1.0),
        ([4, 3, 2, 1], 0.0),
        ([1, 1, 1, 1], 0.5),
        ([1, 3, 2, 4], 0.75),  # of the four pairs of a wrong and a right one, three are in order
    ],
)
def test_auc_is_the_share_of_pairs_in_order(score: list[float], expected: float) -> None:
    assert auc(np.array([0.0, 0.0, 1.0, 1.0]), np.array(score, dtype=np.float64)) == expected


def test_what_tells_right_from_wrong_is_found() -> None:
    found = fit(graded(), model="m", fitted_on="made up", names=("stated", "unknown"))
    calibration = parse(found.calibration, where="test")
    assert (found.n, found.auc, found.declined, found.refused) == (100, 1.0, 1.0, 0.0)
    assert calibration.features["stated"].weight > 0
    assert calibration.features["unknown"].weight == pytest.approx(0.0, abs=1e-6)
    assert calibration.probability({"stated": 2.0}) > calibration.threshold
    assert calibration.probability({"stated": -2.0}) < calibration.threshold


def test_fitting_twice_gives_the_same() -> None:
    def once() -> object:
        return fit(graded(), model="m", fitted_on="x", names=("stated",)).calibration

    assert once() == once()


def test_what_was_not_measured_counts_as_average() -> None:
    some = [*graded(), Graded("gap", {"stated": None}, True)]
    found = fit(some, model="m", fitted_on="x", names=("stated", "logprob"))
    assert found.n == 101
    assert parse(found.calibration, where="test").probability({}) == pytest.approx(
        parse(found.calibration, where="test").probability({"stated": None, "logprob": None})
    )


def test_too_few_of_a_kind_are_refused_with_both_counts() -> None:
    with pytest.raises(ValueError, match="9 right and 9 wrong"):
        fit(graded(18), model="m", fitted_on="x", names=("stated",))


def test_a_written_calibration_reads_back(tmp_path: Path) -> None:
    made = fit(graded(), model="m", fitted_on="made up", names=("stated",)).calibration
    write(made, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text()) == made


@pytest.mark.parametrize("adapted", [True, False])
def test_sentences_count_only_where_no_adapter_told(
    adapted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(out: Path, part: Part) -> tuple[Graded, ...]:
        return tuple(
            Graded(g.id, {**dict.fromkeys(FEATURES), **g.checks, told: g.checks["stated"]}, g.right)
            for g in graded()
        )

    told = "article_tells" if adapted else "answers"
    monkeypatch.setattr(evals.fit, "graded_of", measured)
    to = tmp_path / "m.json"
    rule = {"yes_from": 0.5, "yes_lead": 0.1, "no_from": 0.2, "no_lead": 0.3, "sure": 0.9}
    to.write_text(json.dumps({"polarity": rule}))
    main(["runs/made-up", "--out", str(to)])
    found = parse(json.loads(to.read_text()), where="test")
    assert found.gate is not None
    assert found.gate.features.keys() == {told}
    assert found.asks_sentences is not adapted
    assert (found.yes is not None) is adapted
    if found.yes is not None:
        assert (found.threshold, found.gate.threshold) == (DRAFTS_FROM, GATE_FROM)
        assert found.yes.threshold == pytest.approx(0.5, abs=0.2), "where the gate's own mistakes are fewest"
    assert found.polarity == PolarityRule(**rule), "what was set by hand is kept"
