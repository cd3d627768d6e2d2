"""Checks of scenario names against the tables: provinces, plants, sites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike

from ccs_model.errors import CcsModelError, FileError, InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.load import load_tables
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import GIVEN_SOURCES
from ccs_model.scenario.read import NAME_LISTS, Name, Reading, read
from ccs_model.scenario.sections import INVENTORY, TERRAIN, OwnTables

_LISTED = 12


def read_checked(path: str | PathLike[str], *, allow_outside: bool = False) -> tuple[Scenario, Inputs]:
    """Return the scenario and its tables; issues of the file, its names and its tables are raised together.

    Names are checked against valid tables only.
    """
    reading = read(path, allow_outside=allow_outside)
    try:
        inputs = load_tables(reading.own, allow_outside=allow_outside)
    except (InputError, FileError) as error:
        raise _with_those_of_the_file(reading, error) from error
    words = _judged([(name, name.key, name.text) for name in reading.names], inputs)
    return reading.validated((name, what, hint) for name, what, hint in words if isinstance(name, Name)), inputs


def validate_tables(scenario: Scenario, inputs: Inputs) -> None:
    """Raise if the tables are not those that the scenario names."""
    requested = OwnTables.of(scenario)
    loaded = inputs.own or OwnTables(requested.folder)
    hint = "load_inputs(scenario) reads them"
    issues = [
        Issue(requested.where(key), f"'{name}' was not read", hint)
        for key, name in requested.files
        if name not in loaded.inventory
    ]
    if requested.data != loaded.data:
        issues.append(
            Issue(requested.where("data"), f"'{requested.data}' was not read, the tables are of '{loaded.data}'", hint)
        )
    if requested.terrain != loaded.terrain:
        what = f"'{requested.terrain}' was not read" if requested.terrain else f"the tables are with '{loaded.terrain}'"
        issues.append(Issue(requested.where(TERRAIN), what, hint))
    if issues:
        raise InputError(issues)


def _with_those_of_the_file(reading: Reading, error: InputError | FileError) -> CcsModelError:
    """Faults of the scenario first, then those of its tables; a file that cannot be read is one of them."""
    if not reading.issues:
        return error
    theirs = error.issues if isinstance(error, InputError) else (Issue("the tables", str(error)),)
    return InputError([*(issue for _, issue in sorted(reading.issues, key=lambda each: each[0])), *theirs])


def unknown_names(scenario: Scenario, inputs: Inputs) -> Iterator[tuple[str, str, str]]:
    """(place, what, hint) of every name of a scenario that the tables do not know."""
    values = scenario.model_dump()
    named: list[tuple[object, str, str]] = []
    for key in NAME_LISTS:
        section, last = key.split(".")
        for i, text in enumerate(values[section][last]):
            named.append((place_of(scenario, f"{key}[{i}]"), key, text))
    for name, fund in scenario.funds.items():
        for i, province in enumerate(fund.provinces):
            named.append((place_of(scenario, f"funds.{name}.provinces[{i}]"), "plants.provinces", province))
    for subject, what, hint in _judged(named, inputs):
        yield str(subject), what, hint


def place_of(scenario: Scenario, key: str) -> str:
    """Return the place of a scenario value: file and line, or its key."""
    place = scenario.places.get(key, "")
    return place if ":" in place else key


def _judged(named: Iterable[tuple[object, str, str]], inputs: Inputs) -> Iterator[tuple[object, str, str]]:
    known = _known(inputs)
    for subject, key, text in named:
        if key == INVENTORY:
            if text == GIVEN_SOURCES and inputs["plants/sources"].empty:
                hint = "give plants/sources.csv in the folder that data: names, see docs/own-tables.md"
                yield subject, f"'{text}' holds no plant: table plants/sources has no rows", hint
            continue
        what, there = known[key]
        if text not in there:
            some = ", ".join(sorted(there)[:_LISTED]) + (", …" if len(there) > _LISTED else "")
            yield subject, f"{what} '{text}' is not in the tables", nearest_hint(text, sorted(there), some)


def _known(inputs: Inputs) -> dict[str, tuple[str, set[str]]]:
    tables = [inputs["plants/steel"], inputs.plants_of("chemicals"), inputs["plants/sources"]]
    plants = {plant for table in tables for plant in table["plant"]}
    sites = inputs["storage/sites"]
    return {
        "plants.provinces": ("province", {province for table in tables for province in table["province"]}),
        "plants.exclude": ("plant", plants),
        "plants.require": ("plant", plants),
        "capture.measures": ("measure", set(inputs["technologies/measures"]["measure"])),
        "storage.sites": ("site or basin", set(sites["site"]) | set(sites["basin"])),
    }
