"""Investment appraisal and financing: present value, rate of return, levelised costs, loans, tax and depreciation.

Flows are arrays [plant, year] in million of real money. Column 0 is the first year of the horizon and weighs 1; column
t weighs (1 + i)^−t. Prices are money per t, tonnes kt. Discount rates are scalar or one a plant.

A loan is drawn at the start of a year and served yearly from the next year:

    annuity      equal payments over the term at the loan's real rate
    bullet       interest (coupon) each year, principal at maturity: green bonds
    settlement   the balance is repaid at the end of the horizon, with that year's interest

Rates are real, as is all money; `real_rate_share` removes inflation from a nominal rate. Interest is deductible at the
real rate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints

Texts = npt.NDArray[np.object_]

FOUND, NO_CHANGE, SEVERAL, BEYOND_RANGE = "", "no change of sign", "several rates possible", "outside -99 to 10,000 %"
INCOME_FIRST = "income before any spending"
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
    changes sign once and does not end at 0, so that there is one positive rate (Norstrom 1972). Flows that begin with
    income are no investment: the rate at which their NPV is 0 is a cost of borrowing, and is not returned.

    References
    ----------
    Norstrom (1972), A sufficient condition for a unique nonnegative internal rate of return. J. Financial and
    Quantitative Analysis 7(3), 1835–1839.
    """
    flows = np.atleast_2d(np.asarray(flows_mn, dtype=float))
    changes = _sign_changes(flows)
    sums = flows.cumsum(axis=1)
    is_norstrom = (changes > 1) & (_sign_changes(sums) == 1) & (np.abs(sums[:, -1]) > _flow_tolerance(flows))
    reason = np.full(len(flows), FOUND, dtype=object)
    reason[changes == 0] = NO_CHANGE
    signs = _signs(flows)
    first = np.take_along_axis(signs, np.argmax(signs != 0, axis=1)[:, None], axis=1)[:, 0]
    reason[(changes > 1) & ~is_norstrom] = SEVERAL
    reason[(changes > 0) & (first > 0)] = INCOME_FIRST
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
    """Return the payback time: years from the first flow until the cumulative (discounted) flow stays non-negative.

    Where a later investment makes the sum negative again, the last recovery counts. Years count from the start of the
    year of the first flow. A year's flow comes evenly over the year; that of the last column comes at the end of the
    horizon. 0 if the sum is never negative, NaN if it never recovers.

    References
    ----------
    NDRC and Ministry of Construction (2006), Methods and Parameters for Economic Appraisal of Construction Projects,
    3rd ed.: the years before that of recovery, plus what is left ÷ the flow of that year.
    """
    flows = np.atleast_2d(np.asarray(flows_mn, dtype=float))
    sums = (flows * discount_weights(discount_rate, flows.shape[1])).cumsum(axis=1)
    n_plants = len(flows)
    rows = np.arange(n_plants)
    first = np.argmax(flows != 0, axis=1)
    is_negative = sums < -_flow_tolerance(flows)[:, None]
    last = flows.shape[1] - 1
    # The column after the last one with a negative sum.
    at = np.where(is_negative.any(axis=1), flows.shape[1] - np.argmax(is_negative[:, ::-1], axis=1), 0)
    is_recovered = at <= last
    at = np.minimum(at, last)
    before = sums[rows, np.maximum(at - 1, 0)]
    step = sums[rows, at] - before
    is_within_year = (step > 0) & (at < last)
    years = at + np.divide(-before, step, out=np.zeros(n_plants), where=is_within_year) - first
    return np.where(~is_negative.any(axis=1), 0.0, np.where(is_recovered, years, np.nan))


def break_even_price_per_t(
    flows_mn: npt.ArrayLike, tonnes_kt: npt.ArrayLike, discount_rate: npt.ArrayLike, tax_share: npt.ArrayLike = 0.0
) -> Floats:
    """Return the constant price per t at which the NPV is 0; NaN without tonnes.

    `flows_mn` exclude the revenue, which is taxed at `tax_share`. NPV is linear in the price, so the result is exact.
    """
    paid = npv_mn(tonnes_kt, discount_rate) * (1.0 - np.asarray(tax_share, dtype=float)) / 1000.0
    return -npv_mn(flows_mn, discount_rate) / np.where(paid > 0, paid, np.nan)


def _flow_tolerance(flows: Floats) -> Floats:
    """Tolerance of the plant's flows."""
    return 1e-12 * np.abs(flows).sum(axis=1)


def _signs(flows: Floats) -> Floats:
    return np.sign(np.where(np.abs(flows) > _flow_tolerance(flows)[:, None], flows, 0.0))


def _sign_changes(flows: Floats) -> Ints:
    """Changes of sign along each row, zeros left out."""
    carried = np.zeros(len(flows))
    changes = np.zeros(len(flows), dtype=np.int64)
    for column in _signs(flows).T:
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


ANNUITY, BULLET = "annuity", "bullet"
KINDS = (ANNUITY, BULLET)


def real_rate_share(nominal_share: npt.ArrayLike, inflation_rate: npt.ArrayLike) -> Floats:
    """(1 + i) ÷ (1 + π) − 1."""
    return (1.0 + np.asarray(nominal_share, dtype=float)) / (1.0 + np.asarray(inflation_rate, dtype=float)) - 1.0


