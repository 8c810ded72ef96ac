"""Reads case files strictly: whatever cannot be trusted is refused with its line before anything runs."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bot.types import Turn
from evals.errors import CasesRefused
from evals.text import locate
from evals.types import Case, Evidence, Source

_NEEDED = ("id", "question", "answerable")


def read_cases(path: Path, articles: Mapping[str, Source]) -> tuple[Case, ...]:
    """All cases of a file, in order.

    Args:
        articles: By id; evidence must stand in them.

    Raises:
        CasesRefused: With every problem of the file: an unknown key, a repeated id, evidence that is not in
            its article, a regular expression that does not compile, a value of another type.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CasesRefused((f"{path}: cannot be read: {error}",)) from error
    cases: list[Case] = []
    problems: list[str] = []
    first_seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        case, found = _read_line(line, articles)
        if case is not None:
            earlier = first_seen.setdefault(case.id, number)
            if earlier != number:
                found.append(f"id {case.id!r} was already used in line {earlier}")
            cases.append(case)
        problems += [f"{path}:{number}: {problem}" for problem in found]
    if not problems and not cases:
        problems.append(f"{path}: holds no case")
    if problems:
        raise CasesRefused(tuple(problems))
    return tuple(cases)


def _read_line(line: str, articles: Mapping[str, Source]) -> tuple[Case | None, list[str]]:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        return None, [f"not JSON: {error.msg} at character {error.pos + 1}"]
    if not isinstance(fields, dict):
        return None, [f"a case is a JSON object, this is {type(fields).__name__}"]
    problems = _shape_problems(fields)
    if problems:
        return None, problems
    case = _case(fields, articles)
    return case, [*_regex_problems(case), *_evidence_problems(case, articles), *_sense_problems(case)]


def _shape_problems(fields: Mapping[str, Any]) -> list[str]:
    """Unknown and missing keys, and values of another type; JSON's own types are checked by hand."""
    problems = [f"unknown key {key!r}" for key in fields if key not in _SHAPES]
    problems += [f"key {key!r} is missing" for key in _NEEDED if key not in fields]
    for key, value in fields.items():
        check = _SHAPES.get(key)
        if check is not None and not check[0](value):
            problems.append(
                f"{key!r} must be {check[1]}, this is {json.dumps(value, ensure_ascii=False)[:80]}"
            )
    return problems


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_history(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, dict)
        and set(turn) == {"question", "answer"}
        and all(isinstance(text, str) for text in turn.values())
        for turn in value
    )


def _is_evidence(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and set(item) == {"article", "quote"}
        and _is_text(item["article"])
        and (item["quote"] is None or _is_text(item["quote"]))
        for item in value
    )


def _is_groups(value: object) -> bool:
    return isinstance(value, list) and all(_is_strings(group) and group for group in value)


def _is_day(value: object) -> bool:
    if value is None:
        return True
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


_SHAPES: dict[str, tuple[Callable[[object], bool], str]] = {
    "id": (_is_text, "text"),
    "question": (lambda value: isinstance(value, str), "text"),
    "answerable": (_is_bool, "true or false"),
    "holdout": (_is_bool, "true or false"),
    "abstain_ok": (_is_bool, "true or false"),
    "answers": (_is_strings, "a list of texts"),
    "none_of": (_is_strings, "a list of texts"),
    "tags": (_is_strings, "a list of texts"),
    "all_of": (_is_groups, "a list of lists of texts, none of them empty"),
    "history": (_is_history, "a list of objects with question and answer"),
    "evidence": (_is_evidence, "a list of objects with article and quote (a text or null)"),
    "as_of": (_is_day, "a day as YYYY-MM-DD, or null"),
    "type": (_is_text, "text"),
    "reference": (lambda value: isinstance(value, str), "text"),
    "language": (_is_text, "text"),
}


def _case(fields: Mapping[str, Any], articles: Mapping[str, Source]) -> Case:
    evidence = tuple(Evidence(item["article"], item["quote"]) for item in fields.get("evidence", []))
    tags = tuple(fields.get("tags", []))
    as_of = fields.get("as_of")
    return Case(
        id=fields["id"],
        question=fields["question"],
        answerable=fields["answerable"],
        history=tuple(Turn(turn["question"], turn["answer"]) for turn in fields.get("history", [])),
        answers=tuple(fields.get("answers", [])),
        all_of=tuple(tuple(group) for group in fields.get("all_of", [])),
        none_of=tuple(fields.get("none_of", [])),
        evidence=evidence,
        as_of=date.fromisoformat(as_of) if as_of else None,
        type=fields.get("type") or _type_from(tags, fields["answerable"]),
        tags=tags,
        holdout=fields.get("holdout", False),
        abstain_ok=fields.get("abstain_ok", False),
        reference=fields.get("reference", ""),
        language=fields.get("language") or _language(evidence, articles),
    )


def _type_from(tags: Iterable[str], answerable: bool) -> str:
    """For files that name no types: what their tags say of answerability."""
    known = [tag for tag in tags if tag in ("partial", "underspecified")]
    return known[0] if known else "answerable" if answerable else "unanswerable"


def _language(evidence: tuple[Evidence, ...], articles: Mapping[str, Source]) -> str:
    languages = [articles[item.article].language for item in evidence if item.article in articles]
    return next((language for language in languages if language), "en")


def _regex_problems(case: Case) -> list[str]:
    problems = []
    for key, patterns in (("all_of", [p for group in case.all_of for p in group]), ("none_of", case.none_of)):
        for pattern in patterns:
            try:
                re.compile(pattern, re.IGNORECASE)
            except re.error as error:
                problems.append(f"{key} {pattern!r} is no regular expression: {error}")
    return problems


def _evidence_problems(case: Case, articles: Mapping[str, Source]) -> list[str]:
    problems = []
    for item in case.evidence:
        article = articles.get(item.article)
        if article is None:
            problems.append(f"evidence names article {item.article!r}, which is not there")
        elif item.quote is not None and locate(article.text, item.quote) is None:
            problems.append(f"evidence {item.quote[:70]!r} is not in article {item.article!r}")
    return problems


def _sense_problems(case: Case) -> list[str]:
    if case.answerable and not (case.answers or case.all_of or case.none_of or case.abstain_ok):
        return ["an answerable case needs answers, all_of or none_of"]
    if not case.answerable and (case.answers or case.all_of):
        return ["an unanswerable case has no answers and no all_of"]
    return []
