"""Loans and bonds: drawn at a year's start, served once a year from the year after, settled at the horizon's end.

    annuity      equal payments over the term at the loan's real rate
    bullet       interest (coupon) each year, all principal at the term's end: green bonds
    settlement   what is owed at the horizon's end is paid back there, with that year's interest

Rates are real, like all money here: `real_rate_share` takes inflation off a nominal one. Interest is deductible at
the real rate. A loan at the owner's own discount rate, untaxed, is worth exactly nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.discounting import annuity_yr
from ccs_model.errors import Fault, InputError

Floats = npt.NDArray[np.float64]

ANNUITY, BULLET = "annuity", "bullet"
KINDS = (ANNUITY, BULLET)


def real_rate_share(nominal_share: npt.ArrayLike, inflation_share: npt.ArrayLike) -> Floats:
    """(1 + i) ÷ (1 + π) − 1."""
    return (1.0 + np.asarray(nominal_share, dtype=float)) / (1.0 + np.asarray(inflation_share, dtype=float)) - 1.0


def rate_in_year(rates: pd.DataFrame, instrument: str, year: int) -> float:
    """The nominal rate of finance/rates that held at the end of `year`: the newest that the instrument had by then.

    Fault: nothing is known of the instrument by that year.
    """
    known = rates[(rates["instrument"] == instrument) & (rates["year"] <= year)].sort_values("from_date")
    if known.empty:
        raise InputError([Fault("finance/rates.csv", f"no rate of {instrument} by {year}")])
    return float(known["rate_share"].iloc[-1])


def concessional_rate_share(
    market_share: npt.ArrayLike,
    facility_share: npt.ArrayLike,
    facility_principal_share: npt.ArrayLike,
    pass_through_share: npt.ArrayLike,
) -> Floats:
    """A borrower's rate where a central bank's facility refinances part of the principal; nominal in, nominal out.

    market − pass-through × part × (market − facility): what the bank saves against the market rate, as far as it hands
    it on; a facility dearer than the market is not drawn.
    """
    market = np.asarray(market_share, dtype=float)
    saved = np.maximum(market - np.asarray(facility_share, dtype=float), 0.0)
    handed_on = np.asarray(pass_through_share, dtype=float) * np.asarray(facility_principal_share, dtype=float)
    return market - handed_on * saved


def balance_share(rate_share: float, term_yr: int, kind: str, years_since: npt.ArrayLike) -> Floats:
    """What is owed of 1 after the payment due `years_since` years after drawing; 1 at 0, 0 from the term on."""
    _check(term_yr, kind)
    age = np.asarray(years_since, dtype=float)
    left = np.clip(term_yr - age, 0.0, term_yr)
    if kind == BULLET:
        return np.where(left > 0, 1.0, 0.0)
    return annuity_yr(rate_share, left) / annuity_yr(rate_share, term_yr)


def loan_schedule(rate_share: float, term_yr: int, kind: str, start: int, horizon_end: int) -> pd.DataFrame:
    """A loan of 1, year by year from `start` to `horizon_end` (the first year after the last period), as shares of it.

    Columns: year, drawn_share, interest_share, principal_share (repayments, the settlement within), balance_share.
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
            "interest_share": interest,
            "principal_share": before + drawn - balance,
            "balance_share": balance,
        }
    )


def loan_flows_mn(
    drawn_mn: npt.ArrayLike, rate_share: float, term_yr: int, kind: str, first_year: int, horizon_end: int
) -> dict[str, Floats]:
    """Loans drawn in each year, as arrays [plant, year] over first_year … horizon_end: the schedules of all, summed.

    `drawn_mn` is [plant, year] over first_year … horizon_end − 1. Keys: interest_mn, principal_mn, balance_mn.
    """
    drawn = np.atleast_2d(np.asarray(drawn_mn, dtype=float))
    n_years = horizon_end - first_year + 1
    flows = {name: np.zeros((len(drawn), n_years)) for name in ("interest_mn", "principal_mn", "balance_mn")}
    for column in np.flatnonzero(drawn.any(axis=0)):
        schedule = loan_schedule(rate_share, term_yr, kind, first_year + int(column), horizon_end)
        for name, array in flows.items():
            array[:, column:] += drawn[:, [column]] * schedule[name.replace("_mn", "_share")].to_numpy()
    return flows


def funding_value_per_mn(
    rate_share: float,
    term_yr: int,
    kind: str,
    first_year: int,
    start: npt.ArrayLike,
    horizon_end: int,
    discount_share: float,
    tax_share: float = 0.0,
) -> Floats:
    """Present value, at the owner's rate and `first_year`, of 1 drawn in each year of `start`.

    +1 − payments + tax × interest − what is owed at the horizon's end, each at (1 + i)^−(year − first year). The same
    as discounting `loan_schedule`; shape of `start`.
    """
    _check(term_yr, kind)
    starts = np.atleast_1d(np.asarray(start, dtype=float))
    age = np.arange(0, term_yr + 1, dtype=float)
    balance = balance_share(rate_share, term_yr, kind, age)
    repaid = np.concatenate([[0.0], -np.diff(balance)])
    interest = np.concatenate([[0.0], balance[:-1]]) * rate_share
    years_left = np.maximum(horizon_end - starts, 0.0)
    is_in = age <= years_left[:, None]
    weight = (1.0 + discount_share) ** -age
    paid = ((repaid + (1.0 - tax_share) * interest) * weight * is_in).sum(axis=1)
    owed = balance_share(rate_share, term_yr, kind, years_left) * (1.0 + discount_share) ** -years_left
    value = (1.0 - paid - owed) * (1.0 + discount_share) ** -(starts - first_year)
    return value.reshape(np.shape(start))


def debt_service_cover(available_mn: npt.ArrayLike, interest_mn: npt.ArrayLike, principal_mn: npt.ArrayLike) -> Floats:
    """Cash available for debt service ÷ debt service, [plant, year]; NaN in years without service."""
    service = np.asarray(interest_mn, dtype=float) + np.asarray(principal_mn, dtype=float)
    return np.asarray(available_mn, dtype=float) / np.where(service > 1e-12, service, np.nan)


def _check(term_yr: int, kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind of loan '{kind}', expected one of {', '.join(KINDS)}")
    if term_yr < 1:
        raise ValueError(f"a term of {term_yr} years, expected at least 1")
