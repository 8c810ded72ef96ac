"""Fits the calibrated decision of a model to graded attempts: logistic regression with a ridge, chosen by cross-validation."""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from bot.questions import kind_of
from evals.metrics.answers import accuracy
from evals.records import read_runs

FEATURES: Mapping[str, tuple[float, float]] = {
    "answerable": (-8.0, 8.0),
    "stated": (-8.0, 8.0),
    "logprob": (-1.5, 0.0),
    "question_coverage": (0.0, 1.0),
    "article_coverage": (0.0, 1.0),
    "anchor_coverage": (0.0, 1.0),
    "answer_coverage": (0.0, 1.0),
    "unknown": (0.0, 3.0),
    "missing": (0.0, 3.0),
    "fits": (-1.0, 1.0),
    "adds": (0.0, 1.0),
    "similarity": (0.0, 1.0),
}
"""What a calibration may use, with the range each is clipped to."""
EXTRACT_FEATURES = ("answerable", "stated", "question_coverage", "article_coverage", "unknown", "similarity")
"""What tells of a sentence that answers; its other measurements are the same for all."""
NEED_LOG_ODDS = ("answerable", "stated", "logprob")
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Graded:
    """One attempt with its truth: whether answering with it was right."""

    id: str
    checks: Mapping[str, float | None]
    right: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted calibration and how well it told right from wrong on cases it had not seen.

    Attributes:
        auc: Area under the ROC curve, by cross-validation.
        declined: At the threshold, the share of wrong attempts it declines, by cross-validation.
        refused: At the threshold, the share of right attempts it refuses, by cross-validation.
    """

    calibration: dict[str, object]
    n: int
    auc: float
    declined: float
    refused: float


def fit(
    graded: Sequence[Graded],
    *,
    model: str,
    fitted_on: str,
    names: Sequence[str],
    refused_at_most: float | None = None,
    wrong_at_most: float = 0.1,
) -> Fit:
    """Fits on all, judges by five-fold cross-validation with folds chosen by the hash of the case's id.

    The threshold is the highest that refuses at most `refused_at_most` of the right attempts when they are judged
    by a model that has not seen them; without it, the lowest above which at most `wrong_at_most` are wrong.

    Raises:
        ValueError: Fewer than ten right or ten wrong attempts.
    """
    y = np.array([g.right for g in graded], dtype=np.float64)
    if min(y.sum(), (1 - y).sum()) < 10:
        raise ValueError(
            f"{int(y.sum())} right and {int((1 - y).sum())} wrong attempts are too few to fit on; 10 of each are needed"
        )
    raw, mean, scale = _columns(graded, names)
    x = (raw - mean) / scale
    folds = np.array([int(hashlib.sha256(g.id.encode()).hexdigest(), 16) % 5 for g in graded])
    ridge = min((0.3, 1.0, 3.0, 10.0), key=lambda r: _loss(y, _held_out(x, y, folds, r)))
    judged = _held_out(x, y, folds, ridge)
    threshold = (
        _sure(y, judged, wrong_at_most)
        if refused_at_most is None
        else float(np.quantile(judged[y == 1], refused_at_most))
    )
    weights = _solve(x, y, ridge)
    calibration: dict[str, object] = {
        "model": model,
        "fitted_on": fitted_on,
        "intercept": round(float(weights[0]), 4),
        "threshold": round(threshold, 4),
        "sure": round(max(threshold, _sure(y, judged)), 4),
        "features": {
            name: {
                "mean": round(float(mean[i]), 4), "scale": round(float(scale[i]), 4),
                "weight": round(float(weights[i + 1]), 4), "low": FEATURES[name][0], "high": FEATURES[name][1],
            }
            for i, name in enumerate(names)
        },
    }  # fmt: skip
    return Fit(
        calibration,
        len(graded),
        auc(y, judged),
        float((judged[y == 0] < threshold).mean()),
        float((judged[y == 1] < threshold).mean()),
    )


def auc(y: Matrix, score: Matrix) -> float:
    """Area under the ROC curve; ties count half."""
    ranks = rankdata(score)
    positives, negatives = y.sum(), (1 - y).sum()
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _columns(graded: Sequence[Graded], names: Sequence[str]) -> tuple[Matrix, Matrix, Matrix]:
    """Clipped values with the mean in place of what could not be measured; mean and spread of each column."""
    columns, means, scales = [], [], []
    for name in names:
        low, high = FEATURES[name]
        values = np.array(
            [np.nan if (v := g.checks.get(name)) is None else v for g in graded], dtype=np.float64
        )
        values = np.clip(values, low, high)
        mean = float(np.nanmean(values)) if not np.isnan(values).all() else 0.0
        values = np.where(np.isnan(values), mean, values)
        columns.append(values)
        means.append(mean)
        scales.append(float(values.std()) or 1.0)
    return np.column_stack(columns), np.array(means), np.array(scales)


def _solve(x: Matrix, y: Matrix, ridge: float) -> Matrix:
    design = np.column_stack([np.ones(len(x)), x])
    weight = np.where(y == 1, len(y) / (2 * y.sum()), len(y) / (2 * (1 - y).sum()))

    def objective(w: Matrix) -> tuple[float, Matrix]:
        p = expit(design @ w)
        penalty = ridge * w.copy()
        penalty[0] = 0.0
        loss = -np.sum(weight * (y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))) + 0.5 * penalty @ w
        return float(loss), design.T @ (weight * (p - y)) + penalty

    return np.asarray(minimize(objective, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x)


def _held_out(x: Matrix, y: Matrix, folds: NDArray[np.int_], ridge: float) -> Matrix:
    judged = np.zeros(len(y))
    for fold in range(5):
        out = folds == fold
        if out.any() and min(y[~out].sum(), (1 - y[~out]).sum()) > 0:
            w = _solve(x[~out], y[~out], ridge)
            judged[out] = expit(w[0] + x[out] @ w[1:])
    return judged


def _loss(y: Matrix, p: Matrix) -> float:
    return float(-np.mean(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9)))


def _sure(y: Matrix, judged: Matrix, wrong_at_most: float = 0.02) -> float:
    """The lowest probability above which at most this share of attempts is wrong, by cross-validation."""
    order = np.argsort(-judged)
    wrong = np.cumsum(1 - y[order]) / np.arange(1, len(y) + 1)
    fine = np.nonzero(wrong <= wrong_at_most)[0]
    return float(judged[order][fine[-1]]) if len(fine) else 0.99


def write(calibration: Mapping[str, object], path: Path) -> None:
    path.write_text(json.dumps(calibration, indent=1) + "\n", "utf-8")


def graded_of(out: Path, *, extracted: bool = False) -> tuple[Graded, ...]:
    """Every tuned case of the first run in a folder whose draft was recorded, graded by that draft.

    Holdout cases are left out: nothing is tuned on them.

    Args:
        extracted: Grade the article's own sentence, where one was tried, instead of the draft.
    """
    run = read_runs(out)[0]
    text_key, prefix = ("extract", "extract_") if extracted else ("draft", "")
    found = []
    for case in run.cases:
        result = run.results.get(case.id)
        answer = result.answer if result else None
        if answer is None or not answer.get(text_key) or case.holdout:
            continue
        # Yes or no is decided by a rule of its own: bot/grounding/polarity.py
        if kind_of(answer["standalone_question"]) == "yes_no":
            continue
        score = accuracy(case, {**answer, "abstained": False, "answer": answer[text_key]}, {})
        if score is not None and score.value is not None:
            checks = {name: answer["checks"].get(prefix + name) for name in FEATURES}
            found.append(Graded(f"{run.header['suite']}:{case.id}", checks, score.value == 1.0))
    return tuple(found)


def main(arguments: Sequence[str]) -> None:
    """`citewire eval fit RUN... [--out FILE]`: fits on the tuned part of these runs and writes the calibration."""
    parser = argparse.ArgumentParser(prog="citewire eval fit", description=main.__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of eval runs with one model")
    parser.add_argument("--model", default="default", help="name of the model as in embedded:NAME")
    parser.add_argument(
        "--refused-at-most", type=float, default=0.04, help="share of right drafts that may be refused"
    )
    parser.add_argument(
        "--wrong-at-most", type=float, default=0.1, help="share of tried sentences that may be wrong"
    )
    parser.add_argument("--words-only", action="store_true", help="for engines without log-probabilities")
    parser.add_argument("--out", type=Path, help="file to write; without it nothing is written")
    given = parser.parse_args(arguments)
    skipped = NEED_LOG_ODDS if given.words_only else ()
    drafts = _fit_runs(given, [n for n in FEATURES if n not in skipped], extracted=False)
    calibration = dict(drafts.calibration)
    sys.stdout.write(_say("drafts", drafts))
    if not given.words_only:
        sentences = _fit_runs(given, EXTRACT_FEATURES, extracted=True)
        sys.stdout.write(_say("sentences", sentences))
        calibration["extract"] = sentences.calibration
    if given.out:
        write(calibration, given.out)


def _fit_runs(given: argparse.Namespace, names: Sequence[str], *, extracted: bool) -> Fit:
    per_run = {folder.name: graded_of(folder, extracted=extracted) for folder in given.runs}
    fitted_on = "tuned parts of " + ", ".join(f"{name} ({len(graded)})" for name, graded in per_run.items())
    graded = [g for some in per_run.values() for g in some]
    if extracted:
        return fit(
            graded, model=given.model, fitted_on=fitted_on, names=names, wrong_at_most=given.wrong_at_most
        )
    return fit(
        graded, model=given.model, fitted_on=fitted_on, names=names, refused_at_most=given.refused_at_most
    )


def _say(what: str, result: Fit) -> str:
    return (
        f"{what}: {result.n} attempts; cross-validated AUC {result.auc:.3f}; at {result.calibration['threshold']} "
        f"{result.declined:.3f} of the wrong declined, {result.refused:.3f} of the right refused\n"
        + json.dumps(result.calibration, indent=1) + "\n"
    )  # fmt: skip
