"""What an Ollama server has: its models, their properties, and pulling one."""

import contextlib
import ipaddress
import json
import os
import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bot.errors import ModelBusy, ModelMismatch, ModelMissing, ModelTimeout, ModelUnavailable
from store.errors import CitewireError, ConfigError

_DEFAULT_URL = "http://127.0.0.1:11434"
_OLDEST = (0, 17, 1)
"""Earlier servers have a known hole (CVE-2026-7482)."""


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model of the server's list."""

    name: str
    bytes: int
    digest: str
    family: str = ""


@dataclass(frozen=True, slots=True)
class OllamaDetails:
    """What the server says about one model.

    Attributes:
        capabilities: Such as "completion", "embedding", "thinking"; empty where an old server does not tell.
        renders_system: Whether its chat template has a place for a system message; without one the server drops
            it, and all messages but the last, without an error.
    """

    capabilities: tuple[str, ...]
    context_tokens: int | None
    renders_system: bool


def parse_url(given: str | None) -> str:
    """The server's base URL from an option or OLLAMA_HOST, strictly: nothing falls back to another host.

    Raises: ConfigError: Not an http address, or not a port.
    """
    text = (given or os.environ.get("OLLAMA_HOST") or _DEFAULT_URL).strip()
    wrong = ConfigError(f"{text!r} is not the address of an Ollama server. Use one like {_DEFAULT_URL}.")
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
    if scheme not in ("http", "https") or not rest or re.search(r"[\s@?#\\]", rest):
        raise wrong
    try:
        split = urllib.parse.urlsplit(f"{scheme}://{rest}")
        host, port = split.hostname, split.port
    except ValueError as error:
        raise wrong from error
    if not host or not re.fullmatch(r"[\w.:%-]+", host) or port == 0:
        raise wrong
    if port is None:
        port = {"http": 80, "https": 443}[scheme] if found else 11434
    if host == "0.0.0.0":  # what a server listens on is no address to call
        host = "127.0.0.1"
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).version == 6:
            host = f"[{host}]"
    return f"{scheme}://{host}:{port}{split.path.rstrip('/')}"


class OllamaServer:
    """The `ollama` client behind our guard, for everything but generating."""

    def __init__(self, url: str, *, connect_s: float = 2.0, read_s: float = 30.0) -> None:
        from ollama import Client

        from bot.models.transport import GuardedTransport, client_options

        self.url = url
        self.transport = GuardedTransport(url)
        self._client = Client(host=url, **client_options(self.transport, connect_s=connect_s, read_s=read_s))

    def check_version(self) -> str:
        """Raises: ModelUnavailable: Nobody answers, or a server too old to be safe."""
        import httpx

        with translated(self.url):
            reply = self._client._client.get("/api/version")
        try:
            version = str(reply.json()["version"])
        except (ValueError, KeyError, TypeError) as error:
            from bot.models.transport import unexpected

            raise unexpected(self.url, reply.text) from error
        except httpx.HTTPError as error:
            raise translate(error, self.url) from error
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
        # A server built from source calls itself 0.0.0.
        if any(numbers) and numbers < _OLDEST:
            raise ModelUnavailable(
                f"The Ollama server at {self.url} is version {version}; below 0.17.1 it has a known security hole."
                " Update Ollama."
            )
        return version

    def models(self) -> tuple[OllamaModel, ...]:
        with translated(self.url):
            listed = self._client.list().models
            return tuple(
                OllamaModel(
                    model.model or "",
                    int(model.size or 0),
                    (model.digest or "").removeprefix("sha256:"),
                    (model.details.family or "") if model.details else "",
                )
                for model in listed
            )

    def writers(self) -> tuple[OllamaModel, ...]:
        """The models that can answer: not those that only embed. One that the server tells nothing of counts."""
        return tuple(model for model in self.models() if self._writes(model.name))

    def _writes(self, name: str) -> bool:
        with contextlib.suppress(CitewireError):
            capabilities = self.details(name).capabilities
            return not capabilities or "completion" in capabilities
        return True

    def find(self, name: str) -> OllamaModel:
        """Raises: ModelMissing: Not on this server; says what is."""
        models = self.models()
        for model in models:
            if model.name in (name, f"{name}:latest"):
                return model
        raise missing(name, tuple(model.name for model in models))

    def details(self, name: str) -> OllamaDetails:
        with translated(self.url, name):
            shown = self._client.show(name)
            facts = dict(shown.modelinfo or {})
            sizes = [value for key, value in facts.items() if key.endswith(".context_length")]
            template, modelfile = shown.template or "", shown.modelfile or ""
            # Newer models are rendered by the server's own code and have a template only for show.
            rendered = bool(re.search(r"^RENDERER\s", modelfile, re.MULTILINE))
            return OllamaDetails(
                tuple(str(one) for one in shown.capabilities or ()),
                int(sizes[0]) if sizes else None,
                rendered or not template or bool(re.search(r"\.(System|Messages)\b", template)),
            )

    def loaded(self) -> tuple[str, ...]:
        """Names of the models in the server's memory."""
        with translated(self.url):
            return tuple(model.model or "" for model in self._client.ps().models)

    def pull(self, name: str, progress: Callable[[int, int, str], None]) -> None:
        """Pulls a model; run again, it continues.

        Raises: ModelUnavailable: The server failed, or stopped without saying "success".
        """
        last = ""
        with translated(self.url, name):
            for step in self._client.pull(name, stream=True):
                last = step.status or ""
                progress(int(step.completed or 0), int(step.total or 0), last)
        if last != "success":
            raise ModelUnavailable(
                f"Pulling {name} stopped after {last or 'nothing'!r}. Run it again: what has come is kept."
            )

    def close(self) -> None:
        self.transport.close()


