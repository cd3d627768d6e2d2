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
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType

from ccs_model.analysis.jobs import Ended, Failure, Job, Work, attempted
from ccs_model.errors import BUG
from ccs_model.leftovers import passing_folder

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
    with passing_folder() as scratch:
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
    with passing_folder() as scratch:
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
