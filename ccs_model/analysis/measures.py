"""What a plan is worth in a future: tonnes, money and what breaks, from the model's own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ccs_model.analysis.restated import Restated
from ccs_model.model.objective import AIMS
from ccs_model.model.owners import npv_terms
from ccs_model.model.terms import abatement_terms, capex_mn, cost_terms, summed
from ccs_model.problem import Problem
from ccs_model.solver import Matrix

Floats = npt.NDArray[np.float64]

MEASURES = ("aim_value", "abatement_kt", "capex_mn", "cost_mn", "cost_per_t", "npv_mn")
# A row counts as broken where it misses its limit by more than this share of it, or of its parts.
_BROKEN_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class Weights:
    """[column] what 1 of each decision gives in one future."""

    aim: Floats
    abatement_kt: Floats
    discounted_kt: Floats
    capex_mn: Floats
    cost_mn: Floats
    npv_mn: Floats

    @classmethod
    def of(cls, restated: Restated, problem: Problem, matrix: Matrix) -> Weights:
        """From the terms of a future's problem."""
        tonnes = summed(abatement_terms(problem))
        periods = problem.periods
        # Yearly means of a period weigh as its years do, discounted.
        weighed = replace(problem, periods=periods.assign(n_years=periods["flow_weight"]))
        starts = np.ones(len(problem.years))
        costs = cost_terms(problem)
        first = AIMS[problem.aim].first
        npv = summed(npv_terms(problem, costs))
        return cls(
            aim=matrix.costs[0],
            abatement_kt=matrix.costs[0] if first is abatement_terms else restated.vector(problem, tonnes),
            discounted_kt=restated.vector(problem, summed(abatement_terms(weighed))),
            capex_mn=restated.vector(
                problem, {name: each[:, None] * starts for name, each in capex_mn(problem).items()}
            ),
            cost_mn=restated.vector(problem, summed(costs)),
            npv_mn=restated.vector(problem, npv),
        )

    def of_plan(self, x: Floats) -> dict[str, float]:
        """MEASURES of a plan."""
        cost, tonnes = float(self.cost_mn @ x), float(self.discounted_kt @ x)
        return {
            "aim_value": float(self.aim @ x),
            "abatement_kt": float(self.abatement_kt @ x),
            "capex_mn": float(self.capex_mn @ x),
            "cost_mn": cost,
            # Million per kt is a thousand per t.
            "cost_per_t": 1000.0 * cost / tonnes if tonnes > 0 else float("nan"),
            "npv_mn": float(self.npv_mn @ x),
        }


def held_point(matrix: Matrix, scale: Floats, short: npt.NDArray[np.int64], x: Floats) -> Floats:
    """What is built stays as it is; what flows is the same share of what is delivered; missed tonnes are what is.

    `scale` [column] is 1 for what is built; `short` are the columns of missed tonnes.
    """
    point = x * scale
    if len(short):
        point[short] = 0.0
        missing = np.maximum(matrix.row_lower - matrix.rows @ point, 0.0)
        for column in short:
            entries = slice(matrix.rows.indptr[column], matrix.rows.indptr[column + 1])
            point[column] = float(missing[matrix.rows.indices[entries]].max(initial=0.0))
    return point


def broken_claims(matrix: Matrix, x: Floats) -> Mapping[str, float]:
    """By how much at most a plan misses the rows of each claim that it breaks, in the rows' own units."""
    activity = matrix.rows @ x
    over = np.maximum(activity - matrix.row_upper, matrix.row_lower - activity)
    found: dict[str, float] = {}
    near = np.flatnonzero(over > 0.0)
    if not len(near):
        return found
    # What a row's parts round off to is no breach.
    largest = np.abs(matrix.rows) @ np.abs(x)
    for row in near:
        limits = np.abs([matrix.row_upper[row], matrix.row_lower[row]])
        limit = float(limits[np.isfinite(limits)].max(initial=0.0))
        if over[row] > _BROKEN_SHARE * max(limit, largest[row], 1.0):
            name = matrix.row_claims[row][0]
            found[name] = max(found.get(name, 0.0), float(over[row]))
    return found
