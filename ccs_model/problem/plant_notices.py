"""Notices on the user's plants: values that the model limits or ignores, and plants that may be counted twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.inputs import Inputs
from ccs_model.problem.problem import Problem
from ccs_model.units import first_few

_CHEMICALS = ("plants/chemicals", "plants/coal_chemicals")
_SHIPPED = ("chemicals", "coal_chemicals")
_ROUTE = ["product", "feedstock", "gasifier"]
# Shares of urea are given with two digits.
_SHARE_MARGIN = 0.005
# Plants of one product that are this near may be the same one, as in the import of GEM.
_NEAR_KM = 5.0
# Products whose plants make that of a shipped plant on the way.
_MADE_FROM = {"olefins": "methanol"}
_MOST_NAMED = 4


def plant_notices(problem: Problem) -> Iterator[str]:
    """Yield a sentence on each value of the user's plants without its full effect, and on plants counted twice."""
    inputs, inside = problem.inputs, set(problem.plants["plant"])
    yield from _urea(inputs, inside)
    yield from _capacities_without_sector(inputs, inside)
    yield from _counted_twice(inputs, inside)


def _own(inputs: Inputs, table: str, inside: set[str]) -> pd.DataFrame:
    """Rows of the user's plants in the problem by id, with their number in the table as index."""
    rows = inputs[table].reset_index(drop=True)
    is_own = np.array([inputs.is_own(table, k) for k in range(len(rows))], dtype=bool)
    return rows[is_own & rows["plant"].isin(inside)].sort_values("plant", kind="stable")


def _urea(inputs: Inputs, inside: set[str]) -> Iterator[str]:
    """Ammonia plants whose urea binds more CO2 than the process gives, which limits it."""
    process = inputs["streams/chemical_routes"].set_index(_ROUTE)["process_t_per_t"]
    for table in _CHEMICALS:
        for k, row in _own(inputs, table, inside).iterrows():
            largest = float(process[tuple(row[_ROUTE])]) / inputs.factor("urea_co2_t_per_t")
            if row["urea_share"] > largest + _SHARE_MARGIN:
                yield (
                    f"{inputs.place(table, int(str(k)), 'urea_share')}: urea of {row['name']} would bind more CO2 than "
                    f"its process gives; urea_share counts as {largest:.2f}, the largest possible"
                )


def _capacities_without_sector(inputs: Inputs, inside: set[str]) -> Iterator[str]:
    """Sources with costs of their own whose capacity has no effect."""
    table = "plants/sources"
    for k, row in _own(inputs, table, inside).iterrows():
        given = [name for name in ("capacity_ktpa", "capacity_mw") if row["sector"] == "" and pd.notna(row[name])]
        for name in given:
            yield (
                f"{inputs.place(table, int(str(k)), name)}: {name} of {row['name']} has no effect: a source without a "
                "sector emits co2_ktpa"
            )


def _counted_twice(inputs: Inputs, inside: set[str]) -> Iterator[str]:
    """Chemical plants of the user's inventories near a shipped plant of the same product, or of what it is made from.

    Rows of a data folder replace shipped plants.
    """
    pairs: list[str] = []
    place = ""
    every = inputs.plants_of("chemicals")
    of_user = {plant for table in _CHEMICALS for plant in _own(inputs, table, inside)["plant"]}
    shipped = every[every["inventory"].isin(_SHIPPED) & every["plant"].isin(inside - of_user)]
    for table in _CHEMICALS:
        own = _own(inputs, table, inside)
        for k, row in own[~own["inventory"].isin(_SHIPPED)].iterrows():
            made = shipped[shipped["product"].isin([row["product"], _MADE_FROM.get(str(row["product"]), "")])]
            km = great_circle_km(row["lat_deg"], row["lon_deg"], made["lat_deg"], made["lon_deg"])
            near = made.assign(km=km)
            near = near[near["km"] <= _NEAR_KM].sort_values("km")
            if len(near):
                place = place or inputs.place(table, int(str(k)))
                first = near.iloc[0]
                pairs.append(f"{row['name']} and {first['name']} ({first['plant']}, {first['km']:.1f} km)")
    if pairs:
        yield (
            f"{place}: plants of yours near shipped plants of the same product (olefins: of methanol) may be counted "
            f"twice: {first_few(pairs, _MOST_NAMED, '; ')}"
        )
