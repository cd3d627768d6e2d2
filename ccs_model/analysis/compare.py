"""Comparison of runs: totals, plants that enter and leave, costs, and inputs that differ.

Every run is compared with the first one. Differences are `run − first`; amounts in different currencies or price years
are shown side by side but never subtracted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.arguments import file_path, items_of
from ccs_model.economics.policy import price_path
from ccs_model.errors import InputError, Issue
from ccs_model.plan.plan import CHANGES, ENTERS, LEAVES, Plan
from ccs_model.plan.plan_json import records, to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.workbook.workbook import OWN_MONEY, write_comparison
from ccs_model.runs.run_reader import RunLike, read_run, run_of
from ccs_model.scenario import Scenario
from ccs_model.units import unit_of, unit_text

SCHEMA = "ccs-model/compare/2"
RUNS = "plans, stored runs or run folders"
MOVES = (ENTERS, LEAVES, CHANGES)

_ABOUT = ("scenario", "objective_name", "status", "currency", "price_year")
_HASH = 12


@dataclass(frozen=True, eq=False)
class Comparison:
    """Tables with one column a run, named after it, and a column `… − first` for each run but the first.

    Values of a run have their unit in the column `unit`; units of the other columns are in `attrs["unit"]`.

    runs     one row a run: scenario, objective, status, gap, currency, input hash
    totals   one row a quantity of plan.totals
    years    one row a period and quantity
    zones    one row a zone and quantity
    costs    one row a cost term, discounted
    terms    one row a term of the objective
    ledger   one row an item and stakeholder, discounted at the social rate
    plants   one row a run and plant that enters, leaves or changes against the first run
    inputs   one row a scenario key, or table (by its hash), that differs between runs
    """

    names: tuple[str, ...]
    runs: pd.DataFrame
    totals: pd.DataFrame
    years: pd.DataFrame
    zones: pd.DataFrame
    costs: pd.DataFrame
    terms: pd.DataFrame
    ledger: pd.DataFrame
    plants: pd.DataFrame
    inputs: pd.DataFrame

    def __post_init__(self) -> None:
        """State the units of the columns; columns named after a run have theirs in the column `unit`."""
        of_runs = {*self.names, *(f"{name} − first" for name in self.names)}
        money = set(zip(self.runs["currency"], self.runs["price_year"], strict=True))
        currency, price_year = money.pop() if len(money) == 1 else (OWN_MONEY, None)
        for table in self.tables.values():
            units = {name: unit_text(name, currency, price_year) for name in table.columns if name not in of_runs}
            table.attrs["unit"] = {name: unit for name, unit in units.items() if unit}

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "names"}

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/compare/2; unknown values are null."""
        tables = {name: to_plain_values(records(table.astype(object))) for name, table in self.tables.items()}
        return {"schema": SCHEMA, "names": list(self.names), **tables}

    def to_excel(self, path: str | PathLike[str]) -> Path:
        """Write a workbook with one sheet a table. Raises FileError if it cannot be written."""
        return write_comparison(self.names, self.tables, file_path("path", path))


def compare(runs: RunLike | Sequence[RunLike], *others: RunLike) -> Comparison:
    """Compare two or more runs.

    Parameters
    ----------
    runs
        Plans, stored runs or run folders; all are compared with the first.
    others
        Further ones, so that `compare(first, second)` and `compare([first, second])` are the same.

    Returns
    -------
    Comparison
        Tables with one column a run and the differences from the first.

    Raises
    ------
    InputError
        If fewer than two runs are given, or a folder holds no run.
    FileError
        If a file of a run cannot be read.
    """
    first = (runs,) if isinstance(runs, str | PathLike | Plan | StoredRun) else items_of("runs", runs, RUNS)
    given = (*first, *others)
    if len(given) < 2:
        raise InputError([Issue("compare", f"{len(given)} run given, expected two or more")])
    read = [_run(each) for each in given]
    names = _names(read)
    return Comparison(
        names=names,
        runs=_run_table(names, read),
        totals=_difference_table(names, read, "totals", "quantity"),
        years=_difference_table(names, read, "by_year", "year", "quantity"),
        zones=_difference_table(names, read, "zones", "zone", "quantity"),
        costs=_difference_table(names, read, "costs", "term"),
        terms=_difference_table(names, read, "terms", "term"),
        ledger=_difference_table(names, read, "ledger", "item", "quantity"),
        plants=_plants(names, read),
        inputs=_inputs(names, read),
    )


