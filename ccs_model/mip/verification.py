"""Independent verification of the statuses of HiGHS, and the model saved where two results contradict each other.

"Infeasible" is verified by multipliers of the rows that prove it (Farkas' lemma), checked without the solver. Where
only integrality makes the model infeasible, there are none: then HiGHS with presolve, HiGHS without presolve and an
elastic model must agree. The elastic model penalises the violation of every row; where no row is violated, its point
is a solution after all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints
from ccs_model.errors import CheckError
from ccs_model.mip.clock import now
from ccs_model.mip.highs import Highs, Outcome, SolverOptions
from ccs_model.mip.matrix import Column, Matrix, residuals, round_to_integrality

Opinion = Literal["infeasible", "plan", "undecided", "contradiction"]

# Violation below which a row counts as satisfied, relative to its largest coefficient.
_VIOLATED = 1e-6
# Coefficients of a sum of rows that are rounding errors, relative to their parts.
_ROUNDING = 1e-12
# Bound given to unbounded columns to find those that need one.
_AS_IF_LIMIT = 1e6


def is_proven_infeasible(matrix: Matrix, options: SolverOptions, limit: float) -> bool:
    """Return whether multipliers of the rows prove the model infeasible without regard to integrality.

    The sum of the rows with these multipliers is one row that no point between the columns' bounds satisfies (Farkas
    1902). HiGHS finds the multipliers within `limit`; whether they prove it is computed here.
    """
    highs = Highs.lp_relaxation(matrix, options)
    highs.set_objective(np.zeros(len(matrix.lower)), maximise=False)
    if highs.attempt(limit, "feasibility").status != "infeasible":
        return False
    ray = highs.dual_ray()
    return ray is not None and any(_is_infeasibility_proof(matrix, multipliers) for multipliers in (ray, -ray))


def _is_infeasibility_proof(matrix: Matrix, multipliers: Floats) -> bool:
    """Whether the weighted sum of the rows needs more than the columns can give."""
    limits = np.where(multipliers > 0, matrix.row_lower, matrix.row_upper)
    multipliers = np.where(np.isfinite(limits), multipliers, 0.0)
    needed = np.where(multipliers != 0, limits, 0.0) * multipliers
    coefficients = matrix.rows.T @ multipliers
    sizes = abs(matrix.rows).T @ abs(multipliers)
    coefficients = np.where(abs(coefficients) > _ROUNDING * sizes, coefficients, 0.0)
    bounds = np.where(coefficients > 0, matrix.upper, np.where(coefficients < 0, matrix.lower, 0.0))
    given = coefficients * bounds
    return bool(needed.sum() - given.sum() > _VIOLATED * (abs(needed).sum() + abs(given).sum()))


def row_upper_bounds(matrix: Matrix, rows: Ints, choices: str) -> Floats:
    """Return the most that each of `rows` can be, from bounds and the rows of the constraint `choices` alone.

    Of the columns in a row of `choices`, at most one is 1. A column in several such rows counts in the first alone, so
    that the result is an upper bound.
    """
    entries = sparse.csr_array(sparse.csr_array(matrix.rows)[matrix.rows_of(choices)])
    group = np.full(len(matrix.lower), -1)
    for k in reversed(range(entries.shape[0])):
        group[entries.indices[entries.indptr[k] : entries.indptr[k + 1]]] = k
    most = np.zeros(len(rows))
    for place, row in enumerate(rows):
        at, coefficients = matrix.entries(int(row))
        terms = np.where(coefficients > 0, coefficients * matrix.upper[at], coefficients * matrix.lower[at])
        chosen = group[at] >= 0
        best = np.zeros(entries.shape[0])
        np.maximum.at(best, group[at][chosen], terms[chosen])
        most[place] = best.sum() + terms[~chosen].sum()
    return most


def verify_by_elastic_model(matrix: Matrix, options: SolverOptions, deadline: float) -> tuple[Opinion, Outcome | None]:
    """Return whether an elastic model is feasible, and its point if so.

    "contradiction" means that the elastic model needs no violation but its point violates a row when checked without
    the solver.
    """
    elastic, exact = _fully_elastic_matrix(matrix), replace(options, gap_share=0.0)
    relaxed = Highs.lp_relaxation(elastic, exact).run(deadline - now(), "verification by an elastic model")
    if relaxed.status == "optimal" and relaxed.objective > _VIOLATED:
        return "infeasible", None
    found = relaxed
    if matrix.is_integer.any():
        found = Highs(elastic, exact).run(deadline - now(), "verification by an elastic model")
        if found.bound > _VIOLATED:
            return "infeasible", None
    if found.x is None or (found.objective > _VIOLATED and found.status == "limit"):
        return "undecided", None
    x = round_to_integrality(matrix, found.x[: len(matrix.lower)])
    if not residuals(matrix, x).hold:
        return "contradiction", None
    return "plan", _improve_solution(matrix, options, x, deadline)


def columns_without_limit(matrix: Matrix, options: SolverOptions, time_limit_s: float) -> tuple[Column, ...]:
    """Return the columns along which the model is unbounded, those of the largest cost first."""
    lower = np.where(np.isfinite(matrix.lower), matrix.lower, -_AS_IF_LIMIT)
    upper = np.where(np.isfinite(matrix.upper), matrix.upper, _AS_IF_LIMIT)
    within = replace(matrix, lower=lower, upper=upper)
    outcome = Highs.lp_relaxation(within, options).run(time_limit_s, "unbounded columns")
    if outcome.x is None:
        return ()
    far = (np.abs(outcome.x) > 0.99 * _AS_IF_LIMIT) & ~(np.isfinite(matrix.lower) & np.isfinite(matrix.upper))
    weight = np.where(far, np.abs(matrix.costs[0]), -1.0)
    order = np.argsort(-weight, kind="stable")
    return tuple(matrix.columns[j] for j in order if far[j])


def disagreement(matrix: Matrix, options: SolverOptions, what: str) -> CheckError:
    """Return the error of a failed check, with the model in MPS format attached."""
    return CheckError(what, program=Highs(matrix, replace(options, log_path=None)).mps())


def _improve_solution(matrix: Matrix, options: SolverOptions, x: Floats, deadline: float) -> Outcome:
    """The best solution found from the feasible `x` with every row widened by the tolerance.

    Its bound holds for the model itself; without one, the bound is that of the columns' own bounds.
    """
    size = np.maximum(_sizes(matrix), 1.0) * _VIOLATED
    wider = replace(matrix, row_lower=matrix.row_lower - size, row_upper=matrix.row_upper + size)
    highs = Highs(wider, options)
    highs.start_from(x)
    found = highs.run(deadline - now(), "improve the elastic solution")
    sign = matrix.sign
    value, status, bound = float(matrix.costs[0] @ x), "limit", found.bound
    if found.x is not None:
        point = round_to_integrality(matrix, found.x)
        other = float(matrix.costs[0] @ point)
        if residuals(matrix, point).hold and sign * other >= sign * value:
            x, value, status = point, other, found.status
    if not np.isfinite(bound):
        costs = sign * matrix.costs[0]
        best = np.where(costs > 0, matrix.upper, np.where(costs < 0, matrix.lower, 0.0))
        bound = sign * float((costs * best).sum())
    return Outcome("optimal" if status == "optimal" else "limit", value, bound, x, None, None)


def _sizes(matrix: Matrix) -> Floats:
    """[row] the largest absolute coefficient; 1 for an empty row."""
    if not matrix.rows.nnz:
        return np.ones(len(matrix.row_lower))
    size: Floats = np.asarray(abs(matrix.rows).tocsr().max(axis=1).todense()).ravel()
    return np.where(size > 0, size, 1.0)


def _fully_elastic_matrix(matrix: Matrix) -> Matrix:
    """Every row with a slack to either side it has, in units of its largest coefficient; their sum is to be small."""
    size = _sizes(matrix)
    above = np.flatnonzero(np.isfinite(matrix.row_upper))
    below = np.flatnonzero(np.isfinite(matrix.row_lower))
    return matrix.with_slacks(np.r_[above, below], np.r_[-size[above], size[below]], np.ones(len(above) + len(below)))
