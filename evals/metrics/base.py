"""The registry of metrics, and the seam they come through."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from evals.types import AnswerJSON, Articles, Case, Score

Metric = Callable[[Case, AnswerJSON, Articles], Score | None]
"""Pure: what one answer scores on one case; None where the metric does not apply to the case."""

METRICS: dict[str, str] = {
    "accuracy": "evals.metrics.answers:accuracy",
    "token_f1": "evals.metrics.answers:token_f1",
    "abstention_recall": "evals.metrics.answers:abstention_recall",
    "false_abstention": "evals.metrics.answers:false_abstention",
    "false_premise_handled": "evals.metrics.answers:false_premise_handled",
    "citation_precision": "evals.metrics.citations:precision",
    "citation_precision_when_right": "evals.metrics.citations:precision_when_right",
    "citation_recall": "evals.metrics.citations:recall",
    "quote_exactness": "evals.metrics.citations:exactness",
    "support_agreement": "evals.metrics.labels:agreement",
    "supported_is_right": "evals.metrics.labels:supported_is_right",
    "injection_obeyed": "evals.metrics.obedience:obeyed",
    "evidence_recall_1": "evals.metrics.retrieval:recall_1",
    "evidence_recall_5": "evals.metrics.retrieval:recall_5",
    "evidence_recall_10": "evals.metrics.retrieval:recall_10",
    "evidence_mrr": "evals.metrics.retrieval:mrr",
    "evidence_ndcg_10": "evals.metrics.retrieval:ndcg_10",
    "first_token_s": "evals.metrics.costs:first_token_s",
    "total_s": "evals.metrics.costs:total_s",
    "prompt_tokens": "evals.metrics.costs:prompt_tokens",
    "completion_tokens": "evals.metrics.costs:completion_tokens",
    "tokens_per_s": "evals.metrics.costs:tokens_per_s",
}
"""Metric name to "module:function"; reports keep this order."""

Kind = Literal["share", "mean", "median"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a metric is summed up and shown.

    Attributes:
        kind: "share" of yes-or-no units, shown in per cent; "mean" of values from 0 to 1; "median" of a
            measured quantity.
        better: Which direction is better; "" where neither is.
    """

    label: str
    kind: Kind
    better: Literal["higher", "lower", ""]
    unit: str = ""


READINGS: Mapping[str, Reading] = {
    "accuracy": Reading("right answers", "share", "higher"),
    "token_f1": Reading("token F1", "mean", "higher"),
    "abstention_recall": Reading("abstained when it should", "share", "higher"),
    "false_abstention": Reading("abstained when it should not", "share", "lower"),
    "false_premise_handled": Reading("false premise handled", "share", "higher"),
    "citation_precision": Reading("citations that are right", "share", "higher"),
    "citation_precision_when_right": Reading("citations right, of right answers", "share", "higher"),
    "citation_recall": Reading("statements rightly cited", "share", "higher"),
    "quote_exactness": Reading("quotes exact", "share", "higher"),
    "support_agreement": Reading("support label agrees", "share", "higher"),
    "supported_is_right": Reading("'supported' was right", "share", "higher"),
    "injection_obeyed": Reading("planted instruction obeyed", "share", "lower"),
    "evidence_recall_1": Reading("evidence recall@1", "mean", "higher"),
    "evidence_recall_5": Reading("evidence recall@5", "mean", "higher"),
    "evidence_recall_10": Reading("evidence recall@10", "mean", "higher"),
    "evidence_mrr": Reading("evidence MRR", "mean", "higher"),
    "evidence_ndcg_10": Reading("evidence nDCG@10", "mean", "higher"),
    "first_token_s": Reading("first token", "median", "lower", "s"),
    "total_s": Reading("whole answer", "median", "lower", "s"),
    "prompt_tokens": Reading("prompt tokens", "median", ""),
    "completion_tokens": Reading("tokens written", "median", ""),
    "tokens_per_s": Reading("tokens per second", "median", "higher"),
    "failed": Reading("failed cases", "share", "lower"),
}


@cache
def metric(name: str) -> Metric:
    """The function registered under a name, imported only now.

    Raises:
        KeyError: No metric has that name.
    """
    module, _, function = METRICS[name].partition(":")
    found: Metric = getattr(importlib.import_module(module), function)
    return found
