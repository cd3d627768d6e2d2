"""Reads a scenario, compares its names and amounts with the tables, and rejects an invalid one early.

Commands validate the scenario before they import the solver, and pandas only if the scenario names tables of its own,
so that an invalid scenario takes a second and not three. The names of the shipped tables are read from their CSV files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from ccs_model.errors import MOST_SHOWN, CcsModelError, FileError, InputError, Issue
from ccs_model.inputs.cells import nearest_hint, sector_hint, shipped_rows
from ccs_model.inputs.chinese import english_word
from ccs_model.inputs.declarations import PLANTS, SITES, SOURCE_PLANTS
from ccs_model.scenario.fields import HOME, HOME_CURRENCY, SHIPPED_INVENTORIES, SOURCES, plant_and_reason, value_at
from ccs_model.scenario.read import Reading, read
from ccs_model.scenario.sections import INVENTORY
from ccs_model.scenario.validation import KeyPath, dotted_key, respelling_text, same_name, shown_text
from ccs_model.units import rounded_text

if TYPE_CHECKING:
    from ccs_model.inputs.load import Inputs
    from ccs_model.scenario import Scenario
    from ccs_model.scenario.sections import OwnTables
    from ccs_model.scenario.yaml_document import Document

_LISTED, _NAMED = 12, 3
_PLANT_NAMES = "id and name of a plant"
_LARGEST = 1e300  # of an amount; the schema rejects larger ones
UNCERTAIN = "uncertain input"
# Keys of a scenario that hold names, each with what it names.
# Plants, sites and pipelines are assets, which budgets and funds distinguish by province.
_OF_ASSET = "province of an asset"
_LISTS = {
    INVENTORY: "inventory", "plants.provinces": "province", "plants.exclude": "plant", "plants.require": "plant",
    "capture.technologies": "technology", "capture.measures": "measure", "storage.sites": "site or basin",
    "storage.exclude": "site or basin", "uncertainty.exclude": UNCERTAIN,
}  # fmt: skip
_BY_NAME = {
    "plants.not_before": "plant", "storage.capacity_kt": "site", "storage.not_before": "site",
    "budget.by_province_mn": _OF_ASSET,
    "targets.by_province": "province", "targets.by_sector": "sector",
    "targets.share_of_avoided_min": "province or sector", "uncertainty.spreads": UNCERTAIN,
}  # fmt: skip
_OF_FUNDS = {"provinces": _OF_ASSET, "sectors": "sector"}
# Kinds whose names are in tables other than inventories.
_TABLES_OF = {
    "sector": ("streams/source_sectors",), "technology": ("technologies/technologies",),
    "measure": ("technologies/measures",), "site": (SITES,), "site or basin": (SITES,),
    UNCERTAIN: ("uncertainty/inputs",),
}  # fmt: skip

Column = Callable[[str, str], Iterable[str]]
"""The values of a column, by table and name."""
Known = Mapping[str, Collection[str]]
"""Names in the tables, by what they name."""


@dataclass(frozen=True)
class Name:
    """A name in a scenario: its key, what it names, and the path of the item or key that holds it."""

    key: str
    kind: str
    text: str
    path: KeyPath

    @property
    def is_key(self) -> bool:
        """Whether the name is a key, not an item of a list."""
        return not isinstance(self.path[-1], int)


def names_in(values: Mapping[Any, Any]) -> Iterator[Name]:
    """Yield the names in nested values of a scenario, which may be invalid."""
    for key, kind in _LISTS.items():
        yield from _names_in_list(value_at(values, key), key, kind)
    for key, kind in _BY_NAME.items():
        by_name = value_at(values, key)
        for text in by_name if isinstance(by_name, Mapping) else ():
            if isinstance(text, str):
                yield Name(key, kind, text, (*key.split("."), text))
    funds = values.get("funds")
    for fund, content in funds.items() if isinstance(funds, Mapping) else ():
        for last, kind in _OF_FUNDS.items() if isinstance(content, Mapping) else ():
            yield from _names_in_list(content.get(last), f"funds.{fund}.{last}", kind, ("funds", str(fund), last))


def _names_in_list(listed: Any, key: str, kind: str, path: KeyPath = ()) -> Iterator[Name]:
    for place, item in enumerate(listed if isinstance(listed, list | tuple) else ()):
        text = next(iter(item), None) if isinstance(item, Mapping) else item  # a plant with a reason
        if isinstance(text, str):
            yield Name(key, kind, text, (*(path or key.split(".")), place))


def unknown_names(names: Iterable[Name], known: Known, *, as_spelt: bool = False) -> Iterator[tuple[Name, str, str]]:
    """Yield (name, what, hint) of each name that no table has.

    A name that looks like one of the tables counts as that one, unless `as_spelt`. Kinds that are not in `known` are
    left out. Only the first ones have hints, as many as a command prints.
    """
    n_unknown = 0
    for name in names:
        if name.kind not in known:
            continue
        there = known[name.kind]
        if name.kind == "inventory":
            if name.text == SOURCES and SOURCES not in there:
                hint = "give plants/sources.csv in the folder that data: names, see docs/reference/own-tables.md"
                yield name, f"'{name.text}' holds no plant: table plants/sources has no rows", hint
            continue
        is_home = name.key == "budget.by_province_mn" and name.text == HOME
        if name.text in there or is_home or (not as_spelt and known_name(name.text, name.kind, known) is not None):
            continue
        some = ", ".join(sorted(there)[:_LISTED]) + (", …" if len(there) > _LISTED else "")
        if name.kind == "plant" and len(there) > _LISTED:
            some = "sheet Plants of a run lists the ids"
        kind = "province" if name.kind == _OF_ASSET else name.kind
        what = f"{kind} '{shown_text(name.text)}' is not in the tables"
        hint_of = sector_hint if name.kind.endswith("sector") else nearest_hint
        wanted = name.text.casefold()
        if name.kind == "plant" and (
            named := sorted(n for n in known[_PLANT_NAMES] if wanted in n.partition(" (")[2].casefold())
        ):
            some = f"ids are expected, such as {', '.join(named[:_NAMED])}"
        yield name, what, hint_of(name.text, sorted(there), some) if n_unknown < MOST_SHOWN else ""
        n_unknown += 1


def known_names(column: Column) -> Known:
    """Names in the tables that a scenario may give, by what they name."""
    provinces = {province for table in PLANTS for province in column(table, "province")}
    sectors = {*SHIPPED_INVENTORIES, SOURCES, *column("streams/source_sectors", "sector")}
    sites = set(column(SITES, "site"))
    return {
        "inventory": {SOURCES} if list(column(SOURCE_PLANTS, "plant")) else set(),
        "plant": {plant for table in PLANTS for plant in column(table, "plant")},
        _PLANT_NAMES: {
            f"{plant} ({name})"
            for table in PLANTS
            for plant, name in zip(column(table, "plant"), column(table, "name"), strict=True)
        },
        "province": provinces,
        "sector": sectors,
        "province or sector": provinces | sectors,
        _OF_ASSET: provinces | {each for each in column(SITES, "province") if each},
        "technology": set(column("technologies/technologies", "technology")),
        "measure": set(column("technologies/measures", "measure")),
        "site": sites,
        "site or basin": sites | set(column(SITES, "basin")),
        UNCERTAIN: set(column("uncertainty/inputs", "input")),
    }


def known_shipped_names(own: OwnTables) -> Known:
    """Names of the kinds that no table of the user's own can add to."""
    folder = own.folder / own.data if own.data is not None else None
    if folder is not None and any(folder.glob("*.xlsx")):
        return {}  # any sheet may be such a table
    known = known_names(shipped_column)
    return {
        kind: known[kind]
        for kind, tables in _TABLES_OF.items()
        if (folder is None or not any((folder / f"{table}.csv").exists() for table in tables))
        and not (own.oil_fields and SITES in tables)  # oil fields are sites as well
    }


