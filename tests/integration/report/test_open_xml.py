"""Workbooks follow the rules of Open XML, as a validator with the schemas of the Open XML SDK reads them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.workbook import write_workbook

pytestmark = pytest.mark.slow


def findings(path: Path) -> list[str]:
    validator = pytest.importorskip("openxml_audit")
    result = validator.OpenXmlValidator().validate(path)
    return [f"{each.part_uri}: {each.description}" for each in result.errors]


def test_a_workbook_has_no_finding(shared_plan: Plan, tmp_path: Path) -> None:
    assert not findings(write_workbook(shared_plan, tmp_path / "plan.xlsx", lang="zh"))


def test_the_workbook_of_an_empty_plan_has_no_finding(empty_plan: Plan, tmp_path: Path) -> None:
    assert not findings(write_workbook(empty_plan, tmp_path / "plan.xlsx"))


def test_columns_after_the_cells_are_found(empty_plan: Plan, tmp_path: Path) -> None:
    good, bad = write_workbook(empty_plan, tmp_path / "good.xlsx"), tmp_path / "bad.xlsx"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                text = re.sub(
                    rb"(<cols>.*?</cols>)(<sheetData>.*?</sheetData>)", rb"\2\1", text, count=1, flags=re.DOTALL
                )
            target.writestr(name, text)
    assert findings(bad)
