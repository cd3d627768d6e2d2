"""Which claims clash, and by how much each must give way."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

from ccs_model.mip import SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.infeasible_rows import ElasticSearch, point_without_presolve
from ccs_model.model.standard_form import matrix_of

EXACT = SolverOptions(gap_share=0.0, threads=1)


def clash(*, second_floor: float = 0.0) -> pyo.ConcreteModel:
    """Two whole things of 4 and 5 must be bought with 7 in hand; one shop sells one thing only."""
    m = pyo.ConcreteModel()
    m.buy = pyo.Var(["a", "b"], domain=pyo.Binary)
    m.needed = pyo.Constraint(["a", "b"], rule=lambda m, i: m.buy[i] >= 1)
    m.money = pyo.Constraint(expr=4 * m.buy["a"] + 5 * m.buy["b"] <= 7)
    m.idle = pyo.Constraint(expr=m.buy["a"] + m.buy["b"] <= 2)
    if second_floor:
        m.floor = pyo.Constraint(expr=m.buy["a"] + m.buy["b"] <= second_floor)
    m.objective = pyo.Objective(expr=m.buy["a"], sense=pyo.maximize)
    return m


def test_each_claim_that_mends_is_named_with_its_least_relaxation() -> None:
    matrix = matrix_of(clash())
    found = ElasticSearch(matrix, EXACT).smallest_relaxations((("needed",), ("money",), ("idle",)), now() + 30)
    assert [set(way.rows) for way in found] == [{"needed"}, {"money"}]
    # One of the two need not be bought: gives way by 1. Or 4 + 5 = 9, two more than 7.
    ((_, given, limit),) = found[0].rows["needed"]
    assert (given, limit) == (pytest.approx(1), 1)
    assert found[1].rows["money"] == ((None, pytest.approx(2), 7),)


def test_two_claims_that_mend_only_together_are_named_together() -> None:
    matrix = matrix_of(clash(second_floor=1.5))
    groups = (("money",), ("floor",), ("money", "floor"))
    (way,) = ElasticSearch(matrix, EXACT).smallest_relaxations(groups, now() + 30)
    assert set(way.rows) == {"money", "floor"}
    assert way.rows["money"][0][1] == pytest.approx(2, rel=1e-3)
    assert way.rows["floor"][0][1] == pytest.approx(0.5, rel=1e-3)


def test_the_second_opinion_agrees() -> None:
    assert point_without_presolve(matrix_of(clash()), EXACT, 10).status == "infeasible"
    m = clash()
    m.money.deactivate()
    assert point_without_presolve(matrix_of(m), EXACT, 10).x is not None
