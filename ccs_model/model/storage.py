"""Storage: with own pipes, and sites of a shared network with their wells and supply-curve steps.

opened[site, year]              0 or 1: the site is prepared at the start of the period; 0 before storage.not_before
wells[site, year]               integer: wells drilled at the start of the period
injected_ktpa[store, year]      delivered flow into a step of the site's supply curve
paid_for_oil_ktpa[site, year]   the part of the injection that an oil field pays for
obligation_stored_kt[site]      post-horizon injection obligation, total

With own pipes, the flow into a site is the sum of what its source–sink options capture.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from ccs_model.model.linear_sums import Sum, Terms, linear_sum, scale_terms
from ccs_model.model.names import BUILD, CAPTURED
from ccs_model.problem import Problem


def add_sites(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add sites, wells and injection of a shared network."""
    network = problem.network
    if network is None or problem.stores is None:
        return
    years = problem.years
    sites = problem.sites.set_index("site")
    here = [site for site in sites.index if site in network.node_of_site]
    stores = problem.stores[problem.stores["site"].isin(here)]
    is_integer = problem.is_integer
    most_wells = {site: _useful_wells(sites, site, network.most_ktpa) for site in here}
    injectivity = {site: float(sites.at[site, "well_injectivity_ktpa"]) * problem.delivered_share for site in here}
    not_before = problem.scenario.storage.not_before

    def may_open(site: str, year: int) -> bool:
        return year >= not_before.get(site, year)

    m.opened = pyo.Var(
        here,
        years,
        domain=pyo.Binary if is_integer else pyo.UnitInterval,
        bounds=lambda m, site, year: (0, int(may_open(site, year))),
    )
    m.wells = pyo.Var(
        here,
        years,
        domain=pyo.NonNegativeIntegers if is_integer else pyo.NonNegativeReals,
        bounds=lambda m, site, year: (0, most_wells[site] if may_open(site, year) else 0),
    )
    m.injected_ktpa = pyo.Var(stores["store"].tolist(), years, domain=pyo.NonNegativeReals)
    pays = {site: float(sites.at[site, "eor_max_ktpa"]) for site in here if sites.at[site, "eor_revenue_per_t"] > 0}
    # A field buys no more in a year of operation; the bound is that of the mean over the period.
    share = problem.largest_running_share[problem.captures].max(axis=0, initial=0.0)
    operating = dict(zip(years, share.tolist(), strict=True))
    m.paid_for_oil_ktpa = pyo.Var(
        list(pays),
        years,
        domain=pyo.NonNegativeReals,
        bounds=lambda m, site, year: (0, _finite_or_none(pays[site] * operating[year]) if operating[year] else 0),
    )
    if problem.obligation_yr > 0:
        m.obligation_stored_kt = pyo.Var(here, domain=pyo.NonNegativeReals)

    def injection(site: str, year: int) -> Terms:
        return [(1.0, m.injected_ktpa[store, year]) for store in problem.stores_at[site]]

    @m.Constraint(here)
    def a_site_opens_once(m: pyo.ConcreteModel, site: str) -> object:
        """Σ years: opened ≤ 1"""
        return linear_sum([(1.0, m.opened[site, year]) for year in years]) <= 1

    @m.Constraint(here, years)
    def wells_need_an_open_site(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ so far: wells ≤ largest useful number of wells × Σ so far: opened"""
        terms: Terms = []
        for before in years[: years.index(year) + 1]:
            terms += [(1.0, m.wells[site, before]), (-float(most_wells[site]), m.opened[site, before])]
        return linear_sum(terms) <= 0

    @m.Constraint(here, years)
    def injection_within_wells(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ steps: injected ≤ injectivity of a well × Σ so far: wells"""
        drilled: Terms = [(-injectivity[site], m.wells[site, before]) for before in years[: years.index(year) + 1]]
        return linear_sum(injection(site, year) + drilled) <= 0

    fill = problem.max_fill_share / (problem.scenario.storage_life_yr if problem.is_static else 1.0)
    n_years = dict(zip(years, problem.periods["n_years"].tolist(), strict=True))
    room_kt = dict(zip(stores["store"], stores["capacity_kt"] * fill, strict=True))

    @m.Constraint(stores["store"].tolist())
    def injected_within_step(m: pyo.ConcreteModel, store: str) -> object:
        """Σ years: years × injected ≤ capacity of the step × fill share"""
        return linear_sum([(float(n_years[y]), m.injected_ktpa[store, y]) for y in years]) <= room_kt[store]

    @m.Constraint(here)
    def stored_within_capacity(m: pyo.ConcreteModel, site: str) -> object:
        """Σ steps, years: years × injected + obligation stored ≤ capacity × fill share"""
        room = float(sites.at[site, "capacity_kt"]) * fill
        terms: Terms = [(float(n_years[year]) * c, v) for year in years for c, v in injection(site, year)]
        if problem.obligation_yr > 0:
            terms.append((1.0, m.obligation_stored_kt[site]))
        return linear_sum(terms) <= room

    @m.Constraint(here if problem.obligation_yr > 0 else [])
    def obligation_within_wells(m: pyo.ConcreteModel, site: str) -> object:
        """obligation stored ≤ longest obligation in years × injectivity of a well × Σ years: wells"""
        drilled: Terms = [(-problem.obligation_yr * injectivity[site], m.wells[site, year]) for year in years]
        return linear_sum([(1.0, m.obligation_stored_kt[site]), *drilled]) <= 0

    @m.Constraint(list(pays), years)
    def oil_is_paid_for_what_is_injected(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """paid for oil ≤ Σ steps: injected"""
        return linear_sum([(1.0, m.paid_for_oil_ktpa[site, year]), *scale_terms(injection(site, year), -1.0)]) <= 0

    static_room = {site: float(sites.at[site, "capacity_kt"]) * fill for site in here}

    @m.Constraint(here if problem.is_static else [], years)
    def a_used_site_is_open(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ steps: injected ≤ capacity ÷ storage life × opened"""
        return linear_sum([*injection(site, year), (-static_room[site], m.opened[site, year])]) <= 0


def _useful_wells(sites: pd.DataFrame, site: str, most_ktpa: float) -> int:
    """Return the largest number of wells of a site that a plan can use: no more than all CO₂ needs."""
    rate, most = float(sites.at[site, "well_injectivity_ktpa"]), math.floor(float(sites.at[site, "n_wells_max"]))
    return most if rate <= 0 or math.isinf(most_ktpa) else min(most, math.ceil(most_ktpa / rate - 1e-9))


def _finite_or_none(amount: float) -> float | None:
    return float(amount) if math.isfinite(amount) else None


def add_storage(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the limits of sites with own pipes."""
    if problem.network is not None:
        return
    routes, years = problem.routes, problem.years
    sites = problem.sites.set_index("site")
    total = Sum(m, problem)
    goes_to = {site: (routes["site"] == site).to_numpy() for site in sorted(set(routes.loc[problem.captures, "site"]))}
    n_years = problem.periods["n_years"].to_numpy(float)
    one_year = np.eye(len(years))
    # The post-horizon obligation reserves capacity.
    committed_kt = problem.years_after_horizon * problem.delivered_ktpa[:, None]
    works = np.any(problem.running_share > 0, axis=1)
    fed = [(site, year) for site, to in goes_to.items() for y, year in enumerate(years) if works[to, y].any()]

    @m.Constraint(fed)
    def injection_within_wells(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ options to the site: peak capture ≤ delivered share × injectivity × wells, and what the field buys

        Peak capture is captured + what the option delivers above its mean × build.
        """
        in_year = np.broadcast_to(one_year[years.index(year)], works.shape)
        above_mean = problem.above_mean_ktpa[:, :, years.index(year)]
        takes = float(sites.at[site, "injection_max_ktpa"]) * problem.delivered_share
        takes = min(takes, float(sites.at[site, "eor_max_ktpa"]))
        return total({CAPTURED: in_year, BUILD: above_mean}, routes=goes_to[site]) <= takes

    @m.Constraint([site for site, to in goes_to.items() if works[to].any()])
    def stored_within_capacity(m: pyo.ConcreteModel, site: str) -> object:
        """Σ years: years × captured + post-horizon obligation ≤ capacity × fill share"""
        room_kt = float(sites.at[site, "capacity_kt"]) * problem.max_fill_share
        # A representative year may use this part of the capacity.
        if problem.is_static:
            room_kt /= problem.scenario.storage_life_yr
        over_years = np.broadcast_to(n_years, works.shape)
        return total({BUILD: committed_kt, CAPTURED: over_years}, routes=goes_to[site]) <= room_kt
