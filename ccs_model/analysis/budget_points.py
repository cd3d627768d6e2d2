"""The budget points of a frontier: a plan at each budget, from low to high, each started from the one below.

For comparison, the merit order (MACC) serves as a rule for a budget. It selects streams from cheap to expensive until
the budget is spent, each at the cost of its own pipeline. The model then optimises these streams only: their timing,
their sinks and, on a shared network, their pipelines, under the budget rule of the plans. The rule falls short of the
optimum because it ignores indivisible costs, limits that streams share and the years for which capture lasts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints, MessageCallback
from ccs_model.analysis.jobs import Job, processes
from ccs_model.analysis.rebuilt_plan import NO_COLUMNS
from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import solve_mip, verified_point
from ccs_model.mip.budget_sweep import SweepModel, with_limit, zero_point
from ccs_model.mip.clock import BackgroundTask, counts_cpu, now, seconds_until_stop, was_stopped
from ccs_model.mip.highs import LARGE_ROWS, gap_share
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.mip.parametric import MovingLimit, Support
from ccs_model.mip.presolve import restricted
from ccs_model.mip.sweep_search import BoundAtLimits, Processes, RunTasks, SweepSearch, SweepTask, SweepWork
from ccs_model.model.names import BUILD
from ccs_model.plan.decisions import without_traces
from ccs_model.plan.merit_order import macc_table
from ccs_model.problem import Problem
from ccs_model.problem.candidate_network import corridor_rows
from ccs_model.solve.directed_bound import lines_over_all_links
from ccs_model.solve.fixed_charge_network import connections_of, network_of, source_network_of
from ccs_model.solve.growth_network import growth_network_of
from ccs_model.solve.normalised_money import Normalised
from ccs_model.solve.strategies import BUDGET_SWEEP, SIZES
from ccs_model.solve.tie_breaking import break_ties

# Multiple of its even share of the effort left that a budget may take, and the least effort it has.
_GREEDY, _LEAST = 1.25, 0.5
# Relative tolerance of spending against a budget.
SPENDING_TOLERANCE = 1e-9
_OWN = "The streams of the merit order, each with its own pipeline."
_SHARED = "The streams of the merit order, ranked with a pipeline of their own each; their plan shares pipelines."
# Relative gap, branch-and-bound nodes and effort at which the plan of a list ends.
_GAP, _NODES, _EFFORT = 0.005, 20, 4.0


@dataclass(frozen=True, eq=False)
class Take:
    """Plants that the merit order selects for a budget or a smaller one, and the best plan found; None without one.

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


def _taken(table: pd.DataFrame, amounts: Floats, budget: float) -> pd.DataFrame:
    """Streams from cheap to expensive, each with its amount of the budget; one that no longer fits is skipped."""
    left, rows = budget, []
    for place, amount in enumerate(amounts.tolist()):
        if amount <= left:
            left -= amount
            rows.append(place)
    return table.iloc[rows]


def _listed_plan(
    matrix: Matrix, others: npt.NDArray[np.int64], options: SolverOptions, start: Floats | None
) -> Floats | None:
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


@dataclass(frozen=True, eq=False)
class BudgetPoint:
    """The plan at one budget: its point over all columns, its outcome, and that of the LP relaxation."""

    budget_mn: float
    x: Floats
    outcome: Outcome
    relaxation: Outcome
    all_links_bound: float


