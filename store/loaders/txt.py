"""Plain text: the whole file is the article's text, so that its offsets are the file's."""

from collections.abc import Iterator

from store.loaders.base import Refusal, article_from, decode_noting
from store.types import Article


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """One article; its title, date and parts are read from the layout."""
    text, notes = decode_noting(raw)
    yield article_from(text, name=name, notes=notes)
