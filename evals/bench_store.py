"""What the store costs: ingest against the bare embedder, and retrieval at growing sizes."""

import hashlib
import itertools
import json
import random
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evals.bench import BenchOptions, Line, Measured, line, medians, seed_library, timed
from store.errors import StorageError

_QUESTIONS = 40
_VOCABULARY = 20_000


def ingest_speed(options: BenchOptions) -> Measured:
    """Passages a second through ingest, against the embedder alone over the same passages."""
    from store.ingest import ingest
    from store.library import Library

    with seed_library(of_seeds=False) as (path, embedder):
        sources = _write_articles(path.parent, 60, sentences=14)
        rounds = iter(range(10_000))
        ingest_s = medians(
            {"s": lambda: timed(lambda: ingest(path / str(next(rounds)), sources, embedder=embedder))},
            options.repeat,
        )["s"]
        with Library.open(path / "0", embedder=embedder) as library:
            texts = [p.text for one in library.summaries() for p in library.passages(one.id)]
        embed_s = medians({"s": lambda: timed(lambda: embedder.embed(texts))}, options.repeat)["s"]
    ours, bare = len(texts) / ingest_s, len(texts) / embed_s
    figures = {
        "passages": float(len(texts)),
        "ingest_passages_per_s": ours,
        "bare_embedder_passages_per_s": bare,
        "share_of_bare": ours / bare,
    }
    shown = line("ingest", ours, bare, "passages/s", against="bare embedder")
    return Measured("ingest", figures, (shown,))


def retrieval(options: BenchOptions) -> Measured:
    """Median and 95th percentile of a search, question embedded, against embedding the question alone."""
    figures: dict[str, float | None] = {}
    lines: list[Line] = []
    for size in options.sizes:
        options.notify(f"retrieval: building a library of {size:,} passages")
        found = _retrieval_at(size)
        figures |= {f"{name}_{size}": value for name, value in found.items()}
        lines.append(
            Line(
                f"{found['passages']:,.0f} passages",
                f"p50 {1000 * found['p50_s']:.1f} ms, p95 {1000 * found['p95_s']:.1f} ms",
                f"{1000 * found['embed_p50_s']:.1f} ms (embedding the question)",
                f"{found['p50_s'] / found['embed_p50_s']:.2f} x",
            )
        )
        lines.append(Line("", f"{found['memory_mib']:.0f} MiB more memory once open"))
    note = "Passages carry seeded random vectors, so that building is not what is measured; questions are embedded."
    return Measured("retrieval", figures, tuple(lines), note)


def _retrieval_at(size: int) -> dict[str, float]:
    import psutil

    from store.ingest import ingest
    from store.library import Library

    with seed_library(of_seeds=False) as (path, real):
        embedder = _QuickEmbedder(real)
        sources = _write_articles(path.parent, max(1, size // 8), sentences=56)
        build_s = timed(lambda: ingest(path, sources, embedder=embedder))
        before = psutil.Process().memory_info().rss
        with Library.open(path, embedder=embedder) as library:
            questions = _questions()
            embedder.quick = False
            library.search("warm up", 10)
            ours = [timed(partial(library.search, question, 10)) for question in questions]
            memory = psutil.Process().memory_info().rss - before
            passages = library.counts().passages
        if passages < size / 2:  # a search in a library that was not built costs nothing
            raise StorageError(f"Only {passages:,} of {size:,} passages went in; there is nothing to measure")
        bare = [timed(partial(real.embed, [question])) for question in questions]
    return {
        "passages": float(passages),
        "p50_s": statistics.median(ours),
        "p95_s": statistics.quantiles(ours, n=20)[-1],
        "embed_p50_s": statistics.median(bare),
        "memory_mib": memory / 2**20,
        "build_s": build_s,
    }


class _QuickEmbedder:
    """The default embedder for questions; for passages seeded random vectors of the same width."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.quick = True
        self.spec, self.digest = "bench:quick", "0" * 64
        self.dimension, self.max_tokens, self.languages = real.dimension, real.max_tokens, real.languages

    def load(self) -> None:
        self._real.load()

    def embed(self, texts: Sequence[str]) -> Any:
        if not self.quick:
            return self._real.embed(texts)
        import numpy as np

        seed = int.from_bytes(hashlib.sha256("\n".join(texts).encode()).digest()[:8], "big")
        vectors = np.random.default_rng(seed).standard_normal((len(texts), self.dimension), dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class _Prose:
    """Made-up words that are as rare and as common as those of real prose (Zipf), the same every time."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
        names = random.Random(0)
        self._words = ["".join(names.choices(syllables, k=names.randint(1, 4))) for _ in range(_VOCABULARY)]
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, _VOCABULARY + 1)))

    def words(self, least: int, most: int) -> list[str]:
        return self._rng.choices(self._words, cum_weights=self._weights, k=self._rng.randint(least, most))

    def sentence(self) -> str:
        return f"{' '.join(self.words(10, 20)).capitalize()} {self._rng.randint(2, 9999)}."


_IN_A_FILE = 2000
"""Articles; more of them would be a file larger than the loaders take."""


def _write_articles(folder: Path, count: int, *, sentences: int) -> list[Path]:
    prose = _Prose(7)
    made = []
    for first in range(0, count, _IN_A_FILE):
        made.append(folder / f"articles-{first}.jsonl")
        with made[-1].open("w", encoding="utf-8") as file:
            for number in range(first, min(count, first + _IN_A_FILE)):
                text = " ".join(prose.sentence() for _ in range(sentences))
                title = " ".join(prose.words(5, 7)).capitalize()
                article = {"id": f"bench-{number}", "title": title, "text": text, "published": "2024-05-06"}
                file.write(json.dumps({**article, "source": "Bench Wire", "language": "en"}) + "\n")
    return made


def _questions() -> list[str]:
    prose = _Prose(11)
    return [f"What did {' '.join(prose.words(4, 8))} say?" for _ in range(_QUESTIONS)]
