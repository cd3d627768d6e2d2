"""Budgets, funds, and payments per tonne that have a limit.

spend_mn[allocation, year] ≥ 0    what a fund pays for a group of assets at the start of the period
credited_ktpa[plant, year] ≥ 0    on-site abatement sold on the carbon market, where a band limits it
paid_mn["all", year] ≥ 0          policy payments in the period, undiscounted, where they are capped

A group holds the assets of one sector and province, as far as funds and budgets distinguish them. Funds pay at most the
capex of each group. The amount is split among the plants of the group in proportion to capex, so that grants and loans
never exceed a plant's own capex. Owners pay all capital that no fund pays. Budgets, also those of provinces, count
undiscounted overnight capex of capture units, pipes, sites and wells, less grants.
In a static year the budget is money per year and covers all yearly costs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model._typing import Floats
from ccs_model.model.linear_sums import Sum, Terms, linear_sum, scale_terms
from ccs_model.model.names import BUILD, CAPTURED, CREDITED, PAID, SPEND
from ccs_model.model.terms import (
    capex_mn,
    fund_groups,
    payments_by_tonne,
    province_indicator,
    reduced_kt,
    spending_amounts,
)
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
    _add_capped_payments(m, problem, total)


def _add_funds(m: pyo.ConcreteModel, problem: Problem, total: Sum) -> None:
    funds, allocations = problem.accounts.funds.set_index("fund"), problem.accounts.allocations
    years = problem.years
    capex = capex_mn(problem) if len(allocations) else {}
    group_of = {name: fund_groups(problem, name) for name in capex}

    def payments(rows: pd.DataFrame, on: Sequence[int], factor: float = 1.0) -> Terms:
        return [(factor, m.spend_mn[name, year]) for name in rows["allocation"] for year in on]

    def capex_of_group(on: Floats, group: str) -> Terms:
        amounts = {name: (each * np.equal(group_of[name], group))[:, None] * on for name, each in capex.items()}
        return total.terms(amounts)

    @m.Constraint(list(dict.fromkeys(allocations["group"])), years)
    def funds_pay_what_is_spent(m: pyo.ConcreteModel, group: str, year: int) -> object:
        """Σ funds: spend[fund, group, year] ≤ Σ assets of the group built in the year: capex"""
        spent = capex_of_group(np.equal(years, year).astype(float), group)
        return (
            linear_sum([*payments(allocations[allocations["group"] == group], [year]), *scale_terms(spent, -1.0)]) <= 0
        )

    used = [name for name in funds.index if name in set(allocations["fund"])]

    @m.Constraint([name for name in used if np.isfinite(funds.at[name, "ceiling_mn"])])
    def fund_within_ceiling(m: pyo.ConcreteModel, fund: str) -> object:
        """Σ groups, years: spend ≤ ceiling of the fund"""
        return linear_sum(payments(allocations[allocations["fund"] == fund], years)) <= funds.at[fund, "ceiling_mn"]

    shares = allocations["fund"].map(funds["share_max"]) if len(allocations) else allocations["fund"]
    limited = allocations[shares < 1].set_index("allocation")

    @m.Constraint(list(limited.index), years)
    def fund_within_share(m: pyo.ConcreteModel, name: str, year: int) -> object:
        """spend ≤ share × Σ assets of the group built in the year: capex, for a loan or bond less grants"""
        group, share = str(limited.at[name, "group"]), float(funds.at[limited.at[name, "fund"], "share_max"])
        spent = capex_of_group(np.equal(years, year).astype(float), group)
        if limited.at[name, "kind"] != "grant":
            grants = allocations[(allocations["kind"] == "grant") & (allocations["group"] == group)]
            spent += payments(grants, [year], -1.0)
        return linear_sum([(1.0, m.spend_mn[name, year]), *scale_terms(spent, -share)]) <= 0


def _add_credits(m: pyo.ConcreteModel, problem: Problem, total: Sum) -> None:
    plants = problem.axes.get(CREDITED, pd.Index([]))
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
        cut = total.terms(amounts, routes=here)
        return linear_sum([(1.0, m.credited_ktpa[plant, year]), *scale_terms(cut, -1.0)]) <= 0

    limit = problem.credit_limit_ktpa

    @m.Constraint([(plant, year) for plant in plants for year in problem.years])
    def credit_within_the_band(m: pyo.ConcreteModel, plant: str, year: int) -> object:
        """credited ≤ share of the band × baseline of the plant × largest share of the period's years with capture"""
        return m.credited_ktpa[plant, year] <= limit[plants.get_loc(plant), problem.years.index(year)]


def _add_capped_payments(m: pyo.ConcreteModel, problem: Problem, total: Sum) -> None:
    years = problem.years if problem.accounts.is_capped else ()

    @m.Constraint(years)
    def paid_for_tonnes_alone(m: pyo.ConcreteModel, year: int) -> object:
        """paid ≤ Σ years of the period: rate per t × tonnes captured or avoided"""
        earned = total.terms({v: a * np.equal(problem.years, year) for v, a in payments_by_tonne(problem).items()})
        return linear_sum([(1.0, m.paid_mn["all", year]), *scale_terms(earned, -1.0)]) <= 0

    @m.Constraint([0] if years else [])
    def paid_within_cap(m: pyo.ConcreteModel, _: int) -> object:
        """Σ years: paid ≤ cap"""
        return linear_sum([(1.0, m.paid_mn["all", year]) for year in years]) <= problem.accounts.paid_cap_mn


def add_spending(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the budgets over the horizon, up to a year and by province."""
    total = Sum(m, problem)
    years = problem.years
    has_options = len(m.buildable) > 0

    def spending_until(last: int, province: str = "") -> LinearExpression:
        return total(spending_amounts(problem, last, province))

    @m.Constraint([years[-1]] if has_options and np.isfinite(problem.budget_mn) else [])
    def spending_within_budget(m: pyo.ConcreteModel, last: int) -> object:
        """Σ all assets, years: capex less grants ≤ budget; in a static year: all yearly costs ≤ budget"""
        return spending_until(last) <= problem.budget_mn

    @m.Constraint([year for year in problem.cumulative_mn if has_options])
    def spending_within_cumulative_budget(m: pyo.ConcreteModel, year: int) -> object:
        """Σ all assets, years up to this one: capex less grants ≤ cumulative budget; unspent money carries over"""
        return spending_until(year) <= problem.cumulative_mn[year]

    # Without a plant of the province, its sites and pipelines still count.
    assets = tuple(capex_mn(problem))
    there = [
        each
        for each in problem.province_budget_mn
        if any(province_indicator(problem, name, each).any() for name in assets)
    ]

    @m.Constraint(there if has_options else [])
    def spending_within_province_budget(m: pyo.ConcreteModel, province: str) -> object:
        """Σ assets in the province, years: capex less grants ≤ its budget; in a static year: their yearly costs"""
        return spending_until(years[-1], province) <= problem.province_budget_mn[province]
