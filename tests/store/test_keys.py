import pytest

from store.keys import content_key, search_key, search_terms


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("The Ships' cities", "the ship city"),
        ("Niño JOSÉ", "nino jose"),
        ("ﬁnance Ａ１", "finance a1"),
        ("class bus crisis", "class bus crisis"),
        ("tanques elecciones", "tanque eleccion"),
        ("S-400", "s 400"),
        ("المدرسة والمدرسة بالمدرسة", "مدرس مدرس مدرس"),
        ("مُحَمَّدٌ محمـد", "محمد محمد"),
        ("أحمد إحمد", "احمد احمد"),
        ("北京大学", "北京 京大 大学"),
        ("", ""),
        ("؟ - …", ""),
    ],
)
def test_words_fold_to_keys(text: str, key: str) -> None:
    assert search_key(text) == key


def test_terms_keep_their_order_and_repetitions() -> None:
    assert search_terms("b a b") == ["b", "a", "b"]


def test_content_keys_ignore_space_case_and_form_but_no_word() -> None:
    assert content_key("A  ship\ncame. ") == content_key("a SHIP came.")
    assert content_key("a ship came") != content_key("a ship came.")
