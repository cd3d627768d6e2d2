"""Corridors: links chosen beforehand among which a whole plan is proven; over all candidate links a wider bound holds.

Staged whole plans over every candidate link are beyond any open solver today. So a plan has two proofs: within its
corridors the gap is small and is the plan's gap; over all links the relaxation's bound stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Highs, Matrix, Outcome, Progress, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.clock import now
from ccs_model.mip.cut_sets import with_connection_cuts
from ccs_model.mip.fixed_charge import FixedCharges, SlopeScaling, constructed_solution, plan_of_few, search_corridors
from ccs_model.mip.highs import LARGE_ROWS, gap_share
from ccs_model.mip.network_lns import LnsStage, improve_by_neighbourhoods, reoptimise_retrofits
from ccs_model.mip.presolve import restricted
from ccs_model.problem import Problem
from ccs_model.problem.candidate_network import corridor_rows
from ccs_model.solve.fixed_charge_network import connections_of, fixed_charges_of, places_of
from ccs_model.solve.network_presolve import one_way, reduced_model
from ccs_model.solve.staged_search import in_one_period, staged_start

_ROUNDS = 8
# A plan that uses fewer corridors than this share of what slope scaling settled on tells nothing of good ones.
_FEW_SHARE = 0.5
_CUT_ROUNDS = 8
# Cuts arc by arc are found over more rounds, which take less time each.
_CUT_ROUNDS_ONE_WAY = 40
# Of the time there is, by when cuts, corridors and a first plan are to be found.
_CUTS_TIME_SHARE = 0.15
_START_TIME_SHARE = 0.3
_FIRST_TIME_SHARE = 0.45
# The round of slope scaling whose corridors are searched, and by when: first a late one, then an early, wider one.
_WIDER = ((2, 0.5), (1, 0.55), (0, 0.6))
# Regions: of a few wide ones, in which what is saved may be spent anywhere, and of many small ones.
_REGIONS = (
    LnsStage(30, 20, elsewhere=False),
    LnsStage(100, 6, elsewhere=True),
    LnsStage(50, 20, elsewhere=False),
    LnsStage(150, 6, elsewhere=True),
)
_FEW_REGIONS = (LnsStage(50, 4, elsewhere=False), LnsStage(100, 3, elsewhere=True))
_STAGED_REGIONS = (LnsStage(20, 16, elsewhere=False), LnsStage(40, 8, elsewhere=False))
_REGIONS_TIME_SHARE = 0.6
_REFITTED_TIME_SHARE = 0.7
# From so many links or rows on a search over all that slope scaling used early takes longer than regions do.
_MANY_LINKS = 1_000
_FEW_LINKS = 300
_MANY_ROWS = 25_000
_LONG_REGIONS = (LnsStage(100, 4, elsewhere=True), LnsStage(30, 60, elsewhere=False), LnsStage(100, 8, elsewhere=True))
# Programs of several periods too large for rounds of slope scaling over all links: by when their bound, their corridors
# and a plan are there.
_STAGED_ROWS = LARGE_ROWS
_BOUND_TIME_SHARE = 0.45
_ONE_PERIOD_TIME_SHARE = 0.55
_LARGE_TIME_SHARE = 0.9
_PERIOD_REGIONS = (LnsStage(30, 16, elsewhere=False),)


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
    maximise: bool,
    deadline: float,
    on_progress: Callable[[Progress], None] | None,
) -> Corridors:
    """Find corridors (or take the planner's), then the plan within them; until `deadline`."""
    search = _Search(problem, options, maximise, deadline, on_progress)
    # What a tonne earns over all its years is not to be seen in one period, so an aim of money, but for a cut's least
    # cost, is sought over all of them.
    by_tonnes = problem.objective == "max_abatement" or (problem.objective == "min_cost" and bool(problem.targets))
    is_staged = len(problem.years) > 1 and problem.scenario.transport.corridors == "auto" and by_tonnes
    if is_staged and len(matrix.row_lower) > _STAGED_ROWS:
        return search.over_staged(matrix)
    return search.over(matrix, deadline)


@dataclass(frozen=True, eq=False)
class _Search:
    """How corridors are looked for; `deadline` is a now() value."""

    problem: Problem
    options: SolverOptions
    maximise: bool
    deadline: float
    on_progress: Callable[[Progress], None] | None

    @property
    def stage(self) -> str:
        return self.problem.objective.replace("_", " ")

    def over_staged(self, matrix: Matrix) -> Corridors:
        """Several periods over many links: the bound over all of them, corridors of a single period, the plan there."""
        began = now()

        def share(part: float) -> float:
            return began + part * (self.deadline - began)

        connections = connections_of(self.problem, matrix)
        _, relaxation = with_connection_cuts(
            matrix,
            connections,
            self.options,
            n_rounds=_CUT_ROUNDS,
            deadline=share(_BOUND_TIME_SHARE),
            until=share(_CUTS_TIME_SHARE),
            stage=f"{self.stage}, all links",
            on_progress=self.on_progress,
        )
        if relaxation.status not in ("optimal", "limit"):
            return Corridors(MipOutcome(relaxation, relaxation), (), relaxation.objective)
        if relaxation.status == "limit":
            # A plan without a bound over all links is worth more than neither.
            nothing = np.inf if self.maximise else -np.inf
            relaxation = Outcome("limit", nothing, nothing, None, None, None)
        arc_groups = self._of_one_period(matrix, share(_ONE_PERIOD_TIME_SHARE))
        n_links = len(self.problem.network.links) if self.problem.network is not None else 0
        if arc_groups is None or not (arc_groups < n_links).any():
            return self.over(matrix, self.deadline)
        small = restricted(matrix, fixed_charges_of(self.problem, matrix).outside(arc_groups))
        # Where all of the matrix stays at hand, room is left for what follows the plan.
        until = share(_LARGE_TIME_SHARE) if len(matrix.row_lower) > LARGE_ROWS else self.deadline
        found = self.over(small.matrix, until)
        within = found.within.outcome
        if within.x is None:
            return self.over(matrix, self.deadline)
        within = replace(within, x=small.lifted(within.x))
        assert self.problem.network is not None
        there = set(self.problem.network.links["link"].to_numpy(object)[arc_groups[arc_groups < n_links]])
        links = tuple(link for link in found.links if link in there)
        return Corridors(MipOutcome(within, relaxation), links, relaxation.objective)

    def _of_one_period(self, matrix: Matrix, until: float) -> Ints | None:
        """Families of links and sites that a plan with all its decisions in one period uses, or nearly does."""
        single = in_one_period(self.problem, matrix)
        charges = fixed_charges_of(self.problem, single)
        highs = Highs(single, self.options, self.on_progress)
        highs.set_integrality(False)
        relaxation = highs.run(until - now(), "one period: relaxation")
        if relaxation.status != "optimal" or relaxation.x is None:
            return None
        rounds = SlopeScaling(single, charges, self.options).run(relaxation.x, _ROUNDS, until)
        if not rounds:
            return None
        arc_groups = charges.arc_groups_used(rounds[-1])
        start = constructed_solution(single, charges, rounds[-1], self.options, maximise=self.maximise, deadline=until)
        if start is not None:
            places = places_of(self.problem, single)
            for each in _PERIOD_REGIONS:
                start = improve_by_neighbourhoods(
                    single,
                    charges,
                    places,
                    start,
                    self.options,
                    each=each,
                    maximise=self.maximise,
                    deadline=until,
                    on_progress=self.on_progress,
                )
            arc_groups = np.union1d(arc_groups, charges.arc_groups_used(start))
        return arc_groups

    def over(self, matrix: Matrix, deadline: float) -> Corridors:
        """The links of a program that can be searched whole, and the plan within them."""
        problem, options, maximise, on_progress = self.problem, self.options, self.maximise, self.on_progress
        assert problem.network is not None
        requested = problem.scenario.transport.corridors
        connections, n_rounds = connections_of(problem, matrix), _CUT_ROUNDS
        links = problem.network.links["link"].to_numpy(object)
        every = np.arange(len(links) + len(problem.sites))
        directed = one_way(problem, matrix, connections) if len(every) > _FEW_LINKS else None
        if directed is not None:
            matrix, connections, n_rounds = directed.matrix, directed.connections, _CUT_ROUNDS_ONE_WAY
        charges = fixed_charges_of(problem, matrix)
        begun = now()

        def share(part: float) -> float:
            """A moment, as a part of the time there is."""
            return begun + part * (deadline - begun)

        connected, relaxation = with_connection_cuts(
            matrix,
            connections,
            options,
            n_rounds=n_rounds,
            deadline=share(1.0),
            until=share(_CUTS_TIME_SHARE),
            stage=self.stage,
            on_progress=on_progress,
        )
        if relaxation.status != "optimal" or relaxation.x is None:
            relaxation = relaxation if directed is None else directed.without(relaxation)
            return Corridors(MipOutcome(relaxation, relaxation), (), relaxation.objective)
        # What is left after the relaxation is shared out.
        begun = now()
        sites = every[len(links) :]
        start, converged_groups = self._start(connected, charges, relaxation.x, share)
        if requested == "all" or (requested == "auto" and start is None):
            arc_groups = every
        elif requested == "auto":
            # What the best plan in hand uses: few enough for a proof.
            assert start is not None
            arc_groups = charges.arc_groups_used(start)
            if len(arc_groups) < _FEW_SHARE * len(converged_groups):
                arc_groups = np.union1d(converged_groups, sites)
        else:
            arc_groups = np.r_[corridor_rows(problem.scenario, problem.inputs, list(links)), sites]
            if start is not None and not np.isin(charges.arc_groups_used(start), arc_groups).all():
                start = None
        found = None
        if len(arc_groups) == len(every) <= _FEW_LINKS and start is not None:
            found = self._over_few(connected, charges, start, deadline)
        within = found or search_corridors(
            connected,
            charges,
            arc_groups,
            options,
            start=start,
            deadline=deadline,
            stage=self.stage,
            on_progress=on_progress,
        )
        if within.status == "infeasible" and len(arc_groups) < len(every):
            # Nothing holds within them: every link may.
            arc_groups = every
            within = search_corridors(
                connected,
                charges,
                every,
                options,
                start=start,
                deadline=deadline,
                stage=self.stage,
                on_progress=on_progress,
            )
        bound = relaxation.objective
        if within.x is not None and not np.isfinite(within.bound):
            within = replace(within, bound=bound)
        if len(arc_groups) == len(every) and np.isfinite(within.bound):
            bound = min(bound, within.bound) if maximise else max(bound, within.bound)
        chosen = tuple(str(links[k]) for k in arc_groups if k < len(links))
        if directed is not None:
            within, relaxation = directed.without(within), directed.without(relaxation)
        return Corridors(MipOutcome(_closed(within, options), relaxation), chosen, float(bound))

    def _over_few(self, matrix: Matrix, charges: FixedCharges, start: Floats, deadline: float) -> Outcome | None:
        """The search over all of few links where `start` has settled nearly every retrofit; else None."""
        options, maximise = self.options, self.maximise
        small = None
        if charges.is_of_one_period:
            small = reduced_model(matrix, start, options, maximise=maximise, deadline=deadline)
        if small is None:
            return None
        left = fixed_charges_of(self.problem, small.matrix)
        among = np.unique(left.arc_group)
        within = search_corridors(
            small.matrix, left, among, options, start=small.start, deadline=deadline, stage=self.stage, on_progress=self.on_progress,
            with_trials=False,
        )  # fmt: skip
        return None if within.x is None else replace(within, x=small.lifted(within.x))

    def _start(
        self, matrix: Matrix, charges: FixedCharges, x: Floats, share: Callable[[float], float]
    ) -> tuple[Floats | None, Ints]:
        """A plan from the relaxation's `x`, bettered, if there is one; and the families slope scaling settled on."""
        problem, options, maximise, on_progress = self.problem, self.options, self.maximise, self.on_progress
        n_families = len(np.unique(charges.arc_group))
        is_long = n_families > _MANY_LINKS or len(matrix.row_lower) > _MANY_ROWS
        if len(problem.years) > 1 and not is_long and len(charges.arc_groups_used(x)):
            return staged_start(problem, matrix, charges, x, options, share, maximise=maximise, on_progress=on_progress)
        rounds = SlopeScaling(matrix, charges, options).run(x, _ROUNDS, share(_START_TIME_SHARE))
        if not rounds:
            return None, charges.arc_groups_used(x)
        converged_groups = charges.arc_groups_used(rounds[-1])
        until = share(_FIRST_TIME_SHARE)
        start = constructed_solution(matrix, charges, rounds[-1], options, maximise=maximise, deadline=until)
        if start is None:
            return None, converged_groups
        # From the corridors that slope scaling settled on to those it left early, ever wider, from the plan in hand.
        for k, part in _WIDER if not is_long else ():
            if k < len(rounds):
                start = plan_of_few(
                    matrix,
                    charges,
                    rounds[k],
                    start,
                    options,
                    maximise=maximise,
                    deadline=share(part),
                    on_progress=on_progress,
                )
        regions: tuple[LnsStage, ...] = _LONG_REGIONS if is_long else _REGIONS
        if len(problem.years) > 1:
            regions = _STAGED_REGIONS
        elif n_families <= _FEW_LINKS:
            # The search itself is done before all regions are.
            regions = _FEW_REGIONS
        if problem.scenario.transport.corridors not in ("auto", "all"):
            # Whoever names the corridors has no use for a plan over others.
            regions = ()
        places = places_of(problem, matrix)
        for each in regions:
            start = improve_by_neighbourhoods(
                matrix,
                charges,
                places,
                start,
                options,
                each=each,
                maximise=maximise,
                deadline=share(_REGIONS_TIME_SHARE),
                on_progress=on_progress,
            )
        if len(problem.years) > 1:
            start = reoptimise_retrofits(
                matrix, charges, start, options, maximise=maximise, deadline=share(_REFITTED_TIME_SHARE)
            )
        return start, converged_groups


def _closed(outcome: Outcome, options: SolverOptions) -> Outcome:
    """An outcome whose gap is as asked for is optimal, however the solver ended."""
    if outcome.x is not None and gap_share(outcome.bound, outcome.objective) <= options.gap_share + 1e-9:
        return replace(outcome, status="optimal")
    return outcome
