"""Brings up a real Ollama on loopback when the script for it lies beside the repository."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[3] / "shared" / "tools" / "ollama-here"
_BUILD_S = 2400


@pytest.fixture(scope="session", autouse=True)
def ollama() -> None:
    """A server at 127.0.0.1:11434. The first time on a machine it is built, which takes minutes."""
    if _answers():
        return
    if os.environ.get("CI") != "true":
        pytest.skip(f"no Ollama at 127.0.0.1:11434. Start one: ollama serve, or {_SCRIPT} up")
    if not _SCRIPT.exists():
        pytest.fail(f"no Ollama at 127.0.0.1:11434, and {_SCRIPT} is not there to start one")
    subprocess.run([sys.executable, str(_SCRIPT), "up"], check=True, timeout=_BUILD_S)


def _answers() -> bool:
    try:
        with socket.create_connection(("127.0.0.1", 11434), timeout=1):
            return True
    except OSError:
        return False