def missing(name: str, installed: tuple[str, ...]) -> ModelMissing:
    there = ", ".join(sorted(installed)) or "none"
    return ModelMissing(f"Model {name} is not installed. Run `ollama pull {name}`. Installed: {there}.")


@contextlib.contextmanager
def translated(url: str, model: str = "") -> Iterator[None]:
    """The one door at which errors of Ollama's client become ours."""
    try:
        yield
    except CitewireError:
        raise
    except (
        Exception
    ) as error:  # the client leaks errors of six families; `translate` raises on what it does not know
        raise translate(error, url, model) from error


def translate(error: Exception, url: str, model: str = "") -> Exception:
    """Our error for one of the client's; an unknown one comes back as it is."""
    import httpx
    import ollama
    import pydantic

    from bot.models.transport import unexpected

    if isinstance(error, (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout)):
        return ModelUnavailable(
            f"Ollama is not answering at {url}. Start it with `ollama serve`, or use"
            " `--model embedded:qwen2.5-coder-1.5b`."
        )
    if isinstance(error, httpx.TimeoutException):
        return ModelTimeout(f"Ollama at {url} did not answer in time. Try again, or use a smaller model.")
    if isinstance(error, httpx.TransportError):
        return ModelUnavailable(f"The connection to Ollama at {url} was lost. Ask again.")
    if isinstance(error, ollama.ResponseError):
        return _of_status(error.error, error.status_code, url, model)
    if isinstance(
        error, (pydantic.ValidationError, json.JSONDecodeError, AttributeError, KeyError, TypeError)
    ):
        return unexpected(url, str(error).splitlines()[0] if str(error) else type(error).__name__)
    return error


def _of_status(words: str, status: int, url: str, model: str) -> Exception:
    from bot.models.transport import unexpected

    words = words.strip()
    lowered = words.lower()
    if lowered.startswith("<"):
        return unexpected(url, words)
    if status == 404 and "model" in lowered:
        return missing(model, ())
    if status == 503:
        return ModelBusy(f"Ollama at {url} is busy: {words[:120]}. Try again in a while.")
    if "exceed" in lowered and "context" in lowered:
        return ModelMismatch(f"Ollama at {url} found the prompt too long: {words[:120]}. Raise the context.")
    if status >= 500 or "runner" in lowered or "memory" in lowered:
        return ModelUnavailable(
            f"The model {model} crashed on Ollama, often for lack of memory: {words[:120]!r}."
            " Try a smaller model or a smaller context."
        )
    return ModelUnavailable(f"Ollama at {url} refused ({status}): {words[:160]!r}.")


def summary(model: OllamaModel) -> dict[str, Any]:
    """For `models list --json`."""
    return {"name": model.name, "bytes": model.bytes, "digest": model.digest}


def suitable(server: OllamaServer, *, free_bytes: int | None) -> OllamaModel | None:
    """The model that "auto" takes: one that chats, whose template keeps system messages, and that fits.

    Args:
        free_bytes: Memory of the server's machine; None where it is another machine than this.
    """
    fitting = [
        model
        for model in server.models()
        if free_bytes is None or model.bytes <= _SHARE_OF_MEMORY * free_bytes
    ]
    # Instruct models first, then the larger, which is the abler; the name settles ties.
    for model in sorted(fitting, key=lambda one: ("instruct" not in one.name, -one.bytes, one.name)):
        details = server.details(model.name)
        if "completion" in details.capabilities and details.renders_system:
            return model
    return None


def is_here(url: str) -> bool:
    """Whether the server runs on this machine."""
    host = urllib.parse.urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


_SHARE_OF_MEMORY = 0.75
