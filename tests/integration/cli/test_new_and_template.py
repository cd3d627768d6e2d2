"""`new` and `template`: what they write runs, can be filled in, and never takes the place of anything."""

import json
import os
import subprocess
import sys

import openpyxl
import pytest


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
    answer = run(folder, "new", "my zone")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return folder


def test_new_writes_three_files(desk):
    names = {path.name for path in (desk / "my zone").iterdir()}
    assert names == {"scenario.yaml", "plants.xlsx", "scenario.schema.json"}
    assert "least" in json.dumps(json.loads((desk / "my zone/scenario.schema.json").read_text(encoding="utf-8")))
    text = (desk / "my zone/scenario.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./scenario.schema.json\n")
    assert 'name: "my zone"' in text


@pytest.mark.slow
def test_what_new_wrote_is_optimized_as_it_is(desk):
    answer = run(desk, "optimize", "my zone/scenario.yaml", "--out", "answer")
    assert answer.returncode == 0, answer.stderr
    assert "retrofits at" in answer.stdout
    assert (desk / "answer" / "plan.xlsx").is_file()


def test_new_leaves_what_is_there(desk):
    (desk / "mine").mkdir()
    (desk / "mine" / "plants.xlsx").write_text("ten years", encoding="utf-8")
    answer = run(desk, "new", "mine")
    assert answer.returncode == 8
    assert "plants.xlsx: is there already" in answer.stderr
    assert [path.name for path in (desk / "mine").iterdir()] == ["plants.xlsx"]
    assert (desk / "mine" / "plants.xlsx").read_text(encoding="utf-8") == "ten years"
    assert run(desk, "new", "my zone").returncode == 8


@pytest.mark.slow
def test_an_inventory_that_is_filled_in_is_checked_and_told_where_it_came_from(desk):
    answer = run(desk, "template", "filled.xlsx")
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
    assert "1 operating plants" in answer.stdout
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


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("template",), 2),
        (("template", "plants.csv"), 2),
        (("template", "my zone/plants.xlsx"), 8),
        (("template", "my zone/scenario.yaml/plants.xlsx"), 8),
        (("new",), 2),
        (("new", "my zone/scenario.yaml"), 8),
        (("new", "--help"), 0),
        (("template", "--help"), 0),
    ],
)
def test_exit_codes(desk, words, code):
    answer = run(desk, *words)
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr
