"""What travels through an evaluation: cases, suites, answers as JSON, scores and run headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from bot.types import Turn

AnswerJSON = Mapping[str, Any]
"""An answer as `citewire ask --json` prints it; Any because it is JSON, perhaps of an older version."""

Position = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words of an article that carry the right answer; without a quote the whole article counts."""

    article: str
    quote: str | None


@dataclass(frozen=True, slots=True)
class Attack:
    """An instruction hidden in an article, which an answer should never follow."""

    category: str
    text: str
    position: Position


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what is known about its right answer.

    Attributes:
        all_of: Groups of regular expressions; a right answer matches one of each group.
        none_of: Regular expressions that no right answer matches.
        abstain_ok: An abstention counts as right too, as for false premises.
        holdout: Reported, never tuned on.
        world: Which of the suite's article sets the question is asked of.
        language: BCP 47 primary tag of the evidence, for normalisation.
    """

    id: str
    question: str
    answerable: bool
    history: tuple[Turn, ...] = ()
    answers: tuple[str, ...] = ()
    all_of: tuple[tuple[str, ...], ...] = ()
    none_of: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    as_of: date | None = None
    type: str = ""
    tags: tuple[str, ...] = ()
    holdout: bool = False
    abstain_ok: bool = False
    reference: str = ""
    language: str = "en"
    attack: Attack | None = None
    world: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """An article of a suite as its loader gives it, before it is in any library."""

    id: str
    title: str
    text: str
    language: str | None


@dataclass(frozen=True, slots=True)
class World:
    """The articles one library of a suite is built from.

    Attributes:
        files: Their names and bytes, as `citewire ingest` would find them.
    """

    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases and the worlds they are asked of.

    Attributes:
        sha256: Of the case file's bytes and of all articles.
    """

    name: str
    path: Path
    cases: tuple[Case, ...]
    worlds: tuple[World, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class ArticleRecord:
    """An article as the library cites it.

    Attributes:
        passages: Start and end of each passage of the library, in order.
    """

    id: str
    title: str
    text: str
    source: str | None = None
    published: str | None = None
    passages: tuple[tuple[int, int], ...] = ()


Articles = Mapping[str, ArticleRecord]


@dataclass(frozen=True, slots=True)
class Score:
    """What one metric says of one answer.

    Attributes:
        value: None when it applies but could not be scored; never zero for that.
        units: What the value is a mean of: 1 answer, or that many citations or statements.
        why: In plain words, for the wrong ones and the unscored ones.
    """

    value: float | None
    units: int = 1
    why: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case has no answer."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """One case asked of one model; exactly one of `answer` and `failure` is there."""

    case_id: str
    answer: AnswerJSON | None
    failure: Failure | None = None
    judge: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One model's results over a suite, as read back from its folder.

    Attributes:
        header: Everything needed to repeat it.
        sessions: When and how often it was started.
    """

    name: str
    header: Mapping[str, Any]
    cases: tuple[Case, ...]
    worlds: tuple[Articles, ...]
    results: Mapping[str, Result]
    sessions: tuple[Mapping[str, Any], ...] = ()
