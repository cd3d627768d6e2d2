"""A whole program small enough to solve by hand, to see that the solver answers."""

from __future__ import annotations

import pyomo.environ as pyo

from ccs_model.solver.clock import now
from ccs_model.solver.highs import Highs, SolverOptions
from ccs_model.solver.matrix import matrix_of
from ccs_model.solver.whole import solve_whole


def solver_answers() -> bool:
    """Most of 3a + 2b with 2a + 3b ≤ 4, both whole up to 1: a alone, 3."""
    m = pyo.ConcreteModel()
    m.a, m.b = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)
    m.room = pyo.Constraint(expr=2 * m.a + 3 * m.b <= 4)
    m.aim = pyo.Objective(expr=3 * m.a + 2 * m.b, sense=pyo.maximize)
    highs = Highs(matrix_of(m), SolverOptions(threads=1))
    found = solve_whole(highs, maximise=True, gap=0.0, deadline=now() + 10, doing="trial").outcome
    return found.status == "optimal" and abs(found.objective - 3.0) < 1e-9
