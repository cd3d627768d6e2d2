"""Futures: worlds in which uncertain inputs lie elsewhere than the scenario plans, drawn together.

Each input is drawn by Latin hypercube from a stream of its own, or all together by a scrambled Sobol sequence. Ranks
are then put in an order that carries the correlations and none that chance made (Iman and Conover 1982), which leaves
every input's own distribution as it is.
All inputs of the tables are drawn, whatever the scenario leaves out or spreads otherwise: the same seed and number give
the same futures for every scenario, so that plans can be compared future by future.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import norm, qmc

from ccs_model._typing import Floats
from ccs_model.errors import InputError, Issue
from ccs_model.problem import Problem
from ccs_model.problem.scenario_names import place_of

# Values of uncertain inputs by their share: what lies below is drawn with that probability.

Quantile = Callable[[Floats, float, float, float], Floats]

# A lognormal is told by the quantiles that lie so far from its median, in standard deviations: 5 and 95 %.
_NINETY = float(stats.norm.ppf(0.95))
# A truncated normal's ends lie as far apart as so many standard deviations.
_ENDS = 4.0


def triangular(share: Floats, low: float, mode: float, high: float) -> Floats:
    """Of a triangle from `low` over `mode` to `high`."""
    at = (mode - low) / (high - low)
    rising = low + np.sqrt(share * (high - low) * (mode - low))
    falling = high - np.sqrt((1.0 - share) * (high - low) * (high - mode))
    return np.where(share < at, rising, falling)


def uniform(share: Floats, low: float, mode: float, high: float) -> Floats:
    """All values between the ends alike; `mode` is not used."""
    return low + share * (high - low)


def lognormal(share: Floats, low: float, mode: float, high: float) -> Floats:
    """Median `mode`; 90 % of it spans as large a factor as `low` to `high`."""
    sigma = np.log(high / low) / (2.0 * _NINETY)
    return np.asarray(mode * np.exp(sigma * stats.norm.ppf(share)), dtype=float)


def truncated_normal(share: Floats, low: float, mode: float, high: float) -> Floats:
    """A normal about `mode` with a quarter of the width as its standard deviation, cut at both ends."""
    sigma = (high - low) / _ENDS
    return np.asarray(stats.truncnorm.ppf(share, (low - mode) / sigma, (high - mode) / sigma, mode, sigma), dtype=float)


DISTRIBUTIONS: Mapping[str, Quantile] = {
    "triangular": triangular,
    "uniform": uniform,
    "lognormal": lognormal,
    "truncated_normal": truncated_normal,
}


def value_at(distribution: str, share: Floats, low: float, mode: float, high: float) -> Floats:
    """The distribution's values below which each share lies; all at `low` where it has no width."""
    if low == high:
        return np.full_like(share, low)
    return DISTRIBUTIONS[distribution](share, low, mode, high)


def of_draws(share: Floats, draws: Floats) -> Floats:
    """Quantiles of draws of equal weight: straight lines between the middles of their steps, flat outside."""
    ordered = np.sort(draws)
    middles = (np.arange(len(ordered)) + 0.5) / len(ordered)
    return np.interp(share, middles, ordered)


# What an uncertain input changes: a problem with some of its coefficients multiplied.
#
# Every input has one entry in LEVERS: a function that changes a `Draft` of the problem by a factor. Levers act on what
# was posed, so a factor of 1 gives the problem itself, and no lever changes which plants, routes, links and sites there
# are.

_SITE_MONEY = ("site_capex_mn", "site_om_mn_pa", "well_capex_mn", "well_om_mn_pa", "closure_mn", "storage_cost_per_t")
_LINE_MONEY = ("fixed_mn", "slope_mn_per_ktpa", "om_mn_per_ktpa")


