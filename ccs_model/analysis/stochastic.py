"""Plans hedged against futures: what is built here and now is the same in all, the rest is decided when it is known.

All futures stand in one program (`model.futures`). Beside its plan stand two others: the plan for the mean of the
futures, whose first builds are kept in each future, and the best plan of each future, as if it were known. What the
hedged plan gains on the first is the value of the stochastic solution, what it loses to the second the value of perfect
information. The search starts from the first, and a future's best is no worse than the hedged plan there, so that
neither is below 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints, MessageCallback
from ccs_model.analysis.regret import Future, futures_of
from ccs_model.analysis.stochastic_tables import (
    Worth,
    futures_table,
    links_table,
    mean_changes,
    plants_table,
    retrofits_of,
    values_table,
    worth_of,
)
from ccs_model.analysis.uncertainty_scenarios import KEPT, Valuation, decisions_of, valued
from ccs_model.errors import CcsModelError, CheckError, InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_milp import solve_program
from ccs_model.mip.highs import gap_share
from ccs_model.mip.infeasible_rows import point_without_presolve
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.mip.presolve import RestrictedModel, restricted
from ccs_model.model import build_model
from ccs_model.model.objective import OBJECTIVES, unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.model.stochastic_model import Outlook, build_hedge
from ccs_model.model.terms import breakdown
from ccs_model.plan.decisions import Point, point_of, vector_of, without_traces
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plain, records
from ccs_model.problem import Problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import probabilities_of
from ccs_model.solve.driver import solve
from ccs_model.solve.fixed_charge_network import network_of

SCHEMA = "ccs-model/hedge/2"
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class FutureModel:
    """A future with its own best plan, its program, and what of the program is looked at (within corridors)."""

    future: Future
    plan: Plan
    matrix: Matrix
    small: RestrictedModel
    off: Ints

    @property
    def problem(self) -> Problem:
        return self.future.problem

    @property
    def own(self) -> Floats:
        """The point of its own plan."""
        assert self.plan.point is not None
        return vector_of(self.matrix, self.plan.point)[0]


@dataclass(frozen=True, eq=False)
class Hedge:
    """`about` says what was asked; `values` compares the hedged plan with others, `futures` has a row each.

    `plants` are those fitted here and now, `retrofits` and `links` hold every future's plan, `points` its decisions.
    """

    about: Mapping[str, Any]
    values: pd.DataFrame
    futures: pd.DataFrame
    plants: pd.DataFrame
    retrofits: pd.DataFrame
    links: pd.DataFrame
    points: tuple[Point, ...]

    def value(self, quantity: str) -> float:
        """One of the values by its name."""
        return float(self.values.set_index("quantity").at[quantity, "objective"])

    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Name → a line about it, and the table."""
        money = f"the aim's unit: {self.about['unit']}"
        years = ", ".join(map(str, self.about["here_and_now"]))
        found = {
            "values": (f"What hedging is worth; {money}", self.values),
            "futures": (f"The hedged plan in each future; {money}", self.futures),
            "plants": (f"Plants fitted here and now ({years}), the same in every future", self.plants),
            "retrofits": ("Retrofits in each future: those of here and now, and what follows", self.retrofits),
        }
        return found | ({"links": ("Pipes in each future", self.links)} if len(self.links) else {})

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/hedge/2; what is not known is null."""
        rows = {name: records(table) for name, (_, table) in self.tables().items()}
        found: dict[str, Any] = plain({"schema": SCHEMA, **dict(self.about), **rows})
        return found


def stochastic(
    scenario: str | PathLike[str] | Scenario,
    *,
    allow_outside: bool = False,
    on_progress: MessageCallback | None = None,
) -> Hedge:
    """The hedged plan of a scenario that names futures. Raises InputError where it names none, else as `solve` does."""
    if not isinstance(scenario, Scenario):
        scenario, _ = read_checked(scenario, allow_outside=allow_outside)
    if not scenario.futures:
        hint = "add 'futures:', such as {low: {changes: {budget.total_mn: 5000}}, high: {changes: {…}}}"
        raise InputError([Issue("futures", "no futures to hedge against", hint)])
    base = scenario.with_changes({"futures": {}})
    named = list(scenario.futures)
    shares = probabilities_of(scenario.futures)
    changes = [dict(scenario.futures[name].changes) for name in named]
    futures = futures_of(base, changes, shares, names=named, allow_outside=allow_outside)
    mean = mean_changes(base, changes, shares)
    middle = None
    if mean is not None:
        try:
            requested = [mean, changes[0]]
            middle = futures_of(base, requested, (1.0, 0.0), names=["mean", named[0]], allow_outside=allow_outside)[
                0
            ].problem
        except CcsModelError:
            middle = None
    years = scenario.here_and_now or scenario.starts[:1]
    outlook = Outlook(shares, tuple(years), scenario.risk.cvar_share, scenario.risk.weight)
    return hedge_of(futures, outlook, middle, on_progress=on_progress)


def hedge_of(
    futures: Sequence[Future], outlook: Outlook, mean: Problem | None, *, on_progress: MessageCallback | None = None
) -> Hedge:
    """The hedged plan over futures that are posed already; `mean` is the problem of their mean, where there is one.

    Raises InputError where futures seek different aims, InfeasibleError, NoPlanError, CheckError.
    """
    objectives = {future.problem.objective for future in futures}
    if len(objectives) > 1:
        raise InputError(
            [Issue("futures", f"different aims: {', '.join(sorted(objectives))}", "all must seek the same")]
        )
    return _Hedging(futures, outlook, mean, on_progress).answer()


class _Hedging:
    def __init__(
        self, futures: Sequence[Future], outlook: Outlook, mean: Problem | None, on_progress: MessageCallback | None
    ) -> None:
        self.outlook, self.on_progress = outlook, on_progress
        requested = futures[0].problem.scenario.solver
        self.options = SolverOptions(requested.mip_gap, requested.threads, requested.seed)
        self.limit_s = requested.time_limit_s
        plans = []
        for future in futures:
            self._report_progress(f"the plan of {future.name}")
            plans.append(solve(future.problem))
        middle = self._middle(mean)
        links = self._links([*plans, *([middle] if middle is not None else [])])
        self.future_models = [_future_model(future, plan, links) for future, plan in zip(futures, plans, strict=True)]
        self.sign = 1.0 if self.future_models[0].matrix.maximise[0] else -1.0
        self.middle = self._held_everywhere(middle)

    def answer(self) -> Hedge:
        self._report_progress("all futures in one program")
        full = matrix_of(build_hedge([future_model.problem for future_model in self.future_models], self.outlook))
        at = _places(full, self.future_models)
        small = restricted(
            full, np.concatenate([_known(at[f][future_model.off]) for f, future_model in enumerate(self.future_models)])
        )
        start = self._start(full, at)
        if start is not None and not (small.holds(start) and residuals(full, start).hold):
            start = None
        found = self._solved(small.matrix, None if start is None else start[small.columns])
        assert found.x is not None
        is_integer = small.lifted(rounded_to_integrality(small.matrix, found.x))
        points, values, off = self._points(is_integer, at)
        hedged = worth_of(values, self.outlook, self.sign)
        # A future's own plan may come out below the hedged one's within the solver's gap.
        best = [
            self.sign * max(self.sign * future_model.plan.objective.value, self.sign * value)
            for future_model, value in zip(self.future_models, values, strict=True)
        ]
        perfect = worth_of(best, self.outlook, self.sign)
        mean = self._mean_worth()
        bound = self.sign * max(self.sign * found.bound, self.sign * hedged.objective)
        first = self.future_models[0].problem
        about = {
            "scenario": first.name,
            "objective_name": first.objective,
            "unit": unit_of(first),
            "currency": first.currency,
            "price_year": first.price_year,
            "here_and_now": list(self.outlook.here_and_now),
            "cvar_share": self.outlook.cvar_share,
            "weight": self.outlook.weight,
            "status": found.status,
            "objective": hedged.objective,
            "bound": bound,
            "gap_share": gap_share(bound, hedged.objective),
            "n_rows": len(full.row_lower),
            "n_columns": len(full.lower),
            "n_whole": int(full.is_integer.sum()),
        }
        future_models, outlook = self.future_models, self.outlook
        return Hedge(
            MappingProxyType(about),
            values_table(hedged, mean, perfect, self._mean_state(), self.sign),
            futures_table(future_models, points, values, best, self.middle, off),
            plants_table(future_models, points, self.middle, outlook.here_and_now),
            retrofits_of(future_models, points, outlook.here_and_now),
            links_table(future_models, points),
            tuple(points),
        )

    def _solved(self, matrix: Matrix, start: Floats | None) -> Outcome:
        """The program over all futures, from a plan that holds in it where there is one. Raises as `answer` does."""

        def run(point: Floats | None) -> Outcome:
            return solve_program(
                Highs(matrix, self.options),
                maximise=self.sign > 0,
                gap=self.options.gap_share,
                deadline=now() + self.limit_s,
                stage="all futures",
                start=point,
            ).outcome

        # With a tail, HiGHS 1.16 was seen to end at once at the start it was given, with an objective that was not its
        # own; then the start is only compared.
        found = run(None if self.outlook.weight else start)
        if found.x is not None and start is not None:
            value, other = (float(matrix.costs[0] @ x) for x in (found.x, start))
            if abs(value - found.objective) > 1e-6 * max(abs(value), 1.0):
                found = run(None)
            elif self.sign * (other - value) > 0:
                found = replace(found, x=start, objective=other)
        if found.x is None:
            self._validate(matrix, found.status)
        return found

    def _middle(self, mean: Problem | None) -> Plan | None:
        """The plan of the mean future, where that has one."""
        if mean is None:
            return None
        self._report_progress("the plan of the mean future")
        try:
            return solve(mean)
        except (InfeasibleError, NoPlanError):
            return None

    def _held_everywhere(self, plan: Plan | None) -> list[Valuation] | None:
        """The mean plan's builds of here and now kept in each future, and the best of what may follow."""
        if plan is None or plan.point is None:
            return None
        matrix = matrix_of(build_model(plan.problem))
        years = self.outlook.here_and_now
        decided = decisions_of(matrix, vector_of(matrix, plan.point)[0], years)
        found = []
        for future_model in self.future_models:
            self._report_progress(f"the mean plan in {future_model.future.name}")
            deadline = now() + self.limit_s
            held = valued(future_model.small.matrix, decided, self.options, deadline, years=years)
            found.append(held if held.x is None else replace(held, x=future_model.small.lifted(held.x)))
        return found

    def _start(self, full: Matrix, at: Sequence[Ints]) -> Floats | None:
        """The mean plan with its recourse as a point of the whole program, if every future keeps it."""
        if self.middle is None or any(held.state != KEPT or held.x is None for held in self.middle):
            return None
        return _joined(
            full, at, [held.x for held in self.middle if held.x is not None], self._values(self.middle), self
        )

    def _values(self, held: Sequence[Valuation]) -> list[float]:
        return [each.objective for each in held]

    def _mean_worth(self) -> Worth | None:
        if self.middle is None or any(held.state != KEPT for held in self.middle):
            return None
        return worth_of(self._values(self.middle), self.outlook, self.sign)

    def _mean_state(self) -> str:
        if self.middle is None:
            return "the futures have no mean that is a scenario with a plan"
        broken = [
            f"{future_model.future.name} ({held.state})"
            for future_model, held in zip(self.future_models, self.middle, strict=True)
            if held.state != KEPT
        ]
        return f"cannot be kept in {', '.join(broken)}" if broken else ""

    def _points(self, is_integer: Floats, at: Sequence[Ints]) -> tuple[list[Point], list[float], list[float]]:
        """Each future's decisions, value and largest residual in its own program; raises CheckError if one is off."""
        points, values, off = [], [], []
        first: dict[tuple[str, Any], float] = {}
        for f, future_model in enumerate(self.future_models):
            known = at[f] >= 0
            x = np.where(known, is_integer[np.maximum(at[f], 0)], 0.0)
            x = without_traces(
                future_model.problem, future_model.matrix, rounded_to_integrality(future_model.matrix, x)
            )
            kept = residuals(future_model.matrix, x)
            point = point_of(future_model.problem, future_model.matrix, x)
            terms = breakdown(
                OBJECTIVES[future_model.problem.objective].first(future_model.problem), point.values, point.shortfall_kt
            )
            value, again = float(future_model.matrix.costs[0] @ x), sum(terms.values())
            here = decisions_of(future_model.matrix, x, self.outlook.here_and_now)
            first = first or here
            differ = max((abs(here.get(key, 0.0) - first.get(key, 0.0)) for key in {*here, *first}), default=0.0)
            size = max(map(abs, first.values()), default=1.0)
            if not kept.hold or abs(value - again) > 1e-9 * max(abs(value), 1.0) or differ > _SAME * max(size, 1.0):
                raise CheckError(
                    f"the plan of future '{future_model.future.name}' does not hold when checked on its own"
                )
            points.append(point)
            values.append(value)
            off.append(max(kept.row, kept.bound, kept.integrality))
        return points, values, off

    def _validate(self, matrix: Matrix, status: str) -> None:
        if status == "limit":
            raise NoPlanError(f"no hedged plan within {self.limit_s:g} s; raise solver.time_limit_s")
        second = point_without_presolve(matrix, self.options, self.limit_s)
        if second.status != "infeasible":
            raise NoPlanError(
                "the solver contradicts itself on whether a hedged plan exists; raise solver.time_limit_s"
            )
        years = ", ".join(map(str, self.outlook.here_and_now))
        raise InfeasibleError(
            [f"here_and_now_is_the_same: every future has a plan, but not one with the same builds in {years}"]
        )

    def _links(self, plans: Sequence[Plan]) -> set[str] | None:
        """Corridors of all plans together; None where every link may be used."""
        if any(plan.corridors is None for plan in plans):
            return None
        return {link for plan in plans for link in plan.corridors or ()}

    def _report_progress(self, words: str) -> None:
        if self.on_progress is not None:
            self.on_progress(words)


