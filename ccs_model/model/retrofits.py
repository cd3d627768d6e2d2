"""Retrofits and capture: which option is built and when, and how much it captures.

build[route, year]            0 or 1 (0 … 1 if continuous): decided at the start of the period
curtailed_ktpa[unit, year]    ≥ 0, delivered tonnes forgone below full load, yearly mean of the period
running[route, year]          expression: share of the period's years in which the option works × build
captured_ktpa[unit, year]     expression: delivered share × nameplate × running − curtailed

A source–sink option (`route`) is stream × technology × size × heat source, with its own pipe to one site where pipes
are not shared. An option on several streams of a plant appears in the constraint of each of them.

A unit groups options that are curtailed together: one source–sink option with its own pipe or, over a shared network,
all sizes of one stream, technology and heat source, of which at most one is built. Plans run mostly at full load, so
curtailment as a variable describes the same plans as capture with fewer rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyomo.environ as pyo

from ccs_model.engineering.capture_units import WASTE_HEAT, streams_covered
from ccs_model.model.linear_sums import Terms, linear_sum
from ccs_model.problem import Problem


def add_retrofits(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the builds and their constraints."""
    routes = problem.routes
    names = routes["route"].tolist()
    years = problem.years
    ever = problem.running_share.sum(axis=2) > 0
    m.years = pyo.Set(initialize=years, ordered=True)
    m.buildable = pyo.Set(initialize=[(names[r], years[s]) for r, s in np.argwhere(ever)], dimen=2, ordered=True)
    m.build = pyo.Var(m.buildable, domain=pyo.Binary if problem.is_integer else pyo.UnitInterval)

    terms: dict[tuple[str, int], list[tuple[float, object]]] = defaultdict(list)
    for r, s, y in np.argwhere(problem.running_share > 0):
        share = float(problem.running_share[r, s, y])
        terms[names[r], years[y]].append((share, m.build[names[r], years[s]]))
    # Other themes read these pairs, which sum faster than Pyomo expressions.
    m.running_terms = dict(terms)

    starts_of_stream: dict[tuple[str, str], list[object]] = defaultdict(list)
    starts_of_plant: dict[str, list[object]] = defaultdict(list)
    starts_of_year: dict[int, list[object]] = defaultdict(list)
    plants, streams = routes["plant"].tolist(), [streams_covered(stream) for stream in routes["stream"]]
    # A measure alone is not a capture unit: it does not retrofit the plant and does not count as a build.
    captures = problem.captures
    for r, s in np.argwhere(ever):
        built = m.build[names[r], years[s]]
        for stream in streams[r]:
            starts_of_stream[plants[r], stream].append(built)
        if captures[r]:
            starts_of_plant[plants[r]].append(built)
            starts_of_year[years[s]].append(built)

    @m.Constraint(sorted(starts_of_stream))
    def one_retrofit_per_stream(m: pyo.ConcreteModel, plant: str, stream: str) -> object:
        """Σ options on the stream, years: build ≤ 1"""
        return pyo.quicksum(starts_of_stream[plant, stream]) <= 1

    @m.Constraint(list(problem.require))
    def required_plant_is_retrofitted(m: pyo.ConcreteModel, plant: str) -> object:
        """Σ options of the plant, years: build ≥ 1, for required plants"""
        return pyo.quicksum(starts_of_plant[plant]) >= 1 if starts_of_plant[plant] else pyo.Constraint.Infeasible

    @m.Constraint(list(problem.committed))
    def committed_retrofit_is_built(m: pyo.ConcreteModel, route: str, year: int) -> object:
        """build ≥ 1, for committed retrofits, which are the only options of their streams"""
        return m.build[route, year] >= 1

    nameplate = routes["nameplate_ktpa"].tolist()
    provinces = routes["province"].tolist()
    in_zone: dict[str, list[tuple[int, float, object]]] = defaultdict(list)
    for r, s in np.argwhere(ever):
        in_zone[provinces[r]].append((years[s], nameplate[r], m.build[names[r], years[s]]))

    @m.Constraint([key for key in problem.deployment_ceiling_ktpa if in_zone[key[0]]])
    def deployment_within_ceiling(m: pyo.ConcreteModel, zone: str, year: int) -> object:
        """Σ options of the zone, starts so far: nameplate × build ≤ deployment share × capturable"""
        started = [(ktpa, built) for start, ktpa, built in in_zone[zone] if start <= year]
        return linear_sum(started) <= problem.deployment_ceiling_ktpa[zone, year]

    n_years = dict(zip(years, problem.periods["n_years"].tolist(), strict=True))
    limited = [y for y in years if starts_of_year[y]] if problem.max_builds_per_year is not None else []

    @m.Constraint(limited)
    def builds_within_yearly_rate(m: pyo.ConcreteModel, year: int) -> object:
        """Σ options: build ≤ builds a year × years of the period"""
        return pyo.quicksum(starts_of_year[year]) <= problem.max_builds_per_year * n_years[year]


