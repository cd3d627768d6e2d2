"""Hot stoves, furnace by furnace: each blast furnace has its own, and they last as long as it does.

The other stacks of a mill stay whole: its power plant burns the gas of all furnaces from one main.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.inputs import Inputs

STOVES = "hot_stoves"
RUNNING = ("operating", "operating pre-retirement")
_AGREE = 1e-6


def running_furnaces(inputs: Inputs) -> pd.DataFrame:
    """Blast furnaces that run, those announced to retire included, in the order of their ids."""
    units = inputs["plants/steel_units"]
    units = units[(units["kind"] == "BF") & units["status"].isin(RUNNING) & (units["capacity_ktpa"] > 0)]
    return units.sort_values(["plant", "unit"], kind="stable").reset_index(drop=True)


def stream_of(furnaces: pd.DataFrame, own_from_ktpa: float) -> pd.Series:
    """The stream that each furnace's stoves are in: its own, or the works' common one where it makes less iron."""
    own = STOVES + " " + furnaces["unit"].astype(str)
    return own.where(furnaces["capacity_ktpa"] >= own_from_ktpa, STOVES)


def stoves_by_furnace(streams: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Streams with the hot stoves of each works split over its running furnaces by their iron capacity.

    A furnace of at least `own_stoves_iron_ktpa` is the stream `hot_stoves UNIT`; smaller ones stay together as
    `hot_stoves`. Stoves of a furnace announced to retire last in no part, the others wholly, so that a works' tonnes
    and its lasting tonnes are what they were. A works stays whole where no furnace is known, or where its furnaces and
    its own row disagree about what retires.
    """
    at = streams["stream"] == STOVES
    furnaces = running_furnaces(inputs)
    furnaces["lasts"] = (furnaces["status"] == "operating").astype(float)
    furnaces["stream"] = stream_of(furnaces, inputs.factor("own_stoves_iron_ktpa"))
    total = furnaces.groupby("plant")["capacity_ktpa"].transform("sum")
    furnaces["part"] = furnaces["capacity_ktpa"] / total
    furnaces["lasting_part"] = furnaces["part"] * furnaces["lasts"]
    parts = furnaces.groupby(["plant", "stream"], as_index=False)[["part", "lasting_part"]].sum()
    lasting = parts.groupby("plant")["lasting_part"].sum()
    gap = (streams.loc[at, "plant"].map(lasting) - streams.loc[at, "lasting_share"]).abs()
    splits = streams.loc[at].loc[(gap <= _AGREE).to_numpy(bool)]
    split = splits.drop(columns="stream").merge(parts, on="plant")
    split["co2_ktpa"] *= split["part"]
    split["lasting_share"] = np.clip(split["lasting_part"] / split["part"], 0.0, 1.0)
    whole = streams.drop(index=splits.index)
    return pd.concat([whole, split[streams.columns]], ignore_index=True)


def retiring_stoves(plants: pd.DataFrame, inputs: Inputs) -> pd.Series:
    """By plant of `plants`: a sentence that names the furnaces whose stoves are not offered; empty where none are."""
    furnaces = running_furnaces(inputs)
    going = furnaces[furnaces["status"] != "operating"]
    said: dict[str, str] = {}
    for plant, rows in going.groupby("plant"):
        named = ", ".join(name or unit for name, unit in zip(rows["name"], rows["unit"], strict=True))
        iron = f"{rows['capacity_ktpa'].sum():,.0f} kt/y of iron"
        said[str(plant)] = f"announced to retire, so that no retrofit of their stoves is offered: {named} ({iron})"
    return plants["plant"].map(said).fillna("").astype(str)
