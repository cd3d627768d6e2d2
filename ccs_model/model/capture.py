"""Capture: how much each retrofit captures in each period.

    throttled_ktpa[route, year] ≥ 0     delivered tonnes forgone below full load, the period's yearly mean
    captured_ktpa[route, year]          delivered share × nameplate × running − throttled, an expression

Full load is the rule and throttling the exception (a full site), so deciding what is forgone instead of what is
captured leaves the same set of plans, half the rows and a far easier program.
"""

from __future__ import annotations

import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.problem import Problem


def add_capture(m: pyo.ConcreteModel, problem: Problem) -> None:
    running = m.running_terms
    routes = problem.routes
    delivered = (routes["nameplate_ktpa"] * problem.delivered_share).tolist()
    most = dict(zip(routes["route"], delivered, strict=True))
    least_share = dict(zip(routes["route"], routes["min_load_share"].tolist(), strict=True))
    m.working = pyo.Set(initialize=list(running), dimen=2, ordered=True)
    m.throttled_ktpa = pyo.Var(m.working, domain=pyo.NonNegativeReals)

    @m.Constraint(m.working)
    def throttling_keeps_minimum_load(m: pyo.ConcreteModel, route: str, year: int) -> object:
        """throttled ≤ (1 − minimum load) × delivered share × nameplate × running"""
        room = (1.0 - least_share[route]) * most[route]
        pairs = running[route, year]
        return (
            LinearExpression(
                linear_coefs=[1.0, *(-room * share for share, _ in pairs)],
                linear_vars=[m.throttled_ktpa[route, year], *(built for _, built in pairs)],
            )
            <= 0
        )

    @m.Expression(m.working)
    def captured_ktpa(m: pyo.ConcreteModel, route: str, year: int) -> object:
        """delivered share × nameplate × running − throttled"""
        pairs = running[route, year]
        return LinearExpression(
            linear_coefs=[-1.0, *(most[route] * share for share, _ in pairs)],
            linear_vars=[m.throttled_ktpa[route, year], *(built for _, built in pairs)],
        )
