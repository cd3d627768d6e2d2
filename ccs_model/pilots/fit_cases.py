"""Replay cases that test the estimator: held-out zones, presets, the DRI plant, and the estimator itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ccs_model._typing import Floats
from ccs_model.errors import InputError, Issue
from ccs_model.pilots.calibrate import Fit, held_out, zone_spread
from ccs_model.pilots.estimate import DELTA, OTHER, PARAMETERS, PHI, Sample, band, priors_of, sample_of, variance
from ccs_model.pilots.observations import INSTALLED, LITERAL, REPORTED, Observation, observations_of
from ccs_model.pilots.replay_tables import ReplayContext
from ccs_model.pilots.sampling import mean, weighted_quantiles
from ccs_model.scenario.case import Case

Found = Mapping[str, float]

# Synthetic observations to test the estimator, and their random seed.
N_SYNTHETIC_PROGRAMMES, SEED = 500, 7
_VAGUE = 1e3


def heldout(case: Case, context: ReplayContext) -> Found:
    """Fit the preset without the zone and predict its report; the committed band is beside it."""
    fit = context.fit(case.preset)
    row = _report(fit, case.zone)
    reported = held_out(fit, case.zone, row.sigma)
    shipped = next((z for z in context.committed(case.preset).get("zones", ()) if z["zone"] == case.zone), None)
    committed = (shipped or {}).get("held_out") or {}
    return {
        "reported_abatement_share": row.value,
        "band_low_share": reported["p10"],
        "band_middle_share": reported["median"],
        "band_high_share": reported["p90"],
        "committed_low_share": committed.get("p10", np.nan),
        "committed_high_share": committed.get("p90", np.nan),
        "net_share": fit.sample.zones[case.zone].net_share,
        "is_refused": float(bool(fit.conflicts)),
    }


def presets(case: Case, context: ReplayContext) -> Found:
    """Return deployment and the split of the abatement under each preset, averaged over the zones."""
    found: dict[str, float] = {}
    for name, preset in (("reported", REPORTED), ("literal", LITERAL), ("installed", INSTALLED)):
        fit = context.fit(preset)
        sample, weights = fit.sample, fit.weights
        middle = band(sample.values[DELTA], weights)["median"]
        found[f"deployment_{name}_share"] = middle
        committed = context.committed(preset).get("parameters", {}).get(DELTA, {}).get("posterior", {})
        found[f"committed_deployment_{name}_share"] = committed.get("median", np.nan)
        found[f"delivered_{name}_share"] = band(sample.values[PHI], weights)["median"]
        capture = [mean(sample.capture_share(zone), weights) for zone in sample.zones]
        found[f"capture_{name}_share"] = float(np.mean(capture))
        found[f"other_{name}_share"] = mean(sample.values[OTHER], weights)
        reported = [row.value for row in fit.rows if row.quantity == "abatement_share"]
        found[f"unexplained_{name}_share"] = (
            float(np.mean(reported)) - found[f"capture_{name}_share"] - found[f"other_{name}_share"]
        )
        found[f"is_refused_{name}"] = float(bool(fit.conflicts))
    return found


def plant_hand(case: Case, context: ReplayContext) -> Found:
    """Check a plant by hand: iron × kg captured per t is its nameplate; use is compared with the delivered share."""
    values = case.values
    nameplate = values["iron_ktpa"] * values["captured_kg_per_t"] / 1000.0
    rows = {row.id: row for row in context.fit(INSTALLED).rows}
    used = rows["zhangjiakou-use"].value
    fit = context.fit(case.preset)
    delivered = band(fit.sample.values[PHI], fit.weights)
    hebei = fit.sample.zones["Hebei"]
    return {
        "nameplate_ktpa": nameplate,
        "captured_ktpa": used,
        "delivered_share": used / nameplate,
        "delivered_low_share": delivered["p10"],
        "delivered_high_share": delivered["p90"],
        "counted_as_capture_ktpa": used,
        "counted_as_other_ktpa": values["switch_ktpa"],
        "part_of_reported_abatement_share": used / (_report(fit, "Hebei").value * hebei.baseline_ktpa),
    }


def calibrator(case: Case, context: ReplayContext) -> Found:
    """Test the estimator on synthetic observations from its own priors, and its invariants."""
    rows = observations_of(context.inputs, case.preset)
    approx = [replace(row, kind="approx") for row in rows if row.quantity == "abatement_share"]
    sample = _sample(context, rows)
    again = _sample(context, tuple(reversed(rows)))
    weights, reversed_weights = sample.weights(rows), again.weights(tuple(reversed(rows)))
    vague = sample.weights([replace(row, sigma=_VAGUE) for row in approx])
    flat = np.ones_like(vague)
    moved = max(
        abs(one - other) / (sample.priors[name].high - sample.priors[name].low)
        for name in PARAMETERS
        for one, other in zip(
            weighted_quantiles(sample.values[name], vague, (0.1, 0.5, 0.9)),
            weighted_quantiles(sample.values[name], flat, (0.1, 0.5, 0.9)),
            strict=True,
        )
    )
    worst = ranks_distance(sample, approx)
    return {
        "rank_distance_share": worst,
        "rank_distance_allowed_share": 1.63 / np.sqrt(N_SYNTHETIC_PROGRAMMES),
        "vague_moves_share": moved,
        "variance_against_prior_share": max(
            abs(variance(sample.values[name], flat) / sample.priors[name].variance - 1.0) for name in PARAMETERS
        ),
        "order_changes_bits": float(not np.array_equal(weights, reversed_weights)),
        "rerun_changes_bits": float(not np.array_equal(weights, _sample(context, rows).weights(rows))),
    }


def ranks_distance(
    sample: Sample, rows: list[Observation], n_programmes: int = N_SYNTHETIC_PROGRAMMES, seed: int = SEED
) -> float:
    """Return the largest Kolmogorov distance between the truth's posterior ranks and a uniform distribution.

    Simulation-based calibration (Talts et al. 2018): truths are drawn from the priors and observed with noise. If the
    estimator is correct, the posterior weight below the truth is uniform on 0 to 1.
    """
    rng = np.random.default_rng(seed)
    truths = rng.choice(len(sample.noise), size=n_programmes, replace=False)
    ranks = {name: np.empty(n_programmes) for name in (DELTA, PHI, OTHER)}
    predicted = [sample.predicted(row) for row in rows]
    for k, truth in enumerate(truths):
        reported = [
            replace(row, value=float(each[truth] + row.sigma * rng.standard_normal()))
            for row, each in zip(rows, predicted, strict=True)
        ]
        log = np.zeros(len(sample.noise))
        for row, each in zip(reported, predicted, strict=True):
            log += row.log_likelihood(each)
        weights = np.exp(log - log.max())
        # The truth is a point of the sample; half of its own weight counts as below it.
        total = float(weights.sum())
        for name, found in ranks.items():
            values = sample.values[name]
            below = float(weights[values < values[truth]].sum()) + 0.5 * float(weights[truth])
            found[k] = below / total
    return max(_distance(found) for found in ranks.values())


def _distance(ranks: Floats) -> float:
    ordered = np.sort(ranks)
    n = len(ordered)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def _sample(context: ReplayContext, rows: tuple[Observation, ...]) -> Sample:
    zones = [context.zone(zone) for zone in sorted({zone for row in rows for zone in row.zones})]
    return sample_of(priors_of(context.inputs), zones, zone_spread(context.inputs), rows)


def _report(fit: Fit, zone: str) -> Observation:
    """Observation of a zone's abatement."""
    row = next((row for row in fit.rows if zone in row.zones and row.quantity == "abatement_share"), None)
    if row is None:
        what = f"preset {fit.preset} has no reported abatement of '{zone}'"
        raise InputError([Issue(f"zone '{zone}'", what, f"it reports {', '.join(fit.sample.zones)}")])
    return row
