"""A workbench whose models are scripts: they know the cases and are right by a rule, not by chance."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.errors import ModelMissing, ModelUnavailable
from bot.types import (
    Answer,
    Citation,
    Event,
    Finished,
    FoundPassage,
    Question,
    Statement,
    Tokens,
    TokenWritten,
)
from evals.suites import sources
from evals.text import locate
from evals.types import ArticleRecord, Articles, Case, Suite

Rule = Callable[[str, Case], str]
"""Model and case to "right", "wrong", "abstain" or "raise"."""


def by_hash(spec: str, case: Case) -> str:
    """About seven of ten right, for pages that need something to show; the same every time."""
    roll = hashlib.sha256(f"{spec} {case.id}".encode()).digest()[0]
    if not case.answerable:
        return "abstain" if roll < 200 else "wrong"
    return "right" if roll < 170 else "abstain" if roll < 195 else "wrong" if roll < 254 else "raise"


class FakeChain:
    def __init__(self, spec: str, cases: Mapping[str, Case], articles: Articles, rule: Rule) -> None:
        self._spec, self._cases, self._articles, self._rule = spec, cases, articles, rule

    def events(self, asked: Question) -> Iterator[Event]:
        case = self._cases[asked.id]
        outcome = self._rule(self._spec, case)
        if outcome == "raise":
            raise ModelUnavailable("The model is gone.")
        yield TokenWritten("a")
        yield TokenWritten("b")
        yield Finished(answer_for(self._spec, case, self._articles, outcome))


def answer_for(spec: str, case: Case, articles: Articles, outcome: str) -> Answer:
    """What a model would say; a right answer cites the first gold quote."""
    text = (case.answers or ("It does.",))[0] if outcome == "right" else "Something else entirely."
    statements: tuple[Statement, ...] = ()
    if outcome == "abstain":
        text = "Your articles do not state this."
    else:
        cited = _citations(case, articles, outcome)
        statements = (Statement(text, cited, "supported" if cited else "unsupported", 0.9),)
    hits = tuple(
        FoundPassage(a.id, a.title, a.source, a.published, start, end, a.text[start:end], 1.0)
        for a in articles.values()
        for start, end in a.passages[:3]
    )
    return Answer(
        id=case.id,
        question=case.question,
        standalone_question=case.question,
        text=text,
        statements=statements,
        abstained=outcome == "abstain",
        reason="not_stated" if outcome == "abstain" else None,
        hits=hits[:10],
        model=spec,
        model_digest="d1",
        prompts={"draft": "v1"},
        index_fingerprint="fp",
        timings_s={"retrieve": 0.01, "first_token": 0.5, "total": 1.0 + len(spec) / 50 + time.time() % 0.01},
        tokens=Tokens(100, 80, 12),
    )


def _citations(case: Case, articles: Articles, outcome: str) -> tuple[Citation, ...]:
    if not case.evidence:
        return ()
    article = articles[case.evidence[0].article]
    span = locate(article.text, case.evidence[0].quote or "") if outcome == "right" else (0, 20)
    if span is None:
        return ()
    quote = article.text[slice(*span)]
    return (Citation(1, article.id, article.title, None, None, None, quote, *span, "stated"),)


class FakeModel:
    def __init__(self, spec: str, workbench: "FakeWorkbench") -> None:
        self.spec, self.digest, self._workbench = spec, f"digest of {spec}", workbench

    def chain(self, world: int) -> FakeChain:
        bench = self._workbench
        return FakeChain(self.spec, bench.cases, bench.articles(world), bench.rule)

    def close(self) -> None:
        self._workbench.closed.append(self.spec)


class FakeWorkbench:
    def __init__(self, suite: Suite, rule: Rule = by_hash) -> None:
        self._suite, self.rule = suite, rule
        self.cases = {case.id: case for case in suite.cases}
        self.closed: list[str] = []

    def articles(self, world: int) -> Articles:
        found = {}
        for one in sources(self._suite.worlds[world]).values():
            ends = [i for i, c in enumerate(one.text) if c == "\n"] + [len(one.text)]
            starts = [0, *(end + 1 for end in ends[:-1])]
            spans = tuple((s, e) for s, e in zip(starts, ends, strict=True) if e > s)
            found[one.id] = ArticleRecord(one.id, one.title, one.text, passages=spans)
        return found

    def fingerprint(self, world: int) -> str:
        return f"fp{world}"

    def options(self) -> Mapping[str, Any]:
        return {"k": 10}

    def in_order(self, cases: tuple[Case, ...]) -> tuple[Case, ...]:
        return cases

    def open_model(self, spec: str) -> FakeModel:
        if spec.startswith("missing:"):
            raise ModelMissing(f"Model {spec!r} is not there.")
        return FakeModel(spec, self)

    def close(self) -> None:
        pass
