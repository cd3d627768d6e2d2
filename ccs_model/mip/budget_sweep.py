"""Solutions of a fixed-charge network model at many limits of one row, each from the solution of a lower limit.

A solution of a lower limit holds at a higher one and is improved there in sub-MIPs with few free decisions. Its arcs
are fixed first; then more arcs are allowed, those of the solutions at the neighbouring limits, and all columns in which
it differs from the relaxation. The bound at each limit is that of the relaxation with cut-set inequalities, which hold
at every limit, and in the end that of branch and bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.errors import NoPlanError
from ccs_model.mip.branch_and_bound import verified_point
from ccs_model.mip.clock import now, was_stopped
from ccs_model.mip.cut_sets import Connections, Cut, Relax, select_tight_cuts, with_cuts
from ccs_model.mip.fixed_charge import Construct, SlopeScaling
from ccs_model.mip.highs import Highs, Outcome, SolverOptions, gap_share
from ccs_model.mip.matrix import Matrix, mask_at, residuals
from ccs_model.mip.network_lns import SubMip
from ccs_model.mip.parametric import MovingLimit, Support
from ccs_model.mip.presolve import remove_columns
from ccs_model.mip.search import USED, FixedChargeNetwork, Result, SearchContext

_DIFFERING = SubMip(gap_part=0.15, max_nodes=1)


def with_limit(matrix: Matrix, row: int, limit: float) -> Matrix:
    """Return the matrix with another upper limit of one row."""
    upper = matrix.row_upper.copy()
    upper[row] = limit
    return replace(matrix, row_upper=upper)


def zero_point(matrix: Matrix) -> Floats | None:
    """Return the point with every column at 0 (or its nearest bound) if it is feasible."""
    zero: Floats = np.clip(np.zeros(len(matrix.lower)), matrix.lower, matrix.upper)
    return zero if residuals(matrix, zero).hold else None


@dataclass(frozen=True, eq=False)
class SweepPoint:
    """What is known at one limit: the incumbent (None without one), the relaxation's line and the best bound."""

    limit: float
    x: Floats | None
    support: Support
    bound: float
    is_deepened: bool = False


@dataclass(frozen=True, eq=False)
class SweepModel:
    """A fixed-charge network model whose limit of one row moves, with cuts that hold at every limit.

    `known` are integer points at any limit; a limit starts from the best of them that it allows.
    """

    matrix: Matrix
    row: int
    network: FixedChargeNetwork
    cuts: tuple[Cut, ...]
    options: SolverOptions
    known: tuple[Floats, ...] = ()

    @cached_property
    def matrix_with_cuts(self) -> Matrix:
        """The matrix with the cuts as further rows."""
        return with_cuts(self.matrix, self.cuts)

    @cached_property
    def is_charge(self) -> Mask:
        """[column] whether it is a fixed charge."""
        return mask_at(len(self.matrix.lower), self.network.columns)

    def context_at(self, limit: float, deadline: float, *, cuts: bool = False) -> SearchContext:
        """The search at one limit."""
        matrix = with_limit(self.matrix_with_cuts if cuts else self.matrix, self.row, limit)
        return SearchContext(matrix, self.network, self.options, deadline)

    def best_known_point(self, context: SearchContext, best: Floats | None) -> Floats | None:
        """The best of a point and the known points that the limit of a search allows."""
        for x in self.known:
            if context.better_point(best, x) is not best and residuals(context.matrix, x).hold:
                best = x
        return best

    def value(self, x: Floats) -> float:
        """Objective value of a point."""
        return float(self.matrix.costs[0] @ x)

    def gap(self, point: SweepPoint) -> float:
        """Relative gap at one limit; infinite without an incumbent."""
        return np.inf if point.x is None else gap_share(point.bound, self.value(point.x))

    def is_closed(self, point: SweepPoint) -> bool:
        """Whether the gap at one limit is the requested one."""
        return point.x is not None and self.is_close(point.bound, point.x)

    def is_close(self, bound: float, x: Floats) -> bool:
        """Whether a point is within the requested gap of a bound."""
        return gap_share(bound, self.value(x)) <= self.options.gap_share


