"""Regret: the best plan of each future, evaluated in every other future, and the plan of least regret.

A future is the scenario with some keys changed. The builds of a plan are fixed in every future and its operation is
re-optimised; the regret is the loss against the best value known in that future. The best known plan is the future's
own, or another that is better within the solver's gap, so no regret is negative.

References
----------
Savage (1951). The theory of statistical decision. Journal of the American Statistical Association 46(253).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, MessageCallback
from ccs_model.analysis.rebuilt_plan import (
    KEPT,
    AnalysisResult,
    AtPoint,
    Valuation,
    about_of,
    decisions_of,
    retrofit_shares,
    solver_options,
    value_with_fixed,
    with_common_flow_bounds,
)
from ccs_model.arguments import callback, items_of, number
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.mip.clock import effort, now, time_s
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import name_issues
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import is_file_name
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.variations import Changes, add_row_place, variations_of
from ccs_model.solve.driver import ScenarioLike, inputs_of, solve
from ccs_model.solve.strategies import effort_of_model

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
class Regret(AnalysisResult):
    """Result of `regret`, schema ccs-model/regret/2.

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

    schema: ClassVar[str] = "ccs-model/regret/2"
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


def regret(
    scenario: ScenarioLike,
    changes: Sequence[Changes] | Mapping[str, Sequence[object]],
    *,
    probabilities: Sequence[float] | None = None,
    allow_outside: bool = False,
    on_progress: MessageCallback | None = None,
) -> Regret:
    """Evaluate the best plan of each future in every other future.

    Parameters
    ----------
    scenario
        Scenario file, a `Scenario`, or a dict.
    changes
        One mapping a future of dotted scenario keys to values, or values by key for all combinations.
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
        If a future or a probability is invalid, or the futures have different objectives, currencies or price years.
    InfeasibleError, NoPlanError
        If a future has no plan.
    """
    callback("on_progress", on_progress)
    futures = futures_of(scenario, variations_of(changes), probabilities, allow_outside=allow_outside)
    return regret_of(futures, on_progress=on_progress)


def futures_of(
    scenario: ScenarioLike,
    changes: Sequence[Changes],
    probabilities: Sequence[float] | None = None,
    *,
    names: Sequence[str] | None = None,
    allow_outside: bool = False,
) -> tuple[Future, ...]:
    """The problem of each future, with every option that any of them may use. Raises InputError."""
    base, inputs = inputs_of(scenario, allow_outside=allow_outside)
    loaded, shares = {own_tables(base): inputs}, shares_of(probabilities, len(changes))
    futures, errors = [], []
    for name, each, share in zip(names or map(name_of, changes), changes, shares, strict=True):
        try:
            futures.append(Future(name, problem_with(base, each, loaded, allow_outside=allow_outside), share))
        except (InputError, FileError) as error:
            errors.append(add_row_place(each, error))
    if errors:
        # A file that cannot be read has no issues to list beside those of other futures.
        issues = [issue for error in errors if isinstance(error, InputError) for issue in error.issues]
        raise InputError(dict.fromkeys(issues)) if issues else errors[0]
    return tuple(futures)


def problem_with(
    base: Scenario, changes: Changes, loaded: dict[tuple[object, ...], Inputs], *, allow_outside: bool = False
) -> Problem:
    """The problem of a varied scenario, with dominated options; `loaded` as in `inputs_for`. Raises InputError."""
    scenario = base.with_changes(changes)
    inputs = inputs_for(scenario, loaded, allow_outside=allow_outside)
    return build_problem(scenario, inputs, keep_dominated=True)


def inputs_for(scenario: Scenario, loaded: dict[tuple[object, ...], Inputs], *, allow_outside: bool = False) -> Inputs:
    """The tables of a variation of a scenario, added to those `loaded` by the names of their own tables.

    Raises InputError if the scenario names something that they do not have.
    """
    key = own_tables(scenario)
    if key not in loaded:
        loaded[key] = load_inputs(scenario, allow_outside=allow_outside)
    issues = name_issues(scenario, loaded[key])
    if issues:
        raise InputError(issues)
    return loaded[key]


def name_of(changes: Changes) -> str:
    """Changes as a name: `budget.total_mn = 5000`."""
    return ", ".join(f"{key} = {value}" for key, value in changes.items()) or "unchanged"


def shares_of(probabilities: Sequence[float] | None, n: int) -> tuple[float, ...]:
    """Probabilities of `n` futures that sum to 1; equal if None is given. Raises InputError."""
    if n < 2:
        raise InputError([Issue("changes", f"{n} future{'s' if n != 1 else ''}, expected two or more")])
    if probabilities is None:
        return (1.0 / n,) * n
    expected = f"{n} shares that sum to 1, in the order of the futures"
    shares = tuple(number("probabilities", each) for each in items_of("probabilities", probabilities, expected))
    if len(shares) != n or min(shares) < 0 or abs(sum(shares) - 1.0) > 1e-6:
        shown = ", ".join(f"{each:g}" for each in shares)
        what = f"'{shown}' are not the probabilities of {n} futures"
        raise InputError([Issue("probabilities", what, f"expected {expected}")])
    return shares


def validate_comparable(problems: Sequence[Problem]) -> None:
    """Raise InputError if the futures have different objectives, currencies, price years, or units by start in some."""
    issues = []
    for key, name in (("objective", "objectives"), ("currency", "currencies"), ("price_year", "price years")):
        found = sorted({str(getattr(problem, key)) for problem in problems})
        if len(found) > 1:
            what = f"futures have different {name}: {', '.join(found)}"
            issues.append(Issue(key, what, "their values are compared, so all futures need the same"))
    if len({problem.accounts.paid_share is None for problem in problems}) > 1:
        what = "some futures limit the payments of a unit by its start, others do not, so that their units differ"
        hint = "give paid_for_yr in all of them; 100 years limit nothing"
        issues.append(Issue("policy.paid_for_yr", what, hint))
    if issues:
        raise InputError(issues)


