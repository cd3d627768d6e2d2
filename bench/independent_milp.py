"""A small problem as one mixed-integer program, written from the numbers of its tables and solved by SciPy.

Nothing here comes from the model package. `docs/explanation/formulation.md` states the same equations. Plants, sites,
pipes and money are simple on purpose: one stream a plant, its cost given, pipes of the Danish classes, no funds.
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
DETOUR = 1.14
# Danish Energy Agency: least and most t/h of a class, EUR of 2015 per t/h and m, pump power in kWh per t and km.
CLASSES = ((10.0, 30.0, 15.0, 0.06), (30.0, 120.0, 8.0, 0.04), (120.0, 500.0, 2.3, 0.02))
PIPE_OM_PER_TPH_KM = 20e-6  # million a year
KTPA_PER_TPH = 8.76
PIPE_LIFE_YR, STORAGE_LIFE_YR, DEPRECIATION_YR = 50, 30, 10


@dataclass(frozen=True)
class Case:
    """The numbers of a problem. With `lengths_km` of the links pipes are shared; without, each plant has its own."""

    objective: str
    is_integer: bool
    years: str | tuple[int, ...]
    discount_rate: float
    recovery_share: float | None
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
        """First year after the horizon; the last period is as long as the one before."""
        return self.starts[0] + 1 if self.is_static else 2 * self.starts[-1] - self.starts[-2]

    @cached_property
    def calendar(self) -> tuple[tuple[int, ...], ...]:
        """The years of each period."""
        ends = (*self.starts[1:], self.end)
        return tuple(tuple(range(a, b)) for a, b in zip(self.starts, ends, strict=True))


@dataclass
class Money:
    """What 1 million is worth in the objective, which is minimised. Nothing counts in `max_abatement`."""

    case: Case
    rate: float = field(init=False)

    def __post_init__(self) -> None:
        self.rate = self.case.social_rate if self.case.objective == "max_net_benefit" else self.case.discount_rate

    def factor(self, year: int) -> float:
        return (1.0 + self.rate) ** -(year - self.case.starts[0])

    def annuity(self, years: float) -> float:
        return years if self.rate == 0 else (1.0 - (1.0 + self.rate) ** -years) / self.rate

    @property
    def untaxed(self) -> float:
        """Share of a running cost or income that tax leaves; money does not count at all in max_abatement."""
        share = {"max_abatement": 0.0, "max_npv": 1.0 - self.case.tax_share}
        return share.get(self.case.objective, 1.0)

    def yearly(self, period: int) -> float:
        """1 a year in the years of a period."""
        return self.untaxed * sum(map(self.factor, self.case.calendar[period]))

    def closing(self) -> float:
        """1 when the horizon ends."""
        return 0.0 if self.case.is_static else self.untaxed * self.factor(self.case.end)

    def capital(self, start: int, life_yr: float) -> float:
        """1 of capital at the start of a period, less its salvage value and with its taxes."""
        case = self.case
        if case.objective == "max_abatement":
            return 0.0
        if case.is_static:
            return case.recovery_share or 1.0 / self.annuity(life_yr)
        year = case.starts[start]
        left = max(life_yr - (case.end - year), 0.0)
        salvage = self.annuity(left) / self.annuity(life_yr) * self.factor(case.end)
        if case.objective != "max_npv":
            return self.factor(year) - salvage
        spent = [each for each in range(year, year + DEPRECIATION_YR) if each < case.end]
        book = 1.0 - len(spent) / DEPRECIATION_YR
        saved = sum(map(self.factor, spent)) / DEPRECIATION_YR + book * self.factor(case.end)
        return self.factor(year) - salvage - case.tax_share * (saved - salvage)

    def tonne(self, period: int, cost_per_t: float) -> float:
        """1 kt captured a year in a period: its cost less payments, or what it counts in the objective."""
        paid = 0.0 if self.case.objective == "max_net_benefit" else self.case.paid_per_t
        return (cost_per_t - paid) / 1000.0 * self.yearly(period) - self._avoided(period)

    def power(self, period: int, kwh_per_t: float) -> float:
        """The pump power of 1 kt a year in a period."""
        case = self.case
        emitted = kwh_per_t * case.grid_kg_per_kwh / 1000.0
        return kwh_per_t * case.power_per_kwh / 1000.0 * self.yearly(period) + emitted * self._avoided(period)

    def _avoided(self, period: int) -> float:
        """What 1 kt avoided a year in a period counts in the objective."""
        if self.case.objective == "max_abatement":
            return float(len(self.case.calendar[period]))
        damage_per_t = self.case.damage_per_t if self.case.objective == "max_net_benefit" else 0.0
        return damage_per_t / 1000.0 * self.yearly(period)


class Program:
    """min c x with rows low ≤ A x ≤ high, 0 ≤ x ≤ upper, and some x integer."""

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

    def optimum(self) -> float | None:
        """The least cost; None if there is no solution. Integers are fixed and the rest is solved again."""
        n = len(self.cost)
        entries = [(k, at, c) for k, (terms, _, _) in enumerate(self.rows) for c, at in terms]
        at, to, values = (np.array(each) for each in zip(*entries, strict=True))
        matrix = csr_array((values, (at, to)), shape=(len(self.rows), n))
        rows = LinearConstraint(matrix, [low for _, low, _ in self.rows], [high for _, _, high in self.rows])
        cost = np.array(self.cost)
        # The solver's absolute gap is 1e-6, so that costs near 1 leave too much room.
        scale = 1e6 / max(np.abs(cost).max(), 1e-12)
        upper, integer = np.array(self.upper), np.array(self.is_integer)
        found = milp(cost * scale, integrality=integer, bounds=Bounds(0, upper), constraints=rows, options=_EXACT)
        if found.status == 2:
            return None
        assert found.success, found.message
        if integer.any():
            fixed = np.round(found.x[integer])
            low = np.zeros(n)
            low[integer], upper[integer] = fixed, fixed
            found = milp(cost * scale, bounds=Bounds(low, upper), constraints=rows)
            assert found.success, found.message
        return float(cost @ found.x)


_EXACT = {"mip_rel_gap": 0.0}


def optimum(case: Case) -> float | None:
    """The optimum of a case in the direction of its objective; None if the case is infeasible."""
    program = written(case)
    if case.is_static and case.budget_mn is not None:
        # The budget of a static year is for its yearly costs, which are what min_cost minimises.
        costs = written(replace(case, objective="min_cost", budget_mn=None)).cost
        program.row([(cost, at) for at, cost in enumerate(costs) if cost], -math.inf, case.budget_mn)
    found = program.optimum()
    return found if found is None or case.objective == "min_cost" else -found


def written(case: Case) -> Program:
    """The program of a case."""
    return (_with_own_pipes if case.lengths_km is None else _with_shared_pipes)(case, Program(), Money(case))


def _running(case: Case, life_yr: float, start: int, period: int) -> float:
    """Share of a period's years in which a unit built at a start works."""
    years = case.calendar[period]
    return sum(case.starts[start] <= year < case.starts[start] + life_yr for year in years) / len(years)


