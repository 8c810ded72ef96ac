"""PDF files: the text of all pages, with wrapped lines joined again."""

import io
import re
from collections.abc import Iterator

from store.dates import parse_published
from store.errors import InputRefused
from store.loaders.apart import parse_apart
from store.loaders.base import MAX_ARTICLE_BYTES, Refusal, article_from
from store.loaders.shape import read_shape
from store.types import Article, Published

MAX_PAGES = 500
_PDF_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)(\d\d)")
# Many programs put a file name or their own default where the title should be.
_NO_TITLE = re.compile(r"(?:untitled.*|microsoft word.*|.*\.(?:docx?|pdf|indd|qxd|tex|rtf))", re.IGNORECASE)


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """One article.

    Raises:
        InputRefused: Encrypted, scanned, broken, or beyond the limits.
    """
    document = parse_apart("pdf", raw)
    text = str(document["text"])
    title = document.get("title")
    author = document.get("author")
    usable = isinstance(title, str) and title.strip() and not _NO_TITLE.fullmatch(title.strip())
    yield article_from(
        text,
        name=name,
        title=str(title) if usable else None,
        published=read_shape(text).published or _created(document.get("created")),
        authors=(author,) if isinstance(author, str) else (),
    )


def parse(raw: bytes) -> dict[str, object]:
    """Extracts text and document properties; runs in the child process."""
    import pypdf
    from pypdf.errors import LimitReachedError, PdfReadError

    try:
        reader = pypdf.PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputRefused("this PDF is encrypted; save it without a password")
        pages = len(reader.pages)
        if pages > MAX_PAGES:
            raise InputRefused(f"this PDF has {pages} pages; the limit is {MAX_PAGES}")
        text = _pages(reader)
        properties = reader.metadata
    except LimitReachedError as error:
        raise InputRefused("this PDF expands beyond what an article can be") from error
    except PdfReadError as error:
        raise InputRefused("this PDF is damaged and cannot be read") from error
    if not text.strip():
        raise InputRefused("no text found in this PDF; is it scanned? Run text recognition first")
    return {
        "text": text,
        "title": properties.title if properties else None,
        "author": properties.author if properties else None,
        "created": properties.creation_date_raw if properties else None,
    }


def unwrap(text: str) -> str:
    """Joins lines that a page's width broke; a line well short of the width ends its paragraph."""
    lines = [line.strip() for line in text.split("\n")]
    widths = sorted(len(line) for line in lines if line)
    if not widths:
        return ""
    width = widths[len(widths) * 3 // 4]
    out: list[str] = []
    open_paragraph = False
    for line in lines:
        if open_paragraph and line:
            joined = out[-1]
            syllable = joined.endswith("-") and joined[-2:-1].isalpha() and line[0].islower()
            out[-1] = joined[:-1] + line if syllable else f"{joined} {line}"
        else:
            out.append(line)
        open_paragraph = len(line) >= 0.7 * width and not (len(line) < 0.9 * width and line[-1:] in '.!?"”')
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def _pages(reader: object) -> str:
    parts: list[str] = []
    size = 0
    for page in reader.pages:  # type: ignore[attr-defined]  # pypdf is imported only in the child
        parts.append(unwrap(page.extract_text()))
        size += len(parts[-1])
        if size > MAX_ARTICLE_BYTES:
            raise InputRefused("this PDF holds more than 2 MB of text, the limit for an article")
    return "\n\n".join(part for part in parts if part)


def _created(value: object) -> Published | None:
    """The day the file was made: only a hint, since an old story may be printed today."""
    match = _PDF_DATE.match(value) if isinstance(value, str) else None
    found = parse_published("-".join(match.groups()), "meta") if match else None
    return Published(found.date, "meta", 0.4, str(value)) if found else None
