"""Fits the heads of a model's checks: linear probes of the scores it gives the first token of its reply.

What a head is, is told in bot/grounding/heads.py. What reads yes and no is fitted to the stories of `evals/pairs`; what reads
whether a sentence answers, to the tuned cases of suites and the sentences that match their questions best.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.special import logsumexp

from bot import prompt
from bot.grounding.checks import headline_for
from bot.grounding.heads import current
from bot.models.base import Engine, EngineOptions, Message
from bot.models.opening import open_engine
from evals.errors import CasesRefused
from evals.fit import auc, fold_of, solve

PAIRS = Path(__file__).parent / "pairs" / "stories.jsonl"
Check = Literal["answers", "yes", "no"]
CHECKS: Mapping[Check, str] = {"answers": "answers", "yes": "polarity", "no": "polarity"}
"""Head to the prompt whose first token it reads."""
VIEWED = 512
"""Tokens drawn at random whose scores a head is made of; twice as many told no more of pairs not seen, half as many less."""
COMPONENTS, RIDGE, TRUST = 50, 30.0, 3.0
"""Principal components, the penalty of their weights, and how many times lighter the plain log-odds are penalised."""
_FREQUENT = 40_000
"""Vocabularies are sorted by frequency; rarer tokens are hardly trained."""
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """One question to a check whose right reply is known.

    Attributes:
        group: Examples of one story or case, which are never parted between fitting and judging.
        right: By head; both heads of one prompt read the same reply.
    """

    suite: str
    group: str
    messages: tuple[Message, ...]
    right: Mapping[Check, bool]


def examples_of(path: Path) -> Iterator[Example]:
    """Those of a file of stories; its form is told in evals/pairs/README.md.

    Raises: CasesRefused: A line is not a story.
    """
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            yield from _of_story(json.loads(line), path.stem)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise CasesRefused((f"{path.name}:{number}: not a story: {error!r}",)) from error


def _of_story(story: Mapping[str, Any], suite: str) -> Iterator[Example]:
    told, group = story["sentences"], f"{suite}:{story['id']}"
    for one in story["polarity"]:
        asked = prompt.polarity(" ".join(told[i] for i in one["sentences"]), one["question"])
        if one["truth"] not in ("yes", "no", "untold"):
            raise ValueError(f"truth {one['truth']!r}")
        yield Example(suite, group, asked, {"yes": one["truth"] == "yes", "no": one["truth"] == "no"})


class Asked:
    """What a model replied, kept in a file: a fit that was interrupted goes on, and is repeated without the model."""

    def __init__(self, path: Path | None, tokens: Sequence[int], digest: str) -> None:
        self._path = path
        self._about = hashlib.sha256(repr((digest, tuple(tokens))).encode()).hexdigest()
        self._known: dict[str, NDArray[np.float32]] = {}
        if path is not None and path.is_file():
            with np.load(path) as held:
                if str(held["about"]) == self._about:
                    self._known = dict(zip(map(str, held["keys"]), held["scores"], strict=True))

    def scores(
        self, engine: Engine, messages: tuple[Message, ...], tokens: Sequence[int]
    ) -> NDArray[np.float32]:
        key = hashlib.sha256(repr([(m.role, m.content) for m in messages]).encode()).hexdigest()
        if key not in self._known:
            told = engine.scores(messages, tokens)
            if told is None:
                raise ValueError(
                    f"{engine.spec} does not tell the scores of single tokens: no head can be fitted to it"
                )
            self._known[key] = np.array(told, dtype=np.float32)
            if len(self._known) % 100 == 0:
                self.save()
        return self._known[key]

    def save(self) -> None:
        if self._path is not None and self._known:
            scores = np.stack(list(self._known.values()))
            np.savez_compressed(
                self._path, about=self._about, keys=np.array(list(self._known)), scores=scores
            )


def viewed(engine: Engine) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Tokens to look at, and those of them that spell Yes and No.

    Raises: ValueError: The engine does not tell its vocabulary.
    """
    sides = []
    for words in (("Yes", " Yes"), ("No", " No")):
        spelt = [engine.token_ids(word) for word in words]
        sides.append(tuple(one[0] for one in spelt if one is not None and len(one) == 1))
    yes, no = sides
    if not yes or not no:
        raise ValueError(f"{engine.spec} does not tell its vocabulary: no head can be fitted to it")
    drawn = np.random.default_rng(0).integers(0, _FREQUENT, VIEWED)
    return tuple(sorted({int(t) for t in drawn} | set(yes) | set(no))), yes, no


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head: log-odds = centred scores @ weights + odds * plain + bias."""

    weights: Matrix
    odds: float
    bias: float

    def __call__(self, centred: Matrix, plain: Matrix) -> Matrix:
        return np.asarray(centred @ self.weights + self.odds * plain + self.bias)


def fit_head(centred: Matrix, plain: Matrix, y: Matrix, weight: Matrix) -> Fitted:
    """Logistic regression with a ridge on the first principal components and the plain log-odds.

    Args:
        centred: Scores less their mean, shape (examples, tokens).
        plain: Log-odds of Yes against No, shape (examples,).
        weight: How much each example counts.
    """
    middle = centred.mean(axis=0)
    _, _, axes = np.linalg.svd(centred - middle, full_matrices=False)
    axes = axes[:COMPONENTS]
    along = (centred - middle) @ axes.T
    spread, by = along.std(axis=0), plain.std() / TRUST
    x = np.column_stack([along / spread, (plain - plain.mean()) / by])

    w = solve(x, y, RIDGE, weight)
    weights, odds = axes.T @ (w[1:-1] / spread), float(w[-1] / by)
    return Fitted(weights, odds, float(w[0] - middle @ weights - odds * plain.mean()))


def judged(
    examples: Sequence[Example], check: Check, centred: Matrix, plain: Matrix
) -> tuple[Fitted, Matrix]:
    """The head fitted to all examples, and its log-odds for each by a head that has not seen the example's group."""
    y = np.array([e.right[check] for e in examples], dtype=np.float64)
    suites = [e.suite for e in examples]
    # A suite of many cases counts more than one of few, but not by as much.
    weight = np.array([suites.count(s) ** -0.5 for s in suites])
    weight /= weight.mean()
    folds = np.array([fold_of(e.group) for e in examples])
    unseen = np.zeros(len(y))
    for fold in range(5):
        out = folds == fold
        unseen[out] = fit_head(centred[~out], plain[~out], y[~out], weight[~out])(centred[out], plain[out])
    return fit_head(centred, plain, y, weight), unseen


