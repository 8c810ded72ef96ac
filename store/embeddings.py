"""Texts to unit vectors: the default ONNX embedder, and embedders behind a server."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from store.errors import ConfigError, EmbedderUnavailable

if TYPE_CHECKING:
    import httpx

Vectors = NDArray[np.float32]

DEFAULT_EMBEDDER = "onnx:all-MiniLM-L6-v2"
ONNX_MODELS = {"all-MiniLM-L6-v2": ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2-tokenizer")}
"""Model name to the names `fetch` knows its weights and its tokenizer by."""
MAX_TOKENS = 256
_SERVER_BATCH = 32
_SERVER_TIMEOUT_S = 120.0
# Models that say they read many languages; of others we assume English, the cautious side.
_MULTILINGUAL_HINTS = ("multilingual", "bge-m3", "e5", "arctic-embed2", "qwen3-embedding", "embeddinggemma")


class Embedder(Protocol):
    """Turns texts into unit vectors, the same ones for the same texts.

    Attributes:
        spec: As the user names it: "onnx:all-MiniLM-L6-v2".
        digest: SHA-256 of the weights (and tokenizer), or the server's digest of them.
        dimension: Numbers in a vector.
        max_tokens: Longest text it reads whole; 0 where unknown.
        languages: Primary language tags it was made for; None for any.
    """

    @property
    def spec(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def languages(self) -> frozenset[str] | None: ...

    def load(self) -> None:
        """Has what the first text would wait for; what goes wrong is told by the first text."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, in order: shape (len(texts), dimension).

        Raises:
            EmbedderUnavailable: The model is not there, or answered nonsense; nothing of the batch is kept.
        """


def open_embedder(
    spec: str, *, base_url: str | None = None, weights_dir: Path, fetch: Callable[[str], Path]
) -> Embedder:
    """Opens "onnx:NAME", "ollama:NAME" or "openai:NAME".

    Args:
        base_url: The server of the last two; None takes OLLAMA_HOST or the backend's default.
        weights_dir: Where weights lie; a relative "onnx:" path to a folder is looked up there too.
        fetch: Gives the verified local file of a weights name.

    Raises:
        ConfigError: An unknown backend or model, or a URL that is none.
        EmbedderUnavailable: The model or the server is not there.
    """
    backend, _, name = spec.partition(":")
    if backend == "onnx" and name in ONNX_MODELS:
        model, tokenizer = ONNX_MODELS[name]
        return OnnxEmbedder(spec, fetch(model), fetch(tokenizer), languages=frozenset({"en"}))
    if backend == "onnx" and name:
        folder = _existing_folder(name, weights_dir)
        return OnnxEmbedder(spec, folder / "model.onnx", folder / "tokenizer.json", languages=None)
    if backend == "ollama" and name:
        url = server_url(base_url or os.environ.get("OLLAMA_HOST") or "http://127.0.0.1:11434")
        return OllamaEmbedder(spec, name, url)
    if backend == "openai" and name:
        if not base_url:
            raise ConfigError(
                f"Embedder '{spec}' needs the address of its server. Give --base-url http://HOST:PORT/v1"
            )
        return OpenAIEmbedder(spec, name, server_url(base_url), os.environ.get("OPENAI_API_KEY"))
    raise ConfigError(f"Unknown embedder '{spec}'. Use {DEFAULT_EMBEDDER}, ollama:NAME or openai:NAME")


def _existing_folder(name: str, weights_dir: Path) -> Path:
    for folder in (Path(name), weights_dir / name):
        if (folder / "model.onnx").is_file() and (folder / "tokenizer.json").is_file():
            return folder
    raise ConfigError(
        f"No embedder '{name}': no such folder with model.onnx and tokenizer.json. Use {DEFAULT_EMBEDDER}"
    )


def server_url(text: str) -> str:
    """A base URL taken strictly, without a trailing slash; "host:port" means http.

    Raises:
        ConfigError: It is not an http(s) URL with a host; clients would quietly go elsewhere (fault F10).
    """
    candidate = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(candidate)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.username or parts.query or parts.fragment or any(c.isspace() for c in candidate):
        raise ConfigError(f"'{text}' is not a server address. Use a form such as http://127.0.0.1:11434")
    if parts.hostname == "0.0.0.0":  # a server binds to it, a client cannot rely on it
        candidate = candidate.replace("0.0.0.0", "127.0.0.1", 1)
    if parts.port is None and "://" not in text:
        candidate = f"http://{parts.hostname}:11434"
    return candidate.rstrip("/")


class OnnxEmbedder:
    """A sentence encoder on onnxruntime: mean over the attention mask, then length one.

    Texts go through one at a time, on as many threads as there are cores: on two cores 22 passages a second
    against 10 to 12 in padded batches of 16, and a text's vector does not depend on its neighbours.
    """

    def __init__(self, spec: str, model: Path, tokenizer: Path, *, languages: frozenset[str] | None) -> None:
        self.spec = spec
        self.max_tokens = MAX_TOKENS
        self.languages = languages
        self._model, self._tokenizer_file = model, tokenizer
        try:
            self.digest = hashlib.sha256(model.read_bytes() + tokenizer.read_bytes()).hexdigest()
        except OSError as error:
            raise EmbedderUnavailable(
                f"Embedder {spec} cannot be read: {error}. Fetch it with: citewire models fetch"
            ) from error
        self._lock = threading.Lock()
        self._session: Any = None  # onnxruntime ships no types
        self._tokenizer: Any = None
        self._workers = _cores()

    @property
    def dimension(self) -> int:
        return int(self._open().get_outputs()[0].shape[-1])

    def load(self) -> None:
        with contextlib.suppress(EmbedderUnavailable):
            self._open()

    def embed(self, texts: Sequence[str]) -> Vectors:
        session = self._open()
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        encodings = self._tokenizer.encode_batch(list(texts))
        token_ids = [encoding.ids for encoding in encodings]
        if len(texts) == 1:
            rows = [self._row(session, token_ids[0])]
            return self._checked(np.stack(rows))
        # Longest first, so that no core waits at the end for a long one.
        order = sorted(range(len(texts)), key=lambda i: -len(token_ids[i]))
        with ThreadPoolExecutor(self._workers) as pool:
            done = list(pool.map(lambda i: self._row(session, token_ids[i]), order))
        vectors = np.empty((len(texts), done[0].shape[0]), dtype=np.float32)
        for position, row in zip(order, done, strict=True):
            vectors[position] = row
        return self._checked(vectors)

    def _row(self, session: Any, token_ids: list[int]) -> Vectors:
        ids = np.asarray([token_ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, feed)[0][0]
        mean = hidden.mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    def _checked(self, vectors: Vectors) -> Vectors:
        if not np.isfinite(vectors).all():
            raise EmbedderUnavailable(
                f"Embedder {self.spec} gave numbers that are none. Fetch its weights again"
            )
        return vectors

    def _open(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session, self._tokenizer = _open_onnx(self.spec, self._model, self._tokenizer_file)
        return self._session


def _open_onnx(spec: str, model: Path, tokenizer_file: Path) -> tuple[Any, Any]:
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(tokenizer_file))
    except Exception as error:  # onnxruntime and tokenizers raise bare Exception subclasses of many kinds
        raise EmbedderUnavailable(
            f"Embedder {spec} does not load: {str(error)[:200]}. Fetch it again with: citewire models fetch"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return session, tokenizer


def _cores() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class _ServerEmbedder:
    """What embedders behind HTTP share: one strict door, whole batches or nothing."""

    max_tokens = 0

    def load(self) -> None:
        """Nothing: a server has its model, or loads it at the first text."""

    def __init__(
        self,
        spec: str,
        name: str,
        base_url: str,
        api_key: str | None = None,
        *,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        self.spec = spec
        self._transport = transport
        self._name, self._base_url = name, base_url
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        lowered = name.lower()
        multilingual = any(hint in lowered for hint in _MULTILINGUAL_HINTS)
        self.languages = None if multilingual else frozenset({"en"})
        self._dimension: int | None = None
        self._digest: str | None = None

    @property
    def digest(self) -> str:
        if self._digest is None:
            self._digest = self._read_digest()
        return self._digest

    @property
    def dimension(self) -> int:
        if self._dimension is None:
            self._dimension = int(self.embed(["dimension"]).shape[1])
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        batches = [texts[i : i + _SERVER_BATCH] for i in range(0, len(texts), _SERVER_BATCH)]
        return np.concatenate([self._embed_batch(batch) for batch in batches])

    def _embed_batch(self, texts: Sequence[str]) -> Vectors:
        rows = self._ask(texts)
        if not isinstance(rows, list) or len(rows) != len(texts):
            count = len(rows) if isinstance(rows, list) else "no"
            raise EmbedderUnavailable(
                f"Embedder {self.spec} returned {count} vectors for {len(texts)} texts. Try again"
            )
        try:
            vectors = np.asarray(rows, dtype=np.float32)
        except (TypeError, ValueError) as error:  # null, text, or rows of unequal length
            raise EmbedderUnavailable(
                f"Embedder {self.spec} returned vectors that are none: {error}"
            ) from error
        norms = np.linalg.norm(vectors, axis=1) if vectors.ndim == 2 else np.zeros(0)
        if vectors.ndim != 2 or not np.isfinite(vectors).all() or not (norms > 0).all():
            raise EmbedderUnavailable(
                f"Embedder {self.spec} returned empty or not finite vectors. Nothing was stored"
            )
        if self._dimension is not None and vectors.shape[1] != self._dimension:
            raise EmbedderUnavailable(
                f"Embedder {self.spec} gave {vectors.shape[1]} numbers a vector, before {self._dimension}"
            )
        self._dimension = int(vectors.shape[1])
        return np.asarray(vectors / norms[:, None], dtype=np.float32)

    def _ask(self, texts: Sequence[str]) -> Any:
        raise NotImplementedError

    def _read_digest(self) -> str:
        raise NotImplementedError

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        import httpx

        try:
            # trust_env off: a proxy variable must not capture article text; redirects are not followed.
            with httpx.Client(
                trust_env=False, timeout=_SERVER_TIMEOUT_S, headers=self._headers, transport=self._transport
            ) as client:
                reply = client.request(method, self._base_url + path, json=body)
        except httpx.HTTPError as error:
            raise EmbedderUnavailable(
                f"Embedder {self.spec}: no answer from {self._base_url} ({type(error).__name__}). Start it"
            ) from error
        if reply.status_code != 200:
            raise EmbedderUnavailable(self._refusal(reply))
        try:
            return reply.json()
        except ValueError as error:
            raise EmbedderUnavailable(
                f"Embedder {self.spec}: {self._base_url} did not answer in JSON"
            ) from error

    def _refusal(self, reply: "httpx.Response") -> str:
        said = reply.text[:200].replace("\n", " ")
        return f"Embedder {self.spec}: {self._base_url} answered {reply.status_code}: {said}"


class OllamaEmbedder(_ServerEmbedder):
    """An embedding model on an Ollama server."""

    def _ask(self, texts: Sequence[str]) -> Any:
        # truncate false: a passage that does not fit is an error, never a half-read passage (fault A22).
        answer = self._send(
            "POST",
            "/api/embed",
            {"model": self._name, "input": list(texts), "truncate": False, "keep_alive": "10m"},
        )
        return answer.get("embeddings") if isinstance(answer, dict) else None

    def _read_digest(self) -> str:
        answer = self._send("GET", "/api/tags")
        models = answer.get("models") if isinstance(answer, dict) else None
        names = {f"{self._name}", f"{self._name}:latest"}
        for model in models or ():
            if isinstance(model, dict) and model.get("name") in names and model.get("digest"):
                return str(model["digest"])
        raise EmbedderUnavailable(
            f"Model '{self._name}' is not on {self._base_url}. Pull it with: ollama pull {self._name}"
        )


class OpenAIEmbedder(_ServerEmbedder):
    """An embedding model behind an OpenAI-compatible server; its weights have no digest to ask for."""

    def _ask(self, texts: Sequence[str]) -> Any:
        answer = self._send("POST", "/embeddings", {"model": self._name, "input": list(texts)})
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return None
        ordered = sorted(rows, key=lambda row: int(row.get("index", 0)))
        return [row.get("embedding") for row in ordered]

    def _read_digest(self) -> str:
        # The vector of a fixed text stands in for a digest: other weights under the same name show.
        probe = np.round(self.embed(["The quick brown fox jumps over the lazy dog."]), 3)
        return "probe-" + hashlib.sha256(self._name.encode() + probe.tobytes()).hexdigest()
