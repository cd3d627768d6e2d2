"""Points, triangles and weighted quantiles against closed forms."""

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
    log_normal_below,
    log_normal_between,
    triangular_below,
    triangular_density,
    weighted_quantiles,
)


def test_halton_by_hand() -> None:
    # Digits of 1, 2, 3, … mirrored at the point, in base 2 and 3.
    assert halton(5, 2)[:, 0] == pytest.approx([1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8])
    assert halton(5, 2)[:, 1] == pytest.approx([1 / 3, 2 / 3, 1 / 9, 4 / 9, 7 / 9])


def test_halton_fills_evenly_and_its_dimensions_do_not_follow_each_other() -> None:
    points = halton(20_000, 7)
    assert np.abs(points.mean(axis=0) - 0.5).max() < 1e-3
    assert np.abs(np.corrcoef(points.T) - np.eye(7)).max() < 5e-3
    with pytest.raises(ValueError, match="at most"):
        halton(10, 99)


@given(st.floats(0.001, 0.999), st.floats(0, 1))
def test_a_triangle_and_its_inverse(share: float, where: float) -> None:
    low, high = 0.25, 1.0
    mode = low + where * (high - low)
    value = float(triangular(np.array([share]), low, mode, high)[0])
    assert triangular_below(value, low, mode, high) == pytest.approx(share, abs=1e-9)


def test_moments_of_a_triangle() -> None:
    # Mean (a + b + c) ÷ 3; variance (a² + b² + c² − ab − ac − bc) ÷ 18.
    values = triangular((np.arange(100_000) + 0.5) / 100_000, 0.0, 0.2, 1.0)
    assert values.mean() == pytest.approx(0.4, abs=1e-6)
    assert values.var() == pytest.approx((1 + 0.04 - 0.2) / 18, abs=1e-6)
    grid = np.linspace(0, 1, 100_001)
    assert np.trapezoid(triangular_density(grid, 0.0, 0.2, 1.0), grid) == pytest.approx(1.0, abs=1e-6)


def test_normal_shares() -> None:
    z = np.array([-3.0, -1.0, 0.0, 2.0])
    assert np.exp(log_normal_below(z)) == pytest.approx([NormalDist().cdf(each) for each in z], rel=1e-12)
    assert np.isfinite(log_normal_below(np.array([-1e4])))
    low, high = np.array([-1.0, 5.0, -6.0]), np.array([1.0, 6.0, -5.0])
    inside = np.exp(log_normal_between(low, high))
    assert inside[0] == pytest.approx(0.6826894921, rel=1e-9)
    # The two tails are mirror images; 1 less a cdf would have lost them.
    assert inside[1] == pytest.approx(inside[2], rel=1e-12)
    assert inside[1] == pytest.approx(NormalDist().cdf(-5) - NormalDist().cdf(-6), rel=1e-9)


def test_weighted_quantiles() -> None:
    values, weights = np.arange(1001.0), np.ones(1001)
    assert weighted_quantiles(values, weights, (0.1, 0.5, 0.9)) == pytest.approx([99.6, 500.0, 900.4])
    # A point twice weighs as much as one of twice the weight.
    doubled = np.where(values >= 500, 2.0, 1.0)
    repeated = np.r_[values, values[500:]]
    assert weighted_quantiles(values, doubled, (0.3, 0.6)) == pytest.approx(
        weighted_quantiles(repeated, np.ones(len(repeated)), (0.3, 0.6)), abs=0.51
    )


def test_draws_of_equal_weight() -> None:
    weights = np.array([0.0, 3.0, 1.0, 0.0])
    assert equal_weight_draws(weights, 4).tolist() == [1, 1, 1, 2]
    assert effective_points(weights) == pytest.approx(16 / 10)
