"""What analyses have in common: their results, and a plan as a point in its model.

A plan is rebuilt from a run folder, or its decisions are fixed and its operation is re-optimised. Results that only a
solve gives (bounds, duals, fixed decisions, marginal budget) are read from plan.json.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.errors import InputError, Issue
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.matrix import Residuals, residuals, round_to_integrality
from ccs_model.model.build_model import build_model
from ccs_model.model.names import BUILD, FIRST_STAGE, MONEY_LIMITS, TARGETS
from ccs_model.model.objective import unit_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.model.terms import breakdown
from ccs_model.plan.decisions import BUILT, Point, point_of, vector_of
from ccs_model.plan.plan import (
    BREAK_COLUMNS,
    FIXED_DECISION_COLUMNS,
    MOVE_COLUMNS,
    POINT_COLUMNS,
    BindingLimit,
    Frontier,
    MarginalBudget,
    Plan,
    Relaxation,
    Replan,
    Uncertainty,
    with_units,
)
from ccs_model.plan.plan_json import records, to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem, build_problem
from ccs_model.runs.run_reader import RunLike, SolvedProblem, read_run, run_of, solved_problem_of
from ccs_model.runs.run_writer import RUN_WRITER, SCENARIO
from ccs_model.scenario.yaml_document import origins_in
from ccs_model.solve.assembly import SolveRecord, plan_fields
from ccs_model.solve.fixed_charge_network import network_of
from ccs_model.units import unit_with_money

NO_COLUMNS: Ints = np.zeros(0, dtype=np.int64)

KEPT, OVER_BUDGET, MISSES_TARGET, NOT_KEPT = "kept", "over budget", "misses a target", "cannot be kept"
# Constraints that are relaxed one group after another where fixed decisions are infeasible.
_RELAXED: Mapping[str, tuple[str, ...]] = {
    KEPT: (), OVER_BUDGET: MONEY_LIMITS, MISSES_TARGET: TARGETS, NOT_KEPT: (*MONEY_LIMITS, *TARGETS),
}  # fmt: skip
# A fixed amount may move by this share: the solver's own values may be off by its tolerance.
_FIXED_TOLERANCE = 1e-9

Decision = tuple[str, Any]


@dataclass(frozen=True, eq=False)
class AnalysisResult(ABC):
    """Settings `about` and tables of an analysis."""

    schema: ClassVar[str]
    about: Mapping[str, Any]

    @abstractmethod
    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Each table with a heading, by name."""

    def to_dict(self) -> dict[str, Any]:
        """The schema, `about` and the rows of each table; unknown values are null."""
        rows = {name: records(table) for name, (_, table) in self.tables().items()}
        return to_plain_values({"schema": self.schema, **self.about, **rows})


def about_of(problem: Problem) -> dict[str, Any]:
    """Name, objective and money of a problem, the first settings of every analysis."""
    return {
        "scenario": problem.name,
        "objective_name": problem.objective,
        "unit": unit_with_money(unit_of(problem), problem.currency, problem.price_year),
        "currency": problem.currency,
        "price_year": problem.price_year,
    }


def amount_at(point: Point, terms: Callable[[Problem], Any]) -> float:
    """Sum of some terms of the model at a point."""
    return fsum(breakdown(terms(point.problem), point.values, point.shortfall_kt).values())


@dataclass(frozen=True, eq=False)
class AtPoint:
    """The model of a problem at the point of a plan; `strange` names columns that the model does not have."""

    problem: Problem
    matrix: Matrix
    x: Floats
    strange: tuple[str, ...]

    @classmethod
    def of(cls, problem: Problem, table: pd.DataFrame) -> AtPoint:
        """From the problem and the plan's table of the point."""
        matrix = matrix_of(build_model(problem))
        x, strange = vector_of(matrix, table)
        return cls(problem, matrix, x, tuple(strange))

    @classmethod
    def of_plan(cls, plan: Plan) -> AtPoint:
        """From a solved plan."""
        assert plan.point is not None
        return cls.of(plan.problem, plan.point)

    @property
    def point(self) -> Point:
        """The decisions of the plan."""
        return point_of(self.problem, self.matrix, self.x)

    @property
    def largest_residuals(self) -> Residuals:
        """Largest violations of rows, bounds and integrality at the point."""
        return residuals(self.matrix, self.x)


