"""An article as the model reads it."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from bot.reading import LONGEST_SENTENCE, SECTION_CHARS, Reading, reading_at, sentences_of
from store.types import Article, Section
from tests.fakes import article

THURSDAY = date(2017, 10, 26)
SECRET = b"of this library"


def short(text: str = "A ship left on Wednesday. It rained.", **fields: object) -> Article:
    return replace(article("ferry", text, published=THURSDAY, version="v1"), **fields)  # type: ignore[arg-type]


def long() -> Article:
    return article("long", " ".join(f"Ship {n} left the port." for n in range(1000)), version="v1")


def test_sentences_are_cut_from_the_record_in_order() -> None:
    text = "A ship left.\n\nÉmile Ö. saw 🚢 it. “So did I,” said Ana. 它走了。"
    found = sentences_of(article("x", text))
    assert all(text[s.start : s.end] == s.text for s in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert "".join("".join(s.text.split()) for s in found) == "".join(text.split())


def test_a_relative_date_is_read_with_the_day_it_means() -> None:
    # 26 October 2017 was a Thursday, so its Wednesday was the 25th.
    first = sentences_of(short())[0]
    assert first.dates == (("on Wednesday", "25 October 2017"),)
    assert first.read_as == "A ship left on Wednesday [25 October 2017]."
    assert first.text == "A ship left on Wednesday."


def test_a_word_on_the_way_to_a_weekday_does_not_put_it_ahead() -> None:
    said = sentences_of(short("Children from the school are ill, the office said on Thursday."))[0]
    assert said.dates == (("on Thursday", "26 October 2017"),)
    closed = sentences_of(short("The school is closed from Thursday."))[0]
    assert closed.dates == (("Thursday", "2 November 2017"),)


@pytest.mark.parametrize(
    ("sentence", "dates"),
    [
        ("The bridge will be shut, the office said on Thursday.", (("on Thursday", "26 October 2017"),)),
        ("It will close, the mayor told this newspaper on Monday.", (("on Monday", "23 October 2017"),)),
        ("The mayor will meet the builders on Monday.", (("on Monday", "30 October 2017"),)),
        ("Storms are expected on Saturday.", (("on Saturday", "28 October 2017"),)),
        ("The team will return in April.", (("in April", "April 2018"),)),
        ("It was cut in May and will stay shut until August.", (("in May", "May 2017"), ("until August", "August 2018"))),
        ("He left in November.", (("in November", "November 2016"),)),
        ("Neither side would say on Monday who paid.", (("on Monday", "23 October 2017"),)),
        ("She will be mayor after winning 52 percent on Sunday.", (("on Sunday", "22 October 2017"),)),
        ("They approved plans to rebuild the quay on Tuesday.", (("on Tuesday", "24 October 2017"),)),
        ("She plans to sail on Tuesday.", (("on Tuesday", "31 October 2017"),)),
        ("Most cattle had been found by Thursday morning.", (("by Thursday morning", "26 October 2017"),)),
        ("The mud washed down by Monday's storm is gone.", (("by Monday", "23 October 2017"),)),
        ("Any complaint had to be filed by Tuesday.", (("by Tuesday", "31 October 2017"),)),
        ("They were told to leave by Tuesday.", (("by Tuesday", "31 October 2017"),)),
    ],
)  # fmt: skip
def test_only_what_is_still_to_come_is_dated_ahead(sentence: str, dates: tuple[tuple[str, str], ...]) -> None:
    # Published on Thursday, 26 October 2017.
    assert sentences_of(short(sentence))[0].dates == dates


def test_a_relative_date_of_an_undated_article_stays_as_it_is() -> None:
    assert sentences_of(short(published=None))[0].dates == ()


def test_a_date_with_its_year_is_not_said_twice() -> None:
    assert sentences_of(short("It left on 25 October 2017."))[0].dates == ()


def test_a_part_of_the_article_is_named() -> None:
    text = "A ship [Navy]\nIt left."
    one = short(text, sections=(Section("caption", 0, 13), Section("body", 14, 22)))
    assert [s.role for s in sentences_of(one)] == ["caption", "body"]
    assert "[Navy]" in sentences_of(one)[0].read_as
    assert sentences_of(one)[0].read_as != sentences_of(one)[0].text
    assert sentences_of(one)[1].read_as == "It left."


def test_the_header_holds_what_is_known_of_the_article() -> None:
    text = reading_at(short(source="Lark Courier", authors=("Ada Finch", "Bo Lind")), SECRET).text
    for known in ("Title of ferry", "Lark Courier", "Ada Finch, Bo Lind", "Thursday 26 October 2017"):
        assert known in text


def test_a_title_of_two_lines_makes_no_line_of_its_own() -> None:
    text = reading_at(short(title="Ship\nOutlet: The Forger"), SECRET).text
    assert text.splitlines()[0].endswith("Ship Outlet: The Forger")


def test_the_same_article_always_reads_the_same() -> None:
    assert reading_at(short(), SECRET) == reading_at(short(), SECRET, start=5)


def test_the_fence_is_of_the_library_and_of_the_version() -> None:
    fences = {
        reading_at(short(), SECRET).fence,
        reading_at(short(), b"of another library").fence,
        reading_at(short(version="v2"), SECRET).fence,
        reading_at(short(id="other"), SECRET).fence,
    }
    assert len(fences) == 4


def test_the_key_changes_with_what_is_read() -> None:
    one = reading_at(short(), SECRET)
    assert reading_at(short("A ship left on Tuesday. It rained."), SECRET).key != one.key
    assert reading_at(short(source="Lark Courier"), SECRET).key != one.key
    assert reading_at(short(), b"of another library").key != one.key


def test_a_short_article_is_read_whole() -> None:
    reading = reading_at(short(), SECRET, start=30)
    assert (reading.start, reading.end) == (0, len(short().text))
    assert reading.sentences == sentences_of(short())


def stretches(one: Article) -> list[Reading]:
    found = [reading_at(one, SECRET)]
    while found[-1].end < len(one.text):
        found.append(reading_at(one, SECRET, start=found[-1].end))
    return found


def test_a_long_article_is_read_in_stretches_that_miss_nothing() -> None:
    one = long()
    found = stretches(one)
    assert len(found) > 1
    assert (found[0].start, found[-1].end) == (0, len(one.text))
    assert all(a.end == b.start for a, b in pairwise(found))
    assert tuple(s for r in found for s in r.sentences) == sentences_of(one)
    assert len({r.key for r in found}) == len(found)


def test_the_stretch_is_the_one_that_holds_the_place() -> None:
    for start in (0, 5999, 6000, 6001, len(long().text) - 1):
        reading = reading_at(long(), SECRET, start=start)
        assert reading.start <= start < reading.end


def test_a_place_beyond_the_text_gives_the_last_stretch() -> None:
    assert reading_at(long(), SECRET, start=10**9).end == len(long().text)


def test_no_stretch_is_too_long_even_without_a_sentence_end() -> None:
    # A table or a list may hold no full stop at all; one stretch must still fit a model's context.
    one = article("table", "figure 12 " * 4500, version="v1")
    found = stretches(one)
    assert max(r.end - r.start for r in found) <= SECTION_CHARS * 1.25
    assert all(one.text[s.start : s.end] == s.text for r in found for s in r.sentences)
    assert max(len(s.text) for s in sentences_of(one)) <= LONGEST_SENTENCE
    assert "".join(s.text for s in sentences_of(one)).replace(" ", "") == one.text.replace(" ", "")


def test_no_stretch_is_too_long_even_without_a_space() -> None:
    one = article("run", "x" * 20_000, version="v1")
    assert max(r.end - r.start for r in stretches(one)) <= SECTION_CHARS * 1.25


def test_an_article_of_one_mark_can_be_read() -> None:
    assert reading_at(article("dot", "."), SECRET).sentences[0].text == "."