def concessional_rate_share(
    market_share: npt.ArrayLike,
    facility_share: npt.ArrayLike,
    facility_principal_share: npt.ArrayLike,
    pass_through_share: npt.ArrayLike,
) -> Floats:
    """Return the borrower's nominal rate if a central bank's facility refinances part of the principal.

    market − pass-through × part × (market − facility). A facility above the market rate is not used.
    """
    market = np.asarray(market_share, dtype=float)
    saved = np.maximum(market - np.asarray(facility_share, dtype=float), 0.0)
    handed_on = np.asarray(pass_through_share, dtype=float) * np.asarray(facility_principal_share, dtype=float)
    return market - handed_on * saved


def balance_share(rate_share: float, term_yr: int, kind: str, years_since: npt.ArrayLike) -> Floats:
    """Return the balance of a loan of 1 after the payment `years_since` years after drawing; 0 from the term on."""
    _validate_loan(term_yr, kind)
    age = np.asarray(years_since, dtype=float)
    left = np.clip(term_yr - age, 0.0, term_yr)
    if kind == BULLET:
        return np.where(left > 0, 1.0, 0.0)
    return annuity_yr(rate_share, left) / annuity_yr(rate_share, term_yr)


def loan_schedule(rate_share: float, term_yr: int, kind: str, start: int, horizon_end: int) -> pd.DataFrame:
    """Return the schedule of a loan of 1 from `start` to `horizon_end` (the first year after the last period).

    Columns: year, drawn_share, interest_rate, principal_share (with the settlement), balance_share.
    """
    _validate_loan(term_yr, kind)
    years = np.arange(start, max(horizon_end, start) + 1)
    balance = balance_share(rate_share, term_yr, kind, years - start)
    before = np.concatenate([[0.0], balance[:-1]])
    drawn = np.where(years == start, 1.0, 0.0)
    interest = before * rate_share
    balance[-1] = 0.0 if horizon_end > start else balance[-1]
    return pd.DataFrame(
        {
            "year": years,
            "drawn_share": drawn,
            "interest_rate": interest,
            "principal_share": before + drawn - balance,
            "balance_share": balance,
        }
    )


def debt_service_cover(available_mn: npt.ArrayLike, interest_mn: npt.ArrayLike, principal_mn: npt.ArrayLike) -> Floats:
    """Return the debt service cover ratio, [plant, year]: available cash ÷ debt service; NaN without service."""
    service = np.asarray(interest_mn, dtype=float) + np.asarray(principal_mn, dtype=float)
    return np.asarray(available_mn, dtype=float) / np.where(service > 1e-12, service, np.nan)


def _validate_loan(term_yr: int, kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind of loan '{kind}', expected one of {', '.join(KINDS)}")
    if term_yr < 1:
        raise ValueError(f"a term of {term_yr} years, expected at least 1")


# Income tax: straight-line depreciation, net book value and salvage, losses of a stand-alone plant.
#
#     depreciation     (capex − grants) ÷ n in each of the n years from the year of spending, within the horizon
#     net book value   (capex − grants) − depreciation at the end of the horizon
#     at the end       salvage − net book value is taxed (a loss is credited)
#
# In the plan's accounts a loss offsets other profits of the group in the same year, so tax is linear. `stand_alone_tax`
# covers the other case for a separate report: losses are carried forward to later profits of the same plant and lapse.


def book_share(start: npt.ArrayLike, horizon_end: int, depreciation_yr: int) -> Floats:
    """Return the net book value at the end of the horizon of 1 spent in each year of `start`."""
    used = np.maximum(horizon_end - np.asarray(start, dtype=float), 0.0)
    return np.clip(1.0 - used / depreciation_yr, 0.0, 1.0)


def depreciation_mn(capex_mn: npt.ArrayLike, depreciation_yr: int) -> Floats:
    """Return depreciation [plant, year] of capex less grants [plant, year]."""
    spent = np.atleast_2d(np.asarray(capex_mn, dtype=float))
    sums = spent.cumsum(axis=1)
    written_off = np.zeros_like(sums)
    written_off[:, depreciation_yr:] = sums[:, :-depreciation_yr]
    return (sums - written_off) / depreciation_yr


def stand_alone_tax(profits_mn: npt.ArrayLike, tax_share: npt.ArrayLike, carry_forward_yr: int) -> dict[str, Floats]:
    """Return the tax of stand-alone plants: losses are carried forward to later profits, oldest first.

    `profits_mn` [plant, year] after depreciation and interest; a loss lapses `carry_forward_yr` years after its own.
    Keys, each [plant, year]: tax_mn, losses_used_mn, losses_lapsed_mn, losses_carried_mn (at the year's end).
    """
    profits = np.atleast_2d(np.asarray(profits_mn, dtype=float))
    n_plants, n_years = profits.shape
    result = {
        name: np.zeros((n_plants, n_years)) for name in ("losses_used_mn", "losses_lapsed_mn", "losses_carried_mn")
    }
    # Losses by age; the last column is the oldest that can still be used this year.
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
