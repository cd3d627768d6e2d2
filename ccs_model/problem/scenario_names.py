"""Checks of scenario names against the tables: provinces, plants, sites."""

from __future__ import annotations

from collections.abc import Iterator

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.checked_scenario import names_not_in_tables, read_checked
from ccs_model.scenario import Scenario
from ccs_model.scenario.read import NAME_LISTS
from ccs_model.scenario.sections import TERRAIN, OwnTables

__all__ = ["place_of", "read_checked", "unknown_names", "validate_tables"]


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
    for subject, what, hint in names_not_in_tables(named, inputs):
        yield str(subject), what, hint


def place_of(scenario: Scenario, key: str) -> str:
    """Return the place of a scenario value: file and line, or its key."""
    place = scenario.places.get(key, "")
    return place if ":" in place else key
