"""Spending: undiscounted overnight capex of capture units and of their pipes, against the budget.

spending_mn[year]       Σ over routes: capex × build, an expression
"""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.model.sums import RouteSum
from ccs_model.problem import Problem


def add_spending(m: pyo.ConcreteModel, problem: Problem) -> None:
    total = RouteSum(m, problem)
    years = problem.years
    capex = problem.routes["capex_mn"].to_numpy(float)[:, None]
    something = len(m.buildable) > 0

    def until(last: int, group: str = "") -> LinearExpression:
        started = np.less_equal(years, last).astype(float)
        return total(on_build=capex * started, routes=problem.routes_of(group))

    @m.Constraint([years[-1]] if something and np.isfinite(problem.budget_mn) else [])
    def spending_within_budget(m: pyo.ConcreteModel, last: int) -> object:
        """Σ over routes and years: capex × build ≤ budget over the horizon"""
        return until(last) <= problem.budget_mn

    @m.Constraint([year for year in problem.ceiling_mn if something])
    def spending_within_ceiling(m: pyo.ConcreteModel, year: int) -> object:
        """Σ over routes and years up to this one: capex × build ≤ ceiling; what is not spent carries over"""
        return until(year) <= problem.ceiling_mn[year]

    fitting = set(problem.routes["province"])

    @m.Constraint([province for province in problem.province_budget_mn if province in fitting])
    def spending_within_province_budget(m: pyo.ConcreteModel, province: str) -> object:
        """Σ over routes of the province and years: capex × build ≤ its budget"""
        return until(years[-1], province) <= problem.province_budget_mn[province]
