"""The budget frontier: the plan at each budget, the plants that enter and leave, and the merit order for comparison.

The frontier of a continuous problem is exact: parametric LP finds every breakpoint. Integer plans form a budget sweep
from low to high. Each budget point starts from the plan below it, which its own budget allows as well, so that a larger
budget is never worse; no bound exceeds that of the next budget point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.analysis.budget_points import BudgetPoint, BudgetPointSearch
from ccs_model.analysis.frontier_tables import points_of
from ccs_model.errors import InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.inputs import Inputs
from ccs_model.mip import Matrix, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.budget_sweep import with_limit, zero_point
from ccs_model.mip.clock import effort, now, time_s
from ccs_model.mip.parametric import Breakpoint, MovingLimit, breakpoints
from ccs_model.model import build_model
from ccs_model.model.objective import unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import point_of, vector_of
from ccs_model.plan.plan import BREAK_COLUMNS, Frontier, Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem, build_problem
from ccs_model.runs.run_reader import RunLike, is_run, solved_problem_of
from ccs_model.runs.run_writer import RUN_WRITER
from ccs_model.scenario import Scenario
from ccs_model.solve.assembly import budget_row, checked_parts
from ccs_model.solve.driver import ScenarioLike, inputs_of, solve
from ccs_model.solve.network_search import Corridors
from ccs_model.solve.normalised_money import Normalised, normalised
from ccs_model.solve.strategies import effort_of_sweep

N_POINTS = 21
# Default highest budget, as a multiple of the scenario's.
_BEYOND = 1.5
# Highest budget of a scenario without one: more than anything can cost.
_ALL_THE_MONEY_MN = 1e7


def frontier(
    scenario: ScenarioLike | RunLike,
    *,
    n_points: int = N_POINTS,
    to_mn: float | None = None,
    time_limit_s: float | None = None,
    known: Sequence[pd.DataFrame] = (),
    allow_outside: bool = False,
    jobs: int | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Plan:
    """Return the plan at the scenario's budget, or at the highest if it has none, with its `frontier`.

    Parameters
    ----------
    scenario
        A Scenario, its file or its values as a dict; or a run folder, a stored run or a plan, which is then one of
        those compared.
    n_points
        Number of budgets.
    to_mn
        Highest budget in million; by default one and a half times the scenario's. The lowest is the lowest feasible.
    time_limit_s
        Time limit in seconds, which stops the search; by default that of the scenario.
    known
        Points of finished runs of the same scenario (`Plan.point`), which the frontier takes over where they are
        better. Without any, the plan at the scenario's budget is optimised first.
    allow_outside
        Whether the scenario may read files outside its folder.
    jobs
        Number of processes on a shared network, two at most; by default one for a small network.
    on_progress
        Called with one line of progress.

    Returns
    -------
    Plan
        The plan, with its `frontier`.

    Raises
    ------
    InputError, InfeasibleError, NoPlanError, CheckError
        As `optimize`.
    """
    if is_run(scenario):
        solved = solved_problem_of(scenario)
        known = [*known, solved.point]
        requested, inputs = solved.problem.scenario, solved.problem.inputs
    else:
        assert not isinstance(scenario, StoredRun | Plan)
        requested, inputs = inputs_of(scenario, allow_outside=allow_outside)
    with effort(time_s() + (time_limit_s or requested.solver.time_limit_s)):
        return _FrontierRequest(requested, inputs, n_points, to_mn, tuple(known), jobs, on_progress).plan()


@dataclass(frozen=True, eq=False)
class _FrontierRequest:
    """One frontier."""

    scenario: Scenario
    inputs: Inputs
    n_points: int
    to_mn: float | None
    known: tuple[pd.DataFrame, ...]
    jobs: int | None
    on_progress: Callable[[str], None] | None

    def plan(self) -> Plan:
        own = self.scenario.budget.total_mn
        top = self.to_mn or (_BEYOND * own if own else _ALL_THE_MONEY_MN)
        if self.n_points < 2:
            raise InputError([Issue("--points", f"{self.n_points} points, expected two or more")])
        # The highest budget has every pipe size and column that a lower one has.
        problem = build_problem(self.scenario.with_changes({"budget.total_mn": max(top, own or 0.0)}), self.inputs)
        matrix = matrix_of(build_model(problem))
        row = budget_row(matrix)
        if row is None:
            raise InputError([Issue("budget.total_mn", "nothing can be built, so that no budget buys anything")])
        options = SolverOptions(self.scenario.solver.mip_gap, seed=self.scenario.solver.seed)
        self._report_progress("LP relaxation")
        in_corridors = problem.is_integer and problem.network is not None
        search = normalised(problem, matrix)
        moving = MovingLimit(search.matrix, row.row, options, is_exact=not in_corridors)
        if own is None and self.to_mn is None:
            top = self._most(moving) * search.unit
        low = self._lowest(matrix, row.row, moving, search.unit)
        if own is not None and own < low:
            own = None
        budgets = np.unique(np.r_[np.linspace(low, max(top, low + 1e-6), self.n_points), [own] if own else []])
        amount = effort_of_sweep(len(matrix.row_lower), self.scenario.solver.effort)
        pool = [each for table in self._known(own) if (each := _vector(search, table)) is not None]
        curve: tuple[Breakpoint, ...] = ()
        complete = False
        if not in_corridors:
            curve, complete = breakpoints(
                moving, *budgets[[0, -1]] / search.unit, deadline=now() + amount if problem.is_integer else np.inf
            )
        point_search = BudgetPointSearch(
            problem, search, row.row, options, moving, amount, pool, self.on_progress, self.jobs
        )
        budget_points, ranked = point_search.budget_points(budgets)
        if not budget_points:
            raise NoPlanError("no plan was found at any budget; a higher solver.effort or --time-limit searches longer")
        there = [k for k, each in enumerate(budget_points) if own is None or each.budget_mn <= own]
        at = there[-1] if there else 0
        points, moves, pictures = points_of(problem, matrix, row.row, budget_points, ranked, own)
        about = {
            "objective_name": problem.objective,
            "unit": unit_of(problem),
            "currency": problem.currency,
            "price_year": problem.price_year,
            "decisions": "integer" if problem.is_integer else "continuous",
            "is_exact": complete and not problem.is_integer,
            "network": point_search.network_words,
            "n_corridors": point_search.n_corridors,
            "budget_mn": own,
            "lowest_budget_mn": float(budgets[0]),
            "list_words": ranked.words if ranked is not None else "",
        }
        found = Frontier(MappingProxyType(about), points, _breaks(curve, search), moves, pictures)
        self._report_progress("the plan at the scenario's budget")
        return replace(
            _plan_at(problem, matrix, row.row, budget_points[at], self.scenario, point_search.links), frontier=found
        )

    def _known(self, own: float | None) -> Sequence[pd.DataFrame]:
        """Points of plans at the scenario's budget: those given, else the optimised one."""
        if self.known or own is None or self.scenario.capture.decisions != "integer":
            return self.known
        self._report_progress("the plan at the scenario's budget")
        try:
            plan = solve(build_problem(self.scenario, self.inputs))
        except (InfeasibleError, NoPlanError):
            return ()
        return () if plan.point is None else (plan.point,)

    def _most(self, moving: MovingLimit) -> float:
        """Spending without a limit."""
        unlimited = moving.at(np.inf)
        if unlimited is None:
            raise NoPlanError("no budget is feasible: ccs-model optimize names the conflicting constraints")
        return max(moving.used(unlimited.x), 1.0)

    def _lowest(self, matrix: Matrix, row: int, moving: MovingLimit, unit: float) -> float:
        """The lowest feasible budget, rounded up beyond the solver's tolerance."""
        if zero_point(with_limit(matrix, row, 0.0)) is not None:
            return 0.0
        low = moving.least() * unit
        if low <= 0.0:
            return 0.0
        return float(np.ceil(low * (1.0 + 1e-6) * 1e3) / 1e3)

    def _report_progress(self, words: str) -> None:
        if self.on_progress is not None:
            self.on_progress(words)


