"""Merit order of capture (marginal abatement cost curve, MACC) and levelised costs.

Each stream of a candidate plant appears once, at full size, with the option of least avoidance cost and its own pipe,
in order of cost. The merit order is not the optimum: it ignores the budget, limits of shared sites and start dates. A
plan may therefore skip a cheap stream or retrofit it with another technology.
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

# Levelised costs at full delivered load and prices of the last year. Three different figures:
#
# capture cost     (capital recovery of capture capex + fixed O&M + consumables + heat + power) ÷ captured
# avoidance cost   (the same + pipe + storage) ÷ avoided
# marginal cost    the dual of a target, not computed here


# Parts of a retrofit's yearly cost; the first five are capture.
PARTS = (
    "capture_capital_mn_pa", "capture_fixed_om_mn_pa", "capture_variable_om_mn_pa", "heat_mn_pa", "capture_power_mn_pa",
    "pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa",
    "storage_capital_mn_pa", "storage_om_mn_pa", "storage_mn_pa",
)  # fmt: skip
AT_FULL_LOAD = ("captured_at_full_load_ktpa", "avoided_at_full_load_ktpa")


def levelised_costs(problem: Problem) -> pd.DataFrame:
    """Return one row an option: yearly cost by part, million; captured and avoided, kt/y; levelised costs per t."""
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
    """Return the same for retrofits: rows `at` of the options, built to `share`.

    With a shared network, transport and storage are the retrofit's part of shared assets by use, at full load.
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
    """Add sums and levelised costs per t."""
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
    """Return one row a stream, cheapest first, with cumulative sums; `in_plan` marks streams of `retrofits`.

    Streams without an option, or whose capture emits more CO₂ than it avoids, are excluded. The table is empty if own
    pipes would need power that no table prices.
    """
    own = _with_own_pipes(problem)
    if own is None:
        return pd.DataFrame(columns=COLUMNS)
    problem = own
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
    could_be = every[_is_unit(problem, costs) & plants["is_candidate"]]
    # Options are sorted by id, so equal costs keep one order regardless of the inputs' row order.
    ranked = could_be.sort_values("avoidance_cost_per_t", kind="stable").drop_duplicates(["plant", "stream"])
    ranked = ranked.reset_index(drop=True)
    ranked.insert(8, "cumulative_avoided_ktpa", ranked["avoided_ktpa"].cumsum())
    ranked.insert(12, "cumulative_capex_mn", ranked["capex_mn"].cumsum())
    return ranked


def _is_unit(problem: Problem, costs: pd.DataFrame) -> pd.Series:
    """Whether an option is a full-size unit of one stream that avoids CO₂; shared units and measures are none."""
    routes = problem.routes
    is_single = ~is_shared(routes["stream"]) & (routes["measure"] == "") & (routes["stream_share"] == 1.0)
    return is_single & problem.running_share.any(axis=(1, 2)) & costs["avoidance_cost_per_t"].notna()


def _with_own_pipes(problem: Problem) -> Problem | None:
    """The problem with own pipes; None if they would need power that no table prices."""
    try:
        return problem if problem.network is None else alone(problem)
    except InputError:
        return None


@lru_cache(maxsize=1)
def alone(problem: Problem) -> Problem:
    """Return the problem with own pipes: each stream on its own, with a pipe to one of its nearest sites.

    The result is cached for the last problem, since building it takes longer than its evaluation. Targets and required
    plants are dropped, since own pipes may not reach them. Raises InputError if own pipes would need power that no
    table prices.
    """
    changes = {
        "transport.shared_trunklines": False,
        "plants.require": (),
        "targets": {},
        "objective": "max_abatement",
        "budget": {"total_mn": 0},
    }
    return build_problem(problem.scenario.with_changes(changes), problem.inputs)


def best_options(problem: Problem, plants: set[str] | None = None) -> pd.DataFrame:
    """Return the full-size option of least avoidance cost of each candidate plant, with its own pipe, by plant.

    Columns of options and levelised costs, with prices and CO₂ per t captured of the last year. Plants without an
    option that avoids CO₂ are missing.
    """
    own = _with_own_pipes(problem)
    if own is None:
        return pd.DataFrame()
    table = with_prices(own)
    could_be = _is_unit(own, table)
    if plants is not None:
        could_be &= table["plant"].isin(plants)
    # Stacks of one mill often have equal costs; rounding leaves the choice to ids.
    ranked = table[could_be].sort_values("avoidance_cost_per_t", kind="stable", key=lambda cost: cost.round(6))
    return ranked.drop_duplicates("plant").sort_values("plant", kind="stable").reset_index(drop=True)


def with_prices(problem: Problem) -> pd.DataFrame:
    """Return one row an option: its columns, levelised cost by part, prices and CO₂ per t captured of the last year."""
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
    """Quotient; NaN for a divisor of 0."""
    return np.divide(amount, by, out=np.full(len(by), np.nan), where=by > 0)
