"""The budget frontier: the plan at each budget, the plants that enter and leave, and the merit order for comparison.

The frontier of a continuous problem is exact: parametric LP finds every breakpoint. Integer plans form a budget sweep
from low to high. Each budget point starts from the plan below it, which its own budget allows as well, so that a larger
budget is never worse; no bound exceeds that of the next budget point.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.analysis.budget_points import BudgetPoint, BudgetPointSearch
from ccs_model.analysis.frontier_search import processes_for
from ccs_model.analysis.frontier_tables import points_of
from ccs_model.analysis.jobs import aside
from ccs_model.analysis.merit_order_budget import ListOnSharedNetwork, RankedList
from ccs_model.errors import InputError, Issue, NoPlanError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.mip import Matrix, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.budget_sweep import with_limit, zero_point
from ccs_model.mip.clock import now
from ccs_model.mip.parametric import Breakpoint, MovingLimit, breakpoints
from ccs_model.model import build_model
from ccs_model.model.objective import unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import point_of
from ccs_model.plan.plan import BREAK_COLUMNS, Frontier, Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_writer import RUN_WRITER
from ccs_model.scenario import Scenario
from ccs_model.solve.assembly import budget_row, checked_parts
from ccs_model.solve.network_search import Corridors

N_POINTS = 21
TIME_LIMIT_S = 38.0
# Default highest budget, as a multiple of the scenario's.
_BEYOND = 1.5
# Highest budget of a scenario without one: more than anything can cost.
_ALL_THE_MONEY_MN = 1e7
_EXACT_TIME_SHARE = 0.6
# Share of the time limit that the merit order has in any case.
_LIST_TIME_SHARE = 0.3


def frontier(
    scenario: str | PathLike[str] | Scenario,
    *,
    n_points: int = N_POINTS,
    to_mn: float | None = None,
    time_limit_s: float = TIME_LIMIT_S,
    corridors: Sequence[str] | None = None,
    allow_outside: bool = False,
    jobs: int | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Plan:
    """Return the plan at the scenario's budget, or at the highest if it has none, with its `frontier`.

    Parameters
    ----------
    scenario
        A Scenario, or the path of a scenario file.
    n_points
        Number of budgets.
    to_mn
        Highest budget in million; by default one and a half times the scenario's. The lowest is the lowest feasible.
    time_limit_s
        Time limit in seconds.
    corridors
        Links that a shared network may build on besides those found here.
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
    if isinstance(scenario, Scenario):
        inputs = load_inputs(scenario, allow_outside=allow_outside)
    else:
        scenario, inputs = read_checked(scenario, allow_outside=allow_outside)
    deadline = now() + time_limit_s
    list_s = _LIST_TIME_SHARE * time_limit_s
    return _FrontierRequest(scenario, inputs, n_points, to_mn, deadline, list_s, corridors, jobs, on_progress).plan()


