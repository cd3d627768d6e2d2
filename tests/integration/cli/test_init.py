"""`init`: its files run as they are, can be filled in, and replace nothing."""

import json
import os
import subprocess
import sys

import openpyxl
import pytest

pytestmark = pytest.mark.slow


def run(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "ccs_model", *words],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    answer = run(folder, "init", "my zone")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return folder


def test_init_writes_three_files(desk):
    names = {path.name for path in (desk / "my zone").iterdir()}
    assert names == {"scenario.yaml", "plants.xlsx", "scenario.schema.json"}
    assert "min_cost" in json.dumps(json.loads((desk / "my zone/scenario.schema.json").read_text(encoding="utf-8")))
    text = (desk / "my zone/scenario.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./scenario.schema.json\n")
    assert 'name: "my zone"' in text


@pytest.mark.slow
def test_the_starter_scenario_is_solved_as_it_is(desk):
    answer = run(desk, "optimize", "my zone/scenario.yaml", "--out", "answer", "--gap", "0.15")
    assert answer.returncode == 0, answer.stderr
    assert "retrofits at" in answer.stdout
    assert (desk / "answer" / "plan.xlsx").is_file()


def test_init_replaces_nothing(desk):
    (desk / "mine").mkdir()
    (desk / "mine" / "plants.xlsx").write_text("ten years", encoding="utf-8")
    answer = run(desk, "init", "mine")
    assert answer.returncode == 8
    assert "plants.xlsx: already exists" in answer.stderr
    assert [path.name for path in (desk / "mine").iterdir()] == ["plants.xlsx"]
    assert (desk / "mine" / "plants.xlsx").read_text(encoding="utf-8") == "ten years"
    assert run(desk, "init", "my zone").returncode == 8


@pytest.mark.slow
def test_an_inventory_that_is_filled_in_is_checked_and_its_origin_reported(desk):
    answer = run(desk, "init", "--inventory-only", "filled.xlsx")
    assert answer.returncode == 0, answer.stderr
    book = openpyxl.load_workbook(desk / "filled.xlsx")
    sheet = book["chemicals"]
    for cell in sheet[2]:
        sheet.cell(3, cell.column, "MINE" if cell.column == 1 else cell.value)
    book.save(desk / "filled.xlsx")
    scenario = desk / "filled.yaml"
    text = "name: Filled\nplants: {inventory: [filled.xlsx]}\nbudget: {total_mn: 500}\n"
    scenario.write_text(text, encoding="utf-8")
    answer = run(desk, "check", "filled.yaml")
    assert answer.returncode == 0, answer.stderr
    assert "1 operating plant with" in answer.stdout
    assert "plants/chemicals: filled.xlsx:chemicals (1 plant)" in answer.stdout
    sheet["M3"] = "cole"
    book.save(desk / "filled.xlsx")
    answer = run(desk, "check", "filled.yaml")
    assert answer.returncode == 3
    assert answer.stderr.startswith("filled.xlsx:chemicals!M3: ")
    scenario.write_text(text.replace("filled.xlsx", "missing.xlsx"), encoding="utf-8")
    answer = run(desk, "check", "filled.yaml")
    assert answer.returncode == 8
    assert str(desk / "missing.xlsx") in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("init", "--inventory-only"), 2),
        (("init", "--inventory-only", "plants.csv"), 2),
        (("init", "--inventory-only", "my zone/plants.xlsx"), 8),
        (("init", "my zone", "--inventory-only", "plants.xlsx"), 8),
        (("init", "--inventory-only", "my zone/scenario.yaml/plants.xlsx"), 8),
        (("init",), 2),
        (("init", "my zone/scenario.yaml"), 8),
        (("init", "--help"), 0),
        (("new", "my zone"), 2),
        (("template", "plants.xlsx"), 2),
    ],
)
def test_exit_codes(desk, words, code):
    answer = run(desk, *words)
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_inventory_workbook_alone_can_be_put_into_a_folder(desk):
    answer = run(desk, "init", "tables", "--inventory-only", "plants.xlsx")
    assert answer.returncode == 0, answer.stderr
    assert [path.name for path in (desk / "tables").iterdir()] == ["plants.xlsx"]