def _idle(case: Case, life_yr: float, start: int, period: int) -> float:
    """Share of a period's years in which a unit that works in the period does not: pipes and wells carry the peak."""
    share = _running(case, life_yr, start, period)
    return 1.0 - share if share > 0 else 0.0


def _limits(case: Case, program: Program, spent: Terms, captured: Mapping[int, list[int]]) -> None:
    """The budget over all periods, and the target of the last one."""
    if case.budget_mn is not None and not case.is_static:
        program.row(spent, -math.inf, case.budget_mn)
    if case.target_ktpa is not None:
        program.row([(1.0, each) for each in captured[len(case.starts) - 1]], case.target_ktpa, math.inf)


def _room_kt(case: Case, site: Mapping[str, float]) -> float:
    """Capacity over the horizon; of a static year its share."""
    return site["capacity_kt"] / (30.0 if case.is_static else 1.0)


def _with_own_pipes(case: Case, program: Program, money: Money) -> Program:
    periods = range(len(case.starts))
    spent: Terms = []
    captured: dict[int, list[int]] = {y: [] for y in periods}
    into: dict[tuple[str, int], Terms] = {(site, y): [] for site in case.sites for y in periods}
    stored: dict[str, Terms] = {site: [] for site in case.sites}
    for name, plant in case.plants.items():
        full, life = plant["co2_ktpa"], plant["life_yr"]
        builds: Terms = []
        for at, site in case.sites.items():
            km = DETOUR * _straight_km(case.lon_deg[name] - case.lon_deg[at])
            pipe_mn, kwh_per_t = _own_pipe(full, km)
            wells = min(max(math.ceil(full / site["well_injectivity_ktpa"] - 1e-9), 1), site["n_wells_max"])
            storage_mn = site["site_capex_mn"] + wells * site["well_capex_mn"]
            yearly_mn = plant["fixed_om_mn_pa"] + PIPE_OM_PER_TPH_KM * km * full / KTPA_PER_TPH
            yearly_mn += site["site_om_mn_pa"] + wells * site["well_om_mn_pa"]
            build = {}
            for s in periods:
                # Own pipe and site of a unit that ends within the horizon have no value after it.
                has_ended = not case.is_static and case.starts[s] + life <= case.end
                pipe_life, site_life = (
                    min(life, each) if has_ended else each for each in (PIPE_LIFE_YR, STORAGE_LIFE_YR)
                )
                cost = plant["capture_capex_mn"] * money.capital(s, life) + pipe_mn * money.capital(s, pipe_life)
                cost += storage_mn * money.capital(s, site_life) + site["closure_mn"] * money.closing()
                cost += yearly_mn * sum(_running(case, life, s, y) * money.yearly(y) for y in periods)
                build[s] = program.column(cost, 1.0, case.is_integer)
                builds.append((1.0, build[s]))
                spent.append((plant["capture_capex_mn"] + pipe_mn + storage_mn, build[s]))
                later = max(case.starts[s] + life - case.end, 0.0) * (not case.is_static)
                stored[at].append((later * full, build[s]))
            for y in periods:
                per_t = plant["capture_cost_per_t"] + site["injection_cost_per_t"]
                tonnes = program.column(money.tonne(y, per_t) + money.power(y, kwh_per_t))
                works = [(-full * _running(case, life, s, y), build[s]) for s in periods if s <= y]
                program.row([(1.0, tonnes), *works], -math.inf, 0.0)
                captured[y].append(tonnes)
                into[at, y] += [(1.0, tonnes), *((full * _idle(case, life, s, y), build[s]) for s in periods)]
                stored[at].append((float(len(case.calendar[y])), tonnes))
        program.row(builds, -math.inf, 1.0)
    for at, site in case.sites.items():
        for y in periods:
            program.row(into[at, y], -math.inf, site["well_injectivity_ktpa"] * site["n_wells_max"])
        program.row(stored[at], -math.inf, _room_kt(case, site))
    _limits(case, program, spent, captured)
    return program


