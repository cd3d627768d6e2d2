"""A plan made anew from a run folder: its point put into the program that its question poses again, without a solver.

What a solve alone can say (bounds, shadow prices, locks, the next money) is taken from plan.json.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.mip import Matrix
from ccs_model.mip.matrix import Residuals, residuals
from ccs_model.model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import POINT_COLUMNS, point_of, vector_of
from ccs_model.plan.plan import MarginalBudget, Plan, Relaxation
from ccs_model.problem import Problem
from ccs_model.solve.assembly import SolveRecord, assembled
from ccs_model.solve.fixed_decisions import COLUMNS as LOCK_COLUMNS

POINT = "tables/point.csv"


@dataclass(frozen=True, eq=False)
class AtPoint:
    """The program of a question at the point of a run; `strange` names columns that the program does not have."""

    problem: Problem
    matrix: Matrix
    x: Floats
    strange: tuple[str, ...]

    @property
    def found(self) -> Residuals:
        """How far the point is from keeping every row, bound and wholeness."""
        return residuals(self.matrix, self.x)


def at_point(folder: Path, problem: Problem) -> AtPoint:
    """The run's point in the program of `problem`.

    Raises InputError where the folder holds no point, FileError where it cannot be read.
    """
    table = _point(folder)
    matrix = matrix_of(build_model(problem))
    x, strange = vector_of(matrix, table)
    return AtPoint(problem, matrix, x, tuple(strange))


def plan_at(at: AtPoint, document: Mapping[str, Any]) -> Plan:
    """The plan of the point, with what a solve alone can say out of `document` (plan.json)."""
    parts = assembled(at.matrix, at.x, point_of(at.problem, at.matrix, at.x), at.found, _sentence(document))
    fixed_decisions = pd.DataFrame(document["fixed_decisions"], columns=LOCK_COLUMNS)
    return Plan(**parts, fixed_decisions=fixed_decisions, solver_log="", timings=MappingProxyType({}))


def _sentence(document: Mapping[str, Any]) -> SolveRecord:
    objective, relaxation = document["objective"], document["relaxation"]
    bought, corridors = document["marginal_budget"], document.get("corridors")
    # A bound that was not found is null in plan.json; then none is known, on the side where all plans lie.
    unknown = -np.inf if document["objective_name"] == "min_cost" else np.inf
    prices = {row["target"]: row["price_per_t"] for row in document["targets"] if row["price_per_t"] is not None}
    return SolveRecord(
        status=document["status"],
        bound=_known(objective["bound"], unknown),
        all_links_bound=_known(objective["all_links_bound"], unknown),
        relaxation=Relaxation(
            _known(relaxation["value"], np.nan),
            relaxation["abatement_per_budget_kt_per_mn"],
            relaxation["cost_of_next_tonne_per_t"],
        ),
        price_per_t=prices,
        marginal_budget=None
        if bought is None
        else MarginalBudget(
            bought["added_mn"],
            bought["abatement_kt"],
            tuple(bought["plants_entering"]),
            bought["last_abatement_kt_per_mn"],
        ),
        corridors=None if corridors is None else tuple(corridors),
    )


def _known(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def _point(folder: Path) -> pd.DataFrame:
    path = folder / POINT
    hint = "made by an earlier version, or lost; make the run again with ccs-model optimize --force"
    if not path.is_file():
        raise InputError([Issue(str(path), "is not there: nothing tells the point to check", hint)])
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if not rows or rows[0] != POINT_COLUMNS:
            raise ValueError(f"its columns are not {', '.join(POINT_COLUMNS)}")
        # Python's own reading of numbers is exact; a table reader's need not be.
        return pd.DataFrame(
            [(variable, index, float(value)) for variable, index, value in rows[1:]], columns=POINT_COLUMNS
        )
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError([Issue(str(path), f"is no table of a point: {error}", hint)]) from error
