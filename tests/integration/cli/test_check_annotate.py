"""`ccs-model check --annotate`: a copy of the user's workbook marks each invalid cell and lists all issues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from openpyxl.comments import Comment

from ccs_model.cli import group
from ccs_model.errors import FileError, InputError
from ccs_model.inputs.user_workbooks import annotate_workbooks
from tests.own_tables import works

RED = "00FFC7CE"
SCENARIO = """\
name: Mine
plants: {inventory: [%s]}
years: [2026, 2030]
budget: {total_mn: 1000}
"""


def check(folder: Path, *args: str, inventory: str = "mine.xlsx") -> Result:
    if not (folder / "scenario.yaml").exists():
        (folder / "scenario.yaml").write_text(SCENARIO % inventory, encoding="utf-8")
    return CliRunner().invoke(group, ["check", str(folder / "scenario.yaml"), *args], standalone_mode=False)


def write(folder: Path, name: str = "mine.xlsx", **changes: Any) -> Path:
    """Write a workbook with two steel works, the second changed, a cell comment and a sheet with a formula."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "steel"
    rows = works(name[0].upper() + "1") + works(name[0].upper() + "2", **changes)[1:]
    for row in rows:
        sheet.append(row)
    sheet["H3"].comment = Comment("ask the plant", "me")
    notes = book.create_sheet("notes")
    notes["A1"] = "=1+1"
    notes["A2"] = "kept"
    book.save(folder / name)
    return folder / name


@pytest.mark.slow
def test_annotated_copy_marks_invalid_cells_and_lists_the_issues(tmp_path):
    mine = write(tmp_path, status="operatin", lat_deg=138.04)
    before = mine.read_bytes()
    answer = check(tmp_path, "--annotate", str(tmp_path / "marked.xlsx"))
    assert isinstance(answer.exception, InputError)
    assert f"{tmp_path / 'marked.xlsx'}: mine.xlsx with its errors marked" in answer.stderr
    assert mine.read_bytes() == before
    book = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    assert book.sheetnames == ["issues", "steel", "notes"]
    sheet = book["steel"]
    marked = {cell.coordinate for row in sheet for cell in row if cell.fill.fgColor.rgb == RED}
    assert marked == {"E3", "H3"}
    assert sheet["H3"].comment.text == "'operatin' is unknown (did you mean 'operating'?)\nask the plant"
    assert "138.04 is outside the range -90 to 90" in sheet["E3"].comment.text
    assert sheet["H3"].value == "operatin"
    assert (book["notes"]["A1"].value, book["notes"]["A2"].value) == ("=1+1", "kept")
    listed = [[cell.value for cell in row] for row in book["issues"].iter_rows(min_row=2)]
    assert [row[:4] for row in listed] == [
        ["mine.xlsx:steel!E3", "steel", "E3", "138.04 is outside the range -90 to 90"],
        ["mine.xlsx:steel!H3", "steel", "H3", "'operatin' is unknown"],
    ]
    assert [f"{issue.where}" for issue in answer.exception.issues] == [row[0] for row in listed]
    assert book["issues"]["C2"].hyperlink.location == "'steel'!E3"


def test_corrected_annotated_copy_has_no_errors(tmp_path):
    write(tmp_path, status="operatin")
    check(tmp_path, "--annotate", str(tmp_path / "marked.xlsx"))
    book = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    book["steel"]["H3"] = "operating"
    book.save(tmp_path / "mine.xlsx")
    answer = check(tmp_path, "--annotate", str(tmp_path / "again.xlsx"))
    assert answer.exception is None, answer.exception
    assert "because there are no errors" in answer.stderr
    assert not (tmp_path / "again.xlsx").exists()


@pytest.mark.parametrize("name", ["mine.xlsx", "other.xlsx"])
def test_annotate_rejects_existing_files_and_other_file_types(tmp_path, name):
    write(tmp_path, status="operatin")
    write(tmp_path, "other.xlsx")
    before = (tmp_path / name).read_bytes()
    answer = check(tmp_path, "--annotate", str(tmp_path / name))
    assert isinstance(answer.exception, FileError)
    assert (tmp_path / name).read_bytes() == before
    answer = CliRunner().invoke(group, ["check", str(tmp_path / "scenario.yaml"), "--annotate", "marked.csv"])
    assert answer.exit_code == 2


