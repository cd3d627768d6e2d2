"""The plan in sentences, for a reader who opens the workbook and nothing else."""

from __future__ import annotations

import math

from ccs_model.plan.decisions import BUILT
from ccs_model.plan.plan import Plan
from ccs_model.report.pipe_tables import pipe_links
from ccs_model.units import unit_text

# How good a plan is proven to be, in words: within its corridors, and over all candidate links.

# What a plan does, what a better one would do, and what the gap is of.
_VERBS = {
    "max_abatement": ("avoids", "avoids more than", "left to gain"),
    "min_cost": ("costs", "reaches the targets for less than", "left to save"),
    "max_npv": ("is worth to its owners", "is worth more than", "left to gain"),
    "max_net_benefit": ("is worth to society", "is worth more than", "left to gain"),
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
    does, beaten, left = _VERBS[plan.problem.objective]
    if plan.problem.objective == "min_cost" and not plan.problem.targets:
        beaten = "costs less than"
    n_corridors, n_links = pipe_links(plan) if plan.corridors is not None else (0, 0)
    where = "" if n_corridors == n_links else f" within its {corridors(n_corridors)}"
    message = (
        f"This plan {does} {value} {unit}; it is proven that no plan{where} {beaten} {bound}, so at most "
        f"{percent(objective.gap_share)} is {left}"
    )
    if not where:
        return message
    return (
        f"{message} there. Corridors are the links among which the plan was sought. Over all {n_links} candidate links "
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
    better = "cheaper" if plan.problem.objective == "min_cost" else "better"
    return f"no plan can be more than {percent(share)} {better}"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "a bound that was not found"


def answer(plan: Plan) -> str:
    """What the plan does, in a few sentences; of an empty plan, why it is empty."""
    totals, problem = plan.totals, plan.problem
    looked_at = (
        f"Of {totals['n_plants']} operating plants, which emit {_rounded(totals['baseline_ktpa'])} kt CO2 a year, "
    )
    if plan.retrofits.empty:
        return f"{looked_at}none is fitted. Nothing is built, because {why_nothing_is_built(plan)}."
    when = "In a year like this" if problem.is_static else f"In the last period, from {problem.years[-1]},"
    return (
        f"{looked_at}the plan fits {totals['n_plants_retrofitted']} with {totals['n_retrofits']} retrofits. {when} they "
        f"capture {_rounded(totals['captured_ktpa'])} kt/y and avoid {_rounded(totals['avoided_ktpa'])} kt/y, "
        f"{_percent(totals['abatement_share'])} of what all these plants emit. {_spent(plan)}; {_levelised(plan)}"
    )


def last_period(plan: Plan) -> str:
    """The period that tonnes are of."""
    return "a representative year" if plan.problem.is_static else f"the last period, from {plan.problem.years[-1]}"


def _spent(plan: Plan) -> str:
    """What it costs to build, apart for capture, pipes and storage; of a static year, what a year costs."""
    totals, unit = plan.totals, money(plan, "_mn")
    parts = f"capture {_rounded(totals['capture_capex_mn'])}, pipes {_rounded(totals['pipe_capex_mn'])}"
    if plan.problem.network is not None:
        parts += f", storage sites and wells {_rounded(totals['storage_capex_mn'])}"
    building = f"Building them costs {_rounded(totals['capex_mn'])} {unit}"
    if not plan.problem.is_static:
        return f"{building}{_of_the_budget(plan)} ({parts})"
    yearly = _rounded(sum(plan.costs.values()))
    return (
        f"{building} ({parts}); with that as a yearly share of capital, a year costs {yearly} million"
        f"{_of_the_budget(plan)}"
    )


def why_nothing_is_built(plan: Plan) -> str:
    """The first reason that alone explains an empty plan."""
    problem = plan.problem
    if problem.objective == "min_cost":
        return "the targets are reached without, or a missing tonne is cheaper than a retrofit"
    if problem.objective in ("max_npv", "max_net_benefit"):
        whom = "its owners" if problem.objective == "max_npv" else "society"
        return f"no retrofit with its transport and storage is worth more to {whom} than it costs"
    if problem.budget_mn == 0:
        return "the budget is 0"
    if not problem.plants["is_candidate"].any():
        return "no plant may be fitted (sheet Plants gives the reason of each)"
    if problem.routes.empty:
        return "no stream can both be captured and reach a storage site"
    if problem.max_builds_per_year == 0:
        return "the scenario lets no retrofit start (capture.max_builds_per_year is 0)"
    cheapest = float(problem.routes["capex_mn"].min())
    if problem.is_integer and not problem.is_static and problem.budget_mn < cheapest:
        # In a network the pipe is not the retrofit's own, and comes on top.
        what = "retrofit with its pipe" if problem.network is None else "retrofit alone"
        return (
            f"the budget of {_rounded(problem.budget_mn)} {money(plan, '_mn')} is less than the cheapest {what} costs "
            f"({_rounded(cheapest)})"
        )
    if problem.network is not None:
        return (
            "no retrofit was found that keeps every limit together with its pipes and wells and avoids more CO2 than "
            "its heat and power cause"
        )
    return "no retrofit that keeps every limit avoids more CO2 than its heat and power cause"


def status(plan: Plan) -> str:
    """Status, gap and bounds in words."""
    requested = percent(plan.problem.scenario.solver.mip_gap)
    if plan.reached_a_limit:
        return f"Status: limit. The time limit came before the gap asked for ({requested}) was proven. {proven(plan)}."
    return f"Status: {plan.status}. {proven(plan)} (gap asked for: {requested})."


def checks(plan: Plan, number: int) -> str:
    """The master check in words; `number` counts the plan's checks and those of the workbook."""
    broken = int((~plan.checks["holds"]).sum())
    if broken:
        return f"{broken} of {number} checks do not hold: see sheet Checks."
    return f"All {number} checks hold."


def marginal_budget(plan: Plan) -> str:
    """What more budget would buy, found by solving again."""
    bought = plan.marginal_budget
    if plan.problem.objective == "min_cost":
        return (
            "The aim is the least cost of reaching the targets; sheet section Targets says what the next tonne costs."
        )
    if plan.problem.objective in ("max_npv", "max_net_benefit"):
        return "The aim is money, not tonnes: what more budget would buy is asked where the aim is the most abatement."
    if bought is None and plan.totals["budget_mn"] is None:
        return "No budget limits this plan."
    if bought is None:
        return "What more money would buy was not found: the time limit left no room for solving again."
    kept = "every retrofit of the plan kept" if plan.problem.is_integer else "the whole plan free to change"
    found = f"Solved again with {_rounded(bought.added_mn)} {money(plan, '_mn')} more and {kept}: "
    if bought.abatement_kt <= BUILT:
        return f"{found}nothing more is avoided; the next retrofit costs more than that."
    names = plan.problem.plants.set_index("plant")["name"]
    entering = "; ".join(f"{names[plant]} ({plant})" for plant in bought.plants)
    who = f" What enters or grows: {entering}." if entering else " No further plant enters."
    return f"{found}{_rounded(bought.abatement_kt)} kt more are avoided {_over(plan)}.{who}"


def _over(plan: Plan) -> str:
    return "in a year" if plan.problem.is_static else "over the horizon"


def targets(plan: Plan) -> str:
    """Whether the targets are reached."""
    missed = int((plan.targets["shortfall_kt"] > BUILT).sum())
    if missed:
        return f"{missed} of {len(plan.targets)} targets are missed, at the price the scenario gives a missing tonne."
    return (
        "Every target is reached. A year's target holds in its period; tonnes are kt/y there, else kt over the horizon."
    )


def _of_the_budget(plan: Plan) -> str:
    budget = plan.totals["budget_mn"]
    return f" of a budget of {_rounded(budget)}" if budget is not None else ""


def money(plan: Plan, name: str) -> str:
    """The unit of a money column with its base year."""
    return unit_text(name, plan.problem.currency, plan.problem.price_year)


def _levelised(plan: Plan) -> str:
    capture, avoidance = plan.totals["capture_cost_per_t"], plan.totals["avoidance_cost_per_t"]
    if capture is None or avoidance is None:
        return "nothing is avoided at full load, so no cost per tonne is given."
    return (
        f"capturing a tonne costs {_rounded(capture)} and avoiding one, with transport and storage, "
        f"{_rounded(avoidance)} {money(plan, '_per_t')}."
    )


def _rounded(value: float | int | None) -> str:
    return f"{value or 0:,.0f}"


def _percent(value: float | int | None, digits: int = 1) -> str:
    return f"{100 * (value or 0):.{digits}f} %"
