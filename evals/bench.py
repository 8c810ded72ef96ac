"""The speed suite: each figure stands beside its baseline, measured in the same run on the same machine."""

import importlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_MODEL = "embedded:qwen2.5-coder-1.5b"
BENCHES: dict[str, str] = {
    "import": "evals.bench_startup:startup",
    "memory": "evals.bench_startup:memory",
    "ingest": "evals.bench_store:ingest_speed",
    "retrieval": "evals.bench_store:retrieval",
    "first-token": "evals.bench_answers:first_token",
    "answer": "evals.bench_answers:whole_answer",
    "ollama": "evals.bench_answers:follow_ups",
    "web": "evals.bench_web:web",
}
"""Bench name to "module:function"; the function takes BenchOptions and returns a Measured."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How much to measure.

    Attributes:
        repeat: Measurements a median is taken of.
        sizes: Passages of the libraries that retrieval is measured on.
        broken_off: Answers that are left before they are done, for the web server's memory.
    """

    model: str = DEFAULT_MODEL
    ollama_model: str = "ollama:qwen2.5-coder:1.5b"
    repeat: int = 3
    sizes: tuple[int, ...] = (1000, 10_000)
    broken_off: int = 1000
    notify: Callable[[str], None] = lambda line: None


@dataclass(frozen=True, slots=True)
class Line:
    """A figure beside its baseline, for people."""

    label: str
    ours: str
    baseline: str = ""
    ratio: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one bench found.

    Attributes:
        figures: Names with units to numbers; None for what could not be measured.
        note: What a reader must know to read them right, or why there are none.
    """

    name: str
    figures: Mapping[str, float | None]
    lines: tuple[Line, ...] = ()
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def bench(name: str, options: BenchOptions) -> Measured:
    """Runs one bench.

    Raises:
        ConfigError: No bench has that name.
    """
    if name not in BENCHES:
        raise ConfigError(f"There is no bench {name!r}. Known: {', '.join(BENCHES)}.")
    module, _, function = BENCHES[name].partition(":")
    found: Measured = getattr(importlib.import_module(module), function)(options)
    return found


def as_json(measured: Measured) -> dict[str, Any]:
    """One flat object: the figures under their names."""
    extra = {"note": measured.note} if measured.note else {}
    return {"bench": measured.name, **measured.figures, **extra, **measured.details}


def line(label: str, ours: float, baseline: float, unit: str, *, against: str) -> Line:
    """A figure in words, with how many times its baseline it is."""
    times = f"{ours / baseline:.2f} x" if baseline else ""
    return Line(label, f"{ours:.3g} {unit}", f"{baseline:.3g} {unit} ({against})", times)


def timed(call: Callable[[], object]) -> float:
    """Seconds a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def medians(calls: Mapping[str, Callable[[], float]], repeat: int) -> dict[str, float]:
    """The median of each measurement, taken in turns so that a slow minute hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeat):
        for name, call in calls.items():
            found[name].append(call())
    return {name: statistics.median(values) for name, values in found.items()}


def process_seconds(arguments: Sequence[str]) -> float:
    """Wall time of a fresh Python process, which must succeed."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, timeout=600)
    return time.perf_counter() - began


@contextmanager
def seed_library(*, of_seeds: bool = True) -> "Iterator[tuple[Path, Any]]":
    """A temporary library of the shipped article, with the default embedder."""
    from bot import weights
    from store.embeddings import DEFAULT_EMBEDDER, open_embedder
    from store.ingest import ingest

    embedder = open_embedder(
        DEFAULT_EMBEDDER, weights_dir=weights.folder(), fetch=lambda n: weights.ensure(n)
    )
    seeds = Path(__file__).parent.parent / "seeds"
    with tempfile.TemporaryDirectory(prefix="citewire-bench-") as folder:
        path = Path(folder) / "library"
        if of_seeds:
            ingest(path, sorted(seeds.glob("*.txt")), embedder=embedder)
        yield path, embedder
