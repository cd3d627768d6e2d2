"""Options that are dominated at planned values, but may be the best ones at other values of the uncertain inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.engineering.capture_units import WASTE_HEAT
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.options import SAME_IF_DOMINATED

# Inputs that can change which of two options is better, beside those of single technologies.
_REVERSING = frozenset(
    ("capture_capex", "capture_om", "power_price", "heat_price", "capture_heat", "grid_factor", "storage_cost")
)
_PLACE = ["plant", "stream", "size", "site", "measure"]
# Amounts by the inputs that multiply them.
_Amounts = list[tuple[Floats, tuple[str, ...]]]


def with_reversible_options(problem: Problem, inputs: pd.DataFrame) -> Problem:
    """Return the problem with its dominated options if some values of the uncertain inputs end the dominance.

    Parameters
    ----------
    problem
        The problem.
    inputs
        Its sampled inputs, with columns input and technology.

    Returns
    -------
    Problem
        The problem itself if it left out no option, or only options that stay dominated at all positive factors.
    """
    own = set(inputs.loc[inputs["technology"] != "", "technology"])
    sampled = set(inputs["input"]) & _REVERSING
    if len(problem.scenario.capture.heat_sources) < 2 or not (sampled or own):
        return problem
    full = build_problem(problem.scenario, problem.inputs, keep_dominated=True)
    left_out = ~full.routes["route"].isin(set(problem.routes["route"])).to_numpy(bool)
    if not left_out.any() or _stay_dominated(full, left_out, sampled, own).all():
        return problem
    return full


def _stay_dominated(problem: Problem, left_out: Mask, sampled: set[str], own: set[str]) -> Mask:
    """[option left out] whether some option that is kept dominates it at all positive factors of the sampled inputs."""
    routes = problem.routes
    at = routes[_PLACE].assign(row=np.arange(len(routes)))
    pairs = at[left_out].merge(at[~left_out], on=_PLACE, suffixes=("", "_kept"))
    worse, better = pairs["row"].to_numpy(int), pairs["row_kept"].to_numpy(int)
    low = _criteria(problem, sampled)
    same = routes[list(SAME_IF_DOMINATED)].to_numpy(float)
    technology = routes["technology"].to_numpy(object)
    is_dominated = (low[better] <= low[worse]).all(axis=1) & (same[better] == same[worse]).all(axis=1)
    # Capital of a technology with an input of its own moves apart from that of others.
    is_apart = np.isin(technology[better], list(own)) | np.isin(technology[worse], list(own))
    is_dominated &= (technology[better] == technology[worse]) | ~is_apart
    dominated = set(worse[is_dominated].tolist())
    return np.array([row in dominated for row in np.flatnonzero(left_out)], dtype=bool)


def _criteria(problem: Problem, sampled: set[str]) -> Floats:
    """[option, criterion] numbers of which less is better; amounts with different uncertain factors stand apart."""
    routes, costs = problem.routes, problem.cost_per_t
    kwh = routes["power_kwh_per_t"].to_numpy(float)
    of_heat = np.nan_to_num(routes["heat_kwh_per_t"].to_numpy(float))
    heat_part = np.divide(of_heat, kwh, out=np.zeros_like(kwh), where=kwh > 0)[:, None]
    power, power_co2 = costs["capture_power"], problem.capture_power_t_per_t
    money: _Amounts = [
        (costs["capture_variable_om"], ("capture_om",)),
        (costs["heat"], ("heat_price", "capture_heat")),
        (power * (1.0 - heat_part), ("power_price",)),
        (power * heat_part, ("power_price", "capture_heat")),
        (costs["pipe_power"], ("power_price",)),
        (costs["storage"], ("storage_cost",)),
    ]
    fuel: _Amounts = [(problem.fuel_co2_t_per_t, ("capture_heat",))]
    emitted: _Amounts = [
        *fuel,
        (power_co2 * (1.0 - heat_part), ("grid_factor",)),
        (power_co2 * heat_part, ("grid_factor", "capture_heat")),
    ]
    waste_heat = np.where(routes["heat_source"] == WASTE_HEAT, routes["heat_gj_per_t"], 0.0)
    given = routes[["capture_capex_mn", "fixed_om_mn_pa", "first_year", "min_load_share"]].to_numpy(float)
    last = -routes[["last_year"]].to_numpy(float)
    sums = [each for amounts in (money, fuel, emitted) for each in _sums_by_factors(amounts, sampled)]
    return np.column_stack([given, last, waste_heat, *sums])


def _sums_by_factors(amounts: _Amounts, sampled: set[str]) -> list[Floats]:
    """Sums of the amounts that have the same sampled factors."""
    sums: dict[frozenset[str], Floats] = {}
    for amount, factors in amounts:
        key = frozenset(factors) & sampled
        sums[key] = sums[key] + amount if key in sums else np.asarray(amount, dtype=float)
    return list(sums.values())
