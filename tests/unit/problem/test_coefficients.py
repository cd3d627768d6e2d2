"""Coefficients of capture options and pipes, against arithmetic on the numbers of the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem
from ccs_model.problem.pipe_costs import pipe_costs_of
from ccs_model.scenario import Scenario
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, Any]
MakeProblem = Callable[..., Problem]


def relative_capex(share: float) -> float:
    """Relative amine capex at a CO₂ share: 60 % follow CO₂, 40 % gas to the power of 0.6 (concentration_capex)."""
    return float(0.6 + 0.4 * (0.135 / share) ** 0.6)


def test_capture_capex_follows_gas_concentration_train_size_and_nameplate(
    problem_of: MakeProblem, one_mill: Changes
) -> None:
    routes = problem_of(one_mill).routes
    assert len(routes) > 4 and set(routes["grade"]) == {"flue_gas"}
    for row in routes.itertuples(index=False):
        assert row.concentration_factor == pytest.approx(
            relative_capex(row.co2_share) / relative_capex(row.reference_co2_share)
        )
        per_tpa = row.reference_capex_per_tpa * row.concentration_factor * row.small_train_factor
        assert row.capture_capex_mn == pytest.approx(per_tpa * row.nameplate_ktpa / 1_000, rel=1e-12)
        assert row.fixed_om_mn_pa == pytest.approx(row.fixed_om_share * row.capture_capex_mn, rel=1e-12)


def test_pure_vent_has_a_concentration_factor_of_one(problem_of: MakeProblem, one_vent: Changes) -> None:
    assert (problem_of(one_vent).routes["concentration_factor"] == 1.0).all()


def test_source_with_given_costs_captures_all_its_emissions(hand_problem: MakeProblem) -> None:
    problem = hand_problem({"targets.captured_ktpa": 100}, plants=PLANTS, sites=SITES, links=LINKS)
    routes = problem.routes.set_index("plant")
    assert (routes["capture_rate_share"] == 1.0).all() and (routes["lasting_share"] == 1.0).all()
    assert routes["nameplate_ktpa"].to_dict() == {plant: row["co2_ktpa"] for plant, row in PLANTS.items()}


def test_pipes_have_no_haulage_cost_and_trucks_no_annual_om(hand_problem: MakeProblem, inputs: Inputs) -> None:
    changes = {"targets.captured_ktpa": 100, "transport.trucks": True, "transport.candidate_links": "made_and_given"}
    lines = hand_problem(changes, plants=PLANTS, sites=SITES, links=LINKS).network.lines
    trucks = lines["pipe"] == "truck"
    assert trucks.any() and not trucks.all()
    assert (lines.loc[~trucks, "haul_per_t"] == 0).all() and (lines.loc[trucks, "haul_per_t"] > 0).all()
    assert (lines.loc[trucks, "om_mn_per_ktpa"] == 0).all() and (lines.loc[trucks, "life_yr"] == 1).all()


def test_existing_pipe_has_the_om_cost_of_a_new_one(inputs: Inputs, small: Callable[..., Scenario]) -> None:
    pipes = pipe_costs_of(small({"transport.pipe_costs": "as_built"}), inputs, PriceLevel.of("CNY", 2023, inputs))
    om = pipes.existing_om_mn(pd.Series([1_700.0, 500.0]), pd.Series([109.0, 20.0]), pd.Series([1.0, 3.0]))
    capex_mn = [5.33 * 1.7**0.3 * 109**0.94, 3.0 * 5.33 * 0.5**0.3 * 20**0.94]
    assert om.tolist() == pytest.approx([0.025 * capex_mn[0] / 1_700, 0.025 * capex_mn[1] / 500])
    assert np.isfinite(om).all()
