"""Jobs in processes of this machine.

Processes are started afresh (`spawn`), which is safe with a solver's threads, and without the caller's main module, so
that a script needs no guard. They end with the process that started them, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Protocol, TypeVar

from ccs_model.atomic_files import temporary_folder
from ccs_model.errors import BUG, CcsModelError, FileError, InfeasibleError, InputError, Issue, MissingExtraError

# Many jobs in processes of their own, or on a cluster; one that fails, or takes its process down, stops no other.
#
# A `Work` is opened once in each process, so that what all jobs need is loaded once and not for every job. Results come
# in the order in which they are ready, each as it is; whoever asked for them writes them, so that a process may be
# stopped at any moment without a trace.

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
        return on_cluster(jobs, work, scheduler)

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
        return None, Failure(BUG, f"internal error: {type(error).__name__}: {error}")


def words_of(error: CcsModelError) -> str:
    """An error in one line."""
    if isinstance(error, InputError):
        return "; ".join(map(str, error.issues))
    if isinstance(error, InfeasibleError):
        return "infeasible: " + "; ".join(error.conflicts)
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
    raise InputError([Issue("--shard", f"'{text}' is no share", "expected i/n, such as 2/5 for the second of five")])


# A job whose process dies is tried once more, since it may not have been the job's fault.
_TRIES = 2
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def in_processes(jobs: Sequence[Job], work: Work, n_processes: int) -> Iterator[Ended]:
    """Each job as it ends. What is still running when the iterator is closed is killed."""
    with processes(work, n_processes) as group:
        yield from group.ended(jobs)


@contextlib.contextmanager
def processes(work: Work, n_processes: int) -> Iterator[Processes]:
    """Processes that take one lot of jobs after another; on leaving, what still runs is killed."""
    workers: list[_Worker] = []
    with temporary_folder() as scratch:
        try:
            for _ in range(n_processes):
                workers.append(_Worker(work, str(scratch)))
            yield Processes(work, str(scratch), workers)
        finally:
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.process.join()


@contextlib.contextmanager
def aside(work: Work, task: object) -> Iterator[Callable[[float], Ended | None]]:
    """One task begun in a process of its own; on leaving it is killed where it still runs.

    What is given waits so many seconds for what came of it: None where it has not ended, or its process died.
    """
    with temporary_folder() as scratch:
        worker = _Worker(work, str(scratch))
        try:
            worker.give(Job("aside", task))
            yield lambda seconds: worker.answer() if worker.pipe.poll(max(seconds, 0.0)) else None
        finally:
            worker.process.kill()
            worker.process.join()


class Processes:
    """Workers that wait for jobs."""

    def __init__(self, work: Work, scratch: str, workers: list[_Worker]) -> None:
        self._work, self._scratch, self._workers = work, scratch, workers

    def ended(self, jobs: Sequence[Job]) -> Iterator[Ended]:
        """Each job as it ends."""
        workers = self._workers
        waiting, tries = deque(jobs), Counter[str]()
        while waiting or any(worker.job for worker in workers):
            for worker in workers:
                if waiting and worker.job is None:
                    worker.give(waiting.popleft())
            busy = {worker.pipe: worker for worker in workers if worker.job is not None}
            ended: list[Ended] = []
            for pipe in connection.wait(list(busy)):
                assert isinstance(pipe, Connection)
                worker = busy[pipe]
                job = worker.job
                assert job is not None
                found = worker.answer()
                if found is not None:
                    ended.append(found)
                    continue
                workers[workers.index(worker)] = _Worker(self._work, self._scratch)
                tries[job.key] += 1
                if tries[job.key] < _TRIES:
                    waiting.appendleft(job)
                else:
                    ended.append(Ended(job.key, failure=Failure(BUG, f"its process ended {worker.how()}, twice")))
            # Nobody waits while a result is written.
            for worker in workers:
                if waiting and worker.job is None:
                    worker.give(waiting.popleft())
            yield from ended


class _Worker:
    """A process with a pipe to it, and the job it has."""

    def __init__(self, work: Work, scratch: str) -> None:
        self.job: Job | None = None
        self.pipe, theirs = get_context("spawn").Pipe()
        self.process: BaseProcess = get_context("spawn").Process(
            target=_serve, args=(theirs, work, scratch), daemon=True
        )
        with _as_worker():
            self.process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """Hand it a job; if it is gone already, its answer says so."""
        self.job = job
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self.pipe.send(job.task)

    def answer(self) -> Ended | None:
        """What came of the job; None where the process has ended."""
        assert self.job is not None
        try:
            result, failure = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            return None
        job, self.job = self.job, None
        return Ended(job.key, result, failure)

    def how(self) -> str:
        """How the process ended."""
        code = self.process.exitcode or 0
        return f"by signal {-code}" if code < 0 else f"with code {code}"


@contextlib.contextmanager
def _as_worker() -> Iterator[None]:
    """While a process starts: one thread for numpy's libraries, and no main module that it would run again."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    main = sys.modules["__main__"]
    os.environ.update(_ONE_THREAD)
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, work: Work, scratch: str) -> None:
    """Answer tasks until the pipe is closed."""
    # Ctrl-C goes to every process of a terminal; the one that started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    tempfile.tempdir = scratch
    do = work.opened()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, ConnectionError):
            return
        pipe.send(attempted(do, task))


def _end_with_parent(scratch: str) -> None:
    """A process that is killed cannot stop its workers, so they watch it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


# Jobs on a Dask cluster: the scheduler sends what a lost worker had to another one.
#
# Workers need this package in the same version, and see files that a scenario names where they lie here. A worker does
# one job at a time, whatever its number of threads, since a solver has one set of threads a process.

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
