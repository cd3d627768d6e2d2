"""A Pyomo model as one sparse matrix with named rows and columns: the form in which it reaches the solver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.errors import CcsModelError


class Column(NamedTuple):
    """The Pyomo variable a column stands for, and its index there (None for a variable without one)."""

    variable: str
    index: Any

    @property
    def name(self) -> str:
        """As Pyomo writes it: `build[…]`."""
        if self.index is None:
            return self.variable
        index = self.index if isinstance(self.index, tuple) else (self.index,)
        return f"{self.variable}[{','.join(map(str, index))}]"


@dataclass(frozen=True, eq=False)
class Matrix:
    """row_lower ≤ A x ≤ row_upper, lower ≤ x ≤ upper, some x whole; `costs[k]` is objective k.

    `row_constraints[i]` is the (constraint name, index) of row i, `columns[j]` the variable and index of column j: names,
    not Pyomo's objects, which lose their parent when the model goes.
    """

    rows: sparse.csc_array
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    is_integer: Mask
    costs: Floats
    maximise: tuple[bool, ...]
    row_constraints: tuple[tuple[str, Any], ...]
    columns: tuple[Column, ...]

    def rows_of(self, constraint: str) -> Ints:
        """The rows of one named constraint."""
        return self._rows_by_constraint.get(constraint, np.zeros(0, dtype=np.int64)).copy()

    def columns_of(self, variable: str) -> Ints:
        """The columns of one named variable."""
        return self._columns_by_variable.get(variable, np.zeros(0, dtype=np.int64)).copy()

    @cached_property
    def _rows_by_constraint(self) -> dict[str, Ints]:
        return _places(name for name, _ in self.row_constraints)

    @cached_property
    def _columns_by_variable(self) -> dict[str, Ints]:
        return _places(column.variable for column in self.columns)


def _places(names: Iterable[str]) -> dict[str, Ints]:
    """Where each name stands."""
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        found.setdefault(name, []).append(k)
    return {name: np.array(at, dtype=np.int64) for name, at in found.items()}


def matrix_of(model: pyo.ConcreteModel) -> Matrix:
    """Compile the model in one pass: its active objective first, then its inactive ones.

    Raises CcsModelError when a coefficient is not finite, which no solver reports reliably.
    """
    # Python's collector would go through all of the model again and again.
    with PauseGC():
        matrix = _compiled(model)
    validate_finite(matrix)
    return matrix


def _compiled(model: pyo.ConcreteModel) -> Matrix:
    objectives = list(model.component_data_objects(pyo.Objective))
    inactive = [objective for objective in objectives if not objective.active]
    for objective in inactive:
        objective.activate()
    try:
        form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
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


def validate_finite(matrix: Matrix) -> None:
    """HiGHS drops a NaN coefficient in silence, so none may reach it."""
    sound = {
        "a coefficient": np.isfinite(matrix.rows.data).all(),
        "an objective": np.isfinite(matrix.costs).all(),
        "a bound": not any(
            np.isnan(bound).any() for bound in (matrix.row_lower, matrix.row_upper, matrix.lower, matrix.upper)
        ),
    }
    for what, finite in sound.items():
        if not finite:
            raise CcsModelError(f"{what} of the program is not a finite number; nothing was solved")


# Checks a point against the matrix without the solver: rows, bounds, whole columns.

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Residuals:
    """The largest violation of each kind; rows are measured against the size of their own terms."""

    row: float
    worst_row: str
    bound: float
    wholeness: float

    @property
    def hold(self) -> bool:
        """All within 1e-6."""
        return max(self.row, self.bound, self.wholeness) <= TOLERANCE


def residuals(matrix: Matrix, x: Floats) -> Residuals:
    """How far `x` is from keeping every row, bound and wholeness of the matrix."""
    if not np.isfinite(x).all():
        return Residuals(row=np.inf, worst_row="", bound=np.inf, wholeness=np.inf)
    activity = matrix.rows @ x
    size = np.maximum(abs(matrix.rows) @ np.abs(x), 1.0)
    over = np.maximum(np.maximum(activity - matrix.row_upper, matrix.row_lower - activity), 0.0) / size
    worst = int(np.argmax(over)) if len(over) else -1
    outside = np.maximum(np.maximum(x - matrix.upper, matrix.lower - x), 0.0) / np.maximum(np.abs(x), 1.0)
    whole = x[matrix.is_integer]
    name, index = matrix.row_constraints[worst] if worst >= 0 else ("", None)
    return Residuals(
        row=float(over[worst]) if worst >= 0 else 0.0,
        worst_row=f"{name}[{index}]" if worst >= 0 else "",
        bound=float(outside.max(initial=0.0)),
        wholeness=float(np.abs(whole - np.round(whole)).max(initial=0.0)),
    )


def rounded_to_integrality(matrix: Matrix, x: Floats) -> Floats:
    """`x` with whole columns set to the whole number they are within tolerance of, and all within their bounds."""
    snap = np.where(matrix.is_integer & (np.abs(x - np.round(x)) <= TOLERANCE), np.round(x), x)
    return np.clip(snap, matrix.lower, matrix.upper)
