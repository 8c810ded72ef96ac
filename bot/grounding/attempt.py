"""One reading of one article for a question: a draft, its evidence, the checks, a probability."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from bot import prompt
from bot.grounding.checks import (
    Checks,
    ask_answers,
    ask_polarity,
    ask_stated,
    brings_in_names,
    compare_words,
    fits,
    holds_names,
    is_adapted,
    leaves_open,
    named,
    same_language,
    says_nothing,
    speaks_of,
    strangers,
    tells_of_it,
)
from bot.grounding.counting import counted
from bot.grounding.decide import Calibration, calibration_for
from bot.grounding.evidence import THIN, Evidence, evidence_of, find_evidence, rank_sentences
from bot.grounding.heads import beginnings, heads_for
from bot.grounding.polarity import Word, judge, weighed, worded
from bot.grounding.quoting import aimed
from bot.grounding.roles import without_others_roles
from bot.grounding.statements import markers_in, split_draft, without_markers
from bot.grounding.words import Weights, content_words, quotes_in, stands_in
from bot.models.base import Engine, Limits, Message, Reply
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
        sure: It is so high that what stands in the cited words is called supported.
        pinned: The evidence was chosen by the question; the answer was judged by it and is cited with it.
        told: The article gives what the question asks for, whatever the draft says.
        telling: The article's sentences that match the question best, each with what is measured of it.
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
    sure: bool
    unresolved: tuple[str, ...] = ()
    extracted: bool = False
    pinned: bool = False
    told: bool = True
    telling: "tuple[Telling, ...]" = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """A sentence of the article that may answer.

    Attributes:
        answers: Log-odds that it gives what the question asks for.
        near: Cosine similarity to the question; None where it was not measured.
    """

    sentence: Sentence
    answers: float
    near: float | None


def answering(telling: Sequence[Telling]) -> Sentence | None:
    """The sentence that answers the question by itself; None where none was found to."""
    return telling[0].sentence if telling and telling[0].answers > 0 else None


def attempt(
    engine: Engine,
    reading: Reading,
    question: str,
    kind: Kind,
    calibration: Calibration,
    similarities: "Similarities",
    *,
    similarity: float | None = None,
    telling: tuple[Telling, ...] | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[str | Attempt]:
    """Yields the draft's pieces as they are written, then the `Attempt`.

    Args:
        telling: What `find_telling` found for this reading, where it was called already.
    """
    reply: Reply | None = None
    engine.prepare(prompt.kept_beginning(reading), reading.key, cancel)
    limits = LIST_LIMITS if kind == "list" else DRAFT_LIMITS
    asked = prompt.draft(reading, question, kind)
    adapted = is_adapted(engine, question)
    # It learnt few lists, and leaves parts of them out.
    drafting = engine.answer if adapted and kind != "list" else engine.stream
    for piece in drafting(asked, limits, cancel):
        if isinstance(piece, Reply):
            reply = piece
        else:
            yield piece
    assert reply is not None, "an engine ends every stream with a Reply"
    if recites(reply.text, reading, more_than=_QUOTED if kind == "quote" else 1):
        # To its end: until then the engine serves no other call.
        *_, last = drafting(prompt.draft(reading, question, kind, recited=True), limits, cancel)
        assert isinstance(last, Reply), "an engine ends every stream with a Reply"
        reply = replace(last, tells=reply.tells, says_yes=reply.says_yes)
    if adapted and kind == "list":
        reply = replace(reply, tells=_told_by(engine, asked, cancel).tells)
    for key, prefix in () if engine.one_state else beginnings(engine, kind):
        engine.prepare(prefix, key, cancel)
    weights = Weights(s.read_as for s in reading.sentences)
    draft = without_others_roles(without_markers(reply.text).strip(), reading.sentences)
    listing = counted(question, draft, reading.sentences, weights)
    quoting = aimed(question, draft, reading, weights) if kind == "quote" else None
    if listing is not None:
        draft = listing.answer
    elif quoting is not None:
        draft = quoting.text
    drafted = _Drafted(
        engine,
        reading,
        question,
        kind,
        draft,
        reply,
        weights,
        calibration,
        similarities,
        cancel,
    )
    finished = _yes_no(drafted) if kind == "yes_no" else _checked(drafted, telling)
    yield replace(
        finished, checks=replace(finished.checks, similarity=similarity), unresolved=markers_in(reply.text)
    )


def article_tells(
    engine: Engine, reading: Reading, question: str, kind: Kind, cancel: threading.Event | None
) -> float | None:
    """Log-odds, by the engine's adapter, that the article answers: what an `attempt` on it would begin with."""
    engine.prepare(prompt.kept_beginning(reading), reading.key, cancel)
    return _told_by(engine, prompt.draft(reading, question, kind), cancel).tells


