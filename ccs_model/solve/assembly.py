"""From decisions to the fields of a Plan: tables, totals, terms and checks, computed without the solver.

What only the solver knows is passed as a `SolveRecord`, so that a plan read from a run folder is recomputed by the same
code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from types import MappingProxyType
from typing import Any

import pandas as pd
import pyomo.environ as pyo

from ccs_model._typing import Floats
from ccs_model.economics.policy import accounts_by_stakeholder, ledger_by_stakeholder
from ccs_model.mip import Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.clock import was_stopped
from ccs_model.mip.highs import gap_share
from ccs_model.mip.matrix import Residuals, residuals
from ccs_model.mip.verification import disagreement
from ccs_model.model.names import (
    BUDGET,
    CONSTRAINTS,
    CUMULATIVE_BUDGET,
    DEPLOYMENT,
    FUND_CEILING,
    PROVINCE_BUDGET,
    SITE_CAPACITY,
    TARGETS,
    YEARLY_RATE,
)
from ccs_model.model.objective import OBJECTIVES, unit_of
from ccs_model.model.terms import breakdown, cost_terms
from ccs_model.plan.cost_sharing import CostSharing, shares_table
from ccs_model.plan.decisions import Point, point_table
from ccs_model.plan.fund_accounts import fund_uses_table, fund_years_table
from ccs_model.plan.money import cashflow_table
from ccs_model.plan.owners import Owners, capital_table, tonnes_table
from ccs_model.plan.plan import BindingLimit, MarginalBudget, ModelSize, Objective, Relaxation
from ccs_model.plan.plan_checks import GAP_CHECK, accounts_checks, checks_table
from ccs_model.plan.social_account import air_pollution_table, intensity_table, items_by_stakeholder, social_totals
from ccs_model.plan.storage_tables import storage_table
from ccs_model.plan.tables import (
    by_year_table,
    emissions_table,
    flows_table,
    pipe_vintages_table,
    plan_totals,
    prices_of,
    retrofits_table,
    targets_table,
    zones_table,
)
from ccs_model.problem import Problem
from ccs_model.solve.network_search import Corridors
from ccs_model.solve.tie_breaking import funds_table


@dataclass(frozen=True)
class BudgetRow:
    """The row of the total budget, and its limit in million."""

    row: int
    limit: float


# Largest relative gap over all candidate links at which a plan is optimal, and the tolerance of the requested gap.
OPTIMAL_GAP = 1e-6


def plan_status(gap: float, searched_gap: float, requested_gap: float) -> str:
    """Return the status of a plan.

    Returns
    -------
    str
        "optimal" if the gap over all candidate links is at most 1e-6, "within_gap" if the gap over the links searched
        is the requested one, else "limit".
    """
    if gap <= OPTIMAL_GAP:
        return "optimal"
    return "within_gap" if searched_gap <= requested_gap + OPTIMAL_GAP else "limit"


def _may_afford_one(problem: Problem) -> bool:
    """Whether the budget of a plan of most abatement exceeds the capital of the cheapest option without its pipes."""
    if problem.objective != "max_abatement" or problem.routes.empty or problem.max_builds_per_year == 0:
        return False
    is_enough = problem.is_static or problem.budget_mn >= float(problem.routes["capex_mn"].min())
    return is_enough and problem.budget_mn > 0


def budget_row(matrix: Matrix) -> BudgetRow | None:
    """Return the row of the total budget; None without a budget."""
    rows = matrix.rows_of(BUDGET)
    return BudgetRow(int(rows[0]), float(matrix.row_upper[rows[0]])) if len(rows) else None


# Shadow price above which a limit binds.
_BINDS = 1e-6
# Limits that may bind beside the budget, in the order in which they are named.
_LIMITS = (CUMULATIVE_BUDGET, PROVINCE_BUDGET, FUND_CEILING, DEPLOYMENT, YEARLY_RATE, SITE_CAPACITY)


def binding_limits(matrix: Matrix, row_dual: Floats | None) -> tuple[BindingLimit, ...]:
    """Return the limits beside the budget that bind in the LP relaxation, with their shadow prices."""
    if row_dual is None:
        return ()
    rows = [row for row in matrix.rows_of(*_LIMITS) if abs(row_dual[row]) > _BINDS]
    return tuple(BindingLimit(*_row_name(*matrix.row_constraints[row]), float(abs(row_dual[row]))) for row in rows)


def duals_table(matrix: Matrix, row_dual: Floats | None) -> pd.DataFrame | None:
    """Return the constraints that bind in the LP relaxation: constraint, index, dual and meaning; None without duals.

    `dual` is the change of the objective per unit of the constraint's right-hand side, in the objective's unit.
    """
    if row_dual is None:
        return None
    rows = [
        (*_row_name(*matrix.row_constraints[row]), float(dual))
        for row, dual in enumerate(row_dual[: len(matrix.row_constraints)])
        if abs(dual) > _BINDS
    ]
    # Limits of the scenario are listed first.
    rows.sort(key=lambda row: row[0] not in (BUDGET, *_LIMITS, *TARGETS))
    table = pd.DataFrame(rows, columns=["constraint", "index", "dual"])
    return table.assign(meaning=table["constraint"].map(CONSTRAINTS).fillna("a constraint added to the model"))


def _row_name(constraint: str, index: object) -> tuple[str, str]:
    return constraint, ", ".join(map(str, index)) if isinstance(index, tuple) else str(index)


@dataclass(frozen=True, eq=False)
class SolveRecord:
    """What only the solver knows: bounds, shadow prices and the marginal value of the budget.

    `price_per_t` is the shadow price of each target, by its key, from the LP relaxation.
    """

    bound: float
    all_links_bound: float
    relaxation: Relaxation
    price_per_t: Mapping[str, float] = field(default_factory=dict)
    marginal_budget: MarginalBudget | None = None
    binding_limits: tuple[BindingLimit, ...] = ()
    corridors: tuple[str, ...] | None = None


def plan_fields(matrix: Matrix, chosen: Floats, point: Point, found: Residuals, record: SolveRecord) -> dict[str, Any]:
    """Return the fields of a Plan but fixed decisions, log and timings; `found` are the residuals of `chosen`."""
    problem = point.problem
    objective = OBJECTIVES[problem.objective]
    terms = breakdown(objective.first(problem), point.values, point.shortfall_kt)
    costs = breakdown(cost_terms(problem), point.values, point.shortfall_kt)
    sharing = CostSharing.of(point) if problem.network is not None else None
    targets = targets_table(point, record.price_per_t)
    value = fsum(terms.values())
    nearest = max if objective.sense == pyo.maximize else min
    bound = nearest(record.bound, value)
    if record.corridors == () and (was_stopped() or _may_afford_one(problem)):
        # No link was chosen although one may be worth building: a bound within none of them says nothing.
        bound = record.all_links_bound
    gap = gap_share(bound, value)
    emissions = emissions_table(point, sharing)
    cashflow = cashflow_table(point)
    retrofits = retrofits_table(point, sharing)
    storage = storage_table(point, sharing)
    flows = flows_table(point)
    requested_gap = problem.scenario.solver.mip_gap
    owners = None if problem.is_static else Owners.of(point, sharing)
    items = items_by_stakeholder(point, owners) if owners is not None else None
    checks = checks_table(
        point,
        found,
        float(matrix.costs[0] @ chosen),
        terms,
        costs,
        emissions,
        cashflow,
        targets,
        storage,
        flows,
        gap,
        requested_gap,
    )
    if owners is not None and items is not None:
        checks = pd.concat([checks, accounts_checks(point, owners, items)], ignore_index=True)
    stakeholders = accounts_by_stakeholder(items) if items is not None else None
    ledger = ledger_by_stakeholder(items) if items is not None else None
    social = social_totals(point, stakeholders, ledger)
    by_year = by_year_table(point, emissions)
    n_rows, n_columns = matrix.rows.shape
    # Never tighter than the bound within corridors.
    all_links_bound = nearest(record.all_links_bound, bound)
    return {
        "problem": problem,
        "status": plan_status(gap_share(all_links_bound, value), gap, requested_gap),
        "objective": Objective(value, bound, gap, unit_of(problem), all_links_bound),
        "corridors": record.corridors,
        "shares": shares_table(sharing) if sharing is not None else None,
        "relaxation": record.relaxation,
        "marginal_budget": record.marginal_budget,
        "binding_limits": record.binding_limits,
        "totals": MappingProxyType(plan_totals(problem, retrofits, by_year, costs, owners, social)),
        "owners": owners.by_plant() if owners is not None else None,
        "owner_cashflow": owners.by_year() if owners is not None else None,
        "funds": funds_table(point),
        "fund_uses": fund_uses_table(owners, sharing) if owners is not None and problem.scenario.funds else None,
        "fund_years": fund_years_table(owners) if owners is not None and problem.scenario.funds else None,
        "owner_capital": capital_table(owners) if owners is not None else None,
        "owner_tonnes": tonnes_table(owners) if owners is not None else None,
        "stakeholders": stakeholders,
        "ledger": ledger,
        "intensity": intensity_table(problem, emissions),
        "air_pollution": air_pollution_table(point),
        "terms": MappingProxyType(terms),
        "cost_terms": MappingProxyType(costs),
        "retrofits": retrofits,
        "flows": flows,
        "vintages": pipe_vintages_table(point) if problem.network is not None else None,
        "storage": storage,
        "emissions": emissions,
        "cashflow": cashflow,
        "zones": zones_table(emissions, point),
        "by_year": by_year,
        "targets": targets,
        "checks": checks,
        "size": ModelSize(n_rows, n_columns, int(matrix.is_integer.sum()), int(matrix.rows.nnz)),
        "point": point_table(matrix, chosen),
    }


def checked_parts(
    problem: Problem,
    matrix: Matrix,
    chosen: Floats,
    point: Point,
    outcome: Outcome,
    first: MipOutcome,
    marginal_budget: MarginalBudget | None,
    corridors: Corridors | None,
) -> dict[str, Any]:
    """Return the fields of a Plan from a solve. Raises CheckError if a check fails."""
    dual = first.relaxation.row_dual
    budget, prices = budget_row(matrix), prices_of(problem, matrix, dual)
    price = float(dual[budget.row]) if budget is not None and dual is not None else None
    record = SolveRecord(
        outcome.bound,
        outcome.bound if corridors is None else corridors.all_links_bound,
        Relaxation(
            first.relaxation.objective,
            price if problem.objective == "max_abatement" else None,
            max(prices.values()) if prices else None,
        ),
        prices,
        marginal_budget,
        binding_limits(matrix, dual),
        corridors.links if corridors is not None else None,
    )
    found = residuals(matrix, chosen)
    parts = plan_fields(matrix, chosen, point, found, record)
    checks: pd.DataFrame = parts["checks"]
    broken = checks[~checks["holds"] & (checks["name"] != GAP_CHECK)]
    if len(broken):
        each = "; ".join(f"{row.name}: {row.figure:.3g}" for row in broken.itertuples(index=False))
        what = f"verification of the plan failed: {each} (worst row {found.worst_row})"
        raise disagreement(matrix, SolverOptions(), what)
    return {**parts, "duals": duals_table(matrix, dual)}
