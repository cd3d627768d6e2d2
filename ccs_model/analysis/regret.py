"""Regret: the best plan of each future, evaluated in every other future, and the plan of least regret.

A future is the scenario with some keys changed. The builds of a plan are fixed in every future and its operation is
re-optimised; the regret is the loss against the best value known in that future. The best known plan is the future's
own, or another that is better within the solver's gap, so no regret is negative.

References
----------
Savage (1951). The theory of statistical decision. Journal of the American Statistical Association 46(253).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, MessageCallback
from ccs_model.analysis.what_if import KEPT, Valuation, capture_builds, decisions_of, solver_options, value_with_fixed
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import load_inputs
from ccs_model.mip import Matrix
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
_FIXED_GAP = 1e-6
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Future:
    """A future: its name, its problem, and its probability."""

    name: str
    problem: Problem
    probability_share: float


@dataclass(frozen=True, eq=False)
class Regret:
    """Result of `regret`.

    Attributes
    ----------
    about
        Settings, and the number of the minimax plan and of the plan of least expected regret.
    futures
        One row a future with its best plan.
    regrets
        One row a plan and future.
    plans
        One row a plan: largest and expected regret.
    plants
        One row a plant that any plan retrofits.
    """

    about: Mapping[str, Any]
    futures: pd.DataFrame
    regrets: pd.DataFrame
    plans: pd.DataFrame
    plants: pd.DataFrame

    def matrix(self) -> pd.DataFrame:
        """[plan, future] regret in the objective's unit; NaN where the plan is infeasible."""
        return self.regrets.pivot(index="plan", columns="future", values="regret")

    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Each table with a heading, by name."""
        unit = f"objective in {self.about['unit']}"
        return {
            "plans": (f"The best plan of each future, with its builds fixed in all futures; {unit}", self.plans),
            "regrets": (f"Each plan in each future; {unit}", self.regrets),
            "plants": ("Plants that any plan retrofits; no-regret plants are in every plan", self.plants),
            "futures": (f"Futures and the best plan of each; {unit}", self.futures),
        }

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/regret/2; unknown values are null."""
        rows = {name: records(table) for name, (_, table) in self.tables().items()}
        found: dict[str, Any] = plain({"schema": SCHEMA, **dict(self.about), **rows})
        return found


def regret(
    scenario: str | PathLike[str] | Scenario,
    changes: Sequence[Changes],
    *,
    probabilities: Sequence[float] | None = None,
    allow_outside: bool = False,
    on_progress: MessageCallback | None = None,
) -> Regret:
    """Evaluate the best plan of each future in every other future.

    Parameters
    ----------
    scenario
        Scenario, or its file.
    changes
        One mapping a future of dotted scenario keys to values.
    probabilities
        One share a future, summing to 1; equal by default.
    allow_outside
        Whether files outside the scenario's folder may be read.
    on_progress
        Receives a message at each step.

    Returns
    -------
    Regret
        Regret of each plan in each future, minimax plan, plan of least expected regret, and no-regret plants.

    Raises
    ------
    InputError
        If a future or a probability is invalid, or the futures have different objectives.
    InfeasibleError, NoPlanError
        If a future has no plan.
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
    """The problem of each future, with every option that any of them may use. Raises InputError."""
    if isinstance(scenario, Scenario):
        base, inputs = scenario, load_inputs(scenario, allow_outside=allow_outside)
    else:
        base, inputs = read_checked(scenario, allow_outside=allow_outside)
    found = []
    for n, (each, share) in enumerate(zip(changes, shares_of(probabilities, len(changes)), strict=True)):
        one = base.with_changes(each)
        own = inputs if own_tables(one) == own_tables(base) else load_inputs(one, allow_outside=allow_outside)
        issues = [Issue(place, what, hint) for place, what, hint in unknown_names(one, own)]
        if issues:
            raise InputError(issues)
        name = names[n] if names is not None else name_of(each)
        found.append(Future(name, build_problem(one, own, keep_dominated=True), share))
    return tuple(found)


def name_of(changes: Changes) -> str:
    """Changes as a name: `budget.total_mn = 5000`."""
    return ", ".join(f"{key} = {value}" for key, value in changes.items()) or "unchanged"


def shares_of(probabilities: Sequence[float] | None, n: int) -> tuple[float, ...]:
    """Probabilities of `n` futures that sum to 1; equal if None is given. Raises InputError."""
    if n < 2:
        raise InputError([Issue("--set", f"{n} future{'s' if n != 1 else ''}, expected two or more")])
    if probabilities is None:
        return (1.0 / n,) * n
    hint = f"expected {n} shares that sum to 1, in the order of the futures"
    if len(probabilities) != n or min(probabilities) < 0 or abs(sum(probabilities) - 1.0) > 1e-6:
        shown = ", ".join(f"{each:g}" for each in probabilities)
        raise InputError([Issue("--probability", f"'{shown}' are not the probabilities of {n} futures", hint)])
    return tuple(float(each) for each in probabilities)


def question_key(
    scenario: str | PathLike[str], requested: Sequence[object], what: str, *, allow_outside: bool = False
) -> RunKey:
    """Cache key of a call of `regret` or `stochastic`, whose folder name has `what` in it. Raises as `regret`."""
    base, inputs = read_checked(scenario, allow_outside=allow_outside)
    own = run_key(base, inputs)
    sha = RunKey.of_text(json.dumps([own.sha256, *requested], default=list, ensure_ascii=False))
    return RunKey(sha, f"{own.slug}-{what}")


def regret_of(futures: Sequence[Future], *, on_progress: MessageCallback | None = None) -> Regret:
    """Regret over futures whose problems are built. Raises InputError if they have different objectives."""
    objectives = {future.problem.objective for future in futures}
    if len(objectives) > 1:
        what = f"futures have different objectives: {', '.join(sorted(objectives))}"
        raise InputError([Issue("objective", what, "regret needs one objective")])
    solved = [_solve(future, k, len(futures), on_progress) for k, future in enumerate(futures)]
    sign = 1.0 if solved[0].matrix.maximise[0] else -1.0
    values = [
        [
            solved[g].own_value if f == g else _value_in(solved[f], solved[g].decisions)
            for f in range(len(futures))
        ]
        for g in range(len(futures))
    ]  # fmt: skip
    best = np.array(
        [
            sign * max(sign * row[f].objective for row in values if row[f].state == KEPT)
            for f in range(len(futures))
        ]
    )  # fmt: skip
    regrets = _regrets(values, best, sign)
    plans = _plans(futures, solved, regrets, values)
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

    @property
    def own_value(self) -> Valuation:
        return Valuation(KEPT, self.plan.objective.value, self.plan.objective.searched_bound, 0.0, self.x)

    def retrofit_years(self) -> dict[str, tuple[int, ...]]:
        """Years in which a plant is retrofitted, by plant."""
        builds = capture_builds(self.problem, self.matrix)
        built = builds[self.x[builds["column"].to_numpy(np.int64)] > BUILT]
        years: dict[str, set[int]] = {}
        for plant, column in zip(built["plant"], built["column"], strict=True):
            years.setdefault(str(plant), set()).add(int(self.matrix.columns[column].index[1]))
        return {plant: tuple(sorted(each)) for plant, each in sorted(years.items())}


def _solve(future: Future, k: int, n: int, on_progress: MessageCallback | None) -> _Solved:
    if on_progress is not None:
        on_progress(f"future {k + 1} of {n}: {future.name}")
    plan = solve(future.problem)
    assert plan.point is not None
    matrix = matrix_of(build_model(future.problem))
    return _Solved(future.problem, plan, matrix, vector_of(matrix, plan.point)[0])


def _value_in(other: _Solved, decisions: Mapping[tuple[str, Any], float]) -> Valuation:
    """Value of another plan's builds in a future."""
    options = replace(solver_options(other.problem), gap_share=_FIXED_GAP)
    return value_with_fixed(other.matrix, decisions, options, now() + other.problem.scenario.solver.time_limit_s)


