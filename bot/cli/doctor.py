"""`citewire doctor`: what is here, what is missing, and what to do about it."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import typer

from bot.cli.common import (
    BaseUrlOption,
    EmbedderOption,
    JsonOption,
    LibraryOption,
    ModelOption,
    settings_from,
    write,
    write_json,
)  # fmt: skip

if TYPE_CHECKING:
    from bot.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        exit_code: Of `doctor` when this is the first error; 0 for the rest.
    """

    name: str
    state: Literal["ok", "notice", "error"]
    detail: str
    exit_code: int = 0


@app.command(epilog="Example: citewire doctor --json")
def doctor(
    context: typer.Context,
    json_: JsonOption = False,
    model: ModelOption = None,
    library: LibraryOption = None,
    embedder: EmbedderOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Check program, settings, weights, Ollama and library. Nothing is loaded, fetched or changed."""
    settings = settings_from(library=library, model=model, embedder=embedder, base_url=base_url)
    dropped = (context.find_root().obj or {}).get("dropped", ())
    checks = list(examine(settings, dropped))
    failed = [one for one in checks if one.state == "error"]
    if json_:
        write_json(
            {"ok": not failed, "settings": settings.shown(), "checks": [asdict(one) for one in checks]}
        )
    else:
        marks = {"ok": "✓ ok", "notice": "• note", "error": "✗ error"}
        for one in checks:
            write(f"{marks[one.state]:<8} {one.name}: {one.detail}")
        for name, value in settings.shown().items():
            write(f"         {name} = {value}")
    raise typer.Exit(failed[0].exit_code if failed else 0)


def examine(settings: "Settings", dropped: tuple[str, ...]) -> Iterator[Check]:
    """Looks at one part after the other; what an error keeps from being looked at is told as one."""
    from bot.settings import config_path, unknown_variables

    yield Check("program", "ok", f"citewire on Python {platform.python_version()}, {sys.platform}")
    path = config_path()
    yield Check("configuration", "ok", str(path) if path.exists() else f"none at {path}; defaults are used")
    for line in unknown_variables():
        yield Check("environment", "notice", f"{line} means nothing to citewire")
    if dropped:
        yield Check("environment", "notice", f"ignored, so that no article leaves: {', '.join(dropped)}")
    yield from _weights(settings)
    yield _loaded()
    yield _guarded("ollama", lambda: _ollama(settings))
    yield from _library(settings)
    yield _room(settings)


def _weights(settings: "Settings") -> Iterator[Check]:
    from bot import weights

    for name in weights.REGISTRY:
        found = weights.status(name)
        if found.state == "error":
            detail = f"{found.detail}. Delete it, then: citewire models fetch {name}"
            yield Check(f"weights {name}", "error", detail, 69)
        elif found.state == "absent":
            yield Check(f"weights {name}", "notice", f"not here; fetch with: citewire models fetch {name}")
        else:
            yield Check(f"weights {name}", "ok", str(weights.path_of(name)))


def _loaded() -> Check:
    from bot.models.resident import is_waiting

    if is_waiting():
        return Check("loaded model", "ok", "one waits for the next question; free it: citewire models unload")
    return Check("loaded model", "ok", "none")


def _ollama(settings: "Settings") -> Check:
    from bot.models.ollama_admin import OllamaServer, parse_url
    from store.errors import CitewireError

    needed = settings.model.startswith("ollama:") or settings.embedder.startswith("ollama:")
    server = OllamaServer(parse_url(settings.base_url), connect_s=0.5, read_s=5.0)
    try:
        version = server.check_version()
        names = ", ".join(one.name for one in server.models()) or "no models"
        if settings.model.startswith("ollama:"):
            server.find(settings.model.removeprefix("ollama:"))
    except CitewireError as error:
        return Check("ollama", "error" if needed else "notice", str(error), error.exit_code if needed else 0)
    finally:
        server.close()
    return Check("ollama", "ok", f"version {version} at {server.url}: {names}")


def _library(settings: "Settings") -> Iterator[Check]:
    from store.errors import CitewireError, LibraryMissing
    from store.library import Library
    from store.verify import verify

    try:
        findings = verify(settings.library)
        for one in findings:
            state: Literal["notice", "error"] = "error" if one.severity == "error" else "notice"
            code = 66 if state == "error" else 0
            yield Check(f"library {one.part}", state, f"{one.problem} - {one.next_step}", code)
        if any(one.severity == "error" for one in findings):
            return
        with Library.open(settings.library) as library:
            counts, built_with = library.counts(), library.embedder_spec
    except LibraryMissing:
        # Before the first ingest this is how things are, unless a folder was asked for.
        yield Check("library", "notice", f"none at {settings.library}; make one with: citewire ingest PATH")
        return
    except CitewireError as error:
        yield Check("library", "error", str(error), error.exit_code)
        return
    if built_with not in (None, settings.embedder):
        detail = f"built with {built_with}, but the setting is {settings.embedder}. Run: citewire rebuild"
        yield Check("library embedder", "error", detail, 78)
        return
    yield Check(
        "library", "ok", f"{settings.library}: {counts.articles} articles, {counts.passages} passages"
    )


def _room(settings: "Settings") -> Check:
    import psutil

    folder: Any = settings.library
    while not folder.exists():
        folder = folder.parent
    free, memory = shutil.disk_usage(folder).free, psutil.virtual_memory().available
    detail = (
        f"{free / 1e9:.1f} GB of disk and {memory / 1e9:.1f} GB of memory are free, {os.cpu_count()} CPUs"
    )
    return Check("room", "ok" if free > 500e6 and memory > 2e9 else "notice", detail)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    from store.errors import CitewireError

    try:
        return look()
    except CitewireError as error:
        return Check(name, "error", str(error), error.exit_code)
