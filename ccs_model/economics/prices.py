"""Conversion to the scenario's currency and price year, and price build-up of power and steam.

Price years convert with the deflator of the currency's home, then with the exchange rate of the target year. A year
that an index lacks is an error; the nearest year is never used instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.scenario.fields import HOME_CURRENCY
from ccs_model.units import HOURS_PER_YEAR


@dataclass(frozen=True)
class PriceLevel:
    """Converts to `currency` at `price_year`; `deflators` and `exchange_rates` are the tables of data/indices."""

    currency: str
    price_year: int
    deflators: pd.DataFrame
    exchange_rates: pd.DataFrame

    @classmethod
    def of(cls, currency: str, price_year: int, inputs: Inputs) -> PriceLevel:
        """Return the conversion with the index tables of `inputs`."""
        return cls(currency, price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"])

    @property
    def last_year(self) -> int:
        """Last year for which every currency has a price index."""
        return int(self.deflators.groupby("currency")["year"].max().min())

    def factor(self, currency: str, price_year: int) -> float:
        """Return the value of one unit of `currency` of `price_year` in the scenario's money."""
        inflation = self._index(currency, self.price_year) / self._index(currency, price_year)
        if currency == self.currency:
            return inflation
        return inflation * self.rate(currency) / self.rate(self.currency)

    def convert(self, amount: pd.Series, currency: pd.Series, price_year: pd.Series) -> pd.Series:
        """Return a column of amounts, each in its row's currency and price year, in the scenario's money."""
        pairs = {pair: self.factor(str(pair[0]), int(pair[1])) for pair in set(zip(currency, price_year, strict=True))}
        factors: npt.NDArray[np.float64] = np.array([pairs[p] for p in zip(currency, price_year, strict=True)])
        return amount * factors

    def column(self, table: pd.DataFrame, name: str) -> pd.Series:
        """Return a column of a table with `currency` and `price_year` in the scenario's money."""
        return self.convert(table[name], table["currency"], table["price_year"])

    @cached_property
    def _indices(self) -> dict[tuple[str, int], float]:
        table = self.deflators
        keys = zip(table["currency"], table["year"].astype(int), strict=True)
        return dict(zip(keys, table["price_index"].astype(float), strict=True))

    def _index(self, currency: str, year: int) -> float:
        found = self._indices.get((currency, year))
        if found is None:
            held = [each for name, each in self._indices if name == currency]
            span = f"it covers {min(held)} to {max(held)}" if held else "it lacks this currency"
            raise InputError([Issue("indices/deflators.csv", f"no price index for {currency} {year}", span)])
        return found

    def rate(self, currency: str) -> float:
        """Return yuan per unit of a currency in the price year of the scenario."""
        if currency == HOME_CURRENCY:
            return 1.0
        if (found := self._rates.get(currency)) is None:
            raise InputError(
                [Issue("indices/exchange_rates.csv", f"no exchange rate for {currency} in {self.price_year}")]
            )
        return found

    @cached_property
    def _rates(self) -> dict[str, float]:
        table = self.exchange_rates[self.exchange_rates["year"] == self.price_year]
        return dict(zip(table["currency"], map(float, table["cny_per_unit"]), strict=True))


# Prices of power and steam from their parts, in the scenario's money and without VAT.
#
# power = (benchmark × (1 + loss) + transmission + demand charge ÷ hours used + fees) ÷ (1 + VAT)
# steam = fuel ÷ (1 + VAT) ÷ boiler efficiency + other costs (all costs for sources without fuel)

HOURS_PER_MONTH = HOURS_PER_YEAR / 12


def power_build_up(table: pd.DataFrame, level: PriceLevel) -> pd.DataFrame:
    """Return prices/power with each part and the total `power_per_kwh` in the scenario's money, without VAT."""
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
    """Return one row a province, year and boiler: fuel, other cost and the total `steam_per_gj`, without VAT.

    Sources without fuel have no row; see `fuelless_steam`.
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
    """Return the cost per GJ of each heat source without fuel, by name; its power is priced as power."""
    table = sources[sources["fuel"] == "none"]
    money = level.convert(table["non_fuel_per_gj"], table["currency"], table["price_year"])
    return dict(zip(table["heat_source"], map(float, money), strict=True))


def path(table: pd.DataFrame, key: str, value: str, keys: pd.Series, years: np.ndarray) -> np.ndarray:
    """Return values for `keys` in `years`: linear between the given years, constant outside; NaN for unknown keys.

    Shape (len(keys), len(years)).
    """
    rows = table[table[key].isin(set(keys))].sort_values("year")
    places, at, values = rows[key].to_numpy(), rows["year"].to_numpy(float), rows[value].to_numpy(float)
    known = {name: np.interp(years, at[places == name], values[places == name]) for name in set(places)}
    none = np.full(len(years), np.nan)
    return np.array([known.get(name, none) for name in keys]).reshape(len(keys), len(years))
