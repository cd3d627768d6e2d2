"""Available sites: capacity case, wells, and costs of sites, wells and injection.

The capital of a site and of a well does not depend on the rate of a well. A site has one of three costs:

    separate costs in its row      columns of storage/sites; an empty one is 0
    an all-in cost per tonne       paid as a fee, by the steps of storage/site_costs if it has some (the mean of the
                                   steps with own pipes); no capital
    neither                        the costs of its class in storage/class_costs; a gas field offshore has those of
                                   saline_offshore

A site without a rate of its own takes that of its basin (storage/well_rates), at most the cap of its class; without a
number of wells, as many as its area has room for.

What an oil field pays is revenue and no part of these costs: `eor_revenue_per_t`, or for a field with
`additional_t_oil_per_t`

    t of oil per t of CO₂ × barrels per t of oil × oil price × share of the value paid for CO₂
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Mask, Objects
from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario

# Money of a site, whatever it takes in, and of each well; then the cost per tonne.
SITE_MONEY = ("site_capex_mn", "site_om_mn_pa", "monitoring_mn_pa", "closure_mn", "post_injection_mn")
WELL_MONEY = ("well_capex_mn", "well_om_mn_pa")
STORAGE_MONEY = (*SITE_MONEY, *WELL_MONEY, "injection_cost_per_t")
ALL_IN = "storage_cost_per_t"
CAPACITIES = ("capacity_low_kt", "capacity_mid_kt", "capacity_high_kt")


def sites_of(scenario: Scenario, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Return the sites that the scenario allows, with its capacity case, wells and costs in its money."""
    sites = inputs["storage/sites"].sort_values("site", kind="stable")
    if scenario.storage.sites:
        requested = scenario.storage.sites
        sites = sites[sites["site"].isin(requested) | sites["basin"].isin(requested)]
    if excluded := scenario.storage.exclude:
        sites = sites[~(sites["site"].isin(excluded) | sites["basin"].isin(excluded))]
        if sites.empty:
            what = "excludes every storage site"
            raise InputError([Issue(place_of(scenario, "storage.exclude"), what, "keep one of storage.sites")])
    sites = sites.reset_index(drop=True)
    own_kt = sites["site"].map(dict(scenario.storage.capacity_kt)).astype(float)
    sites = sites.assign(**{name: own_kt.fillna(sites[name]) for name in CAPACITIES})
    sites = sites.assign(
        capacity_kt=sites[f"capacity_{scenario.storage.capacity}_kt"],
        is_offshore=are_offshore(sites),
        reservoir_class=reservoir_classes(sites),
        cost_class=cost_classes(sites),
        eor_revenue_per_t=level.column(sites, "eor_revenue_per_t").fillna(
            _payment_by_oil_price(sites, scenario, inputs, level)
        ),
        additional_t_oil_per_t=sites["additional_t_oil_per_t"].fillna(0.0),
        eor_max_ktpa=sites["eor_max_ktpa"].fillna(np.inf),
    )
    sites = _with_costs(_with_wells(sites, inputs), inputs, level)
    return sites.assign(
        injection_max_ktpa=sites["well_injectivity_ktpa"] * sites["n_wells_max"],
        life_yr=inputs["storage/factors"].set_index("factor").at["life_yr", "value"],
    )


def are_offshore(sites: pd.DataFrame) -> Mask:
    """Return a mask of the rows of storage/sites that lie offshore."""
    return sites["is_offshore"].astype(str).str.lower().isin(("yes", "true", "1", "offshore")).to_numpy(bool)


def reservoir_classes(sites: pd.DataFrame) -> Objects:
    """Return the class of storage/reservoir_classes of each row of storage/sites, which has the rates of wells."""
    under = np.where(are_offshore(sites), "saline_offshore", "saline_onshore")
    return np.where(sites["kind"] == "saline", under, sites["kind"].astype(str)).astype(object)


def cost_classes(sites: pd.DataFrame) -> Objects:
    """Return the class of storage/class_costs of each row of storage/sites.

    A gas field costs as much as an aquifer, so that offshore it has the costs of saline_offshore.
    """
    is_gas_at_sea = are_offshore(sites) & (sites["kind"] == "gas_field").to_numpy(bool)
    return np.where(is_gas_at_sea, "saline_offshore", reservoir_classes(sites)).astype(object)


