"""The clock of all limits: effort, wall-clock seconds, or CPU seconds of this process.

*Effort* is the deterministic work of the solver, counted in units of about one CPU second: simplex iterations times the
size of the model. Searches share out effort, never time, so that a search that ends by its gap or its effort gives the
same solution on any machine under any load. A time limit beside it only stops a search: from then on the clock is
beyond every deadline, each stage ends, and the incumbent is returned.

A `BackgroundTask` runs beside the search in a thread of its own, with the same time limit and its own effort: HiGHS
releases Python's lock while it solves.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

Computed = TypeVar("Computed")

_by_cpu: list[bool] = []


class _OfThread(threading.local):
    """Contexts that count effort, the innermost last, and whether the result of this thread is no longer needed."""

    def __init__(self) -> None:
        self.contexts: list[_Effort] = []
        self.cancelled = threading.Event()


_local = _OfThread()

# Seconds between two looks at the signals of the process while it waits, and that a cancelled task has to end.
_POLL_S, _PATIENCE_S = 0.05, 1.5

# Medians of CPU seconds over the shipped scenarios: a simplex iteration of an LP per row, an interior-point iteration
# per nonzero, and handing over a nonzero.
_LP_ITERATION, _IPM_ITERATION, _NONZERO = 3e-8, 4e-7, 5e-7
# In branch and bound: a simplex iteration with its share of presolve, cuts and heuristics, and the step from one check
# of the limits to the next, a round of cuts or a part of a node; the least of each, and per row of a large model.
_MIP_ITERATION, _MIP_ITERATION_PER_ROW = 6e-5, 5e-8
_CHECK, _CHECK_PER_ROW = 0.006, 1e-5
_LEAST_ROWS = 200


@dataclass
class _Effort:
    """Effort spent so far, and when a time limit stops the search."""

    stop_at: float
    spent: float = 0.0
    was_stopped: bool = False


@dataclass(frozen=True)
class IterationLimits:
    """Limits of one solve: simplex iterations, interior-point iterations, and checks of limits in branch and bound."""

    simplex: int
    interior: int
    checks: int


def time_s() -> float:
    """Return seconds since an arbitrary moment: of the wall clock, or of the CPU within `cpu_seconds`."""
    return time.process_time() if _by_cpu else time.monotonic()


def now() -> float:
    """Return seconds or effort since an arbitrary moment; deadlines are values of this clock.

    Within `effort` it is the effort spent, and infinite once the time limit is over.
    """
    if not _local.contexts:
        return time_s()
    current = _local.contexts[-1]
    if time_s() >= current.stop_at:
        current.was_stopped = True
        return inf
    return current.spent


def counts_cpu() -> bool:
    """Return whether time is counted in CPU seconds."""
    return bool(_by_cpu)


def counts_effort() -> bool:
    """Return whether `now` counts effort."""
    return bool(_local.contexts)


@contextlib.contextmanager
def cpu_seconds() -> Iterator[None]:
    """Count CPU seconds of this process, all threads together, within the context."""
    _by_cpu.append(True)
    try:
        yield
    finally:
        _by_cpu.pop()


@contextlib.contextmanager
def effort(stop_at: float = inf, *, counted: bool = True) -> Iterator[None]:
    """Count effort within the context.

    `stop_at` is a value of `time_s` at which a time limit stops the search. The effort is part of that of the context
    around it if it is `counted`.
    """
    _local.contexts.append(_Effort(stop_at))
    try:
        yield
    finally:
        ended = _local.contexts.pop()
        if _local.contexts:
            _local.contexts[-1].spent += ended.spent if counted else 0.0


def was_stopped() -> bool:
    """Return whether the time limit has ended a stage of the current search."""
    return bool(_local.contexts) and _local.contexts[-1].was_stopped


def effort_spent() -> float:
    """Return the effort spent in this context."""
    return _local.contexts[-1].spent if _local.contexts else 0.0


def seconds_until_stop() -> float:
    """Return the seconds until the time limit stops the search; infinite without one."""
    return _local.contexts[-1].stop_at - time_s() if _local.contexts else inf


def spend(amount: float) -> None:
    """Count effort that was spent, such as that of another process."""
    if _local.contexts:
        _local.contexts[-1].spent += amount


def effort_of(n_rows: int, n_nonzeros: int, simplex: int, interior: int, *, is_mip: bool) -> float:
    """Return the effort of a solve with this number of simplex and interior-point iterations."""
    of_lp, of_mip = _LP_ITERATION * max(n_rows, _LEAST_ROWS), max(_MIP_ITERATION, _MIP_ITERATION_PER_ROW * n_rows)
    per_iteration = of_mip if is_mip else of_lp
    return per_iteration * max(simplex, 0) + _IPM_ITERATION * n_nonzeros * max(interior, 0) + _NONZERO * n_nonzeros


def iteration_limits(allowed: float, n_rows: int, n_nonzeros: int) -> IterationLimits:
    """Return the limits at which a solve has used about the effort that it is allowed; NaN, of no time, allows none."""
    allowed = allowed if allowed > 0 else 0.0

    def step_limit(per_step: float) -> int:
        return int(min(max(allowed / per_step, 1.0), 2**31 - 1))

    simplex = step_limit(_LP_ITERATION * max(n_rows, _LEAST_ROWS))
    checks = step_limit(max(_CHECK, _CHECK_PER_ROW * n_rows))
    return IterationLimits(simplex, step_limit(_IPM_ITERATION * max(n_nonzeros, 1)), checks)


def was_cancelled() -> bool:
    """Return whether the result of this background task is no longer needed."""
    return _local.cancelled.is_set()


class BackgroundTask(Generic[Computed]):
    """A computation in a thread of its own, beside the search that starts it.

    Parameters
    ----------
    compute
        The computation; it may share nothing with the search that either of them changes.
    is_threaded
        Whether it has a thread; else it runs when its result is needed, with the same result.
    """

    def __init__(self, compute: Callable[[], Computed], *, is_threaded: bool = True) -> None:
        outer = _local.contexts[-1] if _local.contexts else None
        self._effort = _Effort(outer.stop_at if outer else inf)
        self._compute, self._counts, self._cancelled = compute, outer is not None, threading.Event()
        self._result: list[Computed] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True) if is_threaded else None
        if self._thread is not None:
            self._thread.start()

    def _run(self) -> None:
        outer, _local.contexts = _local.contexts, [self._effort] if self._counts else []
        cancelled, _local.cancelled = _local.cancelled, self._cancelled
        try:
            self._result.append(self._compute())
        except BaseException as error:  # noqa: BLE001
            self._error = error
        finally:
            _local.contexts, _local.cancelled = outer, cancelled

    def result(self) -> Computed:
        """Wait for the computation, count its effort, and return its result or raise its error."""
        if self._thread is None:
            self._run()
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_POLL_S)
        spend(self._effort.spent)
        if self._effort.was_stopped and _local.contexts:
            _local.contexts[-1].was_stopped = True
        if self._error is not None:
            raise self._error
        return self._result[0]

    def __enter__(self) -> BackgroundTask[Computed]:
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel the computation if it has not ended."""
        self._cancelled.set()
        self._effort.stop_at = -inf
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
