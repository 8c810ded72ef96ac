"""A run as tables: for the terminal and as Markdown, from the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.figures import ABSENT, figure_text
from evals.metrics.base import READINGS
from evals.statistics import proportion
from evals.summary import by_type, figure, judged, names, wrong_cases
from evals.types import Run

JUDGED, JUDGE_AGREES = "judge: right", "judge agrees with the rules"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading; the first column is what the row is about."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def metric_table(runs: Sequence[Run], *, part: str = "all") -> Table:
    """Every metric that applies to some case, one column a model."""
    rows = []
    for name in names():
        figures = [
            figure(run, name, [c for c in run.cases if part == "all" or c.holdout == (part == "holdout")])
            for run in runs
        ]
        if any(one.n or one.unscored for one in figures):
            rows.append((READINGS[name].label, *(figure_text(one) for one in figures)))
    if any(run.header.get("judge") for run in runs):
        rows += [(label, *(judge_text(run, label) for run in runs)) for label in (JUDGED, JUDGE_AGREES)]
    titles = {"all": "all cases", "tuned": "cases open to tuning", "holdout": "held-out cases"}
    return Table(f"{runs[0].header['suite']}: {titles[part]}", ("", *(run.name for run in runs)), tuple(rows))


def judge_text(run: Run, label: str) -> str:
    """The judge's opinion, apart from the scores, and how often it agrees with them."""
    opinions = judged(run)
    if not opinions:
        return ABSENT
    hits = sum(agrees if label == JUDGE_AGREES else right for right, agrees in opinions)
    found = proportion(hits, len(opinions))
    return f"{100 * found.value:.1f} % [{100 * (found.low or 0):.1f} to {100 * (found.high or 0):.1f}] n={len(opinions)}"


def type_table(runs: Sequence[Run]) -> Table:
    """Right answers by question type."""
    figures = [by_type(run) for run in runs]
    types = sorted({kind for one in figures for kind in one})
    rows = tuple(
        (kind, *(figure_text(one[kind]) if kind in one else ABSENT for one in figures)) for kind in types
    )
    return Table("Right answers by type", ("", *(run.name for run in runs)), rows)


def wrong_table(run: Run) -> Table:
    """Every wrong answer with why, for the terminal."""
    rows = []
    for case, scored in wrong_cases(run):
        result = run.results[case.id]
        said = result.answer["answer"] if result.answer else result.failure.message if result.failure else ""
        rows.append((case.id, case.type, case.question, str(said), scored.why))
    return Table(f"Wrong: {run.name}", ("case", "type", "question", "said", "why"), tuple(rows))


def markdown(table: Table) -> str:
    """The table as Markdown."""
    lines = [f"**{table.title}**", "", _line(table.columns), _line(["---"] * len(table.columns))]
    return "\n".join([*lines, *(_line(row) for row in table.rows)]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def show(table: Table) -> None:
    """Prints the table on standard output, as wide as the terminal or as the table needs."""
    import sys

    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console() if sys.stdout.isatty() else Console(width=240, color_system=None)
    shown = RichTable(title=table.title, title_justify="left", pad_edge=False)
    for number, column in enumerate(table.columns):
        shown.add_column(column, no_wrap=number == 0)
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)
