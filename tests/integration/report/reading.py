"""Helpers that find texts, tables and rows in a workbook read with openpyxl."""

from __future__ import annotations

from openpyxl.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet


def texts(sheet: Worksheet) -> list[str]:
    """All text of a sheet."""
    return [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]


def main_ref(sheet: Worksheet) -> str:
    """The range of a sheet's main table, headings and rows."""
    (main,) = (table for table in sheet.tables.values() if table.autoFilter is not None)
    return str(main.ref)


def headings(sheet: Worksheet) -> list[str]:
    """Headings of the main table, from their cells."""
    first = sheet[main_ref(sheet).split(":")[0]].row
    return [cell.value for cell in sheet[first]]


def main_table(sheet: Worksheet) -> list[list[Cell]]:
    """Rows of the main table, without headings."""
    ends = main_ref(sheet).split(":")
    first, last = sheet[ends[0]], sheet[ends[1]]
    return [list(row) for row in sheet.iter_rows(first.row + 1, last.row, 1, last.column)]


def row_that_starts(sheet: Worksheet, text: str) -> list[Cell]:
    """The first row whose first cell contains this text."""
    return next(list(row) for row in sheet.iter_rows() if row[0].value == text)
