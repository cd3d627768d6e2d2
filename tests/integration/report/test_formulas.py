"""Formulas of the workbook: allowed functions, consistency along rows and columns, stored values and templates."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from openpyxl.utils import column_index_from_string
from openpyxl.workbook import Workbook

from ccs_model.errors import CcsModelError
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.book import FastWorksheet, FilledFormula
from ccs_model.report.workbook.columns import declared_rows
from ccs_model.report.workbook.formulas import FUNCTIONS, TableRange, resolve_template
from tests.integration.report.reading import main_ref
from tests.integration.report.recalculation import formula_cells

_REFERENCE = re.compile(r"(?<![A-Za-z_])(\$?)([A-Z]{1,3})(\$?)(\d+)(?![A-Za-z_(\d])")
_CALL = re.compile(r"([A-Z][A-Z.]*)\(")


@pytest.fixture(scope="session")
def path(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plan.to_excel(tmp_path_factory.mktemp("formulas") / "plan.xlsx")


@pytest.fixture(scope="session")
def cells(path: Path) -> list[tuple[str, str, str]]:
    return list(formula_cells(path))


def test_formulas_call_only_allowed_functions(cells: list[tuple[str, str, str]]) -> None:
    allowed = {
        "SUM", "SUMIFS", "COUNTIF", "SUMPRODUCT", "INDEX", "MATCH", "SMALL", "IF", "IFERROR", "AND", "OR", "MIN",
        "MAX", "NPV", "IRR", "PMT", "ROUND", "TEXT",
    }  # fmt: skip
    assert set(FUNCTIONS) == allowed
    called = {name for _, _, text in cells for name in _CALL.findall(re.sub(r'"[^"]*"', "", text))}
    assert called <= allowed
    assert {"SUMIFS", "SUMPRODUCT", "INDEX", "MATCH", "IRR", "PMT", "COUNTIF"} <= called


def test_formulas_have_at_most_120_characters(cells: list[tuple[str, str, str]]) -> None:
    assert [each for each in cells if len(each[2]) > 120] == []


def test_workbook_has_no_external_links_macros_or_array_formulas(path: Path, cells: list[tuple[str, str, str]]) -> None:
    assert not [text for _, _, text in cells if "[" in re.sub(r'"[^"]*"', "", text)]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert not [name for name in names if "externalLink" in name or "vba" in name.lower()]
        sheets = [archive.read(name).decode() for name in names if name.startswith("xl/worksheets/sheet")]
    assert not [text for text in sheets if 't="array"' in text or "_xlfn" in text or "_xludf" in text]


def r1c1_text(text: str, address: str) -> str:
    """The formula in R1C1 notation, which is the same in every cell that the formula is copied to."""
    match = re.fullmatch(r"([A-Z]+)(\d+)", address)
    assert match is not None
    column, row = column_index_from_string(match[1]), int(match[2])

    def r1c1_reference(found: re.Match[str]) -> str:
        there_column, there_row = column_index_from_string(found[2]), int(found[4])
        across = f"C{there_column}" if found[1] else f"C[{there_column - column}]"
        down = f"R{there_row}" if found[3] else f"R[{there_row - row}]"
        return down + across

    return _REFERENCE.sub(r1c1_reference, text)


def rows_of_years(cells: list[tuple[str, str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Addresses and formulas of each row, from the seventh column on, on sheets with one column per year."""
    by_row: dict[tuple[str, int], list[tuple[int, str, str]]] = {}
    for sheet, address, text in cells:
        if sheet in ("CashFlow", "Series"):
            match = re.fullmatch(r"([A-Z]+)(\d+)", address)
            assert match is not None
            column = column_index_from_string(match[1])
            if column > 6:
                by_row.setdefault((sheet, int(match[2])), []).append((column, address, text))
    for row in by_row.values():
        yield [(address, text) for _, address, text in sorted(row)]


def test_a_row_of_years_holds_one_formula(plan: Plan, cells: list[tuple[str, str, str]]) -> None:
    n_years = len(plan.problem.calendar) + 1
    year_rows = [row for row in rows_of_years(cells) if len(row) == n_years]
    assert len(year_rows) > 80
    for row in year_rows:
        assert len({r1c1_text(text, address) for address, text in row}) == 1, row[0]


def test_a_column_of_a_table_holds_one_formula(book: Workbook, cells: list[tuple[str, str, str]]) -> None:
    for sheet, more_than in (("Economics", 20), ("MACC", 2), ("CashFlow", 9)):
        above, below = (book[sheet][each].row for each in main_ref(book[sheet]).split(":"))
        columns: dict[str, set[str]] = {}
        for name, address, text in cells:
            letter, row = re.fullmatch(r"([A-Z]+)(\d+)", address).groups()  # type: ignore[union-attr]
            if name == sheet and above < int(row) <= below:
                columns.setdefault(letter, set()).add(r1c1_text(text, address))
        # The slots of the chart are beside the list, in the same rows.
        assert all(len(each) == 1 for each in columns.values()), sheet
        assert len(columns) >= more_than, sheet


