"""The documentation of run folders lists every file, all keys of plan.json and the manifest, and all table columns."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ccs_model
from ccs_model.errors import InfeasibleError
from ccs_model.plan.plan import BREAK_COLUMNS, FIXED_DECISION_COLUMNS, MOVE_COLUMNS, POINT_COLUMNS, TARGET_COLUMNS, Plan
from ccs_model.plan.plan_json import plan_dict
from ccs_model.runs.run_writer import infeasible_files, run_files, tables_of

PAGE = Path(ccs_model.__file__).parent.parent / "docs" / "reference" / "run-folder.md"
_HEADING = re.compile(r"(#+) (.+)")
_CODE = re.compile(r"`([^`]+)`")
# Columns of the tables that command `frontier` adds, by table.
FRONTIER = {"frontier": POINT_COLUMNS, "frontier_moves": MOVE_COLUMNS, "frontier_breakpoints": BREAK_COLUMNS}
NEAREST = ("nearest_retrofits", "nearest_violations")
# A shared network with every option that adds keys or columns.
SHARED = {
    "transport.shared_trunklines": True,
    "transport.trucks": True,
    "objective": "min_cost",
    "plants.require": ["NH3_79"],
    "calibration.use": "ensemble",
    "policy.paid_per_captured_t": 10.0,
    "targets": {"abatement_share": {2031: 0.01}, "shortfall_per_t": 5_000.0},
}
# Columns of problems with measures, oil fields or resource classes.
RARE = {
    "retrofits": ["reduced_ktpa"],
    "emissions": ["reduced_ktpa"],
    "zones": ["reduced_ktpa"],
    "storage": ["resource_class", "additional_oil_ktpa", "oil_revenue_mn_pa"],
    "cashflow": ["oil_revenue_mn"],
}


@pytest.fixture(scope="module")
def vent_plan(solved: Callable[..., Plan], one_vent: Mapping[str, Any]) -> Plan:
    """A plan of one plant with its own pipeline."""
    return solved(one_vent)


@pytest.fixture(scope="module")
def static_vent_plan(solved: Callable[..., Plan], one_vent: Mapping[str, Any]) -> Plan:
    """The same plan in a static year."""
    return solved(one_vent, {"years": "static", "budget.total_mn": 300})


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """Text below each heading, up to the next heading of the same or a higher level."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found: dict[str, list[str]] = {}
    within: list[tuple[int, str]] = []
    for line in lines:
        if heading := _HEADING.fullmatch(line):
            level = len(heading[1])
            within = [each for each in within if each[0] < level] + [(level, heading[2])]
            assert heading[2] not in found, f"two headings {heading[2]}"
            found[heading[2]] = []
        else:
            for _, title in within:
                found[title].append(line)
    return {title: "\n".join(text) for title, text in found.items()}


def names_in(text: str) -> set[str]:
    """Names in backticks; of `totals.npv_mn` also `npv_mn`."""
    names = set(_CODE.findall(text))
    return names | {name.rpartition(".")[2] for name in names}


def missing_columns(sections: Mapping[str, str], tables: Mapping[str, Any]) -> Iterator[str]:
    """Columns that the section of their table does not name."""
    for name, columns in tables.items():
        known = names_in(sections.get(f"{name}.csv", ""))
        yield from (f"{name}.{column}" for column in columns if column not in known)


