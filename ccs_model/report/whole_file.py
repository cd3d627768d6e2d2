"""Files that appear whole or not at all, and stay through a power cut once they have appeared."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ccs_model.errors import FileError
from ccs_model.leftovers import clear_away, folder_for, kept_folder, name_of_unfinished, unfinished

_PART = "part"
_IN_USE = (errno.EACCES, errno.EPERM, errno.EBUSY)
# So many other names beside the target are tried before the folder for temporary files is.
_OTHER_NAMES = 9


def write_whole(path: Path, content: bytes) -> Path:
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
