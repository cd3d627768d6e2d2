"""Conversion factors from the unit of a heading to that of its column, by the definitions of the units."""

from __future__ import annotations

import pytest

from ccs_model.inputs.cells import conversion, currency_of, scale_value
from ccs_model.inputs.declarations import Column


def column(unit: str, meaning: str = "") -> Column:
    return Column("table", "name", "number", unit, False, None, None, (), meaning)


@pytest.mark.parametrize(
    ("given", "unit", "factor"),
    [
        ("Mt/y", "kt/y", 1_000.0),
        ("Mtpa", "kt/y", 1_000.0),
        ("MTPA", "kt/y", 1_000.0),
        ("MMTPA", "kt/y", 1_000.0),
        ("TPA", "kt/y", 0.001),
        ("TPD", "kt/y", 0.365),
        ("million tonnes/y", "kt/y", 1_000.0),
        ("million metric tonnes per annum", "kt/y", 1_000.0),
        ("lakh tonnes", "kt/y", 100.0),
        ("t/a", "kt/y", 0.001),
        ("万吨/年", "kt/y", 10.0),
        ("万吨", "kt/y", 10.0),  # a capacity without its year
        ("亿吨", "kt", 100_000.0),
        ("kt per year", "kt/y", 1.0),
        ("bar", "MPa", 0.1),
        ("kPa", "MPa", 0.001),
        ("kW", "MW", 0.001),
        ("万千瓦", "MW", 10.0),
        ("m", "km", 0.001),
        ("%", "share", 0.01),
        ("kg CO2/t", "t CO2/t", 0.001),
        ("t CO₂/t", "t CO2/t", 1.0),
        ("kWh/t", "GJ/t", 0.0036),
        ("million CNY", "million money", 1.0),
        ("万元", "million money", 0.01),
        ("亿元", "million money", 100.0),
        ("百万元", "million money", 1.0),
        ("bn USD", "million money", 1_000.0),
        ("EUR billion", "million money", 1_000.0),
        ("Mio. EUR", "million money", 1.0),
        ("crore", "million money", 10.0),
        ("Rs. in crores", "million money", 10.0),
        ("₹Cr", "million money", 10.0),
        ("Cr INR", "million money", 10.0),
        ("₹ lakhs/km", "million money/km", 0.1),
        ("lakh crore INR", "million money", 1_000_000.0),
        ("paise/kWh", "money/kWh", 0.01),
        ("paisa/kWh", "money/kWh", 0.01),
        ("INR paise/kWh", "money/kWh", 0.01),
        ("₹/unit", "money/kWh", 1.0),
        ("Rs./t", "money/t", 1.0),
        ("KRW/t", "money/t", 1.0),
        ("kEUR/yr", "million money/y", 0.001),
        ("万元/年", "million money/y", 0.01),
        ("元", "million money", 1e-6),
        ("元/吨", "money/t", 1.0),
        ("USD per kt", "money/t", 0.001),
        ("EUR/t CO2", "money/t", 1.0),
        ("元/千瓦时", "money/kWh", 1.0),
        ("EUR/MWh", "money/kWh", 0.001),
        ("元/吉焦", "money/GJ", 1.0),
        ("万元/公里", "million money/km", 0.01),
        ("元/千瓦/月", "money per kW and month", 1.0),
        ("EUR per t/h, km and year", "money per t/h, km and year", 1.0),
        ("million EUR per Mt/y", "million money per kt/y", 0.001),
        ("short ton/y", "kt/y", 0.90718474e-3),
        ("Short tons per year", "kt/y", 0.90718474e-3),
        ("short tons", "kt/y", 0.90718474e-3),
        ("metric tons/y", "kt/y", 0.001),
        ("tonnes per year", "kt/y", 0.001),
        ("t/d", "kt/y", 0.365),
        ("tonnes per day", "kt/y", 0.365),
        ("short ton/day", "kt/y", 0.90718474 * 0.365),
        ("mi", "km", 1.609344),
        ("miles", "km", 1.609344),
        ("USD/MMBtu", "money/GJ", 1 / 1.05505585262),
        ("USD per million Btu", "money/GJ", 1 / 1.05505585262),
        ("million USD/mile", "million money/km", 1 / 1.609344),
        ("USD/short ton", "money/t", 1 / 0.90718474),
        ("lb CO2/MWh", "kg CO2/kWh", 0.45359237e-3),
        ("MMBtu/short ton", "GJ/t", 1.05505585262 / 0.90718474),
    ],
)
def test_compatible_units_have_a_conversion_factor(given: str, unit: str, factor: float) -> None:
    assert conversion(given, column(unit)) == pytest.approx(factor, rel=1e-11)


def test_mass_of_carbon_converts_to_co2_by_44_over_12() -> None:
    assert conversion("kt C/y", column("kt/y", "CO2 of the plant")) == pytest.approx(44 / 12, rel=1e-3)
    assert conversion("t C/t", column("t CO2/t")) == pytest.approx(44 / 12, rel=1e-3)
    assert conversion("kt C/y", column("kt/y", "crude steel")) is None


@pytest.mark.parametrize(
    ("given", "unit"),
    [("mt/y", "kt/y"), ("MT/y", "kt/y"), ("t/h", "kt/y"), ("MPa", "kt/y"), ("t/t", "share"),
     ("million tons/y", "kt/y"), ("unit", "kt/y"), ("USD/unit", "money/kWh"), ("Rs EUR", "million money"),
     ("tons/y", "kt/y"), ("ton", "kt/y"), ("MBtu", "GJ"),
     ("", "kt/y"), ("million CNY", "kt/y"), ("USD/t", "million money"), ("MUSD", "million money"),
     ("m EUR", "million money"), ("$", "million money"), ("¥/t", "money/t"), ("million bn EUR", "million money"),
     ("EUR USD", "million money"), ("万元", "million money/y"), ("USD/t C", "money/t"), ("kt", "money/t"),
     ("kt/y", ""), ("kt water/y", "kt/y"), ("kt//y", "kt/y"), ("kt/y/y", "kt/y")],
)  # fmt: skip
def test_incompatible_or_ambiguous_units_have_no_factor(given: str, unit: str) -> None:
    assert conversion(given, column(unit)) is None


def test_money_per_tonne_of_co2_is_not_converted_to_money_per_tonne_of_product() -> None:
    assert conversion("USD/t CO2", column("money/t", "profit per t of product")) is None
    assert conversion("USD/t", column("money/t", "profit per t of product")) == 1.0


@pytest.mark.parametrize(
    ("unit", "currency"),
    [
        ("亿元", "CNY"),
        ("US$ bn", "USD"),
        ("EUR/t", "EUR"),
        ("₹ crore", "INR"),
        ("paise/kWh", "INR"),
        ("KRW/t", "KRW"),
        ("bn", ""),
        ("money/t", ""),
        ("MWH", ""),
    ],
)
def test_currency_is_read_from_the_unit(unit: str, currency: str) -> None:
    assert currency_of(unit) == currency


def test_scaled_value_has_no_rounding_error_in_the_last_digit() -> None:
    assert scale_value(12.3, 10.0) == 123.0 and scale_value(0.07, 1_000.0) == 70.0