@dataclass(frozen=True, eq=False)
class Anchor:
    """Supporting lines at a few limits, cuts, and the arc groups that slope scaling converges on."""

    supports: tuple[Support, ...]
    cuts: tuple[Cut, ...]
    arc_groups: Ints


@dataclass(frozen=True)
class Anchors:
    """Cuts and arc groups at a few limits, and lines of the relaxation that bound all others.

    Parameters
    ----------
    shares
        Shares of the highest limit, one tuple a job: slope scaling runs at the first share of each.
    share
        Share of the sweep's effort that a job may spend beside its relaxations.
    relax, scaling
        Phases at the first limit of a job.
    """

    shares: tuple[tuple[float, ...], ...] = ((1.0, 0.75), (0.5, 0.3, 0.15, 0.05))
    share: float = 0.2
    relax: Relax = Relax(cut_rounds=8, cuts_until=0.4)
    scaling: SlopeScaling = SlopeScaling(n_rounds=12, step=0.1, until=0.6, restrict=True)

    def run(
        self, model: SweepModel, connections: Connections, limits: Sequence[float], *, with_arcs: bool, effort: float
    ) -> Anchor | None:
        """Return cuts and arc groups at the first limit and lines at all; None where the relaxation has no optimum.

        The relaxations are solved to their end; `effort` is that of cuts and slope scaling.
        """
        context, row = model.context_at(limits[0], now() + effort), model.row
        highs = Highs(context.matrix, context.options)
        cuts, outcome = self.relax.solve(highs, connections, self.relax.cuts_until * effort, "anchor")
        first = Support.of(limits[0], outcome, row)
        if first is None:
            return None
        supports, arc_groups = [first], model.network.arc_groups_used(first.x)
        if with_arcs:
            cut_context = replace(context.with_effort(effort), matrix=with_cuts(context.matrix, cuts))
            trace = self.scaling.run(cut_context, Result("limit", relaxation=outcome)).trace
            arc_groups = model.network.arc_groups_used(trace[-1]) if trace else arc_groups
        for limit in limits[1:]:
            if was_stopped():
                break
            highs.set_row(row, float(model.matrix.row_lower[row]), limit)
            if support := Support.of(limit, highs.run(np.inf, "supporting line"), row):
                supports.append(support)
        return Anchor(tuple(supports), tuple(cuts), arc_groups)


@dataclass(frozen=True)
class GrowPoint:
    """Improve a solution of a lower limit: with its arcs fixed, then with more arcs.

    Parameters
    ----------
    fixed, extended
        Sub-MIPs of the two steps.
    """

    fixed: SubMip = SubMip(gap_part=0.25, max_nodes=1, candidates=(0, 30))
    extended: SubMip = SubMip(gap_part=0.25, max_nodes=1, candidates=(20, 30))

    def run(self, model: SweepModel, context: SearchContext, best: Floats, bound: float) -> Floats:
        """Return a solution that is no worse."""
        integers = context.matrix.is_integer
        for k, sub_mip in enumerate((self.fixed, self.extended)):
            if context.is_over or model.is_close(bound, best):
                break
            kept = model.is_charge if k == 0 else model.is_charge & (best > 0.5)
            best = _improve_solution(context, sub_mip, integers & ~kept, best)
        return best


