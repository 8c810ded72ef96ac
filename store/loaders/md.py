"""Markdown with YAML front matter: the text is what follows it, as it was written."""

import re
from collections.abc import Iterator, Mapping

from store.errors import InputRefused
from store.loaders.base import Refusal, decode_noting
from store.loaders.fields import article_from_fields
from store.text import clean
from store.types import Article, Section, SectionKind

_FRONT_MATTER = re.compile(
    r"---[ \t]*\n(?P<yaml>(?s:.){0,20000}?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<words>\S[^\n]*)$", re.MULTILINE)


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """One article; a rendered page would not show HTML comments, so they are removed and counted."""
    decoded, notes = decode_noting(raw)
    cleaned = clean(decoded)
    match = _FRONT_MATTER.match(cleaned.text)
    fields = dict(_front_matter(match["yaml"]) if match else {})
    body, comments = _COMMENT.subn("", cleaned.text[match.end() :] if match else cleaned.text)
    body = body.lstrip("\n")
    if cleaned.hidden:
        notes = (*notes, f"removed {cleaned.hidden} hidden characters")
    if comments:
        notes = (*notes, f"removed {comments} HTML comments")
    headings = list(_HEADING.finditer(body))
    if "title" not in fields and headings and not body[: headings[0].start()].strip():
        fields["title"] = _words(headings[0])
    sections = tuple(_sections(body, headings, fields.get("title")))
    yield article_from_fields(
        fields, name=name, origin="front_matter", text=body, notes=notes, sections=sections or None
    )


def _front_matter(text: str) -> Mapping[str, object]:
    import yaml

    try:
        fields = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2017-13-40
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f" at line {line + 2}" if line is not None else ""
        raise InputRefused(f"front matter is not valid YAML{where}") from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise InputRefused("front matter must be lines of 'name: value'")
    return {str(key).lower(): value for key, value in fields.items()}


def _sections(body: str, headings: list[re.Match[str]], title: object) -> Iterator[Section]:
    """Nothing for a text without marked headings, whose layout is then read like plain text."""
    if not headings:
        return
    start = 0
    for heading in headings:
        yield from _body(body, start, heading.start())
        first = not body[: heading.start()].strip()
        kind: SectionKind = "title" if first and _words(heading) == title else "heading"
        start = heading.start() + len(heading[0].rstrip())
        yield Section(kind, heading.start() + len(heading[0]) - len(heading[0].lstrip()), start)
    yield from _body(body, start, len(body))


def _words(heading: re.Match[str]) -> str:
    return heading["words"].rstrip(" \t#")


def _body(text: str, start: int, end: int) -> Iterator[Section]:
    words = text[start:end]
    if words.strip():
        first = start + len(words) - len(words.lstrip())
        yield Section("body", first, first + len(words.strip()))
