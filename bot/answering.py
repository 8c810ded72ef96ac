"""The answer path: question in, events or a cited answer out.

It imports nothing of LangChain, which takes most of a second: a fresh `citewire ask` has its passages on the screen by
then. `bot/chain.py` is the same as a Runnable.
"""

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from bot import prompt
from bot.about import Said, about_article, no_question
from bot.candidates import Candidate, find_candidates
from bot.errors import QuestionRefused
from bot.grounding.attempt import Attempt, Telling, answering, article_tells, attempt, extract, find_telling
from bot.grounding.checks import is_adapted, unknown_names
from bot.grounding.compose import Composed, compose
from bot.grounding.decide import Asked, Calibration, calibration_for
from bot.grounding.heads import heads_for
from bot.grounding.words import Weights
from bot.history import Standalone, standalone
from bot.models.base import Engine
from bot.questions import MAX_QUESTION_CHARS, Kind, asked_of_article, kind_of, without_orders
from bot.seats import spelt_out
from bot.spelling import corrected
from bot.suggest import follow_ups
from bot.types import (
    Answer,
    Event,
    Finished,
    FoundPassage,
    Question,
    Reason,
    Retrieved,
    Statement,
    StatementReady,
    Tokens,
    TokenWritten,
    Turn,
)  # fmt: skip
from bot.wire import question_from_json
from store.library import Library
from store.types import Hit

Search = Callable[[str, int, date | None], tuple[Hit, ...]]


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """How hard to look.

    Attributes:
        k: Passages retrieved.
        most_articles: Articles read for one question at the most.
        every_check: Asks also those that would change nothing, so that a calibration can be fitted to them.
    """

    k: int = 10
    most_articles: int = 3
    every_check: bool = False


@dataclass(slots=True)
class _Course:
    """What has been found out about one question so far; lives for one call."""

    question: Question
    began: float
    standalone: Standalone
    kind: Kind
    hits: tuple[FoundPassage, ...] = ()
    attempts: list[Attempt] = field(default_factory=list)
    extracted: Attempt | None = None
    timings: dict[str, float] = field(default_factory=dict)