def add_capture(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add curtailment."""
    routes = problem.routes
    least_share = dict(zip(routes["route"], routes["min_load_share"].tolist(), strict=True))
    of_waste = _heat_from_waste(problem)
    full: dict[tuple[str, int], Terms] = defaultdict(list)
    room: dict[tuple[str, int], Terms] = defaultdict(list)
    largest_share: dict[tuple[str, int], float] = {}
    for unit, route, year, ktpa, share, built in captured_at_full_load(m, problem):
        if unit in of_waste:
            full[unit, year].append((ktpa, built))
            largest_share[unit, year] = max(share, largest_share.get((unit, year), 0.0))
        room[unit, year].append((-(1.0 - least_share[route]) * ktpa * share, built))
    m.working = pyo.Set(initialize=list(room), dimen=2, ordered=True)
    m.curtailed_ktpa = pyo.Var(m.working, domain=pyo.NonNegativeReals)

    @m.Constraint(m.working)
    def curtailment_keeps_minimum_load(m: pyo.ConcreteModel, unit: str, year: int) -> object:
        """curtailed ≤ Σ options of the unit: (1 − minimum load) × delivered share × nameplate × running"""
        return linear_sum([(1.0, m.curtailed_ktpa[unit, year]), *room[unit, year]]) <= 0

    using: dict[tuple[str, int], Terms] = defaultdict(list)
    for (unit, year), terms in full.items():
        plant, heat = of_waste[unit]
        using[plant, year] += [(heat * amount, built) for amount, built in terms]
        using[plant, year].append((-heat / largest_share[unit, year], m.curtailed_ktpa[unit, year]))

    @m.Constraint(sorted(using))
    def waste_heat_within_plant(m: pyo.ConcreteModel, plant: str, year: int) -> object:
        """Σ units of the plant on waste heat: heat per t × captured in a year of operation ≤ waste heat of the plant

        Curtailment of a period is spread over the years of operation of the option that works longest in it.
        """
        return linear_sum(using[plant, year]) <= problem.waste_heat_tj_pa.get(plant, 0.0)

    # Constraints keep a reference to their rule and its closure: without this, a fifth of a large model's memory.
    for terms_of in (full, room, using):
        terms_of.clear()


def add_captured(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add what every unit captures as an expression, for models that a caller extends."""
    full: dict[tuple[str, int], Terms] = defaultdict(list)
    for unit, _, year, ktpa, share, built in captured_at_full_load(m, problem):
        full[unit, year].append((ktpa * share, built))

    @m.Expression(m.working)
    def captured_ktpa(m: pyo.ConcreteModel, unit: str, year: int) -> object:
        """Σ options of the unit: delivered share × nameplate × running − curtailed"""
        return linear_sum([(-1.0, m.curtailed_ktpa[unit, year]), *full[unit, year]])

    full.clear()


def captured_at_full_load(
    m: pyo.ConcreteModel, problem: Problem
) -> Iterator[tuple[str, str, int, float, float, object]]:
    """Yield unit, option, year, delivered flow at full load, share of the period's years and build variable.

    Of every option that captures; the flow is that of a year of operation.
    """
    routes = problem.routes
    unit_of = dict(zip(routes["route"], problem.units[problem.unit_of], strict=True))
    most = dict(zip(routes["route"], problem.delivered_ktpa.tolist(), strict=True))
    without_capture = set(routes.loc[~problem.captures, "route"])
    for (route, year), pairs in m.running_terms.items():
        if route not in without_capture:
            for share, built in pairs:
                yield unit_of[route], route, year, most[route], share, built


def _heat_from_waste(problem: Problem) -> dict[str, tuple[str, float]]:
    """Plant and heat per t captured (GJ/t, or TJ/kt) of every unit on the plant's own waste heat."""
    units = problem.routes.assign(unit=problem.units[problem.unit_of].to_numpy(object))
    units = units[units["heat_source"] == WASTE_HEAT]
    return {
        unit: (plant, float(heat))
        for unit, plant, heat in zip(units["unit"], units["plant"], units["heat_gj_per_t"], strict=True)
    }
