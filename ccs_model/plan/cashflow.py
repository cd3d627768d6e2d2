"""The plan's money year by year, undiscounted, term by term."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.model.terms import capex_mn
from ccs_model.plan.decisions import Point

Floats = npt.NDArray[np.float64]


def cashflow_table(point: Point) -> pd.DataFrame:
    """Undiscounted million by calendar year; with `discount_factor` it sums to the discounted costs.

    In a static year it is the year itself, capital as its yearly share.
    """
    problem = point.problem
    years = problem.calendar
    of_year = np.searchsorted(problem.years, years, side="right") - 1
    table = pd.DataFrame({"year": years, "discount_factor": problem.discount})
    money = _money(point, of_year)
    for name, amount in money.items():
        table[name] = amount
    table["salvage_mn"] = 0.0
    # Salvage and closure fall due when the horizon has ended: a row of its own.
    end = problem.horizon_end
    factor = (1.0 + problem.discount_share) ** -(end - problem.first_year)
    closing = dict.fromkeys(table, 0.0) | {"year": end, "discount_factor": factor}
    closing["salvage_mn"] = -_salvage_mn(point) / factor
    if "closure_mn" in table:
        closing["closure_mn"] = float(problem.sites["closure_mn"].to_numpy(float) @ _ever(point, "opened"))
    if not problem.is_static:
        table = pd.concat([table, pd.DataFrame([closing])], ignore_index=True)
    table["year"] = table["year"].astype(int)
    table["cost_mn"] = table[[column for column in table if column.endswith("_mn")]].sum(axis=1)
    table["discounted_mn"] = table["cost_mn"] * table["discount_factor"]
    return table


def _ever(point: Point, variable: str) -> Floats:
    return point.decided[variable].sum(axis=1)


def _money(point: Point, of_year: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Million in each calendar year, by term."""
    problem = point.problem
    routes = problem.routes
    first = np.isin(problem.calendar, problem.years)

    def at_start(capex: Floats, variable: str, life_yr: npt.ArrayLike) -> Floats:
        weight = problem.recovery(life_yr) if problem.is_static else 1.0
        spent = (capex * weight) @ point.decided[variable]
        return np.where(first, spent[of_year], 0.0)

    def every_year(yearly: Floats) -> Floats:
        return np.asarray(yearly)[of_year]

    captured = point.captured_ktpa[:, of_year]
    money = {
        "capture_capex_mn": at_start(routes["capture_capex_mn"].to_numpy(float), "build", routes["life_yr"]),
        "pipe_capex_mn": at_start(routes["pipe_capex_mn"].to_numpy(float), "build", routes["pipe_life_yr"]),
        "capture_fixed_om_mn": every_year(routes["fixed_om_mn_pa"].to_numpy(float) @ point.running),
        "pipe_fixed_om_mn": every_year(routes["pipe_om_mn_pa"].to_numpy(float) @ point.running),
    }
    for name, per_t in problem.cost_per_t.items():
        money[f"{name}_mn"] = (captured * per_t).sum(axis=0) / 1000.0
    network, stores = problem.network, problem.stores
    if network is not None and stores is not None and problem.line_power_per_t is not None:
        lines, sites = network.lines, problem.sites
        laid = lines[network.laid]
        capex = capex_mn(problem)
        carried = point.decided["carried_ktpa"]
        for name in ("pipe", "added_ktpa"):
            money["pipe_capex_mn"] = money["pipe_capex_mn"] + at_start(capex[name], name, laid["life_yr"])
        money["pipe_fixed_om_mn"] = money["pipe_fixed_om_mn"] + every_year(
            lines["om_mn_per_ktpa"].to_numpy(float) / problem.delivered_share @ carried
        )
        money["pipe_power_mn"] = (
            money["pipe_power_mn"] + (carried[:, of_year] * problem.line_power_per_t).sum(axis=0) / 1000.0
        )
        money["haul_mn"] = every_year(lines["haul_per_t"].to_numpy(float) @ carried) / 1000.0
        money["site_capex_mn"] = at_start(capex["opened"], "opened", sites["life_yr"])
        money["well_capex_mn"] = at_start(capex["wells"], "wells", sites["life_yr"])
        for name, variable, column in (
            ("site_fixed_om_mn", "opened", "site_om_mn_pa"),
            ("well_fixed_om_mn", "wells", "well_om_mn_pa"),
        ):
            there = np.cumsum(point.decided[variable], axis=1)
            money[name] = every_year(sites[column].to_numpy(float) @ there)
        stored = stores["variable_per_t"].to_numpy(float) @ point.decided["injected_ktpa"]
        money["storage_mn"] = money["storage_mn"] + every_year(stored) / 1000.0
        money["closure_mn"] = np.zeros(len(of_year))
        paid = sites["eor_revenue_per_t"].to_numpy(float) @ point.decided["paid_for_oil_ktpa"]
        money["oil_revenue_mn"] = -every_year(paid) / 1000.0
    policy = problem.scenario.policy
    if policy.paid_per_captured_t or policy.paid_per_avoided_t:
        money["paid_mn"] = -every_year(_paid_mn(point))
    if problem.shortfall_per_t is not None and problem.targets:
        money["shortfall_mn"] = _shortfall_mn(point, of_year)
    return money


def _paid_mn(point: Point) -> Floats:
    """[year] what a policy pays for the tonnes of each period's year."""
    problem = point.problem
    policy = problem.scenario.policy
    captured = point.captured_ktpa
    avoided = (captured * problem.avoided_t_per_t).sum(axis=0)
    if problem.line_power_co2_t_per_t is not None:
        avoided = avoided - (point.decided["carried_ktpa"] * problem.line_power_co2_t_per_t).sum(axis=0)
    return (policy.paid_per_captured_t * captured.sum(axis=0) + policy.paid_per_avoided_t * avoided) / 1000.0


def _salvage_mn(point: Point) -> float:
    """What is left of all capital at the horizon's end, discounted to the first year."""
    problem = point.problem
    left = float((problem.routes["capex_mn"].to_numpy(float)[:, None] * problem.salvage_share * point.build).sum())
    if problem.network is None:
        return left
    laid = problem.network.lines[problem.network.laid]
    lives = {"pipe": laid["life_yr"], "added_ktpa": laid["life_yr"]}
    lives |= dict.fromkeys(("opened", "wells"), problem.sites["life_yr"])
    capex = capex_mn(problem)
    return left + sum(
        float((capex[name][:, None] * problem.salvage_of(life) * point.decided[name]).sum())
        for name, life in lives.items()
    )


def _shortfall_mn(point: Point, of_year: np.ndarray) -> np.ndarray:
    """What missing targets costs in each calendar year; a miss over the horizon is paid once, in the first year."""
    problem = point.problem
    paid = np.zeros(len(of_year))
    for target in problem.targets:
        missed_mn = point.shortfall_kt.get(target.key, 0.0) * (problem.shortfall_per_t or 0.0) / 1000.0
        when = np.arange(len(of_year)) == 0 if target.year is None else of_year == problem.years.index(target.year)
        paid += np.where(when, missed_mn, 0.0)
    return paid
