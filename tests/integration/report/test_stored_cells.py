"""Stored cell values of workbooks written by other programs, and errors for damaged parts."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest
import xlsxwriter

from ccs_model.errors import InputError
from ccs_model.report.workbook.formulas import column_number
from ccs_model.report.workbook.recalculation import stored_cells


def edited(old: str, new: str, part: str = "xl/worksheets/sheet1.xml") -> bytes:
    """A workbook with a text in one of its XML parts replaced; a part named `-…` is omitted."""
    buffer, out = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        book.add_worksheet("Sheet").write_row(0, 0, [1.5, "text", True])
    with zipfile.ZipFile(buffer) as archive, zipfile.ZipFile(out, "w") as into:
        for name in archive.namelist():
            if f"-{name}" == part:
                continue
            content = archive.read(name).decode()
            assert name != part or old in content
            into.writestr(name, content.replace(old, new) if name == part else content)
    return out.getvalue()


def values(raw: bytes) -> list[tuple[str, object]]:
    return [(cell.address, cell.value) for cell in stored_cells(raw, "plan.xlsx")]


def test_numbers_texts_and_booleans_are_read() -> None:
    assert values(edited("", "")) == [("Sheet!A1", 1.5), ("Sheet!B1", "text"), ("Sheet!C1", True)]
    with_false = edited("<v>1</v>", "<v>0</v>")
    assert values(with_false)[2] == ("Sheet!C1", False)


def test_inline_texts_are_read() -> None:
    inline = ('t="s"><v>0</v>', 't="inlineStr"><is><t>in</t><t>line</t></is>')
    assert values(edited(*inline))[1] == ("Sheet!B1", "inline")
    # A workbook written by openpyxl.
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.append([1.5, "text", True])
    book.save(buffer)
    assert values(buffer.getvalue()) == values(edited("", ""))


@pytest.mark.parametrize(
    ("old", "new", "part", "words"),
    [
        ('r="A1"', 'r="1A"', "xl/worksheets/sheet1.xml", "is no workbook that can be read: a cell is called 1A"),
        ("<v>1.5</v>", "<v>much</v>", "xl/worksheets/sheet1.xml", "is no workbook that can be read"),
        ("<v>0</v>", "<v>7</v>", "xl/worksheets/sheet1.xml", "is no workbook that can be read"),
        ("", "", "-xl/sharedStrings.xml", "is no workbook that can be read"),
        ("</sheetData>", "", "xl/worksheets/sheet1.xml", "is no workbook that can be read"),
    ],
)
def test_damaged_part_is_reported_with_the_name_of_the_file(old: str, new: str, part: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        stored_cells(edited(old, new, part), "plan.xlsx")
    assert str(caught.value.issues[0]).startswith(f"plan.xlsx: {words}")


def test_columns_are_counted_past_z() -> None:
    names = ("A", "Z", "AA", "AZ", "ZZ", "AAA", "XFD")
    assert [column_number(name) for name in names] == [1, 26, 27, 52, 702, 703, 16_384]
