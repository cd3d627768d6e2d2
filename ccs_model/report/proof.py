"""How good a plan is proven to be, in words: within its corridors, and over all candidate links."""

from __future__ import annotations

import math

from ccs_model.plan.plan import Plan
from ccs_model.report.links import pipe_links

# What a plan does, what a better one would do, and what the gap is of.
_VERBS = {
    "most_abatement": ("avoids", "avoids more than", "left to gain"),
    "least_cost": ("costs", "reaches the targets for less than", "left to save"),
    "highest_npv": ("is worth to its owners", "is worth more than", "left to gain"),
    "highest_net_benefit": ("is worth to society", "is worth more than", "left to gain"),
}


def closeness(plan: Plan) -> str:
    """The gap, never without the wider bound: `within 0.86 % of the best plan within its 38 corridors; …`."""
    objective = plan.objective
    if plan.corridors is None:
        return f"within {percent(objective.gap_share)} of the best plan"
    n_corridors, n_links = pipe_links(plan)
    if n_corridors == n_links:
        return f"within {percent(objective.gap_share)} of the best plan over all {n_links} candidate links"
    return (
        f"within {percent(objective.gap_share)} of the best plan within its {corridors(n_corridors)}; "
        f"over all {n_links} candidate links {_no_better(plan)}"
    )


def proven(plan: Plan) -> str:
    """Value and bounds as a sentence without its full stop."""
    objective = plan.objective
    value, bound = _amount(objective.value), _amount(objective.bound)
    unit = objective.unit.replace("million", f"million {plan.problem.currency} {plan.problem.price_year}")
    does, beaten, left = _VERBS[plan.problem.aim]
    if plan.problem.aim == "least_cost" and not plan.problem.targets:
        beaten = "costs less than"
    n_corridors, n_links = pipe_links(plan) if plan.corridors is not None else (0, 0)
    where = "" if n_corridors == n_links else f" within its {corridors(n_corridors)}"
    said = (
        f"This plan {does} {value} {unit}; it is proven that no plan{where} {beaten} {bound}, so at most "
        f"{percent(objective.gap_share)} is {left}"
    )
    if not where:
        return said
    return (
        f"{said} there. Corridors are the links among which the plan was sought. Over all {n_links} candidate links "
        f"no plan {beaten} {_amount(objective.all_links_bound)}: {_no_better(plan)}"
    )


def corridors(number: int) -> str:
    """`1 corridor`, `38 corridors`."""
    return f"{number} corridor" + ("" if number == 1 else "s")


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage; one that no bound was found for is said to be unknown."""
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else "an unknown share"


def _no_better(plan: Plan) -> str:
    """What the wider bound leaves open."""
    share, bound = plan.objective.all_links_gap_share, plan.objective.all_links_bound
    if not math.isfinite(share):
        # Against a value of 0 no bound is a share.
        return (
            f"the value is at most {bound:,.0f} {plan.objective.unit}" if math.isfinite(bound) else "nothing is proven"
        )
    better = "cheaper" if plan.problem.aim == "least_cost" else "better"
    return f"no plan can be more than {percent(share)} {better}"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "a bound that was not found"
