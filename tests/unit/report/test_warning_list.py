"""Warnings of the page: one sentence for alike ones, tables by folder and file, all but the first folded."""

from __future__ import annotations

import pytest

from ccs_model.plan.plan_json import without_folder
from ccs_model.report.language import chinese_text
from ccs_model.report.page.html import PageLanguage
from ccs_model.report.page.warning_list import group_warnings, warning_list

_ADVICE = "; add a row of the country to a table of your own"
_MEAN = f"streams/utilisation: a value that is not of this country ({{}}) holds for {{}} in {{}}{_ADVICE}"
_ANY = "the rows of '*' apply to provinces without rows of their own: Centre, South"
WARNINGS = [
    _MEAN.format("NETL-2022", "clinker", "Centre, South"),
    f"streams/utilisation: the mean of China holds for coal_power in Centre{_ADVICE}",
    _MEAN.format("PROCESS-TYPICAL", "waste", "North"),
    f"prices/fuels.csv: {_ANY}",
    f"prices/grid_factors.csv: {_ANY}",
    "the search stopped early",
]


@pytest.mark.parametrize(
    ("warning", "shown"),
    [
        ("data/prices/fuels.csv:2: text", "prices/fuels.csv: text"),
        ("/home/me/data/storage/sites.csv:2:lat_deg: text", "storage/sites.csv:lat_deg: text"),
        ("/home/me/plants.csv:2: text", "plants.csv: text"),
        ("streams/utilisation: text", "streams/utilisation: text"),
        ("/home/me/s.yaml:3: text", "s.yaml:3: text"),
        ("a sentence: with a colon", "a sentence: with a colon"),
    ],
)
def test_place_of_a_warning_names_table_and_file_without_folders_of_the_machine(warning: str, shown: str) -> None:
    assert without_folder(warning) == shown


def test_alike_warnings_are_one_sentence() -> None:
    found = group_warnings(WARNINGS)
    assert found == [
        "streams/utilisation: values that are not of this country (NETL-2022, PROCESS-TYPICAL) hold for "
        "clinker (Centre, South), waste (North); add rows of the country to a table of your own",
        WARNINGS[1],
        f"prices/fuels.csv, prices/grid_factors.csv: {_ANY}",
        "the search stopped early",
    ]
    assert all(map(chinese_text, found[:3]))
    two = group_warnings([WARNINGS[1], WARNINGS[1].replace("coal_power", "lime")])
    assert two == [
        "streams/utilisation: the means of China hold for coal_power (Centre), lime (Centre); "
        "add rows of the country to a table of your own"
    ]
    assert chinese_text(two[0])


@pytest.mark.parametrize(
    ("lang", "heading", "more"), [("en", "Warnings: 4", "Show 2 more"), ("zh", "警告：4 条", "显示其余 2 条")]
)
def test_two_warnings_are_visible_and_the_others_folded(lang: str, heading: str, more: str) -> None:
    text = str(warning_list(WARNINGS, PageLanguage(lang, "CNY 2024")))
    first, folded = text.split("<details>")
    assert heading in first and first.count("<li>") == 2
    assert f"<summary>{more}</summary>" in folded and folded.count("<li>") == 2
    assert "<details>" not in str(warning_list(WARNINGS[:1], PageLanguage(lang, "CNY 2024")))
    assert not warning_list([], PageLanguage(lang, "CNY 2024"))
