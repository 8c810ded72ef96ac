"""What an answer costs beyond its model: first token and whole answer against the bare engine."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.models.base import Engine, EngineOptions, Limits, Message, PrefixState, Reply
from evals.bench import BenchOptions, Line, Measured, line, seed_library

_PRIMING = "What was agreed?"
_ASKED = ("Who signed the agreement?", "When was the deal signed?", "Where was the agreement signed?")


class _Recorder(Engine):
    """An engine that keeps the messages of every draft, so that the bare engine gets the same prompt."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self.spec, self.digest, self.context_tokens = inner.spec, inner.digest, inner.context_tokens
        self.adapter, self.one_state = inner.adapter, inner.one_state
        self.drafts: list[tuple[tuple[Message, ...], Limits]] = []

    def stream(
        self, messages: Sequence[Message], limits: Limits, cancel: Any = None
    ) -> Iterator[str | Reply]:
        self.drafts.append((tuple(messages), limits))
        return self.inner.stream(messages, limits, cancel)

    def answer(
        self, messages: Sequence[Message], limits: Limits, cancel: Any = None
    ) -> Iterator[str | Reply]:
        self.drafts.append((tuple(messages), limits))
        return self.inner.answer(messages, limits, cancel)

    def log_odds(self, *arguments: Any, **named: Any) -> float | None:
        return self.inner.log_odds(*arguments, **named)

    def scores(self, *arguments: Any, **named: Any) -> tuple[float, ...] | None:
        return self.inner.scores(*arguments, **named)

    def token_ids(self, text: str) -> tuple[int, ...] | None:
        return self.inner.token_ids(text)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return self.inner.count_tokens(messages)

    def prepare(self, prefix: Sequence[Message], key: str, cancel: Any = None) -> PrefixState:
        return self.inner.prepare(prefix, key, cancel)

    def close(self) -> None:
        self.inner.close()


def _chain(library: Any, engine: Engine) -> Any:
    from bot.chain import AnswerChain

    return AnswerChain(library, engine)


def _first_piece_s(engine: Engine, messages: Sequence[Message], limits: Limits) -> tuple[float, float]:
    """Seconds to the first token and to the last."""
    began = time.perf_counter()
    first = None
    for piece in engine.stream(messages, limits):
        if first is None and isinstance(piece, str) and piece:
            first = time.perf_counter() - began
    total = time.perf_counter() - began
    return (total if first is None else first), total


def first_token(options: BenchOptions) -> Measured:
    """Time to the first token, with the article ingested and its state kept, against the engine alone.

    `warm_first_token_s`: a loaded process, a new question about an article asked about before.
    `fresh_process_first_token_s`: `citewire ask` from its start, no model loaded anywhere.
    `next_command_first_token_s`: the same while the model of the command before is still loaded.
    `bare_engine_cold_first_token_s`: the loaded engine alone, the same prompt, nothing kept.
    `bare_engine_warm_first_token_s`: the same prompt when the engine has just read the article.
    """
    from bot.ahead import read_ahead
    from bot.models.opening import open_engine
    from bot.types import TokenWritten
    from store.library import Library

    with seed_library() as (path, embedder):
        states = str(path / "kv")
        engine = _Recorder(open_engine(options.model, EngineOptions(states_dir=states)))
        warm: list[float] = []
        bare_warm: list[float] = []
        with closing(engine), Library.open(path, embedder=embedder) as library:
            ingested = [one.id for one in library.summaries()]
            ahead = read_ahead(library, engine, ingested, budget_bytes=4 * 1024**3)
            chain = _chain(library, engine)
            for question in (_PRIMING, *(_ASKED[n % len(_ASKED)] for n in range(options.repeat))):
                began, first = time.perf_counter(), None
                for event in chain.events(question):
                    if first is None and isinstance(event, TokenWritten):
                        first = time.perf_counter() - began
                if question != _PRIMING and first is not None:
                    warm.append(first)
            draft, limits = engine.drafts[-1]
            for _ in range(options.repeat):
                engine.log_odds([*draft[:-1], Message("user", "Is this so? Reply Yes or No.")])
                bare_warm.append(_first_piece_s(engine.inner, draft, limits)[0])
        options.notify("first-token: the bare engine, cold")
        cold, cold_whole = zip(
            *(_cold_s(options.model, draft, limits) for _ in range(options.repeat)), strict=True
        )
        options.notify("first-token: fresh processes")
        asked = [_ASKED[n % len(_ASKED)] for n in range(options.repeat)]
        told = _commands(path, options.model, asked, keep_s=0)
        following = _commands(path, options.model, [_PRIMING, *asked], keep_s=30)[1:]
    figures = {
        "warm_first_token_s": statistics.median(warm) if warm else None,
        "bare_engine_cold_first_token_s": statistics.median(cold),
        "bare_engine_warm_first_token_s": statistics.median(bare_warm),
        "fresh_process_evidence_s": _median([one.evidence_s for one in told]),
        "fresh_process_first_token_s": _median([one.first_token_s for one in told]),
        "fresh_process_answer_s": _median([one.answer_s for one in told]),
        "next_command_evidence_s": _median([one.evidence_s for one in following]),
        "next_command_first_token_s": _median([one.first_token_s for one in following]),
        "next_command_answer_s": _median([one.answer_s for one in following]),
        "bare_engine_cold_draft_s": statistics.median(cold_whole),
        "read_ahead_s": ahead.seconds,
        "state_bytes": float(ahead.bytes),
    }
    return Measured(
        "first-token", _with_overhead(figures), _first_token_lines(figures), _MODEL.format(options.model)
    )


