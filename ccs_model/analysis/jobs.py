"""Independent jobs in local processes or on a Dask cluster; a failed job does not stop the others.

A `Work` is opened once in each process, so that shared data are loaded once. Results arrive in the order in which they
are ready and the caller writes them, so a process may be stopped at any moment.

Local processes are spawned, which is safe with a solver's threads, and without the caller's main module, so a script
needs no guard. They end with the process that started them. On a cluster, a job of a lost worker goes to another one;
workers need the same package version and the same paths for files that a scenario names, and run one job at a time.
"""

from __future__ import annotations

import contextlib
import gc
import logging
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
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from ccs_model.arguments import instance_of, optional, shard_pair, whole_number
from ccs_model.atomic_files import temporary_folder
from ccs_model.bounded_reading import read_regular
from ccs_model.errors import (
    BUG,
    FILE_TROUBLE,
    NO_PLAN,
    CcsModelError,
    FileError,
    InfeasibleError,
    InputError,
    Issue,
    MissingExtraError,
    is_lack_of_memory,
)

T = TypeVar("T")
Do = Callable[[Any], Any]


class Work(Protocol):
    """Work that is done for every job. Work, tasks and results are pickled."""

    def opened(self) -> Do:
        """Load shared data and return the function that performs one task."""


@dataclass(frozen=True)
class Job:
    """One task; `key` identifies it in this run and in later ones."""

    key: str
    task: Any


@dataclass(frozen=True)
class Scheduler:
    """A Dask scheduler. An address of `tls://` needs PEM files: the certificate authority, own certificate, own key.

    Scheduler and workers must show a certificate of that authority. Host names are not compared.
    """

    address: str
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def security(self) -> Any:
        """Return the `distributed.Security` of the connection; None for a plain one.

        Raises
        ------
        FileError
            If a file is missing, is no regular file, or holds no certificate or key.
        """
        files = (self.tls_ca, self.tls_cert, self.tls_key)
        if not any(files):
            return None
        import ssl

        from distributed import Security

        at: Path | None = None
        try:
            for at in files:
                read_regular(at or Path(), _PEM_BYTES)
            context = ssl.create_default_context(cafile=(at := self.tls_ca))
            context.load_cert_chain(at := self.tls_cert or Path(), self.tls_key, password="")
        except ssl.SSLError as error:
            raise FileError(f"{at}: is not a PEM file of TLS, or key and certificate differ: {error.reason}") from error
        except OSError as error:
            raise FileError(f"cannot read {at}: {error.strerror or error}") from error
        ca, cert, key = map(str, files)
        return Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)


@dataclass(frozen=True)
class Failure:
    """Reason why a job has no result, and the exit code of its error."""

    exit_code: int
    message: str


@dataclass(frozen=True)
class EndedJob:
    """A job that ended: its result, or the failure."""

    key: str
    result: Any = None
    failure: Failure | None = None


def processes_of(jobs: object, scheduler: object) -> tuple[int | None, Scheduler | str | None]:
    """Return the arguments `jobs` and `scheduler` of a public function. Raises InputError."""
    of_cluster = optional(instance_of, "scheduler", scheduler, (Scheduler, str), "a Scheduler or its address")
    return optional(whole_number, "jobs", jobs, 1), of_cluster


def results_of(
    jobs: Sequence[Job], work: Work, *, n_processes: int | None = None, scheduler: Scheduler | str | None = None
) -> Iterator[EndedJob]:
    """Run jobs and yield each one as it ends.

    Parameters
    ----------
    jobs
        Tasks with unique keys.
    work
        What is done for each task.
    n_processes
        Number of local processes; by default one a core.
    scheduler
        Dask scheduler, or its address, whose workers are used instead.

    Returns
    -------
    iterator of Ended
        Closing it, or an error where it is used, stops the remaining jobs.

    Raises
    ------
    MissingExtraError, FileError
        If Dask is not installed, no scheduler answers, no worker joins it, it is lost, or a certificate cannot be read.
    """
    if jobs and scheduler is not None:
        yield from run_on_cluster(jobs, work, scheduler)
    elif jobs:
        with processes(work, min(n_processes or os.cpu_count() or 1, len(jobs))) as group:
            yield from group.run_jobs(jobs)


