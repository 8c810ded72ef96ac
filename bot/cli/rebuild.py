"""`citewire rebuild`: the index anew from the record."""

from dataclasses import asdict
from typing import Annotated

import typer

from bot.cli.common import (
    BaseUrlOption,
    JsonOption,
    LibraryOption,
    fetch_what_is_missing,
    need_library,
    progress_bar,
    settings_from,
    write,
    write_json,
)  # fmt: skip

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_STAGES = {"articles": "passages embedded", "index": "vectors indexed"}


@app.command(epilog="Examples: citewire rebuild | citewire rebuild --embedder ollama:all-minilm")
def rebuild(
    embedder: Annotated[
        str | None, typer.Option("--embedder", help="Build with this one from now on; default: the same.")
    ] = None,
    json_: JsonOption = False,
    library: LibraryOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Make the search index anew. Questions are answered from the old one until the new one is there."""
    settings = settings_from(library=library, embedder=embedder, base_url=base_url)
    need_library(settings, named=library is not None)
    fetch_what_is_missing(settings, model=False)
    from bot.assemble import embedder_for
    from store.ingest import rebuild as make_anew

    with progress_bar() as tell:
        report = make_anew(
            settings.library,
            embedder=embedder_for(settings),
            progress=lambda p: tell(p.done, p.total or 0, _STAGES.get(p.stage, p.stage)),
        )
    if json_:
        write_json(asdict(report))
        return
    write(
        f"Rebuilt: {report.articles} articles, {report.passages} passages, {report.embedded} embedded again,"
        f" {report.seconds:.1f} s."
    )