def _vector(search: Normalised, table: pd.DataFrame) -> Floats | None:
    """The point of a table in the model of the search; None if it has columns that the model has not."""
    x, strange = vector_of(search.matrix, table)
    return None if strange else search.searched(x)


def _breaks(curve: Sequence[Breakpoint], search: Normalised) -> pd.DataFrame:
    by, unit = float(search.objective[0]), search.unit
    slope = by / unit
    rows = [(at.limit * unit, at.value * by, at.slope_below * slope, at.slope_above * slope) for at in curve]
    return pd.DataFrame(rows, columns=BREAK_COLUMNS, dtype=float)


def _plan_at(
    problem: Problem,
    matrix: Matrix,
    row: int,
    budget_point: BudgetPoint,
    scenario: Scenario,
    links: tuple[str, ...] | None,
) -> Plan:
    """The plan of one budget point, as `optimize` would return it."""
    there = with_limit(matrix, row, budget_point.budget_mn)
    own = problem if scenario.budget.total_mn is None else replace(problem, scenario=scenario)
    own = replace(own, budget_mn=budget_point.budget_mn)
    within = MipOutcome(budget_point.outcome, budget_point.relaxation)
    corridors = Corridors(within, links, budget_point.all_links_bound) if links is not None else None
    point = point_of(own, there, budget_point.x)
    fields = checked_parts(own, there, budget_point.x, point, budget_point.outcome, within, None, corridors)
    fixed_decisions = pd.DataFrame(columns=["plant", "name", "lock", "abatement_lost_kt", "cost_added_mn"])
    return Plan(
        **fields, fixed_decisions=fixed_decisions, solver_log="", timings=MappingProxyType({}), writer=RUN_WRITER
    )
