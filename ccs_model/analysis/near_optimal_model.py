"""The MILP of near-optimal plans: the model plus one binary a plant that says whether it is retrofitted.

Modelling to generate alternatives (Brill 1982; DeCarolis 2011), with the Hamming distance over plants as the measure
of difference.

    retrofitted[plant]      0 or 1
    distance                plants in which a plan differs from the nearest plan found so far

    retrofitted ≤ Σ builds of the plant;  Σ builds of each of its streams ≤ retrofitted
    objective ≥ floor (≤ for minimisation)
    distance ≤ Σ retrofitted over plants that a found plan leaves out + Σ (1 − retrofitted) over those it retrofits,
               for each found plan

Reduced-cost fixing: a column whose reduced cost in the relaxation exceeds the distance from the LP optimum to the floor
is 0 in every near-optimal plan and is left out. On a shared network only the corridors of the reference plan are kept.

Continuous plans need no binaries: each plant has a range (`ranges_of`).

References
----------
Brill, Chang, Hopkins (1982). Modeling to generate alternatives. Management Science 28(3).
DeCarolis (2011). Using modeling to generate alternatives (MGA) to expand our thinking on energy futures. Energy
Economics 33(2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask, MessageCallback
from ccs_model.analysis.rebuilt_plan import NO_COLUMNS, capture_builds, columns_outside, feasible_point
from ccs_model.analysis.what_if import LinearRelaxation, bound_from
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import verified_point
from ccs_model.mip.clock import now
from ccs_model.mip.matrix import Column
from ccs_model.mip.presolve import remove_columns
from ccs_model.model.names import ONE_RETROFIT
from ccs_model.plan.decisions import BUILT
from ccs_model.problem import Problem

# Node limit of one search.
MAX_NODES = 3_000
_BEST_GAP, _CONFIRMING_GAP = 1e-5, 1e-3
# The floor is tightened by this share, so that the solver's tolerance stays within it.
FLOOR_TOLERANCE = 1e-9
_REDUCED_COST_TOLERANCE = 1e-7
# A range counts as 0 below this share of what can be captured.
_TRACE_SHARE = 1e-6
RANGE_COLUMNS = [
    "plant", "name", "province", "sector", "standing", "plan_share", "min_share", "max_share", "plan_ktpa", "min_ktpa",
    "max_ktpa", "objective_at_min", "objective_at_max", "is_proven",
]  # fmt: skip
# Standing of a plant: proven, or what holds of the plans found.
NEEDED, NEVER, SWAPPABLE = "needed", "never", "swappable"
IN_ALL_FOUND, IN_NONE_FOUND, UNDECIDED = "in all found", "in none found", "not decided in time"


@dataclass(frozen=True, eq=False)
class ReferencePlan:
    """The plan that alternatives are compared with: its point in the model, objective value, bound and corridors."""

    problem: Problem
    matrix: Matrix
    x: Floats
    value: float
    bound: float
    corridors: tuple[str, ...] | None

    @property
    def sign(self) -> float:
        """1 for maximisation, −1 for minimisation."""
        return self.matrix.sign

    def floor(self, within_share: float) -> float:
        """Worst objective value of a near-optimal plan."""
        return self.value - self.sign * within_share * abs(self.value)

    def shortfall_share(self, value: float) -> float:
        """How far a value is worse than the plan's, as a share of it; 0 where the plan's value is 0."""
        return self.sign * (self.value - value) / abs(self.value) if self.value else 0.0


@dataclass(frozen=True, eq=False)
class NearOptimalPlan:
    """A feasible plan: its point over all columns, [plant] whether it is retrofitted, and the objective value.

    `is_proven` if the search that found it ended: no plan is farther, or nearer. `how` it was found, and the `distance`
    to the nearest plan found before, are known in a pool of plans.
    """

    x: Floats
    retrofitted: Mask
    value: float
    is_proven: bool = True
    how: str = "the plan"
    distance: int = 0


class NearOptimalModel:
    """Finds near-optimal plans one after another; a `deadline` is a `now()` value.

    `plants` are those that a plan may retrofit, in the order of the masks of `NearOptimalPlan`. `is_exhausted` once it
    is proven that no further set of plants exists.
    """

    def __init__(self, reference: ReferencePlan, within_share: float, options: SolverOptions) -> None:
        self.reference, self.options = reference, options
        self.floor = reference.floor(within_share)
        self._builds = capture_builds(reference.problem, reference.matrix)
        self.plants = pd.Index(sorted(set(self._builds["plant"])))
        self._outside = columns_outside(reference.problem, reference.matrix, reference.corridors)
        self._reduced_cost_of: dict[str, float] = {}
        self._relaxation = LinearRelaxation(reference.matrix, options, 1e6, self._outside)
        off = self._find_fixed_columns()
        small = remove_columns(reference.matrix, np.union1d(self._outside, off))
        if not small.has_point(reference.x):
            small = remove_columns(reference.matrix, NO_COLUMNS)
        self._small = small
        # Columns that are left after reduced-cost fixing, then one a plant, then the distance.
        self.n_columns = len(small.columns)
        self._distance = self.n_columns + len(self.plants)
        self._binaries = np.arange(self.n_columns, self._distance)
        self._matrix = self._extend_model()
        self._highs = Highs(self._matrix, options)
        self._highs.set_option("mip_max_nodes", MAX_NODES)
        self.is_exhausted = False
        self._extended_relaxation: Highs | None = None

    def is_retrofitted_in(self, x: Floats) -> Mask:
        """[plant] whether a point over all columns retrofits it."""
        builds = self._builds
        built = pd.Series(x[builds["column"].to_numpy(np.int64)]).groupby(builds["plant"].to_numpy()).sum()
        return (built.reindex(self.plants).fillna(0.0) > BUILT).to_numpy()

    def columns_of(self, plant: str) -> Ints:
        """Columns of the builds with capture at a plant."""
        return self._builds["column"][self._builds["plant"] == plant].to_numpy(np.int64)

    def add_distance_row(self, found: NearOptimalPlan) -> None:
        """Let `distance` count the plants in which a plan differs from this one too."""
        mask = found.retrofitted
        columns = np.r_[self._binaries, self._distance]
        coefficients = np.r_[np.where(mask, 1.0, -1.0), 1.0]
        self._highs.add_sparse_row(columns, coefficients, -np.inf, float(mask.sum()))

    def find_farthest(self, start: NearOptimalPlan, deadline: float) -> NearOptimalPlan | None:
        """The plan that differs most from the nearest found plan; None if none differs or none was found."""
        self._free_binaries()
        costs = np.zeros(self._distance + 1)
        costs[self._distance] = 1.0
        self._highs.set_objective(costs, maximise=True)
        self._set_gaps(0.0, 0.99)
        self._highs.start_from(self._point(start))
        outcome = self._highs.run(deadline - now(), "most different plan")
        if outcome.x is None or outcome.x[self._distance] < 0.5:
            self.is_exhausted = outcome.status == "optimal"
            return None
        return self._best_plan_with_same_plants(outcome, deadline)

    def find_nearest(
        self, plant: str, *, required: bool, start: NearOptimalPlan | None, deadline: float
    ) -> NearOptimalPlan | bool | None:
        """The plan with (or without) a plant that differs least from the reference plan.

        False if it is proven that there is none; None if none was found in time.
        """
        self._force(plant, required)
        here = self.is_retrofitted_in(self.reference.x)
        costs = np.zeros(self._distance + 1)
        costs[self._binaries] = np.where(here, -1.0, 1.0)
        self._highs.set_objective(costs, maximise=False)
        self._set_gaps(0.0, 0.99)
        if start is not None:
            self._highs.start_from(self._point(start))
        outcome = self._highs.run(deadline - now(), "nearest plan")
        if outcome.status == "infeasible":
            return False
        return None if outcome.x is None else self._best_plan_with_same_plants(outcome, deadline)

    def find_best(self, plant: str, *, required: bool, deadline: float) -> tuple[NearOptimalPlan | None, float | None]:
        """The best plan with (or without) a plant, if it is near-optimal, and a bound on all such plans.

        It confirms a result of `find_nearest` that there is none: the floor is not a row of this model.
        """
        self._force(plant, required)
        self._set_objective()
        self._set_gaps(_CONFIRMING_GAP, 0.0)
        row = len(self._matrix.row_lower) - 1
        low, high = float(self._matrix.row_lower[row]), float(self._matrix.row_upper[row])
        self._highs.set_row(row, -np.inf, np.inf)
        outcome = self._highs.run(deadline - now(), "best plan with a fixed decision")
        self._highs.set_row(row, low, high)
        if outcome.status == "infeasible":
            return None, -self.reference.sign * np.inf
        found = None if outcome.x is None else self._lift_point(outcome.x, is_proven=False)
        return found, float(outcome.bound) if np.isfinite(outcome.bound) else None

    def bound_of(self, plant: str, *, required: bool, deadline: float) -> float | None:
        """Bound of the relaxation on plans with (or without) a plant; None if it was not found in time.

        Infinitely bad if there is no such plan.
        """
        if required and plant in self._reduced_cost_of:
            # All its columns are fixed at 0: its smallest reduced cost is what retrofitting it loses at least.
            return float(self._relaxation.base.objective - self.reference.sign * self._reduced_cost_of[plant])
        if not required:
            return self._relaxation.value_without(self.columns_of(plant), deadline - now())
        highs = self._relaxation_without_floor()
        at = self._binary_of(plant)
        highs.set_bounds(at, np.ones(1), np.ones(1))
        outcome = highs.run(deadline - now(), "LP relaxation with a plant")
        highs.set_bounds(at, np.zeros(1), np.ones(1))
        return bound_from(outcome, self.reference.sign)

    def is_below_floor(self, bound: float) -> bool:
        """Whether a bound proves that no such plan is near-optimal."""
        return self.reference.sign * (bound - self.floor) < -1e-6 * max(abs(self.floor), 1.0)

    def near_optimal_plan(self, point: Floats, *, is_proven: bool = False) -> NearOptimalPlan | None:
        """A point over all columns as a plan; None if it violates a row or is below the floor."""
        reference = self.reference
        x = verified_point(reference.matrix, point, self.options)
        if x is None:
            return None
        value = float(reference.matrix.costs[0] @ x)
        if reference.sign * (self.floor - value) > FLOOR_TOLERANCE * max(abs(self.floor), 1.0):
            return None
        return NearOptimalPlan(x, self.is_retrofitted_in(x), value, is_proven)

    def _best_plan_with_same_plants(self, outcome: Outcome, deadline: float) -> NearOptimalPlan | None:
        """The best plan by the objective with exactly the plants of an outcome; None if it does not hold."""
        assert outcome.x is not None
        mask = np.round(outcome.x[self._binaries])
        self._highs.set_bounds(self._binaries, mask, mask)
        self._set_objective()
        self._set_gaps(_BEST_GAP, 0.0)
        self._highs.start_from(outcome.x)
        improved = self._highs.run(deadline - now(), "best plan with the same plants")
        for point in (improved.x, outcome.x):
            found = None if point is None else self._lift_point(point, outcome.status == "optimal")
            if found is not None:
                return found
        return None

    def _lift_point(self, point: Floats, is_proven: bool) -> NearOptimalPlan | None:
        return self.near_optimal_plan(self._small.lift_to_full_model(point[: self.n_columns]), is_proven=is_proven)

    def _set_objective(self) -> None:
        costs = np.zeros(self._distance + 1)
        costs[: self.n_columns] = self._small.matrix.costs[0]
        self._highs.set_objective(costs, maximise=self.reference.sign > 0)

    def _point(self, found: NearOptimalPlan) -> Floats:
        point = np.zeros(self._distance + 1)
        point[: self.n_columns] = found.x[self._small.columns]
        point[self._binaries] = found.retrofitted
        return point

    def _set_gaps(self, relative: float, absolute: float) -> None:
        self._highs.set_option("mip_rel_gap", relative)
        self._highs.set_option("mip_abs_gap", absolute)

    def _free_binaries(self) -> None:
        self._highs.set_bounds(self._binaries, np.zeros(len(self.plants)), np.ones(len(self.plants)))

    def _force(self, plant: str, required: bool) -> None:
        self._free_binaries()
        value = np.array([float(required)])
        self._highs.set_bounds(self._binary_of(plant), value, value)

    def _binary_of(self, plant: str) -> Ints:
        return np.array([self.n_columns + int(self.plants.get_loc(plant))])

    def _relaxation_without_floor(self) -> Highs:
        """The LP relaxation of the extended model; without the floor its optimum is a bound on the objective."""
        if self._extended_relaxation is None:
            n_rows = len(self._matrix.row_lower) - 1
            without_floor = replace(
                self._matrix,
                row_lower=np.r_[self._matrix.row_lower[:n_rows], -np.inf],
                row_upper=np.r_[self._matrix.row_upper[:n_rows], np.inf],
            )
            self._extended_relaxation = Highs.lp_relaxation(without_floor, self._highs.options)
        return self._extended_relaxation

    def _find_fixed_columns(self) -> Ints:
        """Columns that are 0 in every near-optimal plan (reduced-cost fixing)."""
        matrix, sign, outcome = self.reference.matrix, self.reference.sign, self._relaxation.base
        if outcome.x is None or outcome.reduced_cost is None or outcome.status != "optimal":
            return NO_COLUMNS
        reduced_cost = np.where(outcome.x > 1e-9, 0.0, -sign * outcome.reduced_cost)
        limit = sign * (outcome.objective - self.floor) + _REDUCED_COST_TOLERANCE * max(abs(self.floor), 1.0)
        builds = self._builds[~self._builds["column"].isin(self._outside)]
        builds = builds.assign(reduced_cost=reduced_cost[builds["column"].to_numpy(np.int64)])
        least = builds.groupby("plant")["reduced_cost"].min()
        self._reduced_cost_of = least[least > limit].to_dict()
        return np.flatnonzero(matrix.is_integer & (matrix.lower == 0) & (reduced_cost > limit))

    def _extend_model(self) -> Matrix:
        """The restricted model with the columns and rows of the module's docstring; the floor is its last row."""
        small, n, sign = self._small.matrix, len(self.plants), self.reference.sign
        builds = capture_builds(self.reference.problem, small)
        at_plant = np.asarray(self.plants.get_indexer(builds["plant"]), dtype=np.int64)
        column = builds["column"].to_numpy(np.int64)
        is_build = np.zeros(len(small.columns))
        is_build[column] = 1.0
        of_plants = sparse.csr_array((-np.ones(len(column)), (at_plant, column)), shape=(n, len(small.columns)))
        rows = small.rows_of(ONE_RETROFIT)
        streams = small.rows.tocsr()[rows].multiply(is_build[None, :]).tocsr()
        owner = self.plants.get_indexer([small.row_constraints[i][1][0] for i in rows])
        known = np.flatnonzero(owner >= 0)
        of_stream = sparse.csr_array(
            (-np.ones(len(known)), (np.arange(len(known)), owner[known])), shape=(len(known), n)
        )
        here = self.is_retrofitted_in(self.reference.x)
        blocks = [
            [sparse.csr_array(small.rows), sparse.csr_array((len(small.row_lower), n + 1))],
            [of_plants, sparse.hstack([sparse.eye_array(n), sparse.csr_array((n, 1))])],
            [streams[known], sparse.hstack([of_stream, sparse.csr_array((len(known), 1))])],
            [
                sparse.csr_array((1, len(small.columns))),
                sparse.csr_array(np.r_[np.where(here, 1.0, -1.0), 1.0][None, :]),
            ],
            [sparse.csr_array(small.costs[:1]), sparse.csr_array((1, n + 1))],
        ]
        joined = sparse.csc_array(sparse.vstack([sparse.hstack(row) for row in blocks]))
        joined.sort_indices()
        floor = self.floor + sign * FLOOR_TOLERANCE * abs(self.floor)
        if sign * self.reference.value < sign * floor:
            floor = self.floor
        low, high = (floor, np.inf) if sign > 0 else (-np.inf, floor)
        return Matrix(
            rows=joined,
            row_lower=np.r_[small.row_lower, np.full(n + len(known) + 1, -np.inf), low],
            row_upper=np.r_[small.row_upper, np.zeros(n + len(known)), float(here.sum()), high],
            lower=np.r_[small.lower, np.zeros(n + 1)],
            upper=np.r_[small.upper, np.ones(n), float(n)],
            is_integer=np.r_[small.is_integer, np.ones(n, dtype=bool), False],
            costs=np.hstack([small.costs[:1], np.zeros((1, n + 1))]),
            maximise=small.maximise[:1],
            row_constraints=(
                *small.row_constraints,
                *(("retrofitted_is_built", plant) for plant in self.plants),
                *(("built_is_retrofitted", small.row_constraints[i][1]) for i in rows[known]),
                ("distance_from_reference", None),
                ("objective_above_floor", None),
            ),
            columns=(
                *small.columns,
                *(Column("retrofitted", plant) for plant in self.plants),
                Column("distance", None),
            ),
        )


