"""Two real models, killed in the middle and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODELS = ("embedded:smollm2-135m", "embedded:qwen2.5-coder-0.5b")


def command(out: Path, libraries: Path) -> list[str]:
    models = [word for model in MODELS for word in ("--model", model)]
    start = [sys.executable, "-m", "evals.cli", "run", "--cases", "deal", "--limit", "3", *models]
    return [*start, "--out", str(out), "--libraries", str(libraries)]


@pytest.mark.models
@pytest.mark.slow
def test_a_run_over_two_real_models_killed_and_resumed_asks_every_case_once(tmp_path: Path) -> None:
    # Byte for byte the same holds for a repeatable engine (tests/evals with scripted models). Real log-odds and drafts can
    # shift with what the engine had in its cache, so here: nothing done is asked again, and nothing is missing.
    cut, libraries = tmp_path / "cut", tmp_path / "libraries"
    process = subprocess.Popen(
        command(cut, libraries), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    first, second = (
        cut / "models" / f"embedded-{name}.jsonl" for name in ("smollm2-135m", "qwen2.5-coder-0.5b")
    )
    while process.poll() is None and not (second.exists() and second.read_bytes().count(b"\n") >= 2):
        time.sleep(0.02)
    assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = {path: path.read_bytes()[: path.read_bytes().rfind(b"\n") + 1] for path in (first, second)}
    subprocess.run(command(cut, libraries), cwd=ROOT, check=True, capture_output=True, timeout=1800)
    for path, before in done.items():
        after = path.read_bytes()
        assert after.startswith(before)
        header, *lines = [json.loads(line) for line in after.splitlines()]
        assert [line["case"] for line in lines] == header["cases"]
        assert not any(line.get("failure") for line in lines)
