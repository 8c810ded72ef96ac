"""The calibrated decision: measurements in, a probability out; coefficients are data, fitted by `citewire eval fit`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import exp
from typing import Any, Literal

from bot.grounding.polarity import PolarityRule
from store.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Feature:
    """One measurement's place in the model: (value, clipped, - mean) / scale * weight."""

    mean: float
    scale: float
    weight: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Quick:
    """A decision without the dearest check, and from where to where it is too unsure to do without.

    Attributes:
        low, high: Between these probabilities the check is asked for and the full model decides.
    """

    calibration: "Calibration"
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model of "the draft answers the question and the article says so".

    Attributes:
        fitted_on: Names of the case sets, with their counts.
        threshold: Answer at this probability or above.
        sure: A statement is called supported at this probability or above.
        polarity: From where on a yes or a no is taken, where `yes` cannot tell.
        yes: That the answer to a yes-or-no question is yes, where it is answered; needs an adapter. Its threshold is the gate's for
            these questions.
        gate: Whether the article gives what is asked for, whatever the draft says; None where it cannot be measured.
        extract: The same for answering with the article's own sentence where a draft failed; None never does.
        quick: The same for a draft whose evidence was not asked whether it states it; None always asks.
    """

    model: str
    fitted_on: str
    intercept: float
    features: Mapping[str, Feature]
    threshold: float
    sure: float
    gate: "Calibration | None" = None
    extract: "Calibration | None" = None
    quick: "Quick | None" = None
    polarity: PolarityRule = field(default_factory=PolarityRule)
    yes: "Calibration | None" = None

    def tells(self, checks: Mapping[str, float | None]) -> bool:
        """Whether the article is taken to answer the question at all."""
        return self.gate is None or self.gate.probability(checks) >= self.gate.threshold

    @property
    def asks_sentences(self) -> bool:
        """Whether it is fitted to what single sentences were asked; with an adapter nothing of that is needed."""
        fitted = self.features.keys() | (self.gate.features.keys() if self.gate else set())
        return not fitted.isdisjoint(("answers", "evidence_answers"))

    def settled(self, checks: Mapping[str, float | None]) -> bool:
        """Whether these measurements decide a draft without the dearest check."""
        if self.quick is None:
            return False
        return not self.quick.low < self.quick.calibration.probability(checks) < self.quick.high

    def of_measured(self, checks: Mapping[str, float | None]) -> "Calibration":
        """This one, or the quick one where the dearest check was not asked."""
        return self if self.quick is None or checks.get("stated") is not None else self.quick.calibration

    def probability(self, checks: Mapping[str, float | None]) -> float:
        """From 0 to 1. A measurement that could not be made counts as average."""
        fitted = self.of_measured(checks)
        total = fitted.intercept
        for name, feature in fitted.features.items():
            value = checks.get(name)
            if value is not None:
                clipped = min(max(value, feature.low), feature.high)
                total += (clipped - feature.mean) / feature.scale * feature.weight
        return 1 / (1 + exp(-total))


FOLDER = files("bot.grounding") / "calibration"
"""What is fitted to a model, by the name of its file."""


def file_stem(spec: str) -> str:
    """What the files fitted to a model begin with."""
    return spec.partition(":")[2].replace("/", "-").replace(":", "-")


Asked = Literal["", "inside", "heads", "adapter"]
"""How an engine is asked, which gives other log-odds: by words behind the excerpt; `inside`, behind the whole article
(`Engine.one_state`); by heads fitted to it (`bot/grounding/heads.py`); with an adapter that tells of the whole article too."""


@cache
def calibration_for(model: str, *, log_odds: bool = True, asked: tuple[Asked, ...] = ("",)) -> Calibration:
    """The calibration fitted for this model, else the default; without log-odds the one that does without them.

    Args:
        asked: Ways in which the model is asked, the one that tells most first: one is taken that something was fitted to.
    """
    named = [(file_stem(model), how) for how in asked]
    named += [("default", how) for how in asked if how in ("", "inside")]
    wanted = [f"{name}{how and '.'}{how}.json" for name, how in named] if log_odds else ["words-only.json"]
    for candidate in wanted:
        path = FOLDER / candidate
        if path.is_file():
            return parse(json.loads(path.read_text("utf-8")), where=candidate)
    raise ConfigError(f"No calibration file {wanted[-1]} in bot/grounding/calibration; reinstall citewire")


def parse(raw: Mapping[str, Any], *, where: str) -> Calibration:
    """Raises: ConfigError: A key is missing or has the wrong type."""
    try:
        return Calibration(
            model=str(raw["model"]),
            fitted_on=str(raw["fitted_on"]),
            intercept=float(raw["intercept"]),
            features={name: Feature(**values) for name, values in raw["features"].items()},
            threshold=float(raw["threshold"]),
            sure=float(raw["sure"]),
            gate=parse(raw["gate"], where=where) if raw.get("gate") else None,
            extract=parse(raw["extract"], where=where) if raw.get("extract") else None,
            quick=_quick(raw["quick"], where) if raw.get("quick") else None,
            polarity=PolarityRule(**raw.get("polarity", {})),
            yes=parse(raw["yes"], where=where) if raw.get("yes") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{where}: not a calibration file ({error}); fit it anew with: citewire eval fit"
        ) from error


def _quick(raw: Mapping[str, Any], where: str) -> Quick:
    return Quick(parse(raw, where=where), float(raw["low"]), float(raw["high"]))
