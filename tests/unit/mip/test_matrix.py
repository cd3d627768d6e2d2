"""Conversion of a Pyomo model to a matrix: rows, bounds, objectives and errors."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.errors import CcsModelError
from ccs_model.model.standard_form import matrix_of


def pyomo_model() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.n = pyo.Var(domain=pyo.NonNegativeIntegers)
    m.most = pyo.Constraint(expr=2 * m.x + 3 * m.n <= 12)
    m.least = pyo.Constraint([7], rule=lambda m, _: m.x + m.n >= 1)
    m.same = pyo.Constraint(expr=m.x - m.n + 5 == 5)
    m.later = pyo.Objective(expr=m.x, sense=pyo.minimize)
    m.later.deactivate()
    m.objective = pyo.Objective(expr=3 * m.x + m.n, sense=pyo.maximize)
    return m


def test_rows_bounds_and_integrality_match_the_model() -> None:
    matrix = matrix_of(pyomo_model())
    names = [column.name for column in matrix.columns]
    order = [names.index("x"), names.index("n")]
    constraints = {constraint: i for i, constraint in enumerate(matrix.row_constraints)}
    dense = matrix.rows.toarray()[:, order]
    expected = {
        ("most", None): ([2, 3], -np.inf, 12),
        ("least", 7): ([1, 1], 1, np.inf),
        ("same", None): ([1, -1], 0, 0),
    }
    assert constraints.keys() == expected.keys()
    for constraint, (line, lower, upper) in expected.items():
        i = constraints[constraint]
        sign = np.sign(dense[i, 0])  # an equation may have the opposite sign
        assert (dense[i] * (sign if constraint[0] == "same" else 1)).tolist() == line
        assert (matrix.row_lower[i], matrix.row_upper[i]) == (lower, upper)
    assert matrix.lower[order].tolist() == [0, 0]
    assert matrix.upper[order].tolist() == [4, np.inf]
    assert matrix.is_integer[order].tolist() == [False, True]
    assert matrix.rows_of("least").tolist() == [constraints["least", 7]]


def test_the_active_objective_comes_first_wherever_it_is_declared() -> None:
    m = pyomo_model()
    matrix = matrix_of(m)
    names = [column.name for column in matrix.columns]
    assert matrix.maximise == (True, False)
    assert dict(zip(names, matrix.costs[0], strict=True)) == {"x": 3, "n": 1}
    assert dict(zip(names, matrix.costs[1], strict=True)) == {"x": 1, "n": 0}
    assert (m.objective.active, m.later.active) == (True, False)  # the model is left unchanged


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_coefficient_raises_an_error(bad: float) -> None:
    m = pyomo_model()
    m.broken = pyo.Constraint(expr=LinearExpression(constant=0.0, linear_coefs=[bad, 1.0], linear_vars=[m.x, m.n]) <= 1)
    with pytest.raises(CcsModelError, match="a coefficient"):
        matrix_of(m)


def test_non_finite_objective_raises_an_error() -> None:
    m = pyomo_model()
    m.objective.deactivate()
    m.broken = pyo.Objective(expr=LinearExpression(constant=0.0, linear_coefs=[float("nan")], linear_vars=[m.x]))
    with pytest.raises(CcsModelError, match="an objective"):
        matrix_of(m)


def test_limit_that_is_not_a_number_raises_an_error() -> None:
    m = pyomo_model()
    m.limit = pyo.Param(initialize=float("nan"), mutable=True, within=pyo.Any)
    m.broken = pyo.Constraint(expr=m.x + m.n <= m.limit)
    with pytest.raises((CcsModelError, ValueError)):
        matrix_of(m)