def regret_of(futures: Sequence[Future], *, on_progress: MessageCallback | None = None) -> Regret:
    """Regret over futures whose problems are built. Raises InputError if their values are not comparable."""
    validate_comparable([future.problem for future in futures])
    # A plan that another future rules out only by its budget is one beyond the budget there.
    problems = with_common_flow_bounds([future.problem for future in futures])
    futures = [replace(future, problem=problem) for future, problem in zip(futures, problems, strict=True)]
    solved = []
    for k, future in enumerate(futures, start=1):
        if on_progress is not None:
            on_progress(f"future {k} of {len(futures)}: {future.name}")
        plan = solve(future.problem)
        solved.append(_PlanAtPoint(plan, AtPoint.of_plan(plan)))
    sign = solved[0].at.matrix.sign
    values = [[_value_in(other, own) for other in solved] for own in solved]
    kept = np.array([[each.objective if each.state == KEPT else np.nan for each in row] for row in values])
    best = sign * np.nanmax(sign * kept, axis=0)
    lost = sign * (best - kept)
    plans, regrets = _plans(futures, solved, kept, lost), _regrets(values, best, lost)
    minimax, least = (plans.loc[plans[flag], "plan"] for flag in ("is_minimax", "is_least_expected"))
    about = {
        **about_of(futures[0].problem),
        "minimax_plan": int(minimax.iloc[0]) if len(minimax) else None,
        "least_expected_plan": int(least.iloc[0]) if len(least) else None,
    }
    return Regret(MappingProxyType(about), _futures(futures, solved, best), regrets, plans, _plants(solved))


@dataclass(frozen=True, eq=False)
class _PlanAtPoint:
    """The best plan of a future, and its point in the model."""

    plan: Plan
    at: AtPoint

    @cached_property
    def retrofit_years(self) -> dict[str, tuple[int, ...]]:
        """Years in which a plant is retrofitted, by plant."""
        years: dict[str, tuple[int, ...]] = {}
        for plant, year in sorted(retrofit_shares(self.at.point)):
            years[plant] = (*years.get(plant, ()), year)
        return years


def _value_in(other: _PlanAtPoint, own: _PlanAtPoint) -> Valuation:
    """Value of a plan's builds in a future."""
    if other is own:
        return Valuation(KEPT, own.plan.objective.value)
    problem = other.at.problem
    options = replace(solver_options(problem), gap_share=_FIXED_GAP)
    decisions = decisions_of(own.at.matrix, own.at.x)
    requested, n_rows = problem.scenario.solver, len(other.at.matrix.row_lower)
    with effort(time_s() + requested.time_limit_s):
        deadline = now() + effort_of_model(n_rows, requested.effort)
        return value_with_fixed(other.at.matrix, decisions, options, deadline)


def _regrets(values: Sequence[Sequence[Valuation]], best: Floats, lost: Floats) -> pd.DataFrame:
    rows = [
        (g + 1, f + 1, each.state, each.objective if each.state == KEPT else np.nan, lost[g, f],
         lost[g, f] / abs(best[f]) if best[f] else np.nan, each.excess_mn)
        for g, row in enumerate(values)
        for f, each in enumerate(row)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=REGRET_COLUMNS)


def _plans(futures: Sequence[Future], solved: Sequence[_PlanAtPoint], objectives: Floats, lost: Floats) -> pd.DataFrame:
    """PLAN_COLUMNS of each plan from [plan, future] objective values and regrets, NaN where the plan is infeasible."""
    shares = np.array([future.probability_share for future in futures])
    rows = []
    for g, own in enumerate(solved):
        kept = np.isfinite(lost[g])
        largest = expected = value = np.nan
        worst = None
        if kept.all():
            largest, worst = float(lost[g].max()), int(lost[g].argmax()) + 1
            expected, value = float(shares @ lost[g]), float(shares @ objectives[g])
        rows.append(
            (g + 1, f"the plan for {futures[g].name}", int(kept.sum()), largest, worst, expected, value, False, False,
             " ".join(own.retrofit_years))
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=PLAN_COLUMNS).astype({"worst_future": float})
    # Plans that tie are all marked; a plan that is infeasible in some future is not eligible.
    for flag, name in (("is_minimax", "max_regret"), ("is_least_expected", "expected_regret")):
        if table[name].notna().any():
            least = table[name].min()
            table.loc[table[name] <= least + _SAME * max(abs(least), 1.0), flag] = True
    return table


def _futures(futures: Sequence[Future], solved: Sequence[_PlanAtPoint], best: Floats) -> pd.DataFrame:
    rows = [
        (f + 1, future.name, future.probability_share, best[f],
         own.plan.objective.searched_bound, own.plan.objective.searched_gap_share,
         len(own.retrofit_years))
        for f, (future, own) in enumerate(zip(futures, solved, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=FUTURE_COLUMNS)


def _plants(solved: Sequence[_PlanAtPoint]) -> pd.DataFrame:
    retrofits = [own.retrofit_years for own in solved]
    plants = {row["plant"]: row for own in solved for row in own.at.problem.plants.to_dict("records")}
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
    """Names of a scenario's own tables, and the provinces that notices on them name; the same means the same inputs."""
    own = OwnTables.of(scenario)
    is_own = own.data is not None or any(map(is_file_name, own.inventory))
    return own.inventory, own.data, own.terrain, own.provinces if is_own else ()
