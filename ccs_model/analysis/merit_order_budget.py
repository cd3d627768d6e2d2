"""The merit order (MACC) as a rule for a budget: the streams it would select, and the objective they reach.

The merit order selects streams from cheap to expensive until the budget is spent. The model then optimises the timing
of these streams only. The rule falls short of the optimum because it ignores indivisible costs, limits that streams
share and the years for which capture lasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.analysis.jobs import Do
from ccs_model.errors import CcsModelError
from ccs_model.inputs import Inputs
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.clock import now
from ccs_model.model import build_model
from ccs_model.model.names import BUILD
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.merit_order import macc_table
from ccs_model.problem import Problem, build_problem
from ccs_model.scenario import Scenario
from ccs_model.solve.assembly import budget_row

_OWN = "The streams of the merit order, each with its own pipeline."
_SHARED = "The streams of the merit order, each with its own pipeline; the solutions share pipelines."


@dataclass(frozen=True, eq=False)
class Take:
    """Plants that the merit order selects for a budget, and the objective value they reach; None if unknown."""

    plants: frozenset[str]
    value: float | None


@dataclass(frozen=True, eq=False)
class RankedList:
    """The merit order, and its selection for each budget."""

    table: pd.DataFrame
    words: str
    takes: Mapping[float, Take]

    @classmethod
    def of(
        cls,
        problem: Problem,
        program: tuple[Matrix, int] | None,
        options: SolverOptions,
        budgets: Sequence[float],
        deadline: float,
    ) -> RankedList | None:
        """Return the merit order of a problem; None if nothing can be ranked.

        `program` is the matrix of the problem and its budget row; None on a shared network, where each stream gets a
        pipe of its own. Objective values are not computed after `deadline`.
        """
        table = macc_table(problem, pd.DataFrame(columns=["plant", "stream"]))
        if table.empty:
            return None
        attainable: _MeritOrderPlan | None = None
        if program is not None:
            attainable = _MeritOrderPlan(problem, *program, options, deadline)
        elif now() < deadline:
            try:
                problem = build_problem(
                    problem.scenario.with_changes({"transport.shared_trunklines": False}), problem.inputs
                )
            except CcsModelError:
                return None
            matrix = matrix_of(build_model(problem))
            found = budget_row(matrix)
            if found is None:
                return None
            attainable = _MeritOrderPlan(problem, matrix, found.row, options, deadline)
        takes = {}
        for budget in budgets:
            taken = _taken(table, budget)
            streams = set(zip(taken["plant"], taken["stream"], taken["technology"], strict=True))
            value = None if attainable is None else attainable.of(streams, budget)
            takes[float(budget)] = Take(frozenset(map(str, taken["plant"])), value)
        return cls(table, _SHARED if program is None else _OWN, takes)


@dataclass(frozen=True, eq=False)
class ListOnSharedNetwork:
    """The merit order of a scenario on a shared network, as work of another process; a task is a list of budgets."""

    scenario: Scenario
    inputs: Inputs
    options: SolverOptions
    seconds: float

    def opened(self) -> Do:
        """Return what ranks, within a number of seconds from now."""
        deadline = now() + self.seconds
        return lambda budgets: self._ranked(budgets, deadline)

    def _ranked(self, budgets: Sequence[float], deadline: float) -> RankedList | None:
        return RankedList.of(build_problem(self.scenario, self.inputs), None, self.options, budgets, deadline)


def _taken(table: pd.DataFrame, budget: float) -> pd.DataFrame:
    """Streams from cheap to expensive; one that no longer fits the budget is skipped."""
    left, rows = budget, []
    for place, capex in enumerate(table["capex_mn"].to_numpy(float)):
        if capex <= left:
            left -= capex
            rows.append(place)
    return table.iloc[rows]


class _MeritOrderPlan:
    """The model with own pipes, in which only some streams may be retrofitted."""

    def __init__(self, problem: Problem, matrix: Matrix, row: int, options: SolverOptions, deadline: float) -> None:
        self._matrix, self._row, self._options, self._deadline = matrix, row, options, deadline
        self._columns = matrix.columns_of(BUILD)
        routes = problem.routes.set_index("route")
        of_column = routes.loc[[matrix.columns[j].index[0] for j in self._columns]]
        self._streams = list(zip(of_column["plant"], of_column["stream"], of_column["technology"], strict=True))
        self._highs = Highs(matrix, options)
        self._upper = matrix.upper[self._columns].copy()

    def of(self, streams: set[tuple[str, str, str]], budget: float) -> float | None:
        """Return the objective value; None without a solution or without time."""
        if now() > self._deadline:
            return None
        allowed = np.array([each in streams for each in self._streams], dtype=bool)
        upper: npt.NDArray[np.float64] = np.where(allowed, self._upper, 0.0)
        lower = np.minimum(self._matrix.lower[self._columns], upper)
        self._highs.set_bounds(self._columns, lower, upper)
        self._highs.set_row(self._row, float(self._matrix.row_lower[self._row]), float(budget))
        maximise = self._matrix.maximise[0]
        found = solve_mip(
            self._highs, maximise=maximise, gap=self._options.gap_share, deadline=self._deadline, stage="merit order"
        ).outcome
        return float(found.objective) if found.x is not None and found.status in ("optimal", "limit") else None
