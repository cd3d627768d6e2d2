"""The unit of money that the reader of a Chinese workbook chooses: 百万元 or 亿元 (a hundred million).

The numbers stay in millions, so that formulas, charts and programs read the same cells. Conditional formats show
them with a point before their last two digits, and another unit beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xlsxwriter.utility import xl_range

from ccs_model.report.workbook.book import Book
from ccs_model.report.workbook.columns import Cell, Column
from ccs_model.report.workbook.formulas import Row
from ccs_model.units import unit_text

MILLIONS, HUNDRED_MILLIONS = "百万元", "亿元"
# Name of the cell on sheet Cover in which the reader chooses.
CHOSEN = "money_unit"
_IN_HUNDREDS = '0\\.00;-0\\.00;"–"'
_DIFFERENCE = "0\\.00"
# Inputs keep their unit, so that an amount is typed in the unit in which it is read; Data is for programs.
_KEPT = frozenset(("Inputs", "Data"))


def has_money_unit(book: Book) -> bool:
    """Whether there is a choice: in Chinese, of Chinese money."""
    return book.language.lang == "zh" and book.plan.problem.currency == "CNY"


class MoneyUnit:
    """The amounts of one sheet and the cells that name their unit."""

    def __init__(self, book: Book, sheet: str) -> None:
        problem = book.plan.problem
        self._is_offered = has_money_unit(book) and sheet not in _KEPT
        self._money = problem.currency, problem.price_year
        self._millions = {unit_text(name, *self._money) for name in ("x_mn", "x_mn_pa")} if self._is_offered else set()
        self._cells: dict[str, list[tuple[int, int]]] = {}
        self._last_row = -1

    def counts(self, column: Column, name: str, record: Row) -> bool:
        """Whether the cell of a quantity holds millions of the plan's money."""
        if not self._is_offered:
            return False
        if column.unit is not None:
            return column.unit in self._millions
        if "unit" in record and (name == column.name or not unit_text(name, *self._money)):
            return unit_in(record) in self._millions
        return unit_text(name, *self._money) in self._millions

    def amount(self, row: int, column: int, *, is_difference: bool = False) -> None:
        """A cell that holds such an amount; a difference shows its zero, which may be a residue."""
        self._cells.setdefault(_DIFFERENCE if is_difference else _IN_HUNDREDS, []).append((row, column))
        self._last_row = row

    def has_amount(self, row: int) -> bool:
        """Whether the row, the last one written, holds an amount."""
        return self._last_row == row

    def unit(self, row: int, column: int, text: str) -> None:
        """A cell that names the unit of amounts."""
        self._cells.setdefault(f';;;"{text.replace(MILLIONS, HUNDRED_MILLIONS)}"', []).append((row, column))

    def apply(self, workbook: Any, worksheet: Any) -> None:
        """Write the conditional formats."""
        for form, cells in self._cells.items():
            rule = {
                "type": "formula", "criteria": f'={CHOSEN}="{HUNDRED_MILLIONS}"',
                "format": workbook.add_format({"num_format": form}),
                "multi_range": " ".join(xl_range(*each) for each in rectangles(cells)),
            }  # fmt: skip
            worksheet.conditional_format(*cells[0], *cells[0], rule)


def unit_in(record: Row) -> str:
    """The unit that stands in a row, there perhaps with a style of its own; empty if none does."""
    unit = record.get("unit")
    return str(unit.value if isinstance(unit, Cell) else unit or "")


def rectangles(cells: Iterable[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """The same cells as rectangles, each as tall as may be: first row, first column, last row, last column."""
    runs: list[list[int]] = []
    for row, column in sorted(set(cells), key=lambda cell: (cell[1], cell[0])):
        if runs and runs[-1][1] == column and runs[-1][2] == row - 1:
            runs[-1][2] = row
        else:
            runs.append([row, column, row])
    found: dict[tuple[int, int], list[tuple[int, int, int, int]]] = {}
    for first, column, last in runs:
        same = found.setdefault((first, last), [])
        if same and same[-1][3] == column - 1:
            same[-1] = (first, same[-1][1], last, column)
        else:
            same.append((first, column, last, column))
    return sorted(each for same in found.values() for each in same)
