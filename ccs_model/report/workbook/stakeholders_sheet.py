"""Costs and benefits by stakeholder on sheet Summary: items at the social discount rate, then the accounts."""

from __future__ import annotations

import math
from typing import Any

from ccs_model.plan.plan import Plan
from ccs_model.report.live_accounts import has_accounts
from ccs_model.report.workbook.columns import label
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Row, Sheet

OUTSIDE, PURSE, FINANCIERS, HARM = "outside the model", "public purse", "financiers", "damage avoided"
# Counterparty of each item of the owners' account.
SIDES = {
    "capture_capex_mn": OUTSIDE, "transport_capex_mn": OUTSIDE, "storage_capex_mn": OUTSIDE, "capture_om_mn": OUTSIDE,
    "energy_mn": OUTSIDE, "transport_om_mn": OUTSIDE, "storage_om_mn": OUTSIDE, "salvage_mn": OUTSIDE,
    "oil_mn": OUTSIDE, "carbon_mn": PURSE, "paid_mn": PURSE, "grants_mn": PURSE, "tax_mn": PURSE,
    "loans_mn": FINANCIERS,
    "damage_avoided_mn": HARM,
}  # fmt: skip
_COLUMNS = ("owners_mn", "public_purse_mn", "financiers_mn", "society_mn")
_STAKEHOLDERS = ("owners", "public purse", "financiers", "society")


def write_stakeholders(sheet: Sheet, plan: Plan) -> None:
    """The items, then benefits, costs, net and ratio of each stakeholder beside the plan's own."""
    if not has_accounts(plan):
        return
    sheet.section("Costs and benefits by stakeholder (social discount rate)")
    sheet.paragraph(
        "A positive amount is a gain. Payments between stakeholders cancel in the social account, which counts "
        "resources from outside the model and the damage avoided.",
        "note",
    )
    rows = _items(plan)
    totals: dict[str, object] = {"item": "Sum"}
    for name in _COLUMNS:
        totals[name] = Formula(f"=SUM({{{name}:all}})", math.fsum(row[name] for row in rows))
    sheet.table("stakeholders.ledger", rows, totals=totals, key="ledger", named="ledger")
    sheet.table("stakeholders", _accounts(plan), key="stakeholders", named="stakeholders")


def _items(plan: Plan) -> list[dict[str, Any]]:
    assert plan.ledger is not None
    ledger = plan.ledger.set_index("item")
    close = "(1+social_discount_rate)^-(horizon_end-first_year)"
    rows = []
    for item, side in SIDES.items():
        template = f"=SUMPRODUCT({{programme!@{item}:all}},social_discount_factor)"
        if item == "loans_mn":
            parts = "+".join(f"{{programme!@{name}:all}}" for name in ("drawn_mn", "repaid_mn", "interest_mn"))
            template = f"=SUMPRODUCT({parts},social_discount_factor)"
        elif item == "salvage_mn":
            template = f"=SUM({{capital!social_salvage_mn}})*{close}"
        elif item == "damage_avoided_mn":
            template = "=SUMPRODUCT({series!@avoided:all},social_cost_per_t,social_discount_factor)/1000"
        known = ledger.loc[item] if item in ledger.index else None
        amount = 0.0 if known is None else float(known["society_mn" if side == HARM else "owners_mn"])
        rows.append(
            {
                "id": item,
                "item": label(item),
                "side": side,
                "amount_mn": Formula(template, amount),
                "owners_mn": 0.0 if side == HARM else amount,
                "public_purse_mn": -amount if side == PURSE else 0.0,
                "financiers_mn": -amount if side == FINANCIERS else 0.0,
                "society_mn": amount if side in (OUTSIDE, HARM) else 0.0,
            }
        )
    return rows


def _accounts(plan: Plan) -> list[Row]:
    assert plan.stakeholders is not None
    solved = plan.stakeholders.set_index("stakeholder")
    rows: list[Row] = []
    for stakeholder, name in zip(_STAKEHOLDERS, _COLUMNS, strict=True):
        own = solved.loc[stakeholder]
        column = f"{{ledger!{name}}}"
        rows.append(
            {
                "id": stakeholder.replace(" ", "_"),
                "stakeholder": stakeholder,
                "benefits_mn": Formula(f"=SUMPRODUCT(({column}>0)*{column})", float(own["benefits_mn"])),
                "costs_mn": Formula(f"=-SUMPRODUCT(({column}<0)*{column})", float(own["costs_mn"])),
                "npv_mn": float(own["npv_mn"]),
                "benefit_cost_ratio": float(own["benefit_cost_ratio"]),
                "solved_npv_mn": float(own["npv_mn"]),
                "difference_mn": 0.0,
            }
        )
    return rows