def missing_keys(text: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Keys of the document and of the objects and rows in it that a section does not name."""
    known = names_in(text)
    first_cells = re.findall(r"^\| ([^|]+) \|", text.partition("###")[0], re.M)
    of_document = {name for cell in first_cells for name in _CODE.findall(cell)}
    in_tables = {"retrofits", "links", "storage", "shares", "owners", "funds", "stakeholders", "ledger", "intensity",
                 "air_pollution", "zones"}  # fmt: skip
    for key, value in document.items():
        if key not in of_document:
            yield key
        if key in in_tables or key in ("terms", "costs"):
            continue
        for row in value if isinstance(value, list) else [value]:
            yield from (f"{key}.{each}" for each in row if each not in known) if isinstance(row, dict) else ()


def columns_of(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Header of each table of a run folder, by name."""
    return {
        Path(name).stem: next(csv.reader([content.decode().partition("\n")[0]]))
        for name, content in files.items()
        if name.startswith("tables/")
    }


def validate_plan(sections: Mapping[str, str], plan: Plan) -> None:
    """Fail if the page lacks a column of a table, or a key of plan.json."""
    assert not list(missing_columns(sections, tables_of(plan)))
    assert not list(missing_keys(sections["plan.json"], plan_dict(plan)))


def test_the_page_lists_every_file_key_and_column(sections: dict[str, str], vent_plan: Plan) -> None:
    files = run_files(vent_plan, with_workbook=False)
    names = {name for name in files if "/" not in name} | {"plan.xlsx", "tables/*.csv"}
    assert not names - set(_CODE.findall(PAGE.read_text(encoding="utf-8")))
    assert columns_of(files).keys() == tables_of(vent_plan).keys()
    assert not set(json.loads(files["manifest.json"])) - names_in(sections["manifest.json"])
    validate_plan(sections, vent_plan)


def test_the_page_lists_columns_of_other_runs(sections: dict[str, str]) -> None:
    assert {*TARGET_COLUMNS, *FIXED_DECISION_COLUMNS, "added_components"} <= names_in(sections["plan.json"])
    assert not list(missing_columns(sections, FRONTIER))
    assert not list(missing_columns(sections, RARE))


def test_the_page_lists_keys_and_columns_of_a_shared_network(
    sections: dict[str, str], solved: Callable[..., Plan], one_vent: Mapping[str, Any]
) -> None:
    shared = solved(one_vent, SHARED)
    assert len(shared.targets) and len(shared.fixed_decisions)
    validate_plan(sections, shared)


def test_the_page_states_when_each_table_exists(
    sections: dict[str, str], vent_plan: Plan, static_vent_plan: Plan
) -> None:
    rows = re.findall(r"^\| ([a-z_, ]+) \| (.+) \|$", sections["Tables"].partition("###")[0], re.M)
    by_condition = {condition: set(names.split(", ")) for names, condition in rows}
    always = by_condition["always"]
    assert set(tables_of(vent_plan)) == always | by_condition["unless `years: static`"]
    assert set(tables_of(static_vent_plan)) == always
    validate_plan(sections, static_vent_plan)
    assert by_condition["after `ccs-model frontier`"] == set(FRONTIER)
    listed = {f"{name}.csv" for names in by_condition.values() for name in names}
    assert listed == {title for title in sections if title.endswith(".csv")}


def test_the_page_lists_files_and_keys_of_an_infeasible_run(sections: dict[str, str], vent_plan: Plan) -> None:
    problem = vent_plan.problem
    tables = {name: pd.DataFrame() for name in NEAREST}
    files = infeasible_files(["a conflict"], problem.scenario, problem.inputs, tables=tables)
    paragraphs = PAGE.read_text(encoding="utf-8").split("\n\n")
    of_keys, of_files = (
        next(set(_CODE.findall(part)) for part in paragraphs if part.startswith(start))
        for start in ("With `status` `infeasible`", "**Infeasible")
    )
    assert of_keys - {"infeasible"} == set(json.loads(files["plan.json"]))
    assert set(files) <= of_files


@pytest.mark.slow
def test_the_page_lists_columns_of_the_nearest_plan(
    sections: dict[str, str], solved: Callable[..., Plan], one_vent: Mapping[str, Any]
) -> None:
    with pytest.raises(InfeasibleError) as raised:
        solved(one_vent, {"objective": "min_cost", "targets": {"abatement_share": {2031: 0.9}}})
    assert set(raised.value.tables) == set(NEAREST)
    assert not list(missing_columns(sections, raised.value.tables))
