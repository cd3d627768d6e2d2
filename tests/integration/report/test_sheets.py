"""Contents of single sheets: figures of the plan, units, number formats, texts and page setup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import openpyxl
import pandas as pd
import pytest
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from ccs_model.inputs import Inputs
from ccs_model.plan.merit_order import DETAILS
from ccs_model.plan.plan import Plan
from ccs_model.problem.owner_accounts import OWN_SERIES, Damages
from ccs_model.report.workbook.columns import CELL_CLASSES, dash_format, number_format, quantities
from ccs_model.report.workbook.economics_sheet import covering_range, published_ranges, ranges_of
from ccs_model.report.workbook.printed_pages import A3, A4, UPRIGHT_A3, max_page_pixels
from ccs_model.units import unit_of, unit_text
from tests.integration.report.conftest import read_back
from tests.integration.report.reading import headings, main_ref, main_table, row_that_starts, texts


def test_cover_shows_answer_status_checks_and_cell_classes(book: Workbook) -> None:
    every = texts(book["Cover"])
    assert "Which works, and when?" in every
    assert any("the plan retrofits" in text and "kt/y" in text for text in every)
    for sheet in ("Cover", "Summary"):
        assert any(text.startswith("The answer describes the plan as solved.") for text in texts(book[sheet]))
    assert any("; no plan avoids more than" in text for text in every)
    assert any(text.startswith("All ") and text.endswith("checks hold.") for text in every)
    assert {kind.letter for kind in CELL_CLASSES} <= set(every)


def test_sheets_link_to_the_previous_and_next_visible_sheet(book: Workbook) -> None:
    shown = [sheet for sheet in book if sheet.sheet_state == "visible"]
    assert {sheet.title for sheet in book} - {sheet.title for sheet in shown} == {"Frontier", "Uncertainty"}
    for before, sheet, after in zip([None, *shown[1:-1]], shown[1:], [*shown[2:], None], strict=True):
        found = [cell.value for cell in sheet[2][:5]]
        assert found[0] == "back to Cover"
        assert found[2] == (f"← {before.title}" if before else None), sheet.title
        assert found[4] == (f"{after.title} →" if after else None), sheet.title
    tabs = {sheet.title: sheet.sheet_properties.tabColor.rgb for sheet in book}
    assert tabs["Cover"] == tabs["Summary"] != tabs["Inputs"] == tabs["Plants"] != tabs["MACC"] != tabs["Checks"]


def columns_of_retrofits(plan: Plan) -> list[str]:
    """Columns of sheet Retrofits; the components of annual cost are on sheet Economics."""
    return [name for name in plan.retrofits if name not in (*DETAILS, "site_share")]


def test_retrofits_sheet_lists_the_plan_and_its_totals(plan: Plan, book: Workbook) -> None:
    sheet, names = book["Retrofits"], columns_of_retrofits(plan)
    rows = main_table(sheet)
    assert [row[0].value for row in rows] == list(plan.retrofits["plant"])
    total = dict(zip(names, row_that_starts(sheet, "Total"), strict=False))
    for name, value in plan.totals.items():
        if name in total:
            assert total[name].value == pytest.approx(value, rel=1e-12), name


def test_numbers_of_retrofits_sheet_have_the_format_of_their_unit(plan: Plan, book: Workbook) -> None:
    sheet = book["Retrofits"]
    units = sheet[sheet[main_ref(sheet).split(":")[0]].row - 1]
    n_numbers = 0
    for at, name in enumerate(columns_of_retrofits(plan)):
        assert (units[at].value or "") == unit_text(name, "CNY", 2024)
        for row in main_table(sheet):
            if row[at].data_type == "n" and row[at].value is not None:
                n_numbers += 1
                unit = unit_of(name)
                expected = unit.number_format if unit else number_format(name, row[at].value)
                assert row[at].number_format == dash_format(expected), name
    assert n_numbers >= 15 * len(plan.retrofits)


def test_sheets_have_frozen_panes_filters_repeated_headings_and_a_page_setup(book: Workbook) -> None:
    for name in (
        "Plants", "Technologies", "Transport", "Storage", "Retrofits", "Economics", "Checks", "Sources", "Assumptions",
    ):  # fmt: skip
        sheet = book[name]
        assert sheet.freeze_panes, name
        assert main_ref(sheet) and not sheet.auto_filter.ref, name
        # The headings of a short table would be repeated above other tables with different columns.
        alone = name in ("Plants", "Retrofits", "Assumptions")
        assert bool(sheet.print_title_rows) == (alone or len(main_table(sheet)) > 26), name
    for sheet in book:
        is_upright = sheet.page_setup.orientation == "portrait"
        assert is_upright == (sheet.title == "Cover") or sheet.title in LONG, sheet.title
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        # Wide sheets are printed on A3, and sheets that are too wide for A3 on several pages.
        paper, areas = sheet.page_setup.paperSize, printed_ranges(sheet)
        further = [area for area in areas if area[0] > 1]
        assert bool(further) == (sheet.title in DIVIDED), sheet.title
        assert bool(sheet.print_title_cols) == bool(further), sheet.title
        widths, n_repeated = digits(sheet), 1 + str(sheet.print_title_cols).count("B") if further else 0
        pixels = [
            sum(
                7 * width + 5 for at, width in widths.items() if first <= at <= last or (first > 1 and at <= n_repeated)
            )
            for first, _, last, _ in areas
        ]
        # Text of 10 points is printed at 6 points or more, on A4 if that is wide enough and otherwise on A3. A long
        # sheet is printed on portrait A3, which is as wide as landscape A4.
        large = UPRIGHT_A3 if is_upright and sheet.title in LONG else A3
        assert max(pixels) <= max_page_pixels(A4 if paper == A4.number else large), sheet.title
        assert (paper == A4.number) == (max(pixels) <= max_page_pixels(A4) and large is A3), sheet.title
        assert paper == A4.number or sheet.title not in ("Cover", "Summary", "Checks", "RunLog")
        # Each part is a separate print area as wide as a page, so running text of the first part is not split.
        assert all(top > 2 for _, top, _, _ in further), sheet.title
        assert (sheet.page_setup.fitToWidth or 1) == 1, sheet.title
        assert sheet.oddFooter.left.text == "&A"
        assert sheet.oddFooter.center.text.startswith("large-works-of-shanxi-")


LONG = {"MACC", "Storage"}
DIVIDED = {"Plants", "Retrofits", "Economics"}


def printed_ranges(sheet: Worksheet) -> list[tuple[int, int, int, int]]:
    """Print ranges as first column, first row, last column and last row."""
    found = re.findall(r"\$([A-Z]+)\$(\d+):\$([A-Z]+)\$(\d+)", str(sheet.print_area))
    whole_sheet = [("A", "1", get_column_letter(max(digits(sheet))), str(sheet.max_row))]
    return [
        (column_index_from_string(a), int(b), column_index_from_string(c), int(d))
        for a, b, c, d in found or whole_sheet
    ]


def digits(sheet: Worksheet) -> dict[int, int]:
    """Widths of the columns in digits, by column number."""
    return {
        at: round(each.width - 0.71)
        for each in sheet.column_dimensions.values()
        for at in range(each.min, each.max + 1)
    }


def test_cost_components_of_economics_sheet_add_up(plan: Plan, book: Workbook) -> None:
    sheet = book["Economics"]
    labels = headings(sheet)
    at = {text: labels.index(text) for text in labels if text}
    parts = [
        "Capture capital", "Capture fixed O&M", "Consumables", "Heat", "Capture power",
        "Pipe capital", "Pipe fixed O&M", "Booster power", "Storage capital", "Storage O&M", "Storage",
    ]  # fmt: skip
    for row in main_table(sheet):
        cost = sum(row[at[part]].value for part in parts)
        assert row[at["Cost, total"]].value == pytest.approx(cost, rel=1e-12)
        avoided = row[at["Avoided"]].value
        assert row[at["Avoidance cost"]].value == pytest.approx(cost * 1000 / avoided, rel=1e-9)
        assert row[at["Capture cost against the range"]].value in ("inside", "below", "above", "no band")


@pytest.mark.slow
def test_plan_in_another_currency_is_not_compared_with_published_ranges(plan: Plan, tmp_path: Path) -> None:
    dollars = replace(plan, problem=replace(plan.problem, currency="USD"))
    every = texts(read_back(dollars, tmp_path)["Economics"])
    assert "Capture cost against the range" not in every
    assert any("are not compared with a plan in USD" in text for text in every)


def test_published_ranges_apply_to_their_sectors_and_streams(inputs: Inputs) -> None:
    ranges = {each.covers: each for each in published_ranges(inputs)}
    steel = ranges["steel plants"]
    assert covering_range(published_ranges(inputs), "steel", "flue_gas", "") == steel
    assert (
        covering_range(published_ranges(inputs), "chemicals", "product_grade", "coal")
        == ranges["pure streams of coal chemicals"]
    )
    assert covering_range(published_ranges(inputs), "chemicals", "tail_gas", "coal") is None
    assert covering_range(published_ranges(inputs), "chemicals", "product_grade", "natural_gas") is None
    assert [steel.place(cost) for cost in (347.9, 348.0, 560.0, 560.1)] == ["below", "inside", "inside", "above"]
    assert [each.covers for each in ranges_of(inputs, ["steel", "cement"])] == [
        "steel plants", "pure streams of coal chemicals", "cement works",
    ]  # fmt: skip
    # The anchors of the pilot zones cite the same ranges for steel and pure streams.
    anchors = inputs["pilots/anchors"].query("reference == 'CAPTURE-RANGES'")[["sector", "low_per_t", "high_per_t"]]
    quoted = inputs["costs/capture_ranges"].query("sector in ('steel', 'chemicals')")[anchors.columns]
    assert anchors.values.tolist() == quoted.values.tolist()


def test_every_plant_is_eligible_or_has_a_reason_why_not(plan: Plan, book: Workbook) -> None:
    rows = main_table(book["Plants"])
    assert len(rows) == len(plan.problem.plants)
    labels = headings(book["Plants"])
    may, why = labels.index("Eligible"), labels.index("Reason not eligible")
    assert all((row[may].value == "yes") != bool(row[why].value) for row in rows)


def test_totals_are_declared_quantities_and_shown_on_summary_sheet(plan: Plan, book: Workbook) -> None:
    assert set(plan.totals) <= {name for name, each in quantities().items() if each["total"]}
    captured = row_that_starts(book["Summary"], "Captured")[1].value
    assert captured == pytest.approx(plan.totals["captured_ktpa"], rel=1e-12)
    assert row_that_starts(book["Summary"], "Budget")[2].value == "million CNY 2024"


@pytest.mark.slow
def test_key_figures_that_depend_on_inputs_are_formulas(plan: Plan, tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(plan.to_excel(tmp_path / "plan.xlsx"))["Summary"]
    formulas = {
        label: str(row_that_starts(sheet, label)[1].value)
        for label in (
            "Storage cost", "NPV", "NPV without other profits", "Owners' break-even carbon price",
            "Value at the market price", "Net value at the market price",
        )
    }  # fmt: skip
    assert all(text.startswith("=") for text in formulas.values()), formulas
    # This figure is not computed from other cells and is empty at edited inputs.
    assert "inputs_changed=0" in formulas["NPV without other profits"]


def test_static_workbook_has_no_words_on_periods_or_the_horizon(static_plan: Plan, tmp_path: Path) -> None:
    book = read_back(static_plan, tmp_path)
    for name in ("Summary", "Transport", "Storage", "Economics", "CashFlow"):
        wrong = [text for text in texts(book[name]) if re.search("horizon|last period|By period|decision year", text)]
        assert not wrong, name
    assert "Stored over the site's life of 30 years" in set(texts(book["Storage"]))
    # Without accounts only the cost with its sign turned is left of the owners' figures.
    labels = [str(row[0].value) for row in book["Summary"].iter_rows() if row[0].value]
    assert "NPV" in labels and not {"NPV without salvage value", "Owners' carbon revenue"} & set(labels)


def test_damages_of_an_own_path_name_no_series(plan: Plan, tmp_path: Path) -> None:
    accounts = plan.problem.accounts
    path = np.full(len(plan.problem.calendar), 300.0)
    damages = Damages(OWN_SERIES, dict.fromkeys(_ENDS, path), dict.fromkeys(_ENDS, 0.08), "CNY", 2024, 1.0)
    problem = replace(plan.problem, accounts=replace(accounts, damages=damages))
    totals = {**plan.totals, **dict.fromkeys(_OF_DAMAGES, 5.0)}
    sheet = read_back(replace(plan, problem=problem, totals=totals), tmp_path)["Summary"]
    assert row_that_starts(sheet, "Damage avoided")[6].value.endswith("at the social discount rate")
    assert "low end of the series" not in texts(sheet)


def test_calibration_sheet_without_a_report_has_no_column_for_it(plan: Plan, tmp_path: Path) -> None:
    zones = plan.zones.assign(zone="Bavaria", reported_abatement_share=np.nan)
    observed = plan.problem.inputs["pilots/observations"]
    tables = {**plan.problem.inputs.tables, "pilots/observations": observed.iloc[:0]}
    inputs = replace(plan.problem.inputs, tables=MappingProxyType(tables))
    book = read_back(replace(plan, zones=zones, problem=replace(plan.problem, inputs=inputs)), tmp_path)
    assert "Reported" not in texts(book["Calibration"])
    assert not any("Sheet Calibration gives the evidence" in text for text in texts(book["Summary"]))
    assert not any("pilot zones" in text for text in texts(book["Cover"]))


def test_series_sheet_states_which_tonnes_earn_the_carbon_price(book: Workbook) -> None:
    row = row_that_starts(book["Series"], "Carbon price earned per tonne of on-site abatement")
    assert "only in years in which the market covers the sector" in row[5].value


_ENDS = ("central", "low", "high")
_OF_DAMAGES = (
    "damage_avoided_mn", "damage_avoided_low_mn", "damage_avoided_high_mn", "net_benefit_mn", "benefit_cost_ratio",
)  # fmt: skip
_WITH_NOTES = ("IRR of the project", "Payback period")


def test_notes_explain_when_the_irr_is_unique_and_that_payback_counts_salvage_value(book: Workbook) -> None:
    rate, years = (row_that_starts(book["CashFlow"], label)[6].value for label in _WITH_NOTES)
    assert "or its cumulative sum, changes sign once" in rate
    assert "counts salvage value" in years


def test_payback_periods_have_one_decimal(book: Workbook) -> None:
    for label in ("Payback period", "Discounted payback period"):
        assert row_that_starts(book["CashFlow"], label)[3].number_format == "0.0"


@pytest.mark.slow
def test_summary_sheet_starts_with_key_figures_and_no_page_break_splits_a_chart(plan: Plan, tmp_path: Path) -> None:
    # openpyxl keeps charts only where it reads formulas.
    sheet = openpyxl.load_workbook(plan.to_excel(tmp_path / "plan.xlsx"))["Summary"]
    anchors = [chart.anchor for chart in sheet._charts]
    assert len(anchors) == 4
    assert row_that_starts(sheet, "Key figures (last period unless stated otherwise)")[0].row <= 7
    last = row_that_starts(sheet, "Net value at the market price")[0].row
    # Charts are below the key figures, cover no text and contain no page break.
    starts = {each.id + 1 for each in sheet.row_breaks.brk}
    for anchor in anchors:
        covered = range(anchor._from.row + 1, anchor.to.row + 2)
        assert covered.start > last
        assert not any(cell.value for row in covered for cell in sheet[row])
        assert not starts & set(covered[1:])


def test_inputs_sheet_states_the_origin_of_each_value(book: Workbook) -> None:
    given = row_that_starts(book["Inputs"], "budget.total_mn")
    assert [cell.value for cell in given[1:6]] == [
        3000, None, "million CNY 2024", "I", "given in Python"
    ]  # fmt: skip
    assert row_that_starts(book["Inputs"], "budget.cumulative_mn.2026")[1].value == 3000
    assert row_that_starts(book["Inputs"], "transport.detour_factor")[5].value == "default"


@pytest.mark.slow
def test_checks_sheet_states_results_as_text_and_colour(plan: Plan, tmp_path: Path) -> None:
    checks = plan.checks.copy()
    checks.loc[0, ["holds", "actual", "figure"]] = [False, 1.0, 1.0]
    book = read_back(replace(plan, checks=checks), tmp_path)
    rows = main_table(book["Checks"])
    assert [row[1].value for row in rows] == ["does not hold", *["holds"] * (len(rows) - 1)]
    assert len(rows) >= max(20, len(checks) + 5)
    # The colour depends on the text of the cell, so it also follows edits.
    rules = {rule.operator: rule.formula for each in book["Checks"].conditional_formatting for rule in each.rules}
    assert rules["equal"] == rules["notEqual"] == ['"does not hold"']
    assert any(text.startswith("1 of ") for text in texts(book["Cover"]))


def tables_without_unused_sectors(plan: Plan) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables of the plan without rows on sectors and oil fields that the plan does not have."""
    tables = plan.problem.inputs.tables
    profiles = tables["streams/source_sectors"]
    assert tables["plants/sources"].empty
    for name, table in tables.items():
        if name == "streams/utilisation":
            yield name, table[~table["product"].isin(profiles["product"])]
        elif name == "policy/ets" or name.startswith("streams/source_"):
            yield name, table[~table["sector"].isin(profiles["sector"])]
        elif name == "storage/factors":
            yield name, table[~table["factor"].str.startswith("oil_")]
        elif name not in ("storage/oil_fields", "prices/oil"):
            yield name, table


