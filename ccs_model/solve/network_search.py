"""Search on a shared network: corridors (links chosen beforehand), a plan within them and a bound over all links.

Integer plans of several periods over every candidate link are beyond any open solver today. So a plan has two gaps: the
gap within its corridors, which is small, and beside it the gap to the relaxation's bound over all candidate links.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ccs_model._typing import Floats, Ints
from ccs_model.errors import NoPlanError
from ccs_model.mip import Matrix, Outcome, Progress, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome, solve_with_integers_fixed
from ccs_model.mip.clock import BackgroundTask, Computed, now, was_stopped
from ccs_model.mip.fixed_charge import Prove
from ccs_model.mip.highs import LARGE_ROWS, gap_share, log_line
from ccs_model.mip.matrix import residuals
from ccs_model.mip.presolve import remove_columns
from ccs_model.mip.search import Heuristic, Result, SearchContext
from ccs_model.problem import Problem
from ccs_model.problem.candidate_network import corridor_rows
from ccs_model.solve.directed_arcs import DirectedArcs, directed_arcs, relaxation_if_tighter
from ccs_model.solve.directed_bound import (
    basis_of_few_periods,
    bound_over_all_links,
    prove_by_directions,
    without_peak_flows,
)
from ccs_model.solve.fixed_charge_network import connections_of, network_of, places_of
from ccs_model.solve.growth_network import growth_network_of
from ccs_model.solve.network_presolve import OneWayModel, one_way_model, reduced_model
from ccs_model.solve.search_progress import WITHIN_LINKS
from ccs_model.solve.strategies import (
    CONSTRUCT,
    GROW,
    GROW_LARGE,
    PROVE_BY_ARCS,
    PROVE_REDUCED,
    SIZES,
    Restrict,
    choose_strategy,
    relaxation_stage,
)

# Names of heuristics in the progress of a solve.
_NAMES = {
    "Grow": "growth", "SlopeScaling": "slope scaling", "Construct": "construction", "Extend": "extension",
    "ExtendRestricted": "extension",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Corridors:
    """The outcome within the corridors, the links they are, and the bound over all candidate links."""

    within: MipOutcome
    links: tuple[str, ...]
    all_links_bound: float


def solve_in_corridors(
    problem: Problem,
    matrix: Matrix,
    options: SolverOptions,
    *,
    effort: float,
    on_progress: Callable[[Progress], None] | None,
) -> Corridors:
    """Find corridors, or take those of the scenario, and solve within them; `effort` is that after the relaxation."""
    search = _NetworkSearch(problem, options, effort, on_progress)
    is_staged = len(problem.years) > 1 and problem.scenario.transport.corridors == "auto"
    is_large = is_staged and len(matrix.row_lower) > SIZES.staged_rows
    if is_large and growth_network_of(problem, matrix) is not None:
        return search.search_chosen_links(matrix)
    by_arcs = search.search_by_arcs(matrix)
    if by_arcs is None or by_arcs.within.outcome.status == "optimal":
        return by_arcs or search.search_links(matrix, effort)
    n_arc_groups = len(search.links) + len(problem.sites)
    start = by_arcs.within.outcome.x if n_arc_groups <= SIZES.few_arc_groups else None
    return _combine_corridors(by_arcs, search.search_links(matrix, effort, start=start), matrix, options)


@dataclass(frozen=True, eq=False)
class _NetworkSearch:
    """How a problem's corridors are found."""

    problem: Problem
    options: SolverOptions
    effort: float
    on_progress: Callable[[Progress], None] | None

    @property
    def stage(self) -> str:
        return self.problem.objective.replace("_", " ")

    @property
    def links(self) -> npt.NDArray[np.object_]:
        assert self.problem.network is not None
        names: npt.NDArray[np.object_] = self.problem.network.links["link"].to_numpy(object)
        return names

    @property
    def _takes_all_links(self) -> bool:
        """Whether the exact search is over every candidate link."""
        corridors = self.problem.scenario.transport.corridors
        return corridors == "all" or (corridors == "auto" and len(self.links) <= SIZES.all_links)

    def _background_task(self, compute: Callable[[], Computed]) -> BackgroundTask[Computed]:
        """A computation beside the search."""
        return BackgroundTask(compute, is_threaded=self.problem.scenario.solver.is_threaded)

    def context(self, matrix: Matrix, effort: float) -> SearchContext:
        """The search that begins now."""
        network, began = network_of(self.problem, matrix), now()
        return SearchContext(matrix, network, self.options, began + effort, began, self.on_progress)

    def search_chosen_links(self, matrix: Matrix) -> Corridors:
        """Bound over all links, and beside it search within the links of a plan that is grown."""
        context, grown = self._construct_start(self.context(matrix, self.effort))
        with self._background_task(partial(self._bounds, context)) as bounding:
            grown = self._run_heuristic(GROW_LARGE, context, grown)
            found = self._solve_chosen_links(context.with_effort(self.effort), grown)
            self._announce(f"{self.stage}, all links")
            relaxation, bound = bounding.result()
            self._announce(self.stage, bound)
        if relaxation.status not in ("optimal", "limit"):
            return Corridors(MipOutcome(relaxation, relaxation), (), relaxation.objective)
        if found is None:
            if was_stopped():
                return self._stopped_corridors(context, relaxation, grown.incumbent)
            return self.search_links(matrix, self.effort)
        if relaxation.status == "limit":
            # A plan without a bound over all links is worth more than neither.
            relaxation, bound = _unbounded_outcome(context), context.sign * np.inf
        return replace(found, within=MipOutcome(found.within.outcome, relaxation), all_links_bound=bound)

    def _bounds(self, context: SearchContext) -> tuple[Outcome, float]:
        """The relaxation over all links without peak flows, with duals of the whole matrix, and the tightest bound."""
        small = without_peak_flows(context.matrix)
        matrix = small.matrix
        connections = connections_of(self.problem, matrix)
        part = replace(self.context(matrix, self.effort), options=self.options.with_log("links"), on_progress=None)
        relax = relaxation_stage(is_directed=False, is_grown=False)
        _, result = relax.run(part, connections, f"{self.stage}, all links")
        relaxation = result.relaxation
        assert relaxation is not None
        if relaxation.status != "optimal":
            return relaxation, relaxation.objective
        x, reduced = (
            None if each is None else small.lift_to_full_model(each) for each in (relaxation.x, relaxation.reduced_cost)
        )
        dual = _duals_on_all_rows(context.matrix, matrix, relaxation.row_dual)
        relaxation = replace(relaxation, x=x, reduced_cost=reduced, row_dual=dual)
        directions = bound_over_all_links(self.problem, matrix, part.options, self.effort, self.stage)
        bounds = [each for each in (relaxation.objective, directions) if each is not None]
        return relaxation, matrix.tightest_bound(*bounds)

    def _solve_chosen_links(self, context: SearchContext, grown: Result) -> Corridors | None:
        """The outcome within the links of a plan that is grown; None without links."""
        if grown.incumbent is None:
            return None
        arc_groups = context.network.arc_groups_used(grown.incumbent)
        if not (arc_groups < len(self.links)).any():
            return None
        small = remove_columns(context.matrix, context.network.columns_outside(arc_groups))
        found = self.search_links(small.matrix, context.left, is_part=True, start=grown.incumbent[small.columns])
        within = found.within.outcome
        if within.x is None:
            return None
        within = replace(within, x=small.lift_to_full_model(within.x))
        searched = set(self.links[arc_groups[arc_groups < len(self.links)]])
        links = tuple(link for link in found.links if link in searched)
        return replace(found, within=replace(found.within, outcome=within), links=links)

    def search_by_arcs(self, matrix: Matrix) -> Corridors | None:
        """Search a small network of one period with two arcs a link; None where that does not apply or finds nothing.

        Most such networks are solved to the end, so that no link need be left out.
        """
        problem, n_arc_groups = self.problem, len(self.links) + len(self.problem.sites)
        are_given = problem.scenario.transport.corridors not in ("auto", "all")
        if len(problem.years) > 1 or n_arc_groups > SIZES.by_arcs or are_given:
            return None
        self._announce(f"{self.stage}: relaxation")
        context, directed = self.context(matrix, self.effort), directed_arcs(problem, matrix)
        relaxation = None if directed is None else relaxation_if_tighter(directed, matrix, self.options)
        if directed is None or relaxation is None:
            return None
        self._announce(self.stage, relaxation.objective)
        try:
            found = self._search_arcs(context, directed, Result("limit", relaxation=relaxation), PROVE_BY_ARCS)
        except NoPlanError:
            return None
        if found is None or found.incumbent is None:
            return None
        # Flows of an unscaled model are exact to its tolerance only.
        exact = solve_with_integers_fixed(matrix, found.incumbent, self.options)
        if exact is not None and residuals(matrix, exact).hold:
            found = replace(found, incumbent=exact)
        assert found.incumbent is not None
        bound = found.bound if np.isfinite(found.bound) else relaxation.objective
        outcome = _mark_if_optimal(replace(found, bound=bound).outcome(context.value(found.incumbent)), self.options)
        return Corridors(MipOutcome(outcome, relaxation), tuple(map(str, self.links)), bound)

    def search_links(
        self, matrix: Matrix, effort: float, *, is_part: bool = False, start: Floats | None = None
    ) -> Corridors:
        """Search all links of a matrix for corridors, and solve within them, with this effort after the relaxation.

        `is_part` says that the matrix has a part of the links only, so that its bound does not count. `start` is a
        point of the matrix. Without one a plan is constructed before the relaxation, which a time limit may stop.
        """
        with contextlib.ExitStack() as tasks:
            return self._find_corridors(matrix, effort, tasks, is_part=is_part, start=start)

    def _find_corridors(
        self, matrix: Matrix, effort: float, tasks: contextlib.ExitStack, *, is_part: bool, start: Floats | None
    ) -> Corridors:
        problem, options = self.problem, self.options
        connections, links = connections_of(problem, matrix), self.links
        stage = self.stage + WITHIN_LINKS if is_part else self.stage
        every = np.arange(len(links) + len(problem.sites))
        whole, n_rows, is_staged, began = matrix, len(matrix.row_lower), len(problem.years) > 1, now()
        is_large = len(every) > SIZES.few_arc_groups
        directed = one_way_model(problem, matrix, connections) if is_large and not is_staged else None
        if directed is not None:
            matrix, connections = directed.matrix, directed.connections
        context = self.context(matrix, effort)
        context, first = self._construct_start(context, start)
        self._announce(f"{stage}: relaxation")
        # Where all links are searched, the proof needs the cuts.
        is_chosen = problem.scenario.transport.corridors == "auto" and not self._takes_all_links
        is_grown = is_staged and is_chosen and first.incumbent is not None and context.growth is not None
        relax = relaxation_stage(is_directed=directed is not None, is_grown=is_grown)
        basis = basis_of_few_periods(problem, matrix, options, stage) if is_grown and n_rows <= LARGE_ROWS else None
        bounding = None
        if is_staged and not is_part and not self._takes_all_links:
            given = (problem, whole, options.with_log("links"), self.effort, self.stage, basis)
            bounding = tasks.enter_context(self._background_task(partial(bound_over_all_links, *given)))
        context, result = relax.run(context, connections, stage, basis)
        relaxation = result.relaxation
        assert relaxation is not None
        if relaxation.status != "optimal" or relaxation.x is None:
            return self._stopped_corridors(context, relaxation, first.incumbent, directed)
        of_relaxation = now() - began
        log_line(options, f"relaxation: effort {of_relaxation:.3g}, bound {relaxation.objective:.10g}")
        self._announce(stage, relaxation.objective)
        context = context.with_effort(effort)
        context = replace(context, places=places_of(problem, context.matrix))
        result = self._run_heuristic(GROW, context, replace(result, incumbent=first.incumbent))
        strategy = choose_strategy(
            SIZES,
            n_arc_groups=context.network.n_arc_groups,
            n_rows=n_rows,
            is_staged=is_staged,
            is_grown=is_grown,
            is_part=is_part,
            relaxation_uses_arcs=len(context.network.arc_groups_used(relaxation.x)) > 0,
            arcs_are_given=problem.scenario.transport.corridors not in ("auto", "all"),
        )
        for heuristic in strategy.stages:
            if isinstance(heuristic, Heuristic):
                result = self._run_heuristic(heuristic, context, result)
        arc_groups, result = self._arcs(context, result, every, strategy.stage(Restrict))
        found = None
        if len(arc_groups) == len(every) <= SIZES.few_arc_groups and result.incumbent is not None:
            found = self._search_reduced_model(context, result)
        prove = strategy.stage(Prove)
        if found is None and len(arc_groups) == len(every) <= SIZES.few_arc_groups:
            found = self._search_directed_arcs(context, result, prove)
        if found is None and is_staged and len(arc_groups) < len(every):
            found = prove_by_directions(problem, context, result, arc_groups, prove, self.stage + WITHIN_LINKS)
        proof = self.stage + WITHIN_LINKS if len(arc_groups) < len(every) else stage
        within = found or prove.run(context, result, arc_groups, proof)
        if within.status == "infeasible" and len(arc_groups) < len(every):
            # No plan exists within the corridors: every link may be built.
            arc_groups = every
            within = prove.run(context, result, every, stage)
        bound = relaxation.objective
        if within.incumbent is not None and not np.isfinite(within.bound):
            within = replace(within, bound=bound)
        if len(arc_groups) == len(every) and np.isfinite(within.bound):
            bound = matrix.tightest_bound(bound, within.bound)
        if bounding is not None and len(arc_groups) < len(every):
            bound = self._tighter_bound(bounding, bound, matrix)
        chosen = tuple(str(links[k]) for k in arc_groups if k < len(links))
        outcome = within.outcome(np.nan if within.incumbent is None else context.value(within.incumbent))
        if directed is not None:
            outcome, relaxation = directed.drop_directions(outcome), directed.drop_directions(relaxation)
        return Corridors(MipOutcome(_mark_if_optimal(outcome, options), relaxation), chosen, float(bound))

    def _tighter_bound(self, bounding: BackgroundTask[float | None], bound: float, matrix: Matrix) -> float:
        """The tighter of a bound over all links and that which is computed beside the search."""
        self._announce(f"{self.stage}, flow directions")
        found = bounding.result()
        bound = bound if found is None else matrix.tightest_bound(bound, found)
        self._announce(self.stage, bound)
        return bound

    def _stopped_corridors(
        self, context: SearchContext, relaxation: Outcome, incumbent: Floats | None, directed: OneWayModel | None = None
    ) -> Corridors:
        """The incumbent of a search that was stopped before it had a bound; else the outcome of the relaxation."""
        links: tuple[str, ...] = ()
        outcome = relaxation
        if relaxation.status == "limit" and incumbent is not None:
            relaxation = _unbounded_outcome(context)
            outcome = replace(relaxation, objective=context.value(incumbent), x=incumbent)
            used = context.network.arc_groups_used(incumbent)
            links = tuple(str(self.links[k]) for k in used if k < len(self.links))
        if directed is not None:
            outcome, relaxation = directed.drop_directions(outcome), directed.drop_directions(relaxation)
        return Corridors(MipOutcome(outcome, relaxation), links, relaxation.objective)

    def _construct_start(self, context: SearchContext, start: Floats | None = None) -> tuple[SearchContext, Result]:
        """The search with the network for tree growth, and a first plan, for the case that a time limit stops it.

        Growth towards targets gives a first plan only.
        """
        growth = growth_network_of(self.problem, context.matrix)
        grown = growth or growth_network_of(self.problem, context.matrix, to_targets=True)
        first = Result("limit", incumbent=start)
        if start is None:
            first = self._run_heuristic(CONSTRUCT, replace(context, growth=grown), first)
        return replace(context, growth=growth), first

    def _announce(self, stage: str, bound: float = np.nan, incumbent: float = np.nan) -> None:
        """Report that a stage begins, or what it found."""
        if self.on_progress is not None:
            self.on_progress(Progress(stage, 0.0, bound, incumbent))

    def _run_heuristic(self, stage: Heuristic, context: SearchContext, before: Result) -> Result:
        """The result of a heuristic, with a line in the log."""
        began = now()
        name = _NAMES.get(type(stage).__name__, "large-neighbourhood search")
        self._announce(name)
        result = stage.run(context, before)
        if result.incumbent is not None:
            self._announce(name, incumbent=context.value(result.incumbent))
        value = "none" if result.incumbent is None else f"{context.value(result.incumbent):.10g}"
        log_line(self.options, f"{type(stage).__name__}: effort {now() - began:.3g}, incumbent {value}")
        return result

    def _arcs(self, context: SearchContext, result: Result, every: Ints, restrict: Restrict) -> tuple[Ints, Result]:
        """Arc groups of the exact search, and the result to start from, without an incumbent that uses others."""
        problem, links, incumbent = self.problem, self.links, result.incumbent
        requested, sites = problem.scenario.transport.corridors, every[len(links) :]
        if self._takes_all_links:
            return every, result
        converged = every
        if result.trace:
            converged = context.network.arc_groups_used(result.trace[-1])
        elif incumbent is not None:
            converged = context.network.arc_groups_used(incumbent)
        if requested == "auto" and incumbent is None:
            return np.union1d(converged, sites), result
        if requested != "auto":
            arc_groups = np.r_[corridor_rows(problem.scenario, problem.inputs, list(links)), sites]
            is_inside = incumbent is not None and np.isin(context.network.arc_groups_used(incumbent), arc_groups).all()
            return arc_groups, result if is_inside else replace(result, incumbent=None)
        # The arc groups of the incumbent are few enough for a proof.
        assert incumbent is not None
        arc_groups = context.network.arc_groups_used(incumbent)
        if len(arc_groups) < restrict.min_share * len(converged):
            arc_groups = np.union1d(np.union1d(converged, arc_groups), sites)
        return arc_groups, result

    def _search_directed_arcs(self, context: SearchContext, before: Result, prove: Prove) -> Result | None:
        """Search over all links with two arcs each; None where that does not hold, is no tighter or finds nothing."""
        directed = directed_arcs(self.problem, context.matrix)
        if directed is None or relaxation_if_tighter(directed, context.matrix, self.options) is None:
            return None
        return self._search_arcs(context, directed, before, prove)

    def _search_arcs(
        self, context: SearchContext, directed: DirectedArcs, before: Result, prove: Prove
    ) -> Result | None:
        """Search with two arcs a link; None if that finds no plan."""
        network = network_of(self.problem, directed.matrix)
        inside = replace(context, matrix=directed.matrix, network=network, places=None)
        start = None if before.incumbent is None else directed.split_directions(before.incumbent)
        if start is not None and not residuals(directed.matrix, start).hold:
            start = None
        within = prove.run(inside, replace(before, incumbent=start), np.unique(network.arc_group), self.stage)
        return (
            None if within.incumbent is None else replace(within, incumbent=directed.merge_directions(within.incumbent))
        )

    def _search_reduced_model(self, context: SearchContext, before: Result) -> Result | None:
        """Search over all links where the incumbent fixes nearly every retrofit; else None."""
        assert before.incumbent is not None
        small = None
        if context.network.is_single_period:
            small = reduced_model(context.matrix, before.incumbent, self.options, deadline=context.deadline)
        if small is None:
            return None
        network = network_of(self.problem, small.matrix)
        inside = replace(context, matrix=small.matrix, network=network, places=None)
        start = replace(before, incumbent=small.start)
        within = PROVE_REDUCED.run(inside, start, np.unique(network.arc_group), self.stage)
        return (
            None if within.incumbent is None else replace(within, incumbent=small.lift_to_full_model(within.incumbent))
        )


