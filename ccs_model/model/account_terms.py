"""The owners' account, as terms of the aim max_npv: what they earn, pay, borrow and are taxed, discounted.

Income is positive. Tax is linear: losses are set against other profits of the year in which they arise; what is built,
less grants, is written off in equal parts; at the horizon's end what is left of it, less what stands in the books, is
taxed, and loans are repaid.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ccs_model._typing import Floats
from ccs_model.model.names import BUILD, CAPTURED, CREDITED, SPEND
from ccs_model.model.terms import Term, abatement_terms, capex_mn, cost_terms, reduced_kt, summed
from ccs_model.problem import Problem
from ccs_model.problem.periods import period_sums

# Cost terms that are no yearly expense: they are written off, or are no money at all.
_NOT_YEARLY = ("salvage_mn", "shortfall_mn")


def npv_terms(problem: Problem, costs: Mapping[str, Term] | None = None) -> Mapping[str, Term]:
    """Discounted million over the horizon; `costs` are the problem's cost terms where they are at hand."""
    accounts = problem.accounts
    costs = cost_terms(problem) if costs is None else costs
    terms = {
        name: Term(_times(term.on, -1.0), {key: -price for key, price in term.on_shortfall.items()})
        for name, term in costs.items()
    }
    if accounts.credit_per_t.any():
        terms["carbon_mn"] = Term(carbon_value(problem))
    if len(accounts.funds):
        terms |= _financing(problem)
    if accounts.tax_share:
        terms |= _taxes(problem, costs, terms)
    return terms


def carbon_value(problem: Problem) -> dict[str, Floats]:
    """Discounted million for 1 kt/y less from the plants' own stacks: all of it, or what the band lets through."""
    credit = period_sums(problem.accounts.credit_per_t * problem.discount, problem.periods) / 1000.0
    if not problem.accounts.is_banded:
        value = {CAPTURED: credit * (1.0 - problem.fuel_co2_t_per_t)}
        if problem.has_measures:
            value[BUILD] = problem.reduced_ktpa[:, None] * np.einsum("rsy,ry->rs", problem.running_share, credit)
        return value
    # The routes of a plant are of one sector and earn alike.
    first = np.unique(problem.routes["plant"].to_numpy(str), return_index=True)[1]
    return {CREDITED: credit[first]}


def _financing(problem: Problem) -> dict[str, Term]:
    """What funds pay out, and what is paid back to them."""
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
    yearly = {name: term for name, term in costs.items() if not name.endswith("_capex_mn") and name not in _NOT_YEARLY}
    income = summed({"costs": Term(_times(summed(yearly), -1.0)), "carbon": terms.get("carbon_mn", Term())})
    factors = np.r_[problem.discount, problem.closing_discount]
    written_off = accounts.depreciation_share @ factors
    book = accounts.book_share * problem.closing_discount
    capex = {name: each[:, None] for name, each in capex_mn(problem).items()}
    written, in_books = ({name: each * w for name, each in capex.items()} for w in (written_off, book))
    if len(accounts.funds):
        grants = accounts.is_grant
        written[SPEND], in_books[SPEND] = -grants * written_off, -grants * book
    left = _times(costs["salvage_mn"].on, -1.0)
    found = {
        "tax_on_income_mn": Term(_times(income, -tax)),
        "tax_of_depreciation_mn": Term(_times(written, tax)),
        "tax_on_salvage_mn": Term(_times(left, -tax)),
        "tax_of_book_value_mn": Term(_times(in_books, tax)),
    }
    if "interest_mn" in terms:
        found["tax_of_interest_mn"] = Term(_times(terms["interest_mn"].on, -tax))
    return found


def _times(amounts: Mapping[str, Floats], factor: float) -> dict[str, Floats]:
    return {name: factor * amount for name, amount in amounts.items()}


# Society's account, as terms of the aim max_net_benefit: damages avoided less what retrofits use up.
#
# Discounted at society's rate. Payments from one stakeholder to another (carbon price, what a policy pays, loans, grants,
# taxes) cancel and stand in no term. What an oil field pays is taken as what the oil is worth to it.

# Paid by one stakeholder to another.
TRANSFERS = ("paid_mn", "shortfall_mn")


def net_benefit_terms(problem: Problem) -> Mapping[str, Term]:
    """Discounted million over the horizon, benefits positive."""
    social = problem.discounted_at(problem.accounts.social_discount_rate)
    terms = {"damage_avoided_mn": damage_avoided(social)}
    for name, term in cost_terms(social).items():
        if name not in TRANSFERS:
            terms[name] = Term({variable: -amount for variable, amount in term.on.items()})
    return terms


def damage_avoided(problem: Problem) -> Term:
    """Damage that avoided tonnes spare, at the problem's rate."""
    per_kt = period_sums(problem.accounts.damage_per_t * problem.discount, problem.periods) / 1000.0
    years = problem.periods["n_years"].to_numpy(float)
    tonnes = {name: amount for name, amount in summed(abatement_terms(problem)).items() if name != BUILD}
    value = {name: amount / years * per_kt for name, amount in tonnes.items()}
    if problem.has_measures:
        value[BUILD] = reduced_kt(problem, per_kt)
    return Term(value)
