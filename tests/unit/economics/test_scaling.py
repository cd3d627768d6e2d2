"""Costs at another size, year and place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.capital_cost import equipment_factor, learning_factor, scaled_cost
from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs


def level(inputs: Inputs, currency: str, year: int) -> PriceLevel:
    return PriceLevel(currency, year, inputs["indices/deflators"], inputs["indices/exchange_rates"])


def test_the_six_tenths_rule() -> None:
    # Twice the size at exponent 0.6 costs 1.5157 times as much.
    assert scaled_cost(100.0, 2.0, 1.0, 0.6).item() == pytest.approx(151.57, abs=0.005)
    assert scaled_cost([100.0, 80.0], [1.0, 4.0], [1.0, 1.0], [0.6, 0.5]).tolist() == pytest.approx([100.0, 160.0])


def test_factors_multiply() -> None:
    found = scaled_cost(100.0, 1.0, 1.0, 0.6, index_factor=1.2, location_factor=0.9, retrofit_factor=1.05, learning=0.8)
    assert found.item() == pytest.approx(100 * 1.2 * 0.9 * 1.05 * 0.8)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.3, 1))
def test_scaling_in_two_steps_is_scaling_in_one(first: float, second: float, exponent: float) -> None:
    by_way = scaled_cost(scaled_cost(1.0, first, 1.0, exponent), first * second, first, exponent)
    assert by_way.item() == pytest.approx(scaled_cost(1.0, first * second, 1.0, exponent).item(), rel=1e-12)


def test_each_doubling_takes_off_its_share() -> None:
    assert learning_factor([1, 2, 4, 8, 0.5], 1, 0.1).tolist() == pytest.approx([1, 0.9, 0.81, 0.729, 1])
    assert learning_factor(100, 1, 0.0).item() == 1.0


def test_dollars_of_equipment_follow_the_plant_cost_index_to_2023(inputs: Inputs) -> None:
    # CEPCI 603.1 in 2018, 708.8 in 2021, 797.9 in 2023.
    table = inputs["indices/plant_cost"]
    assert equipment_factor(level(inputs, "USD", 2023), table, "USD", 2018) == pytest.approx(797.9 / 603.1)
    assert equipment_factor(level(inputs, "USD", 2021), table, "USD", 2018) == pytest.approx(708.8 / 603.1)
    # Beyond 2023 the deflator takes over.
    in_2024 = equipment_factor(level(inputs, "USD", 2024), table, "USD", 2018)
    assert in_2024 == pytest.approx(797.9 / 603.1 * level(inputs, "USD", 2024).factor("USD", 2023))


def test_other_money_and_later_money_follow_the_deflator(inputs: Inputs) -> None:
    table, yuan = inputs["indices/plant_cost"], level(inputs, "CNY", 2024)
    assert equipment_factor(yuan, table, "CNY", 2020) == pytest.approx(103.44 / 100.0)
    assert equipment_factor(yuan, table, "USD", 2024) == yuan.factor("USD", 2024)
    with pytest.raises(InputError, match="no CEPCI for 1980"):
        equipment_factor(yuan, table, "USD", 1980)
