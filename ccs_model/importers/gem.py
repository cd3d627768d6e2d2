"""Reads workbooks of Global Energy Monitor's Global Iron and Steel Tracker into plants/steel and plants/steel_units.

Workbooks of the chemicals inventory may be read together with them (gem_chemicals). One workbook of the tracker has the
plants (sheets "Plant data" and "Plant capacities and status"), unit workbooks have the furnaces. A plant has one row
per status: "operating" and "operating pre-retirement" are summed, and the latter is also the retiring capacity. ">0"
means that a unit exists but its capacity is not quantified, "unknown" that it may exist, an empty cell or N/A that
there is none.

Global Energy Monitor, Global Iron and Steel Tracker, CC BY 4.0,
https://globalenergymonitor.org/projects/global-iron-and-steel-tracker
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pandas as pd

from ccs_model.errors import InputError, Issue, raise_issues
from ccs_model.importers.gem_chemicals import GemChemicals, GivenCapacities, chemicals_of
from ccs_model.importers.gem_headings import Aliases
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
    SheetRow,
    china_places,
    missing_sheet_issue,
    plant_values,
    rows_of,
    sorted_sheets,
    with_sign_of_country,
)
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import Column, Grid, read_dictionary, reading_order
from ccs_model.scenario.validation import shown_text, without_accents

# The status of a plant with several rows is the first of these.
STATUSES = (
    "operating", "operating pre-retirement", "construction", "mothballed", "announced", "retired", "cancelled",
)  # fmt: skip
_RUNNING = _OPERATING, _RETIRING = STATUSES[:2]
_SAME_STATUS = {"mothballed pre-retirement": "mothballed"}
# Column of plants/steel: (column of the tracker, statuses to sum).
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
# Capacities of operating plants, of which at least one gives emissions.
_COUNTED = [f"{name}_ktpa" for name in ("crude_steel", "bof_steel", "eaf_steel", "bf_iron", "dri_iron")]
_NOT_OURS = {"ohf": "open-hearth", "induction": "induction-furnace", "other": "other or unspecified"}


@dataclass(frozen=True, eq=False)
class GemTracker:
    """The workbooks as tables plants/steel, plants/steel_units and plants/chemicals.

    `reference` is the key of the steel tracker's release (GIST-2025-09), `citation` its citation. `places` holds the
    places of each steel plant's cells. `unquantified` lists operating plants without a quantified capacity.
    `in_country` is the country of each steel plant, `countries` all countries including those of chemical plants.
    `chemicals` is None without a workbook of the chemicals inventory. `strays` names the rows of capacities of plants
    that "Plant data" lacks, with status and crude steel, `stray_furnaces` those of furnaces. `notices` names optional
    columns that are missing and headings without a unit. `unknown_furnaces` lists operating furnaces without a
    quantified capacity, which `units` lacks.
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
    strays: tuple[str, ...] = ()
    stray_furnaces: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    unknown_furnaces: tuple[str, ...] = ()


