"""Near-optimal plans: which plants are needed, which can be exchanged, and which are never retrofitted.

Modelling to generate alternatives (Brill 1982; DeCarolis 2011). For integer decisions, the plans that differ most are
found one after another; then, plant by plant, the plan that leaves it out (or adds it) and differs least. For
continuous decisions each plant has a range: the least and the most that any near-optimal plan retrofits of it.

Plant by plant, the LP relaxation decides most at once. Then each retrofitted plant is left out on its own, and the
plants that are still open are searched one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, MessageCallback
from ccs_model.analysis.near_optimal_model import (
    IN_ALL_FOUND,
    IN_NONE_FOUND,
    NEEDED,
    NEVER,
    RANGE_COLUMNS,
    SWAPPABLE,
    NearOptimalModel,
    NearOptimalPlan,
    ReferencePlan,
    ranges_of,
)
from ccs_model.analysis.rebuilt_plan import (
    KEPT,
    AnalysisResult,
    AtPoint,
    about_of,
    amount_at,
    decisions_of,
    solution_point,
    solver_options,
    value_with_fixed,
)
from ccs_model.analysis.what_if import Exchange, Exchanges, exchanges_of
from ccs_model.arguments import callback, number, seconds, whole_number
from ccs_model.errors import InputError, Issue
from ccs_model.mip.clock import effort, now, time_s, was_stopped
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.terms import abatement_terms, cost_terms
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import point_of
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.plan.tables import flows_table, retrofits_table
from ccs_model.problem.problem import Problem
from ccs_model.runs.run_reader import RunLike, is_run, solved_problem_of, validate_own_model
from ccs_model.solve.driver import ScenarioLike, optimize, scenario_like

WITHIN_SHARE, N_PLANS, TIME_LIMIT_S = 0.01, 10, 600.0
# Effort of the search for plans.
EFFORT = 60.0
# Share of the time for the most different plans, before plants are tested one by one; less on a shared network, where
# exchanges along the plan's pipes show more.
_FARTHEST_SHARE, _NETWORK_SHARE = 0.4, 0.15
# How a plan was found.
FARTHEST, FORCED_OUT, FORCED_IN = "most different", "without a plant", "with a plant"
# Shares of the remaining time for the LP relaxation and for leaving out single plants, and how many times its even
# share of the rest one plant may take.
_RELAXATION_SHARE, _SINGLE_SHARE, _TIME_FACTOR = 0.3, 0.4, 2.0
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


@dataclass(frozen=True, eq=False)
class Alternatives(AnalysisResult):
    """Near-optimal plans of one plan, schema ccs-model/near-optimal/2.

    Attributes
    ----------
    about
        The settings, the plan's objective value and bound, the floor, and whether the search is complete.
    plans, plants, exchanges
        Tables for integer decisions (PLAN_COLUMNS, PLANT_COLUMNS, EXCHANGE_COLUMNS).
    ranges
        Table for continuous decisions: least and most of each plant (RANGE_COLUMNS).
    points
        Decisions of each plan, over the columns of the model.
    """

    schema: ClassVar[str] = "ccs-model/near-optimal/2"
    plans: pd.DataFrame
    plants: pd.DataFrame
    exchanges: pd.DataFrame
    ranges: pd.DataFrame
    points: tuple[Floats, ...]

    @property
    def is_integer(self) -> bool:
        """Whether retrofit decisions are integer."""
        return bool(self.about["decisions"] == "integer")

    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Each table with a heading, by name."""
        share = f"{self.about['within_share']:.2%}"
        if not self.is_integer:
            return {"ranges": (f"Least and most of each plant in plans within {share} of the objective", self.ranges)}
        return {
            "plants": (f"Plants in every, some or no plan within {share} of the objective", self.plants),
            "exchanges": ("Smallest change that leaves a plant out or adds it", self.exchanges),
            "plans": ("The plan (0) and near-optimal plans, most different first", self.plans),
        }


