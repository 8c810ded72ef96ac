"""Tables: one article a row, with columns named like the fields of a JSON line."""

import csv
import io
from collections.abc import Iterator, Mapping

from store.errors import InputRefused
from store.loaders.base import MAX_ARTICLE_BYTES, Refusal, decode_noting
from store.loaders.fields import article_from_fields, spelling_of
from store.types import Article


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """Articles in order; a broken row becomes a Refusal with the number of its last line.

    Raises:
        InputRefused: There is no column for the text.
    """
    text, notes = decode_noting(raw)
    csv.field_size_limit(MAX_ARTICLE_BYTES)  # the module's own limit is 131,072 characters
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first_line.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip().lower() for column in rows.fieldnames or ()]
    except csv.Error as error:
        raise InputRefused(f"not a table: {error}") from error
    if spelling_of("text", dict.fromkeys(columns, "")) is None:
        raise InputRefused(f"no column 'text'; the first line names {', '.join(columns)[:200]}")
    rows.fieldnames = columns
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            # Where a row ends is lost with its quotes, so the rest cannot be trusted.
            yield Refusal(f"line {rows.line_num}", f"{error}; the lines after it were not read")
            return
        if row is None:
            return
        try:
            yield article_from_fields(_filled(row), name=name, origin="field", notes=notes)
        except InputRefused as error:
            yield Refusal(f"line {rows.line_num}", str(error))


def _filled(row: Mapping[str | None, str | list[str] | None]) -> Mapping[str, object]:
    if None in row:
        raise InputRefused("more values than columns; put text with commas in quotes")
    return {column: value for column, value in row.items() if column and value}
