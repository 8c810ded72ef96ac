"""A draft as statements, each tied to exact words of the record."""

from datetime import date

import pytest

from bot.grounding.evidence import find_evidence
from bot.grounding.statements import (
    cite,
    ground,
    markers_in,
    renumbered,
    split_draft,
    with_dates,
    without_markers,
)
from bot.grounding.words import Weights
from bot.reading import Reading, reading_at
from bot.types import Citation, Statement
from tests.fakes import article

TEXT = "The ferry left Larkhaven on Wednesday with 212 passengers. Captain Mira Osei said it took 40 minutes."
#       0                                                          59
READING = reading_at(article("ferry", TEXT, published=date(2017, 10, 26), version="v1"), b"secret")
WEIGHTS = Weights(s.read_as for s in READING.sentences)
ASKED = "What happened to the ferry?"


def grounded(draft: str, *, probability: float = 0.99, reading: Reading = READING) -> tuple[Statement, ...]:
    return ground(draft, ASKED, reading, WEIGHTS, probability, sure=probability >= 0.9)


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        ("- One ship came.\n2. It left.\n\n* Dr. Vane stayed.", ("One ship came.", "It left.", "Dr. Vane stayed.")),
        ("It cost 4.5 crowns. It rained.", ("It cost 4.5 crowns.", "It rained.")),
        ("", ()),
        (" \n\n", ()),
    ],
)  # fmt: skip
def test_a_draft_is_split_into_sentences(draft: str, expected: tuple[str, ...]) -> None:
    assert split_draft(draft) == expected


@pytest.mark.parametrize(
    "marker", ["[9]", "[0]", "[1-3]", "[１]", "[^1]", "［１］", "【3】", "【4†source】", "[1, 2]"]
)
def test_e05_a_marker_of_the_model_is_removed_and_listed(marker: str) -> None:
    draft = f"It left {marker}. It came back."
    assert markers_in(draft) == (marker,)
    assert without_markers(draft) == "It left. It came back."


def test_a_year_in_brackets_is_a_date_not_a_marker() -> None:
    # The reading shows "last year [2016]", and a model copies it.
    draft = "It left last year [2016]."
    assert markers_in(draft) == ()
    assert without_markers(draft) == draft


def test_a_sentence_is_cited_with_the_words_of_the_record() -> None:
    (one,) = grounded("The ferry left Larkhaven with 212 passengers.")
    assert one.support == "supported"
    assert [(c.n, c.start, c.end, c.quote) for c in one.citations] == [(1, 0, 58, TEXT[:58])]


def test_each_sentence_has_its_own_evidence() -> None:
    made = grounded("The ferry left with 212 passengers. Mira Osei said it took 40 minutes.")
    assert [c.quote for s in made for c in s.citations] == [TEXT[:58], TEXT[59:]]
    assert [c.n for s in made for c in s.citations] == [1, 2]


def test_a_number_the_cited_words_lack_is_never_supported() -> None:
    (one,) = grounded("The ferry left Larkhaven with 999 passengers.")
    assert one.support != "supported"
    assert any("999" in doubt for doubt in one.doubts)


def test_a_name_the_cited_words_lack_is_never_supported() -> None:
    (one,) = grounded("The ferry left Larkhaven with Zoran Ilic and 212 passengers.")
    assert one.support != "supported"
    assert any("Zoran Ilic" in doubt for doubt in one.doubts)


def test_words_that_no_sentence_carries_are_unsupported() -> None:
    (one,) = grounded("Elephants devoured purple bananas quietly.", probability=0.5)
    assert one.support == "unsupported"
    assert one.doubts


def test_words_that_no_sentence_carries_are_at_most_partly_however_sure_the_checks() -> None:
    (one,) = grounded("Elephants devoured purple bananas quietly.", probability=0.99)
    assert one.support == "partly"
    assert one.doubts


def test_e06_an_invented_quote_is_a_doubt_and_never_shown_as_evidence() -> None:
    (one,) = grounded("Captain Mira Osei said “it took forty stormy hours”.")
    assert one.support != "supported"
    assert any("it took forty stormy hours" in doubt for doubt in one.doubts)
    assert all(c.quote in TEXT for c in one.citations)


def test_e06_a_stitched_quote_is_a_doubt() -> None:
    # Both halves stand in the article, but not one after the other.
    (one,) = grounded("Captain Mira Osei said “The ferry left Larkhaven, it took 40 minutes”.")
    assert one.support != "supported"
    assert any("not an exact quote" in doubt for doubt in one.doubts)


def test_an_exact_quote_is_no_doubt() -> None:
    (one,) = grounded("“The ferry left Larkhaven”, the article says.")
    assert not any("quote" in doubt for doubt in one.doubts)


def test_a_doubtful_draft_is_not_supported() -> None:
    (one,) = grounded("The ferry left Larkhaven with 212 passengers.", probability=0.5)
    assert one.support == "partly"
    assert one.score == 0.5


def test_an_empty_draft_has_no_statement() -> None:
    assert grounded("") == ()


def test_a_computed_date_says_from_what() -> None:
    # Published on Thursday 26 October 2017: that Wednesday is the 25th.
    (one,) = grounded("The ferry left Larkhaven on 25 October 2017.")
    (citation,) = one.citations
    assert citation.kind == "computed"
    assert citation.quote == TEXT[:58]
    assert citation.note is not None
    for part in ("on Wednesday", "25 October 2017", "2017-10-26"):
        assert part in citation.note


@pytest.mark.parametrize(
    "draft",
    ["The ferry left on Wednesday.", "The ferry left on Wednesday [25 October 2017]."],
)
def test_a_relative_date_is_shown_with_its_day_once(draft: str) -> None:
    assert with_dates(draft, READING.sentences) == "The ferry left on Wednesday (25 October 2017)."


def test_a_date_that_is_there_is_not_added_again() -> None:
    draft = "On Wednesday, 25 October 2017, it left."
    assert with_dates(draft, READING.sentences) == draft


def test_repeated_words_are_quoted_and_other_words_stated() -> None:
    first = READING.sentences[1]
    assert cite(READING.article, first, "Captain Mira Osei said it took 40 minutes.").kind == "quoted"
    assert cite(READING.article, first, "The crossing lasted 40 minutes.").kind == "stated"


def test_the_same_words_keep_one_number() -> None:
    def at(start: int, article_id: str = "ferry") -> Citation:
        return Citation(1, article_id, "t", None, None, None, "ab", start, start + 2, "quoted")

    made = renumbered(
        [
            Statement("a", (at(5), at(0)), "partly", None),
            Statement("b", (at(5), at(5, "other")), "partly", None),
        ]
    )
    assert [[c.n for c in s.citations] for s in made] == [[1, 2], [1, 3]]


def test_a_supported_statement_without_a_citation_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="citation"):
        Statement("It left.", (), "supported", 0.9)


def test_a_citation_whose_span_is_not_its_quote_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="span"):
        Citation(1, "a", "t", None, None, None, "ship", 0, 3, "quoted")


def test_evidence_of_nothing_is_nothing() -> None:
    found = find_evidence(ASKED, "It left.", (), WEIGHTS)
    assert (found.sentences, found.text) == ((), "")
