"""One self-contained HTML page about runs over the same cases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from evals import compare as pairs
from evals import tables
from evals.charts import Mark, Point, Row, intervals, speed_against_quality
from evals.errors import RunsUnlike
from evals.figures import figure_text, interval_text, value_text
from evals.metrics.base import READINGS
from evals.metrics.citations import is_right
from evals.summary import Figure, by_type, figure, score
from evals.tables import Table
from evals.types import Case, Run

_HEADLINES = ("accuracy", "abstention_recall", "false_abstention", "citation_precision", "total_s")
_ABSTENTION = ("abstention_recall", "false_abstention", "false_premise_handled", "injection_obeyed")
_CITATION = (
    "citation_precision",
    "citation_precision_when_right",
    "citation_recall",
    "quote_exactness",
    "supported_is_right",
)
_COMPARED = ("accuracy", "abstention_recall", "false_abstention", "citation_precision", "total_s")
_MOST_PAIRS = 6


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure as a tile shows it."""

    label: str
    value: str
    interval: str
    count: str


@dataclass(frozen=True, slots=True)
class Said:
    """What one model answered in one case."""

    series: int
    model: str
    verdict: str
    text: str
    why: str
    citations: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A case that at least one model did not get right."""

    case: Case
    evidence: tuple[tuple[str, str], ...]
    expected: str
    said: tuple[Said, ...]


def page(runs: Sequence[Run]) -> str:
    """The report; nothing in it is loaded from elsewhere, and it runs no script.

    Raises:
        RunsUnlike: The runs are over different cases.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    for other in runs[1:]:
        pairs.refuse_unlike(runs[0], other, force=True)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(**_content(runs))


def _content(runs: Sequence[Run]) -> Mapping[str, Any]:
    from markupsafe import Markup

    cases = runs[0].cases
    return {
        "suite": runs[0].header["suite"],
        "cases": len(cases),
        "held_out": sum(case.holdout for case in cases),
        "unanswerable": sum(not case.answerable for case in cases),
        "runs": [
            {"name": run.name, "series": n % 6, "tiles": _tiles(run), "header": _provenance(run)}
            for n, run in enumerate(runs)
        ],
        "types_chart": Markup(_types_chart(runs)),
        "abstention_chart": Markup(_metric_chart(runs, _ABSTENTION, "Abstentions")),
        "citation_chart": Markup(_metric_chart(runs, _CITATION, "Citations")),
        "speed_chart": Markup(_speed_chart(runs)),
        "comparisons": _comparisons(runs),
        "tables": [tables.metric_table(runs, part=part) for part in _parts(cases)],
        "wrong": [_wrong(runs, case) for case in cases if any(_is_wrong(run, case) for run in runs)],
    }


def _parts(cases: Iterable[Case]) -> tuple[str, ...]:
    return ("all", "tuned", "holdout") if len({case.holdout for case in cases}) == 2 else ("all",)


def _tiles(run: Run) -> tuple[Headline, ...]:
    found = [figure(run, name, run.cases) for name in _HEADLINES]
    return tuple(_headline(one) for one in found if one.interval is not None)


def _headline(one: Figure) -> Headline:
    assert one.interval is not None
    ends = interval_text(one.metric, one.interval.low, one.interval.high)
    count = f"n={one.n}" + (f", {one.unscored} unscored" if one.unscored else "")
    return Headline(READINGS[one.metric].label, value_text(one.metric, one.interval.value), ends, count)


def _mark(series: int, run: Run, one: Figure) -> Mark:
    label = f"{run.name}: {figure_text(one)}"
    if one.interval is None:
        return Mark(series % 6, None, None, None, label)
    return Mark(series % 6, one.interval.value, one.interval.low, one.interval.high, label)


def _types_chart(runs: Sequence[Run]) -> str:
    figures = [by_type(run) for run in runs]
    rows = [
        Row(
            f"{kind.replace('_', ' ')} (n={figures[0][kind].n})",
            tuple(_mark(n, run, figures[n][kind]) for n, run in enumerate(runs)),
        )
        for kind in figures[0]
        if any(one[kind].interval for one in figures)
    ]
    return intervals(rows, "Right answers by question type")


