"""Which articles to read for a question, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.grounding.evidence import find_evidence
from bot.grounding.words import Weights
from bot.reading import Reading, reading_at
from store.library import Library
from store.types import Hit

_OTHERS = 1
"""Stretches read beside the first that tell no other story; the first hit is right 97 times in 100."""
_RIVAL, _LATER_RIVAL = 0.75, 0.5
"""A rival holds at least this share of the first one's part of the question's words; a later article, which may bring
it up to date, needs less."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of an article that may answer.

    Attributes:
        coverage: Share of the question's weighted words in its best two sentences, 0 to 1.
        competes: It could tell another story than the first one: about the same, from another outlet or day.
    """

    reading: Reading
    coverage: float
    similarity: float | None
    competes: bool = False


def find_candidates(
    question: str, hits: Sequence[Hit], library: Library, *, most: int
) -> tuple[Candidate, ...]:
    """At most `most` stretches, in the order of their best hits, rivals of the first before the rest."""
    readings: dict[tuple[str, int], tuple[Reading, Hit]] = {}
    for hit in hits:
        reading = reading_at(library.article(hit.passage.article_id), library.secret, start=hit.passage.start)
        readings.setdefault((reading.article.id, reading.start), (reading, hit))
    weights = Weights(s.read_as for reading, _ in readings.values() for s in reading.sentences)
    found = [
        Candidate(
            reading,
            find_evidence(question, "", reading.sentences, weights).question_coverage or 0.0,
            hit.similarity,
        )
        for reading, hit in readings.values()
    ]
    if not found:
        return ()
    others = [_competing(found[0], c) for c in found[1:]]
    rivals = [c for c in others if c.competes]
    rest = [c for c in others if not c.competes][:_OTHERS]
    return (found[0], *(rivals + rest)[: most - 1])


def _competing(first: Candidate, other: Candidate) -> Candidate:
    """Another outlet or another day may tell otherwise; another stretch of the same text does not."""
    a, b = first.reading.article, other.reading.article
    distinct = a.id != b.id and (a.published, a.source) != (b.published, b.source)
    later = a.published is not None and b.published is not None and b.published.date > a.published.date
    least = _LATER_RIVAL if later else _RIVAL
    # "Nine dead" has no word of "killed", and is as close to the question in meaning.
    alike = (other.similarity or 0.0) >= (first.similarity or 1.0)
    return replace(other, competes=distinct and (alike or other.coverage >= least * first.coverage))
