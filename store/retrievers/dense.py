"""Passages that mean something like the question, by the embedder's vectors."""

from store.errors import ConfigError
from store.retrievers.base import Candidate, Corpus, Query, ranked, with_words
from store.types import Hit


def search(query: Query, corpus: Corpus) -> tuple[Hit, ...]:
    """At most k hits, best first; the score is the cosine similarity.

    Raises:
        ConfigError: The library was opened without an embedder.
        EmbedderUnavailable: The embedder fails on the query.
    """
    return ranked(with_words(matches(query, corpus, query.k), corpus), query.k, "dense")


def matches(query: Query, corpus: Corpus, depth: int) -> list[Candidate]:
    """The `depth` nearest by meaning."""
    if corpus.index is None or not query.text.strip():
        return []
    if corpus.embedder is None:
        raise ConfigError(
            "This library was opened without its embedder; open it with one, or search with 'lexical'"
        )
    vector = corpus.embedder.embed([query.text])[0]
    allowed = corpus.published_by(query.as_of) if query.as_of else None
    found = corpus.index.search(vector, depth, allowed=allowed, as_of=query.as_of)
    return [Candidate(near.num, near.similarity, similarity=near.similarity) for near in found]
