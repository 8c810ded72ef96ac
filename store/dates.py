"""Dates in news: when an article was published, and which days its words mean.

Every function is pure: a relative phrase is resolved against the publication date that is passed in.
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from store.types import DateOrigin, Published

MONTH_NAMES = "January February March April May June July August September October November December"
_MONTHS = {name.lower(): number for number, name in enumerate(MONTH_NAMES.split(), start=1)}
_MONTHS |= {name[:3]: number for name, number in tuple(_MONTHS.items())} | {"sept": 9}
DAY_NAMES = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_DAYS = {name.lower(): number for number, name in enumerate(DAY_NAMES.split())}
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_COUNTS |= {"eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12}

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan\.?|Feb\.?|Mar\.?|Apr\.?|Jun\.?|Jul\.?|Aug\.?|Sept?\.?|Oct\.?|Nov\.?|Dec\.?)(?![^\W\d_])"
)
_DAY = f"(?:{DAY_NAMES.replace(' ', '|')})"
_NUMBER = r"(?:[0-3]?\d(?:st|nd|rd|th)?)(?!\d)"
_YEAR = r"(?:1[89]|20)\d\d(?!\d)"
_COUNT = rf"(?:\d{{1,3}}|{'|'.join(sorted(_COUNTS, key=len, reverse=True))})"

_ABSOLUTE = re.compile(
    rf"\b(?:{_YEAR}-\d\d-\d\d(?!\d)"
    rf"|{_NUMBER}(?: of)? {_MONTH},? {_YEAR}"
    rf"|{_MONTH} {_NUMBER},? {_YEAR}"
    rf"|(?:(?:in|since|until|by|of|during|early|late|mid) )?{_MONTH},? {_YEAR}"
    rf"|(?:in|since|until|by|during|of|from) {_YEAR}(?![\w,.]?\d))",
    re.IGNORECASE,
)
# "may" and "march" are verbs too: without a clear preposition they need a capital.
_NAME = rf"(?-i:(?=[A-Z])){_MONTH}"
_BARE_MONTH = (
    rf"(?:(?:in|since|until) {_MONTH}|(?:by|during|early|late|mid|last|this|next)[ -]{_NAME})(?![ ]?\d)"
)
_DAY_OF_MONTH = rf"(?:on |since |until |by )?(?:{_NAME} {_NUMBER}|{_NUMBER}(?: of)? {_NAME})"
# "Today's coast" is that of our times.
_NEAR_DAYS = "today(?!['\u2019]s)|tonight|yesterday|tomorrow|last night|this (?:morning|afternoon|evening)"
_NEAR_DAY = re.compile(_NEAR_DAYS, re.IGNORECASE)
_QUOTATION = re.compile('["\u201c][^"\u201c\u201d\n]*(?:["\u201d]|$)', re.MULTILINE)
_RELATIVE = re.compile(
    rf"\b(?:(?:on|last|next|this|since|until|by) )?{_DAY}(?: (?:morning|afternoon|evening|night))?\b"
    rf"|\b(?:{_NEAR_DAYS})\b"
    r"|\b(?:(?:earlier|later) )?(?:this|last|next) (?:week|weekend|month|year)\b"
    rf"|\b{_COUNT} (?:day|week|month|year)s? ago\b"
    rf"|\b{_DAY_OF_MONTH}(?!,? {_YEAR})(?![.,]?\d)"
    rf"|\b{_BARE_MONTH}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days a phrase means, both ends included; `note` says from what it was worked out."""

    first: date
    last: date
    note: str

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self.last} is before {self.first}")


@dataclass(frozen=True, slots=True)
class DatePhrase:
    """Words that name a date; `absolute` ones carry their year, `relative` ones need a publication date."""

    start: int
    end: int
    text: str
    kind: Literal["absolute", "relative"]


def find_date_phrases(text: str) -> tuple[DatePhrase, ...]:
    """All date phrases of an English text, in order, not overlapping."""
    absolute = [DatePhrase(m.start(), m.end(), m[0], "absolute") for m in _ABSOLUTE.finditer(text)]
    taken = sorted(absolute, key=lambda phrase: phrase.start)
    # Blanked rather than cut, so that offsets stay and "26 October" is not found again in "26 October 2017".
    rest = _ABSOLUTE.sub(lambda m: "\0" * len(m[0]), text)
    speech = [quotation.span() for quotation in _QUOTATION.finditer(text)]
    for match in _RELATIVE.finditer(rest):
        # A speaker's "today" is the day of the speech, which the publication date does not tell.
        near = _NEAR_DAY.fullmatch(match[0]) is not None
        if not (near and any(first < match.start() < last for first, last in speech)):
            taken.append(DatePhrase(match.start(), match.end(), match[0], "relative"))
    return tuple(sorted(taken, key=lambda phrase: phrase.start))