def near_optimal(
    requested: ScenarioLike | RunLike,
    *,
    within_share: float = WITHIN_SHARE,
    n_plans: int = N_PLANS,
    time_limit_s: float = TIME_LIMIT_S,
    all_links: bool = False,
    allow_outside: bool = False,
    on_progress: MessageCallback | None = None,
) -> Alternatives:
    """Find plans whose objective is within a share of the best plan's.

    Parameters
    ----------
    requested
        Scenario, its file or its values as a dict (solved first), or a run folder, a stored run or a plan (taken as it
        is).
    within_share
        Largest loss of the objective, as a share of the plan's value (above 0, below 1).
    n_plans
        Number of most different plans to find.
    time_limit_s
        Seconds after which the search stops, without the time of the plan itself.
    all_links
        Whether pipes may leave the corridors of the plan.
    allow_outside
        Whether files outside the scenario's folder may be read.
    on_progress
        Receives a message at each step.

    Returns
    -------
    Alternatives
        Tables of plants, plans and exchanges, or of ranges for continuous decisions.

    Raises
    ------
    InputError
        If `within_share` is out of range, an input is invalid, or the run belongs to another model version.
    FileError
        If a file cannot be read.
    InfeasibleError, NoPlanError
        If the scenario has no plan, or none was found in time.
    """
    within_share, n_plans = number("within_share", within_share, 0.0, 1.0), whole_number("n_plans", n_plans, 1)
    time_limit_s = seconds("time_limit_s", time_limit_s)
    report_progress = callback("on_progress", on_progress) or (lambda _: None)
    if isinstance(requested, Plan):
        validate_own_model(requested.added_components)
        reference = reference_of(requested)
    elif is_run(requested):
        run = solved_problem_of(requested)
        validate_own_model(run.added_components)
        at = solution_point(run)
        objective, corridors = run.document["objective"], run.document.get("corridors")
        bound = at.matrix.sign * math.inf if objective["searched_bound"] is None else objective["searched_bound"]
        links = None if corridors is None else tuple(corridors)
        reference = ReferencePlan(at.problem, at.matrix, at.x, float(objective["value"]), float(bound), links)
    else:
        report_progress("the plan")
        assert not isinstance(requested, StoredRun)
        reference = reference_of(optimize(scenario_like("requested", requested), allow_outside=allow_outside))
    if all_links:
        reference = replace(reference, corridors=None)
    if reference.value == 0:
        what = "the objective value of the plan is 0, and a share of it allows no other plan"
        raise InputError([Issue("objective", what, "compare the plans of another objective or budget")])
    with effort(time_s() + time_limit_s):
        return _alternatives(reference, within_share, n_plans, report_progress)


def reference_of(plan: Plan) -> ReferencePlan:
    """A plan with its model, as the reference of alternatives."""
    at, objective = AtPoint.of_plan(plan), plan.objective
    return ReferencePlan(at.problem, at.matrix, at.x, objective.value, objective.searched_bound, plan.corridors)


def _alternatives(
    reference: ReferencePlan, within_share: float, n_plans: int, report_progress: MessageCallback
) -> Alternatives:
    problem = reference.problem
    options, deadline = solver_options(problem), now() + EFFORT
    about = {
        **about_of(problem),
        "decisions": "integer" if problem.is_integer else "continuous",
        "within_share": within_share,
        "objective": reference.value,
        "bound": reference.bound,
        "floor": reference.floor(within_share),
        "n_corridors": None if reference.corridors is None else len(reference.corridors),
    }
    plans, plants, exchanges, ranges = (
        pd.DataFrame(columns=each) for each in (PLAN_COLUMNS, PLANT_COLUMNS, EXCHANGE_COLUMNS, RANGE_COLUMNS)
    )
    if problem.is_integer:
        search = Search(reference, NearOptimalModel(reference, within_share, options), deadline, report_progress)
        part = _FARTHEST_SHARE if problem.network is None else _NETWORK_SHARE
        search.find_farthest(n_plans, now() + part * max(deadline - now(), 0.0))
        plants = search.test_plants()
        plans, exchanges = search.plans_table(), search.exchanges_table()
        about |= {
            "n_columns": search.model.n_columns,
            "is_exhausted": search.model.is_exhausted,
            "is_complete": bool(plants["is_proven"].all()),
        }
        points = tuple(found.x for found in search.pool)
    else:
        ranges, points = ranges_of(reference, within_share, options, deadline, report_progress)
        about["is_complete"] = bool(ranges["is_proven"].all())
    about["is_stopped"] = was_stopped()
    return Alternatives(MappingProxyType(about), plans, plants, exchanges, ranges, points)