def _straight_km(lon_deg: float) -> float:
    """Great circle between two places at 38° N (haversine)."""
    half = math.cos(math.radians(38.0)) ** 2 * math.sin(math.radians(lon_deg) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(half))


def _own_pipe(flow_ktpa: float, km: float) -> tuple[float, float]:
    """Capital and kWh per t of the cheapest class, which may carry less than its least flow at the price of that.

    Beyond 500 t/h, pipes are parallel.
    """
    tph = flow_ktpa / KTPA_PER_TPH
    lines = max(math.ceil(tph / CLASSES[-1][1] - 1e-9), 1)
    each = tph / lines
    per_m, kwh = min((max(each, least) * price, kwh) for least, most, price, kwh in CLASSES if each <= most + 1e-9)
    return lines * per_m * km / 1000.0, kwh * km


def _with_shared_pipes(case: Case, program: Program, money: Money) -> Program:
    network = Shared(case, program, money)
    _add_plants(network)
    _add_links(network)
    _add_sites(network)
    for key, terms in network.balance.items():
        if terms and (key[1] >= 0 or network.later_yr):
            program.row(terms, 0.0, 0.0)
    for terms in network.above_mean.values():
        program.row(terms, 0.0, 0.0)
    _add_valid_rows(network)
    _limits(case, program, network.spent, network.captured)
    return program


