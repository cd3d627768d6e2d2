"""Calibration: fits parameters to the pilot zones, rejects conflicting reports, and writes calibration.json.

The fit uses the programme as installed. A fit through the optimiser would bias the delivered share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ccs_model._typing import Floats
from ccs_model.analysis.uncertain_inputs import triangular
from ccs_model.arguments import file_path, instance_of, optional
from ccs_model.atomic_files import write_atomic
from ccs_model.errors import CheckError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.pilots.estimate import (
    DELTA,
    N_POINTS,
    OTHER,
    PARAMETERS,
    PHI,
    REPORTED,
    Observation,
    Prior,
    Sample,
    Zone,
    band,
    correlation,
    effective_points,
    equal_weight_draws,
    mean,
    observations_of,
    presets,
    priors_of,
    sample_of,
    triangular_cdf,
    variance,
    zone_names,
    zone_of,
)
from ccs_model.problem.applied_calibration import CONSISTENT, OUTSIDE

FARTHEST_Z = 2.0
LEAST_EFFECTIVE_POINTS = 100.0
LEAST_CONTRACTION = 0.1
# A parameter is "at bound" if more than this share of the weight lies within this part of the range.
NEAR_BOUND, MASS_AT_BOUND = 0.02, 0.2

NOT_INFORMED, AT_BOUND, INFORMED = "not informed by the pilots", "at bound", "informed"


def assessment_of(values: Floats, weights: Floats, prior: Prior, contraction: float) -> str:
    """What may be said of one parameter after the fit."""
    margin = NEAR_BOUND * (prior.high - prior.low)
    share = weights / weights.sum()
    for near in (values <= prior.low + margin, values >= prior.high - margin):
        if float(share[near].sum()) > MASS_AT_BOUND:
            return AT_BOUND
    return NOT_INFORMED if contraction < LEAST_CONTRACTION else INFORMED


def conflicts_of(sample: Sample, rows: Sequence[Observation], weights: Floats) -> list[str]:
    """Why the fit must be refused: rows that the priors do not reach, or too few points that carry the weight."""
    before = np.exp(sample.log_start - sample.log_start.max())
    found = []
    for row in rows:
        if row.id == sample.drawn_from:
            continue
        predicted = sample.predict(row)
        z = row.z(predicted, before)
        if abs(z) > FARTHEST_Z:
            expected = mean(predicted, before)
            left = row.value - mean(predicted, weights)
            found.append(
                f"{row.id}: reported {row.value:g}, but {expected:.3g} is what the priors predict (z = {z:.1f}); "
                f"after the fit {left:.3g} of it stays unexplained"
            )
    points = effective_points(weights)
    if points < LEAST_EFFECTIVE_POINTS:
        found.append(f"only {points:.0f} points carry the weight, fewer than {LEAST_EFFECTIVE_POINTS:.0f}")
    return found


SCHEMA = "ccs-model/calibration/2"
N_DRAWS = 64
DIGITS = 9
ALL = "all"

# Tables that a fit rests on.
_RESTS_ON = ("pilots/", "plants/", "streams/", "technologies/", "prices/grid_factors")


@dataclass(frozen=True, eq=False)
class Fit:
    """Posterior of one preset: points, weights and observations."""

    preset: str
    rows: tuple[Observation, ...]
    sample: Sample
    weights: Floats
    conflicts: tuple[str, ...]


@dataclass(frozen=True)
class Calibration:
    """Fits of one or more presets as plain values: the content of calibration.json."""

    document: Mapping[str, Any]

    def __getitem__(self, preset: str) -> Mapping[str, Any]:
        return self.document["presets"][preset]

    @property
    def names(self) -> tuple[str, ...]:
        """Presets that were fitted."""
        return tuple(self.document["presets"])

    def text(self) -> str:
        """The document as JSON: the same inputs give the same bytes."""
        return json.dumps(dict(self.document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_json(self, path: str | PathLike[str]) -> Path:
        """Write calibration.json. Raises FileError when it cannot be written."""
        return write_atomic(file_path("path", path), self.text().encode())


def calibrate(preset: str = REPORTED, *, accept: bool = False, inputs: Inputs | None = None) -> Calibration:
    """Fit a preset of pilots/presets (or `all`) to its observations.

    Parameters
    ----------
    preset
        Name of the preset, or `all`.
    accept
        Whether to fit a report that conflicts with the priors; the conflict stands beside the parameters.
    inputs
        Tables; the shipped ones by default.

    Returns
    -------
    Calibration
        Posterior of each parameter and zone by preset, and the observations behind it.

    Raises
    ------
    CheckError
        If a report and the priors conflict, unless `accept`.
    InputError
        If there is no such preset.
    """
    instance_of("preset", preset, str, "the name of a preset")
    inputs = optional(instance_of, "inputs", inputs, Inputs, "Inputs", "load_inputs() reads them") or load_inputs()
    names = presets(inputs) if preset == ALL else [preset]
    wanted = {name: observations_of(inputs, name) for name in names}
    zones = {name: zone_of(inputs, name) for name in zone_names(row for rows in wanted.values() for row in rows)}
    fits = {name: fit(inputs, name, rows, [zones[z] for z in zone_names(rows)]) for name, rows in wanted.items()}
    rejected = [f"{name}: {words}" for name, each in fits.items() for words in each.conflicts]
    if rejected and not accept:
        raise CheckError(
            "the report and what is known of capture conflict, so nothing was fitted:\n"
            + "\n".join(f"  - {words}" for words in rejected)
            + "\n--accept fits it all the same and writes the conflict beside the numbers"
        )
    hashes = {
        name: sha for name, sha in sorted(inputs.sha256.items()) if name.removeprefix("own:").startswith(_RESTS_ON)
    }
    records = {name: _record(each) for name, each in fits.items()}
    return Calibration(MappingProxyType({"schema": SCHEMA, "points": N_POINTS, "inputs": hashes, "presets": records}))


def fit(inputs: Inputs, preset: str, rows: Sequence[Observation], zones: Sequence[Zone]) -> Fit:
    """The posterior of one preset; nothing is refused here."""
    sample = sample_of(priors_of(inputs), zones, zone_spread(inputs), rows)
    weights = sample.weights(rows)
    return Fit(preset, tuple(rows), sample, weights, tuple(conflicts_of(sample, rows, weights)))


def zone_spread(inputs: Inputs) -> float:
    """Return the standard deviation between zones, tau."""
    table = inputs["pilots/factors"].set_index("factor")["value"]
    return float(table["zone_spread"])


def predict_held_out(each: Fit, zone: str, sigma: float) -> dict[str, float]:
    """The band of a report of `zone`, fitted without its rows: the predicted abatement with a report's own error."""
    sample = each.sample
    return band(sample.abatement_share(zone) + sigma * sample.noise, sample.weights(each.rows, without=zone))


