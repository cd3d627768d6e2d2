"""New HiGHS instances, without the banner that they print, and the one number of threads of a process."""

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
    """HiGHS writes a banner to file descriptor 1 while it is made, before any option can be set."""
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
    """HiGHS has one scheduler a process: with another number of threads a run fails with status "Not Set".

    It is reset only when the number changes, since a reset under a living instance never returns.
    """
    if _threads_in_use != [threads]:
        if _threads_in_use:
            gc.collect()
            highspy.Highs.resetGlobalScheduler(True)
        _threads_in_use[:] = [threads]


def new_highs(threads: int) -> Any:
    """A new instance, with its own defaults."""
    with quiet_stdout():
        _use_threads(threads)
        return highspy.Highs()


def quiet_highs(threads: int) -> Any:
    """A new instance that says nothing."""
    highs = new_highs(threads)
    highs.setOptionValue("output_flag", False)
    return highs


# Whether highspy is there and new enough; without it the error says what to install.

OLDEST = "1.11"
INSTALL = f'python -m pip install "highspy>={OLDEST}"'


def trouble() -> str:
    """What is wrong with the solver's library, with the line that mends it; empty where nothing is."""
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
    """Raises NoPlanError where the solver's library is missing or too old."""
    if message := trouble():
        raise NoPlanError(message)


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, which compare as versions do: 1.9 is older than 1.11."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


# Whatever solves imports this room first, and would otherwise end in an ImportError that helps nobody.
validate_solver()
