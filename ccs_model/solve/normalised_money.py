"""The model of a search with money in a unit of its own, so that the currency does not change the plan.

Solvers compare coefficients with absolute tolerances and break ties by rounding. With money in million CNY or million
USD they take different paths through the same model. Here all money is counted in the typical coefficient of the money
rows, and all coefficients are rounded to 11 digits: coarser than the noise of a conversion, and far below the tolerance
of a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats
from ccs_model.mip import Matrix, Outcome
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.model.names import MONEY_ROWS, PAID, SPEND
from ccs_model.model.objective import is_in_money
from ccs_model.problem import Problem

_DIGITS = 11
# Smaller amounts stay as they are.
_NOTHING = 1e-200
# What the typical coefficient becomes.
_TYPICAL = 100.0
# Coefficients below this share of the largest are not counted.
_TYPICAL_SHARE = 1e-30


@dataclass(frozen=True, eq=False)
class NormalisedModel:
    """The model with money in another unit.

    Parameters
    ----------
    matrix
        The model of the search.
    unit
        Million of the scenario's currency in the unit of money of the search.
    objective
        [objective] its unit in the search, in that of the problem.
    row, column
        Units of each row and column of the search.
    costs
        Coefficients of the problem's objective.
    """

    matrix: Matrix
    unit: float
    objective: Floats
    row: Floats
    column: Floats
    costs: Floats

    def value(self, x: Floats) -> float:
        """Return the objective of the problem at a point of the search."""
        return float(self.costs @ self.x(x))

    def x(self, x: Floats) -> Floats:
        """Return a point of the search in the units of the problem."""
        return x * self.column

    def to_search_units(self, x: Floats) -> Floats:
        """Return a point of the problem in the units of the search."""
        return x / self.column

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return an outcome of the first objective in the units of the problem."""
        by = float(self.objective[0])
        dual, reduced_cost, n_rows = outcome.row_dual, outcome.reduced_cost, len(self.row)
        if dual is not None:
            dual = np.r_[dual[:n_rows] * by / self.row, dual[n_rows:] * by]
        objective = outcome.objective * by if outcome.x is None else self.value(outcome.x)
        # The difference is kept, so that a closed gap stays closed.
        bound = outcome.bound * by if outcome.x is None else objective + (outcome.bound - outcome.objective) * by
        return replace(
            outcome,
            objective=objective,
            bound=bound,
            x=None if outcome.x is None else self.x(outcome.x),
            row_dual=dual,
            reduced_cost=None if reduced_cost is None else reduced_cost * by / self.column,
        )

    def mip_outcome(self, found: MipOutcome) -> MipOutcome:
        """Return the outcome of a search in the units of the problem."""
        return replace(found, outcome=self.outcome(found.outcome), relaxation=self.outcome(found.relaxation))


def normalise_money(problem: Problem, matrix: Matrix) -> NormalisedModel:
    """Return the model of a problem with money in the unit of the search."""
    n_rows, n_columns = matrix.rows.shape
    is_money_row = np.array([name in MONEY_ROWS for name, _ in matrix.row_constraints], dtype=bool)
    is_money = np.array([column.variable in (SPEND, PAID) for column in matrix.columns], dtype=bool)
    entries = sparse.coo_array(matrix.rows)
    priced = is_money_row[entries.row] & ~is_money[entries.col] & (entries.data != 0)
    sizes = np.abs(entries.data[priced])
    in_money = np.array([is_in_money(problem, k) for k in range(len(matrix.costs))], dtype=bool)
    if not len(sizes) and in_money.any():
        costs = np.abs(matrix.costs[in_money])
        sizes = costs[costs > 0]
    # A share of next to nothing, of a fund for example, is not typical.
    sizes = sizes[sizes > _TYPICAL_SHARE * sizes.max(initial=0.0)]
    unit = float(np.exp(np.log(sizes).mean())) / _TYPICAL if len(sizes) else 1.0
    row, column = np.where(is_money_row, unit, 1.0), np.where(is_money, unit, 1.0)
    data = matrix.rows.data / row[matrix.rows.indices] * np.repeat(column, np.diff(matrix.rows.indptr))
    objective = np.where(in_money, unit, 1.0)
    costs = matrix.costs * column / objective[:, None]
    made = replace(
        matrix,
        rows=sparse.csc_array(
            (_round_values(data), matrix.rows.indices, matrix.rows.indptr), shape=(n_rows, n_columns)
        ),
        row_lower=_round_values(matrix.row_lower / row),
        row_upper=_round_values(matrix.row_upper / row),
        lower=_round_values(matrix.lower / column),
        upper=_round_values(matrix.upper / column),
        costs=_round_values(costs),
    )
    return NormalisedModel(made, unit, objective, row, column, matrix.costs[0])


def _round_values(values: Floats) -> Floats:
    """Values rounded to a number of significant digits."""
    counts = np.isfinite(values) & (np.abs(values) > _NOTHING)
    size = np.floor(np.log10(np.abs(values), where=counts, out=np.zeros_like(values)))
    power = 10.0 ** (_DIGITS - 1 - size)
    return np.where(counts, np.round(values * power) / power, values)
