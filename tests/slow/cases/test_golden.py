"""Golden answers of a shipped scenario: what the code gave when it was last found right.

These numbers come from the code, not from outside it. A change that moves one names its reason in CHANGELOG.md under
*Results may change*, and only then is the number here changed.
"""

from __future__ import annotations

import pytest

from ccs_model.paths import scenarios_folder
from ccs_model.plan.plan import Plan
from ccs_model.scenario import read_scenario
from ccs_model.solve.driver import optimize

# Of the linear program without cuts.
RELAXATION = 63_689.15


@pytest.fixture(scope="module")
def shanxi() -> Plan:
    scenario = read_scenario(scenarios_folder() / "shanxi.yaml")
    return optimize(scenario.with_changes({"solver.mip_gap": 0.15, "solver.effort": "quick"}))


def test_size_of_the_program(shanxi: Plan) -> None:
    assert (shanxi.size.n_rows, shanxi.size.n_columns, shanxi.size.n_integer) == (16_840, 20_391, 7_392)


def test_the_relaxation(shanxi: Plan) -> None:
    assert shanxi.relaxation.value == pytest.approx(RELAXATION, rel=1e-6)


def test_the_objective_within_the_gap_asked_for(shanxi: Plan) -> None:
    assert shanxi.status != "limit"
    assert shanxi.objective.value == pytest.approx(45_298.0, rel=0.05)
    assert shanxi.objective.value <= shanxi.objective.searched_bound <= 1.1501 * shanxi.objective.value
    # Over all candidate links only a wider bound holds; flow directions lower it below that of the relaxation.
    assert shanxi.objective.searched_bound <= shanxi.objective.bound <= RELAXATION


def test_pipes_are_shared(shanxi: Plan) -> None:
    assert shanxi.shares is not None
    assert shanxi.shares["n_users"].max() > 2


def test_every_check_holds(shanxi: Plan) -> None:
    assert shanxi.checks["holds"].all()
