"""The lock of a run folder: one process at a time writes it, and the others learn which.

The operating system releases the lock when its holder ends, however it ends. A second file names the holder; it also
protects the folder on a network disk that does not pass locks on to other machines.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ccs_model.atomic_files import deferred_signals, folder_for, host_name, is_running, shortened_name, temporary_path
from ccs_model.bounded_reading import parse_json, read_regular
from ccs_model.errors import FileError

_TRIES = 20
_HOLDER_BYTES = 10_000
# Errors of a disk without locks.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def lock_path(folder: Path) -> Path:
    """Return `.<name>.lock` beside the folder."""
    return folder.with_name(f".{shortened_name(folder.name)}.lock")


def holder_path(folder: Path) -> Path:
    """Return `.<name>.holder` beside the folder: JSON with the process, host and time of the lock's holder."""
    return folder.with_name(f".{shortened_name(folder.name)}.holder")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder.

    Raises
    ------
    FileError
        If another process holds it, with that process named, or if the lock cannot be made.
    """
    path, note = lock_path(folder), holder_path(folder)
    with ExitStack() as held:
        try:
            held.enter_context(folder_for(path))
            with deferred_signals():
                is_enforced = _acquire(path, held)
                held.enter_context(temporary_path(path))
                holder = _holder(note)
                if holder is not None and _may_hold(holder, is_enforced=is_enforced):
                    raise FileError(_message(folder, holder))
                held.enter_context(temporary_path(note))
                _write_holder(note)
        except Timeout as error:
            raise FileError(_message(folder, _holder(note))) from error
        except OSError as error:
            raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
        yield


def _acquire(path: Path, held: ExitStack) -> bool:
    """Take the lock until `held` closes; False if the disk has no locks. Raises Timeout if another process has it."""
    lock = FileLock(path)
    for attempt in range(_TRIES):
        try:
            lock.acquire(blocking=False)
            break
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            # A process that ends its own run removes the lock, and the folder if it is empty.
            is_missing = isinstance(error, FileNotFoundError) or (isinstance(error, Timeout) and not path.exists())
            if not is_missing or attempt == _TRIES - 1:
                raise
            path.parent.mkdir(parents=True, exist_ok=True)
    held.callback(_release, lock, path)
    return True


def _release(lock: FileLock, path: Path) -> None:
    lock.release()
    if os.name == "nt":  # Windows deletes no open file
        with contextlib.suppress(OSError):
            path.unlink()


def _may_hold(holder: dict[str, Any], *, is_enforced: bool) -> bool:
    """Whether the named holder may still write although this process got the lock."""
    if holder.get("host") != host_name():
        return True
    pid = holder.get("pid")
    return not is_enforced and isinstance(pid, int) and pid != os.getpid() and is_running(pid)


def _holder(note: Path) -> dict[str, Any] | None:
    """Return the named holder; None if the file is missing or unreadable."""
    try:
        found = parse_json(read_regular(note, _HOLDER_BYTES))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "pid" in found else None


def _write_holder(note: Path) -> None:
    holder = {"pid": os.getpid(), "host": host_name(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    # The lock holds even if the disk is too full to name its holder.
    with contextlib.suppress(OSError):
        note.write_text(json.dumps(holder) + "\n", encoding="utf-8")


def _message(folder: Path, holder: dict[str, Any] | None) -> str:
    if holder is None:
        return f"{folder}: another process is writing this run ({lock_path(folder).name} is locked)"
    who = f"process {holder['pid']} on {holder.get('host')} has been writing this run since {holder.get('since')}"
    is_here = holder.get("host") == host_name()
    return f"{folder}: {who}; " + (
        "wait for it, or choose another --out" if is_here else f"if it has ended there, delete {holder_path(folder)}"
    )