def resolve_relative(phrase: str | DatePhrase, published: date, *, ahead: bool = False) -> DateRange | None:
    """The days a relative phrase means in an article published on `published`; None if it is not one.

    Args:
        ahead: The sentence speaks of what is still to come: a bare weekday or month is then the next one.
    """
    words = phrase.text if isinstance(phrase, DatePhrase) else phrase
    key = " ".join(words.lower().replace("-", " ").split()).rstrip(".,;:")
    if ahead and (bare := _BARE_WEEKDAY.fullmatch(key)):
        key = f"next {bare[1]}"
    elif ahead and (bare := _COMING_MONTH.fullmatch(key)):
        key = f"to come {bare[1]}"
    for pattern, resolver in _RESOLVERS:
        match = pattern.fullmatch(key)
        if match:
            found = resolver(match, published)
            if found is None:
                return None
            note = f"“{words.strip()}” in an article published on {_spelled(published)}"
            return DateRange(found[0], found[1], note)
    return None


def resolve_absolute(phrase: str | DatePhrase) -> DateRange | None:
    """The days that words with a year name: a day, a month or a year; None for anything else."""
    words = phrase.text if isinstance(phrase, DatePhrase) else phrase
    day = _parse_day(words)
    if day is not None:
        return DateRange(day, day, "as written")
    month = re.search(rf"({_MONTH}),? ({_YEAR})", words, re.IGNORECASE)
    if month:
        return DateRange(*_month(int(month[2]), _month_number(month[1])), "as written")
    year = re.search(rf"\b({_YEAR})", words)
    return DateRange(*_year(int(year[1])), "as written") if year else None


def describe(days: DateRange) -> str:
    """In words: "25 October 2017", "October 2017", "2017", "1-26 October 2017" with a dash, and so on."""
    first, last = days.first, days.last
    if first == last:
        return _spelled(first)
    if (first, last) == _year(first.year):
        return str(first.year)
    if (first, last) == _month(first.year, first.month):
        return f"{_month_name(first)} {first.year}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{_spelled(last)}"
    start = f"{first.day} {_month_name(first)}" if first.year == last.year else _spelled(first)
    return f"{start} – {_spelled(last)}"


def find_published(text: str) -> Published | None:
    """The date line among the first lines of an article: a line that holds a date and nothing else."""
    for line in [line for line in text[:4000].splitlines() if line.strip()][:15]:
        found = parse_date_line(line)
        if found is not None:
            return found
    return None


def parse_date_line(line: str) -> Published | None:
    """Reads a line such as "26 October, 2017" or "Published: Thursday, October 26, 2017, 10:15 GMT"."""
    words = line.strip()
    if not 6 <= len(words) <= 60 or not any(c.isdigit() for c in words):
        return None
    if not _DATE_LINE.fullmatch(words):
        return _foreign(words, "dateline") if _foreign_line(words) else None
    bare = _DATE_PREFIX.sub("", words)
    day, confidence = _read_day(bare)
    return Published(day, "dateline", confidence, words) if day is not None else None


def parse_published(value: str, origin: DateOrigin) -> Published | None:
    """Reads a date field: ISO, spelled out in English, RFC 2822, numeric, else by dateparser.

    Returns: None where it cannot be read; an ambiguous numeric date is read day first, with low confidence.
    """
    words = " ".join(value.split())
    if not words or len(words) > 200:
        return None
    day, confidence = _read_day(words)
    return Published(day, origin, confidence, words) if day is not None else _foreign(words, origin)


