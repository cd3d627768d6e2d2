"""Variance of the avoidance cost: an exact formula, and parts that sum to the variance."""

from dataclasses import replace

import numpy as np
import pytest

from ccs_model.analysis.cost_spread import FACTORS, Formula, shares_of_variance, spread_of_avoidance_cost
from ccs_model.plan.merit_order import best_options

WIDE = {
    "plants.inventory": ["steel", "chemicals"],
    "plants.min_emissions_ktpa": 200,
    "capture.heat_sources": ["coal_boiler", "gas_boiler"],
}


@pytest.fixture(scope="module")
def formula(problem_of):
    problem = problem_of(WIDE)
    return Formula.of(problem, best_options(problem))


def test_with_every_factor_its_own_the_formula_is_the_levelised_one(problem_of, formula):
    known = best_options(problem_of(WIDE))["avoidance_cost_per_t"].to_numpy()
    assert len(known) > 40
    np.testing.assert_allclose(formula.cost_per_t(set(FACTORS)), known, rtol=1e-12)


def test_it_is_also_with_a_delivered_share_below_1(problem_of):
    problem = replace(problem_of(WIDE), delivered_share=0.6)
    known = best_options(problem)["avoidance_cost_per_t"].to_numpy()
    found = Formula.of(problem, best_options(problem)).cost_per_t(set(FACTORS))
    np.testing.assert_allclose(found, known, rtol=1e-12)


def test_with_no_factor_its_own_all_plants_cost_the_same(formula):
    assert np.ptp(formula.cost_per_t(set())) == pytest.approx(0.0, abs=1e-9)


def test_parts_sum_to_the_variance(problem_of):
    table = spread_of_avoidance_cost(problem_of(WIDE)).set_index("factor")
    costs = best_options(problem_of(WIDE))["avoidance_cost_per_t"]
    assert table.at["all", "variance"] == pytest.approx(costs.var(ddof=0), rel=1e-9)
    assert table["variance"].drop("all").sum() == pytest.approx(table.at["all", "variance"], rel=1e-9)
    assert table["variance_share"].drop("all").sum() == pytest.approx(1.0)


def test_with_equal_other_factors_all_variance_is_distance(formula):
    flat = {name: np.full_like(values, values.mean()) for name, values in formula.numbers.items()}
    far = Formula({**flat, "length_km": formula.numbers["length_km"]}, formula.pipes)
    parts = shares_of_variance(far)
    total = np.var(far.cost_per_t(set(FACTORS)))
    assert total > 0
    assert parts.pop("distance") == pytest.approx(total, rel=1e-9)
    assert max(abs(part) for part in parts.values()) == pytest.approx(0.0, abs=1e-9 * total)


def test_one_plant_has_no_spread(problem_of, one_vent):
    assert spread_of_avoidance_cost(problem_of(one_vent)).empty
