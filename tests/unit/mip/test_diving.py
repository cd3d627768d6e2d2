"""The diving heuristic finds feasible solutions within the bound, and the optimum if no choice is fixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip import grouped_neighbourhoods as diving
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_milp import ReducedCostGaps
from ccs_model.mip.grouped_neighbourhoods import _Dive, part_of, search_by_diving
from ccs_model.mip.grouped_structure import shape_of
from ccs_model.mip.matrix import residuals
from ccs_model.mip.sifting import solve_by_sifting
from tests.hand_matrix import hand_matrix
from tests.unit.mip.test_grouped_milp import grouped_model

EXACT = SolverOptions(gap_share=0.0, threads=1)


def dive(matrix: Matrix, seconds: float = 60.0) -> tuple[np.ndarray | None, float]:
    """The solution found, and the bound for a maximised objective."""
    shape = shape_of(matrix)
    assert not isinstance(shape, str)
    linear = solve_by_sifting(shape, EXACT, now() + 60)
    assert linear is not None
    reduced_cost_gaps = ReducedCostGaps.of(shape, linear)
    found = search_by_diving(
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
@pytest.mark.parametrize("maximise", [True, False])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_solution_is_feasible_and_within_the_bound(seed: int, maximise: bool, vubs: bool) -> None:
    matrix = grouped_model(seed, 60, 3, 4, vubs=vubs, maximise=maximise)
    found, bound = dive(matrix)
    # Diving is a heuristic and may find no solution, but not in all examples.
    assume(found is not None)
    assert found is not None
    assert residuals(matrix, found).hold
    value = float(matrix.costs[0] @ found) * (1 if maximise else -1)
    assert value <= bound + 1e-7 * abs(bound)


@pytest.mark.parametrize("seed", range(4))
def test_diving_with_all_choices_open_and_none_fixed_finds_the_optimum(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diving, "STEPS", 0)
    monkeypatch.setattr(diving, "PER_ROW", 1_000)
    matrix = grouped_model(seed, 20, 3, 3)
    found, _ = dive(matrix)
    assert found is not None
    assert float(matrix.costs[0] @ found) == pytest.approx(Highs(matrix, EXACT).run(60, "all").objective, rel=1e-9)


def test_small_choices_fill_the_capacity_that_a_large_choice_leaves() -> None:
    """Capacity 10: one of two large choices of 6 (value 6.6 and 6.54) and four of twelve small ones of 1 (value 1).

    The second large choice has the value 2/3 in the LP, so diving fixes it.
    """
    size, value = np.r_[6.0, 6.0, np.ones(12)], np.r_[6.6, 6.54, np.ones(12)]
    # A dominated second choice makes each of them a group of two.
    rows = np.vstack([np.kron(np.eye(14), [1.0, 1.0]), np.column_stack([size, size]).ravel()])
    matrix = hand_matrix(rows, np.r_[np.ones(14), 10.0], np.column_stack([value, 0.1 * value]).ravel())
    found, bound = dive(matrix)
    # The bound takes 6.6 and two thirds of 6.54.
    assert bound == pytest.approx(6.6 + 6.54 * 4 / 6)
    assert found is not None and float(matrix.costs[0] @ found) == pytest.approx(6.54 + 4 * 1.0)


def test_solution_with_uneven_sizes_is_within_2_percent_of_the_lp_bound() -> None:
    """Sizes differ a hundredfold; the solution is within 2 % of the LP bound."""
    matrix = grouped_model(3, 200, 3, 5)
    uneven = np.repeat(np.random.default_rng(1).lognormal(0.0, 1.5, 200), 3)
    scaled = matrix.rows @ sparse.diags_array(uneven)
    rows = sparse.csc_array(scaled)
    rows.data[rows.indices < 200] = 1.0
    limit = np.r_[np.ones(200), rows[200:].sum(axis=1) * 0.15]
    matrix = replace(matrix, rows=rows, row_upper=limit, costs=matrix.costs * uneven)
    found, bound = dive(matrix)
    assert found is not None and residuals(matrix, found).hold
    assert float(matrix.costs[0] @ found) >= 0.98 * bound


def test_diving_past_its_deadline_finds_no_solution() -> None:
    found, _ = dive(grouped_model(0, 40, 3, 3), seconds=0.0)
    assert found is None


def open_part(size: list[float], value: list[float], capacity: float) -> tuple[_Dive, np.ndarray]:
    """A dive with all choices open, and the columns of the choices.

    Each group has one choice of this size and value, and a second one of the same size and a tenth of the value.
    """
    n = len(size)
    rows = np.vstack([np.kron(np.eye(n), [1.0, 1.0]), np.repeat(size, 2)])
    matrix = hand_matrix(rows, np.r_[np.ones(n), capacity], np.column_stack([value, 0.1 * np.array(value)]).ravel())
    shape = shape_of(matrix)
    assert not isinstance(shape, str)
    linear = solve_by_sifting(shape, EXACT, now() + 60)
    assert linear is not None
    model = part_of(shape, np.ones(2 * n, dtype=bool), np.full(n, -1))
    return _Dive(model, linear, EXACT, now() + 60, "test"), model.open


def test_diving_fixes_one_choice_after_another_until_no_choice_is_fractional() -> None:
    # Of a capacity of 10, the LP gives 6 to the first and half of its size of 8 to the second; with the second, 2 are
    # left for the first, which is a third of it and drops out. The small ones then fill the capacity.
    dive_, opened = open_part([6.0, 8.0, *[1.0] * 8], [6.6, 8.72, *[1.0] * 8], 10.0)
    assert dive_.fix_groups()
    assert opened[dive_.lower == 1.0].tolist() == [2] and dive_.upper[opened == 0].tolist() == [0.0]
    found = dive_.solve_remainder(0.0, 1_000)
    assert found is not None and dive_.model.shape.profit @ found[dive_.model.shape.choices] == pytest.approx(10.72)


def test_a_step_fixes_the_largest_of_a_few_fractional_groups_alone() -> None:
    dive_, opened = open_part([3.0, 5.0, 4.0], [3.0, 5.0, 4.0], 7.0)
    x = np.array([0.6, 0.0, 0.6, 0.0, 0.6, 0.0])
    dive_._fix_largest_groups(x, x > 0)
    assert opened[dive_.lower == 1.0].tolist() == [2] and opened[dive_.upper == 0.0].tolist() == [3]


def test_dive_without_a_point_ends_at_once() -> None:
    # The choice kept in the second group takes 5 of the capacity of 4.
    matrix = hand_matrix([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 2.0, 5.0]], [1.0, 1.0, 4.0], [1.0, 3.0, 4.0])
    shape = shape_of(matrix)
    assert not isinstance(shape, str)
    linear = solve_by_sifting(shape, EXACT, now() + 60)
    assert linear is not None
    for kept, has_point in ((-1, True), (2, False)):
        part = part_of(shape, np.array([True, True, False]), np.array([-1, kept]))
        assert _Dive(part, linear, EXACT, now() + 60, "test").fix_groups() == has_point
