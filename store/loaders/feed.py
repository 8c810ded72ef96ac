"""RSS and Atom files: one article an entry; entities are refused before the feed parser sees them."""

import io
from collections.abc import Iterator
from typing import Any

from store.dates import parse_published
from store.errors import InputRefused
from store.loaders.base import Refusal, article_from
from store.loaders.markup import plain_text
from store.types import Article

_ROOTS = {"rss", "feed", "RDF"}


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """Articles in the feed's order; an entry without text becomes a Refusal with its number.

    Raises:
        InputRefused: Not XML, not a feed, or with entity declarations.
    """
    _refuse_dangerous(raw)
    import feedparser

    # A stream, since feedparser takes a string for an address or a path if it can. It does not follow links.
    feed = feedparser.parse(io.BytesIO(raw), response_headers={"content-type": "application/xml"})
    if not feed.entries:
        raise InputRefused("this feed has no entries")
    for number, entry in enumerate(feed.entries, start=1):
        try:
            yield _article(entry, feed.feed, name)
        except InputRefused as error:
            yield Refusal(f"entry {number}", str(error))


def _refuse_dangerous(raw: bytes) -> None:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(raw)
    except DefusedXmlException as error:
        raise InputRefused("entities are not allowed; remove the <!ENTITY ...> declarations") from error
    except (ParseError, LookupError, ValueError) as error:  # LookupError, ValueError: an unknown encoding
        raise InputRefused(f"not well-formed XML: {error}") from error
    tag = str(root.tag).rpartition("}")[2]
    if tag not in _ROOTS:
        raise InputRefused(f"this XML is not an RSS or Atom feed; its root is <{tag[:40]}>")


def _article(entry: Any, feed: Any, name: str) -> Article:  # Any: feedparser ships no types
    contents = [content.get("value", "") for content in entry.get("content", ())]
    text = plain_text(max([*contents, entry.get("summary", "")], key=len))
    date = entry.get("published") or entry.get("updated") or entry.get("date")
    link = entry.get("link", "")
    address = link if link.startswith(("http://", "https://")) else None  # feedparser takes a guid for a link
    return article_from(
        text,
        name=name,
        id=None if address else entry.get("id"),
        title=plain_text(entry.get("title", "")) or None,
        published=parse_published(date, "feed") if date else None,
        source=feed.get("title"),
        url=address,
        authors=tuple(author.get("name", "") for author in entry.get("authors", ())),
        language=entry.get("language") or feed.get("language"),
    )
