"""Plans by diving hold, stay below the bound, and are the best there is where all is open and nothing decided."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip import grouped_neighbourhoods as diving
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_milp import ReducedCostGaps
from ccs_model.mip.grouped_neighbourhoods import dived
from ccs_model.mip.grouped_structure import shape_of
from ccs_model.mip.matrix import residuals
from ccs_model.mip.sifting import sifted
from tests.hand_matrix import hand_matrix

sys.path.insert(0, str(Path(__file__).parent))
from test_by_groups import program

EXACT = SolverOptions(gap_share=0.0, threads=1)


def plan(matrix: Matrix, seconds: float = 60.0) -> tuple[np.ndarray | None, float]:
    """The plan found and the bound, both in the sense of most."""
    shape = shape_of(matrix)
    assert not isinstance(shape, str)
    linear = sifted(shape, EXACT, now() + 60)
    assert linear is not None
    reduced_cost_gaps = ReducedCostGaps.of(shape, linear)
    found = dived(
        shape,
        linear,
        reduced_cost_gaps.choice,
        reduced_cost_gaps.best,
        EXACT,
        now() + seconds,
        gap=0.0,
        n_nodes=10_000,
        stage="test",
    )
    return found, linear.bound


@pytest.mark.parametrize("vubs", [False, True])
@pytest.mark.parametrize("most", [True, False])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_a_plan_holds_and_is_not_above_the_bound(seed: int, most: bool, vubs: bool) -> None:
    matrix = program(seed, 60, 3, 4, vubs=vubs, most=most)
    found, bound = plan(matrix)
    if found is None:
        return
    assert residuals(matrix, found).hold
    worth = float(matrix.costs[0] @ found) * (1 if most else -1)
    assert worth <= bound + 1e-7 * abs(bound)


@pytest.mark.parametrize("seed", range(4))
def test_with_all_open_and_none_decided_it_is_the_best_plan(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diving, "STEPS", 0)
    monkeypatch.setattr(diving, "PER_ROW", 1_000)
    matrix = program(seed, 20, 3, 3)
    found, _ = plan(matrix)
    assert found is not None
    assert float(matrix.costs[0] @ found) == pytest.approx(Highs(matrix, EXACT).run(60, "all").objective, rel=1e-9)


def test_small_choices_take_up_what_a_large_one_leaves() -> None:
    """Room for 10: one of two large ones of 6 (worth 6.6 and 6.54), and four of twelve small ones of 1 (worth 1).

    The second large one is two thirds made in the linear program, so it is the one that is decided for.
    """
    size, worth = np.r_[6.0, 6.0, np.ones(12)], np.r_[6.6, 6.54, np.ones(12)]
    # A second choice that is never better makes each a group of two.
    rows = np.vstack([np.kron(np.eye(14), [1.0, 1.0]), np.column_stack([size, size]).ravel()])
    matrix = hand_matrix(rows, np.r_[np.ones(14), 10.0], np.column_stack([worth, 0.1 * worth]).ravel())
    found, bound = plan(matrix)
    # The bound takes 6.6 and two thirds of 6.54.
    assert bound == pytest.approx(6.6 + 6.54 * 4 / 6)
    assert found is not None and float(matrix.costs[0] @ found) == pytest.approx(6.54 + 4 * 1.0)


def test_uneven_sizes_leave_little() -> None:
    """Sizes that differ a hundredfold: the plan is within two hundredths of the linear program."""
    matrix = program(3, 200, 3, 5)
    uneven = np.repeat(np.random.default_rng(1).lognormal(0.0, 1.5, 200), 3)
    scaled = matrix.rows @ sparse.diags_array(uneven)
    rows = sparse.csc_array(scaled)
    rows.data[rows.indices < 200] = 1.0
    limit = np.r_[np.ones(200), rows[200:].sum(axis=1) * 0.15]
    matrix = replace(matrix, rows=rows, row_upper=limit, costs=matrix.costs * uneven)
    found, bound = plan(matrix)
    assert found is not None and residuals(matrix, found).hold
    assert float(matrix.costs[0] @ found) >= 0.98 * bound


def test_out_of_time_there_is_no_plan() -> None:
    found, _ = plan(program(0, 40, 3, 3), seconds=0.0)
    assert found is None
