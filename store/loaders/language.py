"""Guesses an article's language from its script and its commonest words; None when unsure."""

import re
from collections import Counter

_SAMPLE_CHARS = 6000
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_COMMON: dict[str, tuple[str, ...]] = {
    language: tuple(words.split())
    for language, words in (
        ("en", "the of and to in a is that for on was with as by said at from has his it its have"),
        ("fr", "le la les des et en du une est que dans pour qui sur au par plus ne pas avec ont été"),
        ("es", "el la los las de y en que una por con para del se su al lo como más fue ha sus entre"),
        ("de", "der die das und in den von zu mit ist des auf für im dem nicht ein eine sich auch"),
        ("it", "il di che la e per una del in con è della non dei da le alla sono nel gli delle ha"),
        ("pt", "de que o a e do da em um para com não uma os no se na por mais as dos foi ao das são"),
        ("nl", "de het een van en in dat is op te voor met zijn niet aan er die ook door wordt naar"),
        ("tr", "ve bir bu da de için ile olarak olan çok daha en gibi sonra kadar olduğu türk ancak"),
    )
}
_WORD = re.compile(r"[^\W\d_]+")


def guess_language(text: str) -> str | None:
    """A BCP 47 primary tag, or None for text too short or too mixed to tell."""
    sample = text[:_SAMPLE_CHARS]
    letters = sum(1 for character in sample if character.isalpha())
    for language, script in _SCRIPTS:
        share = len(script.findall(sample)) / letters if letters else 0.0
        if share > (0.1 if language == "ja" else 0.5):
            return _close_kin(language, sample)
    words = _WORD.findall(sample.lower())
    if len(words) < 8:
        return None
    scores = Counter({language: sum(map(words.count, common)) for language, common in _COMMON.items()})
    (best, most), (_, second) = scores.most_common(2)
    return best if most / len(words) > 0.12 and most > second * 1.15 else None


def _close_kin(language: str, sample: str) -> str:
    """Tells languages of one script apart by letters that only one of them has."""
    if language == "ar" and re.search("[\u0679\u0688\u0691\u06ba\u06d2]", sample):
        return "ur"
    if (
        language == "ar"
        and len(re.findall("[\u067e\u0686\u0698\u06af\u06cc\u06a9]", sample)) > len(sample) / 100
    ):
        return "fa"
    if language == "ru" and re.search("[\u0456\u0457\u0454\u0491]", sample):
        return "uk"
    return language
