"""Golden results of a shipped scenario, as the code gave them when they were last accepted.

The numbers are not from an independent source. A change of a number is explained in CHANGELOG.md under
*Results may change* before the number here is changed.
"""

from __future__ import annotations

import pytest

from ccs_model.paths import scenarios_folder
from ccs_model.plan.plan import Plan
from ccs_model.scenario import read_scenario
from ccs_model.solve.driver import optimize

# Objective of the LP relaxation without cuts.
RELAXATION = 63_689.15


@pytest.fixture(scope="module")
def shanxi() -> Plan:
    scenario = read_scenario(scenarios_folder() / "shanxi.yaml")
    return optimize(scenario.with_changes({"solver.mip_gap": 0.15, "solver.effort": "quick"}))


def test_the_model_has_the_stored_size(shanxi: Plan) -> None:
    assert (shanxi.size.n_rows, shanxi.size.n_columns, shanxi.size.n_integer) == (16_840, 20_391, 7_392)


def test_the_lp_relaxation_has_the_stored_value(shanxi: Plan) -> None:
    assert shanxi.relaxation.value == pytest.approx(RELAXATION, rel=1e-6)


def test_the_objective_is_within_the_requested_gap(shanxi: Plan) -> None:
    assert shanxi.status != "limit"
    assert shanxi.objective.value == pytest.approx(45_298.0, rel=0.05)
    assert shanxi.objective.value <= shanxi.objective.searched_bound <= 1.1501 * shanxi.objective.value
    # Over all candidate links, only a weaker bound holds; flow directions tighten it below the LP relaxation.
    assert shanxi.objective.searched_bound <= shanxi.objective.bound <= RELAXATION


def test_some_pipelines_are_shared_by_more_than_two_plants(shanxi: Plan) -> None:
    assert shanxi.shares is not None
    assert shanxi.shares["n_users"].max() > 2


def test_every_check_holds(shanxi: Plan) -> None:
    assert shanxi.checks["holds"].all()
