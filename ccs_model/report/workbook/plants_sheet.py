"""Plants: every operating plant of the zones, fitted or not."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.plan.reasons import reasons_table
from ccs_model.report.workbook.columns import CALCULATION, SOLVER, Column
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Sheet


def write_plants(sheet: Sheet, plan: Plan) -> None:
    """One row a plant, with what the plan does to it or why it may not be fitted."""
    sheet.title("Plants")
    sheet.paragraph(
        "Every operating plant of the zones. Baseline is the annual emission; capturable is the CO2 in the streams "
        "that can be captured."
    )
    is_chinese = (plan.problem.plants["name_zh"].fillna("") != "").any()
    columns = [
        Column("plant", None, widest=16),
        Column("name", None, widest=26),
        *([Column("name_zh", None, optional=True, widest=22)] if is_chinese else []),
        Column("province", None),
        Column("sector", None),
        Column("product", None),
        Column("capacity_ktpa", None),
        Column("status", None, widest=18),
        Column("baseline_ktpa", CALCULATION),
        Column("capturable_ktpa", CALCULATION),
        Column("is_candidate", CALCULATION, label="Eligible"),
        Column("reason", CALCULATION, label="Reason not eligible", widest=16),
        Column("retrofits", SOLVER, label="Retrofits built", widest=30),
        Column("why", CALCULATION, label="Why the plant is in or out", widest=30),
        Column("change", CALCULATION, label="What would change it", widest=34),
        Column("reference", None, widest=14),
        Column("quality", None),
        Column("assumed_columns", None, optional=True, widest=18),
        Column("note", None, widest=34),
    ]
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
    baseline = Formula("=SUM({baseline_ktpa:all})", float(plan.problem.plants["baseline_ktpa"].sum()))
    sheet.table(
        columns,
        rows,
        main=True,
        frozen=2,
        totals={"plant": "Total", "baseline_ktpa": baseline},
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