def _payment_by_oil_price(sites: pd.DataFrame, scenario: Scenario, inputs: Inputs, level: PriceLevel) -> pd.Series:
    """Return what an oil field pays per t of CO₂: additional oil × price × the share of its value paid for CO₂."""
    if sites["additional_t_oil_per_t"].isna().all():
        return pd.Series(0.0, index=sites.index)
    factors = inputs["storage/factors"].set_index("factor")["value"]
    storage = scenario.storage
    if storage.oil_price_per_bbl is None:
        per_bbl = float(level.column(inputs["prices/oil"], "oil_price_per_bbl").iloc[0])
    else:
        year = storage.oil_price_year or scenario.price_year
        per_bbl = storage.oil_price_per_bbl * level.factor(storage.oil_price_currency, year)
    per_t_of_oil = factors["oil_bbl_per_t"] * per_bbl * factors["oil_payment_share"]
    return sites["additional_t_oil_per_t"].fillna(0.0) * per_t_of_oil


def _with_wells(sites: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Sites with the rate of a well, kt/y, and the largest number of wells, where the table leaves them empty."""
    classes = inputs["storage/reservoir_classes"].set_index("reservoir_class").reindex(sites["reservoir_class"])
    by_basin = inputs["storage/well_rates"].set_index(["basin", "reservoir_class"])["well_ktpa"]
    of_basin = by_basin.reindex(pd.MultiIndex.from_frame(sites[["basin", "reservoir_class"]])).to_numpy(float)
    rate = np.where(np.isnan(of_basin), classes["well_ktpa"], of_basin)
    factors = inputs["storage/factors"].set_index("factor")["value"]
    area_km2 = sites["area_km2"].fillna(factors["site_area_km2"])
    by_area = np.floor(area_km2 * factors["wells_per_km2"] + 1e-9)
    return sites.assign(
        well_injectivity_ktpa=sites["well_injectivity_ktpa"].fillna(
            pd.Series(np.minimum(rate, classes["well_cap_ktpa"].to_numpy(float)), index=sites.index)
        ),
        n_wells_max=sites["n_wells_max"].fillna(by_area),
    )


def _with_costs(sites: pd.DataFrame, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Sites with STORAGE_MONEY from their row, their all-in cost or their class, in the scenario's money."""
    curve = inputs["storage/site_costs"]
    classes = inputs["storage/class_costs"]
    classes = classes.assign(amount=level.column(classes, "amount"))
    by_class_and_cost = classes.set_index(["cost", "reservoir_class"])["amount"]
    is_separate = sites[list(STORAGE_MONEY)].notna().any(axis=1)
    is_all_in = ~is_separate & (sites[ALL_IN].notna() | sites["site"].isin(curve["site"]))
    by_class = ~is_separate & ~is_all_in
    mean = (level.column(curve, ALL_IN) * curve["capacity_share"]).groupby(curve["site"]).sum()
    fee = sites["site"].map(mean).fillna(level.column(sites, ALL_IN)).where(is_all_in, 0.0)
    found = {}
    for name in STORAGE_MONEY:
        of_class = sites["cost_class"].map(by_class_and_cost.loc[name])
        found[name] = level.column(sites, name).fillna(0.0).where(~by_class, of_class)
    found["injection_cost_per_t"] = found["injection_cost_per_t"] + fee
    return sites.assign(**found, is_all_in=is_all_in)


def stores_of(sites: pd.DataFrame, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Return the steps of the sites' supply curves: store, site, capacity_kt, variable_per_t.

    Without a curve of all-in costs, a site has one step.
    """
    curve = inputs["storage/site_costs"]
    curve = curve[curve["site"].isin(sites["site"][sites["is_all_in"]])]
    curve = curve.assign(variable_per_t=level.column(curve, ALL_IN))
    without = sites[~sites["site"].isin(curve["site"])]
    single = without[["site"]].assign(step=1, capacity_share=1.0, variable_per_t=without["injection_cost_per_t"])
    steps = pd.concat([curve[list(single)], single], ignore_index=True)
    stores = pd.DataFrame(
        {
            "store": steps["site"] + " | " + steps["step"].astype(int).astype(str),
            "site": steps["site"],
            "capacity_kt": steps["site"].map(sites.set_index("site")["capacity_kt"]) * steps["capacity_share"],
            "variable_per_t": steps["variable_per_t"],
        }
    )
    return stores.sort_values("store", kind="stable").reset_index(drop=True)


def wells_for(flow_ktpa: npt.ArrayLike, rate_ktpa: npt.ArrayLike, n_wells_max: npt.ArrayLike) -> Floats:
    """Return the number of wells that a nameplate flow needs, at most those of the site."""
    flow, rate, most = (np.asarray(each, dtype=float) for each in (flow_ktpa, rate_ktpa, n_wells_max))
    needed = np.ceil(
        np.divide(flow, rate, out=np.zeros(np.broadcast_shapes(flow.shape, rate.shape)), where=rate > 0) - 1e-9
    )
    return np.minimum(np.maximum(needed, 1.0), np.floor(most))
