"""A point found in other units, in the program's own: whole columns stay, and the rest is solved for once more.

A program whose flows are counted in a large unit is solved to that unit's tolerance, a thousandth of a thousand tonnes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ccs_model.solver.highs import Highs, Outcome, SolverOptions
from ccs_model.solver.matrix import Matrix
from ccs_model.solver.residuals import residuals, snapped

Floats = npt.NDArray[np.float64]

_LIMIT_S = 60.0


def polished(matrix: Matrix, x: Floats, options: SolverOptions) -> Floats:
    """`x` where it keeps all rows; else the best point with the same whole columns, or `x` if there is none."""
    point = snapped(matrix, x)
    if residuals(matrix, point).hold:
        return point
    whole = np.flatnonzero(matrix.is_whole)
    highs = Highs(matrix, options)
    highs.set_whole(False)
    value = np.round(point[whole])
    highs.set_bounds(whole, value, value)
    outcome = highs.attempt(_LIMIT_S, "in the program's own units")
    return point if outcome.status != "optimal" or outcome.x is None else snapped(matrix, outcome.x)


def polished_outcome(matrix: Matrix, outcome: Outcome, options: SolverOptions) -> Outcome:
    """The outcome of a whole program with its point polished."""
    if outcome.x is None:
        return outcome
    x = polished(matrix, outcome.x, options)
    return replace(outcome, x=x, objective=float(matrix.costs[0] @ x))
