"""Depreciation, its shield, book value and losses carried forward, by hand and by law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.financing import (
    book_share,
    book_value_mn,
    depreciation_mn,
    depreciation_shield_per_mn,
    end_tax_per_mn,
    group_tax_mn,
    stand_alone_tax,
)
from ccs_model.economics.investment import discount_factor


def test_a_plant_written_off_over_ten_years_by_hand() -> None:
    # 25 % of a tenth in 2026 … 2035, at 8 %: 0.025 × 1.08 × 6.710081.
    found = depreciation_shield_per_mn([2026, 2030], 2026, 2050, 10, 0.08, 0.25)
    assert found[0] == pytest.approx(0.025 * 1.08 * 6.710081, abs=1e-7)
    assert found[1] == pytest.approx(found[0] / 1.08**4)


@given(st.integers(2026, 2045), st.integers(2027, 2050), st.integers(1, 20), st.floats(0, 0.2), st.floats(0, 0.5))
def test_the_shield_is_the_discounted_sum_over_the_years(
    start: int, end: int, life: int, discount: float, tax: float
) -> None:
    years = [year for year in range(start, start + life) if year < end]
    by_hand = sum(tax / life * float(discount_factor(discount, year - 2026)) for year in years)
    found = depreciation_shield_per_mn(start, 2026, end, life, discount, tax)
    assert found.item() == pytest.approx(by_hand, abs=1e-12)
    # What is written off and what stands in the books make the whole.
    assert len(years) / life + book_share(start, end, life).item() == pytest.approx(1.0)


def test_book_value_at_the_horizons_end() -> None:
    assert book_share([2026, 2034, 2040, 2045], 2041, 10).tolist() == pytest.approx([0.0, 0.3, 0.9, 1.0])


def test_salvage_is_taxed_above_book_and_credited_below() -> None:
    # Six of ten years used: book 0.4. Salvage 0.7 of capex: 25 % of 0.3; salvage 0: a credit of 0.1; six years on.
    args = (2034, 2026, 2040, 10, 0.0, 0.25)
    assert end_tax_per_mn(0.7, *args).item() == pytest.approx(0.075)
    assert end_tax_per_mn(0.0, *args).item() == pytest.approx(-0.1)
    assert end_tax_per_mn(0.7, *args, grant_share=0.5).item() == pytest.approx(0.25 * (0.7 - 0.2))
    assert end_tax_per_mn(0.7, 2034, 2026, 2040, 10, 0.1, 0.25).item() == pytest.approx(0.075 / 1.1**14)


def test_by_year_arrays_say_the_same() -> None:
    capex = np.zeros((2, 8))
    capex[0, 0], capex[0, 3], capex[1, 6] = 100.0, 50.0, 30.0
    written = depreciation_mn(capex, 5)
    assert written[0].tolist() == pytest.approx([20, 20, 20, 30, 30, 10, 10, 10])
    assert written[1].tolist() == pytest.approx([0, 0, 0, 0, 0, 0, 6, 6])
    book = book_value_mn(capex, 5)[:, -1]
    shares = book_share([2026, 2029, 2032], 2034, 5)
    assert book.tolist() == pytest.approx([100 * shares[0] + 50 * shares[1], 30 * shares[2]])
    # A life beyond the horizon.
    assert depreciation_mn([[10.0, 0.0]], 10).tolist() == [[1.0, 1.0]]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.integers(1, 12), st.floats(0, 0.2))
def test_the_arrays_discount_to_the_shield(capex: list[float], life: int, discount: float) -> None:
    n = len(capex)
    weights = discount_factor(discount, np.arange(n))
    by_year = 0.25 * (depreciation_mn(capex, life)[0] * weights).sum()
    per_mn = depreciation_shield_per_mn(2026 + np.arange(n), 2026, 2026 + n, life, discount, 0.25)
    assert by_year == pytest.approx((per_mn * capex).sum(), abs=1e-9)


def test_losses_wait_for_profits_by_hand() -> None:
    # A loss of 100 in the first year; profits of 30; it lapses after two years of waiting.
    found = stand_alone_tax([[-100.0, 30.0, 30.0, 30.0, 30.0]], 0.25, 2)
    assert found["losses_used_mn"].tolist() == [[0, 30, 30, 0, 0]]
    assert found["losses_lapsed_mn"].tolist() == [[0, 0, 40, 0, 0]]
    assert found["tax_mn"].tolist() == [[0, 0, 0, 7.5, 7.5]]
    assert found["losses_carried_mn"].tolist() == [[100, 70, 0, 0, 0]]


def test_the_oldest_loss_is_used_first() -> None:
    found = stand_alone_tax([[-10.0, -10.0, 15.0, 0.0, 0.0, 20.0]], 0.2, 3)
    # Of 15 the ten of year 0 and five of year 1; the other five lapse at the end of year 4.
    assert found["losses_carried_mn"][0].tolist() == [10, 20, 5, 5, 0, 0]
    assert found["losses_lapsed_mn"][0].tolist() == [0, 0, 0, 0, 5, 0]
    assert found["tax_mn"][0].tolist() == pytest.approx([0, 0, 0, 0, 0, 4])


PROFITS = st.lists(st.floats(-100, 100), min_size=1, max_size=25)


@given(PROFITS, st.integers(1, 8))
def test_no_loss_is_lost_or_used_twice(profits: list[float], years: int) -> None:
    found = stand_alone_tax([profits], 0.25, years)
    reduced_cost_gaps = -np.minimum(profits, 0.0).sum()
    ends = found["losses_used_mn"].sum() + found["losses_lapsed_mn"].sum() + found["losses_carried_mn"][0, -1]
    assert ends == pytest.approx(reduced_cost_gaps, abs=1e-9)
    assert (found["tax_mn"] >= -1e-12).all()


@given(PROFITS, st.integers(1, 7))
def test_alone_a_plant_pays_no_less_than_in_a_group_and_less_with_more_time(profits: list[float], years: int) -> None:
    alone = stand_alone_tax([profits], 0.25, years)["tax_mn"].sum()
    assert alone >= group_tax_mn([profits], 0.25).sum() - 1e-9
    assert stand_alone_tax([profits], 0.25, years + 1)["tax_mn"].sum() <= alone + 1e-9


def test_plants_do_not_share_their_losses() -> None:
    found = stand_alone_tax([[-50.0, 0.0], [0.0, 50.0]], [0.25, 0.15], 5)
    assert found["tax_mn"].tolist() == [[0, 0], [0, pytest.approx(7.5)]]
