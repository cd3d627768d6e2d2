"""Sheet Economics: cost build-up of each retrofit in formulas, compared with published ranges."""

from __future__ import annotations

import pandas as pd

from ccs_model.inputs.geography import are_in_china
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import figures as published
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import has_accounts
from ccs_model.report.retrofit_costs import CAPTURE_PARTS, COST_PARTS, retrofit_costs
from ccs_model.report.workbook.cell_values import is_missing
from ccs_model.report.workbook.columns import Column, table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Sheet

# What a plan with a shared network has besides: its part of what is shared.
_SHARED_ONLY = (
    "storage_capex_mn", "haul_mn_pa", "storage_capital_mn_pa", "storage_om_mn_pa", "storage_recovery_share",
    "storage_life_yr", "solved_storage_capex_mn", "solved_haul_mn_pa", "solved_storage_om_mn_pa",
)  # fmt: skip
_OF_ACCOUNTS = ("plant_n", "plant_npv_mn", "plant_break_even_per_t")
_OF_RANGE = ("low_per_t", "high_per_t", "place")
_SUMMED = ("_mn", "_mn_pa", "_ktpa")
_NOT_SUMMED = ("plant_", "solved_", "other_", "product_")


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
    rows = [_row(row, in_account=has_accounts(plan)) for row in records(costs)]
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
        totals=_totals(costs, columns),
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


_TEMPLATES = {
    "capex_per_tpa": "={reference_capex_per_tpa}*{concentration_factor}*{small_train_factor}",
    "capture_capex_mn": "=({capex_per_tpa}*{nameplate_ktpa}/1000+{other_capex_mn})*capex_factor",
    "pipe_capex_mn": "={solved_pipe_capex_mn}*capex_factor",
    "storage_capex_mn": "={solved_storage_capex_mn}*capex_factor",
    "recovery_share": "=IF(capital_recovery_share>0,capital_recovery_share,-PMT(discount_rate,{life_yr},1))",
    "captured_at_full_load_ktpa": "={nameplate_ktpa}*delivered_share",
    "avoided_at_full_load_ktpa": "={captured_at_full_load_ktpa}*(1-{penalty_t_per_t})+{reduced_ktpa}",
    "capture_capital_mn_pa": "={capture_capex_mn}*{recovery_share}",
    "capture_fixed_om_mn_pa": "={solved_capture_fixed_om_mn_pa}*om_factor",
    "capture_variable_om_mn_pa": "={captured_at_full_load_ktpa}*{variable_om_per_t}/1000*om_factor",
    "heat_mn_pa": "={captured_at_full_load_ktpa}*{heat_per_t}/1000*energy_factor",
    "capture_power_mn_pa": "={captured_at_full_load_ktpa}*{power_per_t}/1000*energy_factor",
    "capture_mn_pa": f"=SUM({{{CAPTURE_PARTS[0]}}}:{{{CAPTURE_PARTS[-1]}}})",
    "pipe_fixed_om_mn_pa": "={solved_pipe_fixed_om_mn_pa}*om_factor",
    "pipe_power_mn_pa": "={solved_pipe_power_mn_pa}*om_factor",
    "haul_mn_pa": "={solved_haul_mn_pa}*om_factor",
    "storage_om_mn_pa": "={solved_storage_om_mn_pa}*om_factor",
    "storage_mn_pa": "={solved_storage_mn_pa}*om_factor",
    "capture_cost_per_t": '=IF({captured_at_full_load_ktpa}>0,{capture_mn_pa}*1000/{captured_at_full_load_ktpa},"")',
    "avoidance_cost_per_t": '=IF({avoided_at_full_load_ktpa}>0,{cost_mn_pa}*1000/{avoided_at_full_load_ktpa},"")',
    "product_cost_per_t": '=IF({product_ktpa}>0,{cost_mn_pa}*1000/{product_ktpa},"")',
}
_SHARED = {"cost_mn_pa": f"={{capture_mn_pa}}+SUM({{{COST_PARTS[0]}}}:{{{COST_PARTS[-1]}}})"}


def _row(row: dict[str, object], *, in_account: bool) -> dict[str, object]:
    """The row with formulas where inputs act."""
    live = {**_TEMPLATES, **_SHARED}
    for kind in ("pipe", "storage"):
        # Where lives differ within what is shared, no single recovery exists; then capital follows the factor alone.
        recovery = f"{kind}_recovery_share"
        if not is_missing(row[f"{kind}_life_yr"]):
            live[recovery] = live["recovery_share"].replace("{life_yr}", f"{{{kind}_life_yr}}")
        live[f"{kind}_capital_mn_pa"] = f"={{{kind}_capex_mn}}*{{{recovery}}}"
    if in_account:
        live["plant_npv_mn"] = "=INDEX({plants_paid!npv_mn},{plant_n},1)"
        live["plant_break_even_per_t"] = "=INDEX({plants_paid!break_even_carbon_price_per_t},{plant_n},1)"
    return {**row, **{name: Formula(text, _or_blank(row[name])) for name, text in live.items()}}


def _or_blank(value: object) -> object:
    return "" if is_missing(value) else value


def _totals(costs: pd.DataFrame, columns: list[Column]) -> dict[str, object]:
    """Sums of amounts; costs per t of what works in the last period."""
    found: dict[str, object] = {
        column.name: Formula(f"=SUM({{{column.name}:all}})", float(costs[column.name].sum()))
        for column in columns
        if column.name.endswith(_SUMMED) and column.name in costs and not column.name.startswith(_NOT_SUMMED)
    }
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
    return {**found, "plant": "Total"}


def _band_cells(row: dict[str, object], feedstock: str) -> dict[str, object]:
    band = published.band_of(str(row["sector"]), str(row["grade"]), feedstock)
    cost = row["capture_cost_per_t"]
    assert isinstance(cost, Formula)
    place = "no band"
    if band is not None and cost.value != "":
        place = band.place(float(str(cost.value)))
    return {
        "low_per_t": None if band is None else band.low_per_t,
        "high_per_t": None if band is None else band.high_per_t,
        "place": Formula(
            '=IF(OR({low_per_t}="",{capture_cost_per_t}=""),"no band",IF({capture_cost_per_t}<{low_per_t},"below",'
            'IF({capture_cost_per_t}>{high_per_t},"above","inside")))',
            place,
        ),
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
