"""Dates in news, worked out by hand on a calendar."""

from datetime import date
from pathlib import Path

import pytest

from store.dates import (
    DateRange,
    describe,
    find_date_phrases,
    find_published,
    parse_date_line,
    parse_published,
    resolve_absolute,
    resolve_relative,
)

SEED = Path(__file__).parents[2] / "seeds" / "000_4d08abf3760346cf.txt"
THURSDAY = date(2017, 10, 26)


def days(phrase: str, published: date) -> tuple[date, date] | None:
    found = resolve_relative(phrase, published)
    return (found.first, found.last) if found else None


@pytest.mark.parametrize(
    ("phrase", "published", "day"),
    [
        ("on Wednesday", THURSDAY, date(2017, 10, 25)),
        ("Wednesday", THURSDAY, date(2017, 10, 25)),
        ("on Wednesday night", THURSDAY, date(2017, 10, 25)),
        ("on Thursday", THURSDAY, date(2017, 10, 26)),
        ("on Friday", THURSDAY, date(2017, 10, 20)),
        ("on Monday", date(2024, 1, 1), date(2024, 1, 1)),  # a Monday
        ("on Sunday", date(2024, 1, 1), date(2023, 12, 31)),
        ("last Wednesday", THURSDAY, date(2017, 10, 25)),
        ("last Thursday", THURSDAY, date(2017, 10, 19)),
        ("next Monday", THURSDAY, date(2017, 10, 30)),
        ("next Thursday", THURSDAY, date(2017, 11, 2)),
        ("this Friday", THURSDAY, date(2017, 10, 27)),
        ("this Monday", THURSDAY, date(2017, 10, 23)),
        ("today", THURSDAY, date(2017, 10, 26)),
        ("tonight", THURSDAY, date(2017, 10, 26)),
        ("Yesterday", date(2024, 3, 1), date(2024, 2, 29)),
        ("last night", THURSDAY, date(2017, 10, 25)),
        ("tomorrow", date(2023, 12, 31), date(2024, 1, 1)),
        ("three days ago", date(2017, 3, 2), date(2017, 2, 27)),
        ("On June 5", THURSDAY, date(2017, 6, 5)),
        ("5 June", THURSDAY, date(2017, 6, 5)),
        ("on October 26", THURSDAY, date(2017, 10, 26)),
        ("on October 27", THURSDAY, date(2017, 10, 27)),
        ("on 31st of December", date(2024, 1, 2), date(2023, 12, 31)),
        ("on February 29", date(2023, 5, 1), date(2024, 2, 29)),
        ("Sept. 3", THURSDAY, date(2017, 9, 3)),
    ],
)
def test_a_phrase_means_one_day(phrase: str, published: date, day: date) -> None:
    assert days(phrase, published) == (day, day)


@pytest.mark.parametrize(
    ("phrase", "published", "first", "last"),
    [
        ("Earlier this month", THURSDAY, date(2017, 10, 1), date(2017, 10, 26)),
        ("later this month", THURSDAY, date(2017, 10, 26), date(2017, 10, 31)),
        ("this month", THURSDAY, date(2017, 10, 1), date(2017, 10, 31)),
        ("last month", date(2024, 3, 31), date(2024, 2, 1), date(2024, 2, 29)),
        ("last month", date(2024, 1, 15), date(2023, 12, 1), date(2023, 12, 31)),
        ("next month", date(2023, 12, 15), date(2024, 1, 1), date(2024, 1, 31)),
        ("last week", THURSDAY, date(2017, 10, 16), date(2017, 10, 22)),
        ("earlier this week", THURSDAY, date(2017, 10, 23), date(2017, 10, 26)),
        ("last weekend", THURSDAY, date(2017, 10, 21), date(2017, 10, 22)),
        ("two weeks ago", THURSDAY, date(2017, 10, 9), date(2017, 10, 15)),
        ("a month ago", date(2024, 1, 31), date(2023, 12, 1), date(2023, 12, 31)),
        ("14 months ago", date(2024, 1, 31), date(2022, 11, 1), date(2022, 11, 30)),
        ("in May", THURSDAY, date(2017, 5, 1), date(2017, 5, 31)),
        ("in May", date(2017, 2, 3), date(2016, 5, 1), date(2016, 5, 31)),
        ("in October", THURSDAY, date(2017, 10, 1), date(2017, 10, 31)),
        ("last October", THURSDAY, date(2016, 10, 1), date(2016, 10, 31)),
        ("next May", THURSDAY, date(2018, 5, 1), date(2018, 5, 31)),
        ("in February", date(2024, 6, 1), date(2024, 2, 1), date(2024, 2, 29)),
        ("last year", THURSDAY, date(2016, 1, 1), date(2016, 12, 31)),
        ("this year", THURSDAY, date(2017, 1, 1), date(2017, 12, 31)),
        ("ten years ago", THURSDAY, date(2007, 1, 1), date(2007, 12, 31)),
    ],
)
def test_a_phrase_means_some_days(phrase: str, published: date, first: date, last: date) -> None:
    assert days(phrase, published) == (first, last)


