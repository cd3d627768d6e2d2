"""Independent verification of solver results on small models with known answers, and progress of a search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Matrix, Progress, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.parametric import MovingLimit, breakpoints
from ccs_model.mip.verification import (
    _is_infeasibility_proof,
    columns_without_limit,
    is_proven_infeasible,
    row_upper_bounds,
    verify_by_elastic_model,
)
from ccs_model.model.standard_form import matrix_of
from tests.hand_matrix import hand_matrix

OPTIONS = SolverOptions(gap_share=0.0, threads=1)


def knapsack(capacity: float, least: float = 0.0, *, is_integer: bool = True) -> Matrix:
    """A knapsack of pieces of 3, 5 and 7 with a capacity, of which at least `least` must be filled."""
    m = pyo.ConcreteModel()
    m.piece = pyo.Var([3, 5, 7], domain=pyo.Binary if is_integer else pyo.UnitInterval)
    m.room = pyo.Constraint(expr=sum(size * m.piece[size] for size in m.piece) <= capacity)
    m.filled = pyo.Constraint(expr=sum(size * m.piece[size] for size in m.piece) >= least)
    m.objective = pyo.Objective(expr=4 * m.piece[3] + 5 * m.piece[5] + 6 * m.piece[7], sense=pyo.maximize)
    return matrix_of(m)


@pytest.mark.parametrize(
    ("matrix", "opinion", "value"),
    [
        (knapsack(9), "plan", 9.0),  # 3 and 5; 7 alone is worth 6
        (knapsack(9, is_integer=False), "plan", 9.0 + 6 / 7),
        (knapsack(9, 10), "infeasible", None),  # the LP relaxation is infeasible too
        (knapsack(11.5, 11), "infeasible", None),  # LP feasible; sums of pieces: 3, 5, 7, 8, 10, 12, 15
    ],
)
def test_elastic_model_finds_the_optimum_or_confirms_infeasibility(
    matrix: Matrix, opinion: str, value: float | None
) -> None:
    result, found = verify_by_elastic_model(matrix, OPTIONS, now() + 20)
    assert result == opinion
    if value is None:
        assert found is None
    else:
        assert found is not None and found.status == "optimal"
        assert found.objective == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("matrix", "is_proven"),
    [
        (knapsack(9), False),
        (knapsack(9, 10), True),
        (knapsack(9, 16, is_integer=False), True),  # more than all three pieces
        (knapsack(11.5, 11), False),  # infeasible only for integer pieces
    ],
)
def test_row_multipliers_prove_infeasibility_of_an_infeasible_lp_relaxation(matrix: Matrix, is_proven: bool) -> None:
    assert is_proven_infeasible(matrix, OPTIONS, 20.0) == is_proven


@pytest.mark.parametrize(
    ("weights", "is_proof"),
    [
        ([-1.0, 0.0], False),  # needs −9, gives 0
        ([0.0, 1.0], False),  # needs 10, and all pieces together give 15
        ([-1.0, 2.0], False),  # the room counts against what must be filled: needs 11, gives 15
        ([-1.0, 1.0], True),  # needs 10 − 9, gives 0
        ([0.0, -1.0], False),  # the row has no upper limit
    ],
)
def test_weights_prove_infeasibility_only_if_the_sum_of_rows_needs_more_than_the_columns_give(
    weights: list[float], is_proof: bool
) -> None:
    matrix = knapsack(9, 10)
    order = np.r_[matrix.rows_of("room"), matrix.rows_of("filled")]
    multipliers = np.zeros(2)
    multipliers[order] = weights
    assert _is_infeasibility_proof(matrix, multipliers) == is_proof


def test_elastic_model_measures_a_violation_in_units_of_the_largest_coefficient() -> None:
    # The pieces of 3, 5 and 7 fill at most 15 of 16, in a unit in which that is 1e-7.
    row = np.array([[3.0, 5.0, 7.0]])
    for unit in (1.0, 1e-7):
        matrix = hand_matrix(unit * row, np.inf, [4.0, 5.0, 6.0], row_lower=[16.0 * unit])
        assert verify_by_elastic_model(matrix, OPTIONS, now() + 20) == ("infeasible", None)


def test_maximum_of_a_row_counts_one_column_per_choice() -> None:
    m = pyo.ConcreteModel()
    m.take = pyo.Var("abcd", domain=pyo.Binary)
    m.idle = pyo.Var(domain=pyo.NonNegativeReals)
    m.one = pyo.Constraint([0, 1], rule=lambda m, k: sum(m.take[name] for name in ("ab", "bc")[k]) <= 1)
    weights = {"a": 3, "b": 4, "c": 2, "d": 5}
    m.total = pyo.Constraint(expr=sum(w * m.take[name] for name, w in weights.items()) - m.idle >= 20)
    m.least = pyo.Constraint(expr=2 * m.take["d"] - 3 * m.take["a"] >= 9)
    m.objective = pyo.Objective(expr=m.idle)
    matrix = matrix_of(m)
    rows = np.r_[matrix.rows_of("total"), matrix.rows_of("least")]
    # 4 for the choice of a and b, 2 for that of b and c, 5 for d; in the other row 2 for d and nothing for a.
    assert row_upper_bounds(matrix, rows, "one").tolist() == [11.0, 2.0]


def test_infeasibility_is_proven_despite_unbounded_columns() -> None:
    m = pyo.ConcreteModel()
    m.flow, m.other = pyo.Var(domain=pyo.NonNegativeReals), pyo.Var(domain=pyo.Reals)
    m.balance = pyo.Constraint(expr=m.flow - 1e6 * m.other == 3)
    m.least = pyo.Constraint(expr=m.flow >= 5)
    m.most = pyo.Constraint(expr=m.flow - 1e6 * m.other >= 4)
    m.objective = pyo.Objective(expr=m.flow)
    assert is_proven_infeasible(matrix_of(m), OPTIONS, 20.0)
    m.most.deactivate()
    assert not is_proven_infeasible(matrix_of(m), OPTIONS, 20.0)


def test_columns_without_limit_are_listed_in_order_of_value() -> None:
    m = pyo.ConcreteModel()
    m.flow = pyo.Var(["much", "some", "held"], domain=pyo.NonNegativeReals)
    m.limit = pyo.Constraint(expr=m.flow["held"] <= 5)
    m.objective = pyo.Objective(expr=2 * m.flow["some"] + 9 * m.flow["much"] + m.flow["held"], sense=pyo.maximize)
    found = columns_without_limit(matrix_of(m), OPTIONS, 10)
    assert [column.index for column in found] == ["much", "some"]
    assert columns_without_limit(knapsack(9, 10), OPTIONS, 10) == ()


def test_limit_below_the_lowest_feasible_one_is_reported_with_its_value() -> None:
    matrix = knapsack(9, 4, is_integer=False)
    row = int(matrix.rows_of("room")[0])
    moving = MovingLimit(matrix, row, OPTIONS)
    assert moving.lowest_limit() == pytest.approx(4)
    with pytest.raises(NoPlanError, match="the LP is infeasible at a limit of 2"):
        breakpoints(moving, 2.0, 9.0)
    with pytest.raises(NoPlanError, match="no limit is feasible"):
        MovingLimit(knapsack(9, 16, is_integer=False), row, OPTIONS).lowest_limit()


def test_unbounded_lp_is_reported_at_the_given_limit() -> None:
    m = pyo.ConcreteModel()
    m.flow = pyo.Var(range(2), domain=pyo.NonNegativeReals)
    m.room = pyo.Constraint(expr=m.flow[0] <= 5)
    m.objective = pyo.Objective(expr=m.flow[0] + m.flow[1], sense=pyo.maximize)
    with pytest.raises(NoPlanError, match="at a limit of 3 ended with status unbounded"):
        MovingLimit(matrix_of(m), 0, OPTIONS).solve_at(3.0)


def test_search_reports_its_progress(tmp_path: Path) -> None:
    reported: list[Progress] = []
    # A market split is hard enough for a search that reaches its limit.
    sizes = [[(37 * (i + 3) * (j + 7) ** 2) % 101 for j in range(24)] for i in range(2)]
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(24), domain=pyo.Binary)
    m.off = pyo.Var(range(2), range(2), domain=pyo.NonNegativeReals)
    m.half = pyo.Constraint(
        range(2),
        rule=lambda m, i: (
            sum(s * m.take[j] for j, s in enumerate(sizes[i])) + m.off[i, 0] - m.off[i, 1] == sum(sizes[i]) // 2
        ),
    )
    m.objective = pyo.Objective(expr=sum(m.off[i, k] for i in range(2) for k in range(2)), sense=pyo.minimize)
    options = SolverOptions(gap_share=0.0, threads=1, log_path=tmp_path / "solver.log")
    found = Highs(matrix_of(m), options, reported.append).run(1.0, "halving")
    assert found.x is not None and reported
    assert {each.stage for each in reported} == {"halving"}
    assert [each.seconds for each in reported] == sorted(each.seconds for each in reported)
    # The lower bound never exceeds the incumbent.
    assert all(each.bound <= each.incumbent + 1e-6 for each in reported)
