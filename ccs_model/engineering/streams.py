"""CO₂ streams of a plant before capture, one row a stack, and the periods in which their retrofits may start.

Each function takes a plant table and returns one row a stream:

    plant, stream, grade, co2_ktpa, co2_share, lasting_share

`grade` is flue_gas, product_grade, tail_gas or none (not capturable). `lasting_share` is the share whose furnaces are
not announced to retire; only that share can be retrofitted. Streams of a plant sum to its baseline, which is direct
emissions; CO₂ bound in urea is in neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Mask
from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.inputs import Inputs
from ccs_model.units import GWH_PER_MW

OPERATING = ("operating", "operating pre-retirement")
MILL_PROFILE = "ieaghg"


def is_operating(plants: pd.DataFrame) -> pd.Series:
    """Return a mask of operating plants, including plants announced to retire."""
    return plants["status"].isin(OPERATING)


def utilisation_share(plants: pd.DataFrame, product: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Return output ÷ capacity by province and product, falling back to the province `all`."""
    known = {(row.province, row.product): row.utilisation_share for row in table.sort_values("year").itertuples()}
    return pd.Series(
        [
            known.get((province, made), known.get(("all", made), np.nan))
            for province, made in zip(plants["province"], product, strict=True)
        ],
        index=plants.index,
        dtype=float,
    )


def product_output_ktpa(plants: pd.DataFrame, inputs: Inputs) -> pd.Series:
    """Return [plant] output of the product in kt/y: capacity × utilisation; NaN if unknown."""
    share = utilisation_share(plants, plants["product"], inputs["streams/utilisation"])
    return plants["capacity_ktpa"].astype(float) * share


def steel_streams(plants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Return the streams of steel mills.

    A mill emits a fixed amount per t of oxygen-furnace steel (per t of blast-furnace iron if it lists no oxygen
    furnace), split over its stacks by the profile. A mill without coke ovens omits that stack without rescaling.
    Electric furnaces and direct reduction are one stream each, not capturable.
    """
    stacks = inputs["streams/mill_stacks"]
    stacks = stacks[stacks["profile"] == MILL_PROFILE]
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
    return _stack_streams(parts)


def lasting_share_of_mill(plants: pd.DataFrame) -> pd.Series:
    """Return 1 less the share of blast-furnace iron announced to retire; 0 for a mill that retires as a whole."""
    iron = plants["bf_iron_ktpa"].fillna(0.0)
    retiring = plants["retiring_bf_iron_ktpa"].fillna(0.0)
    share = 1.0 - np.where(iron > 0, retiring / iron.where(iron > 0, 1.0), 0.0)
    return pd.Series(np.where(plants["status"] == "operating pre-retirement", 0.0, share), index=plants.index)


def chemical_streams(plants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Return the streams of ammonia and methanol plants.

    Process CO₂ leaves an acid-gas wash as product grade and tail gas, and the amine wash of a steam reformer as product
    grade alone. Urea uses product grade first, then tail gas;
    this CO₂ leaves with the product and is in no stream.
    """
    routes = inputs["streams/chemical_routes"]
    key = ["product", "feedstock", "gasifier"]
    made = plants[key].merge(routes, on=key, how="left", validate="many_to_one").set_axis(plants.index)
    output = product_output_ktpa(plants, inputs)
    process = output * made["process_t_per_t"]
    urea_takes = np.minimum(output * plants["urea_share"].fillna(0.0) * inputs.factor("urea_co2_t_per_t"), process)
    # The share of the wash of gasified coal, unless the route has one of its own.
    product_grade = process * made["product_grade_share"].fillna(inputs.factor("product_grade_share"))
    tail_gas = process - product_grade
    from_product = np.minimum(urea_takes, product_grade)
    amounts = {
        "product_vent": product_grade - from_product,
        "tail_gas": tail_gas - (urea_takes - from_product),
        "boiler_flue_gas": output * made["flue_t_per_t"],
        "blow_gas": output * made["other_t_per_t"],
    }
    grades = inputs["streams/chemical_grades"].set_index("stream")
    co2_share = {stream: grades.at[stream, "co2_share"] for stream in amounts}
    co2_share["boiler_flue_gas"] = made["flue_co2_share"].fillna(co2_share["boiler_flue_gas"])
    lasting = (plants["status"] == "operating").astype(float)
    return _stack_streams(
        [
            _rows(plants, stream, grades.at[stream, "grade"], co2_ktpa, co2_share[stream], lasting)
            for stream, co2_ktpa in amounts.items()
        ]
    )


def _rows(
    plants: pd.DataFrame,
    stream: str,
    grade: str,
    co2_ktpa: pd.Series,
    co2_share: pd.Series | float,
    lasting: pd.Series | float,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "plant": plants["plant"],
            "stream": stream,
            "grade": grade,
            "co2_ktpa": co2_ktpa.astype(float),
            "co2_share": co2_share,
            "lasting_share": lasting,
        }
    )


