"""Which words a question for a quote is about."""

import pytest

from bot.grounding.quoting import aimed
from bot.grounding.words import Weights
from bot.reading import reading_at
from tests.fakes import article

TEXT = (
    "The bakery of Orla Finn lost half of its customers in the strike, she said. "
    "\u201cThe bread went to the birds,\u201d said Orla Finn. \u201cThe drivers have my sympathy,\u201d she added. "
    "\u201cWe opened the harbour too late,\u201d said Mayor Tom Bray. The sky was red that day."
)
READING = reading_at(article("strike", TEXT), b"s")
WEIGHTS = Weights(s.read_as for s in READING.sentences)


@pytest.mark.parametrize(
    ("question", "draft", "found"),
    [
        (
            "What did Orla Finn say about her sympathy for the drivers?",
            "She said half were lost.",
            "have my sympathy",
        ),
        ("Quote Orla Finn on the bread.", "", "The bread went to the birds"),
        ("Quote Orla Finn on the bread.", "The bread went to the birds.", None),
        ("What did Tom Bray say about the bread?", "", None),  # not he
        ("What did Orla Finn say about the red sky?", "", None),  # nobody is quoted on it
        ("What did Orla Finn say, word for word?", "", None),  # about nothing in particular
    ],
)
def test_the_sentence_that_has_what_was_asked_about(question: str, draft: str, found: str | None) -> None:
    sentence = aimed(question, draft, READING, WEIGHTS)
    assert sentence is None if found is None else sentence is not None and found in sentence.text
