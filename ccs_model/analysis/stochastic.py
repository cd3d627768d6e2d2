"""Two-stage stochastic plan: the first-stage builds are the same in all futures, the rest follows once one is known.

All futures stand in one MILP, the scenario formulation (deterministic equivalent) of `model.build_model`. Two
other plans are compared with its solution: the plan of the mean future with its first-stage builds fixed in each
future, and the best plan of each future as if it were known. The differences are the value of the stochastic solution
(VSS) and the expected value of perfect information (EVPI). The search starts from the best of the mean plan and the
futures' own plans, each with the best recourse found, and a future's best value is no worse than any of them there, so
neither difference is negative.

References
----------
Birge, Louveaux (2011). Introduction to Stochastic Programming. Springer.
Rockafellar, Uryasev (2000). Optimization of conditional value-at-risk. Journal of Risk 2(3).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints, MessageCallback
from ccs_model.analysis.rebuilt_plan import (
    KEPT,
    NOT_KEPT,
    AnalysisResult,
    AtPoint,
    Valuation,
    about_of,
    amount_at,
    columns_outside,
    decisions_of,
    solver_options,
    value_with_fixed,
    with_common_flow_bounds,
)
from ccs_model.analysis.regret import Future, futures_of, problem_with, validate_comparable
from ccs_model.analysis.stochastic_tables import (
    RiskMeasures,
    futures_table,
    links_table,
    mean_changes,
    plants_table,
    retrofits_of,
    risk_measures,
    values_table,
)
from ccs_model.arguments import callback
from ccs_model.errors import CcsModelError, CheckError, InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.mip import Highs, Matrix, Outcome
from ccs_model.mip.clock import effort, now, time_s, was_stopped
from ccs_model.mip.grouped_milp import solve_program
from ccs_model.mip.highs import gap_share
from ccs_model.mip.infeasible_rows import point_without_presolve
from ccs_model.mip.matrix import residuals, round_to_integrality
from ccs_model.mip.presolve import RestrictedModel, remove_columns
from ccs_model.model.build_model import Outlook, build_hedge
from ccs_model.model.names import EXCESS, HERE_AND_NOW, VALUE_AT_RISK
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import Point, point_of, without_traces
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.problem.scenario_names import named_place
from ccs_model.scenario.uncertainty_sections import probabilities_of
from ccs_model.scenario.variations import ListedChanges
from ccs_model.scenario.yaml_document import shown_path
from ccs_model.solve.driver import ScenarioLike, inputs_of, solve
from ccs_model.solve.strategies import effort_of_model

# Futures whose own plans are tried as first stages, the likeliest first.
_MOST_FIRST_STAGES = 8
# First-stage builds of two futures may differ by this share.
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class SolvedFuture:
    """A future with its own best plan, its model, and the restriction of the model to the corridors (`off` are out)."""

    future: Future
    plan: Plan
    at: AtPoint
    small: RestrictedModel
    off: Ints

    @classmethod
    def of(cls, future: Future, plan: Plan, links: set[str] | None) -> SolvedFuture:
        """From a future's plan and the links that pipes may use; None for all links."""
        at = AtPoint.of_plan(plan)
        off = columns_outside(at.problem, at.matrix, links)
        return cls(future, plan, at, remove_columns(at.matrix, off), off)

    @property
    def problem(self) -> Problem:
        """The future's problem."""
        return self.future.problem

    @property
    def matrix(self) -> Matrix:
        """The future's model."""
        return self.at.matrix


