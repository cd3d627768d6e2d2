"""Society's account, as terms of the aim highest_net_benefit: damages avoided less what retrofits use up.

Discounted at society's rate. Payments from one bearer to another (carbon price, what a policy pays, loans, grants,
taxes) cancel and stand in no term. What an oil field pays is taken as what the oil is worth to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ccs_model.model.terms import Term, abatement_terms, cost_terms, reduced_kt, summed
from ccs_model.problem import Problem
from ccs_model.problem.periods import period_sums

# Paid by one bearer to another.
TRANSFERS = ("paid_mn", "shortfall_mn")


def net_benefit_terms(problem: Problem) -> Mapping[str, Term]:
    """Discounted million over the horizon, benefits positive."""
    social = problem.discounted_at(problem.accounts.social_discount_share)
    terms = {"damage_avoided_mn": damage_avoided(social)}
    for name, term in cost_terms(social).items():
        if name not in TRANSFERS:
            terms[name] = Term({variable: -amount for variable, amount in term.on.items()})
    return terms


def damage_avoided(problem: Problem) -> Term:
    """Damage that avoided tonnes spare, at the problem's rate."""
    per_kt = period_sums(problem.accounts.damage_per_t * problem.discount, problem.periods) / 1000.0
    years = problem.periods["n_years"].to_numpy(float)
    tonnes = {name: amount for name, amount in summed(abatement_terms(problem)).items() if name != "build"}
    value = {name: amount / years * per_kt for name, amount in tonnes.items()}
    if problem.has_measures:
        value["build"] = reduced_kt(problem, per_kt)
    return Term(value)
