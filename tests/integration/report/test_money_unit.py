"""The money unit of a Chinese workbook (百万元 or 亿元), and chart titles that state figures of the plan."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from ccs_model.plan.plan import Plan
from ccs_model.report.language import chinese_text, yuan_text
from ccs_model.report.workbook.book import HUNDRED_MILLIONS, MILLIONS, rectangles
from ccs_model.report.workbook.workbook import workbook_bytes
from tests.integration.report.recalculation import MISSING


@pytest.fixture(scope="module")
def raw(shared_plan: Plan) -> bytes:
    return workbook_bytes(shared_plan, lang="zh")


@pytest.fixture(scope="module")
def chinese_book(raw: bytes) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(raw))


def money_unit_cells(book: Workbook) -> dict[str, set[tuple[int, int]]]:
    """Cells of each sheet whose format depends on the unit of money."""
    found: dict[str, set[tuple[int, int]]] = {}
    for sheet in book:
        cells: set[tuple[int, int]] = set()
        for formats in sheet.conditional_formatting:
            if any("money_unit" in formula for rule in formats.rules for formula in rule.formula):
                for area in formats.sqref.ranges:
                    cells |= {*area.cells}
        found[sheet.title] = cells
    return found


def test_chinese_money_is_in_yuan() -> None:
    for text, expected in (
        ("投资 11,999 百万 CNY 2024，预算 12,000", "投资 11,999 百万元（2024年价），预算 12,000"),
        ("减排成本 294 CNY 2024/t。", "减排成本 294 元/吨（2024年价）。"),
        ("净现值，million CNY 2024", "净现值，百万元（2024年价）"),
        ("百万 CNY 2024/年", "百万元/年（2024年价）"),
        ("千吨/百万 CNY 2024", "千吨/百万元（2024年价）"),
        ("CNY 2024/(t/年)", "元/(t/年)（2024年价）"),
        ("CNY/吨捕集", "元/吨捕集"),
        ("百万 USD 2024", "百万 USD 2024"),
        ("价值 1,182 百万 CNY 2024；扣除后为 -12 百万。", "价值 1,182 百万元（2024年价）；扣除后为 -12 百万元。"),
        ("单位成本 747 CNY 2024/t，每年 51.0 百万吨", "单位成本 747 元/吨（2024年价），每年 51.0 百万吨"),
        ("9 百万 USD 2024，即 63 百万 CNY 2024；余 1 百万", "9 百万 USD 2024，即 63 百万元（2024年价）；余 1 百万"),
    ):
        assert yuan_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The net present values count 1,370 million CNY 2024, before tax, for assets that outlive the horizon.",
        "over the horizon; re-planned with 100 million CNY 2024 more, all decisions free",
        "in a year; re-planned with 100 million CNY 2024 more, all decisions free",
        "At the price path of the carbon market (62 CNY 2024 per t) the tonnes avoided are worth 9 million CNY 2024; "
        "net of resource cost -12 million.",
    ],
)
def test_every_amount_in_a_chinese_sentence_is_in_yuan(text: str) -> None:
    found = chinese_text(text)
    assert found is not None and found.count("百万") == found.count("百万元") > 0


def test_rectangles_cover_exactly_the_given_cells() -> None:
    cells = [(1, 1), (2, 1), (1, 2), (2, 2), (4, 2), (1, 4), (2, 3)]
    found = rectangles(cells)
    covered = [
        (row, at) for top, left, down, right in found for row in range(top, down + 1) for at in range(left, right + 1)
    ]
    assert sorted(covered) == sorted(cells)
    assert (1, 1, 2, 2) in found and len(found) == 4


@pytest.mark.slow
def test_only_the_chinese_cover_offers_a_choice_of_money_unit(chinese_book: Workbook, shared_plan: Plan) -> None:
    sheet, address = "Cover", chinese_book.defined_names["money_unit"].attr_text.split("!")[1].replace("$", "")
    cell = chinese_book[sheet][address]
    assert cell.value == MILLIONS and not cell.protection.locked
    (rule,) = (each for each in chinese_book[sheet].data_validations.dataValidation if address in each.sqref)
    assert rule.formula1 == f'"{MILLIONS},{HUNDRED_MILLIONS}"'
    for lang in ("en", "both"):
        assert (
            "money_unit" not in openpyxl.load_workbook(io.BytesIO(workbook_bytes(shared_plan, lang=lang))).defined_names
        )


def test_amounts_and_their_unit_labels_follow_the_money_unit(chinese_book: Workbook) -> None:
    cells = money_unit_cells(chinese_book)
    assert not cells["Inputs"] and not cells["Data"]
    assert all(cells[name] for name in ("Cover", "Summary", "Transport", "Storage", "Retrofits", "CashFlow", "MACC"))
    for name, chosen in cells.items():
        sheet = chinese_book[name]
        for row, at in chosen:
            value = sheet.cell(row, at).value
            assert not isinstance(value, str) or value.startswith("="), (name, row, at, value)
        # A unit label in the row of an amount is that of the amount or of a column below. It is a formula: LibreOffice
        # saves a text of wide and narrow letters in parts, which take no number format.
        for row in {row for row, _ in chosen}:
            assert not [cell for cell in sheet[row] if str(cell.value).startswith(MILLIONS)], (name, row)
        labels = [cell.value for row in sheet.iter_rows() for cell in row if "money_unit" in str(cell.value)]
        assert bool(labels) == bool(chosen)
        for label in labels:
            _, chosen_text, _, text, _ = label.removeprefix('=IF(money_unit="亿元",').split('"')
            assert (chosen_text, text[:3]) == (text.replace(MILLIONS, HUNDRED_MILLIONS), MILLIONS)


def test_rows_above_charts_have_heights_of_their_own(chinese_book: Workbook) -> None:
    """Otherwise LibreOffice makes rows of Chinese text taller and leaves the charts across a page break."""
    sheet = chinese_book["Summary"]
    last = max(chart.anchor._from.row for chart in sheet._charts)
    rows = range(1, last + 1)
    wide = {row for row in rows if any(re.search("[\u4e00-\u9fff]", str(cell.value)) for cell in sheet[row])}
    # The second row has the links to other sheets.
    assert len(wide) > 20 and {row for row in wide if not sheet.row_dimensions[row].height} <= {2}


@pytest.mark.office
def test_libreoffice_displays_amounts_in_the_selected_unit(
    chinese_book: Workbook, shared_plan: Plan, tmp_path: Path
) -> None:
    address = chinese_book.defined_names["money_unit"].attr_text.split("!")[1].replace("$", "")
    chinese_book["Cover"][address].value = HUNDRED_MILLIONS
    chinese_book.save(tmp_path / "plan.xlsx")
    if shutil.which("soffice") is None:
        pytest.skip(MISSING)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    convert = ["soffice", "--headless", profile, "--convert-to", "pdf", "--outdir", tmp_path, tmp_path / "plan.xlsx"]
    subprocess.run(convert, check=True, capture_output=True, timeout=300)
    text = subprocess.run(
        ["pdftotext", "-layout", "-f", "1", "-l", "1", tmp_path / "plan.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = (line.split() for line in text.splitlines() if HUNDRED_MILLIONS in line and "2024" in line)
    assert line[1] == f"{shared_plan.totals['capex_mn'] / 100:.2f}"


def test_chart_titles_are_sentences_that_state_figures(raw: bytes, shared_plan: Plan) -> None:
    def charts(data: bytes) -> str:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "".join(archive.read(name).decode() for name in archive.namelist() if "charts/chart" in name)

    invested = shared_plan.totals["capex_mn"]
    share = shared_plan.totals["capture_capex_mn"] / invested
    english = charts(workbook_bytes(shared_plan))
    assert f"Capture units take {share * 100:.0f} % of the {invested:,.0f} million CNY 2024 invested" in english
    assert f"捕集装置占 {share * 100:.0f} %，投资合计 {invested:,.0f} 百万元（2024年价）" in charts(raw)
    assert "<c:f>CashFlow!$B$" in english
    assert re.search("Cumulative cash flow of the owners ends at .*, undiscounted", english)
