"""Column generation for LPs of one pattern: solve over a pool of columns and price all others.

The pool holds the columns that may enter a basis; rows that concern columns outside only are left out, since columns at
0 satisfy them. The optimum over the pool is that of the full LP once no column outside has a favourable reduced cost;
those that have join. A `Pricing` knows which rows are left out and the prices at which their columns are worth least:
`GroupPricing` for models by groups, `LayerPricing` for all others.
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
from ccs_model.mip.matrix import Matrix, mask_at
from ccs_model.mip.warm_start import (
    AT_LOWER,
    BASIC,
    Basis,
    LpSolution,
    WarmStartedLp,
    extend_basis,
    highs_basis,
    states,
)

# Choices per group in the first pool.
_PER_GROUP = 1
_ROUNDS = 400
# Largest possible gain by columns outside, relative to the value.
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class _Part:
    """Columns and rows of the pool, and the positions of its entries among those of the matrix."""

    columns: Ints
    rows: Ints
    entries: Ints
    indices: Ints
    indptr: Ints

    def is_extension_of(self, other: _Part) -> bool:
        """Return whether it begins with the columns and rows of another part."""
        return np.array_equal(self.columns[: len(other.columns)], other.columns) and np.array_equal(
            self.rows[: len(other.rows)], other.rows
        )

    def select_from(self, matrix: Matrix) -> Matrix:
        """Return the matrix of these columns and rows."""
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
class PoolState:
    """The state of a pool."""

    part: _Part
    inside: Mask
    n_starts: int


_NO_PART = _Part(*(np.zeros(0, dtype=np.int64) for _ in range(5)))


class Pricing(Protocol):
    """What a pool needs to know of the structure of its LP; masks are over all columns or rows."""

    def first_columns(self) -> Mask:
        """Return the columns of the first pool."""

    def rows(self, inside: Mask) -> Mask:
        """Return the rows that a pool of these columns needs."""

    def is_applicable(self, matrix: Matrix) -> bool:
        """Return whether a matrix has the structure; otherwise all columns are solved together."""

    def price_columns(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Return columns outside with a favourable reduced cost at prices `y`, and their largest possible gain.

        Completes `y` on the rows left out.
        """

    def needed_columns(self, matrix: Matrix, solved: LpSolution, is_basic: Mask) -> Mask:
        """Return the columns that a pool needs for this optimum and its prices."""


class _Start:
    """A basis over a part of the columns and rows, or as numbers over all of them."""

    def __init__(self, part: _Part, basis: Any, shape: tuple[int, int]) -> None:
        self._part: _Part | None = part
        self._basis, self._shape = basis, shape
        self._numbers: Basis | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_part": None, "_basis": None, "_shape": self._shape, "_numbers": self.full_basis()}

    def basis_of_part(self, part: _Part) -> Any:
        """Return the basis of HiGHS over a part."""
        if self._part is None:
            columns, rows = self.full_basis()
            self._part, self._basis = part, highs_basis((columns[part.columns], rows[part.rows]))
        if self._part is part:
            return self._basis
        if part.is_extension_of(self._part):
            return extend_basis(self._basis, len(part.columns), len(part.rows))
        columns, rows = self.full_basis()
        return highs_basis((columns[part.columns], rows[part.rows]))

    def full_basis(self) -> Basis:
        """Return the basis over all columns and rows: outside the part nonbasic at 0, its rows basic."""
        if self._numbers is None:
            assert self._part is not None
            columns, rows = np.full(self._shape[1], AT_LOWER, np.int8), np.full(self._shape[0], BASIC, np.int8)
            columns[self._part.columns], rows[self._part.rows] = states(self._basis)
            self._numbers = (columns, rows)
        return self._numbers


