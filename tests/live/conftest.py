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
    subprocess.run(
        [sys.executable, str(_SCRIPT), "up"], check=True, timeout=_BUILD_S, env={**os.environ, **_compilers()}
    )


def _compilers() -> dict[str, str]:
    """Compilers that leave Intel's matrix unit alone, where the processor has one.

    The script builds for the very processor. The server's Go module refers to that unit's code then
    and does not hold it, so the build ends in "undefined reference to ggml_backend_amx_buffer_type".
    """
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists() or "amx_int8" not in cpuinfo.read_text():
        return {}
    without = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    return {"CC": f"gcc {without}", "CXX": f"g++ {without}"}


def _answers() -> bool:
    try:
        with socket.create_connection(("127.0.0.1", 11434), timeout=1):
            return True
    except OSError:
        return False
