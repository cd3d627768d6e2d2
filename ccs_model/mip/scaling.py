"""Scaling of coefficients that are too far apart: HiGHS drops 1e-10, refuses 1e16 and takes 1e21 for infinity.

Rows and continuous columns are multiplied by powers of two, which are exact, until coefficients are near 1. Nothing is
scaled where all coefficients lie in a safe range. `in_units_of_flow` scales the flows of a network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccs_model._typing import Floats
from ccs_model.mip.matrix import Matrix

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
        log_row = -_middle(size + log_column[j], i, n_rows)
        log_column = np.where(matrix.is_integer, 0.0, -_middle(size + log_row[i], j, n_columns))
    return Scaling(np.exp2(np.round(log_row)), np.exp2(np.round(log_column)))


def in_units_of_flow(matrix: Matrix) -> Scaling:
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


def _middle(sizes: Floats, at: npt.NDArray[np.int32], n: int) -> Floats:
    """[row] the midpoint of the smallest and the largest value; 0 for an empty row."""
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, at, sizes)
    np.maximum.at(high, at, sizes)
    return np.where(np.isfinite(low), (low + high) / 2, 0.0)


def _name(constraint: tuple[str, object]) -> str:
    return constraint[0] if constraint[1] is None else f"{constraint[0]}[{constraint[1]}]"
