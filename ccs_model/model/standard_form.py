"""A Pyomo model in the standard form that the solver takes: one sparse matrix with named rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.errors import InfeasibleConstraintException, InvalidConstraintError, InvalidExpressionError
from pyomo.common.gc_manager import PauseGC
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from scipy import sparse

from ccs_model.errors import InputError, Issue
from ccs_model.mip.matrix import Column, Matrix, validate_finite
from ccs_model.model.model_changes import fixed_values_as_bounds
from ccs_model.model.names import CONSTRAINTS, VARIABLES


def matrix_of(model: pyo.ConcreteModel) -> Matrix:
    """Compile the model in one pass: its active objective first, then its inactive ones.

    Raises InputError for a constraint or objective that is not linear, or a constraint that no value satisfies, and
    CcsModelError when a coefficient is not finite, which no solver reports reliably.
    """
    # Python's collector would go through all of the model again and again.
    with PauseGC(), fixed_values_as_bounds(model):
        matrix = _compiled(model)
    validate_finite(matrix)
    return matrix


def added_components(matrix: Matrix) -> tuple[str, ...]:
    """Constraints and variables that `build_model` does not make, by name."""
    names = dict.fromkeys((*(name for name, _ in matrix.row_constraints), *(each.variable for each in matrix.columns)))
    return tuple(name for name in names if name not in CONSTRAINTS and name not in VARIABLES)


def _compiled(model: pyo.ConcreteModel) -> Matrix:
    objectives = list(model.component_data_objects(pyo.Objective))
    inactive = [objective for objective in objectives if not objective.active]
    for objective in inactive:
        objective.activate()
    try:
        form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    except (InvalidConstraintError, InvalidExpressionError, InfeasibleConstraintException) as error:
        raise InputError([Issue("the model", str(error))]) from error
    finally:
        for objective in inactive:
            objective.deactivate()
    named = _Names()
    # Put the active objective first whatever order the compiler gave them.
    kept_off = {id(objective) for objective in inactive}
    order = sorted(range(len(form.objectives)), key=lambda k: id(form.objectives[k]) in kept_off)
    kinds = np.array([row.bound_type for row in form.rows], dtype=int)
    rhs = np.asarray(form.rhs, dtype=float)
    rows = sparse.csc_array(form.A)
    rows.sort_indices()
    return Matrix(
        rows=rows,
        row_lower=np.where(kinds <= 0, rhs, -np.inf),
        row_upper=np.where(kinds >= 0, rhs, np.inf),
        lower=np.array([-np.inf if v.lb is None else v.lb for v in form.columns], dtype=float),
        upper=np.array([np.inf if v.ub is None else v.ub for v in form.columns], dtype=float),
        is_integer=np.array([not v.is_continuous() for v in form.columns], dtype=bool),
        costs=form.c.toarray()[order].astype(float),
        maximise=tuple(form.objectives[k].sense == pyo.maximize for k in order),
        row_constraints=tuple((named(row.constraint.parent_component()), row.constraint.index()) for row in form.rows),
        columns=tuple(Column(named(v.parent_component()), v.index()) for v in form.columns),
    )


class _Names:
    """A component's name, with the blocks it stands in: `build`, `future[0].build`. Each is written out once."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def __call__(self, component: Any) -> str:
        name = self._known.get(id(component))
        if name is None:
            name = self._known[id(component)] = str(component.name)
        return name
