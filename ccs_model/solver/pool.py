"""A linear program solved again and again over a pool of its columns, all others priced each time.

The pool holds the columns that may come into play; rows that only hold columns outside it stand aside. What is found
over the pool is the optimum of the whole once no column outside could better it at its prices; those that could join.
Which rows stand aside, and at which prices their columns are worth the least, a `Pricing` knows: `GroupPricing` for
programs by groups, others for other shapes. A row that stands aside is kept by columns at 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.errors import NoPlanError
from ccs_model.solver.hot import AT_LOWER, BASIC, HotProgram, Solved
from ccs_model.solver.matrix import Matrix
from ccs_model.solver.shape import Shape, shape_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# So many choices a group start inside, the largest; the others join where they are needed.
_PER_GROUP = 1
_ROUNDS = 60
# What columns outside could add at most, of the value.
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class _Part:
    """Columns and rows of the pool, and where its entries stand among all of the matrix."""

    columns: Ints
    rows: Ints
    entries: Ints
    indices: Ints
    indptr: Ints

    def of(self, matrix: Matrix) -> Matrix:
        data = matrix.rows.data[self.entries]
        shape = (len(self.rows), len(self.columns))
        return replace(
            matrix,
            rows=sparse.csc_array((data, self.indices, self.indptr), shape=shape),
            row_lower=matrix.row_lower[self.rows],
            row_upper=matrix.row_upper[self.rows],
            lower=matrix.lower[self.columns],
            upper=matrix.upper[self.columns],
            is_whole=np.zeros(len(self.columns), dtype=bool),
            costs=matrix.costs[:1, self.columns],
            row_claims=(),
            columns=(),
        )


class Pricing(Protocol):
    """What a pool asks of the shape of its program; masks are over all columns or rows of the matrix."""

    def first(self) -> Mask:
        """Columns that the pool begins with."""

    def rows(self, inside: Mask) -> Mask:
        """Rows that a pool of these columns has to keep."""

    def priced(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Columns outside that could better the point of prices `y`, and by how much all together at most.

        Completes `y` on rows that stand aside.
        """


class Pool:
    """Solves matrices of one pattern."""

    def __init__(self, planned: Matrix, pricing: Pricing, *, seed: int = 0) -> None:
        self._matrix, self._pricing, self._seed = planned, pricing, seed
        entries = np.arange(1, planned.rows.nnz + 1)
        self._places = sparse.csc_array((entries, planned.rows.indices, planned.rows.indptr), shape=planned.rows.shape)
        self._inside = pricing.first()
        self._part: _Part | None = None
        self._hot: HotProgram | None = None
        self._begin()
        self.planned = self.solve(planned)
        self.keep()

    def keep(self) -> None:
        """From now on the pool begins with what it holds."""
        self._kept = (self._inside.copy(), self._part, self._hot)

    def reset(self) -> None:
        """The pool as it was kept, so that what is found does not hang on what was solved before."""
        inside, self._part, self._hot = self._kept
        self._inside = inside.copy()

    def solve(self, matrix: Matrix, scale: Floats | None = None) -> Solved:
        """The optimum over all columns."""
        for _ in range(_ROUNDS):
            part = self._part
            assert part is not None and self._hot is not None
            over = None if scale is None else scale[part.columns]
            found = self._hot.solve(part.of(matrix), over)
            if not found.is_optimal:
                # Over all columns there may be a plan yet.
                if self._inside.all():
                    return Solved(False, np.nan, np.zeros(len(self._inside)), np.zeros(len(matrix.row_lower)))
                self._inside[:] = True
                self._begin()
                continue
            y = np.zeros(len(matrix.row_lower))
            y[part.rows] = found.row_dual
            joining, excess = self._pricing.priced(matrix, y, self._inside)
            if excess <= _TOLERANCE * max(abs(found.value), 1.0):
                x = np.zeros(len(self._inside))
                x[part.columns] = found.x
                return Solved(True, found.value, x, y)
            self._inside[joining] = True
            self._begin()
        raise NoPlanError("columns kept joining the pool of a future's program")

    def _begin(self) -> None:
        """The pool's own program, and the planned one's basis over it: that of the pool before, what is new at 0."""
        before = None if self._part is None or self._hot is None else (self._part, self._hot.basis)
        columns = np.flatnonzero(self._inside)
        rows = np.flatnonzero(self._pricing.rows(self._inside))
        part = sparse.csc_array(sparse.csr_array(self._places[:, columns])[rows])
        part.sort_indices()
        self._part = _Part(columns, rows, part.data - 1, part.indices, part.indptr)
        basis = None
        if before is not None:
            old, (of_columns, of_rows) = before
            column_state = np.full(len(self._inside), AT_LOWER)
            row_state = np.full(len(self._matrix.row_lower), BASIC)
            column_state[old.columns], row_state[old.rows] = of_columns, of_rows
            basis = (column_state[columns], row_state[rows])
        self._hot = HotProgram(self._part.of(self._matrix), seed=self._seed, basis=basis)


