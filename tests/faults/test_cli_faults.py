"""F01 on real processes: signals, closed pipes, odd locales, a home that cannot be written to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WAIT_S = 60
Popen = subprocess.Popen[str]


def _start(*words: str, **env: str) -> Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "bot", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **env},
    )


def _ended(process: Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=WAIT_S)
    return process.returncode, out, err


@pytest.fixture
def waiting(tmp_path: Path) -> Callable[[], Popen]:
    """A command that waits for its question on standard input."""

    def start() -> Popen:
        process = _start("--debug", "ask", "-")
        # Reading starts once the imports are done; the child then sleeps in the kernel.
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and process.poll() is None:
            state = Path(f"/proc/{process.pid}/wchan").read_text()
            if "pipe" in state:
                return process
            time.sleep(0.05)
        process.kill()
        pytest.fail("the command never came to read its question")

    return start


def test_f01_sigterm_exits_143_without_a_traceback(waiting: Callable[[], Popen]) -> None:
    process = waiting()
    process.send_signal(signal.SIGTERM)
    code, _, err = _ended(process)
    assert (code, err) == (143, "")


def test_f01_ctrl_c_exits_130_without_a_traceback(waiting: Callable[[], Popen]) -> None:
    process = waiting()
    process.send_signal(signal.SIGINT)
    code, _, err = _ended(process)
    assert (code, err) == (130, "\ncitewire: interrupted.\n")


def test_f01_closed_pipe_is_quiet() -> None:
    with _start("version") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # the reader is gone before a word is written
        err = process.stderr.read()
        assert (process.wait(WAIT_S), err) == (0, "")


def test_f01_output_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    code, _, err = _ended(
        _start(
            "verify", "--library", str(tmp_path / "ж“”"), LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"
        )
    )
    assert code == 66
    assert "ж“”" in err


def test_f01_home_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file", "utf-8")
    source = tmp_path / "a.txt"
    source.write_text("The ship left.", "utf-8")
    code, _, err = _ended(_start("ingest", str(source), HOME=str(home), XDG_DATA_HOME=str(home / "data")))
    assert code == 74
    assert str(home) in err
    assert err.count("Traceback") == 0


def test_f01_no_colour_without_a_terminal() -> None:
    code, out, _ = _ended(_start("--help", FORCE_COLOR="1", TERM="xterm-256color"))
    assert code == 0
    assert "\x1b" not in out


def test_f02_broken_configuration_exits_78(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("threds = 2\n", "utf-8")
    code, _, err = _ended(_start("articles", "list", CITEWIRE_CONFIG=str(config)))
    assert code == 78
    assert "line 1; did you mean 'threads'?" in err
