"""What is still being made, and what a killed process left behind.

Files and folders that are not whole yet carry the host and the id of the process that makes them in their name, so
that a later process can tell what nobody will finish. On an interruption they are taken away at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PASSING = "ccs-model"
_unfinished: set[Path] = set()


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
def unfinished(path: Path) -> Iterator[Path]:
    """`path` is made inside and moved away, or it goes."""
    _unfinished.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _unfinished.discard(path)


@contextmanager
def passing_folder() -> Iterator[Path]:
    """A folder of this process's own among the system's temporary ones; it goes at the end, or when a later process
    finds it after a kill."""
    home = Path(tempfile.gettempdir())
    clear_away(home, _PASSING, _PASSING)
    with unfinished(home / name_of_unfinished(_PASSING, _PASSING)) as folder:
        folder.mkdir(mode=0o700)
        yield folder


def remove_unfinished() -> None:
    """Take away what this process has not finished; called as the last thing it does."""
    for path in list(_unfinished):
        _remove(path)


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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