def examples_of_suite(name: str) -> Iterator[Example]:
    """Of each tuned case the sentences that match best in the article found first, and its evidence: do they answer?

    A sentence answers where it would be graded as a right answer. Yes-or-no questions, false premises and disputes, which
    no sentence answers by itself, are left out.
    """
    from bot.answering import ChainOptions
    from bot.candidates import find_candidates
    from bot.grounding.attempt import that_may_answer
    from bot.grounding.evidence import rank_sentences
    from bot.grounding.words import Weights
    from bot.questions import kind_of
    from evals.metrics.answers import accuracy
    from evals.suites import load_suite
    from evals.workbench import LocalWorkbench

    suite = load_suite(name)
    bench = LocalWorkbench(suite.worlds)
    for case in suite.cases:
        if case.holdout or case.abstain_ok or case.history or case.type == "conflict":
            continue
        if kind_of(case.question) == "yes_no":
            continue
        library = bench.library(case.world)
        hits = bench.search(case.world, case.question, ChainOptions().k, case.as_of)
        for candidate in find_candidates(case.question, hits, library, most=1):
            reading = candidate.reading
            weights = Weights(s.read_as for s in reading.sentences)
            sentences, near = that_may_answer(reading, case.question, library.similarities)
            ranked = rank_sentences(case.question, sentences, weights, near)[:3]
            gold = [s for s in sentences if any(e.quote and s.text in e.quote for e in case.evidence)]
            for sentence in dict.fromkeys((*ranked, *gold)):
                words = sentence.read_as
                score = accuracy(case, {"abstained": False, "answer": words}, {}) if case.answerable else None
                above = headline_for(reading.article.title, words, case.question)
                yield Example(
                    suite.name,
                    f"{suite.name}:{case.id}",
                    prompt.answers(above, words, case.question),
                    {"answers": score is not None and score.value == 1.0},
                )
    bench.close()


