"""The objectives of the model, and the constraints of the targets.

shortfall_kt[target] ≥ 0    tonnes by which a target is missed (kt/y in a year, kt over the horizon), where priced
"""

from __future__ import annotations

from collections.abc import Mapping

import pyomo.environ as pyo

from ccs_model.model.linear_sums import Sum, Terms, linear_sum
from ccs_model.model.objective import OBJECTIVES, routes_counted, surplus_of, tonnes_of
from ccs_model.model.terms import Term, sum_terms
from ccs_model.problem import Problem
from ccs_model.problem.problem import Target


def add_objective(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the active `m.objective` and the inactive `m.tie_break`."""
    objective = OBJECTIVES[problem.objective]
    total = Sum(m, problem)

    def sum_of(terms: Mapping[str, Term]) -> object:
        prices = ((key, price) for term in terms.values() for key, price in term.on_shortfall.items())
        return linear_sum([*total.terms(sum_terms(terms)), *((price, m.shortfall_kt[key]) for key, price in prices)])

    m.objective = pyo.Objective(expr=sum_of(objective.first(problem)), sense=objective.sense)
    m.tie_break = pyo.Objective(expr=sum_of(objective.second(problem)), sense=objective.second_sense)
    m.tie_break.deactivate()


def add_targets(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the shortfall variables and all target constraints."""
    total = Sum(m, problem)
    by_key = {target.key: target for target in problem.targets}
    priced = list(by_key) if problem.shortfall_per_t is not None else []
    m.shortfall_kt = pyo.Var(priced, domain=pyo.NonNegativeReals)

    def tonnes(target: Target) -> Terms:
        return total.terms(tonnes_of(problem, target), routes=routes_counted(problem, target))

    @m.Constraint([target.key for target in problem.targets if target.year is not None])
    def abatement_target_reached(m: pyo.ConcreteModel, key: str) -> object:
        """Σ options of the group, in the year: avoided ≥ required tonnes − shortfall"""
        return _minimum_amount(m, tonnes(by_key[key]), key, by_key[key].required)

    @m.Constraint([target.key for target in problem.targets if target.year is None])
    def cumulative_target_reached(m: pyo.ConcreteModel, key: str) -> object:
        """Σ options of the group, years: years × avoided ≥ tonnes − shortfall"""
        return _minimum_amount(m, tonnes(by_key[key]), key, by_key[key].required)

    @m.Constraint(list(problem.share_of_avoided_min))
    def minimum_share_of_avoided_kept(m: pyo.ConcreteModel, group: str) -> object:
        """Σ options of the group: avoided ≥ share × Σ all options: avoided, over the horizon"""
        return _minimum_amount(m, total.terms(surplus_of(problem, group)), "", 0.0)


def _minimum_amount(m: pyo.ConcreteModel, amount: Terms, key: str, required: float) -> object:
    if key in m.shortfall_kt:
        amount = [*amount, (1.0, m.shortfall_kt[key])]
    if not amount:
        return pyo.Constraint.Feasible if required <= 0 else pyo.Constraint.Infeasible
    return linear_sum(amount) >= required