def read_gem(
    files: Sequence[tuple[str, bytes]],
    countries: Iterable[str] = (),
    given: tuple[str, bytes] | None = None,
    *,
    known_only: bool = False,
) -> GemTracker:
    """Read the plants of GEM workbooks.

    Parameters
    ----------
    files
        Workbooks as (name, bytes). Their sheets and headings identify their kind.
    countries
        Only plants of these countries, in upper or lower case, with or without accents; empty means all.
    given
        A CSV file of capacities for chemical plants, as (name, bytes).
    known_only
        Whether to exclude chemical plants with missing values.

    Raises
    ------
    InputError
        With every error, each with its cell: `FILE:Plant data!A12`.
    """
    issues: list[Issue] = []
    found = sorted_sheets(files, issues)
    lacking = missing_sheet_issue(files, found)
    if lacking is not None:
        raise InputError(sorted(issues or [lacking], key=reading_order))
    sheets = found.steel
    notices: list[str] = []
    steel = _rows(sheets.get(PLANTS.lower(), []), PLANT_HEADINGS, issues, notices)
    chemical = _rows(chain.from_iterable(found.chemicals.values()), CHEMICAL_HEADINGS, issues, notices)
    n_issues = len(issues)
    of_capacities = _rows(sheets.get(CAPACITIES.lower(), []), CAPACITY_HEADINGS, issues, notices)
    is_read = bool(of_capacities) or len(issues) == n_issues  # else its columns are missing
    furnaces = {
        kind: _rows(sheets.get(sheet, []), UNIT_HEADINGS, issues, notices, () if kind == "BF" else ("relining",))
        for sheet, kind in KIND_OF.items()
    }
    wanted = _requested_countries(countries, [*steel, *chemical], issues)
    works = _works(steel, wanted)
    chemicals = None
    if found.chemicals:
        rows = _works(chemical, wanted)
        capacities_given = GivenCapacities.read(given, issues) if given is not None else GivenCapacities()
        notices += capacities_given.notices
        everyone = {row.words("plant") for row in chemical}
        chemicals = chemicals_of(rows, everyone, capacities_given, found.reference(CHEMICALS), issues)
        chemicals = chemicals.select_complete_rows() if known_only else chemicals
    elif given is not None:
        hint = "capacities of steel plants are in the steel tracker"
        issues.append(Issue(given[0], "there is no workbook of the chemicals inventory for these capacities", hint))
    if not works and (chemicals is None or chemicals.plants.empty) and not issues:
        made = "has no plants" if steel or not chemical else "has no plants that make ammonia or methanol"
        issues.append(Issue(files[0][0], made))
    reference, citation = found.reference(STEEL)
    capacities = _rows_by_plant(of_capacities, set(works)) if is_read else None
    plants, places, unquantified = _plants(works, capacities, reference)
    units = _units(furnaces, set(works), reference)
    plants = _with_furnaces(plants, units, has_blast_furnaces=bool(furnaces["BF"]))
    without_capacity = units["capacity_ktpa"].isna()
    unknown_furnaces = (units["unit"] + " of " + units["plant"])[without_capacity & units["status"].isin(_RUNNING)]
    units = units[~without_capacity].reset_index(drop=True)
    in_country = tuple(row.text("country") for row in works.values())
    countries = {*in_country, *(chemicals.countries if chemicals is not None else ())}
    raise_issues(sorted(dict.fromkeys(issues), key=reading_order))
    known = {row.words("plant") for row in steel}
    return GemTracker(
        plants,
        units,
        tuple(sorted(countries)),
        reference,
        citation,
        places,
        unquantified,
        in_country,
        chemicals,
        _strays(of_capacities, known),
        _stray_furnaces(chain.from_iterable(furnaces.values()), known),
        tuple(dict.fromkeys(notices)),
        tuple(unknown_furnaces),
    )


def gem_place(tracker: GemTracker, where: str) -> str:
    """Place in the workbook for a place in the tables, such as `steel.csv:4:lat_deg`."""
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


def _requested_countries(countries: Iterable[str], rows: Sequence[SheetRow], issues: list[Issue]) -> set[str]:
    """The requested countries in plain form; empty means all."""
    there = {str(row.cell("country") or "").strip() for row in rows}
    known = {_plain_country(each) for each in there}
    wanted = {_plain_country(country): country.lower() for country in countries}
    for plain, country in sorted(wanted.items()) if rows else ():
        if plain not in known:
            listed = f"countries: {', '.join(sorted(there - {''}))}"
            hint = nearest_hint(country.title(), sorted(there), listed)
            issues.append(Issue("--country", f"there are no plants in '{shown_text(country)}'", hint))
    return set(wanted)


def _plain_country(name: object) -> str:
    """The name for comparison, without case and accents: TÜRKİYE and Türkiye are the same."""
    return " ".join(without_accents(str(name or "").casefold()).split())


def _works(rows: Sequence[SheetRow], wanted: set[str]) -> dict[str, SheetRow]:
    """Row of each plant on the sheet "Plant data", for the requested countries."""
    works: dict[str, SheetRow] = {}
    for row in rows:
        if wanted and _plain_country(row.cell("country")) not in wanted:
            continue
        plant = row.text("plant")
        if plant in works:
            row.report(f"plant '{shown_text(plant)}' is given twice", f"see {works[plant].place()}")
        works.setdefault(plant, row)
    return works


def _rows(
    grids: Iterable[Grid], aliases: Aliases, issues: list[Issue], notices: list[str], silent: Collection[str] = ()
) -> list[SheetRow]:
    return [row for grid in grids for row in rows_of(grid, aliases, issues, notices, silent)]


def _rows_by_plant(rows: Iterable[SheetRow], wanted: set[str]) -> dict[str, list[SheetRow]]:
    found: dict[str, list[SheetRow]] = {}
    for row in rows:
        if (plant := row.words("plant")) in wanted:  # an invalid id is reported for "Plant data"
            found.setdefault(plant, []).append(row)
    return found


