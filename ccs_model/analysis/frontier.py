"""The budget frontier: the plan at each budget, the plants that enter and leave, and the merit order for comparison.

The frontier of a continuous problem is exact: parametric LP finds every breakpoint. Integer plans form a budget sweep
from low to high. Each budget point starts from the plan below it, which its own budget allows as well, so that a larger
budget is never worse; no bound over all candidate links exceeds that of the next budget point.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, MessageCallback
from ccs_model.analysis.budget_points import BudgetPoint, BudgetPointSearch
from ccs_model.analysis.compare import MOVES, moves_between, retrofits_by_plant
from ccs_model.analysis.merit_order_plans import RankedList, compare_with_plan
from ccs_model.analysis.rebuilt_plan import amount_at, solver_options
from ccs_model.arguments import argument_error, callback, items_of, number, optional, seconds, whole_number
from ccs_model.errors import InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.inputs import Inputs
from ccs_model.mip import Matrix
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.budget_sweep import with_limit, zero_point
from ccs_model.mip.clock import effort, now, time_s
from ccs_model.mip.highs import gap_share
from ccs_model.mip.parametric import Breakpoint, MovingLimit, breakpoints
from ccs_model.model.build_model import build_model
from ccs_model.model.objective import OBJECTIVES, unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import BUILT, Point, point_of, vector_of
from ccs_model.plan.plan import (
    BREAK_COLUMNS,
    CHANGES,
    ENTERS,
    LEAVES,
    MOVE_COLUMNS,
    POINT_COLUMNS,
    Frontier,
    Plan,
    with_units,
)
from ccs_model.plan.plan_json import number_or_none, to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.plan.tables import links_table, retrofits_table
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.unused_inputs import input_warnings
from ccs_model.runs.run_reader import RunLike, is_run, solved_problem_of, validate_own_model
from ccs_model.runs.run_writer import RUN_WRITER
from ccs_model.scenario import Scenario
from ccs_model.solve.assembly import budget_row, checked_parts, plan_status
from ccs_model.solve.driver import ScenarioLike, inputs_of, solve
from ccs_model.solve.network_search import Corridors
from ccs_model.solve.normalised_money import NormalisedModel, normalise_money
from ccs_model.solve.strategies import effort_of_sweep
from ccs_model.units import join_first_names

N_POINTS = 21
# Default highest budget, as a multiple of the scenario's.
_BEYOND = 1.5
# Highest budget of a scenario without one: more than anything can cost.
_ALL_THE_MONEY_MN = 1e7
# Plants that the sentence of a budget point names, and decimal places of the coordinates of its map.
_NAMED, _DECIMALS = 3, 5

# Words of the first point. Whether an integer plan exists at a lower budget is not known.
_FIRST = ("The lowest feasible budget.", "The lowest of these budgets with a plan.")

Row = dict[str, Any]


def frontier(
    scenario: ScenarioLike | RunLike,
    *,
    n_points: int = N_POINTS,
    to_mn: float | None = None,
    time_limit_s: float | None = None,
    known: Sequence[pd.DataFrame] = (),
    known_bound: float | None = None,
    allow_outside: bool = False,
    jobs: int | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Plan:
    """Return the plan at the scenario's budget, or at the highest if it has none, with its `frontier`.

    Parameters
    ----------
    scenario
        A Scenario, its file or its values as a dict; or a run folder, a stored run or a plan, which is then one of
        those compared.
    n_points
        Number of evenly spaced budgets. The scenario's own budget is one more, if it is none of them.
    to_mn
        Highest of the evenly spaced budgets in million; by default one and a half times the scenario's. The lowest is
        the lowest feasible.
    time_limit_s
        Time limit in seconds, which stops the search; by default that of the scenario.
    known
        Points of finished runs of the same scenario (`Plan.point`), which the frontier takes over where they are
        better. Without any, the plan at the scenario's budget is optimised first.
    known_bound
        Bound over all candidate links of a finished run of the same scenario, in the unit of the objective.
    allow_outside
        Whether the scenario may read files outside its folder.
    jobs
        Number of processes on a shared network, two at most; by default one for a small network.
    on_progress
        Called with one line of progress.

    Returns
    -------
    Plan
        The plan, with its `frontier`.

    Raises
    ------
    InputError, InfeasibleError, NoPlanError, CheckError
        As `optimize`.
    """
    n_points, to_mn = whole_number("n_points", n_points, 2), optional(number, "to_mn", to_mn, 0.0)
    time_limit_s, jobs = optional(seconds, "time_limit_s", time_limit_s), optional(whole_number, "jobs", jobs, 1)
    known, known_bound = _point_tables(known), optional(number, "known_bound", known_bound)
    callback("on_progress", on_progress)
    if is_run(scenario):
        solved = solved_problem_of(scenario)
        validate_own_model(solved.added_components)
        known, known_bound = [*known, solved.point], bound_of(solved.document)
        requested, inputs = solved.problem.scenario, solved.problem.inputs
    else:
        assert not isinstance(scenario, StoredRun | Plan)
        requested, inputs = inputs_of(scenario, allow_outside=allow_outside)
    with effort(time_s() + (time_limit_s or requested.solver.time_limit_s)):
        report_progress = on_progress or (lambda _: None)
        request = _FrontierRequest(requested, inputs, n_points, to_mn, tuple(known), known_bound, jobs, report_progress)
        return request.plan()


def _point_tables(known: object) -> tuple[pd.DataFrame, ...]:
    """Return the argument `known`. Raises InputError."""
    expected, columns = "a list of data frames, Plan.point of each run", {"variable", "index", "value"}
    tables = items_of("known", known, expected)
    if not all(isinstance(each, pd.DataFrame) and columns <= set(each.columns) for each in tables):
        raise argument_error("known", known, expected)
    return tables


def bound_of(document: Mapping[str, Any]) -> float | None:
    """Return the bound over all candidate links of plan.json; None without one."""
    bound = document["objective"]["bound"]
    return float(bound) if bound is not None and np.isfinite(bound) else None


@dataclass(frozen=True, eq=False)
class _FrontierRequest:
    """One frontier."""

    scenario: Scenario
    inputs: Inputs
    n_points: int
    to_mn: float | None
    known: tuple[pd.DataFrame, ...]
    known_bound: float | None
    jobs: int | None
    report_progress: MessageCallback

    def plan(self) -> Plan:
        own = self.scenario.budget.total_mn
        # A budget of 0 has no multiple.
        has_top = self.to_mn is not None or bool(own)
        top = self.to_mn or (_BEYOND * own if own else _ALL_THE_MONEY_MN)
        # The highest budget has every pipe size and column that a lower one has.
        problem = build_problem(self.scenario.with_changes({"budget.total_mn": max(top, own or 0.0)}), self.inputs)
        matrix = matrix_of(build_model(problem))
        row = budget_row(matrix)
        if row is None:
            raise InputError([Issue("budget.total_mn", "nothing can be built, so that no budget buys anything")])
        options = solver_options(problem)
        self.report_progress("LP relaxation")
        in_corridors = problem.is_integer and problem.network is not None
        search = normalise_money(problem, matrix)
        moving = MovingLimit(search.matrix, row.row, options, is_exact=not in_corridors)
        unlimited: list[Floats] = []
        if not has_top:
            most = moving.solve_at(np.inf)
            if most is None:
                raise NoPlanError("no budget is feasible: ccs-model optimize names the conflicting constraints")
            top = max(moving.row_activity(most.x), 1.0) * search.unit
            unlimited = self._unlimited_plans(search) if own is None else []
            top = max(top, *(moving.row_activity(x) * search.unit for x in unlimited), 0.0)
        low = self._lowest_budget(matrix, row.row, moving, search.unit)
        if own is not None and own < low:
            own = None
        budgets = np.unique(np.r_[np.linspace(low, max(top, low + 1e-6), self.n_points), [own] if own else []])
        amount = effort_of_sweep(len(matrix.row_lower), self.scenario.solver.effort)
        known, known_bound = self._known_plans(own)
        pool = [*unlimited, *(_vector(search, table) for table in known)]
        curve: tuple[Breakpoint, ...] = ()
        complete = False
        if not in_corridors:
            curve, complete = breakpoints(
                moving, *budgets[[0, -1]] / search.unit, deadline=now() + amount if problem.is_integer else np.inf
            )
        point_search = BudgetPointSearch(
            problem, search, row.row, options, moving, amount, pool, self.report_progress, self.jobs,
            None if known_bound is None or own is None else (own, known_bound),
        )  # fmt: skip
        budget_points, ranked = point_search.budget_points(budgets)
        if not budget_points:
            raise NoPlanError("no plan was found at any budget; a higher solver.effort or time limit searches longer")
        breaks = _breakpoint_table(curve, search)
        budget_points = _fill_bounds(budget_points, breaks)
        there = [k for k, each in enumerate(budget_points) if own is None or each.budget_mn <= own]
        at = there[-1] if there else 0
        points, moves, pictures = _points_of(problem, matrix, row.row, budget_points, ranked, own)
        about = {
            "objective_name": problem.objective,
            "unit": unit_of(problem),
            "currency": problem.currency,
            "price_year": problem.price_year,
            "decisions": "integer" if problem.is_integer else "continuous",
            "is_exact": complete and not problem.is_integer,
            "network": point_search.network_words,
            "n_corridors": None if point_search.links is None else len(point_search.links),
            "budget_mn": own,
            "lowest_budget_mn": budget_points[0].budget_mn,
            "list_text": ranked.words if ranked is not None else "",
        }
        for table in (points, breaks, moves):
            with_units(table, problem.currency, problem.price_year)
        found = Frontier(MappingProxyType(about), points, breaks, moves, pictures)
        self.report_progress("the plan at the scenario's budget")
        return replace(
            _plan_at(
                problem, matrix, row.row, budget_points[at], self.scenario, point_search.links_of(budget_points[at])
            ),
            frontier=found,
        )

    def _known_plans(self, own: float | None) -> tuple[Sequence[pd.DataFrame], float | None]:
        """Points of plans at the scenario's budget, those given or the optimised one, and its bound."""
        if self.known or own is None or self.scenario.capture.decisions != "integer":
            return self.known, self.known_bound
        plan = self._own_plan("the plan at the scenario's budget")
        if plan is None:
            return (), None
        bound = plan.objective.bound
        return () if plan.point is None else (plan.point,), bound if np.isfinite(bound) else None

    def _unlimited_plans(self, search: NormalisedModel) -> list[Floats]:
        """The plan of a scenario without a budget, whose integer decisions may cost more than the LP relaxation."""
        if self.scenario.capture.decisions != "integer":
            return []
        plan = self._own_plan("the plan without a budget")
        return [] if plan is None or plan.point is None else [_vector(search, plan.point)]

    def _own_plan(self, message: str) -> Plan | None:
        self.report_progress(message)
        with contextlib.suppress(InfeasibleError, NoPlanError):
            return solve(build_problem(self.scenario, self.inputs))
        return None

    def _lowest_budget(self, matrix: Matrix, row: int, moving: MovingLimit, unit: float) -> float:
        """The lowest feasible budget, rounded up beyond the solver's tolerance."""
        if zero_point(with_limit(matrix, row, 0.0)) is not None:
            return 0.0
        low = moving.lowest_limit() * unit
        if low <= 0.0:
            return 0.0
        return float(np.ceil(low * (1.0 + 1e-6) * 1e3) / 1e3)


