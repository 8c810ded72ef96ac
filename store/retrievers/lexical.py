"""Passages that share words with the question, by BM25; works in every language."""

from store.keys import search_terms
from store.retrievers.base import Candidate, Corpus, Query, ranked, with_words
from store.retrievers.languages import function_words
from store.types import Hit


def search(query: Query, corpus: Corpus) -> tuple[Hit, ...]:
    """At most k hits, best first; empty when no word of the query occurs."""
    return ranked(with_words(matches(query, corpus, query.k), corpus), query.k, "lexical")


def matches(query: Query, corpus: Corpus, depth: int) -> list[Candidate]:
    """The `depth` best by words."""
    found = corpus.record.lexical(telling_terms(query), depth, as_of=query.as_of)
    return [Candidate(match.num, match.score, lexical=match.score) for match in found]


def telling_terms(query: Query) -> list[str]:
    """The query's words without those that only build the sentence, unless it has no others."""
    terms = list(dict.fromkeys(search_terms(query.text)))
    building = function_words(query.text, query.language)
    return [term for term in terms if term not in building] or terms
