"""The shape of a large program: one choice a stream, and few rows that hold streams together.

    choices     columns of 0 to 1 in groups, each group under a row Σ x ≤ 1 of its own
    followers   columns that a row of their own holds below what is chosen: t ≤ Σ room × x over one group's choices
    free        columns that only stand in coupling rows
    coupling    all other rows: budgets, sites, targets

With prices on the coupling rows every group can be looked at by itself: a follower is worth having at its most or not
at all, so its worth joins that of the choices which make room for it, and the best choice of a group is a maximum over
its columns. So all columns are priced in one pass over arrays, and with any prices y of the right signs

    y · limits + Σ over groups: max(0, best worth) + Σ over free columns: best of both bounds

is a bound of the program, whole or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.matrix import Matrix

# What sets the shape apart: nearly all columns are choices or follow them, and rows that couple are few.
OTHERS_SHARE_MAX = 0.1
COUPLING_MAX = 2_000
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Prices:
    """All columns at some prices of the coupling rows, in the sense of most.

    `worth` [choice] with its followers; `best` [group]; `follower` and `free` reduced profits; `bound` of the program.
    """

    worth: Floats
    best: Floats
    vub: Floats
    free: Floats
    bound: float


@dataclass(frozen=True, eq=False)
class Shape:
    """A program by groups; choices are sorted by group, profits in the sense of most.

    `room` [choice, follower]; `on_choices`, `on_followers`, `on_free` are the coupling rows' coefficients, a row each
    [column, coupling row]. `starts` [group] is the first of its choices; `must` groups have a choice that is made.
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
        return len(self.starts)

    def signed(self, prices: Floats) -> Floats:
        """Prices without those that a row's open side does not allow."""
        wrong = ((prices > 0) & np.isinf(self.row_upper)) | ((prices < 0) & np.isinf(self.row_lower))
        return np.where(wrong, 0.0, prices)

    def priced(self, prices: Floats) -> Prices:
        """All columns at `prices` [coupling row], which must have the right signs (`signed`)."""
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
        # A column without a limit is worth nothing to the solver's own tolerance, or the bound is infinite.
        little = np.abs(free) <= _NOTHING * np.maximum(np.abs(self.free_profit), 1.0)
        ends = np.where(free > 0, self.free_upper, self.free_lower)
        at_end = np.where((little & np.isinf(ends)) | (free == 0), 0.0, ends)
        return Prices(worth, best, vub, free, bound + float((free * at_end).sum()))

    def part(self, groups: Ints) -> Shape:
        """Some of the groups, with their share of every limit: a sample, to learn prices from.

        Sizes are uneven, so a row's share goes by what the groups could ask of it, not by their number.
        """
        among = np.zeros(self.n_groups, dtype=bool)
        among[groups] = True
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
        # A row that none of them stands in says nothing of the whole.
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

    def without(self, ks: Mask) -> Shape:
        """The same with some choices ruled out."""
        return replace(self, allowed=self.allowed & ~ks)


