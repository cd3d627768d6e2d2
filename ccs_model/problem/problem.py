"""`Problem`: the scenario and the inputs as sets and coefficients, one canonical unit a quantity; no YAML, no Pyomo.

Index words: plant, stream, option (stream × technology × size), site, route (option × site: an option with its own
pipe), year (the first of a period). Frames are sorted by id, so the order of rows in the inputs never matters.
Arrays are aligned with `routes` and `periods`:

    running_share[route, start, year]   share of the period's years in which a unit decided at `start` works
    avoided_t_per_t[route, year]        avoided per t captured, mean of the period
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.discounting import discount_factor
from ccs_model.inputs import Inputs
from ccs_model.problem.periods import calendar, period_sums
from ccs_model.scenario import Scenario

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """Tonnes that must be avoided: in the period of `year`, or over the horizon where it is None; of all or of a group.

    `key` names it in the scenario and `group` is a province, a sector or "" for all plants looked at.
    `required` is kt/y in a year and kt over the horizon; `baseline_ktpa` is the group's.
    """

    key: str
    group: str
    year: int | None
    required: float
    baseline_ktpa: float


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything the program needs; see the module for the shapes.

    plants    one row an operating plant of the zones (plant, name, province, baseline_ktpa, is_candidate, reason, …)
    streams   plant, stream, grade, co2_ktpa, co2_share, lasting_share of those plants
    options   one row an option, with nameplate, energy, capex and fixed O&M
    routes    one row an option and site, with length and cost of its pipe
    sites     one row a site offered (capacity_kt, injection_max_ktpa, storage_cost_per_t)
    periods   year, n_years, flow_weight (Σ discount factors of its years), capex_weight
    cost_per_t[name]            money per t captured, [route, calendar year]
    *_t_per_t                   CO₂ per t captured: of fuel, of capture power, of booster power
    salvage_share[route, start] what is left of capex at the horizon's end, discounted to the first year
    """

    scenario: Scenario
    inputs: Inputs
    name: str
    aim: str
    is_whole: bool
    currency: str
    price_year: int
    discount_share: float
    first_year: int
    horizon_end: int
    plants: pd.DataFrame
    streams: pd.DataFrame
    options: pd.DataFrame
    routes: pd.DataFrame
    sites: pd.DataFrame
    periods: pd.DataFrame
    zones: tuple[str, ...]
    running_share: Floats
    salvage_share: Floats
    committed_yr: Floats
    fuel_co2_t_per_t: Floats
    capture_power_t_per_t: Floats
    booster_power_t_per_t: Floats
    cost_per_t: Mapping[str, Floats]
    power_per_kwh: pd.DataFrame
    steam_per_gj: pd.DataFrame
    grid_kg_per_kwh: pd.DataFrame
    budget_mn: float
    ceiling_mn: Mapping[int, float]
    built_per_year_max: int | None
    fill_share_max: float
    must_fit: tuple[str, ...]
    targets: tuple[Target, ...]
    share_of_avoided_min: Mapping[str, float]
    shortfall_per_t: float | None
    province_budget_mn: Mapping[str, float]
    delivered_share: float = 1.0

    @property
    def years(self) -> tuple[int, ...]:
        """The first year of each period."""
        return tuple(int(year) for year in self.periods["year"])

    def routes_of(self, group: str) -> npt.NDArray[np.bool_]:
        """Which routes belong to a province or a sector; all of them for ""."""
        here: npt.NDArray[np.bool_] = (
            (self.routes["province"] == group) | (self.routes["sector"] == group) | (group == "")
        ).to_numpy()
        return here

    @property
    def calendar(self) -> npt.NDArray[np.int64]:
        """Every year of the horizon."""
        return calendar(self.periods)

    @property
    def discount(self) -> Floats:
        """Discount factor of every year of the horizon."""
        return discount_factor(self.discount_share, self.calendar - self.first_year)

    def cost_mn_per_ktpa(self, name: str) -> Floats:
        """[route, year] discounted cost over the period's years of 1 kt/y captured, in million."""
        return period_sums(self.cost_per_t[name] * self.discount, self.periods) / 1000.0

    @property
    def avoided_t_per_t(self) -> Floats:
        """Avoided per t captured, [route, year]: 1 less the CO₂ of steam, capture power and booster power."""
        return 1.0 - self.fuel_co2_t_per_t - self.capture_power_t_per_t - self.booster_power_t_per_t

    @property
    def baseline_ktpa(self) -> float:
        """Direct emissions of all operating plants of the zones, small ones too."""
        return float(self.plants["baseline_ktpa"].sum())
