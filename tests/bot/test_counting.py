"""How many: names that a sentence lists are counted where no sentence gives their number."""

from datetime import date

import pytest

from bot.grounding.counting import counted, listings
from bot.grounding.evidence import evidence_of
from bot.grounding.statements import statement
from bot.grounding.words import Weights
from bot.reading import reading_at
from tests.fakes import article

READING = reading_at(
    article(
        "ties",
        "On May 3, Ferrol, the United Isles, Dalby and Orrin Vale cut their ties with Annis. The blockade went on for"
        " six months. Army General Ines Brandt, Trade Minister Paul Orsini and Lena Voss met."
        " Two ministers and three mayors came from Larkhaven.",
        published=date(2012, 6, 1),
        version="v1",
    ),
    b"s",
)
SENTENCES = READING.sentences
WEIGHTS = Weights(s.read_as for s in SENTENCES)


def test_a_list_is_three_names_or_more() -> None:
    assert [one.names for one in listings(SENTENCES)][:1] == [
        ("Ferrol", "the United Isles", "Dalby", "Orrin Vale")
    ]


@pytest.mark.parametrize(
    ("question", "draft", "answer"),
    [
        (
            "How many countries cut ties with Annis?",
            "Six countries cut ties with Annis.",
            "Four: Ferrol, the United Isles, Dalby and Orrin Vale.",
        ),
        ("How many countries cut ties with Annis?", "Four countries did.", None),  # counted rightly already
        ("How many months did the blockade of Annis go on?", "Six months.", None),
        ("How many ministers came from Larkhaven?", "Two ministers came.", None),  # the article says so
        ("Which countries cut ties with Annis?", "Ferrol and Dalby.", None),
        ("How many people live in Larkhaven?", "Two.", None),  # its best sentence lists nobody
    ],
)
def test_what_is_listed_is_counted(question: str, draft: str, answer: str | None) -> None:
    found = counted(question, draft, SENTENCES, WEIGHTS)
    assert (found.answer if found else None) == answer


def test_a_count_is_no_missing_number_and_is_cited_as_computed() -> None:
    question, text = "How many countries cut ties with Annis?", "Four countries cut ties with Annis."
    evidence = evidence_of((SENTENCES[0],), question, text, WEIGHTS)
    assert evidence.missing == ()
    said = statement(text, READING.article, evidence, 0.9, True)
    assert said.citations[0].kind == "computed"
    assert said.citations[0].note == "counted: Ferrol; the United Isles; Dalby; Orrin Vale"
    assert evidence_of((SENTENCES[0],), question, "Six countries cut ties.", WEIGHTS).missing == ("6",)