class GroupPricing:
    """Of programs by groups: outside the pool a follower's row has the price at which it is worth nothing more."""

    def __init__(self, planned: Matrix, shape: Shape) -> None:
        self._shape, self._n_rows = shape, len(planned.row_lower)
        self._sign = 1.0 if planned.maximise[0] else -1.0
        self._leads = sparse.csr_array(shape.room > 0)

    def first(self) -> Mask:
        """Free columns and the largest few choices of every group."""
        shape = self._shape
        inside = np.zeros(shape.n_columns, dtype=bool)
        inside[shape.free] = True
        inside[shape.choices[_largest(shape, shape.profit)]] = True
        return inside

    def rows(self, inside: Mask) -> Mask:
        """Coupling rows, and those of groups and followers inside."""
        shape = self._shape
        kept = np.zeros(self._n_rows, dtype=bool)
        kept[shape.coupling] = True
        kept[shape.choice_rows[np.unique(shape.group[inside[shape.choices]])]] = True
        kept[shape.follower_rows[inside[shape.followers]]] = True
        return kept

    def priced(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Columns that could better what was found, and by how much all of them could at most; completes `y`."""
        shape = self._shape
        outside = ~inside[shape.followers]
        worth = self._sign * (matrix.costs[0] - matrix.rows.T @ y)
        followers = np.maximum(worth[shape.followers], 0.0) * outside
        added = np.zeros(len(shape.choices))
        if followers.any():
            y[shape.follower_rows] += self._sign * followers / shape.follower_scale
            worth = self._sign * (matrix.costs[0] - matrix.rows.T @ y)
            added = followers
        choices = np.where(shape.allowed & ~inside[shape.choices], worth[shape.choices], 0.0)
        best = np.maximum(np.maximum.reduceat(choices, shape.starts), 0.0)
        excess = float(best.sum())
        eps = _TOLERANCE * 1e-3 * max(float(np.abs(matrix.costs[0]).max(initial=0.0)), 1.0)
        at = (choices > eps) & (choices == best[shape.group])
        joining = [shape.choices[at]]
        if len(shape.followers) and added.any():
            # A follower counts where a choice of the pool makes room for it.
            led = np.zeros(len(shape.followers), dtype=bool)
            here = np.flatnonzero(inside[shape.choices] | at)
            led[np.unique(self._leads[here].indices)] = True
            useful = led & (followers > eps)
            room = sparse.csr_array(shape.room[np.flatnonzero(inside[shape.choices])])
            excess += float((room @ (followers * useful)).sum())
            joining.append(shape.followers[useful])
        return np.concatenate(joining), excess


def pool_of(planned: Matrix, *, seed: int = 0) -> Pool | None:
    """A pool for programs of this shape; None where the program has another one."""
    shape = shape_of(planned, maximise=planned.maximise[0])
    if isinstance(shape, str) or shape.must.any():
        return None
    return Pool(planned, GroupPricing(planned, shape), seed=seed)


def _largest(shape: Shape, worth: Floats) -> Ints:
    """The best few choices of every group."""
    order = np.lexsort((-worth, shape.group))
    rank = np.arange(len(order)) - np.repeat(shape.starts, np.diff(np.r_[shape.starts, len(order)]))
    return np.sort(order[rank < _PER_GROUP])
