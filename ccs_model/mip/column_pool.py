"""A linear program solved again and again over a pool of its columns, all others priced each time.

The pool holds the columns that may come into play; rows that only hold columns outside it stand aside. What is found
over the pool is the optimum of the whole once no column outside could better it at its prices; those that could join.
Which rows stand aside, and at which prices their columns are worth the least, a `Pricing` knows: `GroupPricing` for
programs by groups, others for other shapes. A row that stands aside is kept by columns at 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.errors import NoPlanError
from ccs_model.mip.grouped_structure import Shape, shape_of
from ccs_model.mip.layered_pricing import Layers
from ccs_model.mip.matrix import Matrix
from ccs_model.mip.warm_start import AT_LOWER, BASIC, Basis, Solved, WarmStartedLp, extended, reported, states

# So many choices a group start inside, the largest; the others join where they are needed.
_PER_GROUP = 1
_ROUNDS = 400
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

    def extends(self, other: _Part) -> bool:
        """Whether it begins with the columns and rows of another one."""
        return np.array_equal(self.columns[: len(other.columns)], other.columns) and np.array_equal(
            self.rows[: len(other.rows)], other.rows
        )

    def of(self, matrix: Matrix) -> Matrix:
        """The matrix of these columns and rows alone."""
        data = matrix.rows.data[self.entries]
        shape = (len(self.rows), len(self.columns))
        return replace(
            matrix,
            rows=sparse.csc_array((data, self.indices, self.indptr), shape=shape),
            row_lower=matrix.row_lower[self.rows],
            row_upper=matrix.row_upper[self.rows],
            lower=matrix.lower[self.columns],
            upper=matrix.upper[self.columns],
            is_integer=np.zeros(len(self.columns), dtype=bool),
            costs=matrix.costs[:1, self.columns],
            row_constraints=(),
            columns=(),
        )


@dataclass(frozen=True, eq=False)
class Mark:
    """A pool at some moment."""

    part: _Part
    inside: Mask
    n_starts: int


_NO_PART = _Part(*(np.zeros(0, dtype=np.int64) for _ in range(5)))


class Pricing(Protocol):
    """What a pool asks of the shape of its program; masks are over all columns or rows of the matrix."""

    def first(self) -> Mask:
        """Columns that the pool begins with."""

    def rows(self, inside: Mask) -> Mask:
        """Rows that a pool of these columns has to keep."""

    def fits(self, matrix: Matrix) -> bool:
        """Whether the shape is that of this matrix, too; else all columns are solved together."""

    def priced(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Columns outside that could better the point of prices `y`, and by how much all together at most.

        Completes `y` on rows that stand aside.
        """

    def needed(self, matrix: Matrix, solved: Solved, is_basic: Mask) -> Mask:
        """Columns that a pool needs to find this optimum and its prices."""


class _Start:
    """A basis over a part of all columns and rows; as numbers over everything where it comes from elsewhere."""

    def __init__(self, part: _Part, basis: Any, shape: tuple[int, int]) -> None:
        self._part: _Part | None = part
        self._basis, self._shape = basis, shape
        self._numbers: Basis | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_part": None, "_basis": None, "_shape": self._shape, "_numbers": self.numbers()}

    def over(self, part: _Part) -> Any:
        """As the solver takes it, over some columns and rows."""
        if self._part is None:
            columns, rows = self.numbers()
            self._part, self._basis = part, reported((columns[part.columns], rows[part.rows]))
        if self._part is part:
            return self._basis
        if part.extends(self._part):
            return extended(self._basis, len(part.columns), len(part.rows))
        columns, rows = self.numbers()
        return reported((columns[part.columns], rows[part.rows]))

    def numbers(self) -> Basis:
        """Over everything: what is outside the part at 0, its rows slack."""
        if self._numbers is None:
            assert self._part is not None
            columns, rows = np.full(self._shape[1], AT_LOWER, np.int8), np.full(self._shape[0], BASIC, np.int8)
            columns[self._part.columns], rows[self._part.rows] = states(self._basis)
            self._numbers = (columns, rows)
        return self._numbers


