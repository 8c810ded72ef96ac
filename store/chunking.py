"""Cuts an article into passages: whole sentences, exact offsets, no overlap."""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise

from store.types import Article, Passage

# Part of an index's identity: raise it when any article would be cut differently.
CHUNKER_VERSION = 1

# The default embedder reads 256 tokens and drops the rest, so passages stay below that by estimate.
_MAX_TOKENS = 245
_UNITS = 100
_LETTER, _DIGIT, _OTHER, _BLANK = 25, 60, 100, 0

_END = re.compile("[.!?\u2026\u061f\u06d4\u0964\u0965\u0589\u1362]+|[\u3002\uff01\uff1f\uff0e\uff61]+")
_CLOSERS = "\"'\u201d\u2019\u00bb\u203a)]}\u300d\u300f\uff09\u3011"
_OPENERS = "\"'\u201c\u2018\u201e\u00ab\u2039([{\u300c\u300e\uff08\u3010\u00bf\u00a1-\u2013\u2014 \u00a0"
_FULL_WIDTH = "\u3002\uff01\uff1f\uff0e\uff61"
_BREAK = re.compile("\n|\u2028|\u2029")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_LAST_TOKEN = re.compile(r"[\w.&'\u2019-]*$")
_WRAPPED_LINE_CHARS = 40
_WIDEST_WRAP_CHARS = 110
_FINAL = '.!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f:"\u201d'


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A name or number always follows these.
_BEFORE_NAME = _words("""
    mr mrs ms mx dr prof gen lt col sgt capt maj adm cmdr brig sen rep gov rev hon pres pvt cpl supt
    insp st mt ft vs cf eg e.g i.e ie viz approx ca messrs amb fr mme mlle mgr sra srta hr dipl ing
    z.b bzw usw d.h
""")
# These end a sentence only when something that opens one follows.
_BEFORE_ANYTHING = _words("""
    inc ltd co corp llc plc bros jr sr esq etc al a.m p.m am pm u.s u.k u.n e.u d.c ph.d b.a m.a
    dept univ assn ave blvd rd ee.uu uu ee
""")
_BEFORE_NUMBER = _words("""
    no nos art arts fig figs vol vols p pp par sec ch jan feb mar apr jun jul aug sep sept oct nov
    dec num
""")
_STARTERS = _words("""
    the a an he she it they we you i in on at but and or so this that these those his her its their
    our my there here however meanwhile after before when while as if for from since during although
    though with without by to what who where why how some many most several both one two all no not
    yet then now also
""")


def sentences(text: str, language: str | None = None) -> tuple[tuple[int, int], ...]:
    """Spans of sentences, in order, trimmed of white space; a line end is the end of a sentence.

    But a line that goes on in lower case after a long line without final punctuation was only wrapped, and so
    are long lines of a text in which nearly all lines were broken at one width.

    Args:
        language: BCP 47 primary tag; German ordinals ("26. Oktober") need it.
    """
    return tuple(_sentences(text, german=language == "de"))


def chunk(article: Article, *, target_chars: int = 900) -> tuple[Passage, ...]:
    """Cuts an article into passages of at most `target_chars`, less where its script needs more tokens.

    A heading opens a passage rather than ends one; a sentence longer than a passage is cut at a space.
    Returns nothing for an article without words.
    """
    text = article.text
    costs = [0, *accumulate(map(_cost, text))]
    budget = _Budget(costs, target_chars)
    pieces = [p for span in sentences(text, article.language) for p in _pieces(text, span, budget)]
    if not pieces:
        return ()
    if budget.fits(pieces[0][0], pieces[-1][1]):
        return (_passage(article, pieces[0][0], pieces[-1][1]),)
    headings = {section.start for section in article.sections if section.kind == "heading"}
    return tuple(_passage(article, start, end) for start, end in _packed(text, pieces, budget, headings))


