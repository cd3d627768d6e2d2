"""Every listed fault id (F01 to F71) has a test with the id in its name."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

# Scenario files and tables; workbooks and output; the solver; usage and calibration.
IDS = (
    *(1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 15, 16, 17, 19, 21, 22, 23, 25, 26, 28, 29, 31, 32, 33, 34, 36, 38, 39),
    *(40, 41, 43, 44, 46, 47, 49, 51),
    *(52, 53, 54, 55, 56, 58, 59, 60, 62),
    *(63, 64, 66, 67, 68, 70, 71),
)
# Fault ids of sweeps are tested with the sweep.
SWEEP = Path(__file__).parents[1] / "analysis" / "test_sweep.py"


@functools.cache
def _test_names() -> set[str]:
    return {
        node.name
        for path in (*Path(__file__).parent.glob("test_*.py"), SWEEP)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("number", IDS)
def test_every_fault_id_has_a_test(number: int) -> None:
    assert any(f"F{number:02}_" in name for name in _test_names())


def test_every_fault_id_in_a_test_name_is_listed() -> None:
    named = {int(number) for name in _test_names() for number in re.findall(r"F(\d\d)_", name)}
    assert named == set(IDS)
