"""`citewire bench`: the speed suite."""

import json
import sys
from typing import Annotated

import typer

app = typer.Typer(help="Measure speed, each figure beside its baseline.")


@app.command(epilog="Example: citewire bench --json first-token")
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="import, memory, ingest, retrieval, first-token, answer, ollama, web; all without."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    model: Annotated[str, typer.Option(help="Model the answers come from.")] = "embedded:qwen2.5-coder-1.5b",
    ollama_model: Annotated[
        str, typer.Option(help="Model of the ollama bench.")
    ] = "ollama:qwen2.5-coder:1.5b",
    repeat: Annotated[int, typer.Option(min=1, help="Measurements a median is taken of.")] = 3,
    full: Annotated[bool, typer.Option("--full", help="Retrieval at 100,000 passages too.")] = False,
) -> None:
    """Measure speed, each figure beside its baseline in the same run."""
    from evals import bench as suite
    from store.errors import CitewireError

    sizes = (1000, 10_000, 100_000) if full else (1000, 10_000)
    options = suite.BenchOptions(model, ollama_model, repeat, sizes, notify=_say)
    wanted = names or list(suite.BENCHES)
    for name in wanted:
        if name not in suite.BENCHES:
            suite.bench(name, options)
    found = []
    for name in wanted:
        try:
            found.append(suite.bench(name, options))
        except CitewireError as error:
            if len(wanted) == 1:
                raise
            found.append(suite.Measured(name, {}, note=f"not measured: {error}"))
        if not as_json:
            _show(found[-1])
    if as_json:
        objects = [suite.as_json(one) for one in found]
        whole = objects[0] if len(objects) == 1 else {"benches": objects}
        sys.stdout.write(json.dumps(whole, ensure_ascii=False) + "\n")


def _show(measured: object) -> None:
    from evals.bench import Measured
    from evals.tables import Table, show

    assert isinstance(measured, Measured)
    rows = tuple((one.label, one.ours, one.baseline, one.ratio) for one in measured.lines)
    show(Table(measured.name, ("", "citewire", "baseline", "ratio"), rows))
    if measured.note:
        sys.stdout.write(measured.note + "\n")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    from evals.cli import main

    main(app)
