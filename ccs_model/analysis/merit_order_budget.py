"""The merit order (MACC) as a rule for a budget: the streams it would select, and the plan they allow.

The merit order selects streams from cheap to expensive until the budget is spent, each at the cost of its own pipeline.
The model then optimises these streams only: their timing, their sinks and, on a shared network, their pipelines, under
the budget rule of the plans. The rule falls short of the optimum because it ignores indivisible costs, limits that
streams share and the years for which capture lasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.branch_and_bound import verified_point
from ccs_model.mip.budget_sweep import with_limit, zero_point
from ccs_model.mip.clock import was_stopped
from ccs_model.mip.presolve import restricted
from ccs_model.model.names import BUILD
from ccs_model.plan.merit_order import macc_table
from ccs_model.problem import Problem
from ccs_model.solve.normalised_money import Normalised

_OWN = "The streams of the merit order, each with its own pipeline."
_SHARED = "The streams of the merit order, ranked with a pipeline of their own each; their plan shares pipelines."
# Relative gap, branch-and-bound nodes and effort at which the plan of a list ends.
_GAP, _NODES, _EFFORT = 0.005, 20, 4.0


@dataclass(frozen=True, eq=False)
class Take:
    """Plants that the merit order selects for a budget, and the best plan found with its streams; None without one.

    `x` is in the units of the search, `value` in those of the problem.
    """

    plants: frozenset[str]
    x: Floats | None
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
        search: Normalised,
        row: int,
        options: SolverOptions,
        budgets: Sequence[float],
        useless: npt.NDArray[np.int64] | None = None,
    ) -> RankedList | None:
        """Return the merit order of a problem; None if nothing can be ranked.

        Parameters
        ----------
        problem, search, row
            The problem, the model of its search and the row of its budget.
        options
            Options of the solver.
        budgets
            Budgets in million, ascending.
        useless
            Columns of pipelines that are not searched.
        """
        table = macc_table(problem, pd.DataFrame(columns=["plant", "stream"]))
        if table.empty:
            return None
        matrix = search.matrix
        columns = matrix.columns_of(BUILD)
        routes = problem.routes.set_index("route").loc[[matrix.columns[j].index[0] for j in columns]]
        streams = list(zip(routes["plant"], routes["stream"], routes["technology"], strict=True))
        off = np.zeros(0, dtype=np.int64) if useless is None else useless
        takes, start = {}, None
        for budget in budgets:
            taken = _taken(table, budget)
            listed = set(zip(taken["plant"], taken["stream"], taken["technology"], strict=True))
            others = columns[[each not in listed for each in streams]]
            there = with_limit(matrix, row, budget / search.unit)
            start = None if was_stopped() else _plan(there, np.union1d(others, off), options, start)
            value = None if start is None else search.value(start)
            takes[float(budget)] = Take(frozenset(map(str, taken["plant"])), start, value)
        return cls(table, _OWN if problem.network is None else _SHARED, takes)


def _taken(table: pd.DataFrame, budget: float) -> pd.DataFrame:
    """Streams from cheap to expensive; one that no longer fits the budget is skipped."""
    left, rows = budget, []
    for place, capex in enumerate(table["capex_mn"].to_numpy(float)):
        if capex <= left:
            left -= capex
            rows.append(place)
    return table.iloc[rows]


def _plan(matrix: Matrix, others: npt.NDArray[np.int64], options: SolverOptions, start: Floats | None) -> Floats | None:
    """The best plan found without some columns, from the plan of a shorter list if it is one here."""
    small = restricted(matrix, others[matrix.lower[others] == 0])
    if start is None or not small.holds(start):
        start = zero_point(matrix)
    if not len(small.columns):
        return start
    highs = Highs(small.matrix, options)
    highs.set_option("mip_rel_gap", _GAP)
    highs.set_option("mip_max_nodes", _NODES)
    highs.set_option("mip_allow_restart", False)
    if start is not None and small.holds(start):
        highs.start_from(start[small.columns])
    outcome = highs.attempt(_EFFORT, "merit order")
    found = None if outcome.x is None else verified_point(matrix, small.lifted(outcome.x), options)
    return start if found is None else found
