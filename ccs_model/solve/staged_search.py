"""A first plan of several periods, bettered: corridors in small steps, then searches that each leave little free.

Plan and corridors are sought in turns. Over more corridors a plan finds other pipes, but only a few retrofits may move
in so large a program; with its pipes as they are it finds other retrofits, as many as fill them; and in regions, links
and retrofits together. What one of them finds gives the next one room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Matrix, Progress, SolverOptions
from ccs_model.mip.fixed_charge import FixedCharges, SlopeScaling, constructed_solution, plan_of_few
from ccs_model.mip.network_lns import LnsStage, improve_by_neighbourhoods, reoptimise_retrofits
from ccs_model.mip.presolve import restricted
from ccs_model.mip.search import now
from ccs_model.model.names import (
    BUDGET,
    CUMULATIVE_BUDGET,
    INJECTED,
    PROVINCE_BUDGET,
    SITE_CAPACITY,
    STEP_LIMIT,
    TARGET,
    YEARLY_RATE,
)
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import fixed_charges_of, places_of

_ROUNDS = 22
_STEP = 0.05
# By when, of the time there is.
_SCALING_TIME_SHARE = 0.3
_FIRST_TIME_SHARE = 0.45
# So many times the corridors that slope scaling settled on, and until when they are searched; those of the second
# only where they are so few that this takes no longer than a region does.
_WIDER = ((1.25, 0.5), (1.6, 0.55))
_FEW_FAMILIES = 60
# Retrofits and regions by turns, while a turn betters the plan by this part of the gap asked for. Of the time there is,
# by when the last turn has to begin, and by when to end.
_TURNS = (LnsStage(60, 2, elsewhere=True), LnsStage(40, 3, elsewhere=True), LnsStage(60, 4, elsewhere=True))
_GAINED_GAP_PART = 0.25
_TURNS_TIME_SHARE = (0.35, 0.6)


def staged_start(
    problem: Problem,
    matrix: Matrix,
    charges: FixedCharges,
    x: Floats,
    options: SolverOptions,
    share: Callable[[float], float],
    *,
    maximise: bool,
    on_progress: Callable[[Progress], None] | None,
) -> tuple[Floats | None, Ints]:
    """A plan from the relaxation's `x`, if there is one, and the families that slope scaling settled on.

    Each program is made as small as the corridors it is about; `share` gives the moment of a part of the time there is.
    """
    arc_groups = charges.arc_groups_used(x)
    there = _Within(problem, matrix, charges, arc_groups)
    scaling = SlopeScaling(there.small.matrix, there.charges, options)
    rounds = scaling.run(x[there.small.columns], _ROUNDS, share(_SCALING_TIME_SHARE), step=_STEP)
    if not rounds:
        return None, arc_groups
    points = [there.small.lifted(each) for each in rounds]
    used = [charges.arc_groups_used(each) for each in points]
    converged_groups = used[-1]
    there = _Within(problem, matrix, charges, converged_groups if len(converged_groups) else arc_groups)
    last, until = points[-1][there.small.columns], share(_FIRST_TIME_SHARE)
    found = constructed_solution(there.small.matrix, there.charges, last, options, maximise=maximise, deadline=until)
    if found is None:
        return None, converged_groups
    start = there.small.lifted(found)
    # From the corridors that were settled on to those given up before, from the plan in hand.
    for wider, part in _WIDER:
        # Where nothing was settled on, one corridor is the measure: no multiple of none is wider.
        k = next(k for k, each in enumerate(used) if len(each) <= wider * max(len(converged_groups), 1))
        among = np.union1d(used[k], charges.arc_groups_used(start))
        if wider > _WIDER[0][0] and len(among) > _FEW_FAMILIES:
            continue
        there = _Within(problem, matrix, charges, among)
        columns = there.small.columns
        better = plan_of_few(
            there.small.matrix,
            there.charges,
            points[k][columns],
            start[columns],
            options,
            maximise=maximise,
            deadline=share(part),
            on_progress=on_progress,
        )
        start = there.small.lifted(better)
    places = places_of(problem, matrix)
    begun, until = (share(part) for part in _TURNS_TIME_SHARE)
    for each in _TURNS:
        if now() >= begun:
            break
        before = float(matrix.costs[0] @ start)
        start = reoptimise_retrofits(matrix, charges, start, options, maximise=maximise, deadline=until)
        start = improve_by_neighbourhoods(
            matrix,
            charges,
            places,
            start,
            options,
            each=each,
            maximise=maximise,
            deadline=until,
            on_progress=on_progress,
        )
        if abs(float(matrix.costs[0] @ start) - before) < _GAINED_GAP_PART * options.gap_share * abs(before):
            break
    return start, converged_groups


class _Within:
    """The program with only some families left, and its fixed charges."""

    def __init__(self, problem: Problem, matrix: Matrix, charges: FixedCharges, arc_groups: Ints) -> None:
        self.small = restricted(matrix, charges.outside(arc_groups))
        self.charges = fixed_charges_of(problem, self.small.matrix)


# A staged program with all its decisions in one period: a fifth of the size, and nearly the same corridors.
#
# What is asked of it are links only. All is built at one start and flows as in that period; what is spent is held by
# the whole budget and not by what may be spent until then, and what may start by all periods together.


def in_one_period(problem: Problem, matrix: Matrix) -> Matrix:
    """The program with the columns and rows of one period only, of which the last target or the money decides."""
    year = _period(problem)
    column_year = np.array([_year_of(column.index, problem) for column in matrix.columns])
    row_year = np.array(
        [
            0 if constraint in (BUDGET, PROVINCE_BUDGET) else _year_of(index, problem)
            for constraint, index in matrix.row_constraints
        ]
    )
    row_year[matrix.rows_of(CUMULATIVE_BUDGET)] = -1
    earlier = {target.key for target in problem.targets if target.year not in (None, year)}
    row_year[[int(i) for i in matrix.rows_of(TARGET) if matrix.row_constraints[i][1] in earlier]] = -1
    columns = np.flatnonzero((column_year == year) | (column_year == 0))
    rows = np.flatnonzero((row_year == year) | (row_year == 0))
    upper = matrix.row_upper.copy()
    rate = matrix.rows_of(YEARLY_RATE)
    upper[rate] = upper[rate].sum()
    kept = sparse.csc_array(sparse.csr_array(matrix.rows)[rows][:, columns])
    # What is injected in this period goes on to the horizon's end.
    n_years = problem.periods["n_years"].to_numpy(float)
    at = problem.years.index(year)
    longer = n_years[at:].sum() / n_years[at]
    is_injected = np.array([matrix.columns[j].variable == INJECTED for j in columns])
    stored = {SITE_CAPACITY, STEP_LIMIT}
    is_stored = np.array([matrix.row_constraints[i][0] in stored for i in rows])
    entries = sparse.coo_array(kept)
    scale = np.where(is_stored[entries.row] & is_injected[entries.col], longer, 1.0)
    small = sparse.csc_array((entries.data * scale, (entries.row, entries.col)), shape=kept.shape)
    small.sort_indices()
    return replace(
        matrix,
        rows=small,
        row_lower=matrix.row_lower[rows],
        row_upper=upper[rows],
        lower=matrix.lower[columns],
        upper=matrix.upper[columns],
        is_integer=matrix.is_integer[columns],
        costs=matrix.costs[:, columns],
        row_constraints=tuple(matrix.row_constraints[i] for i in rows),
        columns=tuple(matrix.columns[j] for j in columns),
    )


def _period(problem: Problem) -> int:
    """The last target's period; without targets the first by which all of the budget may be spent."""
    requested = [target.year for target in problem.targets if target.year is not None]
    if requested:
        return max(requested)

    def money(year: int) -> float:
        return min(problem.budget_mn, *(mn for until, mn in problem.cumulative_mn.items() if until >= year), np.inf)

    return next(year for year in problem.years if money(year) >= money(problem.years[-1]))


def _year_of(index: Any, problem: Problem) -> int:
    """The year in an index, which is its last part; 0 where there is none."""
    last = index[-1] if isinstance(index, tuple) else index
    return int(last) if isinstance(last, int | np.integer) and int(last) in problem.years else 0
