"""Uncertain parameters: their distributions, sampled futures, and their effect on the problem's coefficients.

Each parameter is sampled by Latin hypercube from its own random stream, or all together by a scrambled Sobol sequence.
The ranks are then rearranged to the rank correlations of the table (Iman, Conover 1982), which leaves every marginal
distribution unchanged. All parameters of the tables are sampled, even those that a scenario excludes: the same seed and
number of futures give the same futures for every scenario, so plans can be compared future by future.

References
----------
Iman, Conover (1982). A distribution-free approach to inducing rank correlation among input variables. Communications in
Statistics: Simulation and Computation 11(3).
Owen (1998). Scrambling Sobol' and Niederreiter-Xing points. Journal of Complexity 14(4).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import norm, qmc

from ccs_model._typing import Floats
from ccs_model.errors import InputError, Issue
from ccs_model.inputs.source_checks import correlation_matrix
from ccs_model.problem import Problem
from ccs_model.problem.options import OWN_CAPEX
from ccs_model.problem.scenario_names import place_of
from ccs_model.problem.storage_sites import STORAGE_MONEY
from ccs_model.scenario import Scenario

Quantile = Callable[[Floats, float, float, float], Floats]

# Standard deviations between the median and the 95 % quantile of a normal distribution.
_NORMAL_P95 = float(stats.norm.ppf(0.95))
# Standard deviations between the ends of a truncated normal.
_TRUNCATED_WIDTH = 4.0


def triangular(probability: Floats, low: float, mode: float, high: float) -> Floats:
    """Quantiles of a triangular distribution."""
    at = (mode - low) / (high - low)
    rising = low + np.sqrt(probability * (high - low) * (mode - low))
    falling = high - np.sqrt((1.0 - probability) * (high - low) * (high - mode))
    return np.where(probability < at, rising, falling)


def uniform(probability: Floats, low: float, mode: float, high: float) -> Floats:
    """Quantiles of a uniform distribution; `mode` is not used."""
    return low + probability * (high - low)


def lognormal(probability: Floats, low: float, mode: float, high: float) -> Floats:
    """Quantiles of a lognormal with median `mode` and 5 and 95 % quantiles `low` and `high`.

    Where these are no mirror images, each half has a standard deviation of its own.
    """
    score = np.asarray(stats.norm.ppf(probability), dtype=float)
    sigma: Floats = np.where(score < 0, float(np.log(mode / low)), float(np.log(high / mode))) / _NORMAL_P95
    return np.asarray(mode * np.exp(sigma * score), dtype=float)


def truncated_normal(probability: Floats, low: float, mode: float, high: float) -> Floats:
    """Quantiles of a normal around `mode`, truncated at both ends, which are four standard deviations apart."""
    sigma = (high - low) / _TRUNCATED_WIDTH
    ends = (low - mode) / sigma, (high - mode) / sigma
    return np.asarray(stats.truncnorm.ppf(probability, *ends, mode, sigma), dtype=float)


DISTRIBUTIONS: Mapping[str, Quantile] = {
    "triangular": triangular,
    "uniform": uniform,
    "lognormal": lognormal,
    "truncated_normal": truncated_normal,
}


def quantiles(distribution: str, probability: Floats, low: float, mode: float, high: float) -> Floats:
    """Quantiles of a distribution at each probability; `low` where it has no width."""
    if low == high:
        return np.full_like(probability, low)
    return DISTRIBUTIONS[distribution](probability, low, mode, high)


def empirical_quantiles(probability: Floats, draws: Floats) -> Floats:
    """Quantiles of draws of equal weight: linear between the centres of their steps, constant outside."""
    ordered = np.sort(draws)
    centres = (np.arange(len(ordered)) + 0.5) / len(ordered)
    return np.interp(probability, centres, ordered)


# Tables whose columns depend on a parameter; `lines` is the network's.
_TABLES = ("routes", "options", "sites", "stores", "power_per_kwh", "steam_per_gj", "grid_kg_per_kwh")


class Columns:
    """Changed columns of a table; the table is copied once, at the end."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.changed: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self.changed:
            return self.table[name].to_numpy(float)
        return self.changed[name]

    def scale(self, names: Iterable[str], factor: float | Floats) -> None:
        """Multiply the columns that exist."""
        for name in names:
            if name in self.table:
                self.changed[name] = self[name] * factor

    def table_with_changes(self) -> pd.DataFrame:
        """The table with the changed columns."""
        return self.table.assign(**self.changed) if self.changed else self.table


