"""`citewire ingest`: articles in, with counts and what was refused."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.common import (
    EXIT_REFUSED,
    BaseUrlOption,
    EmbedderOption,
    JsonOption,
    LibraryOption,
    ModelOption,
    fetch_what_is_missing,
    progress_bar,
    say,
    settings_from,
    write,
    write_json,
)  # fmt: skip

if TYPE_CHECKING:
    from bot.settings import Settings
    from store.ingest import IngestReport

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_STAGES = {"articles": "articles recorded", "index": "vectors indexed"}


@app.command(
    epilog="Examples: citewire ingest news/ | citewire ingest a.html b.pdf feed.xml | citewire ingest --seed"
)
def ingest(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...", help="Files and folders: txt, md, html, pdf, eml, csv, jsonl, xml."
        ),
    ] = None,
    seed: Annotated[
        bool, typer.Option("--seed", help="Take in the article that ships with citewire.")
    ] = False,
    read_ahead: Annotated[
        bool | None,
        typer.Option(
            "--read-ahead/--no-read-ahead",
            help="Have the embedded model read new articles now, so that first answers are quick; default: when"
            " there are few and its weights are there. Ctrl-C stops only this.",
        ),
    ] = None,
    json_: JsonOption = False,
    model: ModelOption = None,
    library: LibraryOption = None,
    embedder: EmbedderOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Take articles in; what is unchanged is skipped. Exit code 65 says some input was refused, the rest done."""
    sources = [*(paths or ()), *(_seed_files() if seed else ())]
    if not sources:
        raise typer.BadParameter("give a PATH, or --seed for the article that ships with citewire")
    settings = settings_from(library=library, model=model, embedder=embedder, base_url=base_url)
    fetch_what_is_missing(settings, model=bool(read_ahead))
    from bot.ahead import versions_of
    from bot.assemble import embedder_for
    from store.ingest import ingest as take_in

    before = versions_of(settings.library) if read_ahead is not False else {}
    with progress_bar() as tell:
        report = take_in(
            settings.library,
            sources,
            embedder=embedder_for(settings, progress=tell),
            progress=lambda p: tell(p.done, p.total or 0, _STAGES.get(p.stage, p.stage)),
        )
    if json_:
        write_json(_as_json(report, settings.library))
    else:
        _tell(report, settings.library)
    if read_ahead is not False:
        _read_ahead(settings, before, asked=bool(read_ahead))
    raise typer.Exit(EXIT_REFUSED if report.refused else 0)


def _read_ahead(settings: "Settings", before: dict[str, str], *, asked: bool) -> None:
    """The articles are in whatever happens here: a model that fails is told of, Ctrl-C ends the reading alone."""
    from bot.ahead import can_read_unasked, read_ahead, versions_of
    from store.errors import CitewireError

    new = {one for one, version in versions_of(settings.library).items() if before.get(one) != version}
    if not new or not (asked or can_read_unasked(settings, len(new))):
        return
    from bot.assemble import engine_for
    from store.library import Library

    try:
        with (
            closing(engine_for(settings, notify=say if asked else None)) as engine,
            Library.open(settings.library) as library,
            progress_bar() as tell,
        ):
            done = read_ahead(library, engine, new, budget_bytes=settings.states_bytes, progress=tell)
    except KeyboardInterrupt:
        say("Reading ahead was stopped. The articles are in; the rest is read when it is asked about.")
        return
    except CitewireError as error:
        say(f"Nothing was read ahead: {error}")
        return
    if done.keeps:
        left = f"; {done.left} left for their first question" if done.left else ""
        say(f"{done.articles} read ahead in {done.seconds:.0f} s ({done.bytes / 10**6:.0f} MB){left}")
    elif asked:
        say(f"The model {engine.spec} keeps no states: nothing was read ahead.")


def _seed_files() -> list[Path]:
    import seeds

    return sorted(Path(str(seeds.__file__)).parent.glob("*.txt"))


def _tell(report: "IngestReport", library: Path) -> None:
    from bot.render import shown

    for note in report.notes:
        say(note)
    for twin in report.duplicates:
        say(f"duplicate: {twin.article_id} has the words of {twin.of}")
    for refusal in report.refused:
        say(f"refused: {refusal.where}: {refusal.reason}")
    counts = f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged"
    if report.duplicates:
        counts += f", {len(report.duplicates)} duplicate"
    if report.refused:
        counts += f", {len(report.refused)} refused"
    write(shown(f"{counts}; {report.passages} new passages in {report.seconds:.1f} s; library: {library}"))


def _as_json(report: "IngestReport", library: Path) -> dict[str, Any]:
    from dataclasses import asdict

    return {"library": str(library), **asdict(report)}
