"""The program of plans nearly as good as one in hand, with a column a plant that says whether it is fitted.

    fitted[plant]           0 or 1
    apart                   plants in which a plan differs from the nearest of those found so far

    fitted ≤ Σ builds of the plant;  Σ builds of each of its streams ≤ fitted
    aim at least the floor (at most, where less is better)
    apart ≤ Σ over plants that the found plan leaves out: fitted + Σ over those it fits: 1 − fitted, for each found plan

A column whose reduced cost in the relaxation is larger than the way from there to the floor is 0 in every such plan, so
it is left out without a loss; of a shared network only the corridors of the plan in hand are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.matrix import Column, residuals, rounded_to_integrality
from ccs_model.mip.presolve import restricted
from ccs_model.plan.decisions import BUILT
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import network_of

# Nodes of one search: what they leave open is said.
NODES = 3_000
_BEST_GAP, _SECOND_GAP = 1e-5, 1e-3
# The floor is held this much more closely than it is asked for, so that the solver's tolerance is within it.
_FLOOR_TOLERANCE = 1e-9
_REDUCED_COST_TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class Held:
    """A plan in hand: its point in the program, the aim's value and bound there, and its corridors."""

    problem: Problem
    matrix: Matrix
    x: Floats
    value: float
    bound: float
    corridors: tuple[str, ...] | None

    @property
    def sign(self) -> float:
        """1 where more is better."""
        return 1.0 if self.matrix.maximise[0] else -1.0

    def floor(self, within: float) -> float:
        """The aim's value from which a plan counts as nearly as good."""
        return self.value - self.sign * within * abs(self.value)


@dataclass(frozen=True, eq=False)
class Found:
    """A plan that keeps every row: its point over all columns, which plants it fits, and the aim's value.

    `is_proven` where the search that found it was finished: no plan is farther, or nearer.
    """

    x: Floats
    fitted: Mask
    value: float
    is_proven: bool = True


