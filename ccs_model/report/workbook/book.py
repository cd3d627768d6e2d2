"""The workbook being written: its worksheets in their order, styles, where tables stand, and defined names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet

from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan import Plan
from ccs_model.report.language import Language
from ccs_model.report.workbook.columns import Styles
from ccs_model.report.workbook.formulas import Block
from ccs_model.report.workbook.solver_fingerprints import Fingerprints

# Names of the cells that are read back from an edited workbook begin so.
READ_BACK = "_read_"


def _attributes(attributes: Sequence[tuple[str, object]]) -> str:
    return "".join([f' {name}="{value}"' for name, value in attributes])


class _Worksheet(Worksheet):  # type: ignore[misc]
    """Formulas are written as they are: none calls a function that needs the prefix of a later version of Excel.

    Looking for those in every formula takes longer than writing it.
    """

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        return formula.removeprefix("=")

    # Cells are named by row and column alone, so that nothing needs to look for A1 in what is written.
    write_number, write_formula, write_string, write_blank = (
        Worksheet._write_number, Worksheet._write_formula, Worksheet._write_string, Worksheet._write_blank,
    )  # fmt: skip

    # Of a cell's attributes (address, format, type) none holds a sign that XML must escape, nor does a number.

    def _xml_number_element(self, number: float, attributes: Sequence[tuple[str, object]] = ()) -> None:
        self.fh.write(f"<c{_attributes(attributes)}><v>{number:.16G}</v></c>")

    def _xml_string_element(self, index: int, attributes: Sequence[tuple[str, object]] = ()) -> None:
        self.fh.write(f'<c{_attributes(attributes)} t="s"><v>{index}</v></c>')

    def _xml_formula_element(self, formula: str, result: object, attributes: Sequence[tuple[str, object]] = ()) -> None:
        # The stored value of a formula: thirteen digits are enough until a program recalculates it, and take less room.
        shown = self._escape_data(result) if isinstance(result, str) else f"{result:.13G}"
        self.fh.write(f"<c{_attributes(attributes)}><f>{self._escape_data(formula)}</f><v>{shown}</v></c>")

    def add_table(self, first_row: int, first_col: int, last_row: int, last_col: int, options: Any) -> int:
        """Headings and first row are held against merged cells and other tables; the rows below are like the first.

        Looking at every cell of a long table would take a tenth of the time of writing it.
        """
        rejected: int = super().add_table(first_row, first_col, first_row + 1, last_col, options)
        if not rejected:
            table, whole = self.tables[-1], xl_range(first_row, first_col, last_row, last_col)
            table |= {"range": whole, "a_range": whole, **({"autofilter": whole} if "autofilter" in table else {})}
        return rejected


class Book:
    """Worksheets stand in the contract's order and are filled in the order in which they need one another."""

    def __init__(self, workbook: Any, names: Sequence[str], plan: Plan, language: Language) -> None:
        self.workbook, self.plan, self.language = workbook, plan, language
        self.run = run_key(plan.problem.scenario, plan.problem.inputs).label
        self.styles = Styles(workbook)
        self.names = tuple(names)
        self.worksheets = {name: workbook.add_worksheet(name, worksheet_class=_Worksheet) for name in names}
        self.blocks: dict[str, Block] = {}
        self.defined: dict[str, str] = {}
        self.fingerprints = Fingerprints()

    def define(self, name: str, address: str) -> None:
        """Give cells a name that formulas of every sheet use."""
        self.workbook.define_name(name, f"={address}")
        self.defined[name] = address

    def mark(self, name: str, address: str) -> None:
        """Give cells that `optimize` reads back a name of their own, which no formula uses."""
        self.workbook.define_name(f"{READ_BACK}{name}", f"={address}")
