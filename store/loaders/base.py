"""The door for article files: which loader reads a suffix, what is refused, how an Article is made."""

import errno
import hashlib
import importlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from store.errors import InputRefused
from store.loaders.language import guess_language
from store.loaders.shape import read_shape
from store.text import clean, decode, one_line
from store.types import Article, Published, Section

# suffix -> "module:function"; a loader takes the file's name and bytes and yields articles and refusals.
LOADERS: dict[str, str] = {
    ".txt": "store.loaders.txt:load",
    ".text": "store.loaders.txt:load",
    ".md": "store.loaders.md:load",
    ".markdown": "store.loaders.md:load",
    ".html": "store.loaders.html:load",
    ".htm": "store.loaders.html:load",
    ".pdf": "store.loaders.pdf:load",
    ".eml": "store.loaders.eml:load",
    ".csv": "store.loaders.csv:load",
    ".jsonl": "store.loaders.jsonl:load",
    ".ndjson": "store.loaders.jsonl:load",
    ".xml": "store.loaders.feed:load",
    ".rss": "store.loaders.feed:load",
    ".atom": "store.loaders.feed:load",
}

MAX_ARTICLE_BYTES = 2_000_000
MAX_COLLECTION_BYTES = 64_000_000
_MAX_BYTES = {".jsonl": MAX_COLLECTION_BYTES, ".ndjson": MAX_COLLECTION_BYTES, ".csv": MAX_COLLECTION_BYTES}
_MAX_BYTES |= {".pdf": 20_000_000, ".html": 5_000_000, ".htm": 5_000_000, ".eml": 5_000_000}
_MAX_BYTES |= {".xml": 20_000_000, ".rss": 20_000_000, ".atom": 20_000_000}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"SQLite format 3", "a database"),
    (b"RIFF", "an image, sound or video file"),
    (b"OggS", "a sound file"),
    (b"ID3", "a sound file"),
)
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|dclid|mc_[ce]id|igshid|ref(?:_src)?|cmpid|ocid|at_\w+", re.IGNORECASE
)
_WEB_ADDRESS = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?=$|[-_])")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file, or one line or item of it, that could not be taken in; the others go on.

    Attributes:
        where: The file, with line or item number where there is one.
        reason: What is wrong with it, for people.
    """

    where: str
    reason: str


Loader = Callable[[str, bytes], Iterator[Article | Refusal]]


def load(path: Path) -> Iterator[Article | Refusal]:
    """Reads all articles of one file; what cannot be read comes as a Refusal, never as an error."""
    suffix = path.suffix.lower()
    if suffix not in LOADERS:
        yield Refusal(
            str(path), f"files ending in '{suffix}' are not supported; use {', '.join(sorted(LOADERS))}"
        )
        return
    try:
        raw = read_regular_file(path, limit=_MAX_BYTES.get(suffix, MAX_ARTICLE_BYTES))
        refuse_other_formats(raw, suffix)
        yield from _unique(path, loader_for(suffix)(path.name, raw))
    except InputRefused as error:
        yield Refusal(str(path), str(error))


def loader_for(suffix: str) -> Loader:
    """The function registered for a suffix, imported only now."""
    module, _, function = LOADERS[suffix].partition(":")
    loader: Loader = getattr(importlib.import_module(module), function)
    return loader


def read_regular_file(path: Path, *, limit: int) -> bytes:
    """Reads a regular file of at most `limit` bytes, without following a link or waiting for a pipe.

    Raises:
        InputRefused: It is a link, a folder, a pipe or a device, cannot be read, is empty or too large.
    """
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise InputRefused(_unreadable(error)) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise InputRefused(f"this is {kind}; give an article file")
    try:
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(limit + 1)  # not st_size: the file may grow while it is read
    except OSError as error:
        raise InputRefused(_unreadable(error)) from error
    if len(raw) > limit:
        raise InputRefused(
            f"{_megabytes(max(len(raw), status.st_size))} is over the limit of {_megabytes(limit)}"
        )
    if not raw.strip():
        raise InputRefused("no text found; the file is empty")
    return raw


def refuse_other_formats(raw: bytes, suffix: str) -> None:
    """Refuses bytes that are plainly not what the suffix says, such as a picture named .txt.

    Raises:
        InputRefused: With what it looks like.
    """
    for magic, kind in _MAGIC:
        if raw.startswith(magic) and not (kind == "a PDF" and suffix == ".pdf"):
            raise InputRefused(f"this looks like {kind}, not like {suffix}; convert it to text first")
    if suffix == ".pdf":
        if b"%PDF-" not in raw[:1024]:
            raise InputRefused("this is not a PDF; its first bytes do not say so")
    elif raw[:2] not in (b"\xff\xfe", b"\xfe\xff") and _mostly_zero(raw[:4096]):
        raise InputRefused("this looks like a binary file, not like text")


def article_from(
    text: str,
    *,
    name: str,
    id: str | None = None,
    title: str | None = None,
    published: Published | None = None,
    source: str | None = None,
    url: str | None = None,
    authors: tuple[str, ...] = (),
    language: str | None = None,
    notes: tuple[str, ...] = (),
    sections: tuple[Section, ...] | None = None,
) -> Article:
    """Makes an Article: cleans its words, reads its layout for what is not given, names and versions it.

    Args:
        name: The file's name; with the title it makes the id where neither an id nor a URL is given.
        sections: Known from markup, with offsets into a `text` that is already clean; else found by layout.

    Raises:
        InputRefused: There are no words, too many, or broken characters.
    """
    cleaned = clean(text)
    if len(cleaned.text.strip()) < 2:
        raise InputRefused("no text found")
    size = len(cleaned.text.encode())
    if size > MAX_ARTICLE_BYTES:
        raise InputRefused(
            f"{_megabytes(size)} is over the limit of {_megabytes(MAX_ARTICLE_BYTES)} for an article"
        )
    shape = read_shape(cleaned.text, title=_field(title))
    shown = _field(title) or one_line(shape.title or "") or _first_words(cleaned.text)
    if cleaned.hidden:
        notes = (*notes, f"removed {cleaned.hidden} hidden characters")
    address = _field(url)
    if address and not _WEB_ADDRESS.match(address):
        notes = (*notes, f"address {address[:60]!r} is not http or https and was left out")
        address = None
    article = Article(
        id=_field(id) or _derived_id(name, shown, address),
        title=shown,
        text=cleaned.text,
        published=published or shape.published,
        source=_field(source),
        url=address,
        authors=tuple(author for given in authors if (author := _field(given))),
        language=_tag(language) or guess_language(cleaned.text),
        version="",
        sections=shape.sections if sections is None else sections,
        notes=notes,
    )
    return replace(article, version=_version(article))


def canonical_url(url: str) -> str:
    """A key under which spellings of one address meet: no scheme, "www.", tracking parameters or fragment."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # such as an unclosed IPv6 bracket
        return url.strip()
    host = parts.netloc.lower().removeprefix("www.")
    query = urlencode(sorted((k, v) for k, v in parse_qsl(parts.query) if not _TRACKING.fullmatch(k)))
    return f"{host}{parts.path.rstrip('/')}" + (f"?{query}" if query else "")


