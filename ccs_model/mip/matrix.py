"""A mixed-integer linear model as one sparse matrix with named rows and columns, and the residuals of a point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.errors import CcsModelError


class Column(NamedTuple):
    """The variable of a column and its index, None for a scalar variable."""

    variable: str
    index: Any

    @property
    def name(self) -> str:
        """The name as Pyomo writes it, `variable[index]`."""
        if self.index is None:
            return self.variable
        index = self.index if isinstance(self.index, tuple) else (self.index,)
        return f"{self.variable}[{','.join(map(str, index))}]"


@dataclass(frozen=True, eq=False)
class Matrix:
    """row_lower ≤ A x ≤ row_upper, lower ≤ x ≤ upper, some x integer; `costs[k]` is objective k.

    `row_constraints[i]` is the (constraint name, index) of row i, `columns[j]` the variable and index of column j.
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
        """Return the rows of one named constraint."""
        return self._rows_by_constraint.get(constraint, np.zeros(0, dtype=np.int64)).copy()

    def columns_of(self, variable: str) -> Ints:
        """Return the columns of one named variable."""
        return self._columns_by_variable.get(variable, np.zeros(0, dtype=np.int64)).copy()

    def entries(self, row: int) -> tuple[Ints, Floats]:
        """Return the columns of one row and their coefficients."""
        begin, end = self._by_row.indptr[row : row + 2]
        return self._by_row.indices[begin:end].astype(np.int64), self._by_row.data[begin:end]

    @cached_property
    def _by_row(self) -> sparse.csr_array:
        return sparse.csr_array(self.rows)

    @cached_property
    def _rows_by_constraint(self) -> dict[str, Ints]:
        return _places(name for name, _ in self.row_constraints)

    @cached_property
    def _columns_by_variable(self) -> dict[str, Ints]:
        return _places(column.variable for column in self.columns)


def _places(names: Iterable[str]) -> dict[str, Ints]:
    """Positions of each name."""
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        found.setdefault(name, []).append(k)
    return {name: np.array(at, dtype=np.int64) for name, at in found.items()}


def validate_finite(matrix: Matrix) -> None:
    """Raise CcsModelError if a number is not finite, since HiGHS drops a NaN coefficient silently."""
    sound = {
        "a coefficient": np.isfinite(matrix.rows.data).all(),
        "an objective": np.isfinite(matrix.costs).all(),
        "a bound": not any(
            np.isnan(bound).any() for bound in (matrix.row_lower, matrix.row_upper, matrix.lower, matrix.upper)
        ),
    }
    for what, finite in sound.items():
        if not finite:
            raise CcsModelError(f"{what} of the model is not a finite number; nothing was solved")


TOLERANCE = 1e-6


@dataclass(frozen=True)
class Residuals:
    """The largest violation of each kind; rows relative to the sum of their absolute terms."""

    row: float
    worst_row: str
    bound: float
    integrality: float

    @property
    def hold(self) -> bool:
        """Whether all violations are within 1e-6."""
        return max(self.row, self.bound, self.integrality) <= TOLERANCE


def residuals(matrix: Matrix, x: Floats) -> Residuals:
    """Return the largest violations of rows, bounds and integrality at a point, computed without the solver."""
    if not np.isfinite(x).all():
        return Residuals(row=np.inf, worst_row="", bound=np.inf, integrality=np.inf)
    activity = matrix.rows @ x
    size = np.maximum(abs(matrix.rows) @ np.abs(x), 1.0)
    over = np.maximum(np.maximum(activity - matrix.row_upper, matrix.row_lower - activity), 0.0) / size
    worst = int(np.argmax(over)) if len(over) else -1
    outside = np.maximum(np.maximum(x - matrix.upper, matrix.lower - x), 0.0) / np.maximum(np.abs(x), 1.0)
    integers = x[matrix.is_integer]
    name, index = matrix.row_constraints[worst] if worst >= 0 else ("", None)
    return Residuals(
        row=float(over[worst]) if worst >= 0 else 0.0,
        worst_row=f"{name}[{index}]" if worst >= 0 else "",
        bound=float(outside.max(initial=0.0)),
        integrality=float(np.abs(integers - np.round(integers)).max(initial=0.0)),
    )


def rounded_to_integrality(matrix: Matrix, x: Floats) -> Floats:
    """Return `x` with integer columns within tolerance of an integer rounded to it, and all columns within bounds."""
    rounded = np.where(matrix.is_integer & (np.abs(x - np.round(x)) <= TOLERANCE), np.round(x), x)
    return np.clip(rounded, matrix.lower, matrix.upper)
