"""Plans nearly as good as the best: which plants every one of them fits, which may be swapped, and which none fits.

Of whole plans, those that differ most are made one after another: each differs from the nearest of all before it in as
many plants as any plan within the share can. Then, plant by plant, the plan is asked for that leaves it out (or fits
it) and else differs least: it tells the swap in words, or there is none and the plant is needed. Of fractional plans
each plant has a range: the least and the most that any plan within the share fits of it (`near_ranges`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model._typing import Floats
from ccs_model.analysis.near_optimal_model import Held, NearProgram
from ccs_model.analysis.near_optimal_search import (
    PLAN_COLUMNS,
    PLANT_COLUMNS,
    RANGE_COLUMNS,
    SWAP_COLUMNS,
    Search,
    ranges_of,
)
from ccs_model.analysis.rebuilt_plan import at_point
from ccs_model.errors import InputError, Issue
from ccs_model.mip import SolverOptions
from ccs_model.mip.clock import now
from ccs_model.model import build_model
from ccs_model.model.objective import unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.cache_key import RunKey, run_key
from ccs_model.plan.decisions import vector_of
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plain, records
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.stored_question import SCENARIO as SCENARIO_FILE
from ccs_model.runs.stored_question import read_answer, read_run
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import optimize

SCHEMA = "ccs-model/alternatives/2"
WITHIN_SHARE, N_PLANS, TIME_LIMIT_S = 0.01, 10, 60.0
# Of the time: what the most different plans may take, before plants are asked one by one; on a shared network the
# plan's own pipes and plants tell more.
_FARTHEST_TIME_SHARE, _NETWORK_TIME_SHARE = 0.4, 0.15


@dataclass(frozen=True, eq=False)
class Alternatives:
    """`about` says what was asked; `plans`, `plants` and `swaps` are tables; `points` hold each plan's decisions.

    Of fractional plans `ranges` is filled in their stead.
    """

    about: Mapping[str, Any]
    plans: pd.DataFrame
    plants: pd.DataFrame
    exchanges: pd.DataFrame
    ranges: pd.DataFrame
    points: tuple[Floats, ...]

    @property
    def is_integer(self) -> bool:
        """Whether plans are of whole retrofits."""
        return bool(self.about["decisions"] == "integer")

    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Name → a line about it, and the table."""
        share = f"{self.about['within_share']:.2%}"
        if not self.is_integer:
            return {"ranges": (f"Least and most of each plant that a plan within {share} of the aim fits", self.ranges)}
        return {
            "plants": (f"In every plan within {share} of the aim, in some, or in none", self.plants),
            "swaps": ("The smallest change that leaves a plant out or fits it", self.exchanges),
            "plans": ("The plan (0) and plans nearly as good, those that differ most first", self.plans),
        }

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/alternatives/2; what is not known is null."""
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
    on_progress: Callable[[str], None] | None = None,
) -> Alternatives:
    """Plans within a share of the aim's best, of a scenario (which is solved first) or of a run folder.

    `time_limit_s` is for what follows the plan; `all_links` lets pipes leave the plan's corridors. Raises what
    `optimize` and `read_run` raise.
    """
    if not isinstance(requested, Scenario) and Path(requested).is_dir():
        run = read_run(requested)
        at = at_point(run.folder, run.problem)
        if at.strange:
            hint = "made by another version; make it again with ccs-model optimize --force"
            raise InputError(
                [Issue(str(run.folder), f"its point has columns of another program: {at.strange[0]}", hint)]
            )
        objective, corridors = run.document["objective"], run.document.get("corridors")
        value = float(objective["value"])
        bound = value if objective["bound"] is None else float(objective["bound"])
        held = Held(at.problem, at.matrix, at.x, value, bound, None if corridors is None else tuple(corridors))
    else:
        if on_progress is not None:
            on_progress("the plan")
        held = held_of(optimize(requested, allow_outside=allow_outside))
    if all_links:
        held = replace(held, corridors=None)
    return near(held, within_share=within_share, n_plans=n_plans, time_limit_s=time_limit_s, on_progress=on_progress)


def question_key(
    requested: str | PathLike[str],
    within_share: float,
    n_plans: int,
    *,
    all_links: bool = False,
    allow_outside: bool = False,
) -> RunKey:
    """What makes this question of a scenario or a run this one; raises as `alternatives` does."""
    path = Path(requested)
    if path.is_dir():
        read_answer(path)
    scenario, inputs = read_checked(path / SCENARIO_FILE if path.is_dir() else path, allow_outside=allow_outside)
    own = run_key(scenario, inputs)
    sha = RunKey.of_text(json.dumps([own.sha256, path.is_dir(), within_share, n_plans, all_links]))
    return RunKey(sha, f"{own.slug}-alternatives")


def held_of(plan: Plan) -> Held:
    """A plan with the program it is a point of."""
    assert plan.point is not None
    matrix = matrix_of(build_model(plan.problem))
    x, _ = vector_of(matrix, plan.point)
    return Held(plan.problem, matrix, x, plan.objective.value, plan.objective.bound, plan.corridors)


def near(
    held: Held,
    *,
    within_share: float = WITHIN_SHARE,
    n_plans: int = N_PLANS,
    time_limit_s: float = TIME_LIMIT_S,
    on_progress: Callable[[str], None] | None = None,
) -> Alternatives:
    """Plans within a share of the value of a plan in hand. Raises InputError for a share outside 0 to 1."""
    if not 0 < within_share < 1:
        raise InputError([Issue("--within", f"{within_share:g} is no share", "expected more than 0 and less than 1")])
    requested = held.problem.scenario.solver
    options = SolverOptions(requested.mip_gap, requested.threads, requested.seed)
    deadline = now() + time_limit_s
    about = {
        "scenario": held.problem.name,
        "objective_name": held.problem.objective,
        "unit": unit_of(held.problem),
        "currency": held.problem.currency,
        "price_year": held.problem.price_year,
        "decisions": "integer" if held.problem.is_integer else "continuous",
        "within_share": within_share,
        "objective": held.value,
        "bound": held.bound,
        "floor": held.floor(within_share),
        "n_corridors": None if held.corridors is None else len(held.corridors),
    }
    empty = {
        "plans": pd.DataFrame(columns=PLAN_COLUMNS),
        "plants": pd.DataFrame(columns=PLANT_COLUMNS),
        "swaps": pd.DataFrame(columns=SWAP_COLUMNS),
    }
    if not held.problem.is_integer:
        ranges, points, is_complete = ranges_of(held, within_share, options, deadline, on_progress)
        about["is_complete"] = is_complete
        return Alternatives(MappingProxyType(about), ranges=ranges, points=points, **empty)
    search = Search(held, NearProgram(held, within_share, options), deadline, on_progress)
    part = _FARTHEST_TIME_SHARE if held.problem.network is None else _NETWORK_TIME_SHARE
    search.farthest(n_plans, now() + part * max(deadline - now(), 0.0))
    plants = search.tested_plants()
    about |= {
        "n_columns": search.program.n_columns,
        "is_exhausted": search.program.is_exhausted,
        "is_complete": bool(plants["is_proven"].all()),
    }
    points = tuple(found.x for found, _ in search.pool)
    ranges = pd.DataFrame(columns=RANGE_COLUMNS)
    return Alternatives(MappingProxyType(about), search.plans_table(), plants, search.swaps_table(), ranges, points)
