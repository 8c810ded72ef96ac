"""A small archive, and a chain over it whose model is a script."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.chain import AnswerChain, ChainOptions, Search
from bot.models.base import Message
from bot.models.scripted import ScriptedEngine
from bot.types import Answer
from store.ingest import ingest
from store.library import Library
from tests.fakes import FakeEmbedder
from tests.store.folders import write_articles

SURE, DOUBTFUL = 20.0, -20.0
"""Log-odds beyond what any calibration clips at."""

ARCHIVE: dict[str, dict[str, Any]] = {
    "ferry": {
        "title": "Ferry opens in Larkhaven",
        "text": "The new ferry of Larkhaven left the harbour on Wednesday with 212 passengers.\n\n"
        "Captain Mira Osei said the crossing took 40 minutes.",
        "published": "2017-10-26",  # a Thursday: its Wednesday is 25 October
        "source": "Lark Courier",
        "authors": ["Ada Finch"],
    },
    "rates": {
        "title": "Bank raises rate",
        "text": "The central bank of Dalby raised its rate to 4.5 percent. Governor Iris Vane announced it.",
        "published": "2018-02-05",
    },
    "flood": {"title": "Flood in Ferrol", "text": "Heavy rain flooded nine streets in Ferrol."},
}
FERRY_ANSWER = "The ferry of Larkhaven carried 212 passengers."
FERRY_QUESTION = "How many passengers did the ferry of Larkhaven carry?"


@contextmanager
def library_of(folder: Path, articles: Mapping[str, Mapping[str, Any]] = ARCHIVE) -> Iterator[Library]:
    """A real library with these articles; their keys are their ids."""
    embedder = FakeEmbedder(("ferry", "bank", "rain"))
    ingest(folder / "library", [write_articles(folder / "in", articles)], embedder=embedder)
    with Library.open(folder / "library", embedder=embedder) as library:
        yield library


def scripted(*replies: Any, odds: float | None = SURE) -> ScriptedEngine:
    """A model that writes these drafts and gives every check the same log-odds."""
    return ScriptedEngine(replies=replies or ("",), odds=(odds,))


def by_article(drafts: Mapping[str, str]) -> Callable[[Sequence[Message]], str]:
    """Writes the draft whose key, a piece of an article's text, stands in the prompt; "" for others."""
    return lambda messages: next((d for key, d in drafts.items() if key in messages[0].content), "")


def ask(
    library: Library,
    engine: ScriptedEngine,
    asked: Any,
    *,
    search: Search | None = None,
    most_articles: int = 1,
) -> Answer:
    """One answer, from the best article only unless told otherwise."""
    return AnswerChain(library, engine, ChainOptions(most_articles=most_articles), search=search).invoke(
        asked
    )


def kinds(engine: ScriptedEngine) -> list[str]:
    return [called.kind for called in engine.calls]


def check_offsets(library: Library, answer: Answer) -> None:
    """Every quote and every hit is cut from the record."""
    for statement in answer.statements:
        for citation in statement.citations:
            article = library.article(citation.article_id)
            assert article.text[citation.start : citation.end] == citation.quote
            assert (citation.title, citation.source, citation.url) == (
                article.title,
                article.source,
                article.url,
            )
    for hit in answer.hits:
        assert library.article(hit.article_id).text[hit.start : hit.end] == hit.text
