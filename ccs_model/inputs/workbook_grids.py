"""The sheets of a workbook as grids, read cell by cell without its formulas being run."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from ccs_model.errors import Fault
from ccs_model.inputs.cells import ErrorValue, Uncomputed
from ccs_model.inputs.grid import MOST_COLUMNS, MOST_ROWS, Grid, unreadable
from ccs_model.inputs.source import Source
from ccs_model.inputs.workbook_guard import guarded

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
    import openpyxl

    sha256 = hashlib.sha256(raw).hexdigest()
    sheets = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of drop-downs and styles that are not needed here
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                source = Source(f"{file}:{sheet.title}", {}, is_own=True)
                uncomputed = _uncomputed(raw, sheet) if verdict.has_formulas else frozenset()
                sheets[str(sheet.title)] = _grid(sheet, source, sha256, uncomputed)
            book.close()
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever a broken part leads it to
        what = f"cannot be read as a workbook: {type(error).__name__}: {error}"
        return Book({}, (Fault(file, " ".join(what.split()), "open and save it in Excel"),))
    return Book(sheets)


def _grid(sheet: Any, source: Source, sha256: str, uncomputed: frozenset[tuple[int, int]]) -> Grid:
    sheet.reset_dimensions()  # what a file says of its own size may be wrong
    header: list[str] = []
    header_line = 1
    rows: list[tuple[int, tuple[object, ...]]] = []
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        if line > _LAST_LINE:
            return unreadable(source, sha256, f"more than {_LAST_LINE:,} lines")
        values = [Uncomputed() if (line, at) in uncomputed else _value(cell) for at, cell in enumerate(cells)]
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
            rows.append((line, tuple(values)))
    return Grid(source, tuple(header), header_line, tuple(rows), sha256)


def _value(cell: Any) -> object:
    if isinstance(cell.value, str):
        return ErrorValue(cell.value) if cell.data_type == "e" else cell.value.strip() or None
    return cell.value


def _uncomputed(raw: bytes, sheet: Any) -> frozenset[tuple[int, int]]:
    """(line, position) of formulas without a value. A text that a formula left empty is a value; Excel says so."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, archive.open(sheet._worksheet_path) as part:
        return frozenset(_formulas_without_values(part))


def _formulas_without_values(part: Any) -> Iterator[tuple[int, int]]:
    line, at = 0, -1
    for event, element in ElementTree.iterparse(part, events=("start", "end")):
        tag = element.tag.rpartition("}")[2]
        if event == "start" and tag == "row":
            line, at = int(element.get("r", line + 1)), -1
        elif event == "start" and tag == "c":
            at = _position(element.get("r", "")) if element.get("r") else at + 1
        elif event == "end" and tag == "c":
            inside = {child.tag.rpartition("}")[2]: child for child in element}
            value = inside["v"].text if "v" in inside else None
            if "f" in inside and not value and element.get("t") != "str":
                yield line, at
        elif event == "end" and tag == "row":
            element.clear()


def _position(reference: str) -> int:
    """The column of a cell reference, from 0: D12 is 3."""
    position = 0
    for letter in reference.upper():
        if not "A" <= letter <= "Z":
            break
        position = position * 26 + ord(letter) - ord("A") + 1
    return position - 1