class Draft:
    """A problem under parameter changes; `problem()` returns the result."""

    def __init__(self, problem: Problem) -> None:
        self.planned = problem
        tables = {name: getattr(problem, name) for name in _TABLES}
        if problem.network is not None:
            tables["lines"] = problem.network.lines
        self.tables = {name: Columns(table) for name, table in tables.items() if table is not None}
        self.costs = dict(problem.cost_per_t)
        self.accounts: dict[str, Any] = {}
        # Other arrays and numbers of the problem, by name.
        self.others: dict[str, Any] = {}

    def scale(self, names: Iterable[str], factor: float | Floats) -> None:
        """Multiply the arrays of the problem that exist."""
        for name in names:
            before = self.others.get(name, getattr(self.planned, name))
            if before is not None:
                self.others[name] = before * factor

    def scale_costs(self, names: Iterable[str], factor: float | Floats) -> None:
        """Multiply costs per tonne."""
        for name in names:
            self.costs[name] = self.costs[name] * factor

    def without_committed(self, table: str, factor: float | Floats) -> float | Floats:
        """The factor of the rows of a table; 1 for committed retrofits, whose capital is known."""
        if table != "routes" or not self.planned.committed:
            return factor
        is_committed = self.tables[table].table["route"].isin([route for route, _ in self.planned.committed])
        return np.where(is_committed.to_numpy(bool), 1.0, factor)

    @property
    def delivered_share(self) -> float:
        """Captured over designed tonnes, with the changes so far."""
        return float(self.others.get("delivered_share", self.planned.delivered_share))

    def problem(self) -> Problem:
        """The planned problem with all changes."""
        planned, routes = self.planned, self.tables["routes"]
        if set(OWN_CAPEX) & set(routes.changed):
            routes.changed["capex_mn"] = np.sum([routes[name] for name in OWN_CAPEX], axis=0)
        tables: dict[str, Any] = {name: columns.table_with_changes() for name, columns in self.tables.items()}
        network, lines = planned.network, tables.pop("lines", None)
        if network is not None and lines is not network.lines:
            network = replace(network, lines=lines)
        accounts = replace(planned.accounts, **self.accounts) if self.accounts else planned.accounts
        return replace(planned, **tables, cost_per_t=self.costs, accounts=accounts, network=network, **self.others)


# Changes coefficients of a draft by a factor; a factor of 1 changes nothing. Plants, routes, links and sites stay.
ParameterChange = Callable[[Draft, float], None]


