"""MILPs by kernel search: a restricted MILP first, then only the columns that could still improve the incumbent.

The reduced costs of the relaxation bound how much worse a solution is that uses a column at zero. The columns with the
smallest reduced-cost bounds form the first restricted MILP. Any solution outside it is no better than

    relaxation − the smallest reduced-cost bound of a column left out,

which with the bound of the restricted MILP bounds the full model. Where that does not close the gap, every column that
could still improve the incumbent by more than the gap joins, and the model is re-solved from the incumbent.

References
----------
Angelelli, E., Mansini, R., Speranza, M. G. (2010). Kernel search: a general heuristic for the multi-dimensional
knapsack problem. Computers & Operations Research 37, 2017–2026.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.clock import counts_effort, now
from ccs_model.mip.highs import Highs, Outcome, SolverOptions, gap_share
from ccs_model.mip.matrix import Column, Matrix, mask_at, residuals, round_to_integrality

RESTRICTED_COLUMNS = 500
GROWTH = 3
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class MipOutcome:
    """Outcome of a MILP with a bound over all columns, that of its relaxation, and whether it was solved by groups."""

    outcome: Outcome
    relaxation: Outcome
    by_groups: bool = False


def solve_mip(
    highs: Highs, *, deadline: float, stage: str, start: Floats | None = None, may_move: Mask | None = None
) -> MipOutcome:
    """Solve the model in `highs` as a MILP, its relaxation first.

    Parameters
    ----------
    highs
        The model, with its objective set; the search ends at the gap of its options.
    deadline
        A value of `clock.now`; a limit in effort does not hold for the relaxation.
    stage
        Name of the solve in the log.
    start
        A feasible point.
    may_move
        [column] integer columns outside stay at 0, and the bound holds for solutions without them.

    Returns
    -------
    MipOutcome
        Incumbent and bound over all columns that may move, and the relaxation.
    """
    matrix, gap, sign = highs.matrix, highs.options.gap_share, 1.0 if highs.maximise else -1.0
    integers = np.flatnonzero(matrix.is_integer)
    allowed = np.ones(len(integers), dtype=bool) if may_move is None else may_move[integers]
    bounds = highs.lower[integers], highs.upper[integers]
    _fix_outside(highs, integers, allowed, bounds)
    highs.set_integrality(False)
    relaxation = highs.run(np.inf if counts_effort() else deadline - now(), f"{stage}: relaxation")
    if relaxation.status != "optimal" or relaxation.x is None or not len(integers):
        highs.set_integrality(True)
        _fix_outside(highs, integers, np.ones(len(integers), dtype=bool), bounds)
        kept = _start_outcome(highs, start, sign * np.inf) if relaxation.status == "limit" else None
        return MipOutcome(kept or relaxation, relaxation)
    reduced_cost_gap = relaxation.reduced_cost_gaps(sign)[integers]
    # Only columns with a lower bound of 0 can be left out; ties go by position.
    removable = (bounds[0] == 0) & (reduced_cost_gap > 1e-9)
    order = np.argsort(np.where(removable, reduced_cost_gap, -1.0), kind="stable")
    inside = mask_at(len(integers), order[allowed[order]][:RESTRICTED_COLUMNS])
    inside |= allowed & ~removable
    if start is None:
        start = _round_integers_down(matrix, relaxation.x)
    if start is not None:
        inside |= start[integers] > 0.5
    highs.set_integrality(True)
    best = _start_outcome(highs, start, relaxation.objective)
    point = start
    while True:
        _fix_outside(highs, integers, inside, bounds)
        if point is not None:
            highs.start_from(point)
        outcome = highs.run(deadline - now(), stage)
        if outcome.x is None:
            if inside[allowed].all() or outcome.status == "limit":
                best = best and replace(best, status="limit")
                break
            # The restricted MILP is infeasible: take all columns.
            inside[:] = allowed
            continue
        outside = reduced_cost_gap[allowed & ~inside].min(initial=np.inf)
        reachable = sign * relaxation.objective - outside
        # At most the relaxation, at least the incumbent.
        bound = max(min(max(sign * outcome.bound, reachable), sign * relaxation.objective), sign * outcome.objective)
        best = replace(outcome, bound=float(sign * bound))
        # Columns that could still improve the incumbent by more than the gap join.
        enough = sign * outcome.objective + gap * abs(outcome.objective)
        joining = allowed & ~inside & (sign * relaxation.objective - reduced_cost_gap > enough)
        closed = gap_share(best.bound, best.objective) <= gap + _ROUNDING
        if closed or outcome.status == "limit" or not joining.any():
            best = replace(best, status="optimal" if closed else "limit")
            break
        # Not all at once: a better incumbent shortens the next list.
        cheapest = order[joining[order]][: GROWTH * int(inside.sum())]
        inside[cheapest] = True
        point = outcome.x
    _fix_outside(highs, integers, np.ones(len(integers), dtype=bool), bounds)
    return MipOutcome(best if best is not None else replace(outcome, bound=relaxation.objective), relaxation)


def _round_integers_down(matrix: Matrix, x: Floats) -> Floats | None:
    """The relaxation's point with integer columns rounded down and all others at 0, if that is feasible."""
    down = np.where(matrix.is_integer, np.floor(x + 1e-9), 0.0)
    point = np.clip(down, matrix.lower, matrix.upper)
    return point if residuals(matrix, point).hold else None


