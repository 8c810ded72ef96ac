"""An article as the model reads it: fenced, its parts named, its relative dates made absolute.

The same article always gives the same text, so that the engine's state of it can be kept. Citations never
come from this text; they are cut from the record.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from store.chunking import sentences
from store.dates import DateRange, describe, find_date_phrases, resolve_relative
from store.types import Article, SectionKind

READING_VERSION = 3
LABELS: dict[SectionKind, str] = {
    "title": "Headline: ",
    "date": "Date of publication: ",
    "lead": "Summary: ",
    "caption": "Photo caption and credit: ",
    "heading": "Heading: ",
    "read_time": "Reading time: ",
}
SECTION_CHARS = 6000
"""Longest stretch of an article read at once: about 1,500 tokens of English."""
LONGEST_SENTENCE = 1000
"""Characters; what runs on without a full stop is read and cited in pieces of this length."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the record; `article.text[start:end] == text`.

    Attributes:
        dates: For a sentence with relative dates, each phrase and the day it means.
    """

    start: int
    end: int
    text: str
    role: SectionKind
    dates: tuple[tuple[str, str], ...] = ()

    @property
    def read_as(self) -> str:
        """The sentence with its part named and its dates worked out, as the model sees it."""
        text = self.text
        for phrase, meaning in self.dates:
            text = text.replace(phrase, f"{phrase} [{meaning}]", 1)
        return LABELS.get(self.role, "") + text


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of one article, ready for a prompt.

    Attributes:
        key: Changes whenever the text the model sees would.
    """

    article: Article
    start: int
    end: int
    text: str
    fence: str
    key: str
    sentences: tuple[Sentence, ...]


_AHEAD = re.compile(
    r"\b(?:will|won['’]t|shall|(?:is|are) (?:not )?to|due|planned|(?<!ed )plans? to|scheduled|expected|expects?|intends?|aims?"
    r"|hopes?)\b(?![^.!?]*\b(?:after \w+ing|having \w+ed)\b)[^.!?]*$"
    r"|\bfrom\s+(?:next\s+)?$",
    re.IGNORECASE,
)
"""Before a bare weekday or month, on the same sentence's way to it: it is still to come. "She will be mayor after winning on
Sunday" leaves that open, and "they approved plans to ..." tells when they did."""
_TOLD = re.compile(
    r"\b(?:said|says|told|announced|reported|confirmed|wrote|added|ruled|agreed|decided|voted|showed|found|warned|denied|argued)\b"
    r"(?:\s+[\w'’-]+){0,4}\s*$",
    re.IGNORECASE,
)
"""Before a bare weekday or month: it is that of telling, whatever is told of."""
_HAPPENED = re.compile(
    r"\b(?:had|was|were|did(?:n['’]t)?)\b(?! (?:to|until)\b)"
    r"(?![^.!?]*\b(?:would|will|could|should|must|due|expected|given|scheduled|planned"
    r"|(?:told|asked|ordered|required|allowed|urged) (?:\w+ ){0,3}to)\b)[^.!?]*$",
    re.IGNORECASE,
)
_BY = re.compile(r"(?:by|until) (?=\w+day\b)", re.IGNORECASE)
"""What had happened by a weekday happened by the last one; a deadline is the next one, and "by Wednesday's storm" is none."""


