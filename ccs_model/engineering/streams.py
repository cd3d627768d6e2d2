"""Streams: the CO₂ that leaves a plant, stack by stack, before any capture.

Each function takes a plant table and returns one row a stream:

    plant, stream, grade, co2_ktpa, co2_share, lasting_share

`grade` says what can be done with it: flue_gas, product_grade, tail_gas, or none (not capturable).
`lasting_share` is the part whose furnaces are not announced to retire; only that part is offered a retrofit.
The streams of a plant sum to its baseline, which is direct emissions; CO₂ bound in urea is in neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.inputs import Inputs

COLUMNS = ("plant", "stream", "grade", "co2_ktpa", "co2_share", "lasting_share")
OPERATING = ("operating", "operating pre-retirement")
DEFAULT_PROFILE = "ieaghg"


def is_operating(plants: pd.DataFrame) -> pd.Series:
    """Operating works, those announced to retire included: they emit and count in the baseline."""
    return plants["status"].isin(OPERATING)


def utilisation_share(plants: pd.DataFrame, product: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Output over capacity of each plant's province and product; the row for `all` where the province has none."""
    known = {(row.province, row.product): row.utilisation_share for row in table.sort_values("year").itertuples()}
    return pd.Series(
        [
            known.get((province, made), known.get(("all", made), np.nan))
            for province, made in zip(plants["province"], product, strict=True)
        ],
        index=plants.index,
        dtype=float,
    )


def steel_streams(plants: pd.DataFrame, inputs: Inputs, profile: str = DEFAULT_PROFILE) -> pd.DataFrame:
    """Streams of steel works.

    A mill emits a fixed t per t of oxygen-furnace steel (of blast-furnace iron where no oxygen furnace is listed),
    split over its stacks by the profile; a mill without coke ovens drops that stack and is not rescaled.
    Electric furnaces and direct reduction each are one stream that is not capturable.
    """
    stacks = inputs["streams/mill_stacks"]
    stacks = stacks[stacks["profile"] == profile]
    share = stacks["emission_kg_per_t"] / stacks["emission_kg_per_t"].sum()
    utilisation = utilisation_share(plants, pd.Series("crude_steel", plants.index), inputs["streams/utilisation"])
    capacity = {name: plants[name].fillna(0.0) for name in plants.columns if name.endswith("_ktpa")}
    bof, iron = capacity["bof_steel_ktpa"], capacity["bf_iron_ktpa"]
    mill_ktpa = utilisation * np.where(
        bof > 0, bof * inputs.factor("bof_steel_t_per_t"), iron * inputs.factor("bf_iron_t_per_t")
    )
    lasting = lasting_share_of_mill(plants)
    parts = []
    for stack, stack_share in zip(stacks.itertuples(), share, strict=True):
        has_it = (plants["coke_ovens"] == "present") | (stack.needs_coke_ovens == "no")
        parts.append(
            _rows(
                plants,
                stack.stream,
                "flue_gas" if stack.is_capturable == "yes" else "none",
                mill_ktpa * stack_share * has_it,
                stack.co2_share,
                lasting,
            )
        )
    for stream, column, factor in (
        ("electric_arc_furnace", "eaf_steel_ktpa", "eaf_steel_t_per_t"),
        ("direct_reduction", "dri_iron_ktpa", "dri_iron_t_per_t"),
    ):
        co2_ktpa = utilisation * capacity[column] * inputs.factor(factor)
        parts.append(_rows(plants, stream, "none", co2_ktpa, np.nan, lasting))
    return _stacked(parts)


def lasting_share_of_mill(plants: pd.DataFrame) -> pd.Series:
    """1 less the share of blast-furnace iron announced to retire; 0 for a works that retires as a whole."""
    iron = plants["bf_iron_ktpa"].fillna(0.0)
    retiring = plants["retiring_bf_iron_ktpa"].fillna(0.0)
    share = 1.0 - np.where(iron > 0, retiring / iron.where(iron > 0, 1.0), 0.0)
    return pd.Series(np.where(plants["status"] == "operating pre-retirement", 0.0, share), index=plants.index)


def chemical_streams(plants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Streams of ammonia and methanol plants.

    Process CO₂ leaves an acid-gas wash as product grade and tail gas. Urea takes product grade first, then tail gas;
    what it takes leaves with the product and is in no stream.
    """
    routes = inputs["streams/chemical_routes"]
    key = ["product", "feedstock", "gasifier"]
    made = plants[key].merge(routes, on=key, how="left", validate="many_to_one").set_axis(plants.index)
    output = plants["capacity_ktpa"] * utilisation_share(plants, plants["product"], inputs["streams/utilisation"])
    process = output * made["process_t_per_t"]
    urea_takes = np.minimum(output * plants["urea_share"].fillna(0.0) * inputs.factor("urea_co2_t_per_t"), process)
    product_grade = process * inputs.factor("product_grade_share")
    tail_gas = process - product_grade
    from_product = np.minimum(urea_takes, product_grade)
    amounts = {
        "product_vent": product_grade - from_product,
        "tail_gas": tail_gas - (urea_takes - from_product),
        "boiler_flue_gas": output * made["flue_t_per_t"],
        "blow_gas": output * made["other_t_per_t"],
    }
    grades = inputs["streams/chemical_grades"].set_index("stream")
    lasting = (plants["status"] == "operating").astype(float)
    return _stacked(
        [
            _rows(plants, stream, grades.at[stream, "grade"], co2_ktpa, grades.at[stream, "co2_share"], lasting)
            for stream, co2_ktpa in amounts.items()
        ]
    )


def _rows(
    plants: pd.DataFrame, stream: str, grade: str, co2_ktpa: pd.Series, co2_share: float, lasting: pd.Series
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "plant": plants["plant"],
            "stream": stream,
            "grade": grade,
            "co2_ktpa": co2_ktpa.astype(float),
            "co2_share": float(co2_share),
            "lasting_share": lasting,
        }
    )


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All streams that carry anything, plant by plant in the order of the stacks."""
    streams = pd.concat(parts, ignore_index=True)
    streams = streams[streams["co2_ktpa"] > 1e-9]
    return streams.sort_values("plant", kind="stable").reset_index(drop=True)


def given_streams(plants: pd.DataFrame) -> pd.DataFrame:
    """The one stream of plants whose capture costs are given outright."""
    return pd.DataFrame(
        {
            "plant": plants["plant"],
            "stream": "all",
            "grade": "given",
            "co2_ktpa": plants["co2_ktpa"],
            "co2_share": np.nan,
            "lasting_share": 1.0,
        },
        columns=list(COLUMNS),
    )


# Hot stoves, furnace by furnace: each blast furnace has its own, and they last as long as it does.
#
# The other stacks of a mill stay whole: its power plant burns the gas of all furnaces from one main.

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
    message: dict[str, str] = {}
    for plant, rows in going.groupby("plant"):
        named = ", ".join(name or unit for name, unit in zip(rows["name"], rows["unit"], strict=True))
        iron = f"{rows['capacity_ktpa'].sum():,.0f} kt/y of iron"
        message[str(plant)] = f"announced to retire, so that no retrofit of their stoves is offered: {named} ({iron})"
    return plants["plant"].map(message).fillna("").astype(str)


# Captive coal units: what they emit beyond the power plant or the boilers that are already counted at their plant.
#
# A mill's 1.85 t a tonne holds its power plant, which burns the mill's own gas; a chemical plant's flue gas holds its
# boilers. So a unit's coal is no stream as long as that stack could be the unit itself: only the excess is.

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
