"""One reading of one article for a question: a draft, its evidence, the checks, a probability."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot import prompt
from bot.grounding.checks import Checks, ask_answerable, ask_stated, compare_words
from bot.grounding.decide import Calibration
from bot.grounding.evidence import Evidence, evidence_of, find_evidence, rank_sentences
from bot.grounding.polarity import judge, worded
from bot.grounding.statements import markers_in, without_markers
from bot.grounding.words import Weights
from bot.models.base import Engine, Limits, Reply
from bot.questions import Kind, language_of
from bot.reading import Reading, Sentence

DRAFT_LIMITS = Limits(max_tokens=120)
LIST_LIMITS = Limits(max_tokens=220)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one reading gave.

    Attributes:
        draft: Citation marks the model made up are taken out and listed in `unresolved`.
        accepted: The probability passes the threshold that goes with how it was made.
        pinned: The evidence was chosen by the question; the answer was judged by it and is cited with it.
        extracted: The draft is a sentence of the article, because the model's own did not hold.
        probability: Calibrated, that the draft answers the question and the article says so.
    """

    reading: Reading
    draft: str
    reply: Reply
    evidence: Evidence
    weights: Weights
    checks: Checks
    probability: float
    accepted: bool
    unresolved: tuple[str, ...] = ()
    extracted: bool = False
    pinned: bool = False


def attempt(
    engine: Engine,
    reading: Reading,
    question: str,
    kind: Kind,
    calibration: Calibration,
    similarities: "Similarities",
    *,
    similarity: float | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[str | Attempt]:
    """Yields the draft's pieces as they are written, then the `Attempt`."""
    reply: Reply | None = None
    engine.prepare(prompt.reading_prefix(reading), reading.key, cancel)
    for piece in engine.stream(
        prompt.draft(reading, question, kind), LIST_LIMITS if kind == "list" else DRAFT_LIMITS, cancel
    ):
        if isinstance(piece, Reply):
            reply = piece
        else:
            yield piece
    assert reply is not None, "an engine ends every stream with a Reply"
    engine.prepare(prompt.stated_prefix(), prompt.STATED_KEY, cancel)
    draft = without_markers(reply.text).strip()
    weights = Weights(s.read_as for s in reading.sentences)
    drafted = _Drafted(
        engine, reading, question, kind, draft, reply, weights, calibration, similarities, cancel
    )
    finished = _yes_no(drafted) if kind == "yes_no" else _checked(drafted)
    yield replace(
        finished, checks=replace(finished.checks, similarity=similarity), unresolved=markers_in(reply.text)
    )


@dataclass(frozen=True, slots=True)
class _Drafted:
    """A draft with all that judging it needs."""

    engine: Engine
    reading: Reading
    question: str
    kind: Kind
    draft: str
    reply: Reply
    weights: Weights
    calibration: Calibration
    similarities: "Similarities"
    cancel: threading.Event | None

    def stated(self, evidence: Evidence, answer: str) -> float | None:
        return ask_stated(self.engine, evidence, self.question, answer, self.cancel)

    def words(self, evidence: Evidence) -> Checks:
        return compare_words(self.kind, self.question, self.draft, self.reading, evidence, self.weights)


def _checked(d: _Drafted) -> Attempt:
    evidence = find_evidence(d.question, d.draft, d.reading.sentences, d.weights)
    checks = replace(
        d.words(evidence),
        answerable=ask_answerable(d.engine, d.reading, d.question, d.cancel),
        stated=d.stated(evidence, d.draft) if d.draft else None,
        logprob=d.reply.mean_logprob,
    )
    probability = d.calibration.probability(checks.as_mapping())
    accepted = probability >= d.calibration.threshold
    return Attempt(d.reading, d.draft, d.reply, evidence, d.weights, checks, probability, accepted)


def _yes_no(d: _Drafted) -> Attempt:
    """Puts both answers to the check, over the sentences that the question, not the draft, points at."""
    sentences, near = _that_may_answer(d.reading, d.question, d.similarities)
    top = rank_sentences(d.question, sentences, d.weights, near)[:2]
    excerpt = tuple(sorted(top, key=lambda s: s.start))
    evidence = evidence_of(excerpt, d.question, d.draft, d.weights)
    yes = d.stated(evidence, "Yes.") if excerpt else None
    no = d.stated(evidence, "No.") if excerpt else None
    if yes is None or no is None:
        return _checked(d)
    verdict = judge(yes, no, d.calibration.polarity)
    text = worded(verdict, d.draft, top[0].text, language_of(d.question))
    cited = evidence_of((top[0],), d.question, text, d.weights)
    checks = replace(d.words(evidence), stated=max(yes, no), polarity=yes - no)
    return Attempt(
        d.reading, text, d.reply, cited, d.weights, checks, verdict.probability, verdict.margin >= 0.0, pinned=True
    )  # fmt: skip


def _that_may_answer(
    reading: Reading, question: str, similarities: "Similarities"
) -> tuple[tuple[Sentence, ...], tuple[float, ...] | None]:
    sentences = tuple(s for s in reading.sentences if s.role in ("body", "caption", "lead"))
    return sentences, similarities(question, [s.read_as for s in sentences])


_SHARED, _ALIKE = 0.2, 0.35
"""A sentence is tried only when it shares this part of the question's words, or is this similar in meaning."""
_EXTRACTS = 2
"""Sentences tried; each costs one check."""
Similarities = Callable[[str, Sequence[str]], tuple[float, ...] | None]


def extract(
    engine: Engine,
    failed: Attempt,
    question: str,
    calibration: Calibration,
    similarities: Similarities,
    *,
    cancel: threading.Event | None = None,
) -> Attempt | None:
    """Answers with the article's own sentence, for where the draft did not hold.

    The sentences that best match the question are put to the same check as a draft; the better one is returned,
    with the probability of its own calibration. None where the article has no sentence that could answer.
    """
    sentences, near = _that_may_answer(failed.reading, question, similarities)
    best: Attempt | None = None
    for sentence in rank_sentences(question, sentences, failed.weights, near)[:_EXTRACTS]:
        evidence = evidence_of((sentence,), question, sentence.read_as, failed.weights)
        like = near[sentences.index(sentence)] if near else 0.0
        if (evidence.question_coverage or 0.0) < _SHARED and like < _ALIKE:
            continue  # the check goes along with a sentence about something else altogether
        checks = replace(
            failed.checks,
            stated=ask_stated(engine, evidence, question, sentence.text, cancel),
            question_coverage=evidence.question_coverage,
            similarity=like if near else None,
            answer_coverage=1.0,
            missing=0.0,
            logprob=None,
        )
        probability = calibration.probability(checks.as_mapping())
        if best is None or probability > best.probability:
            best = replace(
                failed,
                draft=sentence.read_as,
                evidence=evidence,
                checks=checks,
                probability=probability,
                extracted=True,
                pinned=True,
            )
    return best
