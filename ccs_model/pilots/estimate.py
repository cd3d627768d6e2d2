"""Estimator of the pilot zones: observations, figures of the zones, and points from the priors.

The likelihood of the observations weights the points:

    r_z = b + (1 − b) × φ_z × d_z × N_z        abatement of zone z
    φ_z = min(1, φ × exp(τ ε_z))               delivered share of the zone, ε_z standard normal
    d_z = delta, unless the zone's programme is documented
    captured_z = φ_z × d_z × capturable_z      kt/y

If an observation states the installed capacity (kind lognormal), delta is drawn from it and weighted by its triangular
prior: draws from the prior would leave few effective points. Rows are sorted by id before any sum, and the points are
quasi-random (Halton), so that equal inputs give equal bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.analysis.uncertain_inputs import triangular
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.source_checks import parts
from ccs_model.problem import Problem, build_problem
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import SHIPPED_INVENTORIES
from ccs_model.scenario.sections import SHIPPED_PRESET

# Points of more dimensions follow each other closely.
MOST_DIMENSIONS = 20
# Tails are truncated, so that very unlikely points keep a finite logarithm.
_LEAST_LOG = -700.0

_erfc = np.frompyfunc(math.erfc, 1, 1)
_inverse_normal = np.frompyfunc(NormalDist().inv_cdf, 1, 1)


@cache
def halton(n_points: int, n_dimensions: int) -> Floats:
    """[point, dimension] the Halton sequence (Halton 1960) from its second point on, inside 0 to 1."""
    if n_dimensions > MOST_DIMENSIONS:
        raise ValueError(f"at most {MOST_DIMENSIONS} dimensions, got {n_dimensions}")
    from scipy.stats import qmc

    sequence = qmc.Halton(n_dimensions, scramble=False).fast_forward(1)
    points: Floats = sequence.random(n_points)
    # Cached and shared by fits of the same size, hence read-only.
    points.flags.writeable = False
    return points


@cache
def normal_halton(n_points: int, dimension: int) -> Floats:
    """[point] standard normals of one dimension of the sequence."""
    points = normal_quantiles(halton(n_points, dimension + 1)[:, dimension])
    points.flags.writeable = False
    return points


def triangular_density(value: Floats, low: float, mode: float, high: float) -> Floats:
    """Density of the triangle."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = 2.0 * (value - low) / ((high - low) * (mode - low))
        falling = 2.0 * (high - value) / ((high - low) * (high - mode))
    density = np.where(value < mode, rising, falling)
    inside = (value >= low) & (value <= high)
    return np.where(inside, np.maximum(np.nan_to_num(density), 0.0), 0.0)


def triangular_cdf(value: float, low: float, mode: float, high: float) -> float:
    """The share of the triangle below `value`."""
    if value <= low or value >= high:
        return float(value >= high)
    if value < mode:
        return (value - low) ** 2 / ((high - low) * (mode - low))
    return 1.0 - (high - value) ** 2 / ((high - low) * (high - mode))


def normal_quantiles(share: Floats) -> Floats:
    """The standard normal below which `share` lies."""
    return np.asarray(_inverse_normal(share), dtype=float)


def normal_log_cdf(z: Floats) -> Floats:
    """Logarithm of the standard normal's share below z."""
    below = 0.5 * np.asarray(_erfc(-np.asarray(z) / math.sqrt(2.0)), dtype=float)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(below), _LEAST_LOG)


def normal_log_cdf_between(low: Floats, high: Floats) -> Floats:
    """Logarithm of the standard normal's share between two places; taken in the lower tail, where it is exact."""
    flip = low + high > 0
    left, right = np.where(flip, -high, low), np.where(flip, -low, high)
    share = 0.5 * np.asarray(_erfc(-right / math.sqrt(2.0)) - _erfc(-left / math.sqrt(2.0)), dtype=float)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(share), _LEAST_LOG)


def weighted_quantiles(values: Floats, weights: Floats, shares: Sequence[float]) -> list[float]:
    """Values below which each share of the weight lies, straight lines between the middles of the points."""
    order = np.argsort(values, kind="stable")
    ordered, weight = values[order], weights[order]
    until = np.cumsum(weight)
    middle = (until - 0.5 * weight) / until[-1]
    return [float(value) for value in np.interp(shares, middle, ordered)]


def equal_weight_draws(weights: Floats, n_draws: int) -> Ints:
    """Return the positions of `n_draws` points of equal weight (systematic resampling)."""
    until = np.cumsum(weights) / weights.sum()
    steps = (np.arange(n_draws) + 0.5) / n_draws
    return np.minimum(np.searchsorted(until, steps), len(weights) - 1).astype(np.int64)


