"""A linear program by groups, solved again and again over a pool of its columns, all others priced each time.

The pool holds the choices that may come into play; the rows of columns outside it stand aside. What is found over the
pool is the optimum of the whole once no column outside could better it at its prices; those that could join. The proof
is of the whole program: outside the pool a follower's row has the price at which the follower is worth nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.errors import NoPlanError
from ccs_model.solver.hot import HotProgram, Solved
from ccs_model.solver.matrix import Matrix
from ccs_model.solver.shape import Shape, shape_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# The best so many choices a group start inside.
_PER_GROUP = 3
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


class Pool:
    """Solves matrices of one pattern; `shape` is that of the planned one."""

    def __init__(self, planned: Matrix, shape: Shape, *, seed: int = 0) -> None:
        self._matrix, self._shape, self._seed = planned, shape, seed
        self._sign = 1.0 if planned.maximise[0] else -1.0
        entries = np.arange(1, planned.rows.nnz + 1)
        self._places = sparse.csc_array((entries, planned.rows.indices, planned.rows.indptr), shape=planned.rows.shape)
        self._leads = sparse.csr_array(shape.room > 0)
        n = len(planned.lower)
        self._inside = np.zeros(n, dtype=bool)
        self._inside[shape.free] = True
        self._inside[shape.choices[_largest(shape, shape.profit)]] = True
        self._begin()
        self.planned = self.solve(planned)
        self._first = self._inside.copy()

    def keep(self) -> None:
        """From now on the pool begins with what it holds."""
        self._first = self._inside.copy()

    def reset(self) -> None:
        """The pool as it was kept, so that what is found does not hang on what was solved before."""
        if not np.array_equal(self._first, self._inside):
            self._inside = self._first.copy()
            self._begin()

    def solve(self, matrix: Matrix, scale: Floats | None = None) -> Solved:
        """The optimum over all columns."""
        for _ in range(_ROUNDS):
            part = self._part
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
            joining, excess = self._priced(matrix, y)
            if excess <= _TOLERANCE * max(abs(found.value), 1.0):
                x = np.zeros(len(self._inside))
                x[part.columns] = found.x
                return Solved(True, found.value, x, y)
            self._inside[joining] = True
            self._begin()
        raise NoPlanError("columns kept joining the pool of a future's program")

    def _priced(self, matrix: Matrix, y: Floats) -> tuple[Ints, float]:
        """Columns that could better what was found, and by how much all of them could at most; completes `y`."""
        shape, inside = self._shape, self._inside
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

    def _begin(self) -> None:
        """The pool's own program, and the planned one's basis over it."""
        shape, inside = self._shape, self._inside
        columns = np.flatnonzero(inside)
        local = np.zeros(len(self._matrix.row_lower), dtype=bool)
        local[shape.coupling] = True
        local[shape.choice_rows[np.unique(shape.group[inside[shape.choices]])]] = True
        local[shape.follower_rows[inside[shape.followers]]] = True
        rows = np.flatnonzero(local)
        part = sparse.csc_array(sparse.csr_array(self._places[:, columns])[rows])
        part.sort_indices()
        self._part = _Part(columns, rows, part.data - 1, part.indices, part.indptr)
        self._hot = HotProgram(self._part.of(self._matrix), seed=self._seed)


def pool_of(planned: Matrix, *, seed: int = 0) -> Pool | None:
    """A pool for programs of this shape; None where the program has another one."""
    shape = shape_of(planned, maximise=planned.maximise[0])
    if isinstance(shape, str) or shape.must.any():
        return None
    return Pool(planned, shape, seed=seed)


def _largest(shape: Shape, worth: Floats) -> Ints:
    """The best few choices of every group."""
    order = np.lexsort((-worth, shape.group))
    rank = np.arange(len(order)) - np.repeat(shape.starts, np.diff(np.r_[shape.starts, len(order)]))
    return np.sort(order[rank < _PER_GROUP])
