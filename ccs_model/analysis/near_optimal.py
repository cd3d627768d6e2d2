"""Plans nearly as good as the best: which plants every one of them fits, which may be swapped, and which none fits.

Of whole plans, those that differ most are made one after another: each differs from the nearest of all before it in as
many plants as any plan within the share can. Then, plant by plant, the plan is asked for that leaves it out (or fits
it) and else differs least: it tells the swap in words, or there is none and the plant is needed. Of fractional plans
each plant has a range: the least and the most that any plan within the share fits of it (`near_ranges`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.analysis.held_decisions import KEPT, decisions_of, valued
from ccs_model.analysis.near_program import Found, Held, NearProgram, plant_columns
from ccs_model.analysis.near_ranges import RANGE_COLUMNS, ranges_of
from ccs_model.analysis.near_words import swap_words
from ccs_model.analysis.rebuilt import at_point
from ccs_model.analysis.runs import SCENARIO as SCENARIO_FILE
from ccs_model.analysis.runs import read_answer, read_run
from ccs_model.errors import Fault, InputError
from ccs_model.model import build_model
from ccs_model.model.objective import AIMS, unit_of
from ccs_model.model.terms import abatement_terms, breakdown, cost_terms
from ccs_model.plan.decisions import BUILT, point_of, vector_of
from ccs_model.plan.optimize import optimize
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.run_key import RunKey, run_key
from ccs_model.plan.sharing import Sharing
from ccs_model.plan.swaps import Swap, Swaps
from ccs_model.plan.tables import flows_table, retrofits_table
from ccs_model.problem.names import read_checked
from ccs_model.scenario import Scenario
from ccs_model.solver import SolverOptions, matrix_of

Mask = npt.NDArray[np.bool_]

SCHEMA = "ccs-model/alternatives/1"
WITHIN_SHARE, N_PLANS, TIME_LIMIT_S = 0.01, 10, 60.0
# Of the time: what the most different plans may take, before plants are asked one by one; on a shared network swaps
# along the plan's own pipes find more.
_FARTHEST_TIME_SHARE, _NETWORK_TIME_SHARE = 0.4, 0.15
# A plant may take so many times its share of the time that is left, and a part of that for its relaxation; one that the
# plan fits counts as so many of the others.
_GREEDY, _RELAXED_SHARE, _WEIGHT_FITTED = 2.0, 0.3, 5

PLAN_COLUMNS = [
    "alternative", "how", "objective", "short_share", "bound_short_share", "n_plants_fitted", "n_differing",
    "n_apart", "is_proven", "entering", "leaving", "words", "abatement_kt", "cost_mn", "plants",
]  # fmt: skip
PLANT_COLUMNS = [
    "plant", "name", "province", "sector", "is_in_plan", "standing", "is_proven", "n_fitting", "fitting_share",
    "lost_share", "words",
]  # fmt: skip
SWAP_COLUMNS = ["plant", "name", "objective", "short_share", "entering", "leaving", "words", "alternative"]
NEEDED, NEVER, SWAPPABLE = "needed", "never", "swappable"
# Not proven: what holds of the plans found.
IN_ALL, IN_NONE = "in all found", "in none found"
FARTHEST, ASKED_OUT, ASKED_IN, SCENARIO = "most different", "without a plant", "with a plant", "the plan"


@dataclass(frozen=True, eq=False)
class Alternatives:
    """`about` says what was asked; `plans`, `plants` and `swaps` are tables; `points` hold each plan's decisions.

    Of fractional plans `ranges` is filled in their stead.
    """

    about: Mapping[str, Any]
    plans: pd.DataFrame
    plants: pd.DataFrame
    swaps: pd.DataFrame
    ranges: pd.DataFrame
    points: tuple[npt.NDArray[np.float64], ...]

    @property
    def is_whole(self) -> bool:
        """Whether plans are of whole retrofits."""
        return bool(self.about["retrofits_are"] == "whole")

    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Name → a line about it, and the table."""
        share = f"{self.about['within_share']:.2%}"
        if not self.is_whole:
            return {"ranges": (f"Least and most of each plant that a plan within {share} of the aim fits", self.ranges)}
        return {
            "plants": (f"In every plan within {share} of the aim, in some, or in none", self.plants),
            "swaps": ("The smallest change that leaves a plant out or fits it", self.swaps),
            "plans": ("The plan (0) and plans nearly as good, those that differ most first", self.plans),
        }

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/alternatives/1; what is not known is null."""
        rows = {name: records(table) for name, (_, table) in self.tables().items()}
        found: dict[str, Any] = plain({"schema": SCHEMA, **dict(self.about), **rows})
        return found


def alternatives(
    asked: str | PathLike[str] | Scenario,
    *,
    within_share: float = WITHIN_SHARE,
    n_plans: int = N_PLANS,
    time_limit_s: float = TIME_LIMIT_S,
    all_links: bool = False,
    allow_outside: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Alternatives:
    """Plans within a share of the aim's best, of a scenario (which is solved first) or of a run folder.

    `time_limit_s` is for what follows the plan; `all_links` lets pipes leave the plan's corridors. Raises what
    `optimize` and `read_run` raise.
    """
    if not isinstance(asked, Scenario) and Path(asked).is_dir():
        run = read_run(asked)
        at = at_point(run.folder, run.problem)
        if at.strange:
            hint = "made by another version; make it again with ccs-model optimize --force"
            raise InputError(
                [Fault(str(run.folder), f"its point has columns of another program: {at.strange[0]}", hint)]
            )
        objective, corridors = run.document["objective"], run.document.get("corridors")
        value = float(objective["value"])
        bound = value if objective["bound"] is None else float(objective["bound"])
        held = Held(at.problem, at.matrix, at.x, value, bound, None if corridors is None else tuple(corridors))
    else:
        if tell is not None:
            tell("the plan")
        held = held_of(optimize(asked, allow_outside=allow_outside))
    if all_links:
        held = replace(held, corridors=None)
    return near(held, within_share=within_share, n_plans=n_plans, time_limit_s=time_limit_s, tell=tell)


def folder_name(
    asked: str | PathLike[str],
    within_share: float,
    n_plans: int,
    *,
    all_links: bool = False,
    allow_outside: bool = False,
) -> str:
    """`<scenario name>-alternatives-<hash8>` of a scenario or a run; raises as `alternatives` does."""
    path = Path(asked)
    if path.is_dir():
        read_answer(path)
    scenario, inputs = read_checked(path / SCENARIO_FILE if path.is_dir() else path, allow_outside=allow_outside)
    own = run_key(scenario, inputs)
    sha = RunKey.of_text(json.dumps([own.sha256, path.is_dir(), within_share, n_plans, all_links]))
    return f"{own.slug}-alternatives-{sha[:8]}"


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
    tell: Callable[[str], None] | None = None,
) -> Alternatives:
    """Plans within a share of the value of a plan in hand. Raises InputError for a share outside 0 to 1."""
    if not 0 < within_share < 1:
        raise InputError([Fault("--within", f"{within_share:g} is no share", "expected more than 0 and less than 1")])
    asked = held.problem.scenario.solver
    options = SolverOptions(asked.gap_share, asked.threads, asked.seed)
    deadline = time.monotonic() + time_limit_s
    about = {
        "scenario": held.problem.name,
        "aim": held.problem.aim,
        "unit": unit_of(held.problem),
        "currency": held.problem.currency,
        "price_year": held.problem.price_year,
        "retrofits_are": "whole" if held.problem.is_whole else "fractional",
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
    if not held.problem.is_whole:
        ranges, points, is_complete = ranges_of(held, within_share, options, deadline, tell)
        about["is_complete"] = is_complete
        return Alternatives(MappingProxyType(about), ranges=ranges, points=points, **empty)
    search = _Search(held, NearProgram(held, within_share, options), deadline, tell)
    part = _FARTHEST_TIME_SHARE if held.problem.network is None else _NETWORK_TIME_SHARE
    search.farthest(n_plans, time.monotonic() + part * max(deadline - time.monotonic(), 0.0))
    plants = search.asked_plants()
    about |= {
        "n_columns": search.program.n_columns,
        "is_exhausted": search.program.is_exhausted,
        "is_complete": bool(plants["is_proven"].all()),
    }
    points = tuple(found.x for found, _ in search.pool)
    ranges = pd.DataFrame(columns=RANGE_COLUMNS)
    return Alternatives(MappingProxyType(about), search.plans_table(), plants, search.swaps_table(), ranges, points)


class _Search:
    """The plans found so far, the one in hand first, each with how it was found."""

    def __init__(self, held: Held, program: NearProgram, deadline: float, tell: Callable[[str], None] | None) -> None:
        self.held, self.program, self.deadline, self.tell = held, program, deadline, tell
        plan = Found(held.x, program.fitted_in(held.x), held.value)
        self.pool: list[tuple[Found, str]] = [(plan, SCENARIO)]
        self._apart: list[int] = [0]
        self._swaps: list[tuple[str, Found]] = []
        names = held.problem.plants.set_index("plant")
        self._named = names.loc[program.plants]
        self._swapped = _swaps_along_pipes(held, program, deadline) if held.problem.network is not None else None

    def farthest(self, n_plans: int, until: float) -> None:
        """Up to `n_plans` plans that differ most, or until none is left."""
        while len(self.pool) <= n_plans and not self.program.is_exhausted:
            if time.monotonic() >= until:
                break
            self._say(f"a plan that differs, {len(self.pool)} of {n_plans}")
            found = self.program.farthest(self.pool[0][0], until)
            if found is None or not self._add(found, FARTHEST):
                break

    def asked_plants(self) -> pd.DataFrame:
        """One row a plant: how it stands, asked of the program where the plans found leave it open."""
        rows = []
        plan = self.pool[0][0].fitted
        plants = list(self.program.plants)
        # The plan's own plants first: they are what a planner asks about.
        order = [*np.flatnonzero(plan), *np.flatnonzero(~plan)]
        answers: dict[int, tuple[bool, float | None]] = {}
        for n, k in enumerate(order):
            self._say(f"plant {n + 1} of {len(order)}, {plants[k]}")
            left = order[n:]
            weight = [_WEIGHT_FITTED if plan[each] else 1 for each in left]
            answers[k] = self._asked(str(plants[k]), int(k), bool(plan[k]), weight[0] / sum(weight))
        for k, plant in enumerate(plants):
            n_fitting = sum(bool(found.fitted[k]) for found, _ in self.pool)
            is_proven, lost = answers[k]
            standing = SWAPPABLE
            if n_fitting in (0, len(self.pool)):
                proven, found_so = (NEEDED, IN_ALL) if n_fitting else (NEVER, IN_NONE)
                standing = proven if is_proven else found_so
            is_proven = is_proven or standing == SWAPPABLE
            row = self._named.loc[plant]
            words = next((self._words(found) for asked, found in self._swaps if asked == plant), "")
            rows.append(
                (plant, row["name"], row["province"], row["sector"], bool(plan[k]), standing, is_proven, n_fitting,
                 n_fitting / len(self.pool), lost if standing != SWAPPABLE else None, words)
            )  # fmt: skip
        table = pd.DataFrame(rows, columns=PLANT_COLUMNS)
        return table.astype({"lost_share": float})

    def _asked(self, plant: str, k: int, in_plan: bool, share: float) -> tuple[bool, float | None]:
        """Whether the plant's standing is proven, and at least what share of the aim the other choice loses."""
        program, now = self.program, time.monotonic()
        if now >= self.deadline:
            return False, None
        mine = min(_GREEDY * share, 1.0) * (self.deadline - now)
        until = min(now + mine, self.deadline)
        bound = program.bound_of(plant, fitted=not in_plan, deadline=now + _RELAXED_SHARE * mine)
        if bound is not None and program.is_worse(bound):
            return True, self._lost(bound)
        have = [found for found, _ in self.pool if bool(found.fitted[k]) != in_plan]
        if not have and in_plan and (alone := self._alone(plant, until)) is not None:
            have = [alone]
        if not have and self._swapped is not None and (swap := self._along_pipes(plant, in_plan, until)) is not None:
            have = [swap]
        start = min(have, key=self._differing, default=None)
        found: Found | bool | None = start
        # None differs in less than one plant.
        if start is None or self._differing(start) > 1:
            found = program.nearest(plant, fitted=not in_plan, start=start, deadline=until)
        if found is False:
            found, bound = program.best(plant, fitted=not in_plan, deadline=until)
            if found is None and bound is not None and program.is_worse(bound):
                return True, self._lost(bound)
        found = start if found is None else found
        if isinstance(found, Found):
            self._swaps.append((plant, found))
            self._add(found, ASKED_OUT if in_plan else ASKED_IN)
        return False, None

    def _along_pipes(self, plant: str, in_plan: bool, until: float) -> Found | None:
        """The best swap along the plan's own pipes, if within the share: found soon where the program is large."""
        assert self._swapped is not None
        asked = replace(self._swapped, deadline=until)
        return self._near_enough(asked.without_plant(plant) if in_plan else asked.with_plant(plant))

    def _alone(self, plant: str, until: float) -> Found | None:
        """All else as it is built, and nobody in the plant's place, if that is within the share."""
        held = self.held
        builds = plant_columns(held.problem, held.matrix)
        mine = builds["column"][builds["plant"] == plant].to_numpy(np.int64)
        rest = held.x.copy()
        rest[mine] = 0.0
        kept = valued(held.matrix, decisions_of(held.matrix, rest), self.program.options, until)
        return self.program.near_enough(kept.x) if kept.state == KEPT and kept.x is not None else None

    def _near_enough(self, swap: Swap | None) -> Found | None:
        return None if swap is None else self.program.near_enough(swap.x)

    def _lost(self, bound: float) -> float | None:
        held = self.held
        if not np.isfinite(bound) or not held.value:
            return None
        return held.sign * (held.value - bound) / abs(held.value)

    def _add(self, found: Found, how: str) -> bool:
        """Keep a plan whose plants no other has; whether it is new."""
        apart = min(int((found.fitted != other.fitted).sum()) for other, _ in self.pool)
        if apart == 0:
            return False
        self.pool.append((found, how))
        self._apart.append(apart)
        self.program.keep_away_from(found)
        return True

    def plans_table(self) -> pd.DataFrame:
        """One row a plan, the one in hand first."""
        held, rows = self.held, []
        for n, (found, how) in enumerate(self.pool):
            point = point_of(held.problem, held.matrix, found.x)
            short = held.sign * (held.value - found.value) / abs(held.value) if held.value else 0.0
            below = held.sign * (held.bound - found.value) / abs(held.bound) if held.bound else 0.0
            entering, leaving = self._moves(found)
            said = {
                name: sum(breakdown(terms(held.problem), point.values, point.shortfall_kt).values())
                for name, terms in (("abatement", abatement_terms), ("cost", cost_terms),
                                    ("aim", AIMS[held.problem.aim].first))
            }  # fmt: skip
            rows.append(
                (n, how, said["aim"], short, below, int(found.fitted.sum()), self._differing(found), self._apart[n],
                 found.is_proven, "; ".join(entering), "; ".join(leaving), self._words(found) if n else "",
                 said["abatement"], said["cost"], " ".join(self.program.plants[found.fitted]))
            )  # fmt: skip
        return pd.DataFrame(rows, columns=PLAN_COLUMNS)

    def swaps_table(self) -> pd.DataFrame:
        """One row a plant that may be swapped: the smallest change found that leaves it out, or fits it."""
        held, rows = self.held, []
        for plant, found in sorted(self._swaps, key=lambda each: each[0]):
            entering, leaving = self._moves(found)
            short = held.sign * (held.value - found.value) / abs(held.value) if held.value else 0.0
            same = next(n for n, (other, _) in enumerate(self.pool) if (other.fitted == found.fitted).all())
            rows.append(
                (plant, self._named.at[plant, "name"], found.value, short, "; ".join(entering), "; ".join(leaving),
                 self._words(found), same)
            )  # fmt: skip
        return pd.DataFrame(rows, columns=SWAP_COLUMNS)

    def _differing(self, found: Found) -> int:
        return int((found.fitted != self.pool[0][0].fitted).sum())

    def _moves(self, found: Found) -> tuple[list[str], list[str]]:
        """Ids of plants that a plan fits beyond the one in hand, and that it leaves out."""
        plan, plants = self.pool[0][0].fitted, self.program.plants
        return list(plants[found.fitted & ~plan]), list(plants[plan & ~found.fitted])

    def _words(self, found: Found) -> str:
        entering, leaving = self._moves(found)
        return swap_words(*([str(self._named.at[plant, "name"]) for plant in each] for each in (entering, leaving)))

    def _say(self, words: str) -> None:
        if self.tell is not None:
            self.tell(words)


def _swaps_along_pipes(held: Held, program: NearProgram, deadline: float) -> Swaps:
    point = point_of(held.problem, held.matrix, held.x)
    retrofits, links = retrofits_table(point, Sharing.of(point)), flows_table(point)
    laid = links[links["laid_mn"] > BUILT] if len(links) else links
    return Swaps(held.problem, held.matrix, retrofits, laid, program.options, deadline)