@dataclass(frozen=True)
class ScalingChange:
    """A parameter change that multiplies columns of tables, costs per tonne, and arrays of the problem or its accounts.

    Columns and tables that a problem does not have are left out.
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    costs: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    def __call__(self, draft: Draft, factor: float) -> None:
        """Multiply by a factor."""
        for table, names in self.columns.items():
            if table in draft.tables:
                draft.tables[table].scale(names, factor)
        draft.scale_costs(self.costs, factor)
        draft.scale(self.arrays, factor)
        for name in self.accounts:
            draft.accounts[name] = getattr(draft.planned.accounts, name) * factor


def capture_capex(draft: Draft, factor: float, technology: str = "") -> None:
    """Capital of capture units and the fixed O&M that is a share of it, of all technologies or of one.

    Committed retrofits keep theirs, since it is spent or contracted.
    """
    for name in ("routes", "options"):
        table = draft.tables[name]
        by: float | Floats = factor
        if technology:
            by = np.where((table.table["technology"] == technology).to_numpy(bool), factor, 1.0)
        by = draft.without_committed(name, by)
        table.scale(("capture_capex_mn", "capex_per_tpa"), by)
        _scale_fixed_om(table, by)


def capture_om(draft: Draft, factor: float) -> None:
    """O&M of capture units; what a measure saves is no O&M."""
    for name in ("routes", "options"):
        table = draft.tables[name]
        table.scale(("variable_om_per_t",), factor)
        _scale_fixed_om(table, factor)
    draft.scale_costs(("capture_variable_om",), factor)


def _scale_fixed_om(table: Columns, factor: float | Floats) -> None:
    """Multiply fixed O&M before the saving of a measure, which stays."""
    saving = table["saving_mn_pa"]
    table.changed["fixed_om_mn_pa"] = (table["fixed_om_mn_pa"] + saving) * factor - saving


def capture_heat(draft: Draft, factor: float) -> None:
    """Heat per tonne captured: its cost, the CO₂ of its fuel and the power of electric heat."""
    planned, routes = draft.planned, draft.tables["routes"]
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


def pipe_cost(draft: Draft, factor: float) -> None:
    """Capital and O&M of pipes, own and shared; the truck rate is unchanged."""
    draft.tables["routes"].scale(("pipe_capex_mn",), draft.without_committed("routes", factor))
    draft.tables["routes"].scale(("pipe_om_mn_pa",), factor)
    network = draft.planned.network
    if network is not None:
        roads = set(network.links.loc[network.links["kind"] == "truck", "link"])
        by_road = np.where(network.lines["link"].isin(roads).to_numpy(bool), 1.0, factor)
        draft.tables["lines"].scale(("fixed_mn", "slope_mn_per_ktpa", "om_mn_per_ktpa"), by_road)


def storage_cost(draft: Draft, factor: float) -> None:
    """Capital and O&M of sites and wells, own and shared, and the cost per tonne."""
    money = {"sites": STORAGE_MONEY, "stores": ("variable_per_t",)}
    money["routes"] = tuple(name for name in STORAGE_MONEY if name not in OWN_CAPEX)
    ScalingChange(money, costs=("storage",))(draft, factor)
    capital = [name for name in STORAGE_MONEY if name in OWN_CAPEX]
    draft.tables["routes"].scale(capital, draft.without_committed("routes", factor))


def storage_capacity(draft: Draft, position: float) -> None:
    """Capacity of every site at a position in its range: −1 is low, 0 is mid, 1 is high."""
    sites, stores = draft.tables["sites"], draft.tables.get("stores")
    before = sites["capacity_kt"]
    low, mid, high = (sites[f"capacity_{case}_kt"] for case in ("low", "mid", "high"))
    end = high if position > 0 else low
    capacity = mid + abs(position) * np.where(np.isfinite(end), end - mid, 0.0)
    sites.changed["capacity_kt"] = capacity
    if stores is not None:
        ratio = np.divide(capacity, before, out=np.ones_like(capacity), where=(before > 0) & np.isfinite(before))
        of_site = pd.Series(ratio, index=draft.planned.sites["site"])
        stores.scale(("capacity_kt",), of_site.reindex(stores.table["site"]).to_numpy(float))


def delivered_share(draft: Draft, value: float) -> None:
    """Captured over designed tonnes: an absolute value, not a factor; at most 1."""
    draft.others["delivered_share"] = min(float(value), 1.0)


def utilisation(draft: Draft, factor: float) -> None:
    """Utilisation of capture units; the delivered share never exceeds 1."""
    draft.others["delivered_share"] = min(draft.delivered_share * factor, 1.0)


# The order matters: utilisation multiplies the delivered share. Prices of power and the intensity of the grid count for
# capture and for pumps; storage cost is that of sites and wells, and of the steps of a supply curve.
UNCERTAIN_PARAMETERS: Mapping[str, ParameterChange] = {
    "capture_capex": capture_capex,
    "capture_om": capture_om,
    "power_price": ScalingChange(
        {"power_per_kwh": ("power_per_kwh",)}, costs=("capture_power", "pipe_power"), arrays=("line_power_per_t",)
    ),
    "heat_price": ScalingChange({"steam_per_gj": ("steam_per_gj",)}, costs=("heat",)),
    "capture_heat": capture_heat,
    "grid_factor": ScalingChange(
        {"grid_kg_per_kwh": ("grid_kg_per_kwh",)},
        arrays=("capture_power_t_per_t", "booster_power_t_per_t", "line_power_co2_t_per_t"),
    ),
    "carbon_price": ScalingChange(accounts=("credit_per_t",)),
    "social_cost": ScalingChange(accounts=("damage_per_t",)),
    "pipe_cost": pipe_cost,
    "storage_cost": storage_cost,
    "storage_capacity": storage_capacity,
    "delivered_share": delivered_share,
    "utilisation": utilisation,
}
# Neutral values; 1 for all others, and the planned value for the delivered share.
AS_PLANNED = {"storage_capacity": 0.0}

POSTERIOR = "posterior"
# Sampling methods with their names in texts.
LATIN, SOBOL = "latin", "sobol"
SAMPLINGS = {LATIN: "Latin hypercube", SOBOL: "Sobol sequence, scrambled"}
DELIVERED, CAPACITY = "delivered_share", "storage_capacity"
# Positions of a scenario's capacity cases between a site's low (−1) and high (1).
_CASES = {"low": -1.0, "mid": 0.0, "high": 1.0}
INPUT_COLUMNS = ["input", "technology", "distribution", "low", "mode", "high", "multiplies", "reference", "quality"]


@dataclass(frozen=True, eq=False)
class Futures:
    """Sampled futures of a problem.

    `values` is [future, parameter]; `inputs` has one row a parameter with its distribution; `planned` [parameter] are
    the values at which the problem is the planned one.
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
        """The problem in future k."""
        return self.problem_with(self.of(k))

    def of(self, k: int) -> dict[str, float]:
        """Parameter values of future k."""
        return numbers_in(self.values, k)

    def problem_with(self, values: dict[str, float]) -> Problem:
        """The planned problem with some parameters at other values."""
        draft = Draft(self.planned_problem)
        is_changed = False
        for row in self.inputs.itertuples(index=False):
            value = values.get(row.input)
            if value is None or value == self.planned[row.input]:
                continue
            is_changed = True
            if row.technology:
                capture_capex(draft, value, row.technology)
            else:
                UNCERTAIN_PARAMETERS[row.input](draft, value)
        return draft.problem() if is_changed else self.planned_problem


