"""Sheets that a later version fills. Each says what it will hold and where the numbers stand meanwhile."""

from __future__ import annotations

from ccs_model.plan.plan import Plan
from ccs_model.report.sheet import Page, Sheet


def _later(name: str, will_hold: str, meanwhile: str) -> Page:
    def write(sheet: Sheet, plan: Plan) -> None:
        sheet.hide_gridlines()
        sheet.title(name)
        sheet.paragraph(f"This sheet comes in a later version. It will hold {will_hold}. Meanwhile: {meanwhile}")

    return Page(name, f"Later: {will_hold}.", write)


UNCERTAINTY = _later(
    "Uncertainty",
    "how the answer spreads when the inputs do, and how often each plant is chosen",
    "the low and high ends that are known stand in sheet Inputs.",
)
