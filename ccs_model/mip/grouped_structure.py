"""The block structure of a large model: one choice per group, and few coupling rows.

    choices     binary columns in groups, each group with a row Σ x ≤ 1 of its own
    vubs        columns with a variable upper bound: t ≤ Σ room × x over choices of one group, in a row of its own
    free        columns that stand in coupling rows only
    coupling    all other rows

With prices on the coupling rows the groups separate (Lagrangean relaxation): a variable-upper-bound column is worth
having at its bound or not at all, so its value is added to that of the choices that allow it, and the best choice of a
group is a maximum over its columns. All columns are priced in one pass over arrays, and for any prices y of the right
signs

    y · limits + Σ over groups: max(0, best value) + Σ over free columns: best of both bounds

is a bound of the model, integer or continuous.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.matrix import Matrix, mask_at

# Most columns must be choices or have a variable upper bound, and coupling rows must be few.
OTHERS_SHARE_MAX = 0.1
COUPLING_MAX = 2_000
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Prices:
    """Values of all columns at prices of the coupling rows, for a maximised objective.

    `worth` [choice] includes the variable-upper-bound columns that it allows; `best` [group]; `vub` and `free` are
    reduced profits; `bound` is that of the model.
    """

    worth: Floats
    best: Floats
    vub: Floats
    free: Floats
    bound: float


@dataclass(frozen=True, eq=False)
class Shape:
    """A model by groups; choices are sorted by group, profits are those of a maximised objective.

    `room` [choice, vub] are the variable upper bounds; `on_choices`, `on_vubs`, `on_free` [column, coupling row] are
    the coefficients of the coupling rows. `starts` [group] is the first choice of a group; `must` [group] marks groups
    with a fixed choice.
    """

    n_columns: int
    choices: Ints
    group: Ints
    starts: Ints
    choice_rows: Ints
    allowed: Mask
    must: Mask
    vubs: Ints
    vub_rows: Ints
    vub_scale: Floats
    room: sparse.csr_array
    free: Ints
    free_lower: Floats
    free_upper: Floats
    coupling: Ints
    row_lower: Floats
    row_upper: Floats
    profit: Floats
    vub_profit: Floats
    free_profit: Floats
    on_choices: sparse.csr_array
    on_vubs: sparse.csr_array
    on_free: sparse.csr_array

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.starts)

    def clip_prices(self, prices: Floats) -> Floats:
        """Return prices with those of the wrong sign for a one-sided row set to 0."""
        wrong = ((prices > 0) & np.isinf(self.row_upper)) | ((prices < 0) & np.isinf(self.row_lower))
        return np.where(wrong, 0.0, prices)

    def price_columns(self, prices: Floats) -> Prices:
        """Return the values of all columns at `prices` [coupling row], whose signs must be right (`clip_prices`)."""
        worth = self.profit - self.on_choices @ prices
        vub = self.vub_profit - self.on_vubs @ prices
        if len(vub):
            worth += self.room @ np.maximum(vub, 0.0)
        if not self.allowed.all():
            worth = np.where(self.allowed, worth, -np.inf)
        best = np.maximum.reduceat(worth, self.starts)
        free = self.free_profit - self.on_free @ prices
        limits = np.where(prices > 0, self.row_upper, np.where(prices < 0, self.row_lower, 0.0))
        bound = float(prices @ limits) + float(np.where(self.must, best, np.maximum(best, 0.0)).sum())
        # The reduced profit of an unbounded column within tolerance counts as 0, or the bound would be infinite.
        little = np.abs(free) <= _NOTHING * np.maximum(np.abs(self.free_profit), 1.0)
        ends = np.where(free > 0, self.free_upper, self.free_lower)
        at_end = np.where((little & np.isinf(ends)) | (free == 0), 0.0, ends)
        return Prices(worth, best, vub, free, bound + float((free * at_end).sum()))

    def sample_groups(self, groups: Ints) -> Shape:
        """Return a sample of the groups with its share of every limit, to estimate prices.

        The share of a row is that of the sample's coefficients in it, since groups differ in size.
        """
        among = mask_at(self.n_groups, groups)
        on = np.repeat(among[self.group], np.diff(self.on_choices.indptr))
        requested_sizes = np.abs(self.on_choices.data)
        requested = tuple(
            np.bincount(self.on_choices.indices, weights=weight, minlength=len(self.coupling))
            for weight in (requested_sizes * on, requested_sizes)
        )
        by_row = requested[0] / np.maximum(requested[1], 1e-300)
        share = len(groups) / self.n_groups
        sizes = np.diff(np.r_[self.starts, len(self.choices)])[groups]
        starts = np.r_[0, np.cumsum(sizes)[:-1]]
        ks = np.repeat(self.starts[groups] - starts, sizes) + np.arange(sizes.sum())
        room = self.room[ks]
        led = np.unique(room.indices)
        on_choices, on_vubs = self.on_choices[ks], self.on_vubs[led]
        # A row without any of them has no price.
        here = by_row > 0
        by_row = np.where(here, by_row, 1.0)
        return replace(
            self,
            choices=self.choices[ks],
            group=np.repeat(np.arange(len(groups)), sizes),
            starts=starts,
            choice_rows=self.choice_rows[groups],
            allowed=self.allowed[ks],
            must=self.must[groups],
            vubs=self.vubs[led],
            vub_rows=self.vub_rows[led],
            vub_scale=self.vub_scale[led],
            room=sparse.csr_array(room[:, led]),
            free_lower=self.free_lower * share,
            free_upper=self.free_upper * share,
            row_lower=np.where(here, self.row_lower * by_row, -np.inf),
            row_upper=np.where(here, self.row_upper * by_row, np.inf),
            profit=self.profit[ks],
            vub_profit=self.vub_profit[led],
            on_choices=on_choices,
            on_vubs=on_vubs,
        )


def shape_of(matrix: Matrix) -> Shape | str:
    """Return the matrix by groups, or the reason why it has no such structure."""
    rows = sparse.csr_array(matrix.rows)
    sizes = np.diff(rows.indptr)
    row_of = np.repeat(np.arange(rows.shape[0]), sizes)
    group = _choice_groups(matrix, rows, row_of, sizes)
    if not (group >= 0).any():
        return "no row that allows one of several choices"
    leader = _vub_rows(matrix, rows, row_of, group)
    in_choice_row = mask_at(rows.shape[0], group[group >= 0])
    vub_columns = np.flatnonzero(leader >= 0)
    vub_columns = vub_columns[np.argsort(leader[vub_columns], kind="stable")]
    vub_rows = leader[vub_columns]
    is_local = in_choice_row.copy()
    is_local[vub_rows] = True
    coupling = np.flatnonzero(~is_local)
    free = np.flatnonzero((group < 0) & (leader < 0))
    if len(free) > OTHERS_SHARE_MAX * len(group):
        return f"{len(free)} of {len(group)} columns are neither choices nor bounded by one"
    if len(coupling) > COUPLING_MAX:
        return f"{len(coupling)} coupling rows, more than {COUPLING_MAX}"
    if matrix.is_integer[free].any():
        return f"{int(matrix.is_integer[free].sum())} integer columns are no choices"
    columns = np.flatnonzero(group >= 0)
    columns = columns[np.argsort(group[columns], kind="stable")]
    choice_rows, starts, number = np.unique(group[columns], return_index=True, return_inverse=True)
    scale, room = _room(rows, columns, vub_columns, vub_rows)
    sign = matrix.sign
    by_column = sparse.csr_array(matrix.rows.T)
    kept = sparse.csr_array(by_column[:, coupling]) if len(coupling) < rows.shape[0] else by_column
    made = matrix.lower[columns] > 0
    must = np.logical_or.reduceat(made, starts)
    return Shape(
        n_columns=len(group),
        choices=columns,
        group=number.astype(np.int64),
        starts=starts.astype(np.int64),
        choice_rows=choice_rows,
        allowed=np.where(must[number], made, matrix.upper[columns] > 0),
        must=must,
        vubs=vub_columns,
        vub_rows=vub_rows,
        vub_scale=scale,
        room=room,
        free=free,
        free_lower=matrix.lower[free],
        free_upper=matrix.upper[free],
        coupling=coupling,
        row_lower=matrix.row_lower[coupling],
        row_upper=matrix.row_upper[coupling],
        profit=sign * matrix.costs[0][columns],
        vub_profit=sign * matrix.costs[0][vub_columns],
        free_profit=sign * matrix.costs[0][free],
        on_choices=kept[columns],
        on_vubs=kept[vub_columns],
        on_free=kept[free],
    )


def _choice_groups(matrix: Matrix, rows: sparse.csr_array, row_of: Ints, sizes: Ints) -> Ints:
    """[column] its choice row, or −1; of several choice rows the largest counts."""
    fits = ((matrix.lower == 0) | (matrix.lower == 1)) & ((matrix.upper == 1) | (matrix.upper == 0))
    odd = np.bincount(row_of, weights=(rows.data != 1) | ~fits[rows.indices], minlength=len(sizes))
    one_of = (matrix.row_upper == 1) & (matrix.row_lower <= 0) & (odd == 0) & (sizes > 0)
    # Of choice rows that share columns only one can be the choice row of a group.
    entries = one_of[row_of]
    times = np.bincount(rows.indices[entries], minlength=len(fits))
    shared = np.bincount(row_of[entries], weights=times[rows.indices[entries]] > 1, minlength=len(sizes)) > 0
    taken = one_of & ~shared
    group = np.full(len(fits), -1, dtype=np.int64)
    entries = taken[row_of]
    group[rows.indices[entries]] = row_of[entries]
    among = np.flatnonzero(one_of & shared)
    for row in among[np.argsort(-sizes[among], kind="stable")]:
        members = rows.indices[rows.indptr[row] : rows.indptr[row + 1]]
        if (group[members] < 0).all():
            group[members] = row
    return group


def _vub_rows(matrix: Matrix, rows: sparse.csr_array, row_of: Ints, group: Ints) -> Ints:
    """[column] the row of its variable upper bound, over choices of one group; or −1."""
    n_rows = rows.shape[0]
    can_follow = (matrix.lower == 0) & np.isinf(matrix.upper) & ~matrix.is_integer & (group < 0)
    above = rows.data > 0
    below = rows.data < 0
    n_above = np.bincount(row_of[above], minlength=n_rows)
    members = group[rows.indices]
    odd = np.bincount(row_of, weights=(below & (members < 0)) | (above & ~can_follow[rows.indices]), minlength=n_rows)
    most, least = np.full(n_rows, -1, dtype=np.int64), np.full(n_rows, n_rows, dtype=np.int64)
    np.maximum.at(most, row_of[below], members[below])
    np.minimum.at(least, row_of[below], members[below])
    holds = (n_above == 1) & (odd == 0) & ((most == least) | (most < 0))
    holds &= (matrix.row_upper == 0) & np.isinf(matrix.row_lower)
    leader = np.full(len(group), -1, dtype=np.int64)
    entries = np.flatnonzero(above & holds[row_of])[::-1]
    # The first such row counts; all others remain coupling rows.
    leader[rows.indices[entries]] = row_of[entries]
    return leader


def _room(rows: sparse.csr_array, columns: Ints, vubs: Ints, vub_rows: Ints) -> tuple[Floats, sparse.csr_array]:
    """Coefficients of the bounded columns in their rows, and [choice, vub] the upper bound that a choice adds."""
    if not len(vubs):
        return np.zeros(0), sparse.csr_array((len(columns), 0))
    members = sparse.csc_array(rows[vub_rows])
    own = np.asarray(members[:, vubs].diagonal(), dtype=float)
    room = sparse.csr_array(-members[:, columns].T.tocsr() @ sparse.diags_array(1.0 / own))
    return own, room