@lru_cache(maxsize=256)
def sentences_of(article: Article) -> tuple[Sentence, ...]:
    """All sentences of an article in order, each with its part and its dates."""
    found = []
    spans = (
        piece for span in sentences(article.text, article.language) for piece in _bounded(article.text, *span)
    )
    for start, end in spans:
        text = article.text[start:end]
        role: SectionKind = next((s.kind for s in article.sections if s.start <= start < s.end), "body")
        found.append(Sentence(start, end, text, role, _dates(article, text) if role != "date" else ()))
    return tuple(found)


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A sentence in pieces short enough to read and cite: a table may hold no full stop at all."""
    while end - start > LONGEST_SENTENCE:
        space = text.rfind(" ", start, start + LONGEST_SENTENCE)
        cut = space if space > start else start + LONGEST_SENTENCE
        yield start, cut
        start = cut + len(text[cut:end]) - len(text[cut:end].lstrip())
    if start < end:
        yield start, end


def _dates(article: Article, text: str) -> tuple[tuple[str, str], ...]:
    if article.published is None:
        return ()
    found = []
    phrases = find_date_phrases(text)
    for phrase, following in zip_longest(phrases, phrases[1:]):
        if following is not None and text[phrase.end : following.start] in (" ", ", "):
            continue  # "Saturday 12 October": the day that follows says which Saturday
        before = text[max(0, phrase.start - 80) : phrase.start]
        ahead = _AHEAD.search(before) is not None and _TOLD.search(before) is None
        past = _HAPPENED.search(before) is not None or text[phrase.end :].startswith(("'s", "’s"))
        words = _BY.sub("", phrase.text) if past else phrase.text
        days = resolve_relative(words, article.published.date, ahead=ahead and words == phrase.text)
        if days is not None and _spoken(phrase.text, days).casefold() != phrase.text.casefold():
            found.append((phrase.text, _spoken(phrase.text, days)))
    return tuple(found)


def _spoken(phrase: str, days: DateRange) -> str:
    """The days in words; "earlier this month" is the month, not the span up to the day of publication."""
    if "month" in phrase.lower() and days.first.month == days.last.month and days.first != days.last:
        return f"{days.first:%B %Y}"
    return describe(days)


def reading_at(article: Article, secret: bytes, *, start: int = 0) -> Reading:
    """The stretch of the article that holds the character at `start`: the whole of it when it is short.

    Longer articles are cut into the same stretches for every question, at sentence ends.
    """
    stretches = _stretches(article)
    first, last = next((s for s in stretches if s[0] <= start < s[1]), stretches[-1])
    inside = tuple(s for s in sentences_of(article) if first <= s.start < last)
    text = "\n".join([*_header(article), "", *_body(article.text, inside)])
    digest = hmac.new(secret, f"{article.id}\n{article.version}".encode(), hashlib.sha256).hexdigest()
    fence = f"<<{digest[:10]}>>"
    key = hashlib.sha256(f"{READING_VERSION}\n{fence}\n{text}".encode()).hexdigest()[:32]
    return Reading(article, first, last, text, fence, key, inside)


def _stretches(article: Article) -> tuple[tuple[int, int], ...]:
    if len(article.text) <= SECTION_CHARS * 1.25:
        return ((0, max(1, len(article.text))),)
    cuts, begin = [], 0
    for sentence in sentences_of(article):
        if sentence.end - begin > SECTION_CHARS and sentence.start > begin:
            cuts.append((begin, sentence.start))
            begin = sentence.start
    return (*cuts, (begin, len(article.text)))


def _header(article: Article) -> list[str]:
    lines = [f"Title: {' '.join(article.title.split())}"]
    if article.source:
        lines.append(f"Outlet: {article.source}")
    if article.authors:
        lines.append(f"By: {', '.join(article.authors)}")
    if article.published:
        lines.append(f"Published: {article.published.date:%A} {_day(article)}")
    return lines


def _day(article: Article) -> str:
    assert article.published is not None
    day = article.published.date
    return f"{day.day} {day:%B %Y}"


def _body(article_text: str, inside: tuple[Sentence, ...]) -> list[str]:
    """Paragraphs with a label where the part is not plain text; the title and date are in the header already."""
    lines: list[str] = []
    previous: Sentence | None = None
    for sentence in inside:
        if sentence.role in ("title", "date"):
            continue
        if (
            previous
            and previous.role == sentence.role
            and "\n" not in article_text[previous.end : sentence.start]
        ):
            lines[-1] += " " + sentence.read_as.removeprefix(LABELS.get(sentence.role, ""))
        else:
            lines.append(sentence.read_as)
        previous = sentence
    return lines
