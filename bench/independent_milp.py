"""Independent MILP of a small problem, built from the numbers of its tables and solved by SciPy.

The module does not use the model package; `docs/explanation/formulation.md` states the same equations. Plants, sites,
pipes and money are simplified: one stream per plant with a given cost, the Danish pipe classes, no funds.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

Pair = tuple[str, str]
Terms = list[tuple[float, int]]
EARTH_KM = 6371.0088
DETOUR_FACTOR = 1.14
# Danish Energy Agency: minimum and maximum t/h of a class, EUR 2015 per t/h and m, pump power in kWh per t and km.
PIPE_CLASSES = ((10.0, 30.0, 15.0, 0.06), (30.0, 120.0, 8.0, 0.04), (120.0, 500.0, 2.3, 0.02))
PIPE_OM_PER_TPH_KM = 20e-6  # million per year
KTPA_PER_TPH = 8.76
PIPE_LIFE_YR, STORAGE_LIFE_YR, DEPRECIATION_YR = 50, 30, 10


@dataclass(frozen=True)
class Case:
    """Parameters of a problem. With `lengths_km`, pipes are shared; without, each plant has its own pipe."""

    objective: str
    is_integer: bool
    years: str | tuple[int, ...]
    discount_rate: float
    capital_recovery_share: float | None
    target_ktpa: float | None
    budget_mn: float | None
    paid_per_t: float
    damage_per_t: float
    social_rate: float
    tax_share: float
    power_per_kwh: float
    grid_kg_per_kwh: float
    plants: Mapping[str, Mapping[str, float]]
    sites: Mapping[str, Mapping[str, float]]
    lengths_km: Mapping[Pair, float] | None
    lon_deg: Mapping[str, float]

    @property
    def is_static(self) -> bool:
        return self.years == "static"

    @cached_property
    def starts(self) -> tuple[int, ...]:
        return (2015,) if isinstance(self.years, str) else self.years

    @cached_property
    def end(self) -> int:
        """Return the first year after the horizon; the last period is as long as the one before."""
        return self.starts[0] + 1 if self.is_static else 2 * self.starts[-1] - self.starts[-2]

    @cached_property
    def period_years(self) -> tuple[tuple[int, ...], ...]:
        """Return the years of each period."""
        ends = (*self.starts[1:], self.end)
        return tuple(tuple(range(a, b)) for a, b in zip(self.starts, ends, strict=True))


@dataclass
class ObjectiveWeights:
    """Coefficients of money and CO₂ in the objective, which is minimised. In `max_abatement`, money has no weight."""

    case: Case
    rate: float = field(init=False)

    def __post_init__(self) -> None:
        self.rate = self.case.social_rate if self.case.objective == "max_net_benefit" else self.case.discount_rate

    def factor(self, year: int) -> float:
        return (1.0 + self.rate) ** -(year - self.case.starts[0])

    def annuity(self, years: float) -> float:
        return years if self.rate == 0 else (1.0 - (1.0 + self.rate) ** -years) / self.rate

    @property
    def after_tax_share(self) -> float:
        """Return the share of operating cost or income after tax; 0 in `max_abatement`."""
        share = {"max_abatement": 0.0, "max_npv": 1.0 - self.case.tax_share}
        return share.get(self.case.objective, 1.0)

    def annual(self, period: int) -> float:
        """Return the weight of 1 million per year in a period."""
        return self.after_tax_share * sum(map(self.factor, self.case.period_years[period]))

    def end_of_horizon(self) -> float:
        """Return the weight of 1 million at the end of the horizon."""
        return 0.0 if self.case.is_static else self.after_tax_share * self.factor(self.case.end)

    def capital(self, start: int, life_yr: float) -> float:
        """Return the weight of 1 million of capital at the start of a period, net of salvage value and taxes."""
        case = self.case
        if case.objective == "max_abatement":
            return 0.0
        if case.is_static:
            return case.capital_recovery_share or 1.0 / self.annuity(life_yr)
        year = case.starts[start]
        left_yr = max(life_yr - (case.end - year), 0.0)
        salvage = self.annuity(left_yr) / self.annuity(life_yr) * self.factor(case.end)
        if case.objective != "max_npv":
            return self.factor(year) - salvage
        depreciation_years = [each for each in range(year, year + DEPRECIATION_YR) if each < case.end]
        net_book_value = 1.0 - len(depreciation_years) / DEPRECIATION_YR
        tax_shield = sum(map(self.factor, depreciation_years)) / DEPRECIATION_YR + net_book_value * self.factor(
            case.end
        )
        return self.factor(year) - salvage - case.tax_share * (tax_shield - salvage)

    def captured_kt(self, period: int, cost_per_t: float) -> float:
        """Return the weight of 1 kt/y captured in a period: cost less payments, and the value of its abatement."""
        paid = 0.0 if self.case.objective == "max_net_benefit" else self.case.paid_per_t
        return (cost_per_t - paid) / 1000.0 * self.annual(period) - self._avoided_kt(period)

    def pump_power(self, period: int, kwh_per_t: float) -> float:
        """Return the weight of the pump power of 1 kt/y in a period."""
        case = self.case
        emitted = kwh_per_t * case.grid_kg_per_kwh / 1000.0
        return kwh_per_t * case.power_per_kwh / 1000.0 * self.annual(period) + emitted * self._avoided_kt(period)

    def _avoided_kt(self, period: int) -> float:
        """Return the value of 1 kt/y avoided in a period."""
        if self.case.objective == "max_abatement":
            return float(len(self.case.period_years[period]))
        damage_per_t = self.case.damage_per_t if self.case.objective == "max_net_benefit" else 0.0
        return damage_per_t / 1000.0 * self.annual(period)


class Milp:
    """MILP: minimise c x subject to low ≤ A x ≤ high and 0 ≤ x ≤ upper, with some x integer."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.is_integer: list[bool] = []
        self.rows: list[tuple[Terms, float, float]] = []

    def column(self, cost: float = 0.0, upper: float = math.inf, is_integer: bool = False) -> int:
        self.cost.append(cost)
        self.upper.append(upper)
        self.is_integer.append(is_integer)
        return len(self.cost) - 1

    def row(self, terms: Iterable[tuple[float, int]], low: float, high: float) -> None:
        self.rows.append((list(terms), low, high))

    def solve(self) -> float | None:
        """Return the minimum, re-solved with integers fixed; None if infeasible."""
        n = len(self.cost)
        entries = [(k, at, c) for k, (terms, _, _) in enumerate(self.rows) for c, at in terms]
        at, to, values = (np.array(each) for each in zip(*entries, strict=True))
        matrix = csr_array((values, (at, to)), shape=(len(self.rows), n))
        rows = LinearConstraint(matrix, [low for _, low, _ in self.rows], [high for _, _, high in self.rows])
        cost = np.array(self.cost)
        # The absolute gap of the solver is 1e-6, which is too large for costs near 1.
        scale = 1e6 / max(np.abs(cost).max(), 1e-12)
        upper, integer = np.array(self.upper), np.array(self.is_integer)
        result = milp(cost * scale, integrality=integer, bounds=Bounds(0, upper), constraints=rows, options=_ZERO_GAP)
        if result.status == 2:
            return None
        assert result.success, result.message
        if integer.any():
            fixed = np.round(result.x[integer])
            low = np.zeros(n)
            low[integer], upper[integer] = fixed, fixed
            result = milp(cost * scale, bounds=Bounds(low, upper), constraints=rows)
            assert result.success, result.message
        return float(cost @ result.x)


