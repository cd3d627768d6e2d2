"""Abatement targets, and minimum shares of the avoided CO₂ for provinces or sectors.

shortfall_kt[target] ≥ 0    tonnes by which a target is missed (kt/y in a year, kt over the horizon), where priced
"""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model._typing import Floats, Mask
from ccs_model.model.names import BUILD, CAPTURED, PIPE_FLOW
from ccs_model.model.terms import Sum, reduced_kt
from ccs_model.problem import Problem
from ccs_model.problem.problem import Target


def add_targets(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the shortfall variables and all target constraints."""
    total = Sum(m, problem)
    by_key = {target.key: target for target in problem.targets}
    priced = list(by_key) if problem.shortfall_per_t is not None else []
    m.shortfall_kt = pyo.Var(priced, domain=pyo.NonNegativeReals)

    def tonnes(target: Target) -> LinearExpression:
        return total(tonnes_of(problem, target), routes=routes_counted(problem, target))

    @m.Constraint([target.key for target in problem.targets if target.year is not None])
    def abatement_target_reached(m: pyo.ConcreteModel, key: str) -> object:
        """Σ options of the group, in the year: avoided ≥ share × baseline − shortfall"""
        return _at_least(m, tonnes(by_key[key]), key, by_key[key].required)

    @m.Constraint([target.key for target in problem.targets if target.year is None])
    def cumulative_target_reached(m: pyo.ConcreteModel, key: str) -> object:
        """Σ options of the group, years: years × avoided ≥ tonnes − shortfall"""
        return _at_least(m, tonnes(by_key[key]), key, by_key[key].required)

    @m.Constraint(list(problem.share_of_avoided_min))
    def minimum_share_of_avoided_kept(m: pyo.ConcreteModel, group: str) -> object:
        """Σ options of the group: avoided ≥ share × Σ all options: avoided, over the horizon"""
        return _at_least(m, total(surplus_of(problem, group)), "", 0.0)


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


def _at_least(m: pyo.ConcreteModel, amount: LinearExpression, key: str, required: float) -> object:
    variables, coefficients = list(amount.linear_vars), list(amount.linear_coefs)
    if key in m.shortfall_kt:
        variables.append(m.shortfall_kt[key])
        coefficients.append(1.0)
    if not variables:
        return pyo.Constraint.Feasible if required <= 0 else pyo.Constraint.Infeasible
    return LinearExpression(linear_coefs=coefficients, linear_vars=variables) >= required