def _future_model(future: Future, plan: Plan, links: set[str] | None) -> FutureModel:
    problem = future.problem
    matrix = matrix_of(build_model(problem))
    off = np.zeros(0, dtype=np.int64)
    if problem.network is not None and links is not None:
        named = problem.network.links["link"]
        sites = np.arange(len(named), len(named) + len(problem.sites))
        off = network_of(problem, matrix).outside(np.r_[np.flatnonzero(named.isin(links)), sites])
    return FutureModel(future, plan, matrix, restricted(matrix, off), off)


def _places(full: Matrix, future_models: Sequence[FutureModel]) -> list[Ints]:
    """For each future the column of the whole program that each column of its own stands for; -1 where none does."""
    place = {(column.variable, column.index): j for j, column in enumerate(full.columns)}
    return [
        np.array(
            [place.get((f"future[{f}].{column.variable}", column.index), -1) for column in future_model.matrix.columns],
            dtype=np.int64,
        )
        for f, future_model in enumerate(future_models)
    ]


def _known(columns: Ints) -> Ints:
    return columns[columns >= 0]


def _joined(
    full: Matrix, at: Sequence[Ints], points: Sequence[Floats], values: Sequence[float], requested: _Hedging
) -> Floats:
    """Points of all futures as one of the whole program, with the columns of its tail."""
    x = np.zeros(len(full.lower))
    for places, point in zip(at, points, strict=True):
        known = places >= 0
        x[places[known]] = point[known]
    tail = worth_of(values, requested.outlook, requested.sign)
    for j, column in enumerate(full.columns):
        if column.variable == "at_risk":
            x[j] = tail.at_risk
        elif column.variable == "beyond":
            x[j] = max(requested.sign * (tail.at_risk - values[column.index]), 0.0)
    return x
