"""What comes through the door of text, and what stays outside."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InputRefused
from store.text import clean, decode, fold

FRENCH = "Le ministre a déclaré que l'été sera très chaud à Genève."
RUSSIAN = "Министр заявил, что соглашение будет подписано в Москве в среду."
JAPANESE = "東京都知事は水曜日、新しい防災計画を発表した。計画は来年四月に始まる予定だ。"
POLISH = "Żółta łódź płynęła wzdłuż brzegu rzeki Wisły."


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        (FRENCH.encode(), FRENCH, "utf-8"),
        (codecs.BOM_UTF8 + FRENCH.encode(), FRENCH, "utf-8"),
        (codecs.BOM_UTF16_LE + JAPANESE.encode("utf-16-le"), JAPANESE, "utf-16-le"),
        (codecs.BOM_UTF16_BE + RUSSIAN.encode("utf-16-be"), RUSSIAN, "utf-16-be"),
        (codecs.BOM_UTF32_LE + FRENCH.encode("utf-32-le"), FRENCH, "utf-32-le"),
        (FRENCH.encode("utf-16-le"), FRENCH, "utf-16-le"),
        (RUSSIAN.encode("utf-16-be"), RUSSIAN, "utf-16-be"),
        (FRENCH.encode("cp1252"), FRENCH, "cp1252"),
        (POLISH.encode("cp1250"), POLISH, "cp1250"),
        (RUSSIAN.encode("cp1251"), RUSSIAN, "cp1251"),
        (JAPANESE.encode("shift_jis"), JAPANESE, "shift_jis"),
    ],
)
def test_e16_encodings_are_read_as_they_were_written(raw: bytes, text: str, encoding: str) -> None:
    decoded = decode(raw)
    assert (decoded.text, decoded.encoding) == (text, encoding)
    assert decoded.confidence >= 0.6


def test_e16_one_bad_byte_in_utf8_is_refused_with_its_offset() -> None:
    raw = FRENCH.encode()
    with pytest.raises(InputRefused, match="at byte 20 \\(0xff\\)"):
        decode(raw[:20] + b"\xff" + raw[20:])


def test_e16_a_stray_byte_in_ascii_is_not_taken_for_another_script() -> None:
    with pytest.raises(InputRefused, match="at byte 12 \\(0x81\\)"):
        decode(b"hello world \x81 and more text follows here")


def test_e16_broken_utf16_after_a_mark_is_refused() -> None:
    with pytest.raises(InputRefused, match="UTF-16-LE"):
        decode(codecs.BOM_UTF16_LE + "abc".encode("utf-16-le") + b"x")


def test_e16_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InputRefused, match="offset 4"):
        clean("abc \ud83d def")


def test_a_declared_charset_is_believed_and_a_wrong_one_is_not() -> None:
    assert decode("Łódź".encode("iso-8859-2"), declared="ISO-8859-2").text == "Łódź"
    assert decode(FRENCH.encode(), declared="no-such-charset").text == FRENCH


@pytest.mark.parametrize(
    "text",
    [
        "Plain text.\n\nWith two paragraphs,\ttabs and trailing blanks.  \n",
        "No\u00a0break, “quotes” – dashes … ﬁ ligature, e\u0301 decomposed, Ａ full width",
        "می\u200cخواهم بروم",  # Persian: the non-joiner is spelling
        "क्\u200dष",  # Hindi: so is the joiner
        "👩\u200d👩\u200d👧 and ❤\ufe0f and 1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f England",
        "שלום\u200f, world",
        "ไทย\u200bไทย",
    ],
)
def test_clean_text_passes_unchanged(text: str) -> None:
    cleaned = clean(text)
    assert (cleaned.text, cleaned.hidden) == (text, 0)


@pytest.mark.parametrize(
    ("text", "kept", "hidden"),
    [
        ("pay\u200bload", "payload", 1),
        ("pay\u200dload and pay\u200cload", "payload and payload", 2),
        ("\ufeffmid\ufeffdle\u00ad", "middle", 3),
        ("a\U000e0069\U000e0067\U000e006eb", "ab", 3),
        ("\U0001f3f4\U000e0069\U000e0067\U000e006e\U000e006f\U000e0072\U000e007f!", "\U0001f3f4!", 6),
        ("abc \u202edlrow\u202c", "abc dlrow", 2),
        ("left\u200eright", "leftright", 1),
        ("x\ufe01\ufe02\ufe03", "x", 3),
        ("❤\ufe0f\ufe0e\ufe0e", "❤\ufe0f", 2),
        ("می\u200c\u200d\u200cخواهم", "میخواهم", 3),
    ],
)
def test_e02_hidden_characters_are_removed_and_counted(text: str, kept: str, hidden: int) -> None:
    cleaned = clean(text)
    assert (cleaned.text, cleaned.hidden) == (kept, hidden)


@pytest.mark.parametrize(
    ("text", "kept", "hidden"),
    [
        ("a\0b\x07c\x7f", "abc", 3),
        ("\x1b[31mred\x1b[0m", "red", 9),
        ("\x1b]0;title\x07shown", "shown", 10),
        ("c1\x9b", "c1", 1),
    ],
)
def test_e17_controls_and_terminal_codes_are_removed(text: str, kept: str, hidden: int) -> None:
    cleaned = clean(text)
    assert (cleaned.text, cleaned.hidden) == (kept, hidden)


def test_every_kind_of_line_end_becomes_one() -> None:
    assert clean("a\r\nb\rc\x85d\x0ce\n") == clean("a\nb\nc\nd\ne\n")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean(text).text
    assert clean(once).text == once


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Éclair", "eclair"),
        ("ﬁne Ａ", "fine a"),
        ("STRASSE Straße", "strasse strasse"),
        ("Đặng", "đang"),
        ("①", "1"),
    ],
)
def test_e11_keys_unite_spellings(text: str, key: str) -> None:
    assert fold(text) == key
