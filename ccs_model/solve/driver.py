"""The chain from a scenario to a Plan: read, load, build the problem and the model, solve, verify.

Objectives are lexicographic. The first stage gives the plan's bound and gap. The second fixes the first's value, starts
from its solution and breaks ties by the secondary objective. The third computes the marginal value of the budget. Each
stage has its own effort; `time_limit_s` stops them all.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from ccs_model._typing import Floats
from ccs_model.arguments import callback, file_path, instance_of
from ccs_model.atomic_files import temporary_folder
from ccs_model.bounded_reading import is_workbook
from ccs_model.errors import InfeasibleError, NoPlanError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.mip import Highs, Matrix, Progress, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.budget_sweep import zero_point
from ccs_model.mip.clock import effort, now, seconds_until_stop, time_s, was_stopped
from ccs_model.mip.grouped_milp import solve_program
from ccs_model.mip.highs import gap_share
from ccs_model.mip.matrix import round_to_integrality, warning_of
from ccs_model.model.build_model import build_model, unshared_model
from ccs_model.model.names import BUILD, CUMULATIVE_TARGET, OPENED, PIPE, TARGET, WELLS
from ccs_model.model.standard_form import added_components, changed_bounds, matrix_of
from ccs_model.plan.cache_key import hashes
from ccs_model.plan.decisions import point_of, without_traces
from ccs_model.plan.headline import additions_text
from ccs_model.plan.plan import Plan
from ccs_model.plan.storage_tables import shortage_after_horizon
from ccs_model.plan.stored_run import Revision
from ccs_model.problem import Problem
from ccs_model.problem.candidate_network import corridor_rows
from ccs_model.problem.scenario_names import read_checked
from ccs_model.problem.unused_inputs import input_warnings
from ccs_model.report.workbook.edited_workbook import read_edited_workbook
from ccs_model.runs.run_writer import RUN_WRITER
from ccs_model.scenario import Scenario
from ccs_model.solve.assembly import OPTIMAL_GAP, checked_parts
from ccs_model.solve.feasibility_repair import build_problem_with_advice, with_model_changes
from ccs_model.solve.marginal_budget import fixed_decisions_table, marginal_budget, no_fixed_decisions
from ccs_model.solve.network_search import Corridors, solve_in_corridors
from ccs_model.solve.normalised_money import normalise_money
from ccs_model.solve.search_progress import SearchProgress
from ccs_model.solve.solution_check import REPAIR_EFFORT, raise_if_infeasible, verified_outcome
from ccs_model.solve.strategies import effort_of_model
from ccs_model.solve.tie_breaking import (
    break_continuous_ties,
    break_ties,
    break_ties_by_group,
    fit_network,
    idle_links,
    with_best_finance,
    without_idle_wells,
)
from ccs_model.units import count_text, join_first_names, rounded_text

ProgressCallback = Callable[[Progress], None]
Result = TypeVar("Result")

# Effort of each later stage, as a share of the first stage's, and the least effort of one.
_LATER_SHARE = 0.25
_LATER_LEAST = 5.0
# Effort of a second search where the first ends without a plan and building nothing is infeasible, relative to the
# first and at least.
_WITHOUT_PLAN, _WITHOUT_PLAN_LEAST = 4.0, 60.0
# Columns of a model whose memory is reclaimed at once; below, it is not worth the time.
_LARGE_MODEL = 100_000
# Links that a warning names.
_NAMED = 5
# Effort of the check whether a shared network is feasible, as a share of the first stage's.
_FEASIBILITY_SHARE = 0.02
# Seconds of the time limit that are left for tables and run folder, at least and per row of the model, and the largest
# share of it that they take.
_WRITING_S, _WRITING_S_PER_ROW, _WRITING_SHARE = 6.0, 1.2e-4, 0.3


ScenarioLike = str | PathLike[str] | Scenario | Mapping[str, object]
"""A scenario, its file, or its values as a mapping of sections and keys."""


def optimize(
    scenario: ScenarioLike,
    *,
    mip_gap: float | None = None,
    time_limit_s: float | None = None,
    effort: str | None = None,
    on_progress: ProgressCallback | None = None,
    allow_outside: bool = False,
) -> Plan:
    """Read a scenario, load its tables, solve it and return the verified plan.

    Parameters
    ----------
    scenario
        A Scenario, its values as a dict, its file, or a workbook of ccs-model (.xlsx) that may have been edited.
    mip_gap, time_limit_s, effort
        Optimality gap, time limit in seconds, and `quick`, `normal` or `thorough`; by default those of the scenario.
    on_progress
        Called with the progress of the search: stage, seconds, bound, value of the best plan so far.
    allow_outside
        Allow input files outside the scenario's folder.

    Returns
    -------
    Plan
        If a limit stops the solver, the plan's status says so.

    Raises
    ------
    InputError
        If the scenario or a table is invalid.
    InfeasibleError
        If the problem is infeasible; the error names the conflicting constraints and suggested relaxations.
    NoPlanError
        If the solver fails, or a limit stops it before it finds a plan.
    CheckError
        If the solution fails verification.
    """
    started = time_s()
    callback("on_progress", on_progress)
    loaded = load_scenario_inputs(scenario, allow_outside=allow_outside)
    requested = loaded.scenario
    given = {"solver.mip_gap": mip_gap, "solver.time_limit_s": time_limit_s, "solver.effort": effort}
    if changes := {key: value for key, value in given.items() if value is not None}:
        requested = requested.with_changes(changes)
    plan = optimize_inputs(requested, loaded.inputs, on_progress=on_progress, started=started)
    return replace(plan, revision=loaded.revision)


@dataclass(frozen=True, eq=False)
class ScenarioInputs:
    """A scenario with its loaded tables, both validated, and the edits of the workbook that it was read from.

    Attributes
    ----------
    scenario, inputs
        What to solve.
    revision
        Edits of a workbook; None for a scenario, and for a workbook without edits.
    notices
        What to know of the workbook.
    """

    scenario: Scenario
    inputs: Inputs
    revision: Revision | None = None
    notices: tuple[str, ...] = ()


def load_scenario_inputs(scenario: ScenarioLike, *, allow_outside: bool = False) -> ScenarioInputs:
    """Read a scenario file, or a workbook of ccs-model that may have been edited, with the tables of the scenario."""
    if isinstance(scenario, Mapping):
        scenario = Scenario.from_dict(scenario)
    if isinstance(scenario, Scenario):
        return ScenarioInputs(scenario, load_inputs(scenario, allow_outside=allow_outside))
    scenario = scenario_like("scenario", scenario)
    assert isinstance(scenario, str | PathLike)
    if not is_workbook(scenario):
        return ScenarioInputs(*read_checked(scenario, allow_outside=allow_outside))
    read = read_edited_workbook(Path(scenario))
    inputs = load_inputs(read.scenario, allow_outside=allow_outside)
    notices = read.notices
    if changed := read.changed_tables(hashes(read.scenario, inputs)):
        notices = (*notices, f"these tables have changed since {read.revision.workbook}: {', '.join(changed)}")
    return ScenarioInputs(read.scenario, inputs, read.revision if read.revision.edits else None, notices)


def scenario_like(name: str, given: object) -> ScenarioLike:
    """Return an argument that is a scenario, its values or its file. Raises InputError."""
    expected = "a scenario file, a Scenario or a dict"
    if isinstance(given, str | PathLike):
        return file_path(name, given, expected)
    return given if isinstance(given, Mapping) else instance_of(name, given, Scenario, expected)


def inputs_of(scenario: ScenarioLike, *, allow_outside: bool = False) -> tuple[Scenario, Inputs]:
    """Return the scenario and its loaded tables, both validated."""
    loaded = load_scenario_inputs(scenario, allow_outside=allow_outside)
    return loaded.scenario, loaded.inputs


def optimize_inputs(
    scenario: Scenario, inputs: Inputs, *, on_progress: ProgressCallback | None = None, started: float | None = None
) -> Plan:
    """Build the problem, solve it and return the verified plan; the command line and `optimize` share this function.

    `started` is the value of `clock.time_s` at which the time limit begins. Raises as `optimize` does.
    """
    started = started if started is not None else time_s()
    problem = build_problem_with_advice(scenario, inputs, REPAIR_EFFORT)
    try:
        return solve(problem, on_progress=on_progress, started=started)
    except InfeasibleError as error:
        error.warnings = input_warnings(problem)
        raise


def solve(
    problem: Problem,
    model: pyo.ConcreteModel | None = None,
    *,
    on_progress: ProgressCallback | None = None,
    started: float | None = None,
) -> Plan:
    """Solve a problem and return the verified plan.

    Parameters
    ----------
    problem
        The problem.
    model
        `build_model(problem)`, perhaps extended; by default it is built here.
    on_progress
        Called with each line of progress, in part from another thread; its errors reach the caller.
    started
        When the time limit began, a value of `clock.time_s`; by default now.

    Returns
    -------
    Plan
        The plan; a limit reached with an incumbent is its status.

    Raises
    ------
    InputError
        If the model belongs to another problem, a constraint or the objective of the problem was changed, deactivated
        or replaced, a constraint that was added is not linear, or a variable is fixed outside its domain; or if
        `problem` or `model` is anything else, such as a scenario.
    InfeasibleError
        If constraints conflict.
    NoPlanError
        If a limit comes before any solution, or the solver fails.
    CheckError
        If a check of the solution fails.
    """
    instance_of("problem", problem, Problem, "a Problem", "build_problem(scenario, inputs) makes one")
    callback("on_progress", on_progress)
    clock = _StageTimer(started if started is not None else time_s(), problem.scenario.solver.time_limit_s)
    changed: tuple[str, ...] = ()
    if model is None:
        model = unshared_model(problem)
    else:
        changed = changed_bounds(
            instance_of("model", model, pyo.ConcreteModel, "a ConcreteModel", "build_model(problem) makes one"),
            build_model(problem),
        )
    matrix = matrix_of(model)
    added = (*added_components(matrix), *changed)
    # A model built here is of no further use, and larger than the search; since it refers to itself, it is collected.
    del model
    if len(matrix.columns) > _LARGE_MODEL:
        gc.collect()
    clock.lap("build_model_s")
    # A time limit around this one, such as that of a frontier, holds as well.
    stop_at = min(clock.stop_at(len(matrix.row_lower)), time_s() + seconds_until_stop())
    with temporary_folder() as folder, effort(stop_at):
        log_path = folder / "solver.log"
        try:
            plan, failed = _solve_stages(problem, matrix, log_path, clock, on_progress)
        except InfeasibleError as error:
            raise with_model_changes(error, problem, changed, REPAIR_EFFORT) from error.__cause__
        logs = sorted(folder.glob("*.log"))
        log = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)
    warning = warning_of(matrix)
    reported = ((warning,) if warning else ()) + failed + input_warnings(problem)
    if beyond := _corridors_warning(problem, plan["corridors"]):
        reported = (*reported, beyond)
    if added:
        reported = (*reported, additions_text(added))
    log = "".join(f"Warning: {each}\n" for each in reported) + log
    timings = MappingProxyType(dict(clock.laps))
    return Plan(
        **plan,  # type: ignore[arg-type]
        solver_log=log,
        warnings=reported,
        added_components=added,
        timings=timings,
        writer=RUN_WRITER,
    )


def _corridors_warning(problem: Problem, searched: object) -> str:
    """A warning where the links that the scenario names admit no plan, so that all were searched; else empty."""
    file = problem.scenario.transport.corridors
    if problem.network is None or not isinstance(searched, tuple) or file in ("auto", "all"):
        return ""
    n_named = len(corridor_rows(problem.scenario, problem.inputs, problem.network.links["link"].tolist()))
    if len(searched) <= n_named:
        return ""
    return (
        f"no plan exists within the {count_text(n_named, 'link')} of {file} (transport.corridors); all "
        f"{len(searched):,} candidate links were searched"
    )


class _StageTimer:
    """When the time limit stops the search, and the seconds of each stage."""

    def __init__(self, started: float, limit_s: float) -> None:
        self.started, self.limit_s = started, limit_s
        self.laps: dict[str, float] = {}
        self._last = started

    def stop_at(self, n_rows: int) -> float:
        """When the time limit stops the search of a model of this size."""
        writing_s = max(_WRITING_S, _WRITING_S_PER_ROW * n_rows)
        return self.started + self.limit_s - min(writing_s, _WRITING_SHARE * self.limit_s)

    def lap(self, name: str) -> None:
        """Record the seconds since the last lap."""
        at = time_s()
        self.laps[name] = at - self._last
        self._last = at


def _solve_stages(
    problem: Problem, matrix: Matrix, log_path: Path, clock: _StageTimer, on_progress: ProgressCallback | None
) -> tuple[dict[str, object], tuple[str, ...]]:
    requested = problem.scenario.solver
    options = SolverOptions(requested.mip_gap, seed=requested.seed, log_path=log_path)
    # A continuous problem is solved to its end.
    amount = effort_of_model(len(matrix.row_lower), requested.effort) if problem.is_integer else np.inf
    later = max(_LATER_LEAST, _LATER_SHARE * amount)
    search = normalise_money(problem, matrix)
    stage = problem.objective.replace("_", " ")
    if on_progress is not None:
        on_progress = SearchProgress(on_progress, stage, float(search.objective[0]), matrix.sign, clock.started)
    highs, first, corridors = _first_stage(problem, matrix, search.matrix, options, amount, on_progress)
    clock.lap("first_stage_s")
    first = search.mip_outcome(first)
    if corridors is not None:
        by = float(search.objective[0])
        corridors = replace(corridors, within=first, all_links_bound=corridors.all_links_bound * by)
    if on_progress is not None and first.outcome.point is None:
        on_progress(Progress("feasibility", 0.0, np.nan, np.nan))
    outcome = verified_outcome(problem, matrix, options, first.outcome)
    assert outcome.x is not None
    chosen = round_to_integrality(search.matrix, search.to_search_units(outcome.x))
    # Tie-breaking may lose a billionth of it, which slopes of the budget would show.
    value = float(search.matrix.costs[0] @ chosen)
    if corridors is not None:
        _limit_to_plan(highs, search.matrix, chosen)
    stages = _LaterStages()
    tie_breaker = break_ties_by_group if first.by_groups else break_ties
    chosen = stages.attempt("ties are not broken", chosen, lambda: tie_breaker(highs, chosen, deadline=now() + later))
    has_targets = len(search.matrix.rows_of(TARGET, CUMULATIVE_TARGET)) > 0
    is_open = gap_share(first.outcome.bound, first.outcome.objective) > OPTIMAL_GAP
    for with_flows in (False, True) if has_targets and is_open else (False,):
        fitted = partial(fit_network, problem, search.matrix, options, chosen, now() + later)
        chosen = stages.attempt(
            "the sizes of pipes are those of the search", chosen, partial(fitted, with_flows=with_flows)
        )
    chosen = stages.attempt(
        "ties of flows are not broken", chosen, lambda: break_continuous_ties(search.matrix, options, chosen)
    )
    chosen = without_idle_wells(search.matrix, chosen)
    chosen = without_traces(problem, matrix, round_to_integrality(matrix, search.x(chosen)))
    chosen = stages.attempt(
        "the draws of funds and the sale of allowances are not optimised",
        chosen,
        lambda: with_best_finance(problem, matrix, options, chosen),
    )
    clock.lap("second_stage_s")
    point = point_of(problem, matrix, chosen)
    bought = None
    if problem.objective == "max_abatement":
        if on_progress is not None:
            on_progress(Progress("marginal budget", 0.0, np.nan, np.nan))
        bought = stages.attempt(
            "the marginal value of the budget is unknown",
            None,
            lambda: marginal_budget(problem, search, options, search.to_search_units(chosen), value, later, corridors),
        )
    clock.lap("marginal_budget_s")
    fixed_decisions = stages.attempt(
        "the cost of fixed decisions is unknown",
        no_fixed_decisions(),
        lambda: fixed_decisions_table(problem, matrix, first.relaxation.objective, options, now() + later),
    )
    clock.lap("fixed_decisions_s")
    parts = checked_parts(problem, matrix, chosen, point, outcome, first, bought, corridors)
    if idle := idle_links(problem, matrix, chosen):
        stages.failed.append(_idle_text(problem, idle))
    if text := _salvage_text(problem, parts):
        stages.failed.append(text)
    if late := shortage_after_horizon(point):
        stages.failed.append(_late_text(*late))
    if was_stopped():
        stages.failed.append(
            f"the time limit of {clock.limit_s:g} s stopped the search; with more time the plan may differ"
        )
    return {**parts, "fixed_decisions": fixed_decisions}, tuple(stages.failed)


def _idle_text(problem: Problem, links: tuple[str, ...]) -> str:
    text = f"these links are built but carry no CO₂ in any year: {join_first_names(links, _NAMED)}"
    if problem.scenario.funds:
        text += "; where grants, loans and salvage value exceed their cost, lower share_max or ceiling_mn of the funds"
    elif not problem.is_integer:
        text += (
            "; with continuous decisions the build shares of the pipes at each source in use sum to at least 1, "
            "whatever the pipe size"
        )
    return text


def _salvage_text(problem: Problem, parts: Mapping[str, Any]) -> str:
    """A warning where the owners' NPV is positive with grants and salvage value only; else empty."""
    totals, retrofits = parts["totals"], parts["retrofits"]
    npv, without, granted = totals["npv_mn"], totals["npv_without_salvage_mn"], -(totals["public_grants_mn"] or 0.0)
    if without is None or granted <= 0 or npv < 0 or without >= 0:
        return ""
    n_late = int((retrofits["year"] == problem.years[-1]).sum())
    return (
        f"with grants the owners' NPV of {rounded_text(npv)} million {problem.money} depends on the salvage value at "
        f"the end of the horizon, without which it is {rounded_text(without)} million (retrofits that start in the "
        f"last period: {n_late}); lower share_max or ceiling_mn of the grants, or plan further periods"
    )


