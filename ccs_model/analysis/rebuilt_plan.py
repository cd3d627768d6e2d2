"""A plan rebuilt from a run folder: its point in the rebuilt model, without the solver.

Results that only a solve gives (bounds, duals, fixed decisions, marginal budget) are read from plan.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.mip import Matrix
from ccs_model.mip.matrix import Residuals, residuals
from ccs_model.model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import point_of, vector_of
from ccs_model.plan.plan import MarginalBudget, Plan, Relaxation
from ccs_model.problem import Problem
from ccs_model.runs.run_reader import read_point
from ccs_model.runs.run_writer import RUN_WRITER
from ccs_model.solve.assembly import SolveRecord, assembled
from ccs_model.solve.fixed_decisions import COLUMNS as FIXED_DECISION_COLUMNS


@dataclass(frozen=True, eq=False)
class AtPoint:
    """The model of a problem at the point of a run; `strange` names columns that the model does not have."""

    problem: Problem
    matrix: Matrix
    x: Floats
    strange: tuple[str, ...]

    @property
    def found(self) -> Residuals:
        """Largest violations of rows, bounds and integrality at the point."""
        return residuals(self.matrix, self.x)


def at_point(folder: Path, problem: Problem) -> AtPoint:
    """The run's point in the model of `problem`.

    Raises InputError if the folder holds no valid point, FileError if it cannot be read.
    """
    table = read_point(folder)
    matrix = matrix_of(build_model(problem))
    x, strange = vector_of(matrix, table)
    return AtPoint(problem, matrix, x, tuple(strange))


def plan_at(at: AtPoint, document: Mapping[str, Any]) -> Plan:
    """The plan of the point, with the results of the solve from `document` (plan.json)."""
    parts = assembled(at.matrix, at.x, point_of(at.problem, at.matrix, at.x), at.found, _solve_record(document))
    fixed_decisions = pd.DataFrame(document["fixed_decisions"], columns=FIXED_DECISION_COLUMNS)
    return Plan(
        **parts, fixed_decisions=fixed_decisions, solver_log="", timings=MappingProxyType({}), writer=RUN_WRITER
    )


def _solve_record(document: Mapping[str, Any]) -> SolveRecord:
    objective, relaxation = document["objective"], document["relaxation"]
    budget, corridors = document["marginal_budget"], document.get("corridors")
    # A bound that was not found is null in plan.json.
    unknown = -np.inf if document["objective_name"] == "min_cost" else np.inf
    prices = {row["target"]: row["price_per_t"] for row in document["targets"] if row["price_per_t"] is not None}
    return SolveRecord(
        bound=_known(objective["searched_bound"], unknown),
        all_links_bound=_known(objective["bound"], unknown),
        relaxation=Relaxation(
            _known(relaxation["value"], np.nan),
            relaxation["abatement_per_budget_kt_per_mn"],
            relaxation["cost_of_next_tonne_per_t"],
        ),
        price_per_t=prices,
        marginal_budget=None
        if budget is None
        else MarginalBudget(
            budget["added_mn"],
            budget["abatement_kt"],
            tuple(budget["plants_entering"]),
            budget["last_abatement_kt_per_mn"],
        ),
        corridors=None if corridors is None else tuple(corridors),
    )


def _known(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
