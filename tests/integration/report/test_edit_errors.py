"""Errors for invalid edits of a workbook, reported at their cells, and for files that are not the workbook of a run."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from openpyxl.cell import Cell
from openpyxl.workbook import Workbook

from ccs_model.errors import InputError
from ccs_model.paths import data_folder
from ccs_model.report.workbook.edited_workbook import read_edited_workbook
from ccs_model.report.workbook.solver_fingerprints import Fingerprints, changed_cells
from ccs_model.report.workbook.workbook import infeasible_workbook
from tests.integration.report.editing import (
    SCENARIO,
    cells,
    edited,
    first_result,
    new_value,
    plant,
    run,
    set_more,
    set_named,
)

pytestmark = pytest.mark.slow


# Each group lists edits whose errors are reported together: in cells, in scenario values or in tables.
ERRORS: tuple[dict[str, tuple[Callable[[Workbook], object], str]], ...] = (
    {
        "Inputs!D10": (set_named("discount_rate", "=0.05+0.01"),
                       "holds a formula without a stored value, expected a value (type its value"),
        "Inputs!D13": (set_named("depreciation_yr", date(2026, 5, 30)), "is a date, expected a number from 1 to 60"),
        "Inputs!D11": (set_named("social_discount_rate", 8), "expected a number from 0 to 0.5, got 8 (8 % is 0.08)"),
        "Inputs!D14": (set_named("budget_mn", "much"), "expected a number from 0 to 1e+09, got 'much'"),
        "Plants!D": (lambda book: setattr(plant(book, "MEOH_22"), "value", "build"),
                     "'build' is no decision on a plant (expected require, exclude, from YEAR or require from YEAR)"),
        "Storage!C": (set_named("site_use", "perhaps"), "expected yes or no"),
        "Inputs!B": (lambda book: (set_named("tax_share", 0.2)(book), set_more("finance.tax_share", 0.3)(book)),
                     "finance.tax_share is already changed at Inputs!D12"),
        "Plants!I": (lambda book: setattr(plant(book, "MEOH_22").offset(column=5), "value", 3000),
                     "is 3000.0, which is not what was solved with: the cell is not an input of the workbook"),
        "Retrofits!": (lambda book: setattr(first_result(book), "value", 2031), "only shaded cells can be edited"),
    },
    {
        "Inputs!D18": (set_named("capex_factor", 0), "costs.capex_factor: expected"),
        "Inputs!B": (set_more("solver.mip_gp", 0.1), "solver.mip_gp: unknown key"),
        # A value without a scenario key of its own, reported together with errors of the scenario.
        "Inputs!D2": (set_named("first_year", 2028), "is 2028, which is not what was solved with (2026)"),
    },
    {
        "Inputs!D16": (set_named("carbon_price_factor", 2),
                       "multiplies the carbon price, and the scenario has none (restore 1, or type the carbon"),
        "Inputs!D17": (set_named("social_cost_factor", 2),
                       "multiplies the social cost of carbon, and the scenario has none (restore 1"),
        "Inputs!C": (lambda book: setattr(new_value(book, "years"), "value", "statik"),
                     "expected years or static, got 'statik' (such as 2026, 2030, 2035)"),
        # A formula without a stored value is one error.
        "Inputs!B": (set_more("solver.seed", "=1+1"), "holds a formula without a stored value"),
        "Storage!C": (set_named("site_use", "=A1"), "holds a formula without a stored value"),
    },
    {"Inputs!C": (lambda book: setattr(new_value(book, "years"), "value", "static"),
                  "budget.cumulative_mn.2026: no period starts in 2026")},
    {
        "Inputs!D14": (set_named("budget_mn", 9e8), "is implausible"),
        "Inputs!C": (lambda book: setattr(new_value(book, "storage.sites"), "value", "[Ordoss]"),
                     "site or basin 'Ordoss' is not in the tables (did you mean 'Ordos'?)"),
    },
    {
        "Inputs!D21": (set_named("oil_factor", 2),
                       "multiplies payments of oil fields, and the scenario has none (restore 1, or give key storage."),
        "Inputs!D22": (set_named("subsidy_factor", 2),
                       "multiplies policy payments per tonne, and the scenario has none (restore 1, or give key"),
    },
    {"Plants!D": (set_named("plant_decisions", "require"), "cannot be retrofitted: below the smallest size")},
    {"Storage!C": (lambda book: [setattr(cell, "value", "no") for cell in cells(book, "site_use")],
                   "no storage site is left")},
    {
        "Storage!D": (lambda book: setattr(cells(book, "site_use")[0].offset(column=1), "value", "no"),
                      "is 'no', which is not the value of the solved plan: only shaded cells are inputs"),
        "Plants!E": (lambda book: setattr(plant(book, "MEOH_22").offset(column=1), "value", "exclude"),
                     "is 'exclude', which is not what was solved with"),
        "Series!": (lambda book: setattr(cells(book, "carbon_price_solved")[0], "value", 99),
                    "is 99.0, which is not the value of the solved plan"),
    },
    {
        "Inputs!B": (set_more("budget.cumulative_mn.2031", "1.500"),
                     "'1.500' is text whose points may separate thousands (type the number: 1500 or 1.5)"),
        "Inputs!A": (lambda book: setattr(cells(book, "more_keys")[-1].offset(row=1), "value", "risk"),
                     "is below the rows for further keys and would be ignored"),
        "Plants!A": (lambda book: setattr(cells(book, "plant_ids")[-1].offset(row=3), "value", "NEW"),
                     "is below the table of plants and would be ignored"),
        "Storage!B": (lambda book: setattr(book["Storage"].cell(book["Storage"].max_row + 2, 2), "value", "My site"),
                      "is below the table of sites and would be ignored"),
        "Plants!D": (lambda book: setattr(plant(book, "MEOH_22"), "value", 2031),
                     "'2031' is no decision on a plant (expected require, exclude, from YEAR or require from YEAR)"),
    },
)  # fmt: skip


@pytest.mark.parametrize("errors", ERRORS)
def test_invalid_edit_is_reported_at_its_cell(
    solved_run: Path, tmp_path: Path, errors: dict[str, tuple[Callable[[Workbook], object], str]]
) -> None:
    book = edited(
        solved_run / "plan.xlsx", tmp_path / "bad.xlsx", lambda book: [edit(book) for edit, _ in errors.values()]
    )
    error = run("check", book).exception
    assert isinstance(error, InputError)
    assert len(error.issues) == len(errors), error
    for cell, (_, what) in errors.items():
        assert any(f"bad.xlsx:{cell}" in str(issue) and what in str(issue) for issue in error.issues), (what, error)


def test_edits_of_cells_that_are_not_inputs_are_reported(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        new_value(book, "budget.cumulative_mn.2026").offset(column=-1).value = 1_000  # column Value
        *_, formula = (cell for row in book["CashFlow"].iter_rows() for cell in row if cell.data_type == "f")
        formula.value = 999
        capex = book["Technologies"]["E8"]
        assert isinstance(capex.value, int | float)
        capex.value += 1

    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "bad.xlsx", edit)).exception
    assert isinstance(error, InputError)
    found = [str(issue) for issue in error.issues]
    assert sorted(each.split("!")[0].split(":")[-1] for each in found) == ["CashFlow", "Inputs", "Technologies"], found
    assert all("which is not what the run wrote: only shaded cells can be edited" in each for each in found)


@pytest.mark.parametrize(("sheet", "address"), [("Summary", "B11"), ("Summary", "E11"), ("Retrofits", "P9")])
def test_edit_of_a_calculated_figure_is_reported_at_its_cell(
    solved_run: Path, tmp_path: Path, sheet: str, address: str
) -> None:
    def edit(book: Workbook) -> None:
        assert isinstance(book[sheet][address].value, int | float)
        book[sheet][address].value += 1

    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "bad.xlsx", edit)).exception
    assert isinstance(error, InputError)
    (issue,) = error.issues
    assert issue.where.endswith(f"bad.xlsx:{sheet}!{address}") and "only shaded cells can be edited" in issue.what


# Sheets with inputs, with the plant selector (CashFlow) or with the author (Cover).
UNLOCKED = {"Cover", "Inputs", "Series", "Plants", "Storage", "CashFlow"}


def test_only_inputs_plant_selector_and_author_are_unlocked(solved_run: Path) -> None:
    book = openpyxl.load_workbook(solved_run / "plan.xlsx")
    assert all(sheet.protection.sheet for sheet in book)
    unlocked = [(sheet.title, cell) for sheet in book for row in sheet.iter_rows() for cell in row
                if not cell.protection.locked]  # fmt: skip
    assert {sheet for sheet, _ in unlocked} == UNLOCKED
    assert not [cell for _, cell in unlocked if cell.data_type == "f"]
    assert sum(sheet in ("Cover", "CashFlow") for sheet, _ in unlocked) == 2


def formula_cells(book: Workbook, sheet: str) -> list[Cell]:
    return [cell for row in book[sheet].iter_rows() for cell in row if cell.data_type == "f"]


def test_replaced_or_deleted_formulas_are_reported(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        formula_cells(book, "Summary")[4].value = "=1+1"
        formula_cells(book, "CashFlow")[-1].value = None
        formula_cells(book, "Checks")[0].value = '="All checks hold."'
        # The last cell of a shared formula.
        formula_cells(book, "MACC")[-1].value = "=$B$1"

    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "bad.xlsx", edit)).exception
    assert isinstance(error, InputError)
    found = {str(issue.where).split("!")[0].split(":")[-1]: issue.what for issue in error.issues}
    assert set(found) == {"Summary", "CashFlow", "Checks", "MACC"} and len(error.issues) == 4, error
    assert found["Summary"].startswith("holds the formula =1+1, which is not what the run wrote: only shaded cells")
    assert found["CashFlow"].startswith("is empty, which is not what the run wrote")


def test_replaced_formulas_of_a_sheet_are_one_issue(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        for cell in formula_cells(book, "MACC"):
            cell.value = "=1"

    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "bad.xlsx", edit)).exception
    assert isinstance(error, InputError)
    (issue,) = error.issues
    assert "cells of sheet MACC are not what the run wrote" in issue.what


def test_deleted_row_is_one_issue(solved_run: Path, tmp_path: Path) -> None:
    moved = edited(solved_run / "plan.xlsx", tmp_path / "moved.xlsx", lambda book: book["Plants"].delete_rows(12))
    error = run("check", moved).exception
    assert isinstance(error, InputError)
    (issue,) = error.issues
    assert "moved.xlsx:Plants!" in issue.where and "was a row inserted, deleted or sorted?" in issue.hint


@pytest.mark.parametrize(("value", "hint"), [("8%", "type 0.08"), ("0.08", "format it as a number and type it again")])
def test_number_entered_as_text_has_a_hint_what_to_type(
    solved_run: Path, tmp_path: Path, value: str, hint: str
) -> None:
    book = edited(solved_run / "plan.xlsx", tmp_path / "text.xlsx", set_named("discount_rate", value))
    error = run("check", book).exception
    assert isinstance(error, InputError) and hint in error.issues[0].hint


def with_part(source: Path, to: Path, part: str, change: Callable[[str], str]) -> Path:
    """A copy of a workbook with one of its XML parts changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            raw = old.read(name)
            new.writestr(name, change(raw.decode()).encode() if name == part else raw)
    return to


