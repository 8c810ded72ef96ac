"""Eval runs as the page shows them, read from the files an eval leaves; nothing of `evals` is imported.

RUN/suite.json           the cases
RUN/models/NAME.jsonl    line 1 the header, then one result a line
RUN/scores.json          right or wrong by model and case, where a report was made
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from store.errors import InputRefused

_MOST_BYTES = 64 * 1024 * 1024


class NoSuchRun(InputRefused):
    http_status = 404


def find_runs(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Every run folder with its models and how many results each has, newest first."""
    found = []
    for folder in _run_folders(folders):
        models = [_head(path) for path in sorted((folder / "models").glob("*.jsonl"))
                  if not path.name.endswith(".times.jsonl")]  # fmt: skip
        found.append(
            {"name": folder.name, "changed": int((folder / "models").stat().st_mtime), "models": models}
        )
    return sorted(found, key=lambda run: -run["changed"])


def _run_folders(folders: Sequence[Path]) -> Iterator[Path]:
    for parent in folders:
        if parent.is_dir():
            for folder in sorted(parent.iterdir()):
                if (folder / "models").is_dir() and not folder.is_symlink():
                    yield folder


def _head(path: Path) -> dict[str, Any]:
    lines = _lines(path)
    header = next(lines, {})
    results = list(lines)
    return {
        "model": header.get("model", path.stem),
        "results": len(results),
        "failed": sum("failure" in r for r in results),
    }


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines only: a run may be writing right now."""
    if path.stat().st_size > _MOST_BYTES:
        raise InputRefused(f"{path.name} is larger than {_MOST_BYTES:,} bytes; use `citewire eval report`.")
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(found, dict):
                yield found


def read_run(folders: Sequence[Path], name: str) -> dict[str, Any]:
    """Figures by model and by question type, and each case some model got wrong.

    Raises:
        NoSuchRun: No run folder of this name.
    """
    folder = next((f for f in _run_folders(folders) if f.name == name), None)
    if folder is None:
        raise NoSuchRun(f"There is no eval run {name[:80]!r}. Make one with: citewire eval run")
    cases = _cases(folder / "suite.json")
    models = []
    for path in sorted((folder / "models").glob("*.jsonl")):
        if path.name.endswith(".times.jsonl"):
            continue
        lines = _lines(path)
        header = next(lines, {})
        models.append(_model(str(header.get("model", path.stem)), list(lines), cases))
    return {"name": name, "cases": len(cases), "models": models}


def _cases(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        suite = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return {
        str(case["id"]): case for case in suite.get("cases", ()) if isinstance(case, dict) and "id" in case
    }


def _model(
    spec: str, results: list[dict[str, Any]], cases: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    right: dict[str, list[int]] = {}
    wrong = []
    unscored = 0
    for result in results:
        case = cases.get(str(result.get("case")))
        if case is None:
            unscored += 1
            continue
        verdict = is_right(case, result.get("answer"))
        if verdict is None:
            unscored += 1
            continue
        counts = right.setdefault(str(case.get("type") or "other"), [0, 0])
        counts[0] += verdict
        counts[1] += 1
        if not verdict:
            wrong.append(_wrong(case, result))
    return {
        "model": spec,
        "right": sum(c[0] for c in right.values()),
        "scored": sum(c[1] for c in right.values()),
        "unscored": unscored,
        "types": {name: {"right": c[0], "scored": c[1]} for name, c in sorted(right.items())},
        "wrong": wrong,
    }


def is_right(case: Mapping[str, Any], answer: Mapping[str, Any] | None) -> bool | None:
    """As the format of a case says (docs: "File formats"); a failed answer is wrong, no rule is None."""
    if answer is None:
        return False
    abstained = bool(answer.get("abstained"))
    if not case.get("answerable", True):
        return abstained
    if abstained:
        return bool(case.get("abstain_ok"))
    text = str(answer.get("answer", ""))
    if case.get("all_of") or case.get("none_of"):
        met = all(any(re.search(p, text, re.I) for p in group) for group in case.get("all_of", ()))
        return met and not any(re.search(p, text, re.I) for p in case.get("none_of", ()))
    wanted = [_plain(a) for a in case.get("answers", ()) if _plain(a)]
    return any(a in _plain(text) for a in wanted) if wanted else None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.casefold()).split())


def _wrong(case: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    answer = result.get("answer") or {}
    return {
        "case": case["id"],
        "type": case.get("type"),
        "question": case.get("question"),
        "wanted": list(case.get("answers") or ())
        or (["to abstain"] if not case.get("answerable", True) else []),
        "said": answer.get("answer", ""),
        "abstained": bool(answer.get("abstained")),
        "failure": (result.get("failure") or {}).get("message"),
        "evidence": [e.get("quote") for e in case.get("evidence", ()) if isinstance(e, dict)],
        "cited": [c.get("quote") for s in answer.get("statements", ()) for c in s.get("citations", ())],
    }
