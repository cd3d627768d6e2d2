"""Whole programs by way of their relaxation: a small core first, then only what could still be better.

The relaxation's reduced costs say how much worse a plan must be that uses a column at zero. A core of the columns with
the smallest loss is solved first. Any plan outside the core is no better than

    relaxation − the smallest loss of a column left out,

so that, with the core's own bound, is a bound of the whole program. Where it does not close the gap, every column that
could still beat the best plan by more than the gap joins and the program is solved again, from that plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.clock import now
from ccs_model.mip.highs import Highs, Outcome, SolverOptions, gap_share
from ccs_model.mip.matrix import Column, Matrix, residuals, rounded_to_integrality

RESTRICTED_COLUMNS = 500
GROWTH = 3
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class MipOutcome:
    """The whole program's outcome with a bound over all columns, and its relaxation's; whether by groups."""

    outcome: Outcome
    relaxation: Outcome
    by_groups: bool = False


def solve_mip(
    highs: Highs,
    *,
    maximise: bool,
    gap: float,
    deadline: float,
    stage: str,
    start: Floats | None = None,
    may_move: Mask | None = None,
) -> MipOutcome:
    """Solve the program in `highs` with its whole columns whole, to the relative `gap` or until `deadline`.

    `deadline` is a now() value; `start` a plan known to hold. The relaxation is solved first
    and returned too. Whole columns outside the mask `may_move` stay at 0, and the bound is one over plans without them.
    """
    matrix = highs.matrix
    whole = np.flatnonzero(matrix.is_integer)
    allowed = np.ones(len(whole), dtype=bool) if may_move is None else may_move[whole]
    bounds = highs.lower[whole], highs.upper[whole]
    _leave_out(highs, whole, allowed, bounds)
    highs.set_integrality(False)
    relaxation = highs.run(deadline - now(), f"{stage}: relaxation")
    if relaxation.status != "optimal" or relaxation.x is None or not len(whole):
        highs.set_integrality(True)
        _leave_out(highs, whole, np.ones(len(whole), dtype=bool), bounds)
        kept = _in_hand(highs, start, np.inf if maximise else -np.inf) if relaxation.status == "limit" else None
        return MipOutcome(kept or relaxation, relaxation)
    sign = 1.0 if maximise else -1.0
    assert relaxation.reduced_cost is not None
    reduced_cost_gap = np.where(
        relaxation.x[whole] > 1e-9, 0.0, np.maximum(-sign * relaxation.reduced_cost[whole], 0.0)
    )
    # Only columns at a lower bound of 0 can be left out; ties go by position, which is the order of ids.
    removable = (bounds[0] == 0) & (reduced_cost_gap > 1e-9)
    order = np.argsort(np.where(removable, reduced_cost_gap, -1.0), kind="stable")
    inside = np.zeros(len(whole), dtype=bool)
    inside[order[allowed[order]][:RESTRICTED_COLUMNS]] = True
    inside |= allowed & ~removable
    if start is None:
        start = _rounded_down(matrix, relaxation.x)
    if start is not None:
        inside |= start[whole] > 0.5
    highs.set_integrality(True)
    highs.set_option("mip_rel_gap", gap)
    best = _in_hand(highs, start, relaxation.objective)
    point = start
    while True:
        _leave_out(highs, whole, inside, bounds)
        if point is not None:
            highs.start_from(point)
        outcome = highs.run(deadline - now(), stage)
        if outcome.x is None:
            if inside[allowed].all() or outcome.status == "limit":
                best = best and replace(best, status="limit")
                break
            # The core holds no plan; all columns may.
            inside[:] = allowed
            continue
        outside = reduced_cost_gap[allowed & ~inside].min(initial=np.inf)
        reachable = sign * relaxation.objective - outside
        # No better than the relaxation, and no worse than the plan in hand, which is itself attained.
        bound = max(min(max(sign * outcome.bound, reachable), sign * relaxation.objective), sign * outcome.objective)
        best = replace(outcome, bound=float(sign * bound))
        # Whoever could still beat the plan in hand by more than the gap joins.
        enough = sign * outcome.objective + gap * abs(outcome.objective)
        joining = allowed & ~inside & (sign * relaxation.objective - reduced_cost_gap > enough)
        closed = gap_share(best.bound, best.objective) <= gap + _ROUNDING
        if closed or outcome.status == "limit" or not joining.any():
            best = replace(best, status="optimal" if closed else "limit")
            break
        # Not all at once: a better plan from a core not much larger makes the next list shorter.
        cheapest = order[joining[order]][: GROWTH * int(inside.sum())]
        inside[cheapest] = True
        point = outcome.x
    _leave_out(highs, whole, np.ones(len(whole), dtype=bool), bounds)
    return MipOutcome(best if best is not None else replace(outcome, bound=relaxation.objective), relaxation)


def _rounded_down(matrix: Matrix, x: Floats) -> Floats | None:
    """The relaxation's point with whole columns rounded down and the others at 0, if that keeps every row."""
    down = np.where(matrix.is_integer, np.floor(x + 1e-9), 0.0)
    point = np.clip(down, matrix.lower, matrix.upper)
    return point if residuals(matrix, point).hold else None


