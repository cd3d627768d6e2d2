"""Search for near-optimal plans: a pool of plans, and for each plant whether it can be left out or added.

The LP relaxation decides most plants at once. Then each retrofitted plant is left out on its own, and the plants that
are still open are searched one by one. Continuous plans have a range a plant instead (`ranges_of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, MessageCallback
from ccs_model.analysis.near_optimal_model import FLOOR_TOLERANCE, NearOptimalModel, NearOptimalPlan, ReferencePlan
from ccs_model.analysis.what_if import (
    KEPT,
    Exchange,
    Exchanges,
    capture_builds,
    decisions_of,
    value_with_fixed,
)
from ccs_model.mip import Highs, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.terms import abatement_terms, breakdown, cost_terms
from ccs_model.plan.cost_sharing import Sharing
from ccs_model.plan.decisions import BUILT, point_of
from ccs_model.plan.tables import flows_table, retrofits_table

PLAN_COLUMNS = [
    "alternative", "how", "objective", "short_share", "bound_short_share", "n_plants_retrofitted", "n_differing",
    "distance", "is_proven", "entering", "leaving", "text", "abatement_kt", "cost_mn", "plants",
]  # fmt: skip
PLANT_COLUMNS = [
    "plant", "name", "province", "sector", "is_in_plan", "standing", "is_proven", "n_retrofitting",
    "retrofitting_share", "lost_share", "text",
]  # fmt: skip
EXCHANGE_COLUMNS = [
    "plant", "name", "objective", "short_share", "entering", "leaving", "text", "is_nearest", "alternative",
]  # fmt: skip
RANGE_COLUMNS = [
    "plant", "name", "province", "sector", "standing", "plan_share", "min_share", "max_share", "plan_ktpa", "min_ktpa",
    "max_ktpa", "objective_at_min", "objective_at_max", "is_proven",
]  # fmt: skip
# Standing of a plant: proven, or what holds of the plans found.
NEEDED, NEVER, SWAPPABLE = "needed", "never", "swappable"
IN_ALL_FOUND, IN_NONE_FOUND, UNDECIDED = "in all found", "in none found", "not decided in time"
# How a plan was found.
FARTHEST, FORCED_OUT, FORCED_IN, REFERENCE = "most different", "without a plant", "with a plant", "the plan"
# Shares of the remaining time for the LP relaxation and for leaving out single plants, and how many times its even
# share of the rest one plant may take.
_RELAXATION_SHARE, _SINGLE_SHARE, _TIME_FACTOR = 0.3, 0.4, 2.0
# A range counts as 0 below this share of what can be captured.
_TRACE_SHARE = 1e-6


class Search:
    """A pool of near-optimal plans, the reference plan first, each with how it was found."""

    def __init__(
        self,
        reference: ReferencePlan,
        model: NearOptimalModel,
        deadline: float,
        on_progress: MessageCallback | None,
    ) -> None:
        self.reference, self.model, self.deadline, self.on_progress = reference, model, deadline, on_progress
        plan = NearOptimalPlan(reference.x, model.retrofitted_in(reference.x), reference.value)
        self.pool: list[tuple[NearOptimalPlan, str]] = [(plan, REFERENCE)]
        self._distances: list[int] = [0]
        # A plant, the plan that leaves it out or adds it, and whether no such plan is proven to be nearer.
        self._found: list[tuple[str, NearOptimalPlan, bool]] = []
        self._plants = reference.problem.plants.set_index("plant").loc[model.plants]
        has_network = reference.problem.network is not None
        self._exchanges = _exchanges_along_pipes(reference, model, deadline) if has_network else None

    @property
    def _plan(self) -> NearOptimalPlan:
        return self.pool[0][0]

    def find_farthest(self, n_plans: int, until: float) -> None:
        """Add up to `n_plans` plans that differ most, until none is left."""
        while len(self.pool) <= n_plans and not self.model.is_exhausted:
            if now() >= until:
                break
            self._report_progress(f"different plan {len(self.pool)} of {n_plans}")
            found = self.model.find_farthest(self._plan, until)
            if found is None or not self._add(found, FARTHEST):
                break

    def test_plants(self) -> pd.DataFrame:
        """PLANT_COLUMNS of every plant, searched where the pool leaves its standing open."""
        plan, plants = self._plan.retrofitted, self.model.plants
        # Plants of the plan come first: they matter most to a planner.
        order = [int(k) for k in (*np.flatnonzero(plan), *np.flatnonzero(~plan))]
        bounds = self._bounds_from_relaxation(order)
        self._leave_out_singly([k for k in order if plan[k] and k not in bounds])
        open_plants = [k for k in order if k not in bounds and not self._has_exchange(k)]
        for n, k in enumerate(open_plants):
            self._report_progress(f"plant {n + 1} of {len(open_plants)}, {plants[k]}")
            left = self.deadline - now()
            if left <= 0:
                break
            until = now() + min(_TIME_FACTOR / (len(open_plants) - n), 1.0) * left
            if (bound := self._search_plant(k, until)) is not None:
                bounds[k] = bound
        return self._plants_table(bounds)

    def plans_table(self) -> pd.DataFrame:
        """PLAN_COLUMNS of every plan, the reference plan first."""
        reference, problem, rows = self.reference, self.reference.problem, []
        for n, (found, how) in enumerate(self.pool):
            point = point_of(problem, reference.matrix, found.x)
            below = reference.sign * (reference.bound - found.value) / abs(reference.bound) if reference.bound else 0.0
            entering, leaving = self._moves(found)
            objective, abatement, cost = (
                sum(breakdown(terms(problem), point.values, point.shortfall_kt).values())
                for terms in (OBJECTIVES[problem.objective].first, abatement_terms, cost_terms)
            )
            rows.append(
                (n, how, objective, reference.shortfall_share(found.value), below, int(found.retrofitted.sum()),
                 self._n_differing(found), self._distances[n], found.is_proven, "; ".join(entering),
                 "; ".join(leaving), self._text(found) if n else "", abatement, cost,
                 " ".join(self.model.plants[found.retrofitted]))
            )  # fmt: skip
        return pd.DataFrame(rows, columns=PLAN_COLUMNS)

    def exchanges_table(self) -> pd.DataFrame:
        """EXCHANGE_COLUMNS of every swappable plant: the smallest change found that leaves it out or adds it."""
        rows = []
        for plant, found, is_nearest in sorted(self._found, key=lambda each: each[0]):
            entering, leaving = self._moves(found)
            number = next(n for n, (other, _) in enumerate(self.pool) if (other.retrofitted == found.retrofitted).all())
            rows.append(
                (plant, self._plants.at[plant, "name"], found.value, self.reference.shortfall_share(found.value),
                 "; ".join(entering), "; ".join(leaving), self._text(found), is_nearest, number)
            )  # fmt: skip
        return pd.DataFrame(rows, columns=EXCHANGE_COLUMNS)

    def _bounds_from_relaxation(self, order: Sequence[int]) -> dict[int, float]:
        """Bounds of the LP relaxation that prove the standing of a plant."""
        plan, model = self._plan.retrofitted, self.model
        until = now() + _RELAXATION_SHARE * max(self.deadline - now(), 0.0)
        bounds: dict[int, float] = {}
        for k in order:
            if now() >= until:
                break
            self._report_progress(f"LP relaxation, {model.plants[k]}")
            bound = model.bound_of(str(model.plants[k]), required=not plan[k], deadline=until)
            if bound is not None and model.is_below_floor(bound):
                bounds[k] = bound
        return bounds

    def _leave_out_singly(self, order: Sequence[int]) -> None:
        """Leave out one plant at a time and keep all other builds."""
        until = now() + _SINGLE_SHARE * max(self.deadline - now(), 0.0)
        for k in order:
            if now() >= until:
                break
            plant = str(self.model.plants[k])
            self._report_progress(f"the plan without {plant}")
            if (found := self._rest_of_plan(plant, until)) is not None:
                self._found.append((plant, found, True))
                self._add(found, FORCED_OUT)

    def _search_plant(self, k: int, until: float) -> float | None:
        """Find the nearest plan that leaves a plant out or adds it; the bound if it is proven that there is none."""
        model, plant = self.model, str(self.model.plants[k])
        is_in_plan = bool(self._plan.retrofitted[k])
        candidates = [found for found, _ in self.pool if bool(found.retrofitted[k]) != is_in_plan]
        if not candidates and (exchange := self._along_pipes(plant, is_in_plan, until)) is not None:
            candidates = [exchange]
        start = min(candidates, key=self._n_differing, default=None)
        found: NearOptimalPlan | bool | None = start
        # A plan that differs in one plant cannot be improved on.
        if start is None or self._n_differing(start) > 1:
            found = model.find_nearest(plant, required=not is_in_plan, start=start, deadline=until)
        if found is False:
            found, bound = model.find_best(plant, required=not is_in_plan, deadline=until)
            if found is None and bound is not None and model.is_below_floor(bound):
                return bound
        is_nearest = isinstance(found, NearOptimalPlan) and (
            self._n_differing(found) == 1 or (found is not start and found.is_proven)
        )
        found = start if found is None else found
        if isinstance(found, NearOptimalPlan):
            self._found.append((plant, found, is_nearest))
            self._add(found, FORCED_OUT if is_in_plan else FORCED_IN)
        return None

    def _along_pipes(self, plant: str, is_in_plan: bool, until: float) -> NearOptimalPlan | None:
        """The best exchange along the plan's pipes if it is near-optimal: found quickly in a large model."""
        if self._exchanges is None:
            return None
        exchanges = replace(self._exchanges, deadline=until)
        if not is_in_plan:
            return self._plan_of(exchanges.with_plant(plant))
        # With other pipe sizes, the remaining plants may suffice.
        rest = self._plan_of(exchanges.without_plant(plant, refilled=False))
        return rest if rest is not None else self._plan_of(exchanges.without_plant(plant))

    def _plan_of(self, exchange: Exchange | None) -> NearOptimalPlan | None:
        return None if exchange is None else self.model.near_optimal_plan(exchange.x)

    def _rest_of_plan(self, plant: str, until: float) -> NearOptimalPlan | None:
        """The plan without a plant and all other builds fixed, if it is near-optimal."""
        reference = self.reference
        builds = capture_builds(reference.problem, reference.matrix)
        rest = reference.x.copy()
        rest[builds["column"][builds["plant"] == plant].to_numpy(np.int64)] = 0.0
        decisions = decisions_of(reference.matrix, rest)
        kept = value_with_fixed(reference.matrix, decisions, self.model.options, until)
        found = self.model.near_optimal_plan(kept.x) if kept.state == KEPT and kept.x is not None else None
        # No other plan differs in fewer than one plant.
        return None if found is None else replace(found, is_proven=True)

    def _add(self, found: NearOptimalPlan, how: str) -> bool:
        """Add a plan if its set of plants is new; whether it was."""
        distance = min(int((found.retrofitted != other.retrofitted).sum()) for other, _ in self.pool)
        if distance == 0:
            return False
        self.pool.append((found, how))
        self._distances.append(distance)
        self.model.add_distance_row(found)
        return True

    def _has_exchange(self, k: int) -> bool:
        return any(plant == self.model.plants[k] for plant, _, _ in self._found)

    def _plants_table(self, bounds: dict[int, float]) -> pd.DataFrame:
        rows, plan = [], self._plan.retrofitted
        for k, plant in enumerate(self.model.plants):
            n_retrofitting = sum(bool(found.retrofitted[k]) for found, _ in self.pool)
            standing = SWAPPABLE
            if n_retrofitting in (0, len(self.pool)):
                proven, unproven = (NEEDED, IN_ALL_FOUND) if n_retrofitting else (NEVER, IN_NONE_FOUND)
                standing = proven if k in bounds else unproven
            row = self._plants.loc[plant]
            text = next((self._text(found) for other, found, _ in self._found if other == plant), "")
            rows.append(
                (plant, row["name"], row["province"], row["sector"], bool(plan[k]), standing,
                 standing not in (IN_ALL_FOUND, IN_NONE_FOUND), n_retrofitting, n_retrofitting / len(self.pool),
                 self._lost_share(bounds[k]) if standing in (NEEDED, NEVER) else None, text)
            )  # fmt: skip
        return pd.DataFrame(rows, columns=PLANT_COLUMNS).astype({"lost_share": float})

    def _lost_share(self, bound: float) -> float | None:
        if not np.isfinite(bound) or not self.reference.value:
            return None
        return self.reference.shortfall_share(bound)

    def _n_differing(self, found: NearOptimalPlan) -> int:
        """Hamming distance to the reference plan."""
        return int((found.retrofitted != self._plan.retrofitted).sum())

    def _moves(self, found: NearOptimalPlan) -> tuple[list[str], list[str]]:
        """Ids of plants that enter and leave, compared with the reference plan."""
        plan, plants = self._plan.retrofitted, self.model.plants
        return list(plants[found.retrofitted & ~plan]), list(plants[plan & ~found.retrofitted])

    def _text(self, found: NearOptimalPlan) -> str:
        entering, leaving = self._moves(found)
        names = ([str(self._plants.at[plant, "name"]) for plant in each] for each in (entering, leaving))
        return exchange_text(*names)

    def _report_progress(self, message: str) -> None:
        if self.on_progress is not None:
            self.on_progress(message)


