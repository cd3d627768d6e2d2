"""Exchanges do not improve a proven optimum, and changed parameters give the model that Pyomo builds."""

import time

import numpy as np
import pandas as pd
import pytest

from ccs_model.analysis.explain import _bracket
from ccs_model.analysis.what_if import exchanges_of, with_capex
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of

pytestmark = pytest.mark.slow


def exchanges(plan, seconds=60.0):
    return exchanges_of(plan.problem, plan.retrofits, plan.flows, time.monotonic() + seconds)


def plants_not_selected(plan):
    plants = plan.problem.plants
    return sorted(set(plants["plant"][plants["is_candidate"]]) - set(plan.retrofits["plant"]))


@pytest.fixture(scope="module")
def tight(solved):
    """An optimal plan with a budget that leaves a plant out."""
    plan = solved({"budget.total_mn": 1_300})
    assert plants_not_selected(plan)
    return plan


def test_no_exchange_improves_an_optimal_plan(tight):
    analysis = exchanges(tight)
    for plant in plants_not_selected(tight):
        exchange = analysis.with_plant(plant)
        if exchange is not None:
            assert exchange.value <= tight.objective.value * (1 + 1e-9)
    for plant in set(tight.retrofits["plant"]):
        exchange = analysis.without_plant(plant)
        assert exchange is not None and exchange.value <= tight.objective.value * (1 + 1e-9)
        assert plant in exchange.leaving and plant not in exchange.entering


def test_an_exchange_is_no_better_than_the_plan_with_the_fixed_decision(tight, solved):
    plant = plants_not_selected(tight)[0]
    exchange = exchanges(tight).with_plant(plant)
    with_fixed_decision = solved({"budget.total_mn": 1_300, "plants.require": [plant]})
    assert plant in exchange.entering
    assert exchange.value <= with_fixed_decision.objective.value * (1 + 1e-9)
    out = sorted(set(tight.retrofits["plant"]))[0]
    without = exchanges(tight).without_plant(out)
    assert without.value <= solved({"budget.total_mn": 1_300, "plants.exclude": [out]}).objective.value * (1 + 1e-9)


def test_the_money_to_add_pays_for_the_plan_and_the_plant(tight, solved):
    plant = plants_not_selected(tight)[0]
    more = exchanges(tight).money_to_add(plant, tight.objective.value)
    assert more > 0
    both = sorted({*tight.retrofits["plant"], plant})
    richer = solved({"budget.total_mn": 1_300 + more * (1 + 1e-6) + 1e-6, "plants.require": both})
    assert richer.objective.value >= tight.objective.value * (1 - 1e-6)


def test_a_parameter_change_gives_the_model_that_pyomo_builds(tight):
    plant = plants_not_selected(tight)[0]
    parameter_change = exchanges(tight).with_capex(plant)
    for factor in (0.0, 0.4, 1.0, 3.0):
        direct = matrix_of(build_model(with_capex(tight.problem, plant, factor)))
        found = parameter_change.at(factor)
        assert np.abs((found.rows - direct.rows).data).max(initial=0.0) < 1e-9
        np.testing.assert_allclose(found.costs, direct.costs, atol=1e-9)


def test_a_higher_capital_cost_never_improves_an_exchange(tight):
    plant = plants_not_selected(tight)[0]
    analysis = exchanges(tight)
    parameter_change = analysis.with_capex(plant)
    values = [analysis.with_plant(plant, parameter_change.at(factor)).value for factor in (0.1, 0.5, 1.0)]
    assert values[0] >= values[1] * (1 - 1e-3) and values[1] >= values[2] * (1 - 1e-3)


def test_a_fixed_decision_costs_0_or_more_in_the_relaxation(tight):
    analysis = exchanges(tight)
    relaxation = analysis.relaxation()
    assert relaxation.is_solved
    assert relaxation.base.objective == pytest.approx(tight.relaxation.value, rel=1e-6)
    assert any(constraint == "spending_within_budget" for constraint, _ in analysis.duals(relaxation))
    assert analysis.relaxed_cost_of(plants_not_selected(tight)[0], relaxation, required=True) >= 0.0


def test_exchanges_on_a_shared_network_respect_the_bound_and_keep_the_plan(solved):
    plan = solved(
        {
            "transport.shared_trunklines": True,
            "storage.sites": ["Qinshui", "Ordos"],
            "budget.total_mn": 1_200,
            "solver.mip_gap": 0.02,
        }
    )
    analysis = exchanges_of(plan.problem, plan.retrofits, plan.flows, time.monotonic() + 60)
    plant = sorted(set(plan.retrofits["plant"]))[0]
    without = analysis.without_plant(plant)
    assert without is not None and plant in without.leaving
    assert without.value <= plan.objective.bound * (1 + 1e-9)
    back = analysis.with_plant(plant)
    assert back is not None and back.value >= plan.objective.value * (1 - 1e-3)


def test_a_change_of_the_carbon_price_gives_the_costs_that_pyomo_builds(solved):
    changes = {"objective": "max_npv", "policy.carbon_price_per_t": {2026: 75}, "policy.capture_deductible": True}
    plan = solved(changes)
    analysis = exchanges_of(plan.problem, pd.DataFrame(plan.retrofits), plan.flows, time.monotonic() + 60)
    parameter_change = analysis.with_carbon_price()
    direct = solved({**changes, "policy.carbon_price_per_t": {2026: 125}}).problem
    np.testing.assert_allclose(
        parameter_change.at(50.0).costs, matrix_of(build_model(direct)).costs, rtol=1e-9, atol=1e-9
    )


def test_the_bracket_converges_to_the_turning_point():
    shares = []

    def holds(share):
        shares.append(share)
        return share <= 0.3

    low, high = _bracket(holds, 0.0, 1.0, 6, lambda: True)
    assert low <= 0.3 < high and high - low == pytest.approx(1 / 32) and len(shares) == 6
    assert _bracket(lambda share: False, 0.0, 1.0, 6, lambda: True) == (None, None)
    assert _bracket(holds, 0.0, 1.0, 6, lambda: False) == (None, None)


def test_an_exchange_with_continuous_decisions_equals_the_plan_with_the_fixed_decision(solved):
    changes = {"budget.total_mn": 1_300, "capture.decisions": "continuous"}
    plan = solved(changes)
    plant = plants_not_selected(plan)[0]
    with_fixed_decision = solved({**changes, "plants.require": [plant]})
    exchange = exchanges(plan).with_plant(plant)
    assert exchange.value == pytest.approx(with_fixed_decision.objective.value, rel=1e-6)
    assert exchange.value < plan.objective.value
