"""Log-odds of one first token against another, from a list of the likeliest."""

import math
from collections.abc import Iterable, Sequence

_BELOW = 1e-3
"""How far, in natural log, an unlisted token counts below the least likely listed one."""


def log_odds(listed: Iterable[tuple[str, float]], yes: Sequence[str], no: Sequence[str]) -> float | None:
    """Natural-log odds of `yes` against `no`.

    Args:
        listed: Tokens with their natural-log probabilities.

    Returns: None for an empty list; 0 when neither side is listed.
    """
    known = [(token, logprob) for token, logprob in listed if math.isfinite(logprob)]
    if not known:
        return None
    floor = min(logprob for _, logprob in known) - _BELOW
    return _log_sum(known, yes, floor) - _log_sum(known, no, floor)


def _log_sum(known: Sequence[tuple[str, float]], wanted: Sequence[str], floor: float) -> float:
    found = [logprob for token, logprob in known if token in wanted]
    if not found:
        return floor
    return log_sum(found)


def log_sum(values: Sequence[float]) -> float:
    """The logarithm of the sum of what these are the logarithms of."""
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
