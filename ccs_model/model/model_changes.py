"""Changes of a model after it was built: fixed variables, bounds, deactivated constraints and objectives.

A solver would take them in silence, and the plan would still be checked against the problem as it is stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from ccs_model.errors import InputError, Issue

_BUILT = "_as_built"


@dataclass(frozen=True)
class AsBuilt:
    """Bounds of each variable as bytes, number of active constraints by name, and the names of objectives."""

    bounds: dict[str, bytes]
    active: dict[str, int]
    objectives: tuple[str, ...]


def remember(m: pyo.ConcreteModel) -> None:
    """Remember the model as it was built."""
    setattr(m, _BUILT, _as_built(m))


def changed_bounds(m: pyo.ConcreteModel) -> tuple[str, ...]:
    """Return `bounds of VARIABLE` for each variable with other bounds or fixed values than the model had when built.

    Raises InputError for a deactivated constraint and a changed objective, since a plan is checked against all
    constraints of its problem and reports the value of its objective.
    """
    built: AsBuilt | None = getattr(m, _BUILT, None)
    if built is None:
        return ()
    now = _as_built(m)
    issues = [
        Issue("the model", f"constraint {name} is deactivated or deleted, in part or in full", _CHANGE)
        for name, number in built.active.items()
        if now.active.get(name, 0) < number
    ]
    if now.objectives != built.objectives:
        others = ", ".join(name for name in now.objectives if name not in built.objectives) or "another one"
        issues.append(Issue("the model", f"the objective of the problem was replaced by {others}", _CHANGE))
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
    return AsBuilt(
        {each.local_name: _bounds(each) for each in m.component_objects(pyo.Var, descend_into=False)},
        {
            each.local_name: sum(row.active for row in each.values())
            for each in m.component_objects(pyo.Constraint, descend_into=False)
        },
        tuple(each.local_name for each in m.component_objects(pyo.Objective, active=True, descend_into=False)),
    )


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
