"""New HiGHS instances, without the banner that they print, and the one number of threads of a process."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

import highspy


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