def _vector(search: NormalisedModel, table: pd.DataFrame) -> Floats:
    """The point of a table in the model of the search. Raises InputError if it is a plan of another scenario."""
    x, strange = vector_of(search.matrix, table)
    if strange:
        raise InputError([Issue("run", f"it is a run of another scenario: the model here has no {strange[0]}")])
    return search.to_search_units(x)


def _breakpoint_table(curve: Sequence[Breakpoint], search: NormalisedModel) -> pd.DataFrame:
    by, unit = float(search.objective[0]), search.unit
    slope = by / unit
    rows = [(at.limit * unit, at.value * by, at.slope_below * slope, at.slope_above * slope) for at in curve]
    return pd.DataFrame(rows, columns=BREAK_COLUMNS, dtype=float)


def _fill_bounds(budget_points: Sequence[BudgetPoint], breaks: pd.DataFrame) -> list[BudgetPoint]:
    """The budget points; those without a bound get the value of the LP relaxation at their budget."""
    found = []
    for each in budget_points:
        if not np.isfinite(each.all_links_bound) and len(breaks) and each.budget_mn <= breaks["budget_mn"].iloc[-1]:
            bound = float(np.interp(each.budget_mn, breaks["budget_mn"], breaks["objective"]))
            each = replace(each, outcome=replace(each.outcome, bound=bound), all_links_bound=bound)  # noqa: PLW2901
        found.append(each)
    return found


