"""`citewire articles`: list, show and remove what the library holds."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from bot.cli.common import JsonOption, LibraryOption, need_library, settings_from, write, write_json

app = typer.Typer(
    no_args_is_help=True, help="List, show or remove articles.", rich_markup_mode=None, add_completion=False
)

Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most that many.")]


@app.command("list", epilog="Example: citewire articles list --limit 20")
def list_(limit: Limit = None, json_: JsonOption = False, library: LibraryOption = None) -> None:
    """All articles, newest first: id, date, outlet, title."""
    with _opened(library) as opened:
        found = opened.summaries(limit=limit)
        counts = opened.counts()
    if json_:
        write_json({"articles": [_plain(one) for one in found], "total": counts.articles})
        return
    from bot.render import isolated

    for one in found:
        day = one.published.date.isoformat() if one.published else "no date   "
        source = f"{isolated(one.source)}: " if one.source else ""
        write(f"{one.id}  {day}  {source}{isolated(one.title)}")
    if not found:
        write("The library is empty. Add articles with: citewire ingest PATH")


@app.command(epilog="Example: citewire articles show 000_4d08abf3760346cf")
def show(
    article_id: Annotated[str, typer.Argument(metavar="ID")],
    json_: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """One article with its text, and where its date was read."""
    with _opened(library) as opened:
        article = opened.article(article_id)
    if json_:
        write_json(_plain(article))
        return
    from bot.render import isolated, shown

    published = article.published
    lines = [
        isolated(article.title),
        f"id: {article.id}",
        f"published: {published.date.isoformat()} (from the {published.origin}: {isolated(published.raw)})"
        if published
        else "published: not known",
        f"outlet: {isolated(article.source) if article.source else 'not known'}",
    ]
    lines += [f"address: {isolated(article.url)}"] if article.url else []
    lines += [f"authors: {isolated(', '.join(article.authors))}"] if article.authors else []
    write("\n".join(lines) + "\n\n" + shown(article.text))


@app.command(epilog="Example: citewire articles remove 000_4d08abf3760346cf --purge")
def remove(
    article_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    purge: Annotated[
        bool, typer.Option("--purge", help="Leave nothing of their words on disk, history included.")
    ] = False,
    json_: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Take articles out. Without --purge their words stay in the history and in free space of the files."""
    settings = settings_from(library=library)
    need_library(settings, named=library is not None)
    from store.ingest import remove as take_out

    removed = take_out(settings.library, article_ids, purge=purge)
    if json_:
        write_json({"removed": removed, "purged": purge})
        return
    kept = "" if purge else " Their words are still on disk; --purge takes those too."
    write(f"{removed} removed.{kept}")


def _opened(library: Any) -> Any:  # store.library.Library, imported only when a command runs
    settings = settings_from(library=library)
    need_library(settings, named=library is not None)
    from store.library import Library

    return Library.open(settings.library)


def _plain(value: Any) -> dict[str, Any]:
    """A frozen dataclass as JSON; a day becomes its ISO text."""
    raw = asdict(value)
    if raw.get("published"):
        raw["published"]["date"] = raw["published"]["date"].isoformat()
    return raw