def _run(given: RunLike) -> StoredRun:
    if isinstance(given, StoredRun):
        return given
    return run_of(given) if isinstance(given, Plan) else read_run(file_path("runs", given, RUNS))


def _names(runs: Sequence[StoredRun]) -> tuple[str, ...]:
    """Unique names of the runs."""
    names: list[str] = []
    for run in runs:
        name, n = run.name, 1
        while name in names:
            n += 1
            name = f"{run.name} ({n})"
        names.append(name)
    return tuple(names)


def _run_table(names: Sequence[str], runs: Sequence[StoredRun]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run": list(names),
            **{key: [run.document[key] for run in runs] for key in _ABOUT},
            "gap_share": [run.document["objective"]["gap_share"] for run in runs],
            "searched_gap_share": [run.document["objective"]["searched_gap_share"] for run in runs],
            "objective": [run.document["objective"]["value"] for run in runs],
            "unit": [run.document["objective"]["unit"] for run in runs],
            "discount_rate": [run.document["context"]["discount_rate"] for run in runs],
            "social_discount_rate": [(run.document["social_account"] or {}).get("discount_rate") for run in runs],
            "question_sha256": [run.sha256 for run in runs],
        }
    )


def _values(found: Any, key: str) -> dict[tuple[Any, ...], float | None]:
    """Values of a part of plan.json by (name,), or by (key, column) of a table."""
    if isinstance(found, Mapping):
        return {(name,): value for name, value in found.items()}
    return {(row[key], name): value for row in found for name, value in row.items() if name != key}


def _difference_table(names: Sequence[str], runs: Sequence[StoredRun], part: str, *keys: str) -> pd.DataFrame:
    """Keys, unit, one column a run, then the differences; a value that a run does not have is missing.

    In its difference it counts as 0 if it is a cost term or an item of the ledger, such as the payments of a policy
    that the run does not have.
    """
    values = [_values(run.document[part], keys[0]) for run in runs]
    rows = list(dict.fromkeys(key for each in values for key in each))
    money = list(dict.fromkeys(run.money for run in runs))
    # Amounts of a representative year are none of a horizon.
    are_alike = len({run.scenario.is_static for run in runs}) == 1
    units = [_unit(runs[0], str(key[-1])) for key in rows]
    same = pd.Series([len(money) == 1 or money[0] not in unit for unit in units], dtype=bool)
    has_period = pd.Series([unit.startswith("million") for unit in units], dtype=bool)
    table = pd.DataFrame(rows, columns=list(keys))
    table["unit"] = [
        unit if is_same else unit.replace(money[0], OWN_MONEY) for unit, is_same in zip(units, same, strict=True)
    ]
    for name, each in zip(names, values, strict=True):
        table[name] = pd.Series([each.get(key) for key in rows], dtype=float)
    for name in names[1:]:
        one, other = (
            table[each].fillna(0.0) if part in ("costs", "ledger") else table[each] for each in (name, names[0])
        )
        table[f"{name} − first"] = (one - other).where(same & (are_alike | ~has_period))
    return table


def _unit(run: StoredRun, name: str) -> str:
    return unit_text(name, str(run.document["currency"]), int(run.document["price_year"])) if unit_of(name) else ""


def _plants(names: Sequence[str], runs: Sequence[StoredRun]) -> pd.DataFrame:
    """Plants whose retrofits differ from the first run's."""
    before = retrofits_by_plant(runs[0].document["retrofits"], is_static=runs[0].scenario.is_static)
    nothing: dict[str, Any] = {"avoided_ktpa": 0.0, "capex_mn": 0.0, "retrofits": ""}
    rows = []
    for n, run in enumerate(runs[1:], start=1):
        after = retrofits_by_plant(run.document["retrofits"], is_static=run.scenario.is_static)
        for plant, change in moves_between(before, after):
            was, now = before.get(plant, nothing), after.get(plant, nothing)
            place = (n, MOVES.index(change), -max(now["avoided_ktpa"], was["avoided_ktpa"]), plant)
            amounts = {f"first_{key}": was[key] for key in nothing} | {key: now[key] for key in nothing}
            rows.append((place, {"run": names[n], "change": change, **(after.get(plant) or before[plant]), **amounts}))
    columns = ["run", "change", "plant", "name", "province", "sector", "first_avoided_ktpa", "avoided_ktpa",
               "first_capex_mn", "capex_mn", "first_retrofits", "retrofits"]  # fmt: skip
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda each: each[0])], columns=columns)


