"""The rungs of a frontier: a plan at each budget, from low to high, each started from the one below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ccs_model.errors import NoPlanError
from ccs_model.plan.corridors import charges_of
from ccs_model.plan.decisions import without_traces
from ccs_model.plan.ties import settled
from ccs_model.problem import Problem
from ccs_model.problem.corridors_file import corridor_rows
from ccs_model.solver import Highs, Matrix, Outcome, SolverOptions
from ccs_model.solver.clock import now
from ccs_model.solver.fixed_charge import FixedCharges, SlopeScaling, laid_out, plan_of_few
from ccs_model.solver.highs import gap_share
from ccs_model.solver.narrowing import Narrowed, narrowed
from ccs_model.solver.parametric import Breakpoint, MovingLimit, Support
from ccs_model.solver.residuals import residuals, snapped
from ccs_model.solver.whole import solve_whole

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Budgets, as parts of the highest, whose relaxation says where corridors may lie; lines through them bound the others.
_LOOKED_AT = (1.0, 0.65, 0.4, 0.2)
_ROUNDS = 8
# Nodes of the search at one rung: the gap that is left is stated, and the next rung starts from what was found.
_NODES = 2_000
_CORRIDORS_TIME_SHARE = 0.2
# A rung may take somewhat more than its even share of the time that is left, and some time in any case.
_GREEDY, _LEAST_S = 1.25, 0.5


def with_limit(matrix: Matrix, row: int, limit: float) -> Matrix:
    """The program with another limit of one row."""
    upper = matrix.row_upper.copy()
    upper[row] = limit
    return replace(matrix, row_upper=upper)


def nothing_holds(matrix: Matrix) -> bool:
    """Whether to build nothing is a plan."""
    return bool(residuals(matrix, np.clip(np.zeros(len(matrix.lower)), matrix.lower, matrix.upper)).hold)


@dataclass(frozen=True, eq=False)
class Rung:
    """The plan at one budget: its decisions over all columns, its outcome and the linear program's."""

    budget_mn: float
    x: Floats
    outcome: Outcome
    relaxation: Outcome
    all_links_bound: float