def solution_point(run: SolvedProblem) -> AtPoint:
    """The solution of a run in its model.

    Raises InputError if the solution is missing, or is that of another model; FileError if it cannot be read.
    """
    at = AtPoint.of(run.problem, run.point)
    if at.strange:
        hint = "written by another version; re-run ccs-model optimize --force"
        what = f"its point has a column that the model does not have: {at.strange[0]}"
        raise InputError([Issue(str(run.folder), what, hint)])
    return at


def plan_of_run(run: RunLike) -> Plan:
    """The plan of a run with its frontier or futures, rebuilt without a solve.

    It has no log, no times, and no edits of a workbook it was made of. Raises InputError or FileError as
    `solved_problem_of` and `solution_point` do.
    """
    solved = solved_problem_of(run)
    plan = plan_at(solution_point(solved), solved.document)
    if solved.solution is None:
        scenario = plan.problem.scenario
        text = (solved.folder / SCENARIO).read_text(encoding="utf-8")
        scenario = scenario.with_changes({}, places=origins_in(text, scenario.places))
        plan = replace(plan, problem=replace(plan.problem, scenario=scenario))
    stored = run if isinstance(run, StoredRun) else run_of(run) if isinstance(run, Plan) else read_run(run)
    return replace(
        plan,
        frontier=None if stored.frontier is None else _frontier(stored.frontier),
        uncertainty=None if stored.uncertainty is None else _uncertainty(stored.uncertainty, stored.tables),
    )


def _frontier(document: Mapping[str, Any]) -> Frontier:
    """The frontier that frontier.json holds."""
    others = ("schema", "scenario", "points", "breakpoints")
    about = {key: value for key, value in document.items() if key not in others}
    points = document["points"]
    moves = [{"budget_mn": row["budget_mn"], **move} for row in points for move in row["moves"]]
    drawn = [{key: row[key] for key in row.keys() - {*POINT_COLUMNS, "moves"}} for row in points]

    def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
        return with_units(pd.DataFrame(rows, columns=columns), document["currency"], document["price_year"])

    return Frontier(
        about=about,
        points=table([{**row, "plants": " ".join(row["plants"])} for row in points], POINT_COLUMNS),
        breakpoints=table(document["breakpoints"], BREAK_COLUMNS),
        moves=table(moves, MOVE_COLUMNS),
        pictures=tuple(drawn),
    )


