"""`Problem`: sets and coefficients in canonical units, without YAML and Pyomo, and the periods of the horizon.

Index words: plant, stream, option (stream × technology × size × heat source), site, route (source–sink option: an
option with its own pipe to a site), year (the first year of a period). Frames are sorted by id, so row order in the
inputs has no effect. Arrays are aligned with `routes` and `periods`:

    running_share[route, start, year]   share of the period's years in which an option decided at `start` works
    avoided_t_per_t[route, year]        avoided per t captured, mean of the period
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.economics.investment import capital_recovery_share, discount_factor, salvage_share
from ccs_model.economics.prices import PriceLevel
from ccs_model.engineering.capture_units import unit_suffix, variant_suffix
from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import are_in_china
from ccs_model.problem.applied_calibration import AppliedFit
from ccs_model.problem.candidate_network import Network
from ccs_model.problem.owner_accounts import Accounts
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import Policy
from ccs_model.units import money_text


@dataclass(frozen=True)
class Target:
    """Tonnes to avoid or capture, in the period of `year`, or over the horizon if it is None.

    `key` is the target's name in the scenario; `group` is a province, a sector or "" for all plants. `required` is kt/y
    in a year and kt over the horizon, of `measure` (avoided or captured).
    """

    key: str
    group: str
    year: int | None
    required: float
    baseline_ktpa: float
    measure: str = "avoided"

    @property
    def is_share(self) -> bool:
        """Whether the scenario states the target as a share of the baseline."""
        return ".abatement_share." in self.key


def is_in_group(table: pd.DataFrame, group: str) -> Mask:
    """Return a mask of the rows of a province or sector; all of them for ""."""
    here: Mask = ((table["province"] == group) | (table["sector"] == group) | (group == "")).to_numpy()
    return here


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """Sets and coefficients of the model; see the module docstring for shapes.

    plants    one row an operating plant of the zones (plant, name, province, baseline_ktpa, is_candidate, reason, …)
    streams   plant, stream, grade, co2_ktpa, co2_share, lasting_share of those plants
    options   one row an option, with nameplate, energy, capex and fixed O&M
    routes    one row an option and site, with length and cost of its pipe
    sites     one row an available site (capacity_kt, injection_max_ktpa, storage_cost_per_t)
    periods   year, n_years, flow_weight (Σ discount factors of its years), capex_weight
    cost_per_t[name]            money per t captured, [route, calendar year]
    *_t_per_t                   CO₂ per t captured: of fuel, of capture power, of booster power
    unit_life_yr, unit_used_yr[route, start]    from the first working year to the end of life (the earlier
                of technology and plant), and to the end of the horizon
    years_after_horizon[route, start]   years of operation left at the end of the horizon
    accounts    carbon price, payments, funds and taxes of the owners
    network     candidate links with shared pipelines; None if every source–sink option has its own pipe
    stores      one row a step of a site's supply curve (store, site, capacity_kt, variable_per_t), with a network
    waste_heat_tj_pa   steam that the waste heat of each plant can raise, if waste heat is a heat source
    delivered_share     captured ÷ nameplate at full load, the largest of all classes; relative_delivery of `routes`
                is the share of an option relative to it. `calibrated` is the fit, None without calibration
    deployment_ceiling_ktpa[zone, year]   largest nameplate built by the end of the period, if there is a ceiling
    line_power_per_t[line, calendar year], line_power_co2_t_per_t[line, year]   of pumps and trucks, per t of flow
    """

    scenario: Scenario
    inputs: Inputs
    name: str
    objective: str
    is_integer: bool
    currency: str
    price_year: int
    discount_rate: float
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
    unit_life_yr: Floats
    unit_used_yr: Floats
    years_after_horizon: Floats
    fuel_co2_t_per_t: Floats
    capture_power_t_per_t: Floats
    booster_power_t_per_t: Floats
    cost_per_t: Mapping[str, Floats]
    power_per_kwh: pd.DataFrame
    steam_per_gj: pd.DataFrame
    grid_kg_per_kwh: pd.DataFrame
    budget_mn: float
    cumulative_mn: Mapping[int, float]
    max_builds_per_year: int | None
    max_fill_share: float
    require: tuple[str, ...]
    committed: tuple[tuple[str, int], ...]
    targets: tuple[Target, ...]
    share_of_avoided_min: Mapping[str, float]
    shortfall_per_t: float | None
    province_budget_mn: Mapping[str, float]
    accounts: Accounts
    network: Network | None = None
    stores: pd.DataFrame | None = None
    line_power_per_t: Floats | None = None
    line_power_co2_t_per_t: Floats | None = None
    delivered_share: float = 1.0
    waste_heat_tj_pa: Mapping[str, float] = field(default_factory=dict)
    calibrated: AppliedFit | None = None
    deployment_ceiling_ktpa: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def __repr__(self) -> str:
        counts = f"{len(self.plants)} plants, {len(self.options):,} options, {len(self.sites)} storage sites"
        return f"Problem({self.name!r}: {self.objective}, {counts})"

    @property
    def years(self) -> tuple[int, ...]:
        """The first year of each period."""
        return tuple(int(year) for year in self.periods["year"])

    @property
    def is_static(self) -> bool:
        """Whether the model covers one representative year with annualised capital."""
        return self.scenario.is_static

    @property
    def is_in_china(self) -> bool:
        """Whether a plant is in China."""
        return bool(are_in_china(self.zones).any())

    def capital_weight(self, life_yr: npt.ArrayLike) -> Floats:
        """Return [item, start] the weight of 1 of capex in the objective, before salvage."""
        life = np.asarray(life_yr, dtype=float)[:, None]
        if self.is_static:
            return self.recovery(life)
        return np.broadcast_to(self.periods["capex_weight"].to_numpy(float), (len(life), len(self.periods)))

    def recovery(self, life_yr: npt.ArrayLike) -> Floats:
        """Return [item] the yearly share of capital in levelised costs."""
        requested = self.scenario.capital_recovery_share
        life = np.asarray(life_yr, dtype=float)
        if self.is_static and requested:
            return np.full(life.shape, requested)
        return capital_recovery_share(self.discount_rate, life)

    def capture_charge(self, options: pd.DataFrame) -> Floats:
        """Return [option] the yearly charge on the capture capital of levelised costs: recovery × TASC ÷ TOC.

        `options` has life_yr and tasc_factor. A requested recovery factor of a static year is the whole charge.
        """
        recovery = self.recovery(options["life_yr"])
        whole = self.is_static and self.scenario.capital_recovery_share
        return recovery if whole else np.asarray(recovery * options["tasc_factor"], dtype=float)

    def storage_yearly_mn(self, table: pd.DataFrame, life_yr: pd.Series) -> Floats:
        """Return the yearly cost of an open site without its wells, million, as levelised costs count it.

        O&M, monitoring, and what is set aside (sinking fund) for closure and post-injection care; a static year, which
        has no end, sets nothing aside.
        """
        share = 0.0 if self.is_static else self.recovery(life_yr) - self.discount_rate
        due = table["closure_mn"] + table["post_injection_mn"]
        return np.asarray(table["site_om_mn_pa"] + table["monitoring_mn_pa"] + due * share, dtype=float)

    def shared_asset_lives(self, life_yr: npt.ArrayLike) -> Floats:
        """Return [item, start] lives of shared pipes, sites and wells, which end when the last plant closes."""
        closing = self.routes["closing_year"].to_numpy(float)
        last = np.inf if np.isnan(closing).any() else closing.max(initial=0.0)
        left = np.maximum(last - self.periods["year"].to_numpy(float), 1.0)
        return np.minimum(np.asarray(life_yr, dtype=float)[:, None], left)

    @cached_property
    def salvage_share(self) -> Floats:
        """[route, start] salvage value per capex of a capture unit, discounted to the first year."""
        return self._salvage(self.unit_life_yr, self.unit_used_yr)

    @cached_property
    def levelised_routes(self) -> pd.DataFrame:
        """The options with the lives over which levelised costs spread their capital.

        Capture units, own pipes and own sites end when their plant closes, as if built at the earliest start. A static
        year does not count closing years.
        """
        closing = self.routes["closing_year"].to_numpy(float)
        if self.is_static or np.isnan(closing).all():
            return self.routes
        works: Mask = np.any(self.running_share > 0, axis=2)
        used_yr = self.unit_used_yr[np.arange(len(works)), works.argmax(axis=1)]
        left = np.where(works.any(axis=1), np.maximum(closing - self.horizon_end + used_yr, 1.0), np.nan)
        names = ("life_yr", "pipe_life_yr", "storage_life_yr")
        return self.routes.assign(**{name: np.fmin(self.routes[name], left) for name in names})

    def own_asset_lives(self, life_yr: npt.ArrayLike) -> Floats:
        """Return [route, start] lives of own pipes or sites, which end when the plant closes.

        Within the horizon they end with their unit, since a stream is retrofitted once.
        """
        left = self.routes["closing_year"].to_numpy(float)[:, None] - self.periods["year"].to_numpy(float)
        of_unit = self.routes["lead_yr"].to_numpy(float)[:, None] + self.unit_life_yr
        left = np.where(self.unit_used_yr >= self.unit_life_yr, np.fmin(left, of_unit), left)
        return np.fmin(np.asarray(life_yr, dtype=float)[:, None], np.maximum(left, 1.0))

    def asset_salvage(self, lives: Floats) -> Floats:
        """Return [item, start] salvage value per capex of pipes or sites, discounted to the first year."""
        used = self.horizon_end - self.periods["year"].to_numpy(float)
        return self._salvage(lives, np.broadcast_to(used, lives.shape))

    def _salvage(self, life_yr: Floats, used_yr: Floats) -> Floats:
        if self.is_static:
            return np.zeros(life_yr.shape)
        return salvage_share(self.discount_rate, life_yr, used_yr) * self.closing_discount

    @property
    def committed_plants(self) -> frozenset[str]:
        """Plants with a committed retrofit."""
        plant_of = self.routes.set_index("route")["plant"]
        return frozenset(plant_of[route] for route, _ in self.committed)

    @property
    def closing_discount(self) -> float:
        """Discount factor of the first year after the horizon."""
        return float(discount_factor(self.discount_rate, self.horizon_end - self.first_year))

    def with_discount_rate(self, discount_rate: float) -> Problem:
        """Return the same problem with money discounted at another rate."""
        return replace(self, discount_rate=discount_rate, periods=weigh_periods(self.periods, discount_rate))

    @property
    def reduced_ktpa(self) -> Floats:
        """[route] tonnes a year by which a measure reduces the stream: on-site abatement and avoided, not captured."""
        return np.asarray(self.routes["reduced_ktpa"], dtype=float)

    @property
    def has_measures(self) -> bool:
        """Whether any option includes a measure."""
        return bool((self.reduced_ktpa > 0).any())

    @property
    def delivered_share_of(self) -> Floats:
        """[route] captured ÷ nameplate at full load."""
        return np.asarray(self.routes["relative_delivery"], dtype=float) * self.delivered_share

    @property
    def has_classes(self) -> bool:
        """Whether classes of capture have delivered shares of their own."""
        return bool((self.routes["relative_delivery"] != 1.0).any())

    @cached_property
    def delivered_ktpa(self) -> Floats:
        """[route] tonnes a year that an option delivers at full load."""
        return np.asarray(self.routes["nameplate_ktpa"], dtype=float) * self.delivered_share_of

    @cached_property
    def above_mean_ktpa(self) -> Floats:
        """[route, start, year] what pipes and wells must take of an option above its mean of the period.

        In the years in which it works, an option may send its nameplate × the largest delivered share.
        """
        peak = np.asarray(self.routes["nameplate_ktpa"], dtype=float) * self.delivered_share
        relative = np.asarray(self.routes["relative_delivery"], dtype=float)
        idle = 1.0 - self.running_share * relative[:, None, None]
        return np.where(self.running_share > 0, peak[:, None, None] * idle, 0.0)

    @property
    def captures(self) -> Mask:
        """[route] whether the option captures CO₂; a measure alone does not."""
        return np.asarray(self.routes["technology"] != self.routes["measure"], dtype=bool)

    @property
    def obligation_yr(self) -> float:
        """Longest operation after the horizon, in years."""
        return float(self.years_after_horizon.max(initial=0.0))

    @cached_property
    def units(self) -> pd.Index:
        """Ids of units: options that are curtailed together, since their tonnes have the same cost and avoided CO₂.

        Over a shared network, a unit groups sizes and vintages of a stream's technology and heat source; vintages that
        policies pay for in different years are units of their own. With own pipes, each source–sink option is a unit.
        """
        return pd.Index(sorted(set(self._unit_ids)))

    @cached_property
    def unit_of(self) -> Ints:
        """[route] position of its unit."""
        return np.asarray(self.units.get_indexer(self._unit_ids), dtype=np.int64)

    @property
    def _unit_ids(self) -> list[str]:
        if self.network is None:
            return [str(route) for route in self.routes["route"]]
        parts = self.routes[["plant", "stream", "technology"]]
        ids = ["/".join(map(str, each)) for each in parts.itertuples(index=False, name=None)]
        suffixes = unit_suffix(self.routes["heat_source"])
        if self.accounts.paid_share is not None:
            suffixes = suffixes + variant_suffix(self.routes)
        return [unit + suffix for unit, suffix in zip(ids, suffixes, strict=True)]

    @cached_property
    def axes(self) -> Mapping[str, pd.Index]:
        """Ids along the first axis of each variable of `ccs_model.model.names`; the second axis is the years."""
        axes = {"build": pd.Index(self.routes["route"]), "curtailed_ktpa": self.units}
        if self.network is not None and self.stores is not None:
            lines, links = pd.Index(self.network.lines["line"]), pd.Index(self.network.links["link"])
            built = pd.Index(self.network.lines.loc[self.network.built, "line"])
            sites = pd.Index(self.sites["site"])
            axes |= {
                "pipe": built,
                "added_capacity_ktpa": built,
                "pipe_flow_ktpa": lines,
                "forward_ktpa": links,
                "reverse_ktpa": links,
                "above_mean_forward_ktpa": links,
                "above_mean_reverse_ktpa": links,
                "above_mean_injected_ktpa": sites,
                "total_curtailed_ktpa": pd.Index(["all"]),
            }
            axes |= {"opened": sites, "wells": sites, "paid_for_oil_ktpa": sites}
            axes |= {"injected_ktpa": pd.Index(self.stores["store"])}
        if len(self.accounts.allocations):
            axes["spend_mn"] = pd.Index(self.accounts.allocations["allocation"])
        if self.accounts.is_banded:
            axes["credited_ktpa"] = pd.Index(sorted(set(self.routes["plant"])))
        if self.accounts.is_capped:
            axes["paid_mn"] = pd.Index(["all"])
        return MappingProxyType(axes)

    @cached_property
    def largest_running_share(self) -> Floats:
        """[route, year] largest share of the period's years in which an option works, over all starts."""
        return self.running_share.max(axis=1)

    @property
    def credit_limit_ktpa(self) -> Floats:
        """[plant, year] most tonnes sold on the carbon market within the surplus band, along `axes["credited_ktpa"]`.

        The limit of a year of operation, as a yearly mean over the period.
        """
        emitted = self.plants.set_index("plant")["baseline_ktpa"]
        share = pd.DataFrame(self.largest_running_share).groupby(self.routes["plant"].to_numpy(object)).max()
        plants = self.axes.get("credited_ktpa", pd.Index([]))
        band = (self.accounts.surplus_band_share or 0.0) * emitted.loc[plants].to_numpy(float)
        return np.asarray(band[:, None] * share.loc[plants].to_numpy(float))

    @cached_property
    def stores_at(self) -> Mapping[str, list[str]]:
        """Steps of the supply curve of each site of a shared network."""
        return {} if self.stores is None else self.stores.groupby("site")["store"].agg(list).to_dict()

    def routes_of(self, group: str) -> Mask:
        """Return a mask of the options of a province or sector; all of them for ""."""
        return is_in_group(self.routes, group)

    @property
    def money(self) -> str:
        """Currency and price year, as units print them."""
        return money_text(self.currency, self.price_year)

    @cached_property
    def price_level(self) -> PriceLevel:
        """Conversion of money to the scenario's currency and price year."""
        return PriceLevel.of(self.currency, self.price_year, self.inputs)

    @cached_property
    def calendar(self) -> Ints:
        """Every year of the horizon."""
        years = calendar(self.periods)
        years.flags.writeable = False
        return years

    @property
    def discount(self) -> Floats:
        """Discount factor of every year of the horizon."""
        return discount_factor(self.discount_rate, self.calendar - self.first_year)

    def cost_mn_per_ktpa(self, name: str) -> Floats:
        """Return [route, year] the discounted cost of 1 kt/y captured in the period's years, million."""
        return period_sums(self.cost_per_t[name] * self.discount, self.periods) / 1000.0

    @property
    def avoided_t_per_t(self) -> Floats:
        """[route, year] avoided per t captured: 1 less the CO₂ of fuel, capture power and booster power."""
        return 1.0 - self.fuel_co2_t_per_t - self.capture_power_t_per_t - self.booster_power_t_per_t

    @property
    def baseline_ktpa(self) -> float:
        """Direct emissions of all operating plants of the zones, including plants below the size limit."""
        return float(self.plants["baseline_ktpa"].sum())


