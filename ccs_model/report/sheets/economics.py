"""Economics: how the cost of each retrofit builds up, held against published bands."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.levelised import levelised_costs
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import published_bands as published
from ccs_model.report import words
from ccs_model.report.sheet import Page, Sheet
from ccs_model.report.style import ASSUMED, CHECK, OBSERVED, SOLVER
from ccs_model.report.table import Column

_OF_ROUTE = ("grade", "reference_capex_per_tpa", "concentration_factor", "small_train_factor", "capex_per_tpa")
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
    Column("capture_capital_mn_pa"),
    Column("capture_fixed_om_mn_pa"),
    Column("capture_variable_om_mn_pa", label="Consumables"),
    Column("heat_mn_pa"),
    Column("capture_power_mn_pa"),
    Column("pipe_capital_mn_pa"),
    Column("pipe_fixed_om_mn_pa"),
    Column("pipe_power_mn_pa", label="Booster power"),
    Column("storage_mn_pa"),
    Column("cost_mn_pa", label="Cost, all of it"),
    Column("captured_at_full_load_ktpa"),
    Column("avoided_at_full_load_ktpa"),
    Column("capture_cost_per_t"),
    Column("avoidance_cost_per_t", optional=True),
    Column("product_cost_per_t", optional=True),
)
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
    table = _table(plan)
    rows = records(table)
    if in_cny:
        feedstock = plan.problem.inputs["plants/chemicals"].set_index("plant")["feedstock"].to_dict()
        rows = [{**row, **_band_cells(row, feedstock.get(row["plant"], ""))} for row in rows]
    sheet.table(
        [*_COLUMNS, *(_BAND_COLUMNS if in_cny else ())],
        rows,
        main=True,
        frozen=2,
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
    """Retrofits with their build-up; amounts are those of the part that is built."""
    problem = plan.problem
    routes = problem.routes.set_index("route")
    yearly = levelised_costs(problem).set_axis(routes.index)
    chosen = plan.retrofits.reset_index(drop=True)
    amounts = yearly[[name for name in yearly if not name.endswith("_per_t")]].loc[chosen["route"]]
    amounts = amounts.reset_index(drop=True).mul(chosen["share"], axis=0)
    of_route = routes[list(_OF_ROUTE)].loc[chosen["route"]].reset_index(drop=True)
    mine = chosen.drop(columns=[name for name in chosen if name in amounts or name in of_route])
    return pd.concat([mine, of_route, amounts], axis=1)


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
