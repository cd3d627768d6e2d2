"""Loan schedules, balances and rates against published examples, hand calculation and general properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.investment import (
    ANNUITY,
    BULLET,
    balance_share,
    concessional_rate_share,
    debt_service_cover,
    loan_schedule,
    real_rate_share,
)
from ccs_model.inputs import Inputs

KIND, RATE, TERM = st.sampled_from([ANNUITY, BULLET]), st.floats(0.0, 0.3), st.integers(1, 25)


def test_loan_schedule_matches_published_examples() -> None:
    # numpy-financial's example: 2,500 over a year at 8.24 %, monthly; first months and the sum of interest.
    table = loan_schedule(0.0824 / 12, 12, ANNUITY, 0, 12)
    assert (2_500 * table["principal_share"]).iloc[1:4].round(2).tolist() == [200.58, 201.96, 203.35]
    assert (2_500 * table["interest_rate"]).iloc[1:4].round(2).tolist() == [17.17, 15.79, 14.40]
    assert (2_500 * table["balance_share"]).iloc[1:4].round(2).tolist() == [2299.42, 2097.46, 1894.11]
    assert 2_500 * table["interest_rate"].sum() == pytest.approx(112.98, abs=0.005)
    # The second example: 200,000 over 15 years at 7.5 % costs 1,854.02 per month.
    table = loan_schedule(0.075 / 12, 180, ANNUITY, 0, 180)
    monthly = (table["interest_rate"] + table["principal_share"]).iloc[1:] * 200_000
    assert monthly.to_numpy() == pytest.approx(1854.0247200054619, abs=1e-6)


def test_bullet_bond_pays_coupons_and_the_principal_at_maturity() -> None:
    table = loan_schedule(0.028, 5, BULLET, 2026, 2040)
    assert table["interest_rate"].iloc[:7].tolist() == pytest.approx([0, *[0.028] * 5, 0])
    assert table["principal_share"].iloc[:7].tolist() == pytest.approx([0, 0, 0, 0, 0, 1, 0])
    assert table["balance_share"].iloc[:7].tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_outstanding_balance_is_repaid_at_the_end_of_the_horizon() -> None:
    # Ten years at 0 %: after two years 0.8 is owed, and all of it is repaid in the third, the last of the horizon.
    table = loan_schedule(0.0, 10, ANNUITY, 2026, 2029)
    assert table["year"].tolist() == [2026, 2027, 2028, 2029]
    assert table["principal_share"].tolist() == pytest.approx([0, 0.1, 0.1, 0.8])
    assert table["balance_share"].tolist() == pytest.approx([1, 0.9, 0.8, 0])
    # A loan of the last year is drawn and not repaid within the horizon.
    (drawn,) = loan_schedule(0.05, 10, ANNUITY, 2029, 2029).to_dict("records")
    assert drawn == {"year": 2029, "drawn_share": 1, "interest_rate": 0, "principal_share": 0, "balance_share": 1}


@given(RATE, TERM, KIND, st.integers(1, 40))
def test_principal_is_repaid_exactly_once(rate: float, term: int, kind: str, years: int) -> None:
    table = loan_schedule(rate, term, kind, 2026, 2026 + years)
    assert table["principal_share"].sum() == pytest.approx(1.0)
    assert table["balance_share"].iloc[-1] == 0.0
    assert (table["interest_rate"] >= 0).all()


@given(RATE, TERM, st.integers(0, 25))
def test_balance_share_is_the_debt_left_by_the_payments(rate: float, term: int, age: int) -> None:
    owed, payment = 1.0, rate / (1 - (1 + rate) ** -term) if rate > 1e-6 else (1 + rate * (term + 1) / 2) / term
    for _ in range(min(age, term)):
        owed = owed * (1 + rate) - payment
    assert balance_share(rate, term, ANNUITY, age).item() == pytest.approx(owed, abs=1e-6)


def test_debt_service_cover_is_cash_flow_over_debt_service() -> None:
    found = debt_service_cover([[0.0, 30.0, 30.0]], [[0.0, 5.0, 0.0]], [[0.0, 15.0, 0.0]])
    assert found[0, 1] == pytest.approx(1.5)
    assert np.isnan(found[0, [0, 2]]).all()


def test_real_rate_removes_inflation() -> None:
    # 3.5 % with an inflation of 2 %: 1.035 ÷ 1.02 − 1.
    assert real_rate_share(0.035, 0.02).item() == pytest.approx(0.014706, abs=1e-6)
    assert real_rate_share(0.05, 0.05).item() == 0.0


def test_central_bank_facility_lowers_the_market_rate(inputs: Inputs) -> None:
    rates = inputs["finance/rates"].sort_values("from_date").groupby("instrument")["rate_share"].last()
    part = inputs["finance/factors"].set_index("factor").at["facility_principal_share", "value"]
    market, facility = rates["loan_prime_rate_5yr"], rates["carbon_reduction_facility"]
    # 3.5 − 0.6 × (3.5 − 1.25) = 2.15 % with full pass-through, 3.5 % with none.
    assert concessional_rate_share(market, facility, part, [0.0, 1.0]).tolist() == pytest.approx([0.035, 0.0215])
    assert concessional_rate_share(0.01, 0.0125, 0.6, 1.0).item() == 0.01


def test_unknown_loan_kind_or_term_below_one_year_is_an_error() -> None:
    with pytest.raises(ValueError, match="balloon"):
        loan_schedule(0.05, 10, "balloon", 2026, 2030)
    with pytest.raises(ValueError, match="at least 1"):
        loan_schedule(0.05, 0, ANNUITY, 2026, 2030)