class Answering:
    """Answers from a library with one engine.

    `answer` gives the Answer, `events` everything on the way: `Retrieved` before any word of the model, then tokens,
    checked statements, and `Finished` last.

    Args:
        search: Replaces the library's retrieval, so that an eval run retrieves once for all models.
    """

    def __init__(
        self,
        library: Library,
        engine: Engine,
        options: ChainOptions | None = None,
        *,
        search: Search | None = None,
    ) -> None:
        self.library = library
        self.engine = engine
        self.options = options or ChainOptions()
        self._search = search or (lambda text, k, as_of: library.search(text, k, as_of=as_of))

    def answer(self, asked: Question | str | Mapping[str, Any]) -> Answer:
        """Raises: QuestionRefused: Empty or too long. ModelUnavailable: The engine failed."""
        for event in self.events(asked):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("the last event is Finished")

    def events(
        self, asked: Question | str | Mapping[str, Any], cancel: threading.Event | None = None
    ) -> Iterator[Event]:
        """Closing the iterator, or setting `cancel`, stops the model; what was cancelled has no `Finished`."""
        question = checked(asked)
        began = time.perf_counter()
        text = without_orders(question.text)
        course = _Course(question, began, Standalone(text or question.text, "as asked"), kind_of(text))
        if self.library.counts().articles == 0:
            yield from self._say(
                course,
                Said("The library is empty. Add articles with: citewire ingest PATH", reason="empty_library"),
            )
            return
        if course.kind in ("greeting", "capability", "articles", "unclear"):
            listed = self.library.summaries() if course.kind != "unclear" else ()
            yield from self._say(course, no_question(course.kind, listed, None))
            return
        text = spelt_out(corrected(text, self.library), self.library)
        course.standalone = standalone(text, question.history, self.engine, cancel=cancel)
        if cancel is not None and cancel.is_set():
            return
        course.kind = kind_of(course.standalone.text)
        yield from self._look_up(course, cancel)

    def _look_up(self, course: _Course, cancel: threading.Event | None) -> Iterator[Event]:
        asked = course.standalone.text
        hits = self._search(asked, self.options.k, course.question.as_of)
        candidates = find_candidates(asked, hits, self.library, most=self.options.most_articles)
        course.hits = tuple(self._found(h) for h in hits)
        course.timings["retrieve"] = time.perf_counter() - course.began
        yield Retrieved(asked, course.hits)
        if not candidates:
            yield from self._say(
                course, Said("Nothing in your articles matches this question.", reason="nothing_found")
            )
        elif course.kind in ("published", "author", "outlet", "headline", "caption"):
            kinds = asked_of_article(course.kind, asked)
            yield from self._say(course, about_article(kinds, candidates[0].reading.article))
        elif course.kind == "summary":
            yield from self._say(course, no_question("summary", (), candidates[0].reading.article))
        else:
            yield from self._read(course, candidates, cancel)

    def _read(
        self, course: _Course, candidates: tuple[Candidate, ...], cancel: threading.Event | None
    ) -> Iterator[Event]:
        """Reads candidates in order until one answers; goes on to those that could tell another story."""
        asked = course.standalone.text
        calibration = self._calibration(asked)
        for candidate in candidates:
            if self._accepted(course) and not candidate.competes:
                continue
            began = time.perf_counter()
            telling = None
            if course.attempts:
                may_answer, telling = self._tells(course, candidate, calibration, cancel)
                if not may_answer:
                    continue
            for piece in attempt(
                self.engine,
                candidate.reading,
                asked,
                course.kind,
                calibration,
                self.library.similarities,
                similarity=candidate.similarity,
                telling=telling,
                cancel=cancel,
            ):
                if isinstance(piece, str):
                    course.timings.setdefault("first_token", time.perf_counter() - course.began)
                    if not course.attempts:
                        yield TokenWritten(piece)
                else:
                    course.attempts.append(piece)
            course.timings[f"read_{len(course.attempts)}"] = time.perf_counter() - began
            if cancel is not None and cancel.is_set():
                return
        extracted = self._extracted(course, calibration)
        course.extracted = next(iter(extracted), None)
        drafts = _borne_out([a for a in self._accepted(course) if _supported([a], asked).statements])
        standing = {a.reading.key for a in drafts}
        accepted = drafts + [a for a in extracted if a.accepted and a.reading.key not in standing]
        composed = _supported(accepted, asked)
        if not composed.statements:
            reason: Reason = "not_supported" if self._accepted(course) else "not_stated"
            yield from self._say(course, self._declined(course, reason))
            return
        kept = composed.statements
        answer = self._build(course, Said(" ".join(s.text for s in kept), kept))
        for one in kept:
            yield StatementReady(one)
        suggestions = follow_ups(accepted[0].reading, asked, kept)
        yield Finished(replace(answer, conflicts=composed.conflicts, suggestions=suggestions))

    def _tells(
        self, course: _Course, candidate: Candidate, calibration: Calibration, cancel: threading.Event | None
    ) -> tuple[bool, tuple[Telling, ...] | None]:
        """Whether a further candidate may answer, and what its sentences tell where they were asked: before it is read, or with
        an adapter of the whole of it, which tells more and costs no more once it was read. What cannot be known may be."""
        reading, asked = candidate.reading, course.standalone.text
        if not calibration.asks_sentences:
            told = article_tells(self.engine, reading, asked, course.kind, cancel)
            return told is None or calibration.tells({"article_tells": told}), None
        if course.kind == "yes_no":
            return True, None
        weights = Weights(s.read_as for s in reading.sentences)
        telling = find_telling(self.engine, reading, asked, weights, self.library.similarities, cancel)
        return not telling or answering(telling) is not None, telling or None

    def _accepted(self, course: _Course) -> list[Attempt]:
        return sorted((a for a in course.attempts if a.accepted), key=lambda a: -a.probability)

    def _extracted(self, course: _Course, calibration: Calibration) -> list[Attempt]:
        """Of each reading its own best sentence, for where the draft does not hold; the likeliest first."""
        rule = calibration.extract
        if rule is None or course.kind == "yes_no":
            return []
        made = (extract(a, course.standalone.text, course.kind, rule) for a in course.attempts)
        return sorted((e for e in made if e is not None), key=lambda e: -e.probability)

    def _declined(self, course: _Course, reason: Reason) -> Said:
        """What the articles lack, as far as words can show it."""
        best = max(course.attempts, key=lambda a: a.probability)
        lacking = unknown_names(course.standalone.text, best.reading)
        text = "Your articles do not state this."
        if lacking:
            listed = ", ".join(f"“{x}”" for x in lacking)
            text = f"Your articles do not state this: {listed} does not occur in the closest article."
        return Said(text, reason=reason)

    def _say(self, course: _Course, said: Said) -> Iterator[Event]:
        for one in said.statements:
            yield StatementReady(one)
        yield Finished(self._build(course, said))

    def _build(self, course: _Course, said: Said) -> Answer:
        best = max(course.attempts, key=lambda a: a.probability, default=None)
        course.timings["total"] = time.perf_counter() - course.began
        course.timings.setdefault("retrieve", 0.0)
        return Answer(
            id=course.question.id or uuid.uuid4().hex,
            question=course.question.text,
            standalone_question=course.standalone.text,
            text=said.text,
            statements=said.statements,
            abstained=said.reason is not None,
            reason=said.reason,
            hits=course.hits,
            model=self.engine.spec,
            model_digest=self.engine.digest,
            prompts=prompt.versions(),
            index_fingerprint=self.library.fingerprint,
            timings_s=dict(course.timings),
            tokens=_tokens(course.attempts),
            as_of=course.question.as_of,
            unresolved=tuple(u for a in course.attempts for u in a.unresolved),
            truncated=any(a.reply.stop == "length" for a in course.attempts),
            checks=_checks(best, course.extracted),
            draft=best.draft if best else "",
            extract=course.extracted.draft if course.extracted else "",
        )

    def _calibration(self, asked: str) -> Calibration:
        ways: list[Asked] = ["adapter"] if is_adapted(self.engine, asked) else []
        headed = heads_for(self.engine) is not None
        ways.append("heads" if headed else "inside" if self.engine.one_state else "")
        found = calibration_for(self.engine.spec, asked=tuple(ways))
        return replace(found, quick=None) if self.options.every_check else found

    def _found(self, hit: Hit) -> FoundPassage:
        article = self.library.article(hit.passage.article_id)
        published = article.published.date.isoformat() if article.published else None
        p = hit.passage
        return FoundPassage(
            article.id, article.title, article.source, published, p.start, p.end, p.text, hit.score
        )


