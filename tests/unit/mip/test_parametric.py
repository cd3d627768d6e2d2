"""Exact breakpoints of the value of an LP over a moving limit: by hand, and against cold solves at many limits."""

import itertools
import time

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccs_model.mip import Highs, SolverOptions
from ccs_model.mip.parametric import MovingLimit, breakpoints
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from tests.examples import examples

ONE_THREAD = SolverOptions(threads=1)


def continuous_knapsack(value, cost, upper=1.0):
    """A continuous knapsack: the highest value within a budget."""
    m = pyo.ConcreteModel()
    m.part = pyo.Var(range(len(value)), bounds=(0, upper))
    m.money = pyo.Constraint(expr=pyo.quicksum(c * m.part[k] for k, c in enumerate(cost)) <= sum(cost))
    m.objective = pyo.Objective(expr=pyo.quicksum(w * m.part[k] for k, w in enumerate(value)), sense=pyo.maximize)
    return matrix_of(m)


def test_breakpoints_of_three_plants_match_the_hand_calculation():
    # 30 kt for 2, 20 for 4, 10 for 5: 15, 5 and 2 kt per million, so that the slope changes at 2, 6 and 11 million.
    moving = MovingLimit(continuous_knapsack([20.0, 10.0, 30.0], [4.0, 5.0, 2.0]), 0, ONE_THREAD)
    found, complete = breakpoints(moving, 0.0, 20.0)
    assert complete
    assert [each.limit for each in found] == pytest.approx([0.0, 2.0, 6.0, 11.0, 20.0])
    assert [each.value for each in found] == pytest.approx([0.0, 30.0, 50.0, 60.0, 60.0])
    assert [each.slope_above for each in found[:-1]] == pytest.approx([15.0, 5.0, 2.0, 0.0])
    assert [each.slope_below for each in found[1:]] == pytest.approx([15.0, 5.0, 2.0, 0.0])
    # At most two solves per breakpoint, and one at each end.
    assert moving.n_solves <= 2 * len(found) + 2


def test_negative_limits_have_the_same_breakpoints():
    # The three plants of the test above, with 20 million paid in: every limit is 20 lower.
    m = pyo.ConcreteModel()
    m.part, m.paid_in = pyo.Var(range(3), bounds=(0, 1)), pyo.Var(bounds=(1, 1))
    m.money = pyo.Constraint(expr=4 * m.part[0] + 5 * m.part[1] + 2 * m.part[2] - 20 * m.paid_in <= 0)
    m.objective = pyo.Objective(expr=20 * m.part[0] + 10 * m.part[1] + 30 * m.part[2], sense=pyo.maximize)
    found, complete = breakpoints(MovingLimit(matrix_of(m), 0, ONE_THREAD), -20.0, -1.0)
    assert complete
    assert [each.limit for each in found] == pytest.approx([-20.0, -18.0, -14.0, -9.0, -1.0])
    assert [each.value for each in found] == pytest.approx([0.0, 30.0, 50.0, 60.0, 60.0])
    assert [each.slope_above for each in found[:-1]] == pytest.approx([15.0, 5.0, 2.0, 0.0])


def test_lowest_feasible_limit_is_the_required_spending():
    m = pyo.ConcreteModel()
    m.part = pyo.Var(range(2), bounds=(0, 1))
    m.money = pyo.Constraint(expr=3 * m.part[0] + 5 * m.part[1] <= 8)
    m.must = pyo.Constraint(expr=m.part[1] >= 0.5)
    m.objective = pyo.Objective(expr=2 * m.part[0] + m.part[1], sense=pyo.maximize)
    matrix = matrix_of(m)
    moving = MovingLimit(matrix, int(matrix.rows_of("money")[0]), ONE_THREAD)
    assert moving.lowest_limit() == pytest.approx(2.5)
    assert moving.solve_at(2.0) is None
    assert moving.solve_at(5.5).value == pytest.approx(2.5)


# In the second example the tangents of two breakpoints meet in a third one.
@example([(20, 4), (10, 5), (30, 2)])
@example([(30, 2), (20, 4), (40, 20)])
@example([(40, 4), (20, 3), (10, 5), (30, 3)])
@examples(30)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 40)), min_size=1, max_size=8))
def test_breakpoints_are_the_cumulative_costs_of_the_merit_order(pairs):
    """If only money is limited, the optimum takes options by value per cost; breakpoints are the cumulative costs."""
    value, cost = zip(*pairs, strict=True)
    order = sorted(range(len(pairs)), key=lambda k: -value[k] / cost[k])
    corners = np.cumsum([0.0, *(cost[k] for k in order)])
    expected = [corner for corner, changes in zip(corners, slope_changes(order, value, cost), strict=True) if changes]
    found, complete = breakpoints(
        MovingLimit(continuous_knapsack(value, cost), 0, ONE_THREAD), 0.0, float(sum(cost)) + 1.0
    )
    assert complete
    assert [each.limit for each in found[:-1]] == pytest.approx(expected, abs=1e-7)


def slope_changes(order, value, cost):
    """Whether the slope changes at each cumulative cost of the merit order."""
    marks = [True]
    for one, other in itertools.pairwise(order):
        marks.append(value[one] * cost[other] != value[other] * cost[one])
    return [*marks, True]


@pytest.mark.slow
def test_cold_solves_between_breakpoints_lie_on_the_line_segments(problem_of):
    problem = problem_of({"capture.decisions": "continuous", "budget.total_mn": 30_000})
    matrix = matrix_of(build_model(problem))
    row = int(matrix.rows_of("spending_within_budget")[0])
    found, complete = breakpoints(MovingLimit(matrix, row, ONE_THREAD), 0.0, 30_000.0)
    assert complete and len(found) > 10
    limits, values = (np.array([getattr(each, name) for each in found]) for name in ("limit", "value"))
    assert (np.diff(limits) > 0).all() and (np.diff(values) >= -1e-9).all()
    slopes = [each.slope_above for each in found[:-1]]
    assert (np.diff(slopes) < 0).all(), "the marginal value decreases"
    for limit in np.linspace(0.0, 30_000.0, 202)[1:-1]:
        cold = Highs.lp_relaxation(matrix, ONE_THREAD)
        cold.set_row(row, -np.inf, limit)
        outcome = cold.run(60.0, "cold")
        assert np.interp(limit, limits, values) == pytest.approx(outcome.objective, rel=1e-9, abs=1e-6)


def test_breakpoints_past_the_deadline_are_reported_as_incomplete(problem_of):
    problem = problem_of({"capture.decisions": "continuous", "budget.total_mn": 30_000})
    matrix = matrix_of(build_model(problem))
    row = int(matrix.rows_of("spending_within_budget")[0])
    found, complete = breakpoints(MovingLimit(matrix, row, ONE_THREAD), 0.0, 30_000.0, deadline=time.monotonic())
    # Both ends are computed, the breakpoints between them are not.
    assert not complete
    assert [each.limit for each in found] == [0.0, 30_000.0]
