"""The seam every language model comes through, and the registry of backends."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bot.models.adapter import Adapter

Role = Literal["system", "user", "assistant"]
StopCause = Literal["stop", "length", "cancelled"]
YES, NO = ("Yes", " Yes", "yes"), ("No", " No", "no")
"""Spellings of a first token."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What is always sent, never left to a server's default.

    Attributes:
        temperature: 0 is greedy.
        grammar: GBNF, for the embedded engine; others write freely and the caller parses either.
        load_timeout_s: Until the first token, while the server may be loading the model.
        token_timeout_s: Between two tokens.
        answer_timeout_s: For the whole answer.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 7
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    load_timeout_s: float = 300.0
    token_timeout_s: float = 60.0
    answer_timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished generation.

    Attributes:
        text: What the model wrote, thinking removed.
        stop: "length" when it was cut at `max_tokens` or at the context's end.
        prompt_tokens: Tokens of the whole prompt, cached or not.
        cached_tokens: Those of them served from a kept prefix; None where the engine does not tell.
        mean_logprob: Mean natural-log probability of the written tokens; None where not given.
        tells: Natural-log odds, by the engine's adapter, that what was read answers the question at all; None without one.
        says_yes: Natural-log odds that its answer begins with Yes against No, of which one is written; None without one.
    """

    text: str
    stop: StopCause
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    first_token_s: float | None = None
    total_s: float = 0.0
    mean_logprob: float | None = None
    tells: float | None = None
    says_yes: float | None = None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What `models list` and the web page show of a model."""

    spec: str
    state: Literal["absent", "fetching", "present", "loading", "ready", "error"]
    bytes: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PrefixState:
    """What became of a request to have a prefix ready.

    Attributes:
        origin: "memory" (already in the engine), "disk" (restored), "computed" (read now),
            "none" (the engine keeps no states, or was stopped).
        kept_bytes: Size of its state on disk; 0 where none is kept.
    """

    origin: Literal["memory", "disk", "computed", "none"]
    tokens: int = 0
    seconds: float = 0.0
    kept_bytes: int = 0


class Engine(ABC):
    """A language model behind its guard: every limit sent, every error one of ours.

    All calls are safe from several threads; an engine with one slot serves them in order.
    Messages that share a beginning share its state: put what is stable first.
    """

    spec: str
    """As the user names it: "embedded:qwen2.5-coder-1.5b", "ollama:qwen3:4b"."""
    digest: str
    """SHA-256 of the weights, or the server's digest of them; "" where it cannot be known."""
    context_tokens: int
    adapter: "Adapter | None" = None
    """What `answer` asks."""
    one_state: bool = False
    """It keeps the state of one prompt only: a call with another beginning drops the article that was read."""

    @abstractmethod
    def stream(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        """Yields pieces of text as they are written, then exactly one `Reply` as the last item.

        Closing the iterator or setting `cancel` stops the model within a second.

        Raises:
            ModelUnavailable: Or one of its children; `AnswerIncomplete` carries the partial text.
            ModelBusy: The queue stayed full.
            ModelMismatch: The server read another prompt than was sent.
            QuestionRefused: The prompt does not fit the context.
        """

    @abstractmethod
    def log_odds(
        self,
        messages: Sequence[Message],
        yes: Sequence[str] = YES,
        no: Sequence[str] = NO,
        cancel: threading.Event | None = None,
    ) -> float | None:
        """Natural-log odds of the first token being one of `yes` against one of `no`.

        Greedy decoding of one token with its log-probabilities. A side that is not among the listed tokens
        counts as just below the least likely listed one. None where the engine gives no log-probabilities.
        """

    def scores(
        self, messages: Sequence[Message], tokens: Sequence[int], cancel: threading.Event | None = None
    ) -> tuple[float, ...] | None:
        """How likely the first token of an answer is each of these: natural log, up to a number that is the same for all.

        Args:
            tokens: Numbers in the model's vocabulary, without repetition.

        Returns: One score a token, in their order; None where the engine tells only of the likeliest tokens.
        """
        return None

    def answer(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        """As `stream`, by the adapter trained to answer behind these prompts where there is one (`Reply.tells`, `says_yes`)."""
        return self.stream(messages, limits, cancel)

    def token_ids(self, text: str) -> tuple[int, ...] | None:
        """The numbers in the model's vocabulary that a text becomes; None where the engine does not tell."""
        return None

    @abstractmethod
    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the prompt these messages become: exact where known, else an upper estimate."""

    def prepare(
        self, prefix: Sequence[Message], key: str, cancel: threading.Event | None = None
    ) -> PrefixState:
        """Has the state of this prefix ready for calls that start with it. Setting `cancel` stops it.

        Args:
            key: Names the content, such as article id, version and prompt version; the engine adds its own
                identity. Only used to find a kept state, which is verified against the prefix before use.
        """
        return PrefixState("none")

    def status(self) -> ModelStatus:
        """Never loads the model, never raises."""
        return ModelStatus(self.spec, "present")

    def close(self) -> None:  # noqa: B027 - an engine may have nothing to free
        """Frees memory and files; calling it again does nothing."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a backend is built with.

    Attributes:
        base_url: For "ollama:" and "openai:"; None uses OLLAMA_HOST or the backend's default.
        api_key: For "openai:"; never shown.
        context_tokens: Largest prompt plus answer, in tokens.
        threads: 0 lets the engine choose.
        states_dir: Folder for kept prefix states; None keeps none.
        states_bytes: Budget of that folder.
        keep_s: The embedded model stays loaded so long for the next program; 0 ends it with this one.
        notify: Called with one plain line about slow steps (fetching, loading).
    """

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    context_tokens: int = 4096
    threads: int = 0
    slots: int = 1
    states_dir: str | None = None
    states_bytes: int = 4 * 1024**3
    keep_s: int = 0
    notify: Callable[[str], None] | None = None


BACKENDS: dict[str, str] = {
    "embedded": "bot.models.embedded:open_embedded",
    "ollama": "bot.models.ollama:open_ollama",
    "openai": "bot.models.openai:open_openai",
    "scripted": "bot.models.scripted:open_scripted",
}
"""Backend name to "module:function"; the function takes (name, EngineOptions) and returns an Engine."""
