"""Cost build-up of each retrofit, one column a step, for the formulas of sheet Economics."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.engineering.streams import utilisation_share
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem

CAPTURE_PARTS = (
    "capture_capital_mn_pa", "capture_fixed_om_mn_pa", "capture_variable_om_mn_pa", "heat_mn_pa", "capture_power_mn_pa",
)  # fmt: skip
COST_PARTS = (
    "pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa", "storage_capital_mn_pa",
    "storage_om_mn_pa", "storage_mn_pa",
)  # fmt: skip
# Yearly costs that are given whole, not per tonne: label of each.
AS_SOLVED = {
    "capture_fixed_om_mn_pa": "Capture fixed O&M",
    "pipe_fixed_om_mn_pa": "Pipe fixed O&M",
    "pipe_power_mn_pa": "Booster power",
    "haul_mn_pa": "Trucks",
    "storage_om_mn_pa": "Storage O&M",
    "storage_mn_pa": "Storage",
}
_OF_ROUTE = (
    "grade", "reference_capex_per_tpa", "concentration_factor", "small_train_factor", "capex_per_tpa", "life_yr",
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
    routes = problem.routes.set_index("route")
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
    table["recovery_share"] = problem.recovery(table["life_yr"])
    for kind, life in _lives(problem, table, routes).items():
        capital, capex = table[f"{kind}_capital_mn_pa"], table[f"{kind}_capex_mn"]
        ratio = np.divide(capital, capex, out=np.zeros(len(table)), where=capex.to_numpy(float) > 0)
        one_life = problem.recovery(life) if len(table) else life
        fits = np.isclose(capital, capex * one_life, rtol=1e-11, atol=1e-12)
        table[f"{kind}_life_yr"] = np.where(fits, life, np.nan)
        table[f"{kind}_recovery_share"] = np.where(fits, one_life, ratio)
    captured, avoided = table["captured_at_full_load_ktpa"], table["avoided_at_full_load_ktpa"]
    table["reduced_ktpa"] = _reduced(problem, table)
    gained = avoided - table["reduced_ktpa"]
    table["penalty_t_per_t"] = 1.0 - np.divide(gained, captured, out=np.ones(len(table)), where=captured > 0)
    for rate, amount in _PER_T.items():
        table[rate] = np.divide(table[amount] * 1000.0, captured, out=np.zeros(len(table)), where=captured > 0)
    table["works"] = ((table["captured_ktpa"] > 0) | (plan.retrofits.get("reduced_ktpa", 0.0) > 0)).astype(int)
    for name in (*AS_SOLVED, "pipe_capex_mn", "storage_capex_mn"):
        table[f"solved_{name}"] = table[name]
    table["capture_mn_pa"] = table[list(CAPTURE_PARTS)].sum(axis=1)
    table["product_ktpa"] = _product(problem, table)
    return _with_plants(plan, table)


def _lives(problem: Problem, table: pd.DataFrame, routes: pd.DataFrame) -> dict[str, Floats]:
    """One life for all pipes and for all sites where there is one; NaN else."""
    nothing = np.full(len(table), np.nan)
    if problem.network is None:
        of_pipes = routes["pipe_life_yr"].reindex(table["route"]).to_numpy(float)
        return {"pipe": of_pipes, "storage": np.ones(len(table))}
    built = problem.network.lines.loc[problem.network.built, "life_yr"].unique()
    sites = problem.sites["life_yr"].unique()
    return {
        kind: np.full(len(table), float(lives[0])) if len(lives) == 1 else nothing
        for kind, lives in (("pipe", built), ("storage", sites))
    }


def _reduced(problem: Problem, table: pd.DataFrame) -> pd.Series:
    """What a measure keeps from arising, of the part that is built."""
    by_route = pd.Series(problem.reduced_ktpa, index=problem.routes["route"].to_numpy(object))
    return pd.Series(by_route.reindex(table["route"]).to_numpy(float), index=table.index) * table["share"]


def _product(problem: Problem, table: pd.DataFrame) -> Floats:
    """Product of the plant in a year."""
    plants = problem.plants.set_index("plant").loc[table["plant"]].reset_index()
    used = utilisation_share(plants, plants["product"], problem.inputs["streams/utilisation"])
    return np.asarray((plants["capacity_ktpa"] * used).fillna(0.0), dtype=float)


def _with_plants(plan: Plan, table: pd.DataFrame) -> pd.DataFrame:
    """With the accounts of the plant that each retrofit belongs to."""
    if plan.owners is None:
        return table
    owners = plan.owners.set_index("plant").reindex(table["plant"])
    price = owners["break_even_carbon_price_per_t"].astype(object)
    numbers = {plant: n for n, plant in enumerate(plan.owners["plant"], 1)}
    return table.assign(
        plant_n=table["plant"].map(numbers),
        plant_npv_mn=owners["npv_mn"].to_numpy(),
        plant_break_even_per_t=price.where(price.notna(), "none").to_numpy(),
    )
