"""Titles and countries that a draft gives to the wrong person."""

import pytest

from bot.grounding.roles import without_others_roles
from bot.reading import reading_at
from tests.fakes import article

TEXT = (
    "Ferran Interior Minister, General Pavel Orin and Dalbian Minister of State for Ports Lena of Var signed it. "
    "Anton Kell, founder of Mirra, met Prime Minister Joost Bram."
)
READING = reading_at(article("roles", TEXT), b"s")


@pytest.mark.parametrize(
    ("draft", "kept"),
    [
        ("Dalby's Interior Minister, General Pavel Orin.", "Interior Minister, General Pavel Orin."),
        ("It was Dalbian General Pavel Orin who did.", "It was General Pavel Orin who did."),
        ("Prime Minister Anton Kell.", "Anton Kell."),
        ("Ferra's Interior Minister, General Pavel Orin.", None),
        (
            "Ferran Interior Minister, General Pavel Orin and Dalbian Minister of State for Ports Lena of Var.",
            None,
        ),
        ("Dalby's Minister of State for Ports Lena of Var", None),
        ("Founder Anton Kell", None),
        ("No, Anton Kell did not.", None),
        ("General Pavel Orin of Prime Minister Joost Bram", None),
        ("Old General Pavel Orin", None),  # no other is old
        ("General Paul Orin of Dalby", None),  # no such name
        ("", None),
    ],
)
def test_words_before_a_name_that_are_anothers_are_left_out(draft: str, kept: str | None) -> None:
    assert without_others_roles(draft, READING.sentences) == (draft if kept is None else kept)
