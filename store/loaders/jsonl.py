"""JSON lines: one article a line, its text kept exactly, its id kept if given."""

import json
from collections.abc import Iterator, Mapping

from store.errors import InputRefused
from store.loaders.base import Refusal, decode_noting
from store.loaders.fields import article_from_fields, kind_of
from store.types import Article


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """Articles in order; a broken line becomes a Refusal with its number."""
    text, notes = decode_noting(raw)
    # Not splitlines: a JSON string may hold U+2028 and other separators as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield article_from_fields(_fields(line), name=name, origin="field", notes=notes)
        except InputRefused as error:
            yield Refusal(f"line {number}", str(error))


def _fields(line: str) -> Mapping[str, object]:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputRefused(f"not valid JSON at column {error.colno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        raise InputRefused(f"not usable JSON: {type(error).__name__}") from error
    if not isinstance(fields, dict):
        raise InputRefused(f"a line must be a JSON object, this is {kind_of(fields)}")
    return fields