class _Budget:
    """How much text goes into one passage: characters, and tokens by estimate."""

    def __init__(self, costs: list[int], target_chars: int) -> None:
        self._costs = costs
        self._chars = target_chars
        # A caller that asks for larger passages has an embedder that reads more.
        self._units = max(_MAX_TOKENS, target_chars * _MAX_TOKENS // 900) * _UNITS

    def fits(self, start: int, end: int) -> bool:
        return end - start <= self._chars and self._costs[end] - self._costs[start] <= self._units

    def furthest(self, start: int) -> int:
        """The last end with which a passage from `start` fits; at least one character on."""
        by_cost = bisect_right(self._costs, self._costs[start] + self._units, lo=start) - 1
        return max(start + 1, min(start + self._chars, by_cost))

    def filled(self, start: int, end: int) -> float:
        return max((end - start) / self._chars, (self._costs[end] - self._costs[start]) / self._units)


def _cost(character: str) -> int:
    """An estimate of tokens in hundredths: other scripts take about a token a character."""
    if character.isspace():
        return _BLANK
    if character < "\u0250" and character.isalpha():
        return _LETTER
    return _DIGIT if "0" <= character <= "9" else _OTHER


def _packed(
    text: str, pieces: list[tuple[int, int]], budget: _Budget, headings: set[int]
) -> Iterator[tuple[int, int]]:
    first = 0
    for i in range(1, len(pieces)):
        start, end = pieces[first][0], pieces[i - 1][1]
        full = not budget.fits(start, pieces[i][1])
        filled = budget.filled(start, end)
        opens_part = pieces[i][0] in headings and filled > 0.33
        # Better to end with a paragraph than a little fuller in the midst of the next.
        opens_paragraph = filled > 0.66 and "\n" in text[end : pieces[i][0]]
        if not (full or opens_part or opens_paragraph):
            continue
        stop = i
        while full and stop - 1 > first and pieces[stop - 1][0] in headings:
            stop -= 1
        yield start, pieces[stop - 1][1]
        first = stop
    yield pieces[first][0], pieces[-1][1]


def _pieces(text: str, span: tuple[int, int], budget: _Budget) -> Iterator[tuple[int, int]]:
    """The sentence itself, or its parts when it is longer than a passage."""
    start, end = span
    while not budget.fits(start, end):
        cut = budget.furthest(start)
        space = max(text.rfind(" ", start + 1, cut + 1), text.rfind("\n", start + 1, cut + 1))
        stop = space if space > start + (cut - start) // 2 else cut
        trimmed = _trim(text, start, stop)
        if trimmed:
            yield trimmed
        start = stop
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end


def _passage(article: Article, start: int, end: int) -> Passage:
    words = article.text[start:end]
    # The words are part of the id, so that passages an update left alone keep theirs and their vectors.
    digest = hashlib.sha256(words.encode()).hexdigest()[:10]
    return Passage(f"{article.id}#{start}-{end}-{digest}", article.id, start, end, words)


def _sentences(text: str, *, german: bool) -> Iterator[tuple[int, int]]:
    for start, end in _lines(text):
        first = start
        for match in _END.finditer(text, start, end):
            stop = match.end()
            while stop < end and text[stop] in _CLOSERS:
                stop += 1
            if stop <= first or not _ends_sentence(text, first, match, stop, end, german=german):
                continue
            if trimmed := _trim(text, first, stop):
                yield trimmed
            first = stop
        if trimmed := _trim(text, first, end):
            yield trimmed


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    previous = 0
    width = _wrap_width(text)
    for match in _BREAK.finditer(text):
        if not _wrapped(text, previous, match.start(), width):
            yield start, match.start()
            start = match.end()
        previous = match.end()
    yield start, len(text)


def _wrap_width(text: str) -> int | None:
    """The width at which a program broke all lines, as mails are; None for lines that end where they should."""
    lines = text[:20_000].split("\n")[:200]
    followed = [line for line, following in pairwise(lines) if line.strip() and following.strip()]
    if len(followed) < 6:
        return None
    width = max(map(len, followed))
    broken = sum(1 for line in followed if len(line) >= 0.75 * width and line.rstrip()[-1] not in _FINAL)
    return width if width <= _WIDEST_WRAP_CHARS and broken >= 0.7 * len(followed) else None


def _wrapped(text: str, start: int, end: int, width: int | None) -> bool:
    following = text[end + 1 : end + 2]
    if width is not None and end - start >= 0.75 * width and following.isalnum():
        return text[end - 1] not in _FINAL
    return (
        end - start >= _WRAPPED_LINE_CHARS
        and following.islower()
        and (text[end - 1].isalnum() or text[end - 1] in ",;-\u2013\u2014 ")
    )


def _ends_sentence(text: str, first: int, match: re.Match[str], stop: int, end: int, *, german: bool) -> bool:
    if match[0][0] in _FULL_WIDTH or stop == end:
        return True
    if not text[stop].isspace():
        return False
    opening = stop
    while opening < end and text[opening] in _OPENERS:
        opening += 1
    following = text[opening : opening + 1]
    if following.islower():
        return False
    return (
        match[0] != "."
        or stop > match.end()
        or _full_stop(text, first, match.start(), opening, german=german)
    )


def _full_stop(text: str, first: int, period: int, opening: int, *, german: bool) -> bool:
    """Whether the one period at `period` ends a sentence rather than an abbreviation."""
    found = _LAST_TOKEN.search(text[max(first, period - 24) : period])
    token = (found[0] if found else "").strip("'\u2019-").lower()
    starts_sentence = not text[max(first, period - 24) : period - len(token)].strip()
    if token.isdecimal():
        listed = starts_sentence and len(token) <= 3
        return not listed and not (german and len(token) <= 2)
    if token in _BEFORE_NAME:
        return False
    if token in _BEFORE_NUMBER:
        return not text[opening : opening + 1].isdigit()
    initial = len(token) == 1 and text[period - 1].isupper()
    dotted = "." in token and all(len(part) <= 2 for part in token.split("."))
    if initial or dotted or token in _BEFORE_ANYTHING:
        word = _WORD.match(text, opening, opening + 24)
        return word is not None and word[0].lower() in _STARTERS
    return True


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
