"""The workbook being written: its worksheets in their order, styles, where tables stand, and defined names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xlsxwriter.worksheet import Worksheet

from ccs_model.plan.plan import Plan
from ccs_model.plan.run_key import run_key
from ccs_model.report.formulas import Block
from ccs_model.report.language import Language
from ccs_model.report.style import Styles


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


class Book:
    """Worksheets stand in the contract's order and are filled in the order in which they need one another."""

    def __init__(self, workbook: Any, names: Sequence[str], plan: Plan, language: Language) -> None:
        self.workbook, self.plan, self.language = workbook, plan, language
        self.run = run_key(plan.problem.scenario, plan.problem.inputs).folder_name
        self.styles = Styles(workbook)
        self.names = tuple(names)
        self.worksheets = {name: workbook.add_worksheet(name, worksheet_class=_Worksheet) for name in names}
        self.blocks: dict[str, Block] = {}
        self.defined: dict[str, str] = {}

    def define(self, name: str, address: str) -> None:
        """Give cells a name that formulas of every sheet use."""
        self.workbook.define_name(name, f"={address}")
        self.defined[name] = address
