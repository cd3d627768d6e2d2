"""Unit suffixes: the name of every quantity ends in one, which gives its unit, label and number format.

`unit_of("captured_ktpa")` returns the unit, `label_of("captured_ktpa")` a heading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

HOURS_PER_YEAR = 8760.0
# Of a year at full load: a power station has a capacity in GWh where other plants have kt.
GWH_PER_MW = HOURS_PER_YEAR / 1000.0


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
    Unit("_per_captured_t", "{currency} per t captured", "#,##0.0"),
    Unit("_per_avoided_t", "{currency} per t avoided", "#,##0.0"),
    Unit("_per_t_km", "{currency} per t and km", "0.000"),
    Unit("_per_tpa", "{currency} per t/y", "#,##0.0"),
    Unit("_mn", "million {currency}", "#,##0.0"),
    Unit("_mn_pa", "million {currency}/y", "#,##0.0"),
    Unit("_mn_per_km", "million {currency}/km", "#,##0.000"),
    Unit("_mn_per_ktpa", "million {currency} per kt/y", "#,##0.0000"),
    Unit("_mn_per_km_per_ktpa", "million {currency}/km per kt/y", "0.000000"),
    Unit("_per_mn", "per million {currency}", "#,##0.000"),
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
    Unit("_t_oil_per_t", "t oil/t", "0.000"),
    Unit("_bbl_per_t", "bbl/t", "0.00"),
    Unit("_per_bbl", "{currency}/bbl", "#,##0.0"),
    Unit("_kg_per_t", "kg CO2/t", "#,##0.0"),
    Unit("_kg_per_kwh", "kg CO2/kWh", "0.0000"),
    Unit("_g_per_gj", "g/GJ", "0.0"),
    Unit("_g_per_kwh", "g/kWh", "0.0000"),
    Unit("_tph", "t/h", "#,##0.0"),
    Unit("_mw", "MW", "#,##0.0"),
    Unit("_km", "km", "#,##0.0"),
    Unit("_km2", "km2", "#,##0"),
    Unit("_per_km2", "per km2", "0.00000"),
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


@cache
def unit_of(name: str) -> Unit | None:
    """Return the unit of a quantity; None for names, counts and flags."""
    return next((unit for unit in _LONGEST_FIRST if name.endswith(unit.suffix)), None)


def unit_text(name: str, currency: str, price_year: int | None = None) -> str:
    """Return the unit as printed beside a heading; money has its price year if one is given."""
    unit = unit_of(name)
    if unit is None:
        return ""
    return unit.text.format(currency=money_text(currency, price_year))


def money_text(currency: str, price_year: int | None = None) -> str:
    """Return a currency with its price year: `CNY 2024`. Every sentence on money names it so."""
    return currency if price_year is None else f"{currency} {price_year}"


def unit_with_money(unit: str, currency: str, price_year: int) -> str:
    """Return the unit of an objective with its money: `million CNY 2024 over the horizon, discounted`."""
    return unit.replace("million", f"million {money_text(currency, price_year)}", 1)


# Items of money whose name alone does not say what they are.
_ITEMS = {
    "carbon_mn": "Carbon revenue", "paid_mn": "Payments per tonne", "energy_mn": "Heat and power for capture",
    "post_injection_mn": "Post-injection care", "owners_account_mn": "Net gain of owners",
    "public_purse_account_mn": "Net gain of public purse", "financiers_account_mn": "Net gain of financiers",
}  # fmt: skip


def label_of(name: str) -> str:
    """Return the name without its unit as a heading: `capture_cost_per_t` → `Capture cost`; rates keep "rate"."""
    if name in _ITEMS:
        return _ITEMS[name]
    unit = unit_of(name)
    words = name.removesuffix(unit.suffix) if unit and unit.suffix != "_rate" else name
    spelt = [_FIELD_SPELLING.get(word, word) for word in words.split("_") if word != "n"]
    text = " ".join(spelt).replace("break even", "break-even")
    return text[:1].upper() + text[1:]


def share_digits(name: str) -> int:
    """Return the decimal places of a share in per cent; the abatement of many plants may be below 0.1 %."""
    return 2 if name.endswith("abatement_share") else 1


# A smaller number is the rounding of a sum.
_NOTHING = 1e-6


def rounded_text(value: float | int | None) -> str:
    """Return a number without decimals; below 1 with three digits, so that a small amount does not read as none."""
    if value is None or abs(value) < _NOTHING:
        return "0"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:,.0f}"


def count_text(number: float | int | None, what: str) -> str:
    """Return `1 retrofit`, `12 retrofits`."""
    return f"{number or 0:,} {what}" + ("" if number == 1 else "s")


def join_first_names(names: Sequence[str], n: int, joint: str = ", ") -> str:
    """Return the first `n` names and how many more there are: `a, b and 3 more`."""
    more = len(names) - n
    return joint.join(names[:n]) + (f" and {more:,} more" if more > 0 else "")
