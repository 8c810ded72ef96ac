"""Models behind any OpenAI-compatible server: ChatOpenAI behind the same guard as Ollama."""

import math
import os
import re
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bot.errors import ModelBusy, ModelMismatch, ModelMissing, ModelTimeout, ModelUnavailable, QuestionRefused
from bot.models.base import NO, YES, Engine, EngineOptions, Limits, Message, ModelStatus, Reply
from bot.models.guard import End, Item, Piece, guarded
from bot.models.odds import log_odds
from bot.models.transport import GuardedTransport, Line, client_options, unexpected
from store.errors import CitewireError, ConfigError

if TYPE_CHECKING:
    import threading

    from langchain_openai import ChatOpenAI

_CONNECT_S = 5.0
_LISTED = 20


def open_openai(name: str, options: EngineOptions) -> "OpenAIEngine":
    """Opens a model of the server at `base_url`; nothing is asked of the server yet.

    Raises: ConfigError: No address, or one that cannot be.
    """
    if not options.base_url:
        raise ConfigError("openai: needs the server's address. Give it with --base-url http://HOST:PORT/v1.")
    split = urllib.parse.urlsplit(options.base_url)
    try:
        fits = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
    except ValueError:
        fits = False
    if not fits or "@" in split.netloc or re.search(r"\s", options.base_url):
        raise ConfigError(
            f"{options.base_url!r} is no address of a server. Use one like http://127.0.0.1:8000/v1."
        )
    return OpenAIEngine(name, options.base_url.rstrip("/"), options)


class OpenAIEngine(Engine):
    """Sends every limit; keeps no key in anything that is shown."""

    digest = ""

    def __init__(self, name: str, url: str, options: EngineOptions) -> None:
        self.spec = f"openai:{name}"
        self.context_tokens = options.context_tokens
        self._name = name
        self._url = url
        self._who = f"The model {self.spec}"
        self._transport = GuardedTransport(url)
        self._chat = self._open_chat(options.api_key or os.environ.get("CITEWIRE_API_KEY") or "none")
        self._tokens_per_byte: float | None = None

    def stream(
        self, messages: Sequence[Message], limits: Limits, cancel: "threading.Event | None" = None
    ) -> Iterator[str | Reply]:
        self._check_fits(messages, limits.max_tokens)
        line = Line()
        source = guarded(
            lambda: self._read(line, messages, limits, top_logprobs=None),
            limits,
            cancel,
            hang_up=line.hang_up,
            who=self._who,
        )
        for item in source:
            if isinstance(item, Reply) and item.stop != "cancelled":
                self._check_read(messages, item.prompt_tokens)
            yield item

    def log_odds(
        self,
        messages: Sequence[Message],
        yes: Sequence[str] = YES,
        no: Sequence[str] = NO,
        cancel: "threading.Event | None" = None,
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
        """An upper estimate, which tightens with what the server counted."""
        per_byte = 0.36 if self._tokens_per_byte is None else self._tokens_per_byte * 1.15
        return math.ceil(_bytes(messages) * per_byte) + 8 * len(messages) + 8

    def close(self) -> None:
        self._transport.close()

    def _open_chat(self, api_key: str) -> "ChatOpenAI":
        import httpx
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        # An async client is never used; given, so that none is made that would read proxies from the environment.
        return ChatOpenAI(
            model=self._name,
            base_url=self._url,
            api_key=SecretStr(api_key),
            max_retries=0,
            stream_usage=True,
            http_client=httpx.Client(**client_options(self._transport, connect_s=_CONNECT_S, read_s=3600.0)),
            http_async_client=httpx.AsyncClient(trust_env=False),
            use_responses_api=False,
        )

    def _read(
        self,
        line: Line,
        messages: Sequence[Message],
        limits: Limits,
        *,
        top_logprobs: int | None,
        listed: list[tuple[str, float]] | None = None,
    ) -> Iterator[Item]:
        chat = [{"role": message.role, "content": message.content} for message in messages]
        asked: dict[str, Any] = {
            # The older name, which every compatible server knows; the newer one is unknown to many.
            "extra_body": {"max_tokens": limits.max_tokens},
            "temperature": limits.temperature,
            "seed": limits.seed,
        }
        if limits.stop:
            asked["stop"] = list(limits.stop)
        if top_logprobs is not None:
            asked |= {"logprobs": True, "top_logprobs": top_logprobs}
        finish: str | None = None
        usage: Any = None  # LangChain's UsageMetadata, a dict of optional keys
        with self._transport.line(line):
            try:
                for chunk in self._chat.stream(chat, **asked):
                    known = (chunk.response_metadata.get("logprobs") or {}).get("content") or ()
                    if listed is not None and not listed and known:
                        listed.extend(
                            (one["token"], one["logprob"]) for one in known[0].get("top_logprobs") or ()
                        )
                    finish = chunk.response_metadata.get("finish_reason") or finish
                    usage = chunk.usage_metadata or usage
                    if text := str(chunk.text):
                        yield Piece(
                            text, tuple(one["logprob"] for one in known if math.isfinite(one["logprob"]))
                        )
            except CitewireError:
                raise
            except Exception as error:  # the client's errors are of several families
                if isinstance(error, ValueError) and "No generation chunks" in str(error):
                    return
                raise _translate(error, self._url, self._name) from error
        if finish is None:
            return  # no final record: the guard calls the answer incomplete
        details = (usage or {}).get("input_token_details") or {}
        yield End(
            "length" if finish == "length" else "stop",
            prompt_tokens=(usage or {}).get("input_tokens"),
            cached_tokens=details.get("cache_read"),
            completion_tokens=(usage or {}).get("output_tokens"),
        )

    def status(self) -> ModelStatus:
        return ModelStatus(self.spec, "present", detail=self._url)

    def _check_fits(self, messages: Sequence[Message], answer: int) -> None:
        needed = self.count_tokens(messages) + answer
        if needed > self.context_tokens:
            raise QuestionRefused(
                f"The prompt and its answer may need {needed} tokens; {self.spec} may read {self.context_tokens}."
                " Ask less at once, or raise the context."
            )

    def _check_read(self, messages: Sequence[Message], read: int | None) -> None:
        if read is None:
            return
        fewest = math.floor(0.8 * sum(len(message.content.split()) for message in messages))
        if read < fewest:
            raise ModelMismatch(
                f"The server used {read} of at least {fewest} tokens that were sent to {self._name}: its context is"
                " too short, or its chat template drops messages."
            )
        if read > 100:
            self._tokens_per_byte = max(read / max(_bytes(messages), 1), self._tokens_per_byte or 0.0)


def _bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.content.encode()) for message in messages)


