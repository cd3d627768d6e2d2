"""Atomic writes, interruptions and temporary files: files appear completely or not at all.

The name of a temporary file or folder holds the host and the id of its process, so that a later process can remove what
a killed one left. An interruption removes all temporary paths of the process, with the folders created for them. A step
that must not be interrupted runs inside `deferred_signals`: an interruption waits for its end, and no thread begins
another such step once the process ends.

An interruption is Ctrl-C, or the signal by which a job queue, a container or a closed terminal ends a process (SIGTERM,
SIGHUP). The first one raises KeyboardInterrupt, so that the program cleans up. If a library swallows the exception or
the clean-up takes too long, a timer ends the process. A second one ends it at once. The exit code is 128 and the number
of the signal, as a shell reports it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from os.path import lexists
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ccs_model.errors import INTERRUPTED, FileError

_PROGRAM = "ccs-model"
# How long the end of the process waits for the step of another thread, and for the program to clean up.
_STEP_S, PATIENCE_S = 0.3, 1.4
# `.<name>.<host>-<pid>-<any>.<kind>`
_NAME = re.compile(r"\..+\.[A-Za-z0-9-]+-\d+-[0-9a-f]+\.[a-z-]+")
_temporary: set[Path] = set()
_new_folders: set[Path] = set()
_step = threading.RLock()
# Nested steps of the main thread, and whether an interruption waits for their end.
_depth = 0
_is_waiting = False
_interrupted = threading.Event()
_signal = int(signal.SIGINT)
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_message_lock = threading.Lock()


def host_name() -> str:
    """Return the name of this machine, in characters that every file system accepts."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "here"


def boot_id() -> str:
    """Return the identifier of the running system, the same in all its containers; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def is_running(pid: int) -> bool:
    """Return whether a process of this machine has the id; True if that cannot be determined."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        # On Windows os.kill would end the process.
        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def temporary_name(kind: str, name: str) -> str:
    """Return a unique hidden name such as `.plan.xlsx.<host>-<pid>-<random>.part`."""
    return f".{shortened_name(name)}.{host_name()}-{os.getpid()}-{secrets.token_hex(4)}.{kind}"


def shortened_name(name: str) -> str:
    """Return the name, shortened to leave room for a suffix within the 255 bytes of a file system."""
    return name if len(name.encode()) <= 160 else name.encode()[:160].decode(errors="ignore")


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Defer Ctrl-C and the end of the process until the block ends; for short steps that wait for nothing."""
    global _depth, _is_waiting
    with _step:
        is_main = threading.current_thread() is threading.main_thread()
        _depth += is_main
        try:
            yield
        finally:
            _depth -= is_main
            if is_main and _is_waiting and not _depth:
                _is_waiting = False
                raise KeyboardInterrupt


def defer_interrupt() -> bool:
    """Return whether the main thread defers signals; it then raises KeyboardInterrupt when the step ends."""
    global _is_waiting
    _is_waiting = _depth > 0
    return _is_waiting


@contextmanager
def temporary_path(path: Path) -> Iterator[Path]:
    """Remove `path` at the end of the block unless it was moved."""
    path = path.absolute()
    with deferred_signals():
        _temporary.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _temporary.discard(path)


@contextmanager
def folder_for(path: Path, mode: int = 0o777) -> Iterator[None]:
    """Create the folder of `path` for the block; folders created here are removed at the end if they are empty.

    The names of the others are flushed to the disk. Raises OSError if it cannot be created.
    """
    path = path.absolute()
    new: list[Path] = []
    try:
        with deferred_signals():
            new = [each for each in path.parents if not lexists(each)]
            _new_folders.update(new)
            path.parent.mkdir(mode=mode, parents=True, exist_ok=True)
        yield
    finally:
        _remove_empty(new)
        for each in new:
            if each.exists():
                sync_folder(each.parent)
        _new_folders.difference_update(new)


@contextmanager
def rescue_folder() -> Iterator[Path]:
    """Return a new folder in the system's temporary folder; it is kept if it holds a file at the end."""
    folder = Path(tempfile.gettempdir()) / f"{_PROGRAM}-kept-{secrets.token_hex(4)}"
    with folder_for(folder / "any", mode=0o700):
        yield folder


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Return a temporary folder; it is removed at the end, or by a later process after a kill."""
    home = Path(tempfile.gettempdir())
    remove_stale(home, _PROGRAM, _PROGRAM)
    with temporary_path(home / temporary_name(_PROGRAM, _PROGRAM)) as folder:
        folder.mkdir(mode=0o700)
        yield folder


def has_files(folder: Path) -> bool:
    """Return whether a folder holds files that are not temporary. Raises OSError if it cannot be read."""
    return any(not _NAME.fullmatch(path.name) for path in folder.iterdir())


def install_interrupt_handler() -> None:
    """Handle interruptions as described above; for the main thread of the command line."""
    with contextlib.suppress(ValueError):  # not the main thread
        for number in _ENDING:
            # `nohup` has SIGHUP ignored.
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _interrupt)


def restore_interrupt_handler() -> None:
    """Ignore interruptions once all results are written, so that the exit code stays."""
    with contextlib.suppress(ValueError):
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)


def was_interrupted() -> bool:
    """Return whether an interruption has reached the handler."""
    return _interrupted.is_set()


def interrupted_code() -> int:
    """Return the exit code of an interruption: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return INTERRUPTED - int(signal.SIGINT) + _signal


