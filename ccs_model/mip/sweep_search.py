"""A budget sweep as jobs for one process or two: anchors, the sweep in two halves, and its improvements.

Tree growth chooses the arc groups, or else two anchors, the highest limit and half of it. Within them the lower and the
upper half of the limits are swept side by side, and the solutions at neighbouring limits improve each other. Solutions
may then be proven within their own arc groups; else the effort that is left goes to the widest gaps. What one job does
never depends on which process does it, so that a sweep that ends before its deadline gives the same points with any
number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ccs_model._typing import Floats, Ints, MessageCallback
from ccs_model.mip.budget_sweep import (
    Anchor,
    Anchors,
    ImproveWidestGaps,
    Relate,
    Sweep,
    SweepModel,
    SweepPoint,
    with_limit,
)
from ccs_model.mip.clock import effort, effort_spent, now, seconds_until_stop, spend, time_s, was_stopped
from ccs_model.mip.cut_sets import Connections, Cut
from ccs_model.mip.fixed_charge import Prove
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.highs import Highs
from ccs_model.mip.matrix import Matrix
from ccs_model.mip.parametric import Support
from ccs_model.mip.presolve import RestrictedModel, remove_columns
from ccs_model.mip.search import Result, SearchContext, Strategy
from ccs_model.mip.source_prices import PriceRounds, SourceNetwork
from ccs_model.mip.tree_growth import Grow


@dataclass(frozen=True)
class JobLimits:
    """Number of jobs that run at a time, and the number of rows below which one process does them all."""

    n_jobs: int = 2
    min_rows: int = 6_000


@dataclass(frozen=True)
class GrowAtLimits:
    """Tree growth at a few shares of the highest limit, then resumed at every limit; it chooses arc groups.

    Parameters
    ----------
    shares
        Shares of the highest limit.
    share
        Share of the sweep's effort that each may take.
    grow
        The heuristic at these shares.
    resume
        The heuristic that makes a solution at each limit of those at its neighbours, upward and then downward.
    """

    shares: tuple[float, ...] = (0.05, 0.15, 0.3, 0.5, 0.75, 1.0)
    share: float = 0.2
    grow: Grow = Grow(n_seeds=4, n_rounds=20, until=1.0)
    resume: Grow = Grow(n_rounds=20, resume=True, until=1.0)


@dataclass(frozen=True)
class PriceAtLimits:
    """Inequalities by source at a few shares of the highest limit, which hold at every limit.

    Parameters
    ----------
    shares
        Shares of the highest limit.
    share
        Share of the sweep's effort that each may take.
    rounds
        Rounds at each.
    """

    shares: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0)
    share: float = 0.1
    rounds: PriceRounds = PriceRounds(until=1.0)


@dataclass(frozen=True)
class BoundAtLimits:
    """Lines that bound solutions over all arc groups, from relaxations at a few shares of the highest limit.

    Parameters
    ----------
    shares
        Shares of the highest limit; inequalities are found at the first.
    share
        Share of the sweep's effort that those may take.
    """

    shares: tuple[float, ...] = (0.667, 1.0, 0.83, 0.5, 0.4, 0.3, 0.2, 0.1)
    share: float = 0.75


@dataclass(frozen=True)
class ProveAtLimits:
    """The proof of each solution within its own arc groups, from low to high limits.

    Parameters
    ----------
    share
        Share of the sweep's effort that each may take.
    prove
        The exact search.
    """

    share: float = 0.04
    prove: Prove = Prove()


Proof = Callable[[SearchContext, Result, Ints, Prove], Result | None]
"""Proves the incumbent of a search within some arc groups; None where that does not apply."""


@dataclass(frozen=True, eq=False)
class SweepWork:
    """The model over all arc groups, as a process receives it.

    `growth` are the costs of its network if growth applies, `proof` proves a solution within its own arc groups.
    """

    model: SweepModel
    connections: Connections
    strategy: Strategy
    growth: GrowthNetwork | None = None
    proof: Proof | None = None

    def opened(self) -> Callable[[tuple[SweepTask, float]], tuple[Any, float]]:
        """Return what does a task until a moment of `time_s`; the result comes with the effort it took."""
        return self._run_task

    def _run_task(self, task_and_stop: tuple[SweepTask, float]) -> tuple[Any, float]:
        task, stop_at = task_and_stop
        with effort(stop_at, counted=False):
            result = task(self)
            return result, effort_spent()

    def growth_at(self, limit: float, effort: float) -> SearchContext:
        """Return the search at a limit, with the network for tree growth."""
        assert self.growth is not None
        context = self.model.context_at(limit, now() + effort)
        return replace(context, growth=self.growth.with_budget_cap(limit))


SweepTask = Callable[[SweepWork], Any]
"""A part of the sweep that one process does by itself: a function of this module without its last argument."""

RunTasks = Callable[[Sequence[tuple[SweepTask, float]]], list[tuple[Any, float]]]
"""Does some tasks, each until a moment of `time_s`, in this process or others; results and efforts are in order."""


def _find_anchor(limits: Floats, with_arcs: bool, work: SweepWork, *, effort: float) -> Anchor | None:
    """Cuts, arc groups and lines at some limits."""
    anchors = work.strategy.stage(Anchors)
    return anchors.run(work.model, work.connections, limits.tolist(), with_arcs=with_arcs, effort=effort)


def _grow_at_limit(limit: float, work: SweepWork, *, effort: float) -> Floats | None:
    """A solution of tree growth at a limit."""
    return work.strategy.stage(GrowAtLimits).grow.run(work.growth_at(limit, effort), Result("limit")).incumbent


def _resume_at_limits(limits: Floats, solutions: Sequence[Floats], work: SweepWork, *, effort: float) -> list[Floats]:
    """The best solution at each limit, each made of those at lower limits and at the next higher one."""
    model, grow = work.model, work.strategy.stage(GrowAtLimits).resume
    best: list[Floats | None] = [None] * len(limits)

    def improve(k: int, start: Floats | None) -> None:
        if was_stopped():
            return
        context = work.growth_at(float(limits[k]), effort)
        found = None if start is None else grow.resume_from(context, start)
        best[k] = context.better_point(best[k], found)

    spent = [float((model.matrix.rows[[model.row]] @ x)[0]) for x in solutions]
    for k, limit in enumerate(limits.tolist()):
        known = [x for x, money in zip(solutions, spent, strict=True) if money <= limit * (1 + 1e-9)]
        for x in (*known, *(best[k - 1 : k] if k else ())):
            best[k] = model.context_at(limit, np.inf).better_point(best[k], x)
        improve(k, best[k])
    for k in range(len(limits) - 2, -1, -1):
        improve(k, best[k + 1])
    return [x for x in best if x is not None]


def _price_at_limit(
    model: SweepModel, networks: Sequence[SourceNetwork], limit: float, work: SweepWork, *, effort: float
) -> list[Cut]:
    """Inequalities by source at a limit."""
    highs = Highs.lp_relaxation(with_limit(model.matrix_with_cuts, model.row, limit), model.options)
    relaxation = highs.run(np.inf, "budget point: relaxation")
    rounds = work.strategy.stage(PriceAtLimits).rounds
    return rounds.run(highs, None, networks, relaxation, effort, "budget point")[0]


def _sweep_limits(model: SweepModel, limits: Floats, work: SweepWork, *, effort: float) -> list[SweepPoint]:
    """Points at some limits, each from that of a lower one."""
    return work.strategy.stage(Sweep).run(model, limits.tolist(), effort)


def _improve_by_neighbours(
    model: SweepModel, points: Sequence[SweepPoint], part: slice, work: SweepWork, *, effort: float
) -> list[SweepPoint]:
    """A part of the points, improved by their neighbours."""
    below = points[part.start - 1] if part.start else None
    above = points[part.stop] if part.stop < len(points) else None
    return work.strategy.stage(Relate).run(model, points[part], below, above, effort)


def _improve_point(model: SweepModel, point: SweepPoint, work: SweepWork, *, effort: float) -> SweepPoint:
    """A point with a better incumbent or bound."""
    return work.strategy.stage(ImproveWidestGaps).run(model, point, effort)


def prove_at_limit(limit: float, x: Floats, work: SweepWork, *, effort: float) -> tuple[Floats, float]:
    """Return a solution at a limit, or a better one within its arc groups, and the bound there.

    The bound is infinite where nothing is proven.
    """
    assert work.proof is not None
    if np.isinf(now()):
        return x, work.model.matrix.sign * np.inf
    context = work.model.context_at(limit, now() + effort)
    arc_groups, prove = context.network.arc_groups_used(x), work.strategy.stage(ProveAtLimits).prove
    found = work.proof(context, Result("limit", x), arc_groups, prove)
    if found is None or found.incumbent is None or not np.isfinite(found.bound):
        return x, context.sign * np.inf
    return found.incumbent, found.bound


@dataclass(frozen=True, eq=False)
class SweepResult:
    """Points of the restricted model, its arc groups, and the lines that bound solutions over all arc groups."""

    points: list[SweepPoint]
    small: RestrictedModel
    arc_groups: Ints
    supports: tuple[Support, ...]


@dataclass(frozen=True, eq=False)
class SweepSearch:
    """One sweep.

    Parameters
    ----------
    work
        The model and the strategy.
    required
        Arc groups that are searched in any case; no others if `required_only`.
    with_scaling
        Whether slope scaling chooses further arc groups.
    points
        Integer points at any limit.
    effort
        Effort of each of the jobs that run side by side, one process or two.
    run_tasks
        Does the tasks.
    message
        Called with each phase.
    source_networks
        Returns the network, with its sources, of a matrix within some arc groups, in one or more years.
    """

    work: SweepWork
    required: Ints
    required_only: bool
    with_scaling: bool
    points: Sequence[Floats]
    effort: float
    run_tasks: RunTasks
    message: MessageCallback
    source_networks: Callable[[Matrix], Sequence[SourceNetwork]]

    def run(self, limits: Floats) -> SweepResult | None:
        """Return points at the limits, from low to high.

        None where not even a relaxation was solved in time, or where nothing can be built.
        """
        known = self._anchors(float(limits[-1])) if self.work.proof is None else []
        if known is None:
            return None
        solutions = [*self.points, *self._grow_solutions(limits)]
        arc_groups = self.required
        if not self.required_only:
            used = [self.work.model.network.arc_groups_used(x) for x in solutions]
            scaled = [each.arc_groups for each in known] if self.with_scaling else []
            arc_groups = np.unique(np.concatenate([*scaled, *used, self.required]))
        restriction = self._restrict_model(arc_groups, [cut for each in known for cut in each.cuts])
        if restriction is None:
            return None
        model, small = restriction
        inside = tuple(x[small.columns] for x in solutions if small.has_point(x))
        model = replace(model, known=inside)
        if self.work.proof is None:
            model = self._with_prices(model, float(limits[-1]))
        began = now()

        def effort_left(share: float) -> float:
            """Effort of one job until a share of the effort after the anchors is spent."""
            return max(began + share * self.effort - now(), 0.0)

        self.message(f"{len(limits)} budgets")
        share = effort_left(self.work.strategy.stage(Sweep).until)
        swept = self._run_parallel_tasks(
            [partial(_sweep_limits, model, limits[half], effort=share) for half in _halves(len(limits))]
        )
        points = _carry_solutions_up(model, [point for half in swept for point in half])
        points = self._improve_all_by_neighbours(model, points, effort_left)
        if self.work.proof is None:
            points = self._improve_widest_gaps(model, points, effort_left)
        return SweepResult(points, small, arc_groups, tuple(support for each in known for support in each.supports))

    def _anchors(self, highest: float) -> list[Anchor] | None:
        """Cuts, arc groups and lines over all arc groups; None where no relaxation was solved."""
        anchors = self.work.strategy.stage(Anchors)
        self.message("arc groups")
        tasks = [
            partial(
                _find_anchor,
                highest * np.array(shares),
                self.with_scaling and not self.required_only,
                effort=anchors.share * self.effort,
            )
            for shares in anchors.shares
        ]
        return [each for each in self._run_parallel_tasks(tasks) if each is not None] or None

    def _grow_solutions(self, limits: Floats) -> list[Floats]:
        """Solutions of tree growth at a few limits, and at each limit resumed from these and from known points."""
        stage = self.work.strategy.stage(GrowAtLimits)
        if self.work.growth is None or self.required_only:
            return []
        self.message("tree growth")
        allowed = stage.share * self.effort
        grown = self._run_parallel_tasks(
            [partial(_grow_at_limit, share * float(limits[-1]), effort=allowed) for share in stage.shares]
        )
        solutions = (*self.points, *(x for x in grown if x is not None))
        tasks = [partial(_resume_at_limits, limits[half], solutions, effort=allowed) for half in _halves(len(limits))]
        return [*solutions[len(self.points) :], *(x for half in self._run_parallel_tasks(tasks) for x in half)]

    def _with_prices(self, model: SweepModel, highest: float) -> SweepModel:
        """The model with inequalities by source from a few limits."""
        stage, networks = self.work.strategy.stage(PriceAtLimits), self.source_networks(model.matrix)
        if not networks:
            return model
        self.message("bounds by source")
        allowed = stage.share * self.effort
        tasks = [partial(_price_at_limit, model, networks, share * highest, effort=allowed) for share in stage.shares]
        return replace(model, cuts=(*model.cuts, *(cut for cuts in self._run_parallel_tasks(tasks) for cut in cuts)))

    def _run_parallel_tasks(self, tasks: Sequence[SweepTask]) -> list[Any]:
        """Results of tasks that run side by side; their effort is spread over the jobs."""
        stop_at = time_s() + seconds_until_stop()
        ended = self.run_tasks([(task, stop_at) for task in tasks])
        spend(sum(spent for _, spent in ended) / self._n_jobs)
        return [result for result, _ in ended]

    @property
    def _n_jobs(self) -> int:
        return self.work.strategy.stage(JobLimits).n_jobs

    def _restrict_model(self, arc_groups: Ints, cuts: list[Cut]) -> tuple[SweepModel, RestrictedModel] | None:
        """The model within some arc groups; None if nothing that the limit concerns can be built there."""
        model = self.work.model
        small = remove_columns(model.matrix, model.network.columns_outside(arc_groups))
        if model.matrix.row_constraints[model.row] not in small.matrix.row_constraints:
            return None
        row = small.matrix.row_constraints.index(model.matrix.row_constraints[model.row])
        place = small.place
        inside: dict[tuple[int, ...], Cut] = {}
        for columns, coefficients in cuts:
            kept = place[columns] >= 0
            inside.setdefault(tuple(columns.tolist()), (place[columns[kept]], coefficients[kept]))
        network = model.network.restrict_to_model(model.matrix, small)
        return SweepModel(small.matrix, row, network, tuple(inside.values()), model.options), small

    def _improve_all_by_neighbours(
        self, model: SweepModel, points: list[SweepPoint], effort_left: Callable[[float], float]
    ) -> list[SweepPoint]:
        if all(map(model.is_closed, points)):
            return points
        self.message("solutions at neighbouring budgets")
        share = effort_left(self.work.strategy.stage(Relate).until)
        tasks = [partial(_improve_by_neighbours, model, points, half, effort=share) for half in _halves(len(points))]
        return _carry_solutions_up(model, [point for part in self._run_parallel_tasks(tasks) for point in part])

    def _improve_widest_gaps(
        self, model: SweepModel, points: list[SweepPoint], effort_left: Callable[[float], float]
    ) -> list[SweepPoint]:
        """Improve the points with the widest gaps first, one a job, each once, as long as there is effort."""
        stage, n_jobs = self.work.strategy.stage(ImproveWidestGaps), self._n_jobs
        while not was_stopped():
            open_ = [k for k, point in enumerate(points) if not point.is_deepened and not model.is_closed(point)]
            still = effort_left(1.0)
            if not open_ or still < stage.min_effort:
                break
            self.message(f"{len(open_)} budgets with wide gaps")
            # Of equal gaps the lower budget first: its solution helps the higher ones.
            widest = sorted(open_, key=lambda k: (-model.gap(points[k]), k))[:n_jobs]
            share = min(max(stage.effort, n_jobs * still / len(open_)), still)
            results = self._run_parallel_tasks(
                [partial(_improve_point, model, points[k], effort=share) for k in widest]
            )
            for k, point in zip(widest, results, strict=True):
                points[k] = point
            points = _carry_solutions_up(model, points)
        return points


def _halves(n: int) -> list[slice]:
    """The lower and the upper half of `n` places, without an empty one."""
    return [half for half in (slice(0, n // 2), slice(n // 2, n)) if half.start < half.stop]


def _carry_solutions_up(model: SweepModel, points: list[SweepPoint]) -> list[SweepPoint]:
    """Give each limit the solution of a lower one where that is better."""
    best: Floats | None = None
    kept = []
    for point in points:
        if point.x is None or (best is not None and model.matrix.sign * (model.value(best) - model.value(point.x)) > 0):
            kept.append(replace(point, x=best))
        else:
            best = point.x
            kept.append(point)
    return kept
