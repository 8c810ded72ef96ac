"""The real session, shelf and shop behind the seams: bot.assemble, store.ingest and bot.weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bot.models.base import ModelStatus
from bot.web.desk import Desk
from bot.web.seam import FileReport, Progress, SessionLike, TakenIn
from store.errors import CitewireError

if TYPE_CHECKING:
    from bot.settings import Settings


def folder_of(settings: "Settings") -> Path:
    """The library folder, made when it is not there: conversations need a place before the first article."""
    folder = Path(settings.library)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def desk_for(settings: "Settings") -> Desk:
    """A desk that opens the session of these settings, fetching weights with progress first."""

    def opener(spec: str | None, progress: Progress) -> SessionLike:
        from bot.assemble import Session, embedder_for
        from store.library import Library

        chosen = settings if spec is None else settings.model_copy(update={"model": spec})
        # Told apart early: an empty library is not worth loading a model for.
        Library.open(Path(settings.library)).close()
        embedder_for(chosen, progress=progress)
        _fetch(str(chosen.model), progress)
        return cast("SessionLike", Session(chosen, notify=lambda line: progress(0, 0, line)))

    return Desk(opener)


def _fetch(spec: str, progress: Progress) -> None:
    from bot import weights
    from bot.environment import proxies

    backend, _, name = spec.partition(":")
    if backend == "embedded" and name in weights.REGISTRY:
        with proxies():
            weights.ensure(name, progress=progress)


class LibraryShelf:
    """Writes to the library of these settings; opens the embedder once, when it is first needed."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._embedder: Any = None  # store.embeddings.Embedder, imported when needed

    def take_in(self, paths: Sequence[Path], progress: Progress) -> TakenIn:
        from bot.assemble import embedder_for
        from store.ingest import ingest

        if self._embedder is None:
            self._embedder = embedder_for(self._settings, progress=progress)
        report = ingest(
            Path(self._settings.library),
            paths,
            embedder=self._embedder,
            progress=lambda p: progress(p.done, p.total or 0, _STAGES.get(p.stage, p.stage)),
        )
        refused = [(str(r.where), r.reason) for r in report.refused]
        files = tuple(_file_report(path, refused) for path in paths)
        return TakenIn(files, report.added, report.updated, report.unchanged, len(refused))

    def seed(self, progress: Progress) -> TakenIn:
        import seeds

        folder = Path(str(seeds.__file__)).parent
        return self.take_in(sorted(folder.glob("*.txt")), progress)

    def remove(self, article_ids: Sequence[str]) -> int:
        from store.ingest import remove

        return remove(Path(self._settings.library), article_ids)


_STAGES = {"articles": "Reading articles", "index": "Making them searchable"}


def _file_report(path: Path, refused: Sequence[tuple[str, str]]) -> FileReport:
    """One line a file; several refused lines of one file are counted."""
    reasons = [reason for where, reason in refused if path.name in where]
    if not reasons:
        return FileReport(path.name, "taken in")
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return FileReport(path.name, "refused" if len(reasons) == 1 else "partly", reasons[0] + more)


class ModelShop:
    """Models of the weights registry, the configured one, and those of an Ollama that answers."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    def listed(self) -> tuple[ModelStatus, ...]:
        from bot import weights

        found = [weights.status(name) for name in weights.REGISTRY if _writes(name)]
        found += self._ollama()
        return tuple({status.spec: status for status in found}.values())

    def _ollama(self) -> list[ModelStatus]:
        """No Ollama is a usual state, told by its absence from the list."""
        from bot.models.ollama_admin import OllamaServer, parse_url

        try:
            server = OllamaServer(parse_url(self._settings.base_url), connect_s=0.3, read_s=3.0)
        except CitewireError:
            return []
        try:
            return [ModelStatus(f"ollama:{one.name}", "present", one.bytes) for one in server.writers()]
        except CitewireError:
            return []
        finally:
            server.close()

    def fetch(self, spec: str, progress: Progress) -> None:
        _fetch(spec, progress)


def _writes(name: str) -> bool:
    """Weights of a language model, not of the embedder."""
    from bot import weights

    return weights.REGISTRY[name].file.endswith(".gguf")
