"""Every amount of money of a plan, by what it is for, by id and by calendar year, undiscounted.

An `Item` holds million [id, calendar + 1] along the ids of one variable; its last column is the horizon's end. Costs
are positive. Summed over ids it is the programme's; split by users it is each plant's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccs_model.model.terms import capex_mn
from ccs_model.plan.decisions import Point
from ccs_model.problem import Problem

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Item:
    """One kind of money on one variable; `name` ends in _mn and names the cost term it belongs to."""

    name: str
    variable: str
    amount: Floats


def items_of(point: Point) -> Iterator[Item]:
    """All money of the cost terms but shortfalls, which belong to nobody."""
    yield from _of_retrofits(point)
    if point.problem.network is not None:
        yield from _of_network(point)
    yield from _salvage(point)
    yield from _paid(point)


def year_at(problem: Problem) -> npt.NDArray[np.int64]:
    """[calendar] position of the period that a year lies in."""
    return np.asarray(np.searchsorted(problem.years, problem.calendar, side="right") - 1, dtype=np.int64)


def at_start(problem: Problem, amount: Floats) -> Floats:
    """[id, period] money at the start of each period → [id, calendar + 1]."""
    spread = np.zeros((len(amount), len(problem.calendar) + 1))
    spread[:, np.searchsorted(problem.calendar, problem.years)] = amount
    return spread


def every_year(problem: Problem, amount: Floats) -> Floats:
    """[id, period] or [id, calendar] yearly money → [id, calendar + 1]."""
    by_year = amount if amount.shape[1] == len(problem.calendar) else amount[:, year_at(problem)]
    return np.concatenate([by_year, np.zeros((len(by_year), 1))], axis=1)


def at_the_end(problem: Problem, amount: Floats) -> Floats:
    """[id] money at the horizon's end → [id, calendar + 1]."""
    return np.concatenate([np.zeros((len(amount), len(problem.calendar))), amount[:, None]], axis=1)


def capital_of(point: Point, variable: str, capex: Floats, life_yr: npt.ArrayLike) -> Floats:
    """Overnight capital where it is spent; in a static year its yearly share."""
    problem = point.problem
    weight = problem.recovery(life_yr) if problem.is_static else 1.0
    return at_start(problem, (capex * weight)[:, None] * point.decided[variable])


def _of_retrofits(point: Point) -> Iterator[Item]:
    problem = point.problem
    routes = problem.routes
    for kind, life in (("capture", "life_yr"), ("pipe", "pipe_life_yr")):
        capex = routes[f"{kind}_capex_mn"].to_numpy(float)
        yield Item(f"{kind}_capex_mn", "build", capital_of(point, "build", capex, routes[life]))
    for name, column in (("capture_fixed_om_mn", "fixed_om_mn_pa"), ("pipe_fixed_om_mn", "pipe_om_mn_pa")):
        yearly = routes[column].to_numpy(float)[:, None] * point.running
        yield Item(name, "build", every_year(problem, yearly))
    captured = point.captured_ktpa[:, year_at(problem)]
    for name, per_t in problem.cost_per_t.items():
        yield Item(f"{name}_mn", "captured_ktpa", every_year(problem, captured * per_t / 1000.0))


