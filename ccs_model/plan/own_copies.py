"""The user's own files of a run, the names of their copies in its folder, and the resolved scenario with these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from ccs_model.bounded_reading import TABLE_BYTES, read_regular
from ccs_model.inputs import Inputs
from ccs_model.scenario import Scenario
from ccs_model.scenario.resolved import resolved_yaml
from ccs_model.scenario.sections import calibration_file, corridors_file

OWN = "own"


def own_files(scenario: Scenario, inputs: Inputs) -> dict[str, Mapping[str, bytes]]:
    """Return the user's own files by name in the scenario: tables as read, candidate links, calibration."""
    files = dict(inputs.own_files)
    corridors = corridors_file(scenario)
    if scenario.transport.shared_trunklines and corridors is not None and corridors.is_file():
        name = scenario.transport.corridors
        files.setdefault(name, {PurePath(name).name: read_regular(corridors, TABLE_BYTES)})
    path = calibration_file(scenario)
    if scenario.calibration.file is not None and path is not None:
        files.setdefault(scenario.calibration.file, {PurePath(scenario.calibration.file).name: read_regular(path)})
    return files


def names_of_copies(names: list[str]) -> dict[str, str]:
    """Return name in the scenario → name in the run folder; equal names from two folders get a number."""
    copies: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        last = PurePath(name).name
        first = PurePath("tables" if last in ("", "..") else last)
        copy, n = first.name, 1
        while copy.casefold() in taken:
            n += 1
            copy = f"{first.stem}-{n}{first.suffix}"
        taken.add(copy.casefold())
        copies[name] = f"{OWN}/{copy}"
    return copies


def resolved_with_copies(scenario: Scenario, copies: Mapping[str, str]) -> str:
    """Return every value of the scenario as YAML, with its files under the names of their copies."""
    values = scenario.model_dump()
    copied_from = {}
    if copied := [name for name in scenario.plants.inventory if name in copies]:
        values["plants"]["inventory"] = tuple(copies.get(name, name) for name in scenario.plants.inventory)
        copied_from["plants.inventory"] = ", ".join(PurePath(name).name for name in copied)
    if scenario.data is not None and scenario.data in copies:
        values["data"] = copies[scenario.data]
        copied_from["data"] = PurePath(scenario.data).name or scenario.data
    for section, key in (("transport", "corridors"), ("calibration", "file"), ("transport", "terrain")):
        name = values[section][key]
        if name is not None and name in copies:
            values[section][key] = copies[name]
            copied_from[f"{section}.{key}"] = PurePath(name).name
    return resolved_yaml(values, scenario.places, copied_from)