def _record(each: Fit) -> dict[str, Any]:
    weights, priors, values = each.weights, each.sample.priors, each.sample.values
    parameters = {name: _parameter(values[name], weights, priors[name]) for name in PARAMETERS}
    delta_p90 = parameters[DELTA]["posterior"]["p90"]
    record = {
        "accepted": bool(each.conflicts),
        "conflicts": list(each.conflicts),
        "effective_points": effective_points(weights),
        "parameters": parameters,
        "delivered_deployment_share": band(values[PHI] * values[DELTA], weights),
        "prior_share_below_p90_of_deployment": triangular_cdf(
            delta_p90, priors[DELTA].low, priors[DELTA].mode, priors[DELTA].high
        ),
        "correlations": {
            f"{a} and {b}": correlation(values[a], values[b], weights) for a, b in combinations(PARAMETERS, 2)
        },
        "observations": _observations(each),
        "zones": _zone_records(each),
        "draws": [{name: float(values[name][i]) for name in PARAMETERS} for i in equal_weight_draws(weights, N_DRAWS)],
    }
    return _round_numbers(record)


def _parameter(values: Floats, weights: Floats, prior: Prior) -> dict[str, Any]:
    """Prior and posterior of one parameter, and how far the observations narrow it."""
    flat = np.ones_like(weights)
    points = triangular((np.arange(len(flat)) + 0.5) / len(flat), prior.low, prior.mode, prior.high)
    contraction = 1.0 - variance(values, weights) / prior.variance
    return {
        "prior": band(points, flat),
        "posterior": band(values, weights),
        "mean": mean(values, weights),
        "contraction_share": contraction,
        "verdict": assessment_of(values, weights, prior, contraction),
    }


def _observations(each: Fit) -> list[dict[str, Any]]:
    sample = each.sample
    before = np.exp(sample.log_start - sample.log_start.max())
    found = []
    for row in each.rows:
        predicted = sample.predict(row)
        found.append(
            {
                "id": row.id,
                "zone": "|".join(row.zones),
                "quantity": row.quantity,
                "kind": row.kind,
                "value": None if np.isnan(row.value) else row.value,
                "sigma": row.sigma,
                "grade": row.grade,
                "z": None if row.id == sample.drawn_from else row.z(predicted, before),
                "predicted": band(predicted, before),
                "fitted": band(predicted, each.weights),
            }
        )
    return found


def _zone_records(each: Fit) -> list[dict[str, Any]]:
    """Each zone with what was reported of it, how that splits, and what a report would be, fitted without it."""
    sample, weights = each.sample, each.weights
    found = []
    for name, zone in sample.zones.items():
        reports = [row for row in each.rows if name in row.zones and row.quantity == "abatement_share"]
        reported = reports[0] if reports and np.isfinite(reports[0].value) else None
        capture, other = sample.capture_share(name), sample.values[OTHER]
        record: dict[str, Any] = {
            "zone": name,
            "baseline_ktpa": zone.baseline_ktpa,
            "capturable_ktpa": zone.capturable_ktpa,
            "net_share": zone.net_share,
            "reported_abatement_share": reported.value if reported is not None else None,
            **{
                f"{name}_share": {**band(share, weights), "mean": mean(share, weights)}
                for name, share in (("capture", capture), ("other", other), ("fitted_abatement", capture + other))
            },
            "held_out": None,
        }
        if reported is not None:
            record["unexplained_share"] = reported.value - record["fitted_abatement_share"]["mean"]
            if len(sample.zones) > 1:
                held_out_bands = predict_held_out(each, name, reported.sigma)
                inside = held_out_bands["p10"] <= reported.value <= held_out_bands["p90"]
                record["held_out"] = {**held_out_bands, "verdict": CONSISTENT if inside else OUTSIDE}
        found.append(record)
    return found


def _round_numbers(value: Any) -> Any:
    """Nine digits of every number: the last bits of an exponential are the machine's own, and no fit has more."""
    if isinstance(value, dict):
        return {key: _round_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_round_numbers(each) for each in value]
    if isinstance(value, bool) or value is None or isinstance(value, str | int):
        return value
    return float(f"{float(value):.{DIGITS}g}")