def _unbounded_outcome(context: SearchContext) -> Outcome:
    """The outcome of a relaxation that was stopped."""
    unbounded = context.sign * np.inf
    return Outcome("limit", unbounded, unbounded, None, None, None)


def _duals_on_all_rows(matrix: Matrix, part: Matrix, row_dual: Floats | None) -> Floats | None:
    """Return the duals of the rows of a part on those of the whole matrix; 0 on its other rows."""
    if row_dual is None:
        return None
    dual_of = dict(zip(part.row_constraints, row_dual.tolist(), strict=False))
    return np.array([dual_of.get(row, 0.0) for row in matrix.row_constraints])


def _combine_corridors(one: Corridors, other: Corridors, matrix: Matrix, options: SolverOptions) -> Corridors:
    """The better plan of two searches, with the tighter bound over all links, over which `one` searched."""
    sign = matrix.sign
    bound = matrix.tightest_bound(one.all_links_bound, other.all_links_bound)
    first, second = one.within.outcome, other.within.outcome
    if second.x is not None and sign * second.objective >= sign * first.objective:
        return replace(other, all_links_bound=bound)
    outcome = _mark_if_optimal(replace(first, bound=bound), options)
    return replace(one, within=replace(one.within, outcome=outcome), all_links_bound=bound)


def _mark_if_optimal(outcome: Outcome, options: SolverOptions) -> Outcome:
    """An outcome whose gap is the requested one is optimal, however the solver ended."""
    if outcome.x is not None and gap_share(outcome.bound, outcome.objective) <= options.gap_share + 1e-9:
        return replace(outcome, status="optimal")
    return outcome
