"""Objectives and targets as coefficients of variables: what is optimised first, what breaks ties, and what counts.

In the owners' account (`max_npv`) and the net social benefit (`max_net_benefit`), income and benefits are positive. Tax
is linear: losses are used in the year in which they arise. Capex less grants is depreciated in equal parts. At the end
of the horizon, salvage value less net book value is taxed and loans are repaid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ccs_model._typing import Floats, Mask
from ccs_model.model.names import BUILD, CAPTURED, CREDITED, PIPE_FLOW, SPEND
from ccs_model.model.terms import Term, abatement_terms, capex_mn, cost_terms, reduced_kt, sum_terms
from ccs_model.problem import Problem
from ccs_model.problem.problem import Target, period_sums

# Cost terms that are not yearly expenses: salvage is taxed separately, and a shortfall is not a payment.
_NOT_YEARLY = ("salvage_mn", "shortfall_mn")


def npv_terms(problem: Problem, costs: Mapping[str, Term] | None = None) -> Mapping[str, Term]:
    """Return the terms of the owners' account, discounted million over the horizon.

    Parameters
    ----------
    problem
        The problem.
    costs
        Its cost terms, if they are already known.
    """
    accounts = problem.accounts
    costs = cost_terms(problem) if costs is None else costs
    terms = {
        name: Term(_scale_amounts(term.on, -1.0), {key: -price for key, price in term.on_shortfall.items()})
        for name, term in costs.items()
    }
    if accounts.credit_per_t.any():
        terms["carbon_mn"] = Term(carbon_value(problem))
    if len(accounts.allocations):
        terms |= _financing(problem)
    if accounts.tax_share:
        terms |= _taxes(problem, costs, terms)
    return terms


def carbon_value(problem: Problem) -> dict[str, Floats]:
    """Return the discounted value of 1 kt/y of on-site abatement, in million, by variable.

    Where a band limits the sale of allowances, the value applies to credited tonnes.
    """
    credit = period_sums(problem.accounts.credit_per_t * problem.discount, problem.periods) / 1000.0
    if not problem.accounts.is_banded:
        value = {CAPTURED: credit * (1.0 - problem.fuel_co2_t_per_t)}
        if problem.has_measures:
            value[BUILD] = problem.reduced_ktpa[:, None] * np.einsum("rsy,ry->rs", problem.running_share, credit)
        return value
    # All options of a plant belong to one sector and earn the same price.
    first = np.unique(problem.routes["plant"].to_numpy(str), return_index=True)[1]
    return {CREDITED: credit[first]}


def _financing(problem: Problem) -> dict[str, Term]:
    """Payments of the funds to the owners, and repayments."""
    accounts = problem.accounts
    drawn = problem.periods["capex_weight"].to_numpy(float)
    factors = np.r_[problem.discount, problem.closing_discount]
    grants = accounts.is_grant
    return {
        "grants_mn": Term({SPEND: grants * drawn}),
        "drawn_mn": Term({SPEND: (1.0 - grants) * drawn}),
        "repaid_mn": Term({SPEND: -accounts.repaid_share @ factors}),
        "interest_mn": Term({SPEND: -accounts.interest_rate @ factors}),
    }


def _taxes(problem: Problem, costs: Mapping[str, Term], terms: Mapping[str, Term]) -> dict[str, Term]:
    accounts = problem.accounts
    tax = accounts.tax_share
    untaxed = _NOT_YEARLY if accounts.paid_is_taxed else (*_NOT_YEARLY, "paid_mn")
    yearly = {name: term for name, term in costs.items() if not name.endswith("_capex_mn") and name not in untaxed}
    income = sum_terms(
        {"costs": Term(_scale_amounts(sum_terms(yearly), -1.0)), "carbon": terms.get("carbon_mn", Term())}
    )
    factors = np.r_[problem.discount, problem.closing_discount]
    depreciated = accounts.depreciation_share @ factors
    book = accounts.book_share * problem.closing_discount
    capex = {name: each[:, None] for name, each in capex_mn(problem).items()}
    depreciation, book_value = ({name: each * w for name, each in capex.items()} for w in (depreciated, book))
    if len(accounts.allocations):
        grants = accounts.is_grant
        depreciation[SPEND], book_value[SPEND] = -grants * depreciated, -grants * book
    salvage = _scale_amounts(costs["salvage_mn"].on, -1.0)
    found = {
        "tax_on_income_mn": Term(_scale_amounts(income, -tax)),
        "tax_of_depreciation_mn": Term(_scale_amounts(depreciation, tax)),
        "tax_on_salvage_mn": Term(_scale_amounts(salvage, -tax)),
        "tax_of_book_value_mn": Term(_scale_amounts(book_value, tax)),
    }
    if "interest_mn" in terms:
        found["tax_of_interest_mn"] = Term(_scale_amounts(terms["interest_mn"].on, -tax))
    return found


def _scale_amounts(amounts: Mapping[str, Floats], factor: float) -> dict[str, Floats]:
    return {name: factor * amount for name, amount in amounts.items()}


# Net social benefit: damages avoided on request, discounted at the rate of their series, less resource cost at the
# social discount rate. Transfers between stakeholders (carbon price, policy payments, loans, grants, taxes) cancel and
# are excluded. The payment of an oil field is taken as the value of its additional oil.

# Cost terms that are transfers between stakeholders.
TRANSFERS = ("paid_mn", "shortfall_mn")


def net_benefit_terms(problem: Problem) -> Mapping[str, Term]:
    """Return the terms of the net social benefit, discounted million over the horizon."""
    accounts = problem.accounts
    terms = {}
    if accounts.damages is not None:
        rate = accounts.damages.rate["central"]
        terms["damage_avoided_mn"] = abatement_value(problem.with_discount_rate(rate), accounts.damage_per_t)
    for name, term in cost_terms(problem.with_discount_rate(accounts.social_discount_rate)).items():
        if name not in TRANSFERS:
            terms[name] = Term({variable: -amount for variable, amount in term.on.items()})
    return terms


def abatement_value(problem: Problem, per_t: Floats) -> Term:
    """Return the value of all avoided tonnes at `per_t` [calendar], discounted at the problem's rate, in million."""
    per_kt = period_sums(per_t * problem.discount, problem.periods) / 1000.0
    years = problem.periods["n_years"].to_numpy(float)
    tonnes = {name: amount for name, amount in sum_terms(abatement_terms(problem)).items() if name != BUILD}
    value = {name: amount / years * per_kt for name, amount in tonnes.items()}
    if problem.has_measures:
        value[BUILD] = reduced_kt(problem, per_kt)
    return Term(value)


