"""Sheet Economics: cost build-up of each retrofit in formulas, one column a step, compared with published ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.engineering.streams import utilisation_share
from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import are_in_china
from ccs_model.plan.merit_order import CAPTURE_PARTS
from ccs_model.plan.money import base_costs_per_t
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import Band, records
from ccs_model.problem import Problem
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import has_accounts
from ccs_model.report.workbook.columns import is_missing, table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.plants_sheet import has_power
from ccs_model.report.workbook.sheet import Sheet, SheetSpec
from ccs_model.scenario.fields import SHIPPED_INVENTORIES

# Yearly costs that are given whole, not per tonne.
_AS_SOLVED = (
    "capture_fixed_om_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa", "storage_om_mn_pa",
    "storage_mn_pa",
)  # fmt: skip
_OF_ROUTE = (
    "grade", "reference_capex_per_tpa", "concentration_factor", "small_train_factor", "capex_per_tpa", "life_yr",
    "tasc_factor",
)  # fmt: skip
_PER_T = {
    "variable_om_per_t": "capture_variable_om_mn_pa", "heat_per_t": "heat_mn_pa", "power_per_t": "capture_power_mn_pa",
}  # fmt: skip
_SAME = 1e-12


def retrofit_costs(plan: Plan) -> pd.DataFrame:
    """plan.retrofits with the steps of the scaling law, recoveries, rates per tonne and what the solver gave whole.

    `pipe_life_yr` and `storage_life_yr` are NaN where what is shared has several lives; their recoveries are then the
    plan's own ratio of yearly to whole capital.
    """
    problem = plan.problem
    table = plan.retrofits.reset_index(drop=True)
    routes = problem.levelised_routes.set_index("route")
    if table.empty:
        # Where nothing can be built there are no routes either, and nothing to join with.
        table = table.reindex(columns=[*table.columns, *_OF_ROUTE])
    else:
        table = table.join(routes[list(_OF_ROUTE)], on="route")
    law = ["reference_capex_per_tpa", "concentration_factor", "small_train_factor"]
    table["capex_per_tpa"] = table[law].fillna(0.0).prod(axis=1)
    by_law = table["capex_per_tpa"] * table["nameplate_ktpa"] / 1000.0
    other = table["capture_capex_mn"] - by_law
    table["other_capex_mn"] = other.where(other.abs() > _SAME * table["capture_capex_mn"].abs(), 0.0)
    in_service = table["assets_share"]
    table["charge_share"] = problem.capture_charge(table)
    for kind, life in _lives(problem, table, routes).items():
        capital, capex = table[f"{kind}_capital_mn_pa"], table[f"{kind}_capex_mn"]
        yearly = capex * in_service
        ratio = np.divide(capital, yearly, out=np.zeros(len(table)), where=yearly.to_numpy(float) > 0)
        one_life = problem.recovery(life) if len(table) else life
        fits = np.isclose(capital, capex * one_life * in_service, rtol=1e-11, atol=1e-12)
        table[f"{kind}_life_yr"] = np.where(fits, life, np.nan)
        table[f"{kind}_recovery_share"] = np.where(fits, one_life, ratio)
    captured = table["captured_ktpa"]
    table["reduced_ktpa"] = table.get("reduced_ktpa", 0.0)
    gained = table["avoided_ktpa"] - table["reduced_ktpa"]
    table["penalty_t_per_t"] = 1.0 - np.divide(gained, captured, out=np.ones(len(table)), where=captured > 0)
    for rate, amount in _PER_T.items():
        table[rate] = np.divide(table[amount] * 1000.0, captured, out=np.zeros(len(table)), where=captured > 0)
    for name in (*_AS_SOLVED, "pipe_capex_mn", "storage_capex_mn"):
        table[f"solved_{name}"] = table[name]
    # What is set aside for closure and care depends on the discount rate; the other O&M does not.
    closure = table["storage_closure_mn"] * in_service
    set_aside = table["storage_recovery_share"] - problem.discount_rate
    table["solved_storage_closure_mn"] = table["storage_closure_mn"]
    table["solved_storage_om_mn_pa"] = table["storage_om_mn_pa"] - closure * set_aside
    table["capture_mn_pa"] = table[list(CAPTURE_PARTS)].sum(axis=1)
    plants = problem.plants.set_index("plant").loc[table["plant"]].reset_index()
    used = utilisation_share(plants, plants["product"], problem.inputs["streams/utilisation"])
    table["product_ktpa"] = np.asarray((plants["capacity_ktpa"] * used).fillna(0.0), dtype=float)
    table["base_cost_per_t"] = table["product"].map(base_costs_per_t(problem)).astype(float)
    table["cost_rise_share"] = table["product_cost_per_t"] / table["base_cost_per_t"]
    if plan.owners is None:
        return table
    # The accounts of the plant that each retrofit belongs to.
    owners = plan.owners.set_index("plant").reindex(table["plant"])
    price = owners["break_even_carbon_price_per_t"].astype(object)
    numbers = {plant: n for n, plant in enumerate(plan.owners["plant"], 1)}
    return table.assign(
        plant_n=table["plant"].map(numbers),
        plant_npv_mn=owners["npv_mn"].to_numpy(),
        plant_break_even_per_t=price.where(price.notna(), "none").to_numpy(),
    )


def _lives(problem: Problem, table: pd.DataFrame, routes: pd.DataFrame) -> dict[str, Floats]:
    """One life for all pipes and for all sites where there is one; NaN else."""
    if problem.network is None:
        of_routes = routes.reindex(table["route"])
        return {kind: of_routes[f"{kind}_life_yr"].to_numpy(float) for kind in ("pipe", "storage")}
    built = problem.network.lines.loc[problem.network.built, "life_yr"].unique()
    lives = {"pipe": built, "storage": problem.sites["life_yr"].unique()}
    return {kind: np.full(len(table), each[0] if len(each) == 1 else np.nan) for kind, each in lives.items()}


# Only with delivered shares by class; the formula of captured tonnes then uses them.
_OF_CLASS = ("delivered_share",)
_CAPTURED_BY_CLASS = "={nameplate_ktpa}*{delivered_share}*{load_share}"
# What a plan with a shared network has besides: its part of what is shared.
_SHARED_ONLY = ("haul_mn_pa", "solved_haul_mn_pa")
_OF_ACCOUNTS = ("plant_n", "plant_npv_mn", "plant_break_even_per_t")
_OF_PRODUCT = ("base_cost_per_t", "cost_rise_share")
_STATIC_HEADINGS = {
    "operating_share": "In operation", "assets_share": "Pipes and sites in operation", "load_share": "Load",
}  # fmt: skip
_OF_RANGE = ("low_per_t", "high_per_t", "place")


def write_economics(sheet: Sheet, plan: Plan) -> None:
    """Write one row a retrofit in the last period, at prices of the last year, then the published ranges."""
    inputs = plan.problem.inputs
    every_range = published_ranges(inputs)
    ranges = ranges_of(inputs, plan.problem.plants["sector"])
    in_cny = bool(ranges) and plan.problem.currency == ranges[0].currency
    static = plan.problem.is_static
    in_operation = "" if static else " × share of the last period in operation"
    annual = "those of a representative year" if static else "means of the last period"
    prices = "" if static else " and prices of the last year"
    sheet.banner()
    sheet.paragraph(
        "Capex per t/y = reference capex × concentration factor × small-train factor × capex_factor. "
        "Capture capex = capex per t/y × nameplate + other capital × capex_factor. "
        f"Annual capital is capex × capital charge{in_operation}. Capture cost = capture ÷ captured; avoidance cost = "
        f"total ÷ avoided. Annual costs are {annual} at the load of the plan"
        f"{prices}. Columns computed from names of sheet Inputs follow changes; values chosen by the solver are on the "
        "right, as solved."
    )
    shared = plan.problem.network is not None
    if shared:
        sheet.note(
            "Pipelines and storage are the retrofit's share by use; sheet Transport also gives the shares by Shapley "
            "value. Capital of capture, pipelines and storage sums to the investment of the plan."
        )
    if has_power(plan, plan.retrofits["product"]):
        sheet.note("The product of power stations is in GWh a year, and costs per product are per MWh.")
    costs = retrofit_costs(plan)
    rows = records(costs)
    for row, kind in product(rows, ("pipe", "storage")):
        # Without a single life, recoveries of shared capital have no formula.
        if not is_missing(row[f"{kind}_life_yr"]):
            text = f"=IF(capital_recovery_share>0,capital_recovery_share,-PMT(discount_rate,{{{kind}_life_yr}},1))"
            row[f"{kind}_recovery_share"] = Formula(text, row[f"{kind}_recovery_share"])
    if in_cny:
        feedstock = plan.problem.inputs.plants_of("chemicals").set_index("plant")["feedstock"].to_dict()
        rows = [{**row, **_band_cells(every_range, row, feedstock.get(str(row["plant"]), ""))} for row in rows]
    without = [*(() if shared else _SHARED_ONLY), *(() if has_accounts(plan) else _OF_ACCOUNTS)]
    without += () if costs["base_cost_per_t"].notna().any() else _OF_PRODUCT
    without += () if plan.problem.has_classes else _OF_CLASS
    headings = _STATIC_HEADINGS if static else {}
    columns = table_columns("economics", without if in_cny else [*without, *_OF_RANGE], headings)
    if plan.problem.has_classes:
        columns = [
            replace(each, formula=_CAPTURED_BY_CLASS) if each.name == "captured_ktpa" else each for each in columns
        ]
    # The columns on the right are what the others are computed from.
    sheet.print_parts_to(next(at for at, each in enumerate(columns) if each.name == "solved_pipe_capex_mn"))
    totals, empty = _totals(costs), words.empty_plan_sentence(plan)
    sheet.table(columns, rows, main=True, frozen=2, totals=totals, empty=empty, key="economics")
    if not ranges or not (in_cny or are_in_china(pd.Series(plan.problem.zones)).any()):
        return  # they refer to Chinese plants
    sheet.section("Published cost ranges")
    if not in_cny:
        sheet.note(
            f"The ranges are in {ranges[0].currency} of an unknown year and are not compared with a plan in "
            f"{plan.problem.currency}."
        )
    sheet.table("economics.ranges", [{**asdict(each), "reference": each.citation} for each in ranges])


def _totals(costs: pd.DataFrame) -> dict[str, object]:
    """Costs per t of all retrofits in the last period."""
    found: dict[str, object] = {"plant": "Total"}
    for name, cost, tonnes in (
        ("capture_cost_per_t", "capture_mn_pa", "captured_ktpa"),
        ("avoidance_cost_per_t", "cost_mn_pa", "avoided_ktpa"),
    ):
        total = float(costs[tonnes].sum())
        value = float(costs[cost].sum()) * 1000.0 / total if total > 0 else ""
        above, below = f"SUM({{{cost}:all}})", f"SUM({{{tonnes}:all}})"
        found[name] = Formula(f'=IF({below}>0,{above}*1000/{below},"")', value)
    return found


def _band_cells(ranges: Sequence[PublishedRange], row: dict[str, object], feedstock: str) -> dict[str, object]:
    band = covering_range(ranges, str(row["sector"]), str(row["grade"]), feedstock)
    cost = row["capture_cost_per_t"]
    return {
        "low_per_t": None if band is None else band.low_per_t,
        "high_per_t": None if band is None else band.high_per_t,
        "place": "no band" if band is None or is_missing(cost) else band.place(float(str(cost))),
    }


# Published ranges of the capture cost (costs/capture_ranges), compared as they stand.


@dataclass(frozen=True)
class PublishedRange(Band):
    """A published range of the capture cost of a sector, with its source; an empty grade or feedstock means any."""

    sector: str = ""
    grade: str = ""
    feedstock: str = ""
    citation: str = ""
    note: str = ""


def published_ranges(inputs: Inputs) -> tuple[PublishedRange, ...]:
    """The published ranges in the order of their table."""
    names = [each.name for each in fields(PublishedRange)]
    return tuple(PublishedRange(*row) for row in inputs["costs/capture_ranges"][names].itertuples(index=False))


def ranges_of(inputs: Inputs, sectors: Iterable[str]) -> tuple[PublishedRange, ...]:
    """The ranges of steel and chemicals, and those of other sectors of a plan."""
    shown = {*SHIPPED_INVENTORIES, *sectors}
    return tuple(each for each in published_ranges(inputs) if each.sector in shown)


def covering_range(ranges: Iterable[PublishedRange], sector: str, grade: str, feedstock: str) -> PublishedRange | None:
    """The first range that covers a stream; None for mixed tail gas, flue gas of chemical plants and gas-fed plants."""
    for each in ranges:
        if each.sector == sector and each.grade in ("", grade) and each.feedstock in ("", feedstock):
            return each
    return None


ECONOMICS = SheetSpec("Economics", "Cost build-up of each retrofit, compared with published ranges.", write_economics)