_ZERO_GAP = {"mip_rel_gap": 0.0}


def solve(case: Case) -> float | None:
    """Return the optimum of a case in the direction of its objective; None if infeasible."""
    model = build_milp(case)
    if case.is_static and case.budget_mn is not None:
        # The budget of a static year limits the annual cost, which is the objective of min_cost.
        costs = build_milp(replace(case, objective="min_cost", budget_mn=None)).cost
        model.row([(cost, at) for at, cost in enumerate(costs) if cost], -math.inf, case.budget_mn)
    result = model.solve()
    return result if result is None or case.objective == "min_cost" else -result


def build_milp(case: Case) -> Milp:
    """Build the MILP of a case."""
    return (_build_with_own_pipes if case.lengths_km is None else _build_with_shared_pipes)(
        case, Milp(), ObjectiveWeights(case)
    )


def _operating_share(case: Case, life_yr: float, start: int, period: int) -> float:
    """Return the share of the years of a period in which a unit with a given start operates."""
    years = case.period_years[period]
    return sum(case.starts[start] <= year < case.starts[start] + life_yr for year in years) / len(years)


def _idle_share(case: Case, life_yr: float, start: int, period: int) -> float:
    """Return the idle share of a period in which a unit operates partly; pipes and wells are sized for the peak."""
    share = _operating_share(case, life_yr, start, period)
    return 1.0 - share if share > 0 else 0.0


