"""Terms of the objectives, as coefficients of variables. One function adds a term to objective and breakdown.

abatement_kt[term]      tonnes over the horizon, undiscounted: captured less the CO₂ of fuel and power, plus reduced
cost_mn[term]           discounted money over the horizon; salvage and revenue are negative

`breakdown` evaluates the same coefficients at a plan, so it always agrees with the objective.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Objects
from ccs_model.inputs.geography import are_in_area
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BUILD,
    CAPTURED,
    INJECTED,
    OPENED,
    PAID,
    PAID_FOR_OIL,
    PIPE,
    PIPE_FLOW,
    SPEND,
    WELLS,
)
from ccs_model.problem import Problem
from ccs_model.problem.owner_accounts import SHARED
from ccs_model.problem.problem import Target, period_sums


@dataclass(frozen=True)
class Term:
    """Coefficients of one term.

    Attributes
    ----------
    on
        Arrays [id, year] by variable, along `problem.axes`.
    on_shortfall
        Coefficients of `shortfall_kt` by target.
    """

    on: Mapping[str, Floats] = field(default_factory=dict)
    on_shortfall: Mapping[str, float] = field(default_factory=dict)


def sum_terms(terms: Mapping[str, Term]) -> dict[str, Floats]:
    """Return the sum of all terms' coefficients by variable."""
    total: dict[str, Floats] = {}
    for term in terms.values():
        for name, amount in term.on.items():
            total[name] = total[name] + amount if name in total else amount
    return total


def capex_mn(problem: Problem) -> dict[str, Floats]:
    """Return the overnight capex per unit of each asset variable, [id], million."""
    capex = {BUILD: problem.routes["capex_mn"].to_numpy(float)}
    if problem.network is not None:
        lines, built = problem.network.lines, problem.network.built
        for variable, name in ((PIPE, "fixed_mn"), (ADDED_CAPACITY, "slope_mn_per_ktpa")):
            capex[variable] = lines[name].to_numpy(float)[built]
        capex[OPENED], capex[WELLS] = (
            problem.sites[name].to_numpy(float) for name in ("site_capex_mn", "well_capex_mn")
        )
    return capex


def salvage_mn(problem: Problem) -> dict[str, Floats]:
    """Return the salvage value per unit of each asset variable, [id, start], million, discounted to the first year.

    Capture units, own pipes and own sites end with their plant; shared pipes, sites and wells have lives of their own.
    """
    routes = problem.routes

    def salvage_value(life_yr: pd.Series | Floats, capex: Floats) -> Floats:
        return capex[:, None] * problem.asset_salvage(problem.shared_asset_lives(life_yr))

    def own_value(life: str, *columns: str) -> Floats:
        capex = routes[list(columns)].sum(axis=1).to_numpy(float)
        return capex[:, None] * problem.asset_salvage(problem.own_asset_lives(routes[life]))

    found = {
        BUILD: routes["capture_capex_mn"].to_numpy(float)[:, None] * problem.salvage_share
        + own_value("pipe_life_yr", "pipe_capex_mn")
        + own_value("storage_life_yr", "site_capex_mn", "well_capex_mn")
    }
    if problem.network is not None:
        capex, sites = capex_mn(problem), problem.sites["life_yr"]
        built = problem.network.lines["life_yr"].to_numpy(float)[problem.network.built]
        found |= {name: salvage_value(built, capex[name]) for name in (PIPE, ADDED_CAPACITY)}
        found |= {name: salvage_value(sites, capex[name]) for name in (OPENED, WELLS)}
    return found


