"""One door for money: any amount becomes the scenario's currency at the scenario's price year.

Price years convert with the deflator of the currency's home, then the exchange rate of the target year. A year that
an index does not hold is a fault; the nearest year is never taken in its stead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.errors import Fault, InputError


@dataclass(frozen=True)
class PriceLevel:
    """Converts to `currency` at `price_year`; `deflators` and `exchange_rates` are the tables of data/indices."""

    currency: str
    price_year: int
    deflators: pd.DataFrame
    exchange_rates: pd.DataFrame

    def factor(self, currency: str, price_year: int) -> float:
        """What one unit of `currency` of `price_year` is worth in the scenario's money."""
        inflation = self._index(currency, self.price_year) / self._index(currency, price_year)
        if currency == self.currency:
            return inflation
        return inflation * self._rate(currency) / self._rate(self.currency)

    def convert(self, amount: pd.Series, currency: pd.Series, price_year: pd.Series) -> pd.Series:
        """A column of amounts, each in its row's own money, in the scenario's money."""
        pairs = {pair: self.factor(str(pair[0]), int(pair[1])) for pair in set(zip(currency, price_year, strict=True))}
        factors: npt.NDArray[np.float64] = np.array([pairs[p] for p in zip(currency, price_year, strict=True)])
        return amount * factors

    def _index(self, currency: str, year: int) -> float:
        table = self.deflators
        found = table.loc[(table["currency"] == currency) & (table["year"] == year), "price_index"]
        if found.empty:
            held = table.loc[table["currency"] == currency, "year"]
            span = f"it holds {held.min():.0f} to {held.max():.0f}" if len(held) else "it holds none of that currency"
            raise InputError([Fault("indices/deflators.csv", f"no price index for {currency} {year}", span)])
        return float(found.iloc[0])

    def _rate(self, currency: str) -> float:
        table = self.exchange_rates
        found = table.loc[(table["currency"] == currency) & (table["year"] == self.price_year), "cny_per_unit"]
        if found.empty:
            raise InputError(
                [Fault("indices/exchange_rates.csv", f"no exchange rate for {currency} in {self.price_year}")]
            )
        return float(found.iloc[0])
