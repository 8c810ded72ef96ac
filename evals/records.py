"""The files of a run: what was asked, what came back, and what it cost, readable after any crash.

    OUT/suite.json                the cases and the articles as the library cites them
    OUT/models/NAME.jsonl         line 1 the header, then one result a line, in the suite's order
    OUT/models/NAME.times.jsonl   what differs between two equal runs: when, how long, how many tokens

A run that was killed and resumed has the same NAME.jsonl as one that was not.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from bot.types import Turn
from evals.errors import RunDamaged
from evals.types import ArticleRecord, Articles, Attack, Case, Evidence, Failure, Result, Run, Suite

FORMAT = 1
_VOLATILE = ("id", "timings_s", "tokens", "checks")
_MAY_DIFFER = {"git"}
"""A resumed run may stand on another commit as long as `code_sha256` is the same."""
_DECIMALS = 3
"""Scores are kept to this many decimals: a kept and a recomputed state differ in the last digits."""


def file_name(spec: str) -> str:
    """A model's name as a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", spec).strip("-") or "model"


class Ledger:
    """Appends one model's results, a line at a time, each on disk before the next case is asked."""

    def __init__(self, out: Path, spec: str) -> None:
        folder = out / "models"
        folder.mkdir(parents=True, exist_ok=True)
        self.results_path = folder / f"{file_name(spec)}.jsonl"
        self.times_path = folder / f"{file_name(spec)}.times.jsonl"

    def begin(self, header: Mapping[str, Any], session: Mapping[str, Any]) -> frozenset[str]:
        """Writes the header, or finds the same one there.

        Returns: Ids of the cases that are done already.

        Raises:
            RunDamaged: The file holds another run, or no run.
        """
        for path in (self.results_path, self.times_path):
            _drop_torn_line(path)
        kept = read_lines(self.results_path)
        if kept:
            now = json.loads(json.dumps(header))
            keys = {*now, *kept[0]} - _MAY_DIFFER
            different = sorted(key for key in keys if kept[0].get(key) != now.get(key))
            if different:
                raise RunDamaged(
                    f"{self.results_path} holds another run (other {', '.join(different)}). "
                    "Choose another --out, or move that file away."
                )
        else:
            _append(self.results_path, header)
        _append(self.times_path, {"session": dict(session)})
        return frozenset(line["case"] for line in kept[1:])

    def add(self, result: Result) -> None:
        """The times go first, so that a result on disk always has its times."""
        answer = dict(result.answer) if result.answer is not None else None
        if answer is not None:
            costs = {key: answer.pop(key) for key in _VOLATILE if key in answer}
            scores = [statement.get("score") for statement in answer.get("statements", ())]
            _append(self.times_path, {"case": result.case_id, **costs, "scores": scores})
            answer = _without_scores(answer)
        line: dict[str, Any] = {"case": result.case_id}
        if answer is not None:
            line["answer"] = _settled(answer)
        if result.failure is not None:
            line["failure"] = asdict(result.failure)
        if result.judge:
            line["judge"] = dict(result.judge)
        _append(self.results_path, line)

    def end(self, session: Mapping[str, Any]) -> None:
        """Notes what this session took."""
        _append(self.times_path, {"session": dict(session)})


def _without_scores(value: Any) -> Any:  # Any: it walks JSON
    """Statements without their scores: an engine's log-odds differ in the second decimal with what it had in its cache."""
    if isinstance(value, dict):
        return {
            key: _without_scores(item)
            for key, item in value.items()
            if not (key == "score" and "support" in value)
        }
    return [_without_scores(item) for item in value] if isinstance(value, list) else value


