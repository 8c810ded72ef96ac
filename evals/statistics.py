"""Intervals and paired tests, by scipy; every figure in a report comes from here with its n."""

from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 2000
SEED = 7
FEWEST_CLUSTERS = 8
"""With fewer articles than this, resampling whole articles says little; cases are resampled instead."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval; the ends are None where there is too little to say."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Unit:
    """What one case gives to a figure: the sum of its units, how many they are, and its article."""

    total: float
    count: int
    cluster: str


def proportion(successes: int, n: int) -> Interval:
    """A share with its Wilson interval.

    Raises:
        ValueError: `n` is 0; nothing counted is no share.
    """
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Interval(successes / n, float(found.low), float(found.high))


def ratio(units: Sequence[Unit]) -> Interval:
    """A mean over all units of all cases, resampled by article where articles are many enough."""
    value = sum(u.total for u in units) / sum(u.count for u in units)
    pairs = _clustered(units)
    if len(pairs) < 2:
        return Interval(value, None, None)
    return Interval(value, *_bootstrap_ratio(pairs))


def _clustered(units: Sequence[Unit]) -> list[tuple[float, float]]:
    by_article = len({u.cluster for u in units}) >= FEWEST_CLUSTERS
    clusters: dict[str, tuple[float, float]] = {}
    for number, unit in enumerate(units):
        name = unit.cluster if by_article else str(number)
        total, count = clusters.get(name, (0.0, 0.0))
        clusters[name] = (total + unit.total, count + unit.count)
    return list(clusters.values())


def _bootstrap_ratio(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    import numpy as np
    from scipy.stats import bootstrap

    totals = np.array([total for total, _ in pairs])
    counts = np.array([count for _, count in pairs])
    if np.allclose(totals, counts * (totals.sum() / counts.sum())):
        same = float(totals.sum() / counts.sum())
        return same, same
    found = bootstrap(
        (totals, counts),
        lambda t, c, axis: t.sum(axis=axis) / c.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def median(values: Sequence[float]) -> Interval:
    """The median with a bootstrap interval."""
    import numpy as np
    from scipy.stats import bootstrap

    middle = float(np.median(values))
    if len(values) < 3 or min(values) == max(values):
        return Interval(middle, *((middle, middle) if len(values) >= 3 else (None, None)))
    found = bootstrap(
        (np.array(values),),
        np.median,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    return Interval(middle, float(found.confidence_interval.low), float(found.confidence_interval.high))


def paired_difference(units: Sequence[Unit]) -> Interval:
    """Mean of per-case differences, second run minus first, resampled by article where these are many."""
    return ratio(units)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p for cases that only one of two runs got right; 1 when there are none."""
    from scipy.stats import binomtest

    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return float(binomtest(only_first, discordant, 0.5).pvalue)