@dataclass
class Shared:
    """What the parts of a shared network have in common. Period −1 stands for the years after the horizon."""

    case: Case
    program: Program
    money: Money
    spent: Terms = field(default_factory=list)
    captured: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    # What comes in and goes out at a node, and the pipes there so far, by node and period.
    balance: dict[tuple[str, int], Terms] = field(default_factory=lambda: defaultdict(list))
    # The same of the peak flow less the mean flow.
    above_mean: dict[tuple[str, int], Terms] = field(default_factory=lambda: defaultdict(list))
    pipes: dict[tuple[str, int], Terms] = field(default_factory=lambda: defaultdict(list))
    # What is forgone below full load, by period.
    curtailed: dict[int, Terms] = field(default_factory=lambda: defaultdict(list))
    # Columns that build a plant's unit and open a site, by name and start.
    built: dict[tuple[str, int], int] = field(default_factory=dict)
    opened: dict[tuple[str, int], int] = field(default_factory=dict)
    later_yr: float = 0.0

    @cached_property
    def periods(self) -> range:
        return range(len(self.case.starts))


def _add_plants(network: Shared) -> None:
    case, program, money, periods = network.case, network.program, network.money, network.periods
    for name, plant in case.plants.items():
        full, life = plant["co2_ktpa"], plant["life_yr"]
        for s in periods:
            cost = plant["capture_capex_mn"] * money.capital(s, life)
            cost += plant["fixed_om_mn_pa"] * sum(_running(case, life, s, y) * money.yearly(y) for y in periods)
            network.built[name, s] = program.column(cost, 1.0, case.is_integer)
            network.spent.append((plant["capture_capex_mn"], network.built[name, s]))
            later = max(case.starts[s] + life - case.end, 0.0) * (not case.is_static)
            network.later_yr = max(network.later_yr, later)
            network.balance[name, -1].append((later * full, network.built[name, s]))
        program.row([(1.0, network.built[name, s]) for s in periods], -math.inf, 1.0)
        for y in periods:
            tonnes = program.column(money.tonne(y, plant["capture_cost_per_t"]))
            works = [(-full * _running(case, life, s, y), network.built[name, s]) for s in periods if s <= y]
            program.row([(1.0, tonnes), *works], -math.inf, 0.0)
            network.captured[y].append(tonnes)
            network.curtailed[y] += [(-1.0, tonnes), *((-c, at) for c, at in works)]
            network.balance[name, y].append((1.0, tonnes))
            peaks = [(full * _idle(case, life, s, y), network.built[name, s]) for s in periods]
            network.above_mean[name, y] += [(amount, at) for amount, at in peaks if amount]


def _add_links(network: Shared) -> None:
    """Pipes: a fixed cost that includes the least flow of the class, and a price of each further kt/y."""
    case, program, money, periods = network.case, network.program, network.money, network.periods
    assert case.lengths_km is not None
    most = _most_on_links(case)
    for (a, b), km in case.lengths_km.items():
        capacity: Terms = []
        so_far: dict[int, Terms] = {y: [] for y in periods}
        of_start: dict[int, Terms] = {s: [] for s in periods}
        flow: dict[int, Terms] = {y: [] for y in periods}
        om = PIPE_OM_PER_TPH_KM * km / KTPA_PER_TPH
        for least, largest, per_tph_m, kwh in _classes_of_a_link(most[a, b]):
            slope = per_tph_m * km / 1000.0 / KTPA_PER_TPH
            laid: Terms = []
            for s in periods:
                weight = money.capital(s, PIPE_LIFE_YR)
                pipe = program.column(slope * least * weight, 1.0, case.is_integer)
                added = program.column(slope * weight)
                program.row([(1.0, added), (-max(largest - least, 0.0), pipe)], -math.inf, 0.0)
                network.spent += [(slope * least, pipe), (slope, added)]
                laid += [(-min(least, largest), pipe), (-1.0, added)]
                for y in periods[s:]:
                    so_far[y] += [(-min(least, largest), pipe), (-1.0, added)]
                carried = program.column(om * money.yearly(s) + money.power(s, kwh * km))
                program.row([(1.0, carried), *laid], -math.inf, 0.0)
                flow[s].append((-1.0, carried))
                of_start[s].append((1.0, pipe))
                for key in itertools.product((a, b), periods[s:]):
                    network.pipes[key].append((-1.0, pipe))
            capacity += laid
        for s in periods:
            program.row(of_start[s], -math.inf, 1.0)
            mean = _both_ways(network.balance, program, a, b, s)
            program.row([*mean, *flow[s]], 0.0, 0.0)
            above = _both_ways(network.above_mean, program, a, b, s)
            program.row([*mean, *above, *so_far[s]], -math.inf, 0.0)
            for (_, of_mean), (_, of_peak) in zip(mean, above, strict=True):
                _tie_to_mean(network, s, [(1.0, of_mean)], of_peak)
        if network.later_yr:
            every = [(network.later_yr * amount, at) for amount, at in capacity]
            program.row([*_both_ways(network.balance, program, a, b, -1), *every], -math.inf, 0.0)


