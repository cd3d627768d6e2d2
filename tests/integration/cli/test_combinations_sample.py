"""A sample of combinations of objective, target, decisions and network: run folder, page and exports.

tests/slow/cli/test_combinations_*.py run all combinations.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.combinations import Combination, check

pytestmark = pytest.mark.slow

SAMPLE = (
    Combination("max_abatement", "by_sector", False, "static", "continuous", "shared pipes"),
    Combination("min_cost", "by_province", True, "periods", "continuous", "own pipes"),
    Combination("max_net_benefit", "captured_ktpa", True, "periods", "integer", "own pipes"),
    Combination("max_npv", "share_of_avoided_min", False, "periods", "continuous", "own pipes"),
)


@pytest.mark.parametrize("combination", SAMPLE, ids=str)
def test_combination_is_solved_or_rejected(combination: Combination, tmp_path: Path) -> None:
    check(combination, tmp_path)
