"""Laws of shared pipelines and storage that every plan keeps, recomputed from the plan's tables."""

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
from ccs_model.model import build_model
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
FRACTIONAL = {"capture.decisions": "continuous"}
LEAST_COST = {"objective": "min_cost", "budget.total_mn": None}
STAGED = {"years": [2026, 2031], "capital_recovery_share": None}
COMPRESSION = {"capture.technologies": ["compression"]}
# Three plants and two sites in a web: nobody's straight way is the only one.
WEB: dict[str, dict[str, dict[str, Any]]] = {
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


def assert_nothing_is_lost(plan: Plan) -> pd.DataFrame:
    """CO₂ in = CO₂ out at every node and year; returns what each plant's node sends, [node, year]."""
    problem, flows = plan.problem, plan.flows
    assert problem.network is not None
    nodes = problem.network.nodes["node"]
    sent = pd.DataFrame(0.0, index=nodes, columns=list(problem.years))
    for each in flows.itertuples():
        sent.at[each.from_node, each.year] += each.flow_ktpa
        sent.at[each.to_node, each.year] -= each.flow_ktpa
    for each in plan.storage.itertuples():
        sent.at[each.site, each.year] += each.injected_ktpa
    plants_at = pd.Series(problem.network.node_of_plant)
    tolerance = 1e-6 * max(float(plan.emissions["captured_ktpa"].max()), 1.0)
    for node in nodes:
        if node not in set(plants_at):
            assert sent.loc[node].abs().max() <= tolerance, node
    assert sent.to_numpy().min() >= -tolerance
    last = plan.retrofits.groupby(plan.retrofits["plant"].map(plants_at))["captured_ktpa"].sum()
    assert sent[problem.years[-1]].to_numpy() == pytest.approx(
        last.reindex(nodes, fill_value=0.0).to_numpy(), abs=tolerance
    )
    captured = plan.emissions.groupby("year")["captured_ktpa"].sum()
    for year in problem.years:
        assert sent[year].sum() == pytest.approx(captured[year], abs=tolerance)
    return sent


def assert_every_tonne_has_a_way(plan: Plan) -> None:
    """Whoever sends reaches a site over what lies there in that year, and all of it keeps to its capacity."""
    sent = assert_nothing_is_lost(plan)
    flows, storage = plan.flows, plan.storage
    for each, mean, peak in ((flows, "flow_ktpa", "peak_flow_ktpa"), (storage, "injected_ktpa", "peak_injected_ktpa")):
        assert (each[mean] <= each[peak] * (1 + 1e-6) + 1e-6).all()
    assert (flows["peak_flow_ktpa"] <= flows["capacity_ktpa"] * (1 + 1e-6) + 1e-6).all()
    for year in plan.problem.years:
        moving = flows[(flows["year"] == year) & (flows["flow_ktpa"] > 1e-6)]
        served = set(storage.loc[(storage["year"] == year) & (storage["injected_ktpa"] > 0), "site"])
        while more := set(moving.loc[moving["to_node"].isin(served), "from_node"]) - served:
            served |= more
        assert set(sent.index[sent[year] > 1e-6 * max(sent[year].sum(), 1.0)]) <= served
    if len(storage):
        room = storage["capacity_kt"] * (1 + 1e-6) + 1e-3
        assert (storage["stored_kt"] + storage["committed_kt"] <= room).all()
        assert (storage["peak_injected_ktpa"] <= storage["wells_ktpa"] * (1 + 1e-6) + 1e-6).all()
        assert (storage["wells_ktpa"] <= storage["injection_max_ktpa"] * (1 + 1e-6)).all()
    # What has been stored, in the horizon and after it, is what retrofits capture in all their life.
    if not plan.problem.is_static and len(storage):
        last = storage[storage["year"] == plan.problem.years[-1]]
        built = plan.retrofits.set_index("route")
        years_left = pd.DataFrame(
            plan.problem.years_after_horizon, index=plan.problem.routes["route"], columns=list(plan.problem.years)
        )
        owed = sum(each.nameplate_ktpa * years_left.at[route, each.year] for route, each in built.iterrows())
        assert last["committed_kt"].sum() == pytest.approx(owed, rel=1e-6, abs=1e-3)


def assert_money_adds_up(plan: Plan) -> None:
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


def assert_sound(plan: Plan) -> None:
    assert plan.status != "limit"
    assert plan.checks["holds"].all(), plan.checks[~plan.checks["holds"]]
    assert_every_tonne_has_a_way(plan)
    assert_money_adds_up(plan)


def without(tables: dict[str, Any], *links: str) -> dict[str, Any]:
    return {**tables, "links": {name: row for name, row in tables["links"].items() if name not in links}}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{}, FRACTIONAL, COMPRESSION | {"budget.total_mn": 2_000, "plants.min_emissions_ktpa": 1_200},
     LEAST_COST | {"targets.abatement_share": {2031: 0.04}},
     LEAST_COST | FRACTIONAL | {"targets.abatement_share": {2031: 0.04}},
     {"budget.cumulative_mn": {2026: 500}, "transport.corridors": "auto"}],
)  # fmt: skip
def test_plans_of_real_plants_are_sound(solved: Solved, changes: dict[str, Any]) -> None:
    plan = solved(SHARED, changes)
    assert_sound(plan)
    assert plan.retrofits["captured_ktpa"].sum() > 0


