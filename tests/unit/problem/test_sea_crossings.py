"""Notices of pipelines between places on land that cross the sea at the cost of flat land."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.inputs.declarations import NODES, Source
from ccs_model.problem import Problem
from ccs_model.problem.build_problem import build_problem
from ccs_model.problem.link_costs import link_id
from ccs_model.problem.unused_inputs import unused_inputs
from ccs_model.report.language import Language
from ccs_model.scenario import Scenario
from tests.conftest import BY_HAND

# Both capes of the strait of Bohai, and a place 30 km inland of the southern one.
DALIAN, PENGLAI, INLAND = (
    {"lat_deg": lat, "lon_deg": lon} for lat, lon in ((39.0, 121.5), (37.7, 120.8), (37.4, 120.7))
)


def with_own_places(inputs: Inputs) -> Inputs:
    """Return the tables with every place as a row of the user."""
    tables = [table for table, _ in NODES]
    frames = {name: inputs[name].assign(line=np.arange(len(inputs[name])) + 2) for name in tables}
    sources = {name: (Source("mine.csv", is_own=True),) * len(frame) for name, frame in frames.items()}
    return replace(inputs, tables={**inputs.tables, **frames}, sources={**inputs.sources, **sources})


def notices(inputs: Inputs) -> list[str]:
    """Notices of sea crossings on a shared network."""
    scenario = Scenario.from_dict(BY_HAND).with_changes(
        {"objective": "max_abatement", "budget.total_mn": 1e6, "transport.candidate_links": "made_and_given"}
    )
    return [text for text in unused_inputs(build_problem(scenario, inputs)) if "over sea" in text]


@pytest.fixture
def across(hand_tables: Callable[..., Inputs]) -> Callable[..., Inputs]:
    """Plant A at Dalian, and site S across the strait or where `site` says."""

    def make(site: dict[str, Any], **tables: Any) -> Inputs:
        places = {"plants": {"A": {"co2_ktpa": 500, **DALIAN}}, "sites": {"S": site}, "links": {}}
        return with_own_places(hand_tables(**places | tables))

    return make


def test_a_link_across_a_strait_is_named(across: Callable[..., Inputs]) -> None:
    (found,) = notices(across(PENGLAI))
    assert "mostly over sea at the cost of flat land: A – S; raise their cost factor" in found
    assert Language("zh").sentence(found) != found


def test_own_pipes_across_a_strait_are_named(problem_of: Callable[..., Problem]) -> None:
    problem = problem_of()
    plants, sites = problem.plants.assign(**DALIAN), problem.sites.assign(**PENGLAI, is_offshore=False)
    moved = replace(problem, inputs=with_own_places(problem.inputs), plants=plants, sites=sites)
    (found,) = [text for text in unused_inputs(moved) if "over sea" in text]
    plant, site = problem.routes[["plant", "site"]].iloc[0]
    assert link_id(plant, site) in found


def test_a_link_without_a_place_of_the_user_is_not_named(across: Callable[..., Inputs]) -> None:
    inputs = across(PENGLAI)
    of_model = {table: (Source("model.csv"),) * len(inputs[table]) for table, _ in NODES}
    assert not notices(replace(inputs, sources={**inputs.sources, **of_model}))


def test_a_link_on_land_or_to_an_offshore_site_is_not_named(across: Callable[..., Inputs]) -> None:
    assert not notices(across({"lat_deg": 40.0, "lon_deg": 122.9}))
    assert not notices(across({**PENGLAI, "is_offshore": "yes"}))


def test_a_cost_factor_of_the_link_or_of_terrain_at_sea_suffices(across: Callable[..., Inputs], inputs: Inputs) -> None:
    assert notices(across(PENGLAI, links={"A-S": {"length_km": 160}}))
    assert not notices(across(PENGLAI, links={"A-S": {"length_km": 160, "cost_factor": 1.0}}))
    at_sea = pd.DataFrame({"lat_deg": [38.4], "lon_deg": [121.2], "cost_multiplier": [2.0]})
    columns = inputs["transport/terrain"].columns
    assert not notices(across(PENGLAI, transport__terrain=at_sea.reindex(columns=columns)))


def test_a_short_way_over_water_is_not_named(hand_tables: Callable[..., Inputs]) -> None:
    plants = {"A": {"co2_ktpa": 500, **INLAND}}
    assert not notices(with_own_places(hand_tables(plants=plants, sites={"S": PENGLAI}, links={})))