# Periods of the horizon, and the years in which a retrofit works.


def periods_of(scenario: Scenario) -> pd.DataFrame:
    """Return year, n_years, flow_weight and capex_weight; the last period is as long as the one before."""
    starts = scenario.starts
    periods = pd.DataFrame({"year": starts, "n_years": [scenario.period_years(year) for year in starts]})
    return weigh_periods(periods, scenario.discount_rate)


def weigh_periods(periods: pd.DataFrame, discount_rate: float) -> pd.DataFrame:
    """Return the periods with the weights of yearly flows and of capex at a discount rate."""
    first = int(periods["year"].iloc[0])
    factors = discount_factor(discount_rate, calendar(periods) - first)
    return periods.assign(
        flow_weight=period_sums(factors, periods),
        capex_weight=discount_factor(discount_rate, periods["year"].to_numpy() - first),
    )


def calendar(periods: pd.DataFrame) -> Ints:
    """Return every year of the horizon."""
    return np.arange(int(periods["year"].iloc[0]), int((periods["year"] + periods["n_years"]).iloc[-1]))


def period_sums(by_year: Floats, periods: pd.DataFrame) -> Floats:
    """Sum the last axis, one entry a calendar year, over the years of each period."""
    starts = np.cumsum(np.r_[0, periods["n_years"].to_numpy()[:-1]])
    return np.add.reduceat(by_year, starts, axis=-1)


