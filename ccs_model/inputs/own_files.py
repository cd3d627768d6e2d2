"""Opening files of the user's own that a scenario names: inside its folder unless allowed, and not too large."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PureWindowsPath

from ccs_model.errors import Fault, FileError, InputError
from ccs_model.scenario.files import full, path_inside
from ccs_model.scenario.own_tables import OwnTables

LARGEST_BYTES = 100_000_000


def found(asked: OwnTables, key: str, name: str, *, allow_outside: bool) -> Path:
    """The path that a key names. FileError for what no file can be called, InputError for what lies outside."""
    if not name.isprintable():
        raise FileError(f"{asked.where(key)}: {name!a} has a sign that no name of a file should have")
    if os.name != "nt" and PureWindowsPath(name).drive:
        raise FileError(f"{asked.where(key)}: {name} is a path of Windows, and this is not a Windows machine")
    path = path_inside(asked.folder, name, allow_outside=allow_outside)
    if path is None:
        what = f"{full(asked.folder / name)} lies outside the scenario's folder"
        raise InputError([Fault(asked.where(key), what, "allow it with --allow-outside")])
    return path


def contents(path: Path, where: str, *, name: str = "") -> bytes:
    """The bytes of a table's file. FileError, with `where` it was asked for, when it cannot be read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise FileError(f"{where}: cannot read {full(path)}: it is a folder, expected a file")
        if not stat.S_ISREG(status.st_mode):
            raise FileError(f"{where}: cannot read {full(path)}: it is not a regular file")
        if status.st_size > LARGEST_BYTES:
            what = f"the file has {status.st_size:,} bytes, expected at most {LARGEST_BYTES:,}"
            raise InputError([Fault(name or where, what)])
        return path.read_bytes()
    except OSError as error:
        hint = " (folders are separated by /)" if "\\" in path.name else ""
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{where}: cannot read {full(path)}: {reason}{hint}") from error
    except ValueError as error:
        raise FileError(f"{where}: cannot read {full(path)}: no file can have this name (a NUL in it)") from error
