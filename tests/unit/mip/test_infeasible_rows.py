"""Conflicting constraints of an infeasible model, and the smallest relaxation of each."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

from ccs_model.mip import SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.infeasible_rows import ElasticSearch, point_without_presolve
from ccs_model.model.standard_form import matrix_of

EXACT = SolverOptions(gap_share=0.0, threads=1)


def infeasible_model(*, max_items: float = 0.0) -> pyo.ConcreteModel:
    """Two required items of 4 and 5 exceed a budget of 7; `max_items` also limits their number."""
    m = pyo.ConcreteModel()
    m.buy = pyo.Var(["a", "b"], domain=pyo.Binary)
    m.needed = pyo.Constraint(["a", "b"], rule=lambda m, i: m.buy[i] >= 1)
    m.money = pyo.Constraint(expr=4 * m.buy["a"] + 5 * m.buy["b"] <= 7)
    m.idle = pyo.Constraint(expr=m.buy["a"] + m.buy["b"] <= 2)
    if max_items:
        m.floor = pyo.Constraint(expr=m.buy["a"] + m.buy["b"] <= max_items)
    m.objective = pyo.Objective(expr=m.buy["a"], sense=pyo.maximize)
    return m


def test_each_conflicting_constraint_is_reported_with_its_smallest_relaxation() -> None:
    matrix = matrix_of(infeasible_model())
    found = ElasticSearch(matrix, EXACT).smallest_relaxations((("needed",), ("money",), ("idle",)), now() + 30)
    assert [set(relaxation.rows) for relaxation in found] == [{"needed"}, {"money"}]
    # Either one item is not required (relaxed by 1), or the budget rises by 2, from 7 to 4 + 5 = 9.
    ((_, amount, limit),) = found[0].rows["needed"]
    assert (amount, limit) == (pytest.approx(1), 1)
    assert found[1].rows["money"] == ((None, pytest.approx(2), 7),)


def test_constraints_that_restore_feasibility_only_together_are_reported_together() -> None:
    matrix = matrix_of(infeasible_model(max_items=1.5))
    groups = (("money",), ("floor",), ("money", "floor"))
    (relaxation,) = ElasticSearch(matrix, EXACT).smallest_relaxations(groups, now() + 30)
    assert set(relaxation.rows) == {"money", "floor"}
    assert relaxation.rows["money"][0][1] == pytest.approx(2, rel=1e-3)
    assert relaxation.rows["floor"][0][1] == pytest.approx(0.5, rel=1e-3)


def test_solve_without_presolve_confirms_infeasibility_and_feasibility() -> None:
    assert point_without_presolve(matrix_of(infeasible_model()), EXACT, 10).status == "infeasible"
    m = infeasible_model()
    m.money.deactivate()
    assert point_without_presolve(matrix_of(m), EXACT, 10).x is not None
