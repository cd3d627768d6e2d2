"""Runs the tasks of a budget sweep, in this process or in two."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from ccs_model.analysis.jobs import Job, processes
from ccs_model.errors import NoPlanError
from ccs_model.mip import Matrix
from ccs_model.mip.clock import counts_cpu
from ccs_model.mip.sweep_search import Processes, RunTasks, SweepTask, SweepWork
from ccs_model.solve.strategies import BUDGET_SWEEP


def processes_for(matrix: Matrix, jobs: int | None) -> int:
    """Return how many processes work on a sweep of a model; `jobs` is the requested number, None for automatic."""
    limits = BUDGET_SWEEP.stage(Processes)
    automatic = 1 if len(matrix.row_lower) < limits.min_rows else min(os.cpu_count() or 1, limits.n_jobs)
    # The CPU seconds of one process do not count those of others.
    return 1 if counts_cpu() else min(jobs or automatic, limits.n_jobs)


@contextlib.contextmanager
def run_tasks_in(n_processes: int, work: SweepWork) -> Iterator[RunTasks]:
    """Yield a function that does tasks, in this process or side by side in others, and returns results in order."""
    if n_processes == 1:
        do = work.opened()
        yield lambda tasks: [do(task) for task in tasks]
        return
    with processes(work, n_processes) as group:

        def run_tasks(tasks: Sequence[tuple[SweepTask, float]]) -> list[tuple[Any, float]]:
            results: dict[str, Any] = {}
            for ended in group.ended([Job(str(k), task) for k, task in enumerate(tasks)]):
                if ended.failure is not None:
                    raise NoPlanError(f"a part of the frontier failed: {ended.failure.message}")
                results[ended.key] = ended.result
            return [results[str(k)] for k in range(len(tasks))]

        yield run_tasks
