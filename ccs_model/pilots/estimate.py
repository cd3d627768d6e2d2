"""Estimator: points from the priors, weighted by the likelihood of the observations.

    r_z = b + (1 − b) × φ_z × d_z × N_z        abatement of zone z
    φ_z = min(1, φ × exp(τ ε_z))               delivered share of the zone, ε_z standard normal
    d_z = delta, unless the zone's programme is documented
    captured_z = φ_z × d_z × capturable_z      kt/y

If an observation states the installed capacity (kind lognormal), delta is drawn from it and weighted by its triangular
prior: draws from the prior would leave few effective points. Rows are sorted by id before any sum, and Halton points
are the same on every run, so that equal inputs give equal bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ccs_model._typing import Floats
from ccs_model.analysis.uncertain_inputs import triangular
from ccs_model.inputs import Inputs
from ccs_model.pilots.observations import DRAWN_FROM, Observation, Zone
from ccs_model.pilots.sampling import halton, mean, normal_halton, triangular_density, weighted_quantiles

N_POINTS = 20_000
DELTA, PHI, OTHER, KAPPA = "deployment_share", "delivered_share", "b_share", "kappa"
PARAMETERS = (DELTA, PHI, OTHER, KAPPA)
BAND = (0.1, 0.5, 0.9)


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

    def predicted(self, row: Observation) -> Floats:
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
                total += row.log_likelihood(self.predicted(row))
        weights: Floats = np.exp(total - total.max())
        return weights

    def _delivered_part(self, zone: str) -> Floats:
        programme = self.zones[zone].programme_share
        share = self.values[DELTA] if programme is None else programme
        return self.zone_delivered[zone] * share


def priors_of(inputs: Inputs) -> dict[str, Prior]:
    """Return the triangular distributions of pilots/priors."""
    table = inputs["pilots/priors"].set_index("parameter")
    return {name: Prior(*(float(table.at[name, end]) for end in ("low", "mode", "high"))) for name in PARAMETERS}


def sample_of(
    priors: Mapping[str, Prior],
    zones: Sequence[Zone],
    zone_spread: float,
    rows: Sequence[Observation] = (),
    n_points: int = N_POINTS,
) -> Sample:
    """Points and predictions for zones; `rows` matter only for one from which delta is drawn."""
    named = {zone.zone: zone for zone in sorted(zones, key=lambda each: each.zone)}
    points = halton(n_points, len(PARAMETERS) + 1 + len(named))
    values = {
        name: triangular(points[:, k], priors[name].low, priors[name].mode, priors[name].high)
        for k, name in enumerate(PARAMETERS)
    }
    noise = normal_halton(n_points, len(PARAMETERS))
    delivered = {
        zone: np.minimum(1.0, values[PHI] * np.exp(zone_spread * normal_halton(n_points, len(PARAMETERS) + 1 + k)))
        for k, zone in enumerate(named)
    }
    log_start = np.zeros(n_points)
    drawn = _installed(rows, named)
    if drawn is not None:
        zone = named[drawn.zones[0]]
        reported = drawn.value * np.exp(drawn.sigma * normal_halton(n_points, 0))
        delta = reported / (delivered[zone.zone] * zone.capturable_ktpa)
        values[DELTA] = delta
        prior = priors[DELTA]
        # Drawn with density ∝ 1 ÷ delta; the triangle's density times delta turns that into the posterior.
        with np.errstate(divide="ignore"):
            log_start = np.log(triangular_density(delta, prior.low, prior.mode, prior.high) * delta)
    return Sample(priors, named, values, delivered, log_start, noise, drawn.id if drawn is not None else "")


def _installed(rows: Sequence[Observation], zones: Mapping[str, Zone]) -> Observation | None:
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