def test_every_reference_in_use_is_listed_with_its_tables(plan: Plan, book: Workbook) -> None:
    rows = {row[0].value: row[5].value for row in main_table(book["Sources"])}
    for name, table in tables_without_unused_sectors(plan):
        if name != "references" and "reference" in table:
            for reference in set(table["reference"]):
                assert name in rows[reference]
    assert any("Global Energy Monitor" in text and "CC BY 4.0" in text for text in texts(book["Sources"]))


def test_every_assumed_row_is_counted(plan: Plan, book: Workbook) -> None:
    counted: dict[str, int] = {}
    for row in main_table(book["Assumptions"]):
        counted[row[0].value] = counted.get(row[0].value, 0) + row[5].value
    for name, table in tables_without_unused_sectors(plan):
        if "quality" in table:
            assumed = int((table["quality"] == "assumed").sum())
            if "assumed_columns" in table:
                assumed += int(((table["assumed_columns"] != "") & (table["quality"] != "assumed")).sum())
            assert counted.get(name, 0) == assumed, name


def test_run_log_holds_the_hash_of_every_table(plan: Plan, book: Workbook) -> None:
    every = texts(book["RunLog"])
    assert set(plan.problem.inputs.sha256.values()) <= set(every)
    assert "scenario.resolved.yaml" in every