def _exchanges_along_pipes(reference: ReferencePlan, model: NearOptimalModel, deadline: float) -> Exchanges:
    point = point_of(reference.problem, reference.matrix, reference.x)
    retrofits, links = retrofits_table(point, Sharing.of(point)), flows_table(point)
    built = links[links["built_mn"] > BUILT] if len(links) else links
    return Exchanges(reference.problem, reference.matrix, retrofits, built, model.options, deadline)


def exchange_text(entering: Sequence[str], leaving: Sequence[str]) -> str:
    """An exchange in one sentence: `B and C together can replace A`."""
    if not entering and not leaving:
        return "the same plants"
    if not entering:
        return f"{_listed(leaving)} can be left out without a replacement"
    if not leaving:
        return f"{_listed(entering)} can be added without removing another plant"
    together = " together" if len(entering) > 1 else ""
    return f"{_listed(entering)}{together} can replace {_listed(leaving)}"


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def ranges_of(
    reference: ReferencePlan,
    within_share: float,
    options: SolverOptions,
    deadline: float,
    on_progress: MessageCallback | None,
) -> tuple[pd.DataFrame, tuple[Floats, ...], bool]:
    """Least and most of each plant in any near-optimal continuous plan.

    Returns
    -------
    ranges : pd.DataFrame
        RANGE_COLUMNS of each plant; `_share` is nameplate capacity over what can be captured at the plant.
    points : tuple of arrays
        The points at the ends of the ranges, over all columns; each is an LP optimum that holds every row.
    is_complete : bool
        Whether all ranges were found in time.
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
        if on_progress is not None:
            on_progress(f"range of {plant}")
        costs = np.zeros(len(matrix.columns))
        costs[own["column"].to_numpy(np.int64)] = nameplate[own["route"].to_numpy(np.int64)]
        capturable = float(plants.at[plant, "capturable_ktpa"])
        ends: list[tuple[float, float]] = []
        for maximise in (False, True):
            highs.set_objective(costs, maximise=maximise)
            left = deadline - now()
            outcome = highs.run(left, "range of a plant") if left > 0 else None
            x = None if outcome is None or outcome.status != "optimal" or outcome.x is None else outcome.x
            point = None if x is None else rounded_to_integrality(matrix, x)
            if point is None or not residuals(matrix, point).hold:
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
    table = pd.DataFrame(rows, columns=RANGE_COLUMNS)
    return table, tuple(points), bool(table["is_proven"].all())
