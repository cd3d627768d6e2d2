"""Available sites: capacity case, and costs of sites, wells and injection.

A site has either an all-in levelised cost per tonne, or separate capital of site and wells. storage/factors splits an
all-in cost into capital of the site, capital of wells and O&M, so that budgets count pipes, wells and sites alike. A
site that fills its first wells then costs per tonne what its table states. Cost increases along the supply curve
(storage/site_costs) are paid per tonne and step.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import Inputs
from ccs_model.scenario import Scenario

_SEPARATE_COSTS = ("site_capex_mn", "site_om_mn_pa", "well_capex_mn", "well_om_mn_pa")
_MONEY = (*_SEPARATE_COSTS, "closure_mn", "eor_revenue_per_t", "storage_cost_per_t")


def sites_of(scenario: Scenario, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Return the sites that the scenario allows, with its capacity case and in its money."""
    sites = inputs["storage/sites"].sort_values("site", kind="stable")
    if scenario.storage.sites:
        requested = scenario.storage.sites
        sites = sites[sites["site"].isin(requested) | sites["basin"].isin(requested)]
    sites = sites.reset_index(drop=True)
    for name in _MONEY:
        sites[name] = level.column(sites, name)
    has_separate_costs = sites[["site_capex_mn", "well_capex_mn"]].notna().any(axis=1)
    sites = sites.fillna(dict.fromkeys(_MONEY[:-1], 0.0))
    return sites.assign(
        capacity_kt=sites[f"capacity_{scenario.storage.capacity}_kt"],
        injection_max_ktpa=sites["well_injectivity_ktpa"] * sites["n_wells_max"],
        is_all_in=~has_separate_costs,
        is_offshore=sites["is_offshore"].astype(str).str.lower().isin(("yes", "true", "1", "offshore")),
        eor_max_ktpa=sites["eor_max_ktpa"].fillna(np.inf),
    )


def stores_of(sites: pd.DataFrame, inputs: Inputs, level: PriceLevel) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sites with capital and O&M of site and wells, and the steps of their supply curves.

    stores: store, site, capacity_kt, variable_per_t.
    """
    factors = inputs["storage/factors"].set_index("factor")["value"]
    curve = inputs["storage/site_costs"]
    curve = curve[curve["site"].isin(sites["site"][sites["is_all_in"]])]
    curve = curve.assign(storage_cost_per_t=level.column(curve, "storage_cost_per_t"))
    without = sites[~sites["site"].isin(curve["site"])]
    single = pd.DataFrame(
        {"site": without["site"], "step": 1, "capacity_share": 1.0, "storage_cost_per_t": without["storage_cost_per_t"]}
    )
    steps = pd.concat([curve[list(single)], single], ignore_index=True).sort_values(["site", "step"], kind="stable")
    lowest = steps.groupby("site")["storage_cost_per_t"].min()
    by_site = sites.set_index("site")
    all_in = by_site["is_all_in"]
    basis = lowest.reindex(by_site.index).where(all_in, 0.0)
    recovery = factors["capital_recovery_share"]
    per_site = basis * factors["site_capital_share"] * factors["wells_of_a_site"]
    well_ktpa = by_site["well_injectivity_ktpa"]
    split = {
        "site_capex_mn": per_site * well_ktpa / 1e3 / recovery,
        "well_capex_mn": basis * factors["well_capital_share"] * well_ktpa / 1e3 / recovery,
        "well_om_mn_pa": basis * factors["well_om_share"] * well_ktpa / 1e3,
    }
    separate = by_site.assign(**{name: by_site[name].mask(all_in, amount) for name, amount in split.items()})
    rest = steps["storage_cost_per_t"] - steps["site"].map(basis)
    stores = pd.DataFrame(
        {
            "store": steps["site"] + " | " + steps["step"].astype(int).astype(str),
            "site": steps["site"],
            "capacity_kt": steps["site"].map(by_site["capacity_kt"]) * steps["capacity_share"],
            "variable_per_t": rest,
        }
    )
    return (
        separate.assign(life_yr=factors["life_yr"]).reset_index(),
        stores.sort_values("store", kind="stable").reset_index(drop=True),
    )
