"""Everything that can go wrong, each with the exit code a shell sees.

    CcsModelError                1  our own bug, when nothing more precise is raised
    ├── MissingExtraError        2  a library that only some commands need is not installed
    ├── InputError               3  the scenario or a table says something that cannot be used
    ├── InfeasibleError          4  no plan can keep every claim; the clashing claims are named
    ├── NoPlanInRunError         4  a run folder that tells what clashes was asked for its plan
    ├── NoPlanError              6  the solver failed, or a limit came before any plan
    ├── CheckError               7  an independent check did not hold
    └── FileError                8  a file cannot be read, written or locked

Other usage errors (exit code 2) are click's own; a limit reached with a plan in hand (5) is not an error but a status
of the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DONE, BUG, USAGE, BAD_INPUT, INFEASIBLE, LIMIT_REACHED, NO_PLAN, CHECK_FAILED, FILE_TROUBLE, INTERRUPTED = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 130,
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Issue:
    """One thing wrong with an input: where it stands, what is wrong, and the nearest thing that would be right."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class CcsModelError(Exception):
    """Base of all errors of this package."""

    exit_code = BUG


class MissingExtraError(CcsModelError):
    """A library of one of the package's extras is not installed; the message says how to install it."""

    exit_code = USAGE

    def __init__(self, what: str, extra: str, libraries: Sequence[str]) -> None:
        names = " and ".join(libraries)
        super().__init__(
            f'{what} needs {names}, not installed here; install the extra: python -m pip install "ccs-model[{extra}]" '
            f"(or: python -m pip install {' '.join(libraries)})"
        )


class InputError(CcsModelError):
    """Bad input, with every fault found, in the order in which a reader meets them."""

    exit_code = BAD_INPUT

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))


class InfeasibleError(CcsModelError):
    """No plan keeps every claim. `conflicts` are sentences: each names claims that clash and what would mend it."""

    exit_code = INFEASIBLE

    def __init__(self, conflicts: Sequence[str]) -> None:
        self.conflicts: tuple[str, ...] = tuple(conflicts)
        lines = self.conflicts or ("no single claim mends it when relaxed alone",)
        super().__init__(
            "no plan can keep every claim. These clash; mending one line is enough:\n"
            + "\n".join(f"  - {line}" for line in lines)
        )


class NoPlanInRunError(CcsModelError):
    """A run folder tells what clashes, and holds no plan to look at."""

    exit_code = INFEASIBLE

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"{folder}: holds no plan, for its scenario has none; plan.xlsx (sheet Infeasible) says what clashes"
        )


class NoPlanError(CcsModelError):
    """The solver failed, or a limit came before any plan was found."""

    exit_code = NO_PLAN


class CheckError(CcsModelError):
    """A check made without the solver does not hold, so the answer is not believed.

    `program` is the solver's program in the MPS format, where it is one that does not hold: it can be looked into.
    """

    exit_code = CHECK_FAILED

    def __init__(self, what: str, *, program: bytes = b"") -> None:
        self.program = program
        super().__init__(what)


class FileError(CcsModelError):
    """A file cannot be read, written or locked."""

    exit_code = FILE_TROUBLE