@pytest.mark.slow
def test_empty_plan_states_why_nothing_is_built(empty_plan: Plan, tmp_path: Path) -> None:
    book = read_back(empty_plan, tmp_path)
    for name in ("Cover", "Retrofits", "Economics"):
        assert any("Nothing is built because the budget is 0" in text for text in texts(book[name])), name
    assert row_that_starts(book["Summary"], "Capture cost")[1].value is None


def test_sheets_state_why_each_plant_is_in_or_out_and_what_would_change_it(plan: Plan, book: Workbook) -> None:
    rows = main_table(book["Retrofits"])
    assert all(row[-2].value.startswith("in: ") and row[-1].value for row in rows)
    # The cost in the reason is that of the retrofit for plants with a single retrofit.
    alone = plan.retrofits.drop_duplicates("plant", keep=False).set_index("plant")["avoidance_cost_per_t"]
    cost = {row[0].value: int(row[-2].value.split()[1].replace(",", "")) for row in rows}
    for plant, per_t in alone.items():
        assert cost[plant] == round(per_t)
    plants = main_table(book["Plants"])
    labels = headings(book["Plants"])
    at = labels.index("Why the plant is in or out")
    assert all(row[at].value and row[at + 1].value for row in plants)
    reasons_out = {row[0].value: row[at : at + 2] for row in plants if str(row[at].value).startswith("out: ")}
    candidates = plan.problem.plants.loc[plan.problem.plants["is_candidate"], "plant"]
    assert set(reasons_out) == set(plan.problem.plants["plant"]) - set(plan.retrofits["plant"])
    compared = set(candidates) & set(reasons_out)
    assert compared
    highest_cost = max(cost.values())
    for plant in compared:
        why, change = (str(cell.value) for cell in reasons_out[plant])
        own_cost = int(why.split()[1].replace(",", ""))
        if change.startswith("a cost lower by "):
            assert own_cost - int(change.split()[4].replace(",", "")) == pytest.approx(highest_cost, abs=1.5)
        else:
            assert own_cost <= highest_cost and change.startswith("another constraint than cost per tonne")


def test_data_sheet_prints_only_its_first_25_rows(book: Workbook) -> None:
    sheet = book["Data"]
    rows = main_table(sheet)
    assert len(rows) > 500
    last = sheet.print_area.split("$")[-1]
    assert int(last) == rows[24][0].row
    assert any("the first 25 rows are printed" in text for text in texts(sheet))


@pytest.mark.slow
def test_run_log_lists_warnings_without_folder_paths(plan: Plan, tmp_path: Path) -> None:
    warned = replace(plan, warnings=("/home/me/s.yaml:3: fund gift can pay for nothing", "the search: stopped early"))
    every = texts(read_back(warned, tmp_path)["RunLog"])
    assert {"Warnings", "s.yaml:3: fund gift can pay for nothing", "the search: stopped early"} <= set(every)
    assert "Warnings" not in texts(read_back(replace(plan, warnings=()), tmp_path)["RunLog"])
