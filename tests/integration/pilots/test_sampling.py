"""Halton points, probability distributions and weighted quantiles, compared with closed forms."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.analysis.uncertain_inputs import triangular
from ccs_model.pilots.estimate import (
    effective_points,
    equal_weight_draws,
    halton,
    normal_log_cdf,
    normal_log_cdf_between,
    triangular_cdf,
    triangular_density,
    weighted_quantiles,
)


def test_halton_points_match_the_hand_calculation() -> None:
    # Digits of 1, 2, 3, … in base 2 and 3, mirrored at the radix point.
    assert halton(5, 2)[:, 0] == pytest.approx([1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8])
    assert halton(5, 2)[:, 1] == pytest.approx([1 / 3, 2 / 3, 1 / 9, 4 / 9, 7 / 9])


def test_halton_points_are_uniform_and_their_dimensions_uncorrelated() -> None:
    points = halton(20_000, 7)
    assert np.abs(points.mean(axis=0) - 0.5).max() < 1e-3
    assert np.abs(np.corrcoef(points.T) - np.eye(7)).max() < 5e-3
    with pytest.raises(ValueError, match="at most"):
        halton(10, 99)


@given(st.floats(0.001, 0.999), st.floats(0, 1))
def test_the_triangular_distribution_function_inverts_its_quantiles(share: float, where: float) -> None:
    low, high = 0.25, 1.0
    mode = low + where * (high - low)
    value = float(triangular(np.array([share]), low, mode, high)[0])
    assert triangular_cdf(value, low, mode, high) == pytest.approx(share, abs=1e-9)


def test_the_triangular_distribution_has_its_mean_variance_and_density() -> None:
    # Mean (a + b + c) ÷ 3; variance (a² + b² + c² − ab − ac − bc) ÷ 18.
    values = triangular((np.arange(100_000) + 0.5) / 100_000, 0.0, 0.2, 1.0)
    assert values.mean() == pytest.approx(0.4, abs=1e-6)
    assert values.var() == pytest.approx((1 + 0.04 - 0.2) / 18, abs=1e-6)
    grid = np.linspace(0, 1, 100_001)
    assert np.trapezoid(triangular_density(grid, 0.0, 0.2, 1.0), grid) == pytest.approx(1.0, abs=1e-6)


def test_logarithms_of_normal_probabilities_match_the_normal_distribution() -> None:
    z = np.array([-3.0, -1.0, 0.0, 2.0])
    assert np.exp(normal_log_cdf(z)) == pytest.approx([NormalDist().cdf(each) for each in z], rel=1e-12)
    assert np.isfinite(normal_log_cdf(np.array([-1e4])))
    low, high = np.array([-1.0, 5.0, -6.0]), np.array([1.0, 6.0, -5.0])
    inside = np.exp(normal_log_cdf_between(low, high))
    assert inside[0] == pytest.approx(0.6826894921, rel=1e-9)
    # The two tails are symmetric; computing 1 − cdf would lose them to rounding.
    assert inside[1] == pytest.approx(inside[2], rel=1e-12)
    assert inside[1] == pytest.approx(NormalDist().cdf(-5) - NormalDist().cdf(-6), rel=1e-9)


def test_weighted_quantiles_equal_those_of_repeated_values() -> None:
    values, weights = np.arange(1001.0), np.ones(1001)
    assert weighted_quantiles(values, weights, (0.1, 0.5, 0.9)) == pytest.approx([99.6, 500.0, 900.4])
    # A repeated value has the same effect as a value of twice the weight.
    doubled = np.where(values >= 500, 2.0, 1.0)
    repeated = np.r_[values, values[500:]]
    assert weighted_quantiles(values, doubled, (0.3, 0.6)) == pytest.approx(
        weighted_quantiles(repeated, np.ones(len(repeated)), (0.3, 0.6)), abs=0.51
    )


def test_equal_weight_draws_follow_the_weights() -> None:
    weights = np.array([0.0, 3.0, 1.0, 0.0])
    assert equal_weight_draws(weights, 4).tolist() == [1, 1, 1, 2]
    assert effective_points(weights) == pytest.approx(16 / 10)