def end_interrupted() -> NoReturn:
    """Remove temporary files and end the process without waiting for a solver thread."""
    # No other thread begins a deferred step any more, so that no new file appears.
    _step.acquire(timeout=_STEP_S)
    remove_temporary_paths()
    # Two threads may reach this line; one prints the message.
    if not _message_lock.acquire(blocking=False):
        os._exit(interrupted_code())
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("interrupted; no partial file is left\n")
        sys.stderr.flush()
    os._exit(interrupted_code())


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _signal
    _signal = number
    if _interrupted.is_set():
        end_interrupted()
    _interrupted.set()
    watch = threading.Timer(PATIENCE_S, end_interrupted)
    watch.daemon = True
    watch.start()
    if not defer_interrupt():
        raise KeyboardInterrupt


def remove_temporary_paths() -> None:
    """Remove the temporary paths of this process, as its last action, from any thread."""
    for path in list(_temporary):
        _remove(_rename_folder(path))
    _remove_empty(list(_new_folders))


def remove_stale(folder: Path, name: str, kind: str, *, is_locked: bool = False) -> None:
    """Remove the temporary paths for `name` in `folder` that ended processes of this machine left."""
    for path in stale_paths(folder, name, kind, is_locked=is_locked):
        _remove(path)


def stale_paths(folder: Path, name: str, kind: str, *, is_locked: bool = False) -> list[Path]:
    """Return the temporary paths for `name` that ended processes left; none if `folder` cannot be read.

    In a container a new process may have the id of a killed one. If this process holds the lock of `name`
    (`is_locked`), paths with its own id that it did not create are those of a killed process.
    """
    left = re.compile(
        rf"\.{re.escape(shortened_name(name))}\.{re.escape(host_name())}-(\d+)-[0-9a-f]+\.{re.escape(kind)}"
    )
    found = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            made_by = left.fullmatch(path.name)
            if not made_by:
                continue
            is_own = is_locked and int(made_by[1]) == os.getpid() and path.absolute() not in _temporary
            if is_own or not is_running(int(made_by[1])):
                found.append(path)
    return found


def _rename_folder(path: Path) -> Path:
    """Rename a folder, so that a thread that still fills it cannot move it into place half emptied."""
    name, n = re.subn(r"-[0-9a-f]+(\.[a-z-]+)$", rf"-{secrets.token_hex(4)}\1", path.name)
    if not n or not path.is_dir() or path.is_symlink():
        return path
    try:
        return path.rename(path.with_name(name))
    except OSError:
        return path


