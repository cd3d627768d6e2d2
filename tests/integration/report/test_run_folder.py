"""Run folders contain copies of the user's own tables, so that the run can be solved again from the folder."""

from __future__ import annotations

import csv
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

import ccs_model as ccs
from ccs_model.inputs import load_inputs
from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan import Plan
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_writer import write_run_folder
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import solve

HEADER = "plant,name,province,grid,lat_deg,lon_deg,place_accuracy,status,crude_steel_ktpa,bof_steel_ktpa,bf_iron_ktpa"
WORKS = "{},Works,Hebei,Hebei south,38.04,114.51,exact,operating,5000,5000,4500,absent"
SCENARIO = """\
name: Mine
plants: {inventory: [north/works.csv, south/works.csv]}
years: [2026, 2030]
capture: {decisions: continuous}
storage: {sites: [mine]}
budget: {total_mn: 2000}
data: ./my tables/
"""


def solved(path: Path) -> tuple[Plan, str]:
    """The plan of a scenario file, and the hash of the run."""
    scenario, inputs = read_checked(path)
    return solve(build_problem(scenario, inputs)), run_key(scenario, inputs).sha256


@pytest.fixture
def scenario_folder(tmp_path: Path) -> Path:
    """Two inventories with the same file name, a workbook with a site, a file with grid factors, and their scenario."""
    scenario_folder = tmp_path / "desk"
    for folder, plant in (("north", "N1"), ("south", "S1")):
        (scenario_folder / folder).mkdir(parents=True)
        text = f"{HEADER},coke_ovens\n{WORKS.format(plant)}\n"
        (scenario_folder / folder / "works.csv").write_text(text, encoding="utf-8")
    site = {
        "site": "mine", "name": "Mine", "basin": "Mine", "province": "Hebei", "lat_deg": 38.5, "lon_deg": 115,
        "kind": "saline", "capacity_low_kt": 1e5, "capacity_mid_kt": 2e5, "capacity_high_kt": 3e5,
        "well_injectivity_ktpa": 50, "n_wells_max": 40, "storage_cost_per_t": 30, "currency": "CNY",
        "price_year": 2024, "reference": "OWN", "quality": "assumed",
    }  # fmt: skip
    (scenario_folder / "my tables" / "prices").mkdir(parents=True)
    book = openpyxl.Workbook()
    book.active.title = "sites"
    book.active.append(list(site))
    book.active.append(list(site.values()))
    book.save(scenario_folder / "my tables" / "book.xlsx")
    with (scenario_folder / "my tables" / "prices" / "grid_factors.csv").open(
        "w", encoding="utf-8", newline=""
    ) as file:
        rows = [["province", "year", "grid_kg_per_kwh", "reference", "quality"], ["Hebei", 2022, 0.4, "OWN", "assumed"]]
        csv.writer(file).writerows(rows)
    (scenario_folder / "my tables" / "README.md").write_text("for people", encoding="utf-8")
    (scenario_folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    return scenario_folder


@pytest.mark.slow
def test_run_can_be_solved_again_from_its_folder(scenario_folder: Path, tmp_path: Path, monkeypatch) -> None:
    plan, _ = solved(scenario_folder / "scenario.yaml")
    assert set(plan.retrofits["plant"]) <= {"N1", "S1"} and set(plan.retrofits["site"]) == {"mine"}
    folder = write_run_folder(plan, tmp_path / "away" / "run")
    copies = {path.relative_to(folder / "own").as_posix() for path in (folder / "own").rglob("*") if path.is_file()}
    assert copies == {"works.csv", "works-2.csv", "my tables/book.xlsx", "my tables/prices/grid_factors.csv"}
    shutil.rmtree(scenario_folder)

    monkeypatch.chdir(folder)
    again, key = solved(Path("scenario.resolved.yaml"))
    assert dict(again.totals) == pytest.approx(dict(plan.totals), nan_ok=True)
    assert again.objective.value == pytest.approx(plan.objective.value)
    assert again.retrofits["share"].tolist() == pytest.approx(plan.retrofits["share"].tolist())

    # The run key does not change when the run is solved from its folder once more.
    once_more = write_run_folder(again, tmp_path / "third")
    assert solved(once_more / "scenario.resolved.yaml")[1] == key


@pytest.mark.slow
def test_resolved_scenario_states_the_origin_of_each_file(scenario_folder: Path, tmp_path: Path) -> None:
    plan, _ = solved(scenario_folder / "scenario.yaml")
    folder = write_run_folder(plan, tmp_path / "run")
    text = (folder / "scenario.resolved.yaml").read_text(encoding="utf-8")
    inventory = (
        '  inventory: ["own/works.csv", "own/works-2.csv"]  # scenario.yaml:2, copied from works.csv, works.csv\n'
    )
    assert inventory in text
    assert 'data: "own/my tables"  # scenario.yaml:7, copied from my tables\n' in text
    assert str(tmp_path) not in text
    manifest = (folder / "manifest.json").read_text(encoding="utf-8")
    assert "own/works-2.csv" in manifest and "own/my tables/book.xlsx" in manifest


@pytest.mark.slow
def test_run_folder_contains_the_tables_as_read_before_the_solve(scenario_folder: Path, tmp_path: Path) -> None:
    path = scenario_folder / "south" / "works.csv"
    before = path.read_bytes()
    plan, _ = solved(scenario_folder / "scenario.yaml")
    path.write_text("changed while the plan was sought", encoding="utf-8")
    folder = write_run_folder(plan, tmp_path / "run")
    assert (folder / "own" / "works-2.csv").read_bytes() == before


def test_run_without_own_tables_copies_no_files(plan: Plan, tmp_path: Path) -> None:
    folder = write_run_folder(plan, tmp_path / "run")
    assert not (folder / "own").exists()
    assert (folder / "scenario.resolved.yaml").read_text(encoding="utf-8") == plan.problem.scenario.resolved_yaml()
    assert ccs.read_scenario(folder / "scenario.resolved.yaml") == plan.problem.scenario


def test_a_table_changed_in_python_changes_the_run_key(small: Callable[..., Scenario]) -> None:
    scenario = small()
    inputs = load_inputs(scenario)
    frame = inputs["plants/chemicals"].copy()
    frame["capacity_ktpa"] *= 2
    replaced = replace(inputs, tables={**inputs.tables, "plants/chemicals": frame})
    assert (inputs.changed_tables, replaced.changed_tables) == ((), ("plants/chemicals",))
    assert run_key(scenario, inputs).sha256 == run_key(scenario, pickle.loads(pickle.dumps(inputs))).sha256
    assert run_key(scenario, inputs).sha256 != run_key(scenario, replaced).sha256
    assert run_key(scenario, replaced).sha256 == run_key(scenario, pickle.loads(pickle.dumps(replaced))).sha256
    same = replace(inputs, tables={name: table.copy() for name, table in inputs.tables.items()})
    assert run_key(scenario, same).sha256 == run_key(scenario, inputs).sha256
    before = run_key(scenario, inputs).sha256
    inputs["plants/chemicals"]["capacity_ktpa"] *= 2
    assert inputs.changed_tables == ("plants/chemicals",) and run_key(scenario, inputs).sha256 != before
    assert load_inputs(scenario).changed_tables == ()
