"""Second opinions on what HiGHS says, and the program saved where they disagree.

"Infeasible" is believed when two of HiGHS's own answers, with and without presolve, and an elastic program agree: one
in which every row may give way, at a price of how far. Where that gives nothing, its point is a plan after all.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats
from ccs_model.errors import CheckError
from ccs_model.mip.clock import now
from ccs_model.mip.highs import Highs, Outcome, SolverOptions
from ccs_model.mip.matrix import Column, Matrix, residuals, rounded_to_integrality

Opinion = Literal["infeasible", "plan", "undecided", "contradiction"]

# Relative to the largest coefficient of its row; below it a row counts as kept.
_GIVES_WAY = 1e-6
# What is taken for no limit where the columns that need one are looked for.
_AS_IF_LIMIT = 1e6


def elastic_opinion(matrix: Matrix, options: SolverOptions, deadline: float) -> tuple[Opinion, Outcome | None]:
    """Whether some point keeps every row, by a program of its own; the point where there is one.

    `contradiction`: no row has to give way, and yet the point keeps not all of them when looked at without the solver.
    """
    relaxed = _run(matrix, options, deadline, whole=False)
    if relaxed.status == "optimal" and relaxed.objective > _GIVES_WAY:
        return "infeasible", None
    if not matrix.is_integer.any():
        found = relaxed
    else:
        found = _run(matrix, options, deadline, whole=True)
        if found.bound > _GIVES_WAY:
            return "infeasible", None
    if found.x is None or (found.objective > _GIVES_WAY and found.status == "limit"):
        return "undecided", None
    x = rounded_to_integrality(matrix, found.x[: len(matrix.lower)])
    if not residuals(matrix, x).hold:
        return "contradiction", None
    return "plan", _improved(matrix, options, x, deadline)


def columns_without_limit(matrix: Matrix, options: SolverOptions, time_limit_s: float) -> tuple[Column, ...]:
    """Columns that an unbounded program would raise for ever: those at a far limit once they are given one."""
    lower = np.where(np.isfinite(matrix.lower), matrix.lower, -_AS_IF_LIMIT)
    upper = np.where(np.isfinite(matrix.upper), matrix.upper, _AS_IF_LIMIT)
    highs = Highs(replace(matrix, lower=lower, upper=upper), options)
    highs.set_integrality(False)
    outcome = highs.run(time_limit_s, "what has no limit")
    if outcome.x is None:
        return ()
    far = (np.abs(outcome.x) > 0.99 * _AS_IF_LIMIT) & ~(np.isfinite(matrix.lower) & np.isfinite(matrix.upper))
    weight = np.where(far, np.abs(matrix.costs[0]), -1.0)
    order = np.argsort(-weight, kind="stable")
    return tuple(matrix.columns[j] for j in order if far[j])


def disagreement(matrix: Matrix, options: SolverOptions, what: str) -> CheckError:
    """The error of a check that does not hold, with the program itself, so that it can be looked into."""
    return CheckError(what, program=program_text(matrix, options))


def program_text(matrix: Matrix, options: SolverOptions) -> bytes:
    """The program in the MPS format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.mps"
        Highs(matrix, replace(options, log_path=None)).write_model(path)
        return path.read_bytes()


def _improved(matrix: Matrix, options: SolverOptions, x: Floats, deadline: float) -> Outcome:
    """The plan bettered from `x`, which holds, where every row has as much more room as is taken for none.

    The bound is then one of the program too; where none is found, it is what the columns' own bounds allow.
    """
    size = np.maximum(_sizes(matrix), 1.0) * _GIVES_WAY
    wider = replace(matrix, row_lower=matrix.row_lower - size, row_upper=matrix.row_upper + size)
    highs = Highs(wider, options)
    highs.start_from(x)
    found = highs.run(deadline - now(), "from the plan of a second opinion")
    sign = 1.0 if matrix.maximise[0] else -1.0
    value, status, bound = float(matrix.costs[0] @ x), "limit", found.bound
    if found.x is not None:
        point = rounded_to_integrality(matrix, found.x)
        other = float(matrix.costs[0] @ point)
        if residuals(matrix, point).hold and sign * other >= sign * value:
            x, value, status = point, other, found.status
    if not np.isfinite(bound):
        costs = sign * matrix.costs[0]
        best = np.where(costs > 0, matrix.upper, np.where(costs < 0, matrix.lower, 0.0))
        bound = sign * float((costs * best).sum())
    return Outcome("optimal" if status == "optimal" else "limit", value, bound, x, None, None)


def _sizes(matrix: Matrix) -> Floats:
    """The largest coefficient of each row; 1 where it has none."""
    if not matrix.rows.nnz:
        return np.ones(len(matrix.row_lower))
    size: Floats = np.asarray(abs(matrix.rows).tocsr().max(axis=1).todense()).ravel()
    return np.where(size > 0, size, 1.0)


def _run(matrix: Matrix, options: SolverOptions, deadline: float, *, whole: bool) -> Outcome:
    highs = Highs(_all_rows_elastic(matrix), replace(options, gap_share=0.0))
    highs.set_integrality(whole)
    return highs.run(deadline - now(), "an elastic opinion")


def _all_rows_elastic(matrix: Matrix) -> Matrix:
    """Every row with a slack to either side it has, in units of its largest coefficient; their sum is to be small."""
    n_rows, n_columns = matrix.rows.shape
    size = _sizes(matrix)
    above = np.flatnonzero(np.isfinite(matrix.row_upper))
    below = np.flatnonzero(np.isfinite(matrix.row_lower))
    at = np.r_[above, below]
    sign = np.r_[-size[above], size[below]]
    slack = sparse.csc_array((sign, (at, np.arange(len(at)))), shape=(n_rows, len(at)))
    return Matrix(
        rows=sparse.csc_array(sparse.hstack([matrix.rows, slack], format="csc")),
        row_lower=matrix.row_lower,
        row_upper=matrix.row_upper,
        lower=np.r_[matrix.lower, np.zeros(len(at))],
        upper=np.r_[matrix.upper, np.full(len(at), np.inf)],
        is_integer=np.r_[matrix.is_integer, np.zeros(len(at), dtype=bool)],
        costs=np.r_[np.zeros(n_columns), np.ones(len(at))][None, :],
        maximise=(False,),
        row_constraints=matrix.row_constraints,
        columns=(*matrix.columns, *(Column("slack", int(row)) for row in at)),
    )
