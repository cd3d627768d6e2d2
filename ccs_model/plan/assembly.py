"""From decisions to the fields of a plan: tables, totals and checks, recomputed from Problem's coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyomo.environ as pyo

from ccs_model.errors import CheckError
from ccs_model.model.objective import AIMS, unit_of
from ccs_model.model.terms import breakdown, cost_terms
from ccs_model.plan.air import air_pollution_table
from ccs_model.plan.basis import capital_table, tonnes_table
from ccs_model.plan.benefits import bearers_table, items_by_bearer, ledger_table
from ccs_model.plan.cashflow import cashflow_table
from ccs_model.plan.checks import accounts_checks, checks_table
from ccs_model.plan.corridors import Corridors
from ccs_model.plan.decisions import Point
from ccs_model.plan.funds import funds_table
from ccs_model.plan.intensity import intensity_table
from ccs_model.plan.owners import Owners
from ccs_model.plan.plan import NextMoney, Objective, Relaxation, Size
from ccs_model.plan.sharing import Sharing, shares_table
from ccs_model.plan.tables import (
    by_year_table,
    emissions_table,
    flows_table,
    retrofits_table,
    storage_table,
    zones_table,
)
from ccs_model.plan.targets import targets_table
from ccs_model.plan.totals import plan_totals
from ccs_model.problem import Problem
from ccs_model.solver import Matrix, Outcome
from ccs_model.solver.highs import gap_share
from ccs_model.solver.residuals import residuals
from ccs_model.solver.whole import WholeOutcome

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BudgetRow:
    """The row of the whole budget, and its limit in million."""

    row: int
    limit: float


def budget_row(matrix: Matrix) -> BudgetRow | None:
    """That row; None where there is no budget."""
    rows = matrix.rows_of("spending_within_budget")
    return BudgetRow(int(rows[0]), float(matrix.row_upper[rows[0]])) if len(rows) else None


def _all_links(corridors: Corridors | None, bound: float, maximise: bool) -> float:
    """The bound over all candidate links, which is never closer than the one within corridors."""
    if corridors is None:
        return bound
    return max(corridors.all_links_bound, bound) if maximise else min(corridors.all_links_bound, bound)


def assembled(
    problem: Problem,
    matrix: Matrix,
    chosen: Floats,
    point: Point,
    status: str,
    outcome: Outcome,
    first: WholeOutcome,
    next_money: NextMoney | None,
    corridors: Corridors | None,
) -> dict[str, object]:
    """Tables, totals and checks from the decisions; raises CheckError where a check does not hold."""
    aim = AIMS[problem.aim]
    maximise = aim.sense == pyo.maximize
    terms = breakdown(aim.first(problem), point.values, point.shortfall_kt)
    costs = breakdown(cost_terms(problem), point.values, point.shortfall_kt)
    sharing = Sharing.of(point) if problem.network is not None else None
    targets = targets_table(point, matrix, first.relaxation.row_dual)
    value = sum(terms.values())
    bound = max(outcome.bound, value) if maximise else min(outcome.bound, value)
    gap = gap_share(bound, value)
    emissions = emissions_table(point, sharing)
    cashflow = cashflow_table(point)
    retrofits = retrofits_table(point, sharing)
    found = residuals(matrix, chosen)
    gap_asked = problem.scenario.solver.gap_share
    owners = None if problem.is_static else Owners.of(point, sharing)
    items = items_by_bearer(point, owners) if owners is not None else None
    checks = checks_table(
        point, found, float(matrix.costs[0] @ chosen), terms, costs, emissions, cashflow, targets, gap, gap_asked
    )
    if owners is not None and items is not None:
        checks = pd.concat([checks, accounts_checks(point, owners, items)], ignore_index=True)
    bearers = bearers_table(items) if items is not None else None
    broken = checks[~checks["holds"] & (checks["name"] != "the gap is no wider than asked for")]
    if len(broken):
        each = "; ".join(f"{row.name}: {row.figure:.3g}" for row in broken.itertuples(index=False))
        raise CheckError(
            f"the plan does not hold when checked without the solver: {each} (worst row {found.worst_row})"
        )
    budget = budget_row(matrix)
    dual = first.relaxation.row_dual
    price = float(dual[budget.row]) if budget is not None and dual is not None else None
    by_year = by_year_table(point, emissions)
    n_rows, n_columns = matrix.rows.shape
    return {
        "problem": problem,
        "status": status,
        "objective": Objective(value, bound, gap, unit_of(problem), _all_links(corridors, bound, maximise)),
        "corridors": corridors.links if corridors is not None else None,
        "shares": shares_table(sharing) if sharing is not None else None,
        "relaxation": Relaxation(
            first.relaxation.objective,
            price if problem.aim == "most_abatement" else None,
            float(targets["price_per_t"].max()) if targets["price_per_t"].notna().any() else None,
        ),
        "next_money": next_money,
        "totals": MappingProxyType(plan_totals(problem, retrofits, by_year, costs, owners, bearers)),
        "owners": owners.by_plant() if owners is not None else None,
        "owner_cashflow": owners.by_year() if owners is not None else None,
        "funds": funds_table(point),
        "owner_capital": capital_table(owners) if owners is not None else None,
        "owner_tonnes": tonnes_table(owners) if owners is not None else None,
        "bearers": bearers,
        "ledger": ledger_table(items) if items is not None else None,
        "intensity": intensity_table(problem, emissions),
        "air_pollution": air_pollution_table(point),
        "terms": MappingProxyType(terms),
        "costs": MappingProxyType(costs),
        "retrofits": retrofits,
        "flows": flows_table(point),
        "storage": storage_table(point),
        "emissions": emissions,
        "cashflow": cashflow,
        "zones": zones_table(emissions, problem),
        "by_year": by_year,
        "targets": targets,
        "checks": checks,
        "size": Size(n_rows, n_columns, int(matrix.is_whole.sum()), int(matrix.rows.nnz)),
    }
