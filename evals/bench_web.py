"""What the web page costs: until it is painted, until evidence is on it, several askers, answers broken off."""

import importlib.util
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bot.errors import ModelUnavailable
from evals.bench import BenchOptions, Line, Measured, seed_library

_MODEL = "embedded:smollm2-135m"
"""The page costs the same under any model, and a small one leaves a thousand answers before they are done sooner."""
_ASKED = ("Who signed the agreement?", "When was the deal signed?", "Where was the agreement signed?")
_ASKERS = 8
_STARTED_WITHIN_S = 120.0
_CHROMIUM = Path("/usr/bin/chromium")


def web(options: BenchOptions) -> Measured:
    """A real server on loopback with the shipped article.

    `first_paint_s`: Chromium, from asking for the page to its first content.
    `evidence_on_screen_s`: in it, from Enter to the first passage; `evidence_s`: the same without a browser.
    `askers_in_order`: 1 when eight who ask at once are answered in the order of the places they were told.
    `rss_mib_100`, `rss_mib_last`: the server's memory after 100 answers broken off, and after all.
    """
    with seed_library() as (path, _), _server(path) as (url, process):
        ask = _Asker(url)
        list(ask.events(_ASKED[0]))
        waits = [ask.until("retrieved", q) for q in _ASKED * max(3, options.repeat)]
        figures: dict[str, float | None] = {"evidence_s": statistics.median(waits)}
        figures |= _in_chromium(url, options.repeat)
        figures |= _together(ask)
        figures |= _broken_off(ask, process, options)
    seen = figures["first_paint_s"] is not None
    lines = [
        _line("first paint of the page", figures["first_paint_s"], "1.5 s wanted"),
        _line("Enter to evidence on the page", figures["evidence_on_screen_s"], "0.3 s wanted"),
        _line("question to evidence, no browser", figures["evidence_s"]),
        Line(f"{_ASKERS} at once, answered in order", "yes" if figures["askers_in_order"] else "no"),
        Line(
            f"memory after {figures['broken_off']:.0f} answers broken off",
            f"{figures['rss_mib_last']:.0f} MiB",
            f"{figures['rss_mib_100']:.0f} MiB (after the first 100)",
            f"{(figures['rss_mib_last'] or 0) / (figures['rss_mib_100'] or 1):.2f} x",
        ),
    ]
    note = "" if seen else "Chromium or Playwright is missing: nothing was measured in a browser."
    return Measured("web", figures, tuple(lines), note, {"model": _MODEL})


def _line(label: str, seconds: float | None, wanted: str = "") -> Line:
    return Line(label, "not measured" if seconds is None else f"{seconds:.3g} s", wanted)


@contextmanager
def _server(library: Path) -> Iterator[tuple[str, psutil.Process]]:
    """`citewire serve` in a process of its own.

    Raises:
        ModelUnavailable: It does not get ready.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "bot", "serve", "--port", str(port)]
    command += ["--library", str(library), "--model", _MODEL]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as served:
        try:
            deadline = time.monotonic() + _STARTED_WITHIN_S
            while not _ready(url):
                if served.poll() is not None or time.monotonic() > deadline:
                    raise ModelUnavailable(f"{' '.join(command)} did not get ready; run it to see why")
                time.sleep(0.1)
            yield url, psutil.Process(served.pid)
        finally:
            served.terminate()
            served.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


class _Asker:
    """Asks over the HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def events(self, question: str) -> Iterator[dict[str, Any]]:
        """Closing it hangs up, as a closed browser does."""
        with (
            httpx.Client(timeout=120) as client,
            client.stream("POST", f"{self.url}/api/ask", json={"question": question}) as response,
        ):
            response.raise_for_status()
            for line in response.iter_lines():
                yield json.loads(line)

    def until(self, event: str, question: str) -> float:
        """Seconds until that event, after which it hangs up."""
        began = time.perf_counter()
        told = self.events(question)
        try:
            next(e for e in told if e["event"] == event)
            return time.perf_counter() - began
        finally:
            told.close()  # type: ignore[attr-defined]  # it is a generator


def _together(ask: _Asker) -> dict[str, float | None]:
    """Eight ask at once; each remembers the first place it was told and when it was done."""
    done: list[tuple[float, int]] = []

    def one(question: str) -> None:
        place = 0
        for event in ask.events(question):
            if event["event"] == "queued":
                place = max(place, int(event["ahead"]))
        done.append((time.perf_counter(), place))

    threads = [threading.Thread(target=one, args=(_ASKED[i % len(_ASKED)],)) for i in range(_ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = [place for _, place in sorted(done)]
    in_order = len(done) == _ASKERS and places == sorted(places) and max(places) > 0
    return {"askers": float(len(done)), "askers_in_order": float(in_order)}


def _broken_off(ask: _Asker, process: psutil.Process, options: BenchOptions) -> dict[str, float | None]:
    early = 0.0
    for n in range(1, options.broken_off + 1):
        ask.until("token", _ASKED[n % len(_ASKED)])
        if n == min(100, options.broken_off):
            early = _rss_mib(process)
        if n % 100 == 0:
            options.notify(f"{n} answers broken off")
    return {
        "broken_off": float(options.broken_off),
        "rss_mib_100": early,
        "rss_mib_last": _rss_mib(process),
    }


def _rss_mib(process: psutil.Process) -> float:
    """Of the server and the model's process."""
    both = [process, *process.children(recursive=True)]
    return sum(float(one.memory_info().rss) for one in both) / 2**20


def _in_chromium(url: str, repeat: int) -> dict[str, float | None]:
    if importlib.util.find_spec("playwright") is None or not _CHROMIUM.exists():
        return {"first_paint_s": None, "evidence_on_screen_s": None}
    from playwright.sync_api import sync_playwright

    paints, evidence = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(_CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        for at in range(max(3, repeat)):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector("html[data-ready]")
            paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            paints.append(float(page.evaluate(paint)) / 1000)
            page.fill("#question", _ASKED[at % len(_ASKED)])
            # Both moments are taken by the page's own clock: the driver's way to it and back is not the page's.
            page.evaluate(_WATCH)
            page.press("#question", "Enter")
            page.wait_for_selector("html[data-shown]")
            evidence.append(float(page.get_attribute("html", "data-shown") or "nan") / 1000)
            page.wait_for_selector(".turn.latest .actions", timeout=120_000)
            context.close()
        browser.close()
    return {
        "first_paint_s": statistics.median(paints),
        "evidence_on_screen_s": statistics.median(evidence),
    }


_WATCH = """() => {
  let pressed;
  document.querySelector("#question").addEventListener("keydown", () => { pressed = performance.now(); });
  new MutationObserver((_, watching) => {
    if (pressed === undefined || !document.querySelector("ol.passages li")) return;
    watching.disconnect();
    requestAnimationFrame(() => { document.documentElement.dataset.shown = performance.now() - pressed; });
  }).observe(document.body, { childList: true, subtree: true });
}"""