def _both_ways(balance: dict[tuple[str, int], Terms], program: Program, a: str, b: str, period: int) -> Terms:
    """Flow from a to b and back, which enters the balance of both."""
    forward, back = program.column(), program.column()
    balance[a, period] += [(-1.0, forward), (1.0, back)]
    balance[b, period] += [(1.0, forward), (-1.0, back)]
    return [(1.0, forward), (1.0, back)]


def _tie_to_mean(network: Shared, period: int, mean: Terms, above: int) -> None:
    """A source sends what is above its mean the way of its mean."""
    case = network.case
    ratios = [
        _idle(case, plant["life_yr"], s, period) / running
        for plant in case.plants.values()
        for s in network.periods
        if (running := _running(case, plant["life_yr"], s, period)) > 0
    ]
    if ratios and max(ratios) > 0:
        most = [(-max(ratios) * amount, at) for amount, at in (*mean, *network.curtailed[period])]
        network.program.row([(1.0, above), *most], -math.inf, 0.0)
        least = [(min(ratios) * amount, at) for amount, at in mean]
        network.program.row([*least, (-1.0, above)], -math.inf, 0.0)


def _add_sites(network: Shared) -> None:
    """Sites with their wells and injection."""
    case, program, money, periods = network.case, network.program, network.money, network.periods
    opened, most_ktpa = network.opened, _most_ktpa(case)
    for at, site in case.sites.items():
        rate, useful = site["well_injectivity_ktpa"], site["n_wells_max"]
        if math.isfinite(most_ktpa):
            useful = min(useful, math.ceil(most_ktpa / rate - 1e-9))
        wells: dict[int, int] = {}
        for s in periods:
            weight = money.capital(s, STORAGE_LIFE_YR)
            from_start = sum(money.yearly(y) for y in periods[s:])
            cost = site["site_capex_mn"] * weight + site["site_om_mn_pa"] * from_start
            opened[at, s] = program.column(cost + site["closure_mn"] * money.closing(), 1.0, case.is_integer)
            cost = site["well_capex_mn"] * weight + site["well_om_mn_pa"] * from_start
            wells[s] = program.column(cost, useful, case.is_integer)
            network.spent += [(site["site_capex_mn"], opened[at, s]), (site["well_capex_mn"], wells[s])]
        program.row([(1.0, opened[at, s]) for s in periods], -math.inf, 1.0)
        room = _room_kt(case, site)
        filled: Terms = []
        for y in periods:
            drilled = [(1.0, wells[s]) for s in periods[: y + 1]]
            program.row([*drilled, *((-useful, opened[at, s]) for s in periods[: y + 1])], -math.inf, 0.0)
            injected = program.column(site["injection_cost_per_t"] / 1000.0 * money.yearly(y))
            program.row([(1.0, injected), *((-rate, well) for _, well in drilled)], -math.inf, 0.0)
            above = program.column()
            program.row([(1.0, injected), (1.0, above), *((-rate, well) for _, well in drilled)], -math.inf, 0.0)
            network.balance[at, y].append((-1.0, injected))
            network.above_mean[at, y].append((-1.0, above))
            _tie_to_mean(network, y, [(1.0, injected)], above)
            filled.append((float(len(case.calendar[y])), injected))
            if case.is_static:
                program.row([(1.0, injected), (-room, opened[at, y])], -math.inf, 0.0)
        if network.later_yr:
            later = program.column()
            network.balance[at, -1].append((-1.0, later))
            filled.append((1.0, later))
            program.row([(1.0, later), *((-network.later_yr * rate, well) for well in wells.values())], -math.inf, 0.0)
        program.row(filled, -math.inf, room)


