"""Checks of plants of other sectors, of the profiles of these sectors, and of capture technologies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import place_of as at
from ccs_model.scenario.validation import shown
from ccs_model.units import GWH_PER_MW

Frames = Mapping[str, pd.DataFrame]

# Costs of a source that has capture costs of its own, and what else its row needs.
_COSTS = ("capture_capex_mn", "fixed_om_mn_pa", "capture_cost_per_t")
_OWN = ("co2_ktpa", *_COSTS, "currency", "price_year")
SECTORS_ELSEWHERE = {"steel": "plants/steel", "chemicals": "plants/chemicals", "sources": "plants/sources"}
"""Sectors with tables of their own, and the name of sources without a sector."""

# Largest plausible ratio of stated to computed emissions; a wrong unit is a factor of a thousand.
_MOST_RATIO = 20.0


def sources_have_a_sector_or_costs(frames: Frames) -> Iterator[Issue]:
    """A source has a sector with its capacity or emissions, or capture costs of its own."""
    profiles = frames["streams/source_sectors"].set_index("sector")
    factors = frames["streams/source_streams"].groupby("sector")["emission_t_per_t"].sum()
    used = set(frames["streams/utilisation"][["province", "product"]].itertuples(index=False, name=None))
    for _, row in frames["plants/sources"].iterrows():
        if row["sector"] == "":
            yield from _without_sector(row)
        elif row["sector"] not in profiles.index:
            yield _unknown(row, list(profiles.index))
        else:
            sector = row["sector"]
            yield from _of_sector(row, profiles.loc[sector], float(factors.get(sector, 0.0)), used)


def _without_sector(row: pd.Series) -> Iterator[Issue]:
    if all(_is_empty(row[name]) for name in _COSTS):
        hint = f"give the sector, or co2_ktpa, {', '.join(_COSTS)}, currency and price_year"
        yield Issue(at(row, "sector"), "is empty, and the source has no capture costs of its own", hint)
        return
    yield from (Issue(at(row, name), "is empty", "the source has no sector") for name in _OWN if _is_empty(row[name]))


def _unknown(row: pd.Series, known: list[str]) -> Issue:
    sector = row["sector"]
    if sector.lower() in SECTORS_ELSEWHERE:
        hint = (
            f"its plants are in {SECTORS_ELSEWHERE[sector.lower()]}"
            if sector.lower() != "sources"
            else "leave it empty"
        )
    else:
        hint = nearest_hint(sector, known, f"sectors are {', '.join(known)}")
    return Issue(at(row, "sector"), f"'{shown(sector)}' is not a sector of streams/source_sectors", hint)


def _of_sector(row: pd.Series, profile: pd.Series, factor: float, used: set[tuple[str, str]]) -> Iterator[Issue]:
    sector, product = row["sector"], profile["product"]
    needed, other = ("capacity_mw", "capacity_ktpa") if profile["unit"] == "MWh" else ("capacity_ktpa", "capacity_mw")
    if costs := [name for name in _COSTS if not _is_empty(row[name])]:
        what = f"a source of sector {sector} has capture costs of its own ({', '.join(costs)}), expected one of them"
        yield Issue(at(row, costs[0]), what, "leave sector empty to keep the costs")
    if not _is_empty(row[other]):
        yield Issue(at(row, other), f"is given for a source of sector {sector}", f"its capacity is in {needed}")
    elif _is_empty(row[needed]) and _is_empty(row["co2_ktpa"]):
        yield Issue(at(row, needed), f"is empty, but required for sector {sector}", "or give co2_ktpa")
    if row["grid"] == "":
        yield Issue(at(row, "grid"), f"is empty, but required for sector {sector}", "it sets the price of power")
    if _is_empty(row["co2_ktpa"]):
        if not used & {(row["province"], product), ("all", product)}:
            yield Issue(
                at(row, "sector"), f"no row for {product} in streams/utilisation.csv", "add it, or give co2_ktpa"
            )
        return
    made = row[needed] * (GWH_PER_MW if needed == "capacity_mw" else 1.0) * factor
    if made > 0 and not 1.0 / _MOST_RATIO <= row["co2_ktpa"] / made <= _MOST_RATIO:
        what = f"{row['co2_ktpa']:,.4g} kt/y of CO2, against {made:,.4g} at full load of {needed}"
        yield Issue(at(row, "co2_ktpa"), what, "is one of them in t/y? Columns that end in _ktpa are in kt/y")


def _is_empty(value: object) -> bool:
    return value == "" or bool(pd.isna(value))


def sectors_have_a_profile(frames: Frames) -> Iterator[Issue]:
    """A sector has streams, each with a gas, and no name that other plants use."""
    sectors, streams, gases = (frames[f"streams/source_{name}"] for name in ("sectors", "streams", "gases"))
    for _, row in sectors[sectors["sector"].isin(SECTORS_ELSEWHERE)].iterrows():
        what = f"'{row['sector']}' is the name of a table of plants"
        yield Issue(at(row, "sector"), what, "give the sector another name")
    for table in (streams, gases):
        for _, row in table[~table["sector"].isin(sectors["sector"])].iterrows():
            what = f"'{shown(row['sector'])}' is not a sector of streams/source_sectors"
            yield Issue(at(row, "sector"), what, nearest_hint(row["sector"], sorted(sectors["sector"]), "add its row"))
    emitting = streams[streams["emission_t_per_t"] > 0]
    for _, row in sectors[~sectors["sector"].isin(emitting["sector"])].iterrows():
        yield Issue(at(row, "sector"), f"no stream of {row['sector']} in streams/source_streams.csv", "add its streams")
    known = set(gases[["sector", "stream"]].itertuples(index=False, name=None))
    for _, row in streams.iterrows():
        if (row["sector"], row["stream"]) not in known:
            what = f"no row for stream {row['stream']} of {row['sector']} in streams/source_gases.csv"
            yield Issue(at(row, "stream"), what, "its grade and CO2 share are unknown without one")
    for _, row in gases[(gases["grade"] == "flue_gas") & ~(gases["co2_share"] > 0)].iterrows():
        yield Issue(at(row, "co2_share"), "expected a share above 0 for flue gas")


def utilisation_is_of_a_product(frames: Frames) -> Iterator[Issue]:
    """A utilisation is that of crude steel, of a chemical, or of the product of a sector."""
    routes, sectors = frames["streams/chemical_routes"]["product"], frames["streams/source_sectors"]["product"]
    known = list(dict.fromkeys(["crude_steel", *routes, *sectors]))
    table = frames["streams/utilisation"]
    for _, row in table[~table["product"].isin(known)].iterrows():
        hint = nearest_hint(row["product"], known, f"products are {', '.join(known)}")
        yield Issue(at(row, "product"), f"'{shown(row['product'])}' is not a product", hint)


def flue_gas_technologies_have_heat(frames: Frames) -> Iterator[Issue]:
    """Technologies for flue gas have one heat demand, or demands for at least two CO2 concentrations."""
    technologies = frames["technologies/technologies"]
    points = frames["technologies/heat"]["technology"].value_counts()
    for _, row in technologies.iterrows():
        n_points, has_one = points.get(row["technology"], 0), pd.notna(row["heat_gj_per_t"])
        if has_one and n_points:
            what = f"technology {row['technology']} also has {n_points} rows in technologies/heat"
            yield Issue(at(row, "heat_gj_per_t"), what, "keep one of them")
        elif row["grade"] == "flue_gas" and not has_one and n_points < 2:
            what = f"technology {row['technology']} needs at least two rows"
            place = at(row, "heat_gj_per_t") if row["source"].is_own else "technologies/heat.csv"
            hint = "give heat_gj_per_t (0 for none), or rows of technologies/heat" if row["source"].is_own else ""
            yield Issue(place, what if not row["source"].is_own else f"is empty: {what} in technologies/heat", hint)


def technologies_suit_a_stream(frames: Frames) -> Iterator[Issue]:
    """Streams that a technology is limited to exist in a profile, and its largest train is not below its smallest."""
    tables = ("streams/mill_stacks", "streams/chemical_grades", "streams/source_streams")
    known = sorted({stream for table in tables for stream in frames[table]["stream"]})
    for _, row in frames["technologies/technologies"].iterrows():
        for stream in filter(None, map(str.strip, row["streams"].split(";"))):
            if stream not in known:
                hint = nearest_hint(stream, known, "separate streams by semicolons")
                yield Issue(at(row, "streams"), f"'{shown(stream)}' is not a stream", hint)
        if row["grade"] == "flue_gas" and pd.isna(row["reference_co2_share"]):
            hint = "the CO2 share of the gas that the capex belongs to"
            yield Issue(at(row, "reference_co2_share"), "is empty, but required for flue gas", hint)
        if "/" in row["technology"]:
            yield Issue(at(row, "technology"), f"'{shown(row['technology'])}' contains a slash", "remove it")
        if row["smallest_train_ktpa"] > row["largest_train_ktpa"]:
            what = f"{row['smallest_train_ktpa']:g} is more than largest_train_ktpa {row['largest_train_ktpa']:g}"
            yield Issue(at(row, "smallest_train_ktpa"), what)
        if pd.isna(row["co2_scaled_share"]) != pd.isna(row["gas_exponent"]):
            empty = "co2_scaled_share" if pd.isna(row["co2_scaled_share"]) else "gas_exponent"
            yield Issue(at(row, empty), "is empty, but the other half of the law is given", "give both or neither")
