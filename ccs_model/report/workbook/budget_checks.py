"""Checks that spending at the inputs of the workbook keeps to the limits of the scenario on parts of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ccs_model.inputs.geography import are_in_area
from ccs_model.plan.plan import Plan
from ccs_model.report.live_accounts import flows_of, has_accounts

_TOLERANCE = 1e-6
_LARGER = "(the larger of the two is shown)"


@dataclass(frozen=True)
class LimitCheck:
    """A live check: what is spent or needed at the inputs, and the most that may be, as formulas with their values."""

    name: str
    actual: str
    limit: str
    actual_value: float
    limit_value: float


def limit_checks(plan: Plan) -> Iterator[LimitCheck]:
    """Return the checks of cumulative budgets, budgets of provinces and shares of funds; none without accounts.

    Limits are those of the solved plan. Capital follows `capex_factor`; what funds pay stays as solved.
    """
    if has_accounts(plan):
        yield from _cumulative_budgets(plan)
        yield from _province_budgets(plan)
        yield from _fund_shares(plan)


def _check(name: str, amount: str, value: float, limit: str, limit_value: float) -> LimitCheck:
    return LimitCheck(name, f"MAX({amount},{limit})", limit, max(value, limit_value), limit_value)


def _cumulative_budgets(plan: Plan) -> Iterator[LimitCheck]:
    flows = flows_of(plan, None)
    for year, limit in plan.problem.cumulative_mn.items():
        name = f"spending to the end of the period from {year} at these inputs is within its budget {_LARGER}"
        amount = f'SUMIFS({{programme!@own_mn:all}},{{programme!@when:all}},"<={year}")'
        spent = float(flows["own_mn"][flows["when"] <= year].sum())
        yield _check(name, amount, spent, repr(float(limit)), float(limit))


def _province_budgets(plan: Plan) -> Iterator[LimitCheck]:
    solved = plan.checks.set_index("name")["actual"]
    for province, limit in plan.problem.province_budget_mn.items():
        name = f"spending in {province} at these inputs is within its budget {_LARGER}"
        checked = f"spending in {province} within its budget"
        if checked not in solved.index:
            continue
        capital = _rounded(_capital_in(plan, province))
        grants = _rounded(capital - float(solved[checked]))
        less = f"-{grants!r}" if grants > _TOLERANCE else ""
        amount = f"capex_factor*{capital!r}{less}"
        yield _check(name, amount, capital - (grants if less else 0.0), repr(float(limit)), float(limit))


def _capital_in(plan: Plan, province: str) -> float:
    """Overnight capital of the assets in a province; a shared pipeline is in that of its western end."""
    network = plan.problem.network
    own = "capex_mn" if network is None else "capture_capex_mn"
    parts = [(plan.retrofits["province"], plan.retrofits[own])]
    if network is not None and plan.vintages is not None:
        of_link = network.links.set_index("link")["province"]
        parts += [
            (plan.vintages["link"].map(of_link), plan.vintages["pipe_capex_mn"]),
            (plan.storage["province"], plan.storage["invested_mn"]),
        ]
    return math.fsum(float(amount[are_in_area(places, province)].sum()) for places, amount in parts)


def _fund_shares(plan: Plan) -> Iterator[LimitCheck]:
    """Payments stay as solved: they need a capex factor at which their share of a plant's capital is permitted."""
    uses = plan.fund_uses
    if uses is None or uses.empty:
        return
    capital = uses.groupby("plant")["capital_mn"].first()
    grants = uses[uses["kind"] == "grant"].groupby("plant")["drawn_mn"].sum().reindex(capital.index, fill_value=0.0)
    needed = {"funds": ("the capital", uses.groupby("plant")["drawn_mn"].sum() / capital)}
    for fund, terms in plan.problem.scenario.funds.items():
        drawn = uses[uses["fund"] == fund].set_index("plant")["drawn_mn"]
        if terms.share_max < 1 and len(drawn):
            paid = grants[drawn.index] if terms.kind != "grant" else 0.0
            needed[f"fund {fund}"] = ("their share of capital", (drawn / terms.share_max + paid) / capital[drawn.index])
    for payer, (what, factors) in needed.items():
        factor = _smallest_factor(factors)
        name = f"{payer}: payments as solved are within {what} at these inputs (capex factor that they need)"
        yield _check(name, repr(factor), factor, "capex_factor", 1.0)


def _smallest_factor(factors: pd.Series) -> float:
    """The factor that the worst plant needs; 1 where it is that of the solved plan but for rounding."""
    factor = float(factors.max())
    return 1.0 if abs(factor - 1.0) <= _TOLERANCE else _rounded(factor)


def _rounded(amount: float) -> float:
    return round(amount, 6)