def mean(values: Floats, weights: Floats) -> float:
    """Weighted mean. Summed in numpy's own order, which does not depend on how many threads there are."""
    return float((weights * values).sum() / weights.sum())


def effective_points(weights: Floats) -> float:
    """Return the effective sample size: (Σ w)² ÷ Σ w²."""
    return float(weights.sum() ** 2 / (weights**2).sum())


N_POINTS = 20_000
DELTA, PHI, OTHER, KAPPA = "deployment_share", "delivered_share", "b_share", "kappa"
PARAMETERS = (DELTA, PHI, OTHER, KAPPA)
BAND = (0.1, 0.5, 0.9)
REPORTED, LITERAL = SHIPPED_PRESET, "pilot-literal"
# Kinds of observation from which a parameter is drawn.
DRAWN_FROM = "lognormal"


@dataclass(frozen=True)
class Observation:
    """One observation; for shares, `sigma` is at least the minimum of its grade."""

    id: str
    zones: tuple[str, ...]
    quantity: str
    kind: str
    value: float
    low: float
    high: float
    sigma: float
    grade: str

    def log_likelihood(self, predicted: Floats) -> Floats:
        """Return [point] the log likelihood of the observation given the predictions, without constants."""
        if self.kind == "lognormal":
            with np.errstate(divide="ignore"):
                return np.maximum(-0.5 * ((np.log(self.value) - np.log(predicted)) / self.sigma) ** 2, -1e300)
        if self.kind == "upper":
            return normal_log_cdf((self.value - predicted) / self.sigma)
        if self.kind == "lower":
            return normal_log_cdf((predicted - self.value) / self.sigma)
        if self.kind == "interval":
            return normal_log_cdf_between((self.low - predicted) / self.sigma, (self.high - predicted) / self.sigma)
        return -0.5 * ((self.value - predicted) / self.sigma) ** 2

    def z(self, predicted: Floats, weights: Floats) -> float:
        """Return the distance between the observation and the weighted predictions, in joint standard deviations.

        A bound counts predictions beyond it only, an interval predictions outside it.
        """
        at = np.log(np.maximum(predicted, 1e-300)) if self.kind == "lognormal" else predicted
        middle = mean(at, weights)
        spread = float(np.sqrt(mean((at - middle) ** 2, weights) + self.sigma**2))
        if self.kind == "interval":
            return (min(max(middle, self.low), self.high) - middle) / spread
        reported = float(np.log(self.value)) if self.kind == "lognormal" else self.value
        z = (reported - middle) / spread
        return min(z, 0.0) if self.kind == "upper" else max(z, 0.0) if self.kind == "lower" else z


def presets(inputs: Inputs) -> list[str]:
    """Names of the presets, in the order of the table."""
    return list(dict.fromkeys(inputs["pilots/presets"]["preset"]))


def observations_of(inputs: Inputs, preset: str) -> tuple[Observation, ...]:
    """The preset's rows, sorted by id. Raises InputError for a preset that is not in the table."""
    known = inputs["pilots/presets"]
    wanted = set(known.loc[known["preset"] == preset, "id"])
    if not wanted:
        raise InputError([Issue("preset", f"'{preset}' is not in pilots/presets", ", ".join(presets(inputs)))])
    table = inputs["pilots/observations"]
    factors = inputs["pilots/factors"].set_index("factor")["value"]
    rows = table[table["id"].isin(wanted)].sort_values("id", kind="stable")
    return tuple(_observation(row, factors) for _, row in rows.iterrows())


def zone_names(rows: Iterable[Observation]) -> list[str]:
    """The zones that the observations name, sorted."""
    return sorted({zone for row in rows for zone in row.zones})


def _observation(row: pd.Series, factors: pd.Series) -> Observation:
    least = f"least_sigma_{str(row['grade']).lower()}_share"
    floor = float(factors.get(least, 0.0)) if row["quantity"] == "abatement_share" else 0.0
    identifier, quantity, kind, grade = (str(row[name]) for name in ("id", "quantity", "kind", "grade"))
    value, low, high, sigma = (float(row[name]) for name in ("value", "low", "high", "sigma"))
    zones = tuple(sorted(parts(row["zone"])))
    return Observation(identifier, zones, quantity, kind, value, low, high, max(sigma, floor), grade)


# Zones: tonnes and net avoided share at full retrofit, from the plan's own engineering.
#
# capturable_ktpa     Σ over streams: nameplate of the option that avoids most
# net_share           N: Σ over streams: avoided by that option at design ÷ baseline of all operating plants


