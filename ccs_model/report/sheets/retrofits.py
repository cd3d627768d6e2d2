"""Retrofits: what the plan builds, one row each, all of it."""

from __future__ import annotations

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import words
from ccs_model.report.sheet import Page, Sheet
from ccs_model.report.style import CALCULATION, OBSERVED
from ccs_model.report.table import columns_of

_CLASSES = {
    **dict.fromkeys(("plant", "name", "name_zh", "province", "sector", "product"), OBSERVED),
    **dict.fromkeys(("length_km", "co2_share", "n_trains", "is_extrapolated"), CALCULATION),
}
# Nothing avoided, or no product made: the cost per tonne of it does not exist.
_OPTIONAL = ("name_zh", "avoidance_cost_per_t", "product_cost_per_t")
_SUMMED = ("_ktpa", "_mn", "_mn_pa")


def write_retrofits(sheet: Sheet, plan: Plan) -> None:
    """plan.retrofits in full, largest avoided first, with totals."""
    table = plan.retrofits
    sheet.title("Retrofits")
    sheet.paragraph(
        f"Tonnes are those of the last period, from {plan.problem.years[-1]}; costs per tonne are levelised at full "
        "load. Product cost is the yearly cost per tonne of the plant's product."
    )
    totals: dict[str, object] = {name: table[name].sum() for name in table if name.endswith(_SUMMED)}
    totals |= {name: plan.totals[name] for name in ("capture_cost_per_t", "avoidance_cost_per_t")}
    sheet.table(
        columns_of(table, classes=_CLASSES, optional=_OPTIONAL, widest=24),
        records(table),
        main=True,
        frozen=2,
        totals={**totals, "plant": "Total"},
        empty=f"Nothing is built, because {words.why_nothing_is_built(plan)}." if table.empty else "",
    )


RETROFITS = Page(
    "Retrofits", "What is built: where, when, with what, tonnes, capex and costs per tonne.", write_retrofits
)