def main(arguments: Sequence[str]) -> None:
    """`citewire eval heads --model embedded:NAME [--cases SUITE ...] [--out FILE]`: asks each check of each labelled pair,
    fits a head to its replies and says how much better than Yes against No it tells pairs it has not seen."""
    parser = argparse.ArgumentParser(prog="citewire eval heads", description=main.__doc__)
    parser.add_argument(
        "--model", required=True, help="embedded:NAME; other engines do not tell single tokens"
    )
    parser.add_argument(
        "--pairs", type=Path, action="append", help="files of stories; default: those shipped"
    )
    parser.add_argument(
        "--cases", action="append", default=[], help="a suite whose tuned cases are used as well"
    )
    parser.add_argument(
        "--asked", type=Path, help="file that keeps the model's replies, to go on after a stop"
    )
    parser.add_argument("--out", type=Path, help="file to write; without it nothing is written")
    given = parser.parse_args(arguments)
    examples = [e for path in given.pairs or [PAIRS] for e in examples_of(path)]
    for name in given.cases:
        examples += examples_of_suite(name)
    engine = open_engine(given.model, EngineOptions())
    try:
        tokens, yes, no = viewed(engine)
        raw = _ask_all(engine, examples, tokens, given.asked)
    finally:
        engine.close()
    about = {
        "model": engine.spec.partition(":")[2],
        "digest": engine.digest,
        "yes": list(yes),
        "no": list(no),
    }
    fitted = fit_all(examples, raw, tokens, about)
    if given.out:
        given.out.write_text(json.dumps(fitted) + "\n", "utf-8")


def fit_all(
    examples: Sequence[Example], raw: Matrix, tokens: Sequence[int], about: Mapping[str, Any]
) -> dict[str, Any]:
    """The file of heads, as bot/grounding/heads.py reads it; a check without examples gets none.

    Args:
        raw: Scores, shape (examples, tokens).
    """
    tokens = list(tokens)
    centred = raw - raw.mean(axis=1, keepdims=True)
    sides = ([tokens.index(t) for t in about[side]] for side in ("yes", "no"))
    for_yes, for_no = (logsumexp(raw[:, side], axis=1) for side in sides)
    plain = for_yes - for_no
    heads, suites = {}, sorted({e.suite for e in examples})
    for check, name in CHECKS.items():
        rows = [i for i, e in enumerate(examples) if check in e.right]
        if not rows:
            continue
        some = [examples[i] for i in rows]
        head, unseen = judged(some, check, centred[rows], plain[rows])
        heads[check] = {
            "prompt": current(name),
            "bias": round(head.bias, 5),
            "odds": round(head.odds, 5),
            "weights": [round(float(w), 6) for w in head.weights],
        }
        y = np.array([e.right[check] for e in some], dtype=np.float64)
        sys.stdout.write(
            f"{check}: {len(some)} pairs, {int(y.sum())} right; AUC of those not seen {auc(y, unseen):.3f}, "
            f"of Yes against No {auc(y, plain[rows]):.3f}\n"
        )
    counted = ", ".join(f"{s} ({sum(e.suite == s for e in examples)})" for s in suites)
    return {**about, "fitted_on": counted, "tokens": tokens, "heads": heads}


def _ask_all(engine: Engine, examples: Sequence[Example], tokens: Sequence[int], kept: Path | None) -> Matrix:
    asked = Asked(kept, tokens, engine.digest)
    beginnings = dict(prompt.check_prefixes())
    # One check after the other: its fixed beginning then stays in the engine.
    order = sorted(range(len(examples)), key=lambda i: sorted(examples[i].right))
    found: dict[int, NDArray[np.float32]] = {}
    for i in track(order, description="asking", console=Console(stderr=True)):
        check = CHECKS[next(iter(examples[i].right))]
        engine.prepare(beginnings[check], check)
        found[i] = asked.scores(engine, examples[i].messages, tokens)
    asked.save()
    return np.stack([found[i] for i in range(len(examples))]).astype(np.float64)
