"""Periods, their weights and running shares, counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ccs_model.problem.problem import calendar, period_sums, periods_of, running_share
from ccs_model.scenario import Scenario

NEVER = np.nan


@pytest.fixture(scope="module")
def periods(small: Callable[..., Scenario]) -> pd.DataFrame:
    return periods_of(small({"years": [2026, 2030, 2035, 2040], "discount_rate": 0.08}))


def test_last_period_has_the_length_of_the_one_before(periods: pd.DataFrame) -> None:
    assert periods["n_years"].tolist() == [4, 5, 5, 5]  # the last lasts as long as the one before
    assert calendar(periods).tolist() == list(range(2026, 2045))


def test_period_weights_match_hand_calculation(periods: pd.DataFrame) -> None:
    # 1 + 1/1.08 + 1/1.08² + 1/1.08³ = 3.577097; capex of 2030 weighs 1/1.08⁴ = 0.735030.
    assert periods["flow_weight"][0] == pytest.approx(3.577097, abs=1e-6)
    assert periods["capex_weight"].tolist() == pytest.approx([1.0, 0.735030, 0.500249, 0.340461], abs=1e-6)
    assert periods["flow_weight"].sum() == pytest.approx(sum(1.08**-t for t in range(19)))


def test_period_sums_add_the_years_of_each_period(periods: pd.DataFrame) -> None:
    assert period_sums(np.arange(19.0), periods).tolist() == [0 + 1 + 2 + 3, 4 + 5 + 6 + 7 + 8, 55, 80]


@pytest.mark.parametrize(
    ("life", "closing", "start", "shares", "end"),
    [
        # Decided in 2026 with two years to build: operates 2028 to 2047, so half of the first period.
        (20, NEVER, 0, [0.5, 1, 1, 1], 2048),
        (20, NEVER, 1, [0, 0.6, 1, 1], 2052),
        (20, NEVER, 3, [0, 0, 0, 0.6], 2062),
        # The life ends: operates 2028 to 2032.
        (5, NEVER, 0, [0.5, 0.6, 0, 0], 2033),
        # The plant closes in 2033 and no longer runs then.
        (20, 2033, 0, [0.5, 0.6, 0, 0], 2033),
        (20, 2033, 1, [0, 0.2, 0, 0], 2033),
        (20, 2033, 2, [0, 0, 0, 0], 2033),
        # The earlier of life and closure applies.
        (3, 2033, 0, [0.5, 0.2, 0, 0], 2031),
    ],
)
def test_running_share_accounts_for_lead_time_life_and_closing_year(
    periods: pd.DataFrame, life: float, closing: float, start: int, shares: list[float], end: int
) -> None:
    running, ends = running_share(periods, np.array([2.0]), np.array([float(life)]), np.array([closing]))
    assert running[0, start].tolist() == pytest.approx(shares)
    assert ends[0, start] == end


def test_running_years_are_the_life_or_the_rest_of_the_horizon(periods: pd.DataFrame) -> None:
    for life in range(1, 30):
        running, _ = running_share(periods, np.array([1.0]), np.array([float(life)]), np.array([NEVER]))
        running_years = running[0] @ periods["n_years"].to_numpy()
        remaining_years = np.array([18, 14, 9, 4])  # years of the horizon after building
        assert running_years.tolist() == pytest.approx(np.minimum(remaining_years, life).tolist())
