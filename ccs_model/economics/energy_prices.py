"""Prices of power and steam, built up from their visible parts, in the scenario's money and without VAT.

power = (benchmark × (1 + loss) + transmission + demand charge ÷ hours used + fees) ÷ (1 + VAT)
steam = fuel ÷ (1 + VAT) ÷ boiler efficiency + what steam costs besides fuel (all of it where nothing is burnt)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.economics.price_level import PriceLevel
from ccs_model.units import HOURS_PER_YEAR

HOURS_PER_MONTH = HOURS_PER_YEAR / 12


def power_build_up(table: pd.DataFrame, level: PriceLevel) -> pd.DataFrame:
    """data/prices/power with each part and the total `power_per_kwh` in the scenario's money, without VAT."""
    parts = pd.DataFrame(
        {
            "energy_per_kwh": table["benchmark_per_kwh"],
            "loss_per_kwh": table["benchmark_per_kwh"] * table["loss_share"],
            "transmission_per_kwh": table["transmission_per_kwh"],
            "demand_per_kwh": table["demand_per_kw_month"] / (HOURS_PER_MONTH * table["load_factor_share"]),
            "fees_per_kwh": table["fees_per_kwh"],
        }
    )
    without_vat = parts.div(1.0 + table["vat_share"], axis=0)
    money = without_vat.apply(lambda part: level.convert(part, table["currency"], table["price_year"]))
    money["power_per_kwh"] = money.sum(axis=1)
    return pd.concat([table[["grid", "year"]], money], axis=1)


def steam_build_up(fuels: pd.DataFrame, sources: pd.DataFrame, level: PriceLevel) -> pd.DataFrame:
    """One row a province, year and boiler: fuel, other cost and the total `steam_per_gj`, without VAT.

    Sources that burn nothing have no row: they cost what `fuelless_steam` says, everywhere.
    """
    joined = fuels.merge(sources, on="fuel", suffixes=("", "_source"))
    fuel = joined["price_per_gj"] / (1.0 + joined["vat_share"]) / joined["efficiency_share"]
    result = joined[["province", "year", "heat_source", "fuel", "efficiency_share", "fuel_t_per_gj"]].copy()
    result["fuel_per_gj"] = level.convert(fuel, joined["currency"], joined["price_year"])
    result["other_per_gj"] = level.convert(
        joined["non_fuel_per_gj"], joined["currency_source"], joined["price_year_source"]
    )
    result["steam_per_gj"] = result["fuel_per_gj"] + result["other_per_gj"]
    return result


def fuelless_steam(sources: pd.DataFrame, level: PriceLevel) -> dict[str, float]:
    """What a GJ costs of each heat source that burns nothing, by its name; power that it draws is priced as power."""
    table = sources[sources["fuel"] == "none"]
    money = level.convert(table["non_fuel_per_gj"], table["currency"], table["price_year"])
    return dict(zip(table["heat_source"], map(float, money), strict=True))


def path(table: pd.DataFrame, key: str, value: str, keys: pd.Series, years: np.ndarray) -> np.ndarray:
    """Values for each of `keys` in each of `years`: straight between the years given, flat outside; NaN where none.

    Shape (len(keys), len(years)).
    """
    known = {name: np.interp(years, rows["year"], rows[value]) for name, rows in table.sort_values("year").groupby(key)}
    none = np.full(len(years), np.nan)
    return np.array([known.get(name, none) for name in keys]).reshape(len(keys), len(years))