def _plan_at(
    problem: Problem,
    matrix: Matrix,
    row: int,
    budget_point: BudgetPoint,
    scenario: Scenario,
    links: tuple[str, ...] | None,
) -> Plan:
    """The plan of one budget point, as `optimize` would return it."""
    there = with_limit(matrix, row, budget_point.budget_mn)
    if scenario.budget.total_mn != budget_point.budget_mn:
        # A scenario without a sufficient budget takes that of the plan.
        scenario = scenario.with_changes({"budget.total_mn": budget_point.budget_mn})
    own = replace(problem, scenario=scenario, budget_mn=budget_point.budget_mn)
    within = MipOutcome(budget_point.outcome, budget_point.relaxation)
    corridors = Corridors(within, links, budget_point.all_links_bound) if links is not None else None
    point = point_of(own, there, budget_point.x)
    fields = checked_parts(own, there, budget_point.x, point, budget_point.outcome, within, None, corridors)
    return Plan(**fields, warnings=input_warnings(own), writer=RUN_WRITER)


# Tables of the frontier.


def _points_of(
    problem: Problem,
    matrix: Matrix,
    row: int,
    budget_points: Sequence[BudgetPoint],
    ranked: RankedList | None,
    own_mn: float | None,
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[Mapping[str, Any], ...]]:
    """Return one row per budget point, one row per plant that changes, and the map of each budget point."""
    spending = matrix.rows[[row], :].toarray().ravel()
    rows: list[Row] = []
    moves: list[Row] = []
    pictures = []
    before: dict[str, Row] = {}
    for k, budget_point in enumerate(budget_points):
        point = point_of(problem, matrix, budget_point.x)
        sharing = CostSharing.of(point) if problem.network is not None else None
        retrofits = retrofits_table(point, sharing)
        fitted = retrofits_by_plant(retrofits.to_dict("records"), is_static=problem.is_static)
        moved = _moved_plants(budget_point.budget_mn, before, fitted) if k else []
        value, bound = budget_point.outcome.objective, budget_point.outcome.bound
        one: Row = {
            "budget_mn": budget_point.budget_mn,
            "abatement_kt": float(amount_at(point, OBJECTIVES["max_abatement"].first)),
            "spent_mn": float(spending @ budget_point.x),
            "avoided_ktpa": float(retrofits["avoided_ktpa"].sum()),
            "n_plants_retrofitted": len(fitted),
            "objective": value,
            "bound": number_or_none(bound + 0.0),
            "gap_share": number_or_none(gap_share(bound, value)),
            "all_links_bound": number_or_none(budget_point.all_links_bound + 0.0),
            "all_links_gap_share": number_or_none(gap_share(budget_point.all_links_bound, value)),
            "status": plan_status(
                gap_share(budget_point.all_links_bound, value), gap_share(bound, value), problem.scenario.solver.mip_gap
            ),
            **{key: _names(moved, change) for key, change in
               (("entering", ENTERS), ("leaving", LEAVES), ("changing", CHANGES))},
            "plants": " ".join(sorted(fitted)),
            "is_scenario": own_mn is not None and budget_point.budget_mn == own_mn,
        }  # fmt: skip
        if rows:
            one |= _added_abatement(rows[-1], one)
            effect = _effect(rows[-1], one, problem)
            one["text"] = _step_text(effect, moved)
        else:
            one["text"] = _FIRST[problem.is_integer and one["budget_mn"] > 0]
        one |= compare_with_plan(ranked, budget_point.budget_mn, value, fitted, maximise=matrix.maximise[0])
        rows.append(one)
        moves += moved
        pictures.append(_point_map(budget_point.budget_mn, point, retrofits, fitted))
        before = fitted
    return (pd.DataFrame(rows, columns=POINT_COLUMNS), pd.DataFrame(moves, columns=MOVE_COLUMNS), tuple(pictures))


