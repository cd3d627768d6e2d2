"""New HiGHS instances without their banner, and the number of threads of the process."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import highspy


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
_lock = threading.Lock()


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
    with _lock, quiet_stdout():
        _use_threads(threads)
        return highspy.Highs()


def quiet_highs(threads: int) -> Any:
    """Return a new instance without output."""
    highs = new_highs(threads)
    highs.setOptionValue("output_flag", False)
    return highs


@contextlib.contextmanager
def other_options(highs: Any, options: Mapping[str, str]) -> Iterator[None]:
    """Set options of an instance, and restore them at the end."""
    usual = {name: highs.getOptionValue(name)[1] for name in options}
    try:
        for name, value in options.items():
            highs.setOptionValue(name, value)
        yield
    finally:
        for name, value in usual.items():
            highs.setOptionValue(name, value)