def checked(asked: Question | str | Mapping[str, Any]) -> Question:
    """A question in any of its forms, with its limits checked before anything runs.

    Raises:
        QuestionRefused: Empty, or longer than 4,000 characters.
    """
    question = (
        asked
        if isinstance(asked, Question)
        else Question(asked)
        if isinstance(asked, str)
        else question_from_json(asked)
    )
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", question.text).strip()
    if not text:
        raise QuestionRefused("The question is empty. Ask about what the articles say.")
    if len(text) > MAX_QUESTION_CHARS:
        raise QuestionRefused(
            f"The question has {len(text):,} characters; the limit is {MAX_QUESTION_CHARS:,}. Ask a shorter one."
        )
    return replace(question, text=text)


def _borne_out(accepted: list[Attempt]) -> list[Attempt]:
    """The likeliest, and of the others those whose names and numbers their own evidence has: what a model made up of an
    article is no other version of what another one says."""
    return accepted[:1] + [a for a in accepted[1:] if a.pinned or a.checks.missing == 0]


def _supported(accepted: list[Attempt], asked: str) -> Composed:
    """What the accepted attempts say, without the sentences that nothing carries."""
    if not accepted:
        return Composed(())
    composed = compose(accepted, asked)
    return replace(composed, statements=tuple(s for s in composed.statements if s.support != "unsupported"))


def _checks(best: Attempt | None, extracted: Attempt | None) -> dict[str, float | None]:
    """All measurements of the best draft, and those of the extracted sentence under names of their own."""
    if best is None:
        return {}
    found: dict[str, float | None] = {**best.checks.as_mapping(), "probability": best.probability}
    if extracted is not None:
        theirs = {**extracted.checks.as_mapping(), "probability": extracted.probability}
        found |= {f"extract_{name}": value for name, value in theirs.items()}
    return found


def _tokens(attempts: list[Attempt]) -> Tokens:
    def total(name: str) -> int | None:
        values = [getattr(a.reply, name) for a in attempts]
        return sum(values) if values and None not in values else None

    return Tokens(total("prompt_tokens"), total("cached_tokens"), total("completion_tokens"))


__all__ = ["Answering", "ChainOptions", "Search", "Statement", "Turn", "checked"]