_MODEL = "Model: {}."


def _with_overhead(figures: dict[str, float | None]) -> dict[str, float | None]:
    warm, bare, cold = (
        figures[name]
        for name in ("warm_first_token_s", "bare_engine_warm_first_token_s", "bare_engine_cold_first_token_s")
    )
    overhead = warm - bare if warm is not None and bare is not None else None
    share = warm / cold if warm is not None and cold else None
    fresh, following = figures["fresh_process_first_token_s"], figures["next_command_first_token_s"]
    return {
        **figures,
        "own_overhead_s": overhead,
        "warm_share_of_cold": share,
        "fresh_share_of_cold": fresh / cold if fresh is not None and cold else None,
        "next_share_of_cold": following / cold if following is not None and cold else None,
    }


def _first_token_lines(figures: dict[str, float | None]) -> tuple[Line, ...]:
    cold = figures["bare_engine_cold_first_token_s"] or 0.0
    lines = []
    for name, label in (
        ("warm_first_token_s", "first token, article's state kept"),
        ("fresh_process_first_token_s", "first token, fresh process"),
        ("next_command_first_token_s", "first token, model kept from the command before"),
    ):
        value = figures[name]
        if value is None:
            lines.append(Line(label, "not measured"))
        else:
            lines.append(line(label, value, cold, "s", against="bare engine, cold"))
    draft = figures["bare_engine_cold_draft_s"] or 0.0
    for name, label in (
        ("fresh_process_answer_s", "whole answer, fresh process"),
        ("next_command_answer_s", "whole answer, model kept from the command before"),
    ):
        if (answer := figures[name]) is not None:
            lines.append(line(label, answer, draft, "s", against="bare draft, cold"))
    return tuple(lines)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _cold_s(model: str, messages: Sequence[Message], limits: Limits) -> tuple[float, float]:
    """First and last token of an engine that is loaded and has read nothing of this prompt."""
    from bot.models.opening import open_engine

    engine = open_engine(model, EngineOptions())
    try:
        warm_up = Limits(max_tokens=1)
        for _ in engine.stream([Message("user", "Hello")], warm_up):
            pass
        return _first_piece_s(engine, messages, limits)
    finally:
        engine.close()


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Seconds from starting `citewire ask` to the passages, the first token and the end."""

    evidence_s: float
    first_token_s: float
    answer_s: float


def _commands(library: Path, model: str, questions: Sequence[str], *, keep_s: int) -> list[_Fresh]:
    """Times of `citewire ask`, once a question; in a runtime folder of their own, so that no other model is found."""
    with tempfile.TemporaryDirectory(prefix="cw-") as runtime:
        env = {**os.environ, "XDG_RUNTIME_DIR": runtime, "CITEWIRE_KEEP_LOADED_S": str(keep_s)}
        found = [_fresh_process_s(library, model, question, env) for question in questions]
        ended = [sys.executable, "-m", "bot", "models", "unload"]
        subprocess.run(ended, env=env, stdout=subprocess.DEVNULL, check=True)
    return [one for one in found if one is not None]


def _fresh_process_s(library: Path, model: str, question: str, env: Mapping[str, str]) -> _Fresh | None:
    """None where no token came."""
    command = [sys.executable, "-m", "bot", "ask", "--ndjson", "--library", str(library), "--model", model]
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, question],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**env, "PYTHONUNBUFFERED": "1"},
        text=True,
    ) as process:
        assert process.stdout is not None
        seen: dict[str, float] = {}
        for event in process.stdout:
            seen.setdefault(json.loads(event)["event"], time.perf_counter() - began)
    if not {"retrieved", "token", "answer"} <= seen.keys():
        return None
    return _Fresh(seen["retrieved"], seen["token"], seen["answer"])


def whole_answer(options: BenchOptions) -> Measured:
    """A whole checked and cited answer against the same draft from the bare engine, both warm."""
    from bot.models.opening import open_engine
    from store.library import Library

    ours: list[float] = []
    bare: list[float] = []
    with seed_library() as (path, embedder):
        engine = _Recorder(open_engine(options.model, EngineOptions()))
        with closing(engine), Library.open(path, embedder=embedder) as library:
            chain = _chain(library, engine)
            chain.invoke(_PRIMING)
            for n in range(max(3, options.repeat)):
                engine.drafts.clear()
                began = time.perf_counter()
                chain.invoke(_ASKED[n % len(_ASKED)])
                ours.append(time.perf_counter() - began)
                if engine.drafts:
                    bare.append(sum(_first_piece_s(engine.inner, *draft)[1] for draft in engine.drafts))
    figures = {
        "answer_s": statistics.median(ours),
        "bare_draft_s": _median(bare),
        "times_bare": statistics.median(ours) / statistics.median(bare) if bare else None,
    }
    shown = (
        line(
            "whole answer", figures["answer_s"] or 0, figures["bare_draft_s"] or 0, "s", against="bare draft"
        ),
    )
    return Measured("answer", figures, shown, _MODEL.format(options.model))


def follow_ups(options: BenchOptions) -> Measured:
    """Prompt tokens a real Ollama evaluates for a second question about the same article, by its own counts."""
    from bot.models.opening import open_engine
    from store.library import Library

    with seed_library() as (path, embedder):
        engine = open_engine(options.ollama_model, EngineOptions())
        with closing(engine), Library.open(path, embedder=embedder) as library:
            chain = _chain(library, engine)
            began = time.perf_counter()
            chain.invoke(_PRIMING)
            first_s = time.perf_counter() - began
            answers = [chain.invoke(question) for question in _ASKED]
    sent = [answer.tokens.prompt for answer in answers]
    kept = [answer.tokens.cached for answer in answers]
    read = [p - c for p, c in zip(sent, kept, strict=True) if p is not None and c is not None]
    figures = {
        "prompt_tokens": _median(sent),
        "evaluated_tokens": statistics.median(read) if read else None,
        "first_answer_s": first_s,
        "follow_up_answer_s": _median([answer.timings_s.get("total") for answer in answers]),
        "follow_up_first_token_s": _median([answer.timings_s.get("first_token") for answer in answers]),
    }
    shown = [
        Line("follow-up answer", f"{figures['follow_up_answer_s']:.3g} s", f"{first_s:.3g} s (first answer)")
    ]
    if read:
        evaluated, whole = figures["evaluated_tokens"] or 0, figures["prompt_tokens"] or 0
        shown.append(
            line("prompt tokens evaluated", evaluated, whole, "tokens", against="tokens of the prompt")
        )
    note = "" if read else "This server does not say how many prompt tokens it kept; see the times."
    return Measured("ollama", figures, tuple(shown), f"{_MODEL.format(options.ollama_model)} {note}".strip())
