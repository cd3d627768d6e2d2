"""A cost at another size, year, place and state of learning.

C = C_ref × (Q ÷ Q_ref)^n × index × location × retrofit × learning

The index is that of plant cost for equipment priced in US dollars, to the last year the index is published for, and
the deflator of the currency's home otherwise. A location factor and a cost known at the place exclude each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.price_level import PriceLevel
from ccs_model.errors import Fault, InputError

Floats = npt.NDArray[np.float64]

EQUIPMENT_CURRENCY = "USD"


def scaled_cost(
    cost: npt.ArrayLike,
    size: npt.ArrayLike,
    reference_size: npt.ArrayLike,
    exponent: npt.ArrayLike,
    *,
    index_factor: npt.ArrayLike = 1.0,
    location_factor: npt.ArrayLike = 1.0,
    retrofit_factor: npt.ArrayLike = 1.0,
    learning: npt.ArrayLike = 1.0,
) -> Floats:
    """Cost in the unit of `cost` times `index_factor`; `size` and `reference_size` in the same unit, both above 0."""
    ratio = np.asarray(size, dtype=float) / np.asarray(reference_size, dtype=float)
    factors = np.asarray(index_factor, dtype=float) * np.asarray(location_factor, dtype=float)
    factors = factors * np.asarray(retrofit_factor, dtype=float) * np.asarray(learning, dtype=float)
    return np.asarray(cost, dtype=float) * ratio ** np.asarray(exponent, dtype=float) * factors


def learning_factor(built: npt.ArrayLike, built_reference: npt.ArrayLike, learning_share: npt.ArrayLike) -> Floats:
    """Cost over that when `built_reference` stood: each doubling of what is built takes off `learning_share`."""
    doublings = np.log2(np.asarray(built, dtype=float) / np.asarray(built_reference, dtype=float))
    return (1.0 - np.asarray(learning_share, dtype=float)) ** np.maximum(doublings, 0.0)


def equipment_factor(level: PriceLevel, plant_cost: pd.DataFrame, currency: str, price_year: int) -> float:
    """What one unit of `currency` of `price_year`, spent on equipment, costs in the scenario's money.

    Dollars follow indices/plant_cost to its last published year, 2023 (or to the scenario's price year, when earlier)
    and the deflator from there, since later years of the index are assumed; other currencies follow the deflator.
    Fault: a year that the index does not hold.
    """
    last_published = int(plant_cost.loc[plant_cost["quality"] != "assumed", "year"].max())
    to_year = min(level.price_year, last_published)
    if currency != EQUIPMENT_CURRENCY or price_year > last_published:
        return level.factor(currency, price_year)
    return _index(plant_cost, to_year) / _index(plant_cost, price_year) * level.factor(currency, to_year)


def _index(plant_cost: pd.DataFrame, year: int) -> float:
    found = plant_cost.loc[(plant_cost["series"] == "CEPCI") & (plant_cost["year"] == year), "price_index"]
    if found.empty:
        raise InputError([Fault("indices/plant_cost.csv", f"no CEPCI for {year}")])
    return float(found.iloc[0])
