"""The workbook of a plan over forty years, whose plants close before the last period, is written."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from ccs_model.cli import group

SCENARIO = """\
name: Until 2069
budget: {total_mn: 1_000_000}
plants: {provinces: [Ningxia]}
years: [2031, 2036, 2062, 2065]
solver: {effort: quick}
"""


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_plan_without_capture_in_the_last_period_has_a_workbook_with_empty_costs(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    result = CliRunner().invoke(group, ["optimize", str(path), "--out", str(tmp_path / "run")], standalone_mode=False)
    assert result.exception is None, result.output
    book = openpyxl.load_workbook(tmp_path / "run" / "plan.xlsx", data_only=True)
    sheet = book["Transport"]
    heading = next(row for row in sheet.iter_rows() if any(cell.value == "Full chain, by use" for cell in row))
    column = next(cell.column for cell in heading if cell.value == "Full chain, by use")
    costs = [sheet.cell(row, column).value for row in range(heading[0].row + 1, heading[0].row + 5)]
    assert None in costs
