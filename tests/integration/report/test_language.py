"""Workbook and page in English, Chinese and both: texts are translated, and figures and formulas do not change."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from openpyxl.workbook import Workbook

from ccs_model.cli import group
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import BINDING, records
from ccs_model.report.language import LANGUAGES, Language, chinese_text, labels
from ccs_model.report.page.analysis_sections import step_text
from ccs_model.report.page.html import PageLanguage
from ccs_model.report.page.page import page_text
from ccs_model.report.workbook.columns import Column, text_width, widest_word
from ccs_model.report.workbook.sheet import Sheet
from ccs_model.report.workbook.workbook import SHEETS, workbook_bytes
from ccs_model.runs.run_reader import run_of
from tests.integration.report.reading import texts
from tests.integration.report.recalculation import differences, formula_cells, recomputed


@pytest.fixture(scope="module")
def plans(plan: Plan, empty_plan: Plan, shared_plan: Plan, static_plan: Plan) -> Mapping[str, Plan]:
    return {"plain": plan, "empty": empty_plan, "shared": shared_plan, "static": static_plan}


@pytest.fixture(scope="module")
def books(shared_plan: Plan) -> Mapping[str, bytes]:
    return {lang: workbook_bytes(shared_plan, lang=lang) for lang in LANGUAGES}


def opened(raw: bytes, *, values: bool = False) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(raw), data_only=values)


def recorded_texts(plans: Mapping[str, Plan], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, set[str]]:
    """Every title, heading and unit that is passed to the sheet writer."""
    found: dict[str, set[str]] = {"label": set(), "unit": set()}
    for name in ("title", "section"):
        written = getattr(Sheet, name)

        def spy(sheet: Sheet, text: str, written=written) -> None:  # type: ignore[no-untyped-def]
            found["label"].add(text)
            written(sheet, text)

        monkeypatch.setattr(Sheet, name, spy)
    unit_of = Sheet._unit_of

    def heading(sheet: Sheet, column: Column) -> str:
        found["label"].add(column.heading)
        found["unit"].add(message := unit_of(sheet, column))
        return message

    monkeypatch.setattr(Sheet, "_unit_of", heading)
    for each in plans.values():
        workbook_bytes(each)
    return found


@pytest.mark.slow
def test_every_title_heading_and_unit_has_a_translation(
    plans: Mapping[str, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = recorded_texts(plans, monkeypatch)
    assert len(found["label"]) > 300
    headings = {text for text in found["label"] if not text.isdigit()}
    assert sorted(text for text in headings if chinese_text(text) is None) == []
    plain = {"", "GJ/t", "degrees"}
    money = {text for text in found["unit"] if text.startswith("CNY ")}
    assert sorted(text for text in found["unit"] - plain - money if chinese_text(text) is None) == []


@pytest.mark.slow
def test_labels_of_checks_key_figures_and_accounts_have_translations(books: Mapping[str, bytes]) -> None:
    book = opened(books["en"])
    start = next(cell for cell in book["Checks"]["A"] if cell.value == "Check").row + 2
    names = [cell.value for cell in book["Checks"]["A"][start:] if cell.value]
    assert len(names) >= 20
    assert [name for name in names if chinese_text(str(name)) is None] == []
    for sheet in ("Cover", "Checks", "CashFlow", "Summary"):
        reported = [cell.value for cell in opened(books["zh"])[sheet]["A"] if isinstance(cell.value, str)]
        assert sum(not text.isascii() for text in reported) > 8, sheet


@pytest.mark.slow
def test_sheet_names_formulas_numbers_and_plant_names_do_not_depend_on_language(books: Mapping[str, bytes]) -> None:
    for values in (False, True):
        english = opened(books["en"], values=values)
        for lang in ("zh", "both"):
            other = opened(books[lang], values=values)
            assert other.sheetnames == [page.name for page in SHEETS]
            # Only a Chinese workbook has the selector of the money unit, in extra rows on Cover.
            # The extra rows move the cell of the author.
            names, english_names = (
                {
                    name: each.value
                    for name, each in book.defined_names.items()
                    if name not in ("money_unit", "_read_author")
                }
                for book in (other, english)
            )
            assert names == english_names
            for sheet in english.worksheets[1:] if lang == "zh" else english:
                for row in sheet.iter_rows():
                    for cell in row:
                        there = other[sheet.title][cell.coordinate].value
                        is_text = isinstance(cell.value, str) and not re.match("=(?!.*TEXT)", cell.value)
                        assert is_text or there == cell.value, (lang, sheet.title, cell.coordinate)
    plants = {lang: [cell.value for cell in opened(raw)["Plants"]["B"]][9:] for lang, raw in books.items()}
    assert plants["en"] == plants["zh"] == plants["both"]
    data = {
        lang: [[cell.value for cell in row] for row in opened(raw)["Data"].iter_rows(5)] for lang, raw in books.items()
    }
    assert data["en"][3:] == data["zh"][3:]


@pytest.mark.slow
def test_chinese_replaces_english_and_both_shows_the_two_languages(books: Mapping[str, bytes]) -> None:
    assert opened(books["en"])["Retrofits"]["A1"].value == "Retrofits"
    assert opened(books["zh"])["Retrofits"]["A1"].value == "改造项目"
    assert opened(books["both"])["Retrofits"]["A1"].value == "Retrofits / 改造项目"
    cover = [cell.value for cell in opened(books["zh"])["Cover"]["A"] if cell.value]
    assert any("捕集改造" in str(text) and "家在运企业年排放" in str(text) for text in cover)
    shown = [str(cell.value) for cell in opened(books["zh"], values=True)["Cover"]["A"]]
    assert any(re.fullmatch(r"全部 \d+ 项校核均通过。", text) for text in shown)
    sides = {cell.value for cell in opened(books["zh"])["Summary"]["C"]}
    assert sides >= {"模型外部", "政府财政", "融资方", "避免的气候损害"}
    message = {lang: [cell.value for cell in opened(raw, values=True)["Summary"]["A"]] for lang, raw in books.items()}
    assert "输入与求解本方案时一致。" in message["zh"]
    assert "Inputs equal those of the solved plan." in message["en"]


@pytest.mark.slow
def test_headings_fit_their_columns(books: Mapping[str, bytes]) -> None:
    for lang in ("zh", "both"):
        sheet = opened(books[lang])["Retrofits"]
        head = next(row for row in sheet.iter_rows(max_row=8) if row[1].value and "名称" in str(row[1].value))
        height = sheet.row_dimensions[head[0].row].height
        for cell in head:
            # openpyxl groups adjacent columns of the same width.
            width = next(each.width for each in sheet.column_dimensions.values() if each.min <= cell.column <= each.max)
            assert widest_word(str(cell.value)) <= width, cell.value
            assert text_width(str(cell.value)) <= (width - 1) * (height / 13), cell.value


@pytest.mark.office
def test_libreoffice_computes_the_same_values_in_the_chinese_workbook(
    books: Mapping[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "zh.xlsx"
    path.write_bytes(books["zh"])
    (found,) = recomputed([path], tmp_path).values()
    difference, _ = differences(list(formula_cells(path)), opened(books["zh"], values=True), found)
    assert not difference, difference[:5]


@pytest.mark.slow
def test_workbook_is_deterministic_and_chinese_charts_are_translated(plan: Plan) -> None:
    assert workbook_bytes(plan, lang="zh") == workbook_bytes(plan, lang="zh")
    assert workbook_bytes(plan) == workbook_bytes(plan, lang="en")
    with zipfile.ZipFile(io.BytesIO(workbook_bytes(plan, lang="zh"))) as archive:
        charts = "".join(archive.read(name).decode() for name in archive.namelist() if "charts/" in name)
    assert "业主累计现金流" in charts and "Cumulative cash" not in charts


@pytest.mark.slow
def test_legends_classes_and_empty_values_are_translated(books: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(books["zh"])) as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
    names = {name for chart in charts for name in re.findall(r"<c:ser>.*?<c:tx><c:v>([^<]*)</c:v></c:tx>", chart)}
    assert not [name for name in names if name.isascii()]
    book = opened(books["zh"])
    shown = {cell.value for sheet in (book["Summary"], book["Inputs"]) for row in sheet.iter_rows() for cell in row}
    assert not shown & {"words", "(none)", "(none named)", "Base cost"}
    assert "（未指定）" in shown


def test_translated_text_patterns_keep_their_variable_parts() -> None:
    zh, both = Language("zh"), Language("both")
    assert zh.label("Flow from 2030") == "流量（自 2030 年）"
    assert both.label("Flow from 2030") == "Flow from 2030 / 流量（自 2030 年）"
    assert zh.sentence("Status: optimal. Said by nobody.") == "求解状态：最优。Said by nobody."
    assert both.sentence("Nothing is built.") == "Nothing is built.\n未建设任何项目。"
    assert Language().sentence("Nothing is built.") == "Nothing is built."
    assert zh.unit("million CNY 2024") == "百万元 (2024年价)" and both.unit("million CNY 2024") == "million CNY 2024"
    assert all(each.strip() for each in labels().exact.values())


@pytest.mark.slow
def test_sentences_of_the_page_are_translated_to_chinese(plan: Plan, tmp_path: Path) -> None:
    page = page_text(run_of(plan), lang="zh")
    for message in ("圆面积：基准排放量", "标记表示净值。", "未校准：假定捕集装置达到设计能力", "最优性间隙 "):
        assert message in page
    for message in ("Area of a circle", "The mark is the net value", "Each bar is a stream", "Not calibrated"):
        assert message not in page
        assert message in page_text(run_of(plan), lang="both")


@pytest.mark.slow
def test_cached_run_in_another_language_is_kept_with_a_notice(plan: Plan, tmp_path: Path) -> None:
    folder = plan.to_folder(tmp_path / "run", lang="zh")
    book = (folder / "plan.xlsx").read_bytes()
    assert opened(book)["Cover"]["A1"].value == "ccs-model：碳捕集改造规划方案"
    scenario = tmp_path / "scenario.yaml"
    scenario.write_bytes((folder / "scenario.resolved.yaml").read_bytes())
    again = ["optimize", str(scenario), "--out", str(folder)]
    for lang, reported in (("zh", False), ("en", True)):
        result = CliRunner().invoke(group, [*again, "--lang", lang], standalone_mode=False)
        assert result.exception is None, result.output
        assert "Cached run" in result.output
        assert (
            "its workbook is in 'zh', not 'en'; write another one with ccs-model export " in result.output
        ) is reported
    assert (folder / "plan.xlsx").read_bytes() == book


def test_text_of_a_budget_step_is_translated_clause_by_clause() -> None:
    step = "500 million CNY 2024 more add 1,200 kt over the horizon, 417 CNY 2024 of budget per tonne; A enters; "
    step += "B, B Works leave."
    chinese = "预算增加 500 百万元（2024年价），规划期内多减排 1,200 千吨，每吨减排预算 417 元（2024年价）；"
    chinese += "新增 {}；退出 {}, {}。"
    names = {"A": "甲厂", "B": "乙厂", "B Works": "乙二厂"}
    assert step_text(step, PageLanguage("zh"), names) == chinese.format(*names.values())
    assert step_text(step, PageLanguage("both"), {}) == f"{step}\n{chinese.format(*names)}"
    assert step_text(step, PageLanguage("en"), names) == step


def test_furnace_streams_and_hubs_of_several_places_have_chinese_names() -> None:
    language = Language("zh")
    assert language.cell("MACC", "stream", "hot_stoves U100000140173") == "热风炉 U100000140173"
    assert language.cell("Transport", "from_name", "hub by Works A and 2 more") == "Works A等（另 2 处）附近的枢纽"
    assert language.cell("Transport", "facility_name", "Works A → Works B") == "Works A → Works B"
    assert Language("en").cell("Transport", "from_name", "hub by Works A") == "hub by Works A"


def test_listed_binding_limits_are_translated_one_by_one() -> None:
    limits = "cumulative budget to 2026; province budget of Hebei and 2 more"
    text = f"Limits other than the budget that bind in the LP relaxation, though perhaps not in the plan: {limits}."
    assert (
        Language("zh").sentence(text)
        == "线性松弛中预算之外的紧约束（在方案中未必为紧）：截至 2026 年的累计预算；河北的省级预算，另 2 项。"
    )


@pytest.mark.parametrize("limit", BINDING.values())
def test_every_possible_binding_limit_is_translated(limit: str) -> None:
    lead = "Limits other than the budget that bind in the LP relaxation, though perhaps not in the plan"
    found = Language("zh").sentence(f"{lead}: {limit.format('2030')}.")
    assert not re.search("[a-z]{2}", found) and "2030" in found


def test_negative_numbers_on_the_page_have_a_minus_sign_instead_of_a_hyphen() -> None:
    assert (
        PageLanguage("en").sentence("From -12.5 to -3 in 2026-2040, NH3_21-2 (-4).")
        == "From −12.5 to −3 in 2026-2040, NH3_21-2 (−4)."
    )


@pytest.mark.slow
def test_a_chinese_workbook_names_plants_in_chinese(plan: Plan, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(plan.to_excel(tmp_path / "zh.xlsx", lang="zh"), data_only=True)
    chinese = dict(zip(plan.problem.plants["name"], plan.problem.plants["name_zh"], strict=True))
    named = {str(chinese[row["name"]]) for row in records(plan.retrofits)} - {""}
    assert named
    for name in ("Economics", "CashFlow", "MACC"):
        every = texts(book[name])
        # The product tells plants of one Chinese name apart.
        assert all(any(text.partition("（")[0] == each for text in every) for each in named), name
        assert "山西天泽煤化工集团股份公司（合成氨）" in every, name
        assert not set(chinese) & set(every), name
    assert {cell.value for cell in book["Plants"]["B"]} >= set(plan.retrofits["name"])


@pytest.mark.slow
def test_export_rewrites_the_workbook_of_a_run_in_either_language(solved_run: Path, tmp_path: Path) -> None:
    """Only sheets Inputs and RunLog may differ: origins of values name the resolved scenario of the run."""
    words = ["export", str(solved_run), "--format", "xlsx", "-o"]
    assert CliRunner().invoke(group, [*words, str(tmp_path / "en.xlsx")], standalone_mode=False).exit_code == 0
    first, again = (openpyxl.load_workbook(path) for path in (solved_run / "plan.xlsx", tmp_path / "en.xlsx"))
    assert first.sheetnames == again.sheetnames
    for sheet in set(first.sheetnames) - {"Inputs", "RunLog"}:
        cells = [[[cell.value for cell in row] for row in book[sheet].iter_rows()] for book in (first, again)]
        assert cells[0] == cells[1], sheet
    result = CliRunner().invoke(group, [*words, str(tmp_path / "zh.xlsx"), "--lang", "zh"], standalone_mode=False)
    assert result.exit_code == 0
    assert openpyxl.load_workbook(tmp_path / "zh.xlsx")["Cover"]["A4"].value == "结论"
    rejected = CliRunner().invoke(group, ["export", str(solved_run), "--format", "csv", "--lang", "zh"])
    assert rejected.exit_code == 2 and "--lang" in rejected.output
