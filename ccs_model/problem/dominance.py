"""Routes that no plan needs, because another one of the same stream, size and site is better or equal in everything."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.price_level import PriceLevel
from ccs_model.engineering.heat import WASTE_HEAT
from ccs_model.inputs import Inputs
from ccs_model.problem.grid import grid_factors
from ccs_model.problem.periods import calendar
from ccs_model.problem.priced import Priced
from ccs_model.scenario import Scenario

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SAME = ("nameplate_ktpa", "reduced_ktpa", "lead_yr", "life_yr", "min_life_yr")


def without_dominated(
    scenario: Scenario, inputs: Inputs, level: PriceLevel, routes: pd.DataFrame, periods: pd.DataFrame
) -> pd.DataFrame:
    """Routes less those that another dominates; all of them where heat comes from one source or regions have shares.

    One dominates another of the same plant, stream, size and site when it captures the same over the same life, may be
    built whenever the other may and run as low, costs no more to build and to keep, costs no more a tonne in any
    year, burns no more and avoids no less in any period, and is strictly better in one of these. It must not draw on
    the plant's waste heat where the other does not, for that is short. The swap then keeps every claim and betters
    every aim, except that more avoided in one region lowers the share of another.
    """
    if len(scenario.capture.heat_sources) < 2 or scenario.targets.share_of_avoided_min or routes.empty:
        return routes
    priced = Priced(scenario, inputs, level, routes, periods, grid_factors(scenario, inputs, calendar(periods)))
    # Columns to be low, each [route, n]: money to build and keep, money a tonne by year, CO2 by period.
    low = np.column_stack(
        [
            routes[["capture_capex_mn", "fixed_om_mn_pa", "first_year", "min_load_share"]].to_numpy(float),
            -routes[["last_year"]].to_numpy(float),
            sum(priced.cost_per_t.values()),
            priced.fuel_co2_t_per_t,
            priced.fuel_co2_t_per_t + priced.capture_power_t_per_t,
        ]
    )
    waste = np.where(routes["heat_source"] == WASTE_HEAT, routes["heat_gj_per_t"], 0.0)
    low = np.column_stack([low, waste])
    same = routes[list(_SAME)].to_numpy(float)
    group = routes.groupby(["plant", "stream", "size", "site"], sort=False).ngroup().to_numpy()
    variant = routes.groupby(["technology", "vintage", "heat_source", "measure"], sort=False).ngroup().to_numpy()
    at = np.full((group.max() + 1, variant.max() + 1), -1)
    at[group, variant] = np.arange(len(routes))
    dominated = np.zeros(len(routes), dtype=bool)
    for one, other in permutations(range(at.shape[1]), 2):
        both = (at[:, one] >= 0) & (at[:, other] >= 0)
        a, b = at[both, one], at[both, other]
        better = (low[a] <= low[b]).all(axis=1) & (low[a] < low[b]).any(axis=1) & (same[a] == same[b]).all(axis=1)
        dominated[b[better]] = True
    return routes[~dominated].reset_index(drop=True)
