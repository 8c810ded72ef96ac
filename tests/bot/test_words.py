"""Words, names and numbers as the checks compare them."""

import pytest

from bot.grounding.words import Weights, content_words, counts, names, numbers, stem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The ships of the bank", ("ship", "bank")),
        ("al-Attiyah", ("attiyah",)),  # the particle is a function word, the parts stand alone
        ("1,200 boxes", ("1200", "box")),
        ("twelve boxes", ("12", "box")),
        ("the 2nd ship", ("2", "ship")),
        ("Österreich", ("osterreich",)),
        ("of the and to", ()),
        ("", ()),
    ],
)
def test_content_words_are_folded_and_stemmed(text: str, expected: tuple[str, ...]) -> None:
    assert content_words(text) == expected


def test_full_width_letters_and_digits_meet_plain_ones() -> None:
    assert content_words("Ｓｈｉｐ １２") == content_words("ship 12") == ("ship", "12")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("city", "cities"),
        ("carried", "carry"),
        ("signing", "signed"),
        ("ship's", "ships"),
        ("came", "come"),
        ("bought", "buying"),
        ("sank", "sunk"),
    ],
)
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It cost 1,200,000 crowns.", {"1200000"}),
        ("A rate of 4.5 percent.", {"4.5"}),
        ("Nine of the 40 boats", {"9", "40"}),
        ("In 2017.", {"2017"}),
        ("No figure here", set()),
    ],
)
def test_numbers_are_digits_whatever_their_spelling(text: str, expected: set[str]) -> None:
    assert numbers(text) == expected


def test_a_count_goes_with_what_it_counts() -> None:
    found = counts("Four countries sent 12 ships in May 2017.")
    assert {(c.number, c.what) for c in found} == {("4", "country"), ("12", "ship")}
    assert [c.text for c in found] == ["Four countries", "12 ships"]  # as written: a doubt is shown to people


@pytest.mark.parametrize("text", ["On 26 October 2017 it rained.", "He is 61 years old.", "Morrel, 61"])
def test_dates_and_ages_count_nothing(text: str) -> None:
    assert counts(text) == ()


def test_a_number_word_inside_a_compound_is_a_number() -> None:
    assert "7" in numbers("It became a seven-layer protocol.")


def test_names_are_runs_of_capitals() -> None:
    found = names("Later Ana Ruiz met Khalid bin Mohammad al-Attiyah of TASS.")
    assert {"ruiz", "attiyah"} <= {word for name in found for word in name.words}
    assert names("It rained. Nobody came.") == ()


def test_a_word_that_opens_a_sentence_is_no_name() -> None:
    assert names("Ships came. Boats left.") == ()


def test_a_name_behind_the_word_that_opens_a_question_is_one() -> None:
    assert [n.text for n in names("Was Kuwait invited?")] == ["Kuwait"]
    assert [n.text for n in names("Did King Salman go? The Hague ruled.")] == ["King Salman", "Hague"]


def test_a_word_of_all_sentences_weighs_least() -> None:
    weights = Weights(["the ship left", "the ship sank", "a ship burned"])
    assert weights["ship"] < weights[stem("sank")] < weights["zebra"]
    assert stem("sank") in weights
    assert "zebra" not in weights


def test_coverage_is_the_share_of_weight() -> None:
    weights = Weights(["a ship left", "a ship sank"])
    # "left" and "sank" stand in one sentence each, so each weighs the same.
    assert weights.coverage(["left", "sank"], frozenset({"left"})) == pytest.approx(0.5)
    assert weights.coverage(["left"], frozenset({"left", "ship"})) == 1.0
    assert weights.coverage(["left"], frozenset()) == 0.0


def test_coverage_of_no_words_is_unknown_not_zero() -> None:
    assert Weights(["a ship"]).coverage([], frozenset({"ship"})) is None


def test_weights_of_nothing_still_weigh() -> None:
    assert Weights([]).coverage(["ship"], frozenset({"ship"})) == 1.0
