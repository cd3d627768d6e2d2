"""Of each plant the option that avoids a tonne for the least, for itself, as in the list behind the abatement curve."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.engineering.absorbers import is_shared
from ccs_model.errors import InputError
from ccs_model.plan.levelised import levelised_costs
from ccs_model.plan.macc import alone
from ccs_model.problem import Problem


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
