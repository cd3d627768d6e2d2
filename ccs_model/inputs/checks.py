"""Checks across rows and tables, one function each; CHECKS is the table of contents."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

import numpy as np
import pandas as pd

from ccs_model.errors import Fault
from ccs_model.inputs.places import km_outside_province

Frames = Mapping[str, pd.DataFrame]

KEYS: Mapping[str, tuple[str, ...]] = {
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


def at(row: pd.Series, column: str = "") -> str:
    """The place of a row, or of one of its cells."""
    return str(row["source"].at(int(row["line"]), column))


def rows_that_repeat(table: str, frame: pd.DataFrame) -> Iterator[Fault]:
    """Rows whose key stands in an earlier row of the table."""
    key = list(KEYS[table])
    first: dict[Hashable, pd.Series] = {}
    for _, row in frame[frame.duplicated(key, keep=False)].iterrows():
        before = first.setdefault(tuple(row[key]), row)
        if before is row:
            continue
        named = ", ".join(f"{column} {_said(row[column])}" for column in key)
        is_same_file = before["source"].file == row["source"].file and row["source"].positions is None
        there = f"line {before['line']}" if is_same_file else at(before)
        yield Fault(at(row), f"{named} stands already at {there}")


def keys_are_unique(frames: Frames) -> Iterator[Fault]:
    """No two rows of a table share their key, and no plant id stands in two inventories."""
    for table in KEYS:
        yield from rows_that_repeat(table, frames[table])
    steel, chemicals = frames["plants/steel"], frames["plants/chemicals"]
    for _, row in chemicals[chemicals["plant"].isin(steel["plant"])].iterrows():
        first = steel[steel["plant"] == row["plant"]].iloc[0]
        yield Fault(at(row), f"plant {row['plant']} stands in both inventories, first at {at(first)}")


def references_exist(frames: Frames) -> Iterator[Fault]:
    """Every row's reference is a row of references.csv."""
    known = set(frames["references"]["reference"])
    for table, frame in frames.items():
        if table == "references" or "reference" not in frame:
            continue
        for _, row in frame[~frame["reference"].isin(known)].iterrows():
            hint = "add it to references of your own, see docs/own-tables.md" if row["source"].is_own else ""
            yield Fault(at(row, "reference"), f"'{row['reference']}' is not in references.csv", hint)


def furnaces_belong_to_a_plant(frames: Frames) -> Iterator[Fault]:
    """Every furnace's plant is a row of plants/steel."""
    units = frames["plants/steel_units"]
    for _, row in units[~units["plant"].isin(frames["plants/steel"]["plant"])].iterrows():
        yield Fault(at(row, "plant"), f"'{row['plant']}' is not in plants/steel.csv")


def parts_do_not_exceed_wholes(frames: Frames) -> Iterator[Fault]:
    """Capacity that retires is part of the operating capacity; utilisation is never above 1 by its range."""
    steel = frames["plants/steel"]
    for part, whole in (("retiring_bf_iron_ktpa", "bf_iron_ktpa"), ("retiring_bof_steel_ktpa", "bof_steel_ktpa")):
        wrong = steel[steel[part].fillna(0) > steel[whole].fillna(0) + 1e-9]
        for _, row in wrong.iterrows():
            yield Fault(at(row, part), f"{row[part]:g} is more than {whole} {row[whole]:g}")


def places_lie_in_their_province(frames: Frames) -> Iterator[Fault]:
    """A plant lies inside its province's outline or within 30 km of it; a swapped pair is pointed out."""
    for table in ("plants/steel", "plants/chemicals"):
        frame = frames[table]
        outside = km_outside_province(frame["province"], frame["lat_deg"], frame["lon_deg"])
        swapped = km_outside_province(frame["province"], frame["lon_deg"], frame["lat_deg"])
        for i, row in frame[outside > PROVINCE_MARGIN_KM].iterrows():
            hint = "lat and lon look swapped" if swapped[i] <= PROVINCE_MARGIN_KM else ""
            far = f"lies {outside[i]:,.0f} km outside {row['province']}"
            yield Fault(at(row), f"plant {row['plant']} {far}", hint)


def gasifiers_and_urea_are_given(frames: Frames) -> Iterator[Fault]:
    """Every ammonia plant says what share becomes urea, and every coal plant what gasifier it has."""
    plants = frames["plants/chemicals"]
    for _, row in plants[(plants["feedstock"] == "coal") & (plants["gasifier"] == "")].iterrows():
        yield Fault(at(row, "gasifier"), "is empty for a coal plant")
    for _, row in plants[(plants["product"] == "ammonia") & plants["urea_share"].isna()].iterrows():
        yield Fault(at(row, "urea_share"), "is empty for an ammonia plant")


def chemical_plants_have_a_route(frames: Frames) -> Iterator[Fault]:
    """The product, feedstock and gasifier of every chemical plant are a row of streams/chemical_routes."""
    key = ["product", "feedstock", "gasifier"]
    known = set(frames["streams/chemical_routes"][key].itertuples(index=False, name=None))
    plants = frames["plants/chemicals"]
    plants = plants[(plants["feedstock"] != "coal") | (plants["gasifier"] != "")]
    is_known = [each in known for each in plants[key].itertuples(index=False, name=None)]
    for _, row in plants[~np.array(is_known, dtype=bool)].iterrows():
        what = f"no row for {' '.join(filter(None, row[key]))} in streams/chemical_routes.csv"
        yield Fault(at(row, "feedstock"), what, "so its CO2 is not known")


def flue_gas_technologies_have_heat(frames: Frames) -> Iterator[Fault]:
    """A technology for flue gas has at least two points of heat by concentration."""
    technologies = frames["technologies/technologies"]
    points = frames["technologies/heat"]["technology"].value_counts()
    for _, row in technologies[technologies["grade"] == "flue_gas"].iterrows():
        if points.get(row["technology"], 0) < 2:
            yield Fault("technologies/heat.csv", f"technology {row['technology']} needs two points of heat or more")


def _said(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


CHECKS: tuple[Callable[[Frames], Iterator[Fault]], ...] = (
    keys_are_unique,
    references_exist,
    furnaces_belong_to_a_plant,
    parts_do_not_exceed_wholes,
    places_lie_in_their_province,
    gasifiers_and_urea_are_given,
    chemical_plants_have_a_route,
    flue_gas_technologies_have_heat,
)