@dataclass(frozen=True)
class Sweep:
    """A solution at each limit from low to high, from that of the limit before.

    Parameters
    ----------
    until
        Share of the sweep's effort by which the sweep ends.
    far_gap
        Relative gap beyond which a solution is from slope scaling.
    greedy, min_effort
        Multiple of its even share of the effort left that a limit may take, and the least effort it has.
    construct_until
        Share of the effort left that a solution from slope scaling may take.
    scaling, construct
        Phases of a solution from slope scaling.
    grow, differing
        Sub-MIPs that improve it.
    """

    until: float = 0.76
    far_gap: float = 0.5
    greedy: float = 1.5
    min_effort: float = 0.3
    construct_until: float = 0.5
    scaling: SlopeScaling = SlopeScaling(n_rounds=12, step=0.1)
    construct: Construct = Construct()
    grow: GrowPoint = GrowPoint()
    differing: SubMip = _DIFFERING

    def run(self, model: SweepModel, limits: Sequence[float], effort: float) -> list[SweepPoint]:
        """Return a point at each limit that has one; fewer where a limit stops it."""
        deadline = now() + effort
        moving = MovingLimit(model.matrix_with_cuts, model.row, model.options, is_exact=False)
        found: list[SweepPoint] = []
        best = zero_point(with_limit(model.matrix, model.row, limits[0])) if limits else None
        took, passed_over = 0.0, 0
        for k, limit in enumerate(limits):
            if was_stopped():
                break
            try:
                support = moving.solve_at(limit)
            except NoPlanError:
                break
            if support is None:
                continue
            if passed_over and best is not None:
                passed_over -= 1
                found.append(SweepPoint(limit, best, support, support.value))
                continue
            # Where effort is short, a few good solutions that are carried up are worth more than many poor ones.
            best = model.best_known_point(model.context_at(limit, deadline), best)
            started, n_left, left = now(), len(limits) - k, max(deadline - now(), self.min_effort)
            stride = min(max(math.ceil(took * n_left / left), 1), n_left)
            until = started + max(self.greedy * stride * left / n_left, self.min_effort)
            is_constructed = best is None or gap_share(support.value, model.value(best)) > self.far_gap
            if is_constructed:
                until = max(until, now() + self.construct_until * (deadline - now()))
            context = model.context_at(limit, until)
            if is_constructed:
                best = context.better_point(best, self._construct_solution(context, support))
            if best is not None:
                best = self.grow.run(model, context, best, support.value)
                if is_constructed and not model.is_close(support.value, best) and now() < until:
                    free = context.matrix.is_integer & (np.abs(support.x - best) > USED)
                    best = _improve_solution(model.context_at(limit, until, cuts=True), self.differing, free, best)
            took, passed_over = now() - started, stride - 1
            found.append(SweepPoint(limit, best, support, support.value))
        return found

    def _construct_solution(self, context: SearchContext, support: Support) -> Floats | None:
        """A solution without one of a lower limit: by slope scaling, or the first that HiGHS finds."""
        relaxation = Outcome("optimal", support.value, support.value, support.x, None, None)
        result = self.scaling.run(context, Result("limit", relaxation=relaxation))
        built = self.construct.run(context, result).incumbent
        if built is not None or zero_point(context.matrix) is not None:
            return built
        highs = Highs(context.matrix, context.options)
        highs.set_option("mip_max_improving_sols", 1)
        x = highs.run(context.left, "first solution").x
        return None if x is None else verified_point(context.matrix, x, context.options)


@dataclass(frozen=True)
class Relate:
    """Improve each solution with the arcs and decisions of the solutions at the neighbouring limits.

    Parameters
    ----------
    until
        Share of the sweep's effort by which it ends.
    greedy, min_effort
        Multiple of its even share of the effort left that a limit may take, and the least effort it has.
    grow, neighbours
        Sub-MIPs that improve it.
    """

    until: float = 1.0
    greedy: float = 1.5
    min_effort: float = 0.3
    grow: GrowPoint = GrowPoint()
    neighbours: SubMip = SubMip(gap_part=0.15, max_nodes=1, candidates=(0, 20))

    def run(
        self,
        model: SweepModel,
        points: Sequence[SweepPoint],
        below: SweepPoint | None,
        above: SweepPoint | None,
        effort: float,
    ) -> list[SweepPoint]:
        """Return the points from low to high, improved from high to low; `below` and `above` are their neighbours."""
        deadline, integers = now() + effort, model.matrix.is_integer
        known = [*([below] if below else []), *points, *([above] if above else [])]
        first = 1 if below else 0
        for k in reversed(range(first, first + len(points))):
            point, left = known[k], deadline - now()
            if left <= 0 or point.x is None or model.is_closed(point):
                continue
            until = now() + max(self.greedy * left / (k - first + 1), self.min_effort)
            context, x, x_below = model.context_at(point.limit, until), point.x, known[k - 1].x if k else None
            if x_below is not None and np.array_equal(x_below, x):
                # Carried up from the limit below, it does not use the wider limit yet.
                x = self.grow.run(model, context, x, point.bound)
            free = integers & ~model.is_charge
            for near in known[max(k - 1, 0) : k + 2]:
                if near.x is not None:
                    free |= integers & (near.x > 0.5)
            free |= integers & (x > 0.5)
            known[k] = replace(point, x=_improve_solution(context, self.neighbours, free, x))
        return known[first : first + len(points)]


