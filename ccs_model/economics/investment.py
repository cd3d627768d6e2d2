"""Investment appraisal: present value, rate of return, payback, break-even price, discounting, levelised costs.

Flows are arrays [plant, year] in million of real money. Column 0 is the first year of the horizon and weighs 1; column
t weighs (1 + i)^−t. Prices are money per t, tonnes kt. Discount rates are scalar or one a plant.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ccs_model._typing import Floats, Ints

Texts = npt.NDArray[np.object_]

FOUND, NO_CHANGE, SEVERAL, BEYOND_RANGE = "", "no change of sign", "several rates possible", "outside -99 to 10,000 %"
# Search interval of the rate of return, as −ln(1 + r).
_LOW, _HIGH = -np.log(101.0), -np.log(0.01)
_HALVINGS = 60


def discount_weights(discount_rate: npt.ArrayLike, n_years: int) -> Floats:
    """Return (1 + i)^−t, shape (1 or plants, n_years)."""
    rate = np.atleast_1d(np.asarray(discount_rate, dtype=float))
    return (1.0 + rate[:, None]) ** -np.arange(n_years, dtype=float)


def npv_mn(flows_mn: npt.ArrayLike, discount_rate: npt.ArrayLike) -> Floats:
    """Return the net present value at the first year of the horizon, one a plant."""
    flows = np.atleast_2d(np.asarray(flows_mn, dtype=float))
    return (flows * discount_weights(discount_rate, flows.shape[1])).sum(axis=1)


def irr_share(flows_mn: npt.ArrayLike) -> tuple[Floats, Texts]:
    """Return the internal rate of return (or NaN) and FOUND (or the reason why there is none), one a plant.

    Flows with one change of sign have exactly one rate. With more changes, a rate is returned if the cumulative flow
    changes sign once and does not end at 0, so that there is one positive rate (Norstrom 1972).

    References
    ----------
    Norstrom (1972), A sufficient condition for a unique nonnegative internal rate of return. J. Financial and
    Quantitative Analysis 7(3), 1835–1839.
    """
    flows = np.atleast_2d(np.asarray(flows_mn, dtype=float))
    changes = _sign_changes(flows)
    sums = flows.cumsum(axis=1)
    is_norstrom = (changes > 1) & (_sign_changes(sums) == 1) & (np.abs(sums[:, -1]) > _dust(flows))
    reason = np.full(len(flows), FOUND, dtype=object)
    reason[changes == 0] = NO_CHANGE
    reason[(changes > 1) & ~is_norstrom] = SEVERAL
    low = np.full(len(flows), _LOW)
    high = np.where(is_norstrom, 0.0, _HIGH)
    at_low = _sign_at(flows, low)
    reason[(reason == FOUND) & (at_low * _sign_at(flows, high) > 0)] = BEYOND_RANGE
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        is_same = _sign_at(flows, middle) == at_low
        low, high = np.where(is_same, middle, low), np.where(is_same, high, middle)
    rate = np.expm1(-0.5 * (low + high))
    return np.where(reason == FOUND, rate, np.nan), reason


def payback_yr(flows_mn: npt.ArrayLike, discount_rate: npt.ArrayLike = 0.0) -> Floats:
    """Return the payback time: years from the first flow until the cumulative (discounted) flow is no longer negative.

    Linear within a year; 0 if it is never negative, NaN if it never recovers.
    """
    flows = np.atleast_2d(np.asarray(flows_mn, dtype=float))
    sums = (flows * discount_weights(discount_rate, flows.shape[1])).cumsum(axis=1)
    n_plants = len(flows)
    rows = np.arange(n_plants)
    first = np.argmax(flows != 0, axis=1)
    is_after = np.cumsum(sums < -_dust(flows)[:, None], axis=1) > 0
    back = is_after & (sums >= -_dust(flows)[:, None])
    at = np.argmax(back, axis=1)
    before = sums[rows, np.maximum(at - 1, 0)]
    step = sums[rows, at] - before
    years = at - 1 + np.divide(-before, step, out=np.zeros(n_plants), where=step > 0) - first
    return np.where(~is_after.any(axis=1), 0.0, np.where(back.any(axis=1), years, np.nan))


def break_even_price_per_t(
    flows_mn: npt.ArrayLike, tonnes_kt: npt.ArrayLike, discount_rate: npt.ArrayLike, tax_share: npt.ArrayLike = 0.0
) -> Floats:
    """Return the constant price per t at which the NPV is 0; NaN without tonnes.

    `flows_mn` exclude the revenue, which is taxed at `tax_share`. NPV is linear in the price, so the result is exact.
    """
    paid = npv_mn(tonnes_kt, discount_rate) * (1.0 - np.asarray(tax_share, dtype=float)) / 1000.0
    return -npv_mn(flows_mn, discount_rate) / np.where(paid > 0, paid, np.nan)


def contract_strike_per_t(
    flows_mn: npt.ArrayLike,
    tonnes_kt: npt.ArrayLike,
    is_under_contract: npt.ArrayLike,
    discount_rate: npt.ArrayLike,
    *,
    market_price_per_t: npt.ArrayLike = 0.0,
    tax_share: npt.ArrayLike = 0.0,
) -> Floats:
    """Return the strike of a contract for difference: the constant price over the contract's years at which NPV = 0.

    `is_under_contract` [year] or [plant, year]; in the other years tonnes earn the market price ([year], 0 where
    captured CO₂ earns nothing).
    """
    tonnes = np.atleast_2d(np.asarray(tonnes_kt, dtype=float))
    under = np.broadcast_to(np.asarray(is_under_contract, dtype=bool), tonnes.shape)
    kept = 1.0 - np.atleast_1d(np.asarray(tax_share, dtype=float))[:, None]
    outside = np.where(under, 0.0, tonnes) * np.asarray(market_price_per_t, dtype=float) * kept / 1000.0
    flows = np.atleast_2d(np.asarray(flows_mn, dtype=float)) + outside
    return break_even_price_per_t(flows, np.where(under, tonnes, 0.0), discount_rate, tax_share)


def _dust(flows: Floats) -> Floats:
    """Tolerance of the plant's flows."""
    return 1e-12 * np.abs(flows).sum(axis=1)


