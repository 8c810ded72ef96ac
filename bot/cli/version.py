"""`citewire version`."""

import typer

from bot.cli.common import JsonOption, write, write_json

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: citewire version --json")
def version(json_: JsonOption = False) -> None:
    """The program's version."""
    from importlib.metadata import version as installed

    found = installed("citewire")
    if json_:
        write_json({"version": found})
    else:
        write(f"citewire {found}")
