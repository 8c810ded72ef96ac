"""What travels through the store: articles, their passages, and ranked hits."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

SectionKind = Literal["title", "lead", "read_time", "date", "caption", "heading", "body"]
DateOrigin = Literal["dateline", "front_matter", "field", "meta", "feed", "header", "filename"]


@dataclass(frozen=True, slots=True)
class Published:
    """When an article was published, and how we know.

    Attributes:
        date: The day, in the article's own time zone.
        origin: Where it was read: the article's date line, a JSON field, an HTML meta tag...
        confidence: From 0 to 1; 1 for an unambiguous machine-readable or spelled-out date.
        raw: The words it was read from.
    """

    date: date
    origin: DateOrigin
    confidence: float
    raw: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an article's text with a role of its own; `article.text[start:end]` is its words."""

    kind: SectionKind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """One document as the user gave it.

    Attributes:
        id: Stable for one document: a given id, else from its URL or file name and title.
        text: Newlines are "\\n", hidden characters are gone; every offset in the program refers to it.
        source: The outlet, where known.
        language: BCP 47 primary tag such as "en", where known.
        version: Changes when the text or its metadata change.
        sections: In order, not overlapping; empty where the format has no structure.
        notes: What happened at the door, for the ingest report: hidden characters removed, an encoding
            guessed. Not part of the version.
    """

    id: str
    title: str
    text: str
    published: Published | None
    source: str | None
    url: str | None
    authors: tuple[str, ...]
    language: str | None
    version: str
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArticleSummary:
    """An article without its text, for lists."""

    id: str
    title: str
    published: Published | None
    source: str | None
    url: str | None
    language: str | None
    version: str
    chars: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of an article's text; `article.text[start:end] == text`."""

    id: str
    article_id: str
    start: int
    end: int
    text: str

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.text) or self.start < 0:
            raise ValueError(
                f"passage {self.id}: {self.start}:{self.end} does not span {len(self.text)} characters"
            )


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    Attributes:
        score: Higher is better; comparable only within one result.
        rank: From 1.
        retriever: Which one found it: "dense", "lexical" or "hybrid".
        similarity: Cosine similarity to the query from -1 to 1 where the dense index saw it.
        lexical: BM25 score where the lexical index saw it; higher is better.
    """

    passage: Passage
    score: float
    rank: int
    retriever: str
    similarity: float | None = None
    lexical: float | None = None