def _append(path: Path, line: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _drop_torn_line(path: Path) -> None:
    """A line that was being written when the machine stopped has no end; the case is asked again."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))


def _settled(value: Any) -> Any:  # Any: it walks JSON
    """The answer without the texts of its hits, which the suite file has, and with rounded numbers."""
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, dict):
        settled = {key: _settled(item) for key, item in value.items()}
        if "hits" in settled:
            settled["hits"] = [{k: v for k, v in hit.items() if k != "text"} for hit in settled["hits"]]
        return settled
    return [_settled(item) for item in value] if isinstance(value, list) else value


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Every line of a file as JSON; an absent file has none.

    Raises:
        RunDamaged: A line that is not JSON.
    """
    if not path.exists():
        return []
    return list(_objects(path))


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line:
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise RunDamaged(f"{path}:{number} is not JSON. Delete that line and resume.") from error


def write_suite(out: Path, suite: Suite, worlds: tuple[Articles, ...]) -> None:
    """Everything a report needs of the suite, replaced as a whole.

    Raises:
        RunDamaged: The folder holds runs over another suite.
    """
    path = out / "suite.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")).get("sha256") != suite.sha256:
        raise RunDamaged(f"{out} holds runs over other cases or articles. Choose another --out.")
    content = {
        "format": FORMAT,
        "name": suite.name,
        "sha256": suite.sha256,
        "cases": [_case_to_json(case) for case in suite.cases],
        "worlds": [[asdict(article) for article in world.values()] for world in worlds],
    }
    partial = out / "suite.json.part"
    partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def _case_to_json(case: Case) -> dict[str, Any]:
    return {**asdict(case), "as_of": case.as_of.isoformat() if case.as_of else None}


def _case_from_json(fields: Mapping[str, Any]) -> Case:
    return Case(
        **{
            **fields,
            "history": tuple(Turn(**turn) for turn in fields["history"]),
            "answers": tuple(fields["answers"]),
            "all_of": tuple(tuple(group) for group in fields["all_of"]),
            "none_of": tuple(fields["none_of"]),
            "evidence": tuple(Evidence(**item) for item in fields["evidence"]),
            "as_of": date.fromisoformat(fields["as_of"]) if fields["as_of"] else None,
            "tags": tuple(fields["tags"]),
            "attack": Attack(**fields["attack"]) if fields["attack"] else None,
        }
    )


def _article(fields: Mapping[str, Any]) -> ArticleRecord:
    return ArticleRecord(**{**fields, "passages": tuple((start, end) for start, end in fields["passages"])})


def read_runs(out: Path) -> tuple[Run, ...]:
    """All runs of a folder, one a model, in the order of their names; or the one run of a results file.

    Raises:
        RunDamaged: The folder holds no run, or a file cannot be read.
    """
    files = [out] if out.is_file() else sorted((out / "models").glob("*.jsonl"))
    files = [path for path in files if not path.name.endswith(".times.jsonl")]
    if not files:
        raise RunDamaged(f"{out} holds no run. Make one with: citewire eval run --cases deal --out {out}")
    suite_path = files[0].parent.parent / "suite.json"
    try:
        suite = json.loads(suite_path.read_text(encoding="utf-8"))
        cases = tuple(_case_from_json(case) for case in suite["cases"])
        worlds = tuple({a["id"]: _article(a) for a in world} for world in suite["worlds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunDamaged(f"{suite_path} cannot be read ({error}). Run the evaluation again.") from error
    return tuple(_read_run(path, cases, worlds) for path in files)


def _read_run(path: Path, cases: tuple[Case, ...], worlds: tuple[Articles, ...]) -> Run:
    lines = read_lines(path)
    if not lines or "model" not in lines[0]:
        raise RunDamaged(f"{path} has no header. Run the evaluation again.")
    times = read_lines(path.with_name(path.name.removesuffix(".jsonl") + ".times.jsonl"))
    costs = {line["case"]: line for line in times if "case" in line}
    results = {}
    for line in lines[1:]:
        answer = line.get("answer")
        if answer is not None:
            answer = {"timings_s": {}, "tokens": {}, "checks": {}, **answer, **costs.get(line["case"], {})}
            for statement, score in zip(answer.get("statements", ()), answer.pop("scores", ()), strict=False):
                statement["score"] = score
        failure = Failure(**line["failure"]) if line.get("failure") else None
        results[line["case"]] = Result(line["case"], answer, failure, line.get("judge", {}))
    wanted = set(lines[0]["cases"])
    sessions = tuple(line["session"] for line in times if "session" in line)
    asked = tuple(case for case in cases if case.id in wanted)
    return Run(str(lines[0]["model"]), lines[0], asked, worlds, results, sessions)