@dataclass(frozen=True)
class Zone:
    """Figures of a zone; `programme_share` is None without a documented programme."""

    zone: str
    baseline_ktpa: float
    capturable_ktpa: float
    net_share: float
    programme_share: float | None = None


def zone_scenario(inputs: Inputs, zone: str, changes: Mapping[str, object] | None = None) -> Scenario:
    """Return a representative year of a zone: continuous decisions, own pipes; `changes` by dotted key override."""
    row = _row(inputs, zone)
    scenario = Scenario.from_dict(
        {
            "name": f"Zone {zone}",
            "years": "static",
            "plants": {"inventory": parts(row["sectors"]), "provinces": [row["province"]]},
            "transport": {"shared_trunklines": False},
            "capture": {"decisions": "continuous"},
            "budget": {"total_mn": 0},
            "data": inputs.own.data if inputs.own is not None else None,
            "solver": {"mip_gap": 0.0, "threads": 1},
        }
    )
    return scenario.with_changes(changes) if changes else scenario


def zone_inputs(inputs: Inputs, zone: str, plants: Sequence[str] = ()) -> Inputs:
    """The tables with the zone's plants alone, so that a park's baseline is its own; or with `plants` alone."""
    named = list(plants) or parts(_row(inputs, zone)["plants"])
    if not named:
        return inputs
    tables = dict(inputs.tables)
    for sector in SHIPPED_INVENTORIES:
        frame = tables[f"plants/{sector}"]
        tables[f"plants/{sector}"] = frame[frame["plant"].isin(named)].reset_index(drop=True)
    return replace(inputs, tables=MappingProxyType(tables), sources=MappingProxyType({}))


def zone_of(inputs: Inputs, zone: str) -> Zone:
    """Return the figures of a zone. Raises InputError for a zone without emissions."""
    row = _row(inputs, zone)
    inside = [inputs[f"plants/{sector}"]["province"] == row["province"] for sector in parts(row["sectors"])]
    where = inputs.place("pilots/zones", int(row.name))
    if not any(each.any() for each in inside):
        what = f"zone {zone} has no plants: no {row['sectors'].replace('|', ' or ')} in {row['province']}"
        raise InputError([Issue(where, what, "name a province of the tables")])
    problem = build_problem(zone_scenario(inputs, zone), zone_inputs(inputs, zone))
    best = best_options(problem)
    if problem.baseline_ktpa <= 0:
        raise InputError([Issue(where, f"zone {zone} has no operating plant that emits")])
    share = row["programme_share"]
    return Zone(
        zone,
        problem.baseline_ktpa,
        float(best["nameplate_ktpa"].sum()),
        float(best["avoided_ktpa"].sum()) / problem.baseline_ktpa,
        None if pd.isna(share) else float(share),
    )


def best_options(problem: Problem) -> pd.DataFrame:
    """Return the option of each stream that avoids most at design: avoided_t_per_t, avoided_ktpa, nameplate_ktpa."""
    routes = problem.routes[["route", "plant", "stream", "nameplate_ktpa"]].copy()
    routes["avoided_t_per_t"] = problem.avoided_t_per_t[:, -1]
    routes["avoided_ktpa"] = routes["nameplate_ktpa"] * routes["avoided_t_per_t"]
    ordered = routes.sort_values(["avoided_ktpa", "route"], ascending=[False, True], kind="stable")
    best = ordered.drop_duplicates(["plant", "stream"])
    return best.sort_values(["plant", "stream"], kind="stable").reset_index(drop=True)


def _row(inputs: Inputs, zone: str) -> pd.Series:
    table = inputs["pilots/zones"]
    found = table[table["zone"] == zone]
    if found.empty:
        raise InputError([Issue(f"zone '{zone}'", "is not in the table pilots/zones", ", ".join(table["zone"]))])
    return found.iloc[0]


@dataclass(frozen=True)
class Prior:
    """A triangular distribution."""

    low: float
    mode: float
    high: float

    @property
    def variance(self) -> float:
        """Variance of the triangle."""
        a, c, b = self.low, self.mode, self.high
        return (a * a + b * b + c * c - a * b - a * c - b * c) / 18.0


