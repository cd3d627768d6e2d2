"""Rates of return, paybacks and break-even prices against published examples, hand calculation and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.investment import (
    BEYOND_RANGE,
    FOUND,
    INCOME_FIRST,
    NO_CHANGE,
    SEVERAL,
    break_even_price_per_t,
    capital_recovery_share,
    irr_share,
    npv_mn,
    payback_yr,
)

RATE = st.floats(0.001, 0.5)


# Worked examples of the numpy-financial documentation.
@pytest.mark.parametrize(
    ("flows", "rate"),
    [
        ([-250_000, 100_000, 150_000, 200_000, 250_000, 300_000], 0.5672303344358536),
        ([-100, 39, 59, 55, 20], 0.28095),
        ([-100, 0, 0, 74], -0.0955),
    ],
)
def test_irr_matches_published_examples(flows: list[float], rate: float) -> None:
    found, reason = irr_share(flows)
    assert found.item() == pytest.approx(rate, abs=5e-5)
    assert reason.tolist() == [FOUND]


def test_npv_matches_a_published_example() -> None:
    # −40,000 and then 5,000, 8,000, 12,000, 30,000 at 8 %: 3,065.22 by the same documentation.
    assert npv_mn([-40_000, 5_000, 8_000, 12_000, 30_000], 0.08).item() == pytest.approx(3065.22267, abs=1e-4)


def test_npv_accepts_one_discount_rate_per_plant() -> None:
    flows = [[-100.0, 110.0], [-100.0, 110.0], [-100.0, 110.0]]
    assert npv_mn(flows, [0.0, 0.1, 0.21]).tolist() == pytest.approx([10.0, 0.0, -100 + 110 / 1.21])


def test_irr_is_nan_with_a_reason_unless_it_is_unique_and_in_range() -> None:
    rates, reasons = irr_share(
        [
            [0, 0, 0, 0, 0],
            [10, 20, 5, 1, 1],
            [-10, -1, -1, -1, -1],
            [-5, 10.5, 1, -8, 1],  # several
            [-100, 230, -132, 0, 0],  # 10 % and 20 %
            [-1, 1e6, 0, 0, 0],  # a hundred million per cent
            [252, 96, 311, -71, 0],  # a loan to the owner
            [0, 100, -230, 132, 0],
            [-100, 0, 0, 121, 0],
        ]
    )
    assert reasons.tolist() == [NO_CHANGE] * 3 + [SEVERAL] * 2 + [BEYOND_RANGE] + [INCOME_FIRST] * 2 + [FOUND]
    assert np.isnan(rates[:8]).all()
    assert rates[8] == pytest.approx(1.21 ** (1 / 3) - 1)


def test_irr_is_unique_with_reinvestment_in_a_later_year() -> None:
    # Spending in years 0 and 3; the running sum −100, −40, 20 ... changes sign once.
    rates, reasons = irr_share([-100.0, 60.0, 60.0, -10.0, 60.0])
    assert reasons.tolist() == [FOUND]
    assert npv_mn([-100.0, 60.0, 60.0, -10.0, 60.0], rates).item() == pytest.approx(0.0, abs=1e-9)
    assert rates.item() > 0


def test_irr_counts_a_root_of_zero_and_ignores_negative_roots() -> None:
    # −100 + 230x − 130x²: 0 and 30 %. −100 + 230x − 120x²: 50 and −20 %, of which the positive one is returned.
    rates, reasons = irr_share([[-100.0, 230.0, -130.0], [-100.0, 230.0, -120.0]])
    assert reasons.tolist() == [SEVERAL, FOUND]
    assert rates[1] == pytest.approx(0.5)


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=30), st.floats(1, 1e5), st.integers(0, 5))
def test_npv_is_zero_at_the_irr(gains: list[float], spent: float, wait: int) -> None:
    flows = [0.0] * wait + [-spent] + gains
    rate, reason = irr_share(flows)
    if reason.item() == FOUND:
        gross = npv_mn(np.abs(flows), rate).item()
        assert npv_mn(flows, rate).item() == pytest.approx(0.0, abs=1e-9 * gross)
    else:
        assert reason.item() == BEYOND_RANGE


@given(RATE, st.integers(1, 40))
def test_irr_of_an_annuity_is_its_rate(i: float, years: int) -> None:
    payment = float(capital_recovery_share(i, years))
    rate, _ = irr_share([-1.0] + [payment] * years)
    assert rate.item() == pytest.approx(i, rel=1e-6, abs=1e-9)


@given(RATE)
def test_irr_does_not_depend_on_scale_or_on_other_rows(i: float) -> None:
    flows = np.array([-100.0, 20.0, 40.0, 60.0, 10.0 + 100 * i])
    alone, _ = irr_share(flows)
    together, _ = irr_share(np.vstack([[-1, 3, 0, 0, 0], 1e-6 * flows, 1e6 * flows]))
    assert together[1:].tolist() == pytest.approx([alone.item()] * 2, rel=1e-9)


def test_payback_matches_hand_calculation() -> None:
    # A year of construction, then 40 per year: 1 + 2.5 years; at 10 %, the flows are 36.36, 33.06, 30.05, 27.32.
    flows = [-100.0, 40.0, 40.0, 40.0, 40.0, 0.0]
    assert payback_yr(flows).item() == pytest.approx(3.5)
    assert payback_yr(flows, 0.10).item() == pytest.approx(4 + (100 - 36.3636 - 33.0579 - 30.0526) / 27.3205, abs=1e-4)
    # Counted from the start of the year of spending.
    assert payback_yr([[0.0, 0.0, -100.0, 40.0, 60.0, 0.0]]).item() == pytest.approx(3.0)


def test_payback_of_a_unit_that_earns_from_its_first_year_is_capital_over_yearly_income() -> None:
    # 100 spent at the start of the first year, 15 earned in each year: 100 / 15 years.
    assert payback_yr([-100.0 + 15.0] + [15.0] * 9 + [0.0]).item() == pytest.approx(100 / 15)
    # What remains is received when the horizon of four years ends, not over a further year.
    assert payback_yr([-100.0 + 15.0, 15.0, 15.0, 15.0, 80.0]).item() == pytest.approx(4.0)


def test_payback_of_several_investments_is_that_of_the_last() -> None:
    # Sums: -10, 10, -90, -50, -10, 30; recovered for good after a quarter of the sixth year.
    flows = [-10.0, 20.0, -100.0, 40.0, 40.0, 40.0, 0.0]
    assert payback_yr(flows).item() == pytest.approx(5.25)
    # The last investment is never recovered.
    assert np.isnan(payback_yr([-10.0, 20.0, -100.0, 40.0, 40.0, 0.0, 0.0])).item()


def test_payback_is_nan_if_never_reached_and_zero_without_spending() -> None:
    found = payback_yr([[-100, 10, 10], [5, 5, 5], [0, 0, 0], [-100, 100, 0]])
    assert np.isnan(found[0])
    assert found[1:].tolist() == [0.0, 0.0, 2.0]


@given(st.floats(0.0, 0.3), st.floats(5, 60))
def test_discounting_never_shortens_the_payback(i: float, gain: float) -> None:
    flows = [-100.0] + [gain] * 30
    simple, discounted = payback_yr(flows).item(), payback_yr(flows, i).item()
    assert np.isnan(discounted) or discounted >= simple - 1e-9


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_break_even_price_does_not_depend_on_plant_size(size: float) -> None:
    # For 100 now at 10 %, 1,000 kt a year later must bring 110 million.
    price = break_even_price_per_t([-100 * size, 0], [0, 1_000 * size], 0.10)
    assert price.item() == pytest.approx(110.0)


@given(RATE, st.floats(0, 0.4), st.floats(10, 1e4), st.floats(0.1, 100), st.integers(2, 30))
def test_npv_is_zero_at_the_break_even_price(i: float, tax: float, capex: float, cost: float, years: int) -> None:
    flows = np.array([-capex] + [-cost] * years)
    tonnes = np.array([0.0] + [400.0] * years)
    price = break_even_price_per_t(flows, tonnes, i, tax)
    remaining_mn = npv_mn(flows + price[:, None] * tonnes * (1 - tax) / 1000, i).item()
    assert remaining_mn == pytest.approx(0.0, abs=1e-9 * (capex + cost * years))
    # The rate of return at that price is the discount rate.
    rate, _ = irr_share(flows + price[:, None] * tonnes * (1 - tax) / 1000)
    assert rate.item() == pytest.approx(i, rel=1e-6)


def test_the_break_even_price_is_the_levelised_cost() -> None:
    # 500 million over 20 years at 8 %, 30 million a year, 400 kt: (500 × 0.1018522 + 30) ÷ 0.4.
    flows = np.array([-500.0] + [-30.0] * 20)
    price = break_even_price_per_t(flows, [0.0] + [400.0] * 20, 0.08)
    assert price.item() == pytest.approx((500 * 0.1018522 + 30) / 0.4, abs=1e-4)
    assert np.isnan(break_even_price_per_t(flows, np.zeros(21), 0.08)).all()


def test_break_even_price_is_higher_if_paid_in_fewer_years() -> None:
    flows = np.array([-500.0] + [-30.0] * 20)
    tonnes = np.array([0.0] + [400.0] * 20)
    twenty_years, ten_years = (
        break_even_price_per_t(flows, tonnes * (np.arange(21) <= n), 0.08).item() for n in (20, 10)
    )
    # Paid in ten years: an annuity of 6.710081 instead of 9.818147.
    assert ten_years == pytest.approx(twenty_years * 9.818147 / 6.710081, rel=1e-6)


def test_irr_is_found_for_ten_thousand_plants_at_once() -> None:
    rng = np.random.default_rng(3)
    flows = np.column_stack([-rng.uniform(50, 500, 10_000), rng.uniform(1, 60, (10_000, 25))])
    rates, reasons = irr_share(flows)
    assert set(reasons) == {FOUND}
    assert np.abs(npv_mn(flows, rates)).max() < 1e-6
