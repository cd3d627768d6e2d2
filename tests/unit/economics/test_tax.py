"""Depreciation, book value and losses carried forward, against hand calculation and general properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.investment import book_share, depreciation_mn, stand_alone_tax


def test_book_share_at_the_end_of_the_horizon_matches_hand_calculation() -> None:
    assert book_share([2026, 2034, 2040, 2045], 2041, 10).tolist() == pytest.approx([0.0, 0.3, 0.9, 1.0])


def test_depreciation_by_year_agrees_with_the_book_share() -> None:
    capex = np.zeros((2, 8))
    capex[0, 0], capex[0, 3], capex[1, 6] = 100.0, 50.0, 30.0
    depreciation = depreciation_mn(capex, 5)
    assert depreciation[0].tolist() == pytest.approx([20, 20, 20, 30, 30, 10, 10, 10])
    assert depreciation[1].tolist() == pytest.approx([0, 0, 0, 0, 0, 0, 6, 6])
    shares = book_share([2026, 2029, 2032], 2034, 5)
    book_value = (capex - depreciation).sum(axis=1)
    assert book_value.tolist() == pytest.approx([100 * shares[0] + 50 * shares[1], 30 * shares[2]])
    # A depreciation period beyond the horizon.
    assert depreciation_mn([[10.0, 0.0]], 10).tolist() == [[1.0, 1.0]]


def test_losses_offset_later_profits_until_they_lapse() -> None:
    # A loss of 100 in the first year, then profits of 30; the loss lapses after two years.
    found = stand_alone_tax([[-100.0, 30.0, 30.0, 30.0, 30.0]], 0.25, 2)
    assert found["losses_used_mn"].tolist() == [[0, 30, 30, 0, 0]]
    assert found["losses_lapsed_mn"].tolist() == [[0, 0, 40, 0, 0]]
    assert found["tax_mn"].tolist() == [[0, 0, 0, 7.5, 7.5]]
    assert found["losses_carried_mn"].tolist() == [[100, 70, 0, 0, 0]]


def test_the_oldest_loss_is_used_first() -> None:
    found = stand_alone_tax([[-10.0, -10.0, 15.0, 0.0, 0.0, 20.0]], 0.2, 3)
    # The 15 use the ten of year 0 and five of year 1; the other five lapse at the end of year 4.
    assert found["losses_carried_mn"][0].tolist() == [10, 20, 5, 5, 0, 0]
    assert found["losses_lapsed_mn"][0].tolist() == [0, 0, 0, 0, 5, 0]
    assert found["tax_mn"][0].tolist() == pytest.approx([0, 0, 0, 0, 0, 4])


PROFITS = st.lists(st.floats(-100, 100), min_size=1, max_size=25)


@given(PROFITS, st.integers(1, 8))
def test_losses_are_used_lapsed_or_carried_forward_exactly_once(profits: list[float], years: int) -> None:
    found = stand_alone_tax([profits], 0.25, years)
    total_losses = -np.minimum(profits, 0.0).sum()
    total = found["losses_used_mn"].sum() + found["losses_lapsed_mn"].sum() + found["losses_carried_mn"][0, -1]
    assert total == pytest.approx(total_losses, abs=1e-9)
    assert (found["tax_mn"] >= -1e-12).all()


@given(PROFITS, st.integers(1, 7))
def test_stand_alone_tax_is_at_least_group_tax_and_never_rises_with_carry_forward_years(
    profits: list[float], years: int
) -> None:
    alone = stand_alone_tax([profits], 0.25, years)["tax_mn"].sum()
    assert alone >= 0.25 * np.sum(profits) - 1e-9
    assert stand_alone_tax([profits], 0.25, years + 1)["tax_mn"].sum() <= alone + 1e-9


def test_plants_do_not_share_their_losses() -> None:
    found = stand_alone_tax([[-50.0, 0.0], [0.0, 50.0]], [0.25, 0.15], 5)
    assert found["tax_mn"].tolist() == [[0, 0], [0, pytest.approx(7.5)]]
