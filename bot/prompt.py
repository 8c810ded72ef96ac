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
NAMES = (
    "read",
    "opening",
    "draft",
    "tasks",
    "stated",
    "answers",
    "polarity",
    "stated_inside",
    "answers_inside",
    "rewrite",
)


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


def reading_prefix(reading: Reading) -> tuple[Message, ...]:
    """The fixed beginning of every call about this stretch of article."""
    return _messages("read", fence=reading.fence, article=reading.text)


def kept_beginning(reading: Reading) -> tuple[Message, ...]:
    """What every draft about this stretch begins with, to the last word before the question: its state is kept."""
    return _until_mark(draft(reading, _MARK, ""))


_MARK = "\0"


def _until_mark(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """These messages up to where the first value of their last one would stand.

    A few tokens read with the prefix are a few less to read for each question, which is a tenth of a second.
    """
    *before, last = messages
    return (*before, replace(last, content=last.content.partition(_MARK)[0].rstrip()))


def draft(reading: Reading, question: str, kind: str, *, recited: bool = False) -> tuple[Message, ...]:
    """Asks for an answer.

    Args:
        recited: The model was asked before, and recited the article.
    """
    tasks = [_tasks().get(kind, ""), _tasks()["recited"] if recited else ""]
    asked = _messages("draft", question=question, task="\n".join(filter(None, tasks)))
    before = reading_prefix(reading) + opening(reading)
    return before + tuple(replace(m, content=m.content.strip()) for m in asked)


_DATED = 2
"""Dates that are asked for in the opening at the most."""


def opening(reading: Reading) -> tuple[Message, ...]:
    """Questions about the article with the answers that the program knows, as if they had been asked first.

    They are read with the article and cost nothing when the reader asks. Of 92 drafts about the deal 65 were right without
    them and 74 with them: a small model that has answered nothing yet sometimes recites a paragraph.
    """
    published = reading.article.published
    dates: dict[str, str] = {}
    for phrase, meaning in (date for sentence in reading.sentences for date in sentence.dates):
        dates.setdefault(meaning, phrase)
    known = [("length", {"words": str(len(reading.text.split()))})]
    if published:
        known.append(("published", {"published": f"{published.date.day} {published.date:%B %Y}"}))
    for meaning, phrase in list(dates.items())[:_DATED]:
        known.append(("dated", {"phrase": phrase, "meaning": meaning}))
    turns = []
    for name, values in known:
        asked, told = _opening()[name]
        turns.append(Message("user", f"Question: {asked.substitute(values)}"))
        turns.append(Message("assistant", told.substitute(values)))
    return tuple(turns)


@cache
def _opening() -> dict[str, tuple[Template, Template]]:
    lines = (line.split(": ", 1) for line in load("opening").text.splitlines())
    pairs = ((name, pair.split(" | ")) for name, pair in lines)
    return {name: (Template(asked), Template(told)) for name, (asked, told) in pairs}


@cache
def _tasks() -> dict[str, str]:
    """What the draft is told besides, by the kind of question."""
    return dict(line.split(": ", 1) for line in load("tasks").text.splitlines() if ": " in line)


def stated(excerpt: str, question: str, answer: str) -> tuple[Message, ...]:
    return _messages("stated", excerpt=excerpt, question=question, answer=answer)


def answers(headline: str, sentence: str, question: str) -> tuple[Message, ...]:
    """The headline tells who "he" is, and which museum "the museum"; "" leaves it out."""
    above = f"Headline: {_cut(headline, 120)}\n" if headline else ""
    return _messages("answers", headline=above, sentence=sentence, question=question)


def polarity(excerpt: str, question: str) -> tuple[Message, ...]:
    return _messages("polarity", excerpt=excerpt, question=question)


def stated_inside(reading: Reading, excerpt: str, question: str, answer: str) -> tuple[Message, ...]:
    """Behind the article; a yes or a no needs the examples all the same: without them both look alike."""
    if answer in ("Yes.", "No."):
        return reading_prefix(reading) + stated(excerpt, question, answer)
    asked = _messages("stated_inside", excerpt=excerpt, question=question, answer=answer)
    return reading_prefix(reading) + asked


def answers_inside(reading: Reading, sentence: str, question: str) -> tuple[Message, ...]:
    return reading_prefix(reading) + _messages("answers_inside", sentence=sentence, question=question)


def check_prefixes() -> tuple[tuple[str, tuple[Message, ...]], ...]:
    """What never changes of the checks with examples, each with the name of its state among the engine's kept ones."""
    return (
        ("stated", _until_mark(stated(_MARK, "", ""))),
        ("answers", _until_mark(answers("", _MARK, ""))),
        ("polarity", _until_mark(polarity(_MARK, ""))),
    )


def rewrite(history: Sequence[Turn], question: str) -> tuple[Message, ...]:
    """Only the last turns matter to a follow-up; long answers are cut so that they cannot crowd it out."""
    lines = [f"Q: {_cut(t.question, 300)}\nA: {_cut(t.answer, 300)}" for t in history[-3:]]
    return _messages("rewrite", conversation="\n".join(lines), question=question)


def _cut(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
