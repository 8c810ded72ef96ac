"""Follow-up questions: made to stand alone before anything is looked up."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from bot import prompt
from bot.grounding.words import content_words, names
from bot.models.base import Engine, Limits, Reply
from bot.types import Turn

_POINTS_BACK = re.compile(
    r"\b(?:he|she|it|they|him|her|his|hers|its|their|them|theirs|this|that|these|those|there|then|one|ones|former|latter|same"
    r"|él|ella|ellos|ellas|eso|esto|il|elle|ils|elles|он|она|они|это|هو|هي|هم)\b",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(
    r"^\W*(?:and|but|or|so|what about|how about|why|when|where|who|which|how many|how much|y|et|и|а|و)\b[^?]{0,28}\??$",
    re.I,
)
_LIMITS = Limits(max_tokens=64, stop=("\n",))


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question that can be understood alone.

    Attributes:
        how: "as asked"; "rewritten" by the model and checked; "joined" to the question before it, where the
            model's wording did not pass the check.
    """

    text: str
    how: str


def standalone(
    question: str, history: Sequence[Turn], engine: Engine, *, cancel: threading.Event | None = None
) -> Standalone:
    """Makes a follow-up understandable without its conversation.

    The model's wording counts only when it keeps what the question says and brings in nothing that neither the
    question nor the conversation holds; else the question is joined to the one before it.
    """
    if not history or not needs_history(question):
        return Standalone(question, "as asked")
    rewritten = ""
    for piece in engine.stream(prompt.rewrite(history, question), _LIMITS, cancel):
        if isinstance(piece, Reply):
            rewritten = " ".join(piece.text.split())
    rewritten = re.sub(r"^(?:Rewritten question|Question|Q)\s*:\s*", "", rewritten).strip('"“” ')
    if _faithful(rewritten, question, history):
        return Standalone(rewritten, "rewritten")
    return Standalone(f"{_topic(history)} {question}".strip(), "joined")


def needs_history(question: str) -> bool:
    """Whether the words point back, or are too few to stand alone."""
    if _POINTS_BACK.search(question) or _ELLIPSIS.search(question.strip()):
        return True
    return len(content_words(question)) < 2


def _faithful(rewritten: str, question: str, history: Sequence[Turn]) -> bool:
    if not rewritten or len(rewritten) > 2 * len(question) + 240:
        return False
    known = set(content_words(question))
    for turn in history[-3:]:
        known.update(content_words(turn.question), content_words(turn.answer))
    new = set(content_words(rewritten))
    kept = set(content_words(question)) <= new | set(content_words(" ".join(_POINTS_BACK.findall(question))))
    invented = [n for n in names(rewritten) if not n.words <= known]
    return kept and not invented and len(new - known) <= 1


def _topic(history: Sequence[Turn]) -> str:
    """The last question that stood on its own, as the subject of what is asked now."""
    for turn in reversed(history):
        if not needs_history(turn.question):
            return turn.question
    return history[-1].question
