"""Jobs on a Dask cluster: the scheduler sends what a lost worker had to another one.

Workers need this package in the same version, and see files that a scenario names where they lie here. A worker does
one job at a time, whatever its number of threads, since a solver has one set of threads a process.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from ccs_model.analysis.jobs import Do, Ended, Failure, Job, Work, attempted
from ccs_model.errors import BUG, FileError, MissingExtraError

_CONNECT_S = 20
_opened: dict[str, Do] = {}
_one_at_a_time = threading.Lock()


def on_cluster(jobs: Sequence[Job], work: Work, scheduler: str) -> Iterator[Ended]:
    """Each job as it ends, whichever worker did it. Raises FileError where no scheduler answers."""
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise MissingExtraError("--scheduler", "cluster", ["distributed"]) from error
    try:
        client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise FileError(f"no scheduler answers at {scheduler}: {error}") from error
    token = uuid.uuid4().hex
    try:
        # A task of its own, so that a worker which joins later, or takes the place of a lost one, gets it as well.
        shared = client.submit(_same, work, key=f"work-{token}")
        futures = {
            client.submit(_attempted, token, shared, job.task, key=f"{job.key}-{token}", pure=False): job.key
            for job in jobs
        }
        coming = as_completed(list(futures), loop=client.loop, with_results=True, raise_errors=False)
        for future, answer in coming:
            key = futures.pop(future)
            if future.status != "finished":
                yield Ended(key, failure=Failure(BUG, f"lost on the cluster: {_words(answer)}"))
                continue
            result, failure = answer
            yield Ended(key, result, failure)
    finally:
        client.close()


def _same(work: Work) -> Work:
    return work


def _attempted(token: str, work: Work, task: Any) -> Any:
    """One task, on a worker."""
    with _one_at_a_time:
        if token not in _opened:
            _opened.clear()
            _opened[token] = work.opened()
        return attempted(_opened[token], task)


def _words(answer: Any) -> str:
    """What the cluster says of a task that it gave up."""
    error = answer[1] if isinstance(answer, tuple) and len(answer) > 1 else answer
    return " ".join(str(error).split())
