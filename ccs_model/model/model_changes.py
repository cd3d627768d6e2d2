"""Changes of a model after it was built: fixed variables and bounds, changed constraints and objectives.

A solver would take them in silence, and the plan would still be checked against the problem as it is stated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.errors import InputError, Issue

_BUILT = "_as_built"


@dataclass(frozen=True)
class AsBuilt:
    """Bounds and kinds of each variable, active rows of each constraint, and the active objectives.

    A row is represented by its limits and a hash of its coefficients and variables.
    """

    bounds: dict[str, bytes]
    rows: dict[str, bytes]
    objectives: tuple[tuple[str, int, int], ...]


def remember(m: pyo.ConcreteModel) -> None:
    """Remember the model as it was built."""
    setattr(m, _BUILT, _as_built(m))


def changed_bounds(m: pyo.ConcreteModel) -> tuple[str, ...]:
    """Return `bounds of VARIABLE` for each variable with other bounds or fixed values than the model had when built.

    Raises InputError for a changed or deactivated constraint and a changed objective, since a plan is checked against
    all constraints of its problem and reports the value of its objective, and for a variable fixed without a value.
    """
    built: AsBuilt | None = getattr(m, _BUILT, None)
    if built is None:
        return ()
    issues = [
        Issue("the model", f"variable {each.name} is fixed without a value", "give one: fix(1)")
        for each in m.component_data_objects(pyo.Var)
        if each.fixed and each.value is None
    ]
    if issues:
        raise InputError(issues)
    now = _as_built(m)
    issues = [
        Issue("the model", f"constraint {name} was changed, deactivated or deleted, in part or in full", _CHANGE)
        for name, rows in built.rows.items()
        if now.rows.get(name) != rows
    ]
    if now.objectives != built.objectives:
        others = ", ".join(name for name, _, _ in now.objectives if name not in {each for each, *_ in built.objectives})
        what = f"was replaced by {others}" if others else "was changed"
        issues.append(Issue("the model", f"the objective of the problem {what}", _CHANGE))
    if issues:
        raise InputError(issues)
    return tuple(f"bounds of {name}" for name, bounds in built.bounds.items() if now.bounds.get(name, bounds) != bounds)


_CHANGE = "change the scenario, or solve the model with a solver of your own"


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


def _as_built(m: pyo.ConcreteModel) -> AsBuilt:
    # A copy of the model has its variables in the same order, so that places stand for them.
    places = {id(each): at for at, each in enumerate(m.component_data_objects(pyo.Var, descend_into=False))}
    return AsBuilt(
        {each.local_name: _bounds(each) for each in m.component_objects(pyo.Var, descend_into=False)},
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
    return hash((expression.constant, tuple(expression.linear_coefs), variables))


def _bounds(variable: pyo.Var) -> bytes:
    """[id] lower and upper bound, the fixed value, and whether it is continuous."""
    values = [
        (
            -np.inf if each.lb is None else each.lb,
            np.inf if each.ub is None else each.ub,
            each.value if each.fixed else np.inf,
            each.is_continuous(),
        )
        for each in variable.values()
    ]
    return np.array(values, dtype=float).tobytes()
