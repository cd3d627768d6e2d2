"""Factors between the unit of a heading and that of a column, by definition of the units."""

from __future__ import annotations

import pytest

from ccs_model.inputs.declarations import Column
from ccs_model.inputs.unit_conversion import conversion, scaled


def column(unit: str, meaning: str = "") -> Column:
    return Column("table", "name", "number", unit, False, None, None, (), meaning)


@pytest.mark.parametrize(
    ("given", "unit", "factor"),
    [
        ("Mt/y", "kt/y", 1_000.0),
        ("Mtpa", "kt/y", 1_000.0),
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
    ],
)
def test_units_of_one_kind_have_a_factor(given: str, unit: str, factor: float) -> None:
    assert conversion(given, column(unit)) == pytest.approx(factor, rel=1e-12)


def test_carbon_weighs_12_of_44_parts_of_co2() -> None:
    assert conversion("kt C/y", column("kt/y", "CO2 of the plant")) == pytest.approx(44 / 12, rel=1e-3)
    assert conversion("t C/t", column("t CO2/t")) == pytest.approx(44 / 12, rel=1e-3)
    assert conversion("kt C/y", column("kt/y", "crude steel")) is None


@pytest.mark.parametrize(
    ("given", "unit"),
    [("mt/y", "kt/y"), ("MT/y", "kt/y"), ("t/h", "kt/y"), ("MPa", "kt/y"), ("miles", "km"), ("t/t", "share"),
     ("USD/t", "money/t"), ("", "kt/y"), ("kt/y", ""), ("kt water/y", "kt/y"), ("kt//y", "kt/y"), ("kt/y/y", "kt/y")],
)  # fmt: skip
def test_other_units_have_none(given: str, unit: str) -> None:
    assert conversion(given, column(unit)) is None


def test_a_product_has_no_error_of_the_last_digit() -> None:
    assert scaled(12.3, 10.0) == 123.0 and scaled(0.07, 1_000.0) == 70.0
