"""Builds the Pyomo model of a problem. Each theme adds variables and constraints; THEMES is the table of contents."""

from __future__ import annotations

from collections.abc import Callable

import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC

from ccs_model.model.abatement_targets import add_targets
from ccs_model.model.budget import add_payments, add_spending, declare_payments
from ccs_model.model.model_changes import remember
from ccs_model.model.names import CONSTRAINTS, VARIABLES
from ccs_model.model.objective import add_objective
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
    TypeError
        If `problem` is anything else, such as a path.
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"expected a Problem, got {type(problem).__name__}: build_problem(scenario, inputs) makes one")
    m = pyo.ConcreteModel(name=problem.name)
    with PauseGC():
        add_themes(m, problem, (*THEMES, add_captured))
        remember(m)
    return m


def unshared_model(problem: Problem) -> pyo.ConcreteModel:
    """Return the model without a record of its state and without expressions, where no caller can change it."""
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
