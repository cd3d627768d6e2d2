"""Loans against published examples, schedules written out and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.financing import (
    ANNUITY,
    BULLET,
    balance_share,
    concessional_rate_share,
    debt_service_cover,
    funding_value_per_mn,
    loan_flows_mn,
    loan_schedule,
    rate_in_year,
    real_rate_share,
)
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs

KIND, RATE, TERM = st.sampled_from([ANNUITY, BULLET]), st.floats(0.0, 0.3), st.integers(1, 25)


def test_published_loan() -> None:
    # numpy-financial's example: 2,500 over a year at 8.24 %, monthly; first months and the sum of interest.
    table = loan_schedule(0.0824 / 12, 12, ANNUITY, 0, 12)
    assert (2_500 * table["principal_share"]).iloc[1:4].round(2).tolist() == [200.58, 201.96, 203.35]
    assert (2_500 * table["interest_rate"]).iloc[1:4].round(2).tolist() == [17.17, 15.79, 14.40]
    assert (2_500 * table["balance_share"]).iloc[1:4].round(2).tolist() == [2299.42, 2097.46, 1894.11]
    assert 2_500 * table["interest_rate"].sum() == pytest.approx(112.98, abs=0.005)
    # Its other one: 200,000 over 15 years at 7.5 % costs 1,854.02 a month.
    table = loan_schedule(0.075 / 12, 180, ANNUITY, 0, 180)
    monthly = (table["interest_rate"] + table["principal_share"]).iloc[1:] * 200_000
    assert monthly.to_numpy() == pytest.approx(1854.0247200054619, abs=1e-6)


def test_a_green_bond_pays_coupons_and_all_at_the_end() -> None:
    table = loan_schedule(0.028, 5, BULLET, 2026, 2040)
    assert table["interest_rate"].iloc[:7].tolist() == pytest.approx([0, *[0.028] * 5, 0])
    assert table["principal_share"].iloc[:7].tolist() == pytest.approx([0, 0, 0, 0, 0, 1, 0])
    assert table["balance_share"].iloc[:7].tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_the_horizon_cuts_a_loan() -> None:
    # Ten years at 0 %: after three years 0.7 is owed, and paid back there beside that year's tenth.
    table = loan_schedule(0.0, 10, ANNUITY, 2026, 2029)
    assert table["year"].tolist() == [2026, 2027, 2028, 2029]
    assert table["principal_share"].tolist() == pytest.approx([0, 0.1, 0.1, 0.8])
    assert table["balance_share"].tolist() == pytest.approx([1, 0.9, 0.8, 0])


@given(RATE, TERM, KIND, st.integers(1, 40))
def test_all_is_paid_back_once(rate: float, term: int, kind: str, years: int) -> None:
    table = loan_schedule(rate, term, kind, 2026, 2026 + years)
    assert table["principal_share"].sum() == pytest.approx(1.0)
    assert table["balance_share"].iloc[-1] == 0.0
    assert (table["interest_rate"] >= 0).all()


@given(RATE, TERM, st.integers(0, 25))
def test_the_balance_is_what_the_payments_leave(rate: float, term: int, age: int) -> None:
    owed, payment = 1.0, rate / (1 - (1 + rate) ** -term) if rate > 1e-6 else (1 + rate * (term + 1) / 2) / term
    for _ in range(min(age, term)):
        owed = owed * (1 + rate) - payment
    assert balance_share(rate, term, ANNUITY, age).item() == pytest.approx(owed, abs=1e-6)


@given(RATE, TERM, KIND, st.integers(0, 20), st.integers(1, 30), st.floats(0.0, 0.2), st.floats(0, 0.5))
def test_funding_value_is_the_discounted_schedule(
    rate: float, term: int, kind: str, wait: int, years: int, discount: float, tax: float
) -> None:
    start, end = 2026 + wait, 2026 + wait + years
    table = loan_schedule(rate, term, kind, start, end)
    flow = table["drawn_share"] - table["principal_share"] - (1 - tax) * table["interest_rate"]
    by_hand = (flow * (1 + discount) ** -(table["year"] - 2026.0)).sum()
    found = funding_value_per_mn(rate, term, kind, 2026, start, end, discount, tax)
    assert found.item() == pytest.approx(by_hand, abs=1e-10)


@given(RATE, TERM, KIND, st.integers(1, 30))
def test_money_at_the_owners_own_rate_is_worth_nothing(rate: float, term: int, kind: str, years: int) -> None:
    assert funding_value_per_mn(rate, term, kind, 2026, 2026, 2026 + years, rate).item() == pytest.approx(0, abs=1e-10)


@given(st.floats(0.0, 0.1), st.floats(0.0, 0.1), TERM, KIND)
def test_cheaper_money_is_worth_more(one: float, other: float, term: int, kind: str) -> None:
    low, high = sorted((one, other))
    value = [funding_value_per_mn(each, term, kind, 2026, 2026, 2050, 0.08).item() for each in (low, high)]
    assert value[0] >= value[1] - 1e-12


def test_funding_value_by_hand() -> None:
    # A bond of 3 % over two years, at 10 %, taxed at 25 %; the second starts a year later.
    value = 1 - 0.0225 / 1.1 - 1.0225 / 1.21
    found = funding_value_per_mn(0.03, 2, BULLET, 2026, [2026, 2027], 2040, 0.10, 0.25)
    assert found.tolist() == pytest.approx([value, value / 1.1])


def test_loans_of_many_years_add_up() -> None:
    drawn = np.zeros((2, 4))
    drawn[0, 0], drawn[0, 2], drawn[1, 1] = 100.0, 50.0, 10.0
    flows = loan_flows_mn(drawn, 0.05, 3, ANNUITY, 2026, 2030)
    one, two = loan_schedule(0.05, 3, ANNUITY, 2026, 2030), loan_schedule(0.05, 3, ANNUITY, 2028, 2030)
    expected = 100 * one["interest_rate"].to_numpy()
    expected[2:] += 50 * two["interest_rate"].to_numpy()
    assert flows["interest_mn"][0].tolist() == pytest.approx(expected.tolist())
    assert flows["principal_mn"].sum(axis=1).tolist() == pytest.approx([150.0, 10.0])
    assert flows["balance_mn"][:, -1].tolist() == [0.0, 0.0]


def test_debt_service_cover() -> None:
    found = debt_service_cover([[0.0, 30.0, 30.0]], [[0.0, 5.0, 0.0]], [[0.0, 15.0, 0.0]])
    assert found[0, 1] == pytest.approx(1.5)
    assert np.isnan(found[0, [0, 2]]).all()


def test_real_rates() -> None:
    # 3.5 % with prices rising by 2 %: 1.035 ÷ 1.02 − 1.
    assert real_rate_share(0.035, 0.02).item() == pytest.approx(0.014706, abs=1e-6)
    assert real_rate_share(0.05, 0.05).item() == 0.0


def test_the_facility_of_the_central_bank(inputs: Inputs) -> None:
    rates = inputs["finance/rates"]
    part = inputs["finance/factors"].set_index("factor").at["facility_principal_share", "value"]
    market = rate_in_year(rates, "loan_prime_rate_5yr", 2026)
    facility = rate_in_year(rates, "carbon_reduction_facility", 2026)
    # 3.5 − 0.6 × (3.5 − 1.25) = 2.15 % when all is handed on, 3.5 % when nothing is.
    assert concessional_rate_share(market, facility, part, [0.0, 1.0]).tolist() == pytest.approx([0.035, 0.0215])
    assert concessional_rate_share(0.01, 0.0125, 0.6, 1.0).item() == 0.01


def test_the_rate_of_a_year_is_the_newest_by_then(inputs: Inputs) -> None:
    rates = inputs["finance/rates"]
    # 1.75 % from 2021, 1.5 % from May 2025, 1.25 % from January 2026; two prime rates in 2025.
    found = [rate_in_year(rates, "carbon_reduction_facility", year) for year in (2021, 2024, 2025, 2026, 2040)]
    assert found == [0.0175, 0.0175, 0.015, 0.0125, 0.0125]
    assert rate_in_year(rates, "loan_prime_rate_5yr", 2025) == 0.035
    with pytest.raises(InputError, match="no rate of carbon_reduction_facility by 2020"):
        rate_in_year(rates, "carbon_reduction_facility", 2020)


def test_a_loan_must_be_of_a_known_kind_and_last() -> None:
    with pytest.raises(ValueError, match="balloon"):
        loan_schedule(0.05, 10, "balloon", 2026, 2030)
    with pytest.raises(ValueError, match="at least 1"):
        funding_value_per_mn(0.05, 0, ANNUITY, 2026, 2026, 2030, 0.08)