def shape_of(matrix: Matrix, *, maximise: bool) -> Shape | str:
    """The matrix by groups; where it has not the shape, the reason in words."""
    rows = sparse.csr_array(matrix.rows)
    sizes = np.diff(rows.indptr)
    row_of = np.repeat(np.arange(rows.shape[0]), sizes)
    group = _choice_groups(matrix, rows, row_of, sizes)
    if not (group >= 0).any():
        return "no row that allows one of several choices"
    leader = _vub_rows(matrix, rows, row_of, group)
    in_choice_row = np.zeros(rows.shape[0], dtype=bool)
    in_choice_row[np.unique(group[group >= 0])] = True
    vub_columns = np.flatnonzero(leader >= 0)
    vub_columns = vub_columns[np.argsort(leader[vub_columns], kind="stable")]
    vub_rows = leader[vub_columns]
    is_local = in_choice_row.copy()
    is_local[vub_rows] = True
    coupling = np.flatnonzero(~is_local)
    free = np.flatnonzero((group < 0) & (leader < 0))
    if len(free) > OTHERS_SHARE_MAX * len(group):
        return f"{len(free)} of {len(group)} columns are no choices and follow none"
    if len(coupling) > COUPLING_MAX:
        return f"{len(coupling)} rows couple the choices, more than {COUPLING_MAX}"
    if matrix.is_integer[free].any():
        return f"{int(matrix.is_integer[free].sum())} whole columns stand in no choice"
    columns = np.flatnonzero(group >= 0)
    columns = columns[np.argsort(group[columns], kind="stable")]
    choice_rows, starts, number = np.unique(group[columns], return_index=True, return_inverse=True)
    scale, room = _room(rows, columns, vub_columns, vub_rows)
    sign = 1.0 if maximise else -1.0
    by_column = sparse.csr_array(matrix.rows[:, :].T)
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
    """[column] the choice row it stands under, or −1; a column under several is counted under the largest."""
    fits = ((matrix.lower == 0) | (matrix.lower == 1)) & ((matrix.upper == 1) | (matrix.upper == 0))
    odd = np.bincount(row_of, weights=(rows.data != 1) | ~fits[rows.indices], minlength=len(sizes))
    one_of = (matrix.row_upper == 1) & (matrix.row_lower <= 0) & (odd == 0) & (sizes > 0)
    # Where choices of one group come first in others, only one of the rows can be its choice row.
    entries = one_of[row_of]
    times = np.bincount(rows.indices[entries], minlength=len(fits))
    shared = np.bincount(row_of[entries], weights=times[rows.indices[entries]] > 1, minlength=len(sizes)) > 0
    taken = one_of & ~shared
    group = np.full(len(fits), -1, dtype=np.int64)
    entries = taken[row_of]
    group[rows.indices[entries]] = row_of[entries]
    among = np.flatnonzero(one_of & shared)
    for row in among[np.argsort(-sizes[among], kind="stable")]:
        theirs = rows.indices[rows.indptr[row] : rows.indptr[row + 1]]
        if (group[theirs] < 0).all():
            group[theirs] = row
    return group


def _vub_rows(matrix: Matrix, rows: sparse.csr_array, row_of: Ints, group: Ints) -> Ints:
    """[column] the row that holds it below choices of one group, or −1."""
    n_rows = rows.shape[0]
    can_follow = (matrix.lower == 0) & np.isinf(matrix.upper) & ~matrix.is_integer & (group < 0)
    above = rows.data > 0
    below = rows.data < 0
    n_above = np.bincount(row_of[above], minlength=n_rows)
    theirs = group[rows.indices]
    odd = np.bincount(row_of, weights=(below & (theirs < 0)) | (above & ~can_follow[rows.indices]), minlength=n_rows)
    most, least = np.full(n_rows, -1, dtype=np.int64), np.full(n_rows, n_rows, dtype=np.int64)
    np.maximum.at(most, row_of[below], theirs[below])
    np.minimum.at(least, row_of[below], theirs[below])
    holds = (n_above == 1) & (odd == 0) & ((most == least) | (most < 0))
    holds &= (matrix.row_upper == 0) & np.isinf(matrix.row_lower)
    leader = np.full(len(group), -1, dtype=np.int64)
    entries = np.flatnonzero(above & holds[row_of])[::-1]
    # The first row counts; any further one is left among the coupling rows.
    leader[rows.indices[entries]] = row_of[entries]
    return leader


def _room(rows: sparse.csr_array, columns: Ints, vubs: Ints, vub_rows: Ints) -> tuple[Floats, sparse.csr_array]:
    """The follower's own coefficient in its row, and [choice, follower] how much of it one choice makes room for."""
    if not len(vubs):
        return np.zeros(0), sparse.csr_array((len(columns), 0))
    theirs = sparse.csc_array(rows[vub_rows])
    own = np.asarray(theirs[:, vubs].diagonal(), dtype=float)
    room = sparse.csr_array(-theirs[:, columns].T.tocsr() @ sparse.diags_array(1.0 / own))
    return own, room
