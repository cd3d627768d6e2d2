"""The chain: read, load, pose, build, solve, check, and a Plan comes out.

The aims are lexicographic. The first stage gives the plan's bound and gap; the second holds the first's value, starts
from its plan and settles ties by cost; the third asks what more money would buy. All share `time_limit_s`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyomo.environ as pyo

from ccs_model.errors import CheckError, Fault, InfeasibleError, InputError, NoPlanError
from ccs_model.inputs import load_inputs
from ccs_model.model import build_model
from ccs_model.model.claims import groups_of, in_words
from ccs_model.model.objective import AIMS, unit_of
from ccs_model.model.terms import breakdown, cost_terms
from ccs_model.plan.air import air_pollution_table
from ccs_model.plan.basis import capital_table, tonnes_table
from ccs_model.plan.benefits import bearers_table, items_by_bearer, ledger_table
from ccs_model.plan.cashflow import cashflow_table
from ccs_model.plan.checks import accounts_checks, checks_table
from ccs_model.plan.corridors import Corridors, charges_of, solve_in_corridors
from ccs_model.plan.decisions import BUILT, Point, point_of, without_traces
from ccs_model.plan.funds import funds_table, with_best_funds
from ccs_model.plan.intensity import intensity_table
from ccs_model.plan.locks import locks_table
from ccs_model.plan.mending import changes_that_mend, posed
from ccs_model.plan.owners import Owners
from ccs_model.plan.plan import NextMoney, Objective, Plan, Relaxation, Size
from ccs_model.plan.sharing import Sharing, shares_table
from ccs_model.plan.tables import (
    by_year_table,
    emissions_table,
    flows_table,
    retrofits_table,
    storage_table,
    zones_table,
)
from ccs_model.plan.targets import targets_table
from ccs_model.plan.ties import settled, settled_apart
from ccs_model.plan.totals import plan_totals
from ccs_model.problem import Problem
from ccs_model.problem.names import read_checked
from ccs_model.scenario import Scenario
from ccs_model.solver import Highs, Matrix, Outcome, Progress, SolverOptions, matrix_of
from ccs_model.solver.by_groups import solve_program
from ccs_model.solver.conflict import point_without_presolve, ways_to_mend
from ccs_model.solver.highs import gap_share
from ccs_model.solver.residuals import residuals, snapped
from ccs_model.solver.whole import WholeOutcome

Floats = npt.NDArray[np.float64]
Teller = Callable[[Progress], None]

SECOND_STAGE_TIME_SHARE = 1 / 3
# What more money would buy is asked for this share of the budget, and at least a million.
NEXT_MONEY_SHARE = 0.01
NEXT_MONEY_GAP = 1e-4
NEXT_MONEY_NODES = 200
# An unexplained "infeasible" helps nobody, so looking for what would mend it has time of its own.
MENDING_S = 30.0
# Of it, what rows that give way may take; changes of the scenario have the rest.
ROWS_TIME_SHARE = 2 / 3
# Room for writing the run folder within the time limit.
SOLVING_SHARE = 0.95


def optimize(
    scenario: str | PathLike[str] | Scenario, *, tell: Teller | None = None, allow_outside: bool = False
) -> Plan:
    """Read a scenario (a path or a Scenario), load the data, solve, and return the checked plan."""
    started = time.monotonic()
    if isinstance(scenario, Scenario):
        inputs = load_inputs(scenario, allow_outside=allow_outside)
    else:
        scenario, inputs = read_checked(scenario, allow_outside=allow_outside)
    problem = posed(scenario, inputs, MENDING_S)
    return solve(problem, tell=tell, started=started)


def solve(
    problem: Problem,
    model: pyo.ConcreteModel | None = None,
    *,
    tell: Teller | None = None,
    started: float | None = None,
) -> Plan:
    """Solve a problem; `model` is build_model(problem), perhaps with a modeller's additions.

    Raises InfeasibleError, NoPlanError, CheckError; a limit with a plan in hand is the plan's status.
    """
    clock = _Clock(started if started is not None else time.monotonic(), problem.scenario.solver.time_limit_s)
    if model is None:
        model = build_model(problem)
    matrix = matrix_of(model)
    clock.lap("pose_and_build_s")
    with tempfile.TemporaryDirectory() as folder:
        log_path = Path(folder) / "solver.log"
        plan = _solve_stages(problem, matrix, log_path, clock, tell)
        log = log_path.read_text(encoding="utf-8", errors="replace") if log_path.exists() else ""
    return Plan(**plan, solver_log=log, timings=MappingProxyType(dict(clock.laps)))  # type: ignore[arg-type]


class _Clock:
    """The deadline of the whole run and the seconds each stage took."""

    def __init__(self, started: float, limit_s: float) -> None:
        self.started, self.limit_s = started, limit_s
        self.deadline = started + limit_s * SOLVING_SHARE
        self.laps: dict[str, float] = {}
        self._last = started

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now


def _solve_stages(
    problem: Problem, matrix: Matrix, log_path: Path, clock: _Clock, tell: Teller | None
) -> dict[str, object]:
    asked = problem.scenario.solver
    options = SolverOptions(asked.gap_share, asked.threads, asked.seed, log_path)
    highs = Highs(matrix, options, tell)
    aim = AIMS[problem.aim]
    maximise = aim.sense == pyo.maximize
    corridors = None
    if problem.network is not None and problem.is_whole:
        corridors = solve_in_corridors(problem, matrix, options, maximise=maximise, deadline=clock.deadline, tell=tell)
        first = corridors.within
    else:
        doing = problem.aim.replace("_", " ")
        first = solve_program(
            highs, maximise=maximise, gap=asked.gap_share, deadline=clock.deadline, doing=doing, tell=tell
        )
    clock.lap("first_stage_s")
    outcome = _believed(problem, matrix, options, clock, first.outcome)
    assert outcome.x is not None
    chosen = snapped(matrix, outcome.x)
    value = float(matrix.costs[0] @ chosen)
    status = outcome.status
    if corridors is not None:
        _keep_to(highs, problem, matrix, chosen)
    chosen = without_traces(problem, matrix, _settled(highs, chosen, value, maximise, clock, first))
    if len(problem.accounts.funds):
        chosen = with_best_funds(problem, matrix, options, chosen, clock.deadline)
    clock.lap("second_stage_s")
    point = point_of(problem, matrix, chosen)
    next_money = None
    if problem.aim == "most_abatement":
        next_money = _next_money(problem, matrix, options, chosen, value, clock, corridors)
    clock.lap("next_money_s")
    locks = locks_table(problem, matrix, first.relaxation.objective, options, clock.deadline)
    clock.lap("locks_s")
    return {**_assemble(problem, matrix, chosen, point, status, outcome, first, next_money, corridors), "locks": locks}


def _settled(highs: Highs, chosen: Floats, value: float, maximise: bool, clock: _Clock, first: WholeOutcome) -> Floats:
    deadline = min(clock.deadline, time.monotonic() + clock.limit_s * SECOND_STAGE_TIME_SHARE)
    settle = settled_apart if first.by_groups else settled
    return settle(highs, chosen, value, maximise=maximise, deadline=deadline)


def _keep_to(highs: Highs, problem: Problem, matrix: Matrix, chosen: Floats) -> None:
    """Ties of a shared network are settled among what the plan builds: of all of it there may only be less."""
    for name in ("build", "pipe", "opened", "wells"):
        columns = matrix.columns_of(name)
        highs.set_bounds(columns, matrix.lower[columns], np.round(chosen[columns]))


def _believed(problem: Problem, matrix: Matrix, options: SolverOptions, clock: _Clock, outcome: Outcome) -> Outcome:
    """The outcome if it holds a plan; otherwise the reason why there is none, as an error."""
    if outcome.x is not None and outcome.status in ("optimal", "limit"):
        return outcome
    if outcome.status == "unbounded":
        raise InputError(
            [Fault("the program", f"the aim {problem.aim} has no limit", "a site or a budget without a limit?")]
        )
    if outcome.status == "limit":
        raise NoPlanError(
            f"no plan was found within {clock.limit_s:g} s; raise solver.time_limit_s or widen solver.gap_share"
        )
    deadline = max(clock.deadline, time.monotonic() + 10.0)
    second = point_without_presolve(matrix, options, deadline - time.monotonic())
    if second.x is not None:
        return second
    if second.status != "infeasible":
        raise NoPlanError(
            "the solver says that no plan keeps every claim, but a second opinion was not reached in time; "
            "raise solver.time_limit_s"
        )
    now = time.monotonic()
    deadline = max(deadline, now + MENDING_S)
    charges = charges_of(problem, matrix) if problem.network is not None and problem.is_whole else None
    until = now + ROWS_TIME_SHARE * (deadline - now)
    by_rows = ways_to_mend(matrix, groups_of(problem), options, until, charges)
    changes = changes_that_mend(problem, matrix, options, deadline, clock.laps["pose_and_build_s"])
    raise InfeasibleError([*(in_words(problem, each.rows) for each in by_rows), *changes])


@dataclass(frozen=True)
class _BudgetRow:
    row: int
    limit: float


def _budget_row(matrix: Matrix) -> _BudgetRow | None:
    rows = matrix.rows_of("spending_within_budget")
    return _BudgetRow(int(rows[0]), float(matrix.row_upper[rows[0]])) if len(rows) else None


def _next_money(
    problem: Problem,
    matrix: Matrix,
    options: SolverOptions,
    chosen: Floats,
    value: float,
    clock: _Clock,
    corridors: Corridors | None,
) -> NextMoney | None:
    """Solve again with more budget and every retrofit of the plan kept: what enters, and what it adds."""
    budget = _budget_row(matrix)
    left = clock.deadline - time.monotonic()
    if budget is None or left <= 0:
        return None
    maximise = matrix.maximise[0]
    if not problem.is_whole:
        return _slopes(problem, matrix, Highs(matrix, options), budget, chosen, value, clock)
    more = max(1.0, NEXT_MONEY_SHARE * budget.limit)
    limits = matrix.row_upper.copy()
    limits[budget.row] += more
    highs = Highs(replace(matrix, row_upper=limits), options)
    # A limit of nodes, not of time, so that the answer repeats.
    highs.set_option("mip_max_nodes", NEXT_MONEY_NODES)
    if corridors is not None and problem.network is not None:
        charges = charges_of(problem, matrix)
        links = problem.network.links["link"]
        inside = np.flatnonzero(links.isin(corridors.links))
        off = charges.outside(np.r_[inside, np.arange(len(links), len(links) + len(problem.sites))])
        highs.set_bounds(off, np.zeros(len(off)), np.zeros(len(off)))
    kept = np.flatnonzero(matrix.is_whole & (chosen > 0.5))
    highs.set_bounds(kept, np.round(chosen[kept]), matrix.upper[kept])
    again = solve_program(
        highs,
        maximise=maximise,
        gap=NEXT_MONEY_GAP,
        deadline=clock.deadline,
        doing="the next money",
        start=chosen,
        cores_max=1,
    ).outcome
    if again.x is None or time.monotonic() >= clock.deadline:
        return None
    return NextMoney(more, max(float(again.objective) - value, 0.0), _entering(problem, matrix, chosen, again.x))


def _slopes(
    problem: Problem, matrix: Matrix, highs: Highs, budget: _BudgetRow, chosen: Floats, value: float, clock: _Clock
) -> NextMoney | None:
    """Both slopes of a fractional plan: what a million more buys, and what the last million bought."""
    step = min(1.0, budget.limit) or 1.0
    highs.set_row(budget.row, -np.inf, budget.limit + step)
    up = highs.run(clock.deadline - time.monotonic(), "the next million")
    highs.set_row(budget.row, -np.inf, max(budget.limit - step, 0.0))
    down = highs.run(clock.deadline - time.monotonic(), "the last million")
    if up.x is None or up.status != "optimal":
        return None
    # Less money may be too little for a target or a plant that must be fitted; then only one slope exists.
    last = (value - down.objective) / step if budget.limit > 0 and down.status == "optimal" else None
    return NextMoney(step, float(up.objective) - value, _entering(problem, matrix, chosen, up.x), last)


def _entering(problem: Problem, matrix: Matrix, before: Floats, after: Floats) -> tuple[str, ...]:
    """Plants with a route that is built, or built more of, in `after`."""
    was = point_of(problem, matrix, before).build.sum(axis=1)
    now = point_of(problem, matrix, snapped(matrix, after)).build.sum(axis=1)
    return tuple(sorted(set(problem.routes["plant"][now > was + BUILT])))


def _all_links(corridors: Corridors | None, bound: float, maximise: bool) -> float:
    """The bound over all candidate links, which is never closer than the one within corridors."""
    if corridors is None:
        return bound
    return max(corridors.all_links_bound, bound) if maximise else min(corridors.all_links_bound, bound)


def _assemble(
    problem: Problem,
    matrix: Matrix,
    chosen: Floats,
    point: Point,
    status: str,
    outcome: Outcome,
    first: WholeOutcome,
    next_money: NextMoney | None,
    corridors: Corridors | None,
) -> dict[str, object]:
    """Tables, totals and checks from the decisions; raises CheckError where a check does not hold."""
    aim = AIMS[problem.aim]
    maximise = aim.sense == pyo.maximize
    terms = breakdown(aim.first(problem), point.values, point.shortfall_kt)
    costs = breakdown(cost_terms(problem), point.values, point.shortfall_kt)
    sharing = Sharing.of(point) if problem.network is not None else None
    targets = targets_table(point, matrix, first.relaxation.row_dual)
    value = sum(terms.values())
    bound = max(outcome.bound, value) if maximise else min(outcome.bound, value)
    gap = gap_share(bound, value)
    emissions = emissions_table(point, sharing)
    cashflow = cashflow_table(point)
    retrofits = retrofits_table(point, sharing)
    found = residuals(matrix, chosen)
    gap_asked = problem.scenario.solver.gap_share
    owners = None if problem.is_static else Owners.of(point, sharing)
    items = items_by_bearer(point, owners) if owners is not None else None
    checks = checks_table(
        point, found, float(matrix.costs[0] @ chosen), terms, costs, emissions, cashflow, targets, gap, gap_asked
    )
    if owners is not None and items is not None:
        checks = pd.concat([checks, accounts_checks(point, owners, items)], ignore_index=True)
    bearers = bearers_table(items) if items is not None else None
    broken = checks[~checks["holds"] & (checks["name"] != "the gap is no wider than asked for")]
    if len(broken):
        each = "; ".join(f"{row.name}: {row.figure:.3g}" for row in broken.itertuples(index=False))
        raise CheckError(
            f"the plan does not hold when checked without the solver: {each} (worst row {found.worst_row})"
        )
    budget = _budget_row(matrix)
    dual = first.relaxation.row_dual
    price = float(dual[budget.row]) if budget is not None and dual is not None else None
    by_year = by_year_table(point, emissions)
    n_rows, n_columns = matrix.rows.shape
    return {
        "problem": problem,
        "status": status,
        "objective": Objective(value, bound, gap, unit_of(problem), _all_links(corridors, bound, maximise)),
        "corridors": corridors.links if corridors is not None else None,
        "shares": shares_table(sharing) if sharing is not None else None,
        "relaxation": Relaxation(
            first.relaxation.objective,
            price if problem.aim == "most_abatement" else None,
            float(targets["price_per_t"].max()) if targets["price_per_t"].notna().any() else None,
        ),
        "next_money": next_money,
        "totals": MappingProxyType(plan_totals(problem, retrofits, by_year, costs, owners, bearers)),
        "owners": owners.by_plant() if owners is not None else None,
        "owner_cashflow": owners.by_year() if owners is not None else None,
        "funds": funds_table(point),
        "owner_capital": capital_table(owners) if owners is not None else None,
        "owner_tonnes": tonnes_table(owners) if owners is not None else None,
        "bearers": bearers,
        "ledger": ledger_table(items) if items is not None else None,
        "intensity": intensity_table(problem, emissions),
        "air_pollution": air_pollution_table(point),
        "terms": MappingProxyType(terms),
        "costs": MappingProxyType(costs),
        "retrofits": retrofits,
        "flows": flows_table(point),
        "storage": storage_table(point),
        "emissions": emissions,
        "cashflow": cashflow,
        "zones": zones_table(emissions, problem),
        "by_year": by_year,
        "targets": targets,
        "checks": checks,
        "size": Size(n_rows, n_columns, int(matrix.is_whole.sum()), int(matrix.rows.nnz)),
    }
