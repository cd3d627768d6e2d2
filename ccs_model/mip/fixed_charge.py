"""Phases of a fixed-charge network search: slope scaling, construction, extension and the proof.

The LP relaxation pays for an arc in proportion to its flow and knows nothing of its fixed charge. *Slope scaling*
charges a column that the relaxation uses at x as if it were opened, divides its cost coefficients by x and re-solves,
until the flows have converged on few arcs. The construction heuristic opens these arcs and solves for the rest; that
solution starts the exact search.

References
----------
Crainic, T. G., Gendron, B., Hernu, G. (2004). A slope scaling/Lagrangean perturbation heuristic with long-term memory
for multicommodity capacitated fixed-charge network design. Journal of Heuristics 10, 525–545.

Angelelli, E., Mansini, R., Speranza, M. G. (2010). Kernel search: a general heuristic for the multi-dimensional
knapsack problem. Computers & Operations Research 37, 2017–2026.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip.branch_and_bound import outcome_with_integers_fixed, verified_point
from ccs_model.mip.clock import now
from ccs_model.mip.highs import LARGE_ROWS, Highs
from ccs_model.mip.matrix import Scaling, residuals
from ccs_model.mip.search import USED, Heuristic, Result, SearchContext, candidate_list

# Heuristics of HiGHS that run at a heuristic effort of 0 as well.
_HEURISTICS = ("feasibility_jump", "rens", "rins", "root_reduced_cost")


@dataclass(frozen=True)
class SlopeScaling(Heuristic):
    """Solve the LP relaxation repeatedly with fixed charges linearised at the flows of the round before.

    Each round uses only arc groups of the round before. A column used at x is charged x to a power that grows by
    −`step` a round down to −1: with a small step flows gather on few arcs before the thin ones are given up.

    Parameters
    ----------
    n_rounds
        Most rounds.
    step
        Growth of the power a round; more where the effort would end before the power is −1.
    until
        Share of the effort by which the last round ends.
    max_scale
        Largest factor of a cost coefficient.
    tolerance
        Change of a column at which the rounds have converged.
    restrict
        Solve over the arc groups that the relaxation uses, in a smaller matrix.
    """

    n_rounds: int = 8
    step: float = 1.0
    until: float = 1.0
    max_scale: float = 1e5
    tolerance: float = 1e-3
    restrict: bool = False

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with the points of all rounds, from its relaxation's point on."""
        relaxation = before.relaxation
        assert relaxation is not None and relaxation.x is not None
        context = context.with_deadline_at(self.until)
        if not self.restrict:
            return replace(before, trace=tuple(self._points(context, relaxation.x)))
        inside, small = context.restrict_to_arcs(context.network.arc_groups_used(relaxation.x))
        points = self._points(inside, relaxation.x[small.columns])
        return replace(before, trace=tuple(small.lift_to_full_model(x) for x in points))

    def _points(self, context: SearchContext, x: Floats) -> list[Floats]:
        matrix, network = context.matrix, context.network
        highs = Highs.lp_relaxation(matrix, context.options)
        if len(matrix.row_lower) > LARGE_ROWS:
            highs.use_interior_point()
        rows = matrix.rows.tocsr()[network.budget_rows][:, network.columns].tocoo()
        entries = [
            (int(network.budget_rows[i]), int(j), float(value))
            for i, j, value in zip(rows.row, rows.col, rows.data, strict=True)
        ]
        scale = np.ones(len(network.columns))
        points: list[Floats] = []
        power, spent = 0.0, 0.0
        for _ in range(self.n_rounds):
            # Larger steps where rounds as long as the last one would not reach the power of −1.
            rounds_left = max(context.left // spent, 1.0) if spent > 0 else np.inf
            power, began = min(power + max(self.step, (1.0 - power) / rounds_left), 1.0), now()
            used = x[network.columns] > USED
            scale[used] = np.minimum(x[network.columns[used]] ** -power, self.max_scale)
            for row, j, value in entries:
                highs.set_coefficient(row, int(network.columns[j]), value * scale[j])
            costs = matrix.costs[0].copy()
            costs[network.columns] *= scale
            highs.set_costs(costs)
            highs.fix(network.columns_outside(network.arc_groups_used(x)))
            highs.clear_solver()
            outcome = highs.attempt(context.left, "slope scaling")
            if outcome.x is None or outcome.status != "optimal":
                break
            last, x, spent = x, outcome.x, now() - began
            points.append(x)
            same_arcs = power == 1.0 and np.array_equal(network.arc_groups_used(last), network.arc_groups_used(x))
            if same_arcs and np.abs(x[network.columns] - last[network.columns]).max(initial=0.0) < self.tolerance:
                break
        return points


@dataclass(frozen=True)
class KernelSearch:
    """A restricted MILP over the binary decisions of the smallest reduced-cost bounds and those of the start.

    It ends by its gap or its nodes and not by the clock, so that the same inputs give the same solution.

    Parameters
    ----------
    candidates, per_choice
        Binary decisions that may move beyond those in use: in all, and of each choice.
    gap, max_nodes
        Relative gap, and branch-and-bound nodes; None for no limit.
    """

    candidates: int = 50
    per_choice: int = 2
    gap: float = 0.02
    max_nodes: int | None = 100

    def solve(self, context: SearchContext, highs: Highs, start: Floats | None, stage: str) -> Floats | None:
        """Return the best point of the model in `highs`, a restriction of that of the search; None without one."""
        matrix, network = context.matrix, context.network
        highs.set_integrality(False)
        relaxation = highs.attempt(context.left, f"{stage}: relaxation")
        if relaxation.x is None or relaxation.reduced_cost is None or relaxation.status != "optimal":
            return None
        others = matrix.is_integer & (matrix.upper == 1.0) & (highs.lower == 0.0)
        others[network.columns] = False
        free = np.flatnonzero(others)
        reduced_cost_gap = relaxation.reduced_cost_gaps(context.sign)[free]
        # Keep all that the relaxation uses, or the restricted model may be infeasible.
        kept = relaxation.x[free] > 1e-9
        of_all = int(kept.sum()) + self.candidates
        kept |= candidate_list(reduced_cost_gap, network.choice[free], of_each=self.per_choice, of_all=of_all)
        if start is not None:
            kept |= start[free] > 0.5
        highs.fix(free[~kept])
        if start is not None:
            highs.fix(network.unused_columns([relaxation.x, start]))
        highs.set_integrality(True)
        highs.set_option("mip_rel_gap", self.gap)
        highs.set_option("mip_allow_restart", False)
        if start is not None:
            highs.start_from(start)
        if self.max_nodes is not None:
            highs.set_option("mip_max_nodes", self.max_nodes)
        outcome = highs.attempt(context.left, stage)
        return None if outcome.x is None else verified_point(matrix, outcome.x, highs.options)


@dataclass(frozen=True)
class Construct(Heuristic):
    """Open the arcs of the last point of slope scaling and solve for the remaining decisions.

    Parameters
    ----------
    kernel
        How the remaining decisions are searched.
    until
        Share of the effort by which the heuristic ends.
    restrict
        Solve over the arc groups of that point, in a smaller matrix.
    """

    kernel: KernelSearch = KernelSearch(candidates=200, max_nodes=None)
    until: float = 1.0
    restrict: bool = False

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with the better of its incumbent and the one constructed; as it is without a point."""
        if not before.trace:
            return before.with_incumbent(before.incumbent)
        context, x = context.with_deadline_at(self.until), before.trace[-1]
        if not self.restrict:
            return before.with_incumbent(context.better_point(before.incumbent, self._construct_solution(context, x)))
        arc_groups = context.network.arc_groups_used(x)
        if not len(arc_groups) and before.relaxation is not None and before.relaxation.x is not None:
            arc_groups = context.network.arc_groups_used(before.relaxation.x)
        inside, small = context.restrict_to_arcs(arc_groups)
        found = self._construct_solution(inside, x[small.columns])
        lifted = None if found is None else small.lift_to_full_model(found)
        return before.with_incumbent(context.better_point(before.incumbent, lifted))

    def _construct_solution(self, context: SearchContext, x: Floats) -> Floats | None:
        network = context.network
        columns = network.columns
        chosen = np.zeros(len(columns))
        best: dict[int, int] = {}
        for k in np.flatnonzero(x[columns] > USED):
            group = int(network.exclusive[k])
            if group not in best or network.rank[k] > network.rank[best[group]]:
                best[group] = int(k)
        chosen[list(best.values())] = 1.0
        # Open all chosen columns; if the budget or the flows do not allow it, any columns of their exclusive sets.
        of_used_sets = np.isin(network.exclusive, network.exclusive[chosen > 0]).astype(float)
        for lower, upper in ((chosen, chosen), (np.zeros(len(columns)), of_used_sets)):
            highs = Highs(context.matrix, context.options, scaling=network.scaling(context.matrix))
            highs.set_bounds(columns, lower, upper)
            found = self.kernel.solve(context, highs, None, "construction heuristic")
            if found is not None:
                return found
        return None


@dataclass(frozen=True)
class Extend(Heuristic):
    """Solve over the arcs of the incumbent and of an earlier, wider round of slope scaling, from the incumbent.

    Parameters
    ----------
    trace_index
        Round of slope scaling whose arcs may be opened; skipped where slope scaling ended before it.
    until
        Share of the effort by which the search ends.
    kernel
        How the arcs are searched.
    """

    trace_index: int = 0
    until: float = 1.0
    kernel: KernelSearch = KernelSearch()

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with an incumbent that is no worse."""
        if before.incumbent is None or self.trace_index >= len(before.trace):
            return before
        near = before.trace[self.trace_index]
        return before.with_incumbent(
            self.find_improvement(context.with_deadline_at(self.until), near, before.incumbent)
        )

    def find_improvement(self, context: SearchContext, near: Floats, start: Floats) -> Floats:
        """Return the best solution found over the arcs of two points, from `start` on, which must hold."""
        network = context.network
        highs = Highs(context.matrix, context.options, context.on_progress, network.scaling(context.matrix))
        highs.fix(network.unused_columns([near, start]))
        found = self.kernel.solve(context, highs, start, "extension")
        return start if found is None else found


@dataclass(frozen=True)
class ExtendRestricted(Heuristic):
    """`Extend` in a smaller matrix: over the first round with at most `times` as many arc groups as the last one.

    Without slope scaling it searches the arc groups of the incumbent.

    Parameters
    ----------
    times
        Largest multiple of the number of arc groups that slope scaling converged on.
    until
        Share of the effort by which the search ends.
    max_arc_groups
        Skipped where more arc groups than this take part; None for no such limit.
    extend
        Parameters of the restricted MILP.
    """

    times: float
    until: float = 1.0
    max_arc_groups: int | None = None
    extend: Extend = Extend()

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with an incumbent that is no worse."""
        if before.incumbent is None:
            return before
        own = context.network.arc_groups_used(before.incumbent)
        if not before.trace:
            return self._search_arcs(context, before, own, before.incumbent)
        used = [context.network.arc_groups_used(x) for x in before.trace]
        # Where slope scaling converged on no arc at all, one arc group is the measure.
        limit = self.times * max(len(used[-1]), 1)
        k = next(k for k, each in enumerate(used) if len(each) <= limit)
        return self._search_arcs(context, before, np.union1d(used[k], own), before.trace[k])

    def _search_arcs(self, context: SearchContext, before: Result, arc_groups: Ints, near: Floats) -> Result:
        assert before.incumbent is not None
        if self.max_arc_groups is not None and len(arc_groups) > self.max_arc_groups:
            return before
        inside, small = context.with_deadline_at(self.until).restrict_to_arcs(arc_groups)
        found = self.extend.find_improvement(inside, near[small.columns], before.incumbent[small.columns])
        return before.with_incumbent(small.lift_to_full_model(found))


# Gaps to which a model of several periods is solved before a requested gap of at most half as much.
_COARSE_GAPS = (0.03, 0.01)


@dataclass(frozen=True)
class Prove:
    """Solve the model over some arc groups to the requested gap, from the incumbent.

    Parameters
    ----------
    heuristics
        Whether HiGHS may run the heuristics that it runs even at a heuristic effort of 0.
    until
        Share of the effort by which the search ends.
    scaled
        Whether flows are counted in the unit of `FixedChargeNetwork.scaling`.
    """

    heuristics: bool = True
    until: float = 1.0
    scaled: bool = True

    def run(self, context: SearchContext, before: Result, arc_groups: Ints, stage: str) -> Result:
        """Return the incumbent and the bound over the arc groups."""
        context = context.with_deadline_at(self.until)
        gaps = [context.options.gap_share]
        if not context.network.is_single_period and before.incumbent is not None:
            # A wider gap prunes the nodes between both, which would take the effort that the bound needs.
            gaps[:0] = [gap for gap in _COARSE_GAPS if gap >= 2 * gaps[-1]]
        result, bounds = before, list[float]()
        for gap in gaps:
            at_gap = replace(context, options=replace(context.options, gap_share=gap))
            found = self._solve_with_scaling(at_gap, result, arc_groups, stage)
            if bounds and found.incumbent is None:
                break
            result = found
            bounds += [found.bound] if np.isfinite(found.bound) else []
            if found.status != "optimal" or found.incumbent is None or context.is_over:
                break
        return replace(result, bound=context.matrix.tightest_bound(*bounds)) if bounds else result

    def _solve_with_scaling(self, context: SearchContext, before: Result, arc_groups: Ints, stage: str) -> Result:
        scaling = context.network.scaling(context.matrix) if self.scaled else None
        result = self._solve(context, before, arc_groups, stage, scaling)
        x = result.incumbent
        if scaling is not None and x is not None and not residuals(context.matrix, x).hold:
            # A row that holds only just in a large unit may be violated in the model's own.
            return self._solve(context, before, arc_groups, stage, None)
        return result

    def _solve(
        self, context: SearchContext, before: Result, arc_groups: Ints, stage: str, scaling: Scaling | None
    ) -> Result:
        matrix, start, heuristics = context.matrix, before.incumbent, self.heuristics
        highs = Highs(matrix, context.options, context.on_progress, scaling)
        is_staged = not context.network.is_single_period
        if is_staged or start is None:
            # A restart discards the cuts that took longest to find.
            highs.set_option("mip_allow_restart", False)
        if start is not None:
            # The heuristics before have found what HiGHS's own would find, in less time.
            highs.set_option("mip_heuristic_effort", 0.0)
        if is_staged and start is not None:
            # After the root, branching closes the gap sooner than more cuts.
            highs.set_option("mip_allow_cut_separation_at_nodes", False)
            heuristics = False
        for name in () if heuristics else _HEURISTICS:
            highs.set_option(f"mip_heuristic_run_{name}", False)
        highs.fix(context.network.columns_outside(arc_groups))
        if start is not None:
            highs.start_from(start)
        outcome = (highs.run if start is None else highs.attempt)(context.left, stage)
        if outcome.x is None and start is not None and outcome.status == "limit":
            return replace(before, status="limit", bound=outcome.bound)
        outcome = outcome_with_integers_fixed(matrix, outcome, context.options)
        if (
            start is not None
            and outcome.status == "limit"
            and np.isin(context.network.arc_groups_used(start), arc_groups).all()
        ):
            # A start that the solver did not take over is not lost.
            return replace(
                before, status="limit", incumbent=context.better_point(start, outcome.x), bound=outcome.bound
            )
        return replace(before, status=outcome.status, incumbent=outcome.x, bound=outcome.bound)
