"""Near-optimal plans: which plants are needed, which can be exchanged, and which are never retrofitted.

Modelling to generate alternatives (Brill 1982; DeCarolis 2011). For integer decisions, the plans that differ most are
found one after another; then, plant by plant, the plan that leaves it out (or adds it) and differs least. For
continuous decisions each plant has a range: the least and the most that any near-optimal plan retrofits of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model._typing import Floats, MessageCallback
from ccs_model.analysis.near_optimal_model import NearOptimalModel, ReferencePlan
from ccs_model.analysis.near_optimal_search import (
    EXCHANGE_COLUMNS,
    PLAN_COLUMNS,
    PLANT_COLUMNS,
    RANGE_COLUMNS,
    Search,
    ranges_of,
)
from ccs_model.analysis.rebuilt_plan import at_point
from ccs_model.analysis.what_if import solver_options
from ccs_model.errors import InputError, Issue
from ccs_model.mip.clock import now
from ccs_model.model import build_model
from ccs_model.model.objective import unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.cache_key import RunKey, run_key
from ccs_model.plan.decisions import vector_of
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plain, records
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_reader import read_documents, read_solved_problem
from ccs_model.runs.run_writer import SCENARIO as SCENARIO_FILE
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import optimize

SCHEMA = "ccs-model/near-optimal/2"
WITHIN_SHARE, N_PLANS, TIME_LIMIT_S = 0.01, 10, 60.0
# Share of the time for the most different plans, before plants are tested one by one; less on a shared network, where
# exchanges along the plan's pipes show more.
_FARTHEST_TIME_SHARE, _NETWORK_TIME_SHARE = 0.4, 0.15


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Near-optimal plans of one plan.

    Attributes
    ----------
    about
        The settings, the plan's objective value and bound, the floor, and whether the search is complete.
    plans, plants, exchanges
        Tables for integer decisions (columns in `near_optimal_search`).
    ranges
        Table for continuous decisions: least and most of each plant.
    points
        Decisions of each plan, over the columns of the model.
    """

    about: Mapping[str, Any]
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

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/near-optimal/2; unknown values are null."""
        rows = {name: records(table) for name, (_, table) in self.tables().items()}
        found: dict[str, Any] = plain({"schema": SCHEMA, **dict(self.about), **rows})
        return found


def near_optimal(
    requested: str | PathLike[str] | Scenario,
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
        Scenario, its file (solved first), or a run folder (read as it is).
    within_share
        Largest loss of the objective, as a share of the plan's value (above 0, below 1).
    n_plans
        Number of most different plans to find.
    time_limit_s
        Seconds for the search, without the time of the plan itself.
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
    if not isinstance(requested, Scenario) and Path(requested).is_dir():
        run = read_solved_problem(requested)
        at = at_point(run.folder, run.problem)
        if at.strange:
            hint = "written by another version; re-run ccs-model optimize --force"
            what = f"its point has a column that the model does not have: {at.strange[0]}"
            raise InputError([Issue(str(run.folder), what, hint)])
        objective, corridors = run.document["objective"], run.document.get("corridors")
        value = float(objective["value"])
        bound = value if objective["searched_bound"] is None else float(objective["searched_bound"])
        corridors = None if corridors is None else tuple(corridors)
        reference = ReferencePlan(at.problem, at.matrix, at.x, value, bound, corridors)
    else:
        if on_progress is not None:
            on_progress("the plan")
        reference = reference_of(optimize(requested, allow_outside=allow_outside))
    if all_links:
        reference = replace(reference, corridors=None)
    return alternatives_near(
        reference, within_share=within_share, n_plans=n_plans, time_limit_s=time_limit_s, on_progress=on_progress
    )


def question_key(
    requested: str | PathLike[str],
    within_share: float,
    n_plans: int,
    *,
    all_links: bool = False,
    allow_outside: bool = False,
) -> RunKey:
    """Cache key of a call of `near_optimal`. Raises what reading the scenario or the run raises."""
    path = Path(requested)
    if path.is_dir():
        read_documents(path)
    scenario, inputs = read_checked(path / SCENARIO_FILE if path.is_dir() else path, allow_outside=allow_outside)
    own = run_key(scenario, inputs)
    sha = RunKey.of_text(json.dumps([own.sha256, path.is_dir(), within_share, n_plans, all_links]))
    return RunKey(sha, f"{own.slug}-near-optimal")


def reference_of(plan: Plan) -> ReferencePlan:
    """A plan with its model, as the reference of alternatives."""
    assert plan.point is not None
    matrix = matrix_of(build_model(plan.problem))
    x, _ = vector_of(matrix, plan.point)
    return ReferencePlan(plan.problem, matrix, x, plan.objective.value, plan.objective.searched_bound, plan.corridors)


def alternatives_near(
    reference: ReferencePlan,
    *,
    within_share: float = WITHIN_SHARE,
    n_plans: int = N_PLANS,
    time_limit_s: float = TIME_LIMIT_S,
    on_progress: MessageCallback | None = None,
) -> Alternatives:
    """Near-optimal plans of a reference plan; parameters as in `near_optimal`. Raises InputError."""
    if not 0 < within_share < 1:
        what = f"{within_share:g} is not a valid share"
        raise InputError([Issue("--within", what, "expected more than 0 and less than 1")])
    problem = reference.problem
    options, deadline = solver_options(problem), now() + time_limit_s
    about = {
        "scenario": problem.name,
        "objective_name": problem.objective,
        "unit": unit_of(problem),
        "currency": problem.currency,
        "price_year": problem.price_year,
        "decisions": "integer" if problem.is_integer else "continuous",
        "within_share": within_share,
        "objective": reference.value,
        "bound": reference.bound,
        "floor": reference.floor(within_share),
        "n_corridors": None if reference.corridors is None else len(reference.corridors),
    }
    if not problem.is_integer:
        ranges, points, is_complete = ranges_of(reference, within_share, options, deadline, on_progress)
        about["is_complete"] = is_complete
        plans, plants, exchanges = (
            pd.DataFrame(columns=each) for each in (PLAN_COLUMNS, PLANT_COLUMNS, EXCHANGE_COLUMNS)
        )
        return Alternatives(MappingProxyType(about), plans, plants, exchanges, ranges, points)
    search = Search(reference, NearOptimalModel(reference, within_share, options), deadline, on_progress)
    part = _FARTHEST_TIME_SHARE if problem.network is None else _NETWORK_TIME_SHARE
    search.find_farthest(n_plans, now() + part * max(deadline - now(), 0.0))
    plants = search.test_plants()
    about |= {
        "n_columns": search.model.n_columns,
        "is_exhausted": search.model.is_exhausted,
        "is_complete": bool(plants["is_proven"].all()),
    }
    points = tuple(found.x for found, _ in search.pool)
    ranges = pd.DataFrame(columns=RANGE_COLUMNS)
    return Alternatives(MappingProxyType(about), search.plans_table(), plants, search.exchanges_table(), ranges, points)
