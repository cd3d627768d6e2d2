"""What is still being made, and what a killed process left behind.

Files and folders that are not whole yet carry the host and the id of the process that makes them in their name, so
that a later process can tell what nobody will finish. On an interruption they are taken away at once, with the folders
that were made for them alone. A step that must not be cut in two is taken `undisturbed`: an interruption waits for it,
and once the process is being ended no such step begins any more, whichever thread comes to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os.path import lexists
from pathlib import Path

from ccs_model.errors import FileError

_PASSING = "ccs-model"
# How long the end of the process waits for a step that another thread takes.
_STEP_S = 0.3
# `.<name>.<host>-<pid>-<any>.<kind>`
_NAME = re.compile(r"\..+\.[A-Za-z0-9-]+-\d+-[0-9a-f]+\.[a-z-]+")
_unfinished: set[Path] = set()
_new_folders: set[Path] = set()
_step = threading.RLock()
# Steps within steps that the main thread is in, and whether an interruption waits for them.
_depth = 0
_is_waiting = False


def host_name() -> str:
    """The name of this machine, in signs that any file may be called by."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "here"


def is_running(pid: int) -> bool:
    """Whether a process of this machine has the id. Where that cannot be known, it has."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        import ctypes

        # Asking Windows with os.kill would end the process.
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


def name_of_unfinished(kind: str, name: str) -> str:
    """`.plan.xlsx.<host>-<pid>-<any>.part`: hidden, and no two alike."""
    return f".{shortened(name)}.{host_name()}-{os.getpid()}-{secrets.token_hex(4)}.{kind}"


def shortened(name: str) -> str:
    """The name, cut where a few more signs would make it longer than a file system takes (255 bytes)."""
    return name if len(name.encode()) <= 160 else name.encode()[:160].decode(errors="ignore")


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Neither Ctrl-C nor the end of the process cuts in inside; what is short and waits for nobody belongs here."""
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


def waits_for_a_step() -> bool:
    """Whether the main thread is in a step that must not be cut in two; it then raises KeyboardInterrupt at its end."""
    global _is_waiting
    _is_waiting = _depth > 0
    return _is_waiting


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """`path` is made inside and moved away, or it goes."""
    path = path.absolute()
    with signals_deferred():
        _unfinished.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _unfinished.discard(path)


@contextmanager
def folder_for(path: Path, mode: int = 0o777) -> Iterator[None]:
    """The folder of `path` is there inside. Those that were made for it go at the end unless something is in them.

    Raises OSError where it cannot be made.
    """
    path = path.absolute()
    new: list[Path] = []
    try:
        with signals_deferred():
            new = [each for each in path.parents if not lexists(each)]
            _new_folders.update(new)
            path.parent.mkdir(mode=mode, parents=True, exist_ok=True)
        yield
    finally:
        _remove_empty(new)
        _new_folders.difference_update(new)


@contextmanager
def kept_folder() -> Iterator[Path]:
    """A new folder among the system's temporary ones; it stays when something is put into it."""
    folder = Path(tempfile.gettempdir()) / f"{_PASSING}-kept-{secrets.token_hex(4)}"
    with folder_for(folder / "any", mode=0o700):
        yield folder


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of this process's own among the system's temporary ones; it goes at the end, or when a later process
    finds it after a kill."""
    home = Path(tempfile.gettempdir())
    clear_away(home, _PASSING, _PASSING)
    with unfinished(home / name_of_unfinished(_PASSING, _PASSING)) as folder:
        folder.mkdir(mode=0o700)
        yield folder


def holds_anything(folder: Path) -> bool:
    """Whether there is anything in a folder that is finished. Raises OSError where it cannot be looked at."""
    return any(not _NAME.fullmatch(path.name) for path in folder.iterdir())


def begin_no_more() -> None:
    """From here on no other thread begins a step, so that nothing comes anew before the process has ended."""
    _step.acquire(timeout=_STEP_S)


def remove_unfinished() -> None:
    """Take away what this process has not finished; called as the last thing it does, by whatever thread."""
    for path in list(_unfinished):
        _remove(_set_aside(path))
    _remove_empty(list(_new_folders))


def clear_away(folder: Path, name: str, kind: str) -> None:
    """Take away what dead processes of this machine left of `name` in `folder`."""
    for path in left_behind(folder, name, kind):
        _remove(path)


def left_behind(folder: Path, name: str, kind: str) -> list[Path]:
    """What dead processes of this machine left of `name` in `folder`; nothing where the folder cannot be looked at."""
    left = re.compile(rf"\.{re.escape(shortened(name))}\.{re.escape(host_name())}-(\d+)-[0-9a-f]+\.{re.escape(kind)}")
    found = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            made_by = left.fullmatch(path.name)
            if made_by and not is_running(int(made_by[1])):
                found.append(path)
    return found


def _set_aside(path: Path) -> Path:
    """A folder under another such name, so that no thread that still works on it moves it half emptied into place."""
    name, n = re.subn(r"-[0-9a-f]+(\.[a-z-]+)$", rf"-{secrets.token_hex(4)}\1", path.name)
    if not n or not path.is_dir() or path.is_symlink():
        return path
    try:
        return path.rename(path.with_name(name))
    except OSError:
        return path


def _remove_empty(folders: list[Path]) -> None:
    """The inner ones first."""
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


# Files that appear whole or not at all, and stay through a power cut once they have appeared.

_PART = "part"
_IN_USE = (errno.EACCES, errno.EPERM, errno.EBUSY)
# So many other names beside the target are tried before the folder for temporary files is.
_OTHER_NAMES = 9


def write_atomic(path: Path, content: bytes) -> Path:
    """Write `content`; a file that was there stays until the new one is whole.

    Raises FileError where it cannot be written, as when it is open in Excel or the disk is full. The content is then
    kept under another name if there is any room for it, and the message says where.
    """
    try:
        _write(path, content)
    except OSError as error:
        kept = _kept_elsewhere(path, content)
        words = f"; the result is kept in {kept}" if kept is not None else "; the result could not be kept elsewhere"
        reason = f"{error.strerror or error}" + (" (is it open elsewhere?)" if error.errno in _IN_USE else "")
        raise FileError(f"{path}: cannot be written: {reason}{words}") from error
    return path


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk. Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk. Some systems and network disks cannot, and are let be."""
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
        clear_away(path.parent, path.name, _PART)
        # Beside the target, so that the last step is a rename within one file system.
        with unfinished(path.with_name(name_of_unfinished(_PART, path.name))) as made:
            write_synced(made, content)
            made.replace(path)
        sync_folder(path.parent)


def _kept_elsewhere(path: Path, content: bytes) -> Path | None:
    """The first place that takes the content: another name beside it, or the folder for temporary files."""
    for n in range(2, 2 + _OTHER_NAMES):
        other = path.with_name(f"{path.stem}-{n}{path.suffix}")
        try:
            if not other.exists():
                _write(other, content)
                return other
        except OSError:
            break
    try:
        with kept_folder() as folder:
            other = folder / (path.name if len(path.name) < 100 else "kept")
            # The folder is new and nobody else's: nothing there can be lost, and nothing need step aside.
            write_synced(other, content)
    except OSError:
        return None
    return other


# Two folders change places in one step, where the system can do that, so that there is no moment without a run.

_HERE = -100  # AT_FDCWD: paths are seen from the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE


def exchanged(one: Path, other: Path) -> bool:
    """Whether the two have changed places (Linux, renameat2); False and nothing done where that cannot be."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