def _late_text(years: int, due_kt: float, takes_kt: float) -> str:
    until = f"{years} years" if years > 1 else "year"
    return (
        f"in the first {until} after the horizon the retrofits deliver {rounded_text(due_kt)} kt and the wells of "
        f"sites that are not full take {rounded_text(takes_kt)} kt: after the horizon the model limits only the mean "
        "rate, so that further wells or sites are needed"
    )


def _first_stage(
    problem: Problem,
    matrix: Matrix,
    searched: Matrix,
    options: SolverOptions,
    amount: float,
    on_progress: ProgressCallback | None,
) -> tuple[Highs, MipOutcome, Corridors | None]:
    """Search for the best plan of the first objective; with more effort where none is found and one is needed."""
    is_network = problem.network is not None and problem.is_integer
    if on_progress is not None and is_network:
        on_progress(Progress("feasibility", 0.0, np.nan, np.nan))
    raise_if_infeasible(problem, matrix, options, _FEASIBILITY_SHARE * amount)

    def search(amount: float) -> tuple[Highs, MipOutcome, Corridors | None]:
        highs = Highs(searched, options, on_progress)
        if is_network:
            corridors = solve_in_corridors(problem, searched, options, effort=amount, on_progress=on_progress)
            return highs, corridors.within, corridors
        stage = problem.objective.replace("_", " ")
        return highs, solve_program(highs, deadline=now() + amount, stage=stage), None

    result = search(amount)
    outcome = result[1].outcome
    is_undecided = outcome.x is None and outcome.status == "limit" and not was_stopped()
    if is_undecided and zero_point(matrix) is None:
        return search(max(_WITHOUT_PLAN * amount, _WITHOUT_PLAN_LEAST))
    return result


class _LaterStages:
    """Stages after the first: where the solver fails, the plan stays and a warning reports it."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def attempt(self, without: str, otherwise: Result, stage: Callable[[], Result]) -> Result:
        """Return the result of a stage, or `otherwise`; `without` is the text of the warning."""
        try:
            return stage()
        except NoPlanError as error:
            self.failed.append(f"{without}: {error}")
            return otherwise


def _limit_to_plan(highs: Highs, matrix: Matrix, chosen: Floats) -> None:
    """On a shared network, tie-breaking may build less than the plan and drill wells later, but nothing else."""
    for name in (BUILD, PIPE, OPENED):
        columns = matrix.columns_of(name)
        highs.set_bounds(columns, matrix.lower[columns], np.round(chosen[columns]))
    wells = matrix.columns_of(WELLS)
    # Columns of a site follow in the order of years.
    at_site = pd.Series([matrix.columns[j].index[0] for j in wells], dtype=object)
    so_far = pd.Series(np.round(chosen[wells])).groupby(at_site).cumsum()
    highs.set_bounds(wells, matrix.lower[wells], np.minimum(so_far.to_numpy(float), matrix.upper[wells]))
