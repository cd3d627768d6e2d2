"""Own workbooks of plants load like CSV files; errors are reported per cell, and unsafe files are rejected."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import excel_reader as workbook_grids
from ccs_model.inputs import excel_reader as workbook_guard
from ccs_model.inputs import load_inputs
from ccs_model.inputs.declarations import Source, letters_of, reading_order
from ccs_model.inputs.user_workbooks import template
from ccs_model.problem import build_problem
from tests.own_tables import WORKS, works

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def issues(scenario) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        load_inputs(scenario)
    return list(caught.value.issues)


def only_issue(scenario) -> Issue:
    found = issues(scenario)
    assert len(found) == 1, [str(issue) for issue in found]
    return found[0]


def repack(path: Path, part: str, change) -> None:
    """Change one part of the workbook, or add it if it is missing."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts.get(part, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in parts.items():
            archive.writestr(name, raw)


def test_steel_plants_of_a_workbook_enter_the_problem_with_source_sink_options(scenario, write_book):
    write_book(steel=works("M1", "M2", "M3"), README=[["for people"]])
    requested = scenario("mine.xlsx")
    inputs = load_inputs(requested)
    problem = build_problem(requested, inputs)
    assert list(problem.plants["plant"]) == ["M1", "M2", "M3"]
    assert problem.plants["is_candidate"].all()
    assert set(problem.routes["plant"]) == {"M1", "M2", "M3"}
    assert inputs.origins["plants/steel"] == "mine.xlsx:steel (3 plants)"
    assert len(inputs.sha256["own:mine.xlsx"]) == 64


def test_workbook_loads_like_a_csv_file(scenario, write_book, write_csv):
    rows = works("M1", "M2", name_zh="石家庄钢铁", start_year=1999)
    write_book(steel=rows)
    write_csv(rows)
    from_workbook = load_inputs(scenario("mine.xlsx"))["plants/steel"].drop(columns="inventory")
    from_csv = load_inputs(scenario("mine.csv"))["plants/steel"].drop(columns="inventory")
    assert from_workbook.equals(from_csv)


def test_errors_in_a_workbook_are_reported_cell_by_cell(scenario, write_book):
    rows = works("M1", "M2", "M3", "M4")
    rows[1][4:6] = [None, "1,234"]
    rows[2][7] = "operatng"
    rows[3][8] = datetime.date(2026, 1, 1)
    rows[3][11] = True
    rows[4][8] = -1
    rows.insert(1, [None] * 12)
    write_book(steel=rows)
    assert [str(issue) for issue in issues(scenario("mine.xlsx"))] == [
        "mine.xlsx:steel!E3: is empty (latitude, WGS84; beyond 90 the two look swapped)",
        "mine.xlsx:steel!F3: '1,234' is not a finite number (write 1234 for thousands or 1.234 for decimals)",
        "mine.xlsx:steel!H4: 'operatng' is unknown (did you mean 'operating'?)",
        "mine.xlsx:steel!I5: is a date or time, 2026-01-01 00:00:00 (expected a number)",
        "mine.xlsx:steel!L5: is TRUE, a truth value (expected text)",
        "mine.xlsx:steel!I6: -1 is outside the range 0 to 50000 (operating crude steel capacity)",
    ]


def test_checks_across_rows_report_cells(scenario, write_book):
    rows = works("M1", "M1", "M3")
    rows[3][4:6] = [30.59, 114.31]  # Wuhan
    write_book(steel=rows)
    assert [(issue.where, issue.what.split(" lies")[0]) for issue in issues(scenario("mine.xlsx"))] == [
        ("mine.xlsx:steel!A3", "plant M1 is already given at mine.xlsx:steel!A2"),
        ("mine.xlsx:steel!A4", "plant M3"),
    ]


def test_invalid_headings_are_reported_at_their_cell(scenario, write_book):
    rows = works("M1")
    write_book(steel=[[*rows[0], "colour", "status"], [*rows[1], "red", "operating"]])
    assert [(issue.where, issue.what) for issue in issues(scenario("mine.xlsx"))] == [
        ("mine.xlsx:steel!H1", "column 'status' is given twice, at column H and column N"),
        ("mine.xlsx:steel!M1", "unknown column 'colour'"),
    ]