def _strays(rows: Iterable[SheetRow], known: set[str]) -> tuple[str, ...]:
    """Rows of capacities whose plant is not on the sheet "Plant data", with their status and crude steel."""
    named = []
    for row in rows:
        if (plant := row.words("plant")) not in known:
            amount, status = row.cell("crude"), row.words("status")
            crude = f"{amount:,.10g} kt/y" if isinstance(amount, int | float) else shown_text(amount or "no amount")
            named.append(f"{row.place()} {shown_text(plant)} ({status or 'no status'}, crude steel {crude})")
    return tuple(named)


def _stray_furnaces(rows: Iterable[SheetRow], known: set[str]) -> tuple[str, ...]:
    """Rows of furnaces whose plant is not on the sheet "Plant data", with unit and plant."""
    return tuple(
        f"{row.place()} {shown_text(row.words('unit') or 'no unit id')} of {shown_text(plant or 'no plant')}"
        for row in rows
        if (plant := row.words("plant")) not in known
    )


def _status(row: SheetRow) -> str:
    """The status as one of STATUSES, or "" with an issue."""
    words = row.text("status").lower()
    status = _SAME_STATUS.get(words, words)
    if status in STATUSES:
        return status
    what = f"status '{shown_text(words)}' is unknown" if words else "has no status"
    row.report(what, nearest_hint(words, STATUSES, f"expected one of {', '.join(STATUSES)}"), key="status")
    return ""


def _plants(
    works: Mapping[str, SheetRow], capacities: Mapping[str, list[SheetRow]] | None, reference: str
) -> tuple[pd.DataFrame, tuple[Mapping[str, str], ...], tuple[str, ...]]:
    """Table of plants, places of their cells, and plants without any quantified capacity.

    `capacities` holds the rows of capacities by plant; None if that sheet could not be read.
    """
    declared = {column.name: column for column in read_dictionary()["plants/steel"]}
    rows, places, unquantified = [], [], []
    for plant, row in works.items():
        if capacities is None or plant not in capacities:
            if capacities is not None:
                row.report(f"plant '{shown_text(plant)}' has no row on the sheet '{CAPACITIES}'")
            continue
        made, notes = _describe_plant(plant, row, declared)
        numbers, status, missing, more = _capacities(capacities[plant], declared)
        made |= {**numbers, "status": status, "reference": reference, "quality": "reported"}
        if missing:
            notes.append(f"exists but is not quantified: {', '.join(dict.fromkeys(missing))}")
        is_operating, is_counted = status in (_OPERATING, _RETIRING), any(made[name] for name in _COUNTED)
        unquantified += [plant] if is_operating and missing and not is_counted else []
        made["note"] = "; ".join(notes + more)
        rows.append(made)
        places.append(_places(row, capacities[plant]))
    frame = pd.DataFrame(rows, columns=[*declared, "country", "address", "address_local", "municipality"])
    frame = china_places(frame)[list(declared)]
    for name in [name for name, column in declared.items() if column.is_number]:
        frame[name] = frame[name].astype("Int64" if declared[name].kind == "whole" else float)
    return frame, tuple(places), tuple(unquantified)


def _describe_plant(plant: str, row: SheetRow, declared: Mapping[str, Column]) -> tuple[dict[str, Any], list[str]]:
    """Values of a plant on the sheet "Plant data", and its notes."""
    values = plant_values(plant, row, declared)
    is_chinese = values["country"] == CHINA
    other_names, name_local = row.text("other_names"), row.words("name_local")
    notes = [f"also: {other_names}"] if other_names else []
    notes += [f"local name: {name_local}"] if name_local and not is_chinese else []
    if note := with_sign_of_country(values):
        notes.append(note)
    start = row.year("start")
    if not _is_in_range(start, declared["start_year"]):
        notes.append(f"start year {start}")
        start = None
    coke, unknown = row.amount("coke", declared["coke_ktpa"])
    if unknown.startswith(">") and unknown != SOME:
        notes.append(f"coke capacity {unknown} kt/y")
    coke_ovens = "unknown" if unknown == UNKNOWN else "present" if coke or unknown else "absent"
    return {
        **values,
        **{key: row.text(key) for key in ("address", "address_local", "parent")},
        "prefecture": values["municipality"] if is_chinese else row.words("subnational"),
        "start_year": start,
        "coke_ovens": coke_ovens if row.has("coke") else "unknown",
        "coke_ktpa": coke or None,
    }, notes


def _is_in_range(year: int | None, column: Column) -> bool:
    low, high = column.low, column.high
    return year is None or ((low is None or low <= year) and (high is None or year <= high))


