"""The workbook being written: worksheets in their order, styles, where tables stand, defined names, unit of money.

A worksheet writes long tables faster than XlsxWriter does, and a formula that is filled down in full only once.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range
from xlsxwriter.worksheet import CellBlankTuple, CellFormulaTuple, CellNumberTuple, CellStringTuple, Worksheet

import ccs_model
from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan import Plan
from ccs_model.report.language import Language
from ccs_model.report.plant_names import distinct_chinese_names
from ccs_model.report.workbook.columns import Cell, Column, Styles
from ccs_model.report.workbook.formulas import Row, TableRange
from ccs_model.report.workbook.solver_fingerprints import Fingerprints
from ccs_model.units import unit_text


class FilledFormula:
    """Cells that are filled down or across from the first: its formula, and the cells it has been written to."""

    __slots__ = ("column", "last_column", "last_row", "number", "row", "text")

    def __init__(self, text: str, row: int, column: int) -> None:
        self.text, self.row, self.column, self.last_row, self.last_column = text, row, column, row, column
        self.number: int | None = None

    @property
    def is_single(self) -> bool:
        """Whether the formula stands in one cell only."""
        return self.row == self.last_row and self.column == self.last_column


class FastWorksheet(Worksheet):  # type: ignore[misc]
    """Formulas are written as they are: none calls a function that needs the prefix of a later version of Excel.

    Looking for those in every formula takes longer than writing it. Rows have no spans, which are optional.
    """

    def __init__(self) -> None:
        super().__init__()
        self._n_fills = 0

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        return formula.removeprefix("=")

    # Cells are named by row and column alone, so that nothing needs to look for A1 in what is written.
    write_number, write_formula, write_string, write_blank = (
        Worksheet._write_number, Worksheet._write_formula, Worksheet._write_string, Worksheet._write_blank,
    )  # fmt: skip

    def write_again(self, row: int, column: int, cell: CellStringTuple) -> None:
        """Write the text of another cell of the same column above, in its format."""
        self._check_dimensions(row, column)
        self.str_table.count += 1
        self.table[row][column] = cell

    def write_filled(self, row: int, column: int, fill: FilledFormula, form: Any, value: float | str) -> None:
        """Write a formula that is the one of the first cell of `fill`, moved to this cell."""
        self._check_dimensions(row, column)
        fill.last_row, fill.last_column = max(fill.last_row, row), max(fill.last_column, column)
        self.table[row][column] = CellFormulaTuple(fill, form, value)

    def _write_rows(self) -> None:
        letters = [xl_col_to_name(column) for column in range((self.dim_colmax or 0) + 1)]
        for row in range(self.dim_rowmin, self.dim_rowmax + 1):
            cells, info = self.table.get(row), self.row_info.get(row)
            if cells:
                self._write_row(row, None, info)
                number = str(row + 1)
                self.fh.write("".join([self._cell(letters[at] + number, row, at, cells[at]) for at in sorted(cells)]))
                self._xml_end_tag("row")
            elif info is not None:
                self._write_empty_row(row, None, info)

    def _cell(self, address: str, row: int, column: int, cell: Any) -> str:
        # Addresses, indices of styles and numbers hold no sign that XML must escape.
        kind, style = type(cell), "" if cell.format is None else f' s="{cell.format._get_xf_index()}"'
        if kind is CellNumberTuple:
            return f'<c r="{address}"{style}><v>{cell.number:.16G}</v></c>'
        if kind is CellStringTuple:
            return f'<c r="{address}"{style} t="s"><v>{cell.string}</v></c>'
        if kind is CellBlankTuple:
            return f'<c r="{address}"{style}/>'
        assert kind is CellFormulaTuple, kind
        value, text = cell.value, cell.formula
        formula = (
            self._fill(text, row, column) if isinstance(text, FilledFormula) else f"<f>{self._escape_data(text)}</f>"
        )
        if isinstance(value, str):
            word = ' t="str"' if value else ""
            return f'<c r="{address}"{style}{word}>{formula}<v>{self._escape_data(value)}</v></c>'
        # The stored value of a formula: thirteen digits are enough until a program recalculates it.
        return f'<c r="{address}"{style}>{formula}<v>{value:.13G}</v></c>'

    def _fill(self, fill: FilledFormula, row: int, column: int) -> str:
        if fill.is_single:
            return f"<f>{self._escape_data(fill.text)}</f>"
        if (row, column) != (fill.row, fill.column):
            return f'<f t="shared" si="{fill.number}"/>'
        fill.number = self._n_fills
        self._n_fills += 1
        cells = xl_range(fill.row, fill.column, fill.last_row, fill.last_column)
        return f'<f t="shared" ref="{cells}" si="{fill.number}">{self._escape_data(fill.text)}</f>'

    def add_table(self, first_row: int, first_col: int, last_row: int, last_col: int, options: Any) -> int:
        """Headings and first row are held against merged cells and other tables; the rows below are like the first.

        Looking at every cell of a long table would take a tenth of the time of writing it.
        """
        rejected: int = super().add_table(first_row, first_col, first_row + 1, last_col, options)
        if not rejected:
            table, whole = self.tables[-1], xl_range(first_row, first_col, last_row, last_col)
            table |= {"range": whole, "a_range": whole, **({"autofilter": whole} if "autofilter" in table else {})}
        return rejected


def new_workbook(title: str, **properties: str) -> tuple[Any, io.BytesIO]:
    """A workbook of XlsxWriter, and what holds its bytes once it is closed.

    In memory, XlsxWriter dates the parts of the archive 1 January 1980; text is never taken for anything but text.
    """
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        # Columns are measured in digits of this font, which every system has or replaces by one as wide. Rows are as
        # tall as one of its lines, in pixels.
        "default_format_properties": {"font_name": "Arial", "font_size": 10},
        "default_row_height": 17,
    }
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, options)
    author = f"ccs-model {ccs_model.__version__}"
    workbook.set_properties({"title": title, "author": author, "created": datetime(2000, 1, 1), **properties})
    return workbook, out


# Names of the cells that are read back from an edited workbook begin so.
READ_BACK = "_read_"


class Book:
    """Worksheets stand in the contract's order and are filled in the order in which they need one another."""

    def __init__(self, workbook: Any, names: Sequence[str], plan: Plan, language: Language) -> None:
        self.workbook, self.plan, self.language = workbook, plan, language
        self.run = run_key(plan.problem.scenario, plan.problem.inputs).label
        self.styles = Styles(workbook)
        self.worksheets = {name: workbook.add_worksheet(name, worksheet_class=FastWorksheet) for name in names}
        self.blocks: dict[str, TableRange] = {}
        self.fingerprints = Fingerprints()
        # Where the cost axis of the curve starts and ends, if not at its highest cost, and the sectors that it draws.
        self.curve_start: float | None = None
        self.curve_end: float | None = None
        self.curve_sectors: list[str] = []

    @property
    def has_money_unit(self) -> bool:
        """Whether the reader chooses the unit of money: in Chinese, of Chinese money."""
        return self.language.lang == "zh" and self.plan.problem.currency == "CNY"

    @cached_property
    def chinese_names(self) -> Mapping[str, str]:
        """Chinese names of plants, all different, by their names, for a Chinese workbook."""
        plants = self.plan.problem.plants
        if self.language.lang != "zh" or "name_zh" not in plants:
            return {}
        columns = (plants[name].fillna("").astype(str) for name in ("plant", "name", "name_zh", "sector"))
        chinese = distinct_chinese_names(zip(*columns, strict=True))
        known = plants[plants["name_zh"].fillna("") != ""].drop_duplicates("name", keep=False)
        return {str(name): chinese[str(plant)] for plant, name in zip(known["plant"], known["name"], strict=True)}

    def define(self, name: str, address: str) -> None:
        """Give cells a name that formulas of every sheet use."""
        self.workbook.define_name(name, f"={address}")

    def mark(self, **addresses: str) -> None:
        """Give cells that `optimize` reads back names of their own, which no formula uses."""
        for name, address in addresses.items():
            self.workbook.define_name(f"{READ_BACK}{name}", f"={address}")


