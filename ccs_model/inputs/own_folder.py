"""A folder of the user's own tables: CSV files laid out like data/ (storage/sites.csv), and workbooks of any name."""

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
from ccs_model.inputs.own_files import table_bytes
from ccs_model.inputs.own_workbooks import WORKBOOKS, workbook_tables
from ccs_model.inputs.source import Source
from ccs_model.inputs.table import Table, table_of
from ccs_model.paths import data_folder
from ccs_model.scenario.files import full

INSTEAD = "instead.txt"
_MOST_FILES = 200
_FOR_PEOPLE = (".md", ".txt")
_OTHER_WORKBOOKS = (".xls", ".xlsb", ".ods")


@dataclass(frozen=True)
class OwnFolder:
    """The tables of the folder; those named in `instead` are taken in place of ours, the others laid over them.

    `files` are the files that were taken, by their name inside the folder, as they were when they were read.
    """

    tables: tuple[Table, ...] = ()
    instead: frozenset[str] = frozenset()
    name: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def sha256(self) -> dict[str, str]:
        """The hash of each file, by its name as the scenario would write it."""
        return {f"{self.name}/{inner}": hashlib.sha256(raw).hexdigest() for inner, raw in self.files.items()}


def read_own_folder(
    folder: Path, name: str, where: str, declared: Mapping[str, Sequence[Column]], inside: Path | None
) -> OwnFolder:
    """Read the folder that the scenario calls `name`; every file must lie in `inside`, links followed, if given."""
    if not folder.is_dir():
        what = "it is a file, expected a folder" if folder.exists() else "no such folder"
        raise FileError(f"{where}: cannot read {full(folder)}: {what}")
    prefix = name.rstrip("/\\")
    tables: dict[str, Table] = {}
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    instead: list[tuple[int, str]] = []
    for path in _files(folder, where):
        inner = path.relative_to(folder).as_posix()
        place = f"{prefix}/{inner}"
        if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
            faults.append(Fault(place, "lies outside the scenario's folder", "allow it with --allow-outside"))
            continue
        if inner != INSTEAD and path.suffix.lower() in _FOR_PEOPLE:
            continue
        raw = table_bytes(path, where, name=place)
        if inner != INSTEAD and _is_ours(inner, raw):
            continue
        files[inner] = raw
        table = inner[: -len(path.suffix)] if path.suffix else inner
        if inner == INSTEAD:
            instead = _named(raw.decode("utf-8-sig", errors="replace"))
        elif path.suffix.lower() == ".csv" and table in declared:
            grid = csv_grid(raw, Source(place, is_own=True), declared[table])
            tables[place] = table_of(grid, table, declared[table])
        elif path.suffix.lower() in WORKBOOKS:
            sheets, wrong = workbook_tables(raw, place, declared)
            tables |= sheets
            faults += wrong
        else:
            faults.append(Fault(place, "is not a table", _hint(table, path.suffix.lower(), declared)))
    for table_read in tables.values():
        faults += table_read.faults or rows_that_repeat(table_read.name, table_read.frame)
    faults += _given_twice(tables)
    faults += _strays(instead, prefix, {table.name for table in tables.values()}, declared)
    return OwnFolder(tuple(tables.values()), frozenset(each for _, each in instead), prefix, files, tuple(faults))


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


def _hint(table: str, suffix: str, declared: Mapping[str, Sequence[Column]]) -> str:
    """How to make a table of a file that is none."""
    if suffix in _OTHER_WORKBOOKS:
        return "save it as an Excel workbook (.xlsx)"
    near = get_close_matches(table, list(declared), n=1)
    return f"did you mean '{near[0]}.csv'?" if near else "`ccs-model data` lists the tables"


def _given_twice(tables: Mapping[str, Table]) -> list[Fault]:
    """A table stands in one file or on one sheet: which of two should be laid over the other nobody could tell."""
    first: dict[str, str] = {}
    faults = []
    for place, table in tables.items():
        before = first.setdefault(table.name, place)
        if before != place:
            faults.append(Fault(place, f"{table.name} is given already in {before}", "keep one of the two"))
    return faults


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
