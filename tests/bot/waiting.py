"""Waiting for what another thread or process is about to do."""

import time
from collections.abc import Callable

from bot.models.resident import socket_path


def until(is_so: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not (found := is_so()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def waits() -> bool:
    """Whether a model waits for the next command."""
    path = socket_path()
    return path is not None and path.is_socket()
