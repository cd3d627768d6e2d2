"""Builds the Pyomo model of a problem. Each theme adds variables and constraints; THEMES is the table of contents.

The extensive form of the two-stage stochastic model has one block a future, with common first-stage decisions:

future[f]            the model of a future, as `build_model` builds it
value_at_risk        value that the worst futures exceed
excess[f] ≥ 0        by how much the future is worse than the value at risk

Its objective is (1 − weight) × mean + weight × CVaR (Rockafellar and Uryasev 2000), with
CVaR = value_at_risk ± Σ probability × excess ÷ (1 − cvar_share), + for minimisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC

from ccs_model.arguments import instance_of
from ccs_model.model.budget import add_payments, add_spending, declare_payments
from ccs_model.model.names import CONSTRAINTS, FIRST_STAGE, VARIABLES
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.objective_rows import add_objective, add_targets
from ccs_model.model.peak_flows import add_peak_flows
from ccs_model.model.retrofits import add_capture, add_captured, add_retrofits
from ccs_model.model.storage import add_sites, add_storage
from ccs_model.model.transport import add_transport
from ccs_model.problem import Problem

Theme = Callable[[pyo.ConcreteModel, Problem], None]

THEMES: tuple[Theme, ...] = (
    add_retrofits,
    add_capture,
    declare_payments,
    add_sites,
    add_storage,
    add_transport,
    add_peak_flows,
    add_spending,
    add_payments,
    add_targets,
    add_objective,
)


def build_model(problem: Problem) -> pyo.ConcreteModel:
    """Return the mixed-integer linear model of a problem.

    Parameters
    ----------
    problem
        Sets and coefficients from `build_problem`.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Plain model that can be extended before `solve`. `ccs_model.model.names` lists its variables and constraints.

    Raises
    ------
    InputError
        If `problem` is anything else, such as a path.
    """
    instance_of("problem", problem, Problem, "a Problem", "build_problem(scenario, inputs) makes one")
    m = pyo.ConcreteModel(name=problem.name)
    with PauseGC():
        add_themes(m, problem, (*THEMES, add_captured))
    return m


def unshared_model(problem: Problem) -> pyo.ConcreteModel:
    """Return the model without expressions, for a search that shows it to no caller."""
    m = pyo.ConcreteModel(name=problem.name)
    with PauseGC():
        add_themes(m, problem)
    return m


def add_themes(m: pyo.Block, problem: Problem, themes: tuple[Theme, ...] = THEMES) -> None:
    """Add all variables and constraints of a problem."""
    for add_theme in themes:
        add_theme(m, problem)
    # Only the themes need these sums.
    del m.running_terms
    meanings = {**VARIABLES, **CONSTRAINTS}
    for component in m.component_objects((pyo.Var, pyo.Constraint), descend_into=False):
        component.doc = meanings.get(component.local_name)


@dataclass(frozen=True)
class Outlook:
    """Probabilities of the futures, years of the first stage, and the weight of CVaR in the objective."""

    probability_share: tuple[float, ...]
    here_and_now: tuple[int, ...]
    cvar_share: float = 0.9
    weight: float = 0.0


def build_hedge(problems: Sequence[Problem], outlook: Outlook) -> pyo.ConcreteModel:
    """Return the model over all futures, which share one objective.

    References
    ----------
    Rockafellar and Uryasev (2000), Optimization of conditional value-at-risk. Journal of Risk 2(3), 21–41.
    """
    objective = OBJECTIVES[problems[0].objective]
    worse = 1.0 if objective.sense == pyo.minimize else -1.0
    m = pyo.ConcreteModel(name=problems[0].name)
    m.futures = pyo.RangeSet(0, len(problems) - 1)
    m.future = pyo.Block(m.futures)
    value = []
    with PauseGC():
        for f, problem in enumerate(problems):
            block = m.future[f]
            add_themes(block, problem)
            value.append(block.objective.expr)
            block.del_component("objective")
            block.del_component("tie_break")
        _hold_here_and_now(m, len(problems), outlook.here_and_now)
        shares = outlook.probability_share
        mean = pyo.quicksum(share * each for share, each in zip(shares, value, strict=True))
        weight = outlook.weight
        if not weight:
            m.objective = pyo.Objective(expr=mean, sense=objective.sense)
            return m
        m.value_at_risk = pyo.Var(domain=pyo.Reals)
        m.excess = pyo.Var(m.futures, domain=pyo.NonNegativeReals)

        @m.Constraint(m.futures)
        def excess_over_value_at_risk(m: pyo.ConcreteModel, f: int) -> object:
            """excess ≥ value of the future − value_at_risk (value_at_risk − value when maximising)"""
            return m.excess[f] >= worse * (value[f] - m.value_at_risk)

        tail = pyo.quicksum(share * m.excess[f] for f, share in enumerate(shares)) / (1.0 - outlook.cvar_share)
        m.objective = pyo.Objective(
            expr=(1.0 - weight) * mean + weight * (m.value_at_risk + worse * tail), sense=objective.sense
        )
    return m


def _hold_here_and_now(m: pyo.ConcreteModel, n_futures: int, years: Sequence[int]) -> None:
    """Add the constraint that fixes first-stage decisions across futures.

    An asset that some future cannot build in such a year is built in no future.
    """
    there: dict[tuple[str, str, int], list[int]] = {}
    for f in range(n_futures):
        for name in FIRST_STAGE:
            variable = m.future[f].component(name)
            for index in variable if variable is not None else ():
                if index[1] in years:
                    there.setdefault((name, str(index[0]), int(index[1])), []).append(f)
    pairs = [
        (f, *key) for key, known in there.items() for f in (known[1:] if len(known) == n_futures else known)
    ]  # fmt: skip

    @m.Constraint(pairs)
    def here_and_now_is_the_same(m: pyo.ConcreteModel, f: int, name: str, thing: str, year: int) -> object:
        """asset built in a here-and-now year = the same asset in the first future"""
        mine = m.future[f].component(name)[thing, year]
        if len(there[name, thing, year]) < n_futures:
            return mine == 0
        return mine == m.future[0].component(name)[thing, year]
