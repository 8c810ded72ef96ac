"""Small cases, articles and answers whose scores can be worked out by eye."""

from typing import Any

from evals.types import ArticleRecord, Case, Evidence

TEXT = "The bridge opened on Monday. Mayor Ana Ruiz cut the ribbon. It cost 12 million crowns."
#       0                            29                             60
ARTICLES = {
    "bridge": ArticleRecord(
        "bridge", "Bridge opens", TEXT, "Wire", "2024-05-06", ((0, 28), (29, 59), (60, 86))
    )
}


def case(**fields: Any) -> Case:
    """Who cut the ribbon, unless told otherwise."""
    given: dict[str, Any] = {
        "id": "c1",
        "question": "Who cut the ribbon?",
        "answerable": True,
        "answers": ("Ana Ruiz",),
        "evidence": (Evidence("bridge", "Mayor Ana Ruiz cut the ribbon."),),
        "type": "who",
    }
    return Case(**{**given, **fields})


def citation(start: int, end: int, **fields: Any) -> dict[str, Any]:
    """Words of the bridge article."""
    return {
        "article_id": "bridge",
        "quote": TEXT[start:end],
        "start": start,
        "end": end,
        "title": "t",
    } | fields


def statement(text: str, *citations: dict[str, Any], support: str = "supported") -> dict[str, Any]:
    return {"text": text, "support": support, "score": 0.9, "citations": list(citations)}


def answer(text: str = "Ana Ruiz.", *statements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An answer as JSON with as much as metrics read."""
    return {
        "answer": text,
        "abstained": False,
        "reason": None,
        "statements": list(statements),
        "conflicts": [],
        "hits": [],
        "timings_s": {"first_token": 0.5, "total": 2.0},
        "tokens": {"prompt": 100, "completion": 12},
    } | fields


def abstention() -> dict[str, Any]:
    return answer("Your articles do not state this.", abstained=True, reason="not_stated")


def hit(start: int, end: int) -> dict[str, Any]:
    return {"article_id": "bridge", "start": start, "end": end, "score": 1.0}
