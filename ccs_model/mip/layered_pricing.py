"""Pricing of columns outside a pool in models with layers of variable upper bounds.

A variable-upper-bound (VUB) row says Σ of bounded columns ≤ Σ of leading columns (flow ≤ arc capacity), with
right-hand side 0. The value of a bounded column adds to that of its leading columns, and theirs to those that bound
them, so that VUB rows form layers. A row without bounded columns in the pool is left out: nothing can violate it, and
its price is free. The smallest price at which its bounded columns are worth nothing passes the least value on to higher
layers. If no column has a favourable reduced cost in the end, the optimum over the pool is that of the full LP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.matrix import Matrix, mask_at

# Reduced costs below this share of the largest objective coefficient count as 0.
_NOTHING = 1e-12
_MANY_ROUNDS = 50
# Columns that join at a time, with the columns bounded by them.
_JOINING = 100


@dataclass(frozen=True, eq=False)
class _Layer:
    """Bounded columns of the rows of one layer, sorted by row, with their entries in the matrix."""

    columns: Ints
    entries: Ints
    rows: Ints
    starts: Ints


class Layers:
    """The layers of VUB rows of a sparsity pattern, and the row that bounds each column.

    They depend on the signs and the zero limits of a matrix; `has_same_signs` tells whether another one has the same.
    """

    def __init__(self, planned: Matrix) -> None:
        self.n_rows, self.n_columns = planned.rows.shape
        self._negative = np.signbit(planned.rows.data)
        self._zero = (planned.row_lower == 0, planned.row_upper == 0)
        self._column_of = np.repeat(np.arange(self.n_columns), np.diff(planned.rows.indptr))
        row_of = planned.rows.indices.astype(np.int64)
        # A ≥ row is a ≤ row with the signs changed.
        is_below = np.isneginf(planned.row_lower) & np.isfinite(planned.row_upper)
        is_above = np.isposinf(planned.row_upper) & np.isfinite(planned.row_lower)
        self.is_equal = planned.row_lower == planned.row_upper
        self.flip = np.where(is_above, -1.0, 1.0)
        limit = np.where(is_above, -planned.row_lower, planned.row_upper)
        follows = (planned.rows.data * self.flip[row_of]) > 0
        signed = np.asarray(planned.lower == 0)
        n_unsigned = np.bincount(row_of, weights=~signed[self._column_of], minlength=self.n_rows)
        n_follow = np.bincount(row_of, weights=follows, minlength=self.n_rows)
        n_lead = np.bincount(row_of, weights=~follows, minlength=self.n_rows)
        one_sided = is_below | is_above
        # Without positive terms such a row cannot be violated.
        self.never_broken = one_sided & (limit >= 0) & (n_unsigned == 0)
        gives = (one_sided | self.is_equal) & (limit == 0) & (n_unsigned == 0) & (n_follow > 0) & (n_lead > 0)
        self._follows = follows
        self.gives, level = self._levels(gives, follows, row_of)
        self.always_inside = ~signed
        self._layers = self._build_layers(level, follows, row_of)
        self._row_of = row_of
        self._set_column_groups(planned, row_of, limit, one_sided)

    def _levels(self, gives: Mask, follows: Mask, row_of: Ints) -> tuple[Mask, Ints]:
        """VUB rows without cycles among them, and the layer of each."""
        gives = gives.copy()
        for which in (self.is_equal, np.ones(self.n_rows, dtype=bool)):
            among = self._row_dependencies(gives, follows, row_of)
            n, part = connected_components(among, directed=True, connection="strong")
            in_cycle = np.bincount(part, minlength=n)[part] > 1
            gives &= ~(in_cycle & which)
        among = self._row_dependencies(gives, follows, row_of)
        level = np.zeros(self.n_rows, dtype=np.int64)
        before, after = among.nonzero()
        for _ in range(_MANY_ROUNDS):
            raised = level.copy()
            np.maximum.at(raised, after, level[before] + 1)
            if np.array_equal(raised, level):
                break
            level = raised
        return gives, level

    def _row_dependencies(self, gives: Mask, follows: Mask, row_of: Ints) -> sparse.csr_array:
        """[row, row] where a leading column of the first is bounded by the second."""
        shape = (self.n_rows, self.n_columns)
        here = gives[row_of]
        ones = np.ones(len(row_of))

        def incidence_of(which: Mask) -> sparse.csr_array:
            return sparse.csr_array((ones[which], (row_of[which], self._column_of[which])), shape=shape)

        return sparse.csr_array(incidence_of(here & ~follows) @ incidence_of(here & follows).T)

    def _build_layers(self, level: Ints, follows: Mask, row_of: Ints) -> list[_Layer]:
        """Layers from low to high; the first row that bounds a column counts."""
        entries = np.flatnonzero(follows & self.gives[row_of])
        order = np.lexsort((row_of[entries], level[row_of[entries]], self._column_of[entries]))
        entries = entries[order]
        first = np.r_[True, np.diff(self._column_of[entries]) > 0] if len(entries) else np.zeros(0, dtype=bool)
        entries = entries[first]
        self.vub = mask_at(self.n_columns, self._column_of[entries])
        found = []
        for each in np.unique(level[row_of[entries]]):
            here = entries[level[row_of[entries]] == each]
            here = here[np.argsort(row_of[here], kind="stable")]
            rows, starts = np.unique(row_of[here], return_index=True)
            found.append(_Layer(self._column_of[here], here, rows, starts))
        return found

    def _set_column_groups(self, planned: Matrix, row_of: Ints, limit: Floats, one_sided: Mask) -> None:
        """Set the group of each column: its first row Σ x ≤ 1, or a number of its own.

        One column of a group joins at a time.
        """
        odd = np.bincount(row_of, weights=planned.rows.data != 1.0, minlength=self.n_rows)
        choice = one_sided & (limit == 1) & (odd == 0) & (self.flip > 0)
        group = self.n_rows + np.arange(self.n_columns)
        at = np.flatnonzero(choice[row_of])
        np.minimum.at(group, self._column_of[at], row_of[at])
        self.group = np.unique(group, return_inverse=True)[1]

    def has_same_signs(self, matrix: Matrix) -> bool:
        """Return whether a matrix has the same signs and zero limits."""
        return (
            np.array_equal(np.signbit(matrix.rows.data), self._negative)
            and np.array_equal(matrix.row_lower == 0, self._zero[0])
            and np.array_equal(matrix.row_upper == 0, self._zero[1])
        )

    def zero_tolerance(self, matrix: Matrix) -> float:
        """Return the tolerance of a reduced cost."""
        return _NOTHING * max(float(np.abs(matrix.costs[0]).max(initial=0.0)), 1.0)

    def pool_rows(self, inside: Mask) -> Mask:
        """Return the rows that a pool of these columns needs."""
        here = inside[self._column_of]
        anything = mask_at(self.n_rows, self._row_of[here])
        following = mask_at(self.n_rows, self._row_of[here & self._follows])
        return np.where(self.never_broken, following, anything)

    def price_columns(self, matrix: Matrix, y: Floats, inside: Mask, sign: float) -> tuple[Floats, Floats, Ints]:
        """Return [column] values at the pool's prices and at completed prices, and the columns that join.

        Values are those of a maximised objective. Completes `y`. Columns join with the bounded columns of rows left out
        that give them their value, down to the lowest layer.
        """
        at_pool = sign * (matrix.costs[0] - matrix.rows.T @ y)
        nothing = self.zero_tolerance(matrix)
        kept = self.pool_rows(inside)
        worth = at_pool.copy()
        given: list[tuple[_Layer, Floats, Ints]] = []
        for layer in self._layers:
            data = matrix.rows.data[layer.entries] * self.flip[self._row_of[layer.entries]]
            requested = np.where(inside[layer.columns], 0.0, np.maximum(worth[layer.columns], 0.0)) / data
            price = np.maximum.reduceat(requested, layer.starts)
            price[kept[layer.rows] | (price <= 0.0)] = 0.0
            giving = np.flatnonzero(price)
            given.append((layer, price, giving))
            if len(giving):
                all_rows = np.zeros(self.n_rows)
                all_rows[layer.rows[giving]] = price[giving] * self.flip[layer.rows[giving]]
                y += sign * all_rows
                worth -= matrix.rows.T @ all_rows
        # The best column of each group outside the model, and the most valuable of them.
        outside = np.flatnonzero((worth > nothing) & ~inside)
        best = np.zeros(int(self.group.max(initial=0)) + 1)
        np.maximum.at(best, self.group[outside], worth[outside])
        first = outside[worth[outside] >= best[self.group[outside]]]
        raised = np.flatnonzero((worth > nothing) & inside & (worth > at_pool + nothing))
        candidates = np.concatenate([first, raised])
        size = worth[candidates] * np.where(np.isfinite(matrix.upper[candidates]), matrix.upper[candidates], 1.0)
        marked = mask_at(self.n_columns, candidates[np.argsort(-size, kind="stable")[:_JOINING]])
        return at_pool, worth, np.flatnonzero(self._mark_value_sources(matrix, marked, given, worth, inside))

    def _mark_value_sources(
        self, matrix: Matrix, marked: Mask, given: list[tuple[_Layer, Floats, Ints]], worth: Floats, inside: Mask
    ) -> Mask:
        """Marked columns with the bounded columns that give them their value, without those inside."""
        marked = marked.copy()
        for layer, price, giving in reversed(given):
            if len(giving):
                per = np.zeros(self.n_rows)
                per[layer.rows] = price
                columns = self._value_sources(matrix, layer, marked, worth, per)
                marked[columns[~inside[columns]]] = True
        return marked & ~inside

    def mark_columns_below(self, matrix: Matrix, y: Floats, marked: Mask, sign: float) -> Mask:
        """Return marked columns and, below them, the bounded columns with reduced cost 0 in the full LP."""
        worth = sign * (matrix.costs[0] - matrix.rows.T @ y)
        marked = marked.copy()
        for layer in reversed(self._layers):
            marked[self._value_sources(matrix, layer, marked, worth, np.abs(y))] = True
        return marked

    def _value_sources(self, matrix: Matrix, layer: _Layer, marked: Mask, worth: Floats, prices: Floats) -> Ints:
        """Bounded columns of a layer from which marked leading columns have their value, at prices [row]."""
        leads = mask_at(self.n_rows, self._row_of[marked[self._column_of] & ~self._follows])
        row = self._row_of[layer.entries]
        # At the price of a row, the bounded column that set it has value 0, all others less.
        data, price = np.abs(matrix.rows.data[layer.entries]), prices[row]
        tight = worth[layer.columns] >= -1e-9 * np.maximum(price * data, 1e-300)
        return layer.columns[leads[row] & (price > 0) & tight]