def _regrets(values: Sequence[Sequence[Valuation]], best: Floats, sign: float) -> pd.DataFrame:
    rows = []
    for g, row in enumerate(values):
        for f, each in enumerate(row):
            lost = sign * (best[f] - each.objective) if each.state == KEPT else np.nan
            share = lost / abs(best[f]) if best[f] else np.nan
            rows.append((g + 1, f + 1, each.state, each.objective, lost, share, each.excess_mn))
    return pd.DataFrame(rows, columns=REGRET_COLUMNS)


def _plans(
    futures: Sequence[Future], solved: Sequence[_Solved], regrets: pd.DataFrame, values: Sequence[Sequence[Valuation]]
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
            value = float(shares @ np.array([each.objective for each in values[g]]))
            worst = int(mine["future"].iloc[int(lost.argmax())])
        rows.append(
            (g + 1, f"the plan for {futures[g].name}", int(kept.sum()), largest, worst, expected, value, False, False,
             " ".join(own.retrofit_years()))
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=PLAN_COLUMNS).astype({"worst_future": float})
    # The first plan wins a tie; a plan that is infeasible in some future is not eligible.
    for flag, name in (("is_minimax", "max_regret"), ("is_least_expected", "expected_regret")):
        if table[name].notna().any():
            least = table[name].min()
            at = int(np.flatnonzero(table[name] <= least + _SAME * max(abs(least), 1.0))[0])
            table.loc[at, flag] = True
    return table


def _futures(futures: Sequence[Future], solved: Sequence[_Solved], best: Floats) -> pd.DataFrame:
    rows = [
        (f + 1, future.name, future.probability_share, best[f],
         own.plan.objective.searched_bound, own.plan.objective.searched_gap_share,
         len(own.retrofit_years()))
        for f, (future, own) in enumerate(zip(futures, solved, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=FUTURE_COLUMNS)


def _plants(solved: Sequence[_Solved]) -> pd.DataFrame:
    retrofits = [own.retrofit_years() for own in solved]
    plants = {
        row["plant"]: row for own in solved for row in own.problem.plants.to_dict("records")
    }  # fmt: skip
    rows = []
    for plant in sorted({plant for each in retrofits for plant in each}):
        years = [each.get(plant, ()) for each in retrofits]
        n_plans = sum(bool(each) for each in years)
        row = plants[plant]
        rows.append(
            (plant, row["name"], row["province"], row["sector"], n_plans, n_plans == len(solved), len(set(years)) == 1,
             "; ".join(" ".join(map(str, each)) or "–" for each in years))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=PLANT_COLUMNS)


def own_tables(scenario: Scenario) -> tuple[object, ...]:
    """Names of a scenario's own tables; equal names mean the same inputs."""
    own = OwnTables.of(scenario)
    return own.inventory, own.data, own.terrain