@dataclass(eq=False)
class BudgetPointSearch:
    """Finds the budget points. After `budget_points`, `links` are the corridors (None without a shared network).

    `known_bound` is a budget in million and a bound on every plan within it.
    """

    problem: Problem
    search: Normalised
    row: int
    options: SolverOptions
    moving: MovingLimit
    effort: float
    known: Sequence[Floats]
    report_progress: MessageCallback
    jobs: int | None = None
    known_bound: tuple[float, float] | None = None
    links: tuple[str, ...] | None = None
    network_words: str = "every retrofit has its own pipeline"
    _supports: list[Support] = field(default_factory=list)
    # Columns of pipelines that are not searched.
    _unused: Ints = field(default_factory=lambda: NO_COLUMNS)
    _deadline: float = np.inf

    @property
    def matrix(self) -> Matrix:
        """The model of the search, with money in its unit."""
        return self.search.matrix

    @property
    def sign(self) -> float:
        """1 for a maximised objective, −1 for a minimised one."""
        return self.matrix.sign

    def budget_points(self, budgets: Floats) -> tuple[list[BudgetPoint], RankedList | None]:
        """Return a plan at each budget in million that has one, and the merit order."""
        self._deadline = now() + self.effort
        limits = budgets / self.search.unit
        if not self.problem.is_integer:
            found = self._linear(limits)
        elif self.problem.network is None:
            found = self._rounded(limits)
        else:
            found = self._in_corridors(limits)
        self.report_progress("merit order")
        ranked = self._ranked(list(map(float, budgets)))
        if self.problem.is_integer:
            found = self._pooled(found, limits, ranked)
        mn = dict(zip(limits.tolist(), budgets.tolist(), strict=True))
        return [self._in_million(each, mn[each.budget_mn]) for each in self._with_monotone_bounds(found)], ranked

    def _ranked(self, budgets: Sequence[float]) -> RankedList | None:
        """The merit order with its plan at each budget in million, ascending; None if nothing can be ranked."""
        problem, matrix = self.problem, self.matrix
        table = macc_table(problem, pd.DataFrame(columns=["plant", "stream"]))
        if table.empty:
            return None
        columns = matrix.columns_of(BUILD)
        routes = problem.routes.set_index("route").loc[[matrix.columns[j].index[0] for j in columns]]
        streams = list(zip(routes["plant"], routes["stream"], routes["technology"], strict=True))
        # The budget of a static year is money per year, and covers all yearly costs.
        yearly_mn = table["avoidance_cost_at_full_load_per_t"] * table["avoided_at_full_load_ktpa"] / 1000.0
        amounts = (yearly_mn if problem.is_static else table["capex_mn"]).to_numpy(float)
        takes: dict[float, Take] = {}
        start, best = None, None
        for budget in budgets:
            taken = _taken(table, amounts, budget)
            listed = set(zip(taken["plant"], taken["stream"], taken["technology"], strict=True))
            others = np.union1d(columns[[each not in listed for each in streams]], self._unused)
            there = with_limit(matrix, self.row, budget / self.search.unit)
            start = None if was_stopped() else _listed_plan(there, others, self.options, start)
            value = None if start is None else self.search.value(start)
            take = Take(frozenset(map(str, taken["plant"])), start, value)
            # The list of a smaller budget fits this one as well.
            if best is not None and best.value is not None and (value is None or self.sign * (best.value - value) > 0):
                take = best
            takes[budget] = best = take
        return RankedList(table, _OWN if problem.network is None else _SHARED, takes)

    def _in_million(self, point: BudgetPoint, budget_mn: float) -> BudgetPoint:
        """A budget point of the search in the units of the problem."""
        return BudgetPoint(
            budget_mn,
            self.search.x(point.x),
            self.search.outcome(point.outcome),
            self.search.outcome(point.relaxation),
            point.all_links_bound * float(self.search.objective[0]),
        )

    def _pooled(
        self, budget_points: list[BudgetPoint], budgets: Floats, ranked: RankedList | None
    ) -> list[BudgetPoint]:
        """Budget points at all budgets, each with the best known plan that its budget allows."""
        spending = self.matrix.rows[[self.row], :].toarray().ravel()
        lists = [] if ranked is None else [take.x for take in ranked.takes.values() if take.x is not None]
        pool = [*(each.x for each in budget_points), *lists, *self.known]
        nothing = zero_point(self.matrix)
        pool += [] if nothing is None else [nothing]
        ranking = sorted(
            ((-self.sign * float(self.matrix.costs[0] @ x), float(spending @ x), k) for k, x in enumerate(pool))
        )
        at = {each.budget_mn: each for each in budget_points}
        found = []
        for budget in map(float, budgets):
            there = with_limit(self.matrix, self.row, budget)
            for value, spent, k in ranking:
                if spent <= budget + SPENDING_TOLERANCE * max(budget, 1.0) and residuals(there, pool[k]).hold:
                    found.append(self._with_plan(at.get(budget), budget, pool[k], -self.sign * value))
                    break
        return found

    def _with_plan(self, known: BudgetPoint | None, budget: float, x: Floats, value: float) -> BudgetPoint:
        """The budget point with another plan; without one, with no bound but that of the relaxation's lines."""
        if known is not None:
            return replace(known, x=x, outcome=replace(known.outcome, x=x, objective=value))
        bound = self._over_all_links(budget)
        outcome = Outcome("limit", value, bound, x, None, None)
        return BudgetPoint(budget, x, outcome, Outcome("limit", bound, bound, None, None, None), bound)

    def _linear(self, budgets: Floats) -> list[BudgetPoint]:
        if self.problem.network is not None:
            self.network_words = "pipelines are shared, over every candidate link"
        budget_points = []
        for budget in budgets:
            support = self.moving.at(float(budget))
            if support is None:
                continue
            there = with_limit(self.matrix, self.row, budget)
            x = without_traces(self.problem, there, rounded_to_integrality(there, support.x))
            outcome = replace(self._relaxation(support), x=x)
            budget_points.append(BudgetPoint(float(budget), x, outcome, outcome, support.value))
            self.report_progress(f"budget {len(budget_points)} of {len(budgets)}")
        return budget_points

    def _rounded(self, budgets: Floats) -> list[BudgetPoint]:
        """Integer plans without a shared network, with ties broken by the secondary objective."""
        highs = Highs(self.matrix, self.options)
        maximise = self.matrix.maximise[0]
        budget_points: list[BudgetPoint] = []
        for k, budget in enumerate(budgets):
            there = with_limit(self.matrix, self.row, budget)
            until = now() + max(_GREEDY * (self._deadline - now()) / (len(budgets) - k), _LEAST)
            highs.set_row(self.row, float(self.matrix.row_lower[self.row]), float(budget))
            start = budget_points[-1].x if budget_points else None
            found = solve_mip(
                highs, maximise=maximise, gap=self.options.gap_share, deadline=until, stage="budget point", start=start
            )
            if found.outcome.x is None:
                continue
            x = rounded_to_integrality(there, found.outcome.x)
            value = float(there.costs[0] @ x)
            x = break_ties(Highs(there, self.options), x, value, maximise=maximise, deadline=until)
            x = without_traces(self.problem, there, x)
            value = float(there.costs[0] @ x)
            outcome = replace(found.outcome, x=x, objective=value)
            budget_points.append(BudgetPoint(float(budget), x, outcome, found.relaxation, outcome.bound))
            self.report_progress(f"budget {k + 1} of {len(budgets)}")
        return budget_points

    def _in_corridors(self, budgets: Floats) -> list[BudgetPoint]:
        """Integer plans on a shared network, within corridors chosen at two anchors."""
        problem = self.problem
        assert problem.network is not None
        if seconds_until_stop() <= 0:
            return []
        links = problem.network.links["link"].to_numpy(object)
        model = SweepModel(self.matrix, self.row, network_of(problem, self.matrix), (), self.options)
        growth = growth_network_of(problem, self.matrix)
        work = SweepWork(model, connections_of(problem, self.matrix), BUDGET_SWEEP, growth)
        required, required_only = self._required(links, is_grown=growth is not None)
        # As in a single plan, slope scaling chooses links where there are few or where growth does not apply.
        with_scaling = growth is None or len(links) <= SIZES.all_links
        n_processes = _processes_for(self.matrix, self.jobs)
        lines = BackgroundTask(
            partial(self._lines_over_all_links, float(budgets[-1])), is_threaded=problem.scenario.solver.is_threaded
        )
        with _run_tasks_in(n_processes, work) as run_tasks, lines:
            sweep = SweepSearch(
                work,
                required,
                required_only,
                with_scaling,
                self.known,
                self.effort,
                run_tasks,
                self.report_progress,
                partial(source_network_of, problem),
            )
            found = sweep.run(budgets)
            if found is None:
                return []
            self.report_progress("bounds over all links")
            self._supports = [*found.supports, *lines.result()]
        self.links = tuple(str(links[k]) for k in found.arc_groups if k < len(links))
        self._unused = model.network.outside(found.arc_groups)
        budget_points: list[BudgetPoint] = []
        for sweep_point in found.points:
            if sweep_point.x is None:
                continue
            there = with_limit(self.matrix, self.row, sweep_point.limit)
            x = without_traces(problem, there, found.small.lifted(sweep_point.x))
            value = float(self.matrix.costs[0] @ x)
            over_all = self._over_all_links(sweep_point.limit)
            if len(self.links) == len(links):
                over_all = self.sign * min(self.sign * over_all, self.sign * sweep_point.bound)
            bound = self.sign * min(self.sign * sweep_point.bound, self.sign * over_all)
            outcome = Outcome("limit", value, bound, x, None, None)
            relaxation = self._relaxation(sweep_point.support)
            budget_points.append(BudgetPoint(sweep_point.limit, x, outcome, relaxation, over_all))
        return budget_points

    def _lines_over_all_links(self, highest: float) -> list[Support]:
        """Lines of the relaxation with flow directions, where several periods make that of the anchors weak."""
        anchors = BUDGET_SWEEP.stage(BoundAtLimits)
        if len(self.problem.years) == 1 or len(self.matrix.row_lower) > LARGE_ROWS:
            return []
        limits = [share * highest for share in anchors.shares]
        return lines_over_all_links(
            self.problem, self.matrix, self.row, limits, self.options, anchors.share * self.effort
        )

    def _required(self, links: npt.NDArray[np.object_], *, is_grown: bool) -> tuple[Ints, bool]:
        """Arc groups that the corridors contain in any case, all sites among them, and whether there are no others."""
        problem = self.problem
        sites = np.arange(len(links), len(links) + len(problem.sites))
        requested = problem.scenario.transport.corridors
        if requested == "all":
            self.network_words = "pipelines are shared, over every candidate link"
            return np.arange(len(links) + len(problem.sites)), True
        if requested != "auto":
            self.network_words = f"pipelines are shared, within the searched links of {requested}"
            return np.r_[corridor_rows(problem.scenario, problem.inputs, list(links)), sites], True
        if self.known or is_grown:
            self.network_words = "pipelines are shared, within the links of known plans and those found here"
        else:
            self.network_words = "pipelines are shared, within links found by slope scaling at two budgets"
        return sites, False

    def _relaxation(self, support: Support) -> Outcome:
        price = np.zeros(len(self.matrix.row_lower))
        price[self.row] = support.slope
        return Outcome("optimal", support.value, support.value, None, price, None)

    def _over_all_links(self, budget: float) -> float:
        """The bound by supporting lines: the relaxation over all links is concave in the budget."""
        values = [self.sign * each.at(budget) for each in self._supports]
        return self.sign * min(values) if values else self.sign * np.inf

    def _with_monotone_bounds(self, budget_points: list[BudgetPoint]) -> list[BudgetPoint]:
        """Budget points whose bounds do not exceed those of a higher budget, since a larger budget is never worse."""
        kept: list[BudgetPoint] = []
        within = over = np.inf
        for budget_point in reversed(budget_points):
            if self.known_bound is not None:
                budget_mn, known = self.known_bound
                if budget_point.budget_mn * self.search.unit <= budget_mn * (1 + SPENDING_TOLERANCE):
                    known *= self.sign / float(self.search.objective[0])
                    within, over = min(within, known), min(over, known)
            value = self.sign * budget_point.outcome.objective
            within = max(min(within, self.sign * budget_point.outcome.bound), value)
            over = max(min(over, self.sign * budget_point.all_links_bound), value)
            bound = self.sign * within
            closed = gap_share(bound, budget_point.outcome.objective) <= self.options.gap_share + 1e-9
            outcome = replace(budget_point.outcome, bound=bound, status="optimal" if closed else "limit")
            kept.append(replace(budget_point, outcome=outcome, all_links_bound=self.sign * over))
        return kept[::-1]


