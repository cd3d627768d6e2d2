"""Every fault that is known has a test called by its id."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

# Faults of a scenario, its files, tables and workbooks; of what is written; of the solver; of use and calibration.
IDS = (
    *(1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 15, 16, 17, 19, 21, 22, 23, 25, 26, 28, 29, 31, 32, 33, 34, 36, 38, 39),
    *(40, 41, 43, 44, 46, 47, 49, 51),
    *(52, 53, 54, 55, 56, 58, 59, 60, 62),
    *(63, 64, 66, 67, 68, 70, 71),
)
# Faults of many scenarios at once are tested with the sweep.
SWEEP = Path(__file__).parents[1] / "analysis" / "test_sweep.py"


@functools.cache
def _tests() -> set[str]:
    return {
        node.name
        for path in (*Path(__file__).parent.glob("test_*.py"), SWEEP)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("number", IDS)
def test_every_row_has_a_test(number: int) -> None:
    assert any(name.startswith(f"test_F{number:02}_") for name in _tests())


def test_every_row_that_is_tested_is_known() -> None:
    named = {int(number) for name in _tests() for number in re.findall(r"F(\d\d)_", name)}
    assert named == set(IDS)


def test_every_row_is_counted_and_twenty_more() -> None:
    assert len(IDS) == 53
    assert sum(re.match(r"test_(F\d\d_|every_row)", name) is None for name in _tests()) >= 20
