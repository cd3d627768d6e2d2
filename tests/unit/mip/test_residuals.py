"""Residuals computed without the solver: violated rows, bounds and integrality, and values that are not finite."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Matrix
from ccs_model.mip.matrix import residuals, round_to_integrality
from ccs_model.model.standard_form import matrix_of


@pytest.fixture
def matrix() -> Matrix:
    """x + y ≤ 10, x = 2 z, integer z up to 3, and a column w up to 1 that is in no row."""
    m = pyo.ConcreteModel()
    m.x, m.y = pyo.Var(bounds=(0, 8)), pyo.Var(bounds=(0, 8))
    m.z = pyo.Var(domain=pyo.Integers, bounds=(0, 3))
    m.w = pyo.Var(bounds=(0, 1))
    m.room = pyo.Constraint(["a"], rule=lambda m, _: m.x + m.y <= 10)
    m.pairs = pyo.Constraint(expr=m.x == 2 * m.z)
    m.objective = pyo.Objective(expr=m.x + m.y + m.z + m.w, sense=pyo.maximize)
    return matrix_of(m)


def point(matrix: Matrix, **values: float) -> np.ndarray:
    return np.array([values.get(column.name, 0.0) for column in matrix.columns])


def test_feasible_point_has_no_residuals(matrix: Matrix) -> None:
    found = residuals(matrix, point(matrix, x=4, y=6, z=2, w=1))
    assert (found.row, found.bound, found.integrality) == (0, 0, 0)
    assert found.hold


def test_violated_row_is_named_and_measured_relative_to_its_terms(matrix: Matrix) -> None:
    found = residuals(matrix, point(matrix, x=4, y=7, z=2))
    assert found.row == pytest.approx(1 / 11)
    assert found.worst_row == "room[a]"
    assert not found.hold


def test_violated_equation_is_found_on_either_side(matrix: Matrix) -> None:
    for x in (2, 6):
        found = residuals(matrix, point(matrix, x=x, z=2))
        assert found.row > 0.1
        assert found.worst_row.startswith("pairs")


def test_violated_bound_is_measured(matrix: Matrix) -> None:
    assert residuals(matrix, point(matrix, w=1.5)).bound == pytest.approx(0.5 / 1.5)
    assert residuals(matrix, point(matrix, w=-0.25)).bound == pytest.approx(0.25)


def test_fractional_value_of_an_integer_column_is_measured(matrix: Matrix) -> None:
    found = residuals(matrix, point(matrix, x=3, z=1.5))
    assert found.integrality == pytest.approx(0.5)
    assert found.row == found.bound == 0
    assert not found.hold


@pytest.mark.parametrize("name", ["x", "z", "w"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_point_with_a_non_finite_value_never_holds(matrix: Matrix, name: str, value: float) -> None:
    assert not residuals(matrix, point(matrix, **{name: value})).hold


def test_rounding_to_integrality_changes_only_values_within_tolerance(matrix: Matrix) -> None:
    near = round_to_integrality(matrix, point(matrix, x=4 + 1e-9, z=2 - 1e-7, w=1 + 1e-9))
    assert near.tolist() == pytest.approx(point(matrix, x=4 + 1e-9, z=2, w=1).tolist(), abs=0)
    far = round_to_integrality(matrix, point(matrix, z=1.4))
    assert far[[column.name for column in matrix.columns].index("z")] == 1.4
