"""Opening files of the user's own that a scenario names: inside its folder unless allowed, and not too large."""

from __future__ import annotations

import os
from pathlib import Path, PurePath, PureWindowsPath

from ccs_model.errors import Fault, FileError, InputError
from ccs_model.scenario.files import contents, full, path_inside
from ccs_model.scenario.own_tables import OwnTables

LARGEST_BYTES = 100_000_000
_LOCK = "~$"


def found(asked: OwnTables, key: str, name: str, *, allow_outside: bool) -> Path:
    """The path that a key names. FileError for what no file can be called, InputError for what lies outside."""
    if not name.isprintable():
        raise FileError(f"{asked.where(key)}: {name!a} has a sign that no name of a file should have")
    if os.name != "nt" and PureWindowsPath(name).drive:
        raise FileError(f"{asked.where(key)}: {name} is a path of Windows, and this is not a Windows machine")
    if PurePath(name).name.startswith(_LOCK):
        whole = PurePath(name).name.removeprefix(_LOCK)
        what = f"{name}: Excel keeps this file while the workbook is open; it holds no rows"
        raise InputError([Fault(asked.where(key), what, f"name the workbook itself: {whole}")])
    path = path_inside(asked.folder, name, allow_outside=allow_outside)
    if path is None:
        what = f"{full(asked.folder / name)} lies outside the scenario's folder"
        raise InputError([Fault(asked.where(key), what, "allow it with --allow-outside")])
    return path


def table_bytes(path: Path, where: str, *, name: str = "") -> bytes:
    """The bytes of a table's file. FileError, with `where` it was asked for, when it cannot be read."""
    return contents(path, largest_bytes=LARGEST_BYTES, expected="a file", at=name or where, asked_at=where)
