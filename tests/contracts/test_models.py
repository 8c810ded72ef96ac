"""What every model backend does: reply, stream, down, absent, slow, cut short."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot import weights
from bot.errors import AnswerIncomplete, ModelMissing, ModelTimeout, ModelUnavailable, WeightsMissing
from bot.models import Engine, EngineOptions, Limits, Message, Reply, open_engine
from bot.models.scripted import ScriptedEngine
from tests.faults.fake_ollama import FakeOllama, closed_port, serving

ASKED = (Message("system", "Answer shortly."), Message("user", "Name a colour."))


class _FakeOpenAI(BaseHTTPRequestHandler):
    mode = "ok"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert body["max_tokens"] > 0
        assert {"temperature", "seed"} <= set(body)
        if self.mode == "absent":
            raw = json.dumps({"error": {"message": "no such model", "code": 404}}).encode()
            self.send_response(404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if self.mode == "slow":
            threading.Event().wait(1.5)
        with contextlib.suppress(OSError):
            for word in ("Red", ", mostly."):
                self.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": word}}]})
                if self.mode == "cut":
                    return
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            usage = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
            self.event({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")

    def event(self, found: dict[str, Any]) -> None:
        whole = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"} | found
        self.wfile.write(b"data: " + json.dumps(whole).encode() + b"\n\n")
        self.wfile.flush()


@contextlib.contextmanager
def fake_openai(mode: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_FakeOpenAI,), {"mode": mode}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def ollama(mode: str) -> Iterator[Engine]:
    with serving(FakeOllama(mode={"cut": "eof"}.get(mode, mode), words=("Red", ", mostly."))) as fake:
        name = "nope" if mode == "absent" else "tiny"
        yield open_engine(f"ollama:{name}", EngineOptions(base_url=fake.url))


@contextlib.contextmanager
def openai(mode: str) -> Iterator[Engine]:
    with fake_openai(mode) as url:
        yield open_engine("openai:any", EngineOptions(base_url=url, api_key="secret"))


@contextlib.contextmanager
def scripted(mode: str) -> Iterator[Engine]:
    if mode == "absent":
        yield open_engine("scripted:/nowhere/script.json")
    faults = {
        "cut": AnswerIncomplete("cut", "Red"),
        "slow": ModelTimeout("slow"),
    }
    yield ScriptedEngine(replies=[faults.get(mode, "Red, mostly.")])


@contextlib.contextmanager
def embedded(mode: str) -> Iterator[Engine]:
    if mode == "absent":
        yield open_engine("embedded:no-such-model")
    if weights.status("smollm2-135m").state != "present":
        pytest.skip("the weights of smollm2-135m are not on this machine")
    engine = open_engine("embedded:smollm2-135m", EngineOptions(context_tokens=512))
    yield engine
    engine.close()


@dataclass(frozen=True)
class Backend:
    """A way to open an engine whose server is in some mode, and the modes it can be put in."""

    name: str
    opened: Callable[[str], contextlib.AbstractContextManager[Engine]]


OLLAMA, OPENAI = Backend("ollama", ollama), Backend("openai", openai)
SCRIPTED, EMBEDDED = Backend("scripted", scripted), Backend("embedded", embedded)
_REAL = pytest.param(EMBEDDED, marks=pytest.mark.models, id="embedded")
ALL = [*(pytest.param(one, id=one.name) for one in (OLLAMA, OPENAI, SCRIPTED)), _REAL]
SERVED = [pytest.param(one, id=one.name) for one in (OLLAMA, OPENAI)]


@pytest.mark.parametrize("backend", ALL)
def test_pieces_add_up_to_one_reply_which_comes_last(backend: Backend) -> None:
    with backend.opened("ok") as engine:
        *pieces, reply = engine.stream(ASKED, Limits(max_tokens=8))
    assert isinstance(reply, Reply)
    assert all(isinstance(piece, str) for piece in pieces)
    assert len(pieces) > 1
    assert "".join(str(piece) for piece in pieces) == reply.text
    assert reply.prompt_tokens is not None
    assert reply.prompt_tokens > 0


@pytest.mark.parametrize("backend", ALL)
def test_tokens_are_counted_as_more_than_words(backend: Backend) -> None:
    with backend.opened("ok") as engine:
        assert engine.count_tokens(ASKED) >= 7


@pytest.mark.parametrize("backend", ALL)
def test_stopped_before_it_begins_gives_a_cancelled_reply(backend: Backend) -> None:
    cancel = threading.Event()
    cancel.set()
    with backend.opened("ok") as engine:
        *_, reply = engine.stream(ASKED, Limits(max_tokens=8), cancel)
    assert isinstance(reply, Reply)
    assert reply.stop == "cancelled"


@pytest.mark.parametrize("backend", ALL)
def test_closing_twice_does_nothing(backend: Backend) -> None:
    with backend.opened("ok") as engine:
        assert engine.status().state != "error"
        engine.close()
        engine.close()


@pytest.mark.parametrize("backend", ALL)
def test_absent_model_is_an_error_with_exit_69(backend: Backend) -> None:
    with pytest.raises((ModelMissing, WeightsMissing)) as raised, backend.opened("absent") as engine:
        list(engine.stream(ASKED, Limits()))
    assert raised.value.exit_code == 69


@pytest.mark.parametrize("backend", SERVED)
def test_server_that_is_down_is_an_error_with_its_address(backend: Backend) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(ModelUnavailable, match=url):
        list(open_engine(f"{backend.name}:any", EngineOptions(base_url=url)).stream(ASKED, Limits()))


@pytest.mark.parametrize("backend", SERVED)
def test_slow_server_meets_the_load_deadline(backend: Backend) -> None:
    with backend.opened("slow") as engine, pytest.raises(ModelTimeout):
        list(engine.stream(ASKED, Limits(load_timeout_s=0.2)))


@pytest.mark.parametrize("backend", [*SERVED, pytest.param(SCRIPTED, id="scripted")])
def test_answer_cut_short_is_incomplete_and_keeps_its_words(backend: Backend) -> None:
    with backend.opened("cut") as engine, pytest.raises(AnswerIncomplete) as raised:
        list(engine.stream(ASKED, Limits()))
    assert raised.value.partial == "Red"


def test_key_is_in_no_text_of_an_engine() -> None:
    options = EngineOptions(base_url="http://127.0.0.1:1/v1", api_key="hidden-key")
    engine = open_engine("openai:any", options)
    assert "hidden-key" not in f"{options!r} {engine!r} {vars(engine)!r}"


@pytest.mark.models
def test_openai_backend_talks_to_the_embedded_engines_own_server(tmp_path: Path) -> None:
    from bot.models.embedded import EmbeddedEngine

    with embedded("ok") as engine:
        assert isinstance(engine, EmbeddedEngine)
        running = engine._ready()
        options = EngineOptions(base_url=f"http://127.0.0.1:{running.port}/v1", api_key=running.api_key)
        remote = open_engine("openai:any", options)
        *_, ours = engine.stream(ASKED, Limits(max_tokens=8))
        *_, theirs = remote.stream(ASKED, Limits(max_tokens=8))
        assert isinstance(ours, Reply)
        assert isinstance(theirs, Reply)
        assert theirs.text == ours.text
        assert theirs.prompt_tokens == ours.prompt_tokens
        assert remote.log_odds(ASKED) == pytest.approx(engine.log_odds(ASKED), abs=0.2)
        remote.close()
