"""Data: every number of the answer in one long table, for pivot tables and for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.sheet import Page, Sheet

PRINTED_ROWS = 25
COLUMNS = ("table", "key", "year", "name", "value", "unit")
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
    table = long_table(sheet, plan)
    block = sheet.table(
        "data",
        table.to_dict("records"),
        main=True,
        key="data",
    )
    # A pilot-zones run would otherwise print a hundred pages of it.
    sheet.prints_to(min(block.first + PRINTED_ROWS - 1, block.last))


def long_table(sheet: Sheet, plan: Plan) -> pd.DataFrame:
    """COLUMNS of every table of the plan."""
    parts = [*_of_plan(sheet, plan), *_of_names(sheet, plan)]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _of_plan(sheet: Sheet, plan: Plan) -> Iterator[pd.DataFrame]:
    for name, key in _TABLES:
        frame = getattr(plan, name)
        if frame is None or frame.empty:
            continue
        present = [column for column in key if column in frame]
        yield _long(sheet, name, frame, present)


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


def _long(sheet: Sheet, name: str, frame: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    numbers = [
        column
        for column in frame
        if column not in ("year", *key) and pd.api.types.is_numeric_dtype(frame[column])
        and not pd.api.types.is_bool_dtype(frame[column])
    ]  # fmt: skip
    of_row = frame[list(key)].astype(str).agg(" / ".join, axis=1) if key else pd.Series("", index=frame.index)
    year = frame["year"].astype(object) if "year" in frame else pd.Series(None, index=frame.index, dtype=object)
    n = len(numbers)
    table = pd.DataFrame(
        {
            "table": name,
            "key": np.tile(of_row.to_numpy(object), n),
            "year": np.tile(year.to_numpy(object), n),
            "name": np.repeat(np.array([str(column) for column in numbers], dtype=object), len(frame)),
            "value": np.concatenate([frame[column].to_numpy(float) for column in numbers]) if n else [],
            "unit": np.repeat(np.array([sheet.unit(str(column)) for column in numbers], dtype=object), len(frame)),
        }
    )
    return table[np.isfinite(table["value"].to_numpy(float))]


DATA = Page("Data", "Every number of the result, one per row, for pivot tables.", write_data)
