"""One guarded way to read a model's stream: deadlines, stop, completeness, thinking removed."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.errors import AnswerIncomplete, ModelTimeout, ModelUnavailable
from bot.models.base import Limits, Reply, StopCause
from bot.models.thinking import ThinkingFilter

_POLL_S = 0.05
"""How long a stop may go unnoticed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text as it was written; the log-probabilities are those of its tokens, where given."""

    text: str
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Alive:
    """The server works but has written nothing yet, such as between two batches of the prompt."""


@dataclass(frozen=True, slots=True)
class End:
    """The server said that it is done; without it an answer is incomplete."""

    stop: StopCause
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None


Item = Piece | Alive | End


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Exhausted:
    pass


def guarded(
    source: Callable[[], Iterator[Item]],
    limits: Limits,
    cancel: threading.Event | None,
    *,
    hang_up: Callable[[], None],
    who: str,
    refuse_empty: bool = True,
) -> Iterator[str | Reply]:
    """Reads `source` in a thread of its own, so that neither a stop nor a deadline waits for the server.

    Args:
        source: Started in the thread; its errors must be of our tree already.
        hang_up: Closes the connection; called once, on every way out.
        who: Names the model in errors.
        refuse_empty: An answer without a word is an error rather than an empty text.

    Raises:
        ModelTimeout: Nothing came within `load_timeout_s`.
        AnswerIncomplete: The stream broke off or stalled after some text.
        ModelUnavailable: It ended without a word, or what `source` raised.
    """
    items: queue.Queue[Item | _Raised | _Exhausted] = queue.Queue()
    threading.Thread(target=_read, args=(source, items), daemon=True, name="citewire-model").start()
    started = time.monotonic()
    last = started
    alive = False
    first_token_s: float | None = None
    shown: list[str] = []
    logprobs: list[float] = []
    thinking = ThinkingFilter()

    def reply(stop: StopCause, end: End | None = None) -> Reply:
        return Reply(
            text="".join(shown),
            stop=stop,
            prompt_tokens=end.prompt_tokens if end else None,
            cached_tokens=end.cached_tokens if end else None,
            completion_tokens=end.completion_tokens if end else None,
            first_token_s=first_token_s,
            total_s=time.monotonic() - started,
            mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
        )

    try:
        while True:
            if cancel is not None and cancel.is_set():
                yield reply("cancelled")
                return
            now = time.monotonic()
            if now - started > limits.answer_timeout_s:
                if first_token_s is None:
                    raise ModelTimeout(
                        f"{who} wrote nothing within {limits.answer_timeout_s:g} s. {_SMALLER}"
                    )
                yield reply("length")
                return
            allowed = limits.token_timeout_s if alive else limits.load_timeout_s
            if now - last > allowed:
                raise _stalled(who, allowed, "".join(shown), started=alive)
            try:
                item = items.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            last = time.monotonic()
            alive = True
            if isinstance(item, Piece):
                if first_token_s is None:
                    first_token_s = last - started
                logprobs.extend(item.logprobs)
                text = thinking.feed(item.text)
                if thinking.unopened:
                    shown.clear()  # it was all a thought whose opening tag the template had written
                    thinking.unopened = False
                if text:
                    shown.append(text)
                    yield text
            elif isinstance(item, End):
                if text := thinking.finish():
                    shown.append(text)
                    yield text
                if refuse_empty and not "".join(shown).strip():
                    raise ModelUnavailable(f"{who} returned nothing. Ask again, or choose another model.")
                yield reply(item.stop, item)
                return
            elif isinstance(item, _Raised):
                raise _with_partial(item.error, "".join(shown))
            elif isinstance(item, _Exhausted):
                raise AnswerIncomplete(
                    f"{who} broke off: the connection ended before the model was done. Ask again.",
                    "".join(shown),
                )
    finally:
        hang_up()


_SMALLER = "Try a smaller model, or ask again."


def _read(source: Callable[[], Iterator[Item]], items: "queue.Queue[Item | _Raised | _Exhausted]") -> None:
    try:
        for item in source():
            items.put(item)
    except BaseException as error:  # handed to the reader, which raises it
        items.put(_Raised(error))
    else:
        items.put(_Exhausted())


def _stalled(who: str, allowed_s: float, partial: str, *, started: bool) -> ModelUnavailable:
    if not started:
        return ModelTimeout(f"{who} wrote nothing within {allowed_s:g} s. {_SMALLER}")
    if partial:
        return AnswerIncomplete(
            f"{who}: no output for {allowed_s:g} s, so the answer is incomplete. Ask again.", partial
        )
    return ModelTimeout(f"{who}: no output for {allowed_s:g} s. {_SMALLER}")


def _with_partial(error: BaseException, partial: str) -> BaseException:
    """Keeps what had been written when a stream breaks off."""
    if partial and isinstance(error, ModelUnavailable):
        incomplete = AnswerIncomplete(str(error), partial)
        incomplete.__cause__ = error
        return incomplete
    return error
