"""Search schedules as data: which stages run for which model, and with which parameters.

Each stage is limited by rounds, nodes and a share of the effort that follows the relaxation, which is always solved to
its end. Each stage documents its parameters and reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from ccs_model.mip.budget_sweep import Anchors, ImproveWidestGaps, Relate, Sweep
from ccs_model.mip.cut_sets import Relax
from ccs_model.mip.fixed_charge import Construct, Extend, ExtendRestricted, Prove, SlopeScaling
from ccs_model.mip.highs import LARGE_ROWS
from ccs_model.mip.network_lns import Alternate, Lns, Neighbourhoods, Reoptimise
from ccs_model.mip.search import Strategy
from ccs_model.mip.source_prices import PriceRounds
from ccs_model.mip.sweep_search import BoundAtLimits, GrowAtLimits, JobLimits, PriceAtLimits, ProveAtLimits
from ccs_model.mip.tree_growth import Grow


@dataclass(frozen=True)
class ModelSizes:
    """Sizes at which the schedule changes.

    Parameters
    ----------
    all_links
        Largest number of links over which every network is solved to the end, without a choice of corridors.
    few_arc_groups
        Largest number of arc groups that the exact search takes all; with more, flow directions pay off.
    by_arcs
        Largest number of arc groups of one period that are searched with two arcs a link before anything else.
    many_arc_groups, many_rows
        From there on a search over early rounds of slope scaling takes longer than neighbourhoods do.
    staged_rows
        A model of several periods with more rows is searched within the links of a solution grown beforehand.
    """

    all_links: int = 150
    few_arc_groups: int = 300
    by_arcs: int = 500
    many_arc_groups: int = 1_000
    many_rows: int = 25_000
    staged_rows: int = LARGE_ROWS


SIZES = ModelSizes()

EFFORTS = MappingProxyType({"quick": 0.25, "normal": 1.0, "thorough": 8.0})
"""By `solver.effort`, the multiple of the usual effort."""

_EFFORT_PER_ROW, _LEAST_EFFORT = 1.2e-3, 30.0


def effort_of_model(n_rows: int, level: str) -> float:
    """Return the effort of a search after its relaxation, in units of about one CPU second."""
    return EFFORTS[level] * max(_EFFORT_PER_ROW * n_rows, _LEAST_EFFORT)


def effort_of_sweep(n_rows: int, level: str) -> float:
    """Return the effort of each of the jobs of a budget sweep that run side by side."""
    return 2.0 * effort_of_model(n_rows, level)


@dataclass(frozen=True)
class Restrict:
    """Restrict the exact search to the arc groups in use.

    Parameters
    ----------
    min_share
        An incumbent with fewer arc groups than this share of those slope scaling converged on does not choose them.
    """

    min_share: float = 0.5


_SCALE_AND_CONSTRUCT = (SlopeScaling(n_rounds=8, step=1.0, until=0.3), Construct(until=0.45))
# From the arcs of a late round of slope scaling to those of an early, wider one.
_EXTENSIONS = (Extend(2, until=0.5), Extend(1, until=0.55), Extend(0, until=0.6))
_FEW_NEIGHBOURHOODS = (Neighbourhoods(50, 4, elsewhere=False), Neighbourhoods(100, 3, elsewhere=True))
_NEIGHBOURHOODS = (
    Neighbourhoods(30, 20, elsewhere=False),
    Neighbourhoods(100, 6, elsewhere=True),
    Neighbourhoods(50, 20, elsewhere=False),
    Neighbourhoods(150, 6, elsewhere=True),
)
_LARGE_NEIGHBOURHOODS = (
    Neighbourhoods(100, 4, elsewhere=True),
    Neighbourhoods(30, 60, elsewhere=False),
    Neighbourhoods(100, 8, elsewhere=True),
)
_STAGED_NEIGHBOURHOODS = (Neighbourhoods(20, 16, elsewhere=False), Neighbourhoods(40, 8, elsewhere=False))


STAGED_NETWORK = Strategy(
    "staged network",
    (
        SlopeScaling(n_rounds=22, step=0.05, until=0.5, restrict=True),
        Construct(until=0.55, restrict=True),
        ExtendRestricted(1.25, until=0.75),
        ExtendRestricted(1.6, until=0.8, max_arc_groups=60),
        Alternate(
            tuple(
                (Reoptimise(), Lns((Neighbourhoods(n_arc_groups, n_centres, elsewhere=True),)))
                for n_arc_groups, n_centres in ((60, 2), (40, 3), (60, 4))
            ),
            begin_until=0.9,
            until=1.05,
            min_gain_part=0.25,
        ),
        Restrict(),
        Prove(until=3.0),
    ),
)
"""Several periods over few enough links for rounds of slope scaling in small steps."""

CONSTRUCT = Grow(n_seeds=0, n_rounds=0)
"""The first plan, before the relaxation, wherever tree growth applies."""

GROW = Grow(n_rounds=100, until=0.4)
"""The first heuristic after the relaxation wherever it applies."""

GROW_LARGE = Grow(n_rounds=40, until=0.5)
"""Several periods over many links: the plan whose links are searched."""

GROWN_NETWORK = Strategy(
    "grown network",
    (
        Reoptimise(until=0.5),
        Grow(n_rounds=100, seeds=(1,), polish=(Reoptimise(),), until=0.9),
        Alternate(12 * ((Grow(n_rounds=20, resume=True, until=1.3), Reoptimise()),), until=1.3, min_gain_part=0.02),
        Restrict(),
        Prove(until=1.4),
    ),
)
"""Several periods with a solution grown, whose links are a better guide than those of the relaxation."""

GROWN_PART = Strategy(
    "grown part of a network",
    (Reoptimise(until=0.5), Grow(n_rounds=100, seeds=(1, 2), until=0.9), Restrict(), Prove(until=1.4)),
)
"""The same within the links of a large model, whose restricted MILP spends its effort at the root node."""

BUDGET_SWEEP = Strategy(
    "budget sweep",
    (
        Anchors(),
        GrowAtLimits(),
        PriceAtLimits(),
        BoundAtLimits(),
        Sweep(),
        Relate(),
        ImproveWidestGaps(),
        ProveAtLimits(),
        JobLimits(),
    ),
)
"""Solutions at many budgets."""

PROVE_BY_ARCS = Prove(until=1.5, scaled=False)
"""The exact search of one period with two arcs a link, without a start: HiGHS's heuristics are strong on that model."""

