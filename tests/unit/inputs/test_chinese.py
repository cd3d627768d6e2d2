"""Plant tables with Chinese headings and full-width characters load like those with English headings."""

from __future__ import annotations

import pandas as pd
import pytest

from ccs_model.errors import InputError
from ccs_model.inputs import load_inputs
from ccs_model.inputs.checked_table import column_of, stated_unit
from ccs_model.inputs.chinese import HEADINGS, english_word, headings_of, normalize_words
from ccs_model.inputs.declarations import read_dictionary
from tests.own_tables import works

TEMPLATES = ("plants/steel", "plants/chemicals", "plants/sources", "references")
CHINESE_HEADINGS = {
    "plant": "工厂编号", "name": "企业名称", "province": "省份", "grid": "电网", "lat_deg": "纬度（度）",
    "lon_deg": "经度[°]", "place_accuracy": "位置精度", "status": "状态", "crude_steel_ktpa": "粗钢产能\n（千吨/年）",
    "bof_steel_ktpa": "转炉钢产能 【千吨/年】", "bf_iron_ktpa": "高炉铁产能（ｋｔ／ｙ）", "coke_ovens": "焦炉",
}  # fmt: skip
CHINESE_CELLS = {
    "province": "河北省", "grid": "河北南网", "place_accuracy": "精确", "status": "运行", "coke_ovens": "无",
    "lat_deg": "３８．０４", "crude_steel_ktpa": "５０００",
}  # fmt: skip


def to_chinese(rows: list[list[object]], cells: dict[str, str] | None = None) -> list[list[object]]:
    headings = [str(heading) for heading in rows[0]]
    rows = [[(cells or {}).get(name, cell) for name, cell in zip(headings, row, strict=True)] for row in rows[1:]]
    return [[CHINESE_HEADINGS[name].replace("\n", "") for name in headings], *rows]


def steel_of(scenario, *inventory: str) -> pd.DataFrame:
    return load_inputs(scenario(*inventory))["plants/steel"].drop(columns=["inventory", "line"])


@pytest.mark.parametrize("table", TEMPLATES)
def test_every_template_column_has_unique_chinese_headings(table):
    columns = read_dictionary()[table]
    headings = [heading for column in columns for heading in headings_of(column.name)]
    assert all(headings_of(column.name) for column in columns)
    assert len(headings) == len(set(headings))
    for column in columns:
        for heading in headings_of(column.name):
            assert column_of(heading, columns) == column
            assert heading == normalize_words(heading)


def test_chinese_headings_cover_exactly_the_template_columns():
    assert set(HEADINGS) == {column.name for table in TEMPLATES for column in read_dictionary()[table]}


@pytest.mark.parametrize("cells", [{}, CHINESE_CELLS])
def test_workbook_loads_the_same_in_both_languages(write_book, scenario, cells):
    write_book("english.xlsx", steel=works("M1", "M2"))
    write_book("chinese.xlsx", 钢铁=to_chinese(works("M1", "M2"), cells), 说明=[["不读"]])
    expected = steel_of(scenario, "english.xlsx")
    assert expected["grid"].tolist() == ["Hebei south"] * 2
    pd.testing.assert_frame_equal(steel_of(scenario, "chinese.xlsx"), expected)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_csv_file_loads_the_same_in_both_languages(write_csv, scenario, sign, encoding):
    write_csv(works("M1"), "english.csv")
    write_csv(to_chinese(works("M1"), CHINESE_CELLS), "chinese.csv", sign=sign, encoding=encoding)
    pd.testing.assert_frame_equal(steel_of(scenario, "chinese.csv"), steel_of(scenario, "english.csv"))


def test_heading_matches_with_a_line_break_before_the_unit():
    columns = read_dictionary()["plants/steel"]
    column = column_of("粗钢产能\n（千吨/年）", columns)
    assert column is not None and column.name == "crude_steel_ktpa"
    assert stated_unit("粗钢产能\n（千吨/年）", column) == "千吨/年"


@pytest.mark.parametrize(
    ("heading", "reported"),
    [
        ("粗钢产能", "column '粗钢产能' has no unit, expected kt/y"),
        ("粗钢产能（万吨/小时）", "is in 万吨/小时, expected kt/y (convert it and name it"),
        ("粗刚产能（千吨/年）", "unknown column '粗刚产能（千吨/年）' (did you mean '粗钢产能'?)"),
    ],
)  # fmt: skip
def test_invalid_chinese_heading_or_unit_is_reported_at_its_cell(write_book, scenario, heading, reported):
    rows = works("M1")
    rows[0][rows[0].index("crude_steel_ktpa")] = heading
    write_book("mine.xlsx", 钢铁=rows)
    with pytest.raises(InputError) as error:
        load_inputs(scenario("mine.xlsx"))
    issues = [str(issue) for issue in error.value.issues]
    assert any(issue.startswith("mine.xlsx:钢铁!I1: ") and reported in issue for issue in issues), issues


def test_example_rows_are_skipped_under_a_chinese_heading(write_book, scenario):
    write_book("mine.xlsx", steel=to_chinese(works("M1", "EXAMPLE-1")))
    assert steel_of(scenario, "mine.xlsx")["plant"].tolist() == ["M1"]


@pytest.mark.parametrize(
    ("column", "written", "english"),
    [
        ("province", "内蒙古自治区", "Inner Mongolia"),
        ("province", "新疆维吾尔自治区", "Xinjiang"),
        ("province", "陕西", "Shaanxi"),
        ("grid", "蒙西", "Inner Mongolia west"),
        ("grid", "山西省", "Shanxi"),
        ("grid", "山西电网", "Shanxi"),
        ("province", "某省", "某省"),
        ("parent", "山西", "山西"),
    ],
)
def test_chinese_names_of_provinces_and_grids_are_translated(column, written, english):
    assert english_word(column, written, ()) == english


def test_unknown_chinese_choice_is_reported(write_book, scenario):
    write_book("mine.xlsx", steel=works("M1", status="忙"))
    with pytest.raises(InputError, match=r"mine\.xlsx:steel!H2: '忙' is unknown"):
        load_inputs(scenario("mine.xlsx"))


@pytest.mark.parametrize(
    ("column", "word", "choice"),
    [
        ("product", "煤制烯烃", "olefins"),
        ("product", "烯烃", "olefins"),
        ("product", "煤直接液化", "coal_to_liquids_direct"),
        ("feedstock", "渣油", "oil"),
        ("feedstock", "电石炉气", "furnace_off_gas"),
        ("gasifier", "气流床", "oxygen_blown"),
        ("gasifier", "固定床间歇气化", "fixed_bed"),
    ],
)
def test_chinese_choices_of_chemical_plants_are_translated(column: str, word: str, choice: str) -> None:
    (declared,) = (each for each in read_dictionary()["plants/chemicals"] if each.name == column)
    assert english_word(column, word, declared.choices) == choice