class Pool:
    """Solves matrices of one pattern; what it holds and the bases it starts from grow until they are kept.

    `planned` is the optimum of the matrix it is made from.
    """

    def __init__(self, planned: Matrix, pricing: Pricing, *, seed: int = 0) -> None:
        self._pricing, self._shape = pricing, planned.rows.shape
        entries = np.arange(1, planned.rows.nnz + 1)
        self._places = sparse.csc_array((entries, planned.rows.indices, planned.rows.indptr), shape=planned.rows.shape)
        self._hot = WarmStartedLp(seed)
        self._starts: list[_Start] = []
        self._last: _Start | None = None
        self._needed = np.zeros(self._shape[1], dtype=bool)
        self._part = _NO_PART
        self._hold(pricing.first())
        self.planned = self.solve(planned)
        if self.planned.is_optimal:
            self.keep()

    def keep(self) -> int:
        """Keep the basis of what was solved last as a start; its number."""
        assert self._last is not None
        self._starts.append(self._last)
        return len(self._starts) - 1

    def freeze(self) -> None:
        """Hold only what the optima so far need, and forget what was kept."""
        if self._starts:
            self._starts, self._last = [], None
            self._hold(self._needed.copy())

    def rest(self) -> None:
        """Let the solver's instance go until the next solve."""
        self._hot.rest()

    def mark(self) -> Mark:
        """What the pool holds and may start from by now."""
        return Mark(self._part, self._inside.copy(), len(self._starts))

    def reset(self, mark: Mark) -> None:
        """The pool as it was then, so that what is found does not hang on what was solved since."""
        self._part, self._inside = mark.part, mark.inside.copy()
        del self._starts[mark.n_starts :]

    @property
    def n_inside(self) -> int:
        """Columns that the pool holds."""
        return int(self._inside.sum())

    def solve(self, matrix: Matrix, scale: Floats | None = None, *, start: int = 0) -> Solved:
        """The optimum over all columns, from a basis that was kept."""
        if not self._is_of_this_pattern(matrix):
            return self._hot.solve(matrix, scale)
        begin = self._starts[start] if self._starts else None
        if not self._pricing.fits(matrix):
            self._hold(np.ones(self._shape[1], dtype=bool))
        before: _Part | None = None
        for _ in range(_ROUNDS):
            part = self._part
            over, program = None if scale is None else scale[part.columns], part.of(matrix)
            if before is not None:
                found = self._hot.joined(program, len(before.rows), len(before.columns), over)
            else:
                found = self._hot.solve(program, over, start=None if begin is None else begin.over(part))
            if not found.is_optimal:
                # Over all columns there may be a plan yet.
                if self._inside.all():
                    return Solved(False, np.nan, np.zeros(self._shape[1]), np.zeros(self._shape[0]))
                before = None
                self._hold(np.ones(self._shape[1], dtype=bool))
                continue
            y = np.zeros(self._shape[0])
            y[part.rows] = found.row_dual
            joining, excess = self._pricing.priced(matrix, y, self._inside)
            if excess <= _TOLERANCE * max(abs(found.value), 1.0) or self._inside.all():
                x = np.zeros(self._shape[1])
                x[part.columns] = found.x
                self._last = _Start(part, self._hot.basis, self._shape)
                return Solved(True, found.value, x, y)
            before, inside = part, self._inside.copy()
            inside[joining] = True
            # Where pricing knows nobody to ask, everybody is.
            self._hold(inside if len(joining) else np.ones_like(inside))
        raise NoPlanError("columns kept joining the pool of a future's program")

    def learn(self, matrix: Matrix, solved: Solved) -> None:
        """Keep the optimum that was found last as a start, and remember what it needs."""
        assert self._last is not None
        self.keep()
        is_basic = self._last.numbers()[0] == BASIC
        self._needed |= self._pricing.needed(matrix, solved, is_basic) & self._inside

    def _is_of_this_pattern(self, matrix: Matrix) -> bool:
        return matrix.rows.nnz == len(self._places.data) and (
            np.array_equal(matrix.rows.indices, self._places.indices)
            and np.array_equal(matrix.rows.indptr, self._places.indptr)
        )

    def _hold(self, inside: Mask) -> None:
        """Hold these columns; where they are more than those held, the others join behind them."""
        columns, rows = np.flatnonzero(inside), np.flatnonzero(self._pricing.rows(inside))
        if inside[self._part.columns].all():
            columns, rows = _behind(self._part.columns, columns), _behind(self._part.rows, rows)
        part = sparse.csc_array(sparse.csr_array(self._places[:, columns])[rows])
        part.sort_indices()
        self._inside, self._part = inside, _Part(columns, rows, part.data - 1, part.indices, part.indptr)


