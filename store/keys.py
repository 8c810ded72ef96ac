"""Search keys: the folded form of words under which the lexical index stores and finds them."""

import hashlib
import re
import unicodedata

KEY_VERSION = 1

_WORD = re.compile(r"\w+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]+")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
_ARABIC_FORMS = str.maketrans(
    {
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "ى": "ي",
        "ئ": "ي",
        "ؤ": "و",
        "ة": "ه",
        "ی": "ي",
        "ک": "ك",
        "ـ": None,
    }
)
# Conjunctions and prepositions are written onto the article: "wal-", "bil-", "fal-", "kal-", "lil-".
_ARABIC_PREFIXES = ("وال", "بال", "فال", "كال", "ولل", "ال", "لل")
_ARABIC_ENDINGS = ("ات", "ون", "ين", "ان", "ها", "هم", "يه", "ه", "ي")


def search_terms(text: str) -> list[str]:
    """The words of a text as keys, in order: compatibility forms, case, accents and light endings are gone.

    Runs of Chinese, Japanese and Korean script, which have no blanks, become overlapping pairs of characters.
    """
    folded = unicodedata.normalize("NFKD", text.casefold())
    if not folded.isascii():
        # Category M holds accents, Arabic vowel signs and the like.
        folded = "".join(c for c in folded if unicodedata.category(c)[0] != "M").translate(_ARABIC_FORMS)
        folded = unicodedata.normalize("NFKC", folded)
    terms: list[str] = []
    for word in _WORD.findall(folded.replace("_", " ")):
        if word.isascii():
            terms.append(_light_stem(word))
        elif _CJK.search(word):
            terms.extend(_pairs(word))
        elif _ARABIC.search(word):
            terms.append(_light_arabic(word))
        else:
            terms.append(_light_stem(word))
    return terms


def search_key(text: str) -> str:
    """The keys of a text as one line, for the full-text index."""
    return " ".join(search_terms(text))


def content_key(text: str) -> bytes:
    """Equal for texts that differ only in white space, case or compatibility forms."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()


def _light_stem(word: str) -> str:
    """Plural endings of English and Spanish only: more would join unlike names."""
    if len(word) < 4 or word[-1] != "s" or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith(("ches", "shes", "sses", "xes", "zes", "ores", "ones", "ades")):
        return word[:-2]
    return word[:-1]


def _light_arabic(word: str) -> str:
    for prefix in _ARABIC_PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= 3:
            word = word[len(prefix) :]
            break
    for ending in _ARABIC_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(len(word) - 1)] if len(word) > 1 else [word]
