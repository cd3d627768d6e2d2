"""Regret: a plan for each future, each plan valued in every other, and the plan that is never far from the best.

A future is the scenario with some keys changed. What a plan builds is held in every future (`held_decisions`); what it
then falls short of the best that is known there is its regret. The best known is the future's own plan, or any other
that comes out better within the solver's gap, so that no regret is below 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.analysis.near_optimal_model import plant_columns
from ccs_model.analysis.uncertainty_scenarios import KEPT, Valuation, decisions_of, valued
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import load_inputs
from ccs_model.mip import Matrix, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.model import build_model
from ccs_model.model.objective import unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.cache_key import RunKey, run_key
from ccs_model.plan.decisions import BUILT, vector_of
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plain, records
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked, unknown_names
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.variations import Changes
from ccs_model.solve.driver import solve

SCHEMA = "ccs-model/regret/2"
FUTURE_COLUMNS = ["future", "name", "probability_share", "objective", "bound", "gap_share", "n_plants_retrofitted"]
REGRET_COLUMNS = ["plan", "future", "state", "objective", "regret", "regret_share", "excess_mn"]
PLAN_COLUMNS = [
    "plan", "name", "n_futures_kept", "max_regret", "worst_future", "expected_regret", "expected_objective",
    "is_minimax", "is_least_expected", "plants",
]  # fmt: skip
PLANT_COLUMNS = ["plant", "name", "province", "sector", "n_plans", "is_no_regret", "is_same_year", "years"]
_HELD_GAP = 1e-6
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Future:
    """A future: its name, the question as it stands there, and how likely it is."""

    name: str
    problem: Problem
    probability_share: float


@dataclass(frozen=True, eq=False)
class Regret:
    """`about` says what was asked; rows of `regrets` are a plan in a future, of `plans` and `futures` one each."""

    about: Mapping[str, Any]
    futures: pd.DataFrame
    regrets: pd.DataFrame
    plans: pd.DataFrame
    plants: pd.DataFrame

    def matrix(self) -> pd.DataFrame:
        """[plan, future] regret; NaN where a plan cannot be kept."""
        return self.regrets.pivot(index="plan", columns="future", values="regret")

    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Name → a line about it, and the table."""
        money = f"the aim's unit: {self.about['unit']}"
        return {
            "plans": (f"A plan for each future, held in all of them; {money}", self.plans),
            "regrets": (f"Each plan in each future; {money}", self.regrets),
            "plants": ("Plants that any plan fits; no regret: every plan does", self.plants),
            "futures": (f"Futures and the best plan of each; {money}", self.futures),
        }

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/regret/2; what is not known is null."""
        rows = {name: records(table) for name, (_, table) in self.tables().items()}
        found: dict[str, Any] = plain({"schema": SCHEMA, **dict(self.about), **rows})
        return found


def regret(
    scenario: str | PathLike[str] | Scenario,
    changes: Sequence[Changes],
    *,
    probabilities: Sequence[float] | None = None,
    allow_outside: bool = False,
    on_progress: Callable[[str], None] | None = None,
) -> Regret:
    """The regrets of a scenario's plans over futures, each given by changes of keys; alike likely unless told.

    Raises InputError where a future cannot be used, and what `solve` raises where one has no plan.
    """
    return regret_of(futures_of(scenario, changes, probabilities, allow_outside=allow_outside), on_progress=on_progress)


def futures_of(
    scenario: str | PathLike[str] | Scenario,
    changes: Sequence[Changes],
    probabilities: Sequence[float] | None = None,
    *,
    names: Sequence[str] | None = None,
    allow_outside: bool = False,
) -> tuple[Future, ...]:
    """The question in each future, with every route that any of them may take. Raises InputError."""
    if isinstance(scenario, Scenario):
        base, inputs = scenario, load_inputs(scenario, allow_outside=allow_outside)
    else:
        base, inputs = read_checked(scenario, allow_outside=allow_outside)
    shares = shares_of(probabilities, len(changes))
    found = []
    for n, (each, share) in enumerate(zip(changes, shares, strict=True)):
        one = base.with_changes(each)
        own = inputs if _tables(one) == _tables(base) else load_inputs(one, allow_outside=allow_outside)
        strays = [Issue(place, what, hint) for place, what, hint in unknown_names(one, own)]
        if strays:
            raise InputError(strays)
        name = names[n] if names is not None else named(each)
        found.append(Future(name, build_problem(one, own, keep_dominated=True), share))
    return tuple(found)


def named(changes: Changes) -> str:
    """Changes as a name: `budget.total_mn = 5000`."""
    return ", ".join(f"{key} = {value}" for key, value in changes.items()) or "as it stands"


def shares_of(probabilities: Sequence[float] | None, n: int) -> tuple[float, ...]:
    """Probabilities that sum to 1, alike where none are given. Raises InputError."""
    if n < 2:
        raise InputError([Issue("--set", f"{n} future{'s' if n != 1 else ''}, expected two or more")])
    if probabilities is None:
        return (1.0 / n,) * n
    hint = f"expected {n} shares that sum to 1, in the order of the futures"
    if len(probabilities) != n or min(probabilities) < 0 or abs(sum(probabilities) - 1.0) > 1e-6:
        shown = ", ".join(f"{each:g}" for each in probabilities)
        raise InputError([Issue("--probability", f"'{shown}' are no probabilities of {n} futures", hint)])
    return tuple(float(each) for each in probabilities)


def question_key(
    scenario: str | PathLike[str], requested: Sequence[object], what: str, *, allow_outside: bool = False
) -> RunKey:
    """What makes this question this one; raises as `regret` does."""
    base, inputs = read_checked(scenario, allow_outside=allow_outside)
    own = run_key(base, inputs)
    sha = RunKey.of_text(json.dumps([own.sha256, *requested], default=list, ensure_ascii=False))
    return RunKey(sha, f"{own.slug}-{what}")


def regret_of(futures: Sequence[Future], *, on_progress: Callable[[str], None] | None = None) -> Regret:
    """The regrets over futures that are posed already. Raises InputError where they seek different aims."""
    objectives = {future.problem.objective for future in futures}
    if len(objectives) > 1:
        raise InputError(
            [Issue("objective", f"futures of different aims: {', '.join(sorted(objectives))}", "regret needs one")]
        )
    solved = [_solved(future, k, len(futures), on_progress) for k, future in enumerate(futures)]
    sign = 1.0 if solved[0].matrix.maximise[0] else -1.0
    worth = [
        [
            _own(solved[g]) if f == g else _valued(solved[f], solved[g].decisions)
            for f in range(len(futures))
        ]
        for g in range(len(futures))
    ]  # fmt: skip
    best = np.array(
        [
            sign * max(sign * row[f].objective for row in worth if row[f].state == KEPT)
            for f in range(len(futures))
        ]
    )  # fmt: skip
    regrets = _regrets(worth, best, sign)
    plans = _plans(futures, solved, regrets, worth)
    first = futures[0].problem
    minimax, least = (plans.loc[plans[flag], "plan"] for flag in ("is_minimax", "is_least_expected"))
    about = {
        "scenario": first.name,
        "objective_name": first.objective,
        "unit": unit_of(first),
        "currency": first.currency,
        "price_year": first.price_year,
        "minimax_plan": int(minimax.iloc[0]) if len(minimax) else None,
        "least_expected_plan": int(least.iloc[0]) if len(least) else None,
    }
    return Regret(MappingProxyType(about), _futures(futures, solved, best), regrets, plans, _plants(solved))


@dataclass(frozen=True, eq=False)
class _Solved:
    problem: Problem
    plan: Plan
    matrix: Matrix
    x: Floats

    @property
    def decisions(self) -> dict[tuple[str, Any], float]:
        return decisions_of(self.matrix, self.x)

    def fitted(self) -> dict[str, tuple[int, ...]]:
        """Plant → years in which something is built at it."""
        builds = plant_columns(self.problem, self.matrix)
        built = builds[self.x[builds["column"].to_numpy(np.int64)] > BUILT]
        years: dict[str, set[int]] = {}
        for plant, column in zip(built["plant"], built["column"], strict=True):
            years.setdefault(str(plant), set()).add(int(self.matrix.columns[column].index[1]))
        return {plant: tuple(sorted(each)) for plant, each in sorted(years.items())}


def _solved(future: Future, k: int, n: int, on_progress: Callable[[str], None] | None) -> _Solved:
    if on_progress is not None:
        on_progress(f"future {k + 1} of {n}: {future.name}")
    plan = solve(future.problem)
    assert plan.point is not None
    matrix = matrix_of(build_model(future.problem))
    return _Solved(future.problem, plan, matrix, vector_of(matrix, plan.point)[0])


def _own(own: _Solved) -> Valuation:
    return Valuation(KEPT, own.plan.objective.value, own.plan.objective.bound, 0.0, own.x)


def _valued(there: _Solved, decisions: Mapping[tuple[str, Any], float]) -> Valuation:
    requested = there.problem.scenario.solver
    options = SolverOptions(_HELD_GAP, requested.threads, requested.seed)
    return valued(there.matrix, decisions, options, now() + requested.time_limit_s)


def _regrets(worth: Sequence[Sequence[Valuation]], best: Floats, sign: float) -> pd.DataFrame:
    rows = []
    for g, row in enumerate(worth):
        for f, each in enumerate(row):
            lost = sign * (best[f] - each.objective) if each.state == KEPT else np.nan
            share = lost / abs(best[f]) if best[f] else np.nan
            rows.append((g + 1, f + 1, each.state, each.objective, lost, share, each.excess_mn))
    return pd.DataFrame(rows, columns=REGRET_COLUMNS)


def _plans(
    futures: Sequence[Future], solved: Sequence[_Solved], regrets: pd.DataFrame, worth: Sequence[Sequence[Valuation]]
) -> pd.DataFrame:
    shares = np.array([future.probability_share for future in futures])
    rows = []
    for g, own in enumerate(solved):
        mine = regrets[regrets["plan"] == g + 1]
        lost = mine["regret"].to_numpy(float)
        kept = np.isfinite(lost)
        largest = expected = value = np.nan
        worst = None
        if kept.all():
            largest, expected = float(lost.max()), float(shares @ lost)
            value = float(shares @ np.array([each.objective for each in worth[g]]))
            worst = int(mine["future"].iloc[int(lost.argmax())])
        rows.append(
            (g + 1, f"the plan for {futures[g].name}", int(kept.sum()), largest, worst, expected, value, False, False,
             " ".join(own.fitted()))
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=PLAN_COLUMNS).astype({"worst_future": float})
    # Ties go to the first; a plan that cannot be kept in every future is none to choose.
    for flag, name in (("is_minimax", "max_regret"), ("is_least_expected", "expected_regret")):
        if table[name].notna().any():
            least = table[name].min()
            at = int(np.flatnonzero(table[name] <= least + _SAME * max(abs(least), 1.0))[0])
            table.loc[at, flag] = True
    return table


def _futures(futures: Sequence[Future], solved: Sequence[_Solved], best: Floats) -> pd.DataFrame:
    rows = [
        (f + 1, future.name, future.probability_share, best[f], own.plan.objective.bound, own.plan.objective.gap_share,
         len(own.fitted()))
        for f, (future, own) in enumerate(zip(futures, solved, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=FUTURE_COLUMNS)


def _plants(solved: Sequence[_Solved]) -> pd.DataFrame:
    fitted = [own.fitted() for own in solved]
    named_by = {
        row["plant"]: row for own in solved for row in own.problem.plants.to_dict("records")
    }  # fmt: skip
    rows = []
    for plant in sorted({plant for each in fitted for plant in each}):
        years = [each.get(plant, ()) for each in fitted]
        n_plans = sum(bool(each) for each in years)
        row = named_by[plant]
        rows.append(
            (plant, row["name"], row["province"], row["sector"], n_plans, n_plans == len(solved), len(set(years)) == 1,
             "; ".join(" ".join(map(str, each)) or "–" for each in years))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=PLANT_COLUMNS)


def _tables(scenario: Scenario) -> tuple[object, ...]:
    own = OwnTables.of(scenario)
    return own.inventory, own.data, own.terrain