def numbers_in(table: pd.DataFrame, k: int) -> dict[str, float]:
    """Row k of a table as numbers by column."""
    return {str(name): float(value) for name, value in table.iloc[k].items()}


def draw_futures(problem: Problem, n: int, seed: int, sampling: str = LATIN) -> Futures:
    """Sample `n` futures of a problem by one of SAMPLINGS. Raises InputError for invalid names and distributions."""
    table = problem.inputs["uncertainty/inputs"]
    names = list(table["input"])
    sobol = sampling == SOBOL
    points = _sobol(n, seed, names) if sobol else {name: _latin_hypercube(n, seed, name) for name in names}
    probabilities = _correlate_points(points, problem.inputs["uncertainty/correlations"])
    inputs = sampled_inputs(problem.scenario, table, is_calibrated=problem.calibrated is not None)
    values = {row.input: _values(problem, row, probabilities[row.input]) for row in inputs.itertuples(index=False)}
    return Futures(problem, seed, inputs, pd.DataFrame(values), _planned_values(problem, inputs), sampling)


def vary_one_at_a_time(problem: Problem) -> Futures:
    """The planned future, then two futures an input: that input at its 5th and 95th percentile, all others planned."""
    table, is_calibrated = problem.inputs["uncertainty/inputs"], problem.calibrated is not None
    inputs = sampled_inputs(problem.scenario, table, is_calibrated=is_calibrated)
    planned = _planned_values(problem, inputs)
    values = pd.DataFrame([planned] * (1 + 2 * len(inputs))).reset_index(drop=True)
    ends = np.array([0.05, 0.95])
    for at, row in enumerate(inputs.itertuples(index=False)):
        values.loc[1 + 2 * at : 2 + 2 * at, row.input] = _values(problem, row, ends)
    return Futures(problem, 0, inputs, values, planned)


def _planned_values(problem: Problem, inputs: pd.DataFrame) -> pd.Series:
    """[parameter] values at which the problem is the planned one."""
    planned = {name: AS_PLANNED.get(name, 1.0) for name in inputs["input"]}
    if DELIVERED in planned:
        planned[DELIVERED] = problem.delivered_share
    if CAPACITY in planned:
        planned[CAPACITY] = _CASES[problem.scenario.storage.capacity]
    return pd.Series(planned, dtype=float)


