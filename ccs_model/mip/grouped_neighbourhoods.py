"""Neighbourhoods of a model by groups: some groups are re-solved over some of their choices, all others stay fixed.

A solution is an `assignment` [group]: the choice made, or −1 for none; all other columns are solved with it. The
diving heuristic is here as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.errors import NoPlanError
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_structure import Shape
from ccs_model.mip.highs import Highs, SolverOptions
from ccs_model.mip.matrix import Matrix, mask_at
from ccs_model.mip.sifting import SiftingOptimum


@dataclass(frozen=True, eq=False)
class Found:
    """A point over all columns, or None, and the bound of the part, for a maximised objective."""

    x: Floats | None
    bound: float
    status: str


@dataclass(frozen=True, eq=False)
class PartModel:
    """A part as a model of its own: `matrix` maximises, its first columns are the open choices.

    `columns` are its columns in the full model, `fixed` is the objective value of the kept choices.
    """

    shape: Shape
    open: Ints
    kept: Ints
    matrix: Matrix
    columns: Ints
    fixed: float

    def point(self, x: Floats) -> Floats:
        """Return a point of the part as one over all columns, with open choices rounded."""
        full = np.zeros(self.shape.n_columns)
        full[self.shape.choices[self.kept]] = 1.0
        full[self.columns] = x
        opened = self.shape.choices[self.open]
        full[opened] = np.round(full[opened])
        return full


def part_of(shape: Shape, is_open: Mask, assignment: Ints) -> PartModel:
    """Return the model in which groups with an open choice are re-solved; their present choice is open as well.

    Row limits are what the kept choices of all other groups leave.
    """
    is_open = is_open & shape.allowed
    reopened = mask_at(shape.n_groups, shape.group[is_open])
    is_open[assignment[reopened & (assignment >= 0)]] = True
    opened, kept = np.flatnonzero(is_open), assignment[~reopened & (assignment >= 0)]
    held = shape.on_choices[kept].sum(axis=0) if len(kept) else np.zeros(len(shape.coupling))
    group = shape.group[opened]
    groups, at = np.unique(group, return_inverse=True)
    room_open, room_kept = shape.room[opened], np.asarray(shape.room[kept].sum(axis=0)).ravel()
    led = mask_at(len(shape.vubs), room_open.indices)
    # A variable upper bound by open choices is a row, one by a kept choice is a bound.
    rowed, bounded = np.flatnonzero(led), np.flatnonzero(~led & (room_kept > 0))
    several = np.bincount(at, minlength=len(groups)) > 1
    row_of = np.where(several, np.cumsum(several) - 1, -1)[at]
    n_open, n_rows = len(opened), len(rowed)
    held_open = np.flatnonzero(row_of >= 0)
    choice = sparse.csr_array(
        (np.ones(len(held_open)), (row_of[held_open], held_open)), shape=(int(several.sum()), n_open)
    )
    following = sparse.csr_array(-room_open[:, rowed].T)
    blocks = [
        [
            sparse.csr_array(shape.on_choices[opened].T),
            sparse.csr_array(shape.on_vubs[rowed].T),
            sparse.csr_array(shape.on_vubs[bounded].T),
            sparse.csr_array(shape.on_free.T),
        ],
        [choice, None, None, None],
        [following, sparse.eye_array(n_rows, format="csr"), None, None],
    ]
    rows = sparse.csc_array(sparse.block_array([line for line in blocks if line[0].shape[0]], format="csc"))
    rows.sort_indices()
    columns = np.r_[shape.choices[opened], shape.vubs[rowed], shape.vubs[bounded], shape.free]
    made = np.where(shape.must[group], 1.0, 0.0)
    matrix = Matrix(
        rows=rows,
        row_lower=np.r_[shape.row_lower - held, np.full(choice.shape[0] + n_rows, -np.inf)],
        row_upper=np.r_[shape.row_upper - held, np.ones(choice.shape[0]), room_kept[rowed]],
        lower=np.r_[np.where(np.bincount(at)[at] == 1, made, 0.0), np.zeros(n_rows + len(bounded)), shape.free_lower],
        upper=np.r_[np.ones(n_open), np.full(n_rows, np.inf), room_kept[bounded], shape.free_upper],
        is_integer=np.r_[np.ones(n_open, dtype=bool), np.zeros(len(columns) - n_open, dtype=bool)],
        costs=np.r_[shape.profit[opened], shape.vub_profit[rowed], shape.vub_profit[bounded], shape.free_profit][
            None, :
        ],
        maximise=(True,),
        row_constraints=(),
        columns=(),
    )
    return PartModel(shape, opened, kept, matrix, columns, float(shape.profit[kept].sum()))


def solve_part(
    model: PartModel,
    options: SolverOptions,
    *,
    deadline: float,
    gap: float,
    n_nodes: int,
    start: Floats | None,
    stage: str,
) -> Found:
    """Solve a part to the relative `gap` of the full objective or `n_nodes` nodes, from a point over all columns."""
    highs = Highs(model.matrix, options)
    fixed, columns = model.fixed, model.columns
    total = fixed + (float(model.matrix.costs[0] @ start[columns]) if start is not None else 0.0)
    # HiGHS sees the objective of the part only, so the gap is scaled to it.
    own = max(abs(total - fixed), 1e-9)
    highs.set_option("mip_rel_gap", min(gap * max(abs(total), own) / own, 1.0))
    highs.set_option("mip_max_nodes", n_nodes)
    if start is not None:
        highs.start_from(start[columns])
    outcome = highs.run(deadline - now(), stage)
    if outcome.status == "infeasible":
        return Found(None, -np.inf, "infeasible")
    bound = outcome.bound + fixed if np.isfinite(outcome.bound) else np.inf
    return Found(None if outcome.x is None else model.point(outcome.x), bound, outcome.status)


def assignment_of(shape: Shape, x: Floats) -> Ints:
    """Return [group] the choice that an integer point makes, or −1."""
    assignment = np.full(shape.n_groups, -1, dtype=np.int64)
    made = np.flatnonzero(x[shape.choices] > 0.5)
    assignment[shape.group[made]] = made
    return assignment


# Diving: fix the largest fractional groups first; small choices then fill what is left of every row.
#
# An LP vertex has at most one fractional group per binding row. Each step fixes the largest of them and re-solves from
# the basis, so that the fractional groups get smaller and cheaper to fix. HiGHS solves the remainder as a MILP.

# Share of the fractional groups fixed in a step, and the largest number of steps.
STEP_SHARE = 0.02
STEPS = 90
# Open choices per binding row: those of the smallest reduced-cost bound per unit of change in the row.
PER_ROW = 30
_FRACTIONAL = 1e-7


def search_by_diving(
    shape: Shape,
    linear: SiftingOptimum,
    reduced_cost_gap: Floats,
    best: Ints,
    options: SolverOptions,
    deadline: float,
    *,
    gap: float,
    n_nodes: int,
    stage: str,
) -> Floats | None:
    """Return an integer point by diving, or None without one in time.

    Parameters
    ----------
    shape, linear
        The model by groups, and its LP optimum.
    reduced_cost_gap
        [choice] reduced-cost bound at the prices of the LP.
    best
        [group] the choice with bound 0, or −1.
    options, deadline
        Options of the solver, and a value of `clock.now`.
    gap, n_nodes
        Relative gap and nodes at which the MILP after the dive ends.
    stage
        Name of the solves in the log.
    """
    model = part_of(shape, _open_choices(shape, linear, reduced_cost_gap, best), best)
    dive = _Dive(model, linear, options, deadline, stage)
    return dive.solve_remainder(gap, n_nodes) if dive.fix_groups() else None


def _choice_activity(shape: Shape) -> sparse.csr_array:
    """[choice, row] activity of a choice with its variable-upper-bound columns at their bounds."""
    return sparse.csr_array(shape.on_choices + shape.room @ shape.on_vubs)


def _open_choices(shape: Shape, linear: SiftingOptimum, reduced_cost_gap: Floats, best: Ints) -> Mask:
    """[choice] those with the smallest bound per unit of change in each binding row, and all fractional ones."""
    use = _choice_activity(shape)
    n = len(shape.choices)
    firsts = best[best >= 0]
    others = np.setdiff1d(np.flatnonzero(best[shape.group] >= 0), firsts)
    beside = sparse.csr_array((np.ones(len(others)), (others, best[shape.group[others]])), shape=(n, n))
    # Another choice changes a row by its difference from the best one, dropping the best by all of its activity.
    changes = sparse.csc_array(abs(use - beside @ use))
    reduced_cost_gap = reduced_cost_gap.copy()
    reduced_cost_gap[firsts] = np.maximum(linear.prices.best[shape.group[firsts]], 0.0)
    taken = linear.x[shape.choices]
    is_open: Mask = (taken > _FRACTIONAL) & (taken < 1 - _FRACTIONAL)
    for row in np.flatnonzero(linear.y):
        at = slice(changes.indptr[row], changes.indptr[row + 1])
        which, size = changes.indices[at], changes.data[at]
        for_size = np.where(
            shape.allowed[which] & (size > 0), reduced_cost_gap[which] / np.maximum(size, 1e-300), np.inf
        )
        first = np.argsort(for_size, kind="stable")[:PER_ROW]
        is_open[which[first[np.isfinite(for_size[first])]]] = True
    groups = np.unique(shape.group[is_open])
    is_open[best[groups][best[groups] >= 0]] = True
    return is_open & shape.allowed


class _Dive:
    """The model of a part in HiGHS, with bounds of the open choices fixed so far."""

    def __init__(
        self, model: PartModel, linear: SiftingOptimum, options: SolverOptions, deadline: float, stage: str
    ) -> None:
        self.model, self.deadline, self.stage = model, deadline, stage
        self.highs = Highs.lp_relaxation(model.matrix, options)
        self.highs.set_option("presolve", "off")
        self.every = np.arange(len(model.open))
        self.group = model.shape.group[model.open]
        self.size = abs(_choice_activity(model.shape)[model.open]) @ np.abs(linear.y)
        self.lower = model.matrix.lower[self.every].copy()
        self.upper = model.matrix.upper[self.every].copy()

    def fix_groups(self) -> bool:
        """Fix groups step by step until none is fractional or a step is infeasible; return whether there is a point."""
        x = self._solve_lp()
        if x is None:
            return False
        for _ in range(STEPS):
            fractional = (x > _FRACTIONAL) & (x < 1 - _FRACTIONAL)
            if not fractional.any():
                break
            before = self.lower.copy(), self.upper.copy()
            self._fix_largest_groups(x, fractional)
            after = self._solve_lp()
            if after is None:
                self.lower, self.upper = before
                break
            x = after
        return True

    def solve_remainder(self, gap: float, n_nodes: int) -> Floats | None:
        """Solve what is not fixed as a MILP."""
        if now() >= self.deadline:
            return None
        self.highs.set_bounds(self.every, self.lower, self.upper)
        self.highs.set_integrality(True)
        for name, value in (("presolve", "on"), ("mip_rel_gap", gap), ("mip_max_nodes", n_nodes)):
            self.highs.set_option(name, value)
        outcome = self.highs.run(self.deadline - now(), self.stage)
        return None if outcome.x is None else self.model.point(outcome.x)

    def _fix_largest_groups(self, x: Floats, fractional: Mask) -> None:
        """Fix the largest fractional groups: to the choice at one half or more, else to none of the fractional ones."""
        groups = np.unique(self.group[fractional])
        size = np.zeros(self.group.max() + 1)
        np.maximum.at(size, self.group[fractional], self.size[fractional])
        n_now = max(1, int(STEP_SHARE * len(groups)))
        members = np.isin(self.group, groups[np.argsort(-size[groups], kind="stable")[:n_now]])
        made = members & (x >= 0.5)
        beside = members & np.isin(self.group, self.group[made]) & ~made
        self.lower[made] = 1.0
        self.upper[beside | (members & fractional & ~made)] = 0.0

    def _solve_lp(self) -> Floats | None:
        """[open] the LP optimum with the bounds fixed so far."""
        if now() >= self.deadline:
            return None
        self.highs.set_bounds(self.every, self.lower, self.upper)
        try:
            outcome = self.highs.run(self.deadline - now(), self.stage)
        except NoPlanError:
            # The simplex method may fail from an old basis; the bounds before this step stand.
            return None
        return outcome.x[self.every] if outcome.status == "optimal" and outcome.x is not None else None