@dataclass(frozen=True, eq=False)
class Sample:
    """Points of the priors and their predictions for each zone: arrays [point].

    `log_start` are log weights before the observations: 0, unless delta is drawn from an observation of installed
    capacity. `noise` is a standard normal for the error of a report.
    """

    priors: Mapping[str, Prior]
    zones: Mapping[str, Zone]
    values: Mapping[str, Floats]
    zone_delivered: Mapping[str, Floats]
    log_start: Floats
    noise: Floats
    drawn_from: str = ""

    def capture_share(self, zone: str) -> Floats:
        """Return the abatement by capture as a share of the zone's baseline: (1 − b) × φ_z × d_z × N_z."""
        return (1.0 - self.values[OTHER]) * self._delivered_part(zone) * self.zones[zone].net_share

    def abatement_share(self, zone: str) -> Floats:
        """Return the abatement share of a zone, r_z, of every draw."""
        return self.values[OTHER] + self.capture_share(zone)

    def captured_ktpa(self, zone: str) -> Floats:
        """Return the delivered tonnes of the programme as installed."""
        return self._delivered_part(zone) * self.zones[zone].capturable_ktpa

    def predict(self, row: Observation) -> Floats:
        """Return the prediction of an observation; of a group, its maximum."""
        of = self.abatement_share if row.quantity == "abatement_share" else self.captured_ktpa
        found = of(row.zones[0])
        for zone in row.zones[1:]:
            found = np.maximum(found, of(zone))
        return found

    def weights(self, rows: Sequence[Observation], without: str = "") -> Floats:
        """[point] weights after the rows, largest 1; `without` leaves one zone's rows out."""
        total = self.log_start.copy()
        for row in sorted(rows, key=lambda each: each.id):
            if row.id != self.drawn_from and without not in row.zones:
                total += row.log_likelihood(self.predict(row))
        return np.exp(total - total.max())

    def _delivered_part(self, zone: str) -> Floats:
        programme = self.zones[zone].programme_share
        share = self.values[DELTA] if programme is None else programme
        return self.zone_delivered[zone] * share


def priors_of(inputs: Inputs) -> dict[str, Prior]:
    """Return the triangular distributions of pilots/priors."""
    table = inputs["pilots/priors"].set_index("parameter")
    return {name: Prior(*(float(table.at[name, end]) for end in ("low", "mode", "high"))) for name in PARAMETERS}


def sample_of(
    priors: Mapping[str, Prior], zones: Sequence[Zone], zone_spread: float, rows: Sequence[Observation] = ()
) -> Sample:
    """Points and predictions for zones; `rows` matter only for one from which delta is drawn."""
    named = {zone.zone: zone for zone in sorted(zones, key=lambda each: each.zone)}
    points = halton(N_POINTS, len(PARAMETERS) + 1 + len(named))
    values = {
        name: triangular(points[:, k], priors[name].low, priors[name].mode, priors[name].high)
        for k, name in enumerate(PARAMETERS)
    }
    noise = normal_halton(N_POINTS, len(PARAMETERS))
    delivered = {
        zone: np.minimum(1.0, values[PHI] * np.exp(zone_spread * normal_halton(N_POINTS, len(PARAMETERS) + 1 + k)))
        for k, zone in enumerate(named)
    }
    log_start = np.zeros(N_POINTS)
    drawn = _installed_programme(rows, named)
    if drawn is not None:
        zone = named[drawn.zones[0]]
        reported = drawn.value * np.exp(drawn.sigma * normal_halton(N_POINTS, 0))
        delta = reported / (delivered[zone.zone] * zone.capturable_ktpa)
        values[DELTA] = delta
        prior = priors[DELTA]
        # Drawn with density ∝ 1 ÷ delta; the triangle's density times delta turns that into the posterior.
        with np.errstate(divide="ignore"):
            log_start = np.log(triangular_density(delta, prior.low, prior.mode, prior.high) * delta)
    return Sample(priors, named, values, delivered, log_start, noise, drawn.id if drawn is not None else "")


def _installed_programme(rows: Sequence[Observation], zones: Mapping[str, Zone]) -> Observation | None:
    for row in sorted(rows, key=lambda each: each.id):
        if row.kind == DRAWN_FROM and row.quantity == "captured_ktpa" and zones[row.zones[0]].programme_share is None:
            return row
    return None


def band(values: Floats, weights: Floats) -> dict[str, float]:
    """P10, median and P90."""
    return dict(zip(("p10", "median", "p90"), weighted_quantiles(values, weights, BAND), strict=True))


def variance(values: Floats, weights: Floats) -> float:
    """Weighted variance."""
    return mean((values - mean(values, weights)) ** 2, weights)


def correlation(one: Floats, other: Floats, weights: Floats) -> float:
    """Return the weighted correlation; 0 if one of the two is constant."""
    a, b = one - mean(one, weights), other - mean(other, weights)
    size = float(np.sqrt(mean(a**2, weights) * mean(b**2, weights)))
    return mean(a * b, weights) / size if size > 0 else 0.0
