"""The budget points of a frontier: a plan at each budget, from low to high, each started from the one below.

On a large shared network each plan is then proven within its own links. For comparison, each budget has the plan of the
merit order.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ccs_model._typing import Floats, Ints, MessageCallback
from ccs_model.analysis.jobs import Job, processes
from ccs_model.analysis.merit_order_plans import RankedList, merit_order_plans
from ccs_model.analysis.rebuilt_plan import NO_COLUMNS
from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.budget_sweep import SweepModel, with_limit, zero_point
from ccs_model.mip.clock import BackgroundTask, counts_cpu, now, seconds_until_stop, time_s
from ccs_model.mip.highs import LARGE_ROWS, gap_share
from ccs_model.mip.matrix import residuals, round_to_integrality
from ccs_model.mip.parametric import MovingLimit, Support
from ccs_model.mip.sweep_search import (
    BoundAtLimits,
    JobLimits,
    ProveAtLimits,
    RunTasks,
    SweepSearch,
    SweepTask,
    SweepWork,
    prove_at_limit,
)
from ccs_model.plan.decisions import without_traces
from ccs_model.problem import Problem
from ccs_model.problem.candidate_network import corridor_rows
from ccs_model.solve.directed_bound import lines_over_all_links, prove_by_directions
from ccs_model.solve.fixed_charge_network import connections_of, network_of, source_networks_of
from ccs_model.solve.growth_network import growth_network_of
from ccs_model.solve.normalised_money import NormalisedModel
from ccs_model.solve.strategies import BUDGET_SWEEP, SIZES
from ccs_model.solve.tie_breaking import break_ties

# Multiple of its even share of the effort left that a budget may take, and the least effort it has.
_GREEDY, _LEAST = 1.25, 0.5
# Relative improvement of the objective below which two plans count as equally good.
_IMPROVED = 1e-9
# Relative tolerance of spending against a budget.
SPENDING_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class BudgetPoint:
    """The plan at one budget: its point over all columns, its outcome, and that of the LP relaxation."""

    budget_mn: float
    x: Floats
    outcome: Outcome
    relaxation: Outcome
    all_links_bound: float

    @property
    def value(self) -> float:
        """Objective value of the plan."""
        return self.outcome.objective

    def with_plan(self, x: Floats, value: float, bound: float) -> BudgetPoint:
        """Return the budget point with another plan and its bound."""
        return replace(self, x=x, outcome=replace(self.outcome, x=x, objective=value, bound=bound))


@dataclass(frozen=True, eq=False)
class _PointProofs:
    """What proves plans one by one, and the lines that bound all of them over all links, computed beside."""

    run_tasks: RunTasks
    lines: Callable[[], list[Support]]


@dataclass(eq=False)
class BudgetPointSearch:
    """Finds the budget points. After `budget_points`, `links` are the corridors (None without a shared network).

    `known_bound` is a budget in million and a bound on every plan within it.
    """

    problem: Problem
    search: NormalisedModel
    row: int
    options: SolverOptions
    moving: MovingLimit
    effort: float
    known: Sequence[Floats]
    report_progress: MessageCallback
    jobs: int | None = None
    known_bound: tuple[float, float] | None = None
    links: tuple[str, ...] | None = None
    network_words: str = field(init=False)
    _supports: list[Support] = field(default_factory=list)
    # Columns of pipelines that are not searched.
    _unused: Ints = field(default_factory=lambda: NO_COLUMNS)
    _deadline: float = np.inf
    # Where plans are proven one by one within their own links.
    _proofs: _PointProofs | None = None

    def __post_init__(self) -> None:
        shared = "pipelines are shared; the search ended before it chose links"
        self.network_words = "every retrofit has its own pipeline" if self.problem.network is None else shared

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
        with contextlib.ExitStack() as beside:
            if not self.problem.is_integer:
                found = self._solve_continuous(limits)
            elif self.problem.network is None:
                found = self._solve_integer(limits)
            else:
                found = self._solve_in_corridors(limits, beside)
            is_threaded = self._proofs is not None and self.problem.scenario.solver.is_threaded
            merit_order = BackgroundTask(
                partial(
                    merit_order_plans, self.problem, self.search, self.row, self.options, self._unused, budgets.tolist()
                ),
                is_threaded=is_threaded,
            )
            beside.enter_context(merit_order)
            if self._proofs is not None:
                found = self._prove_points(self._pool_plans(found, limits, None), self._proofs)
            self.report_progress("merit order")
            ranked = merit_order.result()
            if self.problem.is_integer:
                pooled = self._pool_plans(found, limits, ranked)
                if self._proofs is not None:
                    pooled = self._prove_improved_points(found, pooled, self._proofs)
                found = pooled
        mn = dict(zip(limits.tolist(), budgets.tolist(), strict=True))
        return [self._to_problem_units(each, mn[each.budget_mn]) for each in self._with_monotone_bounds(found)], ranked

    def _to_problem_units(self, point: BudgetPoint, budget_mn: float) -> BudgetPoint:
        """A budget point of the search in the units of the problem."""
        return BudgetPoint(
            budget_mn,
            self.search.x(point.x),
            self.search.outcome(point.outcome),
            self.search.outcome(point.relaxation),
            point.all_links_bound * float(self.search.objective[0]),
        )

    def _pool_plans(
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
            return known.with_plan(x, value, known.outcome.bound)
        bound = self._all_links_bound(budget)
        outcome = Outcome("limit", value, bound, x, None, None)
        return BudgetPoint(budget, x, outcome, Outcome("limit", bound, bound, None, None, None), bound)

    def _prove_points(
        self, points: list[BudgetPoint], proofs: _PointProofs, at: Sequence[int] | None = None
    ) -> list[BudgetPoint]:
        """Budget points with the bound within the links of their own plan, which may become better there.

        A better plan replaces those of higher budgets, whose own links are then proven in turn. With `at` only some
        points are proven at first.
        """
        self.report_progress("bounds within the links of each plan")
        allowed = BUDGET_SWEEP.stage(ProveAtLimits).share * self.effort
        waiting = list(range(len(points)) if at is None else at)
        while waiting and seconds_until_stop() > 0:
            tasks = [partial(prove_at_limit, points[k].budget_mn, points[k].x, effort=allowed) for k in waiting]
            stop_at = time_s() + seconds_until_stop()
            results = proofs.run_tasks([(each, stop_at) for each in tasks])
            for k, ((proven, found), _) in zip(waiting, results, strict=True):
                # A bound within more links holds as well.
                bound = self.sign * min(self.sign * found, self.sign * points[k].outcome.bound)
                x = without_traces(self.problem, with_limit(self.matrix, self.row, points[k].budget_mn), proven)
                points[k] = points[k].with_plan(x, float(self.matrix.costs[0] @ x), bound)
            waiting = []
            for k in range(1, len(points)):
                below, here = points[k - 1], points[k]
                if self._is_better(below, here):
                    points[k] = here.with_plan(below.x, below.value, self.sign * np.inf)
                    waiting.append(k)
        return points

    def _prove_improved_points(
        self, found: Sequence[BudgetPoint], pooled: Sequence[BudgetPoint], proofs: _PointProofs
    ) -> list[BudgetPoint]:
        """Proven budget points, of which some have a better plan from the pool, with the bound over all links."""
        before = {each.budget_mn: each for each in found}
        points, changed = [], []
        for k, each in enumerate(pooled):
            known = before.get(each.budget_mn)
            if known is None or self._is_better(each, known):
                changed.append(k)
                known = each.with_plan(each.x, each.value, self.sign * np.inf)
            points.append(known)
        points = self._prove_points(points, proofs, changed)
        self.report_progress("bounds over all links")
        self._supports = proofs.lines()
        return [self._add_all_links_bound(each) for each in points]

    def _add_all_links_bound(self, point: BudgetPoint) -> BudgetPoint:
        """The budget point with the bound over all links."""
        over_all, relaxation = self._all_links_bound(point.budget_mn), point.relaxation
        if not np.isfinite(relaxation.objective):
            relaxation = replace(relaxation, objective=over_all, bound=over_all)
        bound = self.sign * min(self.sign * point.outcome.bound, self.sign * over_all)
        point = point.with_plan(point.x, point.value, bound)
        return replace(point, relaxation=relaxation, all_links_bound=over_all)

    def _is_better(self, one: BudgetPoint, other: BudgetPoint) -> bool:
        """Whether the plan of one budget point is better than that of another by more than rounding."""
        return self.sign * (one.value - other.value) > _IMPROVED * abs(other.value)

    def links_of(self, point: BudgetPoint) -> tuple[str, ...] | None:
        """Links within which the bound of a budget point holds: its own where each plan is proven within its own."""
        network = self.problem.network
        if self._proofs is None or network is None:
            return self.links
        used = network_of(self.problem, self.matrix).arc_groups_used(point.x)
        return tuple(str(link) for link in network.links["link"].to_numpy(object)[used[used < len(network.links)]])

    def _solve_continuous(self, budgets: Floats) -> list[BudgetPoint]:
        if self.problem.network is not None:
            self.network_words = "pipelines are shared, over every candidate link"
        budget_points = []
        for budget in budgets:
            support = self.moving.solve_at(float(budget))
            if support is None:
                continue
            there = with_limit(self.matrix, self.row, budget)
            x = without_traces(self.problem, there, round_to_integrality(there, support.x))
            outcome = replace(self._relaxation(support), x=x)
            budget_points.append(BudgetPoint(float(budget), x, outcome, outcome, support.value))
            self.report_progress(f"budget {len(budget_points)} of {len(budgets)}")
        return budget_points

    def _solve_integer(self, budgets: Floats) -> list[BudgetPoint]:
        """Integer plans without a shared network, with ties broken by the secondary objective."""
        highs = Highs(self.matrix, self.options)
        budget_points: list[BudgetPoint] = []
        for k, budget in enumerate(budgets):
            there = with_limit(self.matrix, self.row, budget)
            until = now() + max(_GREEDY * (self._deadline - now()) / (len(budgets) - k), _LEAST)
            highs.set_row(self.row, float(self.matrix.row_lower[self.row]), float(budget))
            start = budget_points[-1].x if budget_points else None
            found = solve_mip(highs, deadline=until, stage="budget point", start=start)
            if found.outcome.x is None:
                continue
            x = round_to_integrality(there, found.outcome.x)
            x = break_ties(Highs(there, self.options), x, deadline=until)
            x = without_traces(self.problem, there, x)
            value = float(there.costs[0] @ x)
            outcome = replace(found.outcome, x=x, objective=value)
            budget_points.append(BudgetPoint(float(budget), x, outcome, found.relaxation, outcome.bound))
            self.report_progress(f"budget {k + 1} of {len(budgets)}")
        return budget_points

    def _solve_in_corridors(self, budgets: Floats, beside: contextlib.ExitStack) -> list[BudgetPoint]:
        """Integer plans on a shared network, within corridors: links of grown plans, or found at two anchors."""
        problem = self.problem
        assert problem.network is not None
        if seconds_until_stop() <= 0:
            return []
        links = problem.network.links["link"].to_numpy(object)
        model = SweepModel(self.matrix, self.row, network_of(problem, self.matrix), (), self.options)
        growth = growth_network_of(problem, self.matrix)
        required, required_only = self._required_groups(links, is_grown=growth is not None)
        # With few links all of them are searched, and the gap within them is that over all.
        is_proven_singly = growth is not None and not required_only and len(links) > SIZES.all_links
        is_proven_singly &= len(problem.years) > 1 and not problem.network.lines["is_free"].any()
        is_proven_singly &= len(self.matrix.row_lower) <= LARGE_ROWS
        proof = partial(prove_by_directions, problem, stage="budget point") if is_proven_singly else None
        work = SweepWork(model, connections_of(problem, self.matrix), BUDGET_SWEEP, growth, proof)
        # As in a single plan, slope scaling chooses links where there are few or where growth does not apply.
        with_scaling = growth is None or len(links) <= SIZES.all_links
        n_processes = _processes_for(self.matrix, self.jobs)
        is_threaded = problem.scenario.solver.is_threaded
        lines = beside.enter_context(
            BackgroundTask(partial(self._lines_over_all_links, float(budgets[-1])), is_threaded=is_threaded)
        )
        run_tasks = beside.enter_context(_run_tasks_in(n_processes, work))
        sweep = SweepSearch(
            work,
            required,
            required_only,
            with_scaling,
            self.known,
            self.effort,
            run_tasks,
            self.report_progress,
            partial(source_networks_of, problem),
        )
        found = sweep.run(budgets)
        if found is None:
            return []
        if is_proven_singly:
            # Without threads the lines come before the proofs, which a time limit may stop.
            computed = None if is_threaded else lines.result()
            self.network_words = "pipelines are shared, each plan proven within its own links"
            self._proofs = _PointProofs(run_tasks, lines.result if computed is None else lambda: computed)
        else:
            self.report_progress("bounds over all links")
            self._supports = [*found.supports, *lines.result()]
        self.links = tuple(str(links[k]) for k in found.arc_groups if k < len(links))
        self._unused = model.network.columns_outside(found.arc_groups)
        budget_points: list[BudgetPoint] = []
        for sweep_point in found.points:
            if sweep_point.x is None:
                continue
            there = with_limit(self.matrix, self.row, sweep_point.limit)
            x = without_traces(problem, there, found.small.lift_to_full_model(sweep_point.x))
            value = float(self.matrix.costs[0] @ x)
            over_all = self._all_links_bound(sweep_point.limit)
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

    def _required_groups(self, links: npt.NDArray[np.object_], *, is_grown: bool) -> tuple[Ints, bool]:
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

    def _all_links_bound(self, budget: float) -> float:
        """The bound by supporting lines: the relaxation over all links is concave in the budget."""
        values = [self.sign * each.value_at(budget) for each in self._supports]
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
            over = max(min(over, self.sign * budget_point.all_links_bound), value)
            # The bound within the links of one plan says nothing of another one.
            within = np.inf if self._proofs is not None else within
            within = max(min(within, over, self.sign * budget_point.outcome.bound), value)
            bound = self.sign * within
            closed = gap_share(bound, budget_point.outcome.objective) <= self.options.gap_share + 1e-9
            outcome = replace(budget_point.outcome, bound=bound, status="optimal" if closed else "limit")
            kept.append(replace(budget_point, outcome=outcome, all_links_bound=self.sign * over))
        return kept[::-1]


def _processes_for(matrix: Matrix, jobs: int | None) -> int:
    """Return how many processes work on a sweep of a model; `jobs` is the requested number, None for automatic."""
    limits = BUDGET_SWEEP.stage(JobLimits)
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
            for ended in group.run_jobs([Job(str(k), task) for k, task in enumerate(tasks)]):
                if ended.failure is not None:
                    raise NoPlanError(f"a part of the frontier failed: {ended.failure.message}")
                results[ended.key] = ended.result
            return [results[str(k)] for k in range(len(tasks))]

        yield run_tasks