class NearProgram:
    """Plans within the floor, asked for one after another; `deadline` is a moment of mip.clock.now.

    `plants` are those that a plan may fit; the masks of `Found` are along them. `is_exhausted` once it is proven that
    no further plan differs from all that were found.
    """

    def __init__(self, held: Held, within: float, options: SolverOptions) -> None:
        self.held, self.options = held, options
        self.floor = held.floor(within)
        builds = plant_columns(held.problem, held.matrix)
        self.plants = pd.Index(sorted(set(builds["plant"])))
        self._within_corridors = _corridors_only(held)
        self._lost: dict[str, float] = {}
        self.relaxation, off = self._losing(options)
        small = restricted(held.matrix, np.union1d(self._within_corridors, off))
        if not small.holds(held.x):
            small = restricted(held.matrix, np.zeros(0, dtype=np.int64))
        self._small = small
        self._first = len(small.columns)
        self._matrix = self._extended()
        self._highs = Highs(self._matrix, options)
        self._highs.set_option("mip_max_nodes", NODES)
        self.is_exhausted = False
        self._relaxed: Highs | None = None

    @property
    def n_columns(self) -> int:
        """Columns that are left of the program."""
        return self._first

    def fitted_in(self, x: Floats) -> Mask:
        """Which plants a point over all columns fits."""
        builds = plant_columns(self.held.problem, self.held.matrix)
        built = pd.Series(x[builds["column"].to_numpy(np.int64)]).groupby(builds["plant"].to_numpy()).sum()
        mask: Mask = (built.reindex(self.plants).fillna(0.0) > BUILT).to_numpy()
        return mask

    def keep_away_from(self, found: Found) -> None:
        """`apart` counts the plants in which a plan differs from this one, as it does from the one in hand."""
        fitted = found.fitted
        columns = np.r_[self._fitted(), self._hamming_distance()]
        coefficients = np.r_[np.where(fitted, 1.0, -1.0), 1.0]
        self._highs.add_sparse_row(columns, coefficients, -np.inf, float(fitted.sum()))

    def farthest(self, start: Found, deadline: float) -> Found | None:
        """The plan that differs most from the nearest of those found; None where none differs, or none was found."""
        self._free()
        costs = np.zeros(self._hamming_distance() + 1)
        costs[self._hamming_distance()] = 1.0
        self._highs.set_objective(costs, maximise=True)
        self._exactly(0.0, 0.99)
        self._highs.start_from(self._point(start))
        outcome = self._highs.run(deadline - now(), "the most different plan")
        if outcome.x is None or outcome.x[self._hamming_distance()] < 0.5:
            self.is_exhausted = outcome.status == "optimal"
            return None
        return self._best_of(outcome, deadline)

    def nearest(self, plant: str, *, fitted: bool, start: Found | None, deadline: float) -> Found | bool | None:
        """The plan with (or without) a plant that differs least from the one in hand.

        False where it is proven that there is none; None where none was found in time.
        """
        self._free()
        at = self._first + int(self.plants.get_loc(plant))
        here = self.fitted_in(self.held.x)
        costs = np.zeros(self._hamming_distance() + 1)
        costs[self._fitted()] = np.where(here, -1.0, 1.0)
        self._highs.set_objective(costs, maximise=False)
        self._highs.set_bounds(np.array([at]), np.array([float(fitted)]), np.array([float(fitted)]))
        self._exactly(0.0, 0.99)
        if start is not None:
            self._highs.start_from(self._point(start))
        outcome = self._highs.run(deadline - now(), "the nearest plan")
        if outcome.status == "infeasible":
            return False
        return None if outcome.x is None else self._best_of(outcome, deadline)

    def bound_of(self, plant: str, *, fitted: bool, deadline: float) -> float | None:
        """A bound on plans where a plant is (or is not) fitted, from the relaxation; None where it came too late.

        Worse than any plan can be (-inf where more is better) where no point keeps every row.
        """
        if fitted and plant in self._lost:
            # None of its columns is left: the least that one of them loses.
            return float(self.relaxation.objective - self.held.sign * self._lost[plant])
        if not fitted:
            return self._without(plant, deadline)
        linear = self._linear()
        at = self._first + int(self.plants.get_loc(plant))
        one = np.array([at])
        linear.set_bounds(one, np.array([float(fitted)]), np.array([float(fitted)]))
        outcome = linear.run(deadline - now(), "the relaxation of a lock")
        linear.set_bounds(one, np.zeros(1), np.ones(1))
        if outcome.status == "infeasible":
            return -self.held.sign * np.inf
        return float(outcome.objective) if outcome.status == "optimal" else None

    def _without(self, plant: str, deadline: float) -> float | None:
        """The relaxation over all columns, but for those of a plant."""
        builds = plant_columns(self.held.problem, self.held.matrix)
        mine = builds["column"][builds["plant"] == plant].to_numpy(np.int64)
        lower, upper = self._whole_linear.lower[mine], self._whole_linear.upper[mine]
        self._whole_linear.set_bounds(mine, np.zeros(len(mine)), np.zeros(len(mine)))
        outcome = self._whole_linear.run(deadline - now(), "the relaxation without a plant")
        self._whole_linear.set_bounds(mine, lower, upper)
        if outcome.status == "infeasible":
            return -self.held.sign * np.inf
        return float(outcome.objective) if outcome.status == "optimal" else None

    def best(self, plant: str, *, fitted: bool, deadline: float) -> tuple[Found | None, float | None]:
        """The best plan with (or without) a plant, if it is within the floor, and a bound on all such plans.

        The second opinion where the solver says that there is none: the floor is no row of this program.
        """
        self._free()
        at = np.array([self._first + int(self.plants.get_loc(plant))])
        self._highs.set_bounds(at, np.array([float(fitted)]), np.array([float(fitted)]))
        self._set_objective()
        self._exactly(_SECOND_GAP, 0.0)
        row = len(self._matrix.row_lower) - 1
        low, high = float(self._matrix.row_lower[row]), float(self._matrix.row_upper[row])
        self._highs.set_row(row, -np.inf, np.inf)
        outcome = self._highs.run(deadline - now(), "the best plan with a lock")
        self._highs.set_row(row, low, high)
        if outcome.status == "infeasible":
            return None, -self.held.sign * np.inf
        found = None if outcome.x is None else self._checked(outcome.x, is_proven=False)
        return found, float(outcome.bound) if np.isfinite(outcome.bound) else None

    def is_worse(self, value: float) -> bool:
        """Whether a bound proves that a plan is below the floor."""
        return self.held.sign * (value - self.floor) < -1e-6 * max(abs(self.floor), 1.0)

    def _best_of(self, outcome: Outcome, deadline: float) -> Found | None:
        """The best plan by the aim that fits exactly the plants of an outcome; None where it does not hold."""
        assert outcome.x is not None
        fitted = np.round(outcome.x[self._fitted()])
        self._highs.set_bounds(self._fitted(), fitted, fitted)
        self._set_objective()
        self._exactly(_BEST_GAP, 0.0)
        self._highs.start_from(outcome.x)
        better = self._highs.run(deadline - now(), "the best of the same plants")
        for point in (better.x, outcome.x):
            found = None if point is None else self._checked(point, outcome.status == "optimal")
            if found is not None:
                return found
        return None

    def _checked(self, point: Floats, is_proven: bool) -> Found | None:
        return self.near_enough(self._small.lifted(point[: self._first]), is_proven=is_proven)

    def near_enough(self, point: Floats, *, is_proven: bool = False) -> Found | None:
        """A point over all columns as a plan; None where it breaks a row or is below the floor."""
        held = self.held
        x = rounded_to_integrality(held.matrix, point)
        value = float(held.matrix.costs[0] @ x)
        below = held.sign * (self.floor - value)
        if not residuals(held.matrix, x).hold or below > _FLOOR_TOLERANCE * max(abs(self.floor), 1.0):
            return None
        return Found(x, self.fitted_in(x), value, is_proven)

    def _set_objective(self) -> None:
        costs = np.zeros(self._hamming_distance() + 1)
        costs[: self._first] = self._small.matrix.costs[0]
        self._highs.set_objective(costs, maximise=self.held.sign > 0)

    def _point(self, found: Found) -> Floats:
        point = np.zeros(self._hamming_distance() + 1)
        point[: self._first] = found.x[self._small.columns]
        point[self._fitted()] = found.fitted
        return point

    def _exactly(self, share: float, absolute: float) -> None:
        self._highs.set_option("mip_rel_gap", share)
        self._highs.set_option("mip_abs_gap", absolute)

    def _free(self) -> None:
        self._highs.set_bounds(self._fitted(), np.zeros(len(self.plants)), np.ones(len(self.plants)))

    def _fitted(self) -> Ints:
        return np.arange(self._first, self._first + len(self.plants))

    def _hamming_distance(self) -> int:
        return self._first + len(self.plants)

    def _linear(self) -> Highs:
        """The relaxation with the aim, kept at hand."""
        if self._relaxed is None:
            n_rows = len(self._matrix.row_lower) - 1
            # Without the floor, so that a bound says by how much a plan would be worse.
            loose = replace(
                self._matrix,
                row_lower=np.r_[self._matrix.row_lower[:n_rows], -np.inf],
                row_upper=np.r_[self._matrix.row_upper[:n_rows], np.inf],
            )
            self._relaxed = Highs(loose, self._highs.options)
            self._relaxed.set_integrality(False)
        return self._relaxed

    def _losing(self, options: SolverOptions) -> tuple[Outcome, Ints]:
        """The relaxation within the corridors, kept at hand, and columns that are 0 in every plan within the floor."""
        matrix = self.held.matrix
        highs = Highs(matrix, options)
        highs.set_integrality(False)
        off = self._within_corridors
        highs.set_bounds(off, np.zeros(len(off)), np.zeros(len(off)))
        self._whole_linear = highs
        outcome = highs.run(1e6, "the relaxation")
        none = np.zeros(0, dtype=np.int64)
        if outcome.x is None or outcome.reduced_cost is None or outcome.status != "optimal":
            return outcome, none
        reduced_cost_gap = np.where(outcome.x > 1e-9, 0.0, -self.held.sign * outcome.reduced_cost)
        room = self.held.sign * (outcome.objective - self.floor)
        builds = plant_columns(self.held.problem, matrix)
        builds = builds[~builds["column"].isin(off)]
        builds = builds.assign(reduced_cost_gap=reduced_cost_gap[builds["column"].to_numpy(np.int64)])
        least = builds.groupby("plant")["loss"].min()
        self._lost = least[least > room + _REDUCED_COST_TOLERANCE * max(abs(self.floor), 1.0)].to_dict()
        losing = (
            matrix.is_integer
            & (matrix.lower == 0)
            & (reduced_cost_gap > room + _REDUCED_COST_TOLERANCE * max(abs(self.floor), 1.0))
        )
        return outcome, np.flatnonzero(losing)

    def _extended(self) -> Matrix:
        """The narrowed program with the columns and rows of the module's text; the floor is its last row."""
        small, n = self._small.matrix, len(self.plants)
        builds = plant_columns(self.held.problem, small)
        at_plant = np.asarray(self.plants.get_indexer(builds["plant"]), dtype=np.int64)
        column = builds["column"].to_numpy(np.int64)
        is_build = np.zeros(len(small.columns))
        is_build[column] = 1.0
        size = (n, len(small.columns))
        some = sparse.csr_array((-np.ones(len(column)), (at_plant, column)), shape=size)
        rows = small.rows_of("one_retrofit_per_stream")
        streams = small.rows.tocsr()[rows].multiply(is_build[None, :]).tocsr()
        owner = self.plants.get_indexer([small.row_constraints[i][1][0] for i in rows])
        known = np.flatnonzero(owner >= 0)
        of_stream = sparse.csr_array(
            (-np.ones(len(known)), (np.arange(len(known)), owner[known])), shape=(len(known), n)
        )
        last = sparse.csr_array((len(small.row_lower), n + 1))
        here = self.fitted_in(self.held.x)
        blocks = [
            [sparse.csr_array(small.rows), last],
            [some, sparse.hstack([sparse.eye_array(n), sparse.csr_array((n, 1))])],
            [streams[known], sparse.hstack([of_stream, sparse.csr_array((len(known), 1))])],
            [
                sparse.csr_array((1, len(small.columns))),
                sparse.csr_array(np.r_[np.where(here, 1.0, -1.0), 1.0][None, :]),
            ],
            [sparse.csr_array(small.costs[:1]), sparse.csr_array((1, n + 1))],
        ]
        joined = sparse.csc_array(sparse.vstack([sparse.hstack(row) for row in blocks]))
        joined.sort_indices()
        few = _FLOOR_TOLERANCE * abs(self.floor)
        low, high = (self.floor + few, np.inf) if self.held.sign > 0 else (-np.inf, self.floor - few)
        if self.held.sign * self.held.value < self.held.sign * (low if self.held.sign > 0 else high):
            low, high = (self.floor, np.inf) if self.held.sign > 0 else (-np.inf, self.floor)
        names = tuple(Column("fitted", plant) for plant in self.plants)
        upper = np.r_[small.upper, np.ones(n), float(n)]
        return Matrix(
            rows=joined,
            row_lower=np.r_[small.row_lower, np.full(n + len(known) + 1, -np.inf), low],
            row_upper=np.r_[small.row_upper, np.zeros(n + len(known)), float(here.sum()), high],
            lower=np.r_[small.lower, np.zeros(n + 1)],
            upper=upper,
            is_integer=np.r_[small.is_integer, np.ones(n, dtype=bool), False],
            costs=np.hstack([small.costs[:1], np.zeros((1, n + 1))]),
            maximise=small.maximise[:1],
            row_constraints=(
                *small.row_constraints,
                *(("fitted_is_built", plant) for plant in self.plants),
                *(("built_is_fitted", small.row_constraints[i][1]) for i in rows[known]),
                ("apart_from_the_plan", None),
                ("value_is_near", None),
            ),
            columns=(*small.columns, *names, Column("apart", None)),
        )


def plant_columns(problem: Problem, matrix: Matrix) -> pd.DataFrame:
    """column, route and plant of every build that captures; a measure alone fits no plant."""
    at = matrix.columns_of("build")
    routes = pd.Index(problem.routes["route"])
    row = routes.get_indexer([matrix.columns[j].index[0] for j in at]) if len(at) else np.zeros(0, dtype=np.int64)
    frame = pd.DataFrame({"column": at, "route": row})
    frame = frame[problem.captures[row]] if len(frame) else frame
    return frame.assign(plant=problem.routes["plant"].to_numpy(object)[frame["route"].to_numpy(np.int64)])


def _corridors_only(held: Held) -> Ints:
    """Columns of pipes off the corridors; none where every retrofit has a pipe of its own."""
    network = held.problem.network
    if network is None or held.corridors is None:
        return np.zeros(0, dtype=np.int64)
    links = network.links["link"]
    inside = np.flatnonzero(links.isin(held.corridors))
    sites = np.arange(len(links), len(links) + len(held.problem.sites))
    return network_of(held.problem, held.matrix).outside(np.r_[inside, sites])
