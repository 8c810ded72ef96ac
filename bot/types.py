"""What travels from a question to its cited answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Support = Literal["supported", "partly", "unsupported"]
CitationKind = Literal["quoted", "stated", "computed"]
Reason = Literal["empty_library", "nothing_found", "not_stated", "not_supported", "unclear_question"]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation and the answer it got."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asks.

    Attributes:
        history: Oldest first.
        as_of: Only articles published on or before this day are seen.
        id: The caller's own id, given back with the answer; "" lets the program choose one.
    """

    text: str
    history: tuple[Turn, ...] = ()
    as_of: date | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """Words of an article that carry a statement; the record's text at `start:end` is `quote`.

    Attributes:
        kind: "quoted" when the statement repeats the words, "stated" when it says the same in others,
            "computed" when a date or count was worked out from them.
        note: For "computed": from what it was worked out.
    """

    n: int
    article_id: str
    title: str
    source: str | None
    published: str | None
    url: str | None
    quote: str
    start: int
    end: int
    kind: CitationKind
    note: str | None = None

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.quote):
            raise ValueError(
                f"citation of {self.article_id}: {self.start}:{self.end} does not span the quote"
            )


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer with the words that carry it.

    Attributes:
        score: Calibrated probability from 0 to 1 that the cited words support the sentence; None where
            it could not be measured.
        doubts: What the cited words lack, in plain words, for "partly" and "unsupported".
    """

    text: str
    citations: tuple[Citation, ...]
    support: Support
    score: float | None
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.support == "supported" and not self.citations:
            raise ValueError("a supported statement has a citation")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Articles that disagree on one point; each claim stands beside its citation."""

    topic: str
    claims: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A hit as an answer keeps it: enough to show and to replay."""

    article_id: str
    title: str
    source: str | None
    published: str | None
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Prompt tokens as sent, those served from a kept prefix, and tokens written; None where unknown."""

    prompt: int | None = None
    cached: int | None = None
    completion: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A cited answer, or an abstention; enough to replay it.

    Attributes:
        text: The answer as shown, without citation markers.
        reason: Why it abstained; None when it answered.
        hits: The passages looked at, best first; an abstention has them too.
        unresolved: Markers or names in the model's draft that match nothing it was given.
        truncated: The model was cut at its length limit.
        left_out: Titles of passages that did not fit into the model's context.
        prompts: Prompt name to version, for every prompt that was used.
        timings_s: Seconds: retrieve, first_token, total, and one per check.
        suggestions: Follow-up questions, only about what the articles hold.
        checks: Named measurements the decision was made from, for `why` and calibration.
        draft: What the model wrote at its best attempt, before the program decided; "" without a model call.
        extract: The article's sentence that was tried when no draft held; "" when none was.
    """

    id: str
    question: str
    standalone_question: str
    text: str
    statements: tuple[Statement, ...]
    abstained: bool
    reason: Reason | None
    hits: tuple[FoundPassage, ...]
    model: str
    model_digest: str
    prompts: Mapping[str, str]
    index_fingerprint: str
    timings_s: Mapping[str, float]
    tokens: Tokens
    as_of: date | None = None
    conflicts: tuple[Conflict, ...] = ()
    unresolved: tuple[str, ...] = ()
    truncated: bool = False
    left_out: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    checks: Mapping[str, float | None] = field(default_factory=dict)
    draft: str = ""
    extract: str = ""

    def __post_init__(self) -> None:
        if self.abstained != (self.reason is not None):
            raise ValueError("an abstention has a reason, an answer has none")


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Event: the passages are there, before any word of the model."""

    standalone_question: str
    hits: tuple[FoundPassage, ...]


@dataclass(frozen=True, slots=True)
class TokenWritten:
    """Event: a piece of the model's draft; what the checks leave of it comes with `Finished`."""

    text: str


@dataclass(frozen=True, slots=True)
class StatementReady:
    """Event: one sentence, checked and cited."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class Finished:
    """Event: the whole answer; always last."""

    answer: Answer


Event = Retrieved | TokenWritten | StatementReady | Finished