def _add_limits(case: Case, model: Milp, capex_terms: Terms, captured: Mapping[int, list[int]]) -> None:
    """Add the budget over all periods and the target of the last period."""
    if case.budget_mn is not None and not case.is_static:
        model.row(capex_terms, -math.inf, case.budget_mn)
    if case.target_ktpa is not None:
        model.row([(1.0, each) for each in captured[len(case.starts) - 1]], case.target_ktpa, math.inf)


def _capacity_kt(case: Case, site: Mapping[str, float]) -> float:
    """Return the storage capacity over the horizon, or the annual share of it in a static year."""
    return site["capacity_kt"] / (30.0 if case.is_static else 1.0)


def _build_with_own_pipes(case: Case, model: Milp, weights: ObjectiveWeights) -> Milp:
    periods = range(len(case.starts))
    capex_terms: Terms = []
    captured: dict[int, list[int]] = {y: [] for y in periods}
    injection_terms: dict[tuple[str, int], Terms] = {(site, y): [] for site in case.sites for y in periods}
    stored: dict[str, Terms] = {site: [] for site in case.sites}
    for name, plant in case.plants.items():
        full_ktpa, life = plant["co2_ktpa"], plant["life_yr"]
        builds: Terms = []
        for at, site in case.sites.items():
            km = DETOUR_FACTOR * _great_circle_km(case.lon_deg[name] - case.lon_deg[at])
            pipe_mn, kwh_per_t = _size_own_pipe(full_ktpa, km)
            wells = min(max(math.ceil(full_ktpa / site["well_injectivity_ktpa"] - 1e-9), 1), site["n_wells_max"])
            storage_mn = site["site_capex_mn"] + wells * site["well_capex_mn"]
            yearly_mn = plant["fixed_om_mn_pa"] + PIPE_OM_PER_TPH_KM * km * full_ktpa / KTPA_PER_TPH
            yearly_mn += site["site_om_mn_pa"] + wells * site["well_om_mn_pa"]
            build = {}
            for s in periods:
                # If a unit ends within the horizon, its pipe and its share of the site have no value afterwards.
                ends_in_horizon = not case.is_static and case.starts[s] + life <= case.end
                pipe_life, site_life = (
                    min(life, each) if ends_in_horizon else each for each in (PIPE_LIFE_YR, STORAGE_LIFE_YR)
                )
                cost = plant["capture_capex_mn"] * weights.capital(s, life) + pipe_mn * weights.capital(s, pipe_life)
                cost += storage_mn * weights.capital(s, site_life) + site["closure_mn"] * weights.end_of_horizon()
                cost += yearly_mn * sum(_operating_share(case, life, s, y) * weights.annual(y) for y in periods)
                build[s] = model.column(cost, 1.0, case.is_integer)
                builds.append((1.0, build[s]))
                capex_terms.append((plant["capture_capex_mn"] + pipe_mn + storage_mn, build[s]))
                post_horizon = max(case.starts[s] + life - case.end, 0.0) * (not case.is_static)
                stored[at].append((post_horizon * full_ktpa, build[s]))
            for y in periods:
                per_t = plant["capture_cost_per_t"] + site["injection_cost_per_t"]
                captured_flow = model.column(weights.captured_kt(y, per_t) + weights.pump_power(y, kwh_per_t))
                available_terms = [
                    (-full_ktpa * _operating_share(case, life, s, y), build[s]) for s in periods if s <= y
                ]
                model.row([(1.0, captured_flow), *available_terms], -math.inf, 0.0)
                captured[y].append(captured_flow)
                injection_terms[at, y] += [
                    (1.0, captured_flow),
                    *((full_ktpa * _idle_share(case, life, s, y), build[s]) for s in periods),
                ]
                stored[at].append((float(len(case.period_years[y])), captured_flow))
        model.row(builds, -math.inf, 1.0)
    for at, site in case.sites.items():
        for y in periods:
            model.row(injection_terms[at, y], -math.inf, site["well_injectivity_ktpa"] * site["n_wells_max"])
        model.row(stored[at], -math.inf, _capacity_kt(case, site))
    _add_limits(case, model, capex_terms, captured)
    return model


