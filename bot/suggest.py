"""Follow-up questions that the article at hand can answer: about what it speaks of and the answer did not."""

from collections import Counter
from collections.abc import Sequence

from bot.grounding.words import CALENDAR_WORDS, content_words, names
from bot.reading import Reading
from bot.types import Statement

_MOST = 3


def follow_ups(reading: Reading, question: str, statements: Sequence[Statement]) -> tuple[str, ...]:
    """At most three questions, about the names the article has most and neither question nor answer has."""
    said = set(content_words(question)) | {w for s in statements for w in content_words(s.text)}
    counted: Counter[str] = Counter()
    for sentence in reading.sentences:
        if sentence.role in ("body", "lead"):
            found = (
                n for n in names(sentence.text) if not n.words & (said | CALENDAR_WORDS) and len(n.text) > 3
            )
            counted.update({_with_article(n.text, sentence.text) for n in found})
    chosen: list[str] = []
    for name, _ in counted.most_common():
        if not any(set(content_words(name)) & set(content_words(other)) for other in chosen):
            chosen.append(name)
    return tuple(f"What does the article say about {name}?" for name in chosen[:_MOST])


def _with_article(name: str, sentence: str) -> str:
    """ "the Gulf", where the sentence says it so."""
    before = sentence[: sentence.index(name)]
    return f"the {name}" if before.casefold().endswith(("the ", "the\u00a0")) else name
