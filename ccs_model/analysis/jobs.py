"""Many jobs in processes of their own, or on a cluster; one that fails, or takes its process down, stops no other.

A `Work` is opened once in each process, so that what all jobs need is loaded once and not for every job. Results come
in the order in which they are ready, each as it is; whoever asked for them writes them, so that a process may be
stopped at any moment without a trace.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ccs_model.errors import BUG, CcsModelError, Fault, InfeasibleError, InputError

T = TypeVar("T")
Do = Callable[[Any], Any]


class Work(Protocol):
    """What is done for every job. It is pickled, and so are tasks and results."""

    def opened(self) -> Do:
        """Load what every job needs; the function that answers one task."""


@dataclass(frozen=True)
class Job:
    """One task; `key` tells it from all others, in this run and in every later one."""

    key: str
    task: Any


@dataclass(frozen=True)
class Failure:
    """Why a job has no result, with the exit code that its error has."""

    exit_code: int
    words: str


@dataclass(frozen=True)
class Ended:
    """A job that ended: its result, or why there is none."""

    key: str
    result: Any = None
    failure: Failure | None = None


def results_of(
    jobs: Sequence[Job], work: Work, *, n_processes: int | None = None, scheduler: str | None = None
) -> Iterator[Ended]:
    """Each job as it ends: of `n_processes` here (one a core unless told), or of the workers of a Dask scheduler.

    Closing the iterator, or an error raised where it is used, stops what still runs.
    """
    if not jobs:
        return iter(())
    if scheduler is not None:
        from ccs_model.analysis.cluster import on_cluster

        return on_cluster(jobs, work, scheduler)
    from ccs_model.analysis.processes import in_processes

    return in_processes(jobs, work, min(n_processes or os.cpu_count() or 1, len(jobs)))


def attempted(do: Do, task: Any) -> tuple[Any, Failure | None]:
    """The result of one task, or why there is none: no error of one job may end the others."""
    try:
        return do(task), None
    except CcsModelError as error:
        return None, Failure(error.exit_code, words_of(error))
    except MemoryError:
        return None, Failure(BUG, "out of memory")
    except Exception as error:  # noqa: BLE001
        return None, Failure(BUG, f"a bug of ours: {type(error).__name__}: {error}")


def words_of(error: CcsModelError) -> str:
    """An error in one line."""
    if isinstance(error, InputError):
        return "; ".join(map(str, error.faults))
    if isinstance(error, InfeasibleError):
        return "no plan can keep every claim: " + "; ".join(error.conflicts)
    return " ".join(str(error).split())


def share_of(jobs: Sequence[T], shard: tuple[int, int] | None) -> tuple[T, ...]:
    """Every n-th job, from the i-th on: shares 1/n … n/n hold every job once."""
    if shard is None:
        return tuple(jobs)
    i, n = shard
    return tuple(jobs[i - 1 :: n])


def shard_of(text: str) -> tuple[int, int]:
    """`2/5` → (2, 5). Raises InputError."""
    i, bar, n = text.partition("/")
    if bar and i.isascii() and n.isascii() and i.isdigit() and n.isdigit() and 1 <= int(i) <= int(n):
        return int(i), int(n)
    raise InputError([Fault("--shard", f"'{text}' is no share", "expected i/n, such as 2/5 for the second of five")])
