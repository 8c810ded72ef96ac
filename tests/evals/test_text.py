import pytest

from evals.text import contains, locate, token_f1, words


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The Mayor's $1,250,000 bridge!", "en", ["mayor", "s", "1250000", "bridge"]),
        ("El puente más LARGO", "es", ["puente", "mas", "largo"]),
        ("الجِسْر الكبـير", "ar", ["الجسر", "الكبير"]),
        ("on 3.5 km.", "en", ["on", "3.5", "km"]),
        ("", "en", []),
    ],
)
def test_words_are_folded(text: str, language: str, expected: list[str]) -> None:
    assert words(text, language) == expected


def test_a_reference_is_found_as_whole_words_only() -> None:
    assert contains("It was Ana Ruiz, the mayor.", "ana ruiz")
    assert not contains("It was Joana Ruizmann.", "ana ruiz")
    assert not contains("There were 13 people.", "3")
    assert not contains("anything", "")


def test_arabic_prefixes_may_be_glued_to_a_reference() -> None:
    assert contains("وقعت في الدوحة", "دوحة", "ar")


def test_token_f1_agrees_with_the_value_worked_by_hand() -> None:
    # given: mayor ana ruiz cut it (5); wanted: ana ruiz (2); common 2; p = 2/5, r = 1; f1 = 4/7
    assert token_f1("The mayor Ana Ruiz cut it", "Ana Ruiz") == pytest.approx(4 / 7)
    assert token_f1("nobody", "Ana Ruiz") == 0.0


def test_a_quote_is_located_across_blanks_typographic_and_invisible_signs() -> None:
    assert locate("He said “no\nway” then", 'said "no way"') == (3, 16)
    assert locate("one two", "one \u200btwo") == (0, 7)
    assert locate("one two", "three") is None
    assert locate("one two", " ") is None
