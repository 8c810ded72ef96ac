"""Words as metrics compare them: folded, without punctuation and articles, in several languages."""

import re
import unicodedata
from collections import Counter

_ARTICLES = {
    "en": {"a", "an", "the"},
    "es": {"un", "una", "unos", "unas", "el", "la", "los", "las"},
    "fr": {"un", "une", "des", "le", "la", "les"},
    "de": {"ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"},
}
_TATWEEL = "\u0640"
_PLAIN = str.maketrans("’‘“”–—\u00a0\u202f", "''\"\"--  ")


def plain(text: str) -> str:
    """The text with typographic quotes, dashes and blanks as a keyboard writes them."""
    return text.translate(_PLAIN)


def words(text: str, language: str = "en") -> list[str]:
    """Normalised words in order: as in SQuAD, with each language's own articles dropped.

    Combining marks go, so that "Doha" and "Dohā", or Arabic with and without vowel signs, are equal.
    """
    folded = unicodedata.normalize("NFKD", plain(text)).casefold().replace(_TATWEEL, "")
    kept = "".join(_kept(c) for c in folded)
    kept = re.sub(r"(?<=\d)[.,](?=\d{3}\b)", "", kept)
    found = (word.strip(".,") for word in kept.split())
    return [w for w in found if w and w not in _ARTICLES.get(language, set())]


def _kept(char: str) -> str:
    category = unicodedata.category(char)
    if category.startswith("M") or category == "Cf":
        return ""
    if category[0] in "LN" or char in ".,":
        return char
    return " "


def contains(answer: str, reference: str, language: str = "en") -> bool:
    """Whether the normalised reference stands in the normalised answer, as whole words.

    Arabic and Hebrew glue prefixes to words and other scripts write no blanks, so there a reference of
    three or more characters may stand inside a word.
    """
    wanted, given = words(reference, language), words(answer, language)
    if not wanted:
        return False
    if f" {' '.join(wanted)} " in f" {' '.join(given)} ":
        return True
    run = "".join(wanted)
    return not run.isascii() and not _latin(run) and len(run) >= 3 and run in "".join(given)


def _latin(text: str) -> bool:
    return all("LATIN" in unicodedata.name(c, "") for c in text if c.isalpha())


def token_f1(answer: str, reference: str, language: str = "en") -> float:
    """Overlap of words from 0 to 1, as SQuAD scores it."""
    given, wanted = words(answer, language), words(reference, language)
    if not given or not wanted:
        return float(given == wanted)
    common = sum((Counter(given) & Counter(wanted)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def locate(text: str, quote: str) -> tuple[int, int] | None:
    """Where a quote stands in a text, blanks, typographic and invisible signs aside; None when it does not."""
    start = text.find(quote)
    if start >= 0 and quote.strip():
        return start, start + len(quote)
    visible = "".join(char for char in quote if unicodedata.category(char) != "Cf")
    for version in (quote, visible):
        pieces = plain(version).split()
        found = re.search(r"\s+".join(re.escape(piece) for piece in pieces), plain(text)) if pieces else None
        if found:
            return found.span()
    return None
