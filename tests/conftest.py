"""Every test starts with clean settings, folders of its own and no network; stages are told apart and timed."""

import contextlib
import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, socket_allow_hosts

STAGES = ("unit", "models", "live", "web")
_LOOPBACK = ["127.0.0.1", "::1", "localhost"]
_TALKS_TO_ITSELF = {"faults", "contracts", "live", "web"}
"""Folders whose tests run servers of their own on this machine."""
_WEIGHTS = os.environ.get("CITEWIRE_WEIGHTS") or str(Path.home() / ".cache" / "citewire" / "weights")
_HOME = Path.home()
_SCRUBBED = ("CITEWIRE_", "GRADIO_", "LANGSMITH_", "LANGCHAIN_", "OTEL_", "OPENAI_", "CHROMA_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

# Session fixtures open files before the first test's own environment is set.
os.environ["CITEWIRE_WEIGHTS"] = _WEIGHTS

_seconds: dict[str, float] = {}


def stage_of(item: pytest.Item) -> str:
    """What a test needs besides the program: weights, an Ollama, a browser, or nothing."""
    return next((stage for stage in STAGES[1:] if item.get_closest_marker(stage)), "unit")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: STAGES.index(stage_of(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # pytest-socket lifts this after each test.
    folders = set(item.path.relative_to(Path(__file__).parent).parts)
    if (
        stage_of(item) != "unit"
        or folders & _TALKS_TO_ITSELF
        or "loopback" in getattr(item, "fixturenames", ())
    ):
        socket_allow_hosts(list(_LOOPBACK), allow_unix_socket=True)
    else:
        disable_socket(allow_unix_socket=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    began = time.monotonic()
    try:
        return (yield)
    finally:
        stage = stage_of(item)
        _seconds[stage] = _seconds.get(stage, 0.0) + time.monotonic() - began


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # CI brings everything up: a part that is missing there is a failure, not a reason to skip.
    if os.environ.get("CI") == "true" and report.skipped and stage_of(item) != "unit":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for stage in STAGES:
        if stage in _seconds:
            terminalreporter.write_line(f"stage {stage}: {_seconds[stage]:.1f} s")
    skipped = terminalreporter.stats.get("skipped", [])
    for reason in sorted({_reason(report) for report in skipped}):
        terminalreporter.write_line(f"SKIPPED: {reason}", yellow=True)


def _reason(report: pytest.TestReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.fixture
def loopback() -> None:
    """Asked for by a unit test that runs a server of its own on this machine."""


@pytest.fixture(autouse=True)
def own_world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer reaches a test, and no test reaches the developer's files.

    The folder of weights alone is shared: its files are pinned by hash and only read.
    """
    for name in list(os.environ):
        if name.startswith(_SCRUBBED) or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name, folder in (
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_RUNTIME_DIR", "run"),
    ):
        monkeypatch.setenv(name, str(home / folder))
    (home / "run").mkdir(mode=0o700)
    monkeypatch.setenv("CITEWIRE_WEIGHTS", _WEIGHTS)
    # An ingest of a test must not load the real model; tests of reading ahead ask for it.
    monkeypatch.setenv("CITEWIRE_READ_AHEAD_ARTICLES", "0")
    # Nor leave one behind; the tests of that ask for it.
    monkeypatch.setenv("CITEWIRE_KEEP_LOADED_S", "0")
    with contextlib.suppress(KeyError):
        # A developer's remote server must not be asked by mistake.
        monkeypatch.delenv("OLLAMA_HOST")
