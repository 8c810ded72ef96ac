"""Named fields become an article: those of a JSON line, a table row, front matter."""

from collections.abc import Mapping
from datetime import date

from store.dates import parse_published
from store.errors import InputRefused
from store.loaders.base import article_from
from store.types import Article, DateOrigin, Section

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "title": ("title", "headline"),
    "text": ("text", "body", "content", "article"),
    "published": ("published", "date", "published_at", "publish_date", "pubdate"),
    "source": ("source", "outlet", "publisher"),
    "url": ("url", "link"),
    "authors": ("authors", "author", "byline"),
    "language": ("language", "lang"),
}


def article_from_fields(
    fields: Mapping[str, object],
    *,
    name: str,
    origin: DateOrigin,
    text: str | None = None,
    notes: tuple[str, ...] = (),
    sections: tuple[Section, ...] | None = None,
) -> Article:
    """Makes an article; unknown fields are ignored.

    Args:
        text: Where the words are not a field of their own, such as below front matter.

    Raises:
        InputRefused: A field has a value of the wrong kind, or there is no text.
    """
    words = text if text is not None else _words(fields)
    given = _string(fields, "published")
    published = parse_published(given, origin) if given else None
    if given and published is None:
        notes = (*notes, f"date {given[:40]!r} could not be read")
    return article_from(
        words,
        name=name,
        id=_string(fields, "id"),
        title=_string(fields, "title"),
        published=published,
        source=_string(fields, "source"),
        url=_string(fields, "url"),
        authors=_strings(fields, "authors"),
        language=_string(fields, "language"),
        notes=notes,
        sections=sections,
    )


def kind_of(value: object) -> str:
    """What a JSON or YAML value is, for messages."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "missing"}
    return names.get(type(value), "a number")


def spelling_of(field: str, names: Mapping[str, object]) -> str | None:
    """The name under which a field is there; the first of its spellings."""
    return next((name for name in _SPELLINGS[field] if names.get(name) is not None), None)


def _words(fields: Mapping[str, object]) -> str:
    spelling = spelling_of("text", fields)
    value = fields[spelling] if spelling else None
    if not isinstance(value, str):
        raise InputRefused(f'no "text"; an article needs "text" as a string, here it is {kind_of(value)}')
    return value


def _string(fields: Mapping[str, object], field: str) -> str | None:
    spelling = spelling_of(field, fields)
    value = fields[spelling] if spelling else None
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, date):  # YAML reads dates by itself
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):  # numeric ids are common
        return str(value)
    raise InputRefused(f'"{spelling}" must be a string, here it is {kind_of(value)}')


def _strings(fields: Mapping[str, object], field: str) -> tuple[str, ...]:
    spelling = spelling_of(field, fields)
    value = fields[spelling] if spelling else None
    given = value if isinstance(value, list) else [value]
    return tuple(item for item in given if isinstance(item, str))
