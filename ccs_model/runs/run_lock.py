"""One process at a time makes a run folder: a lock beside it that names its holder.

The operating system lets go of the lock when its holder ends, however it ends, so what a killed process left is taken
over without a moment in which two could hold it. The words in the file tell others whom they wait for, and guard where
a network disk does not carry locks to other machines.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ccs_model.atomic_files import folder_for, host_name, is_running, shortened, signals_deferred, unfinished
from ccs_model.errors import FileError

_TRIES = 20


def lock_path(folder: Path) -> Path:
    """`.<name>.lock` beside the folder."""
    return folder.with_name(f".{shortened(folder.name)}.lock")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that is to be made. Raises FileError, with the holder named, where another has it."""
    path = lock_path(folder)
    with _folder_for(folder, path), ExitStack() as held:
        with signals_deferred():
            number = _held(folder, path)
            held.callback(_close, path, number)
            held.enter_context(unfinished(path))
            _write_holder(number)
        yield


@contextmanager
def _folder_for(folder: Path, path: Path) -> Iterator[None]:
    """As folder_for, with FileError. What is raised inside goes through as it is."""
    with ExitStack() as made:
        try:
            made.enter_context(folder_for(path))
        except OSError as error:
            raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
        yield


def _close(path: Path, number: int) -> None:
    os.close(number)
    if sys.platform == "win32":  # there no open file can be taken away
        with contextlib.suppress(OSError):
            path.unlink()


def _held(folder: Path, path: Path) -> int:
    """The number of the open file whose lock this process has."""
    tries = 0
    while True:
        tries += 1
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError as error:
            # Whoever made the folder for a lock of its own may just have taken it away.
            if tries > _TRIES:
                raise FileError(f"{folder}: cannot be written: {error.strerror}") from error
            path.parent.mkdir(parents=True, exist_ok=True)
            continue
        except OSError as error:
            raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
        try:
            taken = _take(number)
            holder = _holder(number)
            if taken is False or (holder is not None and _may_live(holder, kernel_knows=taken is True)):
                raise FileError(_words(folder, path, holder))
            # Whoever held it may have taken the file away between the opening and the locking.
            if _is_still(path, number):
                return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)


def _take(number: int) -> bool | None:
    """Whether the lock was free; None where the disk knows no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(number, 1 << 20, os.SEEK_SET)  # past the words, which others may then read
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def _may_live(holder: dict[str, object], *, kernel_knows: bool) -> bool:
    """Whether a lock that could be taken may be held all the same: from another machine, or where no locks are."""
    if holder.get("host") != host_name():
        return True
    pid = holder.get("pid")
    return not kernel_knows and isinstance(pid, int) and pid != os.getpid() and is_running(pid)


def _holder(number: int) -> dict[str, object] | None:
    """What the file says of its holder; None where it says nothing that can be read."""
    os.lseek(number, 0, os.SEEK_SET)
    try:
        found = json.loads(os.read(number, 10_000))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "pid" in found else None


def _write_holder(number: int) -> None:
    holder = {"pid": os.getpid(), "host": host_name(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    # A full disk takes no words, but the lock stands.
    with contextlib.suppress(OSError):
        os.ftruncate(number, 0)
        os.lseek(number, 0, os.SEEK_SET)
        os.write(number, (json.dumps(holder) + "\n").encode())


def _is_still(path: Path, number: int) -> bool:
    try:
        there, ours = path.stat(), os.fstat(number)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _words(folder: Path, path: Path, holder: dict[str, object] | None) -> str:
    if holder is None:
        return f"{folder}: another process is making this run ({path.name} is locked)"
    who = f"process {holder['pid']} on {holder.get('host')}, since {holder.get('since')}"
    away = "" if holder.get("host") == host_name() else f"; if that machine no longer works on it, delete {path}"
    return f"{folder}: {who}, is making this run{away}"
