"""Coefficients of options, pipes and funds, each against arithmetic on the numbers of the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem
from ccs_model.problem.pipe_costs import pipe_costs_of
from ccs_model.scenario import Scenario
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, Any]
Posed = Callable[..., Problem]


def law(share: float) -> float:
    """Cost of amine at a CO₂ share: 60 % follow the CO₂, 40 % the gas to the power of 0.6 (concentration_capex)."""
    return float(0.6 + 0.4 * (0.135 / share) ** 0.6)


def test_capital_of_a_unit_is_that_of_its_gas_size_and_nameplate(problem_of: Posed, one_mill: Changes) -> None:
    routes = problem_of(one_mill).routes
    assert len(routes) > 4 and set(routes["grade"]) == {"flue_gas"}
    for row in routes.itertuples(index=False):
        assert row.concentration_factor == pytest.approx(law(row.co2_share) / law(row.reference_co2_share))
        per_tpa = row.reference_capex_per_tpa * row.concentration_factor * row.small_train_factor
        assert row.capture_capex_mn == pytest.approx(per_tpa * row.nameplate_ktpa / 1_000, rel=1e-12)
        assert row.fixed_om_mn_pa == pytest.approx(row.fixed_om_share * row.capture_capex_mn, rel=1e-12)


def test_the_gas_of_a_pure_vent_changes_no_cost(problem_of: Posed, one_vent: Changes) -> None:
    assert (problem_of(one_vent).routes["concentration_factor"] == 1.0).all()


def test_a_unit_of_given_costs_captures_all_that_its_plant_emits(hand_problem: Posed) -> None:
    problem = hand_problem({"targets.captured_ktpa": 100}, plants=PLANTS, sites=SITES, links=LINKS)
    routes = problem.routes.set_index("plant")
    assert (routes["capture_rate_share"] == 1.0).all() and (routes["lasting_share"] == 1.0).all()
    assert routes["nameplate_ktpa"].to_dict() == {plant: row["co2_ktpa"] for plant, row in PLANTS.items()}


def test_a_target_of_a_province_without_plants_is_named(problem_of: Posed) -> None:
    with pytest.raises(InputError, match="Hebei"):
        problem_of({"targets.by_province": {"Hebei": {"abatement_share": {2031: 0.01}}}})


def test_a_pipe_has_no_freight_and_a_truck_no_yearly_cost(hand_problem: Posed, inputs: Inputs) -> None:
    changes = {"targets.captured_ktpa": 100, "transport.trucks": True, "transport.candidate_links": "made_and_given"}
    lines = hand_problem(changes, plants=PLANTS, sites=SITES, links=LINKS).network.lines
    trucks = lines["pipe"] == "truck"
    assert trucks.any() and not trucks.all()
    assert (lines.loc[~trucks, "haul_per_t"] == 0).all() and (lines.loc[trucks, "haul_per_t"] > 0).all()
    assert (lines.loc[trucks, "om_mn_per_ktpa"] == 0).all() and (lines.loc[trucks, "life_yr"] == 1).all()


def test_an_existing_pipe_is_operated_like_a_new_one(inputs: Inputs, small: Callable[..., Scenario]) -> None:
    pipes = pipe_costs_of(small({"transport.pipe_costs": "as_built"}), inputs, PriceLevel.of("CNY", 2023, inputs))
    om = pipes.existing_om_mn(pd.Series([1_700.0, 500.0]), pd.Series([109.0, 20.0]))
    built = [5.33 * 1.7**0.3 * 109**0.94, 5.33 * 0.5**0.3 * 20**0.94]
    assert om.tolist() == pytest.approx([0.025 * built[0] / 1_700, 0.025 * built[1] / 500])
    assert np.isfinite(om).all()
