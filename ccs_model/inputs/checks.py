"""Checks across rows and tables, one function each; CHECKS is the table of contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from ccs_model.errors import Fault
from ccs_model.inputs.places import km_outside_province

Frames = Mapping[str, pd.DataFrame]

_KEYS: Mapping[str, tuple[str, ...]] = {
    "plants/steel": ("plant",),
    "plants/steel_units": ("unit",),
    "plants/chemicals": ("plant",),
    "streams/mill_stacks": ("profile", "stream"),
    "streams/factors": ("factor",),
    "streams/chemical_routes": ("product", "feedstock", "gasifier"),
    "streams/chemical_grades": ("stream",),
    "streams/utilisation": ("province", "product", "year"),
    "technologies/technologies": ("technology",),
    "technologies/heat": ("technology", "co2_share"),
    "technologies/concentration_capex": ("grade",),
    "technologies/sizes": ("size",),
    "technologies/heat_sources": ("heat_source",),
    "prices/power": ("grid", "year"),
    "prices/fuels": ("province", "fuel", "year"),
    "prices/grid_factors": ("province", "year"),
    "prices/carbon": ("market", "measure", "year"),
    "indices/deflators": ("currency", "year"),
    "indices/exchange_rates": ("currency", "year"),
    "indices/plant_cost": ("series", "year"),
    "transport/pipes": ("pipe",),
    "transport/limits": ("limit",),
    "storage/sites": ("site",),
    "storage/cost_steps": ("step",),
    "references": ("reference",),
}
PROVINCE_MARGIN_KM = 30.0


def keys_are_unique(frames: Frames) -> Iterator[Fault]:
    """No two rows of a table share their key, and no plant id stands in two inventories."""
    for table, key in _KEYS.items():
        frame = frames[table]
        for _, row in frame[frame.duplicated(list(key))].iterrows():
            named = ", ".join(f"{column} {row[column]}" for column in key)
            first = frame[(frame[list(key)] == row[list(key)]).all(axis=1)]["line"].iloc[0]
            yield Fault(f"{table}.csv:{row['line']}", f"{named} stands already at line {first}")
    both = set(frames["plants/steel"]["plant"]) & set(frames["plants/chemicals"]["plant"])
    for plant in sorted(both):
        yield Fault("plants", f"plant {plant} stands in both inventories")


def references_exist(frames: Frames) -> Iterator[Fault]:
    """Every row's reference is a row of references.csv."""
    known = set(frames["references"]["reference"])
    for table, frame in frames.items():
        if table == "references" or "reference" not in frame:
            continue
        for _, row in frame[~frame["reference"].isin(known)].iterrows():
            yield Fault(f"{table}.csv:{row['line']}:reference", f"'{row['reference']}' is not in references.csv")


def furnaces_belong_to_a_plant(frames: Frames) -> Iterator[Fault]:
    """Every furnace's plant is a row of plants/steel."""
    units = frames["plants/steel_units"]
    for _, row in units[~units["plant"].isin(frames["plants/steel"]["plant"])].iterrows():
        yield Fault(f"plants/steel_units.csv:{row['line']}:plant", f"'{row['plant']}' is not in plants/steel.csv")


def parts_do_not_exceed_wholes(frames: Frames) -> Iterator[Fault]:
    """Capacity that retires is part of the operating capacity; utilisation is never above 1 by its range."""
    steel = frames["plants/steel"]
    for part, whole in (("retiring_bf_iron_ktpa", "bf_iron_ktpa"), ("retiring_bof_steel_ktpa", "bof_steel_ktpa")):
        wrong = steel[steel[part].fillna(0) > steel[whole].fillna(0) + 1e-9]
        for _, row in wrong.iterrows():
            yield Fault(f"plants/steel.csv:{row['line']}:{part}", f"{row[part]:g} is more than {whole} {row[whole]:g}")


def places_lie_in_their_province(frames: Frames) -> Iterator[Fault]:
    """A plant lies inside its province's outline or within 30 km of it; a swapped pair is pointed out."""
    for table in ("plants/steel", "plants/chemicals"):
        frame = frames[table]
        outside = km_outside_province(frame["province"], frame["lat_deg"], frame["lon_deg"])
        swapped = km_outside_province(frame["province"], frame["lon_deg"], frame["lat_deg"])
        for i, row in frame[outside > PROVINCE_MARGIN_KM].iterrows():
            hint = "lat and lon look swapped" if swapped[i] <= PROVINCE_MARGIN_KM else ""
            far = f"lies {outside[i]:,.0f} km outside {row['province']}"
            yield Fault(f"{table}.csv:{row['line']}", f"plant {row['plant']} {far}", hint)


def gasifiers_and_urea_are_given(frames: Frames) -> Iterator[Fault]:
    """Every ammonia plant says what share becomes urea, and every coal plant what gasifier it has."""
    plants = frames["plants/chemicals"]
    for _, row in plants[(plants["feedstock"] == "coal") & (plants["gasifier"] == "")].iterrows():
        yield Fault(f"plants/chemicals.csv:{row['line']}:gasifier", "is empty for a coal plant")
    for _, row in plants[(plants["product"] == "ammonia") & plants["urea_share"].isna()].iterrows():
        yield Fault(f"plants/chemicals.csv:{row['line']}:urea_share", "is empty for an ammonia plant")


def flue_gas_technologies_have_heat(frames: Frames) -> Iterator[Fault]:
    """A technology for flue gas has at least two points of heat by concentration."""
    technologies = frames["technologies/technologies"]
    points = frames["technologies/heat"]["technology"].value_counts()
    for _, row in technologies[technologies["grade"] == "flue_gas"].iterrows():
        if points.get(row["technology"], 0) < 2:
            yield Fault("technologies/heat.csv", f"technology {row['technology']} needs two points of heat or more")


CHECKS: tuple[Callable[[Frames], Iterator[Fault]], ...] = (
    keys_are_unique,
    references_exist,
    furnaces_belong_to_a_plant,
    parts_do_not_exceed_wholes,
    places_lie_in_their_province,
    gasifiers_and_urea_are_given,
    flue_gas_technologies_have_heat,
)
