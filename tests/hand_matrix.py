"""Small models as matrices, from rows by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.mip.matrix import Column, Matrix


def hand_matrix(
    rows: npt.ArrayLike,
    row_upper: npt.ArrayLike,
    costs: npt.ArrayLike,
    *,
    row_lower: npt.ArrayLike = -np.inf,
    upper: npt.ArrayLike = 1.0,
    is_integer: npt.ArrayLike = True,
    maximise: bool = True,
) -> Matrix:
    """The model row_lower ≤ rows x ≤ row_upper, 0 ≤ x ≤ upper; a single number holds for all rows or columns."""
    table = sparse.csc_array(np.asarray(rows, dtype=float))
    table.sort_indices()
    n_rows, n = table.shape
    return Matrix(
        rows=table,
        row_lower=np.full(n_rows, row_lower, dtype=float),
        row_upper=np.full(n_rows, row_upper, dtype=float),
        lower=np.zeros(n),
        upper=np.full(n, upper, dtype=float),
        is_integer=np.full(n, is_integer, dtype=bool),
        costs=np.asarray(costs, dtype=float)[None, :],
        maximise=(maximise,),
        row_constraints=tuple(("row", k) for k in range(n_rows)),
        columns=tuple(Column("x", k) for k in range(n)),
    )
