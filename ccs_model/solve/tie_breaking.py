"""Ties: among plans of the same value on the same streams, the best by the second aim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from ccs_model._typing import Floats, Mask
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.grouped_milp import solve_program
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.mip.presolve import restricted
from ccs_model.mip.search import now
from ccs_model.model.account_terms import npv_terms
from ccs_model.model.names import ONE_RETROFIT, SPEND
from ccs_model.model.terms import summed
from ccs_model.plan.decisions import BUILT, Point, places_of
from ccs_model.problem import Problem

# The second stage may give up this much of the first's value, relative: less than any number printed.
HELD_SHARE = 1e-9


def break_ties(highs: Highs, chosen: Floats, value: float, *, maximise: bool, deadline: float) -> Floats:
    """Among plans of the same value on the same streams, the best by the second aim; else the one in hand."""
    matrix = highs.matrix
    highs.add_row(matrix.costs[0], *_held(value, maximise))
    highs.set_objective(matrix.costs[1], maximise=matrix.maximise[1])
    second = solve_mip(
        highs,
        maximise=matrix.maximise[1],
        gap=highs.options.gap_share,
        deadline=deadline,
        stage="settling ties",
        start=chosen,
        may_move=of_the_same_streams(matrix, chosen),
    ).outcome
    return _better(matrix, chosen, second, second.x, value, maximise)


def break_ties_by_group(highs: Highs, chosen: Floats, value: float, *, maximise: bool, deadline: float) -> Floats:
    """The same for a large program: in a matrix of the plan's own streams, which few of its columns belong to."""
    matrix = highs.matrix
    small = restricted(matrix, np.flatnonzero(~of_the_same_streams(matrix, chosen)))
    if not small.holds(chosen):
        return chosen
    part = small.matrix
    low, high = _held(value, maximise)
    held = sparse.csc_array(sparse.vstack([part.rows, sparse.csr_array(part.costs[:1])], format="csc"))
    held.sort_indices()
    secondary_objective = replace(
        part,
        rows=held,
        row_lower=np.r_[part.row_lower, low],
        row_upper=np.r_[part.row_upper, high],
        costs=part.costs[1:2],
        maximise=part.maximise[1:2],
        row_constraints=(*part.row_constraints, ("value_is_held", None)),
    )
    second = solve_program(
        Highs(secondary_objective, highs.options),
        maximise=matrix.maximise[1],
        gap=highs.options.gap_share,
        deadline=deadline,
        stage="settling ties",
        start=chosen[small.columns],
        max_restricted_milps=1,
    ).outcome
    point = None if second.x is None else small.lifted(second.x)
    return _better(matrix, chosen, second, point, value, maximise)


def _held(value: float, maximise: bool) -> tuple[float, float]:
    few = HELD_SHARE * abs(value)
    return (value - few, np.inf) if maximise else (-np.inf, value + few)


def _better(
    matrix: Matrix, chosen: Floats, second: Outcome, point: Floats | None, value: float, maximise: bool
) -> Floats:
    if point is None or second.status not in ("optimal", "limit"):
        return chosen
    better = rounded_to_integrality(matrix, point)
    gained = float(matrix.costs[1] @ (better - chosen)) * (1 if matrix.maximise[1] else -1)
    lost = (value - float(matrix.costs[0] @ better)) * (1 if maximise else -1)
    return better if gained > 0 and lost <= 1e-6 * max(abs(value), 1.0) else chosen


def of_the_same_streams(matrix: Matrix, chosen: Floats) -> Mask:
    """Columns of the streams that the plan retrofits: another year, size, technology or site, but no other stream.

    What is no retrofit (pipes, sites, wells) may move as its bounds allow.
    """
    rows = matrix.rows.tocsr()[matrix.rows_of(ONE_RETROFIT)]
    used = (rows @ (chosen > BUILT)) > 0
    among: Mask = np.asarray(rows[used].sum(axis=0)).ravel() > 0
    is_retrofit = np.asarray(rows.sum(axis=0)).ravel() > 0
    return among | ~is_retrofit


# Which fund pays what of a plan that is settled: the split that is worth most to the owners.


def funds_table(point: Point) -> pd.DataFrame:
    """fund, kind, year, spend_mn, interest_rate (real), term_yr: what each fund pays at the start of each period."""
    problem = point.problem
    funds = problem.accounts.funds
    table = funds[["fund", "kind", "interest_rate", "term_yr"]].merge(
        pd.DataFrame({"year": problem.years}), how="cross"
    )
    table["spend_mn"] = point.decided[SPEND].ravel() if len(funds) else np.zeros(0)
    return table[["fund", "kind", "year", "spend_mn", "interest_rate", "term_yr"]]


def with_best_funds(
    problem: Problem, matrix: Matrix, options: SolverOptions, chosen: Floats, deadline: float
) -> Floats:
    """`chosen` with the funds' payments settled anew, all else as it is; aims that see no interest leave them open."""
    columns, fund, year = places_of(problem, matrix, SPEND)
    worth = np.zeros(len(chosen))
    worth[columns] = summed(npv_terms(problem))[SPEND][fund, year]
    fixed = np.setdiff1d(np.arange(len(chosen)), columns)
    highs = Highs(matrix, options)
    highs.set_objective(worth, maximise=True)
    highs.set_bounds(fixed, chosen[fixed], chosen[fixed])
    found = highs.run(max(deadline - now(), 1.0), "funds")
    if found.x is None or found.status != "optimal":
        return chosen
    break_ties = chosen.copy()
    break_ties[columns] = np.maximum(found.x[columns], 0.0)
    return break_ties if residuals(matrix, break_ties).hold else chosen