def abatement_terms(problem: Problem) -> Mapping[str, Term]:
    """Return tonnes avoided over the horizon, kt: years of the period × tonnes a year."""
    years = problem.periods["n_years"].to_numpy(float)
    terms = {
        "captured_kt": Term({CAPTURED: np.broadcast_to(years, problem.fuel_co2_t_per_t.shape)}),
        "fuel_co2_kt": Term({CAPTURED: -problem.fuel_co2_t_per_t * years}),
        "capture_power_co2_kt": Term({CAPTURED: -problem.capture_power_t_per_t * years}),
    }
    if problem.has_measures:
        terms["reduced_kt"] = Term({BUILD: reduced_kt(problem, years)})
    if problem.line_power_co2_t_per_t is not None:
        terms["booster_power_co2_kt"] = Term({PIPE_FLOW: -problem.line_power_co2_t_per_t * years})
    else:
        terms["booster_power_co2_kt"] = Term({CAPTURED: -problem.booster_power_t_per_t * years})
    return terms


def reduced_kt(problem: Problem, weight: Floats) -> Floats:
    """Return [route, start] reduced tonnes of one build: yearly mean of each period × `weight`.

    `weight` is [year] or [route, start, year].
    """
    running = problem.running_share
    sums = running @ weight if weight.ndim == 1 else np.einsum("rsy,rsy->rs", running, weight)
    return np.asarray(problem.reduced_ktpa[:, None] * sums)


def cost_terms(problem: Problem) -> Mapping[str, Term]:
    """Return the cost terms, discounted million over the horizon; million a year in a static year."""
    routes, periods = problem.routes, problem.periods
    running_weight = problem.running_share @ periods["flow_weight"].to_numpy()

    def column(name: str) -> Floats:
        return routes[name].to_numpy(float)[:, None]

    capital = problem.capital_weight(routes["life_yr"])
    pipe_capital = problem.capital_weight(routes["pipe_life_yr"])
    terms = {
        "capture_capex_mn": Term({BUILD: column("capture_capex_mn") * capital}),
        "pipe_capex_mn": Term({BUILD: column("pipe_capex_mn") * pipe_capital}),
        "salvage_mn": Term({name: -amount for name, amount in salvage_mn(problem).items()}),
        "capture_fixed_om_mn": Term({BUILD: column("fixed_om_mn_pa") * running_weight}),
        "pipe_fixed_om_mn": Term({BUILD: column("pipe_om_mn_pa") * running_weight}),
    }
    for name in problem.cost_per_t:
        terms[f"{name}_mn"] = Term({CAPTURED: problem.cost_mn_per_ktpa(name)})
    if problem.network is None:
        storage_capital = problem.capital_weight(routes["storage_life_yr"])
        for name in ("site_capex_mn", "well_capex_mn"):
            terms[name] = Term({BUILD: column(name) * storage_capital})
        for name, yearly in STORAGE_YEARLY.items():
            terms[name] = Term({BUILD: column(yearly) * running_weight})
        for name in ("closure_mn", "post_injection_mn"):
            terms[name] = Term({BUILD: np.broadcast_to(column(name) * closing_weight(problem), storage_capital.shape)})
    else:
        for name, term in _network_terms(problem).items():
            terms[name] = Term({**terms[name].on, **term.on}) if name in terms else term
    if problem.accounts.pays:
        terms["paid_mn"] = Term(_policy_payments(problem))
    if problem.shortfall_per_t is not None and problem.targets:
        price = {target.key: problem.shortfall_per_t / 1000.0 * _weight(problem, target) for target in problem.targets}
        terms["shortfall_mn"] = Term(on_shortfall=MappingProxyType(price))
    return terms


# Yearly costs of sites and wells: term and column of problem.sites.
STORAGE_YEARLY = {
    "site_fixed_om_mn": "site_om_mn_pa", "monitoring_mn": "monitoring_mn_pa", "well_fixed_om_mn": "well_om_mn_pa",
}  # fmt: skip


def closing_weight(problem: Problem) -> float:
    """Return the weight of money paid when the horizon ends; none in a static year."""
    return 0.0 if problem.is_static else problem.closing_discount


