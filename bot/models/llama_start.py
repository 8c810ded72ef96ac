"""Starts llama.cpp's server in a process of its own, with settings measured on small machines."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bot.errors import ModelUnavailable
from bot.models.adapter import Adapter
from bot.models.base import EngineOptions

BATCH_TOKENS = 64
"""Prompt tokens between two looks at whether the caller has gone: a stop waits for one batch.

Measured on 2 cores with the 1.5B model: 602 tokens in 7.7 s with 512 or 256, 8.1 s with 128, 8.2 s with 64.
"""
_MEMORY_CACHE_MIB = 768
"""States of prefixes that gave their slot to another, kept in memory by the server."""
_STATE_BYTES = 28 * 1024
"""Of one token of the context, for the largest pinned model."""


class Running(Protocol):
    """A server that listens on a loopback port and wants a key."""

    @property
    def port(self) -> int: ...
    @property
    def api_key(self) -> str: ...

    def alive(self) -> bool: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Launched:
    """A server's process that this one started; it ends with `stop` or with this process, unless it is to be kept.

    Attributes:
        keep: It then waits for the next program instead; see `bot/models/resident.py`.
    """

    process: "subprocess.Popen[bytes]" = field(repr=False)
    port: int
    api_key: str = field(repr=False)
    keep: bool = False

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        if self.keep and self.alive():
            _close_pipes(self.process)
            self.process.returncode = 0  # it goes on without us: nobody waits for it
        else:
            end(self.process)


def settings_of(
    path: Path, options: EngineOptions, slots: int, states: Path | None, adapter: Adapter | None
) -> dict[str, Any]:
    """What a server is started with, but its key. Servers with the same settings are alike.

    Args:
        slots: Prompts whose states are in memory at once, each with the whole context.
        states: Folder that slots may be saved to.
    """
    import importlib.metadata

    from bot import weights

    return {
        "path": str(path.absolute()),
        "mark": weights.mark_of(path),
        "adapter": str(adapter.path) if adapter else "",
        "adapter_mark": weights.mark_of(adapter.path) if adapter else "",
        "engine": importlib.metadata.version("xllamacpp"),
        "context_tokens": options.context_tokens,
        "slots": slots,
        "batch_tokens": BATCH_TOKENS,
        "threads": options.threads or _threads(),
        "memory_cache_mib": _MEMORY_CACHE_MIB,
        "states": f"{states}{os.sep}" if states else "",
        "keep_s": options.keep_s,
    }


def launch() -> "subprocess.Popen[bytes]":
    """A process that waits for settings."""
    # Nothing of the folder the user happens to be in is imported; this package is, also where it is not installed.
    here = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "bot.models.llama_child"],
        env={**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{known}" if known else here},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C in the terminal is the caller's to handle
    )


def start(process: "subprocess.Popen[bytes]", settings: Mapping[str, Any]) -> Launched:
    """Has a launched process load the weights and listen on a free loopback port that wants a key.

    Raises:
        RuntimeError: What the loader says, or that its process ended.
    """
    api_key = secrets.token_hex(16)
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # its end is told below
        process.stdin.write(json.dumps({**settings, "api_key": api_key}).encode() + b"\n")
        process.stdin.flush()
    said = json.loads(process.stdout.readline() or b"null")
    if said is None:
        raise RuntimeError(f"its process ended with code {process.wait()}.")
    if "error" in said:
        raise RuntimeError(str(said["error"]))
    return Launched(process, int(said["port"]), api_key, keep=settings["keep_s"] > 0)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a launched process at once; whatever it was computing is dropped."""
    process.kill()
    process.wait()
    _close_pipes(process)


def _close_pipes(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _threads() -> int:
    """Processors this process may use, not counting a core's second thread, which only slows it down."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            allowed = min(allowed, max(1, int(quota) // int(period)))
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def check_memory(path: Path, tokens: int) -> None:
    """Raises: ModelUnavailable: The weights and their states would not fit into what is free."""
    import psutil

    needed = path.stat().st_size + tokens * _STATE_BYTES + 200 * 1024**2
    free = psutil.virtual_memory().available
    if needed > free:
        raise ModelUnavailable(
            f"The model {path.name} needs about {needed / 1e9:.1f} GB of memory,"
            f" {free / 1e9:.1f} GB are free."
            " Choose a smaller model, or a smaller context."
        )
