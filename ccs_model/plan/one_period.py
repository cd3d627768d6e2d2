"""A staged program with all its decisions in one period: a fifth of the size, and nearly the same corridors.

What is asked of it are links only. All is built at one start and flows as in that period; what is spent is held by the
whole budget and not by what may be spent until then, and what may start by all periods together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from ccs_model.problem import Problem
from ccs_model.solver import Matrix


def in_one_period(problem: Problem, matrix: Matrix) -> Matrix:
    """The program with the columns and rows of one period only, of which the last target or the money decides."""
    year = _period(problem)
    column_year = np.array([_year_of(column.index, problem) for column in matrix.columns])
    row_year = np.array(
        [
            0 if claim in ("spending_within_budget", "spending_within_province_budget") else _year_of(index, problem)
            for claim, index in matrix.row_claims
        ]
    )
    row_year[matrix.rows_of("spending_within_ceiling")] = -1
    earlier = {target.key for target in problem.targets if target.year not in (None, year)}
    row_year[[int(i) for i in matrix.rows_of("cut_reached") if matrix.row_claims[i][1] in earlier]] = -1
    columns = np.flatnonzero((column_year == year) | (column_year == 0))
    rows = np.flatnonzero((row_year == year) | (row_year == 0))
    upper = matrix.row_upper.copy()
    rate = matrix.rows_of("building_within_yearly_rate")
    upper[rate] = upper[rate].sum()
    kept = sparse.csc_array(sparse.csr_array(matrix.rows)[rows][:, columns])
    # What is injected in this period goes on to the horizon's end.
    n_years = problem.periods["n_years"].to_numpy(float)
    at = problem.years.index(year)
    longer = n_years[at:].sum() / n_years[at]
    is_injected = np.array([matrix.columns[j].variable == "injected_ktpa" for j in columns])
    stored = {"stored_within_capacity", "injected_within_step"}
    is_stored = np.array([matrix.row_claims[i][0] in stored for i in rows])
    entries = sparse.coo_array(kept)
    scale = np.where(is_stored[entries.row] & is_injected[entries.col], longer, 1.0)
    small = sparse.csc_array((entries.data * scale, (entries.row, entries.col)), shape=kept.shape)
    small.sort_indices()
    return replace(
        matrix,
        rows=small,
        row_lower=matrix.row_lower[rows],
        row_upper=upper[rows],
        lower=matrix.lower[columns],
        upper=matrix.upper[columns],
        is_whole=matrix.is_whole[columns],
        costs=matrix.costs[:, columns],
        row_claims=tuple(matrix.row_claims[i] for i in rows),
        columns=tuple(matrix.columns[j] for j in columns),
    )


def _period(problem: Problem) -> int:
    """The last target's period; without targets the first by which all of the budget may be spent."""
    asked = [target.year for target in problem.targets if target.year is not None]
    if asked:
        return max(asked)

    def money(year: int) -> float:
        return min(problem.budget_mn, *(mn for until, mn in problem.ceiling_mn.items() if until >= year), np.inf)

    return next(year for year in problem.years if money(year) >= money(problem.years[-1]))


def _year_of(index: Any, problem: Problem) -> int:
    """The year in an index, which is its last part; 0 where there is none."""
    last = index[-1] if isinstance(index, tuple) else index
    return int(last) if isinstance(last, int | np.integer) and int(last) in problem.years else 0
