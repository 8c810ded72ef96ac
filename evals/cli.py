"""`citewire eval`: run, compare, report, gate, fit, heads, adapter."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from store.errors import CitewireError, ConfigError

if TYPE_CHECKING:
    from evals.types import Case, Run

app = typer.Typer(no_args_is_help=True, help="Measure answers on cases, and compare models.")


class Part(StrEnum):
    """Which cases: those open to tuning, those held out, or both."""

    tuned = "tuned"
    holdout = "holdout"
    all = "all"


Cases = Annotated[
    str, typer.Option("--cases", help="deal, archive, or the path of a cases.jsonl or attacks.jsonl.")
]
Articles = Annotated[
    Path | None, typer.Option("--articles", help="Articles in place of the articles.jsonl beside the cases.")
]
Out = Annotated[Path, typer.Option("--out", help="Folder of the results; an interrupted run goes on there.")]
_HANDED_ON: dict[str, Any] = {
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
    "add_help_option": False,
}
RunFolder = Annotated[Path, typer.Argument(help="Folder of a run, or one model's results file in it.")]


@app.command(
    epilog="Example: citewire eval run --cases deal --model embedded:qwen2.5-coder-1.5b --out runs/deal"
)
def run(
    cases: Cases,
    out: Out,
    model: Annotated[list[str], typer.Option("--model", help="A model; give it again for each.")],
    limit: Annotated[int, typer.Option(min=0, help="At most that many cases, spread over all.")] = 0,
    part: Annotated[Part, typer.Option(help="Cases open to tuning, held out, or all.")] = Part.all,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only this question type.")] = None,
    ids: Annotated[str, typer.Option(help="Only these cases, with commas between.")] = "",
    articles: Articles = None,
    plant_into: Annotated[str, typer.Option(help="Suite that attacks are planted into.")] = "deal",
    seed: Annotated[int, typer.Option(help="Of where attacks are planted.")] = 7,
    judge: Annotated[str, typer.Option(help="Another model that gives its opinion, reported apart.")] = "",
    base_url: Annotated[str | None, typer.Option(help="Server of ollama: and openai: models.")] = None,
    libraries: Annotated[Path | None, typer.Option(help="Folder libraries are kept in.")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="List the wrong answers too.")] = False,
    every_check: Annotated[
        bool, typer.Option("--every-check", help="Ask checks that change nothing too, for `eval fit`.")
    ] = False,
    in_fresh_process: Annotated[
        int, typer.Option(min=0, help="Then ask that many cases in a process each: what sharing saves.")
    ] = 0,
) -> None:
    """Ask every case of every model; results are kept after each case."""
    from evals.judge import judge_with, refuse_self_judging
    from evals.records import read_runs
    from evals.runner import run as run_cases
    from evals.suites import load_suite, select
    from evals.workbench import LocalWorkbench

    suite = load_suite(cases, articles=articles, plant_into=plant_into, seed=seed)
    chosen_types, chosen_ids = tuple(type_ or ()), tuple(filter(None, ids.split(",")))
    chosen = select(suite.cases, part=part, types=chosen_types, ids=chosen_ids, limit=limit)
    if not chosen:
        raise typer.BadParameter("no case is left by --part, --type, --ids and --limit")
    refuse_self_judging(judge, model)
    workbench = LocalWorkbench(
        suite.worlds, folder=libraries, base_url=base_url, every_check=every_check, notify=_say
    )
    selection = {"part": str(part), "type": list(chosen_types), "ids": list(chosen_ids), "limit": limit}
    try:
        with judge_with(judge, base_url=base_url) as opinion:
            done = run_cases(
                suite, chosen, model, out, workbench, selection=selection, judge=opinion, judge_spec=judge
            )
    finally:
        workbench.close()
    for one in done:
        if one.missing:
            _say(f"{one.spec} was not run: {one.missing}")
    if all(one.missing for one in done):
        raise typer.Exit(69)
    _show(read_runs(out), [one.spec for one in done if not one.missing], wrong=wrong)
    for one in done:
        if in_fresh_process and one.asked:
            _show_fresh(one.spec, chosen, workbench.path(0), in_fresh_process, one.seconds / one.asked)
    if any(one.missing for one in done):
        raise typer.Exit(69)


@app.command(epilog="Example: citewire eval compare runs/deal --model A --model B")
def compare(
    folders: Annotated[list[Path], typer.Argument(help="One or two run folders or results files.")],
    model: Annotated[list[str] | None, typer.Option("--model", help="First and second model.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare although more than one thing differs.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Pair two runs case by case and say what difference is shown."""
    from evals import compare as pairs
    from evals import tables

    first, second = _two_runs(folders, model or [])
    other = pairs.refuse_unlike(first, second, force=force)
    table = pairs.table(first, second, pairs.compare(first, second))
    if markdown:
        sys.stdout.write(tables.markdown(table))
    else:
        tables.show(table)
    lost, won = pairs.flips(first, second)
    sys.stdout.write(f"What differs: {', '.join(other) or 'nothing but the run'}.\n")
    sys.stdout.write(f"Only first right: {', '.join(c.id for c in lost) or 'none'}.\n")
    sys.stdout.write(f"Only second right: {', '.join(c.id for c in won) or 'none'}.\n")


