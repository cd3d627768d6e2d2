"""The workbook being written: its worksheets in their order, styles, where tables stand, and defined names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan import Plan
from ccs_model.report.language import Language
from ccs_model.report.workbook.columns import Styles
from ccs_model.report.workbook.fast_worksheet import FastWorksheet
from ccs_model.report.workbook.formulas import Block
from ccs_model.report.workbook.solver_fingerprints import Fingerprints

# Names of the cells that are read back from an edited workbook begin so.
READ_BACK = "_read_"


class Book:
    """Worksheets stand in the contract's order and are filled in the order in which they need one another."""

    def __init__(self, workbook: Any, names: Sequence[str], plan: Plan, language: Language) -> None:
        self.workbook, self.plan, self.language = workbook, plan, language
        self.run = run_key(plan.problem.scenario, plan.problem.inputs).label
        self.styles = Styles(workbook)
        self.names = tuple(names)
        self.worksheets = {name: workbook.add_worksheet(name, worksheet_class=FastWorksheet) for name in names}
        self.blocks: dict[str, Block] = {}
        self.defined: dict[str, str] = {}
        self.fingerprints = Fingerprints()
        # Where the cost axis of the curve ends, if not at its highest cost, and the sectors that it draws.
        self.curve_end: float | None = None
        self.curve_sectors: list[str] = []

    @cached_property
    def chinese_names(self) -> Mapping[str, str]:
        """Chinese names of plants by their names, for a Chinese workbook; without names that several plants have."""
        plants = self.plan.problem.plants
        if self.language.lang != "zh" or "name_zh" not in plants:
            return {}
        known = plants[plants["name_zh"].fillna("") != ""].drop_duplicates("name", keep=False)
        return dict(zip(known["name"].astype(str), known["name_zh"].astype(str), strict=True))

    def define(self, name: str, address: str) -> None:
        """Give cells a name that formulas of every sheet use."""
        self.workbook.define_name(name, f"={address}")
        self.defined[name] = address

    def mark(self, name: str, address: str) -> None:
        """Give cells that `optimize` reads back a name of their own, which no formula uses."""
        self.workbook.define_name(f"{READ_BACK}{name}", f"={address}")
