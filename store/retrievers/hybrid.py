"""Words and meaning together, each weighed by what it can do with the question's language."""

import re
from dataclasses import replace

from store.retrievers import dense, lexical
from store.retrievers.base import Candidate, Corpus, Query, Scored, place, ranked, with_words
from store.retrievers.languages import dense_trust
from store.types import Hit

_DEPTH = 50
# Found on half of the XQuAD cases (docs/retrieval.md): in English 0.5 to 0.6 is best, in Spanish 0.2 to 0.3
# costs nothing, in Arabic anything above 0.1 does harm. Fusing ranks instead of scores was worse in all three.
_DENSE_WEIGHT = 0.55
_PER_ARTICLE = 2
_CROWDING = 0.5
_NEAR_COPY = 0.85
_NUMBER = re.compile(r"\d+")


def search(query: Query, corpus: Corpus) -> tuple[Hit, ...]:
    """At most k hits, best first; the score runs from 0 to 1.

    Near-copies of a better hit are left out, and from the third passage of one article on each counts half,
    so that neither a copied nor a long article fills the answer (fault E04).

    Raises:
        ConfigError: The library was opened without an embedder.
        EmbedderUnavailable: The embedder fails on the query.
    """
    by_words = lexical.matches(query, corpus, max(_DEPTH, query.k))
    weight = _DENSE_WEIGHT * dense_trust(query.text, query.language, corpus.embedder)
    by_meaning = dense.matches(query, corpus, max(_DEPTH, query.k)) if weight > 0 or not by_words else []
    fused = fuse(by_words, by_meaning, weight if by_words else 1.0)
    # Copies may be folded away, so a few more are read than asked for.
    return ranked(spread(with_words(fused[: 2 * query.k + 10], corpus)), query.k, "hybrid")


def fuse(by_words: list[Candidate], by_meaning: list[Candidate], dense_weight: float) -> list[Candidate]:
    """Joins two lists by a weighted sum of scores, each scaled by its own best; best first."""
    merged: dict[int, Candidate] = {}
    best_words = max((one.score for one in by_words), default=0.0)
    best_meaning = max((one.score for one in by_meaning), default=0.0)
    for one in by_words:
        share = one.score / best_words if best_words > 0 else 0.0
        merged[one.num] = replace(one, score=(1 - dense_weight) * share)
    for one in by_meaning:
        share = max(0.0, one.score / best_meaning) if best_meaning > 0 else 0.0
        known = merged.get(one.num)
        merged[one.num] = replace(
            one,
            score=dense_weight * share + (known.score if known else 0.0),
            lexical=known.lexical if known else None,
        )
    return sorted(merged.values(), key=lambda one: (-one.score, one.num))


def spread(scored: list[Scored]) -> list[Scored]:
    """Folds near-copies into the best of them, and holds back articles that crowd the list."""
    order = sorted(scored, key=place)
    kept: list[Scored] = []
    shapes: list[tuple[frozenset[str], tuple[str, ...]]] = []
    taken: dict[str, int] = {}
    for one in order:
        shape = _shape(one.passage.text)
        if any(_near_copy(shape, other) for other in shapes):
            continue
        shapes.append(shape)
        count = taken.get(one.passage.article_id, 0)
        taken[one.passage.article_id] = count + 1
        kept.append(one if count < _PER_ARTICLE else replace(one, score=one.score * _CROWDING))
    return kept


def _shape(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    return frozenset(text.casefold().split()), tuple(sorted(set(_NUMBER.findall(text))))


def _near_copy(
    one: tuple[frozenset[str], tuple[str, ...]], other: tuple[frozenset[str], tuple[str, ...]]
) -> bool:
    """Nearly the same words and the same numbers: reports that differ in a number are a conflict to show."""
    if one[1] != other[1] or not one[0] or not other[0]:
        return False
    shorter, longer = sorted((len(one[0]), len(other[0])))
    if shorter < _NEAR_COPY * longer:
        return False
    return len(one[0] & other[0]) >= _NEAR_COPY * len(one[0] | other[0])
