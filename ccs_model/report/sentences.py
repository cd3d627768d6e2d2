"""Sentences about a plan, shared by the workbook, the page and the command line."""

from __future__ import annotations

import math
from dataclasses import asdict

from ccs_model.plan.decisions import BUILT
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import pipe_links, reason_for_empty_plan, records, storage_band_of
from ccs_model.plan.tables import left_out_table, not_eligible_table
from ccs_model.problem import Problem
from ccs_model.report.phrases import (
    LEAST_SHOWN_KT,
    Gap,
    ended_retrofits_in_words,
    granted_mn,
    left_out_plants_in_words,
    percent,
    reasons_in_words,
    replan_changes_in_words,
    storage_range,
    targets_in_words,
    unspent_budget_in_words,
)
from ccs_model.units import count_text, rounded_text, unit_text

# The plan's objective value, and what no plan exceeds, by objective.
_ACHIEVED = {
    "max_abatement": ("The plan avoids", "avoids more than"),
    "min_cost": ("The plan costs", "reaches the targets for less than"),
    "max_npv": ("The owners' NPV of the plan is", "exceeds"),
    "max_net_benefit": ("The net social benefit of the plan is", "exceeds"),
}
# Stands below the answer in the workbook, whose figures are live.
AS_SOLVED = "The answer describes the plan as solved. It does not follow edits of this workbook; the key figures do."


def gap_of(plan: Plan) -> Gap:
    """The optimality gap of a plan."""
    objective = plan.objective
    n_searched, n_links = (0, 0) if plan.corridors is None else pipe_links(plan)
    return Gap(
        objective.searched_gap_share,
        objective.gap_share,
        objective.searched_bound,
        objective.bound,
        n_searched,
        n_links,
    )


def bound_text(plan: Plan, requested: str = "") -> str:
    """Value, bounds and gaps as sentences without the last full stop; `requested` closes the last gap."""
    objective, gap = plan.objective, gap_of(plan)
    achieves, exceeds = _ACHIEVED[plan.problem.objective]
    may_miss = plan.problem.scenario.targets.shortfall_per_t is not None
    if plan.problem.objective == "min_cost" and (may_miss or not plan.problem.targets):
        exceeds = "costs less than"
    unit = objective.unit.replace("million", f"million {plan.problem.money}")

    def limit(bound: float, share: float, requested: str) -> str:
        if not math.isfinite(bound):
            return f"no bound was found{f' (requested gap {requested})' if requested else ''}"
        request = f", requested {requested}" if requested else ""
        return f"no plan {exceeds} {round(bound):,} (optimality gap {percent(share)}{request})"

    value = f"{achieves} {round(objective.value):,} {unit}"
    if not gap.is_restricted:
        return f"{value}; {limit(gap.searched_bound, gap.searched_share, requested)}"
    return (
        f"{value}; over all {gap.n_links:,} candidate links {limit(gap.bound, gap.share, '')}. "
        f"Searched links are the candidate links in which the plan was optimised. "
        f"Within its {count_text(gap.n_searched, 'searched link')} "
        f"{limit(gap.searched_bound, gap.searched_share, requested)}"
    )


def answer(plan: Plan) -> str:
    """The result of the plan in a few sentences; for an empty plan, the reason."""
    totals, problem = plan.totals, plan.problem
    baseline = f"emissions of {rounded_text(totals['baseline_ktpa'])} kt CO2 per year"
    plants = f"Of {count_text(totals['n_plants'], 'operating plant')} with {baseline}, "
    if plan.retrofits.empty:
        return f"{plants}none is retrofitted. {empty_plan_sentence(plan)}"
    unit, capture, avoidance = money(plan, "_per_t"), totals["capture_cost_per_t"], totals["avoidance_cost_per_t"]
    costs = "net abatement in the last period is zero, so no cost per tonne is given."
    if capture is not None and avoidance is not None:
        costs = (
            f"the capture cost is {rounded_text(capture)} {unit} captured and the avoidance cost, with transport and "
            f"storage, {rounded_text(avoidance)} {unit} avoided."
        )
    when = "In a representative year" if problem.is_static else f"In the last period, from {problem.years[-1]},"
    return (
        f"{plants}the plan retrofits {totals['n_plants_retrofitted']} with "
        f"{count_text(totals['n_retrofits'], 'capture unit')}. "
        f"{when} the plan captures {rounded_text(totals['captured_ktpa'])} kt/y and avoids "
        f"{rounded_text(totals['avoided_ktpa'])} kt/y, {percent(totals['abatement_share'])} of the emissions of all "
        "these plants. "
        f"{_investment(plan)}; {costs} {ended_retrofits_in_words(records(plan.retrofits), totals, unit)}"
    ).rstrip()


def last_period(plan: Plan) -> str:
    """The period that tonnes refer to."""
    return "a representative year" if plan.problem.is_static else f"the last period, from {plan.problem.years[-1]}"