class Columns:
    """Columns of a table that change, the table itself only once at the end: a copy a lever would cost more."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.changed: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self.changed:
            return self.table[name].to_numpy(float)
        return self.changed[name]

    def scale(self, names: tuple[str, ...], factor: float | Floats) -> None:
        """Multiply columns, those that are there."""
        for name in names:
            if name in self.table:
                self.changed[name] = self[name] * factor

    def made(self) -> pd.DataFrame:
        """The table with what changed."""
        return self.table.assign(**self.changed) if self.changed else self.table


class Draft:
    """A problem while levers act on it; `problem()` is what they make of it."""

    def __init__(self, problem: Problem) -> None:
        self.planned = problem
        self.routes, self.options, self.sites = map(Columns, (problem.routes, problem.options, problem.sites))
        self.power, self.steam, self.grid = map(
            Columns, (problem.power_per_kwh, problem.steam_per_gj, problem.grid_kg_per_kwh)
        )
        self.stores = None if problem.stores is None else Columns(problem.stores)
        self.lines = None if problem.network is None else Columns(problem.network.lines)
        self.costs = dict(problem.cost_per_t)
        self.credit = self.damage = 1.0
        # Other arrays and numbers of the problem, by name.
        self.others: dict[str, object] = {}

    def scale(self, names: tuple[str, ...], factor: float | Floats) -> None:
        """Multiply arrays of the problem, those that are there."""
        for name in names:
            before = self.others.get(name, getattr(self.planned, name))
            if before is not None:
                self.others[name] = before * factor  # type: ignore[operator]

    def scale_costs(self, names: tuple[str, ...], factor: float | Floats) -> None:
        """Multiply costs per tonne."""
        for name in names:
            self.costs[name] = self.costs[name] * factor

    @property
    def delivered_share(self) -> float:
        """Captured over designed tonnes, as it stands."""
        return float(self.others.get("delivered_share", self.planned.delivered_share))  # type: ignore[arg-type]

    def problem(self) -> Problem:
        """The planned problem with all that changed."""
        planned = self.planned
        if {"capture_capex_mn", "pipe_capex_mn"} & set(self.routes.changed):
            self.routes.changed["capex_mn"] = self.routes["capture_capex_mn"] + self.routes["pipe_capex_mn"]
        accounts, network = planned.accounts, planned.network
        if self.credit != 1.0 or self.damage != 1.0:
            accounts = replace(
                accounts,
                credit_per_t=accounts.credit_per_t * self.credit,
                damage_per_t=accounts.damage_per_t * self.damage,
            )
        if network is not None and self.lines is not None and self.lines.changed:
            network = replace(network, lines=self.lines.made())
        return replace(
            planned,
            routes=self.routes.made(),
            options=self.options.made(),
            sites=self.sites.made(),
            power_per_kwh=self.power.made(),
            steam_per_gj=self.steam.made(),
            grid_kg_per_kwh=self.grid.made(),
            stores=None if self.stores is None else self.stores.made(),
            cost_per_t=self.costs,
            accounts=accounts,
            network=network,
            **self.others,  # type: ignore[arg-type]
        )


ParameterChange = Callable[[Draft, float], None]


def capture_capex(draft: Draft, factor: float, technology: str = "") -> None:
    """Capital of capture units and the fixed O&M that is a share of it; of one technology where told."""
    for table in (draft.routes, draft.options):
        by: float | Floats = factor
        if technology:
            by = np.where((table.table["technology"] == technology).to_numpy(bool), factor, 1.0)
        table.scale(("capture_capex_mn", "capex_per_tpa", "fixed_om_mn_pa"), by)


def capture_om(draft: Draft, factor: float) -> None:
    """Fixed and variable O&M of capture units."""
    for table in (draft.routes, draft.options):
        table.scale(("fixed_om_mn_pa", "variable_om_per_t"), factor)
    draft.scale_costs(("capture_variable_om",), factor)


def power_price(draft: Draft, factor: float) -> None:
    """Price of power for capture and for pumps."""
    draft.power.scale(("power_per_kwh",), factor)
    draft.scale_costs(("capture_power", "pipe_power"), factor)
    draft.scale(("line_power_per_t",), factor)


def heat_price(draft: Draft, factor: float) -> None:
    """Price of steam, whatever it is raised with."""
    draft.steam.scale(("steam_per_gj",), factor)
    draft.scale_costs(("heat",), factor)


def capture_heat(draft: Draft, factor: float) -> None:
    """Heat per tonne captured: its cost, the CO₂ of its fuel and, where power makes it, that power."""
    planned, routes = draft.planned, draft.routes
    kwh = routes["power_kwh_per_t"]
    of_heat = np.nan_to_num(routes["heat_kwh_per_t"])
    power = (1.0 + (factor - 1.0) * np.divide(of_heat, kwh, out=np.zeros_like(kwh), where=kwh > 0))[:, None]
    given = np.nan_to_num(routes["given_co2_t_per_t"])[:, None]
    routes.scale(("heat_gj_per_t", "heat_kwh_per_t"), factor)
    routes.scale(("power_kwh_per_t",), power[:, 0])
    draft.scale_costs(("heat",), factor)
    draft.scale_costs(("capture_power",), power)
    draft.others["fuel_co2_t_per_t"] = given + (planned.fuel_co2_t_per_t - given) * factor
    draft.scale(("capture_power_t_per_t",), power)


def grid_factor(draft: Draft, factor: float) -> None:
    """CO₂ of a kWh, for capture and for pumps."""
    draft.grid.scale(("grid_kg_per_kwh",), factor)
    draft.scale(("capture_power_t_per_t", "booster_power_t_per_t", "line_power_co2_t_per_t"), factor)


def carbon_price(draft: Draft, factor: float) -> None:
    """What a tonne that need not be surrendered is worth."""
    draft.credit *= factor


def social_cost(draft: Draft, factor: float) -> None:
    """Harm of a tonne."""
    draft.damage *= factor


def pipe_cost(draft: Draft, factor: float) -> None:
    """Capital and O&M of pipes, own and shared; trucks keep their rate."""
    draft.routes.scale(("pipe_capex_mn", "pipe_om_mn_pa"), factor)
    network = draft.planned.network
    if network is not None and draft.lines is not None:
        roads = set(network.links.loc[network.links["kind"] == "truck", "link"])
        by_road = network.lines["link"].isin(roads).to_numpy(bool)
        draft.lines.scale(_LINE_MONEY, np.where(by_road, 1.0, factor))


def storage_cost(draft: Draft, factor: float) -> None:
    """Capital and O&M of sites and wells, and the rise of a site's cost as it fills."""
    draft.routes.scale(("storage_cost_per_t",), factor)
    draft.sites.scale(_SITE_MONEY, factor)
    if draft.stores is not None:
        draft.stores.scale(("variable_per_t",), factor)
    draft.scale_costs(("storage",), factor)


