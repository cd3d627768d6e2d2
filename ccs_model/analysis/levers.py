"""What an uncertain input changes: a problem with some of its coefficients multiplied.

Every input has one entry in LEVERS: a function of the problem and the factor. Levers act on what was posed, so a factor
of 1 gives the problem itself, and no lever changes which plants, routes, links and sites there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.problem import Problem

Floats = npt.NDArray[np.float64]
Lever = Callable[[Problem, float], Problem]

_SITE_MONEY = ("site_capex_mn", "site_om_mn_pa", "well_capex_mn", "well_om_mn_pa", "closure_mn", "storage_cost_per_t")
_LINE_MONEY = ("fixed_mn", "slope_mn_per_ktpa", "om_mn_per_ktpa")


def _scaled(table: pd.DataFrame, names: tuple[str, ...], factor: float | Floats) -> pd.DataFrame:
    return table.assign(**{name: table[name].to_numpy(float) * factor for name in names if name in table})


def _costs(problem: Problem, factors: Mapping[str, float | Floats]) -> Mapping[str, Floats]:
    return {name: cost * factors[name] if name in factors else cost for name, cost in problem.cost_per_t.items()}


def capture_capex(problem: Problem, factor: float, technology: str = "") -> Problem:
    """Capital of capture units and the fixed O&M that is a share of it; of one technology where told."""

    def changed(table: pd.DataFrame) -> pd.DataFrame:
        here = (table["technology"] == technology) | (technology == "")
        return _scaled(table, ("capture_capex_mn", "capex_per_tpa", "fixed_om_mn_pa"), np.where(here, factor, 1.0))

    routes = changed(problem.routes)
    routes = routes.assign(capex_mn=routes["capture_capex_mn"] + routes["pipe_capex_mn"])
    return replace(problem, routes=routes, options=changed(problem.options))


def capture_om(problem: Problem, factor: float) -> Problem:
    """Fixed and variable O&M of capture units."""
    names = ("fixed_om_mn_pa", "variable_om_per_t")
    return replace(
        problem,
        routes=_scaled(problem.routes, names, factor),
        options=_scaled(problem.options, names, factor),
        cost_per_t=_costs(problem, {"capture_variable_om": factor}),
    )


def power_price(problem: Problem, factor: float) -> Problem:
    """Price of power for capture and for pumps."""
    line = problem.line_power_per_t
    return replace(
        problem,
        power_per_kwh=_scaled(problem.power_per_kwh, ("power_per_kwh",), factor),
        cost_per_t=_costs(problem, {"capture_power": factor, "pipe_power": factor}),
        line_power_per_t=None if line is None else line * factor,
    )


def heat_price(problem: Problem, factor: float) -> Problem:
    """Price of steam, whatever it is raised with."""
    return replace(
        problem,
        steam_per_gj=_scaled(problem.steam_per_gj, ("steam_per_gj",), factor),
        cost_per_t=_costs(problem, {"heat": factor}),
    )


def capture_heat(problem: Problem, factor: float) -> Problem:
    """Heat per tonne captured: its cost, the CO₂ of its fuel and, where power makes it, that power."""
    routes = problem.routes
    kwh = routes["power_kwh_per_t"].to_numpy(float)
    of_heat = routes["heat_kwh_per_t"].fillna(0.0).to_numpy(float)
    power = (1.0 + (factor - 1.0) * np.divide(of_heat, kwh, out=np.zeros_like(kwh), where=kwh > 0))[:, None]
    given = routes["given_co2_t_per_t"].fillna(0.0).to_numpy(float)[:, None]
    changed = {
        "heat_gj_per_t": routes["heat_gj_per_t"] * factor,
        "heat_kwh_per_t": of_heat * factor,
        "power_kwh_per_t": kwh * power[:, 0],
    }
    return replace(
        problem,
        routes=routes.assign(**changed),
        cost_per_t=_costs(problem, {"heat": factor, "capture_power": power}),
        fuel_co2_t_per_t=given + (problem.fuel_co2_t_per_t - given) * factor,
        capture_power_t_per_t=problem.capture_power_t_per_t * power,
    )


def grid_factor(problem: Problem, factor: float) -> Problem:
    """CO₂ of a kWh, for capture and for pumps."""
    line = problem.line_power_co2_t_per_t
    return replace(
        problem,
        grid_kg_per_kwh=_scaled(problem.grid_kg_per_kwh, ("grid_kg_per_kwh",), factor),
        capture_power_t_per_t=problem.capture_power_t_per_t * factor,
        booster_power_t_per_t=problem.booster_power_t_per_t * factor,
        line_power_co2_t_per_t=None if line is None else line * factor,
    )


def carbon_price(problem: Problem, factor: float) -> Problem:
    """What a tonne that need not be surrendered is worth."""
    accounts = problem.accounts
    return replace(problem, accounts=replace(accounts, credit_per_t=accounts.credit_per_t * factor))


def social_cost(problem: Problem, factor: float) -> Problem:
    """Harm of a tonne."""
    accounts = problem.accounts
    return replace(problem, accounts=replace(accounts, damage_per_t=accounts.damage_per_t * factor))


def pipe_cost(problem: Problem, factor: float) -> Problem:
    """Capital and O&M of pipes, own and shared; trucks keep their rate."""
    routes = _scaled(problem.routes, ("pipe_capex_mn", "pipe_om_mn_pa"), factor)
    routes = routes.assign(capex_mn=routes["capture_capex_mn"] + routes["pipe_capex_mn"])
    network = problem.network
    if network is not None:
        roads = set(network.links.loc[network.links["kind"] == "truck", "link"])
        by_pipe = ~network.lines["link"].isin(roads).to_numpy(bool)
        lines = _scaled(network.lines, _LINE_MONEY, np.where(by_pipe, factor, 1.0))
        network = replace(network, lines=lines)
    return replace(problem, routes=routes, network=network)


def storage_cost(problem: Problem, factor: float) -> Problem:
    """Capital and O&M of sites and wells, and the rise of a site's cost as it fills."""
    stores = problem.stores
    return replace(
        problem,
        routes=_scaled(problem.routes, ("storage_cost_per_t",), factor),
        sites=_scaled(problem.sites, _SITE_MONEY, factor),
        stores=None if stores is None else _scaled(stores, ("variable_per_t",), factor),
        cost_per_t=_costs(problem, {"storage": factor}),
    )


