"""The estimator of pilot parameters, compared with an independent sampler, its priors and hand calculations."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from ccs_model.inputs import Inputs
from ccs_model.paths import data_folder
from ccs_model.pilots.calibrate import (
    AT_BOUND,
    INFORMED,
    NOT_INFORMED,
    Calibration,
    assessment_of,
    calibrate,
    zone_spread,
)
from ccs_model.pilots.estimate import (
    DELTA,
    LITERAL,
    OTHER,
    PARAMETERS,
    PHI,
    REPORTED,
    Observation,
    Prior,
    Sample,
    Zone,
    band,
    observations_of,
    priors_of,
    sample_of,
)
from ccs_model.pilots.replay_cases import ReplayContext, ranks_distance

# Two zones of round numbers; their net shares are close to those of the shipped inventories.
ZONES = [Zone("A", 300_000.0, 200_000.0, 0.5), Zone("B", 100_000.0, 70_000.0, 0.45)]


def row(zone: str, kind: str = "approx", **changes: object) -> Observation:
    reported = Observation(f"{zone}-row", (zone,), "abatement_share", kind, 0.15, math.nan, math.nan, 0.025, "C")
    return replace(reported, **changes)  # type: ignore[arg-type]


def sampled(inputs: Inputs, rows: list[Observation]) -> Sample:
    return sample_of(priors_of(inputs), ZONES, 0.2, rows)


def metropolis(priors: dict[str, Prior], rows: list[Observation], n_chains: int, n_steps: int) -> np.ndarray:
    """Draws (rows) of delta, phi and b from random-walk Metropolis chains, independent of the estimator."""
    rng = np.random.default_rng(11)
    order = (DELTA, PHI, OTHER)
    low, mode, high = (np.array([getattr(priors[name], end) for name in order]) for end in ("low", "mode", "high"))
    scale = np.r_[0.15, 0.15, 0.02, 0.8, 0.8]

    def log_density(x: np.ndarray) -> np.ndarray:
        value = x[:, :3]
        inside = ((value > low) & (value < high)).all(axis=1)
        left, right = (value - low) / np.maximum(mode - low, 1e-12), (high - value) / (high - mode)
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(np.where(value < mode, left, right)).sum(axis=1)
        log -= 0.5 * (x[:, 3:] ** 2).sum(axis=1)
        for k, (zone, reported) in enumerate(zip(ZONES, rows, strict=True)):
            phi = np.minimum(1.0, value[:, 1] * np.exp(0.2 * x[:, 3 + k]))
            abatement = value[:, 2] + (1 - value[:, 2]) * phi * value[:, 0] * zone.net_share
            z = (reported.value - abatement) / reported.sigma
            if reported.kind == "upper":
                log += np.log(0.5 * np.array([math.erfc(-each / math.sqrt(2)) for each in z]) + 1e-300)
            else:
                log -= 0.5 * z**2
        return np.where(inside, log, -np.inf)

    x = np.tile(np.r_[mode, 0.0, 0.0], (n_chains, 1)) * (1 + 0.01 * rng.standard_normal((n_chains, 5)))
    x[:, 0] = np.abs(x[:, 0])
    log_current, kept = log_density(x), []
    for step in range(n_steps):
        proposed = x + scale * rng.standard_normal(x.shape) * 0.6
        log_proposed = log_density(proposed)
        accepted = np.log(rng.random(n_chains)) < log_proposed - log_current
        x, log_current = np.where(accepted[:, None], proposed, x), np.where(accepted, log_proposed, log_current)
        if step >= n_steps // 3 and step % 5 == 0:
            kept.append(x[:, :3].copy())
    return np.concatenate(kept)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n_chains", "n_steps"), [("approx", 2_000, 1_500), ("upper", 300, 900)])
def test_the_estimator_agrees_with_an_independent_sampler(
    inputs: Inputs, kind: str, n_chains: int, n_steps: int
) -> None:
    rows = [row("A", kind), row("B", kind)]
    sample = sampled(inputs, rows)
    weights = sample.weights(rows)
    chains = metropolis(priors_of(inputs), rows, n_chains, n_steps)
    for k, name in enumerate((DELTA, PHI, OTHER)):
        estimated = list(band(sample.values[name], weights).values())
        assert estimated == pytest.approx(np.quantile(chains[:, k], (0.1, 0.5, 0.9)), abs=0.02), name


def test_ranks_of_true_values_are_uniform_unless_standard_errors_are_understated(inputs: Inputs) -> None:
    rows = [row("A"), row("B")]
    # The Kolmogorov distance of 400 uniform ranks exceeds 1.63 ÷ √400 with a probability of 1 %.
    assert ranks_distance(sampled(inputs, rows), rows, n_programmes=400, seed=3) < 1.63 / 20
    # Understated standard errors make the ranks uneven.
    overconfident = [replace(each, sigma=each.sigma / 4) for each in rows]
    sample = sampled(inputs, rows)
    ranks = []
    rng = np.random.default_rng(5)
    for truth in rng.choice(20_000, size=300, replace=False):
        reported = [
            replace(each, value=float(sample.predict(each)[truth] + 0.025 * rng.standard_normal()))
            for each in overconfident
        ]
        weights = sample.weights(reported)
        ranks.append(weights[sample.values[DELTA] < sample.values[DELTA][truth]].sum() / weights.sum())
    ordered = np.sort(ranks)
    assert np.abs(ordered - (np.arange(300) + 0.5) / 300).max() > 0.03


@pytest.mark.parametrize("kind", ["approx", "upper", "lower", "interval", "max_of_group"])
def test_a_report_with_a_large_standard_error_returns_the_prior(inputs: Inputs, kind: str) -> None:
    reported = row("A", kind, sigma=1e3, low=0.1, high=0.2)
    sample = sampled(inputs, [reported])
    weights = sample.weights([reported])
    for name in PARAMETERS:
        before = band(sample.values[name], np.ones_like(weights))
        assert band(sample.values[name], weights) == pytest.approx(before, abs=1e-3), name


def test_the_order_of_rows_and_zones_does_not_change_the_sample(inputs: Inputs) -> None:
    rows = [row("A"), row("B"), row("A", "upper", id="A-up", value=0.2)]
    one = sampled(inputs, rows)
    other = sample_of(priors_of(inputs), ZONES[::-1], 0.2, rows[::-1])
    assert np.array_equal(one.weights(rows), other.weights(rows[::-1]))
    assert np.array_equal(one.abatement_share("A"), other.abatement_share("A"))


@pytest.mark.slow
def test_the_order_of_table_rows_does_not_change_the_calibration(inputs: Inputs, shuffled: Inputs) -> None:
    assert dict(calibrate(inputs=inputs).document)["presets"] == dict(calibrate(inputs=shuffled).document)["presets"]


def test_predictions_match_the_hand_calculation(inputs: Inputs) -> None:
    sample = sampled(inputs, [])
    at = 123
    phi = min(1.0, sample.zone_delivered["A"][at])
    delta, other = sample.values[DELTA][at], sample.values[OTHER][at]
    assert sample.abatement_share("A")[at] == pytest.approx(other + (1 - other) * phi * delta * 0.5)
    assert sample.captured_ktpa("A")[at] == pytest.approx(phi * delta * 200_000)
    assert sample.zone_delivered["A"].max() <= 1.0


def test_a_documented_programme_replaces_the_deployment_share(inputs: Inputs) -> None:
    zones = [replace(ZONES[0], programme_share=0.1)]
    sample = sample_of(priors_of(inputs), zones, 0.2, [])
    assert sample.captured_ktpa("A") == pytest.approx(sample.zone_delivered["A"] * 0.1 * 200_000)


def test_sampling_delta_from_installed_capacity_agrees_with_weighting_the_prior(inputs: Inputs) -> None:
    # With a wide observation both methods give the same posterior; with a narrow one weighting has too few points.
    reported = row("A", "lognormal", id="z", quantity="captured_ktpa", value=20_000.0, sigma=0.5)
    importance_sample = sampled(inputs, [reported])
    weights = importance_sample.weights([reported])
    prior_sample = sampled(inputs, [])
    prior_weights = np.exp(reported.log_likelihood(prior_sample.captured_ktpa("A")))
    for name in (DELTA, PHI, OTHER):
        sampled_band = band(importance_sample.values[name], weights)
        assert sampled_band == pytest.approx(band(prior_sample.values[name], prior_weights), abs=0.012), name


def test_posteriors_are_classified_by_how_much_they_inform(inputs: Inputs) -> None:
    prior = Prior(0.0, 0.2, 1.0)
    values = np.linspace(0, 1, 1001)
    assert assessment_of(values, np.where(values < 0.02, 1.0, 0.001), prior, 0.9) == AT_BOUND
    assert assessment_of(values, np.where(abs(values - 0.5) < 0.1, 1.0, 0.0), prior, 0.9) == INFORMED
    assert assessment_of(values, np.where(abs(values - 0.5) < 0.4, 1.0, 0.0), prior, 0.05) == NOT_INFORMED


def test_the_pilots_inform_the_deployment_share_but_not_the_delivered_share(fitted: Calibration) -> None:
    parameters = fitted[REPORTED]["parameters"]
    assert parameters[DELTA]["verdict"] == INFORMED
    assert parameters[DELTA]["contraction_share"] > 0.4
    assert parameters["kappa"]["verdict"] == parameters[PHI]["verdict"] == NOT_INFORMED
    # A report of about 15 % implies more deployment than a report of up to 15 %.
    literal = fitted[LITERAL]["parameters"][DELTA]["posterior"]["median"]
    assert parameters[DELTA]["posterior"]["median"] > literal
    assert -0.7 < fitted[REPORTED]["correlations"]["deployment_share and delivered_share"] < -0.3


def test_the_shipped_calibration_matches_a_new_calibration(fitted: Calibration) -> None:
    committed = json.loads((data_folder() / "pilots/calibration.json").read_text(encoding="utf-8"))
    assert set(committed["presets"]) == set(fitted.names)
    for name in fitted.names:
        assert_close(committed["presets"][name], dict(fitted[name]), name)


def assert_close(one: object, other: object, where: str) -> None:
    """Assert that numbers agree within 0.005 or 0.5 %, and that texts are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_close(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), where
        for k, pair in enumerate(zip(one, other, strict=True)):
            assert_close(*pair, f"{where}[{k}]")
    elif isinstance(one, float | int) and isinstance(other, float | int):
        assert one == pytest.approx(other, abs=0.005, rel=0.005), where
    elif "conflicts" not in where:
        assert one == other, where


def test_shares_and_baselines_of_the_shipped_zones_are_plausible(context: ReplayContext) -> None:
    # Both provinces have a net share near 0.45, and an industrial park has a smaller baseline than its province.
    for zone in ("Hebei", "Shanxi"):
        assert context.zone(zone).net_share == pytest.approx(0.45, abs=0.08)
        assert context.zone(zone).capturable_ktpa < context.zone(zone).baseline_ktpa
    assert context.zone("Jincheng").baseline_ktpa < 0.1 * context.zone("Shanxi").baseline_ktpa


def test_the_grade_sets_the_minimum_standard_error(inputs: Inputs, with_tables: object) -> None:
    table = inputs["pilots/observations"]
    tables = with_tables({"pilots/observations": table.assign(sigma=0.001)})  # type: ignore[operator]
    assert {each.sigma for each in observations_of(tables, REPORTED)} == {0.025}
    assert zone_spread(inputs) == 0.2
