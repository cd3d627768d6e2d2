"""The interface of network searches: what every heuristic and exact phase is given, and what it returns.

A *fixed-charge network* is a mixed-integer model with binary columns that open arcs (or nodes) of a network. All
columns of one arc, its sizes and vintages, form an *arc group*. Each phase of a search takes a `SearchContext` and the
`Result` of the phase before, and returns a `Result`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.clock import now
from ccs_model.mip.highs import Outcome, Progress, SolverOptions, Status
from ccs_model.mip.matrix import Matrix, Scaling, flow_scaling_of, mask_at
from ccs_model.mip.presolve import RestrictedModel, remove_columns

if TYPE_CHECKING:
    from ccs_model.mip.growing_network import GrowthNetwork

StageKind = TypeVar("StageKind")

# Above this value a fixed-charge column counts as used.
USED = 1e-6
# Relative improvement of the objective below which two points count as equally good.
_IMPROVED = 1e-9


@dataclass(frozen=True, eq=False)
class FixedChargeNetwork:
    """Binary columns that open arcs, with what a construction heuristic must know of them.

    Parameters
    ----------
    columns
        [k] columns of the fixed-charge arcs.
    arc_group
        [k] number of the arc group (all sizes and vintages of one arc).
    exclusive
        [k] number of a set of which at most one column may be 1.
    rank
        [k] of several used columns of one exclusive set, the one of the highest rank is opened.
    budget_rows
        Rows in which the columns' coefficients are costs.
    choice
        [every column of the matrix] columns of one number exclude each other; −1 for all others.
    """

    columns: Ints
    arc_group: Ints
    exclusive: Ints
    rank: Floats
    budget_rows: Ints
    choice: Ints

    @property
    def is_single_period(self) -> bool:
        """Whether each arc group can be opened at one time only."""
        return len(np.unique(self.exclusive)) == len(np.unique(self.arc_group))

    @property
    def n_arc_groups(self) -> int:
        """Number of arc groups with a column."""
        return len(np.unique(self.arc_group))

    def scaling(self, matrix: Matrix) -> Scaling | None:
        """Return factors that count flows in a large unit; None (the default factors) for several periods."""
        return flow_scaling_of(matrix) if self.is_single_period else None

    def arc_groups_used(self, x: Floats) -> Ints:
        """Arc groups that a point uses, in ascending order."""
        return np.unique(self.arc_group[x[self.columns] > USED])

    def columns_outside(self, arc_groups: Ints) -> Ints:
        """Columns of all other arc groups."""
        return self.columns[~np.isin(self.arc_group, arc_groups)]

    def unused_columns(self, points: Sequence[Floats]) -> Ints:
        """Columns of exclusive sets that none of the points uses."""
        used = np.zeros(len(self.columns), dtype=bool)
        for x in points:
            used |= x[self.columns] > USED
        return self.columns[~np.isin(self.exclusive, self.exclusive[used])]

    def restrict_to_model(self, matrix: Matrix, small: RestrictedModel) -> FixedChargeNetwork:
        """The network of `matrix` in the columns and rows of a restricted model of it."""
        place = small.place
        left = np.flatnonzero(place[self.columns] >= 0)
        constraints = {matrix.row_constraints[int(i)][0] for i in self.budget_rows}
        return replace(
            self,
            columns=place[self.columns[left]],
            arc_group=self.arc_group[left],
            exclusive=self.exclusive[left],
            rank=self.rank[left],
            budget_rows=np.array(
                [i for i, (constraint, _) in enumerate(small.matrix.row_constraints) if constraint in constraints],
                dtype=np.int64,
            ),
            choice=self.choice[small.columns],
        )


@dataclass(frozen=True, eq=False)
class Places:
    """Positions on a plane in km: `arc_groups` [arc group, 2]; `at` [k, 2] of the integer columns `columns` [k]."""

    arc_groups: Floats
    columns: Ints
    at: Floats

    def neighbourhood(self, centre: Floats, n_arc_groups: int) -> tuple[Ints, Ints]:
        """The arc groups nearest to a centre, and the columns within their radius."""
        distance = np.hypot(*(self.arc_groups - centre).T)
        nearest = np.argsort(distance, kind="stable")[:n_arc_groups]
        radius = distance[nearest].max(initial=0.0)
        return nearest, self.columns[np.hypot(*(self.at - centre).T) <= radius + 1e-9]

    def centres(self, arc_groups: Ints, n: int) -> Floats:
        """Positions of `n` of the arc groups, each as far as possible from those before it."""
        at = self.arc_groups[arc_groups]
        if not len(at):
            return at
        chosen = [int(np.argmin(np.hypot(*(at - at.mean(axis=0)).T)))]
        nearest = np.hypot(*(at - at[chosen[0]]).T)
        while len(chosen) < min(n, len(at)):
            chosen.append(int(np.argmax(nearest)))
            nearest = np.minimum(nearest, np.hypot(*(at - at[chosen[-1]]).T))
        return at[chosen]


@dataclass(frozen=True, eq=False)
class SearchContext:
    """What a phase of a network search is given, but for the points it starts from.

    Parameters
    ----------
    matrix
        The model; its objective 0 is the objective.
    network
        Fixed-charge arcs of the model.
    options
        Options of the solver, the requested gap among them.
    deadline
        When the search ends, a value of `clock.now`.
    began
        When the search began; phases end at a share of the effort between `began` and `deadline`.
    on_progress
        Called with each improvement.
    places
        Positions of the arc groups, needed by neighbourhood search only.
    growth
        Costs of the network, needed by tree growth only.
    """

    matrix: Matrix
    network: FixedChargeNetwork
    options: SolverOptions
    deadline: float
    began: float = field(default_factory=now)
    on_progress: Callable[[Progress], None] | None = None
    places: Places | None = None
    growth: GrowthNetwork | None = None

    @property
    def sign(self) -> float:
        """1 for a maximised objective, −1 for a minimised one."""
        return self.matrix.sign

    @property
    def left(self) -> float:
        """Effort or seconds left, whichever the clock counts."""
        return self.deadline - now()

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return now() >= self.deadline

    def moment(self, share: float) -> float:
        """When a share of the effort is spent."""
        return self.began + share * (self.deadline - self.began)

    def with_effort(self, effort: float) -> SearchContext:
        """The same search with all of its effort left."""
        began = now()
        return replace(self, began=began, deadline=began + effort)

    def with_deadline_at(self, share: float) -> SearchContext:
        """The same search with its deadline at a share of the effort."""
        return replace(self, deadline=self.moment(share))

    def value(self, x: Floats) -> float:
        """Objective value of a point."""
        return float(self.matrix.costs[0] @ x)

    def is_improvement(self, x: Floats, value: float) -> bool:
        """Whether a point is better than an objective value by more than rounding."""
        return self.sign * (self.value(x) - value) > _IMPROVED * abs(value)

    def better_point(self, one: Floats | None, other: Floats | None) -> Floats | None:
        """The better of two points, `one` if they are equal; None if there is neither."""
        if one is None or other is None:
            return other if one is None else one
        return other if self.is_improvement(other, self.value(one)) else one

    def restrict_to_arcs(self, arc_groups: Ints) -> tuple[SearchContext, RestrictedModel]:
        """The search over the model with some arc groups only, and that model."""
        small = remove_columns(self.matrix, self.network.columns_outside(arc_groups))
        network = self.network.restrict_to_model(self.matrix, small)
        return replace(self, matrix=small.matrix, network=network, places=None, growth=None), small


@dataclass(frozen=True, eq=False)
class Result:
    """What a phase of a network search returns.

    Parameters
    ----------
    status
        "optimal" if the gap is closed, "infeasible" or "unbounded" if proven so, else "limit".
    incumbent
        The best integer point found; None without one.
    bound
        The proven bound of the objective; NaN for a heuristic.
    relaxation
        Outcome of the LP relaxation.
    trace
        Points of slope scaling, from the first round to the last.
    """

    status: Status
    incumbent: Floats | None = None
    bound: float = float("nan")
    relaxation: Outcome | None = None
    trace: tuple[Floats, ...] = ()

    def with_incumbent(self, incumbent: Floats | None) -> Result:
        """The result of a heuristic that began here: its incumbent, and all else as before."""
        return replace(self, status="limit", incumbent=incumbent)

    def outcome(self, objective: float) -> Outcome:
        """The result as a solver's outcome; `objective` is the value of the incumbent."""
        return Outcome(self.status, objective, self.bound, self.incumbent, None, None)