def storage_capacity(problem: Problem, place: float) -> Problem:
    """Capacity of every site at a place of its range: −1 is its low, 0 its mid, 1 its high."""
    sites, stores = problem.sites, problem.stores
    low, mid, high = (sites[f"capacity_{case}_kt"].to_numpy(float) for case in ("low", "mid", "high"))
    end = high if place > 0 else low
    there = mid + abs(place) * np.where(np.isfinite(end), end - mid, 0.0)
    before = sites["capacity_kt"].to_numpy(float)
    if stores is not None:
        ratio = np.divide(there, before, out=np.ones_like(there), where=(before > 0) & np.isfinite(before))
        of_site = pd.Series(ratio, index=sites["site"]).reindex(stores["site"]).to_numpy(float)
        stores = _scaled(stores, ("capacity_kt",), of_site)
    return replace(problem, sites=sites.assign(capacity_kt=there), stores=stores)


def delivered_share(problem: Problem, value: float) -> Problem:
    """Captured over designed tonnes: a value, not a factor."""
    return replace(problem, delivered_share=float(value))


def utilisation(problem: Problem, factor: float) -> Problem:
    """How much plants feed their units; never more than is designed."""
    return replace(problem, delivered_share=min(problem.delivered_share * factor, 1.0))


# In this order: what plants feed their units stands on what those deliver.
LEVERS: Mapping[str, Lever] = {
    "capture_capex": capture_capex,
    "capture_om": capture_om,
    "power_price": power_price,
    "heat_price": heat_price,
    "capture_heat": capture_heat,
    "grid_factor": grid_factor,
    "carbon_price": carbon_price,
    "social_cost": social_cost,
    "pipe_cost": pipe_cost,
    "storage_cost": storage_cost,
    "storage_capacity": storage_capacity,
    "delivered_share": delivered_share,
    "utilisation": utilisation,
}
# A value of these that changes nothing; of all others 1, and of the delivered share what is planned with.
AS_PLANNED = {"storage_capacity": 0.0}
