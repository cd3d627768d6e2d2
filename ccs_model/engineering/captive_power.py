"""Captive coal units: what they emit beyond the power plant or the boilers that are already counted at their plant.

A mill's 1.85 t a tonne holds its power plant, which burns the mill's own gas; a chemical plant's flue gas holds its
boilers. So a unit's coal is no stream as long as that stack could be the unit itself: only the excess is.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ccs_model.engineering.transport import great_circle_km
from ccs_model.inputs import Inputs

STREAM = "captive_power"
SITE_KM = 2.0
# The stack of a sector's plants that its captive units are held against.
HELD_IN = {"steel": "power_plant", "chemicals": "boiler_flue_gas"}


def running_units(inputs: Inputs) -> pd.DataFrame:
    """Operating captive units that are taken to belong to a plant."""
    units = inputs["plants/captive_units"]
    return units[(units["status"] == "operating") & (units["plant"] != "")].reset_index(drop=True)


def excess_ktpa(units_ktpa: pd.Series, held_ktpa: pd.Series, plants: pd.DataFrame) -> pd.Series:
    """CO₂ of captive units by plant beyond what is held: max(Σ units − Σ held, 0) of its site, in proportion to units.

    `units_ktpa` is by plant with units, `held_ktpa` by plant; `plants` has plant, lat_deg and lon_deg. A site is a
    plant with units and all within 2 km of it; sites that share a plant are one.
    """
    plants = plants.sort_values("plant", kind="stable")
    units_ktpa = units_ktpa[units_ktpa.index.isin(plants["plant"])].sort_index()
    names, lat, lon = (plants[column].to_numpy() for column in ("plant", "lat_deg", "lon_deg"))
    place = {plant: at for at, plant in enumerate(names)}
    near = {
        plant: set(names[great_circle_km(lat[place[plant]], lon[place[plant]], lat, lon) <= SITE_KM]) | {plant}
        for plant in units_ktpa.index
    }
    result = pd.Series(0.0, index=units_ktpa.index, dtype=float)
    for members in _joined(list(near.values())):
        own = units_ktpa[units_ktpa.index.isin(members)]
        spare = own.sum() - held_ktpa.reindex(sorted(members)).fillna(0.0).sum()
        if spare > 0:
            result[own.index] = own * (spare / own.sum())
    return result


def _joined(groups: Sequence[set[str]]) -> list[set[str]]:
    """Groups that share a member as one."""
    whole: list[set[str]] = []
    for group in groups:
        touching = [each for each in whole if each & group]
        whole = [each for each in whole if not each & group] + [group.union(*touching)]
    return whole


def captive_streams(
    plants: pd.DataFrame, streams: pd.DataFrame, every: pd.DataFrame, held_ktpa: pd.Series, inputs: Inputs
) -> pd.DataFrame:
    """Rows `captive_power` of `plants`, in the columns of `streams`, which are theirs.

    `every` are all running plants of the sector and `held_ktpa` what their stack holds, so that the answer does not
    depend on which provinces are looked at. A unit lasts as long as its plant.
    """
    units = running_units(inputs)
    excess = excess_ktpa(units.groupby("plant")["co2_ktpa"].sum(), held_ktpa, every)
    rows = plants[plants["plant"].isin(excess.index[excess > 1e-9])]
    grade = inputs["streams/chemical_grades"].set_index("stream").loc[STREAM]
    lasting = streams.groupby("plant")["lasting_share"].max()
    return pd.DataFrame(
        {
            "plant": rows["plant"],
            "stream": STREAM,
            "grade": grade["grade"],
            "co2_ktpa": rows["plant"].map(excess).astype(float),
            "co2_share": float(grade["co2_share"]),
            "lasting_share": rows["plant"].map(lasting).fillna((rows["status"] == "operating").astype(float)),
        },
        columns=list(streams.columns),
    )