_TIME = (
    r"(?:[ ,·|–-]*(?:at |T)?\d{1,2}[:.]\d\d(?::\d\d)?(?: ?[ap]\.?m\.?)?(?: ?(?:[A-Z]{2,5}|[+-]\d\d:?\d\d))?)"
)
_DATE_PREFIX = re.compile(
    rf"(?:(?:published|updated|posted|last (?:updated|modified)|date)(?: on| at)?:? *)?"
    rf"(?:(?:{_DAY}|Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +)?",
    re.IGNORECASE,
)
_SPELLED_DAY = rf"(?:{_NUMBER}(?: of)? {_MONTH},? {_YEAR}|{_MONTH} {_NUMBER},? {_YEAR})"
_NUMERIC_DAY = rf"(?:{_YEAR}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]{_YEAR})"
_DATE_LINE = re.compile(rf"{_DATE_PREFIX.pattern}(?:{_SPELLED_DAY}|{_NUMERIC_DAY}){_TIME}?\.?", re.IGNORECASE)
_ISO = re.compile(rf"({_YEAR})[-/.](\d\d?)[-/.](\d\d?)(?!\d)")
_DAY_FIRST = re.compile(rf"(?<!\d)({_NUMBER})(?: of)? ({_MONTH}),? ({_YEAR})", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_MONTH}) ({_NUMBER}),? ({_YEAR})", re.IGNORECASE)
_NUMERIC = re.compile(rf"(?<!\d)(\d\d?)[-/.](\d\d?)[-/.]({_YEAR})")
_COMPACT = re.compile(r"((?:1[89]|20)\d\d)(\d\d)(\d\d)(?:T\d+Z?)?")


def _read_day(words: str) -> tuple[date | None, float]:
    day = _parse_day(words)
    if day is not None:
        return day, 1.0
    numeric = _NUMERIC.search(words)
    if not numeric:
        return None, 0.0
    a, b, year = int(numeric[1]), int(numeric[2]), int(numeric[3])
    if b > 12:  # only the American order is possible
        return _day(year, a, b), 0.9
    # 26/10/2017 is clear; 05/06/2017 is a guess that most of the world would make.
    return _day(year, b, a), 0.9 if a > 12 or a == b else 0.5


def _parse_day(words: str) -> date | None:
    """A day written so that it can mean only one."""
    compact = _COMPACT.fullmatch(words)
    if compact:
        return _day(int(compact[1]), int(compact[2]), int(compact[3]))
    if found := _ISO.search(words):
        return _day(int(found[1]), int(found[2]), int(found[3]))
    if found := _DAY_FIRST.search(words):
        return _day(int(found[3]), _month_number(found[2]), _ordinal(found[1]))
    if found := _MONTH_FIRST.search(words):
        return _day(int(found[3]), _month_number(found[1]), _ordinal(found[2]))
    return None


def _foreign_line(words: str) -> bool:
    """Whether a line could be a date in another language: few words, a day and a year among them."""
    numbers = re.findall(r"\d+", words)
    years = [n for n in numbers if len(n) == 4 and 1800 <= int(n) <= 2099]
    others = [n for n in numbers if len(n) <= 2]
    letters = re.findall(r"[^\W\d_]+", words)
    short = 1 <= len(letters) <= 5 and len(words) <= 40
    return len(years) == 1 and len(others) == 1 and len(numbers) == 2 and short and words[-1] not in "?!]"


def _foreign(words: str, origin: DateOrigin) -> Published | None:
    # "yesterday" says nothing about the article, and figures alone were tried in every sensible order.
    if len(words) > 60 or not _ANY_YEAR.search(words) or not any(c.isalpha() for c in words):
        return None
    import dateparser  # half a second, and only for dates in other languages

    settings = {"STRICT_PARSING": True, "DATE_ORDER": "DMY", "PARSERS": ["absolute-time"]}
    found = dateparser.parse(words, languages=_FOREIGN_LANGUAGES, settings=settings)
    return Published(found.date(), origin, 0.8, words) if isinstance(found, datetime) else None


_ANY_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")  # digits of any script
# Each language costs time at the first date; these are the widely read ones.
_FOREIGN_LANGUAGES = "fr es ar de it pt ru uk nl tr pl fa hi zh ja ko id sv".split()

_Days = tuple[date, date]
_Resolver = Callable[[re.Match[str], date], _Days | None]


def _weekday(match: re.Match[str], published: date) -> _Days:
    target, word = _DAYS[match["day"]], match["word"]
    if word in ("next", "until", "by"):
        day = published + timedelta(days=(target - published.weekday() - 1) % 7 + 1)
    elif word == "last":
        day = published - timedelta(days=(published.weekday() - target - 1) % 7 + 1)
    elif word == "this":
        day = published + timedelta(days=target - published.weekday())
    else:
        day = published - timedelta(days=(published.weekday() - target) % 7)
    return day, day


def _near_day(match: re.Match[str], published: date) -> _Days:
    days = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(match[0], 0)
    return published + timedelta(days=days), published + timedelta(days=days)