def _sign_changes(flows: Floats) -> Ints:
    """Changes of sign along each row, zeros left out."""
    signs = np.sign(np.where(np.abs(flows) > _dust(flows)[:, None], flows, 0.0))
    carried = np.zeros(len(flows))
    changes = np.zeros(len(flows), dtype=np.int64)
    for column in signs.T:
        changes += (column * carried) < 0
        carried = np.where(column != 0, column, carried)
    return changes


def _sign_at(flows: Floats, log_growth: Floats) -> Floats:
    """Sign of Σ c_t x^t, x = e^u, u = −ln(1 + r), each row at its own u.

    Above 1 the sum is that over x^(last year) instead, of the same sign, so that no power overflows.
    """
    factor, is_above = np.exp(-np.abs(log_growth)), log_growth > 0
    total = np.zeros(len(flows))
    for first, last in zip(flows.T, flows.T[::-1], strict=True):
        total = total * factor + np.where(is_above, first, last)
    return np.sign(total)


# Discounting in real money; the first year of the horizon is year 0.
#
# a yearly flow in a period weighs   Σ over the period's years t of (1 + i)^−(t − first year)
# capex at the start of a period     (1 + i)^−(start − first year), once
# salvage                            capex × annuity(remaining life) ÷ annuity(life), from the end of the horizon


def discount_factor(discount_rate: float, years_on: npt.ArrayLike) -> Floats:
    """Return (1 + i)^−years."""
    return (1.0 + discount_rate) ** -np.asarray(years_on, dtype=float)


def annuity_yr(discount_rate: float, years: npt.ArrayLike) -> Floats:
    """Return the present value of 1 a year over `years` (paid at the end of each year); `years` itself as i → 0."""
    n = np.asarray(years, dtype=float)
    if discount_rate == 0:
        return n
    # expm1 keeps the limit accurate for small i.
    return -np.expm1(-n * np.log1p(discount_rate)) / discount_rate


def capital_recovery_share(discount_rate: float, years: npt.ArrayLike) -> Floats:
    """Return the capital recovery factor: i(1+i)^n ÷ ((1+i)^n − 1), and 1/n at i = 0."""
    return 1.0 / annuity_yr(discount_rate, years)


def salvage_share(discount_rate: float, life_yr: npt.ArrayLike, years_used: npt.ArrayLike) -> Floats:
    """Return the salvage value of 1 of capex at the end of the horizon, not discounted."""
    life = np.asarray(life_yr, dtype=float)
    remaining = np.clip(life - np.maximum(np.asarray(years_used, dtype=float), 0.0), 0.0, life)
    return annuity_yr(discount_rate, remaining) / annuity_yr(discount_rate, life)


def cost_per_t(cost_mn_pa: npt.ArrayLike, amount_ktpa: npt.ArrayLike) -> Floats:
    """Return money per tonne of `amount` (captured, or product); NaN for an amount of 0."""
    amount = np.asarray(amount_ktpa, dtype=float)
    return np.asarray(cost_mn_pa, dtype=float) * 1000.0 / np.where(amount > 0, amount, np.nan)
