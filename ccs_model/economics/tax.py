"""Income tax: straight-line depreciation, what it shields, book value and salvage, losses of a stand-alone plant.

    depreciation   (capex − grants) ÷ n in each of the n years from the year of spending, while the horizon lasts
    book value     what is not yet written off at the horizon's end
    at the end     salvage − book value is taxed there (a loss is credited there)

In the plan's accounts a loss is used in the year in which it arises, by the group's other profits, so tax is linear.
`stand_alone_tax` is the other case, a report beside it: losses wait for profits of the same plant and lapse.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ccs_model.economics.discounting import annuity_yr

Floats = npt.NDArray[np.float64]


def book_share(start: npt.ArrayLike, horizon_end: int, depreciation_yr: int) -> Floats:
    """Of 1 spent in each year of `start`, what is not written off when the horizon ends (its first year after)."""
    used = np.maximum(horizon_end - np.asarray(start, dtype=float), 0.0)
    return np.clip(1.0 - used / depreciation_yr, 0.0, 1.0)


def depreciation_shield_per_mn(
    start: npt.ArrayLike,
    first_year: int,
    horizon_end: int,
    depreciation_yr: int,
    discount_share: float,
    tax_share: float,
) -> Floats:
    """Present value at `first_year` of the tax that writing off 1 saves, by year of spending; shape of `start`.

    tax ÷ n × Σ_{k=0}^{m−1} (1 + i)^−(start + k − first year), m = min(n, horizon's end − start). The book value left
    at the end is not in it: see `end_tax_per_mn`.
    """
    year = np.asarray(start, dtype=float)
    n_written = np.clip(horizon_end - year, 0.0, depreciation_yr)
    # An annuity is paid at the years' ends; the first write-off is in the year of spending itself.
    in_advance = annuity_yr(discount_share, n_written) * (1.0 + discount_share)
    return tax_share / depreciation_yr * in_advance * (1.0 + discount_share) ** -(year - first_year)


def end_tax_per_mn(
    salvage_share: npt.ArrayLike,
    start: npt.ArrayLike,
    first_year: int,
    horizon_end: int,
    depreciation_yr: int,
    discount_share: float,
    tax_share: float,
    grant_share: npt.ArrayLike = 0.0,
) -> Floats:
    """Present value at `first_year` of the tax on salvage less book value, of 1 spent; below 0 where it is a credit.

    `salvage_share` of capex as of the horizon's end. What a grant paid stands in no book: the book value is that of
    1 − `grant_share`.
    """
    own = 1.0 - np.asarray(grant_share, dtype=float)
    gain = np.asarray(salvage_share, dtype=float) - own * book_share(start, horizon_end, depreciation_yr)
    return tax_share * gain * (1.0 + discount_share) ** -(horizon_end - first_year)


def depreciation_mn(capex_mn: npt.ArrayLike, depreciation_yr: int) -> Floats:
    """Written off in each year, [plant, year], of what is spent in each year (less grants), [plant, year]."""
    spent = np.atleast_2d(np.asarray(capex_mn, dtype=float))
    sums = spent.cumsum(axis=1)
    written_off = np.zeros_like(sums)
    written_off[:, depreciation_yr:] = sums[:, :-depreciation_yr]
    return (sums - written_off) / depreciation_yr


def book_value_mn(capex_mn: npt.ArrayLike, depreciation_yr: int) -> Floats:
    """Book value after each year's write-off, [plant, year]; the last column is that at the horizon's end."""
    spent = np.atleast_2d(np.asarray(capex_mn, dtype=float))
    return (spent - depreciation_mn(spent, depreciation_yr)).cumsum(axis=1)


def group_tax_mn(profits_mn: npt.ArrayLike, tax_share: npt.ArrayLike) -> Floats:
    """Tax where losses are used in the year they arise: tax × profit, below 0 in a year of loss, [plant, year]."""
    return np.asarray(tax_share, dtype=float) * np.atleast_2d(np.asarray(profits_mn, dtype=float))


def stand_alone_tax(profits_mn: npt.ArrayLike, tax_share: npt.ArrayLike, carry_forward_yr: int) -> dict[str, Floats]:
    """Tax of plants that have only their own profits: a loss is set against those of the next years, oldest first.

    `profits_mn` [plant, year] after depreciation and interest; a loss lapses `carry_forward_yr` years after its own.
    Keys, each [plant, year]: tax_mn, losses_used_mn, losses_lapsed_mn, losses_carried_mn (at the year's end).
    """
    profits = np.atleast_2d(np.asarray(profits_mn, dtype=float))
    n_plants, n_years = profits.shape
    result = {
        name: np.zeros((n_plants, n_years)) for name in ("losses_used_mn", "losses_lapsed_mn", "losses_carried_mn")
    }
    # Losses by age: the last column is the oldest that may still be used this year.
    waiting = np.zeros((n_plants, carry_forward_yr))
    for year in range(n_years):
        profit = np.maximum(profits[:, year], 0.0)
        older = np.cumsum(waiting[:, ::-1], axis=1)[:, ::-1]
        used = np.clip(profit[:, None] - (older - waiting), 0.0, waiting)
        waiting = waiting - used
        result["losses_used_mn"][:, year] = used.sum(axis=1)
        fresh = np.maximum(-profits[:, year], 0.0)
        shifted = np.column_stack([fresh, waiting])
        result["losses_lapsed_mn"][:, year] = shifted[:, -1]
        waiting = shifted[:, :-1]
        result["losses_carried_mn"][:, year] = waiting.sum(axis=1)
    taxed = np.maximum(profits, 0.0) - result["losses_used_mn"]
    rate = np.broadcast_to(np.asarray(tax_share, dtype=float), n_plants)[:, None]
    return {"tax_mn": rate * taxed, **result}
