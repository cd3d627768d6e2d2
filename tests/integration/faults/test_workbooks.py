"""Workbooks as inventory: F40–F44 and further cases."""

from __future__ import annotations

import datetime
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from ccs_model.inputs import excel_reader as workbook_guard
from tests.own_tables import works

from .conftest import Report, Workspace

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SHEET = "xl/worksheets/sheet1.xml"


def replace_part(path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    """Change one part of the workbook, or add it if it does not exist."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts.get(part, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in parts.items():
            archive.writestr(name, raw)


def edit_workbook(path: Path, edit: Callable[[openpyxl.Workbook], None]) -> None:
    book = openpyxl.load_workbook(path)
    edit(book)
    book.save(path)


def test_F40_a_zip_bomb_is_rejected_before_it_is_unpacked(
    workspace: Workspace, reported: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.book(steel=works("M1"))
    replace_part(path, "xl/media/zeros.bin", lambda _: bytes(30_000_000))
    assert "mine.xlsx: would unpack to" in (message := reported()) and "times its size" in message
    monkeypatch.setattr(workbook_guard, "LARGEST_UNPACKED", 20_000_000)
    assert "bytes, expected at most 20,000,000" in reported()


def test_F40_a_part_larger_than_its_declared_size_is_rejected(workspace: Workspace, reported: Report) -> None:
    path = workspace.book(steel=works("M1"))
    replace_part(path, SHEET, lambda raw: raw + b" " * 3_000_000)
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(bytes(raw))) as archive:
        real = archive.getinfo(SHEET).file_size
    for place in range(len(raw) - 4):
        if raw[place : place + 4] == struct.pack("<I", real):
            raw[place : place + 4] = struct.pack("<I", 1_000)
    path.write_bytes(bytes(raw))
    assert "mine.xlsx: " in reported()


@pytest.mark.parametrize(
    "entity",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"])
def test_F41_xml_entities_are_rejected_without_being_resolved(
    workspace: Workspace, reported: Report, entity: str, part: str
) -> None:
    path = workspace.book(steel=works("M1"))
    replace_part(
        path, part, lambda raw: entity.encode() + raw.partition(b"?>")[2] if b"?>" in raw else entity.encode() + raw
    )
    message = reported()
    assert f"mine.xlsx: its part {part} has a DOCTYPE" in message and "root:" not in message


def test_F43_formulas_without_computed_values_are_reported_at_their_cells(
    workspace: Workspace, reported: Report
) -> None:
    rows = works("M1", "M2")
    rows[1][8], rows[2][1] = "=2500*2", '="Works "&A3'
    workspace.book(steel=rows)
    message = reported()
    for cell in ("I2", "B3"):
        place = f"mine.xlsx:steel!{cell}: has a formula that was never computed"
        assert f"{place} (open and save it in Excel, or paste values)" in message


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (OLE + bytes(600), "an old Excel workbook (.xls)"),
        (OLE + bytes(100) + "EncryptedPackage".encode("utf-16-le"), "a password-protected workbook"),
        (b"plant,name\nM1,Works\n", "text, perhaps CSV"),
        (b"%PDF-1.7 ", "a PDF document"),
        (b"<html><body>log in</body></html>", "an HTML or XML document"),
    ],
)
def test_F44_a_file_that_is_not_xlsx_is_reported_by_its_format(
    workspace: Workspace, reported: Report, raw: bytes, kind: str
) -> None:
    workspace.put("mine.xlsx", raw)
    workspace.scenario(plants="{inventory: [mine.xlsx]}")
    assert f"mine.xlsx: this is {kind}, expected .xlsx" in reported()


def test_F44_truncated_and_binary_workbooks_are_reported(workspace: Workspace, reported: Report) -> None:
    path = workspace.book(steel=works("M1"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "mine.xlsx: the workbook is damaged or incomplete" in reported()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.bin", b"x")
    assert "this is a binary Excel workbook (.xlsb), expected .xlsx" in reported()
    path.rename(workspace.folder / "mine.xls")
    workspace.scenario(plants="{inventory: [mine.xls]}")
    assert "mine.xls: this is a binary Excel workbook (.xlsb), expected .xlsx" in reported()


# Further cases.


def test_cells_merged_across_rows_are_reported(workspace: Workspace, reported: Report) -> None:
    path = workspace.book(steel=works("M1", "M2", "M3"))
    edit_workbook(path, lambda book: book["steel"].merge_cells("C2:C4"))
    message = reported()
    for cell in ("C3", "C4"):
        assert f"mine.xlsx:steel!{cell}: is covered by a merged cell (unmerge it" in message


def test_a_merged_title_above_the_header_is_reported_with_the_line_of_the_header(
    workspace: Workspace, reported: Report
) -> None:
    path = workspace.book(steel=[["Our works, 2026"], [], *works("M1")])
    edit_workbook(path, lambda book: book["steel"].merge_cells("A1:F1"))
    message = reported()
    assert "mine.xlsx:steel!A3: the header is on line 3, expected on the first" in message
    assert "without plants" not in message


def test_hidden_rows_columns_and_sheets_are_read(workspace: Workspace, reported: Report) -> None:
    path = workspace.book(steel=works("M1", "M2"), Archive=[["x"]])

    def hide(book: openpyxl.Workbook) -> None:
        book["steel"].row_dimensions[3].hidden = True
        book["steel"].column_dimensions["D"].hidden = True
        book["Archive"].sheet_state = "hidden"

    edit_workbook(path, hide)
    assert "unknown sheet: 'Archive'" in reported()
    edit_workbook(path, lambda book: book.remove(book["Archive"]))
    assert "2 operating plants" in workspace.check().out


def test_formatted_but_empty_rows_and_columns_are_ignored(workspace: Workspace) -> None:
    path = workspace.book(steel=works("M1"))

    def paint(book: openpyxl.Workbook) -> None:
        for row in range(1, 40):
            for column in range(1, 40):
                book["steel"].cell(row, column).fill = openpyxl.styles.PatternFill("solid", fgColor="FFFF00")
        book["steel"]["T30"] = "  "

    edit_workbook(path, paint)
    answer = workspace.check()
    assert (answer.code, "1 operating plant with" in answer.out) == (0, True), answer.err


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (datetime.date(2026, 1, 1), "mine.xlsx:steel!I2: is a date or time, 2026-01-01"),
        (datetime.time(5, 0), "mine.xlsx:steel!I2: is a date or time, 05:00:00"),
        (True, "mine.xlsx:steel!I2: is TRUE, a truth value"),
        ("5000 ", ""),
        ("\u00a05000\u00a0", ""),
        ("'5000", "mine.xlsx:steel!I2: ''5000' is not a finite number"),
        ("5,000", "mine.xlsx:steel!I2: '5,000' is not a finite number (write 5000 for thousands or"),
        ("n/a", "mine.xlsx:steel!I2: 'n/a' is not a finite number"),
        (1e300, "mine.xlsx:steel!I2: 1e+300 is outside the range"),
    ],
)
def test_values_of_the_wrong_type_are_reported_at_their_cell(workspace: Workspace, cell: object, words: str) -> None:
    rows = works("M1")
    rows[1][8] = cell
    workspace.book(steel=rows)
    answer = workspace.check()
    assert answer.code == (3 if words else 0), answer.err
    assert words in answer.err


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#DIV/0!", "#VALUE!"])
def test_error_values_of_a_spreadsheet_are_reported_at_their_cell(
    workspace: Workspace, reported: Report, error: str
) -> None:
    path = workspace.book(steel=works("M1"))

    def put(book: openpyxl.Workbook) -> None:
        book["steel"]["I2"].value = error
        book["steel"]["I2"].data_type = "e"

    edit_workbook(path, put)
    assert f"mine.xlsx:steel!I2: has the error value {error}" in reported()


def test_a_cell_shown_in_percent_in_a_column_of_tonnes_is_reported(workspace: Workspace, reported: Report) -> None:
    path = workspace.book(steel=works("M1"))

    def put(book: openpyxl.Workbook) -> None:
        book["steel"]["I2"].value, book["steel"]["I2"].number_format = 0.9, "0%"

    edit_workbook(path, put)
    assert "mine.xlsx:steel!I2: is shown in percent, expected kt/y" in reported()


def test_a_password_protected_sheet_is_read(workspace: Workspace) -> None:
    path = workspace.book(steel=works("M1"))

    def protect(book: openpyxl.Workbook) -> None:
        book["steel"].protection.set_password("secret")

    edit_workbook(path, protect)
    assert workspace.check().code == 0


def test_ids_that_look_alike_are_reported_at_their_cell(workspace: Workspace, reported: Report) -> None:
    workspace.book(steel=works("M1", "Ｍ１"))
    assert "mine.xlsx:steel!A3: 'Ｍ１' looks like 'M1' of mine.xlsx:steel!A2" in reported()


def test_a_workbook_with_macros_and_external_links_is_read(workspace: Workspace) -> None:
    path = workspace.book(steel=works("M1"))
    replace_part(path, "xl/vbaProject.bin", lambda _: OLE + bytes(500))
    replace_part(path, "xl/externalLinks/externalLink1.xml", lambda _: b'<externalLink xmlns="x"/>')
    path.rename(workspace.folder / "mine.xlsm")
    workspace.scenario(plants="{inventory: [mine.xlsm]}")
    answer = workspace.check()
    assert answer.code == 0, answer.err


def test_a_value_beyond_the_column_limit_is_reported_and_a_format_is_ignored(
    workspace: Workspace, reported: Report
) -> None:
    path = workspace.book(steel=works("M1"))
    for cell in ("XFD1048576", "XFD2"):
        book = openpyxl.load_workbook(path)
        book["steel"][cell] = "note"
        book.save(workspace.folder / "stray.xlsx")
        workspace.scenario(plants="{inventory: [stray.xlsx]}")
        assert f"stray.xlsx:steel!{cell}: a value beyond the 500 columns of a table" in reported()
    book = openpyxl.load_workbook(path)
    book["steel"]["XFD1048576"].font = openpyxl.styles.Font(bold=True)
    book.save(workspace.folder / "stray.xlsx")
    assert workspace.check().code == 0


def test_a_number_stored_as_text_is_read_with_a_notice(workspace: Workspace) -> None:
    rows = works("M1", "M2")
    at = rows[0].index("crude_steel_ktpa")
    rows[1][at], rows[2][at] = "5000", "5000"
    workspace.book(steel=rows)
    checked = workspace.check()
    notice = "mine.xlsx:steel!I2: the text '5000' is read as a number, and 1 more of the column"
    assert checked.code == 0 and notice in checked.out
    solved = workspace.run("optimize", "s.yaml", "--out", "run", "-q")
    assert solved.code == 0 and f"warning: {notice}" in solved.err
    assert notice in (workspace.folder / "run" / "solver.log").read_text(encoding="utf-8")
