"""A first plan of several periods, bettered: corridors in small steps, then searches that each leave little free.

Plan and corridors are sought in turns. Over more corridors a plan finds other pipes, but only a few retrofits may move
in so large a program; with its pipes as they are it finds other retrofits, as many as fill them; and in regions, links
and retrofits together. What one of them finds gives the next one room.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ccs_model.plan.charges import charges_of
from ccs_model.plan.places import places_of
from ccs_model.problem import Problem
from ccs_model.solver import Matrix, Progress, SolverOptions
from ccs_model.solver.clock import now
from ccs_model.solver.fixed_charge import FixedCharges, SlopeScaling, laid_out, plan_of_few
from ccs_model.solver.narrowing import narrowed
from ccs_model.solver.neighbourhoods import Round, bettered, refitted

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
