"""A real Ollama on loopback: chat, streaming, stop, log-probabilities, embeddings, and the no-template trap."""

import threading
import time
from collections.abc import Iterator

import pytest

from bot.errors import ModelMismatch
from bot.models import EngineOptions, Limits, Message, Reply, choose_engine, open_engine
from bot.models.ollama import OllamaEngine
from bot.models.ollama_admin import OllamaServer, parse_url
from store.errors import CitewireError

pytestmark = pytest.mark.live

SYSTEM = Message("system", "Answer in one word.")
ASKED = [SYSTEM, Message("user", "The talks were held in Doha. Where were they held?")]


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    found = OllamaServer(parse_url(None))
    try:
        names = {model.name for model in found.models()}
    except CitewireError as error:
        pytest.skip(str(error))
    if "qwen2.5-coder:0.5b" not in names:
        pytest.skip("no qwen2.5-coder:0.5b on this Ollama: ollama pull qwen2.5-coder:0.5b")
    yield found
    found.close()


@pytest.fixture(scope="module")
def engine(server: OllamaServer) -> Iterator[OllamaEngine]:
    opened = open_engine("ollama:qwen2.5-coder:0.5b", EngineOptions(context_tokens=2048))
    assert isinstance(opened, OllamaEngine)
    yield opened
    opened.close()


def test_chat_streams_an_answer_with_its_counts(engine: OllamaEngine) -> None:
    for _ in range(2):  # the second time from a warm cache
        *pieces, reply = engine.stream(ASKED, Limits(max_tokens=12))
        assert isinstance(reply, Reply)
        assert "Doha" in reply.text
        assert "".join(str(piece) for piece in pieces) == reply.text
        assert reply.prompt_tokens is not None
        assert 20 < reply.prompt_tokens <= engine.count_tokens(ASKED)
        assert reply.mean_logprob is not None
        assert reply.mean_logprob <= 0


def test_digest_is_the_servers(engine: OllamaEngine) -> None:
    assert len(bytes.fromhex(engine.digest)) == 32
    assert engine.status().state in ("present", "ready")


def test_log_odds_tell_yes_from_no(engine: OllamaEngine) -> None:
    judge = Message("system", "Does the text say what the claim says? Answer Yes or No.")
    same = engine.log_odds([judge, Message("user", "Text: It rained in Doha.\nClaim: It rained in Doha.")])
    other = engine.log_odds(
        [judge, Message("user", "Text: It rained in Doha.\nClaim: The king died in Oslo.")]
    )
    assert same is not None
    assert other is not None
    assert same > other


def test_stop_frees_the_server(engine: OllamaEngine) -> None:
    cancel, stopped = threading.Event(), 0.0
    story = [Message("user", "Write a story of a thousand words.")]
    for item in engine.stream(story, Limits(max_tokens=1500), cancel):
        if isinstance(item, Reply):
            assert item.stop == "cancelled"
            assert time.monotonic() - stopped < 1
        elif not cancel.is_set():
            cancel.set()
            stopped = time.monotonic()
    *_, reply = engine.stream(ASKED, Limits(max_tokens=2))
    assert isinstance(reply, Reply)
    assert reply.first_token_s is not None
    assert reply.first_token_s < 60  # not after the story's rest


def test_model_without_a_template_is_refused(server: OllamaServer) -> None:
    if "qwen-no-template:latest" not in {model.name for model in server.models()}:
        pytest.skip("no qwen-no-template on this Ollama")
    with pytest.raises(ModelMismatch, match="drops system messages"):
        open_engine("ollama:qwen-no-template")


def test_server_says_what_a_model_can(server: OllamaServer) -> None:
    details = server.details("qwen2.5-coder:0.5b")
    assert "completion" in details.capabilities
    assert details.renders_system
    assert details.context_tokens == 32768


def test_embedding_model_is_not_chosen(server: OllamaServer) -> None:
    chosen = choose_engine("auto")
    assert chosen.spec.startswith("ollama:qwen2.5-coder")
    chosen.close()


def test_embeddings_come_with_truncation_refused(server: OllamaServer) -> None:
    if "all-minilm:latest" not in {model.name for model in server.models()}:
        pytest.skip("no all-minilm on this Ollama")
    import ollama

    client = ollama.Client(server.url)
    reply = client.embed("all-minilm", ["one", "two"], truncate=False)
    client.close()  # type: ignore[no-untyped-call]  # the client's own
    assert [len(vector) for vector in reply.embeddings] == [384, 384]
