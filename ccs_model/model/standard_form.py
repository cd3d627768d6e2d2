"""A Pyomo model in the standard form of the solver: one sparse matrix with named rows and columns.

Changes made after the model was built are found here: fixed variables and bounds, changed constraints and objectives. A
solver would take them in silence, and the plan would still be checked against the problem as it is stated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.errors import InfeasibleConstraintException, InvalidConstraintError, InvalidExpressionError
from pyomo.common.gc_manager import PauseGC
from pyomo.core.expr.numeric_expr import LinearExpression
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from scipy import sparse

from ccs_model.errors import InputError, Issue, raise_issues
from ccs_model.mip.matrix import Column, Matrix, validate_finite
from ccs_model.model.names import CONSTRAINTS, VARIABLES


def matrix_of(model: pyo.ConcreteModel) -> Matrix:
    """Compile the model in one pass: its active objective first, then its inactive ones.

    Raises InputError for a constraint or objective that is not linear, and for a constraint or bounds that no value
    satisfies, and CcsModelError when a coefficient is not finite, which no solver reports reliably.
    """
    _validate_components(model)
    # Python's collector would go through all of the model again and again.
    with PauseGC(), fixed_values_as_bounds(model):
        matrix = _compile_matrix(model)
    validate_finite(matrix)
    _validate_bounds(matrix)
    return matrix


def added_components(matrix: Matrix) -> tuple[str, ...]:
    """Constraints and variables that `build_model` does not make, by name."""
    names = dict.fromkeys((*(name for name, _ in matrix.row_constraints), *(each.variable for each in matrix.columns)))
    return tuple(name for name in names if name not in CONSTRAINTS and name not in VARIABLES)


def _validate_components(model: pyo.ConcreteModel) -> None:
    """Raise InputError for constraints that a linear program does not have."""
    raise_issues(
        Issue(f"the model: {each.name}", f"is a {each.ctype.__name__}, which a linear program does not have")
        for each in model.component_objects((pyo.SOSConstraint, pyo.LogicalConstraint), active=True)
    )


def _compile_matrix(model: pyo.ConcreteModel) -> Matrix:
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


def _validate_bounds(matrix: Matrix) -> None:
    """Raise InputError for variables that no value satisfies."""
    crossed = np.flatnonzero(matrix.lower > matrix.upper)
    raise_issues(
        Issue(
            f"the model: {matrix.columns[k].name}",
            f"the lower bound {matrix.lower[k]:g} exceeds the upper bound {matrix.upper[k]:g}",
        )
        for k in crossed
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


@dataclass(frozen=True)
class ModelRecord:
    """Indices, bounds and domains of each variable, active rows of each constraint, and the active objectives.

    A row is represented by its limits and a hash of its coefficients and variables.
    """

    indices: dict[str, int]
    bounds: dict[str, bytes]
    domains: dict[str, bytes]
    rows: dict[str, bytes]
    objectives: tuple[tuple[str, int, int], ...]


def changed_bounds(m: pyo.ConcreteModel, original: pyo.ConcreteModel) -> tuple[str, ...]:
    """Return `bounds of VARIABLE` and `domain of VARIABLE` for variables that differ from those of the original model.

    Fixed values count as bounds, continuous or integer as domain. Raises InputError for a model with other indices, as
    that of another problem mostly has, for a changed or deactivated constraint and a changed objective,
    since a plan is checked against all constraints of its problem and reports the value of its objective, and for a
    variable fixed without a value or outside its domain.
    """
    built, now = _record_model(original), _record_model(m)
    others = [name for name, indices in built.indices.items() if now.indices.get(name) != indices]
    raise_issues(
        Issue("the model", f"it belongs to another problem: variable {name} has other indices", _REBUILD)
        for name in others[:1]
    )
    raise_issues(_fixed_amiss(m))
    issues = [
        Issue("the model", f"constraint {name} was changed, deactivated or deleted, in part or in full", _CHANGE)
        for name, rows in built.rows.items()
        if now.rows.get(name) != rows
    ]
    if now.objectives != built.objectives:
        added = ", ".join(name for name, _, _ in now.objectives if name not in {each for each, *_ in built.objectives})
        what = f"was replaced by {added}" if added else "was changed"
        issues.append(Issue("the model", f"the objective of the problem {what}", _CHANGE))
    raise_issues(issues)
    return (
        *(f"bounds of {name}" for name, bounds in built.bounds.items() if now.bounds[name] != bounds),
        *(f"domain of {name}" for name, domain in built.domains.items() if now.domains[name] != domain),
    )


def _fixed_amiss(m: pyo.ConcreteModel) -> Iterator[Issue]:
    for each in m.component_data_objects(pyo.Var):
        if each.fixed and each.value is None:
            yield Issue("the model", f"variable {each.name} is fixed without a value", "give one: fix(1)")
        elif each.fixed and each.value not in each.domain:
            what = f"variable {each.name} is fixed at {each.value!r}, outside its domain {each.domain.name}"
            yield Issue("the model", what, "fix a value of this domain")


_REBUILD = "build_model(problem) builds the model of this problem"
_CHANGE = (
    "change the scenario, or solve the model with a solver of your own; if it was built for another problem, rebuild "
    "it with build_model(problem)"
)


@contextmanager
def fixed_values_as_bounds(m: pyo.ConcreteModel) -> Iterator[None]:
    """Free variables that are fixed at another value than 0, with bounds at that value, so that they stay columns.

    A fixed variable is a constant of the compiled model, without tonnes and money of its own. The model itself fixes
    variables at 0 only.
    """
    fixed = [each for each in m.component_data_objects(pyo.Var) if each.fixed and each.value]
    before = [(each.lower, each.upper) for each in fixed]
    for each in fixed:
        each.unfix()
        each.setlb(each.value)
        each.setub(each.value)
    try:
        yield
    finally:
        for each, (lower, upper) in zip(fixed, before, strict=True):
            each.setlb(lower)
            each.setub(upper)
            each.fix(each.value)


def _record_model(m: pyo.ConcreteModel) -> ModelRecord:
    # A copy of the model has its variables in the same order, so that places stand for them.
    places = {id(each): at for at, each in enumerate(m.component_data_objects(pyo.Var, descend_into=False))}
    variables = list(m.component_objects(pyo.Var, descend_into=False))
    return ModelRecord(
        {each.local_name: hash(tuple(each.keys())) for each in variables},
        {each.local_name: _bounds(each) for each in variables},
        {each.local_name: bytes(each_var.is_continuous() for each_var in each.values()) for each in variables},
        {each.local_name: _rows(each, places) for each in m.component_objects(pyo.Constraint, descend_into=False)},
        tuple(
            (each.local_name, each.sense, _hash_of(each.expr, places))
            for each in m.component_objects(pyo.Objective, active=True, descend_into=False)
        ),
    )


def _rows(constraint: pyo.Constraint, places: Mapping[int, int]) -> bytes:
    """[row] limits, and hash of coefficients and variables, of the active rows."""
    rows = [row for row in constraint.values() if row.active]
    limits = [(-np.inf if row.lb is None else row.lb, np.inf if row.ub is None else row.ub) for row in rows]
    hashes = [_hash_of(row.body, places) for row in rows]
    return np.array(limits, dtype=float).tobytes() + np.array(hashes, dtype=np.int64).tobytes()


def _hash_of(expression: object, places: Mapping[int, int]) -> int:
    """Hash of the constant, the coefficients and the variables of a linear expression; 0 for another expression."""
    if not isinstance(expression, LinearExpression):
        return 0
    variables = tuple([places.get(id(each), -1) for each in expression.linear_vars])
    # Python's hashes of -1 and -2 are equal; those of their bytes are not.
    numbers = np.array([expression.constant, *expression.linear_coefs], dtype=float)
    return hash((numbers.tobytes(), variables))


def _bounds(variable: pyo.Var) -> bytes:
    """[id] lower and upper bound, and the fixed value."""
    values = [
        (
            -np.inf if each.lb is None else each.lb,
            np.inf if each.ub is None else each.ub,
            each.value if each.fixed else np.inf,
        )
        for each in variable.values()
    ]
    return np.array(values, dtype=float).tobytes()
