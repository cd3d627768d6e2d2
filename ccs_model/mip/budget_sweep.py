"""Plans of a program with fixed charges at many limits of one row, each from the plan of a lower limit.

A plan of a lower limit holds at a higher one, and is bettered there in small programs, each of which leaves few
decisions free: with what is laid as it is, all else is decided anew; then more may be laid; then what the plans of the
neighbouring limits lay may be had; then everything on which plan and relaxation differ. The bound of each limit is the
relaxation's, with connection cuts, which hold at every limit, and in the end that of a search for a proof.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.errors import NoPlanError
from ccs_model.mip.branch_and_bound import resolved_with_integers_fixed
from ccs_model.mip.clock import now
from ccs_model.mip.cut_sets import Connections, Cut, cut_relaxation, with_cuts
from ccs_model.mip.fixed_charge import FixedCharges, SlopeScaling, constructed_solution
from ccs_model.mip.highs import Highs, SolverOptions, gap_share
from ccs_model.mip.matrix import Matrix, residuals
from ccs_model.mip.network_lns import Search, with_free
from ccs_model.mip.parametric import MovingLimit, Support
from ccs_model.mip.presolve import restricted

_CUT_ROUNDS = 8
# Slope scaling in small steps (decision 035), somewhat larger ones than for a single plan.
_ROUNDS, _STEP = 12, 0.1
# Of the time of an anchor, by when cuts and corridors are to be found.
_CUTS_TIME_SHARE, _CORRIDORS_TIME_SHARE, _LINES_TIME_SHARE = 0.55, 0.9, 1.3
# A plan that falls so far short of the bound is laid out anew.
_FAR_SHARE = 0.5
_USED = 1e-6
# A limit may take somewhat more than its even share of the time that is left, and some time in any case.
_GREEDY, _LEAST_S = 1.5, 0.3
# The first plan of a climb takes longer than the others, which follow from it.
_ANEW_TIME_SHARE = 0.5
_PIPES_FIXED = Search(gap_part=0.25, nodes=1, next_few=(0, 30))
_PIPES_EXTENDED = Search(gap_part=0.25, nodes=1, next_few=(20, 30))
_OF_NEIGHBOURS = Search(gap_part=0.15, nodes=1, next_few=(0, 20))
_DIFFERING = Search(gap_part=0.15, nodes=1, next_few=None)
_PROOF_NODES = 2_000
_DIFFERING_TIME_SHARE = 0.4


def with_limit(matrix: Matrix, row: int, limit: float) -> Matrix:
    """The program with another limit of one row."""
    upper = matrix.row_upper.copy()
    upper[row] = limit
    return replace(matrix, row_upper=upper)


def nothing_of(matrix: Matrix) -> Floats | None:
    """To do nothing, where that is a plan."""
    nothing: Floats = np.clip(np.zeros(len(matrix.lower)), matrix.lower, matrix.upper)
    return nothing if residuals(matrix, nothing).hold else None


@dataclass(frozen=True, eq=False)
class Anchor:
    """What the program says at a few limits: supporting lines with cuts, the cuts, and the corridors it settles on."""

    supports: tuple[Support, ...]
    cuts: tuple[Cut, ...]
    arc_groups: Ints


def anchored(
    matrix: Matrix,
    charges: FixedCharges,
    connections: Connections,
    row: int,
    limits: Sequence[float],
    options: SolverOptions,
    *,
    with_corridors: bool,
    seconds: float,
    seconds_at_most: float,
) -> Anchor | None:
    """Cuts and corridors at the first limit, and lines at all; None where there is no point, or no time for one.

    All is to take `seconds`, but the first relaxation, without which there is nothing, may take `seconds_at_most`.
    """
    began = now()
    highs = Highs(with_limit(matrix, row, limits[0]), options)
    cuts, outcome = cut_relaxation(
        highs,
        connections,
        n_rounds=_CUT_ROUNDS,
        deadline=began + seconds_at_most,
        until=began + _CUTS_TIME_SHARE * seconds,
        stage="corridors",
    )
    if outcome.status != "optimal" or outcome.x is None or outcome.row_dual is None:
        return None
    supports = [Support(limits[0], outcome.objective, float(outcome.row_dual[row]), outcome.x)]
    arc_groups = charges.arc_groups_used(outcome.x)
    if with_corridors:
        small = restricted(with_cuts(highs.matrix, cuts), charges.outside(arc_groups))
        scaling = SlopeScaling(small.matrix, charges.within(highs.matrix, small.matrix, small.columns), options)
        until = began + _CORRIDORS_TIME_SHARE * seconds
        rounds = scaling.run(outcome.x[small.columns], _ROUNDS, until, step=_STEP)
        arc_groups = charges.arc_groups_used(small.lifted(rounds[-1])) if rounds else arc_groups
    for limit in limits[1:]:
        if now() >= began + _LINES_TIME_SHARE * seconds:
            break
        highs.set_row(row, float(matrix.row_lower[row]), limit)
        outcome = highs.run(began + seconds_at_most - now(), "a line")
        if outcome.status == "optimal" and outcome.x is not None and outcome.row_dual is not None:
            supports.append(Support(limit, outcome.objective, float(outcome.row_dual[row]), outcome.x))
    return Anchor(tuple(supports), tuple(cuts), arc_groups)


@dataclass(frozen=True, eq=False)
class SweepPoint:
    """What is known at one limit: the plan (None without one), the relaxation's line and the best bound."""

    limit: float
    x: Floats | None
    support: Support
    bound: float
    # How far the search for a better plan and bound has gone.
    depth: int = 0


