"""`citewire search`: passages for a query, without any language model."""

from enum import StrEnum
from typing import Annotated

import typer

from bot.cli.common import (
    EXIT_ABSTAINED,
    AsOfOption,
    BaseUrlOption,
    EmbedderOption,
    JsonOption,
    LibraryOption,
    console,
    day,
    fetch_what_is_missing,
    need_library,
    settings_from,
    write,
    write_json,
)  # fmt: skip

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Retriever(StrEnum):
    """How passages are found."""

    hybrid = "hybrid"
    dense = "dense"
    lexical = "lexical"


@app.command(
    epilog='Examples: citewire search "military agreement" | citewire search S-400 --retriever lexical'
)
def search(
    query: Annotated[str, typer.Argument(help="Words to look for.")],
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=1000, help="At most that many passages.")] = 10,
    retriever: Annotated[Retriever, typer.Option(help="lexical needs no embedder.")] = Retriever.hybrid,
    as_of: AsOfOption = None,
    json_: JsonOption = False,
    library: LibraryOption = None,
    embedder: EmbedderOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Find passages, best first. Exit code 3 says nothing was found."""
    shown_day = day(as_of)
    settings = settings_from(library=library, embedder=embedder, base_url=base_url)
    need_library(settings, named=library is not None)
    from store.library import Library

    opened_with = None
    if retriever is not Retriever.lexical:
        fetch_what_is_missing(settings, model=False)
        from bot.assemble import embedder_for

        opened_with = embedder_for(settings)
    with Library.open(settings.library, embedder=opened_with) as library_:
        hits = library_.search(query, k, retriever=retriever.value, as_of=shown_day)
        summaries = {hit.passage.article_id: library_.article(hit.passage.article_id) for hit in hits}
    from bot.types import FoundPassage

    found = []
    for hit in hits:
        article, p = summaries[hit.passage.article_id], hit.passage
        published = article.published.date.isoformat() if article.published else None
        found.append(
            FoundPassage(
                article.id, article.title, article.source, published, p.start, p.end, p.text, hit.score
            )
        )
    if json_:
        from dataclasses import asdict

        write_json({"query": query, "retriever": retriever.value, "hits": [asdict(one) for one in found]})
    elif found:
        from bot.render import passages_to_terminal

        console().print(passages_to_terminal(found))
    else:
        write("Nothing was found. Try other words, or see: citewire articles list")
    raise typer.Exit(0 if found else EXIT_ABSTAINED)
