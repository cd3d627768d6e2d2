"""Native tables of the workbook: names, headings, ranges and XML parts."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pandas as pd
import pytest
from openpyxl.utils import range_boundaries
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from ccs_model.plan.plan import Plan
from ccs_model.report.workbook import workbook
from ccs_model.report.workbook.columns import CELL_CLASSES, declared_columns, declared_rows, quantities
from ccs_model.report.workbook.workbook import workbook_bytes
from tests.integration.report.conftest import read_back

# Sheets whose main table has the name of the sheet.
MAIN = (
    "Series", "Plants", "Technologies", "Transport", "Storage", "Retrofits", "Economics", "MACC", "Checks", "Data",
    "Sources", "Assumptions",
)  # fmt: skip
NAME = re.compile(r"[A-Za-z][A-Za-z_]*_table")
_MAIN_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

Box = tuple[int, int, int, int]


def boxes(sheet: Worksheet) -> Iterator[tuple[str, Box]]:
    """Name of every table with its first column, first row, last column, last row."""
    for table in sheet.tables.values():
        yield table.displayName, range_boundaries(table.ref)


def overlap(one: Box, other: Box) -> bool:
    """Whether two ranges have a cell in common."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def n_rows(plan: Plan) -> dict[str, int]:
    """Number of rows of some tables, from the plan."""
    return {
        "Plants_table": len(plan.problem.plants),
        "Retrofits_table": len(plan.retrofits),
        "Economics_table": len(plan.retrofits),
        "Technologies_table": len(plan.problem.inputs["technologies/technologies"]),
        "CashFlow_plants_table": plan.retrofits["plant"].nunique(),
        "Summary_periods_table": len(plan.by_year),
        "Summary_emissions_table": plan.emissions.drop_duplicates(["province", "sector"]).shape[0],
    }


@pytest.fixture(scope="session", params=["own", "shared"])
def plan_and_book(request: pytest.FixtureRequest) -> tuple[Plan, Workbook]:
    names = {"own": ("plan", "book"), "shared": ("shared_plan", "shared_book")}[request.param]
    plan, book = (request.getfixturevalue(name) for name in names)
    return plan, book


def test_names_of_tables_are_unique(plan_and_book: tuple[Plan, Workbook]) -> None:
    _, book = plan_and_book
    names = [name for sheet in book for name, _ in boxes(sheet)]
    assert {f"{sheet}_table" for sheet in MAIN} <= set(names)
    assert len(names) >= 25
    assert all(NAME.fullmatch(name) for name in names)
    taken = [*names, *book.defined_names]
    assert len({name.casefold() for name in taken}) == len(taken)


def test_range_of_a_table_covers_exactly_its_headings_and_rows(plan_and_book: tuple[Plan, Workbook]) -> None:
    plan, book = plan_and_book
    expected, seen = n_rows(plan), 0
    for sheet in book:
        for name, (left, head, right, last) in boxes(sheet):
            if name in expected:
                assert last - head == expected[name], name
                seen += 1
            assert last > head, name
            first_cells = [sheet.cell(row, left).value for row in range(head + 1, last + 1)]
            assert all(value is not None for value in first_cells), name
            assert not {"Total", "Sum"} & set(first_cells), name
            # Only totals or running text may follow below the table, and no column to its right.
            below = [sheet.cell(last + 1, column).value for column in (left, left + 1)]
            assert below[0] in ("Total", "Sum") or below[1] is None, name
            assert sheet.cell(head, right + 1).value is None, name
    assert seen == len(expected)


def test_headings_of_a_table_are_unique_and_match_the_text_of_the_cells(plan_and_book: tuple[Plan, Workbook]) -> None:
    for sheet in plan_and_book[1]:
        for table in sheet.tables.values():
            left, head, right, _ = range_boundaries(table.ref)
            cells = [sheet.cell(head, column) for column in range(left, right + 1)]
            assert [cell.data_type for cell in cells] == ["s"] * len(cells), table.displayName
            headings = [cell.value for cell in cells]
            assert headings == [column.name for column in table.tableColumns], table.displayName
            assert len({each.casefold() for each in headings}) == len(headings), table.displayName


