"""Starts llama.cpp's server inside this process, with settings measured on small machines."""

import contextlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import ModelUnavailable
from bot.models.base import EngineOptions
from bot.models.llama_http import Call

BATCH_TOKENS = 64
"""Prompt tokens between two looks at whether the caller has gone: a stop waits for one batch.

Measured on 2 cores with the 1.5B model: 602 tokens in 7.7 s with 512 or 256, 8.1 s with 128, 8.2 s with 64.
"""
_MEMORY_CACHE_MIB = 768
"""States of prefixes that gave their slot to another, kept in memory by the server."""
_STATE_BYTES = 28 * 1024
"""Of one token of the context, for the largest pinned model."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server in this process; dropping the last reference to it stops it and frees the weights."""

    server: Any = field(repr=False)  # xllamacpp ships no types
    port: int
    api_key: str = field(repr=False)


def start(path: Path, options: EngineOptions, slots: int, states: Path | None) -> Running:
    """Loads the weights and listens on a free loopback port that wants a key.

    Args:
        slots: Prompts whose states are in memory at once, each with the whole context.
        states: Folder that slots may be saved to.
    """
    import xllamacpp

    threads = options.threads or _threads()
    api_key = secrets.token_hex(16)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = options.context_tokens * slots
    params.n_parallel = slots
    params.kv_unified = False
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.no_extra_bufts = True  # repacking the weights doubles the time to load and reads no faster here
    params.n_gpu_layers = 0
    params.fit_params = False
    params.warmup = False
    params.cache_ram_mib = _MEMORY_CACHE_MIB
    params.slot_save_path = f"{states}{os.sep}" if states else ""
    params.ui = False
    params.verbosity = -1
    params.api_keys = [api_key]
    params.cors_origins = "http://127.0.0.1"
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    port = int(server.listening_address.rpartition(":")[2])
    # It listens before its task loop has begun, and a stop that comes before the loop is forgotten by it: the
    # destructor would then wait for ever. What the slots are doing is told by the loop itself.
    Call(port, api_key).look("/slots")
    return Running(server, port, api_key)


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