@pytest.mark.parametrize(
    "phrase", ["26 October 2017", "soon", "", "on June 31", "nine hundred years ago", "May"]
)
def test_other_words_mean_no_days(phrase: str) -> None:
    assert resolve_relative(phrase, THURSDAY) is None


def test_a_result_says_from_what_it_was_worked_out() -> None:
    found = resolve_relative("on Wednesday", THURSDAY)
    assert found is not None
    assert found.note == "“on Wednesday” in an article published on 26 October 2017"


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2017, 10, 25), date(2017, 10, 25), "25 October 2017"),
        (date(2017, 10, 1), date(2017, 10, 31), "October 2017"),
        (date(2024, 2, 1), date(2024, 2, 29), "February 2024"),
        (date(2024, 2, 1), date(2024, 2, 28), "1–28 February 2024"),
        (date(2016, 1, 1), date(2016, 12, 31), "2016"),
        (date(2017, 10, 30), date(2017, 11, 5), "30 October – 5 November 2017"),
        (date(2017, 12, 30), date(2018, 1, 5), "30 December 2017 – 5 January 2018"),
    ],
)
def test_days_in_words(first: date, last: date, words: str) -> None:
    assert describe(DateRange(first, last, "")) == words


def test_a_range_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="before"):
        DateRange(date(2017, 1, 2), date(2017, 1, 1), "")


def test_the_phrases_of_the_seed() -> None:
    text = SEED.read_text(encoding="utf-8")
    found = find_date_phrases(text)
    assert [(phrase.text, phrase.kind) for phrase in found] == [
        ("on Wednesday", "relative"),
        ("26 October, 2017", "absolute"),
        ("on Wednesday", "relative"),
        ("On June 5", "relative"),
        ("Earlier this month", "relative"),
        ("in May", "relative"),
    ]
    assert all(text[phrase.start : phrase.end] == phrase.text for phrase in found)


def test_todays_coast_is_that_of_our_times() -> None:
    assert find_date_phrases("The bones lay 60 kilometres from today's coast.") == ()


def test_a_speakers_today_is_not_the_day_of_publication() -> None:
    assert [p.text for p in find_date_phrases('"I hope today brings peace," he said today.')] == ["today"]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("It may rain; they march on.", []),
        ("In May 2016 and on 5 June 2017.", ["In May 2016", "5 June 2017"]),
        ("since 2014, about 2,015 people", ["since 2014"]),
        ("Monday's vote came two weeks ago", ["Monday", "two weeks ago"]),
        ("on 2017-10-26 and Oct. 3", ["2017-10-26", "Oct. 3"]),
        ("a six-month blockade of 12 days", []),
        ("who signed in march", ["in march"]),
    ],
)
def test_phrases_are_found(text: str, phrases: list[str]) -> None:
    assert [phrase.text for phrase in find_date_phrases(text)] == phrases


@pytest.mark.parametrize(
    ("phrase", "first", "last"),
    [
        ("26 October, 2017", date(2017, 10, 26), date(2017, 10, 26)),
        ("in May 2016", date(2016, 5, 1), date(2016, 5, 31)),
        ("in 2014", date(2014, 1, 1), date(2014, 12, 31)),
    ],
)
def test_absolute_phrases_mean_what_they_say(phrase: str, first: date, last: date) -> None:
    assert resolve_absolute(phrase) == DateRange(first, last, "as written")


