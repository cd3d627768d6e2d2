"""Sheet Retrofits: every retrofit of the plan."""

from __future__ import annotations

from ccs_model.plan.merit_order import AT_FULL_LOAD, PARTS
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.plan.reasons import reasons_table
from ccs_model.plan.tables import ENERGY
from ccs_model.report import sentences as words
from ccs_model.report.workbook.columns import CALCULATION, OBSERVED, columns_of, table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Sheet

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
_SUMMED = ("_ktpa", "_mn", "_mn_pa")
_SHARED = (
    " Pipeline and storage capex are the retrofit's share of common facilities, by use; the site is the one that "
    "receives most of its CO2, and the length is the flow-weighted mean."
)
_WHY = " Reasons compare costs per tonne; ccs-model explain re-solves the model for exact answers."


def write_retrofits(sheet: Sheet, plan: Plan) -> None:
    """Write plan.retrofits with totals, largest abatement first; sheet Economics holds the parts of the annual cost."""
    table = plan.retrofits.drop(columns=[*PARTS, *AT_FULL_LOAD])
    if plan.problem.network is None:
        table = table.drop(columns="storage_capex_mn")
    if not (plan.problem.plants["name_zh"].fillna("") != "").any():
        table = table.drop(columns="name_zh")
    sheet.title("Retrofits")
    sheet.paragraph(
        f"Tonnes refer to {words.last_period(plan)}; costs per tonne are levelised at full load. Product cost is "
        "the annual cost per tonne of product." + ("" if plan.problem.network is None else _SHARED) + _WHY
    )
    reasons = reasons_table(plan).set_index("plant")
    totals: dict[str, object] = {
        name: Formula(f"=SUM({{{name}:all}})", float(table[name].sum())) for name in table if name.endswith(_SUMMED)
    }
    totals |= {name: plan.totals[name] for name in ("capture_cost_per_t", "avoidance_cost_per_t")}
    sheet.table(
        [*columns_of(table, classes=_CLASSES, optional=_OPTIONAL, widest=24), *table_columns("retrofits.reasons")],
        records(table.join(reasons[["reason", "change"]], on="plant")),
        main=True,
        frozen=2,
        totals={**totals, "plant": "Total"},
        key="retrofits",
        empty=words.nothing_built(plan) if table.empty else "",
    )


RETROFITS = Page("Retrofits", "Retrofits: place, year, technology, tonnes, capex and cost per tonne.", write_retrofits)