def decode_noting(raw: bytes, *, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Decodes a file, with a note where the encoding had to be found out.

    Raises:
        InputRefused: No encoding fits.
    """
    decoded = decode(raw, declared=declared)
    if decoded.encoding == "utf-8":
        return decoded.text, ()
    return decoded.text, (f"read as {decoded.encoding} (confidence {decoded.confidence:.2f})",)


def _unique(path: Path, found: Iterator[Article | Refusal]) -> Iterator[Article | Refusal]:
    """Keeps two articles of one file from sharing an id, which would silently replace the first.

    An id worked out by us gets a number; an id given twice for different words is refused.
    """
    versions: dict[str, str] = {}
    for item in found:
        if isinstance(item, Refusal):
            yield replace(item, where=f"{path}, {item.where}")
            continue
        article = item
        if versions.get(article.id, article.version) != article.version:
            if article.id != _derived_id(path.name, article.title, article.url):
                yield Refusal(
                    str(path), f"id '{article.id}' is used twice for different texts; give each its own"
                )
                continue
            number = next(n for n in range(2, len(versions) + 3) if f"{article.id}-{n}" not in versions)
            article = replace(article, id=f"{article.id}-{number}")
        versions[article.id] = article.version
        yield article


def _derived_id(name: str, title: str, url: str | None) -> str:
    key = f"url\0{canonical_url(url)}" if url else f"file\0{name}\0{title}"
    stem = (canonical_url(url).rpartition("/")[2] if url else Path(name).stem).lower()
    slug = re.sub(r"[^\w]+", "-", stem).strip("-")[:48]
    digest = hashlib.sha256(key.encode()).hexdigest()[:8]
    return f"{slug}-{digest}" if slug else digest


def _version(article: Article) -> str:
    published = article.published
    parts = (
        article.title,
        article.text,
        published.date.isoformat() if published else "",
        article.source or "",
        article.url or "",
        "\x1f".join(article.authors),
        article.language or "",
    )
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()[:16]


def _field(value: str | None) -> str | None:
    """A metadata field as one clean line; None for an empty one."""
    words = one_line(clean(value).text)[:1000] if value else ""
    return words or None


def _tag(language: str | None) -> str | None:
    match = _LANGUAGE.match(language.strip()) if language else None
    return match[0].lower() if match else None


def _first_words(text: str) -> str:
    words = one_line(text.strip()[:400])
    return words if len(words) <= 80 else words[:80].rsplit(" ", 1)[0] + "…"


def _mostly_zero(sample: bytes) -> bool:
    """Zero bytes in both halves of its 16-bit units: not UTF-8, and not UTF-16 of any language."""
    return sample[::2].count(0) > 0 and sample[1::2].count(0) > 0


def _unreadable(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "this is a symbolic link; give the file it points to"
    if error.errno == errno.ENOENT:
        return "no such file"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "no permission to read it"
    return f"cannot be read: {error.strerror}"


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