def attempt_task(do: Do, task: Any) -> tuple[Any, Failure | None]:
    """Perform one task; its result or its failure."""
    try:
        return do(task), None
    except CcsModelError as error:
        return None, Failure(error.exit_code, message_of(error))
    except Exception as error:  # noqa: BLE001
        if is_lack_of_memory(error):
            return None, Failure(NO_PLAN, "not enough memory")
        if isinstance(error, OSError):
            return None, Failure(FILE_TROUBLE, f"{error.filename or 'system'}: {error.strerror or error}")
        return None, Failure(BUG, f"internal error: {type(error).__name__}: {error}")


def message_of(error: CcsModelError) -> str:
    """An error in one line."""
    if isinstance(error, InputError):
        return "; ".join(error.lines)
    if isinstance(error, InfeasibleError):
        return "infeasible: " + "; ".join(error.conflicts)
    return " ".join(str(error).split())


def share_of(jobs: Sequence[T], shard: tuple[int, int] | None) -> tuple[T, ...]:
    """Every n-th job from the i-th on; the shards 1/n … n/n contain every job once. Raises InputError."""
    if shard is None:
        return tuple(jobs)
    i, n = shard_pair("shard", shard)
    return tuple(jobs[i - 1 :: n])


def shard_of(text: str) -> tuple[int, int]:
    """`2/5` → (2, 5). Raises InputError."""
    i, bar, n = text.partition("/")
    if bar and i.isascii() and n.isascii() and i.isdigit() and n.isdigit() and 1 <= int(i) <= int(n):
        return int(i), int(n)
    raise InputError([Issue("--shard", f"'{text}' is not a shard", "expected i/n, such as 2/5 for the second of five")])


# A job whose process dies is tried once more: another process may have caused it.
_TRIES = 2
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@contextlib.contextmanager
def processes(work: Work, n_processes: int) -> Iterator[Processes]:
    """Processes for several batches of jobs; on exit, what is still running is killed."""
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


class Processes:
    """Workers that wait for jobs."""

    def __init__(self, work: Work, scratch: str, workers: list[_Worker]) -> None:
        self._work, self._scratch, self.workers = work, scratch, workers

    def run_jobs(self, jobs: Sequence[Job]) -> Iterator[EndedJob]:
        """Each job as it ends."""
        workers = self.workers
        waiting, tries = deque(jobs), Counter[str]()

        def give_next() -> None:
            for worker in workers:
                if waiting and worker.job is None:
                    worker.give(waiting.popleft())

        give_next()
        while any(worker.job for worker in workers):
            busy = {worker.pipe: worker for worker in workers if worker.job is not None}
            ended: list[EndedJob] = []
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
                    ended.append(
                        EndedJob(job.key, failure=Failure(BUG, f"its process ended {worker.exit_text()}, twice"))
                    )
            # Workers get their next job before the caller writes a result.
            give_next()
            yield from ended


class _Worker:
    """A process, the pipe to it, and its present job."""

    def __init__(self, work: Work, scratch: str) -> None:
        self.job: Job | None = None
        self.pipe, worker_pipe = get_context("spawn").Pipe()
        self.process: BaseProcess = get_context("spawn").Process(
            target=_serve, args=(worker_pipe, work, scratch), daemon=True
        )
        with _worker_environment():
            self.process.start()
        worker_pipe.close()

    def give(self, job: Job) -> None:
        """Send a job; if the process is gone, `answer` reports it."""
        self.job = job
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self.pipe.send(job.task)

    def answer(self) -> EndedJob | None:
        """The ended job; None if the process has died."""
        assert self.job is not None
        try:
            result, failure = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            return None
        job, self.job = self.job, None
        return EndedJob(job.key, result, failure)

    def exit_text(self) -> str:
        """How the process ended."""
        code = self.process.exitcode or 0
        return f"by signal {-code}" if code < 0 else f"with code {code}"