def ranges_of(
    reference: ReferencePlan,
    within_share: float,
    options: SolverOptions,
    deadline: float,
    report_progress: MessageCallback,
) -> tuple[pd.DataFrame, tuple[Floats, ...]]:
    """Least and most of each plant in any near-optimal continuous plan.

    Returns
    -------
    ranges : pd.DataFrame
        RANGE_COLUMNS of each plant; `_share` is nameplate capacity over what can be captured at the plant.
    points : tuple of arrays
        The points at the ends of the ranges, over all columns; each is an LP optimum that holds every row.
    """
    problem, matrix = reference.problem, reference.matrix
    builds = capture_builds(problem, matrix)
    nameplate = problem.routes["nameplate_ktpa"].to_numpy(float)
    floor, tolerance = reference.floor(within_share), FLOOR_TOLERANCE * abs(reference.value)
    highs = Highs(matrix, options)
    low, high = (floor + tolerance, np.inf) if reference.sign > 0 else (-np.inf, floor - tolerance)
    highs.add_row(matrix.costs[0], low, high)
    plants = problem.plants.set_index("plant")
    rows, points = [], []
    for plant, own in builds.groupby("plant"):
        report_progress(f"range of {plant}")
        costs = np.zeros(len(matrix.columns))
        costs[own["column"].to_numpy(np.int64)] = nameplate[own["route"].to_numpy(np.int64)]
        capturable = float(plants.at[plant, "capturable_ktpa"])
        ends: list[tuple[float, float]] = []
        for maximise in (False, True):
            highs.set_objective(costs, maximise=maximise)
            left = deadline - now()
            outcome = highs.run(left, "range of a plant") if left > 0 else None
            point = None if outcome is None or outcome.status != "optimal" else feasible_point(matrix, outcome.x)
            if point is None:
                ends.append((np.nan, np.nan))
                continue
            points.append(point)
            ends.append((float(costs @ point), float(matrix.costs[0] @ point)))
        row = plants.loc[plant]
        here = float(costs @ reference.x)
        (least, at_least), (most, at_most) = ends
        standing = UNDECIDED
        if np.isfinite([least, most]).all():
            trace = _TRACE_SHARE * max(capturable, 1.0)
            standing = NEEDED if least > trace else SWAPPABLE if most > trace else NEVER
        rows.append(
            (plant, row["name"], row["province"], row["sector"], standing, here / capturable, least / capturable,
             most / capturable, here, least, most, at_least, at_most, standing != UNDECIDED)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=RANGE_COLUMNS), tuple(points)
