"""Carbon prices of the grid on sheet Inputs, by currency."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ccs_model.report.workbook.inputs_sheet import grid_prices


@pytest.mark.parametrize(
    ("currency", "yuan", "prices"),
    [
        ("CNY", 1.0, (0, 50, 100, 200, 400, 800)),
        ("EUR", 7.7, (0, 6.25, 12.5, 25, 50, 100)),
        ("INR", 0.085, (0, 625, 1_250, 2_500, 5_000, 10_000)),
        ("JPY", 0.047, (0, 1_250, 2_500, 5_000, 10_000, 20_000)),
    ],
)
def test_grid_prices_have_about_the_same_value_in_every_currency(
    currency: str, yuan: float, prices: tuple[float, ...]
) -> None:
    problem: Any = SimpleNamespace(price_level=SimpleNamespace(currency=currency, rate=lambda _: yuan))
    assert grid_prices(problem) == prices