def shipped_column(table: str, name: str) -> list[str]:
    """Values of a column of a shipped table, as text."""
    return [row[name] for row in shipped_rows(table)]


# Plausible are budgets of 10 to some 10,000 million CNY and prices of some 1,000 CNY/t; more than four orders beyond is
# a wrong unit. 100 million million CNY is near the gross domestic product of China (data/policy/value_added).
_MILLION, _PER_TONNE = (1e-3, 1e8, "is this in million?"), (0.0, 1e7, "is this per tonne of CO2?")
PLAUSIBLE_CNY = {"_mn": _MILLION, **dict.fromkeys(("_per_t", "_per_captured_t", "_per_avoided_t"), _PER_TONNE)}


def implausible_amounts(values: Mapping[Any, Any], column: Column) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield (path, what, hint) of every amount of money that is four orders of magnitude beyond plausible ones."""
    currency, year = values.get("currency", HOME_CURRENCY), values.get("price_year")
    columns = (column("indices/exchange_rates", each) for each in ("currency", "year", "cny_per_unit"))
    cny_by_year = {
        int(of_year): float(rate)
        for code, of_year, rate in zip(*columns, strict=True)
        if code == currency and (not isinstance(year, int) or int(of_year) <= year)
    }
    cny = cny_by_year[max(cny_by_year)] if cny_by_year else 1.0
    for path, amount, ending in _amounts(values, (), ""):
        low, high, hint = PLAUSIBLE_CNY[ending]
        if math.isfinite(amount) and (amount * cny > high or 0 < amount * cny < low):
            unit = f"million {currency}" if ending == "_mn" else f"{currency}/t"
            yield path, f"{dotted_key(path)}: {rounded_text(amount)} {unit} is implausible", hint


def _amounts(values: Mapping[Any, Any], within: KeyPath, ending: str) -> Iterator[tuple[KeyPath, float, str]]:
    """Path, value and ending of every amount whose key, or the key above it, ends as in `PLAUSIBLE_CNY`."""
    for name, value in values.items():
        path = (*within, str(name))
        found = next((each for each in PLAUSIBLE_CNY if str(name).endswith(each)), ending)
        if isinstance(value, Mapping):
            yield from _amounts(value, path, found)
        elif found and isinstance(value, int | float) and not isinstance(value, bool):
            yield path, float(value) if abs(value) < _LARGEST else math.inf, found


def issues_of(document: Document, known: Known, column: Column) -> list[tuple[Any, Issue]]:
    """Unknown names and implausible amounts of a scenario file, each with its mark.

    Values that already have an issue are left out.
    """
    faulty = {mark for mark, _ in document.issues}
    found = [
        (document.mark_of(name.path, on_key=name.is_key), f"{name.key}: {what}", hint)
        for name, what, hint in unknown_names(names_in(document.values), known)
    ]
    found += [(document.mark_of(path), what, hint) for path, what, hint in implausible_amounts(document.values, column)]
    found.sort(key=lambda each: each[0])
    return [(mark, Issue(str(mark), what, hint)) for mark, what, hint in found if mark not in faulty]


def with_names_of_tables(scenario: Scenario, known: Known) -> tuple[Scenario, list[str]]:
    """Return the scenario with its names as the tables spell them, and a notice of each change.

    Unknown names are not changed.
    """
    changes: dict[str, object] = {}
    notices: list[str] = []
    values = scenario.model_dump(by_alias=True)
    for name in list(names_in(values)):
        if name.kind == "inventory" or (spelt := known_name(name.text, name.kind, known)) in (None, name.text):
            continue
        key = f"{name.key}.{name.text}" if name.is_key else f"{name.key}[{name.path[-1]}]"
        place = scenario.places.get(key, "")
        notices.append(f"{f'{place}: ' if ':' in place else ''}{key}: {respelling_text(name.text, spelt)}")
        changes[name.key] = _put(values, name, spelt)
    if not changes:
        return scenario, []
    places = {key: place for key, place in scenario.places.items() if any(key.startswith(each) for each in changes)}
    return scenario.with_changes(changes, places), notices


def without_names(scenario: Scenario, known: Known) -> Scenario:
    """Return the scenario without the names that no table has, so that later checks can go on."""
    values = scenario.model_dump(by_alias=True)
    changes: dict[str, object] = {}
    strays = [name for name, _, _ in unknown_names(names_in(values), known) if name.kind != "inventory"]
    for name in reversed(strays):  # the last item of a list first
        _put(values, name, None)
        section, key = map(str, name.path[:2])
        changes[f"{section}.{key}"] = values[section][key]
    return scenario.with_changes(changes) if changes else scenario


def _put(values: dict[str, Any], name: Name, new: str | None) -> Any:
    """Replace a name in nested values, or remove it; return the list or mapping that holds it."""
    *way, last = map(str, name.path[:-1])
    holder = values
    for step in way:
        holder = holder[step]
    held = holder[last]
    if name.is_key:
        renamed = {key: new if key == name.text else key for key in held}
        holder[last] = {renamed[key]: each for key, each in held.items() if renamed[key] is not None}
    else:
        place = int(name.path[-1])
        _, reason = plant_and_reason(held[place])
        items = [] if new is None else [{new: reason} if reason else new]
        holder[last] = [*held[:place], *items, *held[place + 1 :]]
    return holder[last]


def known_name(text: str, kind: str, known: Known) -> str | None:
    """The known name that a text of a scenario names; None if it names none. Sectors are exact."""
    there = known[kind]
    if text in there or kind == "sector":
        return text if text in there else None
    if kind == "province or sector":
        return known_name(text, "province", known)
    return same_name(english_word("province", text, ()) if kind in ("province", _OF_ASSET) else text, there)


def reject_invalid(path: str | PathLike[str], *, allow_outside: bool = False) -> None:
    """Raise the errors that can be found without most tables; a scenario that passes is read by `read_checked`.

    Parameters
    ----------
    path
        The scenario file.
    allow_outside
        Whether files outside its folder may be read.

    Raises
    ------
    InputError
        With the same issues as `read_checked`, if the values of the scenario are invalid, or if it names no tables of
        its own and a name is in no shipped table or an amount is implausible.
    FileError
        If the file cannot be read.
    """
    reading = read(path, allow_outside=allow_outside)
    if not reading.has_own_tables:
        _validate_reading(reading, shipped_column)
    elif reading.issues():  # errors of the own tables are reported with them
        read_checked(path, allow_outside=allow_outside)


def has_own_tables(path: str | PathLike[str], *, allow_outside: bool = False) -> bool:
    """Return whether a scenario file names tables of the user's own; False for a file that cannot be read."""
    try:
        return read(path, allow_outside=allow_outside).has_own_tables
    except (InputError, FileError):
        return False


def read_checked(path: str | PathLike[str], *, allow_outside: bool = False) -> tuple[Scenario, Inputs]:
    """Return the scenario and its tables; issues of its values, names, amounts and tables are raised together.

    Names and amounts are compared with valid tables only.
    """
    from ccs_model.inputs.load import load_tables

    reading = read(path, allow_outside=allow_outside)
    try:
        inputs = load_tables(reading.own, allow_outside=allow_outside)
    except (InputError, FileError) as error:
        raise _add_file_issues(reading, error) from error
    scenario, notices = with_names_of_tables(_validate_reading(reading, inputs.column), known_names(inputs.column))
    return scenario, replace(inputs, scenario_notices=tuple(notices))


def _validate_reading(reading: Reading, column: Column) -> Scenario:
    return reading.validate_scenario(issues_of(reading.document, known_names(column), column))


def _add_file_issues(reading: Reading, error: InputError | FileError) -> CcsModelError:
    """Issues of the scenario first, then those of its tables; a file that cannot be read is one of them."""
    of_the_file = reading.issues()
    if not of_the_file:
        return error
    where, _, what = str(error).partition(": ")
    theirs = error.issues if isinstance(error, InputError) else (Issue(where, what),)
    return InputError([*of_the_file, *theirs])
