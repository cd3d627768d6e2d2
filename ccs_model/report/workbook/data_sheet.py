"""Data: every number of the answer in one long table, for pivot tables and for other programs."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.report.export.formats import long_table
from ccs_model.report.workbook.sheet import Page, Sheet

PRINTED_ROWS = 25
# Table of the plan, and what names a row of it.
_TABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("by_year", ()),
    ("zones", ("zone",)),
    ("emissions", ("province", "sector")),
    ("cashflow", ()),
    ("retrofits", ("plant", "stream", "technology")),
    ("owners", ("plant",)),
    ("stakeholders", ("stakeholder",)),
    ("ledger", ("item",)),
    ("storage", ("site",)),
    ("targets", ("target",)),
)


def write_data(sheet: Sheet, plan: Plan) -> None:
    """One row a number; what has no value has no row."""
    sheet.title("Data")
    sheet.paragraph(
        "One number per row, as solved: table, key, year, name, value, unit. The year of a retrofit is the decision "
        "year. Annual cash items of each plant are on sheet CashFlow, pipelines on sheet Transport. The sheet is for "
        f"filters, pivot tables and other programs; the first {PRINTED_ROWS} rows are printed."
    )
    table = pd.concat([*_of_plan(sheet, plan), *_of_names(sheet, plan)], ignore_index=True)
    block = sheet.table("data", table.to_dict("records"), main=True, key="data")
    # A pilot-zones run would otherwise print a hundred pages of it.
    sheet.prints_to(min(block.first + PRINTED_ROWS - 1, block.last))


def _of_plan(sheet: Sheet, plan: Plan) -> Iterator[pd.DataFrame]:
    for name, key in _TABLES:
        frame = getattr(plan, name)
        if frame is None or frame.empty:
            continue
        present = [column for column in key if column in frame]
        types = frame.drop(columns=["year", *present], errors="ignore").dtypes
        numbers = [
            str(column)
            for column, kind in types.items()
            if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
        ]
        yield long_table(name, frame, present, numbers, sheet.unit, no_year=None)


def _of_names(sheet: Sheet, plan: Plan) -> Iterator[pd.DataFrame]:
    """Totals, costs and terms: a name and a number each."""
    for table, amounts in (("totals", plan.totals), ("costs", plan.costs), ("terms", plan.terms)):
        known = {name: value for name, value in amounts.items() if value is not None}
        yield pd.DataFrame(
            {
                "table": table,
                "key": "",
                "year": None,
                "name": list(known),
                "value": [float(value) for value in known.values()],
                "unit": [sheet.unit(name) for name in known],
            }
        )


DATA = Page("Data", "Every number of the result, one per row, for pivot tables.", write_data)
