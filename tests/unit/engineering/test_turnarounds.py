"""Periods in which a retrofit may start: relinings after campaigns of 17 years within two years, and given windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.streams import is_near_relining, overlaps_window
from ccs_model.inputs import Inputs

STARTS, YEARS = [2026, 2030, 2035, 2040], [4, 5, 5, 5]
ANGANG = "P100000120219"


def windows(*relined: float) -> list[list[bool]]:
    return is_near_relining(relined, STARTS, YEARS, campaign_yr=17, window_yr=2).tolist()


@pytest.mark.parametrize(
    ("relined", "expected"),
    [
        # Relined 2015, next 2032: 2030 to 2034 lies in the second period only; 2049 is beyond the horizon.
        (2015, [False, True, False, False]),
        # Next 2028, from 2026 to 2030: the first period and the first year of the second; then 2045, from 2043 on.
        (2011, [True, True, False, True]),
        # Next 2037, from 2035 to 2039.
        (2020, [False, False, True, False]),
        # Next 2024, up to 2026: it may still come; then 2041, from 2039 to 2043.
        (2007, [True, False, True, True]),
        # Next 2021, up to 2023: overdue, so it may come in any year.
        (2004, [True, True, True, True]),
        (np.nan, [True, True, True, True]),
    ],
)
def test_starts_are_allowed_only_near_the_next_relining(relined: float, expected: list[bool]) -> None:
    assert windows(relined) == [expected]


def test_given_window_includes_its_end_years_and_may_be_open_ended() -> None:
    found = overlaps_window([2031, 2034, np.nan, np.nan], [2033, np.nan, 2030, np.nan], STARTS, YEARS)
    assert found.tolist() == [
        [False, True, False, False],
        [False, True, True, True],
        [True, True, False, False],
        [True, True, True, True],
    ]


@given(st.integers(1990, 2025), st.integers(0, 4), st.integers(10, 25))
def test_wider_relining_window_never_forbids_more_starts(relined: int, window: int, campaign: int) -> None:
    def may_start(width: int) -> np.ndarray:
        return is_near_relining([relined], STARTS, YEARS, campaign_yr=campaign, window_yr=width)

    # If the next relining is overdue in the narrow window only, the wide one may allow fewer starts.
    if relined + campaign + window >= STARTS[0]:
        assert (may_start(window) <= may_start(window + 1)).all()
    by_year = [
        any(abs(year - due) <= window for due in range(relined + campaign, 2100, campaign) for year in range(y, y + n))
        for y, n in zip(STARTS, YEARS, strict=True)
    ]
    if relined + campaign + window >= STARTS[0]:
        assert may_start(window)[0].tolist() == by_year


def starts_of(problem: object, plant: str, stream: str) -> list[bool]:
    """Return whether a retrofit of the stream may start in each period."""
    at = (problem.routes["plant"] == plant) & (problem.routes["stream"] == stream)  # type: ignore[attr-defined]
    assert at.any()
    able: np.ndarray = problem.running_share[at.to_numpy()].any(axis=(0, 2))  # type: ignore[attr-defined]
    return able.tolist()


ANGANG_ALONE = {
    "plants.inventory": ["steel"],
    "plants.provinces": ["Liaoning"],
    "plants.min_emissions_ktpa": 30_000,
    "years": STARTS,
}


def test_stoves_start_at_the_relining_of_their_furnace_if_requested(problem_of: Callable[..., object]) -> None:
    # Angang: BF 2 relined in 2020 (next 2037), BF 4 in 2015 (2032), BF 1 unknown.
    split = {"plants.furnace_streams": True}
    unrestricted = problem_of(ANGANG_ALONE, split)
    restricted = problem_of(ANGANG_ALONE, split, {"capture.start_at_relining": True})
    any_period = starts_of(unrestricted, ANGANG, "hot_stoves U100000140576")
    assert any_period[:3] == [True, True, True]
    assert starts_of(restricted, ANGANG, "hot_stoves U100000140576") == [False, False, True, False]
    assert starts_of(restricted, ANGANG, "hot_stoves U100000141372") == [False, True, False, False]
    assert starts_of(restricted, ANGANG, "hot_stoves U100000141430") == any_period
    # Only stoves wait; as one stream they may start with the furnace whose relining is unknown.
    assert starts_of(restricted, ANGANG, "sinter_plant") == starts_of(unrestricted, ANGANG, "sinter_plant")
    unsplit = problem_of(ANGANG_ALONE, {"capture.start_at_relining": True})
    assert starts_of(unsplit, ANGANG, "hot_stoves") == any_period


def with_window(inputs: Inputs, begin: float, end: float) -> pd.DataFrame:
    steel = inputs["plants/steel"].copy()
    at = steel["plant"] == ANGANG
    steel.loc[at, "turnaround_from"], steel.loc[at, "turnaround_until"] = begin, end
    return steel


def test_turnaround_window_of_a_plant_applies_to_all_its_streams(
    problem_of: Callable[..., object], inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    tables = with_tables({"plants/steel": with_window(inputs, 2031, 2033)})
    problem = problem_of(ANGANG_ALONE, tables=tables)
    for stream in ("hot_stoves", "power_plant", "sinter_plant"):
        assert starts_of(problem, ANGANG, stream) == [False, True, False, False]


def test_plant_with_a_past_turnaround_window_is_not_eligible(
    problem_of: Callable[..., object], inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    tables = with_tables({"plants/steel": with_window(inputs, 2022, 2024)})
    plants = problem_of(ANGANG_ALONE, tables=tables).plants.set_index("plant")  # type: ignore[attr-defined]
    assert plants.at[ANGANG, "reason"] == "no turnaround in time for a retrofit to start"
    assert not plants.at[ANGANG, "is_candidate"]


def test_static_year_ignores_turnarounds(
    problem_of: Callable[..., object], inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    tables = with_tables({"plants/steel": with_window(inputs, 2031, 2033)})
    problem = problem_of(ANGANG_ALONE, {"years": "static", "capture.start_at_relining": True}, tables=tables)
    assert starts_of(problem, ANGANG, "hot_stoves") == [True]