def _great_circle_km(lon_deg: float) -> float:
    """Return the great-circle distance between two points at 38° N (haversine formula)."""
    half = math.cos(math.radians(38.0)) ** 2 * math.sin(math.radians(lon_deg) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(half))


def _size_own_pipe(flow_ktpa: float, km: float) -> tuple[float, float]:
    """Return capital and kWh per t of the cheapest class.

    A flow below the minimum of a class costs as much as the minimum. Beyond 500 t/h, pipes are parallel.
    """
    tph = flow_ktpa / KTPA_PER_TPH
    n_pipes = max(math.ceil(tph / PIPE_CLASSES[-1][1] - 1e-9), 1)
    each = tph / n_pipes
    per_m, kwh = min(
        (max(each, least) * cost_per_tph_m, kwh)
        for least, most, cost_per_tph_m, kwh in PIPE_CLASSES
        if each <= most + 1e-9
    )
    return n_pipes * per_m * km / 1000.0, kwh * km


def _build_with_shared_pipes(case: Case, model: Milp, weights: ObjectiveWeights) -> Milp:
    network = SharedNetwork(case, model, weights)
    _add_plants(network)
    _add_links(network)
    _add_sites(network)
    for key, terms in network.balance.items():
        if terms and (key[1] >= 0 or network.post_horizon_yr):
            model.row(terms, 0.0, 0.0)
    for terms in network.above_mean.values():
        model.row(terms, 0.0, 0.0)
    _add_valid_inequalities(network)
    _add_limits(case, model, network.capex_terms, network.captured)
    return model


@dataclass
class SharedNetwork:
    """State shared by the functions that build a network. Period −1 stands for the years after the horizon."""

    case: Case
    model: Milp
    weights: ObjectiveWeights
    capex_terms: Terms = field(default_factory=list)
    captured: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    # Mass balance by node and period.
    balance: dict[tuple[str, int], Terms] = field(default_factory=lambda: defaultdict(list))
    # Balance of the peak flow above the mean flow, and the pipes built so far, by node and period.
    above_mean: dict[tuple[str, int], Terms] = field(default_factory=lambda: defaultdict(list))
    pipes: dict[tuple[str, int], Terms] = field(default_factory=lambda: defaultdict(list))
    # Curtailed capture below full load, by period.
    curtailed: dict[int, Terms] = field(default_factory=lambda: defaultdict(list))
    # Variables that build a capture unit and open a site, by name and start period.
    built: dict[tuple[str, int], int] = field(default_factory=dict)
    opened: dict[tuple[str, int], int] = field(default_factory=dict)
    post_horizon_yr: float = 0.0

    @cached_property
    def periods(self) -> range:
        return range(len(self.case.starts))


