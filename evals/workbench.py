"""What an evaluation stands on: libraries built once, engines opened once, chains that share retrieval."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from bot.types import Event, Question
from evals.types import ArticleRecord, Articles, Case, World


class Chain(Protocol):
    """As much of an answer chain as a run needs."""

    def events(self, asked: Question) -> Iterator[Event]: ...


class OpenModel(Protocol):
    """A model that is ready, or fails as ours do."""

    @property
    def spec(self) -> str: ...
    @property
    def digest(self) -> str: ...
    def chain(self, world: int) -> Chain: ...
    def close(self) -> None: ...


class Workbench(Protocol):
    """Where worlds become libraries and names become models."""

    def articles(self, world: int) -> Articles: ...
    def fingerprint(self, world: int) -> str: ...
    def options(self) -> Mapping[str, Any]: ...
    def in_order(self, cases: tuple[Case, ...]) -> tuple[Case, ...]: ...
    def open_model(self, spec: str) -> OpenModel: ...
    def close(self) -> None: ...


class LocalWorkbench:
    """Libraries under a folder, named after what they hold; engines and chains as `citewire ask` has them.

    Args:
        folder: Libraries are kept here from run to run; None takes the user's cache folder.
        every_check: Also asks the checks that would change nothing: what a calibration is fitted to.
        notify: Called with one plain line about slow steps.
    """

    def __init__(
        self,
        worlds: tuple[World, ...],
        *,
        folder: Path | None = None,
        base_url: str | None = None,
        every_check: bool = False,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        from bot import weights
        from store.embeddings import DEFAULT_EMBEDDER, open_embedder

        self._worlds = worlds
        self._folder = folder or _cache_folder()
        self._base_url = base_url
        self.every_check = every_check
        self._notify = notify
        self._embedder = open_embedder(
            DEFAULT_EMBEDDER, weights_dir=weights.folder(), fetch=lambda name: weights.ensure(name)
        )
        self._libraries: dict[int, Any] = {}  # Any: store.library is imported when needed
        self._found: dict[tuple[int, str, int, date | None], Any] = {}

    def library(self, world: int) -> Any:  # Any: as above
        """The world's library, built the first time it is asked for."""
        if world not in self._libraries:
            self._libraries[world] = self._open(self._worlds[world])
        return self._libraries[world]

    def path(self, world: int) -> Path:
        """Where the world's library lies."""
        return self._folder / _key(self._worlds[world], self._embedder.digest)

    def _open(self, world: World) -> Any:  # Any: as above
        from store.errors import IdentityMismatch, LibraryDamaged, LibraryMissing
        from store.library import Library

        path = self._folder / _key(world, self._embedder.digest)
        try:
            return Library.open(path, embedder=self._embedder)
        except (LibraryMissing, LibraryDamaged, IdentityMismatch):
            shutil.rmtree(path, ignore_errors=True)
        self._build(world, path)
        return Library.open(path, embedder=self._embedder)

    def _build(self, world: World, path: Path) -> None:
        """Builds beside the final place and moves there: a killed build is never taken for a whole one."""
        import tempfile

        from store.ingest import ingest

        began = time.perf_counter()
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="building-") as temporary:
            articles = Path(temporary) / "articles"
            articles.mkdir()
            for name, content in world.files:
                (articles / name).write_bytes(content)
            report = ingest(Path(temporary) / "library", [articles], embedder=self._embedder, progress=None)
            if report.refused:
                from evals.errors import CasesRefused

                raise CasesRefused(tuple(f"{one.where}: {one.reason}" for one in report.refused))
            (Path(temporary) / "library").replace(path)
        self._notify(f"built a library of {report.passages} passages in {time.perf_counter() - began:.1f} s")

    def articles(self, world: int) -> Articles:
        library = self.library(world)
        found = {}
        for summary in library.summaries():
            article = library.article(summary.id)
            found[article.id] = ArticleRecord(
                article.id,
                article.title,
                article.text,
                article.source,
                article.published.date.isoformat() if article.published else None,
                tuple((p.start, p.end) for p in library.passages(article.id)),
            )
        return found

    def fingerprint(self, world: int) -> str:
        return str(self.library(world).fingerprint)

    def options(self) -> Mapping[str, Any]:
        from bot.chain import ChainOptions
        from bot.models.base import Limits

        options, limits = ChainOptions(), Limits()
        return {
            "k": options.k,
            "most_articles": options.most_articles,
            "every_check": self.every_check,
            "temperature": limits.temperature,
            "seed": limits.seed,
            "embedder": self._embedder.spec,
            "embedder_digest": self._embedder.digest,
            "base_url": self._base_url,
        }

    def in_order(self, cases: tuple[Case, ...]) -> tuple[Case, ...]:
        """Cases that read the same article one after the other, so that its state in the model is shared."""
        from bot.chain import ChainOptions

        def read_first(case: Case) -> tuple[int, str]:
            hits = self.search(case.world, case.question, ChainOptions().k, case.as_of)
            return case.world, hits[0].passage.article_id if hits else ""

        return tuple(sorted(cases, key=read_first))

    def open_model(self, spec: str) -> OpenModel:
        from bot.models.base import EngineOptions
        from bot.models.opening import open_engine

        states = self._folder / "states"
        options = EngineOptions(base_url=self._base_url, states_dir=str(states), notify=self._notify)
        return _LocalModel(self, open_engine(spec, options))

    def search(self, world: int, text: str, k: int, as_of: date | None) -> Any:  # Any: hits of store
        """The library's hits, looked up once for all models."""
        key = (world, text, k, as_of)
        if key not in self._found:
            self._found[key] = self.library(world).search(text, k, as_of=as_of)
        return self._found[key]

    def close(self) -> None:
        for library in self._libraries.values():
            library.close()
        self._libraries.clear()


class _LocalModel:
    def __init__(self, workbench: LocalWorkbench, engine: Any) -> None:  # Any: bot.models.base.Engine
        self._workbench = workbench
        self._engine = engine
        self._chains: dict[int, Any] = {}

    @property
    def spec(self) -> str:
        return str(self._engine.spec)

    @property
    def digest(self) -> str:
        return str(self._engine.digest)

    def chain(self, world: int) -> Chain:
        from bot.chain import AnswerChain, ChainOptions

        if world not in self._chains:
            self._chains[world] = AnswerChain(
                self._workbench.library(world),
                self._engine,
                ChainOptions(every_check=self._workbench.every_check),
                search=lambda text, k, as_of: self._workbench.search(world, text, k, as_of),
            )
        chain: Chain = self._chains[world]
        return chain

    def close(self) -> None:
        self._engine.close()


def _cache_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("citewire") / "evals"


def _key(world: World, embedder_digest: str) -> str:
    """Names a library after its articles, its embedder, and the code that built it."""
    import store

    whole = hashlib.sha256(embedder_digest.encode())
    for name, content in world.files:
        whole.update(f"\n{name}\n{len(content)}\n".encode() + content)
    for path in sorted(Path(store.__path__[0]).rglob("*.py")):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:24]
