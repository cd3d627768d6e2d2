"""Sheet Plants: every operating plant of the zones."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.plan.reasons import reasons_table
from ccs_model.report.workbook.columns import table_columns
from ccs_model.report.workbook.sheet import Page, Sheet


def write_plants(sheet: Sheet, plan: Plan) -> None:
    """Write one row a plant with its retrofits, or the reason it is not eligible."""
    sheet.title("Plants")
    sheet.paragraph(
        "Every operating plant of the zones. Baseline is the annual emission; capturable is the CO2 in the streams "
        "that can be captured."
    )
    is_chinese = (plan.problem.plants["name_zh"].fillna("") != "").any()
    columns = table_columns("plants", without=() if is_chinese else ("name_zh",))
    chosen = _chosen(plan.retrofits)
    assumed = _assumed_columns(plan)
    reasons = reasons_table(plan)
    rows = [
        {
            **plant,
            "retrofits": chosen.get(str(plant["plant"]), ""),
            "assumed_columns": assumed.get(str(plant["plant"])),
            "why": why,
            "change": change,
        }
        for plant, why, change in zip(records(plan.problem.plants), reasons["reason"], reasons["change"], strict=True)
    ]
    sheet.table(
        columns,
        rows,
        main=True,
        frozen=2,
        totals={"plant": "Total"},
        empty="No operating plant in the zones.",
        key="plants",
    )


def _chosen(retrofits: pd.DataFrame) -> dict[str, str]:
    """What is built at each plant: `product_vent: compression, 2026`."""
    found: dict[str, list[str]] = {}
    for row in records(retrofits):
        found.setdefault(row["plant"], []).append(f"{row['stream']}: {row['technology']}, {row['year']}")
    return {plant: "; ".join(each) for plant, each in found.items()}


def _assumed_columns(plan: Plan) -> dict[str, str]:
    table = plan.problem.inputs.plants_of("chemicals")
    return {
        plant: names.replace(";", "; ") for plant, names in zip(table["plant"], table["assumed_columns"], strict=True)
    }


PLANTS = Page("Plants", "Every operating plant: emissions, retrofits, or the reason it is not eligible.", write_plants)
