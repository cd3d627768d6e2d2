"""Infeasibility per constraint: which constraints conflict, and the smallest relaxation of each that helps alone.

Each group of constraints is made elastic by itself. If that makes the model feasible, the group is part of the
conflict, and the smallest relaxation found is attained by a solution. Where the effort suffices, it is proven to half a
percent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.clock import now
from ccs_model.mip.fixed_charge import Construct, Prove, SlopeScaling
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.highs import LARGE_ROWS, Highs, Outcome, SolverOptions
from ccs_model.mip.matrix import Matrix, round_to_integrality
from ccs_model.mip.search import FixedChargeNetwork, Result, SearchContext
from ccs_model.mip.tree_growth import Grow

_RELAXED = 1e-6
_LEAST_GAP = 5e-3
_GROW = Grow(n_rounds=40, until=0.5)
_SCALING = SlopeScaling(n_rounds=4, until=0.5)
_CONSTRUCT = Construct(until=0.5)
_IMPROVE = Prove(until=0.8)


# The network for tree growth without some constraints; None where growth does not apply.
Growths = Callable[[Sequence[str]], GrowthNetwork | None]


def _no_growth(without: Sequence[str]) -> None:
    return None


@dataclass(frozen=True)
class RowRelaxation:
    """A relaxation that restores feasibility: by constraint, the relaxed rows as (index, amount, former limit).

    `is_proven` says that none is smaller by more than half a percent.
    """

    rows: Mapping[str, tuple[tuple[Any, float, float], ...]]
    is_proven: bool = True


def point_without_presolve(matrix: Matrix, options: SolverOptions, time_limit_s: float) -> Outcome:
    """Return the outcome without presolve, to verify the status "infeasible"."""
    highs = Highs(matrix, options)
    highs.set_option("presolve", "off")
    return highs.run(time_limit_s, "verification without presolve")


@dataclass(frozen=True, eq=False)
class Nearest:
    """The point of the elastic model, and by how much it misses each relaxed row: (constraint, index, limit, amount).

    The sum of the amounts, each as a share of its limit, is the smallest found.
    """

    x: Floats
    missed: tuple[tuple[str, Any, float, float], ...]


@dataclass(frozen=True, eq=False)
class ElasticSearch:
    """Searches of an infeasible model in which some rows are elastic.

    Parameters
    ----------
    matrix, options
        The model, and options of the solver.
    network
        Fixed charges of the model, for slope scaling.
    growths
        The network for tree growth without some constraints.
    """

    matrix: Matrix
    options: SolverOptions
    network: FixedChargeNetwork | None = None
    growths: Growths = _no_growth

    def smallest_relaxations(self, groups: Sequence[tuple[str, ...]], deadline: float) -> tuple[RowRelaxation, ...]:
        """Return the smallest relaxation found of each group of constraints that restores feasibility alone.

        Parameters
        ----------
        groups
            Names of the constraints that are relaxed together. A group is skipped if one of its constraints is in a
            relaxation found before; each group takes at most an equal share of what is left. Groups whose smallest
            relaxation is not known by then take what remains.
        deadline
            A value of `clock.now`.
        """
        matrix, tried, repaired = self.matrix, list[_GroupRelaxation](), set[str]()
        n_left = sum(len(matrix.rows_of(*group)) > 0 for group in groups)
        for group in groups:
            rows = matrix.rows_of(*group)
            if not len(rows):
                continue
            n_left -= 1
            if repaired & set(group):
                continue
            growth = self.growths(group)
            # Tree growth takes little time, so that it answers for the groups that are left.
            if now() >= deadline and growth is None:
                continue
            elastic, stage = _elastic_matrix(matrix, rows), f"relaxing {' and '.join(group)}"
            outcome = self._minimise_slack(elastic, _shared_deadline(deadline, 1 + n_left), stage, growth)
            is_open = outcome.status == "limit" and not _is_answered_by_growth(elastic, growth)
            tried.append(_GroupRelaxation(rows, elastic, stage, outcome, is_open))
            if tried[-1].relaxed_rows(matrix):
                repaired |= set(group)
        n_left = sum(each.is_open for each in tried)
        for k, each in enumerate(tried):
            if each.is_open and now() < deadline:
                tried[k] = each.search_further(self.options, _shared_deadline(deadline, n_left))
            n_left -= each.is_open
        return tuple(
            RowRelaxation(MappingProxyType(relaxed), each.outcome.status == "optimal")
            for each in tried
            if (relaxed := each.relaxed_rows(matrix))
        )

    def smallest_pair(self, groups: Sequence[tuple[str, ...]], deadline: float) -> tuple[RowRelaxation, ...]:
        """Return the relaxation of the first two groups, in their order, that restore feasibility together; or none."""
        there = [group for group in groups if len(self.matrix.rows_of(*group))]
        for one, other in combinations(there, 2):
            if now() >= deadline:
                break
            if found := self.smallest_relaxations([(*one, *other)], deadline):
                return found
        return ()

    def nearest_point(self, constraints: Sequence[str], deadline: float) -> Nearest | None:
        """Return the point that misses some constraints the least and satisfies all others; None without one."""
        matrix, rows = self.matrix, self.matrix.rows_of(*constraints)
        if not len(rows):
            return None
        limits = np.array([_limit(matrix, int(row)) for row in rows])
        weights = 1.0 / np.maximum(np.abs(limits), 1.0)
        x = self._minimise_slack(
            _elastic_matrix(matrix, rows, weights), deadline, "nearest plan", self.growths(())
        ).point
        if x is None:
            return None
        n = len(matrix.lower)
        missed = [
            (*matrix.row_constraints[int(row)], float(limit), float(amount))
            for row, limit, amount in zip(rows, limits, x[n:], strict=True)
            if amount > _RELAXED
        ]
        return Nearest(round_to_integrality(matrix, x[:n]), tuple(missed))

    def smallest_excess(
        self, amounts: sparse.csr_array, limits: Floats, weights: Floats, deadline: float
    ) -> Floats | None:
        """Return the excess of `amounts` x over `limits` with the least weighted sum found; None without a solution."""
        matrix, n = self.matrix, len(limits)
        count = matrix.with_rows(amounts, np.full(n, -np.inf), limits, (("limit", k) for k in range(n)))
        rows = np.arange(len(matrix.row_lower), len(count.row_lower))
        x = self._minimise_slack(_elastic_matrix(count, rows, weights), deadline, "smallest excess", None).point
        return None if x is None else x[len(matrix.lower) :]

    def _minimise_slack(self, elastic: Matrix, deadline: float, stage: str, growth: GrowthNetwork | None) -> Outcome:
        """The solution of an elastic model with the smallest slack found until `deadline`."""
        start, options = None, replace(self.options, gap_share=_LEAST_GAP)
        is_large = _is_answered_by_growth(elastic, growth)
        if self.network is not None:
            start = _first_solution(SearchContext(elastic, self.network, options, deadline, growth=growth))
            if is_large and start is None:
                return Outcome("limit", np.nan, np.nan, None, None, None)
            if start is not None and (is_large or now() >= deadline):
                return Outcome("limit", float(elastic.costs[0] @ start), 0.0, start, None, None)
        return solve_mip(Highs(elastic, options), deadline=deadline, stage=stage, start=start).outcome


def _shared_deadline(deadline: float, n: int) -> float:
    """When the first of `n` searches with equal shares of what is left ends."""
    begun = now()
    return begun + max(deadline - begun, 0.0) / n


@dataclass(frozen=True, eq=False)
class _GroupRelaxation:
    """The rows of a group of constraints, their elastic model and what is known of its smallest relaxation."""

    rows: np.ndarray
    elastic: Matrix
    stage: str
    outcome: Outcome
    is_open: bool

    def relaxed_rows(self, matrix: Matrix) -> dict[str, tuple[tuple[Any, float, float], ...]]:
        """The relaxed rows by constraint; none without a point."""
        x = self.outcome.point
        if x is None:
            return {}
        given: dict[str, list[tuple[Any, float, float]]] = {}
        for row, amount in zip(self.rows, x[len(matrix.lower) :], strict=True):
            if amount > _RELAXED:
                constraint, index = matrix.row_constraints[row]
                given.setdefault(constraint, []).append((index, float(amount), _limit(matrix, row)))
        return {constraint: tuple(rows) for constraint, rows in given.items()}

    def search_further(self, options: SolverOptions, deadline: float) -> _GroupRelaxation:
        """The same after a further search from the point that is known."""
        highs = Highs(self.elastic, replace(options, gap_share=_LEAST_GAP))
        found = solve_mip(highs, deadline=deadline, stage=self.stage, start=self.outcome.x).outcome
        return self if found.x is None else replace(self, outcome=found)


def _is_answered_by_growth(elastic: Matrix, growth: GrowthNetwork | None) -> bool:
    """Whether tree growth answers alone: the root relaxation of a large model has no limit of effort."""
    return growth is not None and len(elastic.row_lower) > LARGE_ROWS


def _first_solution(context: SearchContext) -> Floats | None:
    """A solution with little slack, by tree growth, by slope scaling and over its arcs; None if none is found."""
    grown = _GROW.run(context, Result("limit")).incumbent
    if context.is_over or _is_answered_by_growth(context.matrix, context.growth):
        return grown
    left = context.with_deadline_at(_CONSTRUCT.until).left
    relaxation = Highs.lp_relaxation(context.matrix, context.options).run(left, "elastic model: relaxation")
    if relaxation.x is None:
        return grown
    result = _SCALING.run(context, Result("limit", incumbent=grown, relaxation=relaxation))
    result = _CONSTRUCT.run(context, result if result.trace else replace(result, trace=(relaxation.x,)))
    if result.incumbent is None:
        return None
    arc_groups = context.network.arc_groups_used(result.incumbent)
    return _IMPROVE.run(context, result, arc_groups, "elastic model: improved solution").incumbent


def _limit(matrix: Matrix, row: int) -> float:
    upper = float(matrix.row_upper[row])
    return upper if np.isfinite(upper) else float(matrix.row_lower[row])


def _elastic_matrix(matrix: Matrix, rows: np.ndarray, weights: Floats | None = None) -> Matrix:
    """The elastic matrix of `rows`: each slack relaxes the side that its row limits."""
    signs = np.where(np.isfinite(matrix.row_upper[rows]), -1.0, 1.0)
    return matrix.with_slacks(rows, signs, np.ones(len(rows)) if weights is None else weights)
