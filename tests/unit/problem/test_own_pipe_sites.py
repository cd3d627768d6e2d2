"""Own pipes: every site in reach is an option, and more sites never increase the cost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan

Solved = Callable[..., Plan]
OWN_PIPES = {
    "transport.shared_trunklines": False, "transport.candidate_links": "made_and_given", "targets.captured_ktpa": 800,
}  # fmt: skip
PLANTS = {"A": {"co2_ktpa": 500}, "B": {"co2_ktpa": 400}}
# The more distant a site, the cheaper it is; the last has capacity for one plant only.
SITES = {
    name: {"site_capex_mn": capex, "capacity_mid_kt": capacity}
    for name, capex, capacity in (("R", 400, 1e6), ("S", 390, 1e6), ("T", 380, 1e6), ("U", 200, 1e6), ("V", 1, 13_000))
}


@pytest.fixture(scope="module")
def solved(hand_solved: Solved, inputs: Inputs) -> Solved:
    """Solve with own pipes whose boosters draw no power, as power has no price here."""
    without_power = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    tables = {"plants": PLANTS, "sites": SITES, "links": {}, "transport__pipes": without_power}
    return lambda changes, **more: hand_solved(OWN_PIPES | changes, **tables | more)


@pytest.mark.slow
def test_every_site_in_reach_is_an_option_and_the_cheapest_are_chosen(solved: Solved) -> None:
    plan = solved({})
    assert set(plan.problem.routes["site"]) == set(SITES)
    assert sorted(plan.retrofits["site"]) == ["U", "V"]
    assert plan.totals["storage_capex_mn"] == pytest.approx(201)
    near = solved({"storage.site_reach_km": 45})
    assert set(near.problem.routes["site"]) == {"R", "S"}


def test_more_sites_never_increase_the_cost(solved: Solved) -> None:
    costs = [solved({"storage.nearest_sites": n}).objective.value for n in (1, 3, 5)]
    assert all(after <= before * (1 + 1e-9) for before, after in pairwise(costs))
    assert costs[-1] < costs[0]


def test_sites_in_reach_are_limited_by_the_table(solved: Solved, inputs: Inputs) -> None:
    limits: Any = inputs["transport/limits"]
    row = limits.iloc[:1].assign(limit="sites_in_reach", value=2.0)
    plan = solved({}, transport__limits=pd.concat([limits, row], ignore_index=True))
    assert plan.problem.routes.groupby("plant")["site"].nunique().tolist() == [2, 2]
