"""Presolve: restricted models with columns fixed at 0, reduced-cost fixing, and aggregation of equal columns.

Fixing columns at 0 propagates: a row without negative coefficients and with upper bound 0 fixes all its columns at 0,
and so on from row to row (without its arc there is no flow, without flow no supply). Everything removed is 0 in every
point of the model in which the given columns are 0, so both models have the same points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints
from ccs_model.mip.clock import now
from ccs_model.mip.highs import Highs, SolverOptions
from ccs_model.mip.matrix import Matrix, mask_at
from ccs_model.mip.verification import verify_by_elastic_model

# A column of at most this value counts as 0.
_TRACE = 1e-7


@dataclass(frozen=True, eq=False)
class RestrictedModel:
    """A smaller matrix, and which of the `n_columns` columns of the full one it has."""

    matrix: Matrix
    columns: Ints
    n_columns: int

    @cached_property
    def place(self) -> Ints:
        """[column of the full matrix] its place in the smaller one; −1 outside."""
        found: Ints = np.full(self.n_columns, -1)
        found[self.columns] = np.arange(len(self.columns))
        return found

    def lift_to_full_model(self, x: Floats) -> Floats:
        """Return a point of the smaller model as one of the full model (lifted solution)."""
        point = np.zeros(self.n_columns)
        point[self.columns] = x
        return point

    def has_point(self, x: Floats) -> bool:
        """Return whether a point of the full model is one of the smaller model as well."""
        return bool((np.abs(x[self.place < 0]) <= _TRACE).all())


def remove_columns(matrix: Matrix, off: Ints) -> RestrictedModel:
    """Return `matrix` without the columns `off`, whose lower bound must be 0, and without all they fix at 0."""
    removed = mask_at(len(matrix.lower), off)
    removed |= (matrix.lower == 0) & (matrix.upper == 0)
    rows = sparse.csr_array(matrix.rows)
    below = sparse.csr_array((rows.data < 0, rows.indices, rows.indptr), shape=rows.shape).astype(float)
    above = sparse.csr_array((rows.data > 0, rows.indices, rows.indptr), shape=rows.shape).astype(float)
    free = (matrix.lower != 0).astype(float)
    holding = np.zeros(len(matrix.row_lower), dtype=bool)
    while True:
        here = (~removed).astype(float)
        # A column that may be negative could offset others.
        none_free = (below + above) @ (here * free) == 0
        from_above = none_free & (matrix.row_upper == 0) & (below @ here == 0)
        from_below = none_free & (matrix.row_lower == 0) & (above @ here == 0)
        new = (from_above | from_below) & ~holding
        if not new.any():
            break
        holding |= new
        removed |= ((below + above).T @ new.astype(float)) > 0
    columns = np.flatnonzero(~removed)
    # A row that 0 violates stays, so that the smaller model is infeasible as well.
    some = (np.diff(rows[:, columns].indptr) > 0) | (matrix.row_lower > 0) | (matrix.row_upper < 0)
    return RestrictedModel(matrix.submatrix(np.flatnonzero(some), columns), columns, len(matrix.lower))


# Share of the incumbent's value by which a relaxation must be worse before it fixes a column.
_WORSE = 1e-6


@dataclass(frozen=True, eq=False)
class AggregatedModel:
    """A matrix with aggregated columns: `columns` are those kept, `stands_for` [column] the position among them."""

    matrix: Matrix
    columns: Ints
    stands_for: Ints

    def lift_to_full_model(self, x: Floats) -> Floats:
        """Return a point of the smaller model as one of the full model (lifted solution)."""
        return x[self.stands_for]


def fix_by_reduced_cost(
    matrix: Matrix, columns: Ints, value: float, options: SolverOptions, *, deadline: float
) -> Matrix:
    """Return `matrix` with those of some binary columns fixed whose other value rules out a solution of `value`."""
    sign = matrix.sign
    highs = Highs.lp_relaxation(matrix, options)
    for j in columns:
        here = np.array([j])
        low, high = highs.lower[here], highs.upper[here]
        for tried in (0.0, 1.0):
            if low[0] != 0 or high[0] != 1 or now() >= deadline:
                break
            highs.fix(here, tried)
            found = highs.attempt(deadline - now(), "reduced-cost fixing")
            is_worse = found.x is not None and sign * (found.objective - value) < -_WORSE * max(abs(value), 1.0)
            if is_worse or (found.status == "infeasible" and _is_infeasible(highs, options, deadline)):
                low, high = np.array([1.0 - tried]), np.array([1.0 - tried])
            highs.set_bounds(here, low, high)
    return replace(matrix, lower=highs.lower.copy(), upper=highs.upper.copy())


def _is_infeasible(highs: Highs, options: SolverOptions, deadline: float) -> bool:
    """Whether an elastic model confirms that no point exists within the present bounds of `highs`."""
    continuous = np.zeros(len(highs.lower), dtype=bool)
    tried = replace(highs.matrix, lower=highs.lower.copy(), upper=highs.upper.copy(), is_integer=continuous)
    return verify_by_elastic_model(tried, options, deadline)[0] == "infeasible"


def aggregate_columns(matrix: Matrix, pairs: Sequence[tuple[int, int]]) -> AggregatedModel:
    """Return `matrix` with the two columns of each pair aggregated and duplicate rows removed."""
    n = len(matrix.lower)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    same = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    _, group = sparse.csgraph.connected_components(same, directed=False)
    _, columns, stands_for = np.unique(group, return_index=True, return_inverse=True)
    onto = sparse.csc_array((np.ones(n), (np.arange(n), stands_for)), shape=(n, len(columns)))
    rows = sparse.csr_array(matrix.rows @ onto)
    rows.eliminate_zeros()
    rows.sort_indices()
    seen: dict[tuple[bytes, bytes, float, float], int] = {}
    for i, (begin, end) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
        key = rows.indices[begin:end].tobytes(), rows.data[begin:end].tobytes()
        seen.setdefault((*key, float(matrix.row_lower[i]), float(matrix.row_upper[i])), i)
    kept = np.array(list(seen.values()), dtype=np.int64)
    lower, upper = np.full(len(columns), -np.inf), np.full(len(columns), np.inf)
    np.maximum.at(lower, stands_for, matrix.lower)
    np.minimum.at(upper, stands_for, matrix.upper)
    small = sparse.csc_array(rows[kept])
    small.sort_indices()
    aggregated = replace(
        matrix.submatrix(kept, columns), rows=small, lower=lower, upper=upper, costs=matrix.costs @ onto
    )
    return AggregatedModel(aggregated, columns.astype(np.int64), stands_for.astype(np.int64))