def test_annotate_leaves_no_file_if_the_output_cannot_be_written(tmp_path):
    write(tmp_path, status="operatin")
    (tmp_path / "file").write_text("")
    answer = check(tmp_path, "--annotate", str(tmp_path / "file" / "marked.xlsx"))
    assert isinstance(answer.exception, FileError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine.xlsx", "scenario.yaml"]


def test_each_workbook_has_its_own_annotated_copy_with_all_issues(tmp_path):
    write(tmp_path, "a.xlsx", status="operatin")
    write(tmp_path, "b.xlsx", lon_deg="east")
    check(tmp_path, "--annotate", str(tmp_path / "marked.xlsx"), inventory="a.xlsx, b.xlsx")
    assert not (tmp_path / "marked.xlsx").exists()
    for name, marked in (("a", {"H3"}), ("b", {"F3"})):
        book = openpyxl.load_workbook(tmp_path / f"marked-{name}.xlsx")
        assert {cell.coordinate for row in book["steel"] for cell in row if cell.fill.fgColor.rgb == RED} == marked
        assert book["issues"].max_row == 3


@pytest.mark.parametrize("raw", [b"no workbook", b"PK\x03\x04 cut off"])
def test_issues_of_unreadable_files_are_listed_in_a_new_workbook(tmp_path, raw):
    (tmp_path / "mine.xlsx").write_bytes(raw)
    answer = check(tmp_path, "--annotate", str(tmp_path / "marked.xlsx"))
    assert isinstance(answer.exception, InputError)
    book = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    assert book.sheetnames == ["issues"]
    assert book["issues"]["A2"].value == "mine.xlsx"
    (tmp_path / "broken.yaml").write_text("name: [", encoding="utf-8")
    out = str(tmp_path / "list.xlsx")
    answer = CliRunner().invoke(group, ["check", str(tmp_path / "broken.yaml"), "--annotate", out])
    assert openpyxl.load_workbook(out)["issues"].max_row == 2


def test_workbooks_in_the_data_folder_are_annotated(tmp_path):
    (tmp_path / "tables").mkdir()
    book = openpyxl.Workbook()
    book.active.title = "grid_factors"
    book.active.append(["province", "year", "grid_kg_per_kwh", "reference", "quality"])
    book.active.append(["Hebei", 2024, "much", "MEE-GRID", "assumed"])
    book.save(tmp_path / "tables" / "mine.xlsx")
    text = SCENARIO % "steel" + "data: tables\n"
    (tmp_path / "scenario.yaml").write_text(text, encoding="utf-8")
    check(tmp_path, "--annotate", str(tmp_path / "marked.xlsx"))
    marked = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    assert marked["grid_factors"]["C2"].fill.fgColor.rgb == RED


def test_formula_like_texts_stay_text_and_merged_cells_are_marked_at_their_first_cell(tmp_path):
    from ccs_model.errors import Issue

    book = openpyxl.Workbook()
    book.active.title = "a:b".replace(":", " ")
    book.active.merge_cells("B2:C3")
    book.save(tmp_path / "m.xlsx")
    issues = [Issue("m.xlsx:a b!C3", "=HYPERLINK(1)\x07", "+1"), Issue("m.xlsx:a b!ZZZZ9", "no cell")]
    copies = annotate_workbooks(issues, {"m.xlsx": (tmp_path / "m.xlsx").read_bytes()})
    (tmp_path / "out.xlsx").write_bytes(copies["m.xlsx"])
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book["issues"]["D2"].data_type == "s"
    assert book["issues"]["D2"].value == "=HYPERLINK(1)"
    assert book["a b"]["B2"].comment.text == "=HYPERLINK(1) (+1)"
    assert book["issues"].max_row == 3
