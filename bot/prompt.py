"""Messages for each thing the model is asked; what is stable stands first so that its state can be kept.

A prompt file holds its roles as `## system`, `## user`, `## assistant` lines. The file is cut into roles before
any value is put in, so no article or question can make a role of its own.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from string import Template

from bot.models.base import Message, Role
from bot.prompts import load
from bot.reading import Reading
from bot.types import Turn

_ROLE_LINE = re.compile(r"^## (system|user|assistant)\n", re.MULTILINE)
NAMES = ("read", "draft", "tasks", "stated", "answers", "rewrite")


def versions() -> dict[str, str]:
    """Name to version of every prompt the answer path uses."""
    return {name: load(name).version for name in NAMES}


@cache
def _parts(name: str) -> tuple[tuple[Role, Template], ...]:
    pieces = _ROLE_LINE.split(load(name).text)[1:]
    roles: list[Role] = pieces[::2]  # type: ignore[assignment]  # the pattern lists the three roles
    return tuple((role, Template(text.strip())) for role, text in zip(roles, pieces[1::2], strict=True))


def _messages(name: str, **values: str) -> tuple[Message, ...]:
    return tuple(Message(role, text.substitute(values)) for role, text in _parts(name))


def reading_prefix(reading: Reading, *, with_checks: bool = False) -> tuple[Message, ...]:
    """The fixed beginning of every call about this stretch of article.

    Args:
        with_checks: The examples of the checks stand behind the article, so that drafts and checks share one beginning.
    """
    article = _messages("read", fence=reading.fence, article=reading.text)
    return article + tuple(m for _, prefix in check_prefixes() for m in prefix) if with_checks else article


def draft(reading: Reading, question: str, kind: str, *, with_checks: bool = False) -> tuple[Message, ...]:
    asked = _messages("draft", question=question, task=_tasks().get(kind, ""))
    prefix = reading_prefix(reading, with_checks=with_checks)
    return prefix + tuple(replace(m, content=m.content.strip()) for m in asked)


@cache
def _tasks() -> dict[str, str]:
    """What the draft is told besides, by the kind of question."""
    return dict(line.split(": ", 1) for line in load("tasks").text.splitlines() if ": " in line)


def stated(excerpt: str, question: str, answer: str, *, behind: Reading | None = None) -> tuple[Message, ...]:
    """Args: behind: The article to stand behind, with the examples of both checks; None needs no article."""
    asked = _messages("stated", excerpt=excerpt, question=question, answer=answer)
    return asked if behind is None else reading_prefix(behind, with_checks=True) + asked[-1:]


def answers(
    headline: str, sentence: str, question: str, *, behind: Reading | None = None
) -> tuple[Message, ...]:
    """The headline tells who "he" is, and which museum "the museum"; "" leaves it out. For `behind` see `stated`."""
    above = f"Headline: {_cut(headline, 120)}\n" if headline else ""
    asked = _messages("answers", headline=above, sentence=sentence, question=question)
    return asked if behind is None else reading_prefix(behind, with_checks=True) + asked[-1:]


def check_prefixes() -> tuple[tuple[str, tuple[Message, ...]], ...]:
    """What never changes of the checks with examples, each with the name of its state among the engine's kept ones."""
    return (
        ("stated", stated("", "", "")[:-1]),
        ("answers", answers("", "", "")[:-1]),
    )


def rewrite(history: Sequence[Turn], question: str) -> tuple[Message, ...]:
    """Only the last turns matter to a follow-up; long answers are cut so that they cannot crowd it out."""
    lines = [f"Q: {_cut(t.question, 300)}\nA: {_cut(t.answer, 300)}" for t in history[-3:]]
    return _messages("rewrite", conversation="\n".join(lines), question=question)


def _cut(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