def test_tables_do_not_overlap_other_tables_merged_cells_or_sheet_filters(plan_and_book: tuple[Plan, Workbook]) -> None:
    for sheet in plan_and_book[1]:
        found = list(boxes(sheet))
        for at, (name, box) in enumerate(found):
            assert not [other for other, there in found[at + 1 :] if overlap(box, there)], name
            assert not [str(each) for each in sheet.merged_cells.ranges if overlap(box, each.bounds)], name
        assert not (found and sheet.auto_filter.ref), sheet.title
        # One table per sheet has a filter, because filters of several tables would hide each other's rows.
        assert sum(table.autoFilter is not None for table in sheet.tables.values()) <= 1, sheet.title


@pytest.mark.slow
def test_pandas_reads_the_numbers_of_a_table(plan: Plan, tmp_path: Path) -> None:
    path = plan.to_excel(tmp_path / "plan.xlsx")
    sheet = openpyxl.load_workbook(path)["Retrofits"]
    _, head, right, last = range_boundaries(sheet.tables["Retrofits_table"].ref)
    frame = pd.read_excel(
        path, sheet_name="Retrofits", header=head - 1, nrows=last - head, usecols=range(right), engine="openpyxl"
    )
    assert list(frame["Plant"]) == list(plan.retrofits["plant"])
    for heading, name in (("Captured", "captured_ktpa"), ("Avoided", "avoided_ktpa"), ("Capex", "capex_mn")):
        assert pd.api.types.is_float_dtype(frame[heading]), heading
        assert list(frame[heading]) == pytest.approx(list(plan.retrofits[name]), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["zh", "both"])
def test_names_and_ranges_of_tables_do_not_depend_on_language(
    plan: Plan, book: Workbook, lang: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan.xlsx"
    path.write_bytes(workbook_bytes(plan, lang=lang))
    other = openpyxl.load_workbook(path)
    for sheet in book:
        assert list(boxes(sheet)) == list(boxes(other[sheet.title])), sheet.title
        for table in other[sheet.title].tables.values():
            left, head, right, _ = range_boundaries(table.ref)
            headings = [other[sheet.title].cell(head, column).value for column in range(left, right + 1)]
            assert headings == [column.name for column in table.tableColumns]
            assert len({each.casefold() for each in headings}) == len(headings), table.displayName


@pytest.mark.slow
def test_table_parts_are_referenced_by_sheets_and_content_types(plan: Plan, tmp_path: Path) -> None:
    path = plan.to_excel(tmp_path / "plan.xlsx")
    with zipfile.ZipFile(path) as archive:
        parts = [name for name in archive.namelist() if name.startswith("xl/tables/")]
        types = archive.read("[Content_Types].xml").decode()
        roots = [ElementTree.fromstring(archive.read(name)) for name in parts]
        n_referenced = sum(
            len(ElementTree.fromstring(archive.read(name)).findall(f"{_MAIN_NS}tableParts/{_MAIN_NS}tablePart"))
            for name in archive.namelist()
            if name.startswith("xl/worksheets/sheet")
        )
    assert len(parts) == n_referenced >= 25
    assert all(f'/{name}"' in types for name in parts)
    ids = [root.attrib["id"] for root in roots]
    assert len(set(ids)) == len(ids)
    for root in roots:
        assert "totalsRowCount" not in root.attrib and not root.findall(f".//{_MAIN_NS}calculatedColumnFormula")


@pytest.mark.slow
def test_an_empty_plan_has_no_empty_table(empty_plan: Plan, tmp_path: Path) -> None:
    book = read_back(empty_plan, tmp_path)
    names = [name for sheet in book for name, _ in boxes(sheet)]
    assert "Plants_table" in names and "Retrofits_table" not in names
    assert all(last > head for sheet in book for _, (_, head, _, last) in boxes(sheet))


def test_every_declared_column_belongs_to_a_table_that_a_sheet_writes() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(workbook.__file__).parent.glob("*.py"))
    for table, columns in declared_columns().items():
        names = [column.name for column in columns]
        assert len(names) == len(set(names)), table
        assert f'"{table}"' in sources, table
    assert {row["class"] for row in declared_rows("columns.csv")} <= {"row", "words", *(k.name for k in CELL_CLASSES)}
    assert all(each["heading"] or each["total"] or each["term"] for each in quantities().values())