def _moved_plants(budget_mn: float, before: Mapping[str, Row], after: Mapping[str, Row]) -> list[Row]:
    found = [
        {"budget_mn": budget_mn, "change": change, **(after.get(plant) or before[plant])}
        for plant, change in moves_between(before, after)
    ]
    return sorted(found, key=lambda row: (MOVES.index(row["change"]), -row["avoided_ktpa"], row["plant"]))


def _names(moved: Sequence[Row], change: str) -> str:
    return "; ".join(str(row["name"]) for row in moved if row["change"] == change)


def _uncertain_amount(row: Row, name: str) -> float:
    """By how much a value of a budget point may be too small; infinite where its gap is unknown."""
    gap = row["all_links_gap_share"]
    return float("inf") if gap is None else float(gap * abs(row[name]))


def _added_abatement(before: Row, now: Row) -> Row:
    """Abatement of the step from the budget below."""
    added_mn, more_kt = now["budget_mn"] - before["budget_mn"], now["abatement_kt"] - before["abatement_kt"]
    return {
        "added_mn": added_mn,
        "more_kt": more_kt,
        "more_kt_per_mn": more_kt / added_mn,
        "capital_per_t": added_mn * 1000.0 / more_kt if more_kt > 1e-6 else None,
    }


# What more money does to an objective in money, and the sign of its difference.
_EFFECTS = {
    "min_cost": ("lower the cost by", -1.0),
    "max_npv": ("raise the owners' NPV by", 1.0),
    "max_net_benefit": ("raise the net social benefit by", 1.0),
}