def storage_capacity(draft: Draft, place: float) -> None:
    """Capacity of every site at a place of its range: −1 is its low, 0 its mid, 1 its high."""
    sites, before = draft.sites, draft.sites["capacity_kt"]
    low, mid, high = (sites[f"capacity_{case}_kt"] for case in ("low", "mid", "high"))
    end = high if place > 0 else low
    there = mid + abs(place) * np.where(np.isfinite(end), end - mid, 0.0)
    sites.changed["capacity_kt"] = there
    if draft.stores is not None:
        ratio = np.divide(there, before, out=np.ones_like(there), where=(before > 0) & np.isfinite(before))
        of_site = pd.Series(ratio, index=draft.planned.sites["site"])
        draft.stores.scale(("capacity_kt",), of_site.reindex(draft.stores.table["site"]).to_numpy(float))


def delivered_share(draft: Draft, value: float) -> None:
    """Captured over designed tonnes: a value, not a factor."""
    draft.others["delivered_share"] = float(value)


def utilisation(draft: Draft, factor: float) -> None:
    """How much plants feed their units; never more than is designed."""
    draft.others["delivered_share"] = min(draft.delivered_share * factor, 1.0)


# In this order: what plants feed their units stands on what those deliver.
UNCERTAIN_PARAMETERS: Mapping[str, ParameterChange] = {
    "capture_capex": capture_capex,
    "capture_om": capture_om,
    "power_price": power_price,
    "heat_price": heat_price,
    "capture_heat": capture_heat,
    "grid_factor": grid_factor,
    "carbon_price": carbon_price,
    "social_cost": social_cost,
    "pipe_cost": pipe_cost,
    "storage_cost": storage_cost,
    "storage_capacity": storage_capacity,
    "delivered_share": delivered_share,
    "utilisation": utilisation,
}
# A value of these that changes nothing; of all others 1, and of the delivered share what is planned with.
AS_PLANNED = {"storage_capacity": 0.0}

