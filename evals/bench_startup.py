"""What starting costs: time until `--help` is there, and memory of a process that has answered."""

import subprocess
import sys

from evals.bench import BenchOptions, Line, Measured, line, medians, process_seconds, seed_library

_PROBE = """
import json, resource, sys
from pathlib import Path
def peak(pid="self"):
    # ru_maxrss of a new process begins at that of the one that started it; the kernel's own mark does not.
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
import bot.answering
sizes = {"imported_mib": peak()}
from bot import weights
from bot.models.base import EngineOptions
from bot.models.opening import open_engine
from store.embeddings import DEFAULT_EMBEDDER, open_embedder
from store.library import Library
embedder = open_embedder(DEFAULT_EMBEDDER, weights_dir=weights.folder(), fetch=weights.ensure)
library = Library.open(Path(sys.argv[1]), embedder=embedder)
library.search("Who signed the agreement?", 10)
sizes["library_open_mib"] = peak()
engine = open_engine(sys.argv[2], EngineOptions())
bot.answering.Answering(library, engine).answer("Who signed the agreement?")
import psutil  # the embedded model has a process of its own
sizes["answered_mib"] = peak() + sum(peak(child.pid) for child in psutil.Process().children())
engine.close()
print(json.dumps(sizes))
"""


def startup(options: BenchOptions) -> Measured:
    """`citewire --help` in a fresh process against importing the two packages any such CLI needs."""
    found = medians(
        {
            "help_s": lambda: process_seconds(["-m", "bot", "--help"]),
            "typer_rich_s": lambda: process_seconds(["-c", "import typer, rich"]),
            "python_s": lambda: process_seconds(["-c", "pass"]),
        },
        max(5, options.repeat),
    )
    figures = {**found, "times_baseline": found["help_s"] / found["typer_rich_s"]}
    shown = line("citewire --help", found["help_s"], found["typer_rich_s"], "s", against="import typer, rich")
    return Measured("import", figures, (shown,))


def memory(options: BenchOptions) -> Measured:
    """Peak memory of a process that opens a library and answers once, against the model's own weights."""
    import json

    from bot import weights

    with seed_library() as (path, _):
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, str(path), options.model],
            check=True,
            capture_output=True,
            text=True,
            timeout=1200,
        )
    sizes: dict[str, float] = json.loads(done.stdout.strip().split("\n")[-1])
    name = options.model.partition(":")[2]
    known = weights.REGISTRY.get(name)
    model_mib = known.bytes / 2**20 if known else None
    shown = [
        Line("answer path imported", f"{sizes['imported_mib']:.0f} MiB"),
        Line("library open, one search", f"{sizes['library_open_mib']:.0f} MiB"),
    ]
    if model_mib:
        shown.append(
            line("after one answer", sizes["answered_mib"], model_mib, "MiB", against="the weights file")
        )
    return Measured("memory", {**sizes, "weights_file_mib": model_mib}, tuple(shown))
