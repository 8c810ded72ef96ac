"""What the commands share: options, settings, and where words go. Answers go to standard output, the rest to error."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from bot.settings import Settings

LibraryOption = Annotated[
    Path | None, typer.Option("--library", help="Library folder; default: your user data folder.")
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="auto, embedded:NAME, embedded:FILE.gguf, ollama:NAME or openai:NAME."),
]
EmbedderOption = Annotated[
    str | None, typer.Option("--embedder", help="onnx:all-MiniLM-L6-v2, ollama:NAME or openai:NAME.")
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", help="Server of ollama: and openai: models.")
]
ContextOption = Annotated[
    int | None, typer.Option("--context", help="Largest prompt plus answer, in tokens.")
]
KOption = Annotated[int | None, typer.Option("--k", "-k", help="Passages to retrieve.")]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="See only what was published by this day.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

EXIT_ABSTAINED = 3
EXIT_REFUSED = 65
EXIT_DAMAGED = 66

FIRST_RUN = (
    "There is no library yet. Add articles with `citewire ingest PATH`, or the one that ships with citewire"
    " with `citewire ingest --seed`."
)


def settings_from(**options: Any) -> "Settings":
    """Raises: ConfigError: See bot.settings.load."""
    from bot.settings import load

    return load(**options)


def need_library(settings: "Settings", *, named: bool) -> None:
    """Looks for the library before a model is loaded for it.

    Args:
        named: The user named the folder, so its absence is a mistake rather than a first run.

    Raises: LibraryMissing: Or LibraryDamaged, where what is left of one has no record.
    """
    from store.places import RECORD_FILE, default_path

    if (settings.library / RECORD_FILE).is_file():
        return  # whether it is sound shows when it is opened, beside the model that is loading by then
    from store.errors import LibraryMissing
    from store.library import open_record

    try:
        open_record(settings.library).close()
    except LibraryMissing as error:
        if not named and settings.library == default_path().expanduser().absolute():
            raise LibraryMissing(FIRST_RUN) from error
        raise


def say(line: str) -> None:
    """One line to standard error."""
    from bot.render import shown

    sys.stderr.write(shown(line) + "\n")
    sys.stderr.flush()


def write(text: str) -> None:
    """Text to standard output, as a whole and at once."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def write_json(value: Mapping[str, Any]) -> None:
    """One object on one line: JSON escapes every line break within."""
    write(json.dumps(value, ensure_ascii=False))


def console(*, stderr: bool = False) -> "Console":
    """Colour and wrapping only on a terminal; text is never read as markup."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=not terminal,
    )


Progress = Callable[[int, int, str], None]


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on a terminal, a line per step elsewhere; called with done, total (0: unknown) and what goes on."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console(stderr=True), transient=True) as bar:
        tasks: dict[str, bars.TaskID] = {}

        def tell(done: int, total: int, note: str) -> None:
            if note not in tasks:
                tasks[note] = bar.add_task(note, total=total or None)
            bar.update(tasks[note], completed=done, total=total or None)

        yield tell


class _Lines:
    """Progress for logs: each new step, and each further tenth of it."""

    def __init__(self) -> None:
        self._last = ("", -1)

    def __call__(self, done: int, total: int, note: str) -> None:
        tenth = 10 * done // total if total else 0
        if (note, tenth) != self._last:
            self._last = (note, tenth)
            say(f"{note}: {10 * tenth} %" if total else note)


def fetch_what_is_missing(settings: "Settings", *, model: bool = True) -> None:
    """Fetches absent weights with progress and the user's proxies, before anything waits for them in the dark.

    Raises: WeightsMissing: No source could be reached.
    """
    from bot import weights
    from bot.environment import proxies

    wanted = []
    if settings.embedder == "onnx:all-MiniLM-L6-v2":
        wanted += ["all-MiniLM-L6-v2", "all-MiniLM-L6-v2-tokenizer"]
    backend, _, name = settings.model.partition(":")
    if model and backend == "embedded" and name in weights.REGISTRY:
        wanted.append(name)
    absent = [name for name in wanted if weights.status(name).state == "absent"]
    if absent:
        with proxies(), progress_bar() as tell:
            for name in absent:
                weights.ensure(name, progress=tell)


def day(text: str | None) -> Any:
    """Raises: typer.BadParameter: Not a day such as 2017-10-26."""
    from datetime import date

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"--as-of takes a day such as 2017-10-26, not {text!r}") from error
