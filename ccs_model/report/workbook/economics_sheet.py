"""Sheet Economics: cost build-up of each retrofit in formulas, compared with published ranges."""

from __future__ import annotations

import pandas as pd

from ccs_model.inputs.geography import are_in_china
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import figures as published
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import has_accounts
from ccs_model.report.retrofit_costs import retrofit_costs
from ccs_model.report.workbook.cell_values import is_missing
from ccs_model.report.workbook.columns import table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Sheet

# What a plan with a shared network has besides: its part of what is shared.
_SHARED_ONLY = (
    "storage_capex_mn", "haul_mn_pa", "storage_capital_mn_pa", "storage_om_mn_pa", "storage_recovery_share",
    "storage_life_yr", "solved_storage_capex_mn", "solved_haul_mn_pa", "solved_storage_om_mn_pa",
)  # fmt: skip
_OF_ACCOUNTS = ("plant_n", "plant_npv_mn", "plant_break_even_per_t")
_OF_RANGE = ("low_per_t", "high_per_t", "place")


def write_economics(sheet: Sheet, plan: Plan) -> None:
    """Write one row a retrofit at full load and prices of the last year, then the published ranges."""
    in_cny = plan.problem.currency == published.STEEL.currency
    sheet.title("Economics")
    sheet.banner()
    sheet.paragraph(
        "Reference capex × concentration factor × small-train factor = capex per t/y; (× nameplate + other capital) "
        "× capex_factor = capture capex. Annual capital is capex × capital recovery. Capture cost = capture ÷ "
        "captured; avoidance cost = total ÷ avoided. Full load, prices of the last year. Columns computed from names "
        "of sheet Inputs follow changes; values chosen by the solver are on the right, as solved."
    )
    shared = plan.problem.network is not None
    if shared:
        sheet.paragraph(
            "Pipelines and storage are the retrofit's share by use; sheet Transport also gives the shares by Shapley "
            "value. Capital of capture, pipelines and storage sums to the investment of the plan.",
            "note",
        )
    costs = retrofit_costs(plan)
    rows = [_row(row) for row in records(costs)]
    if in_cny:
        feedstock = plan.problem.inputs.plants_of("chemicals").set_index("plant")["feedstock"].to_dict()
        rows = [{**row, **_band_cells(row, feedstock.get(str(row["plant"]), ""))} for row in rows]
    without = [*(() if shared else _SHARED_ONLY), *(() if has_accounts(plan) else _OF_ACCOUNTS)]
    columns = table_columns("economics", without if in_cny else [*without, *_OF_RANGE])
    sheet.table(
        columns,
        rows,
        main=True,
        frozen=2,
        totals=_totals(costs),
        empty=words.nothing_built(plan) if costs.empty else "",
        key="economics",
    )
    sheet.section("Published cost ranges")
    if not (in_cny or are_in_china(pd.Series(plan.problem.zones)).any()):
        sheet.paragraph("The published ranges refer to Chinese plants and are not compared here.", "note")
        return
    if not in_cny:
        sheet.paragraph(
            f"The ranges are in {published.STEEL.currency} of an unknown year and are not compared with a plan in "
            f"{plan.problem.currency}.",
            "note",
        )
    _bands(sheet)


def _row(row: dict[str, object]) -> dict[str, object]:
    """The row with recoveries of shared capital; without a single life the formula is left out."""
    found = dict(row)
    for kind in ("pipe", "storage"):
        if not is_missing(row[f"{kind}_life_yr"]):
            text = f"=IF(capital_recovery_share>0,capital_recovery_share,-PMT(discount_rate,{{{kind}_life_yr}},1))"
            found[f"{kind}_recovery_share"] = Formula(text, row[f"{kind}_recovery_share"])
    return found


def _totals(costs: pd.DataFrame) -> dict[str, object]:
    """Costs per t of what works in the last period."""
    found: dict[str, object] = {"plant": "Total"}
    works, captured = costs["works"].to_numpy(float), costs["captured_at_full_load_ktpa"].to_numpy(float)
    avoided = costs["avoided_at_full_load_ktpa"].to_numpy(float)
    capture = float((works * (captured > 0) * costs["capture_mn_pa"]).sum())
    cost = float((works * costs["cost_mn_pa"]).sum())
    for name, above, amount, below, tonnes in (
        (
            "capture_cost_per_t",
            "SUMPRODUCT({works:all}*({captured_at_full_load_ktpa:all}>0)*{capture_mn_pa:all})",
            capture,
            "SUMPRODUCT({works:all}*{captured_at_full_load_ktpa:all})",
            float((works * captured).sum()),
        ),
        (
            "avoidance_cost_per_t",
            "SUMPRODUCT({works:all}*{cost_mn_pa:all})",
            cost,
            "SUMPRODUCT({works:all}*{avoided_at_full_load_ktpa:all})",
            float((works * avoided).sum()),
        ),
    ):
        value = amount * 1000.0 / tonnes if tonnes > 0 else ""
        found[name] = Formula(f'=IF({below}>0,{above}*1000/{below},"")', value)
    return found


def _band_cells(row: dict[str, object], feedstock: str) -> dict[str, object]:
    band = published.band_of(str(row["sector"]), str(row["grade"]), feedstock)
    cost = row["capture_cost_per_t"]
    return {
        "low_per_t": None if band is None else band.low_per_t,
        "high_per_t": None if band is None else band.high_per_t,
        "place": "no band" if band is None or is_missing(cost) else band.place(float(str(cost))),
    }


def _bands(sheet: Sheet) -> None:
    sheet.table(
        "economics.ranges",
        [
            {
                "covers": band.covers,
                "low_per_t": band.low_per_t,
                "high_per_t": band.high_per_t,
                "reference": published.CITATION,
                "note": published.NOTE,
            }
            for band in published.BANDS
        ],
    )


ECONOMICS = Page("Economics", "Cost build-up of each retrofit, compared with published ranges.", write_economics)
