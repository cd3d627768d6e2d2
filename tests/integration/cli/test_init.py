"""`init`: its files can be solved unchanged and filled in, and never replace existing files."""

import json
import os
import subprocess
import sys

import openpyxl
import pytest

pytestmark = pytest.mark.slow


def run(folder, *args):
    return subprocess.run(
        [sys.executable, "-m", "ccs_model", *args],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    answer = run(folder, "init", "my zone")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return folder


def test_init_writes_three_files(workdir):
    names = {path.name for path in (workdir / "my zone").iterdir()}
    assert names == {"scenario.yaml", "plants.xlsx", "scenario.schema.json"}
    assert "min_cost" in json.dumps(json.loads((workdir / "my zone/scenario.schema.json").read_text(encoding="utf-8")))
    text = (workdir / "my zone/scenario.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./scenario.schema.json\n")
    assert 'name: "my zone"' in text


def test_the_starter_scenario_is_solved_unchanged(workdir):
    answer = run(workdir, "optimize", "my zone/scenario.yaml", "--out", "answer", "--gap", "0.15")
    assert answer.returncode == 0, answer.stderr
    assert "retrofits at" in answer.stdout
    assert (workdir / "answer" / "plan.xlsx").is_file()


def test_init_never_replaces_existing_files(workdir):
    (workdir / "mine").mkdir()
    (workdir / "mine" / "plants.xlsx").write_text("ten years", encoding="utf-8")
    answer = run(workdir, "init", "mine")
    assert answer.returncode == 8
    assert "plants.xlsx: already exists" in answer.stderr
    assert [path.name for path in (workdir / "mine").iterdir()] == ["plants.xlsx"]
    assert (workdir / "mine" / "plants.xlsx").read_text(encoding="utf-8") == "ten years"
    assert run(workdir, "init", "my zone").returncode == 8


def test_a_filled_in_inventory_is_checked_and_its_file_reported(workdir):
    answer = run(workdir, "init", "--inventory-only", "filled.xlsx")
    assert answer.returncode == 0, answer.stderr
    book = openpyxl.load_workbook(workdir / "filled.xlsx")
    sheet = book["chemicals"]
    for cell in sheet[2]:
        sheet.cell(3, cell.column, "MINE" if cell.column == 1 else cell.value)
    book.save(workdir / "filled.xlsx")
    scenario = workdir / "filled.yaml"
    text = "name: Filled\nplants: {inventory: [filled.xlsx]}\nbudget: {total_mn: 500}\n"
    scenario.write_text(text, encoding="utf-8")
    answer = run(workdir, "check", "filled.yaml")
    assert answer.returncode == 0, answer.stderr
    assert "1 operating plant with" in answer.stdout
    assert "plants/chemicals: filled.xlsx:chemicals (1 plant)" in answer.stdout
    sheet["M3"] = "cole"
    book.save(workdir / "filled.xlsx")
    answer = run(workdir, "check", "filled.yaml")
    assert answer.returncode == 3
    assert answer.stderr.startswith("filled.xlsx:chemicals!M3: ")
    scenario.write_text(text.replace("filled.xlsx", "missing.xlsx"), encoding="utf-8")
    answer = run(workdir, "check", "filled.yaml")
    assert answer.returncode == 8
    assert str(workdir / "missing.xlsx") in answer.stderr


@pytest.mark.parametrize(
    ("args", "code"),
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
def test_init_returns_the_expected_exit_code(workdir, args, code):
    answer = run(workdir, *args)
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr


def test_inventory_only_writes_the_workbook_into_a_folder(workdir):
    answer = run(workdir, "init", "tables", "--inventory-only", "plants.xlsx")
    assert answer.returncode == 0, answer.stderr
    assert [path.name for path in (workdir / "tables").iterdir()] == ["plants.xlsx"]
