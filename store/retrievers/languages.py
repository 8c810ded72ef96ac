"""How far an embedder's similarities can be trusted for a question, by its script and function words."""

import re
import unicodedata

from store.embeddings import Embedder

_WORD = re.compile(r"[^\W\d_]+")
# Closed-class words that tell languages of the Latin script apart; shared ones say nothing and are left out.
_FUNCTION_WORDS = {
    "en": "the of and to is was were what which who whom whose when where why how did does do are by for "
    "from with that this it an be been has have had many much on at as or their his her there between "
    "than most into",
    "es": "el la los las del que qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuántos "
    "cuánta cuántas por para una un fue son es en con su sus se al lo más y o entre desde "
    "hasta está están según",
    "fr": "le la les des du que qui quel quelle quels quelles quand où comment combien pour une un est "
    "sont en avec sa ses se au aux et ou entre depuis par dans pourquoi il elle ont été",
    "pt": "o a os as do da dos das que quem qual quais quando onde como quanto quantos por para uma um foi "
    "são é em com seu sua se ao mais e ou entre desde até não pelo pela",
    "de": "der die das den dem des und ist war wer was wann wo wie warum welche welcher welches wurde "
    "wurden von mit für ein eine einen im in zu auf bei nach nicht hat haben zwischen",
    "it": "il lo la gli le dei del della che chi quale quali quando dove come quanto quanti per una un è "
    "sono in con suo sua si al più e o tra fra da di perché stato",
}
_SETS = {tag: frozenset(words.split()) for tag, words in _FUNCTION_WORDS.items()}
_OTHER_LATIN_TRUST = 0.4
"""An English embedder on another language of the Latin script still sees names and shared stems."""


def dense_trust(text: str, language: str | None, embedder: Embedder | None) -> float:
    """From 0 (its vectors say nothing about this text) to 1 (made for its language)."""
    if embedder is None or embedder.languages is None:
        return 1.0
    tag = language or guess(text)
    if tag is not None and tag in embedder.languages:
        return 1.0
    latin = latin_share(text)
    if latin < 0.5:
        return 0.0
    foreign = tag is not None or any(c.isalpha() and not c.isascii() for c in text) or "¿" in text
    return _OTHER_LATIN_TRUST if foreign else 1.0


def function_words(text: str, language: str | None) -> frozenset[str]:
    """Words that only build sentences in the text's language; none where it is not known."""
    return _SETS.get(language or guess(text) or "", frozenset())


def latin_share(text: str) -> float:
    """The part of its letters that are Latin; 1 for a text without letters."""
    letters = [c for c in text if c.isalpha()]
    latin = sum(1 for c in letters if c.isascii() or unicodedata.name(c, "").startswith("LATIN"))
    return latin / len(letters) if letters else 1.0


def guess(text: str) -> str | None:
    """The language whose function words occur most, of a few in the Latin script; None if none does."""
    words = [word.lower() for word in _WORD.findall(text)]
    scores = {tag: sum(1 for word in words if word in known) for tag, known in _SETS.items()}
    best, second = sorted(scores.values(), reverse=True)[:2]
    if best == 0 or best == second:
        return None
    return max(scores, key=lambda tag: scores[tag])
