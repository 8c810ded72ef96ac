"""`citewire verify`: the library checked from top to bottom."""

from dataclasses import asdict

import typer

from bot.cli.common import EXIT_DAMAGED, JsonOption, LibraryOption, settings_from, write, write_json

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: citewire verify --library news")
def verify(json_: JsonOption = False, library: LibraryOption = None) -> None:
    """Check record and index; each finding says what mends it. Exit code 66 says something is damaged."""
    settings = settings_from(library=library)
    from store.verify import verify as check

    findings = check(settings.library)
    errors = [one for one in findings if one.severity == "error"]
    if json_:
        write_json({"sound": not errors, "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            write(f"{one.severity}: {one.part}: {one.problem} - {one.next_step}")
        write("The library is damaged." if errors else "The library is sound.")
    raise typer.Exit(EXIT_DAMAGED if errors else 0)