@dataclass(frozen=True, eq=False)
class BudgetSweep:
    """A program of which a row's limit moves, with cuts that all plans keep, and how its plans are found."""

    matrix: Matrix
    row: int
    charges: FixedCharges
    cuts: tuple[Cut, ...]
    options: SolverOptions

    @property
    def sign(self) -> float:
        return 1.0 if self.matrix.maximise[0] else -1.0

    @cached_property
    def cut(self) -> Matrix:
        """The program with its cuts."""
        return with_cuts(self.matrix, self.cuts)

    @cached_property
    def is_charge(self) -> Mask:
        """Columns that are fixed charges."""
        found = np.zeros(len(self.matrix.lower), dtype=bool)
        found[self.charges.columns] = True
        return found

    def worth(self, x: Floats) -> float:
        return float(self.matrix.costs[0] @ x)

    def is_closed(self, sweep_point: SweepPoint) -> bool:
        """Whether the gap is as asked for."""
        return sweep_point.x is not None and self._is_close(sweep_point.bound, sweep_point.x)

    def _is_close(self, bound: float, x: Floats) -> bool:
        return gap_share(bound, self.worth(x)) <= self.options.gap_share

    def swept(self, limits: Sequence[float], seconds: float) -> list[SweepPoint]:
        """A plan at each limit from low to high, from that of the limit before; fewer where time runs out."""
        deadline = now() + seconds
        moving = MovingLimit(self.cut, self.row, self.options, is_exact=False)
        found: list[SweepPoint] = []
        best = nothing_of(with_limit(self.matrix, self.row, limits[0])) if limits else None
        took, passed_over = 0.0, 0
        for k, limit in enumerate(limits):
            try:
                support = moving.at(limit, max(deadline, now() + _LEAST_S))
            except NoPlanError:
                break
            if support is None:
                continue
            if passed_over and best is not None:
                passed_over -= 1
                found.append(SweepPoint(limit, best, support, support.value))
                continue
            # Where time is short, a few good plans that are carried up are worth more than many half sought.
            started, n_left, left = now(), len(limits) - k, max(deadline - now(), _LEAST_S)
            stride = min(max(math.ceil(took * n_left / left), 1), n_left)
            until = started + max(_GREEDY * stride * left / n_left, _LEAST_S)
            there = with_limit(self.matrix, self.row, limit)
            is_anew = best is None or gap_share(support.value, self.worth(best)) > _FAR_SHARE
            if is_anew:
                until = max(until, now() + _ANEW_TIME_SHARE * (deadline - now()))
                best = self._better(best, self._first(there, support.x, until))
            if best is not None:
                best = self._grown(there, best, support.value, until)
                if is_anew and not self._is_close(support.value, best) and now() < until:
                    free = there.is_integer & (np.abs(support.x - best) > _USED)
                    cut = with_limit(self.cut, self.row, limit)
                    best = self._searched(cut, free, best, _DIFFERING, until)
            took, passed_over = now() - started, stride - 1
            found.append(SweepPoint(limit, best, support, support.value))
        return found

    def _first(self, there: Matrix, x: Floats, until: float) -> Floats | None:
        """A plan without one below it: what slope scaling lays, or whatever the solver finds first."""
        rounds = SlopeScaling(there, self.charges, self.options).run(x, _ROUNDS, until, step=_STEP)
        maximise = there.maximise[0]
        built = (
            constructed_solution(there, self.charges, rounds[-1], self.options, maximise=maximise, deadline=until)
            if rounds
            else None
        )
        if built is not None or nothing_of(there) is not None:
            return built
        highs = Highs(there, self.options)
        highs.set_option("mip_max_improving_sols", 1)
        return self._held(there, highs.run(until - now(), "a first plan").x)

    def _grown(self, there: Matrix, best: Floats, bound: float, until: float) -> Floats:
        """With what is laid as it is, all else anew; then with more laid."""
        whole = there.is_integer
        for search in (_PIPES_FIXED, _PIPES_EXTENDED):
            if now() >= until or self._is_close(bound, best):
                break
            fixed = self.is_charge if search is _PIPES_FIXED else self.is_charge & (best > 0.5)
            best = self._searched(there, whole & ~fixed, best, search, until)
        return best

    def related(
        self, sweep_points: Sequence[SweepPoint], below: SweepPoint | None, above: SweepPoint | None, seconds: float
    ) -> list[SweepPoint]:
        """The plans bettered by what the plans of the limits next to them lay, from high to low."""
        deadline = now() + seconds
        there = [*([below] if below else []), *sweep_points, *([above] if above else [])]
        first = 1 if below else 0
        for k in reversed(range(first, first + len(sweep_points))):
            sweep_point = there[k]
            left = deadline - now()
            if left <= 0 or sweep_point.x is None or self.is_closed(sweep_point):
                continue
            until = now() + max(_GREEDY * left / (k - first + 1), _LEAST_S)
            program = with_limit(self.matrix, self.row, sweep_point.limit)
            plan, below_it = sweep_point.x, there[k - 1].x if k else None
            if below_it is not None and np.array_equal(below_it, plan):
                # Carried up from below, it knows nothing yet of the money that came with it.
                plan = self._grown(program, plan, sweep_point.bound, until)
            free = self.matrix.is_integer & ~self.is_charge
            for near in there[max(k - 1, 0) : k + 2]:
                if near.x is not None:
                    free |= self.matrix.is_integer & (near.x > 0.5)
            x = self._searched(program, free | (self.matrix.is_integer & (plan > 0.5)), plan, _OF_NEIGHBOURS, until)
            there[k] = replace(sweep_point, x=x)
        return there[first : first + len(sweep_points)]

    def deepened(self, sweep_point: SweepPoint, seconds: float) -> SweepPoint:
        """One plan bettered where it differs from the relaxation, and the bound of a search for a proof."""
        began = now()
        x = sweep_point.x
        if x is None:
            return replace(sweep_point, depth=1)
        cut = with_limit(self.cut, self.row, sweep_point.limit)
        highs = Highs(cut, self.options)
        highs.set_integrality(False)
        relaxation = highs.run(seconds, "a rung: relaxation")
        if relaxation.x is None or relaxation.reduced_cost is None or relaxation.status != "optimal":
            return replace(sweep_point, depth=1)
        free = cut.is_integer & (np.abs(relaxation.x - x) > _USED)
        x = self._searched(cut, free, x, _DIFFERING, began + _DIFFERING_TIME_SHARE * seconds)
        # What cannot better the plan by as much as half the gap asked for is left out, which the bound allows for.
        value = self.worth(x)
        enough = self.sign * value + 0.5 * self.options.gap_share * abs(value)
        reduced_cost_gap = np.maximum(-self.sign * relaxation.reduced_cost, 0.0)
        useless = (
            cut.is_integer
            & (cut.lower == 0)
            & (x < 0.5)
            & (self.sign * relaxation.objective - reduced_cost_gap <= enough)
        )
        small = restricted(cut, np.flatnonzero(useless))
        if not small.holds(x):
            return replace(sweep_point, x=x, depth=1)
        search = Highs(small.matrix, self.options, scaling=self.charges.scaling(small.matrix))
        search.set_option("mip_allow_restart", False)
        search.set_option("mip_max_nodes", _PROOF_NODES)
        search.start_from(x[small.columns])
        outcome = search.run(began + seconds - now(), "a rung")
        better = self._held(cut, small.lifted(outcome.x)) if outcome.x is not None else None
        x = self._better(x, better)
        assert x is not None
        bound = self.sign * min(self.sign * sweep_point.bound, max(self.sign * outcome.bound, enough))
        return replace(sweep_point, x=x, bound=bound if np.isfinite(bound) else sweep_point.bound, depth=1)

    def _searched(self, there: Matrix, free: Mask, best: Floats, search: Search, until: float) -> Floats:
        found = with_free(
            there, self.charges, free, best, self.options, search, maximise=there.maximise[0], deadline=until
        )
        better = self._better(best, found)
        assert better is not None
        return better

    def _better(self, one: Floats | None, other: Floats | None) -> Floats | None:
        if one is None or other is None:
            return other if one is None else one
        return other if self.sign * (self.worth(other) - self.worth(one)) > 1e-9 * abs(self.worth(one)) else one

    def _held(self, there: Matrix, x: Floats | None) -> Floats | None:
        if x is None:
            return None
        point = resolved_with_integers_fixed(there, x, self.options)
        return point if residuals(there, point).hold else None
