"""Puts a library, an engine and the answer chain together for the CLI, the web app and Python."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from bot import weights
from bot.models.base import Engine, EngineOptions
from bot.models.opening import open_engine

# The rest is imported where it is used: by then an embedded engine is loading beside it.
if TYPE_CHECKING:
    from bot.answering import Answering
    from bot.settings import Settings
    from store.embeddings import Embedder
    from store.library import Library

Notify = Callable[[str], None]


def embedder_for(settings: "Settings", *, progress: weights.Progress | None = None) -> "Embedder":
    """The embedder the settings name; the default one's weights are fetched when they are not there."""
    from store.embeddings import open_embedder

    return open_embedder(
        settings.embedder,
        base_url=settings.base_url,
        weights_dir=weights.folder(),
        fetch=lambda name: weights.ensure(name, progress=progress),
    )


def engine_for(
    settings: "Settings", *, spec: str | None = None, keep: bool = False, notify: Notify | None = None
) -> Engine:
    """The engine the settings name. It loads in the background; the first call waits for it.

    Args:
        keep: An embedded one stays loaded for a while afterwards, and is taken over where it is.
    """
    return open_engine(
        spec or settings.model,
        EngineOptions(
            base_url=settings.base_url,
            api_key=settings.api_key.get_secret_value() if settings.api_key else None,
            context_tokens=settings.context_tokens,
            threads=settings.threads,
            slots=settings.slots,
            states_dir=str(Path(settings.library) / "kv"),
            states_bytes=settings.states_bytes,
            keep_s=settings.keep_loaded_s if keep else 0,
            notify=notify,
        ),
    )


def build_chain(library: "Library", engine: Engine, settings: "Settings") -> "Answering":
    from bot.answering import Answering, ChainOptions

    return Answering(library, engine, ChainOptions(k=settings.k, most_articles=settings.most_articles))


class Session:
    """An open library and a loading engine; use it as a context manager.

    The engine is made first: an embedded one then loads in a process of its own while the library is opened.

    Args:
        keep: See `engine_for`.

    Raises:
        CitewireError: The library or the model cannot be opened.
    """

    def __init__(self, settings: "Settings", *, keep: bool = False, notify: Notify | None = None) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._notify = notify
        with ThreadPoolExecutor(1) as beside:
            # The embedder's library and weights are loaded there while this thread imports the answer path.
            embedder = beside.submit(embedder_for, settings)
            beside.submit(lambda: embedder.result().load())
            self.engine = engine_for(settings, keep=keep, notify=notify)
            try:
                import bot.answering  # noqa: F401
                from store.library import Library

                self.library = Library.open(Path(settings.library), embedder=embedder.result())
            except BaseException:
                self.engine.close()
                raise
        self.chain = build_chain(self.library, self.engine, settings)

    def switch_model(self, spec: str) -> None:
        """Answers with another model from now on; the old one is closed once the new one is open."""
        with self._lock:
            engine = engine_for(self.settings, spec=spec, notify=self._notify)
            old, self.engine = self.engine, engine
            self.chain = build_chain(self.library, engine, self.settings)
        old.close()

    def close(self) -> None:
        self.engine.close()
        self.library.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
