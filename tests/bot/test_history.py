"""Follow-up questions."""

import pytest

from bot.history import needs_history, standalone
from bot.types import Turn
from tests.bot.archive import scripted

HISTORY = (
    Turn("Who steered the ferry of Larkhaven?", "Mira Osei."),
    Turn("When did she leave?", "On Wednesday."),
)


@pytest.mark.parametrize(
    "question", ["When did it leave?", "And on Monday?", "Why?", "Who said this?", "¿Y él?"]
)
def test_words_that_point_back_need_the_conversation(question: str) -> None:
    assert needs_history(question)


def test_a_full_question_stands_alone() -> None:
    assert not needs_history("What rate did the central bank of Dalby set in February?")


def test_without_a_conversation_nothing_is_asked_of_the_model() -> None:
    engine = scripted("x")
    assert standalone("When did it leave?", (), engine).how == "as asked"
    assert engine.calls == []


def test_a_faithful_rewriting_is_taken() -> None:
    made = standalone("Why did she leave?", HISTORY, scripted("Question: Why did Mira Osei leave?"))
    assert (made.text, made.how) == ("Why did Mira Osei leave?", "rewritten")


@pytest.mark.parametrize(
    "rewritten",
    [
        "",
        "Why did Donald Duck leave?",
        "Mira Osei.",
        "Because of the rain, wind, hail and cold.",
        "why " * 500,
    ],
)
def test_a_rewriting_that_loses_or_invents_is_joined_to_the_question_before(rewritten: str) -> None:
    made = standalone("Why did she leave Dalby?", HISTORY, scripted(rewritten))
    # The turn before points back itself; the topic is the last question that stood alone.
    assert made.how == "joined"
    assert made.text == "Who steered the ferry of Larkhaven? Why did she leave Dalby?"


@pytest.mark.parametrize(
    ("before", "question", "alone"),
    [
        ("What has Larkhaven bought from Dalby?", "And Merrun?", "What has Merrun bought from Dalby?"),
        ("Who signed for Larkhaven?", "And for Dalby?", "Who signed for Dalby?"),
        (
            "What did Larkhaven buy from Dalby?",
            "What about from Merrun?",
            "What did Larkhaven buy from Merrun?",
        ),
        ("Who came to Larkhaven on Monday?", "And on Tuesday?", "Who came to Larkhaven on Tuesday?"),
        ("How many died in 2015?", "And in 2016?", "How many died in 2016?"),
    ],
)
def test_another_name_or_date_takes_the_place_of_the_one_before(
    before: str, question: str, alone: str
) -> None:
    engine = scripted("x")
    made = standalone(question, (Turn(before, "Mira Osei."),), engine)
    assert (made.text, made.how) == (alone, "replaced")
    assert engine.calls == []


@pytest.mark.parametrize("question", ["And why?", "And him?", "And for how much money?", "And in Syria?"])
def test_what_has_no_clear_place_is_rewritten_by_the_model(question: str) -> None:
    engine = scripted("x")
    standalone(question, (Turn("What did Larkhaven say about the Gulf?", "Nothing."),), engine)
    assert len(engine.calls) == 1


def test_a_short_question_with_a_name_stands_alone() -> None:
    assert not needs_history("Who signed for Larkhaven?")
    assert needs_history("Who signed?")
