"""Storage of a plan: injection, wells, investment and yearly cost of each site."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.inputs.declarations import RESOURCE_CLASSES
from ccs_model.model.names import ABOVE_INJECTED, INJECTED, OBLIGATION_STORED, OPENED, PAID_FOR_OIL, WELLS
from ccs_model.plan.cost_sharing import CostSharing, injected_ktpa
from ccs_model.plan.decisions import BUILT, Point, sum_by_name

# A shortage below this share of what is delivered after the horizon is not reported.
_SHORT = 1e-3
# Injection below a tonne a year is that of the solver's tolerance, and has no cost per tonne.
_TRACE_KTPA = 1e-3


def storage_table(point: Point, sharing: CostSharing | None) -> pd.DataFrame:
    """Return one row a used site and period: injection, cumulative storage, obligation, wells, investment and cost.

    Yearly costs are those of `yearly_storage_mn`, per t injected in `storage_cost_per_t`; in the last period they sum
    to the parts of storage of the retrofits. The oil revenue is no part of them; its column is left out with own pipes
    that reach no oil field. `additional_oil_ktpa` and what burning it emits are there with oil fields whose payment
    depends on the oil, `resource_class` with sites that have one.
    """
    problem, decided, sites = point.problem, point.decided, point.problem.sites
    if problem.network is None:
        at_site = problem.routes["site"].to_numpy()
        # Full load less equal curtailment can leave negative rounding.
        injected, peak = (
            pd.DataFrame(np.maximum(each, 0.0)).groupby(at_site).sum().reindex(sites["site"], fill_value=0.0).to_numpy()
            for each in (point.captured_ktpa, point.peak_captured_ktpa)
        )
        by_route = pd.Series((problem.delivered_ktpa[:, None] * problem.years_after_horizon * point.build).sum(axis=1))
        committed = sites["site"].map(by_route.groupby(at_site).sum())
        is_used = injected.sum(axis=1) > BUILT
    else:
        injected = injected_ktpa(point)
        peak = injected + decided[ABOVE_INJECTED]
        committed = sites["site"].map(point.obligation_kt.get(OBLIGATION_STORED, {})).fillna(0.0)
        is_used = (decided[OPENED].sum(axis=1) > BUILT) | (peak.max(axis=1) > BUILT)
    k, y = (each.ravel() for each in np.indices(injected.shape)[:, is_used])
    of = sites.iloc[k].reset_index(drop=True)
    # A static year stands for every year of the storage life.
    n_years = problem.scenario.storage_life_yr if problem.is_static else problem.periods["n_years"].to_numpy(float)
    stored = np.cumsum(injected * n_years, axis=1)
    table = of[["site", "name", "basin", "province"]].assign(
        year=np.array(problem.years)[y],
        injected_ktpa=injected[k, y],
        peak_injected_ktpa=peak[k, y],
        injection_max_ktpa=of["injection_max_ktpa"] * problem.delivered_share,
        stored_kt=stored[k, y],
        committed_kt=committed.to_numpy(float)[k],
        capacity_kt=of["capacity_kt"] * problem.max_fill_share,
    )
    drilled, spent = _wells_and_capital(point)
    capital, fixed, paid = (each[k, y] for each in yearly_storage_mn(point, sharing))
    cost, flow = capital + fixed + paid, injected[k, y]
    wells = np.cumsum(drilled, axis=1)[k, y]
    table = table.assign(
        n_wells=wells,
        wells_ktpa=wells * of["well_injectivity_ktpa"] * problem.delivered_share,
        invested_mn=spent[k, y],
        capital_mn_pa=capital,
        fixed_om_mn_pa=fixed,
        cost_mn_pa=cost,
        storage_cost_per_t=np.divide(cost * 1000.0, flow, out=np.full(len(k), np.nan), where=flow > _TRACE_KTPA),
    )
    if sites["resource_class"].isin(RESOURCE_CLASSES).any():
        table.insert(table.columns.get_loc("capacity_kt"), "resource_class", of["resource_class"].to_numpy())
    # With own pipes a field takes no more than it buys.
    bought = flow if problem.network is None else decided[PAID_FOR_OIL][k, y]
    if (sites["additional_t_oil_per_t"] > 0).any():
        factors = problem.inputs["storage/factors"].set_index("factor")["value"]
        oil = of["additional_t_oil_per_t"] * bought
        table = table.assign(additional_oil_ktpa=oil, additional_oil_co2_ktpa=oil * factors["oil_co2_t_per_t"])
    if problem.network is None and "oil_revenue" not in problem.cost_per_t:
        return table
    return table.assign(oil_revenue_mn_pa=of["eor_revenue_per_t"] * bought / 1000.0)


def shortage_after_horizon(point: Point) -> tuple[int, float, float] | None:
    """Return the years after the horizon until which sites take less than retrofits deliver, and both amounts in kt.

    The model spreads what is delivered after the horizon evenly over the longest remaining operation. Here each
    retrofit delivers at its load of the last period until the end of its life, and each site takes the rate of its
    wells until it is full. The years are those with the largest shortage; None without one, and with own pipes, whose
    sites are reserved.
    """
    problem, decided = point.problem, point.decided
    if problem.network is None or not problem.obligation_yr:
        return None
    rate = (problem.sites["well_injectivity_ktpa"].to_numpy(float) * problem.delivered_share)[:, None]
    rate = rate * decided[WELLS].sum(axis=1, keepdims=True)
    stored = injected_ktpa(point) @ problem.periods["n_years"].to_numpy(float)
    room = np.maximum(problem.sites["capacity_kt"].to_numpy(float) * problem.max_fill_share - stored, 0.0)
    years = np.arange(1, int(np.ceil(problem.obligation_yr)) + 1)
    takes = np.minimum(rate * years, room[:, None]).sum(axis=0)
    full = problem.delivered_ktpa * point.running[:, -1]
    load = np.divide(point.captured_ktpa[:, -1], full, out=np.ones(len(full)), where=full > BUILT)
    delivered = (problem.delivered_ktpa * load)[:, None] * point.build
    due = np.array([(delivered * np.minimum(problem.years_after_horizon, k)).sum() for k in years])
    worst = int(np.argmax(due - takes))
    if due[worst] <= takes[worst] * (1 + _SHORT) + BUILT:
        return None
    return int(years[worst]), float(due[worst]), float(takes[worst])


def _sum_by_site(point: Point, amount: Floats) -> Floats:
    """[site, year] sum of amounts of options with their own storage [route, year]."""
    return sum_by_name(point.problem.sites["site"], point.problem.routes["site"], amount)


def _wells_and_capital(point: Point) -> tuple[Floats, Floats]:
    """[site, start] wells drilled, and capital of sites and wells in million."""
    problem, decided = point.problem, point.decided
    if problem.network is None:
        routes = problem.routes
        capex = (routes["site_capex_mn"] + routes["well_capex_mn"]).to_numpy(float)
        n_wells = routes["n_wells"].to_numpy(float)
        return _sum_by_site(point, n_wells[:, None] * point.build), _sum_by_site(point, capex[:, None] * point.build)
    site, well = (problem.sites[name].to_numpy(float)[:, None] for name in ("site_capex_mn", "well_capex_mn"))
    return decided[WELLS], site * decided[OPENED] + well * decided[WELLS]


def yearly_storage_mn(point: Point, sharing: CostSharing | None) -> tuple[Floats, Floats, Floats]:
    """Return [site, year] the yearly cost of storage in million: capital recovery, fixed O&M, and cost per tonne paid.

    Capital and O&M count in the years of operation, as in the avoidance cost of retrofits. O&M includes monitoring and
    what is set aside for closure and post-injection care.
    """
    problem, decided, sites = point.problem, point.decided, point.problem.sites
    if problem.network is None or problem.stores is None:
        routes = problem.levelised_routes
        capex = (routes["site_capex_mn"] + routes["well_capex_mn"]).to_numpy(float)
        capital = capex * problem.recovery(routes["storage_life_yr"])
        yearly = problem.storage_yearly_mn(routes, routes["storage_life_yr"]) + routes["well_om_mn_pa"].to_numpy(float)
        per_t = routes["injection_cost_per_t"].to_numpy(float)
        return (
            _sum_by_site(point, capital[:, None] * point.running),
            _sum_by_site(point, yearly[:, None] * point.running),
            _sum_by_site(point, per_t[:, None] * point.captured_ktpa / 1000.0),
        )
    assert sharing is not None
    opened, wells = (np.cumsum(decided[name], axis=1) for name in (OPENED, WELLS))
    in_service = sharing.in_service_at_site()
    capital = np.cumsum(_wells_and_capital(point)[1], axis=1) * problem.recovery(sites["life_yr"])[:, None]
    fixed = problem.storage_yearly_mn(sites, sites["life_yr"])[:, None] * opened
    fixed = fixed + sites["well_om_mn_pa"].to_numpy(float)[:, None] * wells
    per_store = problem.stores["variable_per_t"].to_numpy(float)[:, None] * decided[INJECTED] / 1000.0
    return capital * in_service, fixed * in_service, sum_by_name(sites["site"], problem.stores["site"], per_store)