def test_numeric_id_is_read_as_text(scenario, write_book):
    rows = works("M1")
    rows[1][0] = 1001
    write_book(steel=rows)
    assert load_inputs(scenario("mine.xlsx"))["plants/steel"]["plant"].tolist() == ["1001"]


def test_references_are_read_from_their_own_sheet(scenario, write_book):
    rows = works("M1", reference="MINE", quality="measured")
    write_book(steel=rows, references=[["reference", "citation"], ["MINE", "Our own survey, 2025"]])
    loaded = load_inputs(scenario("mine.xlsx"))
    assert "Our own survey, 2025" in set(loaded["references"]["citation"])
    assert loaded["plants/steel"]["note"].tolist() == [""]


@pytest.mark.parametrize(
    ("place", "cells", "what"),
    [
        (1, {"crude_steel_ktpa": "kt/y"}, "looks like a row of units"),
        (1, {"name": "单位", "crude_steel_ktpa": "万吨/年"}, "looks like a row of units"),
        (2, {"name": "Total", "crude_steel_ktpa": 5_000}, "looks like a row of totals"),
        (2, {"plant": "合计：", "crude_steel_ktpa": 5_000}, "looks like a row of totals"),
    ],
)
def test_row_of_units_or_totals_is_reported_as_one_issue(scenario, write_book, place, cells, what):
    rows = works("M1")
    rows.insert(place, [cells.get(name) for name in rows[0]])
    write_book(steel=rows)
    issue = only_issue(scenario("mine.xlsx"))
    assert issue.where == f"mine.xlsx:steel!A{place + 1}" and issue.what.startswith(what)


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheet_is_read_with_a_notice(scenario, write_book, state):
    path = write_book(steel=works("M1"), README=[["x"]])
    book = openpyxl.load_workbook(path)
    book["steel"].sheet_state = state
    book.save(path)
    inputs = load_inputs(scenario("mine.xlsx"))
    assert inputs["plants/steel"]["plant"].tolist() == ["M1"]
    (notice,) = (each for each in inputs.notices if "hidden" in each)
    assert notice == "mine.xlsx:steel: the sheet is hidden but read like the others; delete what should not be read"


def test_unknown_sheet_is_reported(scenario, write_book):
    write_book(steel=works("M1"), Tabelle1=[["x"]], Notes=[["y"]])
    issue = only_issue(scenario("mine.xlsx"))
    assert (issue.where, issue.what) == ("mine.xlsx", "unknown sheet: 'Tabelle1'")
    write_book(Tabelle1=works("M1"))
    assert only_issue(scenario("mine.xlsx")).what == "no sheet is named steel, chemicals or sources"


# Formulas


def test_formula_without_a_computed_value_is_reported(scenario, write_book):
    rows = works("M1", "M2", "EXAMPLE")
    rows[1][8], rows[2][1], rows[3][9] = "=2500*2", '="Works "&A3', "=1+1"
    write_book(steel=rows)
    found = issues(scenario("mine.xlsx"))
    assert [issue.where for issue in found] == ["mine.xlsx:steel!I2", "mine.xlsx:steel!B3"]
    assert {issue.what for issue in found} == {"has a formula that was never computed"}
    assert {issue.hint for issue in found} == {"open and save it in Excel, or paste values"}


def test_formula_with_a_computed_value_is_read_as_that_value(scenario, write_book):
    rows = works("M1", name_zh="x")
    rows[1][8], rows[1][12] = "=2500*2", '=IF(A2="","x","")'
    path = write_book(steel=rows)

    def add_values(raw: bytes) -> bytes:
        # Values as Excel writes them: a number and an empty text.
        raw = re.sub(rb"<f>2500\*2</f><v(?: ?/>|></v>)", b"<f>2500*2</f><v>5000</v>", raw)
        return raw.replace(b'<c r="M2"><f>', b'<c r="M2" t="str"><f>')

    repack(path, "xl/worksheets/sheet1.xml", add_values)
    steel = load_inputs(scenario("mine.xlsx"))["plants/steel"]
    assert (steel["crude_steel_ktpa"][0], steel["name_zh"][0]) == (5000, "")


