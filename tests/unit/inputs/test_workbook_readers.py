"""The quick and the careful reader of workbooks give the same cells."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ccs_model.inputs import excel_reader as workbook_grids
from ccs_model.inputs.cells import CoveredCell, ErrorValue, Percent, UncomputedFormula
from ccs_model.inputs.excel_reader import careful_sheets, has_quick_reader, inspect_workbook, quick_sheets

HEADER = ["plant", "name", "amount"]
needs_quick_reader = pytest.mark.skipif(not has_quick_reader(), reason="python-calamine is not installed (extra fast)")


def book(path: Path, *rows: list[Any], change: Callable[[Any], None] | None = None) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.title = "steel"
    for row in (HEADER, *rows):
        workbook.active.append(row)
    if change is not None:
        change(workbook.active)
    workbook.save(path / "b.xlsx")
    return (path / "b.xlsx").read_bytes()


CELLS = {
    "an integer": 5000,
    "a number": 0.25,
    "a large number": 1e300,
    "a small number": 1.5e-7,
    "a negative number": -3.0,
    "text": "  text ",
    "a number as text": "0012",
    "spaces": "   ",
    "an empty cell": None,
    "true": True,
    "false": False,
    "a date": datetime.date(2026, 1, 2),
    "a date and time": datetime.datetime(2026, 1, 2, 3, 4, 5),
    "a time": datetime.time(3, 4, 5),
    "Chinese": "石家庄",
    "two lines": "a\nb",
    "non-breaking spaces": "\u00a05\u00a0",
}


@needs_quick_reader
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_both_readers_give_the_same_cells(tmp_path: Path, cell: object) -> None:
    raw = book(tmp_path, ["M1", cell, 1], [], ["M2", 2, cell, "", "beyond"])
    assert inspect_workbook(raw).is_plain
    from_quick, from_careful = (
        [(sheet.title, [list(row) for row in sheet.rows]) for sheet in read(raw)]
        for read in (quick_sheets, careful_sheets)
    )

    def without_trailing_blanks(rows: list[list[object]]) -> list[list[object]]:
        for row in rows:
            while row and row[-1] is None:
                row.pop()
        return rows

    assert [title for title, _ in from_quick] == [title for title, _ in from_careful] == ["steel"]
    quick_rows, careful_rows = without_trailing_blanks(from_quick[0][1]), without_trailing_blanks(from_careful[0][1])
    assert quick_rows == careful_rows
    assert [[type(value) for value in row] for row in quick_rows] == [
        [type(value) for value in row] for row in careful_rows
    ]


@needs_quick_reader
@pytest.mark.parametrize("is_quick", [True, False])
def test_a_grid_is_the_same_with_and_without_the_quick_reader(
    tmp_path: Path, is_quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_grids, "has_quick_reader", lambda: is_quick)
    raw = book(tmp_path, ["M1", "Works", 5000.0], [None, None, None], ["M2", 7, 0.5])
    grid = workbook_grids.workbook_grids(raw, "b.xlsx").sheets["steel"]
    assert grid.header == tuple(HEADER) and grid.header_line == 1
    assert grid.rows == ((2, ("M1", "Works", 5000)), (4, ("M2", 7, 0.5)))


def formula(sheet: Any) -> None:
    sheet["C2"] = "=1+1"


def error(sheet: Any) -> None:
    sheet["C2"].value, sheet["C2"].data_type = "#REF!", "e"


def merged(sheet: Any) -> None:
    sheet.merge_cells("C2:C3")


def percent(sheet: Any) -> None:
    sheet["C2"].value, sheet["C2"].number_format = 0.9, "0.0%"


@pytest.mark.parametrize(
    ("change", "row", "kind"),
    [(formula, 0, UncomputedFormula), (error, 0, ErrorValue), (merged, 1, CoveredCell), (percent, 0, Percent)],
)
@pytest.mark.parametrize("is_quick", [True, False])
def test_special_cells_are_left_to_the_careful_reader(
    tmp_path: Path, change: Callable[[Any], None], row: int, kind: type, is_quick: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(workbook_grids, "has_quick_reader", lambda: is_quick)
    raw = book(tmp_path, ["M1", "Works", 1], ["M2", "Works", None], change=change)
    assert not inspect_workbook(raw).is_plain
    grid = workbook_grids.workbook_grids(raw, "b.xlsx").sheets["steel"]
    assert isinstance(grid.rows[row][1][2], kind)


@pytest.mark.parametrize("place", ["XFD1", "A1048576"])
def test_workbook_with_a_cell_at_the_sheet_limit_is_not_plain(tmp_path: Path, place: str) -> None:
    def set_cell(sheet: Any) -> None:
        sheet[place] = 1

    assert not inspect_workbook(book(tmp_path, ["M1", "Works", 1], change=set_cell)).is_plain
