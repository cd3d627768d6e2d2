"""Whole programs whose cost hangs on things laid once: pipes, sites. A good start first, then a program around it.

A relaxation pays for a pipe only in proportion to what flows through it, so it knows nothing of a pipe's least cost.
*Slope scaling* tells it: a column used at a part x of 1 is charged as if it were used whole, its coefficients in the
rows of money divided by x, and the program is solved again, until it settles on few of them. These are then laid, what
is left (retrofits, wells) is solved as a whole program, and that plan starts the search among the corridors found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip.branch_and_bound import outcome_with_integers_fixed, resolved_with_integers_fixed
from ccs_model.mip.clock import now
from ccs_model.mip.highs import LARGE_ROWS, Highs, Outcome, Progress, SolverOptions
from ccs_model.mip.matrix import Matrix, residuals
from ccs_model.mip.scaling import Scaling, in_units_of_flow
from ccs_model.mip.search import candidate_list

_USED = 1e-6
_STEEPEST = 1e5
_START_GAP = 0.02
# Yes-or-no decisions, beyond those the relaxation uses, that may move while a first and a better plan are looked for.
N_FIRST = 200
N_BETTER = 50
# Of each choice so many best ones may move as well.
_OF_EACH = 2
# A search that bettered nothing in so many nodes seldom does; the next one looks elsewhere.
_BETTER_NODES = 100
# Trials of HiGHS that an effort of 0 leaves running.
_TRIALS = ("feasibility_jump", "rens", "rins", "root_reduced_cost")


@dataclass(frozen=True, eq=False)
class FixedCharges:
    """Columns that are laid whole or not at all, with what a good start must know of them.

    family      columns of one corridor (all sizes and vintages of a link): in or out together
    exclusive   at most one column of a group may be 1; of several that are used, the one of the highest rank is
    rank        as above
    money_rows  rows in which the columns' coefficients are money
    choice      [every column of the program] decisions of one number exclude each other; −1 for what is no such choice
    """

    columns: Ints
    arc_group: Ints
    exclusive: Ints
    rank: Floats
    money_rows: Ints
    choice: Ints

    @property
    def is_of_one_period(self) -> bool:
        """Whether a corridor is laid at one time only."""
        return len(np.unique(self.exclusive)) == len(np.unique(self.arc_group))

    def scaling(self, matrix: Matrix) -> Scaling | None:
        """Flows in a large unit; the usual factors where decisions are staged, whose plans it does not better."""
        return in_units_of_flow(matrix) if self.is_of_one_period else None

    def arc_groups_used(self, x: Floats) -> Ints:
        """Corridors that a point makes use of."""
        return np.unique(self.arc_group[x[self.columns] > _USED])

    def outside(self, arc_groups: Ints) -> Ints:
        """Columns of all other corridors."""
        return self.columns[~np.isin(self.arc_group, arc_groups)]

    def within(self, matrix: Matrix, small: Matrix, columns: Ints) -> FixedCharges:
        """The charges of `matrix` as those of a smaller one, which has its `columns` and some of its rows."""
        place = np.full(len(matrix.lower), -1)
        place[columns] = np.arange(len(columns))
        left = np.flatnonzero(place[self.columns] >= 0)
        constraints = {matrix.row_constraints[int(i)][0] for i in self.money_rows}
        return replace(
            self,
            columns=place[self.columns[left]],
            arc_group=self.arc_group[left],
            exclusive=self.exclusive[left],
            rank=self.rank[left],
            money_rows=np.array(
                [i for i, (constraint, _) in enumerate(small.row_constraints) if constraint in constraints],
                dtype=np.int64,
            ),
            choice=self.choice[columns],
        )

    def unlike(self, points: Sequence[Floats]) -> Ints:
        """Columns of groups that none of the points uses: another corridor, or another time."""
        used = np.zeros(len(self.columns), dtype=bool)
        for x in points:
            used |= x[self.columns] > _USED
        return self.columns[~np.isin(self.exclusive, self.exclusive[used])]


class SlopeScaling:
    """A linear program that learns, run by run, what its fixed charges cost when they are used."""

    def __init__(self, matrix: Matrix, charges: FixedCharges, options: SolverOptions) -> None:
        self._charges = charges
        self._highs = Highs(matrix, options)
        self._highs.set_integrality(False)
        if len(matrix.row_lower) > LARGE_ROWS:
            self._highs.without_vertices()
        self._scale = np.ones(len(charges.columns))
        rows = matrix.rows.tocsr()[charges.money_rows][:, charges.columns].tocoo()
        found = zip(rows.row, rows.col, rows.data, strict=True)
        self._entries = [(int(charges.money_rows[i]), int(j), float(v)) for i, j, v in found]
        self._costs = matrix.costs[0].copy()

    def run(self, x: Floats, n_rounds: int, deadline: float, *, step: float = 1.0) -> list[Floats]:
        """Points of the rounds, from the relaxation's `x` on; each round uses only corridors of the one before.

        A column used at a part x is charged 1 ÷ x to a power that grows by `step` a round up to 1: below it flows
        have time to gather on few corridors before the thin ones are given up.
        """
        charges, highs = self._charges, self._highs
        points: list[Floats] = []
        for k in range(n_rounds):
            power = min(step * (k + 1), 1.0)
            used = x[charges.columns] > _USED
            self._scale[used] = np.minimum(x[charges.columns[used]] ** -power, _STEEPEST)
            for row, j, value in self._entries:
                highs.set_coefficient(row, int(charges.columns[j]), value * self._scale[j])
            costs = self._costs.copy()
            costs[charges.columns] *= self._scale
            highs.set_costs(costs)
            idle = charges.outside(charges.arc_groups_used(x))
            highs.set_bounds(idle, np.zeros(len(idle)), np.zeros(len(idle)))
            highs.forget()
            outcome = highs.attempt(deadline - now(), "looking for corridors")
            if outcome.x is None or outcome.status != "optimal":
                break
            before, x = x, outcome.x
            points.append(x)
            converged = power == 1.0 and np.array_equal(charges.arc_groups_used(before), charges.arc_groups_used(x))
            if converged and np.abs(x[charges.columns] - before[charges.columns]).max(initial=0.0) < 1e-3:
                break
        return points


def constructed_solution(
    matrix: Matrix, charges: FixedCharges, x: Floats, options: SolverOptions, *, maximise: bool, deadline: float
) -> Floats | None:
    """A whole plan in which exactly the columns that `x` uses are laid, or None where there is none in time."""
    columns = charges.columns
    chosen = np.zeros(len(columns))
    best: dict[int, int] = {}
    for k in np.flatnonzero(x[columns] > _USED):
        group = int(charges.exclusive[k])
        if group not in best or charges.rank[k] > charges.rank[best[group]]:
            best[group] = int(k)
    chosen[list(best.values())] = 1.0
    # All of it where the money suffices and flows are large enough; else whatever its groups hold, or nothing.
    used_groups = np.isin(charges.exclusive, charges.exclusive[chosen > 0]).astype(float)
    for least, most in ((chosen, chosen), (np.zeros(len(columns)), used_groups)):
        highs = Highs(matrix, options, scaling=charges.scaling(matrix))
        highs.set_bounds(columns, least, most)
        found = _of_few(highs, charges, None, N_FIRST, maximise=maximise, deadline=deadline, stage="a first plan")
        if found is not None:
            return found
    return None


def plan_of_few(
    matrix: Matrix,
    charges: FixedCharges,
    near: Floats,
    start: Floats,
    options: SolverOptions,
    *,
    maximise: bool,
    deadline: float,
    on_progress: Callable[[Progress], None] | None,
) -> Floats:
    """A better plan than `start`: what it or the point `near` lays may move, and the most promising few of the rest."""
    highs = Highs(matrix, options, on_progress, charges.scaling(matrix))
    off = charges.unlike([near, start])
    highs.set_bounds(off, np.zeros(len(off)), np.zeros(len(off)))
    found = _of_few(highs, charges, start, N_BETTER, maximise=maximise, deadline=deadline, stage="a better plan")
    return start if found is None else found


def _of_few(
    highs: Highs,
    charges: FixedCharges,
    start: Floats | None,
    n_few: int,
    *,
    maximise: bool,
    deadline: float,
    stage: str,
) -> Floats | None:
    """Solve with only the `n_few` yes-or-no decisions of the smallest loss in the relaxation, and those of `start`."""
    matrix = highs.matrix
    highs.set_integrality(False)
    relaxation = highs.attempt(deadline - now(), f"{stage}: relaxation")
    if relaxation.x is None or relaxation.reduced_cost is None or relaxation.status != "optimal":
        return None
    others = matrix.is_integer & (matrix.upper == 1.0) & (highs.lower == 0.0)
    others[charges.columns] = False
    free = np.flatnonzero(others)
    sign = 1.0 if maximise else -1.0
    reduced_cost_gap = np.where(relaxation.x[free] > 1e-9, 0.0, np.maximum(-sign * relaxation.reduced_cost[free], 0.0))
    # All that the relaxation uses, or there may be too little of anything; and the next best.
    kept = relaxation.x[free] > 1e-9
    kept |= candidate_list(reduced_cost_gap, charges.choice[free], of_each=_OF_EACH, of_all=int(kept.sum()) + n_few)
    if start is not None:
        kept |= start[free] > 0.5
    idle = free[~kept]
    highs.set_bounds(idle, np.zeros(len(idle)), np.zeros(len(idle)))
    if start is not None:
        # Likewise of what is laid: where the relaxation and the plan in hand both lay nothing, nothing is.
        off = charges.unlike([relaxation.x, start])
        highs.set_bounds(off, np.zeros(len(off)), np.zeros(len(off)))
    highs.set_integrality(True)
    # Ended by a gap and not by a clock, so that the same inputs give the same plan.
    highs.set_option("mip_rel_gap", _START_GAP)
    highs.set_option("mip_allow_restart", False)
    if start is not None:
        highs.start_from(start)
        highs.set_option("mip_max_nodes", _BETTER_NODES)
    outcome = highs.attempt(deadline - now(), stage)
    if outcome.x is None:
        return None
    found = resolved_with_integers_fixed(matrix, outcome.x, highs.options)
    return found if residuals(matrix, found).hold else None


def search_corridors(
    matrix: Matrix,
    charges: FixedCharges,
    arc_groups: Ints,
    options: SolverOptions,
    *,
    start: Floats | None,
    deadline: float,
    stage: str,
    on_progress: Callable[[Progress], None] | None = None,
    with_trials: bool = True,
) -> Outcome:
    """The whole program with all corridors but `families` left out, from a plan in hand.

    Without trials even those of the solver are off that it makes whatever effort it is told to spend on them.
    """
    scaling = charges.scaling(matrix)
    search = partial(_searched, matrix, charges, arc_groups, options, start, deadline, stage, on_progress, with_trials)
    outcome = search(scaling)
    if scaling is not None and outcome.x is not None and not residuals(matrix, outcome.x).hold:
        # A row that is only just kept in a large unit may be broken in the program's own.
        outcome = search(None)
    return outcome


def _searched(
    matrix: Matrix,
    charges: FixedCharges,
    arc_groups: Ints,
    options: SolverOptions,
    start: Floats | None,
    deadline: float,
    stage: str,
    on_progress: Callable[[Progress], None] | None,
    with_trials: bool,
    scaling: Scaling | None,
) -> Outcome:
    highs = Highs(matrix, options, on_progress, scaling)
    is_staged = not charges.is_of_one_period
    if is_staged or start is None:
        # A restart throws away the cuts that took longest to find.
        highs.set_option("mip_allow_restart", False)
    if start is not None:
        # The searches before have found what the solver's own trials would find, for less.
        highs.set_option("mip_heuristic_effort", 0.0)
    if is_staged and start is not None:
        # What the bound still lacks after the root is had sooner by branching than by more cuts.
        highs.set_option("mip_allow_cut_separation_at_nodes", False)
        with_trials = False
    for trial in () if with_trials else _TRIALS:
        highs.set_option(f"mip_heuristic_run_{trial}", False)
    off = charges.outside(arc_groups)
    highs.set_bounds(off, np.zeros(len(off)), np.zeros(len(off)))
    if start is not None:
        highs.start_from(start)
    outcome = (highs.run if start is None else highs.attempt)(deadline - now(), stage)
    if outcome.x is None and start is not None and outcome.status == "limit":
        return Outcome("limit", float(matrix.costs[0] @ start), outcome.bound, start, None, None)
    return outcome_with_integers_fixed(matrix, outcome, options)