def test_error_value_in_a_cell_is_reported(scenario, write_book):
    rows = works("M1")
    rows[1][8] = "#DIV/0!"
    write_book(steel=rows)
    assert (only_issue(scenario("mine.xlsx")).where, only_issue(scenario("mine.xlsx")).what) == (
        "mine.xlsx:steel!I2",
        "has the error value #DIV/0!",
    )


# Files that are not workbooks, and unsafe workbooks


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"plant,name\nM1,Works\n", "this is text, perhaps CSV, expected .xlsx"),
        (OLE + b"\0" * 600, "this is an old Excel workbook (.xls), expected .xlsx"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "this is a password-protected workbook, expected .xlsx"),
        (b"<html><table>", "this is an HTML or XML document, expected .xlsx"),
        (b"", "the file is empty"),
    ],
)
def test_file_that_is_not_xlsx_is_reported_with_its_actual_format(scenario, tmp_path, raw, what):
    (tmp_path / "mine.xlsx").write_bytes(raw)
    issue = only_issue(scenario("mine.xlsx"))
    assert (issue.where, issue.what) == ("mine.xlsx", what)


def test_workbook_with_the_extension_csv_is_reported(scenario, write_book):
    path = write_book(steel=works("M1"))
    path.rename(path.with_suffix(".csv"))
    issue = only_issue(scenario("mine.csv"))
    assert (issue.what, issue.hint) == ("this is an Excel workbook (.xlsx), expected CSV", "name it .xlsx")


def test_truncated_workbook_is_reported_as_damaged(scenario, write_book):
    path = write_book(steel=works("M1"))
    path.write_bytes(path.read_bytes()[:-200])
    assert "workbook is damaged" in only_issue(scenario("mine.xlsx")).what


def test_other_archives_are_reported_with_their_format(scenario, tmp_path):
    for part, what in (("a.txt", "a zip archive"), ("xl/workbook.bin", "(.xlsb)"), ("content.xml", "(.ods)")):
        with zipfile.ZipFile(tmp_path / "mine.xlsx", "w") as archive:
            archive.writestr(part, "x")
        assert what in only_issue(scenario("mine.xlsx")).what


def test_zip_bomb_is_rejected_before_it_is_unpacked(scenario, write_book, monkeypatch):
    path = write_book(steel=works("M1"))
    repack(path, "xl/worksheets/sheet9.xml", lambda _: b" " * 30_000_000)
    monkeypatch.setattr(workbook_guard, "_part_features", None)  # the function that unpacks
    assert "times its size, expected at most 200 times" in only_issue(scenario("mine.xlsx")).what
    monkeypatch.setattr(workbook_guard, "LARGEST_UNPACKED", 29_000_000)
    assert "would unpack to 30," in only_issue(scenario("mine.xlsx")).what


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_entities_are_rejected(scenario, write_book, tmp_path, encoding):
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    path = write_book(steel=works("M1"))
    entity = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY e SYSTEM "secret.txt">]><x>&e;</x>'
    repack(path, "xl/sharedStrings.xml", lambda _: entity.encode(encoding))
    issue = only_issue(scenario("mine.xlsx"))
    assert issue.what == "its part xl/sharedStrings.xml has a DOCTYPE, which is not allowed"


def test_malformed_xml_is_reported(scenario, write_book):
    path = write_book(steel=works("M1"))
    repack(path, "xl/worksheets/sheet1.xml", lambda raw: raw[:200])
    assert "cannot be read as a workbook" in only_issue(scenario("mine.xlsx")).what


def test_too_many_rows_or_columns_are_reported(scenario, write_book, monkeypatch):
    monkeypatch.setattr(workbook_grids, "MOST_ROWS", 2)
    write_book(steel=works("M1", "M2", "M3"))
    assert only_issue(scenario("mine.xlsx")).what == "more than 2 rows"
    header, row = works("M1")
    write_book(steel=[[*header, *range(600)], [*row, *range(600)]])
    assert only_issue(scenario("mine.xlsx")).what == "612 columns at line 1, expected at most 500"


def test_row_number_beyond_the_sheet_limit_is_reported(scenario, write_book):
    path = write_book(steel=works("M1"))
    repack(path, "xl/worksheets/sheet1.xml", lambda raw: raw.replace(b'<row r="2"', b'<row r="99999999999"'))
    assert only_issue(scenario("mine.xlsx")).what == "more than 1,048,576 lines"


# The template


