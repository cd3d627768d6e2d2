"""Annuities, capital recovery and salvage against closed forms and explicit sums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.investment import annuity_yr, capital_recovery_share, discount_factor, salvage_share

RATE, LIFE = st.floats(1e-4, 0.5), st.integers(1, 60)


def test_capital_recovery_factor_matches_published_values() -> None:
    assert float(capital_recovery_share(0.08, 20)) == pytest.approx(0.1018522, abs=1e-7)
    # i(1+i)^n ÷ ((1+i)^n − 1); IEAGHG's 10 % over 25 years is 0.1102.
    assert float(capital_recovery_share(0.08, 20)) == pytest.approx(0.08 * 1.08**20 / (1.08**20 - 1), rel=1e-12)
    assert float(capital_recovery_share(0.10, 25)) == pytest.approx(0.1102, abs=5e-5)


@given(RATE, LIFE)
def test_annuity_is_the_sum_of_its_payments(i: float, n: int) -> None:
    paid = sum((1 + i) ** -t for t in range(1, n + 1))
    assert float(annuity_yr(i, n)) == pytest.approx(paid, rel=1e-9)
    assert float(capital_recovery_share(i, n)) * paid == pytest.approx(1.0, rel=1e-9)


@given(LIFE)
def test_capital_recovery_factor_is_continuous_at_an_interest_rate_of_zero(n: int) -> None:
    assert float(capital_recovery_share(0.0, n)) == 1 / n
    # To first order CRF = 1/n + i(n+1)/2n, so that at i = 1e-12 the difference is negligible and no digits are lost.
    assert float(capital_recovery_share(1e-12, n)) == pytest.approx(1 / n, rel=1e-10)
    assert float(capital_recovery_share(1e-6, n)) == pytest.approx(1 / n + 1e-6 * (n + 1) / (2 * n), rel=1e-8)


def test_discount_factors_match_hand_calculation() -> None:
    assert discount_factor(0.08, [0, 1, 10]).tolist() == pytest.approx([1.0, 0.925926, 0.463193], abs=1e-6)
    assert discount_factor(0.0, [0, 5]).tolist() == [1.0, 1.0]


def test_salvage_is_the_annuity_of_the_remaining_life_over_that_of_the_full_life() -> None:
    # 20 years of which 9 are used, 8 %: a(11) ÷ a(20) = 7.138964 ÷ 9.818147.
    assert float(salvage_share(0.08, 20, 9)) == pytest.approx(7.138964 / 9.818147, rel=1e-6)
    assert float(salvage_share(0.0, 20, 9)) == pytest.approx(11 / 20)
    assert salvage_share(0.08, 20, [0, 20, 25, -3]).tolist() == pytest.approx([1.0, 0.0, 0.0, 1.0])


@given(RATE, st.integers(2, 40), st.data())
def test_capital_less_salvage_equals_the_annual_payments_over_the_years_used(
    i: float, life: int, data: st.DataObject
) -> None:
    # Capex less discounted salvage = annual payments over the years used: the end of the horizon gives no advantage.
    used = data.draw(st.integers(0, life))
    net = 1.0 - float(salvage_share(i, life, used)) * (1 + i) ** -used
    payments = float(capital_recovery_share(i, life)) * sum((1 + i) ** -t for t in range(1, used + 1))
    assert net == pytest.approx(payments, rel=1e-8, abs=1e-10)
