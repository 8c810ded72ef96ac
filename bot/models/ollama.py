"""Ollama models: ChatOllama behind a guard that sends every limit and counts an answer only once it is done."""

import contextlib
import math
import random
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bot.errors import ModelBusy, ModelMismatch, ModelUnavailable, QuestionRefused
from bot.models.base import NO, YES, Engine, EngineOptions, Limits, Message, ModelStatus, Reply
from bot.models.guard import End, Item, Piece, guarded
from bot.models.odds import log_odds
from bot.models.ollama_admin import OllamaServer, parse_url, translate
from bot.models.transport import Line
from store.errors import CitewireError, ConfigError

if TYPE_CHECKING:
    from langchain_ollama import ChatOllama

_KEEP_ALIVE = "30m"
_LISTED = 20
_TRIES = 3
_FEWEST = 0.8
"""Tokens a server must at least have read for each word that was sent: words rarely share a token."""
_ASK_LESS = "Ask less at once, or raise the context."


def open_ollama(name: str, options: EngineOptions) -> "OllamaEngine":
    """Opens a model of an Ollama server after asking the server what it is.

    Raises:
        ConfigError: The address cannot be one, or the model only embeds.
        ModelUnavailable: Nobody answers within two seconds; ModelMissing: the model is not there.
        ModelMismatch: Its template drops the system message and the articles.
    """
    server = OllamaServer(parse_url(options.base_url))
    try:
        server.check_version()
        found = server.find(name)
        details = server.details(found.name)
        if details.capabilities and "completion" not in details.capabilities:
            raise ConfigError(f"{found.name} cannot chat: it only does {', '.join(details.capabilities)}.")
        engine = OllamaEngine(name, server, found.digest, options, most_tokens=details.context_tokens)
        if not details.renders_system:
            engine.check_template()
    except BaseException:
        server.close()
        raise
    return engine