def _processes_for(matrix: Matrix, jobs: int | None) -> int:
    """Return how many processes work on a sweep of a model; `jobs` is the requested number, None for automatic."""
    limits = BUDGET_SWEEP.stage(Processes)
    automatic = 1 if len(matrix.row_lower) < limits.min_rows else min(os.cpu_count() or 1, limits.n_jobs)
    # The CPU seconds of one process do not count those of others.
    return 1 if counts_cpu() else min(jobs or automatic, limits.n_jobs)


@contextlib.contextmanager
def _run_tasks_in(n_processes: int, work: SweepWork) -> Iterator[RunTasks]:
    """Yield a function that does tasks, in this process or side by side in others, and returns results in order."""
    if n_processes == 1:
        do = work.opened()
        yield lambda tasks: [do(task) for task in tasks]
        return
    with processes(work, n_processes) as group:

        def run_tasks(tasks: Sequence[tuple[SweepTask, float]]) -> list[tuple[Any, float]]:
            results: dict[str, Any] = {}
            for ended in group.ended([Job(str(k), task) for k, task in enumerate(tasks)]):
                if ended.failure is not None:
                    raise NoPlanError(f"a part of the frontier failed: {ended.failure.message}")
                results[ended.key] = ended.result
            return [results[str(k)] for k in range(len(tasks))]

        yield run_tasks
