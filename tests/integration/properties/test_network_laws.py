"""Invariants of plans with shared pipelines and storage, recomputed from the tables of the plan."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ccs_model.inputs import Inputs
from ccs_model.mip import Highs, SolverOptions
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve.driver import solve

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]
SHARED = {
    "transport.shared_trunklines": True,
    "transport.corridors": "all",
    "storage.sites": ["Qinshui", "Ordos"],
    "plants.min_emissions_ktpa": 2_500,
}
CONTINUOUS = {"capture.decisions": "continuous"}
MIN_COST = {"objective": "min_cost", "budget.total_mn": None}
STAGED = {"years": [2026, 2031], "capital_recovery_share": None}
COMPRESSION = {"capture.technologies": ["compression"]}
# Three plants and two sites in a meshed network, so that every plant has alternative routes.
MESH: dict[str, dict[str, dict[str, Any]]] = {
    "plants": {
        "A": {"co2_ktpa": 300, "capture_capex_mn": 10, "capture_cost_per_t": 20},
        "B": {"co2_ktpa": 700, "capture_capex_mn": 30, "capture_cost_per_t": 10},
        "C": {"co2_ktpa": 1_500, "capture_capex_mn": 45, "capture_cost_per_t": 15},
    },
    "sites": {
        "S": {"site_capex_mn": 8, "well_capex_mn": 2, "well_injectivity_ktpa": 400, "n_wells_max": 3},
        "T": {"site_capex_mn": 15, "well_capex_mn": 1, "well_injectivity_ktpa": 500, "capacity_mid_kt": 60_000},
    },
    "links": {
        "A-B": {"length_km": 20},
        "A-S": {"length_km": 60},
        "B-C": {"length_km": 30},
        "B-S": {"length_km": 70},
        "C-T": {"length_km": 50},
        "S-T": {"length_km": 40},
    },
}


def assert_co2_is_balanced(plan: Plan) -> pd.DataFrame:
    """Assert that CO₂ is balanced at every node and year; return the net supply of each node, [node, year]."""
    problem, flows = plan.problem, plan.flows
    assert problem.network is not None
    nodes = problem.network.nodes["node"]
    net_supply = pd.DataFrame(0.0, index=nodes, columns=list(problem.years))
    for each in flows.itertuples():
        net_supply.at[each.from_node, each.year] += each.flow_ktpa
        net_supply.at[each.to_node, each.year] -= each.flow_ktpa
    for each in plan.storage.itertuples():
        net_supply.at[each.site, each.year] += each.injected_ktpa
    plants_at = pd.Series(problem.network.node_of_plant)
    tolerance = 1e-6 * max(float(plan.emissions["captured_ktpa"].max()), 1.0)
    for node in nodes:
        if node not in set(plants_at):
            assert net_supply.loc[node].abs().max() <= tolerance, node
    assert net_supply.to_numpy().min() >= -tolerance
    last = plan.retrofits.groupby(plan.retrofits["plant"].map(plants_at))["captured_ktpa"].sum()
    assert net_supply[problem.years[-1]].to_numpy() == pytest.approx(
        last.reindex(nodes, fill_value=0.0).to_numpy(), abs=tolerance
    )
    captured = plan.emissions.groupby("year")["captured_ktpa"].sum()
    for year in problem.years:
        assert net_supply[year].sum() == pytest.approx(captured[year], abs=tolerance)
    return net_supply


def assert_flows_reach_sites_within_capacity(plan: Plan) -> None:
    """Assert that every supplying node reaches a site in each year and that flows and storage keep their capacities."""
    net_supply = assert_co2_is_balanced(plan)
    flows, storage = plan.flows, plan.storage
    for each, mean, peak in ((flows, "flow_ktpa", "peak_flow_ktpa"), (storage, "injected_ktpa", "peak_injected_ktpa")):
        assert (each[mean] <= each[peak] * (1 + 1e-6) + 1e-6).all()
    assert (flows["peak_flow_ktpa"] <= flows["capacity_ktpa"] * (1 + 1e-6) + 1e-6).all()
    for year in plan.problem.years:
        moving = flows[(flows["year"] == year) & (flows["flow_ktpa"] > 1e-6)]
        served = set(storage.loc[(storage["year"] == year) & (storage["injected_ktpa"] > 0), "site"])
        while more := set(moving.loc[moving["to_node"].isin(served), "from_node"]) - served:
            served |= more
        assert set(net_supply.index[net_supply[year] > 1e-6 * max(net_supply[year].sum(), 1.0)]) <= served
    if len(storage):
        capacity_kt = storage["capacity_kt"] * (1 + 1e-6) + 1e-3
        assert (storage["stored_kt"] + storage["committed_kt"] <= capacity_kt).all()
        assert (storage["peak_injected_ktpa"] <= storage["wells_ktpa"] * (1 + 1e-6) + 1e-6).all()
        assert (storage["wells_ktpa"] <= storage["injection_max_ktpa"] * (1 + 1e-6)).all()
    # The post-horizon injection obligation is the CO2 that retrofits capture after the horizon.
    if not plan.problem.is_static and len(storage):
        last = storage[storage["year"] == plan.problem.years[-1]]
        built = plan.retrofits.set_index("route")
        years_left = pd.DataFrame(
            plan.problem.years_after_horizon, index=plan.problem.routes["route"], columns=list(plan.problem.years)
        )
        obligation_kt = sum(each.nameplate_ktpa * years_left.at[route, each.year] for route, each in built.iterrows())
        assert last["committed_kt"].sum() == pytest.approx(obligation_kt, rel=1e-6, abs=1e-3)


def assert_costs_add_up(plan: Plan) -> None:
    assert sum(plan.terms.values()) == pytest.approx(plan.objective.value, rel=1e-9, abs=1e-9)
    assert plan.cashflow["discounted_mn"].sum() == pytest.approx(sum(plan.cost_terms.values()), rel=1e-9, abs=1e-9)
    built, invested = plan.flows["built_mn"].sum(), plan.storage["invested_mn"].sum()
    capture = plan.retrofits["capture_capex_mn"].sum()
    assert plan.by_year["spending_mn"].sum() == pytest.approx(built + invested + capture, rel=1e-7, abs=1e-6)
    assert plan.retrofits["pipe_capex_mn"].sum() == pytest.approx(built, rel=1e-6, abs=1e-6)
    assert plan.retrofits["storage_capex_mn"].sum() == pytest.approx(invested, rel=1e-6, abs=1e-6)
    assert plan.shares is not None
    for rule in ("by_use_mn", "by_shapley_mn"):
        of_facility = plan.shares.groupby(["kind", "facility"])
        split, capex = of_facility[rule].sum(), of_facility["capex_mn"].first()
        assert split.to_numpy() == pytest.approx(capex.to_numpy(), rel=1e-9, abs=1e-6)
        assert plan.shares[rule].sum() == pytest.approx(built + invested, rel=1e-6, abs=1e-6)


def assert_invariants(plan: Plan) -> None:
    assert plan.status != "limit"
    assert plan.checks["holds"].all(), plan.checks[~plan.checks["holds"]]
    assert_flows_reach_sites_within_capacity(plan)
    assert_costs_add_up(plan)


def without_links(tables: dict[str, Any], *links: str) -> dict[str, Any]:
    return {**tables, "links": {name: row for name, row in tables["links"].items() if name not in links}}


@pytest.mark.parametrize(
    "changes",
    [{}, CONTINUOUS, COMPRESSION | {"budget.total_mn": 2_000, "plants.min_emissions_ktpa": 1_200},
     MIN_COST | {"targets.abatement_share": {2031: 0.04}},
     MIN_COST | CONTINUOUS | {"targets.abatement_share": {2031: 0.04}},
     {"budget.cumulative_mn": {2026: 500}, "transport.corridors": "auto"}],
)  # fmt: skip
def test_plans_of_shipped_plants_satisfy_the_invariants(solved: Solved, changes: dict[str, Any]) -> None:
    plan = solved(SHARED, changes)
    assert_invariants(plan)
    assert plan.retrofits["captured_ktpa"].sum() > 0


SCENARIOS = st.fixed_dictionaries(
    {
        "years": st.sampled_from(["static", [2026, 2031], [2026, 2028, 2035]]),
        "capture.decisions": st.sampled_from(["integer", "continuous"]),
        "transport.trucks": st.booleans(),
        "transport.corridors": st.sampled_from(["auto", "all"]),
        "storage.max_fill_share": st.sampled_from([0.4, 1.0]),
        "budget.total_mn": st.sampled_from([20.0, 60.0, 110.0, 400.0]),
        "discount_rate": st.sampled_from([0.0, 0.08]),
    }
)

# Zero or at least one metre: shorter pipelines give rows that no solver satisfies to a relative 1e-6.
LENGTHS_KM = st.just(0.0) | st.floats(1e-3, 120)


@given(SCENARIOS, st.lists(LENGTHS_KM, min_size=6, max_size=6), st.integers(0, 3))
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_plans_of_random_networks_satisfy_the_invariants(
    hand_solved: Solved, requested: dict[str, Any], lengths: list[float], n: int
) -> None:
    links = {name: {"length_km": km} for name, km in zip(MESH["links"], lengths, strict=True)}
    existing = {name: {**row, "existing_ktpa": 300} for name, row in list(links.items())[:n]}
    plan = hand_solved({"objective": "max_abatement", **requested}, **{**MESH, "links": links | existing})
    assert_invariants(plan)
    spent = sum(plan.cost_terms.values()) if plan.problem.is_static else plan.by_year["spending_mn"].sum()
    assert spent <= requested["budget.total_mn"] * (1 + 1e-6)


@pytest.mark.parametrize("changes", [{"targets.captured_ktpa": 1_000}, {"targets.captured_ktpa": 2_500}])
def test_removing_a_link_never_reduces_the_cost(hand_solved: Solved, changes: dict[str, Any]) -> None:
    over_all_links = {"transport.corridors": "all", **changes}
    full = hand_solved(over_all_links, **MESH)
    assert_invariants(full)
    costs = {link: hand_solved(over_all_links, **without_links(MESH, link)).objective.value for link in MESH["links"]}
    assert min(costs.values()) >= full.objective.value - 1e-6
    # Removing an unused link changes nothing, and removing some used link raises the cost.
    used = set(full.flows["link"])
    for link in set(costs) - used:
        assert costs[link] == pytest.approx(full.objective.value, rel=1e-9)
    assert max(costs[link] for link in used) > full.objective.value


def test_removing_a_link_never_increases_abatement(hand_solved: Solved) -> None:
    requested = {"objective": "max_abatement", "budget.total_mn": 115, "transport.corridors": "all", **STAGED}
    full = hand_solved(requested, **MESH)
    assert_invariants(full)
    used = sorted(set(full.flows["link"]))
    values = {link: hand_solved(requested, **without_links(MESH, link)).objective.value for link in used}
    assert max(values.values()) <= full.objective.value + 1e-6
    assert min(values.values()) < full.objective.value


def test_a_larger_detour_factor_never_improves_the_objective(solved: Solved) -> None:
    detours = (1.0, 1.5)
    abatement = [solved(SHARED, COMPRESSION, {"transport.detour_factor": each}).objective.value for each in detours]
    assert all(further <= nearer + 1e-6 for nearer, further in pairwise(abatement))
    requested = MIN_COST | CONTINUOUS | {"targets.abatement_share": {2031: 0.05}}
    costs = [solved(SHARED, requested, {"transport.detour_factor": each}).objective.value for each in detours]
    assert all(nearer < further for nearer, further in pairwise(costs))


def test_a_larger_budget_never_reduces_abatement(hand_solved: Solved) -> None:
    requested = {"objective": "max_abatement", "transport.corridors": "all", **STAGED}
    plans = [hand_solved(requested | {"budget.total_mn": budget}, **MESH) for budget in (30, 80, 150)]
    values = [plan.objective.value for plan in plans]
    assert all(less <= more + 1e-6 for less, more in pairwise(values))
    assert values[-1] > values[0] == 0
    for plan in plans:
        assert plan.objective.value <= plan.objective.searched_bound + 1e-6
        assert plan.objective.searched_bound <= plan.objective.bound + 1e-6


def test_marginal_abatement_of_continuous_decisions_decreases_with_the_budget(hand_solved: Solved) -> None:
    requested = {"objective": "max_abatement", **STAGED, **CONTINUOUS}
    values = [
        hand_solved(requested | {"budget.total_mn": budget}, **MESH).objective.value for budget in (40, 80, 120, 160)
    ]
    steps = np.diff([0.0, *values])
    assert (steps >= -1e-6).all()
    assert all(later <= earlier * (1 + 1e-6) + 1e-6 for earlier, later in pairwise(steps))


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_the_marginal_cost_of_abatement_equals_the_finite_difference_of_cost(solved: Solved, share: float) -> None:
    step = 1e-4
    here, more = (
        solved(SHARED, MIN_COST, CONTINUOUS, {"targets.abatement_share": {2031: each}})
        for each in (share, share + step)
    )
    # Tonnes are avoided in every year of the period, and discounted like its cash flows.
    discounted_kt = step * here.problem.baseline_ktpa * float(here.problem.periods["flow_weight"].iloc[-1])
    difference_per_t = (more.objective.value - here.objective.value) / discounted_kt * 1000
    assert here.relaxation.cost_of_next_tonne_per_t == pytest.approx(difference_per_t, rel=1e-3)


@pytest.fixture(scope="module")
def free_storage(inputs: Inputs, with_tables: Callable[..., Inputs]) -> Inputs:
    """Tables without storage costs, and with a direct link from each plant to every site.

    Own pipelines pay for storage per tonne, and shared ones for sites and wells. Without these costs, they differ in
    their pipelines only, and both choose from the same sites.
    """
    limits = inputs["transport/limits"]
    direct = limits["limit"] == "n_direct_sites"
    return with_tables(
        {
            "storage/sites": inputs["storage/sites"].assign(storage_cost_per_t=0.0),
            "storage/site_costs": inputs["storage/site_costs"].iloc[:0],
            "transport/limits": limits.assign(value=limits["value"].mask(direct, len(inputs["storage/sites"]))),
        }
    )


@pytest.mark.parametrize("changes", [COMPRESSION, CONTINUOUS | MIN_COST | {"targets.abatement_share": {2031: 0.08}}])
def test_shared_pipelines_are_never_worse_than_own_pipelines(
    solved: Solved, free_storage: Inputs, changes: dict[str, Any]
) -> None:
    requested = SHARED | {"transport.trucks": False} | changes
    shared = solved(requested, tables=free_storage).objective.value
    separate = solved(requested, {"transport.shared_trunklines": False}, tables=free_storage).objective.value
    if "objective" in changes:
        assert shared < separate
    else:
        assert shared >= separate * (1 - 1e-6)


def test_a_plan_does_not_depend_on_the_order_of_rows(solved: Solved, shuffled: Inputs) -> None:
    requested = SHARED | COMPRESSION | {"transport.corridors": "auto"}
    here, there = solved(requested), solved(requested, tables=shuffled)
    assert here.objective == there.objective
    for name in ("retrofits", "flows", "storage", "shares"):
        pd.testing.assert_frame_equal(getattr(here, name), getattr(there, name))


def test_a_plan_does_not_depend_on_the_order_or_direction_of_own_links(hand_solved: Solved) -> None:
    reversed_mesh = {
        "plants": dict(reversed(MESH["plants"].items())),
        "sites": dict(reversed(MESH["sites"].items())),
        "links": {
            name: {**row, "node_a": name[-1], "node_b": name[0]} for name, row in reversed(MESH["links"].items())
        },
    }
    # Coordinates have no effect if every length is given.
    here, there = (hand_solved({"targets.captured_ktpa": 2_300}, **tables) for tables in (MESH, reversed_mesh))
    pd.testing.assert_frame_equal(here.flows, there.flows)
    assert here.objective.value == there.objective.value


def test_the_optimum_over_all_links_lies_between_the_corridor_plan_and_its_bound(hand_solved: Solved) -> None:
    requested = {"targets.captured_ktpa": 1_800}
    found = hand_solved(requested, **MESH)
    over_all_links = hand_solved(requested | {"transport.corridors": "all"}, **MESH)
    assert found.corridors is not None and set(found.flows["link"]) <= set(found.corridors)
    assert over_all_links.corridors == tuple(sorted(MESH["links"]))
    assert found.objective.bound - 1e-6 <= over_all_links.objective.value <= found.objective.value + 1e-6
    assert over_all_links.objective.bound == pytest.approx(over_all_links.objective.searched_bound)


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_over_all_links_has_the_optimum_of_a_direct_milp_solve(
    hand_problem: Callable[..., Problem], seed: int
) -> None:
    # Cuts, starting solutions and corridors may save time, but never change the optimum.
    rng = np.random.default_rng(seed)
    links: dict[str, dict[str, float]] = {
        name: {"length_km": float(rng.choice([0.5, 10, 40, 100]))} for name in MESH["links"]
    }
    for name in rng.choice(sorted(links), 2, replace=False):
        links[name]["existing_ktpa"] = float(rng.choice([200, 400, 1_000]))
    requested = {"objective": "max_abatement", "transport.corridors": "all", "transport.trucks": seed % 2 == 0}
    requested |= {"budget.total_mn": float(rng.choice([60, 110, 200]))} | (STAGED if seed % 2 else {})
    problem = hand_problem(requested, **{**MESH, "links": links})
    direct = Highs(matrix_of(build_model(problem)), SolverOptions(gap_share=0.0, threads=1)).run(60, "all at once")
    assert direct.status != "limit"
    assert solve(problem).objective.value == pytest.approx(direct.objective, rel=1e-6, abs=1e-6)
