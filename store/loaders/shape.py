"""Finds the parts of a news text: headline, lead, reading time, date line, caption, headings, body."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from store.dates import parse_date_line
from store.types import Published, Section, SectionKind

_MAX_TITLE_CHARS = 200
_MAX_HEADING_CHARS = 80
_MAX_CAPTION_CHARS = 400
_HEAD_LINES = 12
_READ_TIME = re.compile(r"(?:about )?\d{1,3}[ -]?min(?:ute)?s?\.?(?: read)?", re.IGNORECASE)
_CREDITED = re.compile(r".*[\])]\s*")
_CREDIT_BEHIND = re.compile(
    r".*[^.!?\s]\s*(?:\[[^\[\]]{2,60}\]|\([^()]{0,60}(?:photo|image|picture|/)[^()]{0,60}\))"
    r"|.*\b(?:photo(?:graph(?:er)?)?|picture|image)(?: credit| by)?: [^.!?]{2,60}",
    re.IGNORECASE,
)
"""Words that are no full sentence and end with whose picture it is: "Fishermen on the Selm [Dario Lenk/EPA]"."""
_FINAL = ".!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f:;,\"'\u201d\u2019\u00bb)]"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank, without surrounding white space; `words` is `text[start:end]`."""

    start: int
    end: int
    words: str
    after_blank: bool
    before_blank: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What the layout of a text tells: its title and date if they are in it, and its parts."""

    title: str | None
    published: Published | None
    sections: tuple[Section, ...]


def read_shape(text: str, *, title: str | None = None) -> Shape:
    """Reads the parts of a text.

    Args:
        title: Known from elsewhere; then a first line is a title only if it says the same.
    """
    lines = tuple(_lines(text))
    if not lines:
        return Shape(None, None, ())
    kinds: dict[int, SectionKind] = {}
    if _is_title(lines, title):
        kinds = {i: "title" for i in range(min(4, len(lines))) if lines[i].words == lines[0].words}
    found = lines[0].words if kinds else None
    published = _head(lines, kinds)
    _headings(lines, kinds)
    for i, line in enumerate(lines):
        credited = len(line.words) <= _MAX_CAPTION_CHARS and _CREDIT_BEHIND.fullmatch(line.words)
        if credited and kinds.get(i, "body") in ("body", "heading"):
            kinds[i] = "caption"
    return Shape(found, published, tuple(_sections(lines, kinds)))


def _is_title(lines: tuple[Line, ...], title: str | None) -> bool:
    first = lines[0].words
    if title is not None:
        return first.casefold() == title.strip().casefold()
    if len(lines) == 1 or len(first) > _MAX_TITLE_CHARS or parse_date_line(first) is not None:
        return False
    return first in (line.words for line in lines[1:4]) or first[-1] not in ".;,:"


def _head(lines: tuple[Line, ...], kinds: dict[int, SectionKind]) -> Published | None:
    """Marks lead, reading time, date line and caption among the first lines, and returns the date."""
    marks: dict[int, SectionKind] = {}
    published = None
    for i, line in enumerate(lines[:_HEAD_LINES]):
        if i in kinds:
            continue
        if "read_time" not in marks.values() and _READ_TIME.fullmatch(line.words):
            marks[i] = "read_time"
        elif published is None and (published := parse_date_line(line.words)) is not None:
            marks[i] = "date"
    if not marks:
        return published
    last = max(marks)
    caption = last + 1
    if caption < len(lines) - 1 and _is_caption(lines[caption]):
        marks[caption] = "caption"
    kinds |= marks
    # Between the headline and the first mark stands the lead; with no headline it may be the story itself.
    if 0 in kinds:
        kinds |= {i: "lead" for i in range(min(marks)) if i not in kinds}
    return published


def _is_caption(line: Line) -> bool:
    """A picture's words end with a credit in brackets, or stand on top of the story without a full stop."""
    if len(line.words) > _MAX_CAPTION_CHARS:
        return False
    if _CREDITED.fullmatch(line.words):
        return True
    return not line.after_blank and not line.before_blank and line.words[-1] not in _FINAL


def _headings(lines: tuple[Line, ...], kinds: dict[int, SectionKind]) -> None:
    start = max(kinds) + 1 if kinds else 0
    for i in range(max(start, 1), len(lines) - 1):
        line = lines[i]
        alone = line.after_blank and line.before_blank
        worded = any(character.isalpha() for character in line.words)
        if alone and worded and len(line.words) <= _MAX_HEADING_CHARS and line.words[-1] not in _FINAL:
            kinds[i] = "heading"


def _sections(lines: tuple[Line, ...], kinds: dict[int, SectionKind]) -> Iterator[Section]:
    """One section for each marked line, and one for each run of body lines between them."""
    body: tuple[int, int] | None = None
    for i, line in enumerate(lines):
        kind = kinds.get(i, "body")
        if kind == "body":
            body = (body[0] if body else line.start, line.end)
            continue
        if body:
            yield Section("body", *body)
            body = None
        yield Section(kind, line.start, line.end)
    if body:
        yield Section("body", *body)


def _lines(text: str) -> Iterator[Line]:
    spans: list[tuple[int, int, bool]] = []
    start, blank = 0, True
    for raw in text.split("\n"):
        words = raw.strip()
        if words:
            first = start + raw.index(words)
            spans.append((first, first + len(words), blank))
        blank = not words
        start += len(raw) + 1
    for i, (first, last, after_blank) in enumerate(spans):
        before_blank = spans[i + 1][2] if i + 1 < len(spans) else True
        yield Line(first, last, text[first:last], after_blank, before_blank)
