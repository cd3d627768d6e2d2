"""A program with some columns held at 0, as a smaller matrix: what follows to be 0 with them goes as well.

A row whose coefficients are none below 0 and whose upper bound is 0 holds all its columns at 0, and so on from row to
row: without its pipe a link carries nothing, and without any link a plant captures nothing. All that is left out is 0
in every point of the program that has the first columns at 0, so both have the same points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.solver.matrix import Matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Narrowed:
    """The smaller matrix, and which columns of the larger one it has."""

    matrix: Matrix
    columns: Ints
    n_columns: int

    def widened(self, x: Floats) -> Floats:
        """A point of the smaller program as one of the larger."""
        point = np.zeros(self.n_columns)
        point[self.columns] = x
        return point

    def holds(self, x: Floats) -> bool:
        """Whether a point of the larger program is one of the smaller, too."""
        outside = np.ones(self.n_columns, dtype=bool)
        outside[self.columns] = False
        return bool((np.abs(x[outside]) <= 1e-9).all())


def narrowed(matrix: Matrix, off: Ints) -> Narrowed:
    """`matrix` with the columns `off` at 0; none of them may have to be more."""
    gone = np.zeros(len(matrix.lower), dtype=bool)
    gone[off] = True
    gone |= (matrix.lower == 0) & (matrix.upper == 0)
    rows = sparse.csr_array(matrix.rows)
    below = sparse.csr_array((rows.data < 0, rows.indices, rows.indptr), shape=rows.shape).astype(float)
    above = sparse.csr_array((rows.data > 0, rows.indices, rows.indptr), shape=rows.shape).astype(float)
    free = (matrix.lower != 0).astype(float)
    holding = np.zeros(len(matrix.row_lower), dtype=bool)
    while True:
        here = (~gone).astype(float)
        # Columns that may be less than 0 could make room for others.
        none_free = (below + above) @ (here * free) == 0
        from_above = none_free & (matrix.row_upper == 0) & (below @ here == 0)
        from_below = none_free & (matrix.row_lower == 0) & (above @ here == 0)
        new = (from_above | from_below) & ~holding
        if not new.any():
            break
        holding |= new
        gone |= ((below + above).T @ new.astype(float)) > 0
    return _without(matrix, rows, gone)


def _without(matrix: Matrix, rows: sparse.csr_array, gone: Mask) -> Narrowed:
    columns = np.flatnonzero(~gone)
    left = rows[:, columns]
    # A row that 0 breaks stays, so that the smaller program has no plan either.
    some = (np.diff(left.indptr) > 0) | (matrix.row_lower > 0) | (matrix.row_upper < 0)
    kept = np.flatnonzero(some)
    small = sparse.csc_array(left[kept])
    small.sort_indices()
    return Narrowed(
        replace(
            matrix,
            rows=small,
            row_lower=matrix.row_lower[kept],
            row_upper=matrix.row_upper[kept],
            lower=matrix.lower[columns],
            upper=matrix.upper[columns],
            is_whole=matrix.is_whole[columns],
            costs=matrix.costs[:, columns],
            row_claims=tuple(matrix.row_claims[i] for i in kept),
            columns=tuple(matrix.columns[j] for j in columns),
        ),
        columns,
        len(matrix.lower),
    )
