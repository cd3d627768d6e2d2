"""New HiGHS instances without their banner, the number of threads of the process, and a matrix as HiGHS takes it."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import highspy
import numpy as np

from ccs_model.mip.matrix import Matrix, Scaling


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


def lp_of(matrix: Matrix, scaling: Scaling) -> highspy.HighsLp:
    """Return a scaled matrix with objective 0 as the LP that an instance is given."""
    row, column = scaling.row, scaling.column
    lp, inside = highspy.HighsLp(), matrix.rows
    lp.num_col_, lp.num_row_ = len(matrix.lower), len(matrix.row_lower)
    lp.col_cost_ = matrix.costs[0] * column
    lp.col_lower_, lp.col_upper_ = matrix.lower / column, matrix.upper / column
    lp.row_lower_, lp.row_upper_ = matrix.row_lower * row, matrix.row_upper * row
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
    lp.a_matrix_.start_, lp.a_matrix_.index_ = inside.indptr, inside.indices
    lp.a_matrix_.value_ = inside.data * row[inside.indices] * np.repeat(column, np.diff(inside.indptr))
    lp.sense_ = highspy.ObjSense.kMaximize if matrix.maximise[0] else highspy.ObjSense.kMinimize
    return lp


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
