"""MILPs solved by restricted MILPs, against enumeration, plain HiGHS and a published optimum."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip import branch_and_bound as whole_module
from ccs_model.mip.branch_and_bound import MipOutcome, _round_integers_down, solve_mip
from ccs_model.mip.clock import now
from ccs_model.mip.matrix import residuals
from ccs_model.model.standard_form import matrix_of
from tests.examples import examples

EXACT = SolverOptions(gap_share=0.0, threads=1)


def knapsack(
    value: list[float], weights: list[list[float]], capacity: list[float], *, maximise: bool = True
) -> pyo.ConcreteModel:
    """Maximise the value within the capacities, or minimise the cost of filling them."""
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(len(value)), domain=pyo.Binary)
    m.fits = pyo.ConstraintList()
    for weight, limit in zip(weights, capacity, strict=True):
        used = sum(w * m.take[i] for i, w in enumerate(weight) if w)
        if not isinstance(used, int):
            m.fits.add(used <= limit if maximise else used >= limit)
    m.objective = pyo.Objective(
        expr=sum(v * m.take[i] for i, v in enumerate(value)), sense=pyo.maximize if maximise else pyo.minimize
    )
    return m


def solve_exactly(matrix: Matrix, **more: object) -> MipOutcome:
    highs = Highs(matrix, EXACT)
    return solve_mip(highs, deadline=now() + 30, stage="test", **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def small_restricted_milp() -> object:
    """Restrict MILPs to two columns, so that small models take every step of large ones."""
    saved, whole_module.RESTRICTED_COLUMNS = whole_module.RESTRICTED_COLUMNS, 2
    yield
    whole_module.RESTRICTED_COLUMNS = saved


NUMBERS = st.integers(1, 40)


@given(st.data(), st.integers(2, 8), st.integers(1, 3), st.booleans())
@examples(40)
def test_optimum_of_random_knapsacks_equals_enumeration(data: st.DataObject, n: int, rows: int, maximise: bool) -> None:
    value = [float(v) for v in data.draw(st.lists(NUMBERS, min_size=n, max_size=n))]
    weights = [[float(w) for w in data.draw(st.lists(NUMBERS, min_size=n, max_size=n))] for _ in range(rows)]
    capacity = [float(data.draw(st.integers(1, int(sum(weight))))) for weight in weights]
    best = None
    for taken in itertools.product((0, 1), repeat=n):
        used = np.array(weights) @ taken
        if (used <= capacity).all() if maximise else (used >= capacity).all():
            total = float(np.dot(value, taken))
            best = total if best is None else max(best, total) if maximise else min(best, total)
    matrix = matrix_of(knapsack(value, weights, capacity, maximise=maximise))
    found = solve_exactly(matrix)
    assert best is not None
    assert found.outcome.status == "optimal"
    assert found.outcome.objective == pytest.approx(best)
    assert found.outcome.bound == pytest.approx(best)
    assert found.outcome.x is not None
    assert residuals(matrix, found.outcome.x).hold
    sign = 1 if maximise else -1
    assert sign * found.relaxation.objective >= sign * best - 1e-6
    plain = Highs(matrix, EXACT).run(30, "plain")
    assert plain.objective == pytest.approx(found.outcome.objective)


@given(st.data(), st.integers(3, 7))
@examples(15)
def test_bound_is_valid_with_a_wide_gap(data: st.DataObject, n: int) -> None:
    value = [float(v) for v in data.draw(st.lists(NUMBERS, min_size=n, max_size=n))]
    weight = [float(w) for w in data.draw(st.lists(NUMBERS, min_size=n, max_size=n))]
    capacity = float(data.draw(st.integers(1, int(sum(weight)))))
    best = max(
        float(np.dot(value, taken))
        for taken in itertools.product((0, 1), repeat=n)
        if float(np.dot(weight, taken)) <= capacity
    )
    highs = Highs(matrix_of(knapsack(value, [weight], [capacity])), replace(EXACT, gap_share=0.2))
    found = solve_mip(highs, deadline=now() + 30, stage="test").outcome
    assert found.objective <= best + 1e-6 <= found.bound + 2e-6
    assert found.bound - found.objective <= 0.2 * found.objective + 1e-6


# OR-Library, mknap1, problem 1: C. C. Petersen, Management Science 13 (1967) 736; optimum 3800.
PETERSEN_VALUE = [100, 600, 1200, 2400, 500, 2000]
PETERSEN_WEIGHTS = [
    [8, 12, 13, 64, 22, 41], [8, 12, 13, 75, 22, 41], [3, 6, 4, 18, 6, 4], [5, 10, 8, 32, 6, 12],
    [5, 13, 8, 42, 6, 20], [5, 13, 8, 48, 6, 20], [0, 0, 0, 0, 8, 0], [3, 0, 4, 0, 8, 0], [3, 2, 4, 0, 8, 4],
    [3, 2, 4, 8, 8, 4],
]  # fmt: skip
PETERSEN_CAPACITY = [80, 96, 20, 36, 44, 48, 10, 18, 22, 24]


def test_published_optimum_of_petersens_first_problem_is_found() -> None:
    found = solve_exactly(matrix_of(knapsack(PETERSEN_VALUE, PETERSEN_WEIGHTS, PETERSEN_CAPACITY))).outcome
    assert (found.status, found.objective) == ("optimal", pytest.approx(3800))
    assert found.bound == pytest.approx(3800)


def test_infeasible_restricted_milp_is_extended_to_all_columns() -> None:
    # Exactly 7 out of 3, 3, 4, 4, 4: the relaxation takes the best two per weight, both 3, which do not add up to 7.
    m = pyo.ConcreteModel()
    weight, value = [3, 3, 4, 4, 4], [9, 9, 1, 2, 3]
    m.take = pyo.Var(range(5), domain=pyo.Binary)
    m.exactly = pyo.Constraint(expr=sum(w * m.take[i] for i, w in enumerate(weight)) == 7)
    m.objective = pyo.Objective(expr=sum(v * m.take[i] for i, v in enumerate(value)), sense=pyo.maximize)
    found = solve_exactly(matrix_of(m)).outcome
    assert (found.status, found.objective) == ("optimal", pytest.approx(9 + 3))


def test_infeasible_milp_has_the_status_infeasible() -> None:
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(4), domain=pyo.Binary)
    m.exactly = pyo.Constraint(expr=sum(2 * m.take[i] for i in range(4)) == 3)
    m.objective = pyo.Objective(expr=sum((i + 1) * m.take[i] for i in range(4)), sense=pyo.maximize)
    found = solve_exactly(matrix_of(m))
    assert (found.outcome.status, found.outcome.x) == ("infeasible", None)
    # The LP relaxation is feasible: the last item and half of the one before.
    assert (found.relaxation.status, found.relaxation.objective) == ("optimal", pytest.approx(4 + 3 / 2))


def test_columns_that_may_not_move_stay_at_0() -> None:
    # The best is item 0 (10); without it items 1 and 2 (6 + 5).
    matrix = matrix_of(knapsack([10, 6, 5, 1], [[3, 2, 2, 2]], [4]))
    at = [column.index for column in matrix.columns]
    assert solve_exactly(matrix).outcome.objective == pytest.approx(11)
    allowed = np.array([i != 1 for i in at])
    found = solve_exactly(matrix, may_move=allowed).outcome
    assert found.objective == pytest.approx(10)
    assert found.x is not None
    assert found.x[at.index(1)] == 0


def test_solve_mip_leaves_the_instance_unchanged() -> None:
    matrix = matrix_of(knapsack(PETERSEN_VALUE, PETERSEN_WEIGHTS, PETERSEN_CAPACITY))
    highs = Highs(matrix, EXACT)
    for _ in range(2):
        again = solve_mip(highs, deadline=now() + 30, stage="test")
        assert again.outcome.objective == pytest.approx(3800)
    assert highs.run(30, "plain").objective == pytest.approx(3800)


def test_start_is_improved_to_the_optimum() -> None:
    matrix = matrix_of(knapsack(PETERSEN_VALUE, PETERSEN_WEIGHTS, PETERSEN_CAPACITY))
    # Items 2, 3 and 6 (600 + 1200 + 2000) make 3800; the start is items 2 and 3.
    at = [column.index for column in matrix.columns]
    start = np.array([1.0 if i in (1, 2) else 0.0 for i in at])
    assert solve_exactly(matrix, start=start).outcome.objective == pytest.approx(3800)


@pytest.mark.parametrize("has_start", [False, True])
def test_point_and_bound_past_the_deadline_are_valid(has_start: bool) -> None:
    matrix = matrix_of(knapsack(PETERSEN_VALUE, PETERSEN_WEIGHTS, PETERSEN_CAPACITY))
    highs = Highs(matrix, EXACT)
    start = np.array([float(column.index in (1, 2)) for column in matrix.columns]) if has_start else None
    found = solve_mip(highs, deadline=now() - 1, stage="test", start=start).outcome
    assert found.status in ("optimal", "limit")
    # A feasible start is never lost.
    assert found.x is not None or not has_start
    if found.x is not None:
        assert residuals(matrix, found.x).hold
        assert found.objective <= 3800 + 1e-6 <= found.bound + 2e-6


def test_rounded_down_relaxation_is_a_start_if_it_is_feasible() -> None:
    m = pyo.ConcreteModel()
    m.pieces, m.part = pyo.Var(domain=pyo.Integers, bounds=(0, 9)), pyo.Var(bounds=(0, 5))
    m.room = pyo.Constraint(expr=3 * m.pieces + m.part <= 8.5)
    m.objective = pyo.Objective(expr=4 * m.pieces + m.part, sense=pyo.maximize)
    matrix = matrix_of(m)
    names = [column.name for column in matrix.columns]
    x = np.array([{"pieces": 2.7, "part": 0.4}[name] for name in names])
    start = _round_integers_down(matrix, x)
    assert start is not None
    # Two pieces; the continuous column is 0.
    assert dict(zip(names, start.tolist(), strict=True)) == {"pieces": 2.0, "part": 0.0}
    # At least 7 requires the continuous column too.
    assert _round_integers_down(_with_least(matrix, 7.0), x) is None


def _with_least(matrix: Matrix, least: float) -> Matrix:
    return replace(matrix, row_lower=np.full(len(matrix.row_lower), least))
