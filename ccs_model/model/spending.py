"""Spending: undiscounted overnight capex of capture units, pipes, sites and wells, less grants, against the budget.

spending_mn[year]       Σ over routes, pipes, sites and wells: capex × built, an expression

In a static year the budget is money per year, and spending is all that a year costs.
"""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.model.sums import Sum
from ccs_model.model.terms import capex_mn, cost_terms, inside, summed
from ccs_model.problem import Problem


def add_spending(m: pyo.ConcreteModel, problem: Problem) -> None:
    total = Sum(m, problem)
    years = problem.years
    capex = capex_mn(problem)
    something = len(m.buildable) > 0

    def until(last: int, group: str = "") -> LinearExpression:
        if problem.is_static:
            return total(summed(cost_terms(problem)))
        started = np.less_equal(years, last).astype(float)
        amounts = {name: each[:, None] * started for name, each in capex.items()}
        if group:
            amounts = {name: amount * inside(problem, name, group)[:, None] for name, amount in amounts.items()}
        elif len(problem.accounts.funds):
            amounts["spend_mn"] = -problem.accounts.is_grant * started
        return total(amounts)

    @m.Constraint([years[-1]] if something and np.isfinite(problem.budget_mn) else [])
    def spending_within_budget(m: pyo.ConcreteModel, last: int) -> object:
        """Σ over all that is built and years: capex less grants ≤ budget; in a static year: its cost ≤ budget"""
        return until(last) <= problem.budget_mn

    @m.Constraint([year for year in problem.ceiling_mn if something])
    def spending_within_ceiling(m: pyo.ConcreteModel, year: int) -> object:
        """Σ over all that is built and years up to this one: capex less grants ≤ ceiling; the rest carries over"""
        return until(year) <= problem.ceiling_mn[year]

    fitting = set(problem.routes["province"])

    @m.Constraint([province for province in problem.province_budget_mn if province in fitting])
    def spending_within_province_budget(m: pyo.ConcreteModel, province: str) -> object:
        """Σ over all that is built in the province and years: capex ≤ its budget"""
        return until(years[-1], province) <= problem.province_budget_mn[province]
