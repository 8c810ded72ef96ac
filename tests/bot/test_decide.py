"""From measurements to a probability."""

from dataclasses import replace

import pytest

from bot.grounding.decide import calibration_for, parse
from store.errors import ConfigError

RAW = {
    "model": "m",
    "fitted_on": "made up",
    "intercept": 0.0,
    "threshold": 0.5,
    "sure": 0.9,
    "features": {"stated": {"mean": 1.0, "scale": 2.0, "weight": 1.0, "low": -3, "high": 3}},
}
ONE = parse(RAW, where="test")


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (1.0, 0.5),  # the mean: (1 - 1) / 2 = 0, and 1 / (1 + e^0) = 0.5
        (3.0, 0.7310586),  # (3 - 1) / 2 = 1, and 1 / (1 + e^-1)
        (99.0, 0.7310586),  # clipped to 3
        (-99.0, 0.1192029),  # clipped to -3: (-3 - 1) / 2 = -2, and 1 / (1 + e^2)
        (None, 0.5),  # not measured counts as average
    ],
)
def test_probability_by_hand(stated: float | None, expected: float) -> None:
    assert ONE.probability({"stated": stated, "of no interest": 5.0}) == pytest.approx(expected)


def test_an_unknown_model_gets_the_default() -> None:
    assert calibration_for("ollama:nobody/heard-of:it") == calibration_for("scripted:test")


def test_the_default_is_usable() -> None:
    default = calibration_for("scripted:test")
    assert 0 < default.threshold <= default.sure <= 1
    low, high = default.probability({"stated": -20.0}), default.probability({"stated": 20.0})
    assert 0 < low < high < 1


@pytest.mark.parametrize("broken", [{}, {**RAW, "features": 3}, {**RAW, "intercept": "much"}])
def test_a_file_that_is_no_calibration_is_refused_by_name(broken: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"m\.json"):
        parse(broken, where="m.json")


ANSWERS = {"mean": 0.0, "scale": 1.0, "weight": 1.0, "low": -9, "high": 9}
QUICK = parse(
    {**RAW, "quick": {**RAW, "features": {"answers": ANSWERS}, "low": 0.15, "high": 0.8}}, where="test"
)


@pytest.mark.parametrize(
    ("answers", "settled"),
    [
        (-2.0, True),  # 1 / (1 + e^2) = 0.12
        (0.0, False),  # 0.5
        (1.0, False),  # 0.73
        (2.0, True),  # 0.88
    ],
)
def test_the_dearest_check_is_left_out_where_the_rest_is_plain(answers: float, settled: bool) -> None:
    assert QUICK.settled({"answers": answers}) is settled


def test_what_was_not_asked_is_decided_without_it() -> None:
    assert QUICK.probability({"answers": 2.0}) == pytest.approx(0.8807971)
    assert QUICK.probability({"answers": 2.0, "stated": 1.0}) == pytest.approx(0.5)


def test_without_a_quick_model_everything_is_asked() -> None:
    assert not ONE.settled({"answers": 9.0})


def test_sentences_are_asked_only_for_what_is_fitted_to_them() -> None:
    tells = parse({**RAW, "features": {"article_tells": ANSWERS}}, where="test")
    assert not tells.asks_sentences
    assert replace(tells, gate=QUICK.quick.calibration if QUICK.quick else None).asks_sentences
    assert parse({**RAW, "features": {"evidence_answers": ANSWERS}}, where="test").asks_sentences


def test_of_the_ways_to_ask_the_first_that_something_was_fitted_to_is_taken() -> None:
    model = "embedded:qwen2.5-coder-1.5b"
    fitted = {how: calibration_for(model, asked=(how,)) for how in ("adapter", "heads", "inside")}
    assert len({one.intercept for one in fitted.values()}) == 3
    assert calibration_for(model, asked=("adapter", "heads")) == fitted["adapter"]
    assert calibration_for("embedded:other", asked=("adapter", "inside")) == calibration_for(
        "embedded:other", asked=("inside",)
    )
    with pytest.raises(ConfigError, match=r"other\.heads\.json"):
        calibration_for("embedded:other", asked=("heads",))