def _period(match: re.Match[str], published: date) -> _Days | None:
    step = {"last": -1, "this": 0, "next": 1}[match["word"]]
    first, last = _PERIODS[match["unit"]](published, step)
    half = match["half"]
    if half == "earlier" and step == 0:
        last = min(last, published)
    elif half == "later" and step == 0:
        first = max(first, published)
    return (first, last) if first <= last else None


def _ago(match: re.Match[str], published: date) -> _Days | None:
    count = int(match["count"]) if match["count"].isdecimal() else _COUNTS[match["count"]]
    if match["unit"] == "day":
        day = published - timedelta(days=count)
        return day, day
    try:
        return _PERIODS[match["unit"]](published, -count)
    except ValueError:  # before year 1
        return None


def _bare_month(match: re.Match[str], published: date) -> _Days:
    month, word = _month_number(match["month"]), match["word"]
    year = published.year - (month > published.month)
    if word == "last" and month == published.month:
        year -= 1
    elif word == "this":
        year = published.year
    elif word == "next":
        year = published.year + (month <= published.month)
    elif word == "to come":
        year = published.year + (month < published.month)
    return _month(year, month)


def _bare_day(match: re.Match[str], published: date) -> _Days | None:
    """The nearest such day: news speaks of days to come as well as of past ones."""
    month, number = _month_number(match["month"]), _ordinal(match["number"])
    years = range(published.year - 8, published.year + 9)  # 29 February may be eight years off
    days = [day for year in years if (day := _day(year, month, number)) is not None]
    nearest = min(days, key=lambda day: abs((day - published).days), default=None)
    return (nearest, nearest) if nearest is not None else None


def _week(published: date, step: int) -> _Days:
    monday = published + timedelta(days=7 * step - published.weekday())
    return monday, monday + timedelta(days=6)


def _weekend(published: date, step: int) -> _Days:
    saturday = _week(published, step)[0] + timedelta(days=5)
    return saturday, saturday + timedelta(days=1)


def _months_on(published: date, step: int) -> _Days:
    months = published.year * 12 + published.month - 1 + step
    return _month(months // 12, months % 12 + 1)


def _years_on(published: date, step: int) -> _Days:
    return _year(published.year + step)


_PERIODS: dict[str, Callable[[date, int], _Days]] = {
    "week": _week,
    "weekend": _weekend,
    "month": _months_on,
    "year": _years_on,
}
_BARE_WEEKDAY = re.compile(
    rf"(?:on )?({_DAY.lower()})(?: (?:morning|afternoon|evening|night))?", re.IGNORECASE
)
_COMING_MONTH = re.compile(rf"(?:in|until|by|during|early|late|mid) ({_MONTH})", re.IGNORECASE)
_MONTH_KEY = rf"(?P<month>{_MONTH})"
_NUMBER_KEY = rf"(?P<number>{_NUMBER})"
_RESOLVERS: tuple[tuple[re.Pattern[str], _Resolver], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), resolver)
    for pattern, resolver in (
        (
            rf"(?:(?P<word>on|last|next|this|since|until|by) )?(?P<day>{_DAY.lower()})"
            r"(?: (?:morning|afternoon|evening|night))?",
            _weekday,
        ),
        (_NEAR_DAYS, _near_day),
        (r"(?:(?P<half>earlier|later) )?(?P<word>this|last|next) (?P<unit>week|weekend|month|year)", _period),
        (rf"(?P<count>{_COUNT}) (?P<unit>day|week|month|year)s? ago", _ago),
        (
            rf"(?P<word>in|since|until|by|during|early|late|mid|last|this|next|to come) {_MONTH_KEY}",
            _bare_month,
        ),
        (rf"(?:(?:on|since|until|by) )?{_MONTH_KEY} {_NUMBER_KEY}", _bare_day),
        (rf"(?:(?:on|since|until|by) )?{_NUMBER_KEY}(?: of)? {_MONTH_KEY}", _bare_day),
    )
)


def _day(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:  # 31 June
        return None


def _month(year: int, month: int) -> _Days:
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


def _year(year: int) -> _Days:
    return date(year, 1, 1), date(year, 12, 31)


def _ordinal(words: str) -> int:
    return int(words.lower().rstrip("stndrh"))


def _month_number(name: str) -> int:
    return _MONTHS[name.lower().rstrip(".")]


def _month_name(day: date) -> str:
    return MONTH_NAMES.split()[day.month - 1]


def _spelled(day: date) -> str:
    return f"{day.day} {_month_name(day)} {day.year}"
