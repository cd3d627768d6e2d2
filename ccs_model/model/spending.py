"""Spending: undiscounted overnight capex of capture units and of their pipes, against the budget.

spending_mn[year]       Σ over routes: capex × build, an expression
"""

from __future__ import annotations

from collections import defaultdict

import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.problem import Problem


def add_spending(m: pyo.ConcreteModel, problem: Problem) -> None:
    capex = dict(zip(problem.routes["route"], problem.routes["capex_mn"].tolist(), strict=True))
    spent: dict[int, tuple[list[float], list[object]]] = defaultdict(lambda: ([], []))
    for route, year in m.buildable:
        coefficients, variables = spent[year]
        coefficients.append(capex[route])
        variables.append(m.build[route, year])

    def until(last: int) -> LinearExpression:
        coefficients = [c for year in problem.years if year <= last for c in spent[year][0]]
        variables = [v for year in problem.years if year <= last for v in spent[year][1]]
        return LinearExpression(linear_coefs=coefficients, linear_vars=variables)

    years = problem.years
    totals = years[-1:] if len(m.buildable) else ()
    ceilings = [year for year in problem.ceiling_mn if any(spent[y][0] for y in years if y <= year)]

    @m.Constraint(list(totals))
    def spending_within_budget(m: pyo.ConcreteModel, last: int) -> object:
        """Σ over routes and years: capex × build ≤ budget over the horizon"""
        return until(last) <= problem.budget_mn

    @m.Constraint(ceilings)
    def spending_within_ceiling(m: pyo.ConcreteModel, year: int) -> object:
        """Σ over routes and years up to this one: capex × build ≤ ceiling; what is not spent carries over"""
        return until(year) <= problem.ceiling_mn[year]