@dataclass(frozen=True, eq=False)
class StochasticPlan(AnalysisResult):
    """Result of `stochastic`, schema ccs-model/stochastic/2.

    Attributes
    ----------
    about
        Settings, objective value, bound, gap and model size.
    values
        The stochastic plan compared with the plan of the mean future and with perfect information.
    futures
        One row a future.
    plants
        Plants retrofitted in the first stage.
    retrofits, links
        Plan of every future; `links` is empty where each retrofit has its own pipe.
    points
        Decisions of every future.
    """

    schema: ClassVar[str] = "ccs-model/stochastic/2"
    values: pd.DataFrame
    futures: pd.DataFrame
    plants: pd.DataFrame
    retrofits: pd.DataFrame
    links: pd.DataFrame
    points: tuple[Point, ...]

    def value(self, quantity: str) -> float:
        """One row of `values`, in the objective's unit."""
        return float(self.values.set_index("quantity").at[quantity, "objective"])

    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Each table with a heading, by name."""
        unit = f"objective in {self.about['unit']}"
        years = ", ".join(map(str, self.about["here_and_now"]))
        found = {
            "values": (f"Value of the stochastic solution and of perfect information; {unit}", self.values),
            "futures": (f"The stochastic plan in each future; {unit}", self.futures),
            "plants": (f"Plants retrofitted in the first stage ({years}), the same in every future", self.plants),
            "retrofits": ("Retrofits in each future, first stage and later", self.retrofits),
        }
        return found | ({"links": ("Pipes in each future", self.links)} if len(self.links) else {})


def stochastic(
    scenario: ScenarioLike, *, allow_outside: bool = False, on_progress: MessageCallback | None = None
) -> StochasticPlan:
    """Optimise a scenario over its futures in two stages.

    Parameters
    ----------
    scenario
        Scenario file, a `Scenario`, or a dict, with `futures:`; `here_and_now:` names the first-stage years (default:
        the first period) and `risk:` the weight of the conditional value at risk (CVaR).
    allow_outside
        Whether files outside the scenario's folder may be read.
    on_progress
        Receives a message at each step.

    Returns
    -------
    StochasticPlan
        Tables of values, futures, first-stage plants, retrofits and links.

    Raises
    ------
    InputError
        If the scenario names no futures, or a future is invalid.
    InfeasibleError, NoPlanError, CheckError
        If no plan with the same first stage exists, was found in time, or passes the check without the solver.
    """
    callback("on_progress", on_progress)
    where = f"{shown_path(Path(scenario))}: futures" if isinstance(scenario, str | PathLike) else "futures"
    requested, _ = inputs_of(scenario, allow_outside=allow_outside)
    if not requested.futures:
        hint = "add 'futures:', such as {low: {changes: {budget.total_mn: 5000}}, high: {changes: {…}}}"
        raise InputError([Issue(where, "the scenario has no futures", hint)])
    base = requested.with_changes({"futures": {}})
    probabilities = probabilities_of(requested.futures)
    changes = []
    for name, future in requested.futures.items():
        key = f"futures.{name}.changes"
        changes.append(ListedChanges(future.changes, named_place(requested, key)))
    futures = futures_of(base, changes, probabilities, names=list(requested.futures), allow_outside=allow_outside)
    of_mean = mean_changes(base, changes, probabilities)
    mean = None
    if of_mean is not None:
        with contextlib.suppress(CcsModelError):
            mean = problem_with(base, of_mean, {}, allow_outside=allow_outside)
    years = requested.here_and_now or requested.starts[:1]
    outlook = Outlook(probabilities, tuple(years), requested.risk.cvar_share, requested.risk.weight)
    return stochastic_plan_of(futures, outlook, mean, on_progress=on_progress)


def stochastic_plan_of(
    futures: Sequence[Future], outlook: Outlook, mean: Problem | None, *, on_progress: MessageCallback | None = None
) -> StochasticPlan:
    """Optimise over futures whose problems are built; `mean` is the problem of the mean future, if there is one.

    Raises InputError if the futures have different objectives or money, else what `stochastic` raises.
    """
    validate_comparable([future.problem for future in futures])
    problems = [future.problem for future in futures]
    problems = with_common_flow_bounds(problems if mean is None else [*problems, mean])
    mean = None if mean is None else problems[-1]
    futures = [replace(future, problem=problem) for future, problem in zip(futures, problems, strict=False)]
    with effort(time_s() + futures[0].problem.scenario.solver.time_limit_s):
        return _TwoStage(futures, outlook, mean, on_progress).solve()


class _TwoStage:
    """Solves the futures, the mean future and the model of all futures."""

    def __init__(
        self, futures: Sequence[Future], outlook: Outlook, mean: Problem | None, on_progress: MessageCallback | None
    ) -> None:
        self.outlook, self._report_progress = outlook, on_progress or (lambda _: None)
        first = futures[0].problem
        self.options, self.level = solver_options(first), first.scenario.solver.effort
        plans = []
        for future in futures:
            self._report_progress(f"the plan of {future.name}")
            plans.append(solve(future.problem))
        mean_plan = self._plan_of_mean(mean)
        links = _corridors([*plans, *([mean_plan] if mean_plan is not None else [])])
        self.futures = [SolvedFuture.of(future, plan, links) for future, plan in zip(futures, plans, strict=True)]
        self.sign = self.futures[0].matrix.sign
        self.mean_values = None
        if mean_plan is not None:
            at = AtPoint.of_plan(mean_plan)
            self.mean_values = self._evaluate_with_recourse(
                at, self._evaluate_in_each_future(at, "the mean plan"), "the mean plan"
            )
        # Values in each future of the plan of the mean, if there is one, and of the best own plan of a future.
        self.evaluated = [each for each in (self.mean_values, self._best_own_plan_in_each()) if each is not None]

    def solve(self) -> StochasticPlan:
        """Build and solve the model of all futures. Raises as `stochastic`."""
        self._report_progress("the model of all futures")
        futures, outlook = self.futures, self.outlook
        full = matrix_of(build_hedge([future.problem for future in futures], outlook))
        columns = _columns_of_futures(full, futures)
        off = np.concatenate([columns[f][future.off] for f, future in enumerate(futures)])
        small = remove_columns(full, off[off >= 0])
        start = self._start(full, columns)
        if start is not None and not (small.has_point(start) and residuals(full, start).hold):
            start = None
        found = self._solve(small.matrix, None if start is None else start[small.columns])
        assert found.x is not None
        x = small.lift_to_full_model(round_to_integrality(small.matrix, found.x))
        points, values, residual = self._points(x, columns)
        measures = risk_measures(values, outlook, self.sign)
        # A future's own plan may be worse than the stochastic plan there, within the solver's gap.
        best = [self._best_value_in(f, value) for f, value in enumerate(values)]
        bound = self.sign * max(self.sign * found.bound, self.sign * measures.objective)
        about = {
            **about_of(futures[0].problem),
            "here_and_now": list(outlook.here_and_now),
            "cvar_share": outlook.cvar_share,
            "weight": outlook.weight,
            "status": found.status,
            "objective": measures.objective,
            "bound": bound,
            "gap_share": gap_share(bound, measures.objective),
            "n_rows": len(full.row_lower),
            "n_columns": len(full.lower),
            "n_integer": int(full.is_integer.sum()),
        }
        mean, perfect = self.mean_values, risk_measures(best, outlook, self.sign)
        of_mean = self._measures_of(mean) if mean is not None and _is_kept(mean) else None
        return StochasticPlan(
            MappingProxyType(about),
            values_table(
                measures, of_mean, perfect, self._mean_state(), outlook, self.sign, has_mean_plan=mean is not None
            ),
            futures_table(futures, points, values, best, mean, residual),
            plants_table(futures, points, mean, outlook.here_and_now),
            retrofits_of(futures, points, outlook.here_and_now),
            links_table(futures, points),
            tuple(points),
        )

    def _solve(self, matrix: Matrix, start: Floats | None) -> Outcome:
        """Solve the model of all futures, from a feasible start if there is one. Raises as `stochastic`."""

        def run(point: Floats | None) -> Outcome:
            return solve_program(
                Highs(matrix, self.options),
                deadline=now() + effort_of_model(len(matrix.row_lower), self.level),
                stage="all futures",
                start=point,
            ).outcome

        # With CVaR in the objective, HiGHS 1.16 may end at its start with another point's objective; the start is then
        # only compared with the solution.
        found = run(None if self.outlook.weight else start)
        if found.x is not None and start is not None:
            value, other = (float(matrix.costs[0] @ x) for x in (found.x, start))
            if abs(value - found.objective) > 1e-6 * max(abs(value), 1.0):
                found = run(None)
            elif self.sign * (other - value) > 0:
                found = replace(found, x=start, objective=other)
        if found.x is None:
            self._raise_without_plan(matrix, found.status)
        return found

    def _plan_of_mean(self, mean: Problem | None) -> Plan | None:
        if mean is None:
            return None
        self._report_progress("the plan of the mean future")
        with contextlib.suppress(InfeasibleError, NoPlanError):
            return solve(mean)
        return None

    def _evaluate_in_each_future(self, at: AtPoint, what: str) -> list[Valuation]:
        """Value of all builds of a plan in each future, up to the first that cannot keep them."""
        every, found = decisions_of(at.matrix, at.x, at.problem.years), []
        for future in self.futures:
            if was_stopped():
                break
            self._report_progress(f"{what} in {future.future.name}")
            deadline = now() + self._amount(future)
            kept = value_with_fixed(future.small.matrix, every, self.options, deadline, only_kept=True)
            found.append(kept)
            if kept.state != KEPT:
                break
        return found

    def _evaluate_with_recourse(self, at: AtPoint, kept: Sequence[Valuation], what: str) -> list[Valuation]:
        """Value in each future of a plan's first-stage builds with the best recourse found, or the plan's own."""
        years = self.outlook.here_and_now
        first, found = decisions_of(at.matrix, at.x, years), []
        for f, future in enumerate(self.futures):
            known = [kept[f]] if f < len(kept) and kept[f].state == KEPT else []
            if not known or not was_stopped():
                self._report_progress(f"{what} with recourse in {future.future.name}")
                deadline = now() + self._amount(future)
                fixed = value_with_fixed(future.small.matrix, first, self.options, deadline, years=years)
                known += [fixed] if fixed.state == KEPT or not known else []
            best = max(known, key=lambda each: self.sign * each.objective)
            found.append(best if best.x is None else replace(best, x=future.small.lift_to_full_model(best.x)))
        return found

    def _best_own_plan_in_each(self) -> list[Valuation] | None:
        """The best of the futures' own plans as a first stage, with recourse; None if none is feasible in all."""
        likely = sorted(self.futures, key=lambda each: -each.future.probability_share)[:_MOST_FIRST_STAGES]
        plans = [(each, self._evaluate_in_each_future(each.at, f"the plan of {each.future.name}")) for each in likely]
        n = len(self.futures)
        feasible = [(each, kept) for each, kept in plans if len(kept) == n and _is_kept(kept)]
        if not feasible:
            return None
        best, kept = max(feasible, key=lambda plan: self.sign * self._measures_of(plan[1]).objective)
        return self._evaluate_with_recourse(best.at, kept, f"the plan of {best.future.name}")

    def _amount(self, future: SolvedFuture) -> float:
        """Effort of one evaluation in a future."""
        return effort_of_model(len(future.small.matrix.row_lower), self.level)

    def _start(self, full: Matrix, columns: Sequence[Ints]) -> Floats | None:
        """The best plan with its recourse that is feasible in every future, as a point of the full model."""
        kept = [each for each in self.evaluated if _is_kept(each)]
        if not kept:
            return None
        best = max(kept, key=lambda each: self.sign * self._measures_of(each).objective)
        values = [each.objective for each in best]
        x = np.zeros(len(full.lower))
        for of_future, each in zip(columns, best, strict=True):
            assert each.x is not None
            known = of_future >= 0
            x[of_future[known]] = each.x[known]
        at_risk = risk_measures(values, self.outlook, self.sign).at_risk
        for j, column in enumerate(full.columns):
            if column.variable == VALUE_AT_RISK:
                x[j] = at_risk
            elif column.variable == EXCESS:
                x[j] = max(self.sign * (at_risk - values[column.index]), 0.0)
        return x

    def _measures_of(self, values: Sequence[Valuation]) -> RiskMeasures:
        return risk_measures([each.objective for each in values], self.outlook, self.sign)

    def _best_value_in(self, f: int, *values: float) -> float:
        """The best value known in a future: of its own plan, of another evaluated there, or one of `values`."""
        known = [each[f].objective for each in self.evaluated if each[f].state == KEPT]
        return self.sign * max(self.sign * each for each in (self.futures[f].plan.objective.value, *known, *values))

    def _mean_state(self) -> str:
        """Why the plan of the mean future has no value; empty if it has one."""
        if self.mean_values is None:
            return "the futures have no mean, or the mean future has no plan"
        infeasible = [
            future.future.name + (f" ({each.state})" if each.state != NOT_KEPT else "")
            for future, each in zip(self.futures, self.mean_values, strict=True)
            if each.state != KEPT
        ]
        return f"cannot be kept in {', '.join(infeasible)}" if infeasible else ""

    def _points(self, x: Floats, columns: Sequence[Ints]) -> tuple[list[Point], list[float], list[float]]:
        """Each future's decisions, objective value and largest residual in its own model.

        Raises CheckError if a plan violates its model, its value differs from its tables, or a first stage differs.
        """
        points, values, residual = [], [], []
        first: dict[tuple[str, Any], float] = {}
        for f, future in enumerate(self.futures):
            problem, matrix = future.problem, future.matrix
            own = np.where(columns[f] >= 0, x[np.maximum(columns[f], 0)], 0.0)
            own = without_traces(problem, matrix, round_to_integrality(matrix, own))
            found = residuals(matrix, own)
            point = point_of(problem, matrix, own)
            value, recomputed = float(matrix.costs[0] @ own), amount_at(point, OBJECTIVES[problem.objective].first)
            here = decisions_of(matrix, own, self.outlook.here_and_now)
            first = first or here
            difference = max((abs(here.get(key, 0.0) - first.get(key, 0.0)) for key in {*here, *first}), default=0.0)
            size = max(map(abs, first.values()), default=1.0)
            is_equal = abs(value - recomputed) <= 1e-9 * max(abs(value), 1.0)
            if not found.hold or not is_equal or difference > _SAME * max(size, 1.0):
                raise CheckError(f"the plan of future '{future.future.name}' fails the check in its own model")
            points.append(point)
            values.append(value)
            residual.append(max(found.row, found.bound, found.integrality))
        return points, values, residual

    def _raise_without_plan(self, matrix: Matrix, status: str) -> None:
        if status == "limit":
            raise NoPlanError("the search ended before it found a stochastic plan; raise solver.effort")
        if point_without_presolve(matrix, self.options, np.inf).status != "infeasible":
            raise NoPlanError("the solver's results on whether a stochastic plan exists contradict")
        years = ", ".join(map(str, self.outlook.here_and_now))
        raise InfeasibleError([f"{HERE_AND_NOW}: every future has a plan, but none with the same builds in {years}"])


def _corridors(plans: Sequence[Plan]) -> set[str] | None:
    """Corridors of all plans; None if every link may be used."""
    if any(plan.corridors is None for plan in plans):
        return None
    return {link for plan in plans for link in plan.corridors or ()}


def _columns_of_futures(full: Matrix, futures: Sequence[SolvedFuture]) -> list[Ints]:
    """For each future, the column of the full model for each column of its own model; −1 if there is none."""
    place = {(column.variable, column.index): j for j, column in enumerate(full.columns)}
    return [
        np.array(
            [place.get((f"future[{f}].{column.variable}", column.index), -1) for column in future.matrix.columns],
            dtype=np.int64,
        )
        for f, future in enumerate(futures)
    ]


def _is_kept(values: Sequence[Valuation]) -> bool:
    """Whether a plan is feasible in every future."""
    return all(each.state == KEPT and each.x is not None for each in values)