POSTERIOR = "posterior"
# How futures are drawn, and in words.
LATIN, SOBOL = "latin", "sobol"
SAMPLINGS = {LATIN: "Latin hypercube", SOBOL: "Sobol sequence, scrambled"}
DELIVERED, CAPACITY = "delivered_share", "storage_capacity"
# Where the cases that a scenario may plan with lie between a site's low (−1) and high (1).
_CASES = {"low": -1.0, "mid": 0.0, "high": 1.0}
INPUT_COLUMNS = ["input", "technology", "distribution", "low", "mode", "high", "multiplies", "reference", "quality"]


@dataclass(frozen=True, eq=False)
class Futures:
    """`values` has a row a future and a column an input that is drawn; `inputs` a row an input: how it is spread.

    `planned` is the value of each input at which the problem is the planned one.
    """

    planned_problem: Problem
    seed: int
    inputs: pd.DataFrame
    values: pd.DataFrame
    planned: pd.Series
    sampling: str = LATIN

    def __len__(self) -> int:
        return len(self.values)

    def problem(self, k: int) -> Problem:
        """The planned problem as future k has it."""
        return self.problem_with(self.of(k))

    def of(self, k: int) -> dict[str, float]:
        """Values of future k by input."""
        return {str(name): float(value) for name, value in self.values.iloc[k].items()}

    def problem_with(self, values: dict[str, float]) -> Problem:
        """The planned problem with these values of some inputs."""
        draft = Draft(self.planned_problem)
        acted = False
        for row in self.inputs.itertuples(index=False):
            value = values.get(row.input)
            if value is None or value == self.planned[row.input]:
                continue
            acted = True
            if row.technology:
                capture_capex(draft, value, row.technology)
            else:
                UNCERTAIN_PARAMETERS[row.input](draft, value)
        return draft.problem() if acted else self.planned_problem


def drawn(problem: Problem, n: int, seed: int, sampling: str = LATIN) -> Futures:
    """`n` futures of a problem, by one of SAMPLINGS. Raises InputError for names and spreads that are of no use."""
    table = problem.inputs["uncertainty/inputs"]
    names = list(table["input"])
    even = _by_sobol(n, seed, names) if sampling == SOBOL else {name: _evenly(n, seed, name) for name in names}
    shares = _shares(even, problem.inputs["uncertainty/correlations"])
    inputs = _spreads(problem, table)
    values = {row.input: _values(problem, row, shares[row.input]) for row in inputs.itertuples(index=False)}
    planned = {name: AS_PLANNED.get(name, 1.0) for name in values}
    if DELIVERED in planned:
        planned[DELIVERED] = problem.delivered_share
    if CAPACITY in planned:
        planned[CAPACITY] = _CASES[problem.scenario.storage.capacity]
    return Futures(problem, seed, inputs, pd.DataFrame(values), pd.Series(planned, dtype=float), sampling)


def _spreads(problem: Problem, table: pd.DataFrame) -> pd.DataFrame:
    """The inputs that are drawn, as the scenario spreads them, in the order in which they act."""
    requested = problem.scenario.uncertainty
    known = list(table["input"])
    issues = [
        Issue(place_of(problem.scenario, f"uncertainty.{key}"), f"input '{name}' is unknown", f"one of {known}")
        for key, names in (("exclude", requested.exclude), ("spreads", tuple(requested.spreads)))
        for name in names
        if name not in known
    ]
    table = table.assign(technology=table["technology"].fillna("").astype(str))
    acting = table["input"].isin(list(UNCERTAIN_PARAMETERS)) | (table["technology"] != "")
    issues += [
        Issue("uncertainty/inputs.csv", f"nothing is known to hang on '{name}'", f"one of {list(UNCERTAIN_PARAMETERS)}, or a cost "
              "of one technology") for name in table.loc[~acting, "input"]
    ]  # fmt: skip
    for name, spread in requested.spreads.items():
        mode = (spread.low + spread.high) / 2.0 if spread.distribution == "uniform" else spread.mode
        row = table["input"] == name
        table.loc[row, ["distribution", "low", "mode", "high"]] = [spread.distribution, spread.low, mode, spread.high]
    for row in table.itertuples(index=False):
        if not row.low <= row.mode <= row.high or (row.distribution == "lognormal" and row.low <= 0):
            what = f"{row.input}: {row.low:g}, {row.mode:g}, {row.high:g} are no low, mode and high of a "
            issues.append(Issue("uncertainty", what + str(row.distribution).replace("_", " ")))
    if issues:
        raise InputError(sorted(issues))
    drawn_here = ~table["input"].isin(requested.exclude)
    if problem.calibrated is None:
        # Nothing is known of what an uncalibrated scenario's units deliver.
        drawn_here &= table["distribution"] != POSTERIOR
    order = {name: at for at, name in enumerate(UNCERTAIN_PARAMETERS)}
    at = table["input"].map(order).fillna(0.0)
    table = table[drawn_here].assign(at=at).sort_values(["at", "input"], kind="stable")
    return table[INPUT_COLUMNS].reset_index(drop=True)


