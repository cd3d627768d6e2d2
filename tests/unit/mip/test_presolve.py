"""Aggregation of columns and reduced-cost fixing, on problems small enough to enumerate."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.matrix import residuals
from ccs_model.mip.presolve import aggregate_columns, fix_by_reduced_cost
from ccs_model.model.standard_form import matrix_of

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
VALUE = (7.0, 5.0, 4.0, 3.0)
WEIGHT = (5.0, 4.0, 3.0, 2.0)


def knapsack(capacity: float, sign: float) -> Matrix:
    """A knapsack of four items; with `sign` -1 the negative value is minimised."""
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(4), domain=pyo.Binary)
    m.within_room = pyo.Constraint(expr=sum(WEIGHT[k] * m.take[k] for k in range(4)) <= capacity)
    sense = pyo.maximize if sign > 0 else pyo.minimize
    m.objective = pyo.Objective(expr=sign * sum(VALUE[k] * m.take[k] for k in range(4)), sense=sense)
    return matrix_of(m)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("capacity", [2.0, 5.0, 7.0, 9.0, 11.0])
def test_reduced_cost_fixing_keeps_every_solution_as_good_as_the_incumbent(capacity: float, sign: float) -> None:
    matrix = knapsack(capacity, sign)
    columns = matrix.columns_of("take")
    at = [matrix.columns[j].index for j in columns]
    choices = [c for c in itertools.product((0.0, 1.0), repeat=4) if np.dot(c, WEIGHT) <= capacity]
    for incumbent in sorted({float(np.dot(c, VALUE)) for c in choices}):
        deadline = time.monotonic() + 20
        fixed = fix_by_reduced_cost(matrix, columns, sign * incumbent, OPTIONS, deadline=deadline)
        for choice in choices:
            if np.dot(choice, VALUE) >= incumbent:
                x = np.array([choice[k] for k in at])
                assert (fixed.lower[columns] <= x).all()
                assert (x <= fixed.upper[columns]).all()


def test_reduced_cost_fixing_excludes_items_that_never_fit() -> None:
    matrix = knapsack(2.0, 1.0)
    columns = matrix.columns_of("take")
    fixed = fix_by_reduced_cost(matrix, columns, 0.0, OPTIONS, deadline=time.monotonic() + 20)
    at = [matrix.columns[j].index for j in columns]
    # Only the item of weight 2 may still be taken.
    assert {k for k, most in zip(at, fixed.upper[columns], strict=True) if most > 0} == {3}


def test_wrong_infeasible_status_fixes_no_column(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = knapsack(11.0, 1.0)
    columns = matrix.columns_of("take")
    run = Highs.run

    def run_as_infeasible(highs: Highs, time_limit_s: float, stage: str) -> Outcome:
        found = run(highs, time_limit_s, stage)
        is_fixing = stage == "reduced-cost fixing"
        return replace(found, status="infeasible", x=None) if is_fixing else found

    monkeypatch.setattr(Highs, "run", run_as_infeasible)
    fixed = fix_by_reduced_cost(matrix, columns, 0.0, OPTIONS, deadline=time.monotonic() + 20)
    assert (fixed.lower == matrix.lower).all() and (fixed.upper == matrix.upper).all()


def test_two_pipes_in_series_merge_into_one_with_the_cost_of_both() -> None:
    m = pyo.ConcreteModel()
    m.pipe = pyo.Var(["a", "b", "detour"], domain=pyo.Binary)
    m.flow = pyo.Var(["a", "b", "detour"], domain=pyo.NonNegativeReals)
    m.sent = pyo.Constraint(expr=m.flow["a"] + m.flow["detour"] == 3)
    m.on = pyo.Constraint(expr=m.flow["a"] == m.flow["b"])
    m.room = pyo.Constraint(["a", "b", "detour"], rule=lambda m, k: m.flow[k] <= 4 * m.pipe[k])
    # In series: fixed cost 2 + 3 and flow cost 3 × (1 + 1), 11 in all; the detour costs 9 + 3 × 1 = 12.
    m.objective = pyo.Objective(
        expr=2 * m.pipe["a"] + 3 * m.pipe["b"] + 9 * m.pipe["detour"] + sum(m.flow[k] for k in ("a", "b", "detour"))
    )
    matrix = matrix_of(m)
    at = {(c[0], c[1]): j for j, c in enumerate(matrix.columns)}
    aggregated = aggregate_columns(matrix, [(at["pipe", "a"], at["pipe", "b"]), (at["flow", "a"], at["flow", "b"])])
    assert len(aggregated.matrix.lower) == 4
    # The rows of both pipes are merged.
    assert len(aggregated.matrix.row_lower) < len(matrix.row_lower)
    found = Highs(aggregated.matrix, OPTIONS).run(10, "merged")
    assert found.x is not None
    assert found.objective == pytest.approx(11.0)
    assert residuals(matrix, aggregated.lift_to_full_model(found.x)).hold
    assert float(matrix.costs[0] @ aggregated.lift_to_full_model(found.x)) == pytest.approx(11.0)
