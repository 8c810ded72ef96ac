"""Fits the calibrated decision of a model to graded attempts: logistic regression with a ridge, chosen by cross-validation."""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from bot.grounding.decide import Calibration, parse
from bot.grounding.polarity import word_of
from bot.questions import kind_of
from evals.metrics.answers import accuracy
from evals.records import read_runs

FEATURES: Mapping[str, tuple[float, float]] = {
    "article_tells": (-6.0, 6.0),
    "stated": (-8.0, 8.0),
    "answers": (-6.0, 6.0),
    "evidence_answers": (-6.0, 6.0),
    "logprob": (-1.5, 0.0),
    "question_coverage": (0.0, 1.0),
    "article_coverage": (0.0, 1.0),
    "anchor_coverage": (0.0, 1.0),
    "held": (0.0, 1.0),
    "answer_coverage": (0.0, 1.0),
    "unknown": (0.0, 3.0),
    "missing": (0.0, 3.0),
    "fits": (-1.0, 1.0),
    "adds": (0.0, 1.0),
    "similarity": (0.0, 1.0),
    "says_yes": (-6.0, 6.0),
    "polarity": (-6.0, 6.0),
}
"""What a calibration may use, with the range each is clipped to."""
GATE_FEATURES = ("answers",)
"""What tells whether the article answers at all, whatever was drafted."""
DRAFT_FEATURES = (
    "stated", "answers", "evidence_answers", "anchor_coverage", "held", "missing", "fits", "logprob",
)  # fmt: skip
"""What tells a right draft from a wrong one; with more of them it did worse on cases it had not seen."""
EXTRACT_FEATURES = ("answers", "question_coverage", "article_coverage")
"""What tells of a sentence that answers; its other measurements are the same for all."""
TOLD = ("article_tells",)
"""With an adapter it is the gate by itself, and beside the rest in all else."""
SENTENCES = ("answers", "evidence_answers")
"""Not asked of a draft where an adapter told of the whole article: they cost more than the draft and decide no better."""
YES_FEATURES = ("says_yes", "polarity")
"""What tells whether the answer to a yes-or-no question is yes, with an adapter."""
QUICK_FROM, QUICK_TO = 0.05, 0.9
"""Where all but the dearest check, "stated", leave this much doubt it is asked. It tells most of questions that share few words
with their sentences: a right draft's AUC on `deal-fresh` is 0.86 without it, 0.89 with it."""
ADAPTED_TO = 0.99
"""As `QUICK_TO` with an adapter, where it is the only check. Of 125 tuned drafts 60 can be called supported with it before one of
them is wrong, without it 30 (cross-validated)."""
GATE_FROM, DRAFTS_FROM = 0.2, 0.4
"""With an adapter the gate only keeps out what the draft's probability need not be asked about. Decided rightly of 222 tuned
cases of `news`, `deal-fresh` and the deal, answered of the 89 that are not, refused of the 133 that are (cross-validated): 185, 6,
24 where the gate's mistakes are fewest (0.56) and drafts count from 0.3; 187, 7, 22 as it is; 186, 12, 18 without a gate. The first
refuses more of what it is not fitted to: encyclopaedia paragraphs, whose answers the adapter gives lower odds."""
NEED_LOG_ODDS = (*TOLD, "stated", *SENTENCES, "logprob", *YES_FEATURES)
Matrix = NDArray[np.float64]
Part = Literal["gate", "draft", "extract", "yes"]
"""What is fitted: that the article answers at all, that the draft is right, that the best sentence is, that the answer is yes."""


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
    at_least: float = 0.0,
    gate: Calibration | None = None,
) -> Fit:
    """Fits on all, judges by five-fold cross-validation with folds chosen by the hash of the case's id.

    The threshold is the one with which right attempts refused and wrong ones let through are fewest together when they are
    judged by a model that has not seen them, but never below `at_least`; behind a gate, of those that it lets through. What is
    called supported is chosen among attempts that can be shown without a doubt: let through by `gate`, no word missing.

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
    folds = np.array([fold_of(g.id) for g in graded])
    ridge = min((0.3, 1.0, 3.0, 10.0), key=lambda r: _loss(y, _held_out(x, y, folds, r)))
    judged = _held_out(x, y, folds, ridge)
    passed = np.array([gate is None or gate.probability(g.checks) >= gate.threshold for g in graded])
    threshold = max(at_least, _fewest_wrong(y[passed], judged[passed]))
    weights = solve(x, y, ridge, _balancing(y))
    shown = passed & np.array([not g.checks.get("missing") for g in graded])
    calibration: dict[str, object] = {
        "model": model,
        "fitted_on": fitted_on,
        "intercept": round(float(weights[0]), 4),
        "threshold": round(threshold, 4),
        "sure": round(max(threshold, _sure(y[shown], judged[shown])), 4),
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


def fold_of(id: str) -> int:
    """Which of five folds a case is judged in: always the same one."""
    return int(hashlib.sha256(id.encode()).hexdigest(), 16) % 5


def _balancing(y: Matrix) -> Matrix:
    """Weights with which right and wrong attempts count the same together."""
    return np.asarray(np.where(y == 1, len(y) / (2 * y.sum()), len(y) / (2 * (1 - y).sum())))


def solve(x: Matrix, y: Matrix, ridge: float, weight: Matrix) -> Matrix:
    """Logistic regression with a ridge: the intercept, which is not penalised, then one weight a column.

    Args:
        weight: How much each row counts.
    """
    design = np.column_stack([np.ones(len(x)), x])

    def objective(w: Matrix) -> tuple[float, Matrix]:
        z = design @ w
        penalty = ridge * w.copy()
        penalty[0] = 0.0
        loss = np.sum(weight * np.logaddexp(0, np.where(y == 1, -z, z))) + 0.5 * penalty @ w
        return float(loss), design.T @ (weight * (expit(z) - y)) + penalty

    return np.asarray(minimize(objective, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x)


def _held_out(x: Matrix, y: Matrix, folds: NDArray[np.int_], ridge: float) -> Matrix:
    judged = np.zeros(len(y))
    for fold in range(5):
        out = folds == fold
        if out.any() and min(y[~out].sum(), (1 - y[~out]).sum()) > 0:
            w = solve(x[~out], y[~out], ridge, _balancing(y[~out]))
            judged[out] = expit(w[0] + x[out] @ w[1:])
    return judged


def _loss(y: Matrix, p: Matrix) -> float:
    return float(-np.mean(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9)))


def _fewest_wrong(y: Matrix, judged: Matrix) -> float:
    """Half way across the gap where refused right and admitted wrong attempts are fewest."""
    order = np.sort(judged)
    cuts = (order[1:] + order[:-1]) / 2
    wrong = [(judged[y == 1] < cut).sum() + (judged[y == 0] >= cut).sum() for cut in cuts]
    return float(cuts[int(np.argmin(wrong))])


def _sure(y: Matrix, judged: Matrix, wrong_at_most: float = 0.02) -> float:
    """The lowest probability above which at most this share of attempts is graded wrong, by cross-validation, one more counted
    right and one wrong: a few that are all right prove little.

    Of the attempts that are likeliest, the grader calls a few wrong that only say it in other words than the reference.
    """
    order = np.argsort(-judged)
    wrong = (np.cumsum(1 - y[order]) + 1) / (np.arange(1, len(y) + 1) + 2)
    fine = np.nonzero(wrong <= wrong_at_most)[0]
    return float(judged[order][fine[-1]]) if len(fine) else 0.99


def write(calibration: Mapping[str, object], path: Path) -> None:
    path.write_text(json.dumps(calibration, indent=1) + "\n", "utf-8")


def graded_of(out: Path, part: Part) -> tuple[Graded, ...]:
    """Every tuned case of the first run in a folder whose draft was recorded, graded for one part of the decision.

    Holdout cases are left out: nothing is tuned on them.
    """
    run = read_runs(out)[0]
    text_key, prefix = ("extract", "extract_") if part == "extract" else ("draft", "")
    found = []
    for case in run.cases:
        result = run.results.get(case.id)
        answer = result.answer if result else None
        if answer is None or not answer.get(text_key) or case.holdout:
            continue
        # A yes or a no is decided otherwise: bot/grounding/polarity.py
        if (kind_of(answer["standalone_question"]) == "yes_no") != (part == "yes"):
            continue
        checks = {name: answer["checks"].get(prefix + name) for name in FEATURES}
        name = f"{run.header['suite']}:{case.id}"
        if part == "yes":
            word = word_of(case.answers[0]) if case.answers and case.answerable else None
            if word is not None and not case.abstain_ok:
                found.append(Graded(name, checks, word == "yes"))
            continue
        if part == "gate":
            if not case.abstain_ok:  # of a false premise nobody says whether it is answered
                found.append(Graded(name, checks, case.answerable))
            continue
        if (
            case.type == "conflict"
        ):  # no draft tells both sides: true to its article, it would be graded as wrong
            continue
        score = accuracy(case, {**answer, "abstained": False, "answer": answer[text_key]}, {})
        if score is not None and score.value is not None:
            found.append(Graded(name, checks, score.value == 1.0))
    return tuple(found)


def main(arguments: Sequence[str]) -> None:
    """`citewire eval fit RUN... [--out FILE]`: fits on the tuned part of these runs and writes the calibration.

    The runs were made with `eval run --every-check`.
    """
    parser = argparse.ArgumentParser(prog="citewire eval fit", description=main.__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of eval runs with one model")
    parser.add_argument("--model", default="default", help="name of the model as in embedded:NAME")
    parser.add_argument("--words-only", action="store_true", help="for engines without log-probabilities")
    parser.add_argument("--out", type=Path, help="file to write; without it nothing is written")
    given = parser.parse_args(arguments)
    if given.words_only:
        drafts = _fit_runs(given, [n for n in FEATURES if n not in NEED_LOG_ODDS], "draft")
        sys.stdout.write(_say("drafts", drafts))
        calibration = dict(drafts.calibration)
    else:
        calibration = _fit_all(given)
    if given.out:
        if given.out.is_file() and (by_hand := json.loads(given.out.read_text("utf-8")).get("polarity")):
            calibration["polarity"] = by_hand
        write(calibration, given.out)


def _fit_all(given: argparse.Namespace) -> dict[str, object]:
    graded = [g for folder in given.runs for g in graded_of(folder, "gate")]
    adapted = any(g.checks["article_tells"] is not None for g in graded)
    beside = TOLD if adapted else ()
    of_drafts = (*beside, *(n for n in DRAFT_FEATURES if not (adapted and n in SENTENCES)))
    gate = _fit_runs(given, TOLD if adapted else GATE_FEATURES, "gate")
    yes_from = gate.calibration["threshold"]
    if adapted:
        gate.calibration["threshold"] = GATE_FROM
    tells = parse(gate.calibration, where="gate")
    fitted = {
        "drafts": _fit_runs(given, of_drafts, "draft", tells),
        "quick": _fit_runs(given, [n for n in of_drafts if n != "stated"], "draft", tells),
        "gate": gate,
        "sentences": _fit_runs(given, (*beside, *EXTRACT_FEATURES), "extract", tells),
    }
    if adapted:
        try:
            fitted["yes"] = _fit_runs(given, YES_FEATURES, "yes")
            fitted["yes"].calibration["threshold"] = yes_from
        except ValueError as error:
            sys.stdout.write(f"yes or no is left to the rule without an adapter: {error}\n")
    sys.stdout.write("".join(_say(what, one) for what, one in fitted.items()))
    return {
        **fitted["drafts"].calibration,
        **({"threshold": DRAFTS_FROM} if adapted else {}),
        "gate": gate.calibration,
        "extract": fitted["sentences"].calibration,
        "quick": {
            **fitted["quick"].calibration,
            "low": QUICK_FROM,
            "high": ADAPTED_TO if adapted else QUICK_TO,
        },
        "yes": fitted["yes"].calibration if "yes" in fitted else None,
    }


def _fit_runs(
    given: argparse.Namespace, names: Sequence[str], part: Part, gate: Calibration | None = None
) -> Fit:
    per_run = {folder.name: graded_of(folder, part) for folder in given.runs}
    fitted_on = "tuned parts of " + ", ".join(f"{name} ({len(graded)})" for name, graded in per_run.items())
    graded = [g for some in per_run.values() for g in some]
    # The article's own sentence misleads nobody: it is said where it answers nearly as likely as not.
    at_least = 0.42 if part == "extract" else 0.0
    return fit(graded, model=given.model, fitted_on=fitted_on, names=names, at_least=at_least, gate=gate)


def _say(what: str, result: Fit) -> str:
    return (
        f"{what}: {result.n} attempts; cross-validated AUC {result.auc:.3f}; at {result.calibration['threshold']} "
        f"{result.declined:.3f} of the wrong declined, {result.refused:.3f} of the right refused\n"
        + json.dumps(result.calibration, indent=1) + "\n"
    )  # fmt: skip
