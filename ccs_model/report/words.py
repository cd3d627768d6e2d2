"""The plan in sentences, for a reader who opens the workbook and nothing else."""

from __future__ import annotations

from ccs_model.plan.decisions import BUILT
from ccs_model.plan.plan import Plan
from ccs_model.units import unit_text


def answer(plan: Plan) -> str:
    """What the plan does, in two or three sentences; of an empty plan, why it is empty."""
    totals, problem = plan.totals, plan.problem
    looked_at = (
        f"Of {totals['n_plants']} operating plants, which emit {_whole(totals['baseline_ktpa'])} kt CO2 a year, "
    )
    if plan.retrofits.empty:
        return f"{looked_at}none is fitted. Nothing is built, because {why_nothing_is_built(plan)}."
    return (
        f"{looked_at}the plan fits {totals['n_plants_fitted']} with {totals['n_retrofits']} retrofits. In the last "
        f"period, from {problem.years[-1]}, they capture {_whole(totals['captured_ktpa'])} kt/y and avoid "
        f"{_whole(totals['avoided_ktpa'])} kt/y, {_percent(totals['cut_share'])} of what all these plants emit. "
        f"Building them costs {_whole(totals['capex_mn'])} {money(plan, '_mn')}{_of_the_budget(plan)}; "
        f"{_levelised(plan)}"
    )


def why_nothing_is_built(plan: Plan) -> str:
    """The first reason that alone explains an empty plan."""
    problem = plan.problem
    if problem.aim == "least_cost":
        return "the targets are reached without, or a missing tonne is cheaper than a retrofit"
    if problem.budget_mn == 0:
        return "the budget is 0"
    if not problem.plants["is_candidate"].any():
        return "no plant may be fitted (sheet Plants gives the reason of each)"
    if problem.routes.empty:
        return "no stream can both be captured and reach a storage site"
    if problem.built_per_year_max == 0:
        return "the scenario lets no retrofit start (capture.built_per_year_max is 0)"
    cheapest = float(problem.routes["capex_mn"].min())
    if problem.is_whole and problem.budget_mn < cheapest:
        return (
            f"the budget of {_whole(problem.budget_mn)} {money(plan, '_mn')} is less than the cheapest retrofit with "
            f"its pipe costs ({_whole(cheapest)})"
        )
    return "no retrofit that keeps every limit avoids more CO2 than its heat and power cause"


def status(plan: Plan) -> str:
    """Status, gap and bound in words."""
    objective, asked = plan.objective, plan.problem.scenario.solver.gap_share
    if plan.problem.aim == "least_cost":
        proven = (
            f"This plan costs {_whole(objective.value)} {money(plan, '_mn')}, discounted; it is proven that no plan "
            f"reaches the targets for less than {_whole(objective.bound)}, so at most "
            f"{_percent(objective.gap_share, 2)} is left to save"
        )
    else:
        proven = _proven_abatement(plan)
    if plan.reached_a_limit:
        return (
            f"Status: limit. The time limit came before the gap asked for ({_percent(asked, 2)}) was proven. {proven}."
        )
    return f"Status: {plan.status}. {proven} (asked for: {_percent(asked, 2)})."


def _proven_abatement(plan: Plan) -> str:
    objective = plan.objective
    return (
        f"This plan avoids {_whole(objective.value)} {objective.unit}; it is proven that no plan avoids more than "
        f"{_whole(objective.bound)}, so at most {_percent(objective.gap_share, 2)} is left to gain"
    )


def checks(plan: Plan) -> str:
    """The master check in words."""
    broken = int((~plan.checks["holds"]).sum())
    if broken:
        return f"{broken} of {len(plan.checks)} checks do not hold: see sheet Checks."
    return f"All {len(plan.checks)} checks hold."


def next_money(plan: Plan) -> str:
    """What more budget would buy, found by solving again."""
    bought = plan.next_money
    if plan.problem.aim == "least_cost":
        return (
            "The aim is the least cost of reaching the targets; sheet section Targets says what the next tonne costs."
        )
    if bought is None and plan.totals["budget_mn"] is None:
        return "No budget limits this plan."
    if bought is None:
        return "What more money would buy was not found: the time limit left no room for solving again."
    kept = "every retrofit of the plan kept" if plan.problem.is_whole else "the whole plan free to change"
    found = f"Solved again with {_whole(bought.more_mn)} {money(plan, '_mn')} more and {kept}: "
    if bought.abatement_kt <= BUILT:
        return f"{found}nothing more is avoided; the next retrofit costs more than that."
    names = plan.problem.plants.set_index("plant")["name"]
    entering = "; ".join(f"{names[plant]} ({plant})" for plant in bought.plants)
    who = f" What enters or grows: {entering}." if entering else " No further plant enters."
    return f"{found}{_whole(bought.abatement_kt)} kt more are avoided over the horizon.{who}"


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
    return f" of a budget of {_whole(budget)}" if budget is not None else ""


def money(plan: Plan, name: str) -> str:
    """The unit of a money column with its base year."""
    return unit_text(name, plan.problem.currency, plan.problem.price_year)


def _levelised(plan: Plan) -> str:
    capture, avoidance = plan.totals["capture_cost_per_t"], plan.totals["avoidance_cost_per_t"]
    if capture is None or avoidance is None:
        return "nothing is avoided at full load, so no cost per tonne is given."
    return (
        f"capturing a tonne costs {_whole(capture)} and avoiding one, with transport and storage, "
        f"{_whole(avoidance)} {money(plan, '_per_t')}."
    )


def _whole(value: float | int | None) -> str:
    return f"{value or 0:,.0f}"


def _percent(value: float | int | None, digits: int = 1) -> str:
    return f"{100 * (value or 0):.{digits}f} %"