@dataclass(frozen=True)
class ObjectiveSpec:
    """An objective and its tie-breaking stage: unit, sense, and the terms of both."""

    unit: str
    sense: int
    first: Callable[[Problem], Mapping[str, Term]]
    second: Callable[[Problem], Mapping[str, Term]]
    second_sense: int


# As in Pyomo.
_MINIMISE, _MAXIMISE = 1, -1
_MONEY = "million over the horizon, discounted"

OBJECTIVES: Mapping[str, ObjectiveSpec] = MappingProxyType(
    {
        "max_abatement": ObjectiveSpec("kt over the horizon", _MAXIMISE, abatement_terms, cost_terms, _MINIMISE),
        "min_cost": ObjectiveSpec(_MONEY, _MINIMISE, cost_terms, abatement_terms, _MAXIMISE),
        "max_npv": ObjectiveSpec(_MONEY, _MAXIMISE, npv_terms, abatement_terms, _MAXIMISE),
        "max_net_benefit": ObjectiveSpec(_MONEY, _MAXIMISE, net_benefit_terms, abatement_terms, _MAXIMISE),
    }
)


def is_in_money(problem: Problem, k: int) -> bool:
    """Return whether objective `k` of the model is money: 0 for the objective, 1 for the tie-breaking one."""
    return (problem.objective == "max_abatement") == (k == 1)


def unit_of(problem: Problem) -> str:
    """Return the unit of the objective value; in a static year it is per year."""
    unit = OBJECTIVES[problem.objective].unit
    if not problem.is_static:
        return unit
    return "kt a year" if problem.objective == "max_abatement" else "million a year"


# Abatement targets, and minimum shares of the avoided CO₂ for provinces or sectors.


def tonnes_of(problem: Problem, target: Target) -> dict[str, Floats]:
    """Return coefficients [id, year] of a target by variable, for all source–sink options."""
    n_years = problem.periods["n_years"].to_numpy(float)
    weight = n_years if target.year is None else np.equal(problem.years, target.year).astype(float)
    avoided = problem.avoided_t_per_t
    if target.measure == "captured":
        return {CAPTURED: np.ones_like(avoided) * weight}
    amounts = {CAPTURED: avoided * weight}
    if problem.has_measures:
        amounts[BUILD] = reduced_kt(problem, weight)
    # Pump power on shared pipes is attributed to no province or sector; it counts in targets over all plants only.
    if problem.line_power_co2_t_per_t is not None and not target.group:
        amounts[PIPE_FLOW] = -problem.line_power_co2_t_per_t * weight
    return amounts


def routes_counted(problem: Problem, target: Target) -> Mask | None:
    """Return the source–sink options that count for a target, or None for all of them."""
    return None if target.measure == "captured" else problem.routes_of(target.group)


def surplus_of(problem: Problem, group: str) -> dict[str, Floats]:
    """Return coefficients [id, year] of what a group avoids beyond its share of the total, by variable."""
    n_years = problem.periods["n_years"].to_numpy(float)
    inside = problem.routes_of(group)[:, None] - problem.share_of_avoided_min[group]
    amounts = {CAPTURED: problem.avoided_t_per_t * n_years * inside}
    if problem.has_measures:
        amounts[BUILD] = reduced_kt(problem, n_years) * inside
    return amounts
