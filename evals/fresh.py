"""What sharing one process saves: the same cases, each asked in a process of its own."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.suites import select
from evals.types import Case

_ANSWERED = (0, 3)
"""Exit codes of an answer and of an abstention."""


@dataclass(frozen=True, slots=True)
class FreshTimes:
    """Median seconds a case.

    Attributes:
        shared_s: In the run, everything in one process.
        kept_s: A process each, the article's state kept on disk from earlier questions.
        cold_s: A process each, nothing kept.
    """

    shared_s: float
    kept_s: float
    cold_s: float
    cases: int


def fresh_times(
    cases: Sequence[Case], spec: str, library: Path, *, count: int, shared_s: float
) -> FreshTimes:
    """Asks some cases with `citewire ask`, spread over all of the first world without history.

    Raises:
        subprocess.CalledProcessError: The command failed.
    """
    plain = select(
        [case for case in cases if not case.history and case.world == 0 and case.question], limit=count
    )
    cold, kept = [], []
    with tempfile.TemporaryDirectory(prefix="citewire-fresh-") as folder:
        copy = Path(folder) / "library"
        shutil.copytree(library, copy)
        for case in plain:
            shutil.rmtree(copy / "kv", ignore_errors=True)
            cold.append(_ask_s(case, spec, copy))
            kept.append(_ask_s(case, spec, copy))
    return FreshTimes(shared_s, statistics.median(kept), statistics.median(cold), len(plain))


def _ask_s(case: Case, spec: str, library: Path) -> float:
    command = [sys.executable, "-m", "bot", "ask", "--json", "--library", str(library), "--model", spec]
    as_of = ["--as-of", case.as_of.isoformat()] if case.as_of else []
    began = time.perf_counter()
    done = subprocess.run(
        [*command, *as_of, "--", case.question], capture_output=True, timeout=900, check=False
    )
    if done.returncode not in _ANSWERED:
        done.check_returncode()
    return time.perf_counter() - began
