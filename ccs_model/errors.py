"""Errors of the package, each with the exit code of the command line.

    CcsModelError                1  internal error, unless a subclass says more
    ├── MissingExtraError        2  an optional library is not installed
    ├── InputError               3  the scenario or a table is invalid
    ├── InfeasibleError          4  the problem is infeasible; conflicting constraints are named
    ├── NoPlanInRunError         4  the run folder is the report of an infeasible problem
    ├── NoPlanError              6  the solver failed, or a limit stopped it before it found a plan
    ├── CheckError               7  an independent check failed
    └── FileError                8  a file cannot be read, written or locked

click raises the other usage errors (2). A limit that stops the solver with a plan (5) is a status of the plan, not an
error.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccs_model._version import __version__

DONE, BUG, USAGE, BAD_INPUT, INFEASIBLE, LIMIT_REACHED, NO_PLAN, CHECK_FAILED, FILE_TROUBLE, INTERRUPTED = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 130,
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Issue:
    """One problem of an input.

    Attributes
    ----------
    where
        File with line or cell, or scenario key.
    what
        What is wrong.
    hint
        How to correct it; may be empty.
    """

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


def schema_issue(where: str, found: object, expected: str, remedy: str, written_by: str = "") -> Issue:
    """Return the issue of a file whose schema, such as `ccs-model/plan/1`, is not the expected one.

    Parameters
    ----------
    where
        The file.
    found, expected
        Schema of the file, and the schema that this version reads.
    remedy
        How to make the file again from what it was made of, for a file of an older version.
    written_by
        Version of the program that wrote the file, if it is known.
    """
    name, _, number = expected.rpartition("/")
    found_name, _, found_number = str(found).rpartition("/")
    if found_name != name or not (found_number.isascii() and found_number.isdigit()):
        return Issue(where, f"is not of schema {expected}", remedy)
    age = "newer" if int(found_number[:9]) > int(number) else "older"
    by = f" of ccs-model {written_by}" if written_by else ""
    what = f"has the {age} format {found}{by}; ccs-model {__version__} reads {expected}"
    newer = f"install ccs-model {written_by or 'of that format'} or newer: python -m pip install --upgrade ccs-model"
    return Issue(where, what, newer if age == "newer" else remedy)


class CcsModelError(Exception):
    """Base class of all errors of this package; any of them can be sent to another process."""

    exit_code = BUG

    def __reduce__(self) -> tuple[Any, ...]:
        """Restore message and attributes without the constructor, whose parameters the message does not hold."""
        return _restore_error, (type(self), self.args), dict(self.__dict__)


def _restore_error(kind: type[CcsModelError], args: tuple[object, ...]) -> CcsModelError:
    return kind.__new__(kind, *args)


def is_lack_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the system has no memory left, also for a library that cannot be loaded."""
    words = str(error).lower()
    is_of_a_library = isinstance(error, ImportError | RuntimeError) and any(each in words for each in _NO_MEMORY)
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM or is_of_a_library


# What the dynamic loader, the threads and C++ report.
_NO_MEMORY = (
    "failed to map segment", "cannot allocate memory", "cannot apply additional memory protection",
    "can't start new thread", "bad_alloc",
)  # fmt: skip


class MissingExtraError(CcsModelError):
    """A library of an optional extra is not installed; the message says how to install it."""

    exit_code = USAGE

    def __init__(self, what: str, extra: str, libraries: Sequence[str]) -> None:
        names = " and ".join(libraries)
        super().__init__(
            f'{what} needs {names}, not installed here; install the extra: python -m pip install "ccs-model[{extra}]" '
            f"(or: python -m pip install {' '.join(libraries)})"
        )


# A file with more problems than this is most likely wrong as a whole.
MOST_SHOWN = 100


class InputError(CcsModelError):
    """Invalid input; `issues` holds every problem found, in the order of the files, and the message the first 100."""

    exit_code = BAD_INPUT

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues)
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """The first issues as text, and a line with the number of the others."""
        n_more = len(self.issues) - MOST_SHOWN
        more = [f"… and {n_more:,} more error{'s' if n_more > 1 else ''}"] if n_more > 0 else []
        return [*map(str, self.issues[:MOST_SHOWN]), *more]


def raise_issues(issues: Iterable[Issue]) -> None:
    """Raise InputError with the issues, if there are any."""
    if found := tuple(issues):
        raise InputError(found)


# What a list of conflicting constraints means, and an empty one.
CONFLICTS = "these constraints conflict; relaxing any one of them restores feasibility:"
NO_CONFLICT = "no single constraint restores feasibility when it is relaxed alone"


class InfeasibleError(CcsModelError):
    """The problem is infeasible.

    Attributes
    ----------
    conflicts
        One sentence per conflicting constraint, with the smallest relaxation found that restores feasibility.
    folder
        The run folder with the report, if one was written.
    tables
        The nearest plan as data frames by name: `nearest_retrofits`, and `nearest_violations` with the constraints that
        it violates. Empty if none was found.
    warnings
        What a plan of the problem would warn of; None if the problem was not built.
    """

    exit_code = INFEASIBLE

    def __init__(
        self, conflicts: Sequence[str], folder: Path | None = None, tables: Mapping[str, Any] | None = None
    ) -> None:
        self.conflicts: tuple[str, ...] = tuple(conflicts)
        self.folder = folder
        self.tables: Mapping[str, Any] = dict(tables or {})
        self.warnings: tuple[str, ...] | None = None
        lines = [f"  - {line}" for line in self.conflicts]
        super().__init__("\n".join([f"infeasible: {CONFLICTS if lines else NO_CONFLICT}", *lines]))


class NoPlanInRunError(CcsModelError):
    """The run folder is the report of an infeasible problem and holds no plan."""

    exit_code = INFEASIBLE

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"{folder}: contains no plan, because its problem is infeasible; "
            "plan.xlsx (sheet Infeasible) lists the conflicting constraints"
        )


class NoPlanError(CcsModelError):
    """The solver failed, or a limit stopped it before it found a plan."""

    exit_code = NO_PLAN


class CheckError(CcsModelError):
    """An independent check of the result failed.

    `program` is the model in MPS format if the solver's answer contradicts it; otherwise it is empty.
    """

    exit_code = CHECK_FAILED

    def __init__(self, what: str, *, program: bytes = b"") -> None:
        self.program = program
        super().__init__(what)


class FileError(CcsModelError):
    """A file cannot be read, written or locked."""

    exit_code = FILE_TROUBLE
