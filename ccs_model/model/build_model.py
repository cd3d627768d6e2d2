"""Problem → pyomo.ConcreteModel: each theme adds its variables and claims; THEMES is the table of contents."""

from __future__ import annotations

from collections.abc import Callable

import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC

from ccs_model.model.abatement_targets import add_targets
from ccs_model.model.budget import add_payments, add_spending, declare_payments
from ccs_model.model.objective import add_objective
from ccs_model.model.retrofits import add_capture, add_retrofits
from ccs_model.model.storage import add_sites, add_storage
from ccs_model.model.transport import add_transport
from ccs_model.problem import Problem

THEMES: tuple[Callable[[pyo.ConcreteModel, Problem], None], ...] = (
    add_retrofits,
    add_capture,
    declare_payments,
    add_sites,
    add_storage,
    add_transport,
    add_spending,
    add_payments,
    add_targets,
    add_objective,
)


def build_model(problem: Problem) -> pyo.ConcreteModel:
    """The whole program as a plain ConcreteModel, to which a modeller may add before it is solved."""
    m = pyo.ConcreteModel(name=problem.name)
    with PauseGC():
        add_themes(m, problem)
    return m


def add_themes(m: pyo.Block, problem: Problem) -> None:
    """All variables and claims of a problem."""
    for add_theme in THEMES:
        add_theme(m, problem)
    # Between themes only.
    del m.running_terms
