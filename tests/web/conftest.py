"""A test client of the whole app over a fake session, and one real server for Chromium."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bot.web.app import create_app
from bot.web.desk import Desk
from bot.web.limits import WebLimits
from tests.web.fakes import FakeSession, FakeShelf, FakeShop

BASE = "http://127.0.0.1"


@dataclass
class Built:
    """An app and what lies behind it."""

    app: FastAPI
    session: FakeSession
    shelf: FakeShelf
    opened: list[str | None]


Build = Callable[..., Built]


def no_page(app: FastAPI, root: str) -> None:
    """Stands in for Gradio, which takes half a second to mount, where a test needs no page."""


def write_run(folder: Path) -> Path:
    """An eval run of two models over four cases, as the eval suite leaves it."""
    kinds = {"who": "Who signed?", "when": "When was it signed?", "number": "How many signed?"}
    cases: list[dict[str, Any]] = [
        {"id": f"case-{kind}", "question": asked, "answerable": True, "answers": [kind.upper()], "type": kind,
         "evidence": [{"article": "deal", "quote": "The deal was signed in Doha."}]}
        for kind, asked in kinds.items()
    ]  # fmt: skip
    cases.append({"id": "case-price", "question": "What did it cost?", "answerable": False, "type": "number"})
    said = {
        "embedded:small": ("WHO", "Nobody knows", "NUMBER", "Ten crowns"),
        "embedded:large": ("WHO", "WHEN", "NUMBER", None),
    }
    models = folder / "deal-two-models" / "models"
    models.mkdir(parents=True)
    (models.parent / "suite.json").write_text(json.dumps({"cases": cases}))
    for model, answers in said.items():
        lines: list[dict[str, Any]] = [{"model": model}]
        for case, answer in zip(cases, answers, strict=True):
            made = {"answer": answer or "Not stated.", "abstained": answer is None, "statements": []}
            lines.append({"case": case["id"], "answer": made})
        written = "".join(json.dumps(one) + "\n" for one in lines)
        (models / f"{model.replace(':', '-')}.jsonl").write_text(written)
    return folder


def build_app(folder: Path, session: FakeSession | None = None, **options: Any) -> Built:
    session = session or FakeSession()
    opened: list[str | None] = []

    def opener(spec: str | None, progress: Any) -> FakeSession:
        opened.append(spec)
        other = FakeSession(spec=spec or "scripted:calm")
        other.library = other.chain.library = session.library
        return other

    shelf = FakeShelf(session.library)
    options.setdefault("shelf", shelf)
    options.setdefault("shop", FakeShop())
    options.setdefault("page", no_page)
    app = create_app(Desk(opener, session=session), folder=folder, **options)  # type: ignore[arg-type]
    return Built(app, session, shelf, opened)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return lambda **options: build_app(tmp_path, **options)


@pytest.fixture
def built(build: Build) -> Built:
    return build()


@pytest.fixture
def client(built: Built) -> Iterator[TestClient]:
    with TestClient(built.app, base_url=BASE, raise_server_exceptions=False) as client:
        yield client


@dataclass
class Served:
    """A server on loopback, in a thread of this process."""

    url: str
    built: Built


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def serve_app() -> Iterator[Callable[[Built, str], Served]]:
    import uvicorn

    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(built: Built, root: str = "") -> Served:
        port = free_port()
        config = uvicorn.Config(built.app, host="127.0.0.1", port=port, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        servers.append((server, thread))
        return Served(f"http://127.0.0.1:{port}{root}", built)

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)


CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def _needs(condition: bool, what: str) -> None:
    """In CI a missing piece fails; elsewhere the test says why it did not run."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing; these tests need it")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, installed when CI lacks it."""
    if not Path(CHROMIUM).exists() and os.environ.get("CI") == "true":
        subprocess.run(["apt-get", "update"], check=True, capture_output=True)
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-noto-core"],
            check=True,
            capture_output=True,
        )
    _needs(Path(CHROMIUM).exists(), "Chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe_source() -> str:
    """axe-core by npm, kept outside the repository."""
    folder = Path(os.environ.get("CITEWIRE_TEST_CACHE", "/tmp/citewire-test-cache"))
    script = folder / "package" / "axe.min.js"
    if not script.exists() and shutil.which("npm"):
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", "axe-core@4.10.3"], cwd=folder, capture_output=True, text=True
        )
        if packed.returncode == 0:
            shutil.unpack_archive(folder / packed.stdout.strip().splitlines()[-1], folder, "gztar")
    _needs(script.exists(), "axe-core (npm pack axe-core)")
    return script.read_text(encoding="utf-8")


@pytest.fixture
def fast_limits() -> WebLimits:
    return WebLimits(waiting=2, alive_s=0.3)
