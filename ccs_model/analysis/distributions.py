"""Values of uncertain inputs by their share: what lies below is drawn with that probability."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
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
