"""Figures as people read them: per cent, seconds, intervals, counts."""

from evals.metrics.base import READINGS
from evals.summary import Figure

ABSENT = "–"


def value_text(name: str, value: float | None) -> str:
    """One value in the metric's unit."""
    if value is None:
        return ABSENT
    reading = READINGS[name]
    if reading.kind == "share":
        return f"{100 * value:.1f} %"
    if reading.kind == "mean":
        return f"{value:.3f}"
    text = f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
    return f"{text} {reading.unit}".strip()


def interval_text(name: str, low: float | None, high: float | None) -> str:
    """The ends of an interval, without repeating the unit."""
    if low is None or high is None:
        return ""
    ends = [value_text(name, end).split(" ")[0] for end in (low, high)]
    return f"{ends[0]} to {ends[1]}"


def count_text(figure: Figure) -> str:
    """How many units the figure is of, and how many could not be scored."""
    text = f"n={figure.n:,}"
    return f"{text}, {figure.unscored} unscored" if figure.unscored else text


def figure_text(figure: Figure) -> str:
    """Value, interval and n in one line."""
    if figure.interval is None:
        return f"{ABSENT} ({figure.unscored} unscored)" if figure.unscored else ABSENT
    ends = interval_text(figure.metric, figure.interval.low, figure.interval.high)
    shown = value_text(figure.metric, figure.interval.value)
    return f"{shown} [{ends}] {count_text(figure)}" if ends else f"{shown} {count_text(figure)}"
