"""Checks of a scenario against the tables: the names of provinces, plants and sites, and the size of amounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.checked_scenario import names_not_in_tables, read_checked
from ccs_model.scenario import Scenario
from ccs_model.scenario.read import NAME_LISTS
from ccs_model.scenario.sections import TERRAIN, OwnTables

__all__ = ["implausible_amounts", "place_of", "read_checked", "unknown_names", "validate_tables"]


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


# Plausible are budgets of some 10,000 million CNY and prices of some 1,000 CNY/t; more than four orders beyond is a
# wrong unit. 100 million million CNY is near the gross domestic product of China (data/policy/value_added).
_LARGEST_CNY = {"_mn": (1e8, "is this in million?"), "_per_t": (1e7, "is this per tonne of CO2?")}


def implausible_amounts(scenario: Scenario, inputs: Inputs) -> Iterator[tuple[str, str, str]]:
    """(place, what, hint) of every amount of money that is four orders of magnitude beyond plausible ones."""
    rates = inputs["indices/exchange_rates"]
    rates = rates[(rates["currency"] == scenario.currency) & (rates["year"] <= scenario.price_year)]
    cny = float(rates.sort_values("year")["cny_per_unit"].iloc[-1]) if len(rates) else 1.0
    for key, amount in _amounts(scenario.model_dump(), "", ""):
        limit, hint = next(each for ending, each in _LARGEST_CNY.items() if ending in key)
        if amount * cny > limit:
            unit = f"million {scenario.currency}" if "_mn" in key else f"{scenario.currency}/t"
            yield place_of(scenario, key), f"{key}: {amount:,.0f} {unit} is implausible", hint


def _amounts(values: Mapping[Any, Any], within: str, ending: str) -> Iterator[tuple[str, float]]:
    """Dotted key and value of every amount whose key, or the key above it, has an ending of `_LARGEST_CNY`."""
    for name, value in values.items():
        key = f"{within}.{name}" if within else str(name)
        found = next((each for each in _LARGEST_CNY if str(name).endswith(each)), ending)
        if isinstance(value, Mapping):
            yield from _amounts(value, key, found)
        elif found and isinstance(value, int | float) and not isinstance(value, bool):
            yield key, float(value)


def place_of(scenario: Scenario, key: str) -> str:
    """Return the place of a scenario value: file and line, or its key."""
    place = scenario.places.get(key, "")
    return place if ":" in place else key
