"""Declarations of columns (data/dictionary.csv), and the sources and grids that tables are read from."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ccs_model.errors import Issue
from ccs_model.paths import data_folder

if TYPE_CHECKING:
    import pandas as pd


# Quality of a row, from the best on.
QUALITIES = ("measured", "reported", "estimated", "assumed")
# Classes of the Storage Resources Management System (SRMS), from the most certain one on.
RESOURCE_CLASSES = ("stored", "capacity", "contingent", "prospective", "inaccessible")
# Tables of plants and of the storage sites.
CHEMICAL_PLANTS = ("plants/chemicals", "plants/coal_chemicals")
SOURCE_PLANTS = "plants/sources"
PLANTS = ("plants/steel", *CHEMICAL_PLANTS, SOURCE_PLANTS)
SITES = "storage/sites"
ANY = "*"  # the name of rows for every province or grid without rows of its own
# Tables with places, and those of nodes that a link can join, with their id column.
PLACES = (*((table, "plant") for table in PLANTS), (SITES, "site"))
NODES = (*PLACES, ("transport/hubs", "hub"))


@dataclass(frozen=True)
class Column:
    """A declared column. `kind` is text, number, whole (integer), choice or currency; `low` and `high` are inclusive.

    The upper end of a column of money is in yuan, dollars or euros; for currencies of a smaller unit it is converted.

    The `default` replaces empty cells, and all cells of a missing column.
    """

    table: str
    name: str
    kind: str
    unit: str = ""
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    meaning: str = ""
    default: str = ""

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return self.kind in ("number", "whole")


Declared = Mapping[str, Sequence[Column]]
"""The declared columns of each table, by its name."""


@cache
def read_dictionary(folder: Path | None = None) -> Mapping[str, tuple[Column, ...]]:
    """Columns of every table by its name (`plants/steel`), in the declared order."""
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


_CELL = re.compile(r"(.*!)([A-Z]+)(\d+)(?::.*)?")
_LINE = re.compile(r"([^:]*(?::[^:\d][^:]*)?):(\d+)(:.*)?")


@dataclass(frozen=True)
class Source:
    """A file or sheet that rows are read from. `positions` holds the column numbers of a sheet, from 0."""

    file: str
    positions: Mapping[str, int] | None = None
    is_own: bool = False

    def at(self, line: int, column: str = "") -> str:
        """Place of a cell: `plants/steel.csv:12:status` or `inv.xlsx:steel!D12`; without `column`, that of the row.

        A column that a sheet lacks is named after the first cell of the row: `inv.xlsx:steel!A12:status`.
        """
        if self.positions is None:
            return f"{self.file}:{line}" + (f":{column}" if column else "")
        place = self.at_position(line, self.positions.get(column, min(self.positions.values(), default=0)))
        return f"{place}:{column}" if column and column not in self.positions else place

    def at_position(self, line: int, position: int) -> str:
        """Place of a cell by its column number."""
        if self.positions is None:
            return f"{self.file}:{line}"
        return f"{self.file}!{letters_of(position)}{line}"


def place_of(row: pd.Series, column: str = "") -> str:
    """Place of a row of a table as read, or of one of its cells."""
    return str(row["source"].at(int(row["line"]), column))


def own_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table as read that are the user's."""
    are_own = [source.is_own for source in frame["source"].array]
    return frame.loc[are_own] if any(are_own) else frame.iloc[:0]


def letters_of(position: int) -> str:
    """Letters of a spreadsheet column: 0 is A, 26 is AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def reading_order(issue: Issue) -> tuple[str, int, int, str, Issue]:
    """Sort key of issues: by file, line and column."""
    if cell := _CELL.fullmatch(issue.where):
        return cell[1], int(cell[3]), len(cell[2]), cell[2], issue
    if line := _LINE.fullmatch(issue.where):
        return line[1], int(line[2]), 0, line[3] or "", issue
    return issue.where, 0, 0, "", issue


MOST_ROWS, MOST_COLUMNS = 200_000, 500


@dataclass(frozen=True)
class Grid:
    """Header and rows (line, cells) of a CSV file or sheet, before validation. Rows may be shorter than the header.

    `hidden` holds the lines of rows that a sheet hides, by hand or by a filter; they are read like the others.
    `is_hidden` says that the sheet itself is hidden, `is_semicolon` that semicolons separate the cells, as where commas
    are decimal signs.
    """

    source: Source
    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[int, tuple[object, ...]], ...]
    issues: tuple[Issue, ...] = ()
    is_unreadable: bool = False
    hidden: frozenset[int] = frozenset()
    is_hidden: bool = False
    is_semicolon: bool = False


def unreadable_grid(source: Source, what: str, hint: str = "") -> Grid:
    """A grid without rows whose only issue is the reason."""
    return Grid(source, (), 1, (), (Issue(source.file, what, hint),), is_unreadable=True)


# First bytes of files that only link to another file.
_LINKS = (b'{"url"', b'{"doc_id"', b"[internetshortcut]", b"bplist00")
BINARY = "a binary file"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind_of(raw: bytes) -> str:
    """Format of a file by its content, such as `an old Excel workbook (.xls)`; "" for what may be text."""
    if raw.startswith(b"PK\x03\x04"):
        if b"xl/workbook.bin" in raw:
            return "a binary Excel workbook (.xlsb)"
        if b"opendocument.spreadsheet" in raw[:200]:
            return "an OpenDocument spreadsheet (.ods)"
        return "an Excel workbook (.xlsx)" if b"xl/workbook.xml" in raw else "a zip archive"
    if raw.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in raw:
            return "a password-protected workbook"
        return "an old Excel workbook (.xls)"
    if raw.startswith(b"%PDF"):
        return "a PDF document"
    if raw.lstrip()[:100].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "an HTML or XML document"
    if raw.lstrip()[:100].lower().startswith(_LINKS):
        return "a link to a file, not the file itself"
    if raw and not raw.strip(b"\0"):
        return "a file of zeros, perhaps from a failed copy"
    if b"\0" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return BINARY
    return ""
