"""Which fund pays what of a plan that is settled: the split that is worth most to the owners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.model.owners import npv_terms
from ccs_model.model.terms import summed
from ccs_model.plan.decisions import Point, places_of
from ccs_model.problem import Problem
from ccs_model.solver import Highs, Matrix, SolverOptions
from ccs_model.solver.clock import now
from ccs_model.solver.residuals import residuals

Floats = npt.NDArray[np.float64]


def funds_table(point: Point) -> pd.DataFrame:
    """fund, kind, year, spend_mn, interest_share (real), term_yr: what each fund pays at the start of each period."""
    problem = point.problem
    funds = problem.accounts.funds
    table = funds[["fund", "kind", "interest_share", "term_yr"]].merge(
        pd.DataFrame({"year": problem.years}), how="cross"
    )
    table["spend_mn"] = point.decided["spend_mn"].ravel() if len(funds) else np.zeros(0)
    return table[["fund", "kind", "year", "spend_mn", "interest_share", "term_yr"]]


def with_best_funds(
    problem: Problem, matrix: Matrix, options: SolverOptions, chosen: Floats, deadline: float
) -> Floats:
    """`chosen` with the funds' payments settled anew, all else as it is; aims that see no interest leave them open."""
    columns, fund, year = places_of(problem, matrix, "spend_mn")
    worth = np.zeros(len(chosen))
    worth[columns] = summed(npv_terms(problem))["spend_mn"][fund, year]
    fixed = np.setdiff1d(np.arange(len(chosen)), columns)
    highs = Highs(matrix, options)
    highs.set_objective(worth, maximise=True)
    highs.set_bounds(fixed, chosen[fixed], chosen[fixed])
    found = highs.run(max(deadline - now(), 1.0), "funds")
    if found.x is None or found.status != "optimal":
        return chosen
    settled = chosen.copy()
    settled[columns] = np.maximum(found.x[columns], 0.0)
    return settled if residuals(matrix, settled).hold else chosen