@dataclass(frozen=True)
class Strategy:
    """A named schedule: the stages of a search, each with its parameters, in the order in which they run."""

    name: str
    stages: tuple[object, ...]

    def stage(self, kind: type[StageKind]) -> StageKind:
        """Return the first stage of a kind. Raises KeyError without one."""
        for each in self.stages:
            if isinstance(each, kind):
                return each
        raise KeyError(f"strategy {self.name!r} has no stage {kind.__name__}")


class Heuristic(ABC):
    """A stage of a strategy that takes the result of the stage before and returns one that is no worse."""

    @abstractmethod
    def run(self, context: SearchContext, before: Result) -> Result:
        """Return the result after this stage."""


def candidate_list(reduced_cost_gap: Floats, choice: Ints, *, of_each: int, of_all: int) -> Mask:
    """Select the binary decisions that may move in a restricted model.

    The smallest reduced-cost bounds alone often belong to many variants of few choices (another year, another size),
    which leaves all other choices fixed. So the best of each choice are candidates as well.

    Parameters
    ----------
    reduced_cost_gap
        [decision] by how much the relaxation's value falls at least if the decision is taken.
    choice
        [decision] decisions of one number exclude each other; −1 for no such choice.
    of_each
        How many decisions of each choice are selected.
    of_all
        How many decisions are selected in all, before those of each choice. Ties go by position.
    """
    near = mask_at(len(reduced_cost_gap), np.argsort(reduced_cost_gap, kind="stable")[:of_all])
    order = np.lexsort((reduced_cost_gap, choice))
    sorted_choice = choice[order]
    first = np.searchsorted(sorted_choice, sorted_choice, side="left")
    best = np.arange(len(order)) - first < of_each
    near[order[best & (sorted_choice >= 0)]] = True
    return near
