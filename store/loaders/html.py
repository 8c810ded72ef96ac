"""Web pages: the story without menus, and what the page says about itself."""

import re
from collections.abc import Iterator
from typing import Any

from store.dates import parse_published
from store.errors import InputRefused
from store.loaders.apart import parse_apart
from store.loaders.base import Refusal, article_from
from store.loaders.shape import read_shape
from store.text import decode
from store.types import Article, Published

_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{2,40})""", re.IGNORECASE)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|em|pt|%)?\s*(?:;|$)|opacity\s*:\s*0\s*(?:;|$)",
    re.IGNORECASE,
)
_DATE_METAS = (
    "article:published_time", "datepublished", "og:article:published_time", "publishdate", "pubdate",
    "dc.date", "dc.date.issued", "dcterms.created", "sailthru.date", "date",
)  # fmt: skip
_JSON_LD_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """One article.

    Raises:
        InputRefused: No story was found in the page, or it cannot be read within the limits.
    """
    page = parse_apart("html", raw)
    text = str(page["text"])
    authors = page.get("authors")
    hidden = page.get("hidden")
    yield article_from(
        text,
        name=name,
        title=_string(page.get("title")),
        published=_published(page, text),
        source=_string(page.get("source")),
        url=_string(page.get("url")),
        authors=tuple(authors) if isinstance(authors, list) else (),
        language=_string(page.get("language")),
        notes=(f"removed {hidden} hidden elements",) if hidden else (),
    )


def parse(raw: bytes) -> dict[str, object]:
    """Extracts story and metadata; runs in the child process."""
    import trafilatura
    from lxml import html  # type: ignore[import-untyped]  # ships no types

    declared = _CHARSET.search(raw[:2048])
    text = decode(raw, declared=declared[1].decode("ascii") if declared else None).text
    # lxml refuses a string that declares its own encoding, so it gets bytes and is told theirs.
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True)
    tree = html.document_fromstring(text.encode(), parser=parser)
    stated = _stated_date(tree, text)
    language = tree.get("lang") or tree.get("xml:lang")
    hidden = _remove_hidden(tree)
    page = trafilatura.bare_extraction(tree, with_metadata=True, include_comments=False, favor_recall=True)
    if page is None or not page.text:
        raise InputRefused("no story found in this page; save the article as text")
    return {
        # One paragraph a line comes back; blank lines between them let headings show.
        "text": page.text.replace("\n", "\n\n"),
        "title": page.title,
        "stated_date": stated,
        "found_date": page.date,
        "source": page.sitename or page.hostname,
        "url": page.url,
        "authors": [author.strip() for author in (page.author or "").split(";") if author.strip()],
        "language": language,
        "hidden": hidden,
    }


def _stated_date(tree: Any, text: str) -> str | None:  # Any: lxml ships no types
    metas: dict[str, str | None] = {}
    for meta in tree.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower()
        metas.setdefault(name, meta.get("content"))
    for name in _DATE_METAS:
        if metas.get(name):
            return str(metas[name])
    found = _JSON_LD_DATE.search(text)
    return found[1] if found else None


def _remove_hidden(tree: Any) -> int:
    """Takes out elements a reader of the page would not see, and counts them."""
    hidden = [
        element
        for element in tree.iter()
        if isinstance(element.tag, str)
        and element.tag not in ("html", "body")
        and (element.get("hidden") is not None or _HIDING.search(element.get("style") or ""))
    ]
    for element in hidden:
        if element.getparent() is not None:
            element.drop_tree()
    return len(hidden)


def _published(page: Any, text: str) -> Published | None:
    """The page's own statement first, then the story's date line, then what the extractor worked out."""
    stated = _string(page.get("stated_date"))
    if stated and (published := parse_published(stated, "meta")) is not None:
        return published
    in_text = read_shape(text, title=_string(page.get("title"))).published
    found = _string(page.get("found_date"))
    if in_text is not None or not found:
        return in_text
    guess = parse_published(found, "meta")
    return Published(guess.date, "meta", 0.6, guess.raw) if guess else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