def _add_valid_rows(network: Shared) -> None:
    """Rows that every integer plan keeps, and to which a continuous one is held as well."""
    case, program, periods = network.case, network.program, network.periods
    for y in periods:
        opened = {at: [(1.0, network.opened[at, s]) for s in periods[: y + 1]] for at in case.sites}
        all_open = [(-1.0, column) for terms in opened.values() for _, column in terms]
        for name, plant in case.plants.items():
            works = [s for s in periods[: y + 1] if _running(case, plant["life_yr"], s, y) > 0]
            used = [(1.0, network.built[name, s]) for s in works]
            if network.pipes[name, y]:
                program.row([*used, *network.pipes[name, y]], -math.inf, 0.0)
            program.row([*used, *all_open], -math.inf, 0.0)
        for at, terms in opened.items():
            program.row([*terms, *network.pipes[at, y]], -math.inf, 0.0)


def _most_ktpa(case: Case) -> float:
    """The most that any useful plan sends: its target, or what the budget captures if pipes and sites are free."""
    if case.is_static:
        return math.inf if case.target_ktpa is None or case.paid_per_t else case.target_ktpa
    if case.budget_mn is None or not case.is_integer:
        return math.inf
    left, sent = case.budget_mn, 0.0
    for plant in sorted(case.plants.values(), key=lambda each: each["capture_capex_mn"] / each["co2_ktpa"]):
        cost = plant["capture_capex_mn"]
        share = min(left / cost, 1.0) if cost else 1.0
        sent, left = sent + share * plant["co2_ktpa"], left - share * cost
    return sent


def _most_on_links(case: Case) -> dict[Pair, float]:
    """The most that each link can carry: supply on one side and wells on the other, in the better direction.

    Without the link its ends may still be connected; then all supply and all wells may lie on either side.
    """
    assert case.lengths_km is not None

    def beside(node: str, links: Iterable[Pair]) -> set[str]:
        found, edge = {node}, [node]
        while edge:
            here = edge.pop()
            near = {b if a == here else a for a, b in links if here in (a, b)} - found
            found |= near
            edge += near
        return found

    def supply(nodes: set[str]) -> float:
        return sum(case.plants[each]["co2_ktpa"] for each in nodes if each in case.plants)

    def taking(nodes: set[str]) -> float:
        sites = [case.sites[each] for each in nodes if each in case.sites]
        return sum(site["well_injectivity_ktpa"] * site["n_wells_max"] for site in sites)

    most = {}
    for a, b in case.lengths_km:
        others = [pair for pair in case.lengths_km if pair != (a, b)]
        one, other = beside(a, others), beside(b, others)
        both = one | other
        if b not in one:
            bound = max(min(supply(one), taking(other)), min(supply(other), taking(one)))
        else:
            bound = min(supply(both), taking(both))
        most[a, b] = min(bound, _most_ktpa(case))
    return most


def _classes_of_a_link(most_ktpa: float) -> list[tuple[float, float, float, float]]:
    """Least and most kt/y, price and power of each useful class: up to the first that carries the most of the link.

    A class ends where the next one costs no more; the largest has no end, since parallel pipes cost the same rate.
    """
    found: list[tuple[float, float, float, float]] = []
    for k, (least, largest, price, kwh) in enumerate(CLASSES):
        end = math.inf
        if k + 1 < len(CLASSES):
            following = CLASSES[k + 1]
            end = max(min(following[0] * following[2] / price, largest), least) * KTPA_PER_TPH
        if most_ktpa > 0:
            found.append((least * KTPA_PER_TPH, min(end, most_ktpa), price, kwh))
        if end >= most_ktpa:
            break
    return found
