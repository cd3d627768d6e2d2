"""Loans, bonds, income tax and depreciation.

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

from ccs_model._typing import Floats
from ccs_model.economics.investment import annuity_yr

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
    _check(term_yr, kind)
    age = np.asarray(years_since, dtype=float)
    left = np.clip(term_yr - age, 0.0, term_yr)
    if kind == BULLET:
        return np.where(left > 0, 1.0, 0.0)
    return annuity_yr(rate_share, left) / annuity_yr(rate_share, term_yr)


def loan_schedule(rate_share: float, term_yr: int, kind: str, start: int, horizon_end: int) -> pd.DataFrame:
    """Return the schedule of a loan of 1 from `start` to `horizon_end` (the first year after the last period).

    Columns: year, drawn_share, interest_rate, principal_share (with the settlement), balance_share.
    """
    _check(term_yr, kind)
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


def _check(term_yr: int, kind: str) -> None:
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
