"""Sentences about a plan, shared by the workbook, the page and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ccs_model.model.names import CUMULATIVE_BUDGET, DEPLOYMENT, PROVINCE_BUDGET, SITE_CAPACITY, YEARLY_RATE
from ccs_model.plan.decisions import BUILT
from ccs_model.plan.plan import Plan
from ccs_model.plan.tables import not_eligible_table
from ccs_model.problem import Problem
from ccs_model.report.figures import Gap, gap_of, storage_band_of
from ccs_model.report.workbook.cell_values import first_few
from ccs_model.units import unit_text

# How many of the largest plants a sentence names.
_NAMED = 3
# The plan's objective value, and what no plan exceeds, by objective.
_ACHIEVED = {
    "max_abatement": ("The plan avoids", "avoids more than"),
    "min_cost": ("The plan costs", "reaches the targets for less than"),
    "max_npv": ("The owners' NPV of the plan is", "exceeds"),
    "max_net_benefit": ("The net social benefit of the plan is", "exceeds"),
}


def gap_text(gap: Gap, unit: str = "") -> str:
    """The optimality gap, over all candidate links first: `optimality gap 6.20 % (over all 420 candidate links); …`."""
    if not gap.n_links:
        return f"optimality gap {percent(gap.searched_share)}"
    every = f"over all {gap.n_links} candidate links"
    if not gap.is_restricted:
        return f"optimality gap {percent(gap.searched_share)} ({every})"
    if not math.isfinite(gap.share) and math.isfinite(gap.bound):
        # A value of 0 has a bound, but no relative gap.
        every = f"bound {gap.bound:,.0f} {unit} {every}"
    return (
        f"optimality gap {percent(gap.share)} ({every}); "
        f"{percent(gap.searched_share)} within the {gap.n_searched} links searched"
    )


def bound_text(plan: Plan, requested: str = "") -> str:
    """Value, bounds and gaps as sentences without the last full stop; `requested` closes the last gap."""
    objective, gap = plan.objective, gap_of(plan)
    achieves, exceeds = _ACHIEVED[plan.problem.objective]
    if plan.problem.objective == "min_cost" and not plan.problem.targets:
        exceeds = "costs less than"
    unit = objective.unit.replace("million", f"million {plan.problem.currency} {plan.problem.price_year}")

    def limit(bound: float, share: float, requested: str) -> str:
        if not math.isfinite(bound):
            return f"no bound was found{f' (requested gap {requested})' if requested else ''}"
        asked = f", requested {requested}" if requested else ""
        return f"no plan {exceeds} {round(bound):,} (optimality gap {percent(share)}{asked})"

    value = f"{achieves} {round(objective.value):,} {unit}"
    if not gap.is_restricted:
        return f"{value}; {limit(gap.searched_bound, gap.searched_share, requested)}"
    return (
        f"{value}; over all {gap.n_links} candidate links {limit(gap.bound, gap.share, '')}. "
        f"Searched links are the candidate links in which the plan was optimised. "
        f"Within its {searched_links(gap.n_searched)} {limit(gap.searched_bound, gap.searched_share, requested)}"
    )


def searched_links(number: int) -> str:
    """`1 searched link`, `38 searched links`."""
    return f"{number} searched link" + ("" if number == 1 else "s")


def percent(share: float | None, digits: int = 2) -> str:
    """A share as a percentage, or `unknown`."""
    return f"{100 * share:.{digits}f} %" if share is not None and math.isfinite(share) else "unknown"


def answer(plan: Plan) -> str:
    """The result of the plan in a few sentences; for an empty plan, the reason."""
    totals, problem = plan.totals, plan.problem
    baseline = f"emissions of {rounded(totals['baseline_ktpa'])} kt CO2 per year"
    plants = f"Of {totals['n_plants']} operating plants with {baseline}, "
    if plan.retrofits.empty:
        return f"{plants}none is retrofitted. {nothing_built(plan)}"
    when = "In a representative year" if problem.is_static else f"In the last period, from {problem.years[-1]},"
    return (
        f"{plants}the plan retrofits {totals['n_plants_retrofitted']} with {totals['n_retrofits']} capture units. "
        f"{when} they capture {rounded(totals['captured_ktpa'])} kt/y and avoid {rounded(totals['avoided_ktpa'])} "
        f"kt/y, {percent(totals['abatement_share'], 1)} of the emissions of all these plants. "
        f"{_investment(plan)}; {_levelised(plan)}"
    )


def last_period(plan: Plan) -> str:
    """The period that tonnes refer to."""
    return "a representative year" if plan.problem.is_static else f"the last period, from {plan.problem.years[-1]}"


def _investment(plan: Plan) -> str:
    """Investment in capture, pipelines and storage; for a static year also the annual cost."""
    totals = plan.totals
    names = ("capture_capex_mn", "pipe_capex_mn", "storage_capex_mn")
    capture, pipes, storage = rounded_parts([float(totals[name] or 0.0) for name in names])
    parts = f"capture {capture:,}, pipelines {pipes:,}, storage sites and wells {storage:,}"
    budget = "" if totals["budget_mn"] is None else f" of a budget of {rounded(totals['budget_mn'])}"
    investment = f"The investment is {rounded(totals['capex_mn'])} {money(plan, '_mn')}"
    if not plan.problem.is_static:
        return f"{investment}{budget} ({parts})"
    annual = f"with annualised capital, the annual cost is {rounded(sum(plan.costs.values()))} million{budget}"
    return f"{investment} ({parts}); {annual}"


def _levelised(plan: Plan) -> str:
    capture, avoidance = plan.totals["capture_cost_per_t"], plan.totals["avoidance_cost_per_t"]
    if capture is None or avoidance is None:
        return "net abatement in the last period is zero, so no cost per tonne is given."
    return (
        f"the capture cost is {rounded(capture)} and the avoidance cost, with transport and storage, "
        f"{rounded(avoidance)} {money(plan, '_per_t')}."
    )


def society(totals: Mapping[str, Any], money: str, terms: Mapping[str, Any] | None) -> list[str]:
    """Sentences on the social account: resource cost, break-even value, value at the market price, requested damages.

    Parameters
    ----------
    totals
        Totals of the plan.
    money
        Currency of the plan.
    terms
        Result of `social_terms`, also in plan.json as `social_account`; None in runs without it.
    """
    if terms is None or totals.get("resource_cost_mn") is None:
        return []

    def mn(name: str) -> str:
        return f"{totals[name]:,.0f} million {money}"

    found = [
        f"The resource cost to society is {mn('resource_cost_mn')} at a discount rate of "
        f"{100 * terms['discount_rate']:g} %, without transfers."
    ]
    value = totals["break_even_carbon_value_per_t"]
    if value is not None:
        found[0] = f"{found[0][:-1]}; the break-even carbon value is {value:,.0f} {money} per t avoided."
    if totals["value_at_market_price_mn"] is not None:
        first, last = terms["market_price_per_t"]
        path = f"{first:,.0f} {money} per t" if first == last else f"{first:,.0f} to {last:,.0f} {money} per t"
        net = totals["net_value_at_market_price_mn"]
        found.append(
            f"At the price path of the carbon market ({path}) the tonnes avoided are worth "
            f"{mn('value_at_market_price_mn')}; net of resource cost {net:,.0f} million."
        )
    damages = terms["damages"]
    if damages is not None:
        low, high = (f"{totals[f'damage_avoided_{end}_mn']:,.0f}" for end in ("low", "high"))
        rates = " and ".join(f"{100 * damages[f'{end}_near_term_rate']:g} %" for end in ("low", "high"))
        found.append(
            f"Damages avoided with the series {damages['series']} are {mn('damage_avoided_mn')} (range {low} to "
            f"{high}), discounted at its near-term rate of {100 * damages['near_term_rate']:g} % (range {rates}), in "
            f"{damages['currency']} of {damages['price_year']} at the market exchange rate of "
            f"{damages['exchange_rate']:.4g} {money}; the net social benefit is {totals['net_benefit_mn']:,.0f} "
            "million."
        )
    return found


def storage_band(plan: Plan) -> str:
    """Cost of storage beside its published range in China; empty without storage, or for another country."""
    cost, band = plan.totals["storage_cost_per_t"], storage_band_of(plan.problem)
    if cost is None or band is None:
        return ""
    place = {"inside": "within"}.get(band.place(cost), band.place(cost))
    return (
        f"Storage costs {rounded(cost)} {money(plan, '_per_t')} stored, {place} the published range of "
        f"{rounded(band.low_per_t)} to {rounded(band.high_per_t)} (national mean {rounded(band.central_per_t)}, "
        f"{band.reference})."
    )


def nothing_built(plan: Plan) -> str:
    """Why an empty plan is empty, as a sentence."""
    return f"Nothing is built because {why_nothing_is_built(plan)}."


def why_nothing_is_built(plan: Plan) -> str:
    """The first reason that alone explains an empty plan; none is given where better plans are not ruled out."""
    problem = plan.problem
    if plan.reached_a_limit and problem.budget_mn != 0 and len(problem.routes):
        return "the search ended before it found a retrofit; a plan with retrofits may exist"
    if problem.objective == "min_cost":
        return "the targets are reached without retrofits, or the shortfall is cheaper than a retrofit"
    if problem.objective in ("max_npv", "max_net_benefit"):
        worth = "NPV for its owners" if problem.objective == "max_npv" else "net social benefit"
        return f"no retrofit, with transport and storage, has a positive {worth}"
    if problem.budget_mn == 0:
        return "the budget is 0"
    if not problem.plants["is_candidate"].any():
        return "no plant is eligible (reasons on sheet Plants)"
    if problem.routes.empty:
        return "no capturable stream can reach a storage site"
    if problem.max_builds_per_year == 0:
        return "the scenario allows no retrofit to start (capture.max_builds_per_year is 0)"
    cheapest = float(problem.routes["capex_mn"].min())
    if problem.is_integer and not problem.is_static and problem.budget_mn < cheapest:
        # Options have their own pipelines unless these are shared.
        pipeline = "with" if problem.network is None else "without"
        return (
            f"the budget of {rounded(problem.budget_mn)} {money(plan, '_mn')} is below the cost of the cheapest "
            f"retrofit {pipeline} its pipeline ({rounded(cheapest)})"
        )
    if problem.network is not None:
        return "no retrofit with its pipelines and wells satisfies every constraint and has positive net abatement"
    return "no retrofit that satisfies every constraint has positive net abatement"


def not_eligible(problem: Problem) -> list[str]:
    """One sentence for each reason why plants are not eligible: their number, emissions, the key, the largest."""
    sentences = []
    table = not_eligible_table(problem)
    for (reason, key), rows in table.groupby(["reason", "key"], sort=False):
        n = len(rows)
        change = f" (scenario key {key})" if key else ""
        largest = "; ".join(rows["name"].head(_NAMED))
        sentences.append(
            f"{n} plant{'s' if n != 1 else ''} with {rounded(rows['baseline_ktpa'].sum())} kt CO2 a year "
            f"{'are' if n != 1 else 'is'} not eligible: {reason}{change}. Largest: {largest}."
        )
    return sentences


def status(plan: Plan) -> str:
    """Status, value, bounds and gaps."""
    requested = percent(plan.problem.scenario.solver.mip_gap)
    if plan.reached_a_limit:
        ended = f"A limit ended the search before the requested gap ({requested}) was reached."
        return f"Status: limit. {ended} {bound_text(plan)}."
    reached = "within the requested gap" if plan.status == "within_gap" else plan.status
    return f"Status: {reached}. {bound_text(plan, requested)}."


def checks(plan: Plan, number: int) -> str:
    """The master check; `number` counts the checks of the plan and of the workbook."""
    failed = int((~plan.checks["holds"]).sum())
    if failed:
        return f"{failed} of {number} checks do not hold: see sheet Checks."
    return f"All {number} checks hold."


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
    solved = f"Re-solved with {rounded(marginal.added_mn)} {money(plan, '_mn')} more{kept}: "
    if marginal.abatement_kt <= BUILT:
        return f"{solved}no additional abatement; the next retrofit costs more than that."
    names = plan.problem.plants.set_index("plant")["name"]
    entering = "; ".join(f"{names[plant]} ({plant})" for plant in marginal.plants)
    who = f" Entering or enlarged: {entering}." if entering else " No further plant enters."
    over = "in a year" if plan.problem.is_static else "over the horizon"
    return f"{solved}{rounded(marginal.abatement_kt)} kt more abatement {over}.{who}"


def replans(plan: Plan) -> str:
    """What a larger budget adds if every decision is free; empty if that was not solved."""
    found = plan.marginal_budget.replans if plan.marginal_budget is not None else ()
    least = "at least " if plan.problem.is_integer else ""
    return " ".join(
        f"Re-planned with {rounded(each.added_mn)} {money(plan, '_mn')} more: {least}{rounded(each.abatement_kt)} kt "
        f"more abatement; plants entering: {len(each.entering)}, leaving: {len(each.leaving)}."
        for each in found
    )


BINDING = {
    CUMULATIVE_BUDGET: "cumulative budget to {}",
    PROVINCE_BUDGET: "province budget of {}",
    DEPLOYMENT: "deployment ceiling of {}",
    YEARLY_RATE: "limit on new retrofits from {}",
    SITE_CAPACITY: "capacity of site {}",
}
"""Limits that may bind beside the budget; what their index names is inserted."""


def binding(plan: Plan) -> str:
    """Which limits beside the budget bind in the LP relaxation; empty if none does."""
    if not plan.binding_limits:
        return ""
    names = [BINDING[each.constraint].format(each.index) for each in plan.binding_limits]
    return f"Binding beside the budget (LP relaxation): {first_few(names, 4)}."


def targets(plan: Plan) -> str:
    """Whether the targets are reached."""
    missed = int((plan.targets["shortfall_kt"] > BUILT).sum())
    if missed:
        return f"{missed} of {len(plan.targets)} targets are missed, at the shortfall price of the scenario."
    return (
        "All targets are reached. An annual target applies in its period and is in kt/y; other targets are in kt over "
        "the horizon."
    )


def money(plan: Plan, name: str) -> str:
    """The unit of a money column with its price year."""
    return unit_text(name, plan.problem.currency, plan.problem.price_year)


def rounded_parts(values: Sequence[float]) -> tuple[int, ...]:
    """Parts as whole numbers that add up to their rounded sum (method of the largest remainder)."""
    parts = [math.floor(value) for value in values]
    missing = round(sum(values)) - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda k: parts[k] - values[k])
    for k in by_remainder[:missing]:
        parts[k] += 1
    return tuple(parts)


def rounded(value: float | int | None) -> str:
    """A number without decimals; below 1 with three digits, so that a small amount does not read as none."""
    if value and abs(value) < 1:
        return f"{value:.3g}"
    return f"{value or 0:,.0f}"