def _effect(before: Row, now: Row, problem: Problem) -> str:
    """What the step from the budget below does; no statement where that is within the gap of the plan before."""
    verb, sign = _EFFECTS.get(problem.objective, ("", 1.0))
    money, over = problem.money, "a year" if problem.is_static else "over the horizon"
    name = "objective" if verb else "abatement_kt"
    # The plan of the larger budget is there; only that of the smaller one may be better than the one found.
    gained, unsure = sign * (now[name] - before[name]), _uncertain_amount(before, name)
    more = f"{now['added_mn']:,.0f} million {money} more"
    if gained > max(0.5, unsure) and verb:
        return f"{more} {verb} {gained:,.0f} million"
    if gained > max(0.5, unsure):
        per_t = f"{now['capital_per_t']:,.0f} {money} of budget per tonne"
        return f"{more} add {gained:,.0f} kt {over}, {per_t}"
    if np.isinf(unsure):
        return f"The effect of {more} is not known, because the plan at the budget below has no known gap"
    if unsure > 0.5:
        return f"The effect of {more} is within the optimality gaps"
    return f"{more} change nothing" if verb else f"{more} bring no additional abatement"


def _step_text(message: str, moved: Sequence[Row]) -> str:
    """The effect of a step and the plants that it moves, as a sentence."""
    each = (
        (ENTERS, "{} enters", "{} enter"),
        (LEAVES, "{} leaves", "{} leave"),
        (CHANGES, "{} changes its retrofit", "{} change their retrofits"),
    )
    for change, one, several in each:
        names = [str(move["name"]) for move in moved if move["change"] == change]
        if names:
            message += "; " + (one if len(names) == 1 else several).format(join_first_names(names, _NAMED))
    return message + "."


def _point_map(budget_mn: float, point: Point, retrofits: pd.DataFrame, fitted: Mapping[str, Row]) -> Mapping[str, Any]:
    """The map of a budget point: retrofitted plants with amounts, and pipes [lon, lat, lon, lat, kt/y]."""
    rows = retrofits[["plant", "name", "stream", "technology", "size", "year", "site", "avoided_ktpa", "capex_mn"]]
    return to_plain_values(
        {
            "budget_mn": budget_mn,
            "retrofitted": {plant: [row["avoided_ktpa"], row["capex_mn"]] for plant, row in fitted.items()},
            "rows": rows.to_dict("records"),
            "lines": _lines(point),
        }
    )


def _lines(point: Point) -> list[list[float]]:
    problem = point.problem

    def places(frame: pd.DataFrame, key: str) -> dict[str, tuple[float, float]]:
        return {
            str(name): (round(float(lon), _DECIMALS), round(float(lat), _DECIMALS))
            for name, lon, lat in zip(frame[key], frame["lon_deg"], frame["lat_deg"], strict=True)
        }

    if problem.network is not None:
        nodes = places(problem.network.nodes, "node")
        last = links_table(point)
        last = last[last["year"] == problem.years[-1]]
        ends = zip(last["from_node"], last["to_node"], last["flow_ktpa"], strict=True)
        return [[*nodes[a], *nodes[b], round(float(flow), 3)] for a, b, flow in ends]
    plants, sites = places(problem.plants, "plant"), places(problem.sites, "site")
    flows = point.captured_ktpa[:, -1]
    return [
        [*plants[str(problem.routes["plant"].iloc[k])], *sites[str(problem.routes["site"].iloc[k])],
         round(float(flows[k]), 3)]
        for k in np.flatnonzero(flows > BUILT)
    ]  # fmt: skip
