"""A mixed-integer linear model as one sparse matrix with named rows and columns, residuals of a point, and scaling.

Scaling is for coefficients that are too far apart: HiGHS drops 1e-10, refuses 1e16 and takes 1e21 for infinity. Rows
and continuous columns are multiplied by powers of two, which are exact, until coefficients are near 1. Nothing is
scaled where all coefficients lie in a safe range. `flow_scaling_of` scales the flows of a network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
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

    @property
    def sign(self) -> float:
        """1 where the objective is maximised, −1 where it is minimised."""
        return 1.0 if self.maximise[0] else -1.0

    def tightest_bound(self, *bounds: float) -> float:
        """Return the tightest of some bounds of the objective."""
        return self.sign * min(self.sign * bound for bound in bounds)

    def rows_of(self, *constraints: str) -> Ints:
        """Return the rows of named constraints, in the order of the names."""
        return _positions_of(self._rows_by_constraint, constraints)

    def columns_of(self, *variables: str) -> Ints:
        """Return the columns of named variables, in the order of the names."""
        return _positions_of(self._columns_by_variable, variables)

    def is_of(self, *variables: str) -> Mask:
        """[column] whether it is one of some variables."""
        return mask_at(len(self.lower), self.columns_of(*variables))

    def entries(self, row: int) -> tuple[Ints, Floats]:
        """Return the columns of one row and their coefficients."""
        begin, end = self._by_row.indptr[row : row + 2]
        return self._by_row.indices[begin:end].astype(np.int64), self._by_row.data[begin:end]

    def terms(self, row: int) -> dict[int, float]:
        """Return the coefficients of one row by column."""
        return dict(zip(*(each.tolist() for each in self.entries(row)), strict=True))

    def submatrix(self, rows: Ints | None = None, columns: Ints | None = None) -> Matrix:
        """Return some rows and columns, in the order given; None for all."""
        part = self
        if rows is not None:
            part = replace(
                part,
                rows=_to_csc(sparse.csr_array(part.rows)[rows]),
                row_lower=part.row_lower[rows],
                row_upper=part.row_upper[rows],
                row_constraints=tuple(part.row_constraints[i] for i in rows),
            )
        if columns is not None:
            part = replace(
                part,
                rows=_to_csc(part.rows[:, columns]),
                lower=part.lower[columns],
                upper=part.upper[columns],
                is_integer=part.is_integer[columns],
                costs=part.costs[:, columns],
                columns=tuple(part.columns[j] for j in columns),
            )
        return part

    def with_rows(
        self, rows: sparse.csr_array, lower: Floats, upper: Floats, names: Iterable[tuple[str, Any]]
    ) -> Matrix:
        """Return the matrix with further rows."""
        return replace(
            self,
            rows=_to_csc(sparse.vstack([self.rows, rows], format="csc")),
            row_lower=np.r_[self.row_lower, lower],
            row_upper=np.r_[self.row_upper, upper],
            row_constraints=(*self.row_constraints, *names),
        )

    def with_columns(self, rows: sparse.csc_array, lower: Floats, upper: Floats, columns: Iterable[Column]) -> Matrix:
        """Return the matrix with further continuous columns without cost."""
        n = len(lower)
        return replace(
            self,
            rows=_to_csc(sparse.hstack([self.rows, rows], format="csc")),
            lower=np.r_[self.lower, lower],
            upper=np.r_[self.upper, upper],
            is_integer=np.r_[self.is_integer, np.zeros(n, dtype=bool)],
            costs=np.hstack([self.costs, np.zeros((len(self.costs), n))]),
            columns=(*self.columns, *columns),
        )

    def with_slacks(self, rows: Ints, signs: Floats, weights: Floats) -> Matrix:
        """Return the matrix with a slack for each of `rows`, with their weighted sum as the objective to minimise."""
        n = len(rows)
        slack = sparse.csc_array((signs, (rows, np.arange(n))), shape=(len(self.row_lower), n))
        wide = self.with_columns(slack, np.zeros(n), np.full(n, np.inf), (Column("slack", int(row)) for row in rows))
        costs = np.r_[np.zeros(len(self.lower)), weights]
        return replace(wide, costs=costs[None, :], maximise=(False,))

    @cached_property
    def _by_row(self) -> sparse.csr_array:
        return sparse.csr_array(self.rows)

    @cached_property
    def _rows_by_constraint(self) -> dict[str, Ints]:
        return _places(name for name, _ in self.row_constraints)

    @cached_property
    def _columns_by_variable(self) -> dict[str, Ints]:
        return _places(column.variable for column in self.columns)


def mask_at(n: int, at: Ints) -> Mask:
    """Return a mask of `n` places that is True at some of them."""
    found: Mask = np.zeros(n, dtype=bool)
    found[at] = True
    return found


def _to_csc(rows: sparse.sparray) -> sparse.csc_array:
    """Rows as HiGHS takes them: by column, in order."""
    by_column = sparse.csc_array(rows)
    by_column.sort_indices()
    return by_column


def _places(names: Iterable[str]) -> dict[str, Ints]:
    """Positions of each name."""
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        found.setdefault(name, []).append(k)
    return {name: np.array(at, dtype=np.int64) for name, at in found.items()}


def _positions_of(places: dict[str, Ints], names: Iterable[str]) -> Ints:
    """Positions of some names, one name after the other."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *(places[name] for name in names if name in places)])


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


