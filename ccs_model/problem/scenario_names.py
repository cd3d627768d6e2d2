"""Checks of a scenario against its tables, and every issue of both together."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from os import PathLike

from pandas.errors import InvalidIndexError

from ccs_model.errors import CcsModelError, InputError, Issue, raise_issues
from ccs_model.inputs import Inputs
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.checked_scenario import (
    implausible_amounts,
    issues_of,
    known_names,
    known_shipped_names,
    names_in,
    read_checked,
    shipped_column,
    unknown_names,
    with_names_of_tables,
    without_names,
)
from ccs_model.inputs.load import load_tables
from ccs_model.inputs.table_checks import UNKNOWN_REFERENCE
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import HOME_CURRENCY
from ccs_model.scenario.read import Reading, read
from ccs_model.scenario.sections import TERRAIN, OwnTables
from ccs_model.scenario.validation import dotted_key

__all__ = ["amount_issues", "every_issue", "name_issues", "place_of", "read_checked", "validate_tables"]


# What stand-ins for faulty values may lead to in code that expects valid tables.
_CONSEQUENCES = (
    CcsModelError, ArithmeticError, AssertionError, AttributeError, InvalidIndexError, LookupError, TypeError,
    ValueError,
)  # fmt: skip
_COLUMN = re.compile(r"(?<=\d):\d+$")  # of a place in a scenario
# The row of a cell of a table: `mine.csv:2:status`, `mine.xlsx:steel!D12`.
_ROW = re.compile(r"(.+:\d+):\D.*|(.+!)[A-Z]+(\d+)(?::.*)?")


def every_issue(
    path: str | PathLike[str], first: InputError, build: Callable[[Scenario, Inputs], object], *, allow_outside: bool
) -> InputError:
    """Return the issues of a scenario that later checks find although earlier ones failed with `first`.

    Checks run in stages: the files, each table, all tables together, and the problem, which `build` poses. Later stages
    go on with stand-ins for faulty values and without unknown names; issues on rows with an earlier one are left out.
    """
    found = list(first.issues)
    with contextlib.suppress(*_CONSEQUENCES):
        _find_later_issues(read(path, allow_outside=allow_outside), build, allow_outside, found)
    return InputError(_drop_consequences(found, len(first.issues)))


def _find_later_issues(
    reading: Reading, build: Callable[[Scenario, Inputs], object], allow_outside: bool, found: list[Issue]
) -> None:
    try:
        inputs = load_tables(reading.own, allow_outside=allow_outside, found=found)
    except _CONSEQUENCES:  # a whole table or column is missing
        known = known_shipped_names(reading.own)
        found += [issue for _, issue in issues_of(reading.document, known, shipped_column)]
        return
    known = known_names(inputs.column)
    found += [issue for _, issue in issues_of(reading.document, known, inputs.column)]
    scenario = reading.scenario
    if scenario is None:
        return
    scenario, _ = with_names_of_tables(without_names(scenario, known), known)
    # Places of values are those of the file.
    try:
        build(scenario, inputs)
    except InputError as error:
        found += error.issues


def _drop_consequences(issues: Sequence[Issue], n_first: int) -> list[Issue]:
    """Return the issues without repeats, and without later ones on the row of one of the first."""
    kept: dict[tuple[str, str], Issue] = {}  # by line, since the problem does not know columns
    rows = {_row(issue.where) for issue in issues[:n_first]}
    # A reference may be in a row that is not valid yet.
    has_references = not any("references" in issue.where for issue in issues[:n_first])
    for place, issue in enumerate(issues):
        is_consequence = _row(issue.where) in rows or (UNKNOWN_REFERENCE in issue.what and not has_references)
        if place < n_first or not is_consequence:
            kept.setdefault((_COLUMN.sub("", issue.where), issue.what), issue)
    return list(kept.values())


def _row(where: str) -> str:
    found = _ROW.fullmatch(where)
    return "".join(filter(None, found.groups())) if found else where


def validate_tables(scenario: Scenario, inputs: Inputs) -> None:
    """Raise if the tables are not those that the scenario names."""
    requested = OwnTables.of(scenario)
    loaded = inputs.own or OwnTables(requested.folder)
    hint = "load_inputs(scenario) reads them"
    issues = [
        Issue(requested.place_of_key(key), f"'{name}' was not read", hint)
        for key, name in requested.files
        if name not in loaded.inventory
    ]
    if requested.data != loaded.data:
        issues.append(
            Issue(
                requested.place_of_key("data"),
                f"'{requested.data}' was not read, the tables are of '{loaded.data}'",
                hint,
            )
        )
    if requested.terrain != loaded.terrain:
        what = f"'{requested.terrain}' was not read" if requested.terrain else f"the tables are with '{loaded.terrain}'"
        issues.append(Issue(requested.place_of_key(TERRAIN), what, hint))
    if requested.oil_fields != loaded.oil_fields:
        what = "the oil fields were not read" if requested.oil_fields else "the tables are with the oil fields"
        issues.append(Issue(requested.place_of_key("storage.oil_fields"), what, hint))
    issues += _index_issues(scenario, inputs)
    issues += _unused_oil_price(scenario, inputs)
    raise_issues(issues)


def _index_issues(scenario: Scenario, inputs: Inputs) -> Iterator[Issue]:
    """Issues of a currency without a price index or exchange rate in the price year; every amount needs both."""
    deflators, rates, year = "indices/deflators", "indices/exchange_rates", scenario.price_year
    needed = [("currency", scenario.currency, deflators, year), ("currency", scenario.currency, rates, year)]
    if scenario.storage.oil_price_per_bbl is not None:
        key, currency = "storage.oil_price_currency", scenario.storage.oil_price_currency
        if currency != scenario.currency:
            needed += [(key, currency, deflators, year), (key, currency, rates, year)]
        needed.append(("storage.oil_price_year", currency, deflators, scenario.storage.oil_price_year or year))
    for key, currency, table, year in needed:
        rows = inputs[table]
        if (table == rates and currency == HOME_CURRENCY) or (
            (rows["currency"] == currency) & (rows["year"] == year)
        ).any():
            continue
        what = "exchange rate" if table == rates else "price index"
        known = sorted({HOME_CURRENCY, *rows.loc[rows["year"] == year, "currency"]})
        meant = HOME_CURRENCY if currency == "RMB" else currency
        hint = nearest_hint(meant, known, f"there are {', '.join(known)}")
        hint += " Otherwise add rows of it" if hint.endswith("?") else "; or add rows of it"
        yield Issue(place_of(scenario, key), f"no {what} for {currency} {year} in {table}", hint)


def _unused_oil_price(scenario: Scenario, inputs: Inputs) -> Iterator[Issue]:
    """An issue of an oil price without a site that pays by it."""
    if (
        scenario.storage.oil_price_per_bbl is not None
        and inputs["storage/sites"]["additional_t_oil_per_t"].isna().all()
    ):
        what = "no site pays by the oil price"
        hint = (
            "set 'storage: {oil_fields: true}', or give additional_t_oil_per_t to a site of kind eor in storage/sites"
        )
        yield Issue(place_of(scenario, "storage.oil_price_per_bbl"), what, hint)


def name_issues(scenario: Scenario, inputs: Inputs) -> list[Issue]:
    """Return the issues of every name of a scenario that the tables do not know."""
    unknown = unknown_names(names_in(scenario.model_dump(by_alias=True)), known_names(inputs.column), as_spelt=True)
    return [Issue(place_of(scenario, dotted_key(name.path)), what, hint) for name, what, hint in unknown]


def amount_issues(scenario: Scenario, inputs: Inputs) -> list[Issue]:
    """Return the issues of every amount of money that is four orders of magnitude beyond plausible ones."""
    return [
        Issue(place_of(scenario, dotted_key(path)), what, hint)
        for path, what, hint in implausible_amounts(scenario.model_dump(), inputs.column)
    ]


def place_of(scenario: Scenario, key: str) -> str:
    """Return the place of a scenario value: file and line, or its key."""
    place = scenario.places.get(key, "")
    return place if ":" in place else key


def named_place(scenario: Scenario, key: str) -> str:
    """Return file, line and key of a scenario value, or its key alone."""
    return OwnTables.of(scenario).place_of_key(key)