@dataclass(eq=False)
class Ladder:
    """How rungs are found. After `rungs`, `links` are the corridors (None without a shared network)."""

    problem: Problem
    matrix: Matrix
    row: int
    options: SolverOptions
    moving: MovingLimit
    curve: Sequence[Breakpoint]
    deadline: float
    corridors: Sequence[str] | None
    tell: Callable[[str], None] | None
    links: tuple[str, ...] | None = None
    network_words: str = "every retrofit has a pipe of its own"
    _supports: list[Support] = field(default_factory=list)

    @property
    def n_corridors(self) -> int | None:
        """How many links plans are laid in; None without a shared network, or where every link may be."""
        return None if self.links is None else len(self.links)

    @property
    def sign(self) -> float:
        return 1.0 if self.matrix.maximise[0] else -1.0

    def rungs(self, budgets: Floats) -> list[Rung]:
        """A plan at each budget that has one."""
        if not self.problem.is_whole:
            found = self._linear(budgets)
        elif self.problem.network is None:
            found = self._whole(budgets)
        else:
            found = self._in_corridors(budgets)
        return self._with_laws(found)

    def _linear(self, budgets: Floats) -> list[Rung]:
        if self.problem.network is not None:
            self.network_words = "pipes are shared, over every candidate link"
        rungs = []
        for budget in budgets:
            support = self.moving.at(float(budget))
            if support is None:
                continue
            there = with_limit(self.matrix, self.row, budget)
            x = without_traces(self.problem, there, snapped(there, support.x))
            price = np.zeros(len(self.matrix.row_lower))
            price[self.row] = support.slope
            outcome = Outcome("optimal", support.value, support.value, x, price, None)
            rungs.append(Rung(float(budget), x, outcome, outcome, support.value))
            self._say(len(rungs), len(budgets))
        return rungs

    def _whole(self, budgets: Floats) -> list[Rung]:
        """Own pipes: the core of each rung from its own relaxation, ties of value settled by cost."""
        highs = Highs(self.matrix, self.options)
        maximise = self.matrix.maximise[0]
        rungs: list[Rung] = []
        for k, budget in enumerate(budgets):
            there = with_limit(self.matrix, self.row, budget)
            until = self._until(len(budgets) - k)
            highs.set_row(self.row, float(self.matrix.row_lower[self.row]), float(budget))
            start = rungs[-1].x if rungs else None
            found = solve_whole(
                highs, maximise=maximise, gap=self.options.gap_share, deadline=until, doing="a rung", start=start
            )
            if found.outcome.x is None:
                continue
            x = snapped(there, found.outcome.x)
            value = float(there.costs[0] @ x)
            x = settled(Highs(there, self.options), x, value, maximise=maximise, deadline=until)
            x = without_traces(self.problem, there, x)
            value = float(there.costs[0] @ x)
            outcome = replace(found.outcome, x=x, objective=value)
            rungs.append(Rung(float(budget), x, outcome, found.relaxation, outcome.bound))
            self._say(k + 1, len(budgets))
        return rungs

    def _in_corridors(self, budgets: Floats) -> list[Rung]:
        """A shared network: corridors where slope scaling settles at several budgets, and a whole program within."""
        small = self._narrowed(float(budgets[-1]))
        matrix = small.matrix
        row = int(matrix.rows_of("spending_within_budget")[0])
        charges = charges_of(self.problem, matrix)
        relaxed, whole = MovingLimit(matrix, row, self.options, is_exact=False), Highs(matrix, self.options)
        whole.set_option("mip_allow_restart", False)
        whole.set_option("mip_max_nodes", _NODES)
        rungs: list[Rung] = []
        # To build nothing is a plan wherever nothing has to be reached.
        nothing = np.clip(np.zeros(len(matrix.lower)), matrix.lower, matrix.upper)
        best = nothing if nothing_holds(with_limit(matrix, row, float(budgets[0]))) else None
        for k, budget in enumerate(budgets):
            there, until = with_limit(matrix, row, budget), self._until(len(budgets) - k)
            support = relaxed.at(float(budget))
            if support is None:
                continue
            start = self._start(there, charges, support.x, best, until)
            whole.set_row(row, float(matrix.row_lower[row]), float(budget))
            if start is not None:
                whole.start_from(start)
            outcome = whole.run(until - now(), "a rung")
            found = [start] if start is not None else []
            if outcome.x is not None:
                x = snapped(there, outcome.x)
                found += [x] if residuals(there, x).hold else []
            if not found:
                continue
            best = max(found, key=lambda x: self.sign * float(matrix.costs[0] @ x))
            value = float(matrix.costs[0] @ best)
            bound = self.sign * min(self.sign * support.value, self.sign * outcome.bound)
            bound = support.value if not np.isfinite(bound) else bound
            whole_x = without_traces(self.problem, with_limit(self.matrix, self.row, budget), small.widened(best))
            status = "optimal" if gap_share(bound, value) <= self.options.gap_share + 1e-9 else "limit"
            relaxation = self._relaxation(support)
            outcome = Outcome("optimal" if status == "optimal" else "limit", value, bound, whole_x, None, None)
            rungs.append(Rung(float(budget), whole_x, outcome, relaxation, self._over_all_links(float(budget))))
            self._say(k + 1, len(budgets))
        return rungs

    def _start(
        self, there: Matrix, charges: FixedCharges, x: Floats, below: Floats | None, until: float
    ) -> Floats | None:
        """The better of the plan below and one that slope scaling lays out, bettered; None without either."""
        maximise = there.maximise[0]
        rounds = SlopeScaling(there, charges, self.options).run(x, _ROUNDS, until)
        laid = None
        if rounds:
            laid = laid_out(there, charges, rounds[-1], self.options, maximise=maximise, deadline=until)
        better = [each for each in (below, laid) if each is not None]
        if not better:
            return None
        start = max(better, key=lambda each: self.sign * float(there.costs[0] @ each))
        if not rounds:
            return start
        half = now() + 0.5 * max(until - now(), 0.0)
        return plan_of_few(there, charges, rounds[0], start, self.options, maximise=maximise, deadline=half, tell=None)

    def _narrowed(self, top: float) -> Narrowed:
        """The program within the corridors: those given, and those of slope scaling at some budgets."""
        problem = self.problem
        assert problem.network is not None
        charges = charges_of(problem, self.matrix)
        links = problem.network.links["link"].to_numpy(object)
        asked = problem.scenario.transport.corridors
        every = np.arange(len(links) + len(problem.sites))
        families: list[Ints] = [np.arange(len(links), len(links) + len(problem.sites))]
        for part in _LOOKED_AT:
            try:
                support = self.moving.at(part * top, self.deadline)
            except NoPlanError:
                # Out of time: what was found so far has to do.
                break
            if support is None:
                continue
            self._supports.append(support)
            if asked == "auto" and part in (_LOOKED_AT[0], _LOOKED_AT[-2]):
                there = with_limit(self.matrix, self.row, support.limit)
                until = now() + _CORRIDORS_TIME_SHARE * max(self.deadline - now(), 1.0)
                rounds = SlopeScaling(there, charges, self.options).run(support.x, _ROUNDS, until)
                families += [charges.families_used(rounds[-1])] if rounds else []
        if asked not in ("auto", "all"):
            families.append(corridor_rows(problem.scenario, problem.inputs, list(links)))
            self.network_words = f"pipes are shared, within the corridors of {asked}"
        elif self.corridors is not None:
            families.append(np.flatnonzero(np.isin(links, list(self.corridors))))
            self.network_words = "pipes are shared, within the corridors of the scenario's run and those found here"
        else:
            self.network_words = "pipes are shared, within corridors found by slope scaling at two budgets"
        inside = np.unique(np.concatenate(families))
        if asked == "all" or not (inside < len(links)).any():
            inside = every
            self.network_words = "pipes are shared, over every candidate link"
        self.links = tuple(str(links[k]) for k in inside if k < len(links))
        return narrowed(self.matrix, charges.outside(inside))

    def _relaxation(self, support: Support) -> Outcome:
        price = np.zeros(len(self.matrix.row_lower))
        price[self.row] = support.slope
        return Outcome("optimal", support.value, support.value, support.x, price, None)

    def _over_all_links(self, budget: float) -> float:
        """The relaxation over all links is concave in the budget, so that any of its supporting lines bounds it."""
        values = [self.sign * each.at(budget) for each in self._supports]
        return self.sign * min(values) if values else self.sign * np.inf

    def _with_laws(self, rungs: list[Rung]) -> list[Rung]:
        """More money never worsens the aim, so no bound is better than that of a higher budget."""
        kept: list[Rung] = []
        within = over = np.inf
        for rung in reversed(rungs):
            value = self.sign * rung.outcome.objective
            within = max(min(within, self.sign * rung.outcome.bound), value)
            over = max(min(over, self.sign * rung.all_links_bound), value)
            bound = self.sign * within
            closed = gap_share(bound, rung.outcome.objective) <= self.options.gap_share + 1e-9
            outcome = replace(rung.outcome, bound=bound, status="optimal" if closed else "limit")
            kept.append(replace(rung, outcome=outcome, all_links_bound=self.sign * over))
        return kept[::-1]

    def _until(self, n_left: int) -> float:
        return now() + max(_GREEDY * (self.deadline - now()) / n_left, _LEAST_S)

    def _say(self, k: int, n: int) -> None:
        if self.tell is not None:
            self.tell(f"budget {k} of {n}")