def _investment(plan: Plan) -> str:
    """Investment in capture, pipelines and storage; for a static year also the annual cost."""
    totals = plan.totals
    names = ("capture_capex_mn", "pipe_capex_mn", "storage_capex_mn")
    capture, pipes, storage = (rounded_text(float(totals[name] or 0.0)) for name in names)
    parts = f"capture {capture}, pipelines {pipes}, storage sites and wells {storage}"
    investment = f"The investment is {rounded_text(totals['capex_mn'])} {money(plan, '_mn')} ({parts})"
    if (granted := granted_mn(records(plan.funds))) > BUILT:
        investment += f", of which grants pay {rounded_text(granted)}"
    if plan.problem.is_static:
        investment += (
            f"; with annualised capital, the annual cost is {rounded_text(sum(plan.cost_terms.values()))} million"
        )
    if totals["budget_mn"] is None:
        return investment
    budget = rounded_text(totals["budget_mn"])
    if granted > BUILT:
        return (
            f"{investment}; the budget of {budget} million pays {rounded_text((totals['capex_mn'] or 0.0) - granted)}"
        )
    return f"{investment}; the budget is {budget} million"


def storage_band(cost_per_t: float | None, problem: Problem) -> str:
    """Cost of storage beside its published range in China; empty without storage, or for another country."""
    band = storage_band_of(problem)
    unit = unit_text("_per_t", problem.currency, problem.price_year)
    return storage_range(cost_per_t, None if band is None else asdict(band), unit)


def empty_plan_sentence(plan: Plan) -> str:
    """Why an empty plan is empty, as a sentence; empty for a plan with retrofits."""
    return f"Nothing is built because {reason_for_empty_plan(plan)}." if plan.retrofits.empty else ""


def not_eligible_sentences(problem: Problem) -> list[str]:
    """One sentence for each reason why plants are not eligible: their number, emissions, the key, the largest."""
    return reasons_in_words(not_eligible_table(problem).to_dict("records"))


def left_out_sentences(problem: Problem) -> list[str]:
    """One sentence for each reason why plants of the user's inventories are not in the plan."""
    return left_out_plants_in_words(left_out_table(problem).to_dict("records"))


def status(plan: Plan) -> str:
    """Status, value, bounds and gaps."""
    requested = percent(plan.problem.scenario.solver.mip_gap)
    if plan.reached_a_limit:
        return f"Status: stopped by a limit before the requested gap ({requested}) was reached. {bound_text(plan)}."
    reached = plan.status
    if reached == "within_gap":
        reached = f"within the requested gap{' for the links searched' if gap_of(plan).is_restricted else ''}"
    return f"Status: {reached}. {bound_text(plan, requested)}."


def marginal_budget(plan: Plan) -> str:
    """Additional abatement of a larger budget, from a second solve."""
    marginal = plan.marginal_budget
    if plan.problem.objective == "min_cost":
        return (
            "The objective is the minimum cost of the targets; the marginal cost of each target is in section Targets."
        )
    if plan.problem.objective in ("max_npv", "max_net_benefit"):
        return (
            "The objective is money, not tonnes; the marginal value of the budget is given for the objective "
            "max_abatement."
        )
    if marginal is None and plan.totals["budget_mn"] is None:
        return "The plan has no budget limit."
    if marginal is None:
        return "The marginal value of the budget is unknown: the time limit left no time for a second solve."
    kept = " and every retrofit of the plan kept" if plan.problem.is_integer else ""
    solved = f"Re-solved with {rounded_text(marginal.added_mn)} {money(plan, '_mn')} more{kept}: "
    if marginal.abatement_kt < (LEAST_SHOWN_KT if plan.problem.is_integer else BUILT):
        return f"{solved}no additional abatement; the next retrofit costs more than that."
    names = plan.problem.plants.set_index("plant")["name"]
    entering = "; ".join(f"{names[plant]} ({plant})" for plant in marginal.plants)
    who = f" Entering or enlarged: {entering}." if entering else " No further plant enters."
    over = "in a year" if plan.problem.is_static else "over the horizon"
    problem, totals = plan.problem, plan.totals
    capex_mn = float(totals["capex_mn"] or 0.0) - granted_mn(records(plan.funds))
    left = (
        ""
        if problem.is_static or not entering
        else unspent_budget_in_words(totals["budget_mn"], capex_mn, problem.money)
    )
    return f"{solved}{rounded_text(marginal.abatement_kt)} kt more abatement {over}.{who}{left}"


def replans(plan: Plan) -> str:
    """What a larger budget adds if every decision is free; empty if that was not solved."""
    found = plan.marginal_budget.replans if plan.marginal_budget is not None else ()
    least, none = ("at least ", " found") if plan.problem.is_integer else ("", "")
    sentences = []
    for each in found:
        more = f"no further abatement{none}"
        if each.abatement_kt >= LEAST_SHOWN_KT:
            changes = replan_changes_in_words(each.abatement_kt, each.entering, each.leaving, each.changing)
            more = f"{least}{rounded_text(each.abatement_kt)} kt more abatement; {changes}"
        sentences.append(f"Re-planned with {rounded_text(each.added_mn)} {money(plan, '_mn')} more: {more}.")
    return " ".join(sentences)


def targets(plan: Plan) -> str:
    """Whether the targets are reached."""
    shortfall_mn = plan.cost_terms.get("shortfall_mn", 0.0)
    found = targets_in_words(records(plan.targets), shortfall_mn, plan.problem.money)
    if (plan.targets["shortfall_kt"] > BUILT).any():
        return found
    return f"{found} An annual target applies in its period and is in kt/y; other targets are in kt over the horizon."


def money(plan: Plan, name: str) -> str:
    """The unit of a money column with its price year."""
    return unit_text(name, plan.problem.currency, plan.problem.price_year)
