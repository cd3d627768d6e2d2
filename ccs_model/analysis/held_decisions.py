"""What is built in one future, held in another: the same retrofits, pipes, sites and wells, run as that future pays.

What is built is held; how it is run (throttling, flows, what is injected, which fund pays) is chosen anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ccs_model.plan.charges import MONEY
from ccs_model.solver import Highs, Matrix, SolverOptions
from ccs_model.solver.clock import now
from ccs_model.solver.highs import Status
from ccs_model.solver.residuals import residuals, snapped

Floats = npt.NDArray[np.float64]
Key = tuple[str, Any]

BUILT_THINGS = ("build", "pipe", "added_ktpa", "opened", "wells")
TARGETS = ("cut_reached", "cumulative_cut_reached", "share_of_avoided_kept")
KEPT, OVER_BUDGET, MISSES_TARGET, NOT_KEPT = "kept", "over budget", "misses a target", "cannot be kept"
# Held amounts keep to the last bit what the solver gave; a row may be off by its tolerance, so they may move by this.
_GIVE = 1e-9


@dataclass(frozen=True, eq=False)
class Valuation:
    """What held decisions are worth: `state` says whether they can be kept; without a point `objective` is NaN.

    `excess_mn` is the money they need beyond the most that may be spent.
    """

    state: str
    objective: float
    bound: float
    excess_mn: float
    x: Floats | None
    status: Status = "optimal"


def decisions_of(matrix: Matrix, x: Floats, years: Collection[int] | None = None) -> dict[Key, float]:
    """What a point builds, by variable and index; only in some years where they are given."""
    return {
        (column.variable, column.index): float(x[j])
        for j, column in enumerate(matrix.columns)
        if column.variable in BUILT_THINGS and x[j] != 0 and (years is None or column.index[1] in years)
    }


def valued(
    matrix: Matrix,
    decisions: Mapping[Key, float],
    options: SolverOptions,
    deadline: float,
    *,
    years: Collection[int] | None = None,
    start: Floats | None = None,
) -> Valuation:
    """The best point of the program that builds exactly what is decided (in `years`, or at all).

    Where there is none, ceilings of money and then targets give way, to say what is broken.
    """
    held = [
        j
        for j, column in enumerate(matrix.columns)
        if column.variable in BUILT_THINGS and (years is None or column.index[1] in years)
    ]
    known = {(matrix.columns[j].variable, matrix.columns[j].index) for j in held}
    if any(key not in known for key in decisions):
        return Valuation(NOT_KEPT, np.nan, np.nan, 0.0, None)
    at = np.array(held, dtype=np.int64)
    amounts = np.array([decisions.get((matrix.columns[j].variable, matrix.columns[j].index), 0.0) for j in held])
    give = np.where(matrix.is_whole[at], 0.0, _GIVE * np.abs(amounts))
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[at] = np.clip(amounts - give, matrix.lower[at], matrix.upper[at])
    upper[at] = np.clip(amounts + give, matrix.lower[at], matrix.upper[at])
    fixed = replace(matrix, lower=lower, upper=upper)
    for state, claims in ((KEPT, ()), (OVER_BUDGET, MONEY), (MISSES_TARGET, TARGETS), (NOT_KEPT, (*MONEY, *TARGETS))):
        loose = _without(fixed, claims)
        highs = Highs(loose, options)
        if start is not None and state == KEPT:
            highs.start_from(start)
        outcome = highs.run(deadline - now(), "held decisions")
        if outcome.x is None:
            continue
        x = snapped(loose, outcome.x)
        if not residuals(loose, x).hold:
            continue
        bound = outcome.bound if np.isfinite(outcome.bound) else np.nan
        return Valuation(state, float(matrix.costs[0] @ x), bound, _excess(matrix, x), x, outcome.status)
    return Valuation(NOT_KEPT, np.nan, np.nan, 0.0, None)


def _without(matrix: Matrix, claims: Collection[str]) -> Matrix:
    """The program without some claims."""
    if not claims:
        return matrix
    off = np.concatenate([matrix.rows_of(claim) for claim in claims])
    row_lower, row_upper = matrix.row_lower.copy(), matrix.row_upper.copy()
    row_lower[off], row_upper[off] = -np.inf, np.inf
    return replace(matrix, row_lower=row_lower, row_upper=row_upper)


def _excess(matrix: Matrix, x: Floats) -> float:
    """The most that any ceiling of money is passed by."""
    rows = np.concatenate([matrix.rows_of(claim) for claim in MONEY])
    over = (matrix.rows @ x - matrix.row_upper)[rows]
    largest = float(over.max(initial=0.0))
    return largest if largest > 1e-6 else 0.0
