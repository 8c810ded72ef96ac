"""Opens a model by the name the user gives it."""

import importlib
import socket
import urllib.parse
from collections.abc import Callable
from typing import cast

from bot.models.base import BACKENDS, Engine, EngineOptions
from store.errors import CitewireError, ConfigError

DEFAULT_EMBEDDED = "embedded:qwen2.5-coder-1.5b"
_PATIENCE_S = 0.5
"""For a server that may not be there."""


def open_engine(spec: str, options: EngineOptions | None = None) -> Engine:
    """Opens "backend:name", or lets the program choose for "auto".

    Raises:
        ConfigError: No such backend.
        ModelUnavailable: Or one of its children, where the backend finds out at once.
    """
    options = options or EngineOptions()
    if spec == "auto":
        return choose_engine(spec, options)
    backend, colon, name = spec.partition(":")
    if not colon or not name or backend not in BACKENDS:
        known = ", ".join(f"{one}:NAME" for one in sorted(BACKENDS) if one != "scripted")
        raise ConfigError(f"There is no model {spec!r}. Use auto, or one of {known}.")
    module, _, function = BACKENDS[backend].partition(":")
    opener = cast(
        "Callable[[str, EngineOptions], Engine]", getattr(importlib.import_module(module), function)
    )
    return opener(name, options)


def choose_engine(spec: str = "auto", options: EngineOptions | None = None) -> Engine:
    """The named model; for "auto" a suitable one of an Ollama that answers at once, else the embedded one.

    Raises: ConfigError: OLLAMA_HOST is set to what cannot be an address.
    """
    options = options or EngineOptions()
    if spec != "auto":
        return open_engine(spec, options)
    chosen = _on_ollama(options) or DEFAULT_EMBEDDED
    if options.notify is not None:
        options.notify(f"Answering with {chosen}.")
    return open_engine(chosen, options)


def _on_ollama(options: EngineOptions) -> str | None:
    from bot.models.ollama_admin import parse_url

    url = parse_url(options.base_url)
    if not _answers(url):
        return None
    import psutil

    from bot.models.ollama_admin import OllamaServer, is_here, suitable

    server = OllamaServer(url, connect_s=_PATIENCE_S, read_s=5.0)
    try:
        server.check_version()
        found = suitable(server, free_bytes=psutil.virtual_memory().available if is_here(url) else None)
    except CitewireError as error:
        if options.notify is not None:
            options.notify(str(error))
        return None
    finally:
        server.close()
    return f"ollama:{found.name}" if found else None


def _answers(url: str) -> bool:
    """A bare connection, so that nobody pays for importing a client when no server is there."""
    split = urllib.parse.urlsplit(url)
    try:
        with socket.create_connection((split.hostname or "", split.port or 80), timeout=_PATIENCE_S):
            return True
    except OSError:
        return False
