"""Sifting: solve an LP over a few of its columns and price all others, until none could improve it.

First prices of the coupling rows come from a sample of the groups (itself sifted, from a smaller sample, and so on).
They choose the first columns. The restricted LP gives better prices; columns that are worth more at them than the best
of their group join, and HiGHS continues from its basis by the primal simplex method. The bound is computed from the
prices over all columns (`grouped_structure`), independently of the solver.

References
----------
Bixby, R. E., Gregory, J. W., Lustig, I. J., Marsten, R. E., Shanno, D. F. (1992). Very large-scale linear programming:
a case study in combining interior point and simplex methods. Operations Research 40, 885–897.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_structure import Prices, Shape
from ccs_model.mip.highs import Highs, Outcome, SolverOptions
from ccs_model.mip.matrix import Matrix, mask_at

# The sample takes every eighth group; with fewer groups than the second number all columns are taken.
_EVERY = 8
_SMALL_GROUPS = 200
# Prices of a sample are estimates, so it is solved less exactly.
_SAMPLE_TOLERANCE = 1e-4
TOLERANCE = 1e-10
# Choices per group in the first restricted LP, those of the smallest relative reduced-cost bounds.
_FIRST_PER_GROUP = 1.5
_ROUNDS = 200
# Penalty of a violated row, as a multiple of the highest cost to satisfy it; raised where it does not suffice.
_PENALTY = 10.0
_DEARER = 100.0
_RAISES = 3


@dataclass(frozen=True, eq=False)
class SiftingOptimum:
    """The optimum of the LP: point over all columns, prices and bound; `value` is that of a maximised objective."""

    x: Floats
    y: Floats
    value: float
    prices: Prices

    @property
    def bound(self) -> float:
        """Bound of the model."""
        return max(self.prices.bound, self.value)


class _RestrictedLp:
    """The LP over some columns, in HiGHS; a group has its choice row only once two of its choices are inside."""

    def __init__(self, shape: Shape, options: SolverOptions) -> None:
        self.shape = shape
        n_rows = len(shape.coupling)
        self.column_of = np.full(len(shape.choices), -1, dtype=np.int64)
        self.follower_column = np.full(len(shape.vubs), -1, dtype=np.int64)
        self.group_row = np.full(shape.n_groups, -1, dtype=np.int64)
        self.follower_row = np.full(len(shape.vubs), -1, dtype=np.int64)
        # What breaks a row at 0, or with the choices that must be, is allowed at a price: there is always a point.
        at_least = (shape.row_lower > 0) | (shape.row_upper < 0)
        self.violable = np.flatnonzero(at_least | (np.isfinite(shape.row_upper) & shape.must.any()))
        ways = np.where(shape.row_lower[self.violable] > 0, 1.0, -1.0)
        slack = sparse.csr_array((ways, (np.arange(len(ways)), self.violable)), shape=(len(ways), n_rows))
        self.penalty = _PENALTY * _highest_cost(shape, self.violable)
        n_free = len(shape.free)
        self.n_rows, self.n_columns = n_rows, n_free + len(ways)
        start = Matrix(
            rows=sparse.csc_array(sparse.vstack([shape.on_free, slack]).T),
            row_lower=shape.row_lower,
            row_upper=shape.row_upper,
            lower=np.r_[shape.free_lower, np.zeros(len(ways))],
            upper=np.r_[shape.free_upper, np.full(len(ways), np.inf)],
            is_integer=np.zeros(self.n_columns, dtype=bool),
            costs=np.r_[shape.free_profit, -self.penalty][None, :],
            maximise=(True,),
            row_constraints=(),
            columns=(),
        )
        self.highs = Highs(start, options)
        for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            self.highs.set_option(name, 1e-9)

    def add(self, choices: Ints, vubs: Ints) -> None:
        """Add columns: first their rows over the present columns, then the columns themselves."""
        shape = self.shape
        inside = np.flatnonzero(self.column_of >= 0)
        count = np.bincount(shape.group[inside], minlength=shape.n_groups)
        count += np.bincount(shape.group[choices], minlength=shape.n_groups)
        new_groups = np.flatnonzero((count >= 2) & (self.group_row < 0))
        self.group_row[new_groups] = self.n_rows + np.arange(len(new_groups))
        self.follower_row[vubs] = self.n_rows + len(new_groups) + np.arange(len(vubs))
        old = inside[np.isin(shape.group[inside], new_groups)]
        led = sparse.coo_array(shape.room[inside][:, vubs])
        n_new = len(new_groups) + len(vubs)
        upper = np.r_[np.ones(len(new_groups)), np.zeros(len(vubs))]
        at = (
            np.r_[self.group_row[shape.group[old]], self.follower_row[vubs[led.col]]] - self.n_rows,
            np.r_[self.column_of[old], self.column_of[inside[led.row]]],
        )
        rows = sparse.csr_array((np.r_[np.ones(len(old)), -led.data], at), shape=(n_new, self.n_columns))
        self.highs.add_rows(rows, np.full(n_new, -np.inf), upper)
        self.n_rows += n_new
        self.column_of[choices] = self.n_columns + np.arange(len(choices))
        self.follower_column[vubs] = self.n_columns + len(choices) + np.arange(len(vubs))
        on = sparse.coo_array(shape.on_choices[choices])
        held = np.flatnonzero(self.group_row[shape.group[choices]] >= 0)
        room = sparse.coo_array(shape.room[choices])
        mine = self.follower_row[room.col] >= 0
        on_vubs = sparse.coo_array(shape.on_vubs[vubs])
        n_choices, n_new = len(choices), len(choices) + len(vubs)
        at = (
            np.r_[on.row, held, room.row[mine], n_choices + on_vubs.row, n_choices + np.arange(len(vubs))],
            np.r_[
                on.col,
                self.group_row[shape.group[choices[held]]],
                self.follower_row[room.col[mine]],
                on_vubs.col,
                self.follower_row[vubs],
            ],
        )
        values = np.r_[on.data, np.ones(len(held)), -room.data[mine], on_vubs.data, np.ones(len(vubs))]
        least = np.where(shape.must[shape.group[choices]], 1.0, 0.0)
        self.highs.add_columns(
            sparse.csr_array((values, at), shape=(n_new, self.n_rows)),
            np.r_[shape.profit[choices], shape.vub_profit[vubs]],
            np.r_[least, np.zeros(len(vubs))],
            np.r_[np.ones(n_choices), np.full(len(vubs), np.inf)],
        )
        self.n_columns += n_new

    def violation(self, x: Floats) -> float:
        """Largest violation of a row that 0 does not satisfy."""
        n_free = len(self.shape.free)
        return float(x[n_free : n_free + len(self.violable)].max(initial=0.0))

    def raise_penalty(self) -> None:
        self.penalty = self.penalty * _DEARER
        n_free, costs = len(self.shape.free), self.highs.costs.copy()
        costs[n_free : n_free + len(self.violable)] = -self.penalty
        self.highs.set_costs(costs)

    def point(self, x: Floats) -> Floats:
        """A point of the restricted LP as one over all columns of the model."""
        shape = self.shape
        full = np.zeros(shape.n_columns)
        full[shape.free] = x[: len(shape.free)]
        for columns, at in ((shape.choices, self.column_of), (shape.vubs, self.follower_column)):
            inside = np.flatnonzero(at >= 0)
            full[columns[inside]] = x[at[inside]]
        return full


def solve_by_sifting(
    shape: Shape, options: SolverOptions, deadline: float, *, tolerance: float = TOLERANCE, stage: str = "sifting"
) -> SiftingOptimum | None:
    """Return the LP optimum to a relative `tolerance` of its bound; None without one in time."""
    if now() >= deadline:
        return None
    if shape.n_groups <= _SMALL_GROUPS:
        return _sift(shape, None, options, deadline, tolerance, stage)
    sample = shape.sample_groups(np.arange(0, shape.n_groups, _EVERY))
    first = solve_by_sifting(sample, options, deadline, tolerance=_SAMPLE_TOLERANCE, stage=f"{stage}: sample")
    return _sift(shape, None if first is None else first.y, options, deadline, tolerance, stage)


def _sift(
    shape: Shape, guess: Floats | None, options: SolverOptions, deadline: float, tolerance: float, stage: str
) -> SiftingOptimum | None:
    lp = _RestrictedLp(shape, options)
    if guess is None:
        choices = np.flatnonzero(shape.allowed)
    else:
        choices = _first_choices(shape, shape.price_columns(shape.clip_prices(guess)))
    lp.add(choices, np.zeros(0, dtype=np.int64))
    n_raised = 0
    for _ in range(_ROUNDS):
        outcome = lp.highs.run(deadline - now(), f"{stage}: {lp.n_columns} columns")
        if outcome.x is None or outcome.row_dual is None or outcome.status != "optimal":
            return None
        y = shape.clip_prices(outcome.row_dual[: len(shape.coupling)])
        prices = shape.price_columns(y)
        few = abs(outcome.objective) * tolerance
        choices, vubs = _find_joining_columns(shape, lp, prices)
        if prices.bound - outcome.objective <= few or not (len(choices) or len(vubs)):
            if lp.violation(outcome.x) <= 1e-7:
                break
            if n_raised == _RAISES:
                return None
            n_raised += 1
            lp.raise_penalty()
            continue
        # The point stays feasible with the new columns at 0: the primal simplex method starts from it.
        lp.highs.set_option("simplex_strategy", 4)
        lp.add(choices, vubs)
    else:
        return None
    return SiftingOptimum(lp.point(outcome.x), y, outcome.objective, prices)


def _first_choices(shape: Shape, prices: Prices) -> Ints:
    """Choices with the smallest relative reduced-cost bounds at some prices."""
    floor = np.where(shape.must, prices.best, np.maximum(prices.best, 0.0))
    reduced_cost_gap = (floor[shape.group] - prices.worth) / np.maximum(np.abs(shape.profit), 1e-9)
    n = min(int(_FIRST_PER_GROUP * shape.n_groups) + 1, len(reduced_cost_gap))
    most = np.partition(reduced_cost_gap, n - 1)[n - 1]
    return np.flatnonzero(
        (reduced_cost_gap <= most) & np.isfinite(reduced_cost_gap) | shape.must[shape.group] & shape.allowed
    )


def _find_joining_columns(shape: Shape, lp: _RestrictedLp, prices: Prices) -> tuple[Ints, Ints]:
    """The best choice of each group that beats those inside, and profitable columns bounded by choices inside."""
    inside = lp.column_of >= 0
    have = np.maximum.reduceat(np.where(inside, prices.worth, -np.inf), shape.starts)
    have = np.where(shape.must, have, np.maximum(have, 0.0))
    eps = 1e-12 * max(float(np.abs(shape.profit).max(initial=0.0)), 1.0)
    beats = np.flatnonzero(prices.best > have + eps)
    is_best = ~inside & (prices.worth == prices.best[shape.group])
    is_best &= np.isin(shape.group, beats)
    choices = np.flatnonzero(is_best)
    choices = choices[np.unique(shape.group[choices], return_index=True)[1]]
    after = inside.copy()
    after[choices] = True
    led = mask_at(len(shape.vubs), shape.room[np.flatnonzero(after)].indices)
    vubs = np.flatnonzero(led & (prices.vub > eps) & (lp.follower_column < 0))
    return choices, vubs


def _highest_cost(shape: Shape, rows: Ints) -> Floats:
    """[row] the highest cost of one unit of activity, over all columns in it."""
    price = np.zeros(len(rows))
    for on, profit in ((shape.on_choices, shape.profit), (shape.on_free, shape.free_profit)):
        if not on.nnz or not len(rows):
            continue
        part = sparse.coo_array(sparse.csr_array(on)[:, rows])
        each = np.abs(profit[part.row]) / np.abs(part.data)
        np.maximum.at(price, part.col, each)
    return np.maximum(price, 1.0)


def as_outcome(shape: Shape, matrix: Matrix, found: SiftingOptimum) -> Outcome:
    """Return the LP optimum as an outcome, with the duals of all rows and the reduced costs of all columns."""
    sign, prices = matrix.sign, found.prices
    dual = np.zeros(len(matrix.row_lower))
    dual[shape.coupling] = found.y
    dual[shape.choice_rows] = np.where(shape.must, prices.best, np.maximum(prices.best, 0.0))
    dual[shape.vub_rows] = np.maximum(prices.vub, 0.0) / shape.vub_scale
    reduced = sign * matrix.costs[0] - matrix.rows.T @ dual
    value = float(matrix.costs[0] @ found.x)
    bound = sign * max(sign * value, prices.bound)
    return Outcome("optimal", value, bound, found.x, sign * dual, sign * reduced)