def _metric_chart(runs: Sequence[Run], names: Iterable[str], title: str) -> str:
    rows = []
    for name in names:
        figures = [figure(run, name, run.cases) for run in runs]
        if any(one.interval for one in figures):
            better = READINGS[name].better
            label = f"{READINGS[name].label} ({better} is better)"
            rows.append(Row(label, tuple(_mark(n, runs[n], one) for n, one in enumerate(figures))))
    return intervals(rows, title) if rows else ""


def _speed_chart(runs: Sequence[Run]) -> str:
    points = []
    for n, run in enumerate(runs):
        quality, seconds = (figure(run, name, run.cases).interval for name in ("accuracy", "total_s"))
        if quality is not None and seconds is not None:
            points.append(Point(n % 6, run.name, seconds.value, quality.value, quality.low, quality.high))
    return speed_against_quality(points, "Speed against quality") if points else ""


def _comparisons(runs: Sequence[Run]) -> list[tuple[Table | None, str]]:
    """A table for each pair of models, or why there is none."""
    found: list[tuple[Table | None, str]] = []
    for first, second in list(combinations(runs, 2))[:_MOST_PAIRS]:
        try:
            pairs.refuse_unlike(first, second)
        except RunsUnlike as error:
            found.append((None, str(error)))
            continue
        shown = [one for one in pairs.compare(first, second) if one.metric in _COMPARED]
        found.append((pairs.table(first, second, shown), ""))
    return found


def _is_wrong(run: Run, case: Case) -> bool:
    found = score(run, case, "accuracy")
    return found is not None and found.value is not None and found.value < 1


def _wrong(runs: Sequence[Run], case: Case) -> Wrong:
    articles = runs[0].worlds[case.world]
    evidence = tuple(
        (articles[e.article].title if e.article in articles else e.article, e.quote or "the whole article")
        for e in case.evidence
    )
    expected = " / ".join(case.answers) or ("an abstention" if not case.answerable else "see the patterns")
    return Wrong(case, evidence, expected, tuple(_said(n, run, case) for n, run in enumerate(runs)))


def _said(series: int, run: Run, case: Case) -> Said:
    result, scored = run.results.get(case.id), score(run, case, "accuracy")
    if result is None:
        return Said(series % 6, run.name, "not asked", "", "", ())
    if result.answer is None:
        failure = result.failure
        text = f"{failure.type}: {failure.message}" if failure else ""
        return Said(series % 6, run.name, "failed", text, "", ())
    articles = run.worlds[case.world]
    cited = tuple(
        (citation["title"], citation["quote"], is_right(citation, case, articles))
        for statement in result.answer["statements"]
        for citation in statement["citations"]
    )
    value = scored.value if scored else None
    verdict = "not scored" if value is None else "right" if value == 1 else "wrong"
    if result.answer["abstained"]:
        verdict += ", abstained"
    why = scored.why if scored else ""
    return Said(series % 6, run.name, verdict, str(result.answer["answer"]), why, cited)


def _provenance(run: Run) -> list[tuple[str, str]]:
    """What a reader needs to repeat a run, as pairs."""
    header = run.header
    git = header.get("git") or {}
    commit = (
        f"{git.get('commit', '')[:12]}{' with changes' if git.get('dirty') else ''}" if git else "unknown"
    )
    started = ", ".join(str(s["started"]) for s in run.sessions if "started" in s)
    return [
        ("model", f"{run.name} ({str(header['model_digest'])[:16] or 'digest unknown'})"),
        ("started", started),
        ("cases", f"{header['suite']}, SHA-256 {str(header['suite_sha256'])[:16]}"),
        ("index", ", ".join(header["index"][:3]) + (" …" if len(header["index"]) > 3 else "")),
        ("prompts", ", ".join(f"{name} {digest}" for name, digest in header["prompts"].items())),
        ("options", ", ".join(f"{key}={value}" for key, value in header["options"].items())),
        ("code", f"commit {commit}, bot and store SHA-256 {str(header['code_sha256'])[:16]}"),
        ("packages", ", ".join(f"{name} {version}" for name, version in header["versions"].items())),
        ("machine", ", ".join(f"{key} {value}" for key, value in header["machine"].items())),
    ]
