"""A plan bettered region by region: what is laid elsewhere stays, and in the region every link and plant is free again.

A region is what lies nearest to a centre: its corridors whether the plan uses them or not, and the yes-or-no decisions
that stand there. Flows are free everywhere. Each such program is small, and a search of many of them finds what one
large search does not, since the next link that a plan wants is a near one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.branch_and_bound import resolved_with_integers_fixed
from ccs_model.mip.clock import now
from ccs_model.mip.fixed_charge import FixedCharges
from ccs_model.mip.highs import Highs, Outcome, Progress, SolverOptions
from ccs_model.mip.matrix import Matrix, residuals
from ccs_model.mip.presolve import restricted
from ccs_model.mip.search import candidate_list

# Programs of a region end by their gap or these nodes, not by a clock, so that the same inputs give the same plan.
# The gap is a part of the one asked for, and no less than this.
_GAP_MIN = 0.0005
_USED = 1e-6


@dataclass(frozen=True)
class Search:
    """How hard a program with few free decisions is searched.

    `gap_part` is of the gap asked for. Beyond what the relaxation or the plan uses, `next_few` of the next best may
    move: fixed charges, and other decisions; None for all of them, without a look at the relaxation. Of each choice the
    `of_each` best may move besides.
    """

    gap_part: float
    nodes: int
    next_few: tuple[int, int] | None
    of_each: int = 0


_INSIDE = Search(gap_part=0.1, nodes=50, next_few=None)
_REGION = Search(gap_part=0.1, nodes=50, next_few=(30, 50))
_REFIT = Search(gap_part=0.1, nodes=20, next_few=(0, 50), of_each=2)


@dataclass(frozen=True, eq=False)
class Places:
    """Where things are, in km on a plane: `families` [family, 2]; `at` [k, 2] of the whole columns `columns` [k]."""

    arc_groups: Floats
    columns: Ints
    at: Floats

    def region(self, centre: Floats, n_families: int) -> tuple[Ints, Ints]:
        """The corridors nearest to a centre, and the columns no farther away."""
        far = np.hypot(*(self.arc_groups - centre).T)
        nearest = np.argsort(far, kind="stable")[:n_families]
        radius = far[nearest].max(initial=0.0)
        return nearest, self.columns[np.hypot(*(self.at - centre).T) <= radius + 1e-9]

    def centres(self, arc_groups: Ints, n: int) -> Floats:
        """`n` of the places of some corridors, each as far as can be from those before it."""
        at = self.arc_groups[arc_groups]
        if not len(at):
            return at
        chosen = [int(np.argmin(np.hypot(*(at - at.mean(axis=0)).T)))]
        nearest = np.hypot(*(at - at[chosen[0]]).T)
        while len(chosen) < min(n, len(at)):
            chosen.append(int(np.argmax(nearest)))
            nearest = np.minimum(nearest, np.hypot(*(at - at[chosen[-1]]).T))
        return at[chosen]


@dataclass(frozen=True)
class LnsStage:
    """How a plan is gone through once: `n_centres` regions of `n_families` corridors each.

    With `elsewhere` the other decisions are free outside the region as well, so that what a region saves can be spent
    anywhere; only what the relaxation or the plan uses, and the next best, may then move.
    """

    n_families: int
    n_centres: int
    elsewhere: bool


def improve_by_neighbourhoods(
    matrix: Matrix,
    charges: FixedCharges,
    places: Places,
    start: Floats,
    options: SolverOptions,
    *,
    each: LnsStage,
    maximise: bool,
    deadline: float,
    on_progress: Callable[[Progress], None] | None = None,
) -> Floats:
    """The best plan after one search of each region, from `start` on, which must hold."""
    began = now()
    sign = 1.0 if maximise else -1.0
    best, value = start, float(matrix.costs[0] @ start)
    for centre in places.centres(charges.arc_groups_used(start), each.n_centres):
        if now() >= deadline:
            break
        arc_groups, columns = places.region(centre, each.n_families)
        free = matrix.is_integer.copy()
        if not each.elsewhere:
            free[:] = False
            free[columns] = True
        free[charges.columns] = np.isin(charges.arc_group, arc_groups)
        found = with_free(
            matrix,
            charges,
            free,
            best,
            options,
            _REGION if each.elsewhere else _INSIDE,
            maximise=maximise,
            deadline=deadline,
        )
        if found is None:
            continue
        worth = float(matrix.costs[0] @ found)
        if sign * (worth - value) > 1e-9 * abs(value):
            best, value = found, worth
            if on_progress is not None:
                on_progress(Progress("region by region", now() - began, sign * np.inf, value))
    return best


def reoptimise_retrofits(
    matrix: Matrix,
    charges: FixedCharges,
    start: Floats,
    options: SolverOptions,
    *,
    maximise: bool,
    deadline: float,
) -> Floats:
    """The best plan with what is laid as it is and all other decisions anew; `start` where none is better."""
    free = matrix.is_integer.copy()
    free[charges.columns] = False
    found = with_free(matrix, charges, free, start, options, _REFIT, maximise=maximise, deadline=deadline)
    sign = 1.0 if maximise else -1.0
    return start if found is None or sign * float(matrix.costs[0] @ (found - start)) <= 0 else found


def with_free(
    matrix: Matrix,
    charges: FixedCharges,
    free: Mask,
    start: Floats,
    options: SolverOptions,
    search: Search,
    *,
    maximise: bool,
    deadline: float,
) -> Floats | None:
    """The best plan that has the whole columns which are not free as `start` has them; None where none was found."""
    fixed = matrix.is_integer & ~free
    small = restricted(matrix, np.flatnonzero(fixed & (start < 0.5) & (matrix.lower == 0)))
    if not small.holds(start):
        return None
    highs = Highs(small.matrix, options, scaling=charges.scaling(small.matrix))
    kept = np.flatnonzero(fixed[small.columns])
    value = np.round(start[small.columns[kept]])
    highs.set_bounds(kept, value, value)
    point = start[small.columns]
    if search.next_few is not None:
        highs.set_integrality(False)
        relaxation = highs.attempt(deadline - now(), "region by region: relaxation")
        if relaxation.x is None or relaxation.reduced_cost is None or relaxation.status != "optimal":
            return None
        sign = 1.0 if maximise else -1.0
        idle = _outside_candidates(
            highs, charges.within(matrix, small.matrix, small.columns), relaxation, point, sign, search
        )
        highs.set_bounds(idle, np.zeros(len(idle)), np.zeros(len(idle)))
        highs.set_integrality(True)
    highs.set_option("mip_rel_gap", max(search.gap_part * options.gap_share, _GAP_MIN))
    highs.set_option("mip_max_nodes", search.nodes)
    highs.set_option("mip_allow_restart", False)
    highs.start_from(point)
    outcome = highs.attempt(deadline - now(), "region by region")
    if outcome.x is None:
        return None
    found = resolved_with_integers_fixed(matrix, small.lifted(outcome.x), options)
    return found if residuals(matrix, found).hold else None


def _outside_candidates(
    highs: Highs, charges: FixedCharges, relaxation: Outcome, point: Floats, sign: float, search: Search
) -> Ints:
    """Yes-or-no columns that neither the relaxation nor the plan uses, less the next best few of them."""
    assert relaxation.x is not None and relaxation.reduced_cost is not None and search.next_few is not None
    used = (relaxation.x > _USED) | (point > _USED)
    reduced_cost_gap = np.where(relaxation.x > _USED, 0.0, np.maximum(-sign * relaxation.reduced_cost, 0.0))
    is_charge = np.zeros(len(used), dtype=bool)
    is_charge[charges.columns] = True
    movable = highs.matrix.is_integer & (highs.lower == 0) & (highs.upper == 1)
    idle = []
    for which, n_next, of_each in zip((is_charge, ~is_charge), search.next_few, (0, search.of_each), strict=True):
        unused = np.flatnonzero(movable & which & ~used)
        near = candidate_list(reduced_cost_gap[unused], charges.choice[unused], of_each=0, of_all=n_next)
        # The best of each choice are counted with those in use.
        every = np.flatnonzero(movable & which)
        best = every[candidate_list(reduced_cost_gap[every], charges.choice[every], of_each=of_each, of_all=0)]
        idle.append(np.setdiff1d(unused[~near], best))
    return np.concatenate(idle)