WEBS = st.fixed_dictionaries(
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

# No pipe, or one of a metre and more: shorter ones leave rows that no solver keeps to a millionth.
LENGTHS = st.just(0.0) | st.floats(1e-3, 120)


@pytest.mark.slow
@given(WEBS, st.lists(LENGTHS, min_size=6, max_size=6), st.integers(0, 3))
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_plans_of_any_web_are_sound(
    hand_solved: Solved, requested: dict[str, Any], lengths: list[float], n: int
) -> None:
    links = {name: {"length_km": km} for name, km in zip(WEB["links"], lengths, strict=True)}
    existing = {name: {**row, "existing_ktpa": 300} for name, row in list(links.items())[:n]}
    plan = hand_solved({"objective": "max_abatement", **requested}, **{**WEB, "links": links | existing})
    assert_sound(plan)
    spent = sum(plan.cost_terms.values()) if plan.problem.is_static else plan.by_year["spending_mn"].sum()
    assert spent <= requested["budget.total_mn"] * (1 + 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"targets.captured_ktpa": 1_000}, {"targets.captured_ktpa": 2_500}])
def test_a_link_less_is_never_cheaper(hand_solved: Solved, changes: dict[str, Any]) -> None:
    every = {"transport.corridors": "all", **changes}
    whole = hand_solved(every, **WEB)
    assert_sound(whole)
    costs = {link: hand_solved(every, **without(WEB, link)).objective.value for link in WEB["links"]}
    assert min(costs.values()) >= whole.objective.value - 1e-6
    # What is not used is not missed; of what is used something is.
    used = set(whole.flows["link"])
    for link in set(costs) - used:
        assert costs[link] == pytest.approx(whole.objective.value, rel=1e-9)
    assert max(costs[link] for link in used) > whole.objective.value


@pytest.mark.slow
def test_a_link_less_never_abates_more(hand_solved: Solved) -> None:
    requested = {"objective": "max_abatement", "budget.total_mn": 115, "transport.corridors": "all", **STAGED}
    whole = hand_solved(requested, **WEB)
    assert_sound(whole)
    used = sorted(set(whole.flows["link"]))
    values = {link: hand_solved(requested, **without(WEB, link)).objective.value for link in used}
    assert max(values.values()) <= whole.objective.value + 1e-6
    assert min(values.values()) < whole.objective.value


@pytest.mark.slow
def test_longer_ways_are_never_better(solved: Solved) -> None:
    detours = (1.0, 1.5)
    abated = [solved(SHARED, COMPRESSION, {"transport.detour_factor": each}).objective.value for each in detours]
    assert all(further <= nearer + 1e-6 for nearer, further in pairwise(abated))
    requested = LEAST_COST | FRACTIONAL | {"targets.abatement_share": {2031: 0.05}}
    costs = [solved(SHARED, requested, {"transport.detour_factor": each}).objective.value for each in detours]
    assert all(nearer < further for nearer, further in pairwise(costs))


@pytest.mark.slow
def test_more_money_never_worsens_a_plan(hand_solved: Solved) -> None:
    requested = {"objective": "max_abatement", "transport.corridors": "all", **STAGED}
    plans = [hand_solved(requested | {"budget.total_mn": budget}, **WEB) for budget in (30, 80, 150)]
    values = [plan.objective.value for plan in plans]
    assert all(less <= more + 1e-6 for less, more in pairwise(values))
    assert values[-1] > values[0] == 0
    for plan in plans:
        assert plan.objective.value <= plan.objective.searched_bound + 1e-6
        assert plan.objective.searched_bound <= plan.objective.bound + 1e-6


def test_more_money_buys_ever_less_in_the_linear_program(hand_solved: Solved) -> None:
    requested = {"objective": "max_abatement", **STAGED, **FRACTIONAL}
    values = [
        hand_solved(requested | {"budget.total_mn": budget}, **WEB).objective.value for budget in (40, 80, 120, 160)
    ]
    steps = np.diff([0.0, *values])
    assert (steps >= -1e-6).all()
    assert all(later <= earlier * (1 + 1e-6) + 1e-6 for earlier, later in pairwise(steps))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.05])