def _in_hand(highs: Highs, start: Floats | None, bound: float) -> Outcome | None:
    """The starting plan as an outcome, for when time runs out before a better one is found."""
    if start is None:
        return None
    return Outcome("limit", float(highs.costs @ start), bound, start, None, None)


def _leave_out(
    highs: Highs,
    whole: Ints,
    inside: Mask,
    bounds: tuple[Floats, Floats],
) -> None:
    """Columns outside the core are held at 0; those inside keep the bounds they came with."""
    lower, upper = bounds
    highs.set_bounds(whole, np.where(inside, lower, 0.0), np.where(inside, upper, 0.0))


# A MILP that can be solved by hand, for the self-test of the installation.


def solver_answers() -> bool:
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
    highs = Highs(matrix, SolverOptions(threads=1))
    found = solve_mip(highs, maximise=True, gap=0.0, deadline=now() + 10, stage="trial").outcome
    return found.status == "optimal" and abs(found.objective - 3.0) < 1e-9


_LIMIT_S = 60.0


def resolved_with_integers_fixed(matrix: Matrix, x: Floats, options: SolverOptions) -> Floats:
    """Return `x` if it satisfies every row, else the best point with the same integer columns, else `x`.

    A model whose flows are counted in a large unit is solved to the tolerance of that unit; re-solving with integers
    fixed restores the tolerance of the model's own units.
    """
    point = rounded_to_integrality(matrix, x)
    if residuals(matrix, point).hold:
        return point
    integers = np.flatnonzero(matrix.is_integer)
    highs = Highs(matrix, options)
    highs.set_integrality(False)
    value = np.round(point[integers])
    highs.set_bounds(integers, value, value)
    outcome = highs.attempt(_LIMIT_S, "re-solve with integers fixed")
    return point if outcome.status != "optimal" or outcome.x is None else rounded_to_integrality(matrix, outcome.x)


def verified_point(matrix: Matrix, x: Floats, options: SolverOptions) -> Floats | None:
    """Return `x`, re-solved with integers fixed where a row is violated; None if a row still is."""
    point = resolved_with_integers_fixed(matrix, x, options)
    return point if residuals(matrix, point).hold else None


def outcome_with_integers_fixed(matrix: Matrix, outcome: Outcome, options: SolverOptions) -> Outcome:
    """Return an outcome with its point re-solved with integers fixed where a row is violated."""
    if outcome.x is None:
        return outcome
    x = resolved_with_integers_fixed(matrix, outcome.x, options)
    return replace(outcome, x=x, objective=float(matrix.costs[0] @ x))