@pytest.mark.parametrize(
    ("part", "old", "new", "what"),
    [
        ("xl/workbook.xml", r"<definedNames>.*</definedNames>", "", "ccs-model did not write this workbook"),
        ("xl/workbook.xml", '"_read_workbook_format"', '"other"', "an older version of ccs-model wrote this workbook"),
        ("xl/workbook.xml", '"_read_plant_ids"', '"other"', "its defined name plant_ids is missing or damaged"),
        ("xl/sharedStrings.xml", "ccs-model/workbook/1", "ccs-model/workbook/0", "has the older format"),
        ("xl/sharedStrings.xml", r"mip_gap: 0  # five\.yaml:8", "mip_gap: x", "solver.mip_gap: expected a number"),
    ],
)
def test_foreign_outdated_or_damaged_workbook_is_reported(
    solved_run: Path, tmp_path: Path, part: str, old: str, new: str, what: str
) -> None:
    book = with_part(
        solved_run / "plan.xlsx", tmp_path / "b.xlsx", part, lambda text: re.sub(old, new, text, flags=re.S)
    )
    assert what in str(run("check", book).exception)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda book: book.remove(book["Series"]),
         "sheet Series is missing, so that edits of its inputs cannot be read (take"),
        (lambda book: book.remove(book["Retrofits"]),
         "sheet Retrofits is missing, so that its results cannot be compared with those of the run (take"),
        (lambda book: setattr(book["Plants"], "title", "Works"),
         "(if it is now called Works, rename it; otherwise take the workbook"),
    ],
)  # fmt: skip
def test_a_missing_sheet_is_the_only_error(
    solved_run: Path, tmp_path: Path, edit: Callable[[Workbook], object], what: str
) -> None:
    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", edit)).exception
    assert isinstance(error, InputError) and len(error.issues) == 1
    assert what in str(error)


