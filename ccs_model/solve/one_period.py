"""A model of several periods with all its decisions in one period: a fraction of the size, and nearly the same arcs.

It serves to choose links only. Everything is built at one start and flows as in that period. The total budget limits
spending, not what may be spent until then; the yearly building rates are added up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from ccs_model.mip import Matrix
from ccs_model.model.names import (
    BUDGET,
    CUMULATIVE_BUDGET,
    INJECTED,
    PROVINCE_BUDGET,
    SITE_CAPACITY,
    STEP_LIMIT,
    TARGET,
    YEARLY_RATE,
)
from ccs_model.problem import Problem


def in_one_period(problem: Problem, matrix: Matrix) -> Matrix:
    """Return the matrix of one period: that of the last target, or the first in which all of the budget is allowed."""
    year, years = _period(problem), frozenset(problem.years)
    column_year = np.array([_year_of(column.index, years) for column in matrix.columns])
    row_year = np.array(
        [
            0 if constraint in (BUDGET, PROVINCE_BUDGET) else _year_of(index, years)
            for constraint, index in matrix.row_constraints
        ]
    )
    row_year[matrix.rows_of(CUMULATIVE_BUDGET)] = -1
    earlier = {target.key for target in problem.targets if target.year not in (None, year)}
    row_year[[int(i) for i in matrix.rows_of(TARGET) if matrix.row_constraints[i][1] in earlier]] = -1
    columns = np.flatnonzero((column_year == year) | (column_year == 0))
    rows = np.flatnonzero((row_year == year) | (row_year == 0))
    upper = matrix.row_upper.copy()
    rate = matrix.rows_of(YEARLY_RATE)
    upper[rate] = upper[rate].sum()
    kept = sparse.csc_array(sparse.csr_array(matrix.rows)[rows][:, columns])
    # Injection of this period continues to the end of the horizon.
    n_years = problem.periods["n_years"].to_numpy(float)
    at = problem.years.index(year)
    longer = n_years[at:].sum() / n_years[at]
    is_injected = np.array([matrix.columns[j].variable == INJECTED for j in columns])
    stored = {SITE_CAPACITY, STEP_LIMIT}
    is_stored = np.array([matrix.row_constraints[i][0] in stored for i in rows])
    entries = sparse.coo_array(kept)
    scale = np.where(is_stored[entries.row] & is_injected[entries.col], longer, 1.0)
    small = sparse.csc_array((entries.data * scale, (entries.row, entries.col)), shape=kept.shape)
    small.sort_indices()
    return replace(matrix.selected(rows, columns), rows=small, row_upper=upper[rows])


def _period(problem: Problem) -> int:
    """The period of the last target; without targets the first by which all of the budget may be spent."""
    requested = [target.year for target in problem.targets if target.year is not None]
    if requested:
        return max(requested)

    def allowed_mn(year: int) -> float:
        return min(problem.budget_mn, *(mn for until, mn in problem.cumulative_mn.items() if until >= year), np.inf)

    return next(year for year in problem.years if allowed_mn(year) >= allowed_mn(problem.years[-1]))


def _year_of(index: Any, years: frozenset[int]) -> int:
    """The last part of an index if it is a period, else 0."""
    last = index[-1] if isinstance(index, tuple) else index
    return int(last) if isinstance(last, int | np.integer) and int(last) in years else 0
