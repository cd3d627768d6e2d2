"""The sheets of a workbook as grids, read cell by cell without its formulas being run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ccs_model.errors import Fault
from ccs_model.inputs.cells import Merged, Percent, Uncomputed
from ccs_model.inputs.grid import MOST_COLUMNS, MOST_ROWS, Grid, unreadable
from ccs_model.inputs.sheet_rows import SheetRows, careful_sheets, has_quick_reader, quick_sheets
from ccs_model.inputs.source import Source
from ccs_model.inputs.workbook_guard import guarded
from ccs_model.inputs.workbook_marks import Marks, marks_of

_LAST_LINE = 1_048_576  # of any sheet; a file may claim more, and openpyxl would count up to it


@dataclass(frozen=True)
class Book:
    """The grids by the name of their sheet, as written; or the faults that keep the file from being opened."""

    sheets: dict[str, Grid]
    faults: tuple[Fault, ...] = ()


def workbook_grids(raw: bytes, file: str) -> Book:
    """Every worksheet of the workbook whose bytes are given; `file` is its name in faults."""
    verdict = guarded(raw)
    if verdict.what:
        return Book({}, (Fault(file, verdict.what, verdict.hint),))
    sha256 = hashlib.sha256(raw).hexdigest()
    sheets = {}
    try:
        read = quick_sheets if verdict.is_plain and has_quick_reader() else careful_sheets
        for sheet in read(raw):
            source = Source(f"{file}:{sheet.title}", {}, is_own=True)
            marks = marks_of(raw, sheet.part, verdict.percent_styles) if verdict.has_marks and sheet.part else Marks()
            sheets[sheet.title] = _grid(sheet, source, sha256, marks)
    except Exception as error:  # noqa: BLE001 - readers raise whatever a broken part leads them to
        what = f"cannot be read as a workbook: {type(error).__name__}: {error}"
        return Book({}, (Fault(file, " ".join(what.split()), "open and save it in Excel"),))
    return Book(sheets)


def _grid(sheet: SheetRows, source: Source, sha256: str, marks: Marks) -> Grid:
    header: list[str] = []
    header_line = 1
    rows: list[tuple[int, tuple[object, ...]]] = []
    for line, cells in enumerate(sheet.rows, start=1):
        if line > _LAST_LINE:
            return unreadable(source, sha256, f"more than {_LAST_LINE:,} lines")
        values = [_marked(cell, line, at, marks) for at, cell in enumerate(cells)]
        while values and values[-1] is None:
            values.pop()
        if not values:
            continue
        if len(values) > MOST_COLUMNS:
            return unreadable(
                source, sha256, f"{len(values):,} columns at line {line}, expected at most {MOST_COLUMNS}"
            )
        if not header:
            header, header_line = ["" if value is None else str(value).strip() for value in values], line
        elif len(rows) == MOST_ROWS:
            return unreadable(source, sha256, f"more than {MOST_ROWS:,} rows")
        else:
            rows.append((line, _with_merged(values, line, len(header), marks)))
    return Grid(source, tuple(header), header_line, tuple(rows), sha256)


def _marked(cell: object, line: int, at: int, marks: Marks) -> object:
    if (line, at) in marks.uncomputed:
        return Uncomputed()
    return Percent(cell) if (line, at) in marks.percent and isinstance(cell, int | float) else cell


def _with_merged(values: list[object], line: int, n_columns: int, marks: Marks) -> tuple[object, ...]:
    """A row in which what another cell covers is no longer taken for empty."""
    if line not in marks.merged:
        return tuple(values)
    padded = [*values, *[None] * (n_columns - len(values))]
    return tuple(Merged() if cell is None and marks.is_merged(line, at) else cell for at, cell in enumerate(padded))
