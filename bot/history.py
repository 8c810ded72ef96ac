"""Follow-up questions: made to stand alone before anything is looked up."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from bot import prompt
from bot.grounding.words import content_words, names, numbers
from bot.models.base import Engine, Limits, Reply
from bot.types import Turn
from store.dates import find_date_phrases

_POINTS_BACK = re.compile(
    r"\b(?:he|she|it|they|him|her|his|hers|its|their|them|theirs|this|that|these|those|there|then|one|ones|former|latter|same"
    r"|él|ella|ellos|ellas|eso|esto|il|elle|ils|elles|он|она|они|это|هو|هي|هم)\b",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(r"^\W*(?:and|but|or|so|what about|how about|y|et|и|а|و)\b[^?]{0,28}\??$", re.I)
_SHORT = re.compile(
    r"^\W*(?:why|when|where|who|which|how many|how much)\b[^?]{0,28}\??$",
    re.I,
)
"""Leaves out what it is about, unless it names something."""
_LIMITS = Limits(max_tokens=64, stop=("\n",))


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question that can be understood alone.

    Attributes:
        how: "as asked"; "replaced": the question before it with another name or date in its place; "rewritten" by
            the model and checked; "joined" to the question before it, where the model's wording did not pass.
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
    if replaced := _with_another(question, history[-1].question):
        return Standalone(replaced, "replaced")
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
    if _SHORT.search(question.strip()) and not names(question) and not numbers(question):
        return True
    return len(content_words(question)) < 2


_ANOTHER = re.compile(
    r"^\W*(?:and|but|or|(?:and )?(?:what|how) about)\s+(?:(?P<at>for|in|on|at|by|with|from|to|of)\s+)?(?P<what>[^?]{2,60}?)\W*$",
    re.IGNORECASE,
)


def _with_another(question: str, before: str) -> str | None:
    """ "And Iran?" is the question before it about Iran. A small model puts the name in the wrong place of two.

    The name stands for the one behind the same preposition, else for the first, which in most questions is what
    they are about; a date stands for the date. None for anything else.
    """
    asked = _ANOTHER.match(question.strip())
    if asked is None or needs_history(before):
        return None
    what = asked["what"]
    spoken = f"{asked['at'] or ''} {what}".strip()
    days, days_before = find_date_phrases(spoken), find_date_phrases(before)
    if days and days[0].text.casefold() in (spoken.casefold(), what.casefold()):
        old = days_before[0].text if len(days_before) == 1 else ""
        same_way = old.partition(" ")[0].casefold() == (asked["at"] or "").casefold()
        return before.replace(old, spoken if same_way else what, 1) if old else None
    said = set(content_words(what))
    # A word before it, so that a name is not taken for the capital of a sentence.
    if not said or said != {w for n in names(f"of {what}") for w in n.words}:
        return None
    known = [n.text for n in names(before)]
    if asked["at"]:
        known = [
            n for n in known if re.search(rf"\b{asked['at']} (?:the )?{re.escape(n)}", before, re.IGNORECASE)
        ]
        known = known if len(known) == 1 else []
    return before.replace(known[0], what, 1) if known else None


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