@dataclass(frozen=True, eq=False)
class _FrontierRequest:
    """One frontier; `deadline` is a value of `clock.now`, and the merit order has `list_s` seconds in any case."""

    scenario: Scenario
    inputs: Inputs
    n_points: int
    to_mn: float | None
    deadline: float
    list_s: float
    corridors: Sequence[str] | None
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
        options = SolverOptions(self.scenario.solver.mip_gap, self.scenario.solver.threads, self.scenario.solver.seed)
        self._report_progress("LP relaxation")
        in_corridors = problem.is_integer and problem.network is not None
        moving = MovingLimit(matrix, row.row, options, is_exact=not in_corridors)
        if own is None and self.to_mn is None:
            top = self._most(moving)
        low = self._lowest(problem, matrix, row.row, moving)
        if own is not None and own < low:
            own = None
        budgets = np.unique(np.r_[np.linspace(low, max(top, low + 1e-6), self.n_points), [own] if own else []])
        curve: tuple[Breakpoint, ...] = ()
        complete = False
        if not in_corridors:
            curve, complete = breakpoints(
                moving, float(budgets[0]), float(budgets[-1]), deadline=self._share(_EXACT_TIME_SHARE)
            )
        point_search = BudgetPointSearch(
            problem, matrix, row.row, options, moving, curve, self.deadline, self.corridors, self.on_progress, self.jobs
        )
        with self._list_begun(problem, matrix, row.row, options, budgets) as ranked_list:
            budget_points = point_search.budget_points(budgets)
            if not budget_points:
                raise NoPlanError("no plan was found at any budget in time; --time-limit gives the search more")
            self._report_progress("merit order")
            ranked = ranked_list()
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
        found = Frontier(MappingProxyType(about), points, _breaks(curve), moves, pictures)
        self._report_progress("the plan at the scenario's budget")
        return replace(
            _plan_at(problem, matrix, row.row, budget_points[at], self.scenario, point_search.links), frontier=found
        )

    @contextlib.contextmanager
    def _list_begun(
        self, problem: Problem, matrix: Matrix, row: int, options: SolverOptions, budgets: Floats
    ) -> Iterator[Callable[[], RankedList | None]]:
        """Yield a function that returns the merit order, computed in parallel if the plans use several processes."""
        program = (matrix, row) if problem.network is None else None
        limits = list(map(float, budgets))

        def made(seconds: float) -> RankedList | None:
            return RankedList.of(problem, program, options, limits, now() + seconds)

        if program is not None or not problem.is_integer or processes_for(matrix, self.jobs) == 1:
            yield lambda: made(max(self.list_s, self.deadline - now()))
            return
        seconds = self.deadline - now() + self.list_s
        work = ListOnSharedNetwork(problem.scenario, problem.inputs, replace(options, threads=1), seconds)
        with aside(work, limits) as answer:

            def awaited() -> RankedList | None:
                ended = answer(max(self.list_s, self.deadline - now()))
                if ended is not None and ended.failure is None:
                    return ended.result
                # The merit order without objective values takes no time; the frontier does not depend on it.
                failed = None if ended is None else ended.failure
                why = "in time" if failed is None else f"({failed.message})"
                bare = made(0.0)
                if bare is None:
                    return None
                return replace(bare, words=f"{bare.words} What it reaches was not found {why}.")

            yield awaited

    def _most(self, moving: MovingLimit) -> float:
        """Spending without a limit."""
        unlimited = moving.at(np.inf, self.deadline)
        if unlimited is None:
            raise NoPlanError("no budget is feasible: ccs-model optimize names the conflicting constraints")
        return max(moving.used(unlimited.x), 1.0)

    def _lowest(self, problem: Problem, matrix: Matrix, row: int, moving: MovingLimit) -> float:
        """The lowest feasible budget, rounded up beyond the solver's tolerance."""
        if zero_point(with_limit(matrix, row, 0.0)) is not None:
            return 0.0
        low = moving.least(self.deadline)
        if low <= 0.0:
            return 0.0
        return float(np.ceil(low * (1.0 + 1e-6) * 1e3) / 1e3)

    def _share(self, part: float) -> float:
        return now() + part * max(self.deadline - now(), 0.0)

    def _report_progress(self, words: str) -> None:
        if self.on_progress is not None:
            self.on_progress(words)


def _breaks(curve: Sequence[Breakpoint]) -> pd.DataFrame:
    rows = [(each.limit, each.value, each.slope_below, each.slope_above) for each in curve]
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
    fields = checked_parts(
        own, there, budget_point.x, point, budget_point.outcome.status, budget_point.outcome, within, None, corridors
    )
    fixed_decisions = pd.DataFrame(columns=["plant", "name", "lock", "abatement_lost_kt", "cost_added_mn"])
    return Plan(
        **fields, fixed_decisions=fixed_decisions, solver_log="", timings=MappingProxyType({}), writer=RUN_WRITER
    )
