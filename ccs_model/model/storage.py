"""Storage with own pipes: what goes into each site while it is captured, and what retrofits bring after the horizon.

With own pipes the flow into a site is the sum of what its routes capture, so CO₂ in equals CO₂ out by construction.
"""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

from ccs_model.model.sums import Sum
from ccs_model.problem import Problem


def add_storage(m: pyo.ConcreteModel, problem: Problem) -> None:
    if problem.network is not None:
        return
    routes, years = problem.routes, problem.years
    sites = problem.sites.set_index("site")
    total = Sum(m, problem)
    goes_to = {site: (routes["site"] == site).to_numpy() for site in sorted(set(routes.loc[problem.captures, "site"]))}
    n_years = problem.periods["n_years"].to_numpy(float)
    one_year = np.eye(len(years))
    full_ktpa = routes["nameplate_ktpa"].to_numpy(float) * problem.delivered_share
    # Tonnes that retrofits will still deliver after the horizon need room too.
    committed_kt = problem.committed_yr * full_ktpa[:, None]
    works = np.any(problem.running_share > 0, axis=1)
    fed = [(site, year) for site, to in goes_to.items() for y, year in enumerate(years) if works[to, y].any()]

    @m.Constraint(fed)
    def injection_within_wells(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ over routes to the site: captured ≤ delivered share × injectivity of a well × wells"""
        in_year = np.broadcast_to(one_year[years.index(year)], works.shape)
        takes = float(sites.at[site, "injection_max_ktpa"]) * problem.delivered_share
        return total({"captured_ktpa": in_year}, routes=goes_to[site]) <= takes

    @m.Constraint([site for site, to in goes_to.items() if works[to].any()])
    def stored_within_capacity(m: pyo.ConcreteModel, site: str) -> object:
        """Σ over years: years × captured + committed after the horizon ≤ room: capacity × fill share"""
        room_kt = float(sites.at[site, "capacity_kt"]) * problem.fill_share_max
        # What one representative year may take of it.
        if problem.is_static:
            room_kt /= problem.scenario.storage_life_yr
        over_years = np.broadcast_to(n_years, works.shape)
        return total({"build": committed_kt, "captured_ktpa": over_years}, routes=goes_to[site]) <= room_kt
