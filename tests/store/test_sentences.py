"""Where sentences end."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.chunking import sentences


def split(text: str, language: str | None = None) -> list[str]:
    return [text[start:end] for start, end in sentences(text, language)]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith met Gen. Lee and Dr. No.",
        "The U.S. President spoke.",
        "George W. Bush and J. K. Rowling met.",
        "It cost $4.5 million at 3.5 per cent.",
        "No. 5 won at 10 a.m. on Monday.",
        'He asked, "Why?" and left.',
        "Shares of Apple Inc. rose.",
        "Visit example.com for more.",
        "It happened on Jan. 5 in St. Petersburg.",
        "Critics, e.g. Mr. Jones, i.e. the mayor, waited ... and waited.",
        "1. First item",
    ],
)
def test_a_period_inside_a_sentence_does_not_end_it(text: str) -> None:
    assert split(text) == [text]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("He left the U.S. The move was quick.", ["He left the U.S.", "The move was quick."]),
        ("He said no. Then he left.", ["He said no.", "Then he left."]),
        ("It was 2017. War came.", ["It was 2017.", "War came."]),
        ('"Go." She went.', ['"Go."', "She went."]),
        ("He went.” “Did he?” (He did.) Good", ["He went.”", "“Did he?”", "(He did.)", "Good"]),
        ("What?! Yes… No!", ["What?!", "Yes…", "No!"]),
        ("  one.  Two. \n three", ["one.", "Two.", "three"]),
        ("A headline\nA lead", ["A headline", "A lead"]),
        ("ماذا حدث؟ لا شيء. یہ ٹھیک ہے۔ ہاں", ["ماذا حدث؟", "لا شيء.", "یہ ٹھیک ہے۔", "ہاں"]),
        ("東京。大阪！「はい。」次", ["東京。", "大阪！", "「はい。」", "次"]),
        ("वह आया। वह गया।", ["वह आया।", "वह गया।"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_sentences_end_where_they_end(text: str, parts: list[str]) -> None:
    assert split(text) == parts


def test_german_ordinals_need_the_language() -> None:
    text = "Er kam am 26. Oktober an. Dann ging er."
    assert split(text, "de") == ["Er kam am 26. Oktober an.", "Dann ging er."]


def test_a_wrapped_line_goes_on() -> None:
    text = "The council voted on Tuesday to rebuild the\nnorth pier. Work starts soon."
    assert split(text) == ["The council voted on Tuesday to rebuild the\nnorth pier.", "Work starts soon."]


def test_a_mail_broken_at_one_width_is_read_across_its_lines() -> None:
    first = (
        "The harbour council of Port Ellery, which met on a wet Tuesday with\n"
        "Mayor Odd Lund in the chair, voted to rebuild the north pier after\n"
        "Engineers of the firm Lind and Moss had told its members that the\n"
        "Old one, which a storm broke in March, could not be mended for the\n"
        "Money that the council has set aside, and that the work might take\n"
        "Two years from the day on which a builder for it has been found in\n"
        "Town."
    )
    assert split(f"{first} Work starts soon.\n\nA heading\n\nEnd.") == [
        first,
        "Work starts soon.",
        "A heading",
        "End.",
    ]


def test_a_list_of_headlines_is_not_read_across_its_lines() -> None:
    lines = [
        "Council votes to rebuild the north pier",
        "Storm closes road",
        "Schools reopen after a week of snow in the hills",
        "Mayor Lund to step down",
        "Ferry late again",
        "Fish prices rise for the third month",
        "Museum shows the old harbour maps",
        "Letters",
    ]
    assert split("\n".join(lines)) == lines


@given(st.text("aB1.!?\n \"'”。؟ü(U.S.)", max_size=80))
def test_spans_are_trimmed_ordered_and_lose_no_word(text: str) -> None:
    spans = sentences(text)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    kept = "".join(text[start:end] for start, end in spans)
    assert "".join(kept.split()) == "".join(text.split())


@pytest.mark.parametrize("unit", ["a", ".", "a-", '"', "Mr. "])
def test_e13_a_million_characters_take_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    sentences(text)
    assert time.process_time() - start < 4