def _behind(first: Ints, every: Ints) -> Ints:
    """`first`, and what else there is behind it."""
    return np.concatenate([first, np.setdiff1d(every, first, assume_unique=True)])


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
        kept[shape.vub_rows[inside[shape.vubs]]] = True
        return kept

    def fits(self, matrix: Matrix) -> bool:
        """Groups hang on the pattern alone."""
        return True

    def priced(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Columns that could better what was found, and by how much all of them could at most; completes `y`."""
        shape = self._shape
        outside = ~inside[shape.vubs]
        worth = self._sign * (matrix.costs[0] - matrix.rows.T @ y)
        vubs = np.maximum(worth[shape.vubs], 0.0) * outside
        added = np.zeros(len(shape.choices))
        if vubs.any():
            y[shape.vub_rows] += self._sign * vubs / shape.vub_scale
            worth = self._sign * (matrix.costs[0] - matrix.rows.T @ y)
            added = vubs
        choices = np.where(shape.allowed & ~inside[shape.choices], worth[shape.choices], 0.0)
        best = np.maximum(np.maximum.reduceat(choices, shape.starts), 0.0)
        excess = float(best.sum())
        eps = _TOLERANCE * 1e-3 * max(float(np.abs(matrix.costs[0]).max(initial=0.0)), 1.0)
        at = (choices > eps) & (choices == best[shape.group])
        joining = [shape.choices[at]]
        if len(shape.vubs) and added.any():
            # A follower counts where a choice of the pool makes room for it.
            led = np.zeros(len(shape.vubs), dtype=bool)
            here = np.flatnonzero(inside[shape.choices] | at)
            led[np.unique(self._leads[here].indices)] = True
            useful = led & (vubs > eps)
            room = sparse.csr_array(shape.room[np.flatnonzero(inside[shape.choices])])
            excess += float((room @ (vubs * useful)).sum())
            joining.append(shape.vubs[useful])
        return np.concatenate(joining), excess

    def needed(self, matrix: Matrix, solved: Solved, is_basic: Mask) -> Mask:
        """Pools of groups stay small, so that all may stay."""
        return np.ones(self._shape.n_columns, dtype=bool)


class LayerPricing:
    """Of any other program: rows that give room stand aside in layers (solver/layers)."""

    def __init__(self, planned: Matrix, *, seed: int = 0) -> None:
        self._layers = Layers(planned)
        self._sign = 1.0 if planned.maximise[0] else -1.0
        # All columns together are solved once, to see who comes into play.
        warm = WarmStartedLp(seed)
        found = warm.solve(planned)
        self._first = np.ones(len(planned.lower), dtype=bool)
        if found.is_optimal:
            self._first = self.needed(planned, found, states(warm.basis)[0] == BASIC)

    def first(self) -> Mask:
        """What the planned optimum builds, and who is worth nothing at its prices below what could be built."""
        return self._first.copy()

    def rows(self, inside: Mask) -> Mask:
        """All but giving rows of which no follower is inside."""
        return self._layers.kept(inside)

    def fits(self, matrix: Matrix) -> bool:
        """Layers hang on signs and on limits of 0."""
        return self._layers.fit(matrix)

    def priced(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Columns that could better what was found, and by how much all of them could at most; completes `y`."""
        at_pool, worth, joining = self._layers.priced(matrix, y, inside, self._sign)
        gain = np.maximum(worth, 0.0) - np.where(inside, np.maximum(at_pool, 0.0), 0.0)
        gain[gain <= self._layers.nothing(matrix)] = 0.0
        at = np.flatnonzero(gain)
        if np.isinf(matrix.upper[at]).any():
            return joining, np.inf
        most = np.zeros(int(self._layers.group.max(initial=0)) + 1)
        outside = at[~inside[at]]
        np.maximum.at(most, self._layers.group[outside], gain[outside] * matrix.upper[outside])
        within = at[inside[at]]
        return joining, float(most.sum() + gain[within] @ matrix.upper[within])

    def needed(self, matrix: Matrix, solved: Solved, is_basic: Mask) -> Mask:
        """What is built, and who is worth nothing at these prices below what could be built."""
        layers = self._layers
        built = (np.abs(solved.x) > 0) | (is_basic & ~layers.vub)
        return layers.leading(matrix, solved.row_dual, built, self._sign) | layers.always_inside


def pool_of(planned: Matrix, *, seed: int = 0) -> Pool:
    """A pool for programs of this shape."""
    shape = shape_of(planned, maximise=planned.maximise[0])
    if isinstance(shape, str) or shape.must.any():
        return Pool(planned, LayerPricing(planned, seed=seed), seed=seed)
    return Pool(planned, GroupPricing(planned, shape), seed=seed)


def _largest(shape: Shape, worth: Floats) -> Ints:
    """The best few choices of every group."""
    order = np.lexsort((-worth, shape.group))
    rank = np.arange(len(order)) - np.repeat(shape.starts, np.diff(np.r_[shape.starts, len(order)]))
    return np.sort(order[rank < _PER_GROUP])
