"""Objectives: what is optimised first, and the tie-breaking objective among plans of equal value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.model.account_terms import net_benefit_terms, npv_terms
from ccs_model.model.sums import Sum
from ccs_model.model.terms import Term, abatement_terms, cost_terms, summed
from ccs_model.problem import Problem


@dataclass(frozen=True)
class ObjectiveSpec:
    """An objective and its tie-breaking stage: unit, sense, and the terms of both."""

    unit: str
    sense: int
    first: Callable[[Problem], Mapping[str, Term]]
    second: Callable[[Problem], Mapping[str, Term]]
    second_sense: int


_MONEY = "million over the horizon, discounted"

OBJECTIVES: Mapping[str, ObjectiveSpec] = MappingProxyType(
    {
        "max_abatement": ObjectiveSpec("kt over the horizon", pyo.maximize, abatement_terms, cost_terms, pyo.minimize),
        "min_cost": ObjectiveSpec(_MONEY, pyo.minimize, cost_terms, abatement_terms, pyo.maximize),
        "max_npv": ObjectiveSpec(_MONEY, pyo.maximize, npv_terms, abatement_terms, pyo.maximize),
        "max_net_benefit": ObjectiveSpec(_MONEY, pyo.maximize, net_benefit_terms, abatement_terms, pyo.maximize),
    }
)


def add_objective(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the active `m.objective` and the inactive `m.tie_break`."""
    objective = OBJECTIVES[problem.objective]
    total = Sum(m, problem)

    def sum_of(terms: Mapping[str, Term]) -> object:
        amount = total(summed(terms))
        prices = [(key, price) for term in terms.values() for key, price in term.on_shortfall.items()]
        return LinearExpression(
            constant=0.0,
            linear_coefs=[*amount.linear_coefs, *(price for _, price in prices)],
            linear_vars=[*amount.linear_vars, *(m.shortfall_kt[key] for key, _ in prices)],
        )

    m.objective = pyo.Objective(expr=sum_of(objective.first(problem)), sense=objective.sense)
    m.tie_break = pyo.Objective(expr=sum_of(objective.second(problem)), sense=objective.second_sense)
    m.tie_break.deactivate()


def is_in_money(problem: Problem, k: int) -> bool:
    """Return whether objective `k` of the model is money: 0 for the objective, 1 for the tie-breaking one."""
    return (problem.objective == "max_abatement") == (k == 1)


def unit_of(problem: Problem) -> str:
    """Return the unit of the objective value; in a static year it is per year."""
    unit = OBJECTIVES[problem.objective].unit
    if not problem.is_static:
        return unit
    return "kt a year" if problem.objective == "max_abatement" else "million a year"
