"""The embedded engine: llama.cpp's server in a process beside this one, behind a private loopback port."""

import atexit
import contextlib
import hashlib
import json
import logging
import math
import secrets
import subprocess
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from bot import weights
from bot.errors import ModelBusy, ModelMismatch, ModelUnavailable, QuestionRefused, WeightsMissing
from bot.models.adapter import adapter_for
from bot.models.base import NO, YES, Engine, EngineOptions, Limits, Message, ModelStatus, PrefixState, Reply
from bot.models.guard import Alive, End, Item, Piece, guarded
from bot.models.llama_http import Call
from bot.models.llama_start import (
    BATCH_TOKENS,
    Running,
    check_memory,
    end,
    launch,
    settings_of,
    start,
)  # fmt: skip
from bot.models.odds import log_odds
from bot.models.states import Kept, StateFolder
from store.errors import CitewireError

_log = logging.getLogger(__name__)

_QUEUE = 32
_LISTED = 20
_LIFT, _SOFT = 100.0, 4.0
"""Logit bias of the tokens whose scores are asked for, and the temperature their probabilities are given at."""
_LEAST = 1e-30
_MERGE_TOKENS = 4
"""The last tokens of a prefix may change when words follow it."""
_FIELDS = (
    "content", "stop", "timings", "tokens_evaluated", "tokens_predicted", "stop_type", "id_slot",
    "completion_probabilities", "tokens", "prompt_progress", "error",
)  # fmt: skip


@dataclass(slots=True)
class _Prefix:
    """A prefix that was prepared, so that any later call that starts with it may be served from its state."""

    key: str
    ids: tuple[int, ...]


