"""Workbooks are valid Open XML according to a validator with the schemas of the Open XML SDK."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.workbook import write_workbook

pytestmark = pytest.mark.slow


def validation_errors(path: Path) -> list[str]:
    validator = pytest.importorskip("openxml_audit")
    result = validator.OpenXmlValidator().validate(path)
    return [f"{each.part_uri}: {each.description}" for each in result.errors]


def test_workbook_is_valid_open_xml(shared_plan: Plan, tmp_path: Path) -> None:
    assert not validation_errors(write_workbook(shared_plan, tmp_path / "plan.xlsx", lang="zh"))


def test_workbook_of_an_empty_plan_is_valid_open_xml(empty_plan: Plan, tmp_path: Path) -> None:
    assert not validation_errors(write_workbook(empty_plan, tmp_path / "plan.xlsx"))


def test_validator_reports_columns_after_cells(empty_plan: Plan, tmp_path: Path) -> None:
    good, bad = write_workbook(empty_plan, tmp_path / "good.xlsx"), tmp_path / "bad.xlsx"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                text = re.sub(
                    rb"(<cols>.*?</cols>)(<sheetData>.*?</sheetData>)", rb"\2\1", text, count=1, flags=re.DOTALL
                )
            target.writestr(name, text)
    assert validation_errors(bad)