class Pool:
    """Solves matrices of one sparsity pattern over a growing pool of columns, from stored bases.

    `planned` is the optimum of the matrix that the pool is made from.
    """

    def __init__(self, planned: Matrix, pricing: Pricing) -> None:
        self._pricing, self._shape = pricing, planned.rows.shape
        entries = np.arange(1, planned.rows.nnz + 1)
        self._places = sparse.csc_array((entries, planned.rows.indices, planned.rows.indptr), shape=planned.rows.shape)
        self._warm = WarmStartedLp()
        self._starts: list[_Start] = []
        self._last: _Start | None = None
        self._needed = np.zeros(self._shape[1], dtype=bool)
        self._part = _NO_PART
        self._set_columns(pricing.first_columns())
        self.planned = self.solve(planned)
        if self.planned.is_optimal:
            self.store_basis()

    def store_basis(self) -> int:
        """Store the last basis as a start; return its number."""
        assert self._last is not None
        self._starts.append(self._last)
        return len(self._starts) - 1

    def freeze(self) -> None:
        """Reduce the pool to what the optima so far need, and drop all stored bases."""
        if self._starts:
            self._starts, self._last = [], None
            self._set_columns(self._needed.copy())

    def release_highs(self) -> None:
        """Release the HiGHS instance until the next solve."""
        self._warm.release_highs()

    def mark(self) -> PoolState:
        """Return the state of the pool."""
        return PoolState(self._part, self._inside.copy(), len(self._starts))

    def reset(self, mark: PoolState) -> None:
        """Restore a state, so that results do not depend on the solves since."""
        self._part, self._inside = mark.part, mark.inside.copy()
        del self._starts[mark.n_starts :]

    def solve(self, matrix: Matrix, scale: Floats | None = None, *, start: int = 0) -> LpSolution:
        """Return the optimum over all columns, from a stored basis."""
        if not self._is_of_this_pattern(matrix):
            return self._warm.solve(matrix, scale)
        begin = self._starts[start] if self._starts else None
        if not self._pricing.is_applicable(matrix):
            self._set_columns(np.ones(self._shape[1], dtype=bool))
        before: _Part | None = None
        for _ in range(_ROUNDS):
            part = self._part
            over, lp = None if scale is None else scale[part.columns], part.select_from(matrix)
            if before is not None:
                found = self._warm.solve_extended(lp, len(before.rows), len(before.columns), over)
            else:
                found = self._warm.solve(lp, over, start=None if begin is None else begin.basis_of_part(part))
            if not found.is_optimal:
                # The LP over all columns may still be feasible.
                if self._inside.all():
                    return LpSolution(False, np.nan, np.zeros(self._shape[1]), np.zeros(self._shape[0]))
                before = None
                self._set_columns(np.ones(self._shape[1], dtype=bool))
                continue
            y = np.zeros(self._shape[0])
            y[part.rows] = found.row_dual
            joining, excess = self._pricing.price_columns(matrix, y, self._inside)
            if excess <= _TOLERANCE * max(abs(found.value), 1.0) or self._inside.all():
                x = np.zeros(self._shape[1])
                x[part.columns] = found.x
                self._last = _Start(part, self._warm.basis, self._shape)
                return LpSolution(True, found.value, x, y)
            before, inside = part, self._inside.copy()
            inside[joining] = True
            # Without columns to join, all of them do.
            self._set_columns(inside if len(joining) else np.ones_like(inside))
        raise NoPlanError("the column pool did not converge")

    def store_optimum(self, matrix: Matrix, solved: LpSolution) -> None:
        """Store the basis of the last optimum, and the columns that it needs."""
        assert self._last is not None
        self.store_basis()
        is_basic = self._last.full_basis()[0] == BASIC
        self._needed |= self._pricing.needed_columns(matrix, solved, is_basic) & self._inside

    def _is_of_this_pattern(self, matrix: Matrix) -> bool:
        return matrix.rows.nnz == len(self._places.data) and (
            np.array_equal(matrix.rows.indices, self._places.indices)
            and np.array_equal(matrix.rows.indptr, self._places.indptr)
        )

    def _set_columns(self, inside: Mask) -> None:
        """Set the columns of the pool; further columns join behind the present ones."""
        columns, rows = np.flatnonzero(inside), np.flatnonzero(self._pricing.rows(inside))
        if inside[self._part.columns].all():
            columns, rows = _append_others(self._part.columns, columns), _append_others(self._part.rows, rows)
        part = sparse.csc_array(sparse.csr_array(self._places[:, columns])[rows])
        part.sort_indices()
        self._inside, self._part = inside, _Part(columns, rows, part.data - 1, part.indices, part.indptr)


def _append_others(first: Ints, every: Ints) -> Ints:
    """`first`, followed by all others of `every`."""
    return np.concatenate([first, np.setdiff1d(every, first, assume_unique=True)])