def _remove_empty(folders: list[Path]) -> None:
    """Remove empty folders, the innermost first."""
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


# Files that appear completely or not at all, and survive a power cut.

_PART = "part"
_IN_USE = (errno.EACCES, errno.EPERM, errno.EBUSY)
# Number of names beside the target that are tried before the system's temporary folder.
_OTHER_NAMES = 9


def write_atomic(path: Path, content: bytes) -> Path:
    """Write `content` and return `path`; an existing file stays until the new one is complete.

    Raises FileError if it cannot be written, for instance because it is open in Excel or the disk is full. The content
    is then kept under another name if possible, and the message says where.
    """
    try:
        _write(path, content)
    except OSError as error:
        kept = _write_elsewhere(path, content)
        words = f"; the result is kept in {kept}" if kept is not None else "; the result could not be kept elsewhere"
        reason = f"{error.strerror or error}" + (" (is it open elsewhere?)" if error.errno in _IN_USE else "")
        raise FileError(f"{path}: cannot be written: {reason}{words}") from error
    return path


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and flush it to the disk. Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, where the system supports that."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(number)
    except OSError:
        return
    finally:
        os.close(number)


def _write(path: Path, content: bytes) -> None:
    with folder_for(path):
        remove_stale(path.parent, path.name, _PART)
        # Beside the target, so that the last step is a rename within one file system.
        with temporary_path(path.with_name(temporary_name(_PART, path.name))) as made:
            write_synced(made, content)
            made.replace(path)
        sync_folder(path.parent)


def _write_elsewhere(path: Path, content: bytes) -> Path | None:
    """Write to the first place that has room: another name beside `path`, or the system's temporary folder."""
    for n in range(2, 2 + _OTHER_NAMES):
        other = path.with_name(f"{path.stem}-{n}{path.suffix}")
        try:
            if not other.exists():
                _write(other, content)
                return other
        except OSError:
            break
    try:
        with rescue_folder() as folder:
            other = folder / (path.name if len(path.name) < 100 else "kept")
            # The folder is new and private, so the write need not be atomic.
            write_synced(other, content)
    except OSError:
        return None
    return other


def create_files(files: Mapping[Path, bytes], *, hint: str = "") -> None:
    """Create all files or none.

    Each is written under a temporary name and then linked to its own, which fails if that name exists by then. Raises
    FileError if a file already exists (`hint` says what to do) or cannot be written.
    """
    for path in files:
        if path.is_symlink() or path.exists():
            raise FileError(_exists_message(path, hint))
    beside: dict[Path, Path] = {}
    with ExitStack() as made:
        try:
            for path, contents in files.items():
                made.enter_context(folder_for(path))
                remove_stale(path.parent, path.name, _PART)
                part = made.enter_context(temporary_path(path.with_name(temporary_name(_PART, path.name))))
                write_synced(part, contents)
                beside[path] = part
            with deferred_signals():
                _link_all(beside, hint)
        except OSError as error:
            raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
    for folder in {path.parent for path in files}:
        sync_folder(folder)


def _link_all(beside: Mapping[Path, Path], hint: str) -> None:
    done: list[Path] = []
    try:
        for path, made in beside.items():
            _link(made, path)
            done.append(path)
    except BaseException as error:
        for each in done:
            each.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise FileError(_exists_message(path, hint)) from error
        raise


def _exists_message(path: Path, hint: str) -> str:
    return f"{path}: already exists and is left unchanged{hint and f'; {hint}'}"


def _link(made: Path, path: Path) -> None:
    """Give the file its name unless the name exists; a file system without links, such as FAT, renames it."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists() or path.is_symlink():
            raise FileExistsError(str(path)) from None
        made.rename(path)


# An exchange of two folders in one step, so that a run folder exists at every moment.

_HERE = -100  # AT_FDCWD: paths are seen from the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE


def exchange_folders(one: Path, other: Path) -> bool:
    """Exchange two folders in one step (Linux, renameat2); return False if the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