@pytest.mark.parametrize(("down", "right"), [(2, 0), (0, 1)])
def test_merged_decisions_are_one_error(solved_run: Path, tmp_path: Path, down: int, right: int) -> None:
    def edit(book: Workbook) -> None:
        first = plant(book, "MEOH_22")
        first.value = "exclude"
        row, column = first.row, first.column
        book["Plants"].merge_cells(start_row=row, end_row=row + down, start_column=column, end_column=column + right)

    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", edit)).exception
    assert isinstance(error, InputError)
    (issue,) = error.issues
    assert "b.xlsx:Plants!D" in issue.where and "only the first of them keeps its value" in issue.what
    assert issue.hint == "unmerge them and fill in each cell by itself"


def test_a_missing_sheet_without_inputs_is_a_notice(solved_run: Path, tmp_path: Path) -> None:
    book = edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", lambda book: book.remove(book["Assumptions"]))
    (notice,) = read_edited_workbook(book).notices
    assert notice.endswith("b.xlsx: sheet Assumptions, which holds no inputs, is missing; the next plan has it")


def test_workbook_of_an_infeasible_scenario_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    path.write_bytes(infeasible_workbook(["targets.abatement_share: 0.9 is out of reach"], "Five plants"))
    assert "holds no plan, because the scenario is infeasible (change the scenario" in str(run("check", path).exception)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (r"(_read_plant_ids\">)[^<]*", r"\1Plants!$A$1:$XFD$1048576", "covers too many cells"),
        (r"(_read_plant_ids\">)[^<]*", r"\1#REF!", "its defined name plant_ids is missing or damaged"),
        (r"(_read_plant_ids\">)[^<]*", r"\1Plants!$A$1:$A$2", "differ in length"),
        (r"(_read_scenario_text\">)[^<]*", r"\1RunLog!$A$1:$E$9", "its defined name scenario_text is damaged"),
        (r"(_read_solver_fingerprints\">)[^<]*", r"\1Plants!$A$10:$D$12", "fingerprints of solver results are damaged"),
    ],
)
def test_defined_names_with_wrong_ranges_are_reported(
    solved_run: Path, tmp_path: Path, old: str, new: str, what: str
) -> None:
    source, changed = solved_run / "plan.xlsx", tmp_path / "b.xlsx"
    book = with_part(source, changed, "xl/workbook.xml", lambda text: re.sub(old, new, text))
    error = run("check", book).exception
    assert isinstance(error, InputError) and what in str(error), error


