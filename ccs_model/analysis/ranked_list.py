"""What the ranked list of abatement costs would take for a budget, and what that reaches.

Whoever goes by the list takes streams from cheap to dear as long as the money lasts. What that reaches is found by the
program itself: only what the list takes may be built, each as early, as late, or not at all, as is best. So the list
is given all the skill of the program but the choice of streams, and still falls short where its ranking is wrong: it
knows nothing of money that runs out, of limits that streams share, of the years in which capture lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.errors import CcsModelError
from ccs_model.model import build_model
from ccs_model.plan.assembly import budget_row
from ccs_model.plan.macc import macc_table
from ccs_model.problem import Problem, pose
from ccs_model.solver import Highs, Matrix, SolverOptions, matrix_of
from ccs_model.solver.clock import now
from ccs_model.solver.whole import solve_whole

_OWN = "The list's streams with a pipe each, as it ranks them."
_SHARED = "The list's streams with a pipe of their own each, as it ranks them; the plans share pipes."


@dataclass(frozen=True, eq=False)
class Take:
    """What the list takes for a budget, and the aim's value that it reaches; None where that was not found."""

    plants: frozenset[str]
    value: float | None


@dataclass(frozen=True, eq=False)
class RankedList:
    """The list, and a function that answers what its take of some streams reaches at a budget."""

    table: pd.DataFrame
    words: str
    _reached: Callable[[set[tuple[str, str, str]], float], float | None]

    @classmethod
    def of(
        cls, problem: Problem, matrix: Matrix, row: int, options: SolverOptions, deadline: float
    ) -> RankedList | None:
        """The list of a problem; None where nothing can be ranked."""
        table = macc_table(problem, pd.DataFrame(columns=["plant", "stream"]))
        if table.empty:
            return None
        words = _OWN
        if problem.network is not None:
            words = _SHARED
            if now() > deadline:
                # Nothing could be found with it, and it takes as long as the scenario's own program.
                return cls(table, words, lambda streams, budget: None)
            try:
                problem = pose(problem.scenario.with_changes({"transport.shared_trunklines": False}), problem.inputs)
            except CcsModelError:
                return None
            matrix = matrix_of(build_model(problem))
            found = budget_row(matrix)
            if found is None:
                return None
            row = found.row
        return cls(table, words, _Reach(problem, matrix, row, options, deadline).of)

    def taken(self, budget: float) -> Take:
        """From cheap to dear; a stream that no longer fits is passed over."""
        left, rows = budget, []
        for place, capex in enumerate(self.table["capex_mn"].to_numpy(float)):
            if capex <= left:
                left -= capex
                rows.append(place)
        taken = self.table.iloc[rows]
        streams = set(zip(taken["plant"], taken["stream"], taken["technology"], strict=True))
        return Take(frozenset(map(str, taken["plant"])), self._reached(streams, budget))


class _Reach:
    """The program with own pipes, in which only some streams may be fitted."""

    def __init__(self, problem: Problem, matrix: Matrix, row: int, options: SolverOptions, deadline: float) -> None:
        self._matrix, self._row, self._options, self._deadline = matrix, row, options, deadline
        self._columns = matrix.columns_of("build")
        routes = problem.routes.set_index("route")
        of_column = routes.loc[[matrix.columns[j].index[0] for j in self._columns]]
        self._streams = list(zip(of_column["plant"], of_column["stream"], of_column["technology"], strict=True))
        self._is_whole = problem.is_whole
        self._highs = Highs(matrix, options)
        self._upper = matrix.upper[self._columns].copy()

    def of(self, streams: set[tuple[str, str, str]], budget: float) -> float | None:
        """The aim's value; None where there is no plan or no time."""
        if now() > self._deadline:
            return None
        allowed = np.array([each in streams for each in self._streams], dtype=bool)
        upper: npt.NDArray[np.float64] = np.where(allowed, self._upper, 0.0)
        lower = np.minimum(self._matrix.lower[self._columns], upper)
        self._highs.set_bounds(self._columns, lower, upper)
        self._highs.set_row(self._row, float(self._matrix.row_lower[self._row]), float(budget))
        maximise = self._matrix.maximise[0]
        found = solve_whole(
            self._highs, maximise=maximise, gap=self._options.gap_share, deadline=self._deadline, doing="the list"
        ).outcome
        return float(found.objective) if found.x is not None and found.status in ("optimal", "limit") else None