def _of_network(point: Point) -> Iterator[Item]:
    problem, decided = point.problem, point.decided
    assert problem.network is not None and problem.stores is not None and problem.line_power_per_t is not None
    lines, sites, stores = problem.network.lines, problem.sites, problem.stores
    laid = lines[problem.network.laid]
    capex, carried = capex_mn(problem), decided["carried_ktpa"]

    def by_use(table: object, name: str, used: Floats, factor: float = 1.0) -> Floats:
        per_unit = table[name].to_numpy(float)[:, None]  # type: ignore[index]
        return every_year(problem, per_unit * used * factor)

    for name in ("pipe", "added_ktpa"):
        yield Item("pipe_capex_mn", name, capital_of(point, name, capex[name], laid["life_yr"]))
    # Upkeep goes by what a pipe is built for, which is nameplate.
    upkeep = by_use(lines, "om_mn_per_ktpa", carried, 1.0 / problem.delivered_share)
    yield Item("pipe_fixed_om_mn", "carried_ktpa", upkeep)
    power = carried[:, year_at(problem)] * problem.line_power_per_t / 1000.0
    yield Item("pipe_power_mn", "carried_ktpa", every_year(problem, power))
    yield Item("haul_mn", "carried_ktpa", by_use(lines, "haul_per_t", carried, 1e-3))
    yield Item("site_capex_mn", "opened", capital_of(point, "opened", capex["opened"], sites["life_yr"]))
    yield Item("well_capex_mn", "wells", capital_of(point, "wells", capex["wells"], sites["life_yr"]))
    for name, variable, column in (
        ("site_fixed_om_mn", "opened", "site_om_mn_pa"),
        ("well_fixed_om_mn", "wells", "well_om_mn_pa"),
    ):
        yield Item(name, variable, by_use(sites, column, np.cumsum(decided[variable], axis=1)))
    yield Item("storage_mn", "injected_ktpa", by_use(stores, "variable_per_t", decided["injected_ktpa"], 1e-3))
    closure = sites["closure_mn"].to_numpy(float) * decided["opened"].sum(axis=1)
    yield Item("closure_mn", "opened", at_the_end(problem, closure * (not problem.is_static)))
    oil = by_use(sites, "eor_revenue_per_t", decided["paid_for_oil_ktpa"], -1e-3)
    yield Item("oil_revenue_mn", "paid_for_oil_ktpa", oil)


def _salvage(point: Point) -> Iterator[Item]:
    """What is left of capital at the horizon's end, an income."""
    problem = point.problem
    if problem.is_static:
        return
    left = {"build": problem.salvage_share}
    if problem.network is not None:
        laid = problem.network.lines[problem.network.laid]
        left |= dict.fromkeys(("pipe", "added_ktpa"), problem.salvage_of(laid["life_yr"]))
        left |= dict.fromkeys(("opened", "wells"), problem.salvage_of(problem.sites["life_yr"]))
    capex = capex_mn(problem)
    for name, share in left.items():
        amount = (capex[name][:, None] * share * point.decided[name]).sum(axis=1) / problem.closing_discount
        yield Item("salvage_mn", name, at_the_end(problem, -amount))


def _paid(point: Point) -> Iterator[Item]:
    """What a policy pays, year by year; under a cap, in equal parts over the period's years in which it pays."""
    problem, accounts = point.problem, point.problem.accounts
    if not accounts.pays:
        return
    at = year_at(problem)
    if accounts.is_capped:
        pays = (accounts.paid_per_captured_t + accounts.paid_per_avoided_t > 0).astype(float)
        n_paid = np.bincount(at, weights=pays, minlength=len(problem.years))
        yearly = point.decided["paid_mn"] / np.maximum(n_paid, 1.0)
        yield Item("paid_mn", "paid_mn", every_year(problem, -yearly[:, at] * pays))
        return
    if problem.has_measures and accounts.paid_per_avoided_t.any():
        reduced = problem.reduced_ktpa[:, None] * point.running[:, at]
        yield Item("paid_mn", "build", every_year(problem, -accounts.paid_per_avoided_t * reduced / 1000.0))
    for variable, used in (("captured_ktpa", point.captured_ktpa), ("carried_ktpa", point.decided.get("carried_ktpa"))):
        if used is not None:
            yield Item("paid_mn", variable, every_year(problem, -_rate(problem, variable) * used[:, at] / 1000.0))


def _rate(problem: Problem, variable: str) -> Floats:
    """[id, calendar] paid per t of a variable."""
    accounts, at = problem.accounts, year_at(problem)
    if variable == "captured_ktpa":
        return accounts.paid_per_captured_t + accounts.paid_per_avoided_t * problem.avoided_t_per_t[:, at]
    assert problem.line_power_co2_t_per_t is not None
    return -accounts.paid_per_avoided_t * problem.line_power_co2_t_per_t[:, at]
