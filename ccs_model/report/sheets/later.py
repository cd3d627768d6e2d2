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


SERIES = _later(
    "Series",
    "prices, grid factors and tonnes year by year, with the years across",
    "prices stand in sheet Inputs, tonnes by period in sheet Summary, money by year in tables/cashflow.csv of the run "
    "folder.",
)
CASH_FLOW = _later(
    "CashFlow",
    "money in and out by year, for the programme and for one plant",
    "undiscounted and discounted cost by year stand in tables/cashflow.csv of the run folder.",
)
FRONTIER = _later(
    "Frontier",
    "what each budget buys",
    "sheet Summary says what the next money buys; other budgets take another run with budget.total_mn changed.",
)
UNCERTAINTY = _later(
    "Uncertainty",
    "how the answer spreads when the inputs do, and how often each plant is chosen",
    "the low and high ends that are known stand in sheet Inputs.",
)
DATA = _later(
    "Data",
    "every number of the answer in one long table for pivot tables",
    "the tables stand as CSV in the folder tables/ of the run folder, and all of it in plan.json.",
)