def round_to_integrality(matrix: Matrix, x: Floats) -> Floats:
    """Return `x` with integer columns within tolerance of an integer rounded to it, and all columns within bounds."""
    rounded = np.where(matrix.is_integer & (np.abs(x - np.round(x)) <= TOLERANCE), np.round(x), x)
    return np.clip(rounded, matrix.lower, matrix.upper)


SMALLEST, LARGEST = 1e-8, 1e10
# Smaller coefficients count as 0; scaling them up would push all others out of range.
NOTHING = 1e-20
# Capacity of the widest arc in the unit of flow.
_WIDEST = 128.0
# Smallest coefficient of flows in rows that add up flows; in rows of costs they are far smaller.
_ABOUT_ONE = 0.25
_ROUNDS = 6
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Scaling:
    """Factors of rows and columns: x of the solver is x of the model ÷ column."""

    row: Floats
    column: Floats

    @property
    def is_needed(self) -> bool:
        """Whether any factor differs from 1."""
        return not ((self.row == 1).all() and (self.column == 1).all())


def scaling_of(matrix: Matrix) -> Scaling:
    """Return factors that bring the coefficients near 1; all 1 if they are in the safe range."""
    n_rows, n_columns = matrix.rows.shape
    row, column = np.ones(n_rows), np.ones(n_columns)
    sizes = np.abs(matrix.rows.data)
    sizes = sizes[sizes > NOTHING]
    if not len(sizes) or (sizes.min() >= SMALLEST and sizes.max() <= LARGEST):
        return Scaling(row, column)
    at = matrix.rows.tocoo()
    kept = np.abs(at.data) > NOTHING
    i, j, size = at.row[kept], at.col[kept], np.log2(np.abs(at.data[kept]))
    log_row, log_column = np.zeros(n_rows), np.zeros(n_columns)
    for _ in range(_ROUNDS):
        log_row = -_midpoints(size + log_column[j], i, n_rows)
        log_column = np.where(matrix.is_integer, 0.0, -_midpoints(size + log_row[i], j, n_columns))
    return Scaling(np.exp2(np.round(log_row)), np.exp2(np.round(log_column)))


def flow_scaling_of(matrix: Matrix) -> Scaling:
    """Return factors that count flows in a unit such that the widest arc carries about a hundred.

    With capacities of 100,000, HiGHS takes the flow's coefficient in a cut for 0 and discards the cut, and finds none
    at all in a fixed-charge network. Rows that add up flows are counted in the same unit, so that their coefficients
    stay; rows of costs are not. All factors are 1 where flows are small already.
    """
    usual = scaling_of(matrix)
    rows = matrix.rows.tocoo()
    size = np.abs(rows.data)
    of_flow = ~matrix.is_integer[rows.col] & (size > NOTHING)
    least = np.full(len(matrix.row_lower), np.inf)
    np.minimum.at(least, rows.row[of_flow], size[of_flow])
    counts_flow = np.isfinite(least) & (least >= _ABOUT_ONE)
    # Capacity rows: integer and continuous columns with right-hand side 0.
    is_capacity = matrix.is_integer[rows.col] & counts_flow[rows.row] & (matrix.row_upper[rows.row] == 0)
    widest = (size[is_capacity] / least[rows.row[is_capacity]]).max(initial=0.0)
    if usual.is_needed or widest <= _WIDEST:
        return usual
    unit = 2.0 ** np.ceil(np.log2(widest / _WIDEST))
    return Scaling(np.where(counts_flow, 1.0 / unit, 1.0), np.where(matrix.is_integer, 1.0, unit))


def warning_of(matrix: Matrix) -> str:
    """Return a sentence that names the rows with coefficients farthest apart; empty if all are in the safe range."""
    sizes = np.abs(matrix.rows.data)
    sizes = sizes[sizes > NOTHING]
    if not len(sizes) or (sizes.min() >= SMALLEST and sizes.max() <= LARGEST):
        return ""
    at = matrix.rows.tocoo()
    largest, smallest = np.zeros(at.shape[0]), np.full(at.shape[0], np.inf)
    kept = np.abs(at.data) > NOTHING
    np.maximum.at(largest, at.row[kept], np.abs(at.data[kept]))
    np.minimum.at(smallest, at.row[kept], np.abs(at.data[kept]))
    beyond = np.maximum(largest / LARGEST, SMALLEST / smallest)
    worst = [k for k in np.argsort(-beyond, kind="stable")[:_NAMED] if beyond[k] > 1]
    rows = "; ".join(f"{_name(matrix.row_constraints[k])} ({smallest[k]:.0e} to {largest[k]:.0e})" for k in worst)
    return (
        f"the model's coefficients range from {sizes.min():.0e} to {sizes.max():.0e} and were scaled; "
        f"a number in another unit than its column says? The worst rows: {rows}"
    )


def _midpoints(sizes: Floats, at: npt.NDArray[np.int32], n: int) -> Floats:
    """[row] the midpoint of the smallest and the largest value; 0 for an empty row."""
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, at, sizes)
    np.maximum.at(high, at, sizes)
    is_empty = np.isinf(low)
    low[is_empty], high[is_empty] = 0.0, 0.0
    return (low + high) / 2


def _name(constraint: tuple[str, object]) -> str:
    return constraint[0] if constraint[1] is None else f"{constraint[0]}[{constraint[1]}]"
