"""Untrusted input: a scenario that is valid by the schema reads back from its resolved text and builds a problem or
raises a message; inventories with hostile cells are read or reported as issues."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccs_model.errors import CcsModelError
from ccs_model.inputs import Inputs
from ccs_model.inputs.declarations import read_dictionary
from ccs_model.inputs.load import load_tables
from ccs_model.inputs.user_tables import read_inventory
from ccs_model.problem import build_problem
from ccs_model.scenario import Scenario, read_scenario
from ccs_model.scenario.sections import OwnTables
from tests.examples import examples

# Mostly years in which a period starts.
STARTS = [2026, 2030, 2035, 2040]
YEARS = st.sampled_from(STARTS) | st.integers(1990, 2200)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers in a range and its ends."""
    return st.floats(low, high, allow_nan=False) | st.sampled_from([low, high])


def values_by_year(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[int, Any]]:
    """A value for each of one to three years."""
    return st.dictionaries(YEARS, values, min_size=1, max_size=3)


SCENARIOS = st.fixed_dictionaries(
    {
        "name": TEXT,
        "plants": st.fixed_dictionaries(
            {},
            optional={
                "inventory": st.lists(
                    st.sampled_from(["steel", "chemicals", "coal_chemicals"]), min_size=1, max_size=3, unique=True
                ),
                "provinces": st.lists(
                    st.sampled_from(["Hebei", "Shanxi", "Ningxia", "Tibet"]), max_size=2, unique=True
                ),
                "min_emissions_ktpa": numbers(1_500, 50_000),
                "exclude": st.lists(st.sampled_from(["NH3_29", "NH3_80", "NH3_82"]), max_size=2, unique=True),
                "require": st.lists(st.sampled_from(["NH3_29", "NH3_27"]), max_size=1),
            },
        ),
        "budget": st.fixed_dictionaries(
            {"total_mn": numbers(0, 1e6)}, optional={"cumulative_mn": values_by_year(numbers(0, 1e6))}
        ),
    },
    optional={
        "description": TEXT,
        "currency": st.sampled_from(["CNY", "USD", "EUR"]),
        "price_year": st.integers(1990, 2026),
        "years": st.sampled_from([STARTS, STARTS[:2], "static"])
        | st.lists(st.integers(2020, 2070), min_size=2, max_size=4, unique=True).map(sorted),
        "discount_rate": numbers(0, 0.5),
        "capture": st.fixed_dictionaries(
            {},
            optional={
                "technologies": st.lists(
                    st.sampled_from(["amine", "advanced_amine", "compression", "purification"]), min_size=1, unique=True
                ),
                "decisions": st.sampled_from(["integer", "continuous"]),
                "max_builds_per_year": st.integers(0, 50),
            },
        ),
        "transport": st.fixed_dictionaries(
            {"shared_trunklines": st.just(False)}, optional={"detour_factor": numbers(1, 3)}
        ),
        "storage": st.fixed_dictionaries(
            {}, optional={"capacity": st.sampled_from(["low", "mid", "high"]), "max_fill_share": numbers(0, 1)}
        ),
        "policy": st.fixed_dictionaries({}, optional={"carbon_price_per_t": values_by_year(numbers(0, 1e4))}),
        "targets": st.fixed_dictionaries({"abatement_share": values_by_year(numbers(0, 1))}),
        "objective": st.sampled_from(["max_abatement", "min_cost", "max_npv", "max_net_benefit"]),
    },
)


@given(values=SCENARIOS)
@examples(25, suppress_health_check=list(HealthCheck))
def test_scenario_reads_back_from_its_resolved_text_and_builds_a_problem_or_raises_a_message(
    values: dict[str, Any], inputs: Inputs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        scenario = Scenario.from_dict(values)
    except CcsModelError:
        return
    path = tmp_path_factory.mktemp("desk") / "scenario.yaml"
    path.write_bytes(scenario.resolved_yaml().encode())
    assert read_scenario(path) == scenario
    try:
        build_problem(scenario, inputs)
    except CcsModelError as error:
        assert str(error)


HOSTILE = st.sampled_from(
    ["", " ", "0", "-1", "1e999", "-1e308", "nan", "inf", "1,5", "1.000,5", "=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)",
     "九", "%", "12%", "0x1f", "1_000", "\t", "''", '"', "#REF!", "TRUE", "2026-01-01", "١٢", "\ufeff", "\u202e",
     "null", "None", "9" * 400, "x" * 5_000, "河北", "Hebei", "operating", "exact", "38.0", "114.5", "2000"]
)  # fmt: skip


@st.composite
def grids(draw: st.DrawFn) -> bytes:
    """An inventory as CSV with headings of the dictionary, unknown headings, and hostile cells in up to four rows."""
    known = [column.name for column in read_dictionary()[draw(st.sampled_from(["plants/steel", "plants/chemicals"]))]]
    header = draw(st.permutations(known)) if draw(st.booleans()) else known
    header = [*header, *draw(st.lists(TEXT | st.sampled_from(["plant", "", "编号"]), max_size=2))]
    cells = st.lists(HOSTILE | TEXT, min_size=len(header), max_size=len(header) + 1)
    out = io.StringIO(newline="")
    delimiter, ends = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    rows = draw(st.lists(cells, max_size=4))
    csv.writer(out, delimiter=delimiter, lineterminator=ends).writerows([header, *rows])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))
    return out.getvalue().encode(encoding, errors="replace")


@given(raw=grids())
@examples(40, suppress_health_check=list(HealthCheck))
def test_inventory_of_hostile_cells_is_read_or_reported_as_issues(raw: bytes) -> None:
    inventory = read_inventory(raw, "mine.csv", read_dictionary())
    assert inventory.issues or inventory.tables
    assert all(issue.where and issue.what.isprintable() for issue in inventory.issues)


@given(changed=st.dictionaries(st.integers(0, 40), HOSTILE, min_size=1, max_size=3))
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_valid_inventory_with_some_cells_changed_is_loaded_or_raises_a_message(
    changed: dict[int, str], inputs: Inputs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("desk")
    columns = [column.name for column in read_dictionary()["plants/steel"]]
    row = [str(value) if value == value else "" for value in inputs["plants/steel"].iloc[0][columns]]
    for at, cell in changed.items():
        row[at % len(row)] = cell
    with (Path(folder) / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, row])
    try:
        tables = load_tables(OwnTables(Path(folder), ("mine.csv",)))
        assert len(tables["plants/steel"])
    except CcsModelError as error:
        assert str(error)
