"""Quasi-random points of the priors and weighted summaries, with identical bits on every run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np

from ccs_model._typing import Floats, Ints

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
    points = normal(halton(n_points, dimension + 1)[:, dimension])
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


def triangular_below(value: float, low: float, mode: float, high: float) -> float:
    """The share of the triangle below `value`."""
    if value <= low or value >= high:
        return float(value >= high)
    if value < mode:
        return (value - low) ** 2 / ((high - low) * (mode - low))
    return 1.0 - (high - value) ** 2 / ((high - low) * (high - mode))


def normal(share: Floats) -> Floats:
    """The standard normal below which `share` lies."""
    return np.asarray(_inverse_normal(share), dtype=float)


def log_normal_below(z: Floats) -> Floats:
    """Logarithm of the standard normal's share below z."""
    below = 0.5 * np.asarray(_erfc(-np.asarray(z) / math.sqrt(2.0)), dtype=float)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(below), _LEAST_LOG)


def log_normal_between(low: Floats, high: Floats) -> Floats:
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
