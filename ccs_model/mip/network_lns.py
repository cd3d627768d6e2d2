"""Large-neighbourhood search (LNS) on a fixed-charge network: free the arcs of a region, keep all others.

A neighbourhood is what lies nearest to a centre: arc groups, whether the incumbent uses them or not, and the integer
decisions located there. Flows are free everywhere. Each such sub-MIP is small, and many of them find what one large
search does not, since the next arc that a solution needs is a near one.

References
----------
Shaw, P. (1998). Using constraint programming and local search methods to solve vehicle routing problems. CP98,
LNCS 1520, 417–431.

Danna, E., Rothberg, E., Le Pape, C. (2005). Exploring relaxation induced neighborhoods to improve MIP solutions.
Mathematical Programming 102, 71–90.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.branch_and_bound import verified_point
from ccs_model.mip.clock import now
from ccs_model.mip.highs import Highs, Outcome, Progress
from ccs_model.mip.matrix import mask_at
from ccs_model.mip.presolve import remove_columns
from ccs_model.mip.search import USED, FixedChargeNetwork, Heuristic, Result, SearchContext, candidate_list

_STAGE = "large-neighbourhood search"


@dataclass(frozen=True)
class SubMip:
    """How hard a model with few free decisions is searched.

    It ends by its gap or its nodes and not by the clock, so that the same inputs give the same solution.

    Parameters
    ----------
    gap_part
        Relative gap, as a part of the requested one.
    max_nodes
        Branch-and-bound nodes.
    candidates
        How many of the next best fixed charges, and of the other decisions, may move beyond those that the relaxation
        or the incumbent uses; None for all of them, without solving the relaxation.
    per_choice
        How many decisions of each choice may move besides.
    min_gap
        Smallest relative gap.
    """

    gap_part: float = 0.1
    max_nodes: int = 50
    candidates: tuple[int, int] | None = None
    per_choice: int = 0
    min_gap: float = 0.0005

    def solve(self, context: SearchContext, free: Mask, start: Floats) -> Floats | None:
        """Return the best point found that agrees with `start` in all integer columns that are not `free`; or None."""
        matrix, network = context.matrix, context.network
        fixed = matrix.is_integer & ~free
        small = remove_columns(matrix, np.flatnonzero(fixed & (start < 0.5) & (matrix.lower == 0)))
        if not small.has_point(start):
            return None
        highs = Highs(small.matrix, context.options, scaling=network.scaling(small.matrix))
        kept = np.flatnonzero(fixed[small.columns])
        point = start[small.columns]
        highs.fix(kept, np.round(point[kept]))
        if self.candidates is not None:
            highs.set_integrality(False)
            relaxation = highs.attempt(context.left, f"{_STAGE}: relaxation")
            if relaxation.x is None or relaxation.reduced_cost is None or relaxation.status != "optimal":
                return None
            idle = self._idle_columns(highs, network.restrict_to_model(matrix, small), relaxation, point, context.sign)
            highs.fix(idle)
            highs.set_integrality(True)
        highs.set_option("mip_rel_gap", max(self.gap_part * context.options.gap_share, self.min_gap))
        highs.set_option("mip_max_nodes", self.max_nodes)
        highs.set_option("mip_allow_restart", False)
        highs.start_from(point)
        outcome = highs.attempt(context.left, _STAGE)
        return (
            None if outcome.x is None else verified_point(matrix, small.lift_to_full_model(outcome.x), context.options)
        )

    def _idle_columns(
        self, highs: Highs, network: FixedChargeNetwork, relaxation: Outcome, point: Floats, sign: float
    ) -> Ints:
        """Binary columns that neither the relaxation nor the incumbent uses, but for the candidates."""
        assert relaxation.x is not None and self.candidates is not None
        used = (relaxation.x > USED) | (point > USED)
        reduced_cost_gap = relaxation.reduced_cost_gaps(sign, USED)
        is_charge = mask_at(len(used), network.columns)
        movable = highs.matrix.is_integer & (highs.lower == 0) & (highs.upper == 1)
        idle = []
        kinds = zip((is_charge, ~is_charge), self.candidates, (0, self.per_choice), strict=True)
        for which, of_all, of_each in kinds:
            unused = np.flatnonzero(movable & which & ~used)
            near = candidate_list(reduced_cost_gap[unused], network.choice[unused], of_each=0, of_all=of_all)
            # The best of each choice are counted with those in use.
            every = np.flatnonzero(movable & which)
            best = every[candidate_list(reduced_cost_gap[every], network.choice[every], of_each=of_each, of_all=0)]
            idle.append(np.setdiff1d(unused[~near], best))
        return np.concatenate(idle)


@dataclass(frozen=True)
class Neighbourhoods:
    """`n_centres` neighbourhoods of `n_arc_groups` arc groups each.

    With `elsewhere` the decisions that are no fixed charges are free outside the neighbourhood as well, so that the
    budget saved inside can be spent anywhere.
    """

    n_arc_groups: int
    n_centres: int
    elsewhere: bool


@dataclass(frozen=True)
class Lns(Heuristic):
    """Improve the incumbent in neighbourhoods, one sub-MIP each, pass by pass.

    Parameters
    ----------
    passes
        Neighbourhoods of each pass; centres are spread over the incumbent's arcs at the begin of a pass.
    until
        Share of the effort by which the search ends.
    inside, elsewhere
        Sub-MIP of a neighbourhood, and of one in which other decisions are free elsewhere.
    """

    passes: tuple[Neighbourhoods, ...]
    until: float = 1.0
    inside: SubMip = SubMip()
    elsewhere: SubMip = SubMip(candidates=(30, 50))

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with an incumbent that is no worse."""
        incumbent, context = before.incumbent, context.with_deadline_at(self.until)
        if incumbent is None:
            return before
        for each in self.passes:
            incumbent = self._search_neighbourhoods(context, each, incumbent)
        return before.with_incumbent(incumbent)

    def _search_neighbourhoods(self, context: SearchContext, each: Neighbourhoods, best: Floats) -> Floats:
        began, matrix, network, places = now(), context.matrix, context.network, context.places
        assert places is not None
        for centre in places.centres(network.arc_groups_used(best), each.n_centres):
            if context.is_over:
                break
            arc_groups, columns = places.neighbourhood(centre, each.n_arc_groups)
            free = matrix.is_integer.copy()
            if not each.elsewhere:
                free[:] = False
                free[columns] = True
            free[network.columns] = np.isin(network.arc_group, arc_groups)
            found = (self.elsewhere if each.elsewhere else self.inside).solve(context, free, best)
            if found is not None and context.is_improvement(found, context.value(best)):
                best = found
                if context.on_progress is not None:
                    bound = context.sign * np.inf
                    context.on_progress(Progress(_STAGE, now() - began, bound, context.value(best)))
        return best