def test_completed_template_is_read_back(scenario, inputs, tmp_path):
    book = openpyxl.load_workbook(io.BytesIO(template(inputs)))
    assert book.sheetnames == ["README", "steel", "chemicals", "sources", "references", "lists"]
    steel = book["steel"]
    headings = [cell.value for cell in steel[1]]
    for name, value in WORKS.items():
        steel.cell(3, headings.index(name) + 1, value)
    book.save(tmp_path / "plants.xlsx")
    requested = scenario("plants.xlsx")
    loaded = load_inputs(requested)
    (row,) = loaded["plants/steel"].to_dict("records")
    assert {name: row[name] for name in WORKS} == dict(WORKS)
    assert set(build_problem(requested, loaded).routes["plant"]) == {"M1"}


def test_template_without_plants_is_reported(scenario, inputs, tmp_path):
    (tmp_path / "plants.xlsx").write_bytes(template(inputs))
    issue = only_issue(scenario("plants.xlsx"))
    assert (issue.what, issue.hint) == ("has no plants", "rows whose id starts with EXAMPLE are ignored")


def test_example_rows_of_the_template_are_valid(scenario, inputs, tmp_path):
    book = openpyxl.load_workbook(io.BytesIO(template(inputs)))
    for sheet in ("steel", "chemicals", "sources", "references"):
        book[sheet]["A2"] = f"X-{sheet}"
    book.save(tmp_path / "plants.xlsx")
    requested = scenario("plants.xlsx")
    plants = build_problem(requested, load_inputs(requested)).plants
    assert dict(zip(plants["plant"], plants["sector"], strict=True)) == {
        "X-steel": "steel", "X-chemicals": "chemicals", "X-sources": "cement"
    }  # fmt: skip


def test_template_has_notes_drop_downs_and_ranges(inputs):
    book = openpyxl.load_workbook(io.BytesIO(template(inputs)))
    steel = book["steel"]
    notes = {cell.value: cell.comment.text for cell in steel[1]}
    assert "[kt/y]" in notes["crude_steel_ktpa"] and "from 0 to 50000" in notes["crude_steel_ktpa"]
    rules = {str(rule.sqref): rule for rule in steel.data_validations.dataValidation}
    assert any("present,absent,unknown" in (rule.formula1 or "") for rule in rules.values())
    assert all(len(rule.formula1) <= 255 and len(rule.prompt) <= 255 for rule in rules.values())
    listed = {rule.errorTitle: (rule.errorStyle, rule.error) for rule in rules.values() if "lists" in rule.formula1}
    assert listed == {
        name: ("warning", f"Not a {name} of the shipped tables. Keep it if it is your own, and add tables for it.")
        for name in ("province", "grid")
    }
    assert "Expected one of present, absent, unknown." in {rule.error for rule in rules.values()}
    assert "Hebei south" in {cell.value for cell in book["lists"]["B"]}
    assert "cement" in {cell.value for cell in book["lists"]["C"]}


# Cell references


def test_column_letters_and_order_of_issues_follow_the_sheet():
    assert [letters_of(position) for position in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert Source("a.csv").at(3, "x") == "a.csv:3:x"
    places = ["b.xlsx:s!B10", "b.xlsx:s!AA9", "b.xlsx:s!B9", "a.csv:10:x", "a.csv:9:x", "a.csv"]
    ordered = sorted((Issue(place, "w") for place in places), key=reading_order)
    assert [issue.where for issue in ordered] == list(reversed(places))


@pytest.mark.parametrize(
    ("form", "is_date"),
    [
        ("yyyy-mm-dd", True), ("d mmm yyyy", True), ('yyyy"年"m"月"', True), ("[h]:mm", True), ("mm-dd-yy", True),
        ("General", False), ("0.00E+00", False), ("#,##0.0", False), ('0.0 "days"', False), ("[Red]-0", False),
        ("[$EUR-407] #,##0", False), ("0%", False),
    ],
)  # fmt: skip
def test_number_formats_of_dates_are_recognised(form, is_date):
    book = openpyxl.Workbook()
    book.active["A1"] = 1
    book.active["A1"].number_format = form
    out = io.BytesIO()
    book.save(out)
    styles = zipfile.ZipFile(out).read("xl/styles.xml")
    assert bool(workbook_grids.date_styles(styles)) == is_date
