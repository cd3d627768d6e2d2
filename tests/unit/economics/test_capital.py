"""Capital of capture units and pipes: concentration law, small trains and the pipe table."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.prices import concentration_factor, pipe_cost, small_train_factor
from ccs_model.inputs import Inputs


@pytest.fixture(scope="module")
def pipes(inputs: Inputs) -> pd.DataFrame:
    """The pipe table, in EUR of 2015."""
    return inputs["transport/pipes"].sort_values("smallest_tph").reset_index(drop=True)


# NETL: 60 % of an amine system scales with CO2, 40 % with gas to the power 0.6; 13.5 % is its reference.
@pytest.mark.parametrize(
    ("share", "factor"), [(0.05, 1.33), (0.08, 1.15), (0.135, 1), (0.15, 0.98), (0.20, 0.92), (0.25, 0.88)]
)
def test_concentration_factor_matches_netl(inputs: Inputs, share: float, factor: float) -> None:
    law = inputs["technologies/concentration_capex"].iloc[0]
    found = concentration_factor(
        share,
        0.135,
        scaled_share=law["co2_scaled_share"],
        law_reference_share=law["reference_co2_share"],
        exponent=law["gas_exponent"],
    )
    assert round(float(found), 2) == factor


def test_concentration_factor_is_relative_to_the_gas_of_the_reference_projects() -> None:
    # Built projects treat gas of 20 %: capex(5 %) ÷ capex(20 %) = 1.3259 ÷ 0.9160.
    found = concentration_factor([0.05, 0.2], 0.2, scaled_share=0.6, law_reference_share=0.135, exponent=0.6)
    assert found.tolist() == pytest.approx([(0.6 + 0.4 * 2.7**0.6) / (0.6 + 0.4 * 0.675**0.6), 1.0])
    assert float(found[0]) == pytest.approx(1.3259 / 0.9160, rel=1e-4)


def test_small_train_factor_raises_the_unit_cost_only_below_the_smallest_train() -> None:
    # Half the smallest at exponent 0.6: (½)^−0.4 = 1.3195; from the smallest on the unit cost is flat.
    assert small_train_factor([90, 180, 1_000], 180, 0.6).tolist() == pytest.approx([1.3195, 1.0, 1.0], rel=1e-4)
    # In total it still costs less than the larger train: ½ × 1.3195 < 1.
    assert float(small_train_factor(90, 180, 0.6)) * 90 < 180


def test_pipe_cost_matches_the_danish_energy_agency(pipes: pd.DataFrame) -> None:
    # DEA sheet 421: 2.3 EUR2015 per t/h and m from 120 to 500 t/h; 194 t/h over 109 km: 48.6 million.
    per_m, chosen, lines = pipe_cost([194.0], pipes)
    assert pipes["pipe"][chosen[0]] == "large"
    assert lines.tolist() == [1]
    assert per_m[0] * 109_000 / 1e6 == pytest.approx(194 * 2.3 * 109 / 1_000)
    assert per_m[0] * 109_000 / 1e6 == pytest.approx(48.6, abs=0.05)


@pytest.mark.parametrize(
    ("tph", "per_m", "pipe"),
    [
        (5, 10 * 15.0, "small"),  # priced at the smallest flow of its class
        (10, 10 * 15.0, "small"),
        (16, 16 * 15.0, None),  # 240, the same as the medium class at its smallest
        (20, 30 * 8.0, "medium"),
        (34, 34 * 8.0, "medium"),
        (50, 120 * 2.3, "large"),  # 276, where the medium class would cost 400
        (300, 300 * 2.3, "large"),
    ],
)
def test_the_cheapest_class_is_taken(pipes: pd.DataFrame, tph: float, per_m: float, pipe: str | None) -> None:
    found, chosen, _ = pipe_cost([tph], pipes)
    assert float(found[0]) == pytest.approx(per_m)
    assert pipe is None or pipes["pipe"][chosen[0]] == pipe


@pytest.mark.parametrize(("tph", "lines"), [(500, 1), (501, 2), (1_000, 2), (1_250, 3)])
def test_flow_above_the_largest_class_needs_parallel_lines(pipes: pd.DataFrame, tph: float, lines: int) -> None:
    found, _, n_lines = pipe_cost([tph], pipes)
    assert n_lines.tolist() == [lines]
    assert float(found[0]) == pytest.approx(tph * 2.3)


@given(st.floats(0.1, 3_000), st.floats(0.1, 3_000))
def test_pipe_cost_never_falls_with_flow(pipes: pd.DataFrame, x: float, y: float) -> None:
    less, more = pipe_cost([min(x, y), max(x, y)], pipes)[0]
    assert less <= more * (1 + 1e-9)