def test_files_that_are_not_workbooks_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "b.xlsx"
    for raw, what in ((b"", "is empty"), (b"PK\x03\x04 and no more", "damaged"), (b"name: x", "expected .xlsx")):
        path.write_bytes(raw)
        assert what in str(run("check", path).exception)


def test_missing_own_tables_beside_the_workbook_are_reported(solved_run: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "tables/prices").mkdir(parents=True)
    shutil.copy(data_folder() / "prices/power.csv", home / "tables/prices")
    (home / "s.yaml").write_text(SCENARIO + "data: tables\n", encoding="utf-8")
    assert run("optimize", home / "s.yaml", "--out", home / "run", "-q").exit_code == 0
    assert run("check", home / "run/plan.xlsx").exit_code == 0
    mailed = Path(shutil.copy(home / "run/plan.xlsx", tmp_path / "mailed.xlsx"))
    error = str(run("check", mailed).exception)
    assert "mailed.xlsx:RunLog: the plan was solved with your own file own/tables, which is not at" in error
    assert str(tmp_path / "own/tables") in error and "copy the folder own of the run folder" in error


def test_changed_own_tables_beside_the_workbook_are_reported(solved_run: Path, tmp_path: Path) -> None:
    shutil.copy(data_folder() / "plants/chemicals.csv", tmp_path / "inv.csv")
    (tmp_path / "tables/prices").mkdir(parents=True)
    power = (data_folder() / "prices/power.csv").read_text(encoding="utf-8")
    (tmp_path / "tables/prices/power.csv").write_text(power.replace("0.3644", "0.3645", 1), encoding="utf-8")
    text = SCENARIO.replace("[chemicals]", "[inv.csv]") + "data: tables\n"
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    assert run("optimize", tmp_path / "s.yaml", "--out", tmp_path / "run", "-q").exit_code == 0
    assert "have changed" not in run("check", tmp_path / "run/plan.xlsx").output
    for name in ("inv.csv", "tables/prices/power.csv"):
        path = tmp_path / "run/own" / name
        path.write_text(path.read_text(encoding="utf-8").replace("0.3645", "0.3646") + "\n", encoding="utf-8")
    answer = run("check", tmp_path / "run/plan.xlsx")
    found = " ".join(answer.output.split())
    assert answer.exit_code == 0, answer.output
    assert "have changed since plan.xlsx: own/inv.csv, own/tables/prices/power.csv" in found