PROVE_REDUCED = Prove(heuristics=False)
"""The exact search over a model that the incumbent has reduced to few decisions."""


BOUND_BY_DIRECTIONS = Relax(cut_rounds=40, min_gain=1e-2, idle_rounds=1)
"""The bound over all links of several periods, with flow directions, once the search has ended."""

PRICES_BY_SOURCE = PriceRounds()
"""Inequalities by source, after the cut-sets of either bound with flow directions."""


@dataclass(frozen=True)
class ProveByDirections:
    """Prove a plan of several periods within its links with flow directions.

    Parameters
    ----------
    relax
        Relaxation with cut-sets, which often closes the requested gap.
    most_rows
        Largest model that is branched on where it does not; in a larger one the root node takes all the effort.
    """

    relax: Relax
    most_rows: int = 10_000


PROVE_BY_DIRECTIONS = ProveByDirections(Relax(cut_rounds=40))


def relaxation_stage(*, is_directed: bool, is_grown: bool) -> Relax:
    """Return the relaxation over all arc groups.

    Cuts with flow directions need more rounds of less time each. Where a solution was grown, the bound with flow
    directions follows at the end, so that cuts are of no use here.
    """
    if is_grown:
        return Relax(cut_rounds=0)
    return Relax(cut_rounds=40 if is_directed else 8, cuts_until=0.15)


def choose_strategy(
    sizes: ModelSizes,
    *,
    n_arc_groups: int,
    n_rows: int,
    is_staged: bool,
    is_grown: bool,
    is_part: bool,
    relaxation_uses_arcs: bool,
    arcs_are_given: bool,
) -> Strategy:
    """Return the schedule after the relaxation.

    Parameters
    ----------
    sizes
        Sizes at which the schedule changes.
    n_arc_groups, n_rows
        Size of the model.
    is_staged
        Whether there are several periods.
    is_grown
        Whether a solution of several periods was grown whose links are searched.
    is_part
        Whether the model has the links found in a larger one.
    relaxation_uses_arcs
        Whether the relaxation uses any arc group.
    arcs_are_given
        Whether the planner names the corridors, so that solutions over other arcs are of no use.
    """
    if is_grown:
        return GROWN_PART if is_part else GROWN_NETWORK
    is_large = n_arc_groups > sizes.many_arc_groups or n_rows > sizes.many_rows
    if is_staged and not is_large and relaxation_uses_arcs:
        return STAGED_NETWORK
    neighbourhoods: tuple[Neighbourhoods, ...]
    if is_staged:
        name, neighbourhoods = "several periods", _STAGED_NEIGHBOURHOODS
    elif n_arc_groups <= sizes.few_arc_groups:
        # The exact search ends before many neighbourhoods are searched.
        name, neighbourhoods = "small network", _FEW_NEIGHBOURHOODS
    elif is_large:
        name, neighbourhoods = "large network", _LARGE_NEIGHBOURHOODS
    else:
        name, neighbourhoods = "network", _NEIGHBOURHOODS
    return Strategy(
        name,
        (
            *_SCALE_AND_CONSTRUCT,
            *(() if is_large else _EXTENSIONS),
            Lns(() if arcs_are_given else neighbourhoods, until=0.6),
            *((Reoptimise(until=0.7),) if is_staged else ()),
            Restrict(),
            Prove(until=2.0),
        ),
    )
