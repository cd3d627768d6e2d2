"""Finds tables in a workbook that was read back."""

from __future__ import annotations

from openpyxl.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet


def texts(sheet: Worksheet) -> list[str]:
    """All text of a sheet."""
    return [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]


def main_table(sheet: Worksheet) -> list[list[Cell]]:
    """Rows of the filtered table, without headings."""
    above = sheet.auto_filter.ref.split(":")
    first, last = sheet[above[0]], sheet[above[1]]
    return [list(row) for row in sheet.iter_rows(first.row + 1, last.row, 1, last.column)]


def row_that_starts(sheet: Worksheet, text: str) -> list[Cell]:
    """The first row whose first cell holds this text."""
    return next(list(row) for row in sheet.iter_rows() if row[0].value == text)
