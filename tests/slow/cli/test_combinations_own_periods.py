"""Every objective, target and kind of decision through the command: own pipes, periods."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.combinations import FORMATS, Combination, check, combinations


@pytest.mark.parametrize("combination", combinations("own pipes", "periods"), ids=str)
def test_combination_is_solved_or_rejected(combination: Combination, tmp_path: Path) -> None:
    check(combination, tmp_path, FORMATS)
