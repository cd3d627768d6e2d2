"""Aims and the terms they are made of. One function adds a term, to the objective and to the breakdown alike.

    abatement_kt[term]      tonnes over the horizon, undiscounted: captured less the CO₂ of steam and power
    cost_mn[term]           discounted money over the horizon, salvage negative

`breakdown` evaluates the same coefficients at a plan, so it can never disagree with the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.model.sums import RouteSum
from ccs_model.problem import Problem
from ccs_model.problem.problem import Target

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """Coefficients of one term: on build [route, start], on captured_ktpa [route, year], on shortfall_kt by target."""

    on_build: Floats | None = None
    on_captured: Floats | None = None
    on_shortfall: Mapping[str, float] = field(default_factory=dict)


def abatement_terms(problem: Problem) -> Mapping[str, Term]:
    """kt over the horizon: years of the period × tonnes a year."""
    years = problem.periods["n_years"].to_numpy(float)
    return {
        "captured_kt": Term(on_captured=np.broadcast_to(years, problem.fuel_co2_t_per_t.shape)),
        "fuel_co2_kt": Term(on_captured=-problem.fuel_co2_t_per_t * years),
        "capture_power_co2_kt": Term(on_captured=-problem.capture_power_t_per_t * years),
        "booster_power_co2_kt": Term(on_captured=-problem.booster_power_t_per_t * years),
    }


def cost_terms(problem: Problem) -> Mapping[str, Term]:
    """Discounted million over the horizon."""
    routes, periods = problem.routes, problem.periods
    at_start = periods["capex_weight"].to_numpy()
    running_weight = problem.running_share @ periods["flow_weight"].to_numpy()

    def column(name: str) -> Floats:
        return routes[name].to_numpy(float)[:, None]

    fixed = {
        "capture_capex_mn": Term(on_build=column("capture_capex_mn") * at_start),
        "pipe_capex_mn": Term(on_build=column("pipe_capex_mn") * at_start),
        "salvage_mn": Term(on_build=-column("capex_mn") * problem.salvage_share),
        "capture_fixed_om_mn": Term(on_build=column("fixed_om_mn_pa") * running_weight),
        "pipe_fixed_om_mn": Term(on_build=column("pipe_om_mn_pa") * running_weight),
    }
    short = {}
    if problem.shortfall_per_t is not None and problem.targets:
        price = {target.key: problem.shortfall_per_t / 1000.0 * _weight(problem, target) for target in problem.targets}
        short = {"shortfall_mn": Term(on_shortfall=MappingProxyType(price))}
    flowing = {f"{name}_mn": Term(on_captured=problem.cost_mn_per_ktpa(name)) for name in problem.cost_per_t}
    return {**fixed, **flowing, **short}


def _weight(problem: Problem, target: Target) -> float:
    """A shortfall in a year is paid over the years of its period; one over the horizon once, undiscounted."""
    if target.year is None:
        return 1.0
    return float(problem.periods["flow_weight"].iloc[problem.years.index(target.year)])


@dataclass(frozen=True)
class Aim:
    """What is optimised first and, among plans that are equal in it, second (in the other sense)."""

    unit: str
    sense: int
    first: Callable[[Problem], Mapping[str, Term]]
    second: Callable[[Problem], Mapping[str, Term]]

    @property
    def second_sense(self) -> int:
        """Tonnes are to be many and money little, whichever comes first."""
        return int(pyo.minimize if self.sense == pyo.maximize else pyo.maximize)


AIMS: Mapping[str, Aim] = MappingProxyType(
    {
        "most_abatement": Aim("kt over the horizon", pyo.maximize, abatement_terms, cost_terms),
        "least_cost": Aim("million over the horizon, discounted", pyo.minimize, cost_terms, abatement_terms),
    }
)


def add_objective(m: pyo.ConcreteModel, problem: Problem) -> None:
    """`m.aim` is the active objective; `m.tie_break` holds the second stage, inactive."""
    aim = AIMS[problem.aim]
    total = RouteSum(m, problem)

    def sum_of(terms: Mapping[str, Term]) -> object:
        on_build = [term.on_build for term in terms.values() if term.on_build is not None]
        on_captured = [term.on_captured for term in terms.values() if term.on_captured is not None]
        amount = total(
            on_build=np.sum(on_build, axis=0) if on_build else None,
            on_captured=np.sum(on_captured, axis=0) if on_captured else None,
        )
        prices = [(key, price) for term in terms.values() for key, price in term.on_shortfall.items()]
        return LinearExpression(
            constant=0.0,
            linear_coefs=[*amount.linear_coefs, *(price for _, price in prices)],
            linear_vars=[*amount.linear_vars, *(m.shortfall_kt[key] for key, _ in prices)],
        )

    m.aim = pyo.Objective(expr=sum_of(aim.first(problem)), sense=aim.sense)
    m.tie_break = pyo.Objective(expr=sum_of(aim.second(problem)), sense=aim.second_sense)
    m.tie_break.deactivate()


def breakdown(
    terms: Mapping[str, Term], build: Floats, captured_ktpa: Floats, shortfall_kt: Mapping[str, float]
) -> dict[str, float]:
    """Each term at a plan; `build` is [route, start], `captured_ktpa` [route, year], `shortfall_kt` by target."""
    values = {}
    for name, term in terms.items():
        value = 0.0
        if term.on_build is not None:
            value += float((term.on_build * build).sum())
        if term.on_captured is not None:
            value += float((term.on_captured * captured_ktpa).sum())
        value += sum(price * shortfall_kt.get(key, 0.0) for key, price in term.on_shortfall.items())
        values[name] = value
    return values
