"""Names of all variables and constraints, each declared once with its meaning.

A constraint that a planner can relax also declares the text with which a report of infeasibility states its relaxation.
The components of the Pyomo model carry exactly these names (a test compares them), and so do the rows and columns of
the solver's matrix. Every other module imports the constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from ccs_model.problem import Problem

Rows = Sequence[tuple[Any, float, float]]
"""Index, relaxation and limit of each row that is relaxed."""

# Variables. Those of `Problem.axes` are indexed by an id and a year.

BUILD: Final = "build"
CURTAILED: Final = "curtailed_ktpa"
PIPE: Final = "pipe"
ADDED_CAPACITY: Final = "added_capacity_ktpa"
PIPE_FLOW: Final = "pipe_flow_ktpa"
FORWARD: Final = "forward_ktpa"
REVERSE: Final = "reverse_ktpa"
OPENED: Final = "opened"
SITE_IS_OPEN: Final = "site_is_open"
WELLS: Final = "wells"
INJECTED: Final = "injected_ktpa"
ABOVE_FORWARD: Final = "above_mean_forward_ktpa"
ABOVE_REVERSE: Final = "above_mean_reverse_ktpa"
ABOVE_INJECTED: Final = "above_mean_injected_ktpa"
TOTAL_CURTAILED: Final = "total_curtailed_ktpa"
PAID_FOR_OIL: Final = "paid_for_oil_ktpa"
SPEND: Final = "spend_mn"
CREDITED: Final = "credited_ktpa"
PAID: Final = "paid_mn"
SHORTFALL: Final = "shortfall_kt"
OBLIGATION_FORWARD: Final = "obligation_forward_kt"
OBLIGATION_REVERSE: Final = "obligation_reverse_kt"
OBLIGATION_STORED: Final = "obligation_stored_kt"
VALUE_AT_RISK: Final = "value_at_risk"
EXCESS: Final = "excess"

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        BUILD: "[route, year] the source–sink option is built at the start of the period",
        CURTAILED: "[unit, year] delivered tonnes forgone below full load",
        PIPE: "[line, year] a pipe of this size is built on its link at the start of the period",
        ADDED_CAPACITY: "[line, year] nameplate capacity above the included capacity",
        PIPE_FLOW: "[line, year] delivered mean flow in either direction",
        FORWARD: "[link, year] delivered mean flow from the link's first end to its second",
        REVERSE: "[link, year] delivered mean flow from the link's second end to its first",
        OPENED: "[site, year] the site is prepared at the start of the period",
        SITE_IS_OPEN: '["any", year] some site has been opened so far, over several periods',
        WELLS: "[site, year] wells drilled at the start of the period",
        INJECTED: "[store, year] delivered mean flow into a step of the site's supply curve",
        ABOVE_FORWARD: "[link, year] peak flow less mean flow of the period, from the link's first end to its second",
        ABOVE_REVERSE: "[link, year] peak flow less mean flow of the period, from the link's second end to its first",
        ABOVE_INJECTED: "[site, year] peak injection less mean injection of the period",
        TOTAL_CURTAILED: '["all", year] sum of curtailed, in periods in which retrofits start or stop',
        PAID_FOR_OIL: "[site, year] the part of the injection that an oil field pays for",
        SPEND: "[allocation, year] what a fund pays for a group of assets at the start of the period",
        CREDITED: "[plant, year] on-site abatement sold on the carbon market, where a band limits it",
        PAID: '["all", year] policy payments in the period, undiscounted, where they are capped',
        SHORTFALL: "[target] tonnes by which a target is missed, where the scenario prices a shortfall",
        OBLIGATION_FORWARD: "[link] total flow after the horizon from the first end to the second",
        OBLIGATION_REVERSE: "[link] total flow after the horizon from the second end to the first",
        OBLIGATION_STORED: "[site] total injection after the horizon",
        VALUE_AT_RISK: "value at risk of the stochastic model",
        EXCESS: "[future] by how much a future is worse than the value at risk",
    }
)

CAPTURED: Final = "captured_ktpa"
"""Expression [unit, year]: φ × nameplate × running − curtailed. Coefficients on it are given by route."""

OBLIGATION: Final = (OBLIGATION_FORWARD, OBLIGATION_REVERSE, OBLIGATION_STORED)
"""Variables of the post-horizon injection obligation."""
FIRST_STAGE: Final = (BUILD, PIPE, ADDED_CAPACITY, OPENED, WELLS)
"""Variables of assets, which the stochastic model fixes across futures in the years of `here_and_now`."""


# Infeasibility texts.


def _money(problem: Problem, amount: float) -> str:
    """Rounded up to a tenth of a million, so that the limit shown is wide enough."""
    return f"{math.ceil(amount * 10 - 1e-6) / 10:,.1f} million {problem.currency}"


def _text_of_added_constraint(_: Problem, rows: Rows) -> str:
    """The text of a constraint that a modeller has added; which way its limit moves depends on its sense."""
    each = "; ".join(
        f"{'' if index is None else f'[{index}] '}limit {limit:,.6g}, shortfall {more:,.6g}"
        for index, more, limit in rows
    )
    return f"a constraint added to the model; moving its limit by the shortfall restores feasibility: {each}"


def _text_of_budget(problem: Problem, rows: Rows) -> str:
    _, more, limit = rows[0]
    return (
        f"the budget is {_money(problem, limit)}; "
        f"{_money(problem, limit + more)} would restore feasibility (budget.total_mn)"
    )


def _text_of_cumulative_budget(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{year}: {_money(problem, limit + more)}" for year, more, limit in rows)
    return f"the cumulative budgets are too small; these would restore feasibility: {each} (budget.cumulative_mn)"


def _text_of_province_budget(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{name}: {_money(problem, limit + more)}" for name, more, limit in rows)
    return f"the province budgets are too small; these would restore feasibility: {each} (budget.by_province_mn)"


def _text_of_yearly_rate(problem: Problem, rows: Rows) -> str:
    each = "; ".join(
        f"{math.ceil(limit + more - 1e-6):,} in the period from {year} instead of {limit:,.0f}"
        for year, more, limit in rows
    )
    return (
        f"the limits on new retrofits are too low; these would restore feasibility: {each} "
        "(capture.max_builds_per_year × years of the period)"
    )


def _text_of_required_plants(problem: Problem, rows: Rows) -> str:
    names = ", ".join(str(plant) for plant, _, _ in rows)
    return f"dropping the requirement to retrofit {names} would restore feasibility (plants.require)"


def _text_of_committed(problem: Problem, rows: Rows) -> str:
    names = ", ".join(f"{route} of {year}" for (route, year), _, _ in rows)
    return f"without the committed retrofit{'s' * (len(rows) > 1)} {names} there is a plan (plants.committed)"


def _text_of_deployment(problem: Problem, rows: Rows) -> str:
    each = "; ".join(
        f"{zone} by {year}: {math.ceil(limit + more - 1e-6):,} kt/y of nameplate instead of {math.floor(limit):,}"
        for (zone, year), more, limit in rows
    )
    return f"the deployment ceilings are too low; these would restore feasibility: {each} (calibration.ceiling)"


def _text_of_target(problem: Problem, rows: Rows) -> str:
    by_key = {target.key: target for target in problem.targets}
    amounts = []
    for key, missing, _ in rows:
        target = by_key[key]
        if not target.is_share:
            amounts.append((key, f"{target.required:,.0f} kt/y", f"{math.floor(target.required - missing):,} kt/y"))
            continue
        # Rounded down to a hundredth of a percent, so that the share shown is attainable.
        share = math.floor((target.required - missing) / target.baseline_ktpa * 1e4) / 1e4
        amounts.append((key, f"{target.required / target.baseline_ktpa:.2%}", f"{share:.2%}"))
    return _lower_targets(amounts)


def _lower_targets(amounts: Sequence[tuple[str, str, str]]) -> str:
    """Targets with their amounts and those that would restore feasibility, all of them together."""
    if len(amounts) == 1:
        return "; ".join(f"{key} is {now}; {lower} would restore feasibility" for key, now, lower in amounts)
    each = " and ".join(f"{lower} for {key} ({now})" for key, now, lower in amounts)
    return f"together these would restore feasibility: {each}"


def _text_of_cumulative_target(problem: Problem, rows: Rows) -> str:
    required = {target.key: target.required for target in problem.targets}
    return _lower_targets(
        [
            (key, f"{required[key]:,.0f} kt", f"{math.floor(required[key] - missing):,.0f} kt")
            for key, missing, _ in rows
        ]
    )


def _text_of_minimum_share(problem: Problem, rows: Rows) -> str:
    names = ", ".join(str(group) for group, _, _ in rows)
    return f"dropping the minimum share of {names} would restore feasibility (targets.share_of_avoided_min)"


def _text_of_wells(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{math.ceil(more):,} kt/y at {index[0]} in {index[1]}" for index, more, _ in rows)
    return f"the wells inject too little; additional rates that would restore feasibility: {each} (storage.sites)"


def _text_of_capacity(problem: Problem, rows: Rows) -> str:
    storage = problem.scenario.storage
    # The row limits what may be filled, in a static year what may be filled in one year.
    per_kt = (problem.scenario.storage_life_yr if problem.is_static else 1.0) / problem.max_fill_share
    each = "; ".join(f"{math.ceil(more * per_kt):,} kt at {site}" for site, more, _ in rows)
    own = [f"storage.capacity_kt.{site}" for site, _, _ in rows if site in storage.capacity_kt]
    keys = [*own, *(["storage.capacity"] if len(own) < len(rows) else [])]
    keys += ["storage.max_fill_share"] if problem.max_fill_share < 1.0 else []
    filled = f"; {problem.max_fill_share:.0%} of it may be filled" if problem.max_fill_share < 1.0 else ""
    return (
        f"storage capacity is too small; additional capacity that would restore feasibility: {each}{filled} "
        f"({', '.join(keys)})"
    )


# Constraints. docs/explanation/formulation.md has the statement of each.

_MEANINGS: dict[str, str] = {}
_TEXTS: dict[str, Callable[[Problem, Rows], str]] = {}


def _constraint(name: str, meaning: str, text: Callable[[Problem, Rows], str] | None = None) -> str:
    """Declare a constraint; `text` makes it one that a planner can relax."""
    _MEANINGS[name] = meaning
    if text is not None:
        _TEXTS[name] = text
    return name


ONE_RETROFIT = _constraint("one_retrofit_per_stream", "a stream is retrofitted at most once")
REQUIRED_PLANT = _constraint(
    "required_plant_is_retrofitted", "a required plant has a retrofit", _text_of_required_plants
)
COMMITTED = _constraint("committed_retrofit_is_built", "a committed retrofit is built", _text_of_committed)
YEARLY_RATE = _constraint(
    "builds_within_yearly_rate", "retrofits that start in a period are limited", _text_of_yearly_rate
)
DEPLOYMENT = _constraint(
    "deployment_within_ceiling", "nameplate built in a zone stays within its deployment ceiling", _text_of_deployment
)
MINIMUM_LOAD = _constraint("curtailment_keeps_minimum_load", "a unit runs at its minimum load or above")
WASTE_HEAT = _constraint("waste_heat_within_plant", "capture uses no more waste heat than the plant has")

BUDGET = _constraint("spending_within_budget", "capex less grants stays within the budget", _text_of_budget)
CUMULATIVE_BUDGET = _constraint(
    "spending_within_cumulative_budget",
    "capex less grants up to a year stays within that year's cumulative budget",
    _text_of_cumulative_budget,
)
PROVINCE_BUDGET = _constraint(
    "spending_within_province_budget",
    "capex less grants in a province, in a static year its yearly costs, stays within its budget",
    _text_of_province_budget,
)
FUNDS_PAY = _constraint(
    "funds_pay_what_is_spent", "grants and loans to a group of plants stay within its capex of the year"
)
FUND_CEILING = _constraint("fund_within_ceiling", "a fund pays no more than its ceiling")
FUND_SHARE = _constraint(
    "fund_within_share", "a fund pays no more than its share of a group's capex of the year, loans of capex less grants"
)
CREDIT = _constraint(
    "credit_within_on_site_abatement", "credited tonnes are no more than the plant's on-site abatement"
)
CREDIT_BAND = _constraint("credit_within_the_band", "credited tonnes stay within the surplus band")
PAID_FOR_TONNES = _constraint("paid_for_tonnes_alone", "policy payments are no more than rate × tonnes")
PAID_CAP = _constraint("paid_within_cap", "policy payments stay within their cap")

TARGET = _constraint("abatement_target_reached", "the target of a year is reached", _text_of_target)
CUMULATIVE_TARGET = _constraint(
    "cumulative_target_reached", "the target over the horizon is reached", _text_of_cumulative_target
)
MINIMUM_SHARE = _constraint(
    "minimum_share_of_avoided_kept", "a province or sector holds its share of avoided CO₂", _text_of_minimum_share
)

CAPACITY_NEEDS_PIPE = _constraint("capacity_needs_a_pipe", "added capacity needs a pipe of that size")
LARGER_TREND = _constraint("a_larger_trend_carries_more", "a cost trend starts where it is the cheaper one")
PIPE_LIMIT = _constraint("flow_within_pipes", "mean flow stays within the capacity built so far")
PEAK_PIPES = _constraint("peak_flow_within_pipes", "peak flow stays within the capacity of the link built so far")
ONE_SIZE = _constraint("one_size_a_link_and_vintage", "a link gets at most one size a year")
BOTH_WAYS = _constraint("both_ways_share_the_pipe", "both directions share the capacity of the link")
BALANCE = _constraint("co2_in_equals_co2_out", "inflow equals outflow at every node")
PEAK_BALANCE = _constraint("above_mean_in_equals_out", "inflow equals outflow at every node, for flow above the mean")
ROAD_FROM_SOURCE = _constraint("only_what_is_captured_there_goes_by_road", "trucks carry only CO₂ of their own node")
ROAD_TO_SITE = _constraint("what_comes_by_road_is_stored_there", "CO₂ that arrives by road is injected at that site")
PEAK_FROM_SOURCE = _constraint("peak_by_road_is_captured_there", "trucks carry only CO₂ of their own node at the peak")
PEAK_TO_SITE = _constraint("peak_by_road_is_stored_there", "CO₂ by road is injected at that site at the peak")
SOURCE_HAS_PIPE = _constraint("a_used_source_has_a_pipe", "valid inequality: a used source is connected")
SOURCE_HAS_SITE = _constraint("a_used_source_has_an_open_site", "valid inequality: a used source has an open site")
SITE_WAS_OPENED = _constraint("an_open_site_was_opened", "some site is open only if one has been opened")
SITE_HAS_PIPE = _constraint("a_used_site_has_a_pipe", "valid inequality: an opened site is connected")

SITE_OPENS_ONCE = _constraint("a_site_opens_once", "a site opens at most once")
WELLS_NEED_SITE = _constraint("wells_need_an_open_site", "wells are drilled at open sites only")
WELL_LIMIT = _constraint("injection_within_wells", "injection stays within the rate of the wells", _text_of_wells)
CURTAILED_SUM = _constraint("total_curtailed_is_the_sum", "total curtailment is that of all units")
ABOVE_MOST = _constraint("above_mean_follows_mean", "peak flow by pipe comes with mean flow by pipe")
ABOVE_LEAST = _constraint("mean_comes_with_above_mean", "where all retrofits start, mean flow comes with peak flow")
ABOVE_BY_ROAD = _constraint("above_mean_by_road_follows_mean", "peak flow by road comes with mean flow by road")
ABOVE_AT_SITE = _constraint("above_mean_injected_follows_mean", "peak injection comes with mean injection")
PEAK_WELLS = _constraint("peak_injection_within_wells", "peak injection stays within the rate of the wells")
STEP_LIMIT = _constraint("injected_within_step", "injection fits into the step of the supply curve")
SITE_CAPACITY = _constraint(
    "stored_within_capacity", "injection and obligation fit into the site's capacity", _text_of_capacity
)
OIL_LIMIT = _constraint("oil_is_paid_for_what_is_injected", "an oil field pays for injected tonnes only")
USED_SITE_IS_OPEN = _constraint("a_used_site_is_open", "in a static year, injection needs an open site")

OBLIGATION_BALANCE = _constraint(
    "obligation_is_stored", "CO₂ captured after the horizon reaches a site over the network as built"
)
OBLIGATION_PIPES = _constraint("obligation_within_pipes", "flow after the horizon stays within the pipes")
OBLIGATION_WELLS = _constraint("obligation_within_wells", "injection after the horizon stays within the wells")
OBLIGATION_FROM_SOURCE = _constraint(
    "obligation_by_road_is_captured_there", "after the horizon trucks carry only CO₂ of their own node"
)
OBLIGATION_TO_SITE = _constraint(
    "obligation_by_road_is_stored_there", "after the horizon CO₂ that arrives by road is injected at that site"
)

HERE_AND_NOW = _constraint("here_and_now_is_the_same", "all futures build the same assets in here-and-now years")
EXCESS_LIMIT = _constraint(
    "excess_over_value_at_risk", "the excess is at least the value of the future beyond the value at risk"
)

CONSTRAINTS: Mapping[str, str] = MappingProxyType(_MEANINGS)
"""Meaning of every constraint by name."""

MONEY_LIMITS: Final = (BUDGET, CUMULATIVE_BUDGET, PROVINCE_BUDGET)
"""Constraints that limit spending."""
MONEY_ROWS: Final = frozenset({*MONEY_LIMITS, FUNDS_PAY, FUND_CEILING, FUND_SHARE, PAID_FOR_TONNES, PAID_CAP})
"""Constraints whose sides are amounts of money."""
TARGETS: Final = (TARGET, CUMULATIVE_TARGET, MINIMUM_SHARE)
"""Constraints that require abatement."""

RELAXATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (REQUIRED_PLANT,),
    (COMMITTED,),
    (BUDGET,),
    (CUMULATIVE_BUDGET,),
    (PROVINCE_BUDGET,),
    (YEARLY_RATE,),
    (DEPLOYMENT,),
    (TARGET,),
    (CUMULATIVE_TARGET,),
    (MINIMUM_SHARE,),
    (WELL_LIMIT,),
    (SITE_CAPACITY,),
    (BUDGET, CUMULATIVE_BUDGET),
    (WELL_LIMIT, SITE_CAPACITY),
    (TARGET, CUMULATIVE_TARGET),
    (BUDGET, CUMULATIVE_BUDGET, PROVINCE_BUDGET),
    (BUDGET, CUMULATIVE_BUDGET, YEARLY_RATE),
)
"""Groups of constraints relaxed together, in this order; a larger group only if none of its members suffices alone."""

_SITE_LIMITS = {WELL_LIMIT, SITE_CAPACITY}


def relaxations_of(problem: Problem, constraints: Iterable[str] = ()) -> tuple[tuple[str, ...], ...]:
    """Return the groups of constraints that can be relaxed row by row.

    With shared pipes the limits of sites are excluded: relaxing their rows would add wells without cost. Of the
    `constraints` of a model, those that a modeller has added come first, each in a group of its own.
    """
    added = tuple((name,) for name in sorted(set(constraints) - CONSTRAINTS.keys()))
    return (*added, *(group for group in RELAXATIONS if problem.network is None or not _SITE_LIMITS & set(group)))


def relaxation_text(problem: Problem, rows_by_constraint: Mapping[str, Rows]) -> str:
    """Return one relaxation as a sentence; constraints that must be relaxed together are joined by "and".

    Parameters
    ----------
    problem
        The infeasible problem.
    rows_by_constraint
        Relaxed rows of each constraint: index, amount of the relaxation and limit.
    """
    return "; and ".join(
        f"{name}: {_TEXTS.get(name, _text_of_added_constraint)(problem, rows)}"
        for name, rows in rows_by_constraint.items()
    )