@contextlib.contextmanager
def _worker_environment() -> Iterator[None]:
    """While a process starts: one thread for numpy's libraries, and no main module to run again."""
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
    # Ctrl-C reaches every process of a terminal; the parent process handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    tempfile.tempdir = scratch
    do = work.opened()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, ConnectionError):
            return
        pipe.send(attempt_task(do, task))


def _end_with_parent(scratch: str) -> None:
    """End with the parent process: a killed parent cannot stop its workers."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


# Seconds until a connection, and until a first worker has joined the scheduler.
_CONNECT_S, _WORKERS_S = 20, 180
_PEM_BYTES = 1_000_000
_opened: dict[str, Do] = {}
_one_at_a_time = threading.Lock()


def run_on_cluster(jobs: Sequence[Job], work: Work, scheduler: Scheduler | str) -> Iterator[EndedJob]:
    """Each job as it ends. Raises FileError if no scheduler answers."""
    scheduler = Scheduler(scheduler) if isinstance(scheduler, str) else scheduler
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise MissingExtraError("--scheduler", "cluster", ["distributed"]) from error

    def connect(address: str) -> Client:
        # A client that could not connect is closed when it is collected; while another one starts, that waits forever.
        gc.collect()
        return Client(address, timeout=_CONNECT_S, set_as_default=False, security=scheduler.security())

    try:
        try:
            client = connect(scheduler.address)
        except AssertionError:
            # On a busy machine distributed gives up its own thread, with this error, before the thread has started.
            client = connect(scheduler.address)
    except (AssertionError, OSError, TimeoutError, ValueError, RuntimeError, TypeError) as error:
        raise FileError(f"no scheduler answers at {scheduler.address}: {error}") from error
    token = uuid.uuid4().hex
    # Its loggers would print tracebacks of what is reported here in a line.
    names = [name for name in tuple(logging.root.manager.loggerDict) if name.startswith("distributed")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        try:
            client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError as error:
            what = f"no worker has joined the scheduler at {scheduler.address} within {_WORKERS_S} s"
            raise FileError(f"{what}; start some (dask worker {scheduler.address}) and repeat the command") from error
        # A separate task, so that a worker that joins later gets the work as well.
        shared = client.submit(_identity, work, key=f"work-{token}")
        futures = {
            client.submit(_attempt_on_worker, token, shared, job.task, key=f"{job.key}-{token}", pure=False): job.key
            for job in jobs
        }
        coming = as_completed(list(futures), loop=client.loop, with_results=True, raise_errors=False)
        for future, answer in coming:
            key = futures.pop(future)
            if future.status == "cancelled":
                waiting = f"{len(futures) + 1:,} of {len(jobs):,} jobs"
                what = f"the scheduler at {scheduler.address} was lost before the end of {waiting}"
                raise FileError(f"{what}; the others are kept: repeat the command with a running scheduler")
            if future.status != "finished":
                yield EndedJob(key, failure=Failure(BUG, f"lost on the cluster: {_cluster_error(answer)}"))
                continue
            result, failure = answer
            yield EndedJob(key, result, failure)
    finally:
        client.close()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _identity(work: Work) -> Work:
    return work


def _attempt_on_worker(token: str, work: Work, task: Any) -> Any:
    """One task, on a worker."""
    with _one_at_a_time:
        if token not in _opened:
            _opened.clear()
            _opened[token] = work.opened()
        return attempt_task(_opened[token], task)


def _cluster_error(answer: Any) -> str:
    """Message of the cluster on a task that it gave up."""
    error = answer[1] if isinstance(answer, tuple) and len(answer) > 1 else answer
    return " ".join(str(error).split())
