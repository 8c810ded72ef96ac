"""What can go wrong with an evaluation.

CitewireError (store/errors.py)
├── CasesRefused                65   cases that cannot be trusted; lists every problem with its line
├── RunsUnlike                  78   runs whose difference would mean nothing
├── RunDamaged                  66   a results file that is missing or cannot be read
└── GateBroken                   2   a gate that could not be checked
"""

from store.errors import CitewireError


class CasesRefused(CitewireError):
    """Every problem found, one a line.

    Attributes:
        problems: Each as "file:line: what is wrong".
    """

    exit_code = 65

    def __init__(self, problems: tuple[str, ...]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"The cases were refused, nothing was run ({count}):\n" + "\n".join(problems))
        self.problems = problems


class RunsUnlike(CitewireError):
    exit_code = 78


class RunDamaged(CitewireError):
    exit_code = 66


class GateBroken(CitewireError):
    exit_code = 2