def _network_terms(problem: Problem) -> dict[str, Term]:
    """Costs of a shared network: pipes with O&M and power, sites, wells, injection, and oil revenue."""
    network, stores, periods = problem.network, problem.stores, problem.periods
    assert network is not None and stores is not None and problem.line_power_per_t is not None
    lines, sites = network.lines, problem.sites
    pipe_life_yr = lines["life_yr"].to_numpy(float)[network.built]
    flow_weight = periods["flow_weight"].to_numpy(float)
    # Assets incur O&M from their construction on.
    from_start = np.cumsum(flow_weight[::-1])[::-1]

    def column(table: pd.DataFrame, name: str) -> Floats:
        amounts: Floats = table[name].to_numpy(float)[:, None]
        return amounts

    pipe_capital, site_capital = problem.capital_weight(pipe_life_yr), problem.capital_weight(sites["life_yr"])
    capex = {name: each[:, None] for name, each in capex_mn(problem).items() if name != BUILD}
    om_share = column(lines, "om_share")[network.built]
    power = period_sums(problem.line_power_per_t * problem.discount, periods) / 1000.0
    return {
        "pipe_capex_mn": Term({name: capex[name] * pipe_capital for name in (PIPE, ADDED_CAPACITY)}),
        "site_capex_mn": Term({OPENED: capex[OPENED] * site_capital}),
        "well_capex_mn": Term({WELLS: capex[WELLS] * site_capital}),
        "pipe_fixed_om_mn": Term(
            {PIPE_FLOW: column(lines, "om_mn_per_ktpa") / problem.delivered_share * flow_weight}
            | {name: capex[name] * om_share * from_start for name in (PIPE, ADDED_CAPACITY)}
        ),
        "pipe_power_mn": Term({PIPE_FLOW: power}),
        "haul_mn": Term({PIPE_FLOW: column(lines, "haul_per_t") / 1000.0 * flow_weight}),
        **{
            name: Term({WELLS if name.startswith("well") else OPENED: column(sites, yearly) * from_start})
            for name, yearly in STORAGE_YEARLY.items()
        },
        "storage_mn": Term({INJECTED: column(stores, "variable_per_t") / 1000.0 * flow_weight}),
        **{
            name: Term({OPENED: np.broadcast_to(column(sites, name) * closing_weight(problem), site_capital.shape)})
            for name in ("closure_mn", "post_injection_mn")
        },
        "oil_revenue_mn": Term({PAID_FOR_OIL: -column(sites, "eor_revenue_per_t") / 1000.0 * flow_weight}),
    }


def payments_by_tonne(problem: Problem, by_year: Floats | None = None) -> dict[str, Floats]:
    """Return policy payments per 1 kt/y, by variable, in million: Σ over the period's years of rate × `by_year`.

    Payments that depend on the start of a unit leave out the CO₂ of shared pipes, which belong to no unit.
    """
    accounts, periods = problem.accounts, problem.periods
    weights = np.ones(len(problem.calendar)) if by_year is None else by_year
    per_captured, per_avoided = (
        period_sums(rate * weights * accounts.paid_share_of_captured, periods) / 1000.0
        for rate in (accounts.paid_per_captured_t, accounts.paid_per_avoided_t)
    )
    paid = {CAPTURED: per_captured + per_avoided * problem.avoided_t_per_t}
    if problem.has_measures and accounts.paid_per_avoided_t.any():
        rate = accounts.paid_per_avoided_t * weights * (1.0 if accounts.paid_share is None else accounts.paid_share)
        paid[BUILD] = reduced_kt(problem, period_sums(rate, periods) / 1000.0)
    if problem.line_power_co2_t_per_t is not None and per_avoided.any() and accounts.paid_share is None:
        paid[PIPE_FLOW] = -per_avoided * problem.line_power_co2_t_per_t
    return paid


