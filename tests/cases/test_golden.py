"""Golden answers of a shipped scenario: what the code gave when it was last found right.

These numbers come from the code, not from outside it. A change that moves one names its reason in CHANGELOG.md under
*Results may change*, and only then is the number here changed.
"""

from __future__ import annotations

import pytest

from ccs_model.paths import scenarios_folder
from ccs_model.plan.optimize import optimize
from ccs_model.plan.plan import Plan

RELAXATION = 108_544.82938
TOP_THREE = ["NH3_82", "NH3_21", "MEOH_22"]


@pytest.fixture(scope="module")
def shanxi() -> Plan:
    return optimize(scenarios_folder() / "shanxi.yaml")


def test_size_of_the_program(shanxi: Plan) -> None:
    assert (shanxi.size.n_rows, shanxi.size.n_columns, shanxi.size.n_whole) == (10_765, 16_312, 6_320)


def test_the_relaxation(shanxi: Plan) -> None:
    # The optimum of a linear program is one number, whatever the solver's path.
    assert shanxi.relaxation.value == pytest.approx(RELAXATION, rel=1e-6)


def test_the_objective_within_the_gap_asked_for(shanxi: Plan) -> None:
    assert shanxi.status == "optimal"
    assert shanxi.objective.value == pytest.approx(91_970.0, rel=0.01)
    assert shanxi.objective.value <= shanxi.objective.bound <= 1.0101 * shanxi.objective.value
    # Over all candidate links only the wider bound holds.
    assert shanxi.objective.all_links_bound == pytest.approx(RELAXATION, rel=1e-6)


def test_the_three_plants_that_avoid_most(shanxi: Plan) -> None:
    by_plant = shanxi.retrofits.groupby("plant")["avoided_ktpa"].sum().sort_values(ascending=False)
    assert by_plant.index[:3].tolist() == TOP_THREE


def test_every_check_holds(shanxi: Plan) -> None:
    assert shanxi.checks["holds"].all()
