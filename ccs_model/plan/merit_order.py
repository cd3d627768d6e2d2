"""The ranked list behind the marginal abatement cost curve: what could be done, whatever the budget.

Each stream of a candidate plant stands once, at full size, with the route that avoids a tonne for the least; the list
runs from cheap to dear. It is not the optimum: it takes each stream for itself, so it knows nothing of the budget they
share, of the limits of sites that several of them would fill, nor of when a retrofit may start. The optimiser's plan
does, which is why a plan may pass over a cheap stream, or fit one with another technology than stands here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.engineering.capture_units import covered_rows, is_shared
from ccs_model.errors import InputError
from ccs_model.plan.cost_sharing import Sharing
from ccs_model.plan.decisions import Point
from ccs_model.problem import Problem, build_problem

# Levelised costs, three things that are never mixed, at full delivered load and the last year's prices.
#
# capture cost     (capital recovery of capture capex + fixed O&M + consumables + heat + power) ÷ captured
# avoidance cost   (the same + pipe + storage) ÷ avoided
# marginal cost    a dual of the program, not computed here


# What a year of a retrofit is made of; the first five are capture.
PARTS = (
    "capture_capital_mn_pa", "capture_fixed_om_mn_pa", "capture_variable_om_mn_pa", "heat_mn_pa", "capture_power_mn_pa",
    "pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa",
    "storage_capital_mn_pa", "storage_om_mn_pa", "storage_mn_pa",
)  # fmt: skip
AT_FULL_LOAD = ("captured_at_full_load_ktpa", "avoided_at_full_load_ktpa")


def levelised_costs(problem: Problem) -> pd.DataFrame:
    """One row a route: yearly cost by part in million, captured and avoided kt/y, and the levelised costs per t."""
    routes = problem.routes
    captured_ktpa = routes["nameplate_ktpa"] * problem.delivered_share
    last = {name: per_t[:, -1] for name, per_t in problem.cost_per_t.items()}
    yearly = pd.DataFrame(
        {
            "captured_at_full_load_ktpa": captured_ktpa,
            "avoided_at_full_load_ktpa": captured_ktpa * problem.avoided_t_per_t[:, -1] + problem.reduced_ktpa,
            "capture_capital_mn_pa": routes["capture_capex_mn"] * problem.recovery(routes["life_yr"]),
            "capture_fixed_om_mn_pa": routes["fixed_om_mn_pa"],
            "capture_variable_om_mn_pa": captured_ktpa * last["capture_variable_om"] / 1000.0,
            "heat_mn_pa": captured_ktpa * last["heat"] / 1000.0,
            "capture_power_mn_pa": captured_ktpa * last["capture_power"] / 1000.0,
            "pipe_capital_mn_pa": routes["pipe_capex_mn"] * problem.recovery(routes["pipe_life_yr"]),
            "pipe_fixed_om_mn_pa": routes["pipe_om_mn_pa"],
            "pipe_power_mn_pa": captured_ktpa * last["pipe_power"] / 1000.0,
            "haul_mn_pa": 0.0,
            "storage_capital_mn_pa": 0.0,
            "storage_om_mn_pa": 0.0,
            "storage_mn_pa": captured_ktpa * last["storage"] / 1000.0,
        }
    )
    return _summed(yearly).set_axis(routes.index)


def levelised_of(
    point: Point,
    sharing: Sharing | None,
    at: Ints,
    share: Floats,
    part_of_route: Floats,
) -> pd.DataFrame:
    """The same of retrofits: rows `at` of the routes, built to `share`; amounts are those of the part that is built.

    With a shared network, transport and storage are the retrofit's part by use of what is shared, at full load.
    """
    problem = point.problem
    own = levelised_costs(problem).iloc[at].reset_index(drop=True)
    amounts = own[[name for name in own if not name.endswith("_per_t")]].mul(share, axis=0)
    if sharing is not None:
        names = problem.routes["route"].iloc[at]
        paid = sharing.by_route.reindex(names).fillna(0.0).reset_index(drop=True).mul(part_of_route, axis=0)
        captured = pd.Series(point.captured_ktpa[at, -1]) * part_of_route
        full = amounts["captured_at_full_load_ktpa"]
        more = (full / captured.where(captured > 0, full)).fillna(1.0).clip(lower=1.0)
        for name in ("pipe_capital_mn_pa", "storage_capital_mn_pa", "storage_om_mn_pa"):
            amounts[name] = amounts[name] + paid[name]
        for name in ("pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa", "storage_mn_pa"):
            amounts[name] = amounts[name] + paid[name] * more
        booster = pd.Series(sharing.power_co2_ktpa[at, -1]) * part_of_route * more
        amounts["avoided_at_full_load_ktpa"] = amounts["avoided_at_full_load_ktpa"] - booster
    return _summed(amounts.drop(columns=["capture_mn_pa", "transport_and_storage_mn_pa", "cost_mn_pa"]))


def _summed(yearly: pd.DataFrame) -> pd.DataFrame:
    """With the sums and the levelised costs per t."""
    captured, avoided = yearly["captured_at_full_load_ktpa"], yearly["avoided_at_full_load_ktpa"]
    capture = [name for name in yearly if name.startswith(("capture_", "heat_")) and name.endswith("_mn_pa")]
    transport = [name for name in yearly if name.startswith(("pipe_", "haul_", "storage_"))]
    yearly = yearly.assign(
        capture_mn_pa=yearly[capture].sum(axis=1), transport_and_storage_mn_pa=yearly[transport].sum(axis=1)
    )
    yearly["cost_mn_pa"] = yearly["capture_mn_pa"] + yearly["transport_and_storage_mn_pa"]
    yearly["capture_cost_per_t"] = yearly["capture_mn_pa"] * 1000.0 / captured.where(captured > 0, np.nan)
    yearly["avoidance_cost_per_t"] = np.where(
        avoided > 0, yearly["cost_mn_pa"] * 1000.0 / avoided.where(avoided > 0, 1.0), np.nan
    )
    return yearly


COLUMNS = [
    "plant", "name", "province", "sector", "stream", "technology", "site", "avoided_ktpa", "cumulative_avoided_ktpa",
    "avoidance_cost_per_t", "capture_cost_per_t", "capex_mn", "cumulative_capex_mn", "in_plan",
]  # fmt: skip


def macc_table(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """One row a stream, cheapest first, with running sums; `in_plan` says whether `retrofits` hold that stream.

    Costs are levelised at full load and the last year's prices. A stream that no route can serve, or whose capture
    causes more CO2 than it avoids, is left out. It is empty where own pipes would draw power that no table prices.
    """
    if problem.network is not None:
        try:
            problem = alone(problem)
        except InputError:
            return pd.DataFrame(columns=COLUMNS)
    routes, costs = problem.routes, levelised_costs(problem)
    plants = problem.plants.set_index("plant").loc[routes["plant"]].set_axis(routes.index)
    covered = covered_rows(retrofits)
    built = set(zip(covered["plant"], covered["stream"], strict=True))
    every = pd.DataFrame(
        {
            "plant": routes["plant"],
            "name": plants["name"],
            "province": routes["province"],
            "sector": plants["sector"],
            "stream": routes["stream"],
            "technology": routes["technology"],
            "site": routes["site"],
            "avoided_ktpa": costs["avoided_at_full_load_ktpa"],
            "avoidance_cost_per_t": costs["avoidance_cost_per_t"],
            "capture_cost_per_t": costs["capture_cost_per_t"],
            "capex_mn": routes["capex_mn"],
            "in_plan": [pair in built for pair in zip(routes["plant"], routes["stream"], strict=True)],
        }
    )
    is_full_size = routes["stream_share"] == 1.0
    ever_works = problem.running_share.any(axis=(1, 2))
    # Units that streams share are no stream of their own, and a measure is no capture: each stream stands for itself.
    could_be = every[
        is_full_size
        & ever_works
        & ~is_shared(every["stream"])
        & (routes["measure"] == "")
        & plants["is_candidate"]
        & every["avoidance_cost_per_t"].notna()
    ]
    # Routes are sorted by id, so that equal costs keep one order whatever the order of rows in the inputs.
    ranked = could_be.sort_values("avoidance_cost_per_t", kind="stable").drop_duplicates(["plant", "stream"])
    ranked = ranked.reset_index(drop=True)
    ranked.insert(8, "cumulative_avoided_ktpa", ranked["avoided_ktpa"].cumsum())
    ranked.insert(12, "cumulative_capex_mn", ranked["capex_mn"].cumsum())
    return ranked


@lru_cache(maxsize=1)
def alone(problem: Problem) -> Problem:
    """The same plants, each stream for itself, with a pipe of its own to one of its nearest sites.

    Kept for the last problem asked about: posing takes longer than any list made from it.

    What must be reached or fitted is left out: own pipes may not reach it, and no list depends on it. Raises InputError
    where own pipes would draw power that no table prices.
    """
    changes = {
        "transport.shared_trunklines": False,
        "plants.require": (),
        "targets": {},
        "objective": "max_abatement",
        "budget": {"total_mn": 0},
    }
    return build_problem(problem.scenario.with_changes(changes), problem.inputs)


# Of each plant the option that avoids a tonne for the least, for itself, as in the list behind the abatement curve.


def best_options(problem: Problem, plants: set[str] | None = None) -> pd.DataFrame:
    """Of each candidate plant the full-size option of the least avoidance cost with a pipe of its own, by plant.

    Columns of routes and of levelised costs, with prices and CO₂ per t captured of the last year. Plants that nothing
    can serve, or whose options avoid nothing, are missing.
    """
    if problem.network is not None:
        try:
            problem = alone(problem)
        except InputError:
            return pd.DataFrame()
    table = with_prices(problem)
    could_be = (
        (problem.routes["stream_share"] == 1.0)
        & problem.running_share.any(axis=(1, 2))
        & ~is_shared(problem.routes["stream"])
        & (problem.routes["measure"] == "")
        & table["avoidance_cost_per_t"].notna()
    )
    if plants is not None:
        could_be &= table["plant"].isin(plants)
    # Stacks of one mill often cost alike a tonne; rounding must not choose among them, so that ids do.
    ranked = table[could_be].sort_values("avoidance_cost_per_t", kind="stable", key=lambda cost: cost.round(6))
    return ranked.drop_duplicates("plant").sort_values("plant", kind="stable").reset_index(drop=True)


def with_prices(problem: Problem) -> pd.DataFrame:
    """One row a route: its columns, its levelised cost by part, prices and CO₂ per t captured of the last year."""
    routes = problem.routes
    table = pd.concat([routes, levelised_costs(problem)], axis=1)
    last = {name: per_t[:, -1] for name, per_t in problem.cost_per_t.items()}
    heat, kwh = routes["heat_gj_per_t"].to_numpy(float), routes["power_kwh_per_t"].to_numpy(float)
    table["heat_per_gj"] = _over(last["heat"], heat)
    table["power_per_kwh"] = _over(last["capture_power"], kwh)
    table["fuel_t_per_t"] = problem.fuel_co2_t_per_t[:, -1]
    table["power_t_per_t"] = (problem.capture_power_t_per_t + problem.booster_power_t_per_t)[:, -1]
    return table


def _over(amount: np.ndarray, by: np.ndarray) -> np.ndarray:
    """NaN where there is nothing to divide by."""
    return np.divide(amount, by, out=np.full(len(by), np.nan), where=by > 0)
