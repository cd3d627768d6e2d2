"""Own pipes: every site in reach is offered, and more sites never worsen a plan."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan

Solved = Callable[..., Plan]
OWN = {
    "transport.shared_trunklines": False, "transport.candidate_links": "made_and_given", "targets.captured_ktpa": 800,
}  # fmt: skip
PLANTS = {"A": {"co2_ktpa": 500}, "B": {"co2_ktpa": 400}}
# Further sites are cheaper; the last has room for one of the plants only.
SITES = {
    name: {"site_capex_mn": capex, "capacity_mid_kt": capacity}
    for name, capex, capacity in (("R", 400, 1e6), ("S", 390, 1e6), ("T", 380, 1e6), ("U", 200, 1e6), ("V", 1, 13_000))
}


@pytest.fixture(scope="module")
def solved(hand_solved: Solved, inputs: Inputs) -> Solved:
    """Solves with pipes whose boosters draw no power, which has no price here."""
    without_power = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    tables = {"plants": PLANTS, "sites": SITES, "links": {}, "transport__pipes": without_power}
    return lambda changes, **more: hand_solved(OWN | changes, **tables | more)


def test_every_site_in_reach_is_offered_and_chosen_by_value(solved: Solved) -> None:
    plan = solved({})
    assert set(plan.problem.routes["site"]) == set(SITES)
    assert sorted(plan.retrofits["site"]) == ["U", "V"]
    assert plan.totals["storage_capex_mn"] == pytest.approx(201)
    near = solved({"storage.site_reach_km": 45})
    assert set(near.problem.routes["site"]) == {"R", "S"}


def test_more_sites_never_worsen_a_plan(solved: Solved) -> None:
    costs = [solved({"storage.nearest_sites": n}).objective.value for n in (1, 3, 5)]
    assert all(after <= before * (1 + 1e-9) for before, after in pairwise(costs))
    assert costs[-1] < costs[0]


def test_a_limit_of_the_table_holds(solved: Solved, inputs: Inputs) -> None:
    limits: Any = inputs["transport/limits"]
    row = limits.iloc[:1].assign(limit="sites_in_reach", value=2.0)
    plan = solved({}, transport__limits=pd.concat([limits, row], ignore_index=True))
    assert plan.problem.routes.groupby("plant")["site"].nunique().tolist() == [2, 2]