class GroupPricing:
    """Pricing of models by groups: the row of a variable upper bound outside the pool takes all of its value."""

    def __init__(self, planned: Matrix, shape: Shape) -> None:
        self._shape, self._n_rows = shape, len(planned.row_lower)
        self._sign = planned.sign
        self._leads = sparse.csr_array(shape.room > 0)

    def first_columns(self) -> Mask:
        """Return free columns and the most profitable choices of every group."""
        shape = self._shape
        inside = mask_at(shape.n_columns, shape.free)
        inside[shape.choices[_best_choices(shape, shape.profit)]] = True
        return inside

    def rows(self, inside: Mask) -> Mask:
        """Return coupling rows, and those of groups and variable upper bounds in the pool."""
        shape = self._shape
        kept = mask_at(self._n_rows, shape.coupling)
        kept[shape.choice_rows[np.unique(shape.group[inside[shape.choices]])]] = True
        kept[shape.vub_rows[inside[shape.vubs]]] = True
        return kept

    def is_applicable(self, matrix: Matrix) -> bool:
        """Return True: groups depend on the sparsity pattern only."""
        return True

    def price_columns(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Return the columns that join and the largest possible gain; completes `y`."""
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
            # A bounded column counts if a choice of the pool allows it.
            led = np.zeros(len(shape.vubs), dtype=bool)
            here = np.flatnonzero(inside[shape.choices] | at)
            led[np.unique(self._leads[here].indices)] = True
            useful = led & (vubs > eps)
            room = sparse.csr_array(shape.room[np.flatnonzero(inside[shape.choices])])
            excess += float((room @ (vubs * useful)).sum())
            joining.append(shape.vubs[useful])
        return np.concatenate(joining), excess

    def needed_columns(self, matrix: Matrix, solved: LpSolution, is_basic: Mask) -> Mask:
        """Return all columns: pools of groups stay small."""
        return np.ones(self._shape.n_columns, dtype=bool)


class LayerPricing:
    """Pricing of all other models, by layers of variable-upper-bound rows (`layered_pricing`)."""

    def __init__(self, planned: Matrix) -> None:
        self._layers = Layers(planned)
        self._sign = planned.sign
        # The LP over all columns, solved once, gives the first pool.
        warm = WarmStartedLp()
        found = warm.solve(planned)
        self._first = np.ones(len(planned.lower), dtype=bool)
        if found.is_optimal:
            self._first = self.needed_columns(planned, found, states(warm.basis)[0] == BASIC)

    def first_columns(self) -> Mask:
        """Return the columns that the planned optimum needs."""
        return self._first.copy()

    def rows(self, inside: Mask) -> Mask:
        """Return all rows but variable-upper-bound rows without a bounded column in the pool."""
        return self._layers.pool_rows(inside)

    def is_applicable(self, matrix: Matrix) -> bool:
        """Return whether signs and zero limits are the same."""
        return self._layers.has_same_signs(matrix)

    def price_columns(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Return the columns that join and the largest possible gain; completes `y`."""
        at_pool, worth, joining = self._layers.price_columns(matrix, y, inside, self._sign)
        gain = np.maximum(worth, 0.0) - np.where(inside, np.maximum(at_pool, 0.0), 0.0)
        gain[gain <= self._layers.zero_tolerance(matrix)] = 0.0
        at = np.flatnonzero(gain)
        if np.isinf(matrix.upper[at]).any():
            return joining, np.inf
        most = np.zeros(int(self._layers.group.max(initial=0)) + 1)
        outside = at[~inside[at]]
        np.maximum.at(most, self._layers.group[outside], gain[outside] * matrix.upper[outside])
        within = at[inside[at]]
        return joining, float(most.sum() + gain[within] @ matrix.upper[within])

    def needed_columns(self, matrix: Matrix, solved: LpSolution, is_basic: Mask) -> Mask:
        """Return the columns in use and, below them, those with reduced cost 0."""
        layers = self._layers
        built = (np.abs(solved.x) > 0) | (is_basic & ~layers.vub)
        return layers.mark_columns_below(matrix, solved.row_dual, built, self._sign) | layers.always_inside


def pool_of(planned: Matrix) -> Pool:
    """Return a pool for LPs of the pattern of a matrix."""
    shape = shape_of(planned)
    if isinstance(shape, str) or shape.must.any():
        return Pool(planned, LayerPricing(planned))
    return Pool(planned, GroupPricing(planned, shape))


def _best_choices(shape: Shape, worth: Floats) -> Ints:
    """Return the best few choices of every group."""
    order = np.lexsort((-worth, shape.group))
    rank = np.arange(len(order)) - np.repeat(shape.starts, np.diff(np.r_[shape.starts, len(order)]))
    return np.sort(order[rank < _PER_GROUP])
