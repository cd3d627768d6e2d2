"""New HiGHS instances without their banner, the number of threads of the process, and the check of the version."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import highspy

from ccs_model.errors import NoPlanError


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Silence file descriptor 1, where HiGHS prints a banner before any option can be set."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


_threads_in_use: list[int] = []


def _use_threads(threads: int) -> None:
    """Reset the scheduler of HiGHS when the number of threads changes.

    A process has one scheduler, and a run with another number of threads fails with status "Not Set". A reset while an
    instance exists never returns.
    """
    if _threads_in_use != [threads]:
        if _threads_in_use:
            gc.collect()
            highspy.Highs.resetGlobalScheduler(True)
        _threads_in_use[:] = [threads]


def new_highs(threads: int) -> Any:
    """Return a new instance with default options."""
    with quiet_stdout():
        _use_threads(threads)
        return highspy.Highs()


def quiet_highs(threads: int) -> Any:
    """Return a new instance without output."""
    highs = new_highs(threads)
    highs.setOptionValue("output_flag", False)
    return highs


OLDEST = "1.11"
INSTALL = f'python -m pip install "highspy>={OLDEST}"'


def trouble() -> str:
    """Return what is wrong with the installed highspy and how to install it; empty if nothing is."""
    try:
        there = metadata.version("highspy")
    except metadata.PackageNotFoundError:
        return f"the solver is not installed: {INSTALL}"
    if numbers(there) < numbers(OLDEST):
        return f"the solver is too old (highspy {there}, at least {OLDEST} is needed): {INSTALL}"
    try:
        import highspy  # noqa: F401
    except ImportError as error:
        return f"the solver cannot be loaded ({error}): {INSTALL}"
    return ""


def validate_solver() -> None:
    """Raise NoPlanError if highspy is missing or too old."""
    if message := trouble():
        raise NoPlanError(message)


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, for comparison."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


# Every solve imports this module first; without the check it would end in a bare ImportError.
validate_solver()
