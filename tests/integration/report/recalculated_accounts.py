"""Accounts of a plan recalculated in Python at other inputs with the same decisions, to compare with workbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ccs_model.economics.investment import book_share
from ccs_model.economics.policy import accounts_by_stakeholder, ledger_by_stakeholder, price_path, trading_rules
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import Point
from ccs_model.plan.owners import Owners, capital_table, tonnes_table
from ccs_model.plan.plan import Plan
from ccs_model.plan.social_account import items_by_stakeholder, social_totals
from ccs_model.plan.tables import by_year_table, emissions_table, plan_totals, retrofits_table
from ccs_model.problem import Problem
from ccs_model.problem.owner_accounts import _depreciation
from ccs_model.solve import driver as optimize


def with_point(solve: Callable[[], Plan]) -> tuple[Plan, Point]:
    """A plan and the decisions from which its tables were computed."""
    points: list[Point] = []
    assemble = optimize.checked_parts

    def recording(*parts: Any) -> Any:
        points.append(parts[3])
        return assemble(*parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimize, "checked_parts", recording)
        plan = solve()
    return plan, points[-1]


def recounted(plan: Plan, point: Point, changes: Mapping[str, Any], capex_factor: float) -> Plan:
    """The plan with every account recalculated; `changes` are scenario keys that affect only money."""
    problem = _with_changed_accounts(plan.problem, changes, capex_factor)
    point = Point(problem, point.decided, point.shortfall_kt, point.obligation_kt)
    sharing = CostSharing.of(point) if problem.network is not None else None
    owners = Owners.of(point, sharing)
    items = items_by_stakeholder(point, owners)
    emissions = emissions_table(point, sharing)
    by_year = by_year_table(point, emissions)
    retrofits, stakeholders = retrofits_table(point, sharing), accounts_by_stakeholder(items)
    return replace(
        plan,
        problem=problem,
        totals=plan_totals(
            problem,
            retrofits,
            by_year,
            plan.cost_terms,
            owners,
            social_totals(point, stakeholders, ledger_by_stakeholder(items)),
        ),
        retrofits=retrofits,
        by_year=by_year,
        owners=owners.by_plant(),
        owner_cashflow=owners.by_year(),
        owner_capital=capital_table(owners),
        owner_tonnes=tonnes_table(owners),
        stakeholders=stakeholders,
        ledger=ledger_by_stakeholder(items),
    )


def _with_changed_accounts(problem: Problem, changes: Mapping[str, Any], capex_factor: float) -> Problem:
    scenario = problem.scenario.with_changes(dict(changes))
    calendar = problem.calendar
    price = price_path(scenario.policy.carbon_price_per_t, calendar)
    market, sectors = scenario.policy.market, problem.routes["sector"]
    covered = trading_rules(problem.inputs["policy/ets"], market, sectors, calendar)["is_covered"]
    starts, finance = np.array(problem.years), scenario.finance
    accounts = replace(
        problem.accounts,
        credit_per_t=price * covered * scenario.policy.capture_deductible,
        social_discount_rate=scenario.policy.social_discount_rate,
        tax_share=finance.tax_share,
        depreciation_share=_depreciation(starts, calendar, finance.depreciation_yr),
        book_share=book_share(starts, problem.horizon_end, finance.depreciation_yr),
    )
    routes = _scaled(
        problem.routes,
        (
            "reference_capex_per_tpa",
            "capex_per_tpa",
            "capture_capex_mn",
            "pipe_capex_mn",
            "site_capex_mn",
            "well_capex_mn",
            "capex_mn",
        ),
        capex_factor,
    )
    sites, network = problem.sites, problem.network
    if network is not None:
        sites = _scaled(sites, ("site_capex_mn", "well_capex_mn"), capex_factor)
        lines = _scaled(network.lines, ("fixed_mn", "slope_mn_per_ktpa"), capex_factor)
        # The capex factor does not change O&M, even where O&M is a share of capital.
        network = replace(network, lines=_scaled(lines, ("om_share",), 1.0 / capex_factor))
    changed = replace(problem, scenario=scenario, accounts=accounts, routes=routes, sites=sites, network=network)
    return changed.with_discount_rate(scenario.discount_rate)


def _scaled(table: Any, names: tuple[str, ...], factor: float) -> Any:
    return table.assign(**{name: table[name] * factor for name in names})