def moves_between(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Yield each plant whose retrofits differ between two plans, and one of MOVES; plans are `retrofits_by_plant`."""
    for plant in {**before, **after}:
        if plant not in before or plant not in after:
            yield plant, ENTERS if plant in after else LEAVES
        elif before[plant]["retrofits"] != after[plant]["retrofits"]:
            yield plant, CHANGES


def retrofits_by_plant(retrofits: Iterable[Mapping[str, Any]], *, is_static: bool) -> dict[str, dict[str, Any]]:
    """Return the amounts of each retrofitted plant, and its retrofits as text, from the rows of a plan's retrofits.

    The text gives the start of a retrofit, which a representative year does not have.
    """
    plants: dict[str, dict[str, Any]] = {}
    for row in sorted(retrofits, key=lambda row: (row["plant"], row["stream"], row["year"], row["technology"])):
        plant = plants.setdefault(
            str(row["plant"]),
            {key: row[key] for key in ("plant", "name", "province", "sector")}
            | {"avoided_ktpa": 0.0, "capex_mn": 0.0, "retrofits": []},
        )
        plant["avoided_ktpa"] += float(row["avoided_ktpa"])
        plant["capex_mn"] += float(row["capex_mn"])
        part = "" if row["share"] == 1 else f" {row['share']:.1%}"
        size = "" if row["size"] in ("full", "") else f" {row['size']}"
        start = "" if is_static else f" {row['year']}"
        plant["retrofits"].append(f"{row['stream']} {row['technology']}{size}{part}{start} → {row['site']}")
    return {name: {**plant, "retrofits": "; ".join(plant["retrofits"])} for name, plant in plants.items()}


def _inputs(names: Sequence[str], runs: Sequence[StoredRun]) -> pd.DataFrame:
    """Scenario keys (by value) and tables (by the start of their hash) that differ, and what was added to a model."""
    scenarios = [dict(_leaves(each, "")) for each in _with_full_paths(runs)]
    # A run solved again from its own folder has copies of the same tables below `own`.
    tables = [{name.replace("own:own/", "own:"): sha[:_HASH] for name, sha in run.inputs.items()} for run in runs]
    rows = []
    for kind, found in (("scenario", scenarios), ("table", tables)):
        for key in dict.fromkeys(key for each in found for key in each):
            values = [each.get(key, "") for each in found]
            if len(set(values)) > 1:
                rows.append({"kind": kind, "input": key, **dict(zip(names, values, strict=True))})
    added = [", ".join(run.document.get("added_components", ())) for run in runs]
    if any(added):
        rows.append({"kind": "model", "input": "added or changed", **dict(zip(names, added, strict=True))})
    return pd.DataFrame(rows, columns=["kind", "input", *names])


def differing_keys(one: Scenario, other: Scenario) -> list[str]:
    """Return the keys with different values in two scenarios, apart from name and description."""
    first, second = (
        dict(_leaves(each.model_dump(mode="json", exclude={"name", "description"}), "")) for each in (one, other)
    )
    return [key for key in first | second if first.get(key) != second.get(key)]


# Values by year, with straight lines between the years.
_PATHS = ("carbon_price_per_t", "social_cost_of_carbon_per_t")


def _with_full_paths(runs: Sequence[StoredRun]) -> list[dict[str, Any]]:
    """Scenarios with the value of each path in every year that any of them names."""
    documents = [run.scenario.model_dump(mode="json") for run in runs]
    for name in _PATHS:
        paths = [{int(year): value for year, value in each["policy"][name].items()} for each in documents]
        years = sorted(set().union(*paths))
        for document, path in zip(documents, paths, strict=True):
            if path:
                # Values on a straight line may differ in their last digits.
                values = (float(f"{value:.12g}") for value in price_path(path, years))
                document["policy"][name] = dict(zip(years, values, strict=True))
    return documents


def _leaves(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every key with its value as text; a list counts as one value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
        return
    if isinstance(value, str):
        yield place, " ".join(value.split())
    else:
        yield place, json.dumps(value, ensure_ascii=False)
