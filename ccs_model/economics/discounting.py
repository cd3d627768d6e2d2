"""Discounting, everywhere alike: the first year of the horizon is year 0; real money.

a yearly flow in a period weighs   Σ over the period's years t of (1 + i)^−(t − first year)
capex at a period's start weighs   (1 + i)^−(start − first year), once
salvage                            capex × annuity(remaining life) ÷ annuity(life), discounted from the horizon's end
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def discount_factor(discount_share: float, years_on: npt.ArrayLike) -> Floats:
    """(1 + i)^−years."""
    return (1.0 + discount_share) ** -np.asarray(years_on, dtype=float)


def annuity_yr(discount_share: float, years: npt.ArrayLike) -> Floats:
    """Present value of 1 a year over `years` (paid at each year's end); `years` itself as i → 0."""
    n = np.asarray(years, dtype=float)
    if discount_share == 0:
        return n
    # expm1 keeps the limit smooth where i is tiny.
    return -np.expm1(-n * np.log1p(discount_share)) / discount_share


def capital_recovery_share(discount_share: float, years: npt.ArrayLike) -> Floats:
    """The yearly payment that recovers 1 over `years`: i(1+i)^n ÷ ((1+i)^n − 1), and 1/n at i = 0."""
    return 1.0 / annuity_yr(discount_share, years)


def salvage_share(discount_share: float, life_yr: npt.ArrayLike, years_used: npt.ArrayLike) -> Floats:
    """What is left of 1 of capex at the horizon's end, before discounting back from there."""
    life = np.asarray(life_yr, dtype=float)
    remaining = np.clip(life - np.maximum(np.asarray(years_used, dtype=float), 0.0), 0.0, life)
    return annuity_yr(discount_share, remaining) / annuity_yr(discount_share, life)
