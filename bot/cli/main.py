"""Assembles the commands, and is the one place where errors become a line and an exit code."""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from store.errors import CitewireError

COMMANDS: dict[str, str] = {
    "ask": "bot.cli.ask:app",
    "chat": "bot.cli.chat:app",
    "ingest": "bot.cli.ingest:app",
    "articles": "bot.cli.articles:app",
    "search": "bot.cli.search:app",
    "serve": "bot.cli.serve:app",
    "models": "bot.cli.models:app",
    "rebuild": "bot.cli.rebuild:app",
    "verify": "bot.cli.verify:app",
    "doctor": "bot.cli.doctor:app",
    "replay": "bot.cli.replay:app",
    "version": "bot.cli.version:app",
}
"""Command to "module:app". The modules import what is heavy inside their functions."""

_EPILOG = (
    "Exit codes: 0 answered; 3 the articles do not tell; 2 usage; 65 some input refused, the rest done;"
    " 66 library missing or damaged; 69 model unavailable; 70 our bug; 74 disk; 75 busy;"
    " 78 configuration; 130 interrupted."
)
_EXIT_USAGE, _EXIT_BUG, _EXIT_STORAGE, _EXIT_INTERRUPTED, _EXIT_TERMINATED = 2, 70, 74, 130, 143


class LazyGroup(TyperGroup):
    """Imports a command's module when the command, or its line of help, is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*COMMANDS, *sorted(_plugins())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        target = COMMANDS.get(cmd_name) or _plugins().get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        try:
            loaded = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if cmd_name in COMMANDS or error.name != module:
                raise
            return None  # an entry point whose package is not installed
        command = typer.main.get_command(loaded)
        command.name = cmd_name
        return command


def _plugins() -> dict[str, str]:
    """Commands that other packages bring; `evals` does, and `bot` never imports it."""
    return {point.name: point.value for point in entry_points(group="citewire.commands")}


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: rich's Markdown would cost more time than all the rest
    epilog=_EPILOG,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; works anywhere on the line."),
) -> None:
    """Ask a news archive in plain words; every sentence of an answer points at the words that carry it.

    Start with: citewire ingest --seed, then: citewire ask "Who signed the agreement?"
    """


def main(args: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    if args is None and sys.getfilesystemencoding() != "utf-8":
        # An old locale spoils file names and questions before the first line of ours runs: begin again without it.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    signal.signal(signal.SIGTERM, _on_sigterm)
    sys.exit(run(list(sys.argv[1:] if args is None else args)))


def run(given: list[str]) -> int:
    """Runs one command.

    Returns: The exit code; every error has been told by then.
    """
    from bot.environment import scrub

    dropped = scrub()
    _force_utf8()
    options = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in options or os.environ.get("CITEWIRE_DEBUG", "") not in ("", "0")
    rest = [word for at, word in enumerate(given) if word != "--debug" or at >= len(options)]
    try:
        _invoke(rest, dropped)
        sys.stdout.flush()
    except typer.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:
        # The reader went away, such as `| head`: nothing more to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("\ncitewire: interrupted.\n")
        return _EXIT_INTERRUPTED
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _told(error, options)
    return 0


def _invoke(words: list[str], dropped: tuple[str, ...]) -> None:
    """Runs the command these words name, or completes them for a shell.

    Not through the group's own `main`: that turns a closed pipe and Ctrl-C into exits of its own.
    """
    group = typer.main.get_command(app)
    if "_CITEWIRE_COMPLETE" in os.environ:
        group.main(words, prog_name="citewire")
    with group.make_context("citewire", words, obj={"dropped": dropped}) as context:
        group.invoke(context)


def _told(error: Exception, options: Sequence[str]) -> int:
    """Says the error on standard error, and as JSON on standard output where JSON was asked for."""
    from bot.wire import Json

    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
        sys.stderr.write(f"{error}\n")
        return _EXIT_USAGE
    kind, message, code = _described(error)
    sys.stderr.write(f"citewire: {message}\n")
    if any(word in ("--json", "--ndjson", "--batch") or word.startswith("--batch=") for word in options):
        body: Json = {"error": {"type": kind, "message": message, "exit_code": code}}
        from bot.cli.common import write_json

        write_json({"event": "error", **body} if "--ndjson" in options else body)
    return code


def _described(error: Exception) -> tuple[str, str, int]:
    """Type, one plain line and exit code."""
    if isinstance(error, CitewireError):
        return type(error).__name__, _one_line(str(error)), error.exit_code
    if isinstance(error, typer.TyperException):
        hint = getattr(error, "ctx", None)
        where = f" See: {hint.command_path} --help" if hint is not None else ""
        message = _one_line(error.format_message()).removeprefix("Invalid value: ").rstrip(".")
        return "UsageError", f"{message}.{where}", _EXIT_USAGE
    if isinstance(error, OSError):
        named = f" ({error.filename})" if error.filename else ""
        return "StorageError", f"{error.strerror or error}{named}.", _EXIT_STORAGE
    message = (
        f"This is our mistake: {type(error).__name__}: {_one_line(str(error))}."
        " Run it again with --debug and report what it shows."
    )
    return "InternalError", message, _EXIT_BUG


def _one_line(text: str) -> str:
    from bot.render import shown

    return " ".join(shown(text).split())


def _force_utf8() -> None:
    """Whatever the locale says: articles are UTF-8, and a lost letter would be a wrong quote."""
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors=errors)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    # As an exception, so that files are closed and the model is stopped on the way out.
    raise SystemExit(_EXIT_TERMINATED)
