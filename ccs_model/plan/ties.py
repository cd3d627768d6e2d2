"""Ties: among plans of the same value on the same streams, the best by the second aim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.plan.decisions import BUILT
from ccs_model.solver import Highs, Matrix, Outcome
from ccs_model.solver.by_groups import solve_program
from ccs_model.solver.narrowing import narrowed
from ccs_model.solver.residuals import snapped
from ccs_model.solver.whole import solve_whole

Floats = npt.NDArray[np.float64]

# The second stage may give up this much of the first's value, relative: less than any number printed.
HELD_SHARE = 1e-9


def settled(highs: Highs, chosen: Floats, value: float, *, maximise: bool, deadline: float) -> Floats:
    """Among plans of the same value on the same streams, the best by the second aim; else the one in hand."""
    matrix = highs.matrix
    highs.add_row(matrix.costs[0], *_held(value, maximise))
    highs.set_objective(matrix.costs[1], maximise=matrix.maximise[1])
    second = solve_whole(
        highs,
        maximise=matrix.maximise[1],
        gap=highs.options.gap_share,
        deadline=deadline,
        doing="settling ties",
        start=chosen,
        may_move=of_the_same_streams(matrix, chosen),
    ).outcome
    return _better(matrix, chosen, second, second.x, value, maximise)


def settled_apart(highs: Highs, chosen: Floats, value: float, *, maximise: bool, deadline: float) -> Floats:
    """The same for a large program: in a matrix of the plan's own streams, which few of its columns belong to."""
    matrix = highs.matrix
    small = narrowed(matrix, np.flatnonzero(~of_the_same_streams(matrix, chosen)))
    if not small.holds(chosen):
        return chosen
    part = small.matrix
    low, high = _held(value, maximise)
    held = sparse.csc_array(sparse.vstack([part.rows, sparse.csr_array(part.costs[:1])], format="csc"))
    held.sort_indices()
    second_aim = replace(
        part,
        rows=held,
        row_lower=np.r_[part.row_lower, low],
        row_upper=np.r_[part.row_upper, high],
        costs=part.costs[1:2],
        maximise=part.maximise[1:2],
        row_claims=(*part.row_claims, ("value_is_held", None)),
    )
    second = solve_program(
        Highs(second_aim, highs.options),
        maximise=matrix.maximise[1],
        gap=highs.options.gap_share,
        deadline=deadline,
        doing="settling ties",
        start=chosen[small.columns],
        cores_max=1,
    ).outcome
    point = None if second.x is None else small.widened(second.x)
    return _better(matrix, chosen, second, point, value, maximise)


def _held(value: float, maximise: bool) -> tuple[float, float]:
    few = HELD_SHARE * abs(value)
    return (value - few, np.inf) if maximise else (-np.inf, value + few)


def _better(
    matrix: Matrix, chosen: Floats, second: Outcome, point: Floats | None, value: float, maximise: bool
) -> Floats:
    if point is None or second.status not in ("optimal", "limit"):
        return chosen
    better = snapped(matrix, point)
    gained = float(matrix.costs[1] @ (better - chosen)) * (1 if matrix.maximise[1] else -1)
    lost = (value - float(matrix.costs[0] @ better)) * (1 if maximise else -1)
    return better if gained > 0 and lost <= 1e-6 * max(abs(value), 1.0) else chosen


def of_the_same_streams(matrix: Matrix, chosen: Floats) -> npt.NDArray[np.bool_]:
    """Columns of the streams that the plan retrofits: another year, size, technology or site, but no other stream.

    What is no retrofit (pipes, sites, wells) may move as its bounds allow.
    """
    rows = matrix.rows.tocsr()[matrix.rows_of("one_retrofit_per_stream")]
    used = (rows @ (chosen > BUILT)) > 0
    among: npt.NDArray[np.bool_] = np.asarray(rows[used].sum(axis=0)).ravel() > 0
    is_retrofit = np.asarray(rows.sum(axis=0)).ravel() > 0
    return among | ~is_retrofit
