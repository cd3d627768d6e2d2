"""Models whose flows are counted in a larger unit inside the solver, against hand calculations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.branch_and_bound import outcome_with_integers_fixed, resolve_with_integers_fixed
from ccs_model.mip.matrix import Scaling, flow_scaling_of, residuals
from ccs_model.model.standard_form import matrix_of

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
WIDE, NARROW = 100_000.0, 9_000.0


def two_pipes(requested: float, widest: float = WIDE) -> Matrix:
    """Send at least `requested` by pipes of 10 + 0.01 per unit (narrow) or 100 + 0.002 (wide); the budget is 400."""
    m = pyo.ConcreteModel()
    m.k = pyo.Set(initialize=["narrow", "wide"])
    capacity = {"narrow": NARROW, "wide": widest}
    fixed, slope = {"narrow": 10.0, "wide": 100.0}, {"narrow": 0.01, "wide": 0.002}
    m.pipe, m.flow = pyo.Var(m.k, domain=pyo.Binary), pyo.Var(m.k, domain=pyo.NonNegativeReals)
    cost = sum(fixed[k] * m.pipe[k] + slope[k] * m.flow[k] for k in m.k)
    m.flow_needs_a_pipe = pyo.Constraint(m.k, rule=lambda m, k: m.flow[k] - capacity[k] * m.pipe[k] <= 0)
    m.enough = pyo.Constraint(expr=sum(m.flow[k] for k in m.k) >= requested)
    m.money = pyo.Constraint(expr=cost <= 400.0)
    m.objective = pyo.Objective(expr=cost, sense=pyo.minimize)
    return matrix_of(m)


def test_widest_pipe_carries_about_100_in_the_unit_of_flow() -> None:
    matrix = two_pipes(20_000.0)
    scaling = flow_scaling_of(matrix)
    # 100,000 / 128 = 781, and the next power of two is 1,024.
    flows = [column.variable == "flow" for column in matrix.columns]
    assert scaling.column.tolist() == np.where(flows, 1024.0, 1.0).tolist()
    by_constraint = {
        constraint: factor for (constraint, _), factor in zip(matrix.row_constraints, scaling.row, strict=True)
    }
    # Rows of money are not scaled.
    assert by_constraint == {"flow_needs_a_pipe": 1 / 1024, "enough": 1 / 1024, "money": 1.0}


def test_scaled_flows_have_the_same_optimum() -> None:
    # 8,000: narrow 10 + 80 = 90, wide 100 + 16; 20,000: both 110 + 90 + 22 = 222, wide alone 100 + 40 = 140.
    for requested, least in ((8_000.0, 90.0), (20_000.0, 140.0)):
        matrix = two_pipes(requested)
        for scaling in (None, flow_scaling_of(matrix)):
            outcome = Highs(matrix, OPTIONS, scaling=scaling).run(10, "test")
            assert outcome.objective == pytest.approx(least, rel=1e-6)
            assert outcome.bound == pytest.approx(least, rel=1e-6)
            assert outcome.x is not None and residuals(matrix, outcome.x).hold


def test_point_that_violates_a_row_is_resolved_with_integers_fixed() -> None:
    matrix = two_pipes(20_000.0)
    outcome = Highs(matrix, OPTIONS).run(10, "test")
    assert outcome.x is not None
    wide = next(j for j, column in enumerate(matrix.columns) if column == ("flow", "wide"))
    violating = outcome.x.copy()
    violating[wide] -= 0.5
    assert not residuals(matrix, violating).hold
    resolved = resolve_with_integers_fixed(matrix, violating, OPTIONS)
    assert residuals(matrix, resolved).hold
    assert resolved == pytest.approx(outcome.x, rel=1e-6)
    reported = outcome_with_integers_fixed(matrix, replace(outcome, x=violating, objective=0.0), OPTIONS)
    assert reported.objective == pytest.approx(140.0, rel=1e-6)
    # A feasible point is left unchanged, and so is a point that no flows can make feasible.
    assert resolve_with_integers_fixed(matrix, outcome.x, OPTIONS).tolist() == outcome.x.tolist()
    zero = np.zeros(len(violating))
    assert resolve_with_integers_fixed(matrix, zero, OPTIONS).tolist() == zero.tolist()


def test_model_of_small_flows_is_not_scaled() -> None:
    matrix = two_pipes(50.0, widest=100.0)
    smaller = replace(matrix, rows=matrix.rows.copy())
    smaller.rows.data[smaller.rows.data == -NARROW] = -90.0
    scaling: Scaling = flow_scaling_of(smaller)
    assert not scaling.is_needed
