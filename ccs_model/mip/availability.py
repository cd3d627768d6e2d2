"""Whether highspy is installed and recent enough; the error says what to install."""

from __future__ import annotations

import re
from importlib import metadata

from ccs_model.errors import NoPlanError

OLDEST = "1.11"
INSTALL = f'python -m pip install "highspy>={OLDEST}"'


def find_solver_defect() -> str:
    """Return what is wrong with the installed highspy and how to install it; empty if nothing is."""
    try:
        there = metadata.version("highspy")
    except metadata.PackageNotFoundError:
        return f"the solver is not installed: {INSTALL}"
    if version_numbers(there) < version_numbers(OLDEST):
        return f"the solver is too old (highspy {there}, at least {OLDEST} is needed): {INSTALL}"
    try:
        import highspy  # noqa: F401
    except ImportError as error:
        return f"the solver cannot be loaded ({error}): {INSTALL}"
    return ""


def validate_solver() -> None:
    """Raise NoPlanError if highspy is missing or too old."""
    if message := find_solver_defect():
        raise NoPlanError(message)


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, for comparison."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


# Every solve imports this module first; without the check it would end in a bare ImportError.
validate_solver()