def _stack_streams(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All streams with a flow, by plant in the order of the stacks."""
    streams = pd.concat(parts, ignore_index=True)
    streams = streams[streams["co2_ktpa"] > 1e-9]
    return streams.sort_values("plant", kind="stable").reset_index(drop=True)


# Sources: plants of other sectors, whose streams follow a profile, and sources with capture costs of their own.


def source_products(plants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Return sources with the `sector`, `product` and `capacity_ktpa` of their profile.

    The capacity of a power station is in GWh/y. A source with capture costs of its own has sector `sources` and no
    product.
    """
    profiles = inputs["streams/source_sectors"].set_index("sector")
    return plants.assign(
        sector=plants["sector"].mask(plants["sector"] == "", "sources"),
        product=plants["sector"].map(profiles["product"]).astype("str").fillna(""),
        capacity_ktpa=plants["capacity_ktpa"].fillna(plants["capacity_mw"] * GWH_PER_MW).fillna(0.0),
    )


def product_unit(inputs: Inputs, product: str) -> str:
    """Return the unit of a product: MWh for power stations, otherwise t."""
    sectors = inputs["streams/source_sectors"]
    return "MWh" if product in set(sectors.loc[sectors["unit"] == "MWh", "product"]) else "t"


def source_streams(plants: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Return the streams of sources.

    A plant of a sector emits output × factor of the profile in each stream; emissions that the row states are divided
    over the streams in the same proportion. A source with capture costs of its own has a single stream.
    """
    of_sector = plants["sector"] != ""
    given, made = plants[~of_sector], source_products(plants[of_sector], inputs)
    profiles = inputs["streams/source_streams"].merge(
        inputs["streams/source_gases"][["sector", "stream", "grade", "co2_share"]], on=["sector", "stream"]
    )
    per_unit = made["sector"].map(profiles.groupby("sector")["emission_t_per_t"].sum()).astype(float)
    output = (made["co2_ktpa"] / per_unit).fillna(product_output_ktpa(made, inputs))
    lasting = (made["status"] == "operating").astype(float)
    parts = [_rows(given, "all", "given", given["co2_ktpa"], np.nan, 1.0)]
    for row in profiles.itertuples():
        at = made["sector"] == row.sector
        co2_ktpa = output[at] * row.emission_t_per_t
        parts.append(_rows(made[at], row.stream, row.grade, co2_ktpa, row.co2_share, lasting[at]))
    return _stack_streams([part for part in parts if len(part)] or parts[:1])


# Hot stoves by furnace: each blast furnace has its own stoves, with the same remaining life.
#
# The other stacks of a mill are not split, since they use the gas of all furnaces.

STOVES = "hot_stoves"
_AGREE = 1e-6


def running_furnaces(inputs: Inputs) -> pd.DataFrame:
    """Return operating blast furnaces, including those announced to retire, sorted by id."""
    units = inputs["plants/steel_units"]
    units = units[(units["kind"] == "BF") & is_operating(units) & (units["capacity_ktpa"] > 0)]
    return units.sort_values(["plant", "unit"], kind="stable").reset_index(drop=True)


def stream_of(furnaces: pd.DataFrame, own_from_ktpa: float) -> pd.Series:
    """Return the stream of each furnace's stoves: its own, or the common stream of smaller furnaces."""
    own = STOVES + " " + furnaces["unit"].astype(str)
    return own.where(furnaces["capacity_ktpa"] >= own_from_ktpa, STOVES)


def stoves_by_furnace(streams: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Return streams with the hot stoves of each mill split over its operating furnaces by iron capacity.

    A furnace of at least `own_stoves_iron_ktpa` has the stream `hot_stoves UNIT`; smaller ones share `hot_stoves`.
    Stoves of a retiring furnace have a lasting share of 0, others of 1, so that the mill's totals are unchanged. A mill
    is not split if no furnace is known, or if its furnaces contradict its own retirement data.
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
    """Return a note for each plant on furnaces whose stoves are excluded; empty if there are none."""
    furnaces = running_furnaces(inputs)
    going = furnaces[furnaces["status"] != "operating"]
    message: dict[str, str] = {}
    for plant, rows in going.groupby("plant"):
        named = ", ".join(name or unit for name, unit in zip(rows["name"], rows["unit"], strict=True))
        iron = f"{rows['capacity_ktpa'].sum():,.0f} kt/y of iron"
        message[str(plant)] = f"announced to retire, so their stoves are not retrofitted: {named} ({iron})"
    return plants["plant"].map(message).fillna("").astype(str)


# Captive coal units: emissions beyond the power plant or boilers already counted at their plant.
#
# A mill's 1.85 t per t include its power plant, which burns the mill's own gas; a chemical plant's flue gas includes
# its boilers. A captive unit may be that stack itself, so only the excess is an additional stream.

STREAM = "captive_power"
SITE_KM = 2.0
# Stack of each sector that may contain its captive units.
HELD_IN = {"steel": "power_plant", "chemicals": "boiler_flue_gas"}


def running_units(inputs: Inputs) -> pd.DataFrame:
    """Return operating captive units that are assigned to a plant."""
    units = inputs["plants/captive_units"]
    return units[(units["status"] == "operating") & (units["plant"] != "")].reset_index(drop=True)


def excess_ktpa(units_ktpa: pd.Series, held_ktpa: pd.Series, plants: pd.DataFrame) -> pd.Series:
    """Return CO₂ of captive units by plant beyond `held_ktpa`: max(Σ units − Σ held, 0) a site, by share of units.

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
    for members in _merge_groups(list(near.values())):
        own = units_ktpa[units_ktpa.index.isin(members)]
        spare = own.sum() - held_ktpa.reindex(sorted(members)).fillna(0.0).sum()
        if spare > 0:
            result[own.index] = own * (spare / own.sum())
    return result


def _merge_groups(groups: Sequence[set[str]]) -> list[set[str]]:
    """Merge groups that share a member."""
    whole: list[set[str]] = []
    for group in groups:
        touching = [each for each in whole if each & group]
        whole = [each for each in whole if not each & group] + [group.union(*touching)]
    return whole


def captive_streams(
    plants: pd.DataFrame, streams: pd.DataFrame, every: pd.DataFrame, held_ktpa: pd.Series, inputs: Inputs
) -> pd.DataFrame:
    """Return rows `captive_power` of `plants`, in the columns of their `streams`.

    `every` are all operating plants of the sector and `held_ktpa` their stacks, so that the result does not depend on
    the selected provinces. A unit has the life of its plant.
    """
    units = running_units(inputs)
    excess = excess_ktpa(units.groupby("plant")["co2_ktpa"].sum(), held_ktpa, every)
    rows = plants[plants["plant"].isin(excess.index[excess > 1e-9])]
    grade = inputs["streams/chemical_grades"].set_index("stream").loc[STREAM]
    lasting = rows["plant"].map(streams.groupby("plant")["lasting_share"].max())
    lasting = lasting.fillna((rows["status"] == "operating").astype(float))
    captive = _rows(rows, STREAM, grade["grade"], rows["plant"].map(excess), grade["co2_share"], lasting)
    return captive.reindex(columns=streams.columns)


# Periods in which a retrofit may start: given turnaround windows and expected relinings.


def overlaps_window(
    from_year: npt.ArrayLike, until_year: npt.ArrayLike, starts: npt.ArrayLike, n_years: npt.ArrayLike
) -> Mask:
    """Return [row, period] whether the period overlaps the window; a missing end (NaN) is open."""
    begin, end = np.asarray(from_year, dtype=float), np.asarray(until_year, dtype=float)
    first = np.asarray(starts, dtype=float)[None, :]
    last = first + np.asarray(n_years, dtype=float)[None, :] - 1
    return ~((last < begin[:, None]) | (first > end[:, None]))


def is_near_relining(
    relined: npt.ArrayLike, starts: npt.ArrayLike, n_years: npt.ArrayLike, *, campaign_yr: float, window_yr: float
) -> Mask:
    """Return [furnace, period] whether a year of the period lies within `window_yr` of an expected relining.

    Relinings are expected one campaign after the last and every campaign from then on. All periods qualify if the last
    relining is unknown (NaN), or if the next was due more than `window_yr` before the first period.
    """
    due = np.asarray(relined, dtype=float)[:, None] + campaign_yr
    first = np.asarray(starts, dtype=float)[None, :]
    last = first + np.asarray(n_years, dtype=float)[None, :] - 1
    rounds = np.maximum(np.ceil((first - window_yr - due) / campaign_yr), 0.0)
    meets = due + rounds * campaign_yr <= last + window_yr
    return meets | ~(due + window_yr >= first[:, :1])


def may_start(
    streams: pd.DataFrame,
    plants: pd.DataFrame,
    inputs: Inputs,
    starts: npt.ArrayLike,
    n_years: npt.ArrayLike,
    *,
    at_relining: bool,
) -> Mask:
    """Return [stream, period] whether a retrofit of the stream may start in the period.

    A window of the plant (`turnaround_from`, `turnaround_until`) applies to all its streams. With `at_relining`, hot
    stoves also start only near a relining of one of their furnaces.
    """
    of_plant = plants.set_index("plant")[["turnaround_from", "turnaround_until"]].reindex(streams["plant"])
    allowed = overlaps_window(of_plant["turnaround_from"], of_plant["turnaround_until"], starts, n_years)
    stoves = (streams["stream"] == STOVES) | streams["stream"].str.startswith(f"{STOVES} ")
    if not at_relining or not stoves.any():
        return allowed
    furnaces = running_furnaces(inputs)
    furnaces = furnaces[furnaces["status"] == "operating"].reset_index(drop=True)
    meets = is_near_relining(
        furnaces["relining_year"],
        starts,
        n_years,
        campaign_yr=inputs.factor("blast_furnace_campaign_yr"),
        window_yr=inputs.factor("relining_window_yr"),
    )
    windows = pd.DataFrame(meets)
    own = windows.groupby([furnaces["plant"], STOVES + " " + furnaces["unit"].astype(str)]).any()
    of_small = furnaces["capacity_ktpa"] < inputs.factor("own_stoves_iron_ktpa")
    is_split = set(streams.loc[stoves & (streams["stream"] != STOVES), "plant"])
    common = windows[of_small | ~furnaces["plant"].isin(is_split)]
    common = common.groupby([furnaces["plant"], pd.Series(STOVES, furnaces.index)]).any()
    known = pd.concat([own, common])
    keys = pd.MultiIndex.from_frame(streams.loc[stoves, ["plant", "stream"]])
    # Stoves without known furnaces may start in any period.
    rows = known.reindex(keys).astype(object).fillna(True).to_numpy(dtype=bool)
    allowed[stoves.to_numpy(bool)] &= rows
    return allowed
