"""Rows of the worksheets of a workbook, by whichever reader is at hand: quickly by calamine, or by openpyxl.

Calamine reads plain books some ten times faster. It does not tell an error from its text, nor a formula without a value
from an empty cell, and it lays a sheet out in full before it is asked; so a book that is not plain, which the guard
says, is read by openpyxl, and both give the same cells.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from importlib import util
from typing import Any

from ccs_model.inputs.cells import ErrorValue

_EXACT = 1e15


@dataclass(frozen=True)
class SheetRows:
    """One worksheet: its name, the name of its part where it is known, and its rows from the first line on."""

    title: str
    part: str
    rows: Iterator[Sequence[object]]


def has_quick_reader() -> bool:
    """Whether calamine is installed (extra `fast`)."""
    return util.find_spec("python_calamine") is not None


def quick_sheets(raw: bytes) -> Iterator[SheetRows]:
    """Every worksheet by calamine; only for books that the guard calls plain."""
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(raw))
    for sheet in book.sheets_metadata:
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet:
            rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            yield SheetRows(sheet.name, "", ([_plain_value(cell) for cell in row] for row in rows))


def careful_sheets(raw: bytes) -> Iterator[SheetRows]:
    """Every worksheet by openpyxl."""
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl tells of drop-downs and styles that are not needed here
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what a file says of its own size may be wrong
            rows = ([_of_openpyxl(cell) for cell in row] for row in sheet.iter_rows())
            yield SheetRows(str(sheet.title), sheet._worksheet_path, rows)
        book.close()


def _of_openpyxl(cell: Any) -> object:
    if cell.data_type == "e" and isinstance(cell.value, str):
        return ErrorValue(cell.value)
    return _plain_value(cell.value)


def _plain_value(cell: object) -> object:
    """The value in one form whichever reader gave it: whole numbers as such, a day as a day at midnight."""
    if isinstance(cell, str):
        return cell.strip() or None
    if type(cell) is float and cell.is_integer() and abs(cell) < _EXACT:
        return int(cell)
    if type(cell) is date:
        return datetime.combine(cell, time())
    return cell