# The unit of money that the reader of a Chinese workbook chooses: 百万元 or 亿元 (a hundred million). The numbers stay
# in millions, so that formulas, charts and programs read the same cells. Conditional formats show them with a point
# before their last two digits. Units beside them are formulas: LibreOffice saves mixed text in parts, which take no
# format.
MILLIONS, HUNDRED_MILLIONS = "百万元", "亿元"
# Name of the cell on sheet Cover in which the reader chooses.
CHOSEN = "money_unit"
_IN_HUNDREDS = '0\\.00;-0\\.00;"–"'
_DIFFERENCE = "0\\.00"
# Inputs keep their unit, so that an amount is typed in the unit in which it is read; Data is for programs.
_KEPT = frozenset(("Inputs", "Data"))


class MoneyUnit:
    """The amounts of one sheet and the cells that name their unit."""

    def __init__(self, book: Book, sheet: str) -> None:
        problem = book.plan.problem
        self._is_offered = book.has_money_unit and sheet not in _KEPT
        self._money = problem.currency, problem.price_year
        self._millions = {unit_text(name, *self._money) for name in ("x_mn", "x_mn_pa")} if self._is_offered else set()
        self._cells: dict[str, list[tuple[int, int]]] = {}
        self._units: dict[tuple[int, int], str] = {}
        self._last_row = -1

    def is_amount(self, column: Column, name: str, record: Row) -> bool:
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
        self._units[row, column] = text

    def apply(self, workbook: Any, worksheet: Any) -> None:
        """Write the conditional formats, and the formulas of units in place of their texts."""
        for (row, column), text in self._units.items():
            other = text.replace(MILLIONS, HUNDRED_MILLIONS)
            formula = f'=IF({CHOSEN}="{HUNDRED_MILLIONS}","{other}","{text}")'
            worksheet.write_formula(row, column, formula, worksheet.table[row][column].format, text)
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
