"""Whether what the solver says is believed: a plan, or the reason why there is none, told as an error."""

from __future__ import annotations

from ccs_model.errors import InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.mip import Matrix, Outcome, SolverOptions
from ccs_model.mip.infeasible_rows import point_without_presolve, ways_to_mend
from ccs_model.mip.search import now
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
from ccs_model.solve.feasibility_repair import changes_that_mend
from ccs_model.solve.fixed_charge_network import fixed_charges_of

# An unexplained "infeasible" helps nobody, so looking for what would mend it has time of its own.
REPAIR_TIME_S = 30.0
# Of it, what rows that give way may take; changes of the scenario have the rest.
ROWS_TIME_SHARE = 2 / 3
# What a second opinion has at least.
_OPINION_S = 10.0
# The limit that a variable lacks, and where a planner gives it.
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
    posing_s: float,
) -> Outcome:
    """The outcome if it holds a plan; otherwise the reason why there is none, as an error.

    `deadline` is a moment of solver.clock, `limit_s` what was asked for, `posing_s` what posing the problem took.
    """
    if outcome.x is not None and outcome.status in ("optimal", "limit"):
        return outcome
    if outcome.status == "limit":
        raise NoPlanError(f"no plan was found within {limit_s:g} s; raise solver.time_limit_s or widen solver.mip_gap")
    if outcome.status == "unbounded":
        raise _without_limit(problem, matrix, options)
    deadline = max(deadline, now() + _OPINION_S)
    second = point_without_presolve(matrix, options, deadline - now())
    if second.x is not None:
        return second
    if second.status == "unbounded":
        raise _without_limit(problem, matrix, options)
    too_late = NoPlanError(
        "the solver says that no plan keeps every claim, but a second opinion was not reached in time; "
        "raise solver.time_limit_s"
    )
    if second.status != "infeasible":
        raise too_late
    opinion, plan = elastic_opinion(matrix, options, max(deadline, now() + _OPINION_S))
    if plan is not None:
        return plan
    if opinion == "undecided":
        raise too_late
    if opinion == "contradiction":
        what = "the solver says that no plan keeps every claim, and finds that none of them has to give way"
        raise disagreement(matrix, options, what)
    began = now()
    deadline = max(deadline, began + REPAIR_TIME_S)
    charges = fixed_charges_of(problem, matrix) if problem.network is not None and problem.is_integer else None
    until = began + ROWS_TIME_SHARE * (deadline - began)
    by_rows = ways_to_mend(matrix, relaxations_of(problem), options, until, charges)
    changes = changes_that_mend(problem, matrix, options, deadline, posing_s)
    raise InfeasibleError([*(relaxation_text(problem, each.rows) for each in by_rows), *changes])


def _without_limit(problem: Problem, matrix: Matrix, options: SolverOptions) -> InputError:
    """The variables that could grow for ever, each with the limit it lacks."""
    columns = columns_without_limit(matrix, options, _OPINION_S)[:_NAMED]
    growing = "the aim {} has no limit: {} can grow for ever"
    issues = [
        Issue(
            "the program",
            growing.format(problem.objective, each.name),
            f"what would limit it: {_LIMITS.get(each.variable, f'an upper bound of {each.variable}')}",
        )
        for each in columns
    ]
    return InputError(
        issues
        or [Issue("the program", f"the aim {problem.objective} has no limit", "a site or a budget without a limit?")]
    )
