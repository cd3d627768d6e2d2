"""The workbook as a whole: sheet order, deterministic bytes, and content that is not allowed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from ccs_model.errors import CcsModelError, FileError
from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook import workbook
from ccs_model.report.workbook.workbook import SHEETS, workbook_bytes, write_workbook

SHEET_ORDER = (
    "Cover", "Summary", "Inputs", "Series", "Plants", "Technologies", "Transport", "Storage", "Retrofits", "Economics",
    "CashFlow", "MACC", "Frontier", "Uncertainty", "Calibration", "Checks", "Data", "Sources", "Assumptions", "RunLog",
)  # fmt: skip
MIN_CELLS = {
    "Cover": 60, "Summary": 250, "Inputs": 350, "Series": 100, "CashFlow": 1000, "Data": 1000,
    "Plants": 500, "Technologies": 100, "Transport": 80, "Storage": 150,
    "Retrofits": 150, "Economics": 150, "MACC": 1000, "Checks": 60, "Sources": 150, "Assumptions": 100, "RunLog": 60,
}  # fmt: skip
HOSTILE = ("=cmd|'/c calc'!A1", "+1", "@x", "-2+3", "http://example.org", "12", "炼钢厂 🏭", "a\tb")


def test_sheets_are_in_the_specified_order(book: Workbook) -> None:
    assert tuple(book.sheetnames) == SHEET_ORDER
    assert tuple(page.name for page in SHEETS) == SHEET_ORDER


def test_every_sheet_has_its_minimum_number_of_cells(book: Workbook) -> None:
    for sheet in book:
        filled = sum(cell.value is not None for row in sheet.iter_rows() for cell in row)
        assert filled >= MIN_CELLS.get(sheet.title, 3), sheet.title


def test_sheets_filled_by_other_commands_name_the_command(book: Workbook) -> None:
    for name, command in (("Frontier", "ccs-model frontier"), ("Uncertainty", "ccs-model montecarlo")):
        assert command in book[name]["A3"].value


@pytest.mark.slow
def test_the_same_plan_gives_the_same_bytes(plan: Plan, tmp_path: Path) -> None:
    first = write_workbook(plan, tmp_path / "a.xlsx").read_bytes()
    again = write_workbook(plan, tmp_path / "b.xlsx").read_bytes()
    assert first == again


@pytest.mark.slow
def test_order_of_rows_in_inventories_does_not_change_the_workbook(
    inputs: Inputs, with_tables: Callable[..., Inputs], solved: Callable[..., Plan]
) -> None:
    named = [name for name in inputs.tables if name.startswith("plants/")]
    shuffled = {name: inputs[name].sample(frac=1, random_state=5).reset_index(drop=True) for name in named}
    first, again = (workbook_bytes(solved(tables=with_tables(frames))) for frames in ({}, shuffled))
    assert first == again


def test_cells_contain_no_errors_and_no_non_finite_numbers(book: Workbook) -> None:
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n"), (sheet.title, cell.coordinate, cell.value)
                assert not isinstance(cell.value, float) or math.isfinite(cell.value)


def test_hyperlinks_lead_only_to_sheets_of_the_workbook(book: Workbook) -> None:
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.hyperlink is not None:
                    assert cell.hyperlink.target is None
                    assert cell.hyperlink.location.split("!")[0].strip("'") in SHEET_ORDER
    assert {cell.hyperlink.location for row in book["Cover"].iter_rows() for cell in row if cell.hyperlink} == {
        f"'{sheet.title}'!A1" for sheet in book if sheet.sheet_state == "visible"
    }


def with_names(plan: Plan, names: tuple[str, ...]) -> Plan:
    """The plan with its first plants and retrofits renamed."""
    plants, retrofits = plan.problem.plants.copy(), plan.retrofits.copy()
    for table in (plants, retrofits):
        rows = table.index[: len(names)]
        table.loc[rows, "name"] = list(names[: len(rows)])
    return replace(plan, problem=replace(plan.problem, plants=plants), retrofits=retrofits)


@pytest.mark.slow
def test_text_of_inventories_is_written_as_text(plan: Plan, tmp_path: Path) -> None:
    path = write_workbook(with_names(plan, HOSTILE), tmp_path / "plan.xlsx")
    found = {}
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows():
            found |= {(sheet.title, cell.value): cell for cell in row if cell.value in HOSTILE}
    for name in HOSTILE:
        cell = found["Plants", name]
        assert cell.data_type == "s"
        assert cell.hyperlink is None
        assert bool(cell.style and cell.quotePrefix) == name.startswith(("=", "+", "-", "@"))


@pytest.mark.slow
def test_long_text_is_truncated_to_the_limit_of_a_cell(plan: Plan, tmp_path: Path) -> None:
    path = write_workbook(with_names(plan, ("🏭" * 40_000,)), tmp_path / "plan.xlsx")
    longest = max(len(cell.value or "") for cell in openpyxl.load_workbook(path)["Plants"]["B"])
    assert 16_000 < longest <= 16_384


@pytest.mark.parametrize("name", ["a\x00b", "a\x07b", "a\ud800b", "a\uffffb"])
def test_character_that_is_invalid_in_workbooks_is_rejected(plan: Plan, name: str) -> None:
    with pytest.raises(CcsModelError, match=r"sheet \w+, row \d+, name: holds the character U\+"):
        workbook_bytes(with_names(plan, (name,)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_missing_or_infinite_result_is_rejected(plan: Plan, value: float, tmp_path: Path) -> None:
    retrofits = plan.retrofits.copy()
    retrofits.loc[0, "captured_ktpa"] = value
    with pytest.raises(CcsModelError, match="sheet Retrofits"):
        write_workbook(replace(plan, retrofits=retrofits), tmp_path / "plan.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_old_workbook(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.xlsx"
    path.write_bytes(b"old")

    def failing_replace(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(workbook.Path, "replace", failing_replace)
    with pytest.raises(FileError, match=r"plan\.xlsx: cannot be written"):
        write_workbook(plan, path)
    assert [each.name for each in tmp_path.iterdir()] == ["plan.xlsx"]
    assert path.read_bytes() == b"old"


def test_workbook_contains_no_local_path(plan: Plan, book: Workbook) -> None:
    every = " ".join(
        str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)
    )
    assert str(Path(workbook.__file__).parents[2]) not in every
    assert "/tmp/" not in every