def fingerprint_rows(values: dict[tuple[int, int], float | str]) -> list[tuple[str, str, str, str]]:
    fingerprints = Fingerprints()
    for (row, column), value in values.items():
        fingerprints.record("S", row, column, value)
    return [(each["sheet"], each["rows"], each["columns"], each["signs"]) for each in fingerprints.rows()]


def test_fingerprints_ignore_rounding_and_detect_any_other_change() -> None:
    values: dict[tuple[int, int], float | str] = {
        (row, column): row / 7 + column for row in range(40) for column in (1, 4)
    }
    values[3, 2] = "amine"
    recorded = fingerprint_rows(values)

    def detected(changed: dict[tuple[int, int], float | str]) -> list[tuple[str, int, int]]:
        cells_now = {("S", row + 1, column + 1): value for (row, column), value in (values | changed).items()}
        return list(changed_cells(recorded, cells_now, {}))

    assert detected({}) == []
    assert detected({place: value * (1 + 1e-15) for place, value in values.items() if isinstance(value, float)}) == []
    assert detected({(5, 4): values[5, 4] + 1e-6}) == [("S", 6, 5)]  # type: ignore[operator]
    assert detected({(3, 2): "mea"}) == [("S", 4, 3)]


def test_infeasible_workbook_is_translated_to_chinese(tmp_path: Path) -> None:
    conflicts = [
        "spending_within_budget: the budget is 10.0 million CNY; 12.5 million CNY would restore feasibility "
        "(budget.total_mn)",
        "wells_need_an_open_site: too few wells; these limits suffice: qinshui: 9 in place of 3 (n_wells_max, "
        "storage.sites); and stored_within_capacity: the sites are too small; these limits suffice: qinshui: 900 kt in "
        "place of 300 kt (storage.capacity_kt, storage.capacity, storage.max_fill_share)",
    ]
    path = tmp_path / "plan.xlsx"
    path.write_bytes(infeasible_workbook(conflicts, "Five plants", "zh"))
    rows = list(openpyxl.load_workbook(path)["Infeasible"].iter_rows(min_row=5, values_only=True))
    assert rows[0] == ("支出不超过总预算", "预算为 10.0 百万元；增至 12.5 百万元可恢复可行（budget.total_mn）")
    assert "千吨，原为 300 千吨" in rows[1][1] and "suffice" not in rows[1][1]