@dataclass(frozen=True)
class ImproveWidestGaps:
    """Improve the solutions of the widest gaps where they differ from the relaxation, then search for a bound.

    Parameters
    ----------
    effort, min_effort
        Effort of a limit unless there is more for each, and the effort below which none begins.
    differing, differing_until
        Sub-MIP of the columns in which solution and relaxation differ, and the share of a limit's effort it takes.
    useless_gap_part
        Columns that cannot improve the solution by this part of the requested gap are left out.
    max_nodes
        Branch-and-bound nodes of the search for a bound.
    """

    effort: float = 6.0
    min_effort: float = 1.0
    differing: SubMip = _DIFFERING
    differing_until: float = 0.4
    useless_gap_part: float = 0.5
    max_nodes: int = 2_000

    def run(self, model: SweepModel, point: SweepPoint, effort: float) -> SweepPoint:
        """Return the point at one limit with a better incumbent or bound where they are found."""
        began, x = now(), point.x
        if x is None:
            return replace(point, is_deepened=True)
        context = model.context_at(point.limit, began + self.differing_until * effort, cuts=True)
        matrix, sign = context.matrix, model.matrix.sign
        relaxation = Highs.lp_relaxation(matrix, model.options).run(effort, "budget point: relaxation")
        if relaxation.x is None or relaxation.reduced_cost is None or relaxation.status != "optimal":
            return replace(point, is_deepened=True)
        # Branch and bound has the cuts that are tight; the others only slow it down.
        matrix = with_cuts(
            with_limit(model.matrix, model.row, point.limit), select_tight_cuts(model.cuts, relaxation.x)
        )
        context = replace(context, matrix=matrix)
        free = matrix.is_integer & (np.abs(relaxation.x - x) > USED)
        x = _improve_solution(context, self.differing, free, x)
        # The bound allows for the columns left out, which gain less than `enough`.
        value = model.value(x)
        enough = sign * value + self.useless_gap_part * model.options.gap_share * abs(value)
        reduced_cost_gap = np.maximum(-sign * relaxation.reduced_cost, 0.0)
        is_useless = sign * relaxation.objective - reduced_cost_gap <= enough
        small = remove_columns(matrix, np.flatnonzero(matrix.is_integer & (matrix.lower == 0) & (x < 0.5) & is_useless))
        if not small.has_point(x):
            return replace(point, x=x, is_deepened=True)
        search = Highs(small.matrix, model.options, scaling=model.network.scaling(small.matrix))
        search.set_option("mip_allow_restart", False)
        search.set_option("mip_max_nodes", self.max_nodes)
        search.start_from(x[small.columns])
        outcome = search.run(began + effort - now(), "budget point")
        found = (
            None if outcome.x is None else verified_point(matrix, small.lift_to_full_model(outcome.x), model.options)
        )
        bound = model.matrix.tightest_bound(point.bound, sign * max(sign * outcome.bound, enough))
        return replace(
            point,
            x=context.better_point(x, found),
            bound=bound if np.isfinite(bound) else point.bound,
            is_deepened=True,
        )


def _improve_solution(context: SearchContext, sub_mip: SubMip, free: Mask, best: Floats) -> Floats:
    """The better of a solution and what a sub-MIP finds from it."""
    better = context.better_point(best, sub_mip.solve(context, free, best))
    assert better is not None
    return better
