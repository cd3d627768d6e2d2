"""Capture: how much each unit captures in each period.

    throttled_ktpa[unit, year] ≥ 0      delivered tonnes forgone below full load, the period's yearly mean
    captured_ktpa[unit, year]           delivered share × nameplate × running − throttled, an expression

A unit is what can be throttled as one: a route with a pipe of its own, or all sizes of a stream's technology on a
shared network, of which at most one is built and whose tonnes cost and avoid alike. Full load is the rule and
throttling the exception (a full site), so deciding what is forgone instead of what is captured leaves the same set of
plans, far fewer rows and a far easier program.
"""

from __future__ import annotations

from collections import defaultdict

import pyomo.environ as pyo

from ccs_model.model.sums import Terms, linear_sum
from ccs_model.problem import Problem


def add_capture(m: pyo.ConcreteModel, problem: Problem) -> None:
    running = m.running_terms
    routes = problem.routes
    unit_of = dict(zip(routes["route"], problem.units[problem.unit_of], strict=True))
    delivered = (routes["nameplate_ktpa"] * problem.delivered_share).tolist()
    most = dict(zip(routes["route"], delivered, strict=True))
    least_share = dict(zip(routes["route"], routes["min_load_share"].tolist(), strict=True))
    full: dict[tuple[str, int], Terms] = defaultdict(list)
    room: dict[tuple[str, int], Terms] = defaultdict(list)
    for (route, year), pairs in running.items():
        for share, built in pairs:
            full[unit_of[route], year].append((most[route] * share, built))
            room[unit_of[route], year].append((-(1.0 - least_share[route]) * most[route] * share, built))
    m.working = pyo.Set(initialize=list(full), dimen=2, ordered=True)
    m.throttled_ktpa = pyo.Var(m.working, domain=pyo.NonNegativeReals)

    @m.Constraint(m.working)
    def throttling_keeps_minimum_load(m: pyo.ConcreteModel, unit: str, year: int) -> object:
        """throttled ≤ Σ over the unit's routes: (1 − minimum load) × delivered share × nameplate × running"""
        return linear_sum([(1.0, m.throttled_ktpa[unit, year]), *room[unit, year]]) <= 0

    @m.Expression(m.working)
    def captured_ktpa(m: pyo.ConcreteModel, unit: str, year: int) -> object:
        """Σ over the unit's routes: delivered share × nameplate × running, less what is throttled"""
        return linear_sum([(-1.0, m.throttled_ktpa[unit, year]), *full[unit, year]])
