"""`ccs-model import gem`: from the workbook of the tracker to a plan, for China and for another country."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.errors import FileError, InputError
from tests.unit.inputs.gem_workbooks import CAPACITIES, WORKS, plant_book

CHINESE = {
    "id": "P3", "name": "Handan works", "local": "邯郸钢厂", "parent": "unknown", "town": "Handan", "state": "Hebei",
    "country": "China", "address_zh": "河北省邯郸市复兴区", "place": "36.62, 114.45", "accuracy": "exact",
    "start": "1958", "coke": "unknown",
}  # fmt: skip
# Rows that a user adds for Germany; the figures are invented for this test.
TABLES = {
    "prices/power": "Germany,2024,0.08,0.02,0.05,8,0.85,0.01,0.19,EUR,2024,MINE,assumed,",
    "prices/fuels": "Germany,coal,2024,4.2,0.19,EUR,2024,MINE,assumed,",
    "prices/grid_factors": "Germany,2024,0.36,MINE,assumed,",
    "references": "MINE,Made up for a test,,,",
}
SITE = {
    "site": "north_sea", "name": "North Sea", "basin": "North Sea", "province": "Germany", "lat_deg": "54.5",
    "lon_deg": "6.5", "kind": "saline", "is_offshore": "yes", "capacity_low_kt": "100000", "capacity_mid_kt": "200000",
    "capacity_high_kt": "400000", "well_injectivity_ktpa": "500", "n_wells_max": "40", "storage_cost_per_t": "15",
    "currency": "EUR", "price_year": "2024", "reference": "MINE", "quality": "assumed",
}  # fmt: skip


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(group, ["import", "gem", *map(str, args)], standalone_mode=False)


@pytest.fixture
def tracker(tmp_path: Path) -> Path:
    path = tmp_path / "tracker.xlsx"
    rows = [*CAPACITIES, CAPACITIES[0] | {"id": "P3"}, CAPACITIES[0] | {"id": "P9"}]
    path.write_bytes(plant_book(works=[*WORKS, CHINESE], capacities=rows))
    return path


@pytest.mark.slow
def test_an_import_of_chinese_plants_needs_no_further_data(tmp_path, tracker):
    out = tmp_path / "china"
    answer = run(tracker, "-o", out, "--country", "China")
    assert answer.exception is None, answer.exception
    assert f"Next: ccs-model optimize {out / 'scenario.yaml'}" in answer.stdout
    assert "1 steel plant in 1 country, 1 operating with 5.0 Mt crude steel a year" in answer.stdout
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        "data/references.csv",
        "scenario.yaml",
        "steel.csv",
    ]
    inputs = ccs.load_inputs(ccs.read_scenario(out / "scenario.yaml"))
    assert inputs["plants/steel"]["grid"].tolist() == ["Hebei south"]


@pytest.mark.slow
def test_an_import_of_another_country_lists_missing_data_and_is_solved_once_complete(tmp_path, tracker):
    out = tmp_path / "germany"
    answer = run(tracker, "-o", out, "--country", "Germany")
    assert answer.exception is None, answer.exception
    for line in (
        "data/prices/power.csv: a row for each grid: Germany",
        "data/prices/fuels.csv: a row, fuel coal, for each province: Germany",
        "data/prices/grid_factors.csv: a row for each province: Germany",
        "data/storage/sites.csv: the storage sites within range; the shipped sites are in China",
        "ccs-model init DIR --country Germany; then copy steel.csv and data/references.csv of this folder to DIR",
    ):
        assert f"  {line}\n" in answer.stdout
        assert f"#   {line}\n" in (out / "scenario.yaml").read_text(encoding="utf-8")
    assert "counted as zero: P2" in answer.stderr
    assert "!A7 P9 (operating, crude steel 5,000 kt/y)" in answer.stderr
    for table, row in TABLES.items():
        with (out / "data" / f"{table}.csv").open("a", encoding="utf-8") as file:
            file.write(row + "\n")
    sites = out / "data" / "storage" / "sites.csv"
    headings = sites.read_text(encoding="utf-8").strip().split(",")
    with pytest.raises(InputError, match=r"storage/sites\.csv: has no rows"):
        ccs.load_inputs(ccs.read_scenario(out / "scenario.yaml"))
    with sites.open("a", encoding="utf-8") as file:
        file.write(",".join(SITE.get(heading, "") for heading in headings) + "\n")
    plan = ccs.optimize(out / "scenario.yaml")
    assert plan.problem.scenario.currency == "EUR"
    assert set(plan.retrofits["plant"]) == {"P1"}
    assert set(plan.storage["site"]) == {"north_sea"}


def test_errors_are_reported_at_workbook_cells_and_no_file_is_written(tmp_path):
    at_sea = [WORKS[0] | {"place": "0, 0"}, WORKS[1]]
    (tmp_path / "t.xlsx").write_bytes(plant_book(works=at_sea))
    answer = run(tmp_path / "t.xlsx", "-o", tmp_path / "out")
    assert isinstance(answer.exception, InputError)
    assert [issue.where for issue in answer.exception.issues] == [f"{tmp_path / 't.xlsx'}:Plant data!K2"]
    assert [path.name for path in tmp_path.iterdir()] == ["t.xlsx"]


@pytest.mark.slow
def test_existing_files_are_replaced_only_with_force(tmp_path, tracker):
    out = tmp_path / "out"
    assert run(tracker, "-o", out, "--country", "China").exception is None
    assert isinstance(run(tracker, "-o", out).exception, FileError)
    assert run(tracker, "-o", out, "--force").exception is None
    assert "in 2 countries" in run(tracker, "-o", out, "--force").stdout
    assert isinstance(run(tmp_path / "none.xlsx", "-o", tmp_path / "a").exception, FileError)


@pytest.mark.slow
def test_an_import_keeps_what_the_user_has_added_to_an_earlier_one(tmp_path, tracker):
    out = tmp_path / "out"
    assert run(tracker, "-o", out, "--country", "Germany").exception is None
    for table, row in TABLES.items():
        with (out / "data" / f"{table}.csv").open("a", encoding="utf-8") as file:
            file.write(row + "\n")
    # A program may have put the columns into another order, and added one.
    references = out / "data" / "references.csv"
    with references.open(encoding="utf-8", newline="") as file:
        rows = [*csv.reader(file)]
    with references.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([row[1], row[0], *row[2:], "mine"] for row in rows)
    own = out / "data" / "technologies" / "location_factors.csv"
    own.parent.mkdir()
    own.write_text("country,factor\n", encoding="utf-8")
    answer = run(tracker, "-o", out, "--country", "Germany", "--force")
    assert answer.exception is None, answer.exception
    tables = {table: (out / "data" / f"{table}.csv").read_text(encoding="utf-8").splitlines() for table in TABLES}
    assert [rows[-1] for rows in tables.values()] == [*TABLES.values()]
    assert len(tables["references"]) == 3 and own.is_file()
    power = out / "data" / "prices" / "power.csv"
    power.write_bytes(b"grid,year\n\xff\xfe\xff,2024\n")
    refused = run(tracker, "-o", out, "--country", "Germany", "--force")
    assert isinstance(refused.exception, InputError) and "power.csv" in str(refused.exception)
    kept = [line for line in answer.stderr.splitlines() if line.startswith("kept: ")]
    assert kept == [f"kept: {out / 'data' / table}.csv, which has rows" for table in TABLES if table != "references"]


@pytest.mark.slow
def test_an_import_does_not_discard_capacities_that_were_entered(tmp_path):
    from tests.unit.inputs.gem_workbooks import chemicals_book

    inventory, out = tmp_path / "chemicals.xlsx", tmp_path / "china"
    inventory.write_bytes(chemicals_book())
    assert run(inventory, "-o", out, "--country", "China").exception is None
    capacities = out / "capacities.csv"
    header, first, *others = capacities.read_text(encoding="utf-8").splitlines()
    position = header.split(",").index("capacity_ktpa")
    cells = first.split(",")
    cells[position] = "600"
    entered = "\n".join((header, ",".join(cells), *others)) + "\n"
    capacities.write_text(entered, encoding="utf-8")
    error = run(inventory, "-o", out, "--country", "China", "--force").exception
    assert isinstance(error, FileError)
    assert str(error) == (
        f"{capacities}: has capacities that this import would discard (C1 ammonia); give it as --capacities "
        f"{capacities}, or move it"
    )
    assert capacities.read_text(encoding="utf-8") == entered
    again = run(inventory, "-o", out, "--country", "China", "--force", "--capacities", capacities)
    assert again.exception is None and ",600" in capacities.read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_import_of_chemical_plants_lists_missing_data_and_is_solved_once_complete(tmp_path):
    from tests.unit.inputs.gem_workbooks import chemicals_book

    tracker, out = tmp_path / "chemicals.xlsx", tmp_path / "china"
    tracker.write_bytes(chemicals_book())
    answer = run(tracker, "-o", out, "--country", "China")
    assert answer.exception is None, answer.exception
    assert f"{tracker}: the chemicals inventory has no capacities; 2 of 2 rows lack required data" in answer.stderr
    assert "  capacity_ktpa: missing in 2 rows" in answer.stderr
    assert "for 2 it suggests a shipped plant nearby" in answer.stderr
    assert "chemicals.csv lacks capacity_ktpa in 2 rows, gasifier in 2 rows, urea_share in 1 row" in answer.stdout
    with pytest.raises(InputError) as error:
        ccs.load_inputs(ccs.read_scenario(out / "scenario.yaml"))
    missing_cells = [issue.where for issue in error.value.issues]
    assert missing_cells == ["chemicals.csv:2:capacity_ktpa", "chemicals.csv:3:capacity_ktpa"]
    given = tmp_path / "mine.csv"
    given.write_text(
        "plant;product;capacity_ktpa;gasifier;urea_share\nC1;ammonia;600;oxygen_blown;0\nC1;methanol;800;oxygen_blown;\n"
    )
    answer = run(tracker, "-o", out, "--country", "China", "--capacities", given, "--force")
    assert answer.exception is None, answer.exception
    assert "no data is missing" in answer.stderr
    assert f"Next: ccs-model optimize {out / 'scenario.yaml'}" in answer.stdout
    plants = ccs.load_inputs(ccs.read_scenario(out / "scenario.yaml"))["plants/chemicals"]
    assert set(plants["reference"]) == {"OWN"}
    plan = ccs.optimize(out / "scenario.yaml")
    assert set(plan.retrofits["plant"]) <= {"C1-ammonia", "C1-methanol"}
    assert len(plan.retrofits)
