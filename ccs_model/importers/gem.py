"""Reads workbooks of Global Energy Monitor's Global Iron and Steel Tracker into plants/steel and plants/steel_units.

Workbooks of the chemicals inventory may come with them (gem_chemicals). Of the tracker, one workbook holds the plants
(sheets "Plant data" and "Plant capacities and status"); unit workbooks hold the furnaces. A plant has a row a status:
operating and "operating pre-retirement" count, the latter as what retires. ">0" means that something exists and is not
quantified, "unknown" that nothing is known, an empty cell or N/A that there is none.

Global Energy Monitor, Global Iron and Steel Tracker, CC BY 4.0,
https://globalenergymonitor.org/projects/global-iron-and-steel-tracker
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from ccs_model.errors import InputError, Issue
from ccs_model.importers.gem_chemicals import GemChemicals, Given, chemicals_of
from ccs_model.importers.gem_workbooks import (
    CAPACITIES,
    CAPACITY_HEADINGS,
    CHEMICAL_HEADINGS,
    CHEMICALS,
    CHINA,
    KIND_OF,
    PLANT_HEADINGS,
    PLANTS,
    SOME,
    STEEL,
    UNIT_HEADINGS,
    UNKNOWN,
    Row,
    china_places,
    coordinates,
    no_plants,
    rows_of,
    sorted_sheets,
)
from ccs_model.inputs.cells import shown
from ccs_model.inputs.declarations import Column, Grid, read_dictionary, reading_order

# A plant with rows of several statuses has the first of these.
STATUSES = (
    "operating", "operating pre-retirement", "construction", "mothballed", "announced", "retired", "cancelled",
)  # fmt: skip
_OPERATING, _RETIRING = STATUSES[:2]
_SAME_STATUS = {"mothballed pre-retirement": "mothballed"}
_SHOWN_STATUSES = ", ".join(STATUSES)
# Our column → (the tracker's, the statuses that it sums).
_SUMS: Mapping[str, tuple[str, Sequence[str]]] = {
    **{
        f"{ours}_ktpa": (theirs, (_OPERATING, _RETIRING))
        for ours, theirs in (
            ("crude_steel", "crude"), ("bof_steel", "bof"), ("eaf_steel", "eaf"), ("bf_iron", "bf"), ("dri_iron", "dri")
        )
    },
    "retiring_bf_iron_ktpa": ("bf", (_RETIRING,)),
    "retiring_bof_steel_ktpa": ("bof", (_RETIRING,)),
    **{
        f"{status}_crude_steel_ktpa": ("crude", (status,))
        for status in ("construction", "announced", "mothballed", "retired")
    },
}  # fmt: skip
_NOT_OURS = {"ohf": "open-hearth", "induction": "induction-furnace", "other": "other or unspecified"}


@dataclass(frozen=True, eq=False)
class GemTracker:
    """What the workbooks know, in the columns of plants/steel, plants/steel_units and plants/chemicals.

    `reference` is the key of the steel tracker's release (GIST-2025-09), `citation` its words. `places` says of each
    steel works' columns where they stand. `unquantified` are operating works whose capacity the tracker does not give.
    `in_country` is the country of each works, `countries` all of them with those of chemical plants.
    `chemicals` is None where no workbook of the chemicals inventory was given.
    """

    plants: pd.DataFrame
    units: pd.DataFrame
    countries: tuple[str, ...]
    reference: str
    citation: str
    places: tuple[Mapping[str, str], ...]
    unquantified: tuple[str, ...]
    in_country: tuple[str, ...] = ()
    chemicals: GemChemicals | None = None


def read_gem(
    files: Sequence[tuple[str, bytes]],
    countries: Iterable[str] = (),
    given: tuple[str, bytes] | None = None,
    *,
    known_only: bool = False,
) -> GemTracker:
    """The plants in the workbooks of (name, bytes), of all countries or those named (whatever their case).

    Which workbook is of which kind is told by its sheets and headings. `given` is a CSV file of capacities for chemical
    plants, as (name, bytes); with `known_only` those that still lack something are left out.

    Raises InputError with every fault found, each at its cell: `FILE:Plant data!A12`.
    """
    issues: list[Issue] = []
    found = sorted_sheets(files, issues)
    lacking = no_plants(files, found)
    if lacking is not None:
        raise InputError(sorted(issues or [lacking], key=reading_order))
    sheets = found.steel
    steel = [row for grid in sheets.get(PLANTS.lower(), []) for row in rows_of(grid, PLANT_HEADINGS, issues)]
    chemical = [row for book in found.chemicals.values() for grid in book
                for row in rows_of(grid, CHEMICAL_HEADINGS, issues)]  # fmt: skip
    wanted = _wanted(countries, [*steel, *chemical], issues)
    works = _works(steel, wanted, issues)
    chemicals = None
    if found.chemicals:
        rows = _works(chemical, wanted, issues)
        capacities_given = Given.read(given, issues) if given is not None else Given()
        everyone = {row.text("plant", []) for row in chemical}
        chemicals = chemicals_of(rows, everyone, capacities_given, found.reference(CHEMICALS), issues)
        chemicals = chemicals.known() if known_only else chemicals
    elif given is not None:
        hint = "capacities of steel works are in the steel tracker"
        issues.append(Issue(given[0], "no workbook of the chemicals inventory takes these capacities", hint))
    if not works and (chemicals is None or chemicals.plants.empty) and not issues:
        made = "holds no works" if steel or not chemical else "holds no plant that makes ammonia or methanol"
        issues.append(Issue(files[0][0], made))
    capacities = _by_plant(sheets.get(CAPACITIES.lower(), []), CAPACITY_HEADINGS, set(works), issues)
    reference, citation = found.reference(STEEL)
    plants, places, unquantified = _plants(works, capacities, reference, issues)
    units = _units(sheets, set(works), reference, issues)
    plants = _with_furnaces(plants, units)
    in_country = tuple(row.text("country", issues) for row in works.values())
    countries = {*in_country, *(chemicals.countries if chemicals is not None else ())}
    if issues:
        raise InputError(sorted(issues, key=reading_order))
    return GemTracker(
        plants, units, tuple(sorted(countries)), reference, citation, places, unquantified, in_country, chemicals
    )


def gem_place(tracker: GemTracker, where: str) -> str:
    """Where in the workbook the row stands that a fault finds at `steel.csv:4:lat_deg`."""
    made = re.fullmatch(r"(?:.*/)?(steel|chemicals)\.csv:(\d+)(?::(\w+))?", where)
    if made is None:
        return where
    of_rows = tracker.places
    if made[1] == CHEMICALS:
        of_rows = tracker.chemicals.places if tracker.chemicals is not None else ()
    if not 2 <= int(made[2]) < len(of_rows) + 2:
        return where
    places = of_rows[int(made[2]) - 2]
    return places.get(made[3] or "plant", places["plant"])


def _wanted(countries: Iterable[str], rows: Sequence[Row], issues: list[Issue]) -> set[str]:
    """The countries asked for, in lower case; empty means all."""
    there = {str(row.cell("country") or "").strip() for row in rows}
    wanted = {country.lower() for country in countries}
    for country in sorted(wanted - {each.lower() for each in there}) if rows else ():
        near = get_close_matches(country, [each.lower() for each in there], n=1)
        hint = f"did you mean '{near[0].title()}'?" if near else f"there: {', '.join(sorted(there - {''}))}"
        issues.append(Issue("--country", f"no works lies in '{shown(country)}'", shown(hint) if near else hint))
    return wanted


def _works(rows: Sequence[Row], wanted: set[str], issues: list[Issue]) -> dict[str, Row]:
    """Plant → its line on the sheet "Plant data", of the countries that are asked for."""
    works: dict[str, Row] = {}
    for row in rows:
        if wanted and str(row.cell("country") or "").strip().lower() not in wanted:
            continue
        plant = row.text("plant", issues)
        if plant in works:
            issues.append(Issue(row.place(), f"plant '{shown(plant)}' is there twice", f"see {works[plant].place()}"))
        works.setdefault(plant, row)
    return works


def _by_plant(
    grids: Sequence[Grid], aliases: Mapping[str, Sequence[str]], wanted: set[str], issues: list[Issue]
) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for grid in grids:
        for row in rows_of(grid, aliases, issues):
            if (plant := row.text("plant", [])) in wanted:  # an id that cannot be read is told on "Plant data"
                found.setdefault(plant, []).append(row)
    return found


def _status(row: Row, issues: list[Issue]) -> str:
    """One of ours, or nothing with a fault."""
    words = row.text("status", issues).lower()
    status = _SAME_STATUS.get(words, words)
    if status in STATUSES:
        return status
    near = get_close_matches(words, STATUSES, n=1)
    what = f"status '{shown(words)}' is unknown" if words else "has no status"
    issues.append(
        Issue(row.place("status"), what, f"did you mean '{near[0]}'?" if near else f"one of {_SHOWN_STATUSES}")
    )
    return ""


def _plants(
    works: Mapping[str, Row], capacities: Mapping[str, list[Row]], reference: str, issues: list[Issue]
) -> tuple[pd.DataFrame, tuple[Mapping[str, str], ...], tuple[str, ...]]:
    declared = {column.name: column for column in read_dictionary()["plants/steel"]}
    rows, places, unquantified = [], [], []
    for plant, row in works.items():
        if plant not in capacities:
            issues.append(Issue(row.place(), f"plant '{shown(plant)}' has no row on the sheet '{CAPACITIES}'"))
            continue
        made, notes = _described(plant, row, declared, issues)
        numbers, status, missing, more = _capacities(capacities[plant], declared, issues)
        made |= {**numbers, "status": status, "reference": reference, "quality": "reported"}
        if missing:
            notes.append(f"exists and is not quantified: {', '.join(dict.fromkeys(missing))}")
        if status in (_OPERATING, _RETIRING) and not made["crude_steel_ktpa"] and not made["bf_iron_ktpa"]:
            unquantified += [plant] if missing else []
        made["note"] = "; ".join(notes + more)
        rows.append(made)
        places.append(_places(row, capacities[plant]))
    frame = pd.DataFrame(rows, columns=[*declared, "country", "address", "address_local", "municipality"])
    frame = china_places(frame)[list(declared)]
    for name in [name for name, column in declared.items() if column.kind in ("number", "whole")]:
        frame[name] = frame[name].astype("Int64" if declared[name].kind == "whole" else float)
    return frame, tuple(places), tuple(unquantified)


def _described(
    plant: str, row: Row, declared: Mapping[str, Column], issues: list[Issue]
) -> tuple[dict[str, Any], list[str]]:
    """What the sheet "Plant data" says of a works, and what is worth a note."""
    message = {key: row.text(key, issues) for key in PLANT_HEADINGS if key not in ("coordinates", "start", "coke")}
    for key in ("name", "country"):
        if not message[key]:
            issues.append(Issue(row.place(key), f"plant '{shown(plant)}' has no {key}"))
    is_chinese = message["country"] == CHINA
    if is_chinese and not message["subnational"]:
        issues.append(Issue(row.place("subnational"), f"plant '{shown(plant)}' has no province"))
    lat, lon = coordinates(row, declared, issues)
    notes = [f"also: {message['other_names']}"] if message["other_names"] else []
    if message["name_local"] and not is_chinese:
        notes.append(f"there: {message['name_local']}")
    start = row.year("start", issues)
    if not _is_in_range(start, declared["start_year"]):
        notes.append(f"start year {start}")
        start = None
    coke, unknown = row.amount("coke", declared["coke_ktpa"], issues)
    if unknown.startswith(">") and unknown != SOME:
        notes.append(f"coke capacity {unknown} kt/y")
    return {
        "plant": plant,
        "name": message["name"],
        "name_zh": message["name_local"] if is_chinese else "",
        "country": message["country"],
        "province": message["subnational"] if is_chinese else message["country"],
        "prefecture": message["municipality"] if is_chinese else message["subnational"],
        "municipality": message["municipality"],
        "address": message["address"],
        "address_local": message["address_local"],
        "lat_deg": lat,
        "lon_deg": lon,
        "place_accuracy": "exact" if message["accuracy"].lower() == "exact" else "approximate",
        "start_year": start,
        "coke_ovens": "unknown" if unknown == UNKNOWN else "present" if coke or unknown else "absent",
        "coke_ktpa": coke or None,
        "parent": message["parent"],
    }, notes


def _is_in_range(year: int | None, column: Column) -> bool:
    low, high = column.low, column.high
    return year is None or ((low is None or low <= year) and (high is None or year <= high))


def _capacities(
    rows: Sequence[Row], declared: Mapping[str, Column], issues: list[Issue]
) -> tuple[dict[str, float | None], str, list[str], list[str]]:
    """(our columns of capacity, the status of the plant, what is not quantified, what no column of ours takes)."""
    column = declared["crude_steel_ktpa"]
    sums: dict[tuple[str, str], float] = {}
    statuses: list[str] = []
    missing: list[str] = []
    for row in rows:
        status = _status(row, issues)
        statuses += [status] if status else []
        for key in ("crude", "bof", "eaf", "bf", "dri", *_NOT_OURS):
            value, unknown = row.amount(key, column, issues)
            sums[key, status] = sums.get((key, status), 0.0) + (value or 0.0)
            if unknown and status in (_OPERATING, _RETIRING):
                missing.append(f"{_NOT_OURS.get(key, key.upper() if key != 'crude' else 'crude steel')} ({unknown})")
    numbers = {
        ours: sum(sums.get((theirs, status), 0.0) for status in counted) or None
        for ours, (theirs, counted) in _SUMS.items()
    }
    more = [
        f"crude steel includes {amount:g} kt/y {words}"
        for key, words in _NOT_OURS.items()
        if (amount := sum(sums.get((key, status), 0.0) for status in (_OPERATING, _RETIRING)))
    ]
    return numbers, min(statuses, key=STATUSES.index, default=""), missing, more


def _places(row: Row, capacities: Sequence[Row]) -> Mapping[str, str]:
    """Our column → where the tracker has it."""
    of_plant = {
        "plant": "plant", "name": "name", "name_zh": "name_local", "province": "subnational", "parent": "parent",
        "prefecture": "municipality", "lat_deg": "coordinates", "lon_deg": "coordinates", "place_accuracy": "accuracy",
        "start_year": "start", "coke_ovens": "coke", "coke_ktpa": "coke",
    }  # fmt: skip
    places = {ours: row.place(theirs) for ours, theirs in of_plant.items()}
    for ours, (theirs, statuses) in _SUMS.items():
        which = [each for each in capacities if str(each.cell("status")).strip().lower() in statuses] or capacities
        places[ours] = which[0].place(theirs)
    return places | {"status": capacities[0].place("status")}


def _units(sheets: Mapping[str, list[Grid]], wanted: set[str], reference: str, issues: list[Issue]) -> pd.DataFrame:
    """Furnaces of the works at hand; those without a capacity say nothing that the model could use and are left out."""
    declared = {column.name: column for column in read_dictionary()["plants/steel_units"]}
    rows: list[dict[str, object]] = []
    places: dict[str, str] = {}
    for sheet, kind in KIND_OF.items():
        for plant, furnaces in _by_plant(sheets.get(sheet, []), UNIT_HEADINGS, wanted, issues).items():
            for row in furnaces:
                unit, status = row.text("unit", issues), _status(row, issues)
                capacity, _ = row.amount("capacity", declared["capacity_ktpa"], issues)
                if not unit:
                    issues.append(Issue(row.place("unit"), "has no unit id"))
                elif unit in places:
                    what = f"furnace '{shown(unit)}' is there twice"
                    issues.append(Issue(row.place("unit"), what, f"see {places[unit]}"))
                places.setdefault(unit, row.place("unit"))
                relining = row.year("relining", issues)
                is_usual = _is_in_range(relining, declared["relining_year"])
                made: dict[str, object] = {
                    "unit": unit, "plant": plant, "kind": kind, "name": row.text("name", issues), "status": status,
                    "capacity_ktpa": capacity, "relining_year": relining if is_usual else None,
                    "reference": reference, "quality": "reported", "note": "" if is_usual else f"relining {relining}",
                }  # fmt: skip
                rows += [made] if capacity is not None else []
    frame = pd.DataFrame(rows, columns=list(declared))
    frame["relining_year"] = frame["relining_year"].astype("Int64")
    return frame


def _with_furnaces(plants: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Blast furnaces that run and the years of their relining; nothing where no unit workbook knows the works."""
    running = units[(units["kind"] == "BF") & units["status"].isin((_OPERATING, _RETIRING))]
    n_running = running.groupby("plant").size().reindex(plants["plant"]).fillna(0).to_numpy(int)
    is_known = plants["plant"].isin(units["plant"]).to_numpy(bool)
    plants["n_blast_furnaces"] = pd.array(n_running, dtype="Int64")
    plants.loc[~is_known, "n_blast_furnaces"] = pd.NA
    relined = running[running["relining_year"].notna()].sort_values(["plant", "name"], kind="stable")
    words = (relined["name"] + ":" + relined["relining_year"].astype(str)).groupby(relined["plant"]).agg(";".join)
    plants["bf_relining_years"] = words.reindex(plants["plant"]).fillna("").to_numpy(object)
    return plants
