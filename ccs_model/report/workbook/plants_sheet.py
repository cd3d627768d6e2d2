"""Sheets Plants and Retrofits: every operating plant of the zones, and every retrofit of the plan."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.merit_order import DETAILS
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.plan.reasons import reasons_table
from ccs_model.plan.tables import ENERGY
from ccs_model.report import sentences as words
from ccs_model.report.sentences import not_eligible
from ccs_model.report.workbook.columns import CALCULATION, OBSERVED, columns_of, table_columns
from ccs_model.report.workbook.sheet import Page, Sheet


def write_plants(sheet: Sheet, plan: Plan) -> None:
    """Write one row a plant with its retrofits, or the reason it is not eligible."""
    sheet.title("Plants")
    sheet.paragraph(
        "Every operating plant of the zones. Baseline is the annual emission; capturable is the CO2 in the streams "
        "that can be captured."
    )
    for sentence in not_eligible(plan.problem):
        sheet.paragraph(sentence)
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


_CLASSES = {
    **dict.fromkeys(("plant", "name", "name_zh", "province", "sector", "product"), OBSERVED),
    **dict.fromkeys(("length_km", "co2_share", "n_trains", "is_extrapolated", *ENERGY), CALCULATION),
}
# Nothing avoided, or no product made: the cost per tonne of it does not exist. A source given whole has no gas.
_OPTIONAL = (
    "name_zh",
    "heat_source",
    "co2_share",
    "site",
    "capture_cost_per_t",
    "avoidance_cost_per_t",
    "product_cost_per_t",
)
_SHARED = (
    " Pipeline and storage capex are the retrofit's share of common facilities, by use; the site is the one that "
    "receives most of its CO2, and the length is the flow-weighted mean."
)
_WHY = " Reasons compare costs per tonne; ccs-model explain re-solves the model for exact answers."


def write_retrofits(sheet: Sheet, plan: Plan) -> None:
    """Write plan.retrofits with totals, largest abatement first; sheet Economics holds the parts of the annual cost."""
    table = plan.retrofits.drop(columns=list(DETAILS))
    if plan.problem.network is None:
        table = table.drop(columns="storage_capex_mn")
    if not (plan.problem.plants["name_zh"].fillna("") != "").any():
        table = table.drop(columns="name_zh")
    sheet.title("Retrofits")
    sheet.paragraph(
        f"Tonnes refer to {words.last_period(plan)}; costs per tonne are levelised at the load of the plan. "
        "Product cost is the annual cost per tonne of product."
        + ("" if plan.problem.network is None else _SHARED)
        + _WHY
    )
    reasons = reasons_table(plan).set_index("plant")
    totals = {name: plan.totals[name] for name in ("capture_cost_per_t", "avoidance_cost_per_t")}
    columns = columns_of(table, classes=_CLASSES, optional=_OPTIONAL, widest=24, summed=("_ktpa", "_mn", "_mn_pa"))
    sheet.table(
        [*columns, *table_columns("retrofits.reasons")],
        records(table.join(reasons[["reason", "change"]], on="plant")),
        main=True,
        frozen=2,
        totals={**totals, "plant": "Total"},
        key="retrofits",
        empty=words.nothing_built(plan) if table.empty else "",
    )


RETROFITS = Page("Retrofits", "Retrofits: place, year, technology, tonnes, capex and cost per tonne.", write_retrofits)
