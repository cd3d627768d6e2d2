"""Reads a scenario with its tables, and rejects an invalid one early.

Commands validate the scenario before they import the solver, so that an invalid scenario takes a second and not three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from types import MappingProxyType

from ccs_model.errors import CcsModelError, FileError, InputError, Issue
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import read_dictionary
from ccs_model.inputs.load import Inputs, load_tables, read_table
from ccs_model.paths import data_folder
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import GIVEN_SOURCES
from ccs_model.scenario.read import Name, Reading, read
from ccs_model.scenario.sections import INVENTORY

_LISTED = 12
# Tables whose rows a scenario names.
_NAMED = (
    "plants/steel", "plants/chemicals", "plants/coal_chemicals", "plants/sources", "storage/sites",
    "technologies/measures",
)  # fmt: skip


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
        its own and a name is in no shipped table.
    FileError
        If the file cannot be read.
    """
    reading = read(path, allow_outside=allow_outside)
    own = reading.own
    if own.files or own.data is not None or own.terrain is not None:
        if reading.issues:  # errors of the own tables are reported with them
            read_checked(path, allow_outside=allow_outside)
        return
    root = data_folder()
    declared = read_dictionary(root)
    frames = {name: read_table(root, name, declared[name]).frame for name in _NAMED}
    _validated(reading, Inputs(MappingProxyType(frames), MappingProxyType({}), root.name))


def read_checked(path: str | PathLike[str], *, allow_outside: bool = False) -> tuple[Scenario, Inputs]:
    """Return the scenario and its tables; issues of the file, its names and its tables are raised together.

    Names are checked against valid tables only.
    """
    reading = read(path, allow_outside=allow_outside)
    try:
        inputs = load_tables(reading.own, allow_outside=allow_outside)
    except (InputError, FileError) as error:
        raise _with_those_of_the_file(reading, error) from error
    return _validated(reading, inputs), inputs


def _validated(reading: Reading, inputs: Inputs) -> Scenario:
    words = names_not_in_tables([(name, name.key, name.text) for name in reading.names], inputs)
    return reading.validated((name, what, hint) for name, what, hint in words if isinstance(name, Name))


def _with_those_of_the_file(reading: Reading, error: InputError | FileError) -> CcsModelError:
    """Faults of the scenario first, then those of its tables; a file that cannot be read is one of them."""
    if not reading.issues:
        return error
    theirs = error.issues if isinstance(error, InputError) else (Issue("the tables", str(error)),)
    return InputError([*(issue for _, issue in sorted(reading.issues, key=lambda each: each[0])), *theirs])


def names_not_in_tables(named: Iterable[tuple[object, str, str]], inputs: Inputs) -> Iterator[tuple[object, str, str]]:
    """Yield (subject, what, hint) of each name, given as (subject, key, text), that no table has."""
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