def running_share(
    periods: pd.DataFrame, lead_yr: Floats, life_yr: Floats, closing_year: Floats
) -> tuple[Floats, Floats]:
    """Return the working share [unit, start, year] and the last working year + 1 [unit, start].

    A unit works from start + lead time until the end of its life or the closure of its plant (NaN: never).
    """
    years = calendar(periods)
    begins = periods["year"].to_numpy()[None, :] + lead_yr[:, None]
    ends = np.fmin(begins + life_yr[:, None], closing_year[:, None])
    works = (years >= begins[..., None]) & (years < ends[..., None])
    return period_sums(works.astype(float), periods) / periods["n_years"].to_numpy(), ends


def paid_share(policy: Policy, periods: pd.DataFrame, lead_yr: Floats, ends: Floats, running: Floats) -> Floats:
    """Return [unit, start, calendar] the share of a unit's tonnes of a year that a policy pays for.

    A period in which a unit works throughout has payments
    in the paid years. Tonnes of another period are spread evenly over its years, and so are their payments.
    """
    years, starts, n_years = calendar(periods), periods["year"].to_numpy(), periods["n_years"].to_numpy()
    begins = (starts + lead_yr[:, None])[..., None]
    paid = (years >= begins) & (years < np.fmin(ends[..., None], begins + (policy.paid_for_yr or np.inf)))
    paid &= (starts <= (policy.paid_to_starts_until or np.inf))[:, None]
    part = np.divide(period_sums(paid.astype(float), periods) / n_years, running, out=np.zeros_like(running),
                     where=running > 0)  # fmt: skip
    at = np.repeat(np.arange(len(periods)), n_years)
    return np.where(running[..., at] >= 1.0, paid, part[..., at])
