"""Asks every case of every model, one model at a time, and writes each answer down before the next."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bot.errors import ModelUnavailable
from bot.types import Answer, Finished, Question, TokenWritten
from evals import provenance
from evals.records import Ledger, write_suite
from evals.types import Case, Failure, Result, Suite
from evals.workbench import Chain, Workbench
from store.errors import CitewireError

Judge = Callable[[Case, Mapping[str, Any]], Mapping[str, Any]]
"""A model's opinion of an answer, kept apart from the scores."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one model.

    Attributes:
        asked: Cases asked now; those of an earlier session are not among them.
        missing: Why the model could not be opened; "" when it could.
    """

    spec: str
    asked: int
    failed: int
    seconds: float
    missing: str = ""


def run(
    suite: Suite,
    cases: tuple[Case, ...],
    specs: Sequence[str],
    out: Path,
    workbench: Workbench,
    *,
    selection: Mapping[str, Any] | None = None,
    judge: Judge | None = None,
    judge_spec: str = "",
) -> tuple[Done, ...]:
    """Runs the cases over the models; a run that was interrupted goes on where it was.

    A case that fails is recorded as failed, with the kind of its error, and never asked again. A model that
    cannot be opened is reported and the others run.

    Args:
        cases: Those of the suite to ask.
        selection: How they were chosen, for the header.

    Raises:
        RunDamaged: The folder holds runs over other cases, or of a program that differs.
    """
    out.mkdir(parents=True, exist_ok=True)
    worlds = tuple(workbench.articles(number) for number in range(len(suite.worlds)))
    write_suite(out, suite, worlds)
    ordered = workbench.in_order(cases)
    shared = _header(suite, ordered, workbench, selection or {}, judge_spec)
    return tuple(_run_model(spec, shared, ordered, out, workbench, judge) for spec in specs)


def _header(
    suite: Suite, cases: tuple[Case, ...], workbench: Workbench, selection: Mapping[str, Any], judge_spec: str
) -> dict[str, Any]:
    """What all models of this run share; equal headers mean that answers can be compared."""
    return {
        "format": 1,
        "suite": suite.name,
        "suite_sha256": suite.sha256,
        "cases": [case.id for case in cases],
        "selection": dict(selection),
        "index": [workbench.fingerprint(number) for number in range(len(suite.worlds))],
        "options": dict(workbench.options()),
        "prompts": provenance.prompt_hashes(),
        "code_sha256": provenance.code_sha256(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "git": provenance.git_state(),
        "judge": judge_spec,
    }


def _run_model(
    spec: str,
    shared: Mapping[str, Any],
    cases: tuple[Case, ...],
    out: Path,
    workbench: Workbench,
    judge: Judge | None,
) -> Done:
    began = time.perf_counter()
    try:
        model = workbench.open_model(spec)
    except ModelUnavailable as error:
        return Done(spec, 0, 0, 0.0, missing=str(error))
    try:
        ledger = Ledger(out, spec)
        header = {"model": spec, "model_digest": model.digest, **shared}
        done = ledger.begin(header, {"started": _now(), "git": shared["git"]})
        left = [case for case in cases if case.id not in done]
        failed = 0
        with _progress(spec, len(cases), len(done)) as step:
            for case in left:
                result = ask(case, partial(model.chain, case.world))
                if judge is not None and result.answer is not None:
                    result = replace(result, judge=judge(case, result.answer))
                ledger.add(result)
                failed += result.failure is not None
                step(failed)
        seconds = time.perf_counter() - began
        if left:
            ledger.end({"ended": _now(), "asked": len(left), "failed": failed, "seconds": round(seconds, 3)})
    finally:
        model.close()
    return Done(spec, len(left), failed, seconds)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def ask(case: Case, chain: Callable[[], Chain]) -> Result:
    """One case; whatever goes wrong becomes its failure, so that a bad case never ends a run."""
    from bot.wire import answer_to_json

    question = Question(case.question, case.history, case.as_of, id=case.id)
    written: list[float] = []
    answer: Answer | None = None
    try:
        for event in chain().events(question):
            if isinstance(event, TokenWritten):
                written.append(time.perf_counter())
            elif isinstance(event, Finished):
                answer = event.answer
        if answer is None:
            raise RuntimeError("the chain ended without an answer")
    except CitewireError as error:
        return Result(case.id, None, Failure(type(error).__name__, str(error)))
    except Exception as error:
        return Result(case.id, None, Failure(type(error).__name__, f"our bug: {error}"))
    as_json = answer_to_json(answer)
    timings, tokens = dict(as_json["timings_s"]), dict(as_json["tokens"])
    if len(written) > 1:
        timings["writing"] = written[-1] - written[0]
        tokens["streamed"] = len(written)
    return Result(case.id, {**as_json, "timings_s": timings, "tokens": tokens})


@contextmanager
def _progress(spec: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
    """A bar with the time left on a terminal, else a line now and then; always on standard error."""
    if not sys.stderr.isatty():
        yield _lines(spec, total, done)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[failed]}"), console=Console(stderr=True)) as bar:
        task = bar.add_task(spec, total=total, completed=done, failed="")
        yield lambda failed: bar.update(task, advance=1, failed=f"{failed} failed" if failed else "")


def _lines(spec: str, total: int, done: int) -> Callable[[int], None]:
    began = time.monotonic()
    state = {"done": float(done), "said": began}

    def step(failed: int) -> None:
        state["done"] += 1
        now = time.monotonic()
        finished = state["done"] == total
        if finished or now - state["said"] >= 30:
            state["said"] = now
            left = (now - began) / (state["done"] - done) * (total - state["done"])
            sys.stderr.write(f"{spec}: {state['done']:.0f} of {total}, {left:.0f} s left, {failed} failed\n")
            sys.stderr.flush()

    return step
