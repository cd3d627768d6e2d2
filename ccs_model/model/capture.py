"""Capture: how much each unit captures in each period.

    throttled_ktpa[unit, year] ≥ 0      delivered tonnes forgone below full load, the period's yearly mean
    captured_ktpa[unit, year]           delivered share × nameplate × running − throttled, an expression

A unit is what can be throttled as one: a route with a pipe of its own, or all sizes of a stream's technology and heat
source on a shared network, of which at most one is built and whose tonnes cost and avoid alike. Full load is the rule
and throttling the exception (a full site), so deciding what is forgone instead of what is captured leaves the same set
of plans, far fewer rows and a far easier program.
"""

from __future__ import annotations

from collections import defaultdict

import pyomo.environ as pyo

from ccs_model.engineering.heat import WASTE_HEAT
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
    silent = set(routes.loc[~problem.captures, "route"])
    for (route, year), pairs in running.items():
        if route in silent:
            continue
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

    of_waste = _heat_from_waste(problem)
    using: dict[tuple[str, int], Terms] = defaultdict(list)
    for (unit, year), terms in full.items():
        if unit in of_waste:
            plant, heat = of_waste[unit]
            using[plant, year] += [(heat * amount, built) for amount, built in terms]
            using[plant, year].append((-heat, m.throttled_ktpa[unit, year]))

    @m.Constraint(sorted(using))
    def waste_heat_within_plant(m: pyo.ConcreteModel, plant: str, year: int) -> object:
        """Σ over the plant's units that use waste heat: heat per t × captured ≤ waste heat of the plant"""
        return linear_sum(using[plant, year]) <= problem.waste_heat_tj_pa.get(plant, 0.0)

    # A claim keeps its rule, and with it all that the rule was made of: a fifth of a large model's memory.
    for terms_of in (full, room, using):
        terms_of.clear()


def _heat_from_waste(problem: Problem) -> dict[str, tuple[str, float]]:
    """Plant and heat per t captured (GJ/t, so TJ per kt) of every unit whose heat is the plant's own waste heat."""
    units = problem.routes.assign(unit=problem.units[problem.unit_of].to_numpy(object))
    units = units[units["heat_source"] == WASTE_HEAT]
    return {
        unit: (plant, float(heat))
        for unit, plant, heat in zip(units["unit"], units["plant"], units["heat_gj_per_t"], strict=True)
    }