def test_every_formula_has_a_stored_value(path: Path, cells: list[tuple[str, str, str]]) -> None:
    book = openpyxl.load_workbook(path, data_only=True)
    assert len(cells) > 2_000
    without = [each for each in cells if book[each[0]][each[1]].value is None]
    # A formula without a stored value is one that may return empty text.
    assert all('""' in text for _, _, text in without)


def test_pandas_reads_the_net_cash_flow(plan: Plan, path: Path) -> None:
    frame = pd.read_excel(path, sheet_name="CashFlow", header=None, engine="openpyxl")
    net = frame[frame[0] == "Net cash flow of the owners"].iloc[0, 6:].dropna().astype(float)
    assert plan.owner_cashflow is not None
    expected = plan.owner_cashflow.groupby("year")["net_mn"].sum()
    assert list(net) == pytest.approx(list(expected), rel=1e-12)


def test_inputs_are_named_unlocked_and_bounded(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    assert 20 <= len([name for name in book.defined_names if not name.startswith("_")]) <= 35
    for each in filter(lambda row: row["key"], declared_rows("named_inputs.csv")):
        sheet, address = book.defined_names[each["name"]].attr_text.split("!")
        cell = book[sheet][address]
        assert not cell.protection.locked
        rules = [rule for rule in book[sheet].data_validations.dataValidation if cell.coordinate in rule.sqref]
        assert [(float(rule.formula1), float(rule.formula2)) for rule in rules] == [
            (float(each["low"]), float(each["high"]))
        ]
    for page in book:
        assert page.protection.sheet and not page.protection.password
        # Empty sheets, which other commands fill, are hidden.
        is_empty = page.title in ("Frontier", "Uncertainty")
        assert page.sheet_state == ("hidden" if is_empty else "visible")


def test_plant_selector_lists_the_retrofitted_plants(plan: Plan, path: Path) -> None:
    book = openpyxl.load_workbook(path)
    sheet = book["CashFlow"]
    (rule,) = [each for each in sheet.data_validations.dataValidation if each.type == "list"]
    listed = [row[0].value for row in sheet[rule.formula1.lstrip("=").split("!")[-1].replace("$", "")]]
    assert listed == sorted(set(plan.retrofits["plant"]))


@pytest.mark.parametrize("template", ["=OFFSET({a},1,1)", "=INDIRECT(A1)", "=XLOOKUP(1,2,3)", "=[b.xlsx]S!A1", "1+1"])
def test_invalid_formula_template_is_rejected(template: str) -> None:
    with pytest.raises(CcsModelError, match="the formula"):
        resolve_template(template, TableRange("S", {"a": 0}, 0, 2, 3), 2, 0, {})


def test_placeholders_in_braces_resolve_to_cell_addresses() -> None:
    own = TableRange("S", {"a": 0, "b": 2, "y1": 3, "y2": 4}, 0, 9, 11, {"net": 9, "tax": 10}, (3, 4))
    other = TableRange("T", {"c": 1}, 0, 4, 5, {"total": 6})
    blocks = {"own": own, "other": other}
    formula = resolve_template(
        "={a}+{^b}+{@tax}+{<@net}+{@net:all}+{@tax.b}+{other!c}+{other!c@total}", own, 10, 4, blocks
    )
    assert formula == "=$A11+$C10+E$11+D$10+$D$10:$E$10+$C$11+T!$B$5:$B$6+T!$B$7"
    assert resolve_template("=SUM({own!:col})", own, 10, 3, blocks) == "=SUM(D$10:D$12)"


def test_filled_formula_is_stored_once_and_read_in_every_cell(tmp_path: Path) -> None:
    path = tmp_path / "filled.xlsx"
    with xlsxwriter.Workbook(path, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sheet", worksheet_class=FastWorksheet)
        down, across, single = (
            FilledFormula("$A1*A$9", 0, 1),
            FilledFormula("SUM($A2:B2)<9", 5, 1),
            FilledFormula("1+1", 7, 0),
        )
        for row in range(3):
            sheet.write_filled(row, 1, down, None, 0.5)
        for column in range(1, 4):
            sheet.write_filled(5, column, across, None, "yes")
        sheet.write_filled(7, 0, single, None, 2.0)
    xml = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r"<f[^>]*>(?:[^<]+</f>)?", xml) == [
        '<f t="shared" ref="B1:B3" si="0">$A1*A$9</f>', '<f t="shared" si="0"/>', '<f t="shared" si="0"/>',
        '<f t="shared" ref="B6:D6" si="1">SUM($A2:B2)&lt;9</f>', '<f t="shared" si="1"/>', '<f t="shared" si="1"/>',
        "<f>1+1</f>",
    ]  # fmt: skip
    found = openpyxl.load_workbook(path)["Sheet"]
    assert [found[f"B{row}"].value for row in (1, 2, 3)] == ["=$A1*A$9", "=$A2*A$9", "=$A3*A$9"]
    assert [found[f"{letter}6"].value for letter in "BCD"] == ["=SUM($A2:B2)<9", "=SUM($A2:C2)<9", "=SUM($A2:D2)<9"]


def test_formulas_with_references_to_other_sheets_are_not_shared(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
    shared = [text for part in parts for text in re.findall(r'<f t="shared" ref="[^"]+" si="\d+">([^<]+)</f>', part)]
    assert len(shared) > 50
    assert not [text for text in shared if "!" in text]