def sampled_inputs(scenario: Scenario, table: pd.DataFrame, *, is_calibrated: bool) -> pd.DataFrame:
    """Return sampled parameters with the scenario's distributions, in the order in which they are applied.

    `table` is uncertainty/inputs. Raises InputError for an unknown parameter, or if every one is excluded.
    """
    requested = scenario.uncertainty
    table = table.assign(technology=table["technology"].fillna("").astype(str))
    is_known = table["input"].isin(list(UNCERTAIN_PARAMETERS)) | (table["technology"] != "")
    issues = [
        Issue("uncertainty/inputs.csv", f"parameter '{name}' is unknown",
              f"one of {list(UNCERTAIN_PARAMETERS)}, or a cost of one technology")
        for name in table.loc[~is_known, "input"]
    ]  # fmt: skip
    for name, spread in requested.spreads.items():
        mode = (spread.low + spread.high) / 2.0 if spread.distribution == "uniform" else spread.mode
        row = table["input"] == name
        table.loc[row, ["distribution", "low", "mode", "high"]] = [spread.distribution, spread.low, mode, spread.high]
    if issues:
        raise InputError(sorted(issues))
    is_sampled = ~table["input"].isin(requested.exclude)
    if not is_calibrated:
        # Only a calibration gives the posterior of the delivered share.
        is_sampled &= table["distribution"] != POSTERIOR
    if not is_sampled.any():
        place = place_of(scenario, "uncertainty.exclude")
        raise InputError([Issue(place, "every input is excluded, so that nothing is uncertain", "keep one of them")])
    order = {name: at for at, name in enumerate(UNCERTAIN_PARAMETERS)}
    at = table["input"].map(order).fillna(0.0)
    table = table[is_sampled].assign(at=at).sort_values(["at", "input"], kind="stable")
    return table[INPUT_COLUMNS].reset_index(drop=True)


def _values(problem: Problem, row: Any, probability: Floats) -> Floats:
    distribution = str(row.distribution)
    if distribution == POSTERIOR:
        assert problem.calibrated is not None
        draws = np.array([draw[DELIVERED] for draw in problem.calibrated.fit["draws"]], dtype=float)
        # Delivered shares by class keep their ratio to each other.
        relative = problem.delivered_share / problem.calibrated.delivered_share
        return np.minimum(empirical_quantiles(probability, draws) * relative, 1.0)
    values = quantiles(distribution, probability, float(row.low), float(row.mode), float(row.high))
    # A lognormal exceeds its 95 % quantile.
    return np.minimum(values, 1.0) if row.input == DELIVERED else values


def _correlate_points(points: dict[str, Floats], correlations: pd.DataFrame) -> dict[str, Floats]:
    """[future] cumulative probabilities of each parameter, rearranged to the rank correlations (Iman, Conover 1982)."""
    found = dict(points)
    names = sorted(found)
    n = len(found[names[0]])
    if n < 2:
        return found
    target = np.linalg.cholesky(correlation_matrix(correlations, names))
    scores = norm.ppf(np.column_stack([found[name] for name in names]))
    if n > 2 * len(names):
        # Remove the sample's own correlation first.
        scores = scores @ np.linalg.inv(np.linalg.cholesky(np.corrcoef(scores, rowvar=False))).T
    scores = scores @ target.T
    for j, name in enumerate(names):
        rank_of = np.argsort(np.argsort(scores[:, j], kind="stable"), kind="stable")
        found[name] = np.sort(found[name])[rank_of]
    return found


def _latin_hypercube(n: int, seed: int, name: str) -> Floats:
    """[future] one point in each n-th of 0 to 1, from the parameter's own random stream."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    points: Floats = qmc.LatinHypercube(d=1, rng=rng).random(n)[:, 0]
    return _open_interval(points)


def _sobol(n: int, seed: int, names: list[str]) -> dict[str, Floats]:
    """[future] points of a scrambled Sobol sequence (Owen 1998), one axis a parameter in order of names.

    The first `n` points of a sequence whose length is a power of two; most uniform if `n` is a power of two.
    """
    axes = qmc.Sobol(d=len(names), scramble=True, rng=np.random.default_rng([seed, zlib.crc32(SOBOL.encode())]))
    points = axes.random_base2(max(int(np.ceil(np.log2(n))), 0))[:n]
    return {name: _open_interval(points[:, axis]) for axis, name in enumerate(sorted(names))}


def _open_interval(points: Floats) -> Floats:
    """Points without 0 and 1, which have no finite normal score."""
    return np.clip(points, 1e-12, 1.0 - 1e-12)