def _policy_payments(problem: Problem) -> dict[str, Floats]:
    """Policy payments as negative cost."""
    if not problem.accounts.is_capped:
        return {name: -amount for name, amount in payments_by_tonne(problem, problem.discount).items()}
    # Capped payments of a period are spread evenly over its years with a payment.
    pays = problem.accounts.paying_years
    years = period_sums(pays.astype(float), problem.periods)
    weight = period_sums(pays * problem.discount, problem.periods)
    return {PAID: -np.divide(weight, years, out=np.zeros_like(years), where=years > 0)[None, :]}


def province_indicator(problem: Problem, variable: str, province: str) -> Floats:
    """Return [id] 1 for assets in the province or in China (plants, western ends of links, sites), else 0."""
    return are_in_area(provinces_of(problem, variable), province).astype(float)


def fund_groups(problem: Problem, variable: str) -> Objects:
    """Return [id] the group of assets to which each asset belongs for the funds."""
    provinces = provinces_of(problem, variable)
    sectors = problem.routes["sector"] if variable == BUILD else [SHARED] * len(provinces)
    return np.array(problem.accounts.groups.of(sectors, provinces), dtype=object)


def provinces_of(problem: Problem, variable: str) -> pd.Series:
    """Return [id] the province of each asset: of the plant, of the western end of the link, or of the site.

    Payments that are capped together have none.
    """
    if variable in (BUILD, CAPTURED):
        return problem.routes["province"]
    if variable in (PIPE, ADDED_CAPACITY, PIPE_FLOW):
        assert problem.network is not None
        lines = problem.network.lines if variable == PIPE_FLOW else problem.network.lines[problem.network.built]
        return problem.network.links.set_index("link")["province"].loc[lines["link"]]
    if variable == INJECTED:
        assert problem.stores is not None
        return problem.sites.set_index("site")["province"].loc[problem.stores["site"]]
    return pd.Series([""]) if variable == PAID else problem.sites["province"]


def _weight(problem: Problem, target: Target) -> float:
    """Return the weight of a target's shortfall.

    A shortfall in a year is paid in every year of its period, a shortfall over the horizon once, undiscounted.
    """
    if target.year is None:
        return 1.0
    return float(problem.periods["flow_weight"].iloc[problem.years.index(target.year)])


def breakdown(
    terms: Mapping[str, Term], values: Mapping[str, Floats], shortfall_kt: Mapping[str, float]
) -> dict[str, float]:
    """Return the value of each term at a plan.

    Parameters
    ----------
    terms
        Terms by name.
    values
        Arrays [id, year] by variable, `captured_ktpa` included.
    shortfall_kt
        Shortfall by target.
    """
    found = {}
    for name, term in terms.items():
        value = fsum(float((amount * values[variable]).sum()) for variable, amount in term.on.items())
        value += fsum(price * shortfall_kt.get(key, 0.0) for key, price in term.on_shortfall.items())
        found[name] = value
    return found


def spending_amounts(problem: Problem, last: int, province: str = "") -> dict[str, Floats]:
    """Return what counts towards a budget until the start of `last`, of all assets or those in a province.

    Arrays [id, year] in million by variable: capex less grants; in a static year all yearly costs, which no fund pays.
    """
    started = np.less_equal(problem.years, last).astype(float)
    amounts = {name: each[:, None] * started for name, each in capex_mn(problem).items()}
    if problem.is_static:
        amounts = dict(sum_terms(cost_terms(problem)))
    if province:
        amounts = {
            name: amount * province_indicator(problem, name, province)[:, None] for name, amount in amounts.items()
        }
    if len(problem.accounts.allocations) and not problem.is_static:
        granted = problem.accounts.is_grant
        if province:
            groups = {
                group
                for name in capex_mn(problem)
                for group in fund_groups(problem, name)[province_indicator(problem, name, province) > 0]
            }
            granted = granted * problem.accounts.allocations["group"].isin(groups).to_numpy()[:, None]
        amounts[SPEND] = -granted * started
    return amounts