def _uncertainty(document: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Uncertainty:
    """The futures that montecarlo.json and futures.csv hold."""
    names = ("inputs", "spread", "tornado", "broken", "plants")
    about = {key: value for key, value in document.items() if key not in ("schema", "no_regret", *names)}
    found = {name: pd.DataFrame(document[name]) for name in names}
    return Uncertainty(about=about, futures=tables.get("futures", pd.DataFrame()), **found)


def plan_at(at: AtPoint, document: Mapping[str, Any]) -> Plan:
    """The plan of the point, with the results of the solve from `document` (plan.json)."""
    parts = plan_fields(at.matrix, at.x, at.point, at.largest_residuals, _solve_record(document))
    fixed_decisions = pd.DataFrame(document["fixed_decisions"], columns=FIXED_DECISION_COLUMNS)
    return Plan(
        **parts,
        fixed_decisions=fixed_decisions,
        warnings=tuple(document.get("warnings", ())),
        added_components=tuple(document.get("added_components", ())),
        writer=RUN_WRITER,
    )


def _solve_record(document: Mapping[str, Any]) -> SolveRecord:
    objective, relaxation, corridors = document["objective"], document["relaxation"], document.get("corridors")
    # A bound that was not found is null in plan.json.
    unknown = -np.inf if document["objective_name"] == "min_cost" else np.inf
    prices = {row["target"]: row["price_per_t"] for row in document["targets"] if row["price_per_t"] is not None}
    return SolveRecord(
        bound=_value_or_default(objective["searched_bound"], unknown),
        all_links_bound=_value_or_default(objective["bound"], unknown),
        relaxation=Relaxation(
            _value_or_default(relaxation["value"], np.nan),
            relaxation["abatement_per_budget_kt_per_mn"],
            relaxation["cost_of_next_tonne_per_t"],
        ),
        price_per_t=prices,
        marginal_budget=_marginal_budget(document["marginal_budget"]),
        binding_limits=tuple(
            BindingLimit(each["constraint"], each["index"], each["price"])
            for each in document.get("binding_limits", ())
        ),
        corridors=None if corridors is None else tuple(corridors),
    )


def _marginal_budget(found: Mapping[str, Any] | None) -> MarginalBudget | None:
    if found is None:
        return None
    moves = ("entering", "leaving", "changing")
    replans = tuple(
        Replan(each["added_mn"], each["abatement_kt"], *(tuple(each.get(move, ())) for move in moves))
        for each in found.get("replans", ())
    )
    plants, last = tuple(found["plants_entering"]), found["last_abatement_kt_per_mn"]
    return MarginalBudget(found["added_mn"], found["abatement_kt"], plants, last, replans, found.get("spent_mn"))


def _value_or_default(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def solver_options(problem: Problem) -> SolverOptions:
    """Solver options of a problem's scenario."""
    requested = problem.scenario.solver
    return SolverOptions(requested.mip_gap, seed=requested.seed)


def capture_builds(problem: Problem, matrix: Matrix) -> pd.DataFrame:
    """Columns column, route (position in `problem.routes`) and plant of every build that captures CO2.

    A measure without capture does not count as a retrofit.
    """
    at = matrix.columns_of(BUILD)
    routes = pd.Index(problem.routes["route"])
    row = routes.get_indexer([matrix.columns[j].index[0] for j in at]) if len(at) else NO_COLUMNS
    frame = pd.DataFrame({"column": at, "route": row})
    frame = frame[problem.captures[row]] if len(frame) else frame
    return frame.assign(plant=problem.routes["plant"].to_numpy(object)[frame["route"].to_numpy(np.int64)])


def columns_outside(problem: Problem, matrix: Matrix, links: Collection[str] | None) -> Ints:
    """Columns of pipes outside some links; none for all links (None) or where each retrofit has its own pipe."""
    if problem.network is None or links is None:
        return NO_COLUMNS
    names = problem.network.links["link"]
    sites = np.arange(len(names), len(names) + len(problem.sites))
    return network_of(problem, matrix).columns_outside(np.r_[np.flatnonzero(names.isin(links)), sites])


@dataclass(frozen=True, eq=False)
class Valuation:
    """Value of fixed decisions; without a feasible point `objective` is NaN and `x` None.

    `state` is KEPT, OVER_BUDGET, MISSES_TARGET or NOT_KEPT; `excess_mn` is the spending above the tightest budget.
    """

    state: str
    objective: float = np.nan
    excess_mn: float = 0.0
    x: Floats | None = None


def feasible_point(matrix: Matrix, x: Floats | None) -> Floats | None:
    """A solver's point, rounded to integrality; None if there is none or it violates a row."""
    point = None if x is None else round_to_integrality(matrix, x)
    return point if point is not None and residuals(matrix, point).hold else None


def decisions_of(matrix: Matrix, x: Floats, years: Collection[int] | None = None) -> dict[Decision, float]:
    """Amounts that a point builds, by (variable, index), in all years or in the given ones."""
    return {key: float(x[j]) for key, j in _columns_of_decisions(matrix, years).items() if x[j] != 0}


def _columns_of_decisions(matrix: Matrix, years: Collection[int] | None) -> dict[Decision, int]:
    return {
        (column.variable, column.index): j
        for j, column in enumerate(matrix.columns)
        if column.variable in FIRST_STAGE and (years is None or column.index[1] in years)
    }


def with_common_flow_bounds(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems with the largest bounds of any, since assets that futures share may be too large for one."""
    networks = [problem.network for problem in problems if problem.network is not None]
    if not networks:
        return list(problems)
    most = max(network.most_ktpa for network in networks)
    # Sizes of pipes that a smaller budget leaves out are offered, too.
    problems = [
        problem
        if problem.network is None or problem.network.most_ktpa >= most
        else build_problem(problem.scenario, problem.inputs, keep_dominated=True, least_bound_ktpa=most)
        for problem in problems
    ]
    networks = [problem.network for problem in problems if problem.network is not None]
    largest = pd.concat([network.lines for network in networks]).groupby("line")["largest_ktpa"].max()

    def widen_bounds(problem: Problem) -> Problem:
        if problem.network is None:
            return problem
        lines = problem.network.lines
        lines = lines.assign(largest_ktpa=lines["line"].map(largest).astype(float))
        return replace(problem, network=replace(problem.network, lines=lines, most_ktpa=most))

    return [widen_bounds(problem) for problem in problems]


def value_with_fixed(
    matrix: Matrix,
    decisions: Mapping[Decision, float],
    options: SolverOptions,
    deadline: float,
    *,
    years: Collection[int] | None = None,
    only_kept: bool = False,
) -> Valuation:
    """Re-optimise a model with its builds fixed, in all years or in the given ones.

    If that is infeasible, budgets and then targets are relaxed, which names the kind of constraint that is violated;
    with `only_kept` nothing is relaxed.
    """
    columns = _columns_of_decisions(matrix, years)
    if not decisions.keys() <= columns.keys():
        return Valuation(NOT_KEPT)
    at = np.array(list(columns.values()), dtype=np.int64)
    amounts = np.array([decisions.get(key, 0.0) for key in columns])
    tolerance = np.where(matrix.is_integer[at], 0.0, _FIXED_TOLERANCE * np.abs(amounts))
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[at] = np.clip(amounts - tolerance, matrix.lower[at], matrix.upper[at])
    upper[at] = np.clip(amounts + tolerance, matrix.lower[at], matrix.upper[at])
    fixed = replace(matrix, lower=lower, upper=upper)
    for state, constraints in _RELAXED.items():
        relaxed = _without_constraints(fixed, constraints)
        outcome = Highs(relaxed, options).run(deadline - now(), "fixed decisions")
        x = feasible_point(relaxed, outcome.x)
        if x is not None:
            return Valuation(state, float(matrix.costs[0] @ x), _excess_mn(matrix, x), x)
        if only_kept:
            break
    return Valuation(NOT_KEPT)


def _without_constraints(matrix: Matrix, constraints: Collection[str]) -> Matrix:
    if not constraints:
        return matrix
    off = np.concatenate([matrix.rows_of(constraint) for constraint in constraints])
    row_lower, row_upper = matrix.row_lower.copy(), matrix.row_upper.copy()
    row_lower[off], row_upper[off] = -np.inf, np.inf
    return replace(matrix, row_lower=row_lower, row_upper=row_upper)


def _excess_mn(matrix: Matrix, x: Floats) -> float:
    """Largest violation of a budget in million; 0 below the tolerance."""
    rows = np.concatenate([matrix.rows_of(constraint) for constraint in MONEY_LIMITS])
    over = (matrix.rows @ x - matrix.row_upper)[rows]
    largest = float(over.max(initial=0.0))
    return largest if largest > 1e-6 else 0.0


def retrofit_shares(point: Point) -> dict[tuple[str, int], float]:
    """Share built with capture, by (plant, year): the sum over the streams of the plant, at most 1."""
    problem = point.problem
    build = point.build * problem.captures[:, None]
    found: dict[tuple[str, int], float] = {}
    for r, y in zip(*(build > BUILT).nonzero(), strict=True):
        key = (str(problem.routes["plant"].iloc[r]), problem.years[y])
        found[key] = min(found.get(key, 0.0) + float(build[r, y]), 1.0)
    return found
