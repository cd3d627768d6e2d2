"""Verification of the solver's outcome: a solution, or an error with the reason why there is none."""

from __future__ import annotations

from ccs_model.errors import InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.mip import Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.infeasible_rows import point_without_presolve, smallest_relaxations
from ccs_model.mip.verification import columns_without_limit, disagreement, elastic_opinion
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BUILD,
    FORWARD,
    INJECTED,
    PAID_FOR_OIL,
    PIPE,
    PIPE_FLOW,
    REVERSE,
    SHORTFALL,
    WELLS,
    relaxation_text,
    relaxations_of,
)
from ccs_model.problem import Problem
from ccs_model.solve.feasibility_repair import scenario_changes
from ccs_model.solve.fixed_charge_network import network_of

# Time to find the smallest changes that restore feasibility, beyond the time limit if necessary.
REPAIR_TIME_S = 30.0
# Share of it for relaxations of constraints; changes of the scenario have the rest.
ROWS_TIME_SHARE = 2 / 3
# Least time for a verification.
_VERIFY_S = 10.0
# By variable, the scenario key or table that limits it.
_LIMITS = {
    BUILD: "capture.max_builds_per_year, or a budget: budget.total_mn",
    PIPE: "a budget: budget.total_mn",
    ADDED_CAPACITY: "the largest pipe: largest_ktpa of transport/pipes or transport/trends",
    PIPE_FLOW: "the largest pipe: largest_ktpa of transport/pipes or transport/trends",
    FORWARD: "the largest pipe: largest_ktpa of transport/pipes or transport/trends",
    REVERSE: "the largest pipe: largest_ktpa of transport/pipes or transport/trends",
    WELLS: "n_wells_max of storage/sites",
    INJECTED: "capacity_mid_kt and n_wells_max of storage/sites",
    PAID_FOR_OIL: "capacity_mid_kt and n_wells_max of storage/sites",
    SHORTFALL: "targets.shortfall_per_t: a price for what is missed",
}
_NAMED = 3


def verified_outcome(
    problem: Problem,
    matrix: Matrix,
    options: SolverOptions,
    outcome: Outcome,
    *,
    deadline: float,
    limit_s: float,
    build_s: float,
) -> Outcome:
    """Return the outcome if it has a solution; otherwise raise an error with the reason why there is none.

    Parameters
    ----------
    problem, matrix, options
        The problem, its matrix and the options of the solver.
    outcome
        The outcome to verify.
    deadline
        A value of `clock.now`.
    limit_s
        The requested time limit in seconds.
    build_s
        Seconds that building the problem and the model took.

    Raises
    ------
    NoPlanError
        If a limit came before any solution.
    InfeasibleError
        If the model is infeasible; it names the conflicting constraints and the smallest changes.
    InputError
        If the objective is unbounded.
    CheckError
        If the verifications contradict each other.
    """
    if outcome.x is not None and outcome.status in ("optimal", "limit"):
        return outcome
    if outcome.status == "limit":
        raise NoPlanError(f"no plan was found within {limit_s:g} s; raise solver.time_limit_s or widen solver.mip_gap")
    if outcome.status == "unbounded":
        raise _without_limit(problem, matrix, options)
    deadline = max(deadline, now() + _VERIFY_S)
    second = point_without_presolve(matrix, options, deadline - now())
    if second.x is not None:
        return second
    if second.status == "unbounded":
        raise _without_limit(problem, matrix, options)
    too_late = NoPlanError(
        "the solver reports that the model is infeasible, but there was no time to verify it; raise solver.time_limit_s"
    )
    if second.status != "infeasible":
        raise too_late
    status, plan = elastic_opinion(matrix, options, max(deadline, now() + _VERIFY_S))
    if plan is not None:
        return plan
    if status == "undecided":
        raise too_late
    if status == "contradiction":
        what = "the solver reports that the model is infeasible, but an elastic model needs to violate no constraint"
        raise disagreement(matrix, options, what)
    began = now()
    deadline = max(deadline, began + REPAIR_TIME_S)
    charges = network_of(problem, matrix) if problem.network is not None and problem.is_integer else None
    until = began + ROWS_TIME_SHARE * (deadline - began)
    by_rows = smallest_relaxations(matrix, relaxations_of(problem), options, until, charges)
    changes = scenario_changes(problem, matrix, options, deadline, build_s)
    raise InfeasibleError([*(relaxation_text(problem, each.rows) for each in by_rows), *changes])


def _without_limit(problem: Problem, matrix: Matrix, options: SolverOptions) -> InputError:
    """The error of an unbounded objective, with the variables that lack a limit."""
    columns = columns_without_limit(matrix, options, _VERIFY_S)[:_NAMED]
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