def _capacities(
    rows: Sequence[SheetRow], declared: Mapping[str, Column]
) -> tuple[dict[str, float | None], str, list[str], list[str]]:
    """Capacity columns, status of the plant, unquantified capacities, and notes on capacities without a column."""
    column = declared["crude_steel_ktpa"]
    sums: dict[tuple[str, str], float] = {}
    statuses: list[str] = []
    missing: list[str] = []
    seen: dict[tuple[object, ...], SheetRow] = {}
    for row in rows:
        status = _status(row)
        if (first := seen.setdefault(row.content, row)) is not row:
            what = f"the row of plant '{shown_text(row.words('plant'))}' with status '{status}' is given twice"
            row.report(what, f"see {first.place()}")
        statuses += [status] if status else []
        for key in ("crude", "bof", "eaf", "bf", "dri", *_NOT_OURS):
            value, unknown = row.amount(key, column)
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


def _places(row: SheetRow, capacities: Sequence[SheetRow]) -> Mapping[str, str]:
    """Place of each column in the tracker."""
    of_plant = {
        "plant": "plant", "name": "name", "name_zh": "name_local", "province": "subnational", "parent": "parent",
        "prefecture": "municipality", "place_accuracy": "accuracy",
        "start_year": "start", "coke_ovens": "coke", "coke_ktpa": "coke",
    }  # fmt: skip
    of_plant |= dict(zip(("lat_deg", "lon_deg"), row.coordinate_keys, strict=True))
    places = {ours: row.place(theirs) for ours, theirs in of_plant.items()}
    for ours, (theirs, statuses) in _SUMS.items():
        which = [each for each in capacities if str(each.cell("status")).strip().lower() in statuses] or capacities
        places[ours] = which[0].place(theirs)
    return places | {"status": capacities[0].place("status")}


def _units(furnaces: Mapping[str, Sequence[SheetRow]], wanted: set[str], reference: str) -> pd.DataFrame:
    """Furnaces of the selected plants."""
    declared = {column.name: column for column in read_dictionary()["plants/steel_units"]}
    rows: list[dict[str, object]] = []
    places: dict[str, str] = {}
    for kind, of_kind in furnaces.items():
        for plant, of_plant in _rows_by_plant(of_kind, wanted).items():
            for row in of_plant:
                unit, status = row.text("unit"), _status(row)
                capacity, _ = row.amount("capacity", declared["capacity_ktpa"])
                if not unit:
                    row.report("has no unit id", key="unit")
                elif unit in places:
                    row.report(f"furnace '{shown_text(unit)}' is given twice", f"see {places[unit]}", key="unit")
                places.setdefault(unit, row.place("unit"))
                relining = row.year("relining")
                is_usual = _is_in_range(relining, declared["relining_year"])
                made: dict[str, object] = {
                    "unit": unit, "plant": plant, "kind": kind, "name": row.text("unit_name"), "status": status,
                    "capacity_ktpa": capacity, "relining_year": relining if is_usual else None,
                    "reference": reference, "quality": "reported", "note": "" if is_usual else f"relining {relining}",
                }  # fmt: skip
                rows.append(made)
    frame = pd.DataFrame(rows, columns=list(declared))
    frame["capacity_ktpa"] = frame["capacity_ktpa"].astype(float)
    frame["relining_year"] = frame["relining_year"].astype("Int64")
    return frame


def _with_furnaces(plants: pd.DataFrame, units: pd.DataFrame, *, has_blast_furnaces: bool) -> pd.DataFrame:
    """Add the number of operating blast furnaces and their relining years, if the unit workbooks have them.

    `units` includes furnaces without a capacity. A plant with furnaces of other kinds alone has none, if a sheet of
    blast furnaces was read.
    """
    running = units[(units["kind"] == "BF") & units["status"].isin(_RUNNING)]
    n_running = running.groupby("plant").size().reindex(plants["plant"]).fillna(0).to_numpy(int)
    is_known = plants["plant"].isin(units["plant"]).to_numpy(bool) & has_blast_furnaces
    plants["n_blast_furnaces"] = pd.array(n_running, dtype="Int64")
    plants.loc[~is_known, "n_blast_furnaces"] = pd.NA
    relined = running[running["relining_year"].notna()].sort_values(["plant", "name"], kind="stable")
    words = (relined["name"] + ":" + relined["relining_year"].astype(str)).groupby(relined["plant"]).agg(";".join)
    plants["bf_relining_years"] = words.reindex(plants["plant"]).fillna("").to_numpy(object)
    return plants
