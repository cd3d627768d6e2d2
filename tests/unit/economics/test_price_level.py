"""Money from one currency and year to another, by hand from the published index numbers."""

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


def test_dollars_of_2005_in_yuan_of_2024(inputs: Inputs) -> None:
    # US deflator 77.41 → 118.8, then 7.1957 yuan a dollar in 2024: 11.043.
    assert level(inputs, "CNY", 2024).factor("USD", 2005) == pytest.approx(118.8 / 77.41 * 7.1957)
    assert level(inputs, "CNY", 2024).factor("USD", 2005) == pytest.approx(11.043, abs=0.001)


@pytest.mark.parametrize(
    ("currency", "year", "change"),
    [("USD", 2022, 7.1), ("USD", 2023, 3.6), ("CNY", 2021, 4.6), ("CNY", 2023, -0.6), ("EUR", 2022, 6.3)],
)
def test_deflators_are_those_of_output_and_not_of_consumption(
    inputs: Inputs, currency: str, year: int, change: float
) -> None:
    """Consumer prices rose by 8.0, 4.1, 1.0, 0.2 and 8.4 per cent in these years."""
    assert 100 * (level(inputs, currency, year).factor(currency, year - 1) - 1) == pytest.approx(change, abs=0.06)


def test_euros_of_2015_in_dollars_of_2020(inputs: Inputs) -> None:
    # EU deflator 92.9 → 100, then 7.8747 yuan a euro over 6.9042 yuan a dollar in 2020.
    assert level(inputs, "USD", 2020).factor("EUR", 2015) == pytest.approx(100 / 92.9 * 7.8747 / 6.9042)


def test_yuan_of_2022_in_yuan_of_2024(inputs: Inputs) -> None:
    assert level(inputs, "CNY", 2024).factor("CNY", 2022) == pytest.approx(105.04 / 106.46)


@given(CURRENCY, YEAR)
def test_money_of_the_scenario_stays_as_it_is(inputs: Inputs, currency: str, year: int) -> None:
    assert level(inputs, currency, year).factor(currency, year) == 1.0


@given(CURRENCY, CURRENCY, YEAR, YEAR)
def test_another_currency_for_the_scenario_scales_all_money_alike(
    inputs: Inputs, mine: str, yours: str, target: int, year: int
) -> None:
    rates = inputs["indices/exchange_rates"].set_index(["currency", "year"])["cny_per_unit"]
    one_of = {each: 1.0 if each == "CNY" else rates[each, target] for each in (mine, yours)}
    ratio = one_of[mine] / one_of[yours]
    for currency in ("CNY", "USD", "EUR"):
        in_mine, in_yours = (level(inputs, each, target).factor(currency, year) for each in (mine, yours))
        assert in_yours == pytest.approx(in_mine * ratio, rel=1e-12)


@given(CURRENCY, YEAR, YEAR, YEAR)
def test_years_chain(inputs: Inputs, currency: str, a: int, b: int, c: int) -> None:
    by_way = level(inputs, currency, b).factor(currency, a) * level(inputs, currency, c).factor(currency, b)
    assert level(inputs, currency, c).factor(currency, a) == pytest.approx(by_way, rel=1e-12)


def test_a_column_converts_row_by_row_in_its_own_money(inputs: Inputs) -> None:
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
def test_a_year_the_index_does_not_hold_is_named_never_replaced(
    inputs: Inputs, target: tuple[str, int], currency: str, year: int, names: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        level(inputs, *target).factor(currency, year)
    assert caught.value.exit_code == BAD_INPUT
    assert all(name in str(caught.value) for name in names)