def _values(problem: Problem, row: Any, share: Floats) -> Floats:
    distribution = str(row.distribution)
    if distribution == POSTERIOR:
        assert problem.calibrated is not None
        return of_draws(share, np.array([draw[DELIVERED] for draw in problem.calibrated.fit["draws"]], dtype=float))
    return value_at(distribution, share, float(row.low), float(row.mode), float(row.high))


def _shares(even: dict[str, Floats], correlations: pd.DataFrame) -> dict[str, Floats]:
    """[future] the share of each input's distribution that lies below its value, from even ones put in other orders."""
    shares = dict(even)
    pairs = correlations[correlations["input"].isin(shares) & correlations["other_input"].isin(shares)]
    names = sorted(shares)
    n = len(shares[names[0]])
    if n < 2:
        return shares
    wanted = np.eye(len(names))
    for one, other, rank in pairs[["input", "other_input", "rank_correlation_share"]].itertuples(
        index=False, name=None
    ):
        i, j = names.index(one), names.index(other)
        # The correlation of normals whose ranks correlate so (Pearson 1907).
        wanted[i, j] = wanted[j, i] = 2.0 * np.sin(np.pi * rank / 6.0)
    try:
        target = np.linalg.cholesky(wanted)
    except np.linalg.LinAlgError as error:
        what = "no inputs can be correlated so: the matrix is not positive definite"
        raise InputError([Issue("uncertainty/correlations.csv", what)]) from error
    scores = norm.ppf(np.column_stack([shares[name] for name in names]))
    if n > 2 * len(names):
        # What chance has correlated is taken out first.
        scores = scores @ np.linalg.inv(np.linalg.cholesky(np.corrcoef(scores, rowvar=False))).T
    scores = scores @ target.T
    for j, name in enumerate(names):
        rank_of = np.argsort(np.argsort(scores[:, j], kind="stable"), kind="stable")
        shares[name] = np.sort(shares[name])[rank_of]
    return shares


def _evenly(n: int, seed: int, name: str) -> Floats:
    """[future] one point in each n-th of 0 to 1, in an order of its own."""
    stream = np.random.default_rng([seed, zlib.crc32(name.encode())])
    points: Floats = qmc.LatinHypercube(d=1, rng=stream).random(n)[:, 0]
    return _inside(points)


def _by_sobol(n: int, seed: int, names: list[str]) -> dict[str, Floats]:
    """[future] points of one scrambled Sobol sequence (Owen 1998), an axis an input in order of names.

    Of its length the power of two that holds `n`, from the beginning; most even where `n` is that power itself.
    """
    axes = qmc.Sobol(d=len(names), scramble=True, rng=np.random.default_rng([seed, zlib.crc32(SOBOL.encode())]))
    points = axes.random_base2(max(int(np.ceil(np.log2(n))), 0))[:n]
    return {name: _inside(points[:, axis]) for axis, name in enumerate(sorted(names))}


def _inside(points: Floats) -> Floats:
    """The ends have no finite normal score."""
    return np.clip(points, 1e-12, 1.0 - 1e-12)
