"""Reads data/dictionary.csv, the one declaration of every column: type, unit, range, choices and meaning."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ccs_model.errors import Issue
from ccs_model.paths import data_folder


@dataclass(frozen=True)
class Column:
    """One declared column. `kind` is text, number, whole or choice; `low` and `high` are inclusive.

    An empty cell takes the `default`, and so does a whole column that is not there.
    """

    table: str
    name: str
    kind: str
    unit: str
    required: bool
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    meaning: str
    default: str = ""


@cache
def read_dictionary(folder: Path | None = None) -> Mapping[str, tuple[Column, ...]]:
    """Table name (`plants/steel`) → its columns, in the order in which they are declared."""
    path = (folder or data_folder()) / "dictionary.csv"
    tables: dict[str, list[Column]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            tables.setdefault(row["table"], []).append(
                Column(
                    table=row["table"],
                    name=row["column"],
                    kind=row["type"],
                    unit=row["unit"],
                    required=row["required"] == "yes",
                    low=float(row["low"]) if row["low"] else None,
                    high=float(row["high"]) if row["high"] else None,
                    choices=tuple(row["choices"].split("|")) if row["choices"] else (),
                    meaning=row["meaning"],
                    default=row["default"],
                )
            )
    return MappingProxyType({table: tuple(columns) for table, columns in tables.items()})


# Where the rows of a table stand, so that a fault names its file and line, or its workbook, sheet and cell.

_CELL = re.compile(r"(.*!)([A-Z]+)(\d+)")
_LINE = re.compile(r"([^:]*(?::[^:\d][^:]*)?):(\d+)(:.*)?")


@dataclass(frozen=True)
class Source:
    """One file or sheet. `positions` counts columns from 0; only a sheet needs them."""

    file: str
    positions: Mapping[str, int] | None = None
    is_own: bool = False

    def at(self, line: int, column: str = "") -> str:
        """`plants/steel.csv:12:status`, or `inv.xlsx:steel!D12`; a row as a whole stands at its first column."""
        if self.positions is None:
            return f"{self.file}:{line}" + (f":{column}" if column else "")
        first = min(self.positions.values(), default=0)
        return f"{self.file}!{letters_of(self.positions.get(column, first))}{line}"

    def at_position(self, line: int, position: int) -> str:
        """The place of a heading or of a cell under no heading."""
        if self.positions is None:
            return f"{self.file}:{line}"
        return f"{self.file}!{letters_of(position)}{line}"


def letters_of(position: int) -> str:
    """A spreadsheet's name of a column: 0 is A, 26 is AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def reading_order(issue: Issue) -> tuple[str, int, int, str, Issue]:
    """Sorts faults as a reader meets them: file by file, line by line, from left to right."""
    if cell := _CELL.fullmatch(issue.where):
        return cell[1], int(cell[3]), len(cell[2]), cell[2], issue
    if line := _LINE.fullmatch(issue.where):
        return line[1], int(line[2]), 0, line[3] or "", issue
    return issue.where, 0, 0, "", issue


# Cells as they stand in a file, before anything is known of their meaning.

MOST_ROWS, MOST_COLUMNS = 200_000, 500


@dataclass(frozen=True)
class Grid:
    """Headings and rows (line, cells) of a CSV file or a sheet. A row may be shorter than the header, never longer."""

    source: Source
    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[int, tuple[object, ...]], ...]
    sha256: str
    issues: tuple[Issue, ...] = ()
    is_unreadable: bool = False

    def source_with(self, positions: Mapping[str, int]) -> Source:
        """The source, which from here on knows the letters of a sheet's columns."""
        return self.source if self.source.positions is None else replace(self.source, positions=positions)


def unreadable(source: Source, sha256: str, what: str, hint: str = "") -> Grid:
    """A grid that holds nothing but the reason why."""
    return Grid(source, (), 1, (), sha256, (Issue(source.file, what, hint),), is_unreadable=True)


# What a file really is, told by its first bytes, whatever its name says.

# What clouds and browsers leave in place of a file.
_LINKS = (b'{"url"', b'{"doc_id"', b"[internetshortcut]", b"bplist00")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind_of(raw: bytes) -> str:
    """`an Excel workbook (.xlsx)`, `an old Excel workbook (.xls)` and the like; nothing for what may be text."""
    if raw.startswith(b"PK\x03\x04"):
        if b"xl/workbook.bin" in raw:
            return "a binary Excel workbook (.xlsb)"
        if b"opendocument.spreadsheet" in raw[:200]:
            return "an OpenDocument spreadsheet (.ods)"
        return "an Excel workbook (.xlsx)" if b"xl/workbook.xml" in raw else "a zip archive"
    if raw.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in raw:
            return "a workbook protected by a password"
        return "an old Excel workbook (.xls)"
    if raw.startswith(b"%PDF"):
        return "a PDF document"
    if raw.lstrip()[:100].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "an HTML or XML document"
    if raw.lstrip()[:100].lower().startswith(_LINKS):
        return "a link to a file, not the file itself"
    if raw and not raw.strip(b"\0"):
        return "a file of nothing but zeros, as a copy that failed leaves"
    if b"\0" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "a binary file"
    return ""
