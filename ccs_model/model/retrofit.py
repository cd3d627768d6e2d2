"""Retrofits: which option is built, with a pipe of its own to which site, and when.

    build[route, year]      0 or 1 (0 … 1 when fractional): decided at the start of the year's period
    running[route, year]    share of the period's years in which it works; an expression of build

A route is an option (stream × technology × size × heat source), with its own pipe to one site where pipes are not
shared. An option may take several streams of a plant at once: it then stands in the claim of each of them.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyomo.environ as pyo

from ccs_model.engineering.absorbers import streams_covered
from ccs_model.model.sums import linear_sum
from ccs_model.problem import Problem


def add_retrofits(m: pyo.ConcreteModel, problem: Problem) -> None:
    routes = problem.routes
    names = routes["route"].tolist()
    years = problem.years
    ever = problem.running_share.sum(axis=2) > 0
    m.years = pyo.Set(initialize=years, ordered=True)
    m.buildable = pyo.Set(initialize=[(names[r], years[s]) for r, s in np.argwhere(ever)], dimen=2, ordered=True)
    m.build = pyo.Var(m.buildable, domain=pyo.Binary if problem.is_whole else pyo.UnitInterval)

    terms: dict[tuple[str, int], list[tuple[float, object]]] = defaultdict(list)
    for r, s, y in np.argwhere(problem.running_share > 0):
        share = float(problem.running_share[r, s, y])
        terms[names[r], years[y]].append((share, m.build[names[r], years[s]]))
    # Read by other themes; plain pairs are far cheaper to sum than Pyomo expressions.
    m.running_terms = dict(terms)

    starts_of_stream: dict[tuple[str, str], list[object]] = defaultdict(list)
    starts_of_plant: dict[str, list[object]] = defaultdict(list)
    starts_of_year: dict[int, list[object]] = defaultdict(list)
    plants, streams = routes["plant"].tolist(), [streams_covered(stream) for stream in routes["stream"]]
    # A measure alone is no capture unit: it fits no plant and counts as no build.
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
        """Σ over routes that take the stream and years: build ≤ 1"""
        return pyo.quicksum(starts_of_stream[plant, stream]) <= 1

    @m.Constraint(list(problem.must_fit))
    def plant_is_fitted(m: pyo.ConcreteModel, plant: str) -> object:
        """Σ over routes of the plant and years: build ≥ 1, for plants that must be fitted"""
        return pyo.quicksum(starts_of_plant[plant]) >= 1 if starts_of_plant[plant] else pyo.Constraint.Infeasible

    nameplate = routes["nameplate_ktpa"].tolist()
    provinces = routes["province"].tolist()
    in_zone: dict[str, list[tuple[int, float, object]]] = defaultdict(list)
    for r, s in np.argwhere(ever):
        in_zone[provinces[r]].append((years[s], nameplate[r], m.build[names[r], years[s]]))

    @m.Constraint([key for key in problem.deployment_ceiling_ktpa if in_zone[key[0]]])
    def deployment_within_ceiling(m: pyo.ConcreteModel, zone: str, year: int) -> object:
        """Σ over routes of the zone and starts so far: nameplate × build ≤ deployment share × capturable"""
        started = [(ktpa, built) for start, ktpa, built in in_zone[zone] if start <= year]
        return linear_sum(started) <= problem.deployment_ceiling_ktpa[zone, year]

    n_years = dict(zip(years, problem.periods["n_years"].tolist(), strict=True))
    limited = [y for y in years if starts_of_year[y]] if problem.built_per_year_max is not None else []

    @m.Constraint(limited)
    def building_within_yearly_rate(m: pyo.ConcreteModel, year: int) -> object:
        """Σ over routes: build ≤ retrofits a year × years of the period"""
        return pyo.quicksum(starts_of_year[year]) <= problem.built_per_year_max * n_years[year]
