"""Verification of the solver's outcome: a solution, or an error with the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ccs_model.errors import InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.mip import Matrix, Outcome, SolverOptions
from ccs_model.mip.budget_sweep import zero_point
from ccs_model.mip.clock import effort, now, was_stopped
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.highs import LARGE_ROWS
from ccs_model.mip.infeasible_rows import ElasticSearch, Nearest, RowRelaxation, point_without_presolve
from ccs_model.mip.matrix import TOLERANCE
from ccs_model.mip.verification import (
    columns_without_limit,
    disagreement,
    is_proven_infeasible,
    row_upper_bounds,
    verify_by_elastic_model,
)
from ccs_model.model.build_model import build_model
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BUILD,
    COMMITTED,
    CUMULATIVE_TARGET,
    FORWARD,
    INJECTED,
    ONE_RETROFIT,
    PAID_FOR_OIL,
    PIPE,
    PIPE_FLOW,
    REQUIRED_PLANT,
    REVERSE,
    SHORTFALL,
    TARGET,
    WELLS,
    relaxation_text,
    relaxations_of,
)
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import BUILT, point_of
from ccs_model.problem import Problem
from ccs_model.solve.feasibility_repair import scenario_changes
from ccs_model.solve.fixed_charge_network import network_of
from ccs_model.solve.growth_network import growth_network_of
from ccs_model.solve.strategies import effort_of_model

# Effort to find the smallest changes that restore feasibility. A time limit does not shorten it, so that the answer
# does not depend on the clock.
REPAIR_EFFORT = 30.0
# Models of few rows have more of these units, since they can often be solved to the end.
_SMALL_ROWS, _OF_SMALL_MODELS = 2_000, 3.0
# Share of it for relaxations of constraints; changes of the scenario have the rest.
_ROWS_SHARE = 2 / 3
_ENDED = "the search ended before it found a plan; raise solver.effort or solver.time_limit_s, or lower the targets"
_UNVERIFIED = (
    "the solver reports that the model is infeasible, but this could not be verified, and no plan was found; raise "
    "solver.effort, or the budgets, or lower the targets"
)
_CHANGES = "each of these changes alone leads to a plan:"
# Least effort of each confirmation that a model is infeasible.
_VERIFY_EFFORT = 60.0
# Effort of the nearest plan.
_NEAREST_EFFORT = 10.0
# By variable, the scenario key or table that limits it.
_LIMITS = {
    BUILD: "capture.max_builds_per_year, or a budget: budget.total_mn",
    PIPE: "a budget: budget.total_mn",
    **dict.fromkeys(
        (ADDED_CAPACITY, PIPE_FLOW, FORWARD, REVERSE),
        "the largest pipe: largest_ktpa of transport/pipe_sizes or transport/trends",
    ),
    WELLS: "n_wells_max of storage/sites",
    **dict.fromkeys((INJECTED, PAID_FOR_OIL), "capacity_mid_kt and n_wells_max of storage/sites"),
    SHORTFALL: "targets.shortfall_per_t: a price for what is missed",
}
_NAMED = 3


def raise_if_infeasible(problem: Problem, matrix: Matrix, options: SolverOptions, limit: float) -> None:
    """Raise InfeasibleError before the search if the model is proven infeasible within `limit`.

    Nothing is solved where building nothing is feasible. In a large model with own pipelines, only targets beyond the
    largest retrofits of all streams are found, which takes no solve.
    """
    if zero_point(matrix) is not None:
        return
    if problem.network is None or not problem.is_integer:
        if len(matrix.row_lower) > LARGE_ROWS:
            _raise_if_beyond_retrofits(problem, matrix)
    elif is_proven_infeasible(matrix, options, limit):
        with effort():
            raise _infeasible_error(problem, matrix, options)


def _raise_if_beyond_retrofits(problem: Problem, matrix: Matrix) -> None:
    """Raise InfeasibleError for targets that the largest retrofits of all streams miss together."""
    rows = matrix.rows_of(TARGET, CUMULATIVE_TARGET)
    most = row_upper_bounds(matrix, rows, ONE_RETROFIT)
    missed = most < matrix.row_lower[rows] * (1.0 - TOLERANCE) - TOLERANCE
    by_key = {target.key: target for target in problem.targets}
    conflicts = []
    for row, kt in zip(rows[missed], most[missed], strict=True):
        target = by_key[matrix.row_constraints[row][1]]
        verb = "capture" if target.measure == "captured" else "avoid"
        unit = "kt" if target.year is None else "kt/y"
        share = f" ({kt / target.baseline_ktpa:.2%})" if target.year is not None and verb == "avoid" else ""
        streams = f"eligible streams{f' of {target.group}' if target.group else ''}"
        conflicts.append(
            f"{target.key}: {target.required:,.0f} {unit} are out of reach; the largest retrofits of all {streams} "
            f"together {verb} {kt:,.0f} {unit}{share}, before limits of storage and budget"
        )
    if conflicts:
        raise InfeasibleError(conflicts)


def verified_outcome(problem: Problem, matrix: Matrix, options: SolverOptions, outcome: Outcome) -> Outcome:
    """Return the outcome if it has a solution; otherwise raise an error with the reason why there is none.

    Where a limit came before any solution, the solution without a retrofit is returned if it is feasible.

    Raises
    ------
    NoPlanError
        If a time limit came before any solution, or the effort, and an elastic model gives neither a solution nor the
        proof that there is none.
    InfeasibleError
        If the model is infeasible; it names the conflicting constraints and the smallest changes.
    InputError
        If the objective is unbounded.
    CheckError
        If the verifications contradict each other.
    """
    if outcome.point is not None:
        return outcome
    if outcome.status == "limit":
        nothing = zero_point(matrix)
        if nothing is None:
            if was_stopped():
                _raise_if_beyond_retrofits(problem, matrix)
                raise NoPlanError(_ENDED)
            return _find_elastic_plan(problem, matrix, options)
        return replace(outcome, x=nothing, objective=float(matrix.costs[0] @ nothing))
    if outcome.status == "unbounded":
        raise _unbounded_error(problem, matrix, options)
    with effort():
        return _verify_infeasible(problem, matrix, options)


def _find_elastic_plan(problem: Problem, matrix: Matrix, options: SolverOptions) -> Outcome:
    """The plan of an elastic model that violates nothing; an error if there is none or no answer."""
    status, plan = verify_by_elastic_model(matrix, options, now() + _effort_to_verify(matrix))
    if plan is not None:
        return plan
    if status == "infeasible":
        with effort():
            raise _infeasible_error(problem, matrix, options)
    raise _undecided_error(problem, matrix, options, _ENDED)


def _undecided_error(problem: Problem, matrix: Matrix, options: SolverOptions, what: str) -> NoPlanError:
    """The error of a model without a plan and without a proof that there is none, with changes that lead to a plan."""
    with effort():
        changes, _, _ = _restoring_changes(problem, matrix, options)
    if not changes:
        return NoPlanError(what)
    return NoPlanError("\n".join([what, _CHANGES, *(f"  - {change}" for change in changes)]))


def _verify_infeasible(problem: Problem, matrix: Matrix, options: SolverOptions) -> Outcome:
    """Verify that the model is infeasible and raise an InfeasibleError, or return the outcome of the verification."""
    to_verify = _effort_to_verify(matrix)
    if is_proven_infeasible(matrix, options, to_verify):
        raise _infeasible_error(problem, matrix, options)
    second = point_without_presolve(matrix, options, to_verify)
    if second.x is not None:
        return second
    if second.status == "unbounded":
        raise _unbounded_error(problem, matrix, options)
    if second.status != "infeasible":
        raise _undecided_error(problem, matrix, options, _UNVERIFIED)
    status, plan = verify_by_elastic_model(matrix, options, now() + to_verify)
    if plan is not None:
        return plan
    if status == "undecided":
        raise _undecided_error(problem, matrix, options, _UNVERIFIED)
    if status == "contradiction":
        what = "the solver reports that the model is infeasible, but an elastic model needs to violate no constraint"
        raise disagreement(matrix, options, what)
    raise _infeasible_error(problem, matrix, options)


def _effort_multiple(matrix: Matrix) -> float:
    return _OF_SMALL_MODELS if len(matrix.row_lower) <= _SMALL_ROWS else 1.0


def _effort_to_verify(matrix: Matrix) -> float:
    return max(effort_of_model(len(matrix.row_lower), "normal"), _VERIFY_EFFORT * _effort_multiple(matrix))


def _infeasible_error(problem: Problem, matrix: Matrix, options: SolverOptions) -> InfeasibleError:
    """The error of an infeasible model: what conflicts, what restores feasibility, and the nearest plan."""
    changes, search, constraints = _restoring_changes(problem, matrix, options)
    nearest = search.nearest_point(constraints, now() + _NEAREST_EFFORT)
    return InfeasibleError(changes, tables=None if nearest is None else _nearest_tables(problem, matrix, nearest))


def _restoring_changes(
    problem: Problem, matrix: Matrix, options: SolverOptions
) -> tuple[list[str], ElasticSearch, list[str]]:
    """Sentences on changes that restore feasibility, the search that found them, and the constraints it may relax."""
    repair_effort = REPAIR_EFFORT * _effort_multiple(matrix)
    deadline = now() + repair_effort
    charges = network_of(problem, matrix) if problem.network is not None and problem.is_integer else None
    until = now() + _ROWS_SHARE * repair_effort
    groups = relaxations_of(problem, (name for name, _ in matrix.row_constraints))

    def growths(without: Sequence[str]) -> GrowthNetwork | None:
        return growth_network_of(problem, matrix, to_targets=True, without=without) if charges is not None else None

    search = ElasticSearch(matrix, options, charges, growths)
    by_rows = search.smallest_relaxations(groups, until)
    # A trial of another scenario has none of the changes that a modeller made.
    changes = scenario_changes(problem, matrix, options, deadline) if _is_own_model(problem, matrix) else ()
    if not by_rows and not changes:
        by_rows = search.smallest_pair(groups, now() + repair_effort)
    texts = (_text(problem, each) for each in by_rows)
    # A commitment may be found among the rows and among the keys of the scenario.
    named = {change.partition(": ")[2] for change in changes if change.startswith("plants.committed: ")}
    unlike = (text for text in texts if text.removesuffix(" (plants.committed)").partition(": ")[2] not in named)
    return [*unlike, *changes], search, list(dict.fromkeys(name for group in groups for name in group))


def _is_own_model(problem: Problem, matrix: Matrix) -> bool:
    """Whether a matrix has the rows, columns and kinds of bounds of its problem; amounts of money may be scaled."""
    own = matrix_of(build_model(problem))
    if (own.row_constraints, own.columns) != (matrix.row_constraints, matrix.columns):
        return False
    integers = own.is_integer
    kinds = ((each.lower == each.upper, np.isfinite(each.lower), np.isfinite(each.upper)) for each in (own, matrix))
    return all(
        np.array_equal(one, other)
        for one, other in [
            *zip(*kinds, strict=True),
            (own.lower[integers], matrix.lower[integers]),
            (own.upper[integers], matrix.upper[integers]),
            (integers, matrix.is_integer),
        ]
    )


def _text(problem: Problem, relaxation: RowRelaxation) -> str:
    """A relaxation as a sentence, which says so where a smaller one may exist."""
    text, rows = relaxation_text(problem, relaxation.rows), relaxation.rows
    is_one = len(rows) == 1 and any(len(rows.get(name, ())) == 1 for name in (REQUIRED_PLANT, COMMITTED))
    return text if relaxation.is_proven or is_one else f"{text}; a smaller change may suffice"


def _nearest_tables(problem: Problem, matrix: Matrix, nearest: Nearest) -> dict[str, pd.DataFrame]:
    """The retrofits of the nearest plan, and the constraints that it violates."""
    point = point_of(problem, matrix, nearest.x)
    built = [(r, s) for r, s in zip(*np.nonzero(point.build > BUILT), strict=True)]
    routes = problem.routes.iloc[[r for r, _ in built]]
    retrofits = routes[["plant", "stream", "technology", "size", "nameplate_ktpa", "capex_mn"]].reset_index(drop=True)
    retrofits.insert(1, "year", [problem.years[s] for _, s in built])
    retrofits["build"] = [float(point.build[r, s]) for r, s in built]
    violations = pd.DataFrame(nearest.missed, columns=["constraint", "index", "limit", "missed_by"])
    violations["index"] = violations["index"].map(lambda index: "" if index is None else str(index))
    return {"nearest_retrofits": retrofits, "nearest_violations": violations}


def _unbounded_error(problem: Problem, matrix: Matrix, options: SolverOptions) -> InputError:
    """The error of an unbounded objective, with the variables that lack a limit."""
    columns = columns_without_limit(matrix, options, effort_of_model(len(matrix.row_lower), "normal"))[:_NAMED]
    growing = "the objective {} is unbounded: {} has no limit"
    issues = [
        Issue(
            "the model",
            growing.format(problem.objective, each.name),
            f"set {_LIMITS.get(each.variable, f'an upper bound of {each.variable}')}",
        )
        for each in columns
    ]
    return InputError(
        issues
        or [
            Issue("the model", f"the objective {problem.objective} is unbounded", "a site or a budget without a limit?")
        ]
    )
