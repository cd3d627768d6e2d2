"""Columns made one and columns settled beforehand, on problems small enough to enumerate."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.matrix import residuals
from ccs_model.mip.presolve import fixed_by_reduced_cost, merged
from ccs_model.model.standard_form import matrix_of

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
WORTH = (7.0, 5.0, 4.0, 3.0)
WEIGHT = (5.0, 4.0, 3.0, 2.0)


def knapsack(room: float, sign: float) -> Matrix:
    """What to take of four things; `sign` -1 asks for the least of the negative worth."""
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(4), domain=pyo.Binary)
    m.within_room = pyo.Constraint(expr=sum(WEIGHT[k] * m.take[k] for k in range(4)) <= room)
    sense = pyo.maximize if sign > 0 else pyo.minimize
    m.objective = pyo.Objective(expr=sign * sum(WORTH[k] * m.take[k] for k in range(4)), sense=sense)
    return matrix_of(m)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("room", [2.0, 5.0, 7.0, 9.0, 11.0])
def test_no_choice_as_good_as_the_plan_in_hand_is_lost(room: float, sign: float) -> None:
    matrix = knapsack(room, sign)
    columns = matrix.columns_of("take")
    at = [matrix.columns[j].index for j in columns]
    choices = [c for c in itertools.product((0.0, 1.0), repeat=4) if np.dot(c, WEIGHT) <= room]
    for in_hand in sorted({float(np.dot(c, WORTH)) for c in choices}):
        deadline = time.monotonic() + 20
        known = fixed_by_reduced_cost(matrix, columns, sign * in_hand, OPTIONS, deadline=deadline)
        for choice in choices:
            if np.dot(choice, WORTH) >= in_hand:
                x = np.array([choice[k] for k in at])
                assert (known.lower[columns] <= x).all()
                assert (x <= known.upper[columns]).all()


def test_what_never_fits_is_left_out() -> None:
    matrix = knapsack(2.0, 1.0)
    columns = matrix.columns_of("take")
    known = fixed_by_reduced_cost(matrix, columns, 0.0, OPTIONS, deadline=time.monotonic() + 20)
    at = [matrix.columns[j].index for j in columns]
    # Only the thing of weight 2 may still be taken.
    assert {k for k, most in zip(at, known.upper[columns], strict=True) if most > 0} == {3}


def test_a_false_infeasible_settles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = knapsack(11.0, 1.0)
    columns = matrix.columns_of("take")
    run = Highs.run

    def denied(highs: Highs, time_limit_s: float, stage: str) -> Outcome:
        found = run(highs, time_limit_s, stage)
        is_asked = stage == "reduced-cost fixing"
        return replace(found, status="infeasible", x=None) if is_asked else found

    monkeypatch.setattr(Highs, "run", denied)
    known = fixed_by_reduced_cost(matrix, columns, 0.0, OPTIONS, deadline=time.monotonic() + 20)
    assert (known.lower == matrix.lower).all() and (known.upper == matrix.upper).all()


def test_two_pipes_in_a_row_are_one_of_both_costs() -> None:
    m = pyo.ConcreteModel()
    m.pipe = pyo.Var(["a", "b", "detour"], domain=pyo.Binary)
    m.flow = pyo.Var(["a", "b", "detour"], domain=pyo.NonNegativeReals)
    m.sent = pyo.Constraint(expr=m.flow["a"] + m.flow["detour"] == 3)
    m.on = pyo.Constraint(expr=m.flow["a"] == m.flow["b"])
    m.room = pyo.Constraint(["a", "b", "detour"], rule=lambda m, k: m.flow[k] <= 4 * m.pipe[k])
    # In a row 2 + 3 of laying and 3 × (1 + 1) of sending: 11; the detour costs 9 and 3 × 1: 12.
    m.objective = pyo.Objective(
        expr=2 * m.pipe["a"] + 3 * m.pipe["b"] + 9 * m.pipe["detour"] + sum(m.flow[k] for k in ("a", "b", "detour"))
    )
    matrix = matrix_of(m)
    at = {(c[0], c[1]): j for j, c in enumerate(matrix.columns)}
    small = merged(matrix, [(at["pipe", "a"], at["pipe", "b"]), (at["flow", "a"], at["flow", "b"])])
    assert len(small.matrix.lower) == 4
    # The rows of both pipes are one.
    assert len(small.matrix.row_lower) < len(matrix.row_lower)
    found = Highs(small.matrix, OPTIONS).run(10, "merged")
    assert found.x is not None
    assert found.objective == pytest.approx(11.0)
    assert residuals(matrix, small.lifted(found.x)).hold
    assert float(matrix.costs[0] @ small.lifted(found.x)) == pytest.approx(11.0)
