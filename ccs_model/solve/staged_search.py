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
import numpy.typing as npt
from scipy import sparse

from ccs_model.mip import Matrix, Progress, SolverOptions
from ccs_model.mip.fixed_charge import FixedCharges, SlopeScaling, laid_out, plan_of_few
from ccs_model.mip.network_lns import Round, bettered, refitted
from ccs_model.mip.presolve import narrowed
from ccs_model.mip.search import now
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import charges_of, places_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

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
_TURNS = (Round(60, 2, elsewhere=True), Round(40, 3, elsewhere=True), Round(60, 4, elsewhere=True))
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
    tell: Callable[[Progress], None] | None,
) -> tuple[Floats | None, Ints]:
    """A plan from the relaxation's `x`, if there is one, and the families that slope scaling settled on.

    Each program is made as small as the corridors it is about; `share` gives the moment of a part of the time there is.
    """
    families = charges.families_used(x)
    there = _Within(problem, matrix, charges, families)
    scaling = SlopeScaling(there.small.matrix, there.charges, options)
    rounds = scaling.run(x[there.small.columns], _ROUNDS, share(_SCALING_TIME_SHARE), step=_STEP)
    if not rounds:
        return None, families
    points = [there.small.widened(each) for each in rounds]
    used = [charges.families_used(each) for each in points]
    settled = used[-1]
    there = _Within(problem, matrix, charges, settled if len(settled) else families)
    last, until = points[-1][there.small.columns], share(_FIRST_TIME_SHARE)
    found = laid_out(there.small.matrix, there.charges, last, options, maximise=maximise, deadline=until)
    if found is None:
        return None, settled
    start = there.small.widened(found)
    # From the corridors that were settled on to those given up before, from the plan in hand.
    for wider, part in _WIDER:
        # Where nothing was settled on, one corridor is the measure: no multiple of none is wider.
        k = next(k for k, each in enumerate(used) if len(each) <= wider * max(len(settled), 1))
        among = np.union1d(used[k], charges.families_used(start))
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
            tell=tell,
        )
        start = there.small.widened(better)
    places = places_of(problem, matrix)
    begun, until = (share(part) for part in _TURNS_TIME_SHARE)
    for each in _TURNS:
        if now() >= begun:
            break
        before = float(matrix.costs[0] @ start)
        start = refitted(matrix, charges, start, options, maximise=maximise, deadline=until)
        start = bettered(
            matrix, charges, places, start, options, each=each, maximise=maximise, deadline=until, tell=tell
        )
        if abs(float(matrix.costs[0] @ start) - before) < _GAINED_GAP_PART * options.gap_share * abs(before):
            break
    return start, settled


class _Within:
    """The program with only some families left, and its fixed charges."""

    def __init__(self, problem: Problem, matrix: Matrix, charges: FixedCharges, families: Ints) -> None:
        self.small = narrowed(matrix, charges.outside(families))
        self.charges = charges_of(problem, self.small.matrix)


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
            0 if claim in ("spending_within_budget", "spending_within_province_budget") else _year_of(index, problem)
            for claim, index in matrix.row_claims
        ]
    )
    row_year[matrix.rows_of("spending_within_ceiling")] = -1
    earlier = {target.key for target in problem.targets if target.year not in (None, year)}
    row_year[[int(i) for i in matrix.rows_of("cut_reached") if matrix.row_claims[i][1] in earlier]] = -1
    columns = np.flatnonzero((column_year == year) | (column_year == 0))
    rows = np.flatnonzero((row_year == year) | (row_year == 0))
    upper = matrix.row_upper.copy()
    rate = matrix.rows_of("building_within_yearly_rate")
    upper[rate] = upper[rate].sum()
    kept = sparse.csc_array(sparse.csr_array(matrix.rows)[rows][:, columns])
    # What is injected in this period goes on to the horizon's end.
    n_years = problem.periods["n_years"].to_numpy(float)
    at = problem.years.index(year)
    longer = n_years[at:].sum() / n_years[at]
    is_injected = np.array([matrix.columns[j].variable == "injected_ktpa" for j in columns])
    stored = {"stored_within_capacity", "injected_within_step"}
    is_stored = np.array([matrix.row_claims[i][0] in stored for i in rows])
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
        is_whole=matrix.is_whole[columns],
        costs=matrix.costs[:, columns],
        row_claims=tuple(matrix.row_claims[i] for i in rows),
        columns=tuple(matrix.columns[j] for j in columns),
    )


def _period(problem: Problem) -> int:
    """The last target's period; without targets the first by which all of the budget may be spent."""
    asked = [target.year for target in problem.targets if target.year is not None]
    if asked:
        return max(asked)

    def money(year: int) -> float:
        return min(problem.budget_mn, *(mn for until, mn in problem.ceiling_mn.items() if until >= year), np.inf)

    return next(year for year in problem.years if money(year) >= money(problem.years[-1]))


def _year_of(index: Any, problem: Problem) -> int:
    """The year in an index, which is its last part; 0 where there is none."""
    last = index[-1] if isinstance(index, tuple) else index
    return int(last) if isinstance(last, int | np.integer) and int(last) in problem.years else 0