def _start_outcome(highs: Highs, start: Floats | None, bound: float) -> Outcome | None:
    """The start as an outcome, in case time runs out before a better solution is found."""
    if start is None:
        return None
    return Outcome("limit", float(highs.costs @ start), bound, start, None, None)


def _fix_outside(highs: Highs, integers: Ints, inside: Mask, bounds: tuple[Floats, Floats]) -> None:
    """Fix integer columns outside the restricted MILP at 0; those inside keep their bounds."""
    lower, upper = bounds
    highs.set_bounds(integers, np.where(inside, lower, 0.0), np.where(inside, upper, 0.0))


# A MILP that can be solved by hand, for the self-test of the installation.


def is_solver_working() -> bool:
    """Return whether HiGHS solves max 3a + 2b, 2a + 3b ≤ 4, a and b binary, to its optimum 3."""
    matrix = Matrix(
        rows=sparse.csc_array(np.array([[2.0, 3.0]])),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([4.0]),
        lower=np.zeros(2),
        upper=np.ones(2),
        is_integer=np.ones(2, dtype=bool),
        costs=np.array([[3.0, 2.0]]),
        maximise=(True,),
        row_constraints=(("capacity", None),),
        columns=(Column("a", None), Column("b", None)),
    )
    found = solve_mip(Highs(matrix, SolverOptions(0.0)), deadline=now() + 10, stage="trial").outcome
    return found.status == "optimal" and abs(found.objective - 3.0) < 1e-9


_LIMIT_S = 60.0


def resolve_with_integers_fixed(matrix: Matrix, x: Floats, options: SolverOptions) -> Floats:
    """Return `x` if it satisfies every row, else the best point with the same integer columns, else `x`.

    A model whose flows are counted in a large unit is solved to the tolerance of that unit; re-solving with integers
    fixed restores the tolerance of the model's own units.
    """
    point = round_to_integrality(matrix, x)
    if residuals(matrix, point).hold:
        return point
    better = solve_with_integers_fixed(matrix, point, options)
    return point if better is None else better


def solve_with_integers_fixed(matrix: Matrix, x: Floats, options: SolverOptions) -> Floats | None:
    """Return the best point with the integer columns of `x`; None if none is found."""
    outcome = Highs.with_integers_fixed(matrix, options, x).attempt(_LIMIT_S, "re-solve with integers fixed")
    return None if outcome.status != "optimal" or outcome.x is None else round_to_integrality(matrix, outcome.x)


def verified_point(matrix: Matrix, x: Floats, options: SolverOptions) -> Floats | None:
    """Return `x`, re-solved with integers fixed where a row is violated; None if a row still is."""
    point = resolve_with_integers_fixed(matrix, x, options)
    return point if residuals(matrix, point).hold else None


def outcome_with_integers_fixed(matrix: Matrix, outcome: Outcome, options: SolverOptions) -> Outcome:
    """Return an outcome with its point re-solved with integers fixed where a row is violated."""
    if outcome.x is None:
        return outcome
    x = resolve_with_integers_fixed(matrix, outcome.x, options)
    return replace(outcome, x=x, objective=float(matrix.costs[0] @ x))