class OllamaEngine(Engine):
    """Talks to one model of one server; `num_ctx` is the same in all calls, since a change reloads the model."""

    one_state = True  # a server of default settings has one slot, and gives it to whoever asks

    def __init__(
        self,
        name: str,
        server: OllamaServer,
        digest: str,
        options: EngineOptions,
        *,
        most_tokens: int | None = None,
    ) -> None:
        self.spec = f"ollama:{name}"
        self.digest = digest
        self.context_tokens = min(options.context_tokens, most_tokens or options.context_tokens)
        self._name = name
        self._server = server
        self._who = f"The model {self.spec}"
        self._chat = self._open_chat()
        self._tokens_per_byte: float | None = None
        self._counts_cached = True

    def stream(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        self._check_fits(messages, limits.max_tokens)
        line = Line()
        reply: Reply | None = None
        for item in guarded(
            lambda: self._read(line, messages, limits, top_logprobs=1),
            limits,
            cancel,
            hang_up=line.hang_up,
            who=self._who,
        ):
            if isinstance(item, Reply):
                reply = item
            else:
                yield item
        assert reply is not None
        if reply.stop != "cancelled" and line.final is not None:
            self._check_read(messages, reply.prompt_tokens)
        yield reply

    def log_odds(
        self,
        messages: Sequence[Message],
        yes: Sequence[str] = YES,
        no: Sequence[str] = NO,
        cancel: threading.Event | None = None,
    ) -> float | None:
        limits = Limits(max_tokens=1)
        self._check_fits(messages, 1)
        line = Line()
        listed: list[tuple[str, float]] = []
        source = guarded(
            lambda: self._read(line, messages, limits, top_logprobs=_LISTED, listed=listed),
            limits,
            cancel,
            hang_up=line.hang_up,
            who=self._who,
            refuse_empty=False,
        )
        for item in source:
            if isinstance(item, Reply) and item.stop != "cancelled":
                self._check_read(messages, item.prompt_tokens)
        return log_odds(listed, yes, no)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An upper estimate: no server tells how it would cut a text; it tightens with what the server counted."""
        if self._tokens_per_byte is not None:
            return math.ceil(_bytes(messages) * self._tokens_per_byte * 1.15) + 8 * len(messages)
        text = "".join(message.content for message in messages)
        digits = sum(char.isdigit() for char in text)
        return digits + math.ceil((len(text.encode()) - digits) / 3) + 8 * len(messages) + 8

    def status(self) -> ModelStatus:
        try:
            found = self._server.find(self._name)
            ready = found.name in self._server.loaded()
        except CitewireError as error:
            return ModelStatus(self.spec, "error", detail=str(error))
        return ModelStatus(self.spec, "ready" if ready else "present", found.bytes)

    def check_template(self) -> None:
        """Asks twice, with and without a system message: a template without a place for it reads as many tokens.

        Raises: ModelMismatch: It was dropped.
        """
        system = Message("system", " ".join(["one two three four five six seven eight"] * 4))
        without = self._count_read([Message("user", "Say one.")])
        with_system = self._count_read([system, Message("user", "Say one.")])
        if without is not None and with_system is not None and with_system < without + 16:
            raise ModelMismatch(
                f"The chat template of {self._name} on this Ollama server drops system messages, and the articles"
                " with them. Choose an instruct model, or create it again with a TEMPLATE that has .Messages."
            )

    def close(self) -> None:
        self._server.close()

    # Requests

    def _open_chat(self) -> "ChatOllama":
        from langchain_ollama import ChatOllama

        from bot.models.transport import client_options

        return ChatOllama(
            model=self._name,
            base_url=self._server.url,
            reasoning=False,
            keep_alive=_KEEP_ALIVE,
            num_ctx=self.context_tokens,
            # The guard has the deadlines; this one only ends a reader that nobody waits for any more.
            client_kwargs=client_options(self._server.transport, connect_s=2.0, read_s=3600.0),
        )

    def _options(self, limits: Limits) -> dict[str, Any]:
        return {
            "num_ctx": self.context_tokens,
            "num_predict": limits.max_tokens,
            "temperature": limits.temperature,
            "seed": limits.seed,
            "stop": list(limits.stop),
        }

    def _read(
        self,
        line: Line,
        messages: Sequence[Message],
        limits: Limits,
        *,
        top_logprobs: int | None = None,
        listed: list[tuple[str, float]] | None = None,
    ) -> Iterator[Item]:
        """Runs in the guard's thread; tries again only while nothing has been written."""
        for attempt in range(1, _TRIES + 1):
            written = False
            try:
                for piece in self._read_once(line, messages, limits, top_logprobs, listed):
                    written = True
                    yield piece
                break
            except ModelBusy:
                if written or attempt == _TRIES or line.over.wait(random.uniform(0.2, 0.6) * attempt):
                    raise
            except ModelUnavailable as error:
                if written or attempt > 1 or "crashed" not in str(error) or line.over.is_set():
                    raise
        if line.final is None:
            return
        if line.final.get("done_reason") == "load":
            raise ModelUnavailable(f"{self._who} returned nothing: it was only loaded. Ask again.")
        yield End(
            "length" if line.final.get("done_reason") == "length" else "stop",
            prompt_tokens=_count(line.final, "prompt_eval_count"),
            completion_tokens=_count(line.final, "eval_count"),
        )

    def _read_once(
        self,
        line: Line,
        messages: Sequence[Message],
        limits: Limits,
        top_logprobs: int | None,
        listed: list[tuple[str, float]] | None,
    ) -> Iterator[Piece]:
        from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

        kinds: dict[str, type[BaseMessage]] = {
            "system": SystemMessage,
            "user": HumanMessage,
            "assistant": AIMessage,
        }
        chat = [kinds[message.role](content=message.content) for message in messages]
        asked: dict[str, Any] = {"logprobs": True, "top_logprobs": top_logprobs} if top_logprobs else {}
        with self._server.transport.line(line):
            try:
                for chunk in self._chat.stream(chat, options=self._options(limits), **asked):
                    known = chunk.response_metadata.get("logprobs") or ()
                    if listed is not None and not listed and known:
                        top = known[0].get("top_logprobs") or ()
                        listed.extend((one["token"], one["logprob"]) for one in top)
                    text = chunk.content if isinstance(chunk.content, str) else str(chunk.text)
                    if text:
                        yield Piece(
                            text, tuple(one["logprob"] for one in known if math.isfinite(one["logprob"]))
                        )
            except CitewireError:
                raise
            except Exception as error:
                if isinstance(error, ValueError) and "No generation chunks" in str(error):
                    return  # nothing came; what the final record says, or that there is none, tells why
                raise translate(error, self._server.url, self._name) from error

    # What the server read

    def _check_fits(self, messages: Sequence[Message], answer: int) -> None:
        needed = self.count_tokens(messages) + answer
        if needed > self.context_tokens:
            raise QuestionRefused(
                f"The prompt and its answer may need {needed} tokens; {self.spec} reads {self.context_tokens}."
                f" {_ASK_LESS}"
            )

    def _check_read(self, messages: Sequence[Message], read: int | None) -> None:
        """Raises: ModelMismatch: The server read far less than was sent, so its answer stands on something else."""
        if read is not None and read >= _fewest(messages):
            if read > 100 and self._counts_cached:
                ratio = read / max(_bytes(messages), 1)
                self._tokens_per_byte = max(ratio, self._tokens_per_byte or 0.0)
            return
        if not self._counts_cached or (read is None and _fewest(messages) < 1):
            return
        # Some servers count only what they had not kept from the question before. A prompt with a new beginning
        # cannot have been kept.
        nonce = f"{random.getrandbits(64):x} "
        fresh = [Message(messages[0].role, nonce + messages[0].content), *messages[1:]]
        counted = self._count_read(fresh)
        if counted is not None and counted >= _fewest(messages):
            self._counts_cached = False
            return
        raise ModelMismatch(
            f"The server used {read if counted is None else counted} of at least {_fewest(messages)} tokens that"
            f" were sent to {self._name}: its context is too short, or its chat template drops messages."
            " Raise the server's context length, or choose an instruct model."
        )

    def _count_read(self, messages: Sequence[Message]) -> int | None:
        line = Line()
        limits = Limits(max_tokens=1)
        source = guarded(
            lambda: self._read(line, messages, limits),
            limits,
            None,
            hang_up=line.hang_up,
            who=self._who,
            refuse_empty=False,
        )
        with contextlib.closing(source):  # type: ignore[type-var]  # a generator, which has close()
            return next((item.prompt_tokens for item in source if isinstance(item, Reply)), None)


def _count(record: dict[str, Any], key: str) -> int | None:
    found = record.get(key)
    return found if isinstance(found, int) else None


def _bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.content.encode()) for message in messages)


def _fewest(messages: Sequence[Message]) -> int:
    """Tokens these messages have at the very least."""
    return math.floor(_FEWEST * sum(len(message.content.split()) for message in messages))
