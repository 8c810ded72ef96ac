import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from store.embeddings import OllamaEmbedder, OpenAIEmbedder, open_embedder, server_url
from store.errors import ConfigError, EmbedderUnavailable

Reply = Callable[[httpx.Request], httpx.Response]


def ollama(reply: Reply) -> OllamaEmbedder:
    return OllamaEmbedder("ollama:m", "m", "http://127.0.0.1:11434", transport=httpx.MockTransport(reply))


def answering(vectors: Any) -> Reply:
    # Written by hand, since JSON has no NaN and httpx's own encoder refuses it.
    return lambda request: httpx.Response(200, content=json.dumps({"embeddings": vectors}))


def test_vectors_come_back_in_order_with_length_one() -> None:
    vectors = ollama(answering([[3.0, 4.0], [0.0, 2.0]])).embed(["a", "b"])
    assert vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 1.0]]


def test_a22_ollama_is_told_not_to_truncate() -> None:
    sent: list[dict[str, Any]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json={"embeddings": [[1.0]]})

    ollama(reply).embed(["text"])
    assert sent == [{"model": "m", "input": ["text"], "truncate": False, "keep_alive": "10m"}]


@pytest.mark.parametrize(
    "vectors",
    [
        pytest.param([[1.0, 0.0]], id="one vector for two texts"),
        pytest.param([], id="none"),
        pytest.param(None, id="null"),
        pytest.param([[1.0, 0.0], None], id="null among them"),
        pytest.param([[1.0, 0.0], [float("nan"), 1.0]], id="NaN"),
        pytest.param([[1.0, 0.0], [1.0]], id="unequal lengths"),
        pytest.param([[1.0, 0.0], [0.0, 0.0]], id="no direction"),
        pytest.param([["a", "b"], ["c", "d"]], id="words"),
    ],
)
def test_a21_a_wrong_reply_refuses_the_whole_batch(vectors: Any) -> None:
    with pytest.raises(EmbedderUnavailable, match="ollama:m"):
        ollama(answering(vectors)).embed(["a", "b"])


def test_a21_a_changed_size_is_refused() -> None:
    sizes = iter([[[1.0, 0.0]], [[1.0, 0.0, 0.0]]])
    embedder = ollama(lambda request: httpx.Response(200, json={"embeddings": next(sizes)}))
    embedder.embed(["a"])
    with pytest.raises(EmbedderUnavailable, match="gave 3 numbers a vector, before 2"):
        embedder.embed(["b"])


def test_a_dead_server_is_named() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(
        EmbedderUnavailable, match=r"no answer from http://127\.0\.0\.1:11434 \(ConnectError\)"
    ):
        ollama(refuse).embed(["a"])


def test_a20_a_redirect_is_an_error() -> None:
    with pytest.raises(EmbedderUnavailable, match="answered 307"):
        ollama(lambda request: httpx.Response(307, headers={"location": "http://other/"})).embed(["a"])


def test_an_absent_model_says_how_to_get_it() -> None:
    embedder = ollama(
        lambda request: httpx.Response(200, json={"models": [{"name": "other", "digest": "x"}]})
    )
    with pytest.raises(EmbedderUnavailable, match="ollama pull m"):
        _ = embedder.digest


def test_ollama_digest_is_the_servers() -> None:
    listed = {"models": [{"name": "m:latest", "digest": "abc"}]}
    assert ollama(lambda request: httpx.Response(200, json=listed)).digest == "abc"


def test_openai_rows_are_put_in_the_order_of_their_index() -> None:
    rows = {"data": [{"index": 1, "embedding": [0.0, 1.0]}, {"index": 0, "embedding": [1.0, 0.0]}]}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=rows))
    embedder = OpenAIEmbedder("openai:m", "m", "http://h/v1", transport=transport)
    assert embedder.embed(["a", "b"]).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_many_texts_go_in_several_requests() -> None:
    sizes: list[int] = []

    def reply(request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["input"]
        sizes.append(len(texts))
        return httpx.Response(200, json={"embeddings": [[1.0]] * len(texts)})

    assert ollama(reply).embed(["t"] * 70).shape == (70, 1)
    assert sizes == [32, 32, 6]


@pytest.mark.parametrize(
    "url",
    ["htp://x", "http://host:notaport", "not a url", "ftp://x:1", "http://", "http://u:p@h", "http://h?q=1"],
)
def test_a20_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not a server address"):
        server_url(url)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://h:1/", "http://h:1"),
        ("h:1", "http://h:1"),
        ("localhost", "http://localhost:11434"),
        ("0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("https://h/v1", "https://h/v1"),
    ],
)
def test_addresses_are_read_strictly(given: str, meant: str) -> None:
    assert server_url(given) == meant


@pytest.mark.parametrize("spec", ["onnx:nothing-here", "magic:x", "ollama:", "plain", "openai:m"])
def test_unknown_embedders_are_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_embedder(spec, weights_dir=tmp_path, fetch=lambda name: tmp_path / name)


def test_missing_weights_are_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="citewire models fetch"):
        open_embedder("onnx:all-MiniLM-L6-v2", weights_dir=tmp_path, fetch=lambda name: tmp_path / name)


def test_f13_broken_weights_are_an_error_of_ours(tmp_path: Path) -> None:
    def fetch(name: str) -> Path:
        file = tmp_path / name
        file.write_bytes(b"not a model")
        return file

    embedder = open_embedder("onnx:all-MiniLM-L6-v2", weights_dir=tmp_path, fetch=fetch)
    with pytest.raises(EmbedderUnavailable, match="does not load"):
        embedder.embed(["a"])


@pytest.mark.models
def test_default_embedder_puts_like_meanings_together_whatever_the_batch(default_embedder: Any) -> None:
    texts = ["The ship left the harbour.", "A vessel departed from the port.", "Interest rates rose."]
    vectors = default_embedder.embed(texts)
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1).tolist() == pytest.approx([1.0] * 3, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3
    assert np.array_equal(vectors[1], default_embedder.embed([texts[1]])[0])
