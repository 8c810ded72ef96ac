"""How well the passages found for a question hold its gold evidence, by the field's reference code."""

from functools import lru_cache

from evals.metrics.citations import gold_spans
from evals.types import AnswerJSON, Articles, Case, Score

_MEASURES = {"recall.1,5,10", "recip_rank", "ndcg_cut.10"}


def recall_1(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Share of the relevant passages that stand first; more than one relevant passage keeps it below 1."""
    return _score("recall_1", case, answer, articles)


def recall_5(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Share of the relevant passages among the first five."""
    return _score("recall_5", case, answer, articles)


def recall_10(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Share of the relevant passages among the first ten."""
    return _score("recall_10", case, answer, articles)


def mrr(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """One over the rank of the first relevant passage; 0 when there is none."""
    return _score("recip_rank", case, answer, articles)


def ndcg_10(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Normalised discounted cumulative gain over the first ten, every relevant passage worth the same."""
    return _score("ndcg_cut_10", case, answer, articles)


def _score(measure: str, case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    if not case.evidence:
        return None
    relevant = _relevant(case, articles)
    if not relevant:
        return Score(None, why="the evidence is in no passage of the library")
    whole = all(item.quote is None for item in case.evidence)
    found = dict.fromkeys(
        hit["article_id"] if whole else f"{hit['article_id']}:{hit['start']}" for hit in answer["hits"]
    )
    return Score(_measured(tuple(sorted(relevant)), tuple(found))[measure])


def _relevant(case: Case, articles: Articles) -> set[str]:
    """Passages that share words with a gold quote; articles where the evidence names no quote at all."""
    if all(item.quote is None for item in case.evidence):
        return {item.article for item in case.evidence if item.article in articles}
    return {
        f"{article_id}:{start}"
        for article_id in {item.article for item in case.evidence} & set(articles)
        for gold_start, gold_end in gold_spans(article_id, case, articles)
        for start, end in articles[article_id].passages
        if start < gold_end and gold_start < end
    }


@lru_cache(maxsize=4096)
def _measured(relevant: tuple[str, ...], found: tuple[str, ...]) -> dict[str, float]:
    import pytrec_eval

    if not found:
        return dict.fromkeys(("recall_1", "recall_5", "recall_10", "recip_rank", "ndcg_cut_10"), 0.0)
    evaluator = pytrec_eval.RelevanceEvaluator({"case": dict.fromkeys(relevant, 1)}, _MEASURES)
    ranked = {key: float(len(found) - rank) for rank, key in enumerate(found)}
    measured: dict[str, float] = evaluator.evaluate({"case": ranked})["case"]
    return measured
