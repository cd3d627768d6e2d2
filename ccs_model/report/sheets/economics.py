"""Economics: how the cost of each retrofit builds up, held against published bands."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import published_bands as published
from ccs_model.report import words
from ccs_model.report.sheet import Page, Sheet
from ccs_model.report.style import ASSUMED, CHECK, OBSERVED, SOLVER
from ccs_model.report.table import Column

_OF_ROUTE = ("grade", "reference_capex_per_tpa", "concentration_factor", "small_train_factor", "capex_per_tpa")
# What a plan with a shared network has besides: its part of what is shared.
_SHARED_ONLY = ("storage_capex_mn", "haul_mn_pa", "storage_capital_mn_pa", "storage_om_mn_pa")
_COLUMNS = (
    *(Column(name, OBSERVED, widest=20) for name in ("plant", "name", "sector", "product")),
    *(Column(name, SOLVER, widest=18) for name in ("stream", "technology", "size", "year", "share")),
    Column("reference_capex_per_tpa"),
    Column("concentration_factor"),
    Column("small_train_factor"),
    Column("capex_per_tpa"),
    Column("nameplate_ktpa"),
    Column("capture_capex_mn"),
    Column("pipe_capex_mn"),
    Column("storage_capex_mn"),
    Column("capture_capital_mn_pa"),
    Column("capture_fixed_om_mn_pa"),
    Column("capture_variable_om_mn_pa", label="Consumables"),
    Column("heat_mn_pa"),
    Column("capture_power_mn_pa"),
    Column("pipe_capital_mn_pa"),
    Column("pipe_fixed_om_mn_pa"),
    Column("pipe_power_mn_pa", label="Booster power"),
    Column("haul_mn_pa", label="Trucks"),
    Column("storage_capital_mn_pa"),
    Column("storage_om_mn_pa"),
    Column("storage_mn_pa"),
    Column("cost_mn_pa", label="Cost, all of it"),
    Column("captured_at_full_load_ktpa"),
    Column("avoided_at_full_load_ktpa"),
    Column("capture_cost_per_t", optional=True),
    Column("avoidance_cost_per_t", optional=True),
    Column("product_cost_per_t", optional=True),
)
_SUMMED = ("_mn", "_mn_pa", "_ktpa")
_BAND_COLUMNS = (
    Column("low_per_t", ASSUMED, label="Published, low", optional=True),
    Column("high_per_t", ASSUMED, label="Published, high", optional=True),
    Column("place", CHECK, label="Capture cost against it", widest=18),
)


def write_economics(sheet: Sheet, plan: Plan) -> None:
    """One row a retrofit at full load and the last year's prices, then the bands."""
    in_cny = plan.problem.currency == published.STEEL.currency
    sheet.title("Economics")
    sheet.paragraph(
        "Reference capex × concentration factor × small-train factor = capex per t/y; × nameplate = capture capex. "
        "Yearly capital is capex × capital recovery. Capture cost is capture ÷ captured; avoidance cost is all ÷ "
        "avoided. Full load, prices of the last year."
    )
    shared = plan.problem.network is not None
    if shared:
        sheet.paragraph(
            "Pipes and storage are the retrofit's part of what is shared, by use; sheet Transport holds the split by "
            "Shapley value beside it. Capital of capture, pipes and storage adds up to what the plan spends.",
            "note",
        )
    columns = [column for column in _COLUMNS if shared or column.name not in _SHARED_ONLY]
    table = _table(plan)
    rows = records(table)
    if in_cny:
        feedstock = plan.problem.inputs.plants_of("chemicals").set_index("plant")["feedstock"].to_dict()
        rows = [{**row, **_band_cells(row, feedstock.get(row["plant"], ""))} for row in rows]
    sheet.table(
        [*columns, *(_BAND_COLUMNS if in_cny else ())],
        rows,
        main=True,
        frozen=2,
        totals=_totals(plan, table),
        empty=f"Nothing is built, because {words.why_nothing_is_built(plan)}." if table.empty else "",
    )
    sheet.section("Published bands")
    if not in_cny:
        sheet.paragraph(
            f"The bands are in {published.STEEL.currency} of an unknown year, so that a plan in "
            f"{plan.problem.currency} is not held against them.",
            "note",
        )
    _bands(sheet)


def _table(plan: Plan) -> pd.DataFrame:
    """Retrofits with how their capture capex is made up; amounts are those of the part that is built."""
    chosen = plan.retrofits.reset_index(drop=True)
    routes = plan.problem.routes.set_index("route")
    return chosen.join(routes[list(_OF_ROUTE)], on="route")


def _totals(plan: Plan, table: pd.DataFrame) -> dict[str, object]:
    totals: dict[str, object] = {
        column.name: table[column.name].sum() for column in _COLUMNS if column.name.endswith(_SUMMED)
    }
    per_t = {name: plan.totals[name] for name in ("capture_cost_per_t", "avoidance_cost_per_t")}
    return {**totals, **per_t, "plant": "Total"}


def _band_cells(row: dict[str, object], feedstock: str) -> dict[str, object]:
    band = published.band_of(str(row["sector"]), str(row["grade"]), feedstock)
    if band is None:
        return {"place": "no band"}
    return {
        "low_per_t": band.low_per_t,
        "high_per_t": band.high_per_t,
        "place": band.place(float(str(row["capture_cost_per_t"]))),
    }


def _bands(sheet: Sheet) -> None:
    sheet.table(
        [
            Column("covers", ASSUMED, label="What it covers", widest=20),
            Column("low_per_t", ASSUMED, unit="CNY per t captured"),
            Column("high_per_t", ASSUMED, unit="CNY per t captured"),
            Column("reference", ASSUMED, widest=18),
            Column("note", ASSUMED, wide=True),
        ],
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


ECONOMICS = Page("Economics", "How the cost of each retrofit builds up, beside published ranges.", write_economics)