def _two_runs(folders: list[Path], models: list[str]) -> "tuple[Run, Run]":
    """The first model is looked for in the first folder, the second in the last."""
    from evals.records import read_runs

    first, second = list(read_runs(folders[0])), list(read_runs(folders[-1]))
    if models:
        names = [models[0], models[-1]]
        first = [run for run in first if run.name == names[0]]
        second = [run for run in second if run.name == names[1]]
    if len(folders) == 1 and not models and len(first) == 2:
        first, second = first[:1], second[1:]
    if len(first) != 1 or len(second) != 1:
        raise typer.BadParameter("name the two models with --model A --model B")
    return first[0], second[0]


@app.command(epilog="Example: citewire eval report runs/deal --html report.html")
def report(
    folders: Annotated[list[Path], typer.Argument(help="Run folders or results files over one suite.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write one self-contained page.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    part: Annotated[Part, typer.Option(help="Cases open to tuning, held out, or all.")] = Part.all,
    wrong: Annotated[bool, typer.Option("--wrong", help="List the wrong answers too.")] = False,
) -> None:
    """Show runs as tables, as Markdown, or as a page with charts and every wrong answer."""
    from evals import tables
    from evals.records import read_runs
    from evals.report import page

    runs = [run for folder in folders for run in read_runs(folder)]
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page(runs), encoding="utf-8")
        _say(f"wrote {html}")
        return
    found = [tables.metric_table(runs, part=str(part)), tables.type_table(runs)]
    found += [tables.wrong_table(run) for run in runs] if wrong else []
    for table in found:
        if markdown:
            sys.stdout.write(tables.markdown(table) + "\n")
        else:
            tables.show(table)


@app.command(epilog="Example: citewire eval gate runs/deal --thresholds gate.toml")
def gate(
    folder: RunFolder,
    thresholds: Annotated[Path, typer.Option("--thresholds", help="A TOML file of [[check]] tables.")],
) -> None:
    """Check a run against thresholds: exit code 0 passed, 1 failed, 2 could not be checked."""
    from evals import gate as gates
    from evals import tables
    from evals.errors import GateBroken, RunDamaged
    from evals.records import read_runs

    try:
        verdicts = gates.judge(read_runs(folder), gates.read_checks(thresholds))
    except RunDamaged as error:
        raise GateBroken(str(error)) from error
    tables.show(gates.table(verdicts))
    raise typer.Exit(0 if all(one.passed for one in verdicts) else 1)


@app.command(
    **_HANDED_ON,
    epilog="Example: citewire eval fit runs/deal",
)
def fit(context: typer.Context) -> None:
    """Fit a model's calibration to graded answers."""
    _hand_on("evals.fit", context)


@app.command(
    **_HANDED_ON,
    epilog="Example: citewire eval heads --model embedded:qwen2.5-coder-1.5b --cases deal",
)
def heads(context: typer.Context) -> None:
    """Fit what a model's checks are read by to labelled pairs."""
    _hand_on("evals.heads", context)


@app.command(
    **_HANDED_ON,
    epilog="Example: citewire eval adapter --model embedded:qwen2.5-coder-1.5b --cases training --judge news",
)
def adapter(context: typer.Context) -> None:
    """Train what tells whether an article answers a question."""
    import importlib.util

    if lacking := [name for name in ("jax", "gguf") if importlib.util.find_spec(name) is None]:
        raise ConfigError(f"Training needs {' and '.join(lacking)}. Run: uv pip install jax gguf")
    _hand_on("evals.adapter", context)


def _hand_on(module: str, context: typer.Context) -> None:
    """To the `main` of a module that reads its own arguments and help; it loads scipy, which no other command needs."""
    import importlib

    importlib.import_module(module).main(context.args)


def _show_fresh(spec: str, cases: "tuple[Case, ...]", library: Path, count: int, shared_s: float) -> None:
    from evals.fresh import fresh_times

    found = fresh_times(cases, spec, library, count=count, shared_s=shared_s)
    sys.stdout.write(
        f"{spec}: {found.shared_s:.2f} s a case in this run; in a process each, over {found.cases} cases, "
        f"{found.cold_s:.2f} s with nothing kept ({found.cold_s / found.shared_s:.1f} times) and "
        f"{found.kept_s:.2f} s with the article's state on disk ({found.kept_s / found.shared_s:.1f} times).\n"
    )


def _show(runs: "tuple[Run, ...]", specs: list[str], *, wrong: bool) -> None:
    from evals.tables import metric_table, show, type_table, wrong_table

    chosen = [run for run in runs if run.name in specs]
    for table in (metric_table(chosen), type_table(chosen)):
        show(table)
    if wrong:
        for one in chosen:
            show(wrong_table(one))


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(call: Callable[[], object] = app) -> None:
    """For `python -m evals.cli`: errors as one line each, and their exit codes."""
    try:
        call()
    except CitewireError as error:
        _say(f"citewire: {error}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