def test_the_price_of_the_next_tonne_is_the_finite_difference_of_cost(solved: Solved, share: float) -> None:
    step = 1e-4
    here, more = (
        solved(SHARED, LEAST_COST, FRACTIONAL, {"targets.abatement_share": {2031: each}})
        for each in (share, share + step)
    )
    # Paid in every year of the period, discounted as its flows are.
    discounted_kt = step * here.problem.baseline_ktpa * float(here.problem.periods["flow_weight"].iloc[-1])
    difference_per_t = (more.objective.value - here.objective.value) / discounted_kt * 1000
    assert here.relaxation.cost_of_next_tonne_per_t == pytest.approx(difference_per_t, rel=1e-3)


@pytest.fixture(scope="module")
def free_storage(inputs: Inputs, with_tables: Callable[..., Inputs]) -> Inputs:
    """Sites that cost nothing, so that own pipes (which pay for storing by the tonne) and shared ones (which pay for
    sites and wells) differ in their pipes alone; and as many straight links to sites as own pipes may choose from."""
    limits = inputs["transport/limits"]
    direct = limits["limit"] == "n_direct_sites"
    return with_tables(
        {
            "storage/sites": inputs["storage/sites"].assign(storage_cost_per_t=0.0),
            "storage/site_costs": inputs["storage/site_costs"].iloc[:0],
            "transport/limits": limits.assign(value=limits["value"].mask(direct, len(inputs["storage/sites"]))),
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("changes", [COMPRESSION, FRACTIONAL | LEAST_COST | {"targets.abatement_share": {2031: 0.08}}])
def test_sharing_is_never_worse_than_own_pipes(solved: Solved, free_storage: Inputs, changes: dict[str, Any]) -> None:
    requested = SHARED | {"transport.trucks": False} | changes
    together = solved(requested, tables=free_storage).objective.value
    difference = solved(requested, {"transport.shared_trunklines": False}, tables=free_storage).objective.value
    if "objective" in changes:
        assert together < difference
    else:
        assert together >= difference * (1 - 1e-6)


@pytest.mark.slow
def test_the_order_of_rows_never_matters(solved: Solved, shuffled: Inputs) -> None:
    requested = SHARED | COMPRESSION | {"transport.corridors": "auto"}
    here, there = solved(requested), solved(requested, tables=shuffled)
    assert here.objective == there.objective
    for name in ("retrofits", "flows", "storage", "shares"):
        pd.testing.assert_frame_equal(getattr(here, name), getattr(there, name))


def test_the_order_of_ones_own_links_never_matters(hand_solved: Solved) -> None:
    turned = {
        "plants": dict(reversed(WEB["plants"].items())),
        "sites": dict(reversed(WEB["sites"].items())),
        "links": {name: {**row, "node_a": name[-1], "node_b": name[0]} for name, row in reversed(WEB["links"].items())},
    }
    # Places are of no matter where every length is given.
    here, there = (hand_solved({"targets.captured_ktpa": 2_300}, **tables) for tables in (WEB, turned))
    pd.testing.assert_frame_equal(here.flows, there.flows)
    assert here.objective.value == there.objective.value


def test_plans_within_corridors_are_never_better_than_the_bound_over_all_links(hand_solved: Solved) -> None:
    requested = {"targets.captured_ktpa": 1_800}
    found = hand_solved(requested, **WEB)
    every = hand_solved(requested | {"transport.corridors": "all"}, **WEB)
    assert found.corridors is not None and set(found.flows["link"]) <= set(found.corridors)
    assert every.corridors == tuple(sorted(WEB["links"]))
    assert found.objective.bound - 1e-6 <= every.objective.value <= found.objective.value + 1e-6
    assert every.objective.bound == pytest.approx(every.objective.searched_bound)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_over_all_links_a_plan_has_the_optimum_of_the_bare_program(
    hand_problem: Callable[..., Problem], seed: int
) -> None:
    # Cuts, first plans and corridors on the way may save time but never change the answer.
    chance = np.random.default_rng(seed)
    links: dict[str, dict[str, float]] = {
        name: {"length_km": float(chance.choice([0.5, 10, 40, 100]))} for name in WEB["links"]
    }
    for name in chance.choice(sorted(links), 2, replace=False):
        links[name]["existing_ktpa"] = float(chance.choice([200, 400, 1_000]))
    requested = {"objective": "max_abatement", "transport.corridors": "all", "transport.trucks": seed % 2 == 0}
    requested |= {"budget.total_mn": float(chance.choice([60, 110, 200]))} | (STAGED if seed % 2 else {})
    problem = hand_problem(requested, **{**WEB, "links": links})
    bare = Highs(matrix_of(build_model(problem)), SolverOptions(gap_share=0.0, threads=1)).run(60, "all at once")
    assert bare.status != "limit"
    assert solve(problem).objective.value == pytest.approx(bare.objective, rel=1e-6, abs=1e-6)