def _add_plants(network: SharedNetwork) -> None:
    case, model, weights, periods = network.case, network.model, network.weights, network.periods
    for name, plant in case.plants.items():
        full_ktpa, life = plant["co2_ktpa"], plant["life_yr"]
        for s in periods:
            cost = plant["capture_capex_mn"] * weights.capital(s, life)
            cost += plant["fixed_om_mn_pa"] * sum(
                _operating_share(case, life, s, y) * weights.annual(y) for y in periods
            )
            network.built[name, s] = model.column(cost, 1.0, case.is_integer)
            network.capex_terms.append((plant["capture_capex_mn"], network.built[name, s]))
            post_horizon = max(case.starts[s] + life - case.end, 0.0) * (not case.is_static)
            network.post_horizon_yr = max(network.post_horizon_yr, post_horizon)
            network.balance[name, -1].append((post_horizon * full_ktpa, network.built[name, s]))
        model.row([(1.0, network.built[name, s]) for s in periods], -math.inf, 1.0)
        for y in periods:
            captured_flow = model.column(weights.captured_kt(y, plant["capture_cost_per_t"]))
            available_terms = [
                (-full_ktpa * _operating_share(case, life, s, y), network.built[name, s]) for s in periods if s <= y
            ]
            model.row([(1.0, captured_flow), *available_terms], -math.inf, 0.0)
            network.captured[y].append(captured_flow)
            network.curtailed[y] += [(-1.0, captured_flow), *((-c, at) for c, at in available_terms)]
            network.balance[name, y].append((1.0, captured_flow))
            peaks = [(full_ktpa * _idle_share(case, life, s, y), network.built[name, s]) for s in periods]
            network.above_mean[name, y] += [(amount, at) for amount, at in peaks if amount]


def _add_links(network: SharedNetwork) -> None:
    """Add pipes: a fixed cost that includes the minimum flow of the class, and a cost per further kt/y."""
    case, model, weights, periods = network.case, network.model, network.weights, network.periods
    assert case.lengths_km is not None
    most = _max_link_flows(case)
    for (a, b), km in case.lengths_km.items():
        capacity: Terms = []
        built_capacity: dict[int, Terms] = {y: [] for y in periods}
        pipes_of_start: dict[int, Terms] = {s: [] for s in periods}
        flow: dict[int, Terms] = {y: [] for y in periods}
        om = PIPE_OM_PER_TPH_KM * km / KTPA_PER_TPH
        for least, largest, cost_per_tph_m, kwh in _useful_pipe_classes(most[a, b]):
            slope = cost_per_tph_m * km / 1000.0 / KTPA_PER_TPH
            class_capacity: Terms = []
            for s in periods:
                weight = weights.capital(s, PIPE_LIFE_YR)
                pipe = model.column(slope * least * weight, 1.0, case.is_integer)
                extra_capacity = model.column(slope * weight)
                model.row([(1.0, extra_capacity), (-max(largest - least, 0.0), pipe)], -math.inf, 0.0)
                network.capex_terms += [(slope * least, pipe), (slope, extra_capacity)]
                class_capacity += [(-min(least, largest), pipe), (-1.0, extra_capacity)]
                for y in periods[s:]:
                    built_capacity[y] += [(-min(least, largest), pipe), (-1.0, extra_capacity)]
                class_flow = model.column(om * weights.annual(s) + weights.pump_power(s, kwh * km))
                model.row([(1.0, class_flow), *class_capacity], -math.inf, 0.0)
                flow[s].append((-1.0, class_flow))
                pipes_of_start[s].append((1.0, pipe))
                for key in itertools.product((a, b), periods[s:]):
                    network.pipes[key].append((-1.0, pipe))
            capacity += class_capacity
        for s in periods:
            model.row(pipes_of_start[s], -math.inf, 1.0)
            mean = _add_flows(network.balance, model, a, b, s)
            model.row([*mean, *flow[s]], 0.0, 0.0)
            above_mean = _add_flows(network.above_mean, model, a, b, s)
            model.row([*mean, *above_mean, *built_capacity[s]], -math.inf, 0.0)
            for (_, mean_flow), (_, peak_flow) in zip(mean, above_mean, strict=True):
                _bound_peak(network, s, [(1.0, mean_flow)], peak_flow)
        if network.post_horizon_yr:
            post_horizon_capacity = [(network.post_horizon_yr * amount, at) for amount, at in capacity]
            model.row([*_add_flows(network.balance, model, a, b, -1), *post_horizon_capacity], -math.inf, 0.0)


