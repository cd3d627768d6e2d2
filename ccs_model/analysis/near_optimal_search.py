"""The search for plans nearly as good as one in hand: a pool of plans, and plant by plant what may be otherwise.

First every plant is asked of the linear program, which proves most of what it can in a moment; then what leaving out
each fitted plant alone makes of the plan; then, one after another, the plants that are still open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.analysis.exchanges import Exchange, Exchanges
from ccs_model.analysis.near_optimal_model import Found, Held, NearProgram, plant_columns
from ccs_model.analysis.uncertainty_scenarios import KEPT, decisions_of, valued
from ccs_model.mip import Highs, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.terms import abatement_terms, breakdown, cost_terms
from ccs_model.plan.cost_sharing import Sharing
from ccs_model.plan.decisions import BUILT, point_of
from ccs_model.plan.tables import flows_table, retrofits_table

# Of fractional plans: the least and the most of each plant that any plan within the share fits.
#
# What is fitted of a plant is the nameplate built at it against all that can be captured at it. Both ends of a range
# are optima of a linear program, so that they are proven; each is a point that keeps every row.


RANGE_COLUMNS = [
    "plant", "name", "province", "sector", "standing", "plan_share", "min_share", "max_share", "plan_ktpa", "min_ktpa",
    "max_ktpa", "objective_at_min", "objective_at_max", "is_proven",
]  # fmt: skip
IN_EVERY_PLAN, IN_SOME, IN_NO_PLAN, OPEN = "needed", "swappable", "never", "not decided in time"
_TRACE_SHARE = 1e-6


def ranges_of(
    held: Held, within_share: float, options: SolverOptions, deadline: float, on_progress: Callable[[str], None] | None
) -> tuple[pd.DataFrame, tuple[Floats, ...], bool]:
    """RANGE_COLUMNS of every plant that may be fitted, the points at the ends, and whether all were found in time."""
    problem, matrix = held.problem, held.matrix
    builds = plant_columns(problem, matrix)
    nameplate = problem.routes["nameplate_ktpa"].to_numpy(float)
    floor, few = held.floor(within_share), 1e-9 * abs(held.value)
    highs = Highs(matrix, options)
    low, high = (floor + few, np.inf) if held.sign > 0 else (-np.inf, floor - few)
    highs.add_row(matrix.costs[0], low, high)
    named = problem.plants.set_index("plant")
    rows, points = [], []
    for plant, mine in builds.groupby("plant"):
        if on_progress is not None:
            on_progress(f"range of {plant}")
        costs = np.zeros(len(matrix.columns))
        costs[mine["column"].to_numpy(np.int64)] = nameplate[mine["route"].to_numpy(np.int64)]
        most = float(named.at[plant, "capturable_ktpa"])
        ends: list[tuple[float, float]] = []
        for maximise in (False, True):
            highs.set_objective(costs, maximise=maximise)
            left = deadline - now()
            outcome = highs.run(left, "a range") if left > 0 else None
            x = None if outcome is None or outcome.status != "optimal" or outcome.x is None else outcome.x
            point = None if x is None else rounded_to_integrality(matrix, x)
            if point is None or not residuals(matrix, point).hold:
                ends.append((np.nan, np.nan))
                continue
            points.append(point)
            ends.append((float(costs @ point), float(matrix.costs[0] @ point)))
        own = named.loc[plant]
        here = float(costs @ held.x)
        (least, at_least), (largest, at_largest) = ends
        standing = OPEN
        if np.isfinite([least, largest]).all():
            some = _TRACE_SHARE * max(most, 1.0)
            standing = IN_EVERY_PLAN if least > some else IN_SOME if largest > some else IN_NO_PLAN
        rows.append(
            (plant, own["name"], own["province"], own["sector"], standing, here / most, least / most, largest / most,
             here, least, largest, at_least, at_largest, standing != OPEN)
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=RANGE_COLUMNS)
    return table, tuple(points), bool(table["is_proven"].all())


# Swaps of plants in words.


def swap_words(entering: Sequence[str], leaving: Sequence[str]) -> str:
    """What it takes to go from one plan to another: `B and C together can replace A`."""
    if not entering and not leaving:
        return "the same plants"
    if not entering:
        return f"{listed(leaving)} can be left out, and nobody need enter"
    if not leaving:
        return f"{listed(entering)} can be added, and nobody need leave"
    together = " together" if len(entering) > 1 else ""
    return f"{listed(entering)}{together} can replace {listed(leaving)}"


def listed(names: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


# Of the time that is left: what the linear program, and leaving out one plant alone, may take; and how many times its
# even share of the rest a plant may take.
_RELAXED_SHARE, _ALONE_SHARE, _GREEDY = 0.3, 0.4, 2.0

PLAN_COLUMNS = [
    "alternative", "how", "objective", "short_share", "bound_short_share", "n_plants_retrofitted", "n_differing",
    "n_apart", "is_proven", "entering", "leaving", "words", "abatement_kt", "cost_mn", "plants",
]  # fmt: skip
PLANT_COLUMNS = [
    "plant", "name", "province", "sector", "is_in_plan", "standing", "is_proven", "n_fitting", "fitting_share",
    "lost_share", "words",
]  # fmt: skip
SWAP_COLUMNS = [
    "plant",
    "name",
    "objective",
    "short_share",
    "entering",
    "leaving",
    "words",
    "is_nearest",
    "alternative",
]
NEEDED, NEVER, SWAPPABLE = "needed", "never", "swappable"
# Not proven: what holds of the plans found.
IN_ALL_FOUND, IN_NONE_FOUND = "in all found", "in none found"
FARTHEST, FORCED_OUT, FORCED_IN, SCENARIO = "most different", "without a plant", "with a plant", "the plan"


class Search:
    """The plans found so far, the one in hand first, each with how it was found."""

    def __init__(
        self, held: Held, program: NearProgram, deadline: float, on_progress: Callable[[str], None] | None
    ) -> None:
        self.held, self.program, self.deadline, self.on_progress = held, program, deadline, on_progress
        plan = Found(held.x, program.fitted_in(held.x), held.value)
        self.pool: list[tuple[Found, str]] = [(plan, SCENARIO)]
        self._hamming_distances: list[int] = [0]
        # Plant asked for, the plan that answers, and whether it is proven that none is nearer.
        self._exchanges: list[tuple[str, Found, bool]] = []
        names = held.problem.plants.set_index("plant")
        self._named = names.loc[program.plants]
        self._swapped = _swaps_along_pipes(held, program, deadline) if held.problem.network is not None else None

    def farthest(self, n_plans: int, until: float) -> None:
        """Up to `n_plans` plans that differ most, or until none is left."""
        while len(self.pool) <= n_plans and not self.program.is_exhausted:
            if now() >= until:
                break
            self._report_progress(f"a plan that differs, {len(self.pool)} of {n_plans}")
            found = self.program.farthest(self.pool[0][0], until)
            if found is None or not self._add(found, FARTHEST):
                break

    def tested_plants(self) -> pd.DataFrame:
        """One row a plant: how it stands, asked of the program where the plans found leave it open."""
        plan, plants = self.pool[0][0].fitted, self.program.plants
        # The plan's own plants first: they are what a planner asks about.
        order = [int(k) for k in (*np.flatnonzero(plan), *np.flatnonzero(~plan))]
        lost = self._by_relaxation(order)
        self._each_alone([k for k in order if plan[k] and k not in lost])
        waiting = [k for k in order if k not in lost and not self._is_swapped(k)]
        for n, k in enumerate(waiting):
            self._report_progress(f"plant {n + 1} of {len(waiting)}, {plants[k]}")
            left = self.deadline - now()
            if left <= 0:
                break
            until = now() + min(_GREEDY / (len(waiting) - n), 1.0) * left
            if (bound := self._requested(k, until)) is not None:
                lost[k] = bound
        return self._plants_table(lost)

    def _by_relaxation(self, order: Sequence[int]) -> dict[int, float]:
        """Plants whose standing the linear program proves, with the bound that does."""
        plan, program = self.pool[0][0].fitted, self.program
        until = now() + _RELAXED_SHARE * max(self.deadline - now(), 0.0)
        lost: dict[int, float] = {}
        for k in order:
            if now() >= until:
                break
            self._report_progress(f"the linear program without {program.plants[k]}")
            bound = program.bound_of(str(program.plants[k]), fitted=not plan[k], deadline=until)
            if bound is not None and program.is_worse(bound):
                lost[k] = bound
        return lost

    def _each_alone(self, order: Sequence[int]) -> None:
        """Leave out one plant at a time, all else as it is built."""
        until = now() + _ALONE_SHARE * max(self.deadline - now(), 0.0)
        for k in order:
            if now() >= until:
                break
            plant = str(self.program.plants[k])
            self._report_progress(f"the plan without {plant}")
            if (found := self._alone(plant, until)) is not None:
                self._exchanges.append((plant, found, True))
                self._add(found, FORCED_OUT)

    def _requested(self, k: int, until: float) -> float | None:
        """Look for the nearest plan in which a plant is otherwise; the bound where it is proven that there is none."""
        program, plant = self.program, str(self.program.plants[k])
        in_plan = bool(self.pool[0][0].fitted[k])
        have = [found for found, _ in self.pool if bool(found.fitted[k]) != in_plan]
        if (
            not have
            and self._swapped is not None
            and (exchange := self._along_pipes(plant, in_plan, until)) is not None
        ):
            have = [exchange]
        start = min(have, key=self._differing, default=None)
        found: Found | bool | None = start
        # None differs in less than one plant.
        if start is None or self._differing(start) > 1:
            found = program.nearest(plant, fitted=not in_plan, start=start, deadline=until)
        if found is False:
            found, bound = program.best(plant, fitted=not in_plan, deadline=until)
            if found is None and bound is not None and program.is_worse(bound):
                return bound
        is_nearest = isinstance(found, Found) and (
            self._differing(found) == 1 or (found is not start and found.is_proven)
        )
        found = start if found is None else found
        if isinstance(found, Found):
            self._exchanges.append((plant, found, is_nearest))
            self._add(found, FORCED_OUT if in_plan else FORCED_IN)
        return None

    def _is_swapped(self, k: int) -> bool:
        return any(requested == self.program.plants[k] for requested, _, _ in self._exchanges)

    def _plants_table(self, lost: dict[int, float]) -> pd.DataFrame:
        """`lost` has the plants whose standing is proven by a bound."""
        rows, plan = [], self.pool[0][0].fitted
        for k, plant in enumerate(self.program.plants):
            n_fitting = sum(bool(found.fitted[k]) for found, _ in self.pool)
            standing = SWAPPABLE
            if n_fitting in (0, len(self.pool)):
                proven, found_so = (NEEDED, IN_ALL_FOUND) if n_fitting else (NEVER, IN_NONE_FOUND)
                standing = proven if k in lost else found_so
            row = self._named.loc[plant]
            words = next((self._words(found) for requested, found, _ in self._exchanges if requested == plant), "")
            rows.append(
                (plant, row["name"], row["province"], row["sector"], bool(plan[k]), standing,
                 standing not in (IN_ALL_FOUND, IN_NONE_FOUND), n_fitting, n_fitting / len(self.pool),
                 self._lost(lost[k]) if standing in (NEEDED, NEVER) else None, words)
            )  # fmt: skip
        return pd.DataFrame(rows, columns=PLANT_COLUMNS).astype({"lost_share": float})

    def _along_pipes(self, plant: str, in_plan: bool, until: float) -> Found | None:
        """The best swap along the plan's own pipes, if within the share: found soon where the program is large."""
        assert self._swapped is not None
        requested = replace(self._swapped, deadline=until)
        if not in_plan:
            return self._near_enough(requested.with_plant(plant))
        # With pipes laid anew the rest alone may do.
        rest = self._near_enough(requested.without_plant(plant, refilled=False))
        return rest if rest is not None else self._near_enough(requested.without_plant(plant))

    def _alone(self, plant: str, until: float) -> Found | None:
        """All else as it is built, and nobody in the plant's place, if that is within the share."""
        held = self.held
        builds = plant_columns(held.problem, held.matrix)
        mine = builds["column"][builds["plant"] == plant].to_numpy(np.int64)
        rest = held.x.copy()
        rest[mine] = 0.0
        kept = valued(held.matrix, decisions_of(held.matrix, rest), self.program.options, until)
        found = self.program.near_enough(kept.x) if kept.state == KEPT and kept.x is not None else None
        # No other plan differs in less than one plant.
        return None if found is None else replace(found, is_proven=True)

    def _near_enough(self, exchange: Exchange | None) -> Found | None:
        return None if exchange is None else self.program.near_enough(exchange.x)

    def _lost(self, bound: float) -> float | None:
        held = self.held
        if not np.isfinite(bound) or not held.value:
            return None
        return held.sign * (held.value - bound) / abs(held.value)

    def _add(self, found: Found, how: str) -> bool:
        """Keep a plan whose plants no other has; whether it is new."""
        hamming_distance = min(int((found.fitted != other.fitted).sum()) for other, _ in self.pool)
        if hamming_distance == 0:
            return False
        self.pool.append((found, how))
        self._hamming_distances.append(hamming_distance)
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
            message = {
                name: sum(breakdown(terms(held.problem), point.values, point.shortfall_kt).values())
                for name, terms in (("abatement", abatement_terms), ("cost", cost_terms),
                                    ("objective", OBJECTIVES[held.problem.objective].first))
            }  # fmt: skip
            rows.append(
                (n, how, message["objective"], short, below, int(found.fitted.sum()), self._differing(found), self._hamming_distances[n],
                 found.is_proven, "; ".join(entering), "; ".join(leaving), self._words(found) if n else "",
                 message["abatement"], message["cost"], " ".join(self.program.plants[found.fitted]))
            )  # fmt: skip
        return pd.DataFrame(rows, columns=PLAN_COLUMNS)

    def swaps_table(self) -> pd.DataFrame:
        """One row a plant that may be swapped: the smallest change found that leaves it out, or fits it."""
        held, rows = self.held, []
        for plant, found, is_nearest in sorted(self._exchanges, key=lambda each: each[0]):
            entering, leaving = self._moves(found)
            short = held.sign * (held.value - found.value) / abs(held.value) if held.value else 0.0
            same = next(n for n, (other, _) in enumerate(self.pool) if (other.fitted == found.fitted).all())
            rows.append(
                (plant, self._named.at[plant, "name"], found.value, short, "; ".join(entering), "; ".join(leaving),
                 self._words(found), is_nearest, same)
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

    def _report_progress(self, words: str) -> None:
        if self.on_progress is not None:
            self.on_progress(words)


def _swaps_along_pipes(held: Held, program: NearProgram, deadline: float) -> Exchanges:
    point = point_of(held.problem, held.matrix, held.x)
    retrofits, links = retrofits_table(point, Sharing.of(point)), flows_table(point)
    built = links[links["built_mn"] > BUILT] if len(links) else links
    return Exchanges(held.problem, held.matrix, retrofits, built, program.options, deadline)
