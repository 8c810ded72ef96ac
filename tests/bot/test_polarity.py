"""Yes or no: what must stand in the cited words, and in which words it is said."""

import pytest

from bot.grounding.checks import holds_names
from bot.grounding.polarity import PolarityRule, Verdict, judge, weighed, worded
from bot.reading import reading_at
from tests.fakes import article

READING = reading_at(
    article(
        "visit",
        "King Orvel of Dalby visited Larkhaven on Monday. He opened the Annis bridge, which cost 40 million crowns."
        " The Ferrolian minister stayed at home.",
        version="v1",
    ),
    b"s",
)


@pytest.mark.parametrize(
    ("question", "sentence", "held"),
    [
        ("Did King Orvel visit Larkhaven?", 0, True),
        ("Did King Orvel visit Ferrol?", 0, False),  # he visited somewhere, and Ferrol is spoken of elsewhere
        ("Did King Orvel open the Annis bridge?", 1, True),  # "He": the sentence before says who
        (
            "Did King Orvel open the Dalby tunnel?",
            1,
            True,
        ),  # half of a name, and one from the sentence before
        ("Did the bridge cost 40 million crowns?", 1, True),
        ("Did the bridge cost 50 million crowns?", 1, False),
        ("Did the minister of Ferrol stay at home?", 2, True),  # Ferrol, Ferrolian
        ("Was it Monday?", 2, False),
    ],
)
def test_a_yes_needs_all_that_was_named(question: str, sentence: int, held: bool) -> None:
    assert holds_names(question, READING.sentences[sentence], READING) is held


def said(word: str, draft: str, sentence: str) -> str:
    return worded(Verdict(word, 0.9, True), "Was Dalby among them?", draft, sentence, "en")  # type: ignore[arg-type]


def test_the_drafts_words_are_said_where_the_sentence_bears_them_out() -> None:
    assert (
        said("yes", "Yes, Dalby cut its ties.", "Ferrol and Dalby cut their ties.")
        == "Yes, Dalby cut its ties."
    )


def test_a_draft_made_from_another_sentence_gives_way_to_the_one_that_decides() -> None:
    told = said("yes", "Yes, Dalby is trying to purchase a ferry.", "Ferrol and Dalby cut their ties.")
    assert told == "Yes: Ferrol and Dalby cut their ties."


def test_a_draft_of_the_other_word_gives_way() -> None:
    assert said("no", "Yes, it was.", "Only Ferrol cut its ties.") == "No: Only Ferrol cut its ties."


def test_the_word_that_is_borne_out_better_is_taken() -> None:
    rule = PolarityRule(yes_from=1.0, yes_lead=1.0, no_from=0.5, no_lead=0.2)
    assert judge(3.0, 0.0, rule).word == "yes"
    assert judge(0.0, 3.0, rule) == Verdict("no", pytest.approx(0.9933071), True)  # 2.5 above what a no needs
    assert not judge(0.1, 0.0, rule).holds


@pytest.mark.parametrize(("probability", "expected"), [(0.8, ("yes", 0.8)), (0.3, ("no", 0.7))])
def test_the_likelier_word_is_said_and_only_where_the_article_answers(
    probability: float, expected: tuple[str, float]
) -> None:
    found = weighed(probability, answered=1.0, holds=True)
    assert (found.word, pytest.approx(found.probability)) == expected
    assert found.holds
    doubtful = weighed(probability, answered=0.5, holds=False)
    assert not doubtful.holds
    assert doubtful.probability == pytest.approx(expected[1] / 2)
