"""Whether the words an answer cites are in the article, and carry the answer."""

from collections.abc import Iterator, Mapping
from typing import Any

from evals.metrics.answers import accuracy
from evals.text import locate
from evals.types import AnswerJSON, Articles, Case, Score


def precision(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Share of citations that are exact and overlap gold evidence, over answered cases that have some.

    Gold evidence names the sentences known to carry the answer. An answer may cite another sentence that
    says the same, so this is a lower bound. What is cited for an unanswerable case is not judged here:
    `abstention_recall` counts it.
    """
    if answer["abstained"] or not case.evidence:
        return None
    cited = [citation for statement in answer["statements"] for citation in statement["citations"]]
    if not cited:
        return None
    right = [is_right(citation, case, articles) for citation in cited]
    wrong = next((c["quote"] for c, ok in zip(cited, right, strict=True) if not ok), None)
    return Score(sum(right) / len(right), len(right), f"cites {wrong!r}" if wrong is not None else "")


def precision_when_right(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """The same over right answers alone: how well a reader who is told the right thing is shown where it stands."""
    return precision(case, answer, articles) if _answers(case, answer, articles) else None


def recall(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Share of the statements of right answers that carry at least one right citation."""
    if answer["abstained"] or not case.evidence or not answer["statements"]:
        return None
    if not _answers(case, answer, articles):
        return None
    carried = [
        any(is_right(citation, case, articles) for citation in statement["citations"])
        for statement in answer["statements"]
    ]
    return Score(sum(carried) / len(carried), len(carried))


def _answers(case: Case, answer: AnswerJSON, articles: Articles) -> bool:
    right = accuracy(case, answer, articles)
    return right is not None and right.value == 1


def exactness(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Share of all citations, those of conflicts too, whose quote is the article's words at its offsets."""
    cited = list(all_citations(answer))
    if not cited:
        return None
    exact = [is_exact(citation, articles) for citation in cited]
    return Score(sum(exact) / len(exact), len(exact))


def all_citations(answer: AnswerJSON) -> Iterator[Mapping[str, Any]]:
    """Every citation an answer shows, in order."""
    for statement in answer["statements"]:
        yield from statement["citations"]
    for conflict in answer.get("conflicts", ()):
        for claim in conflict.get("claims", ()):
            yield from claim.get("citations", ())


def is_exact(citation: Mapping[str, Any], articles: Articles) -> bool:
    """Whether `article.text[start:end] == quote`, and there is a quote."""
    article = articles.get(citation["article_id"])
    if article is None or not citation["quote"]:
        return False
    return article.text[citation["start"] : citation["end"]] == str(citation["quote"])


def is_right(citation: Mapping[str, Any], case: Case, articles: Articles) -> bool:
    """Whether a citation is exact and shares words with a gold quote, or its article is gold whole."""
    return is_exact(citation, articles) and any(
        start < citation["end"] and citation["start"] < end
        for start, end in gold_spans(citation["article_id"], case, articles)
    )


def gold_spans(article_id: str, case: Case, articles: Articles) -> list[tuple[int, int]]:
    """Where the case's evidence stands in one article."""
    article = articles.get(article_id)
    if article is None:
        return []
    quotes = [item.quote for item in case.evidence if item.article == article_id]
    spans = [(0, len(article.text)) if quote is None else locate(article.text, quote) for quote in quotes]
    return [span for span in spans if span is not None]
