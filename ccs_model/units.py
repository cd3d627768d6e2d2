"""Unit suffixes: the name of every quantity ends in one, which gives its unit, label and number format.

`unit_of("captured_ktpa")` returns the unit, `label_of("captured_ktpa")` a heading.
"""

from __future__ import annotations

from dataclasses import dataclass

HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True)
class Unit:
    """A suffix, the unit as printed ("{currency}" is replaced) and the number format of a workbook cell."""

    suffix: str
    text: str
    number_format: str


UNITS: tuple[Unit, ...] = (
    Unit("_kt", "kt", "#,##0.0"),
    Unit("_ktpa", "kt/y", "#,##0.0"),
    Unit("_per_t", "{currency}/t", "#,##0.0"),
    Unit("_per_t_km", "{currency} per t and km", "0.000"),
    Unit("_per_tpa", "{currency} per t/y", "#,##0.0"),
    Unit("_mn", "million {currency}", "#,##0.0"),
    Unit("_mn_pa", "million {currency}/y", "#,##0.0"),
    Unit("_mn_per_km", "million {currency}/km", "#,##0.000"),
    Unit("_mn_per_ktpa", "million {currency} per kt/y", "#,##0.0000"),
    Unit("_mn_per_km_per_ktpa", "million {currency}/km per kt/y", "0.000000"),
    Unit("_kt_per_mn", "kt per million {currency}", "#,##0.000"),
    Unit("_per_gj", "{currency}/GJ", "#,##0.0"),
    Unit("_per_kwh", "{currency}/kWh", "0.0000"),
    Unit("_per_kw_month", "{currency} per kW and month", "#,##0.0"),
    Unit("_per_tph_m", "{currency} per t/h and m", "#,##0.0"),
    Unit("_per_tph_km_pa", "{currency} per t/h, km and year", "#,##0.0"),
    Unit("_gj_per_t", "GJ/t", "0.00"),
    Unit("_kwh_per_t", "kWh/t", "#,##0.0"),
    Unit("_kwh_per_t_km", "kWh per t and km", "0.000"),
    Unit("_t_per_gj", "t CO2/GJ", "0.0000"),
    Unit("_t_per_t", "t CO2/t", "0.000"),
    Unit("_t_water_per_t", "t water/t", "0.00"),
    Unit("_kg_per_t", "kg CO2/t", "#,##0.0"),
    Unit("_kg_per_kwh", "kg CO2/kWh", "0.0000"),
    Unit("_g_per_gj", "g/GJ", "0.0"),
    Unit("_g_per_kwh", "g/kWh", "0.0000"),
    Unit("_tph", "t/h", "#,##0.0"),
    Unit("_mw", "MW", "#,##0.0"),
    Unit("_km", "km", "#,##0.0"),
    Unit("_km2", "km2", "#,##0"),
    Unit("_mm", "mm", "#,##0"),
    Unit("_mpa", "MPa", "0.0"),
    Unit("_yr", "years", "0"),
    Unit("_share", "share", "0.0%"),
    Unit("_rate", "per year", "0.0%"),
    Unit("_deg", "degrees", "0.0000"),
    Unit("_s", "s", "0.0"),
)

_LONGEST_FIRST = sorted(UNITS, key=lambda unit: -len(unit.suffix))
_FIELD_SPELLING = {
    "co2": "CO2", "npv": "NPV", "om": "O&M", "bf": "BF", "bof": "BOF", "eaf": "EAF", "dri": "DRI",
    "capex": "capex", "id": "id", "zh": "(Chinese)",
}  # fmt: skip


def unit_of(name: str) -> Unit | None:
    """Return the unit of a quantity; None for names, counts and flags."""
    return next((unit for unit in _LONGEST_FIRST if name.endswith(unit.suffix)), None)


def unit_text(name: str, currency: str, price_year: int | None = None) -> str:
    """Return the unit as printed beside a heading; money has its price year if one is given."""
    unit = unit_of(name)
    if unit is None:
        return ""
    money = f"{currency} {price_year}" if price_year is not None else currency
    return unit.text.format(currency=money)


def label_of(name: str) -> str:
    """Return the name without its unit as a heading: `capture_cost_per_t` → `Capture cost`; rates keep "rate"."""
    unit = unit_of(name)
    words = name.removesuffix(unit.suffix) if unit and unit.suffix != "_rate" else name
    spelt = [_FIELD_SPELLING.get(word, word) for word in words.split("_") if word != "n"]
    text = " ".join(spelt)
    return text[:1].upper() + text[1:]
