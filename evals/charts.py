"""Inline SVG charts that keep their text size at any width: positions in per cent, sizes in pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LANE = 16
_HEAD = 26
_AXIS = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """One value of one series.

    Attributes:
        series: Index of the model; picks its colour.
        value: From 0 to 1; None where nothing was measured.
    """

    series: int
    value: float | None
    low: float | None
    high: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the chart: a name and its mark of each series."""

    name: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One model in the plane of seconds and right answers."""

    series: int
    name: str
    seconds: float
    value: float
    low: float | None
    high: float | None


def intervals(rows: Sequence[Row], title: str) -> str:
    """Dots with their 95 % intervals on a scale from 0 to 100 %, one block a row."""
    parts: list[str] = []
    y = 4.0
    for row in rows:
        parts.append(f'<text class="name" x="0" y="{y + 13:.0f}">{escape(row.name)}</text>')
        y += _HEAD - 4
        for mark in row.marks:
            parts.append(_dot(mark, y + _LANE / 2))
            y += _LANE
        y += 8
    height = y + _AXIS
    grid = "".join(_tick(x, y, f"{x} %") for x in (0, 25, 50, 75, 100))
    return _svg(title, height, grid + "".join(parts))


def _dot(mark: Mark, y: float) -> str:
    track = f'<line class="track" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
    if mark.value is None:
        return f'{track}<text class="note" x="0" y="{y + 4:.1f}">not measured</text>'
    bar = ""
    if mark.low is not None and mark.high is not None:
        bar = (
            f'<line class="bar s{mark.series}" x1="{100 * mark.low:.2f}%" x2="{100 * mark.high:.2f}%" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    dot = f'<circle class="dot s{mark.series}" cx="{100 * mark.value:.2f}%" cy="{y:.1f}" r="5"/>'
    return f"<g><title>{escape(mark.label)}</title>{track}{bar}{dot}</g>"


def _tick(x: float, bottom: float, text: str) -> str:
    anchor = "start" if x == 0 else "end" if x == 100 else "middle"
    return (
        f'<line class="grid" x1="{x}%" x2="{x}%" y1="0" y2="{bottom:.0f}"/>'
        f'<text class="tick" x="{x}%" y="{bottom + 16:.0f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def speed_against_quality(points: Sequence[Point], title: str) -> str:
    """Right answers over the median seconds of a whole answer; up and to the left is better."""
    top, height = 12, 240
    most = _nice(1.25 * max(point.seconds for point in points))
    parts = [
        f'<text class="tick" x="0" y="{top + height + 32}">median seconds for a whole answer</text>',
        *(_tick(100 * i / 4, top + height, f"{most * i / 4:g} s") for i in range(5)),
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = top + height * (1 - share)
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{y:.0f}" y2="{y:.0f}"/>')
        parts.append(f'<text class="tick" x="2" y="{y - 4:.0f}">{100 * share:.0f} %</text>')
    labels_at: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: -p.value):
        x, y = 100 * point.seconds / most, top + height * (1 - point.value)
        if point.low is not None and point.high is not None:
            ends = [top + height * (1 - end) for end in (point.low, point.high)]
            parts.append(
                f'<line class="bar s{point.series}" x1="{x:.2f}%" x2="{x:.2f}%" '
                f'y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
            )
        shown = f"{point.name}: {100 * point.value:.1f} % right, {point.seconds:.2f} s"
        parts.append(
            f'<g><title>{escape(shown)}</title><circle class="dot s{point.series}" cx="{x:.2f}%" '
            f'cy="{y:.1f}" r="6"/></g>'
        )
        label_y = y + 4
        while any(abs(label_y - other) < 15 for _, other in labels_at):
            label_y += 15
        labels_at.append((x, label_y))
        side, shift = ("end", -12) if x > 55 else ("start", 12)
        parts.append(
            f'<text class="name" x="{x:.2f}%" dx="{shift}" y="{label_y:.1f}" text-anchor="{side}">'
            f"{escape(_short(point.name))}</text>"
        )
    return _svg(title, top + height + 40, "".join(parts))


def _short(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:14]}…{name[-14:]}"


def _nice(most: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten, so that quarters of it are round."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return float(next(step * power for step in (1, 2, 4, 8, 10, 20) if step * power >= most))


def _svg(title: str, height: float, content: str) -> str:
    return f'<svg role="img" aria-label="{escape(title)}" width="100%" height="{height:.0f}">{content}</svg>'