def _add_flows(balance: dict[tuple[str, int], Terms], model: Milp, a: str, b: str, period: int) -> Terms:
    """Add forward and reverse flow of a link to the balances of its ends."""
    forward, reverse = model.column(), model.column()
    balance[a, period] += [(-1.0, forward), (1.0, reverse)]
    balance[b, period] += [(1.0, forward), (-1.0, reverse)]
    return [(1.0, forward), (1.0, reverse)]


def _bound_peak(network: SharedNetwork, period: int, mean: Terms, above_mean: int) -> None:
    """Bound the peak flow above the mean by the mean flow: the peak of a source takes the path of its mean."""
    case = network.case
    ratios = [
        _idle_share(case, plant["life_yr"], s, period) / operating
        for plant in case.plants.values()
        for s in network.periods
        if (operating := _operating_share(case, plant["life_yr"], s, period)) > 0
    ]
    if ratios and max(ratios) > 0:
        most = [(-max(ratios) * amount, at) for amount, at in (*mean, *network.curtailed[period])]
        network.model.row([(1.0, above_mean), *most], -math.inf, 0.0)
        least = [(min(ratios) * amount, at) for amount, at in mean]
        network.model.row([*least, (-1.0, above_mean)], -math.inf, 0.0)


def _add_sites(network: SharedNetwork) -> None:
    """Add sites with wells and injection."""
    case, model, weights, periods = network.case, network.model, network.weights, network.periods
    opened, max_flow_ktpa = network.opened, _max_flow_ktpa(case)
    for at, site in case.sites.items():
        rate, max_wells = site["well_injectivity_ktpa"], site["n_wells_max"]
        if math.isfinite(max_flow_ktpa):
            max_wells = min(max_wells, math.ceil(max_flow_ktpa / rate - 1e-9))
        wells: dict[int, int] = {}
        for s in periods:
            weight = weights.capital(s, STORAGE_LIFE_YR)
            annual_weight = sum(weights.annual(y) for y in periods[s:])
            cost = site["site_capex_mn"] * weight + site["site_om_mn_pa"] * annual_weight
            opened[at, s] = model.column(cost + site["closure_mn"] * weights.end_of_horizon(), 1.0, case.is_integer)
            cost = site["well_capex_mn"] * weight + site["well_om_mn_pa"] * annual_weight
            wells[s] = model.column(cost, max_wells, case.is_integer)
            network.capex_terms += [(site["site_capex_mn"], opened[at, s]), (site["well_capex_mn"], wells[s])]
        model.row([(1.0, opened[at, s]) for s in periods], -math.inf, 1.0)
        capacity_kt = _capacity_kt(case, site)
        stored_terms: Terms = []
        for y in periods:
            wells_so_far = [(1.0, wells[s]) for s in periods[: y + 1]]
            model.row([*wells_so_far, *((-max_wells, opened[at, s]) for s in periods[: y + 1])], -math.inf, 0.0)
            injected = model.column(site["injection_cost_per_t"] / 1000.0 * weights.annual(y))
            model.row([(1.0, injected), *((-rate, well) for _, well in wells_so_far)], -math.inf, 0.0)
            above_mean = model.column()
            model.row(
                [(1.0, injected), (1.0, above_mean), *((-rate, well) for _, well in wells_so_far)], -math.inf, 0.0
            )
            network.balance[at, y].append((-1.0, injected))
            network.above_mean[at, y].append((-1.0, above_mean))
            _bound_peak(network, y, [(1.0, injected)], above_mean)
            stored_terms.append((float(len(case.period_years[y])), injected))
            if case.is_static:
                model.row([(1.0, injected), (-capacity_kt, opened[at, y])], -math.inf, 0.0)
        if network.post_horizon_yr:
            post_horizon = model.column()
            network.balance[at, -1].append((-1.0, post_horizon))
            stored_terms.append((1.0, post_horizon))
            model.row(
                [(1.0, post_horizon), *((-network.post_horizon_yr * rate, well) for well in wells.values())],
                -math.inf,
                0.0,
            )
        model.row(stored_terms, -math.inf, capacity_kt)