def _translate(error: Exception, url: str, model: str) -> Exception:
    """Our error for one of the client's; an unknown one comes back as it is."""
    import json

    import httpx
    import openai

    if isinstance(error.__cause__, CitewireError):
        return error.__cause__
    if isinstance(error, openai.APITimeoutError) and not isinstance(error.__cause__, httpx.ConnectTimeout):
        return ModelTimeout(f"{url} did not answer in time. Try again, or use a smaller model.")
    if isinstance(error, openai.APIConnectionError):
        return ModelUnavailable(f"Nobody answers at {url}. Start the server, or give another --base-url.")
    if isinstance(error, openai.NotFoundError):
        return ModelMissing(f"{url} has no model {model!r}: {_words(error)}. Choose one that it serves.")
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return ConfigError(f"{url} refused the key: {_words(error)}. Set CITEWIRE_API_KEY.")
    if isinstance(error, openai.RateLimitError):
        return ModelBusy(f"{url} is busy: {_words(error)}. Try again in a while.")
    if isinstance(error, openai.APIStatusError):
        if error.status_code == 503:
            return ModelBusy(f"{url} is busy: {_words(error)}. Try again in a while.")
        words = _words(error)
        if words.startswith("<"):
            return unexpected(url, words)
        return ModelUnavailable(f"{url} refused ({error.status_code}): {words}.")
    if isinstance(error, openai.APIError):
        return ModelUnavailable(f"{url} failed: {error.message[:160]}. Ask again.")
    if isinstance(error, httpx.TransportError):
        return ModelUnavailable(f"The connection to {url} was lost. Ask again.")
    if isinstance(error, (json.JSONDecodeError, AttributeError, KeyError, TypeError)):
        return unexpected(url, str(error))
    return error


def _words(error: Any) -> str:
    """What the server said; openai's errors hold the body as they found it."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])[:160]
    return str(error.message)[:160]