def open_embedded(name: str, options: EngineOptions) -> "EmbeddedEngine":
    """Opens a pinned model by name, or any GGUF file by its path.

    Raises: WeightsMissing: No pinned model of that name, or no such file.
    """
    if name.endswith(".gguf"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise WeightsMissing(f"There is no model file {path}. Give the path of a .gguf file.")
        with path.open("rb") as opened:
            if opened.read(4) != b"GGUF":
                raise WeightsMissing(f"{path} is not a GGUF model file. Give the path of a .gguf file.")
        return EmbeddedEngine(name, lambda: path, weights.digest_of(path), options)
    entry = weights.entry(name)
    if not entry.file.endswith(".gguf"):
        raise WeightsMissing(f"{name!r} is not a chat model. Try embedded:qwen2.5-coder-1.5b.")

    def fetch() -> Path:
        return weights.ensure(name, progress=_notifier(options.notify))

    return EmbeddedEngine(name, fetch, entry.sha256, options)


class EmbeddedEngine(Engine):
    """Loads in the background from the moment it is made; the first call waits and raises what went wrong."""

    def __init__(
        self, name: str, weights_path: Callable[[], Path], digest: str, options: EngineOptions
    ) -> None:
        self.spec = f"embedded:{name}"
        self.digest = digest
        self.context_tokens = options.context_tokens
        self.adapter = adapter_for(digest)
        self._options = options
        self._weights_path = weights_path
        # Two slots more than callers: a draft's article and the examples of both checks then stay put.
        self._slots = max(3, options.slots + 2)
        self._turns = threading.Semaphore(options.slots)
        self._waiting = 0
        self._lock = threading.Lock()
        self._state: Literal["fetching", "loading", "ready", "error"] = "loading"
        self._running: Running | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._error: BaseException | None = None
        self._loaded = threading.Event()
        self._calls: weakref.WeakSet[Call] = weakref.WeakSet()
        self._closed = False
        self._frames: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._tokens: OrderedDict[bytes, tuple[int, ...]] = OrderedDict()
        self._in_slot: OrderedDict[int, tuple[int, ...]] = OrderedDict((n, ()) for n in range(self._slots))
        self._prefixes: OrderedDict[str, _Prefix] = OrderedDict()
        self._states = self._open_states()
        atexit.register(self.close)
        self._begin_loading()

    # Calls

    def stream(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        return self._generate(self._prompt(messages), limits, cancel)

    def answer(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        if self.adapter is None or limits.grammar is not None:
            yield from self.stream(messages, limits, cancel)
            return
        first = self.adapter.before_reply
        before = len(self._tokenise(first, ours=True))
        # Whatever it makes of the article, it is made to answer: the odds of its first token are told beside that.
        asked = {
            **_ADAPTED,
            "n_probs": _LISTED,
            "grammar": f"root ::= {json.dumps(first)} [^\\n] .*",  # not a token of two line ends: it learnt one
            "n_predict": limits.max_tokens + before,
        }
        listed: dict[int, _Listed] = {0: [], before: []}
        called = self._prompt(messages, whole=False) + self._tokenise(self.adapter.call, ours=True)
        for piece in self._generate(called, limits, cancel, asked, listed, written_first=first):
            if isinstance(piece, Reply):
                piece = replace(piece, tells=_odds(listed[0]), says_yes=_odds(listed[before]))
            yield piece

    def _generate(
        self,
        ids: tuple[int, ...],
        limits: Limits,
        cancel: threading.Event | None,
        asked: Mapping[str, Any] = MappingProxyType({}),
        listed: Mapping[int, "_Listed"] = MappingProxyType({}),
        *,
        written_first: str = "",
    ) -> Iterator[str | Reply]:
        """Text as it is written, then the `Reply`.

        Args:
            asked: What the server is asked for besides.
            listed: By the place of a written token: is filled with what the server lists there.
            written_first: Is left out of the text.
        """
        self._check_fits(len(ids), limits.max_tokens)
        with self._turn(limits, cancel) as mine:
            if not mine:
                yield Reply("", "cancelled", prompt_tokens=len(ids))
                return
            self._bring_back(ids)
            call = self._call()
            body = self._body(ids, limits, n_probs=1) | {"stream": True, "return_progress": True, **asked}
            yield from guarded(
                lambda: _without(written_first, self._read(call, body, ids, listed)),
                limits,
                cancel,
                hang_up=call.hang_up,
                who=f"The model {self.spec}",
                refuse_empty=False,
            )

    def log_odds(
        self,
        messages: Sequence[Message],
        yes: Sequence[str] = YES,
        no: Sequence[str] = NO,
        cancel: threading.Event | None = None,
    ) -> float | None:
        listed = self._first_token(self._prompt(messages), cancel, {"n_probs": _LISTED})
        return None if listed is None else _odds(listed, yes, no)

    def scores(
        self, messages: Sequence[Message], tokens: Sequence[int], cancel: threading.Event | None = None
    ) -> tuple[float, ...] | None:
        # Lifted above all others these tokens are what is left to choose from; a high temperature keeps the least likely of
        # them from vanishing.
        asked = {
            "n_probs": len(tokens),
            "logit_bias": [[token, _LIFT] for token in tokens],
            "samplers": ["top_k", "temperature"],
            "top_k": len(tokens),
            "temperature": _SOFT,
            "post_sampling_probs": True,
        }
        listed = self._first_token(self._prompt(messages), cancel, asked)
        if listed is None:
            return None
        told = {x["id"]: _SOFT * math.log(max(x["prob"], _LEAST)) for x in listed}
        return tuple(told.get(token, _SOFT * math.log(_LEAST)) for token in tokens)

    def _first_token(
        self, ids: tuple[int, ...], cancel: threading.Event | None, asked: Mapping[str, Any]
    ) -> "_Listed | None":
        """What the server lists of the token behind a prompt; None where it was cancelled."""
        listed: _Listed = []
        for _ in self._generate(ids, Limits(max_tokens=1), cancel, asked, {0: listed}):
            pass
        return listed or None

    def token_ids(self, text: str) -> tuple[int, ...] | None:
        return self._tokenise(text, ours=False)

    def control_ids(self, text: str) -> tuple[int, ...]:
        """As `token_ids`, with the model's control tokens read as such."""
        return self._tokenise(text, ours=True)

    def weights_path(self) -> Path:
        """The file of weights, fetched if need be."""
        return self._weights_path()

    def save_state(self, messages: Sequence[Message]) -> Path:
        """Reads a prompt to its last message's end, and leaves in a file what the engine then holds of it.

        The file lies in the engine's folder of states; that of an earlier call is replaced.

        Raises: ModelUnavailable: The engine keeps no states, or could not write it.
        """
        ids = self._prompt(messages, whole=False)
        self._check_fits(len(ids), 1)
        with self._turn(Limits(), None):
            computed = self._compute(ids, None)
            saved = self._save(computed[0], "saved.part") if computed else None
        if saved is None or self._states is None:
            raise ModelUnavailable(
                "The engine could not write a state. Has it a folder for them, and is its disk full?"
            )
        return self._states.folder / "saved.part"

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._prompt(messages))

    def prepare(
        self, prefix: Sequence[Message], key: str, cancel: threading.Event | None = None
    ) -> PrefixState:
        started = time.monotonic()
        ids = self._prompt(prefix, whole=False)
        self._check_fits(len(ids), 1)
        self._prefixes[key] = _Prefix(key, ids)
        self._prefixes.move_to_end(key)
        while len(self._prefixes) > 512:
            self._prefixes.popitem(last=False)
        with self._turn(Limits(), cancel) as mine:
            origin = self._have(ids, key, cancel) if mine else None
        kept = self._states.size(key, ids) if self._states is not None else 0
        return PrefixState(origin or "none", len(ids), time.monotonic() - started, kept)

    def status(self) -> ModelStatus:
        if self._state == "error":
            return ModelStatus(self.spec, "error", detail=str(self._error))
        return ModelStatus(self.spec, self._state)

    def close(self) -> None:
        atexit.unregister(self.close)
        with self._lock:
            self._closed = True
            running, self._running = self._running, None
            process, self._process = self._process, None
            calls = list(self._calls)
        for call in calls:
            call.hang_up()
        if running is not None:
            running.stop()
        elif process is not None:
            end(process)

    # Loading

    def _begin_loading(self) -> None:
        threading.Thread(target=self._load, daemon=True, name="citewire-load").start()

    def _load(self) -> None:
        try:
            self._state = "fetching"
            path = self._weights_path()
            self._state = "loading"
            states = self._states.folder if self._states else None
            settings = settings_of(path, self._options, self._slots, states, self.adapter)
            running = self._borrowed(settings) or self._started(path, settings)
            if weights.mark_of(path) != settings["mark"]:
                raise ModelMismatch(f"The model file {path} was replaced while it was loaded. Start again.")
            with self._lock:
                closed = self._closed
                if not closed:
                    self._running = running
            if closed:
                running.stop()
            self._state = "ready"
        except CitewireError as error:
            self._fail(error)
        except Exception as error:  # the loader's own errors are RuntimeError and the like; callers get ours
            _log.debug("loading failed", exc_info=True)
            unavailable = ModelUnavailable(
                f"The model {self.spec} could not be loaded: {error} Check the file, or choose another model."
            )
            unavailable.__cause__ = error
            self._fail(unavailable)
        finally:
            self._loaded.set()

    def _borrowed(self, settings: dict[str, Any]) -> Running | None:
        """A model just like it that an earlier command left loaded."""
        if not self._options.keep_s:
            return None
        from bot.models.resident import borrow

        return borrow(settings)

    def _started(self, path: Path, settings: dict[str, Any]) -> Running:
        check_memory(path, self.context_tokens * self._slots)
        return start(self._launched(), settings)

    def _launched(self) -> "subprocess.Popen[bytes]":
        """The process that will load."""
        with self._lock:
            if self._closed:
                raise ModelUnavailable(f"The model {self.spec} was closed.")
            self._process = launch()
            return self._process

    def _fail(self, error: CitewireError) -> None:
        self._error, self._state = error, "error"
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            end(process)

    def _ready(self) -> Running:
        self._loaded.wait()
        with self._lock:
            if self._closed:
                raise ModelUnavailable(f"The model {self.spec} was closed.")
            if self._error is not None:
                raise self._error
            assert self._running is not None, "loading ends with one of the three"
            if self._running.alive():
                return self._running
            self._running.stop()  # it has ended; this closes what led to it
            _log.warning("the process of %s ended; starting another", self.spec)
            self._running, self._process, self._state = None, None, "loading"
            self._loaded.clear()
            self._forget_slots()
        self._begin_loading()
        return self._ready()

    def _call(self) -> Call:
        running = self._ready()
        call = Call(running.port, running.api_key)
        self._calls.add(call)
        return call

    @contextlib.contextmanager
    def _turn(self, limits: Limits, cancel: threading.Event | None) -> Iterator[bool]:
        """Waits for a free slot; gives False if the caller stopped meanwhile."""
        with self._lock:
            if self._waiting >= _QUEUE:
                raise ModelBusy(
                    f"{_QUEUE} questions are waiting for the model {self.spec}. Try again in a while."
                )
            self._waiting += 1
        try:
            deadline = time.monotonic() + limits.answer_timeout_s
            mine = False
            while not mine and not (cancel is not None and cancel.is_set()):
                mine = self._turns.acquire(timeout=0.1)
                if not mine and time.monotonic() > deadline:
                    raise ModelBusy(
                        f"The model {self.spec} was busy for {limits.answer_timeout_s:g} s. Try again."
                    )
        finally:
            with self._lock:
                self._waiting -= 1
        try:
            yield mine
        finally:
            if mine:
                self._turns.release()

    # Prompts as token ids

    def _prompt(self, messages: Sequence[Message], *, whole: bool = True) -> tuple[int, ...]:
        """Token ids of the rendered chat; contents are tokenised as plain text, never as control tokens.

        Args:
            whole: Otherwise the ids end with the last message's content, as the beginning of longer chats.
        """
        frame = self._frame(tuple(message.role for message in messages))
        ids: list[int] = []
        for n, (piece, message) in enumerate(zip(frame, messages, strict=False)):
            ids += self._tokenise(piece, ours=True, first=n == 0)
            ids += self._tokenise(message.content, ours=False)
        if whole:
            ids += self._tokenise(frame[-1], ours=True)
        return tuple(ids)

    def _frame(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        """The model's own template around the contents: a piece before each and one after the last."""
        if roles not in self._frames:
            marks = [f"content{n}{secrets.token_hex(8)}" for n in range(len(roles))]
            chat = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
            rest = str(self._call().post("/apply-template", {"messages": chat}, timeout_s=30)["prompt"])
            pieces: list[str] = []
            for mark in marks:
                before, found, rest = rest.partition(mark)
                if not found or mark in rest:
                    raise ModelMismatch(
                        f"The chat template of {self.spec} drops or repeats a message ({', '.join(roles)})."
                        " Choose an instruction-tuned model."
                    )
                pieces.append(before)
            self._frames[roles] = (*pieces, rest)
        return self._frames[roles]

    def _tokenise(self, text: str, *, ours: bool, first: bool = False) -> tuple[int, ...]:
        if not text:
            return ()
        name = hashlib.sha256(f"{ours}{first}\0{text}".encode("utf-8", "surrogatepass")).digest()
        known = self._tokens.get(name)
        if known is None:
            body = {"content": text, "parse_special": ours, "add_special": first}
            known = tuple(self._call().post("/tokenize", body, timeout_s=30)["tokens"])
            self._tokens[name] = known
            while len(self._tokens) > 2048:
                with contextlib.suppress(KeyError):
                    self._tokens.popitem(last=False)
        return known

    def _check_fits(self, prompt: int, answer: int) -> None:
        if prompt + answer > self.context_tokens:
            raise QuestionRefused(
                f"The prompt has {prompt} tokens and the answer may have {answer}; {self.spec} reads"
                f" {self.context_tokens} in all. Ask less at once, or raise the context."
            )

    # Generation

    def _body(self, ids: Sequence[int], limits: Limits, *, n_probs: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "prompt": list(ids),
            "n_predict": limits.max_tokens,
            "temperature": limits.temperature,
            "seed": limits.seed,
            "stop": list(limits.stop),
            "n_probs": n_probs,
            "cache_prompt": True,
            "response_fields": list(_FIELDS),
        }
        if limits.grammar is not None:
            body["grammar"] = limits.grammar
        return body

    def _read(
        self,
        call: Call,
        body: dict[str, Any],
        ids: tuple[int, ...],
        listed: Mapping[int, "_Listed"],
    ) -> Iterator[Item]:
        """Translates the server's events; keeps what it says of its slots."""
        written: list[int] = []
        done = False
        try:
            yield from self._events(call, body, ids, listed, written)
            done = True
        finally:
            if not done:  # which slot a broken call was given, and how much of it was read, nobody tells
                self._forget_slots()

    def _events(
        self,
        call: Call,
        body: dict[str, Any],
        ids: tuple[int, ...],
        listed: Mapping[int, "_Listed"],
        written: list[int],
    ) -> Iterator[Item]:
        seen = 0
        for event in call.stream("/completion", body):
            if "error" in event:
                raise ModelUnavailable(f"The model {self.spec} failed: {str(event['error'])[:200]}")
            probabilities = event.get("completion_probabilities") or []
            for one in probabilities:
                if seen in listed:
                    listed[seen].extend(one.get("top_logprobs") or one.get("top_probs") or ())
                seen += 1
            if event.get("stop"):
                timings = event["timings"]
                self._note(int(event["id_slot"]), (*ids, *written))
                yield End(
                    "length" if event["stop_type"] == "limit" else "stop",
                    prompt_tokens=len(ids),
                    cached_tokens=int(timings["cache_n"]),
                    completion_tokens=int(event["tokens_predicted"]),
                )
                return
            written += event.get("tokens", ())
            if event.get("content"):
                # After sampling, where scores are asked for, there are probabilities in place of their logarithms.
                told = (one["logprob"] for one in probabilities if "logprob" in one)
                logprobs = tuple(logprob for logprob in told if math.isfinite(logprob))
                yield Piece(event["content"], logprobs)
            else:
                yield Alive()

    def _forget_slots(self) -> None:
        for slot in range(self._slots):
            self._in_slot[slot] = ()

    def _note(self, slot: int, held: tuple[int, ...]) -> None:
        self._in_slot[slot] = held
        self._in_slot.move_to_end(slot)

    # Prefix states

    def _open_states(self) -> StateFolder | None:
        if self._options.states_dir is None:
            return None
        import importlib.metadata

        version = importlib.metadata.version("xllamacpp")
        identity = f"1 {self.digest} {version} {self.context_tokens} {BATCH_TOKENS}"
        states = StateFolder(
            Path(self._options.states_dir).absolute(),
            limit_bytes=self._options.states_bytes,
            identity=identity,
        )
        return states if states.ready() else None

    def _have(
        self, ids: tuple[int, ...], key: str, cancel: threading.Event | None
    ) -> Literal["memory", "disk", "computed"] | None:
        """Makes some slot hold this prefix; None if it was stopped. The caller has its turn."""
        if self._held(ids) >= len(ids) - _MERGE_TOKENS:
            return "memory"
        if self._restore(ids, key):
            return "disk"
        computed = self._compute(ids, cancel)
        if computed is None:
            return None
        slot, cached = computed
        if self._states is not None:
            self._states.keep(key, ids, lambda file: self._save(slot, file))
        return "memory" if cached >= len(ids) - _MERGE_TOKENS else "computed"

    def _held(self, ids: tuple[int, ...]) -> int:
        """Tokens of this prompt's beginning that some slot holds."""
        return max(_common(ids, held) for held in list(self._in_slot.values()))

    def _bring_back(self, ids: tuple[int, ...]) -> None:
        """Restores the longest prepared prefix of this prompt if no slot holds it."""
        if self._states is None:
            return
        held = self._held(ids)
        best: _Prefix | None = None
        for prefix in list(self._prefixes.values()):
            size = len(prefix.ids) - _MERGE_TOKENS
            if size > held and prefix.ids[:size] == ids[:size] and (best is None or size > len(best.ids)):
                best = prefix
        if best is not None:
            self._restore(best.ids, best.key)

    def _restore(self, ids: tuple[int, ...], key: str) -> bool:
        kept = self._states.find(key, ids) if self._states else None
        if kept is None or self._states is None:
            return False
        slot = next(iter(self._in_slot))  # least recently used
        try:
            said = self._call().post(
                f"/slots/{slot}?action=restore", {"filename": kept.file_name}, timeout_s=30
            )
        except CitewireError as error:
            _log.info("a kept prefix state could not be restored: %s", error)
            self._lose(slot, kept)
            return False
        if said.get("n_restored") != kept.tokens or kept.tokens < len(ids):
            self._lose(slot, kept)
            return False
        self._note(slot, ids)
        return True

    def _lose(self, slot: int, kept: Kept) -> None:
        if self._states is not None:
            self._states.discard(kept)
        with contextlib.suppress(CitewireError):
            self._call().post(f"/slots/{slot}?action=erase", {}, timeout_s=30)
        self._in_slot[slot] = ()

    def _compute(self, ids: tuple[int, ...], cancel: threading.Event | None) -> tuple[int, int] | None:
        """Reads the prefix now; returns its slot and the tokens that were in memory already."""
        body = self._body(ids, Limits(max_tokens=0), n_probs=0)
        call = self._call()
        try:
            with _hung_up_on(cancel, call):
                said = call.post("/completion", body)
        except BaseException as error:  # Ctrl-C as well: nobody tells how much of it a slot holds now
            self._forget_slots()
            if isinstance(error, CitewireError) and cancel is not None and cancel.is_set():
                return None
            raise
        self._note(int(said["id_slot"]), ids)
        return int(said["id_slot"]), int(said["timings"]["cache_n"])

    def _save(self, slot: int, file_name: str) -> int | None:
        try:
            said = self._call().post(f"/slots/{slot}?action=save", {"filename": file_name}, timeout_s=60)
        except CitewireError as error:
            _log.info("a prefix state was not saved: %s", error)
            return None
        # A disk that fills up may cut the file without a word.
        whole = self._states is not None and self._states.holds(file_name, int(said["n_written"]))
        return int(said["n_saved"]) if whole else None


_ADAPTED: Mapping[str, Any] = {"lora": [{"id": 0, "scale": 1.0}]}
"""Asks for the adapter, which is loaded at no strength."""
_Listed = list[dict[str, Any]]
"""The likeliest tokens at one place, as the server gives them."""


def _odds(listed: _Listed, yes: Sequence[str] = YES, no: Sequence[str] = NO) -> float | None:
    return log_odds([(x["token"], x["logprob"]) for x in listed], yes, no)


def _without(first: str, items: Iterator[Item]) -> Iterator[Item]:
    """What is written, without the words it begins with."""
    begun = ""
    for item in items:
        if not isinstance(item, Piece) or len(begun) >= len(first):
            yield item
            continue
        begun += item.text
        rest = begun[len(first) :]
        yield Piece(rest, item.logprobs[-1:]) if rest else Alive()


@contextlib.contextmanager
def _hung_up_on(cancel: threading.Event | None, call: Call) -> Iterator[None]:
    """Ends the call within a tenth of a second of `cancel`; its caller then gets `ModelUnavailable`."""
    if cancel is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            if cancel.is_set():
                call.hang_up()
                return

    watcher = threading.Thread(target=watch, daemon=True, name="citewire-stop")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    size = min(len(left), len(right))
    if left[:size] == right[:size]:
        return size
    return next(n for n in range(size) if left[n] != right[n])


def _notifier(notify: Callable[[str], None] | None) -> weights.Progress | None:
    if notify is None:
        return None
    shown = [-1]

    def progress(done: int, total: int, note: str) -> None:
        percent = 100 * done // max(total, 1)
        if percent // 5 != shown[0]:
            shown[0] = percent // 5
            notify(f"{note}: {percent} %")

    return progress
