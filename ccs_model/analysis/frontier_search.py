"""A frontier's whole plans on a shared network: corridors, plans at all budgets and bounds, in two processes or in one.

Two anchors, the highest budget and half of it, say where corridors may lie. Within them the lower and the upper half of
the budgets are climbed side by side. What each half found then helps the other, and the time that is left goes to the
widest gaps. What is a job of its own never hangs on who does it, so that a frontier that is done before its time is the
same however many processes made it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.analysis.jobs import Do, Job
from ccs_model.errors import NoPlanError
from ccs_model.mip import Matrix, SolverOptions
from ccs_model.mip.budget_sweep import Anchor, BudgetSweep, SweepPoint, anchored
from ccs_model.mip.cut_sets import Connections, Cut
from ccs_model.mip.fixed_charge import FixedCharges
from ccs_model.mip.highs import gap_share
from ccs_model.mip.parametric import Support
from ccs_model.mip.presolve import RestrictedModel, restricted
from ccs_model.mip.search import counts_cpu, now

# Parts of the highest budget: the first of each has its corridors sought, all have a line that bounds the others.
_ANCHORS = ((1.0, 0.75), (0.5, 0.3, 0.15, 0.05))
# By when, of the time there is.
_ANCHORS_TIME_SHARE = 0.38
_SWEEP_TIME_SHARE = 0.76
_RELATED_TIME_SHARE = 1.0
# A rung is deepened in no more than this, unless there is more time for each.
_DEEP_S, _LEAST_S = 6.0, 1.0
N_JOBS = 2
# A smaller program is done before another process has started.
_FEW_ROWS = 6_000


@dataclass(frozen=True, eq=False)
class BudgetProgram:
    """The program over all candidate links, as processes are handed it."""

    matrix: Matrix
    row: int
    charges: FixedCharges
    connections: Connections
    options: SolverOptions

    def opened(self) -> Do:
        return self._done

    def _done(self, task: _Task) -> Any:
        return task.done(self)


class _Task(Protocol):
    def done(self, program: BudgetProgram) -> Any:
        """Its result."""


@dataclass(frozen=True)
class _Anchoring:
    limits: tuple[float, ...]
    with_corridors: bool
    seconds: float
    seconds_at_most: float

    def done(self, program: BudgetProgram) -> Anchor | None:
        return anchored(
            program.matrix,
            program.charges,
            program.connections,
            program.row,
            self.limits,
            program.options,
            with_corridors=self.with_corridors,
            seconds=self.seconds,
            seconds_at_most=self.seconds_at_most,
        )


@dataclass(frozen=True, eq=False)
class _SweepTask:
    sweep: BudgetSweep
    limits: tuple[float, ...]
    seconds: float

    def done(self, program: BudgetProgram) -> list[SweepPoint]:
        return self.sweep.swept(self.limits, self.seconds)


@dataclass(frozen=True, eq=False)
class _Relating:
    sweep: BudgetSweep
    sweep_points: tuple[SweepPoint, ...]
    below: SweepPoint | None
    above: SweepPoint | None
    seconds: float

    def done(self, program: BudgetProgram) -> list[SweepPoint]:
        return self.sweep.related(self.sweep_points, self.below, self.above, self.seconds)


@dataclass(frozen=True, eq=False)
class _Deepening:
    sweep: BudgetSweep
    sweep_point: SweepPoint
    seconds: float

    def done(self, program: BudgetProgram) -> SweepPoint:
        return self.sweep.deepened(self.sweep_point, self.seconds)


@dataclass(frozen=True, eq=False)
class Found:
    """Plans in the narrowed program, which families it has, and the lines that bound plans over all links."""

    sweep_points: list[SweepPoint]
    small: RestrictedModel
    arc_groups: Ints
    supports: tuple[Support, ...]


@dataclass(frozen=True, eq=False)
class CorridorSearch:
    """One search; `given` are families that corridors have in any case, and all of them where `only_given`."""

    program: BudgetProgram
    given: Ints
    only_given: bool
    deadline: float
    jobs: int | None
    message: Callable[[str], None]

    def found(self, budgets: Floats) -> Found | None:
        """Plans at the budgets, from low to high; None where not even a relaxation was found in time."""
        began = now()
        n_processes = processes_for(self.program.matrix, self.jobs)

        def left(part: float) -> float:
            """Seconds of one of two jobs until a part of the time is over."""
            until = began + part * (self.deadline - began)
            return max(until - now(), 0.0) * n_processes / N_JOBS

        with _answering(self.program, n_processes) as answers:
            top = float(budgets[-1])
            self.message("corridors")
            anchors = answers(
                [
                    _Anchoring(
                        tuple(part * top for part in parts),
                        not self.only_given,
                        left(_ANCHORS_TIME_SHARE),
                        max(self.deadline - now(), 0.0),
                    )
                    for parts in _ANCHORS
                ]
            )
            known: list[Anchor] = [each for each in anchors if each is not None]
            if not known:
                return None
            arc_groups = (
                self.given if self.only_given else np.unique(np.r_[*(each.arc_groups for each in known), self.given])
            )
            sweep, small = self._within(arc_groups, [cut for each in known for cut in each.cuts])
            self.message(f"{len(budgets)} budgets")
            halves = _halves(budgets)
            swept = answers([_SweepTask(sweep, tuple(map(float, half)), left(_SWEEP_TIME_SHARE)) for half in halves])
            sweep_points = _propagated(sweep, [sweep_point for half in swept for sweep_point in half])
            sweep_points = self._related(answers, sweep, sweep_points, left)
            sweep_points = self._deepened(answers, sweep, sweep_points, n_processes)
        supports = tuple(support for each in known for support in each.supports)
        return Found(sweep_points, small, arc_groups, supports)

    def _within(self, arc_groups: Ints, cuts: list[Cut]) -> tuple[BudgetSweep, RestrictedModel]:
        program = self.program
        small = restricted(program.matrix, program.charges.outside(arc_groups))
        row = small.matrix.row_constraints.index(program.matrix.row_constraints[program.row])
        charges = program.charges.within(program.matrix, small.matrix, small.columns)
        place = np.full(small.n_columns, -1)
        place[small.columns] = np.arange(len(small.columns))
        inside: dict[tuple[int, ...], Cut] = {}
        for columns, coefficients in cuts:
            there = place[columns] >= 0
            inside.setdefault(tuple(columns.tolist()), (place[columns[there]], coefficients[there]))
        return BudgetSweep(small.matrix, row, charges, tuple(inside.values()), program.options), small

    def _related(
        self, answers: _Answers, sweep: BudgetSweep, sweep_points: list[SweepPoint], left: Callable[[float], float]
    ) -> list[SweepPoint]:
        if all(map(sweep.is_closed, sweep_points)):
            return sweep_points
        self.message("plans beside their neighbours")
        middle = len(sweep_points) // 2
        parts = [(0, middle), (middle, len(sweep_points))]
        tasks = [
            _Relating(
                sweep,
                tuple(sweep_points[a:b]),
                sweep_points[a - 1] if a else None,
                sweep_points[b] if b < len(sweep_points) else None,
                left(_RELATED_TIME_SHARE),
            )
            for a, b in parts
            if a < b
        ]
        return _propagated(sweep, [sweep_point for part in answers(tasks) for sweep_point in part])

    def _deepened(
        self, answers: _Answers, sweep: BudgetSweep, sweep_points: list[SweepPoint], n_processes: int
    ) -> list[SweepPoint]:
        """The widest gaps first, two at a time, as long as there is time; each once."""
        while now() < self.deadline:
            open_ = [
                k
                for k, sweep_point in enumerate(sweep_points)
                if not sweep_point.depth and not sweep.is_closed(sweep_point)
            ]
            seconds = (self.deadline - now()) * n_processes / N_JOBS
            if not open_ or seconds < _LEAST_S:
                break
            self.message(f"{len(open_)} budgets with wide gaps")
            # Of the same gap the lower budget, whose plan helps the higher ones.
            widest = sorted(open_, key=lambda k: (-_gap(sweep, sweep_points[k]), k))[:N_JOBS]
            share = min(max(_DEEP_S, N_JOBS * seconds / len(open_)), seconds)
            deeper = answers([_Deepening(sweep, sweep_points[k], share) for k in widest])
            for k, sweep_point in zip(widest, deeper, strict=True):
                sweep_points[k] = sweep_point
            sweep_points = _propagated(sweep, sweep_points)
        return sweep_points


def processes_for(matrix: Matrix, jobs: int | None) -> int:
    """How many processes work at a program; `jobs` is how many were asked for."""
    is_small = len(matrix.row_lower) < _FEW_ROWS
    many = jobs or (1 if is_small else min(os.cpu_count() or 1, N_JOBS))
    # One process's CPU seconds say nothing of what others do.
    return 1 if counts_cpu() else min(many, N_JOBS)


_Answers = Callable[[Sequence[_Task]], list[Any]]


@contextlib.contextmanager
def _answering(program: BudgetProgram, n_processes: int) -> Iterator[_Answers]:
    """A function that does tasks, in this process or side by side in others, and gives their results in order."""
    if n_processes == 1:
        do = program.opened()
        yield lambda tasks: [do(task) for task in tasks]
        return
    from ccs_model.analysis.jobs import processes

    with processes(program, n_processes) as group:

        def answers(tasks: Sequence[_Task]) -> list[Any]:
            results: dict[str, Any] = {}
            for ended in group.ended([Job(str(k), task) for k, task in enumerate(tasks)]):
                if ended.failure is not None:
                    raise NoPlanError(f"a part of the frontier: {ended.failure.message}")
                results[ended.key] = ended.result
            return [results[str(k)] for k in range(len(tasks))]

        yield answers


def _halves(budgets: Floats) -> list[Floats]:
    middle = len(budgets) // 2
    return [half for half in (budgets[:middle], budgets[middle:]) if len(half)]


def _gap(sweep: BudgetSweep, sweep_point: SweepPoint) -> float:
    return np.inf if sweep_point.x is None else gap_share(sweep_point.bound, sweep.worth(sweep_point.x))


def _propagated(sweep: BudgetSweep, sweep_points: list[SweepPoint]) -> list[SweepPoint]:
    """No budget without the plan of a lower one, where that is better."""
    best: Floats | None = None
    kept = []
    for sweep_point in sweep_points:
        if sweep_point.x is None or (
            best is not None and sweep.sign * (sweep.worth(best) - sweep.worth(sweep_point.x)) > 0
        ):
            sweep_point = replace(sweep_point, x=best)
        best = sweep_point.x
        kept.append(sweep_point)
    return kept