def test_a_relative_phrase_is_not_absolute() -> None:
    assert resolve_absolute("on Wednesday") is None


@pytest.mark.parametrize(
    ("value", "day", "confidence"),
    [
        ("2017-10-26", date(2017, 10, 26), 1.0),
        ("2017-10-26T23:30:00+03:00", date(2017, 10, 26), 1.0),
        ("20171026", date(2017, 10, 26), 1.0),
        ("26 October, 2017", date(2017, 10, 26), 1.0),
        ("October 26th, 2017", date(2017, 10, 26), 1.0),
        ("Thu, 26 Oct 2017 23:30:00 +0300", date(2017, 10, 26), 1.0),
        ("26/10/2017", date(2017, 10, 26), 0.9),
        ("10/26/2017", date(2017, 10, 26), 0.9),
        ("05/06/2017", date(2017, 6, 5), 0.5),
        ("26 octobre 2017", date(2017, 10, 26), 0.8),
        ("26 de octubre de 2017", date(2017, 10, 26), 0.8),
        ("26 أكتوبر 2017", date(2017, 10, 26), 0.8),
    ],
)
def test_date_fields_are_read(value: str, day: date, confidence: float) -> None:
    found = parse_published(value, "field")
    assert found is not None
    assert (found.date, found.confidence, found.origin, found.raw) == (day, confidence, "field", value)


@pytest.mark.parametrize("value", ["", "yesterday", "garbage", "31 June 2017", "2017-13-01", "x" * 300])
def test_other_fields_are_no_dates(value: str) -> None:
    assert parse_published(value, "field") is None


@pytest.mark.parametrize(
    "line",
    [
        "26 October, 2017",
        "Published: Thursday, October 26, 2017, 10:15 GMT",
        "26 October 2017 - 14:30",
        "Updated on 2017-10-26",
        "jeudi 26 octobre 2017",
    ],
)
def test_date_lines_are_read(line: str) -> None:
    found = parse_date_line(line)
    assert found is not None
    assert (found.date, found.origin) == (THURSDAY, "dateline")


@pytest.mark.parametrize(
    "line", ["In 2017 there were 26 deaths", "On 26 October 2017 they met in Doha.", "2017", ""]
)
def test_lines_with_other_words_are_not_date_lines(line: str) -> None:
    assert parse_date_line(line) is None


def test_the_seed_was_published_on_its_date_line() -> None:
    found = find_published(SEED.read_text(encoding="utf-8"))
    assert found is not None
    assert (found.date, found.raw, found.confidence) == (THURSDAY, "26 October, 2017", 1.0)


FRIDAY = date(2024, 9, 20)


@pytest.mark.parametrize(
    ("phrase", "ahead", "expected"),
    [
        ("12 October", False, date(2024, 10, 12)),  # three weeks ahead, not eleven months back
        ("on 3 January", False, date(2025, 1, 3)),
        ("until Thursday", False, date(2024, 9, 26)),
        ("on Monday", False, date(2024, 9, 16)),
        ("on Monday", True, date(2024, 9, 23)),
        ("Friday evening", True, date(2024, 9, 27)),
    ],
)
def test_what_is_still_to_come_is_not_put_into_the_past(phrase: str, ahead: bool, expected: date) -> None:
    found = resolve_relative(phrase, FRIDAY, ahead=ahead)
    assert found is not None
    assert (found.first, found.last) == (expected, expected)


@pytest.mark.parametrize(
    ("phrase", "ahead", "expected"),
    [
        ("in April", False, "April 2024"),
        ("in April", True, "April 2025"),
        ("until December", True, "December 2024"),
        ("in September", True, "September 2024"),  # the month of publication itself
        ("last April", True, "April 2024"),  # says itself which
    ],
)
def test_a_month_still_to_come_is_the_next_one(phrase: str, ahead: bool, expected: str) -> None:
    found = resolve_relative(phrase, FRIDAY, ahead=ahead)
    assert found is not None
    assert describe(found) == expected
