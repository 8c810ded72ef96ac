"""Runs a parser in a process of its own, so that a hostile HTML page or PDF can exhaust only that."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from store.errors import InputRefused

TIMEOUT_S = 30
CPU_S = 12
MEMORY_BYTES = 2_000_000_000
OUTPUT_BYTES = 8_000_000

_ROOT = Path(__file__).resolve().parents[2]


def parse_apart(kind: str, raw: bytes, *, timeout_s: float = TIMEOUT_S) -> Mapping[str, object]:
    """Parses "html" or "pdf" bytes in a child with limits on time, memory and output.

    Returns: "text", and where known "title", "published", "source", "url", "authors", "language".

    Raises:
        InputRefused: With the parser's reason, or the limit that was reached.
    """
    env = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "store.loaders.child", kind]
    try:
        done = subprocess.run(
            command, input=raw, capture_output=True, timeout=timeout_s, env=env, cwd=_ROOT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputRefused(f"takes longer than {timeout_s:g} s to read; save the article as text") from error
    if done.returncode == -getattr(signal, "SIGXCPU", signal.SIGTERM) or done.returncode == -9:
        raise InputRefused(f"takes more than {CPU_S} s of computing to read; save the article as text")
    try:
        found = json.loads(done.stdout)
    except ValueError as error:  # the parser itself crashed, for example in native code
        raise InputRefused(
            f"the {kind.upper()} reader crashed ({done.returncode}); save it as text"
        ) from error
    if not isinstance(found, dict) or "refused" in found:
        raise InputRefused(str(found["refused"]))
    return found
