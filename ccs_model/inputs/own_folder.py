"""A folder of the user's own tables, laid out like data/: plants/steel.csv, storage/sites.csv and so on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from ccs_model.errors import Fault, FileError
from ccs_model.inputs.cells import shown
from ccs_model.inputs.checks import rows_that_repeat
from ccs_model.inputs.csv_grid import csv_grid
from ccs_model.inputs.dictionary import Column
from ccs_model.inputs.own_files import contents
from ccs_model.inputs.source import Source
from ccs_model.inputs.table import Table, table_of
from ccs_model.paths import data_folder
from ccs_model.scenario.files import full

INSTEAD = "instead.txt"
_MOST_FILES = 200
_FOR_PEOPLE = (".md", ".txt")


@dataclass(frozen=True)
class OwnFolder:
    """The tables of the folder; those named in `instead` are taken in place of ours, the others laid over them."""

    tables: tuple[Table, ...] = ()
    instead: frozenset[str] = frozenset()
    sha256: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def read_own_folder(
    folder: Path, name: str, where: str, declared: Mapping[str, Sequence[Column]], inside: Path | None
) -> OwnFolder:
    """Read the folder that the scenario calls `name`; every file must lie in `inside`, links followed, if given."""
    if not folder.is_dir():
        what = "it is a file, expected a folder" if folder.exists() else "no such folder"
        raise FileError(f"{where}: cannot read {full(folder)}: {what}")
    prefix = name.rstrip("/\\")
    tables: list[Table] = []
    sha256: dict[str, str] = {}
    faults: list[Fault] = []
    instead: list[tuple[int, str]] = []
    for path in _files(folder, where):
        inner = path.relative_to(folder).as_posix()
        place = f"{prefix}/{inner}"
        if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
            faults.append(Fault(place, "lies outside the scenario's folder", "allow it with --allow-outside"))
            continue
        table = inner[: -len(path.suffix)] if path.suffix else inner
        if inner == INSTEAD:
            raw = contents(path, where, name=place)
            sha256[place] = hashlib.sha256(raw).hexdigest()
            instead = _named(raw.decode("utf-8-sig", errors="replace"))
        elif path.suffix.lower() == ".csv" and table in declared:
            raw = contents(path, where, name=place)
            if not _is_ours(inner, raw):
                read = table_of(csv_grid(raw, Source(place, is_own=True), declared[table]), table, declared[table])
                tables.append(read)
                sha256[place] = read.sha256
                faults += read.faults or rows_that_repeat(table, read.frame)
        elif path.suffix.lower() not in _FOR_PEOPLE and not _is_ours(inner, contents(path, where, name=place)):
            near = get_close_matches(table, list(declared), n=1)
            hint = f"did you mean '{near[0]}.csv'?" if near else "`ccs-model data` lists the tables"
            faults.append(Fault(place, "is not a table", hint))
    faults += _strays(instead, prefix, {table.name for table in tables}, declared)
    return OwnFolder(tuple(tables), frozenset(each for _, each in instead), sha256, tuple(faults))


def _files(folder: Path, where: str) -> list[Path]:
    """Every file below the folder but those that editors and systems leave behind."""
    found = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts) or path.is_dir():
            continue
        found.append(path)
        if len(found) > _MOST_FILES:
            raise FileError(f"{where}: {full(folder)} holds more than {_MOST_FILES} files, expected a folder of tables")
    return found


def _is_ours(inner: str, raw: bytes) -> bool:
    """Whether the file is a plain copy of a shipped one, which says nothing new."""
    ours = data_folder() / inner
    return ours.is_file() and ours.read_bytes() == raw


def _named(text: str) -> list[tuple[int, str]]:
    """(line, table) of each line that is not empty or a comment."""
    lines = enumerate(text.splitlines(), start=1)
    named = [(number, line.partition("#")[0].strip().removesuffix(".csv")) for number, line in lines]
    return [(number, table) for number, table in named if table]


def _strays(
    instead: list[tuple[int, str]], prefix: str, there: set[str], declared: Mapping[str, Sequence[Column]]
) -> list[Fault]:
    faults = []
    for number, table in instead:
        if table not in there:
            near = get_close_matches(table, list(declared), n=1)
            what = "has no file of its own in this folder" if table in declared else "is not a table"
            hint = f"add {table}.csv" if table in declared else f"did you mean '{near[0]}'?" if near else ""
            faults.append(Fault(f"{prefix}/{INSTEAD}:{number}", f"'{shown(table)}' {what}", hint))
    return faults
