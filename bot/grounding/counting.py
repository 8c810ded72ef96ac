"""Counts the names that a sentence lists: "how many countries?" is answered where an article names them and gives no number."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.grounding.words import Weights, content_words, counts, numbers
from bot.questions import kind_of
from bot.reading import Sentence

_WORD = r"[^\W\d_a-zß-öø-ÿа-я][\w’'\-]*"
_ITEM = rf"(?:the )?{_WORD}(?: {_WORD}){{0,2}}"
_LIST = re.compile(rf"\b{_ITEM}(?:, {_ITEM})+,? and {_ITEM}(?![\w’'\-])")
"""Three names or more. Longer runs of capitals are mostly a person's office and name, with a comma between them."""
_HOW_MANY = re.compile(
    r"\bhow many (?!(?:times|years|months|weeks|days|hours|minutes)\b)[^\W\d_]", re.IGNORECASE
)
_IN_WORDS = dict(enumerate("zero one two three four five six seven eight nine ten eleven twelve".split()))


@dataclass(frozen=True, slots=True)
class Listing:
    """Names that stand in a row in one sentence, as written there."""

    sentence: Sentence
    names: tuple[str, ...]

    @property
    def answer(self) -> str:
        """Their number and the names: "Four: Ferrol, Dalby, Orrin and Vale."."""
        number = _IN_WORDS.get(len(self.names), str(len(self.names)))
        return f"{number.capitalize()}: {', '.join(self.names[:-1])} and {self.names[-1]}."


def listings(sentences: Sequence[Sentence]) -> tuple[Listing, ...]:
    """Every list of three names or more, in the order of the sentences."""
    return tuple(
        Listing(sentence, tuple(re.split(r",? and |, ", match.group())))
        for sentence in sentences
        for match in _LIST.finditer(sentence.text)
    )


def counted(question: str, draft: str, sentences: Sequence[Sentence], weights: Weights) -> Listing | None:
    """The list to count for a "how many" that the draft does not answer; None where nothing need or can be counted.

    A draft is left alone where a sentence gives its number, or lists as many names. Else the list is taken from
    the sentence that shares most of the question's words, if it has one.
    """
    if kind_of(question) != "number" or not _HOW_MANY.search(question):
        return None
    said = numbers(draft) - numbers(question)
    asked = frozenset(content_words(question))
    best = max(
        sentences,
        key=lambda s: weights.coverage(asked, frozenset(content_words(s.read_as))) or 0.0,
        default=None,
    )
    found = listings((best,)) if best is not None else ()
    if len(found) != 1 or said & (lengths(sentences) | _counted_numbers(question, sentences)):
        return None
    return found[0]


def lengths(sentences: Sequence[Sentence]) -> frozenset[str]:
    """How long the lists in these sentences are, as `numbers` writes it."""
    return frozenset(str(len(one.names)) for one in listings(sentences))


def _counted_numbers(question: str, sentences: Sequence[Sentence]) -> frozenset[str]:
    """Numbers of the sentences that count something the question speaks of: "four countries" of "how many countries?"."""
    asked = set(content_words(question))
    return frozenset(c.number for s in sentences for c in counts(s.read_as) if c.what in asked)
