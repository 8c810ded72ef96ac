"""Questions that the article at hand can answer."""

from bot.reading import reading_at
from bot.suggest import follow_ups
from tests.fakes import article

READING = reading_at(
    article(
        "visit",
        "The king of Dalby met Ines Brandt on Wednesday in the Gulf. She spoke of the Gulf. He spoke of Ferrol.",
        version="v1",
    ),
    b"s",
)


def test_names_of_the_article_are_suggested_as_it_says_them() -> None:
    assert follow_ups(READING, "Who met the king of Dalby?", ()) == (
        "What does the article say about the Gulf?",
        "What does the article say about Ines Brandt?",
        "What does the article say about Ferrol?",
    )


def test_days_and_what_was_asked_are_not() -> None:
    told = " ".join(follow_ups(READING, "Who is Ines Brandt?", ()))
    assert "Wednesday" not in told
    assert "Brandt" not in told
