"""Budgets, funds, and payments per tonne that have a limit.

spend_mn[fund, year] ≥ 0          the fund's part of the capital spent at the start of the period
credited_ktpa[plant, year] ≥ 0    on-site abatement sold on the carbon market, where a band limits it
paid_mn["all", year] ≥ 0          policy payments in the period, undiscounted, where they are capped

Owners pay all capital that no fund pays. Budgets count undiscounted overnight capex of capture units, pipes, sites and
wells, less grants. In a static year the budget is money per year and covers all yearly costs.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model._typing import Floats
from ccs_model.model.names import BUILD, CAPTURED, CREDITED, PAID, SPEND
from ccs_model.model.sums import Sum, Terms, linear_sum
from ccs_model.model.terms import capex_mn, cost_terms, inside, paid_by_tonne, reduced_kt, summed
from ccs_model.problem import Problem


def declare_payments(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Declare the variables, which the sums of later constraints need."""
    for name in (SPEND, CREDITED, PAID):
        ids = problem.axes.get(name, ())
        setattr(m, name, pyo.Var([(each, year) for each in ids for year in problem.years], domain=pyo.NonNegativeReals))


def add_payments(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the constraints of funds, of the carbon market and of capped payments."""
    total = Sum(m, problem)
    _add_funds(m, problem, total)
    _add_credits(m, problem, total)
    _add_paid(m, problem, total)


def _add_funds(m: pyo.ConcreteModel, problem: Problem, total: Sum) -> None:
    funds = problem.accounts.funds.set_index("fund")
    years = problem.years
    capex = capex_mn(problem)

    def spent(on: Floats, masks: dict[str, Floats] | None = None, factor: float = 1.0) -> Terms:
        amounts = {name: factor * each[:, None] * on for name, each in capex.items()}
        if masks is not None:
            amounts = {name: amount * masks[name][:, None] for name, amount in amounts.items()}
        found = total(amounts)
        return [(-c, v) for c, v in zip(found.linear_coefs, found.linear_vars, strict=True)]

    def paid_by(names: tuple[str, ...], year: int) -> Terms:
        return [(1.0, m.spend_mn[name, year]) for name in names]

    def within(fund_terms: Terms, spent_terms: Terms) -> object:
        return linear_sum([*fund_terms, *spent_terms]) <= 0

    @m.Constraint(years if len(funds) else [])
    def funds_pay_what_is_spent(m: pyo.ConcreteModel, year: int) -> object:
        """Σ funds: spend ≤ Σ assets built in the year: capex"""
        return within(paid_by(tuple(funds.index), year), spent(np.equal(years, year).astype(float)))

    @m.Constraint([name for name in funds.index if np.isfinite(funds.at[name, "ceiling_mn"])])
    def fund_within_ceiling(m: pyo.ConcreteModel, fund: str) -> object:
        """Σ years: spend ≤ ceiling of the fund"""
        return linear_sum([(1.0, m.spend_mn[fund, year]) for year in years]) <= funds.at[fund, "ceiling_mn"]

    @m.Constraint([name for name in funds.index if funds.at[name, "share_max"] < 1])
    def fund_within_share(m: pyo.ConcreteModel, fund: str) -> object:
        """Σ years: spend ≤ share of the fund × Σ all assets, years: capex"""
        all_years = [(1.0, m.spend_mn[fund, year]) for year in years]
        return within(all_years, spent(np.ones(len(years)), factor=float(funds.at[fund, "share_max"])))

    tied = [name for name in funds.index if funds.at[name, "sectors"] or funds.at[name, "provinces"]]
    sets = [each for size in range(1, len(tied) + 1) for each in combinations(tied, size)]

    @m.Constraint(range(len(sets)), years)
    def tied_funds_pay_for_their_own(m: pyo.ConcreteModel, k: int, year: int) -> object:
        """Σ funds of a set: spend ≤ Σ assets built in the year and eligible for any of them: capex, for every set"""
        open_to_any: dict[str, Floats] = {}
        for name in sets[k]:
            where = eligible(problem, funds.at[name, "sectors"], funds.at[name, "provinces"])
            open_to_any = {v: np.maximum(where[v], open_to_any.get(v, 0.0)) for v in where}
        return within(paid_by(sets[k], year), spent(np.equal(years, year).astype(float), open_to_any))


def eligible(problem: Problem, sectors: tuple[str, ...], provinces: tuple[str, ...]) -> dict[str, Floats]:
    """Return [id] masks by variable: 1 for assets that a fund of these sectors and provinces may pay for, else 0.

    Shared assets belong to no sector.
    """
    found = {}
    for name, amount in capex_mn(problem).items():
        open_to = np.ones(len(amount))
        if provinces:
            open_to = np.max([inside(problem, name, province) for province in provinces], axis=0)
        if sectors and name == BUILD:
            open_to = open_to * problem.routes["sector"].isin(sectors).to_numpy(float)
        elif sectors:
            open_to = np.zeros(len(amount))
        found[name] = open_to
    return found


def _add_credits(m: pyo.ConcreteModel, problem: Problem, total: Sum) -> None:
    plants = problem.axes.get(CREDITED, ())
    of_plant = problem.routes["plant"].to_numpy(object)
    direct = 1.0 - problem.fuel_co2_t_per_t

    @m.Constraint([(plant, year) for plant in plants for year in problem.years])
    def credit_within_on_site_abatement(m: pyo.ConcreteModel, plant: str, year: int) -> object:
        """credited ≤ Σ options of the plant: captured − CO₂ of fuel + reduced"""
        here = np.equal(of_plant, plant)
        now = np.equal(problem.years, year).astype(float)
        amounts = {CAPTURED: direct * now}
        if problem.has_measures:
            amounts[BUILD] = reduced_kt(problem, now)
        cut = total(amounts, routes=here)
        terms = [(-c, v) for c, v in zip(cut.linear_coefs, cut.linear_vars, strict=True)]
        return linear_sum([(1.0, m.credited_ktpa[plant, year]), *terms]) <= 0

    share = problem.accounts.surplus_band_share or 0.0
    emitted = problem.plants.set_index("plant")["baseline_ktpa"]

    @m.Constraint([(plant, year) for plant in plants for year in problem.years])
    def credit_within_the_band(m: pyo.ConcreteModel, plant: str, year: int) -> object:
        """credited ≤ share of the band × baseline of the plant"""
        return m.credited_ktpa[plant, year] <= share * float(emitted[plant])


def _add_paid(m: pyo.ConcreteModel, problem: Problem, total: Sum) -> None:
    years = problem.years if problem.accounts.is_capped else ()

    @m.Constraint(years)
    def paid_for_tonnes_alone(m: pyo.ConcreteModel, year: int) -> object:
        """paid ≤ Σ years of the period: rate per t × tonnes captured or avoided"""
        earned = total({v: a * np.equal(problem.years, year) for v, a in paid_by_tonne(problem).items()})
        terms = [(-c, v) for c, v in zip(earned.linear_coefs, earned.linear_vars, strict=True)]
        return linear_sum([(1.0, m.paid_mn["all", year]), *terms]) <= 0

    @m.Constraint([0] if years else [])
    def paid_within_cap(m: pyo.ConcreteModel, _: int) -> object:
        """Σ years: paid ≤ cap"""
        return linear_sum([(1.0, m.paid_mn["all", year]) for year in years]) <= problem.accounts.paid_cap_mn


def add_spending(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the budgets over the horizon, up to a year and by province."""
    total = Sum(m, problem)
    years = problem.years
    capex = capex_mn(problem)
    has_options = len(m.buildable) > 0

    def until(last: int, group: str = "") -> LinearExpression:
        if problem.is_static:
            return total(summed(cost_terms(problem)))
        started = np.less_equal(years, last).astype(float)
        amounts = {name: each[:, None] * started for name, each in capex.items()}
        if group:
            amounts = {name: amount * inside(problem, name, group)[:, None] for name, amount in amounts.items()}
        elif len(problem.accounts.funds):
            amounts[SPEND] = -problem.accounts.is_grant * started
        return total(amounts)

    @m.Constraint([years[-1]] if has_options and np.isfinite(problem.budget_mn) else [])
    def spending_within_budget(m: pyo.ConcreteModel, last: int) -> object:
        """Σ all assets, years: capex less grants ≤ budget; in a static year: all yearly costs ≤ budget"""
        return until(last) <= problem.budget_mn

    @m.Constraint([year for year in problem.cumulative_mn if has_options])
    def spending_within_cumulative_budget(m: pyo.ConcreteModel, year: int) -> object:
        """Σ all assets, years up to this one: capex less grants ≤ cumulative budget; unspent money carries over"""
        return until(year) <= problem.cumulative_mn[year]

    served = set(problem.routes["province"])

    @m.Constraint([province for province in problem.province_budget_mn if province in served])
    def spending_within_province_budget(m: pyo.ConcreteModel, province: str) -> object:
        """Σ assets in the province, years: capex ≤ its budget"""
        return until(years[-1], province) <= problem.province_budget_mn[province]
