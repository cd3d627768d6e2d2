"""The second stage: among plans of one value of the aim, the best by the second aim."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ccs_model.plan.decisions import BUILT
from ccs_model.solver import Highs, Matrix
from ccs_model.solver.residuals import snapped
from ccs_model.solver.whole import solve_whole

Floats = npt.NDArray[np.float64]

# The second stage may give up this much of the first's value, relative: less than any number printed.
HELD_SHARE = 1e-9


def settle_ties(
    highs: Highs, matrix: Matrix, chosen: Floats, value: float, *, maximise: bool, deadline: float
) -> Floats:
    """Among plans of the same value on the same streams, the best by the second aim; else the one in hand."""
    floor = value - HELD_SHARE * abs(value) if maximise else -np.inf
    roof = np.inf if maximise else value + HELD_SHARE * abs(value)
    highs.add_row(matrix.costs[0], floor, roof)
    highs.set_objective(matrix.costs[1], maximise=matrix.maximise[1])
    second = solve_whole(
        highs,
        maximise=matrix.maximise[1],
        gap=highs.options.gap_share,
        deadline=deadline,
        doing="settling ties",
        start=chosen,
        may_move=_of_the_same_streams(matrix, chosen),
    ).outcome
    if second.x is None or second.status not in ("optimal", "limit"):
        return chosen
    better = snapped(matrix, second.x)
    gained = float(matrix.costs[1] @ (better - chosen)) * (1 if matrix.maximise[1] else -1)
    lost = (value - float(matrix.costs[0] @ better)) * (1 if maximise else -1)
    return better if gained > 0 and lost <= 1e-6 * max(abs(value), 1.0) else chosen


def _of_the_same_streams(matrix: Matrix, chosen: Floats) -> npt.NDArray[np.bool_]:
    """Columns of the streams that the plan retrofits: another year, size, technology or site, but no other stream.

    What is no retrofit (pipes, sites, wells) may move as its bounds allow.
    """
    rows = matrix.rows.tocsr()[matrix.rows_of("one_retrofit_per_stream")]
    used = (rows @ (chosen > BUILT)) > 0
    among: npt.NDArray[np.bool_] = np.asarray(rows[used].sum(axis=0)).ravel() > 0
    is_retrofit = np.asarray(rows.sum(axis=0)).ravel() > 0
    return among | ~is_retrofit
