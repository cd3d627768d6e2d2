"""Conversion between currencies and price years, against published index numbers."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import BAD_INPUT, InputError
from ccs_model.inputs import Inputs

CURRENCY, YEAR = st.sampled_from(["CNY", "USD", "EUR"]), st.integers(2005, 2025)


def level(inputs: Inputs, currency: str, year: int) -> PriceLevel:
    return PriceLevel(currency, year, inputs["indices/deflators"], inputs["indices/exchange_rates"])


def test_dollars_of_2005_convert_to_yuan_of_2024(inputs: Inputs) -> None:
    # US deflator 77.41 → 118.8, then 7.1957 yuan per dollar in 2024: 11.043.
    assert level(inputs, "CNY", 2024).factor("USD", 2005) == pytest.approx(118.8 / 77.41 * 7.1957)
    assert level(inputs, "CNY", 2024).factor("USD", 2005) == pytest.approx(11.043, abs=0.001)


@pytest.mark.parametrize(
    ("currency", "year", "change"),
    [("USD", 2022, 7.1), ("USD", 2023, 3.6), ("CNY", 2021, 4.6), ("CNY", 2023, -0.6), ("EUR", 2022, 6.3)],
)
def test_deflators_are_gdp_deflators_and_not_consumer_prices(
    inputs: Inputs, currency: str, year: int, change: float
) -> None:
    """Consumer prices rose by 8.0, 4.1, 1.0, 0.2 and 8.4 per cent in these years."""
    assert 100 * (level(inputs, currency, year).factor(currency, year - 1) - 1) == pytest.approx(change, abs=0.06)


def test_euros_of_2015_convert_to_dollars_of_2020(inputs: Inputs) -> None:
    # EU deflator 92.9 → 100, then 7.8747 yuan per euro over 6.9042 yuan per dollar in 2020.
    assert level(inputs, "USD", 2020).factor("EUR", 2015) == pytest.approx(100 / 92.9 * 7.8747 / 6.9042)


def test_yuan_of_2022_convert_to_yuan_of_2024(inputs: Inputs) -> None:
    assert level(inputs, "CNY", 2024).factor("CNY", 2022) == pytest.approx(105.04 / 106.46)


@given(CURRENCY, YEAR)
def test_conversion_factor_is_one_for_the_scenario_currency_and_year(inputs: Inputs, currency: str, year: int) -> None:
    assert level(inputs, currency, year).factor(currency, year) == 1.0


@given(CURRENCY, CURRENCY, YEAR, YEAR)
def test_scenario_currency_scales_all_conversion_factors_alike(
    inputs: Inputs, first: str, second: str, target: int, year: int
) -> None:
    rates = inputs["indices/exchange_rates"].set_index(["currency", "year"])["cny_per_unit"]
    one_of = {each: 1.0 if each == "CNY" else rates[each, target] for each in (first, second)}
    ratio = one_of[first] / one_of[second]
    for currency in ("CNY", "USD", "EUR"):
        in_first, in_second = (level(inputs, each, target).factor(currency, year) for each in (first, second))
        assert in_second == pytest.approx(in_first * ratio, rel=1e-12)


@given(CURRENCY, YEAR, YEAR, YEAR)
def test_conversion_through_another_year_gives_the_same_factor(
    inputs: Inputs, currency: str, a: int, b: int, c: int
) -> None:
    in_two_steps = level(inputs, currency, b).factor(currency, a) * level(inputs, currency, c).factor(currency, b)
    assert level(inputs, currency, c).factor(currency, a) == pytest.approx(in_two_steps, rel=1e-12)


def test_column_is_converted_row_by_row_from_its_own_currency_and_year(inputs: Inputs) -> None:
    found = level(inputs, "CNY", 2024).convert(
        pd.Series([100.0, 1.0], index=[7, 3]),
        pd.Series(["CNY", "USD"], index=[7, 3]),
        pd.Series([2022.0, 2005.0], index=[7, 3]),
    )
    assert found.to_dict() == pytest.approx({7: 100 * 105.04 / 106.46, 3: 118.8 / 77.41 * 7.1957})


@pytest.mark.parametrize(
    ("target", "currency", "year", "names"),
    [
        (("CNY", 2024), "USD", 1999, ("indices/deflators.csv", "USD 1999", "2000 to 2025")),
        (("CNY", 2026), "CNY", 2024, ("indices/deflators.csv", "CNY 2026", "2000 to 2025")),
        (("CNY", 2003), "EUR", 2003, ("indices/exchange_rates.csv", "EUR", "2003")),
        (("CNY", 2024), "GBP", 2020, ("indices/deflators.csv", "GBP 2024", "it lacks this currency")),
    ],
)
def test_missing_price_index_or_exchange_rate_is_reported(
    inputs: Inputs, target: tuple[str, int], currency: str, year: int, names: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        level(inputs, *target).factor(currency, year)
    assert caught.value.exit_code == BAD_INPUT
    assert all(name in str(caught.value) for name in names)