def _add_valid_inequalities(network: SharedNetwork) -> None:
    """Add valid inequalities of integer plans, which also apply to continuous decisions."""
    case, model, periods = network.case, network.model, network.periods
    for y in periods:
        opened = {at: [(1.0, network.opened[at, s]) for s in periods[: y + 1]] for at in case.sites}
        open_terms = [(-1.0, column) for terms in opened.values() for _, column in terms]
        for name, plant in case.plants.items():
            operating_starts = [s for s in periods[: y + 1] if _operating_share(case, plant["life_yr"], s, y) > 0]
            operating = [(1.0, network.built[name, s]) for s in operating_starts]
            if network.pipes[name, y]:
                model.row([*operating, *network.pipes[name, y]], -math.inf, 0.0)
            model.row([*operating, *open_terms], -math.inf, 0.0)
        for at, terms in opened.items():
            model.row([*terms, *network.pipes[at, y]], -math.inf, 0.0)


def _max_flow_ktpa(case: Case) -> float:
    """Return an upper bound on the flow: the target, or what the budget captures if pipes and sites are free."""
    if case.is_static:
        return math.inf if case.target_ktpa is None or case.paid_per_t else case.target_ktpa
    if case.budget_mn is None or not case.is_integer:
        return math.inf
    remaining, flow_ktpa = case.budget_mn, 0.0
    for plant in sorted(case.plants.values(), key=lambda each: each["capture_capex_mn"] / each["co2_ktpa"]):
        cost = plant["capture_capex_mn"]
        share = min(remaining / cost, 1.0) if cost else 1.0
        flow_ktpa, remaining = flow_ktpa + share * plant["co2_ktpa"], remaining - share * cost
    return flow_ktpa


def _max_link_flows(case: Case) -> dict[Pair, float]:
    """Return an upper bound on the flow of each link: the lesser of supply on one side and injectivity on the other.

    The larger of the two directions applies. If the ends are connected without the link, the component counts as one
    side for both supply and injectivity.
    """
    assert case.lengths_km is not None

    def connected_nodes(start: str, links: Iterable[Pair]) -> set[str]:
        reached, frontier = {start}, [start]
        while frontier:
            node = frontier.pop()
            neighbours = {b if a == node else a for a, b in links if node in (a, b)} - reached
            reached |= neighbours
            frontier += neighbours
        return reached

    def supply(nodes: set[str]) -> float:
        return sum(case.plants[each]["co2_ktpa"] for each in nodes if each in case.plants)

    def injectivity(nodes: set[str]) -> float:
        sites = [case.sites[each] for each in nodes if each in case.sites]
        return sum(site["well_injectivity_ktpa"] * site["n_wells_max"] for site in sites)

    most = {}
    for a, b in case.lengths_km:
        others = [pair for pair in case.lengths_km if pair != (a, b)]
        side_a, side_b = connected_nodes(a, others), connected_nodes(b, others)
        component = side_a | side_b
        if b not in side_a:
            bound = max(min(supply(side_a), injectivity(side_b)), min(supply(side_b), injectivity(side_a)))
        else:
            bound = min(supply(component), injectivity(component))
        most[a, b] = min(bound, _max_flow_ktpa(case))
    return most


def _useful_pipe_classes(max_flow_ktpa: float) -> list[tuple[float, float, float, float]]:
    """Return minimum and maximum kt/y, cost and power of each class up to the first that carries the maximum flow.

    A class ends where the next one costs no more; the largest has no end, because parallel pipes have the same slope.
    """
    result: list[tuple[float, float, float, float]] = []
    for k, (least, largest, cost_per_tph_m, kwh) in enumerate(PIPE_CLASSES):
        end = math.inf
        if k + 1 < len(PIPE_CLASSES):
            following = PIPE_CLASSES[k + 1]
            end = max(min(following[0] * following[2] / cost_per_tph_m, largest), least) * KTPA_PER_TPH
        if max_flow_ktpa > 0:
            result.append((least * KTPA_PER_TPH, min(end, max_flow_ktpa), cost_per_tph_m, kwh))
        if end >= max_flow_ktpa:
            break
    return result
