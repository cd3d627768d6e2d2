"""Costs and benefits of a plan by who bears them.

All at society's discount rate, so that payments between bearers cancel; an owner's account at the owner's own rate is
`plan/owners`. The other side of the carbon market stands with the public purse. What an oil field pays is taken as what
the oil is worth to it beyond its own costs; what burning that oil emits is not counted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.benefits import OUTSIDE, SOCIETY, accounts_by_bearer, ledger_by_bearer
from ccs_model.economics.discounting import discount_factor
from ccs_model.model.society import damage_avoided
from ccs_model.model.terms import breakdown, cost_terms
from ccs_model.plan.decisions import Point
from ccs_model.plan.owners import Owners

Floats = npt.NDArray[np.float64]

# From whom to whom each flow of an owner's account runs when it is an income.
_SIDES = {
    "capture_capex_mn": OUTSIDE, "transport_capex_mn": OUTSIDE, "storage_capex_mn": OUTSIDE, "capture_om_mn": OUTSIDE,
    "energy_mn": OUTSIDE, "transport_om_mn": OUTSIDE, "storage_om_mn": OUTSIDE, "salvage_mn": OUTSIDE,
    "oil_mn": OUTSIDE, "carbon_mn": "public purse", "paid_mn": "public purse", "grants_mn": "public purse",
    "tax_mn": "public purse", "loans_mn": "financiers",
}  # fmt: skip


def items_by_bearer(point: Point, owners: Owners) -> pd.DataFrame:
    """item, from_bearer, to_bearer, discounted_mn: every flow of the owners, and what society is spared."""
    problem = point.problem
    rate = problem.accounts.social_discount_share
    factors = discount_factor(rate, np.arange(len(problem.calendar) + 1))
    worth = {name: float((amount.sum(axis=0) * factors).sum()) for name, amount in owners.flows.items()}
    # Lent and paid back is one thing: told apart, both would swell benefits and costs alike.
    worth["loans_mn"] = sum(worth.pop(name) for name in ("drawn_mn", "repaid_mn", "interest_mn"))
    rows = [(name, _SIDES[name], "owners", amount) for name, amount in worth.items()]
    social = problem.discounted_at(rate)
    # What is left of a thing is worth the years it still serves, at the rate of whoever looks at it.
    terms = {"salvage_mn": cost_terms(social)["salvage_mn"], "damage_avoided_mn": damage_avoided(social)}
    found = breakdown(terms, point.values, {})
    rows = [row for row in rows if row[0] != "salvage_mn"]
    rows.append(("salvage_mn", OUTSIDE, "owners", -found["salvage_mn"]))
    rows.append(("damage_avoided_mn", OUTSIDE, SOCIETY, found["damage_avoided_mn"]))
    table = pd.DataFrame(rows, columns=["item", "from_bearer", "to_bearer", "discounted_mn"])
    return table[table["discounted_mn"] != 0].reset_index(drop=True)


def bearers_table(items: pd.DataFrame) -> pd.DataFrame:
    """bearer, benefits_mn, costs_mn, npv_mn, benefit_cost_ratio: owners, public purse, financiers, society."""
    return accounts_by_bearer(items)


def ledger_table(items: pd.DataFrame) -> pd.DataFrame:
    """One row an item, one column a bearer: net amounts, discounted million."""
    return ledger_by_bearer(items)