@dataclass(frozen=True)
class Reoptimise(Heuristic):
    """Re-solve all other decisions with the incumbent's arcs fixed.

    Parameters
    ----------
    until
        Share of the effort by which the search ends.
    sub_mip
        How hard the model is searched.
    """

    until: float = 1.0
    sub_mip: SubMip = SubMip(max_nodes=20, candidates=(0, 50), per_choice=2)

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with an incumbent that is no worse."""
        start, context = before.incumbent, context.with_deadline_at(self.until)
        if start is None:
            return before
        free = context.matrix.is_integer.copy()
        free[context.network.columns] = False
        found = self.sub_mip.solve(context, free, start)
        is_better = found is not None and context.sign * context.value(found - start) > 0
        return before.with_incumbent(found if is_better else start)


@dataclass(frozen=True)
class Alternate(Heuristic):
    """Take turns of several heuristics while a turn improves the incumbent enough.

    Parameters
    ----------
    turns
        Heuristics of each turn.
    begin_until, until
        Shares of the effort by which the last turn begins, and ends.
    min_gain_part
        Smallest relative gain of a turn after which another one follows, as a part of the requested gap.
    """

    turns: tuple[tuple[Heuristic, ...], ...]
    begin_until: float = 1.0
    until: float = 1.0
    min_gain_part: float = 0.25

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with an incumbent that is no worse."""
        if before.incumbent is None:
            return before
        last_begin, context, result = context.moment(self.begin_until), context.with_deadline_at(self.until), before
        for turn in self.turns:
            if now() >= last_begin:
                break
            assert result.incumbent is not None
            value = context.value(result.incumbent)
            for heuristic in turn:
                result = heuristic.run(context, result)
            assert result.incumbent is not None
            gain = abs(context.value(result.incumbent) - value)
            if gain < self.min_gain_part * context.options.gap_share * abs(value):
                break
        return result