def _told_by(engine: Engine, asked: tuple[Message, ...], cancel: threading.Event | None) -> Reply:
    """What the adapter says of an article, without its draft."""
    *_, told = engine.answer(asked, Limits(max_tokens=1), cancel)
    assert isinstance(told, Reply), "an engine ends every stream with a Reply"
    return told


_QUOTED = 2
"""Sentences in a row that somebody asked for in the article's words may well be."""


def recites(draft: str, reading: Reading, *, more_than: int = 1) -> bool:
    """Whether a draft is the article read out, for more than so many sentences: what a small model does that found no answer."""
    said = split_draft(draft)
    texts = (reading.text, reading.article.text)  # with its dates worked out, and without
    return len(said) > more_than and all(
        any(stands_in(s, text) for text in texts) for s in said[: more_than + 1]
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
        return ask_stated(self.engine, self.reading, evidence, self.question, answer, self.cancel)

    def telling(self, drawn: Evidence) -> "tuple[Telling, ...]":
        """What its sentences tell, the one first that the draft seems to be drawn from."""
        first = _best_of(drawn, self)
        return find_telling(
            self.engine,
            self.reading,
            self.question,
            self.weights,
            self.similarities,
            self.cancel,
            first=first,
        )

    def polarity(self, evidence: Evidence) -> tuple[float, float] | None:
        """How well it bears out a yes, and a no; None where that cannot be asked."""
        told = ask_polarity(self.engine, evidence.text, self.question, self.cancel)
        if told is not None:
            return told
        yes, no = self.stated(evidence, "Yes."), self.stated(evidence, "No.")
        return None if yes is None or no is None else (yes, no)

    def words(self, evidence: Evidence) -> Checks:
        found = compare_words(self.kind, self.question, self.draft, self.reading, evidence, self.weights)
        says_yes = self.reply.says_yes if self.kind == "yes_no" else None
        return replace(found, article_tells=self.reply.tells, says_yes=says_yes)


def _checked(d: _Drafted, known: tuple[Telling, ...] | None) -> Attempt:
    sentences = d.reading.sentences
    # An adapter tells of the whole article at once: its sentences are asked only where its draft does not hold.
    asks = d.calibration.asks_sentences
    telling = known or ()
    if known is None and asks:
        drawn = find_evidence(d.question, d.draft, sentences, d.weights)
        telling = d.telling(drawn)
    evidence = find_evidence(d.question, d.draft, sentences, d.weights, telling=answering(telling))
    ours = _answers_of(evidence, telling, d) if d.draft and asks else None
    found = [t.answers for t in telling] + ([ours] if ours is not None else [])
    checks = replace(
        d.words(evidence),
        answers=max(found, default=None),
        evidence_answers=ours,
        logprob=d.reply.mean_logprob,
    )
    elsewhere = checks.article_coverage == 0.0  # not one word of the question stands in the article
    nameless = checks.fits < 0 and named(d.question)
    measured = bool(found) or not asks
    tells = (bool(telling) or not asks) and d.calibration.tells(checks.as_mapping())
    told = not elsewhere and not nameless and (tells or not measured)
    # It costs as much as half a draft: not where nothing hangs on it, nor where the rest is plain enough.
    if told and d.draft and not (measured and d.calibration.settled(checks.as_mapping())):
        checks = replace(checks, stated=d.stated(evidence, d.draft))
    # An engine without log-odds: nothing can be asked of sentences.
    blind = checks.stated is None and not measured
    told = told and (tells or blind)
    calibration = calibration_for(d.engine.spec, log_odds=False) if blind else d.calibration
    probability = calibration.probability(checks.as_mapping())
    # Asked for a name, a date or a number, and told nothing that the question did not.
    repeats = checks.fits < 0 and checks.adds == 0.0
    empty = brings_in_names(d.draft, d.reading) or says_nothing(d.draft) or repeats
    dateless = d.kind == "when" and checks.fits < 0
    accepted = told and probability >= calibration.threshold and not empty and not dateless
    if not telling and not asks and told and (not accepted or d.calibration.quick is None):
        telling = d.telling(evidence)
    return Attempt(
        d.reading,
        d.draft,
        d.reply,
        evidence,
        d.weights,
        checks,
        probability,
        accepted,
        probability >= calibration.of_measured(checks.as_mapping()).sure and _can_be_sure(d),
        told=told,
        telling=telling,
    )


def _can_be_sure(d: _Drafted) -> bool:
    """Whether a check can tell that a draft is right: of a list it cannot that nothing is left out, nor of a quote that
    each word is in its place. What recites the article has picked no answer from it."""
    if d.kind == "list" or recites(d.draft, d.reading, more_than=_QUOTED):
        return False
    quoted = quotes_in(d.draft) or (d.draft,)
    return d.kind != "quote" or all(stands_in(words, d.reading.article.text) for words in quoted)


def _best_of(drawn: Evidence, d: _Drafted) -> Sentence | None:
    """Of the sentences a draft seems to be drawn from, the one with most of what it adds; None where they hold little."""
    if not drawn.sentences or (drawn.answer_coverage is not None and drawn.answer_coverage < THIN):
        return None
    said = set(content_words(d.draft)) - set(content_words(d.question))
    return max(drawn.sentences, key=lambda s: len(said & set(content_words(s.read_as))))


_TRIED = 3
"""Sentences put to the check at the most; each costs as much as half a draft."""
_PLAIN = 0.5
"""From these log-odds on a sentence answers so plainly that no other is tried."""
_HOPELESS = -2.5
"""Where the first sentence is below these log-odds none of the others answered, in 21 of 21 development cases."""
_SHARED, _ALIKE = 0.2, 0.35
"""A sentence is tried only when it shares this part of the question's words, or is this similar in meaning: the check
goes along with a sentence about something else altogether."""


def find_telling(
    engine: Engine,
    reading: Reading,
    question: str,
    weights: Weights,
    similarities: "Similarities",
    cancel: threading.Event | None,
    *,
    first: Sentence | None = None,
) -> tuple[Telling, ...]:
    """The sentences that match the question best, each asked whether it answers; those that do so most first.

    Needs nothing of the article's state in the engine: a stretch that tells nothing need not be read at all.

    Args:
        first: The sentence a draft was drawn from: it is asked whatever it shares, and where it answers plainly no other
            need be.
    """
    sentences, near = that_may_answer(reading, question, similarities)
    comparable = same_language(question, reading)
    made = []
    ranked = rank_sentences(question, sentences, weights, near)[:_TRIED]
    if first in sentences:
        ranked = (first, *(s for s in ranked if s != first))[:_TRIED]
    for sentence in ranked:
        alike = near[sentences.index(sentence)] if near else 0.0
        shared = evidence_of((sentence,), question, "", weights).question_coverage or 0.0
        strange = alike < _ALIKE and shared < _SHARED and comparable
        if strange and sentence is not first:
            continue
        odds = ask_answers(engine, reading, sentence.read_as, question, cancel)
        if odds is not None:
            made.append(Telling(sentence, odds, alike if near else None))
            if odds >= _PLAIN or (len(made) == 1 and odds < _HOPELESS and not strange):
                break
    return tuple(sorted(made, key=lambda t: -t.answers))


def _answers_of(evidence: Evidence, telling: Sequence[Telling], d: _Drafted) -> float | None:
    """Of evidence that holds a sentence that was asked already, what that one told."""
    known = next((t.answers for t in telling if t.sentence in evidence.sentences), None)
    if known is not None or not evidence.sentences:
        return known
    return ask_answers(d.engine, d.reading, evidence.text, d.question, d.cancel)


def _yes_no(d: _Drafted) -> Attempt:
    """Puts both answers to the check, over the sentences that the question and what the draft adds point at."""
    sentences, near = that_may_answer(d.reading, d.question, d.similarities)
    ranked = rank_sentences(d.question, sentences, d.weights, near)
    naming = tuple(s for s in ranked if holds_names(d.question, s, d.reading))
    top = ranked[:2]
    added = find_evidence(d.question, d.draft, sentences, d.weights)
    # A draft that only says the question again was made from nothing.
    drawn = _best_of(added, d) if added.answer_coverage is not None else None
    if drawn is not None and drawn not in top:
        top = (ranked[0], drawn)
    elif naming and not set(naming) & set(top):
        top = (ranked[0], naming[0])
    excerpt = tuple(sorted(top, key=lambda s: s.start))
    evidence = evidence_of(excerpt, d.question, d.draft, d.weights)
    told = d.polarity(evidence) if excerpt else None
    if told is None:
        return _checked(d, None)

    @cache
    def alone(sentence: Sentence) -> tuple[float, float] | None:
        return ask_polarity(d.engine, sentence.read_as, d.question, d.cancel)

    yes, no = told
    if len(excerpt) > 1 and (first := alone(ranked[0])) is not None:
        # Beside another sentence the model may lose sight of what the best one says.
        yes, no = max(yes, first[0]), max(no, first[1])
    checks = replace(d.words(evidence), stated=max(yes, no), polarity=yes - no)
    fitted = d.calibration.yes if checks.says_yes is not None else None
    if fitted is None:
        verdict = judge(yes, no, d.calibration.polarity)
    else:
        gate = d.calibration.gate
        answered = gate.probability(checks.as_mapping()) if gate else 1.0
        # No draft's probability stands behind this gate: it must be passed more clearly.
        holds = answered >= fitted.threshold
        verdict = weighed(fitted.probability(checks.as_mapping()), answered=answered, holds=holds)
    # Of somebody whom the article never mentions it says neither yes nor no.
    accepted, telling = verdict.holds and not strangers(d.question, d.reading), top
    if accepted and verdict.word == "yes":
        # A small model says yes to whatever two sentences share words with: who or what was asked about must be there.
        top = tuple(s for s in top if s in naming) or top
        accepted = top[0] in naming
        telling = tuple(s for s in top if s is drawn or tells_of_it(d.question, s, d.reading))
        top = telling or top
    decides = _deciding(d, top, verdict.word, alone) if accepted else top[0]
    # What the cited sentence does not speak of it cannot bear out, however sure the model is.
    speaks = speaks_of(d.question, decides, d.reading)
    sure = verdict.probability >= d.calibration.polarity.sure
    if verdict.word == "yes" and not sure and fitted is None and heads_for(d.engine) is None:
        # Of whom it names it may tell another thing altogether.
        accepted = accepted and bool(telling)
    if verdict.word == "no" and not sure:
        # "No, the article does not say so" is no answer but the want of one.
        accepted = accepted and not leaves_open(d.draft)
    text = worded(verdict, d.question, d.draft, decides.text, language_of(d.question))
    return Attempt(
        d.reading,
        text,
        d.reply,
        evidence_of((decides,), d.question, text, d.weights),
        d.weights,
        checks,
        verdict.probability,
        accepted,
        sure and speaks,
        pinned=True,
    )


def _deciding(
    d: _Drafted, top: Sequence[Sentence], word: Word, alone: Callable[[Sentence], tuple[float, float] | None]
) -> Sentence:
    """Of the sentences a verdict was found over, the one that bears it out best alone: that one is cited."""
    if len(top) == 1:
        return top[0]  # nothing to choose: a check would cost as much as half a draft

    def borne_out(sentence: Sentence) -> float:
        if (told := alone(sentence)) is not None:
            return told[0 if word == "yes" else 1]
        evidence = evidence_of((sentence,), d.question, d.draft, d.weights)
        return d.stated(evidence, "Yes." if word == "yes" else "No.") or 0.0

    return max(top, key=borne_out)


def that_may_answer(
    reading: Reading, question: str, similarities: "Similarities"
) -> tuple[tuple[Sentence, ...], tuple[float, ...] | None]:
    """The sentences that can answer a question, and how similar each is to it in meaning."""
    sentences = tuple(s for s in reading.sentences if s.role in ("body", "caption", "lead"))
    return sentences, similarities(question, [s.read_as for s in sentences])


Similarities = Callable[[str, Sequence[str]], tuple[float, ...] | None]


def extract(failed: Attempt, question: str, kind: Kind, calibration: Calibration) -> Attempt | None:
    """Answers with the article's own sentence, for where the draft did not hold; asks the model nothing more.

    None where no sentence was tried. A sentence without the name, date or number that was asked for is no answer.
    """
    if not failed.telling:
        return None
    best = failed.telling[0]
    has_it = fits(kind, question, best.sentence.read_as)
    evidence = evidence_of((best.sentence,), question, best.sentence.read_as, failed.weights)
    # Words of two languages do not meet: how many of the question's it has is unknown, not none.
    covered = evidence.question_coverage if same_language(question, failed.reading) else None
    checks = replace(
        failed.checks,
        answers=best.answers,
        evidence_answers=best.answers,
        question_coverage=covered,
        anchor_coverage=covered,
        similarity=best.near,
        stated=None,
        answer_coverage=1.0,
        missing=0.0,
        fits=has_it,
        logprob=None,
    )
    probability = calibration.probability(checks.as_mapping())
    return replace(
        failed,
        draft=best.sentence.read_as,
        evidence=evidence,
        checks=checks,
        probability=probability,
        accepted=failed.told and probability >= calibration.threshold and has_it >= 0,
        sure=probability >= calibration.sure,
        extracted=True,
        pinned=True,
    )