class Search:
    """A pool of near-optimal plans, the reference plan first."""

    def __init__(
        self, reference: ReferencePlan, model: NearOptimalModel, deadline: float, report_progress: MessageCallback
    ) -> None:
        self.reference, self.model, self.deadline, self._report_progress = reference, model, deadline, report_progress
        self.pool = [NearOptimalPlan(reference.x, model.is_retrofitted_in(reference.x), reference.value)]
        # By plant, the plan that leaves it out or adds it, and whether no such plan is proven to be nearer.
        self._found: dict[str, tuple[NearOptimalPlan, bool]] = {}
        self._plants = reference.problem.plants.set_index("plant").loc[model.plants]
        # Exchanges along the pipes of the plan on a shared network.
        self._exchanges: Exchanges | None = None
        if reference.problem.network is not None:
            point = point_of(reference.problem, reference.matrix, reference.x)
            tables = retrofits_table(point, CostSharing.of(point)), flows_table(point)
            self._exchanges = exchanges_of(reference.problem, *tables, deadline, reference.matrix)

    @property
    def _plan(self) -> NearOptimalPlan:
        return self.pool[0]

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
        open_plants = [k for k in order if k not in bounds and plants[k] not in self._found]
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
        for n, found in enumerate(self.pool):
            point = point_of(problem, reference.matrix, found.x)
            below = reference.sign * (reference.bound - found.value) / abs(reference.bound) if reference.bound else 0.0
            entering, leaving = self._moves(found)
            objective = amount_at(point, OBJECTIVES[problem.objective].first)
            rows.append(
                (n, found.how, objective, reference.shortfall_share(found.value), below, int(found.retrofitted.sum()),
                 self._n_differing(found), found.distance, found.is_proven, "; ".join(entering),
                 "; ".join(leaving), self._text(found) if n else "",
                 amount_at(point, abatement_terms), amount_at(point, cost_terms),
                 " ".join(self.model.plants[found.retrofitted]))
            )  # fmt: skip
        return pd.DataFrame(rows, columns=PLAN_COLUMNS)

    def exchanges_table(self) -> pd.DataFrame:
        """EXCHANGE_COLUMNS of every swappable plant: the smallest change found that leaves it out or adds it."""
        rows = []
        for plant, (found, is_nearest) in sorted(self._found.items()):
            entering, leaving = self._moves(found)
            number = next(n for n, other in enumerate(self.pool) if (other.retrofitted == found.retrofitted).all())
            rows.append(
                (plant, self._plants.at[plant, "name"], found.value, self.reference.shortfall_share(found.value),
                 "; ".join(entering), "; ".join(leaving), self._text(found), is_nearest, number)
            )  # fmt: skip
        return pd.DataFrame(rows, columns=EXCHANGE_COLUMNS)

    def _plants_until_deadline(self, order: Sequence[int], share: float) -> Iterator[tuple[int, float]]:
        """Each plant with the deadline, until this share of the remaining time has passed."""
        until = now() + share * max(self.deadline - now(), 0.0)
        for k in order:
            if now() >= until:
                return
            yield k, until

    def _bounds_from_relaxation(self, order: Sequence[int]) -> dict[int, float]:
        """Bounds of the LP relaxation that prove the standing of a plant."""
        plan, model = self._plan.retrofitted, self.model
        bounds: dict[int, float] = {}
        for k, until in self._plants_until_deadline(order, _RELAXATION_SHARE):
            self._report_progress(f"LP relaxation, {model.plants[k]}")
            bound = model.bound_of(str(model.plants[k]), required=not plan[k], deadline=until)
            if bound is not None and model.is_below_floor(bound):
                bounds[k] = bound
        return bounds

    def _leave_out_singly(self, order: Sequence[int]) -> None:
        """Leave out one plant at a time and keep all other builds."""
        for k, until in self._plants_until_deadline(order, _SINGLE_SHARE):
            plant = str(self.model.plants[k])
            self._report_progress(f"the plan without {plant}")
            if (found := self._rest_of_plan(plant, until)) is not None:
                self._found[plant] = found, True
                self._add(found, FORCED_OUT)

    def _search_plant(self, k: int, until: float) -> float | None:
        """Find the nearest plan that leaves a plant out or adds it; the bound if it is proven that there is none."""
        model, plant = self.model, str(self.model.plants[k])
        is_in_plan = bool(self._plan.retrofitted[k])
        candidates = [found for found in self.pool if bool(found.retrofitted[k]) != is_in_plan]
        if not candidates and (exchange := self._exchange_along_pipes(plant, is_in_plan, until)) is not None:
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
            self._found[plant] = found, is_nearest
            self._add(found, FORCED_OUT if is_in_plan else FORCED_IN)
        return None

    def _exchange_along_pipes(self, plant: str, is_in_plan: bool, until: float) -> NearOptimalPlan | None:
        """The best exchange along the plan's pipes if it is near-optimal: found quickly in a large model."""
        if self._exchanges is None:
            return None
        exchanges = replace(self._exchanges, deadline=until)
        if not is_in_plan:
            return self._plan_of(exchanges.with_plant(plant))
        # With other pipe sizes, the remaining plants may suffice.
        rest = self._plan_of(exchanges.without_plant(plant, refilled=False, others_stay=False))
        return rest if rest is not None else self._plan_of(exchanges.without_plant(plant))

    def _plan_of(self, exchange: Exchange | None) -> NearOptimalPlan | None:
        return None if exchange is None else self.model.near_optimal_plan(exchange.x)

    def _rest_of_plan(self, plant: str, until: float) -> NearOptimalPlan | None:
        """The plan without a plant and all other builds fixed, if it is near-optimal."""
        reference = self.reference
        rest = reference.x.copy()
        rest[self.model.columns_of(plant)] = 0.0
        decisions = decisions_of(reference.matrix, rest)
        kept = value_with_fixed(reference.matrix, decisions, self.model.options, until)
        found = self.model.near_optimal_plan(kept.x) if kept.state == KEPT and kept.x is not None else None
        # No other plan differs in fewer than one plant.
        return None if found is None else replace(found, is_proven=True)

    def _add(self, found: NearOptimalPlan, how: str) -> bool:
        """Add a plan if its set of plants is new; whether it was."""
        distance = min(int((found.retrofitted != other.retrofitted).sum()) for other in self.pool)
        if distance == 0:
            return False
        self.pool.append(replace(found, how=how, distance=distance))
        self.model.add_distance_row(found)
        return True

    def _plants_table(self, bounds: dict[int, float]) -> pd.DataFrame:
        rows, plan, problem = [], self._plan.retrofitted, self.reference.problem
        for k, plant in enumerate(self.model.plants):
            n_retrofitting = sum(bool(found.retrofitted[k]) for found in self.pool)
            standing = SWAPPABLE
            if n_retrofitting in (0, len(self.pool)):
                proven, unproven = (NEEDED, IN_ALL_FOUND) if n_retrofitting else (NEVER, IN_NONE_FOUND)
                standing = proven if k in bounds else unproven
            is_bounded = standing in (NEEDED, NEVER) and np.isfinite(bounds[k])
            row = self._plants.loc[plant]
            text = self._text(self._found[plant][0]) if plant in self._found else _fixed_by_scenario(problem, plant)
            rows.append(
                (plant, row["name"], row["province"], row["sector"], bool(plan[k]), standing,
                 standing not in (IN_ALL_FOUND, IN_NONE_FOUND), n_retrofitting, n_retrofitting / len(self.pool),
                 self.reference.shortfall_share(bounds[k]) if is_bounded else None, text)
            )  # fmt: skip
        return pd.DataFrame(rows, columns=PLANT_COLUMNS).astype({"lost_share": float})

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


def _fixed_by_scenario(problem: Problem, plant: str) -> str:
    """Why the scenario has a plant in every plan; empty where it does not."""
    if plant in problem.scenario.plants.require:
        return "required by the scenario"
    return "committed by the scenario" if plant in problem.committed_plants else ""


def exchange_text(entering: Sequence[str], leaving: Sequence[str]) -> str:
    """An exchange in one sentence: `B and C together can replace A`."""
    if not entering and not leaving:
        return "the same plants"
    if not entering:
        return f"{_join_names(leaving)} can be left out without a replacement"
    if not leaving:
        return f"{_join_names(entering)} can be added without removing another plant"
    together = " together" if len(entering) > 1 else ""
    return f"{_join_names(entering)}{together} can replace {_join_names(leaving)}"


def _join_names(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
