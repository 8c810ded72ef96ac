"""The Ollama backend against a server that fails in every way of table A."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot.errors import (
    AnswerIncomplete,
    ModelBusy,
    ModelMismatch,
    ModelMissing,
    ModelTimeout,
    ModelUnavailable,
    QuestionRefused,
)
from bot.models.base import EngineOptions, Limits, Message, Reply
from bot.models.ollama import OllamaEngine, open_ollama
from bot.models.ollama_admin import OllamaServer, parse_url, suitable
from store.errors import ConfigError
from tests.faults.fake_ollama import NAME, FakeOllama, closed_port, serving

ASKED = (Message("system", "Answer from the articles."), Message("user", "Who hosted the talks?"))
ANSWER = "Doha hosted the talks."


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with serving(FakeOllama()) as server:
        yield server


@pytest.fixture
def engine(fake: FakeOllama) -> Iterator[OllamaEngine]:
    opened = open_ollama("tiny", EngineOptions(base_url=fake.url, context_tokens=2048))
    yield opened
    opened.close()


def ask(engine: OllamaEngine, **limits: Any) -> tuple[str, Reply]:
    *pieces, reply = engine.stream(ASKED, Limits(**limits))
    assert isinstance(reply, Reply)
    return "".join(str(piece) for piece in pieces), reply


def test_a_whole_answer_comes_in_pieces_and_a_reply(engine: OllamaEngine) -> None:
    pieces, reply = ask(engine)
    assert pieces == reply.text == ANSWER
    assert (reply.stop, reply.prompt_tokens, reply.completion_tokens) == ("stop", 16, 4)
    assert reply.mean_logprob == -0.25


def test_a01_server_not_running_is_said_within_two_seconds() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"not answering at .*ollama serve") as raised:
        open_ollama("tiny", EngineOptions(base_url=url))
    assert time.monotonic() - started < 5  # the import of the client included
    assert raised.value.exit_code == 69


def test_a02_server_that_dies_after_the_check_is_said_at_use(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "die"
    with pytest.raises(ModelUnavailable, match=r"connection to Ollama at .* was lost"):
        ask(engine)


def test_a03_missing_model_names_what_is_installed(fake: FakeOllama, engine: OllamaEngine) -> None:
    with pytest.raises(ModelMissing, match=r"ollama pull nope.*Installed: tiny:latest"):
        open_ollama("nope", EngineOptions(base_url=fake.url))
    fake.mode = "404"
    with pytest.raises(ModelMissing, match="ollama pull tiny"):
        ask(engine)


@pytest.mark.parametrize("mode", ["pullcut", "pullerror"])
def test_a04_pull_without_success_is_a_failure(fake: FakeOllama, mode: str) -> None:
    fake.mode = mode
    server = OllamaServer(fake.url)
    with pytest.raises(ModelUnavailable):
        server.pull("tiny", lambda done, total, note: None)
    server.close()


def test_a04_pull_reports_progress(fake: FakeOllama) -> None:
    seen: list[tuple[int, int, str]] = []
    server = OllamaServer(fake.url)
    server.pull("tiny", lambda *step: seen.append(step))
    server.close()
    assert seen == [(5, 10, "pulling"), (0, 0, "success")]


@pytest.mark.parametrize("mode", ["reset", "eof", "errline"])
def test_a05_a06_a07_broken_stream_keeps_the_partial_text(
    fake: FakeOllama, engine: OllamaEngine, mode: str
) -> None:
    fake.mode = mode
    with pytest.raises(AnswerIncomplete) as raised:
        ask(engine)
    assert raised.value.partial == "Doha"
    assert len(fake.chats()) == 1  # never again once a token was shown


def test_a07_error_line_is_told_in_the_servers_words(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "errline"
    with pytest.raises(AnswerIncomplete, match="an error was encountered"):
        ask(engine)


def test_a08_crashed_runner_is_tried_once_more(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "500"
    with pytest.raises(ModelUnavailable, match="crashed on Ollama, often for lack of memory"):
        ask(engine)
    assert len(fake.chats()) == 2


def test_a09_full_queue_is_busy_after_three_tries(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "503"
    with pytest.raises(ModelBusy) as raised:
        ask(engine)
    assert (len(fake.chats()), raised.value.exit_code, raised.value.http_status) == (3, 75, 503)


def test_a10_loading_has_its_own_deadline(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "slow"
    assert ask(engine, token_timeout_s=0.2)[1].text == ANSWER
    with pytest.raises(ModelTimeout, match=r"wrote nothing within 0\.3 s"):
        ask(engine, load_timeout_s=0.3)


def test_a11_stall_keeps_the_partial_text(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode, fake.pause_s = "stall", 5
    with pytest.raises(AnswerIncomplete, match=r"no output for 0\.3 s") as raised:
        ask(engine, token_timeout_s=0.3)
    assert raised.value.partial == "Doha"
    assert fake.hung_up.wait(1)


def test_a12_endless_answer_is_cut_at_the_answers_deadline(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode, fake.words = "drip", ("word ",) * 200
    started = time.monotonic()
    _, reply = ask(engine, answer_timeout_s=1.0, token_timeout_s=0.9)
    assert reply.stop == "length"
    assert time.monotonic() - started < 3


def test_a12_every_limit_is_sent(fake: FakeOllama, engine: OllamaEngine) -> None:
    ask(engine, max_tokens=99, temperature=0.5, seed=3, stop=("END",))
    (request,) = fake.chats()
    assert request["options"] == {
        "num_ctx": 2048,
        "num_predict": 99,
        "temperature": 0.5,
        "seed": 3,
        "stop": ["END"],
    }
    assert (request["keep_alive"], request["think"], request["stream"]) == ("30m", False, True)


@pytest.mark.parametrize("mode", ["slow", "drip"])
def test_a13_stop_hangs_up_within_a_second(fake: FakeOllama, engine: OllamaEngine, mode: str) -> None:
    fake.mode, fake.pause_s, fake.words = mode, 20, ("word ",) * 100
    cancel = threading.Event()
    threading.Timer(0.4, cancel.set).start()
    *_, reply = engine.stream(ASKED, Limits(), cancel)
    assert isinstance(reply, Reply)
    assert reply.stop == "cancelled"
    assert fake.hung_up.wait(1)


def test_a13_closing_the_iterator_hangs_up(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode, fake.words = "drip", ("word ",) * 100
    stream = engine.stream(ASKED, Limits())
    assert next(stream) == "word "
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert fake.hung_up.wait(1)
    fake.mode, fake.words = "ok", ("Doha.",)
    assert ask(engine)[0] == "Doha."


def test_a14_prompt_over_the_context_is_never_sent(fake: FakeOllama, engine: OllamaEngine) -> None:
    with pytest.raises(QuestionRefused, match="2048"):
        list(engine.stream([Message("user", "word " * 3000)], Limits()))
    assert fake.chats() == []


def test_a15_prompt_the_server_cut_is_a_mismatch(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.read = lambda messages: 20
    long = [Message("system", "Answer."), Message("user", "word " * 200)]
    with pytest.raises(ModelMismatch, match="used 20 of at least 160 tokens") as raised:
        list(engine.stream(long, Limits()))
    assert raised.value.exit_code == 78


def test_a15_server_that_counts_only_new_tokens_is_believed(fake: FakeOllama, engine: OllamaEngine) -> None:
    seen: set[str] = set()

    def read(messages: list[dict[str, str]]) -> int:
        first = messages[0]["content"]
        cached = first in seen
        seen.add(first)
        return 3 if cached else sum(2 * len(message["content"].split()) for message in messages)

    fake.read = read
    long = [Message("system", "Answer."), Message("user", "word " * 200)]
    for _ in range(3):
        *_, reply = engine.stream(long, Limits())
        assert isinstance(reply, Reply)
    assert len(fake.chats()) == 4  # three answers and one look at a fresh prompt


def test_a15_template_that_drops_the_system_message_is_a_mismatch(fake: FakeOllama) -> None:
    fake.template = "{{ .Prompt }}"
    fake.read = lambda messages: 2 * len(messages[-1]["content"].split())
    with pytest.raises(ModelMismatch, match="drops system messages"):
        open_ollama("tiny", EngineOptions(base_url=fake.url))


def test_a16_answer_cut_at_the_limit_says_so(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "length"
    assert ask(engine)[1].stop == "length"


@pytest.mark.parametrize("mode", ["empty", "load", "onlythink"])
def test_a17_nothing_is_an_error(fake: FakeOllama, engine: OllamaEngine, mode: str) -> None:
    fake.mode = mode
    with pytest.raises(ModelUnavailable, match="returned nothing"):
        ask(engine)


def test_a18_thinking_is_never_shown(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "think"
    assert ask(engine)[0] == "Doha."
    fake.mode = "thinkfield"
    assert ask(engine)[0] == ANSWER
    fake.mode = "closing"
    assert ask(engine)[1].text == "Doha."


@pytest.mark.parametrize(("mode", "quoted"), [("bad", "assi"), ("array", "1, 2"), ("html502", "Bad Gateway")])
def test_a19_what_is_not_the_protocol_is_quoted(
    fake: FakeOllama, engine: OllamaEngine, mode: str, quoted: str
) -> None:
    fake.mode = mode
    with pytest.raises(ModelUnavailable, match=f"Unexpected reply.*{quoted}"):
        ask(engine)


def test_a19_blank_lines_are_skipped(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "blank"
    assert ask(engine)[0] == ANSWER


@pytest.mark.parametrize(
    "url",
    ["htp://x", "host:notaport", "http://", "http://a b", "http://user:pw@host", "host:99999", "http://h?q"],
)
def test_a20_bad_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not the address"):
        parse_url(url)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost", "http://localhost:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("https://host/path/", "https://host:443/path"),
        ("[::1]:80", "http://[::1]:80"),
    ],
)
def test_a20_good_address_is_completed(given: str, url: str) -> None:
    assert parse_url(given) == url


def test_a20_proxy_variables_are_ignored(fake: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    engine = open_ollama("tiny", EngineOptions(base_url=fake.url))
    assert ask(engine)[0] == ANSWER
    engine.close()


def test_a20_redirect_is_not_followed(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.mode = "redirect"
    with pytest.raises(ModelUnavailable, match=r"redirects to http://127\.0\.0\.1:1/"):
        ask(engine)


def test_a22_old_server_is_refused_with_the_reason(fake: FakeOllama) -> None:
    fake.version = "0.17.0"
    with pytest.raises(ModelUnavailable, match="security hole"):
        open_ollama("tiny", EngineOptions(base_url=fake.url))


def test_a22_digest_is_the_servers(engine: OllamaEngine) -> None:
    assert engine.digest == "ab" * 32


def test_model_that_only_embeds_is_refused(fake: FakeOllama) -> None:
    fake.capabilities = ("embedding",)
    with pytest.raises(ConfigError, match="only does embedding"):
        open_ollama("tiny", EngineOptions(base_url=fake.url))


def test_log_odds_are_those_of_the_first_token(fake: FakeOllama, engine: OllamaEngine) -> None:
    assert engine.log_odds(ASKED) == pytest.approx(1.0)
    (request,) = fake.chats()
    assert (request["options"]["num_predict"], request["top_logprobs"]) == (1, 20)
    fake.mode = "nologprobs"
    assert engine.log_odds(ASKED) is None


def test_auto_takes_a_model_that_fits_and_chats(fake: FakeOllama) -> None:
    server = OllamaServer(fake.url)
    found = suitable(server, free_bytes=2000)
    assert found is not None
    assert found.name == NAME
    assert suitable(server, free_bytes=1200) is None
    fake.template = "{{ .Prompt }}"
    assert suitable(server, free_bytes=2000) is None
    server.close()


@pytest.mark.parametrize(
    ("capabilities", "listed"), [(("completion",), True), (("embedding",), False), ((), True)]
)
def test_a_model_that_only_embeds_is_not_offered(
    fake: FakeOllama, capabilities: tuple[str, ...], listed: bool
) -> None:
    fake.capabilities = capabilities
    server = OllamaServer(fake.url)
    try:
        assert [one.name for one in server.models()] == [NAME], "it is on the server all the same"
        assert [one.name for one in server.writers()] == [NAME] * listed
    finally:
        server.close()
