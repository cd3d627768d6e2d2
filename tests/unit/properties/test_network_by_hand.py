"""Shared networks small enough for hand calculation, in EUR of 2015, the currency of the pipe classes."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from ccs_model.errors import InfeasibleError
from ccs_model.plan.plan import Plan

Solved = Callable[..., Plan]
TPH = 8.76  # kt/y
# Million EUR a km and t/h of the largest class, which includes 120 t/h.
LARGE = 2.3e-3


def test_static_costs_of_one_source_pipe_and_site_match_the_hand_calculation(hand_solved: Solved) -> None:
    plan = hand_solved(
        {"targets.captured_ktpa": 2_000},
        plants={"A": {"co2_ktpa": 2_000, "capture_capex_mn": 100, "fixed_om_mn_pa": 3, "capture_cost_per_t": 10}},
        sites={
            "S": {
                "well_injectivity_ktpa": 300,
                "site_capex_mn": 20,
                "site_om_mn_pa": 1,
                "well_capex_mn": 5,
                "well_om_mn_pa": 0.2,
                "monitoring_mn_pa": 0.5,
                "injection_cost_per_t": 2,
                "closure_mn": 50,
                "post_injection_mn": 30,
            }
        },
        links={"A-S": {"length_km": 100}},
    )
    n_wells = 7
    by_hand = {
        "capture_capex_mn": 0.1 * 100,
        "pipe_capex_mn": 0.1 * LARGE * 100 * 2_000 / TPH,
        "site_capex_mn": 0.1 * 20,
        "well_capex_mn": 0.1 * 5 * n_wells,
        "capture_fixed_om_mn": 3,
        "pipe_fixed_om_mn": 20e-6 * 100 * 2_000 / TPH,
        "site_fixed_om_mn": 1,
        "monitoring_mn": 0.5,
        "well_fixed_om_mn": 0.2 * n_wells,
        "capture_variable_om_mn": 10 * 2,
        "storage_mn": 2 * 2,
    }
    found = {name: value for name, value in plan.cost_terms.items() if value}
    assert found == pytest.approx(by_hand, rel=1e-9)
    assert plan.objective.value == pytest.approx(sum(by_hand.values()), rel=1e-9)
    assert plan.objective.unit == "million a year"
    assert plan.storage["n_wells"].tolist() == [n_wells]
    # The trunk is of the large class, beyond the 120 t/h that its lowest cost includes.
    assert plan.flows[["pipe", "capacity_ktpa", "flow_ktpa"]].values.tolist() == [["large", 2_000, 2_000]]


def test_without_a_recovery_share_capital_is_recovered_over_each_life(hand_solved: Solved) -> None:
    plan = hand_solved(
        {"targets.captured_ktpa": 500, "capital_recovery_share": None, "discount_rate": 0.08},
        plants={"A": {"co2_ktpa": 500, "capture_capex_mn": 100, "life_yr": 15}},
        sites={"S": {"site_capex_mn": 40}},
        links={"A-S": {"length_km": 10, "cost_factor": 2}},
    )

    def recovery(years: int) -> float:
        return 0.08 * 1.08**years / (1.08**years - 1)

    assert plan.cost_terms["capture_capex_mn"] == pytest.approx(100 * recovery(15), rel=1e-9)
    # 57 t/h: at 8 per t/h the pipe would be more expensive than 120 t/h at 2.3.
    assert plan.cost_terms["pipe_capex_mn"] == pytest.approx(LARGE * 120 * 10 * 2 * recovery(50), rel=1e-9)
    assert plan.cost_terms["site_capex_mn"] == pytest.approx(40 * recovery(30), rel=1e-9)


def test_two_plants_share_one_large_pipe(hand_solved: Solved) -> None:
    # Two flows of 57 t/h fit into one pipe of 120 t/h, which each of them alone would have to pay in full.
    tables = {
        "plants": {"A": {"co2_ktpa": 500}, "B": {"co2_ktpa": 500}},
        "sites": {"S": {}},
        "links": {"A-S": {"length_km": 100}, "B-S": {"length_km": 104}, "A-B": {"length_km": 10}},
    }
    pipe = LARGE * 120
    plan = hand_solved({"targets.captured_ktpa": 1_000}, **tables)
    assert set(plan.flows["link"]) == {"A-S", "A-B"}
    assert plan.flows["built_mn"].sum() == pytest.approx(pipe * (100 + 10), rel=1e-9)
    assert plan.cost_terms["pipe_capex_mn"] == pytest.approx(0.1 * pipe * 110, rel=1e-9)
    flow = plan.flows.set_index("link")["flow_ktpa"]
    assert flow.to_dict() == pytest.approx({"A-S": 1_000, "A-B": 500})
    assert plan.shares is not None
    shares = plan.shares[plan.shares["kind"] == "link"].set_index(["facility", "plant"])
    by_shapley = shares["by_shapley_mn"].to_dict()
    # The trunk costs the same for one as for both, so each pays half; only B pays for the branch.
    halves = {("A-S", "A"): pipe * 50, ("A-S", "B"): pipe * 50, ("A-B", "B"): pipe * 10}
    assert by_shapley == pytest.approx(halves, rel=1e-9)
    # With separate pipes they pay nearly twice as much.
    del tables["links"]["A-B"]
    separate = hand_solved({"targets.captured_ktpa": 1_000}, **tables)
    assert separate.flows["built_mn"].sum() == pytest.approx(pipe * 204, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tph", "size", "per_km"),
    [(5, "small", 150), (12, "small", 180), (20, "medium", 240), (32, "medium", 256), (60, "large", 276),
     (200, "large", 460), (800, "large", 1_840)],
)  # fmt: skip
def test_built_size_is_the_cheapest_that_carries_the_flow(
    hand_solved: Solved, tph: float, size: str, per_km: float
) -> None:
    plan = hand_solved(
        {"targets.captured_ktpa": tph * TPH},
        plants={"A": {"co2_ktpa": tph * TPH}},
        sites={"S": {}},
        links={"A-S": {"length_km": 50}},
    )
    assert plan.flows["pipe"].tolist() == [size]
    assert plan.flows["built_mn"].sum() == pytest.approx(per_km * 50 / 1_000, rel=1e-9)


def test_second_pipe_is_built_when_the_budget_allows_it(hand_solved: Solved) -> None:
    pipe = LARGE * 120 * 100
    first, second = 50 + pipe + 10, 150 + pipe
    plan = hand_solved(
        {
            "years": [2026, 2031],
            "capital_recovery_share": None,
            "objective": "max_abatement",
            "budget.total_mn": first + second + 0.5,
            "budget.cumulative_mn": {2026: first + 0.5},
        },
        plants={"A": {"co2_ktpa": 500, "capture_capex_mn": 50}, "B": {"co2_ktpa": 1_500, "capture_capex_mn": 150}},
        sites={"S": {"site_capex_mn": 10, "site_om_mn_pa": 2, "well_om_mn_pa": 0.5}},
        links={"A-S": {"length_km": 100}, "A-B": {"length_km": 0}},
    )
    started = plan.retrofits.set_index("plant")["year"].to_dict()
    assert started == {"A": 2026, "B": 2031}
    trunk = plan.flows[plan.flows["link"] == "A-S"].set_index("year")
    # 57 t/h in a pipe of 120; then 228 t/h in two of them.
    assert trunk["flow_ktpa"].to_dict() == pytest.approx({2026: 500, 2031: 2_000})
    assert trunk["capacity_ktpa"].to_dict() == pytest.approx({2026: 120 * TPH, 2031: 240 * TPH})
    assert trunk["built_mn"].to_dict() == pytest.approx({2026: pipe, 2031: pipe})
    assert plan.by_year["spending_mn"].tolist() == pytest.approx([first, second])
    # Five years of 500, five of 2,000 kt.
    assert plan.objective.value == pytest.approx(5 * 500 + 5 * 2_000)
    discount = 1.08**-5
    assert plan.cost_terms["pipe_capex_mn"] == pytest.approx(pipe * (1 + discount), rel=1e-9)
    # Of a life of fifty years 40 and 45 remain when the horizon ends after ten.
    annuity = {years: (1 - 1.08**-years) / 0.08 for years in (5, 10, 15, 20, 30, 40, 45, 50)}
    residual_value = pipe * (annuity[40] + annuity[45]) / annuity[50] + 10 * annuity[20] / annuity[30]
    residual_value += (50 * annuity[10] + 150 * annuity[15]) / annuity[20]
    assert plan.cost_terms["salvage_mn"] == pytest.approx(-residual_value * 1.08**-10, rel=1e-9)
    # The site and a well of 1,000 kt/y operate for ten years, a second well for the last five of them.
    ten, last_five = (sum(1.08**-t for t in range(start, 10)) for start in (0, 5))
    assert plan.storage["n_wells"].tolist() == [1, 2]
    assert plan.cost_terms["site_fixed_om_mn"] == pytest.approx(2 * ten, rel=1e-9)
    assert plan.cost_terms["well_fixed_om_mn"] == pytest.approx(0.5 * (ten + last_five), rel=1e-9)
    # After the horizon A delivers for ten years more and B for fifteen.
    assert plan.storage["committed_kt"].iloc[-1] == pytest.approx(10 * 500 + 15 * 1_500)


@pytest.mark.slow
def test_post_horizon_co2_goes_only_to_opened_sites(hand_solved: Solved) -> None:
    # S is full when the horizon ends; the ten further years of A need T, which exceeds the budget.
    tables = {"plants": {"A": {"co2_ktpa": 500, "capture_capex_mn": 50}}, "links": {"A-S": {}, "S-T": {}}}
    requested = {
        "years": [2026, 2031],
        "capital_recovery_share": None,
        "objective": "max_abatement",
        "budget.total_mn": 1_000,
    }
    sites = {"S": {"site_capex_mn": 10, "capacity_mid_kt": 5_000}, "T": {"site_capex_mn": 5_000, "well_capex_mn": 1}}
    assert hand_solved(requested, **tables, sites=sites).objective.value == 0
    # With a sufficient budget, T is opened with a well.
    plan = hand_solved(requested | {"budget.total_mn": 6_000}, **tables, sites=sites)
    assert plan.objective.value == pytest.approx(10 * 500)
    last = plan.storage[plan.storage["year"] == 2031].set_index("site")
    assert last["committed_kt"].sum() == pytest.approx(10 * 500)
    assert last.at["T", "n_wells"] >= 1 and plan.totals["storage_capex_mn"] >= 5_000


@pytest.mark.parametrize(("spare_mn", "avoided_kt"), [(0.05, 5_000), (-0.05, 4_000)])
def test_budget_pays_for_every_well(hand_solved: Solved, spare_mn: float, avoided_kt: float) -> None:
    # 500 kt a year take five wells of 100; with four of them 100 a year are left uncaptured.
    plan = hand_solved(
        {"years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement",
         "budget.total_mn": 50 + LARGE * 120 * 100 + 10 + 5 * 1 + spare_mn},
        plants={"A": {"co2_ktpa": 500, "capture_capex_mn": 50}},
        sites={"S": {"site_capex_mn": 10, "well_capex_mn": 1, "well_injectivity_ktpa": 100}},
        links={"A-S": {"length_km": 100}},
    )  # fmt: skip
    assert plan.objective.value == pytest.approx(avoided_kt, rel=1e-6)


def test_oil_revenue_is_limited_by_what_the_field_takes(hand_solved: Solved) -> None:
    plan = hand_solved(
        {"targets.captured_ktpa": 1_000, "storage_life_yr": 20},
        plants={"A": {"co2_ktpa": 1_000}},
        sites={"S": {"eor_revenue_per_t": 30, "eor_max_ktpa": 400, "site_capex_mn": 1}},
        links={"A-S": {"length_km": 1}},
    )
    assert plan.cost_terms["oil_revenue_mn"] == pytest.approx(-30 * 0.4)
    assert plan.storage["oil_revenue_mn_pa"].tolist() == pytest.approx([12])
    # The static year represents each of 20 years.
    assert plan.storage["stored_kt"].tolist() == pytest.approx([20 * 1_000])


def test_additional_oil_comes_only_from_the_co2_that_the_field_pays_for(hand_solved: Solved) -> None:
    plan = hand_solved(
        {"targets.captured_ktpa": 1_000, "storage.oil_price_per_bbl": 60, "storage.oil_price_currency": "EUR",
         "storage.oil_price_year": 2015},
        plants={"A": {"co2_ktpa": 1_000}},
        sites={"S": {"kind": "eor", "additional_t_oil_per_t": 0.25, "eor_max_ktpa": 400, "site_capex_mn": 1}},
        links={"A-S": {"length_km": 1}},
    )  # fmt: skip
    assert plan.storage["injected_ktpa"].tolist() == pytest.approx([1_000])
    assert plan.storage["additional_oil_ktpa"].tolist() == pytest.approx([0.25 * 400])


def test_existing_pipe_is_used_before_a_new_one_is_built(hand_solved: Solved) -> None:
    tables = {"plants": {"A": {"co2_ktpa": 1_000}}, "sites": {"S": {}}}
    half = {"length_km": 100, "existing_ktpa": 500}
    plan = hand_solved({"targets.captured_ktpa": 500}, **tables, links={"A-S": half})
    assert plan.cost_terms["pipe_capex_mn"] == 0
    assert plan.flows[["pipe", "capacity_ktpa", "built_mn"]].values.tolist() == [["existing", 500, 0]]
    more = hand_solved({"targets.captured_ktpa": 1_000}, **tables, links={"A-S": half})
    assert more.flows["built_mn"].tolist() == pytest.approx([LARGE * 120 * 100])


@pytest.mark.parametrize("corridors", ["auto", "all"])
def test_new_pipe_connects_a_plant_to_an_existing_pipe(hand_solved: Solved, corridors: str) -> None:
    # A reaches the existing pipe from B to the site by a new pipe of 10 km; no other pipe is built.
    plan = hand_solved(
        {"targets.captured_ktpa": 800, "transport.corridors": corridors},
        plants={"A": {"co2_ktpa": 500}, "B": {"co2_ktpa": 300}},
        sites={"S": {}},
        links={"A-B": {"length_km": 10}, "B-S": {"length_km": 100, "existing_ktpa": 1_000}},
    )
    assert plan.flows.set_index("link")["built_mn"].to_dict() == pytest.approx({"A-B": LARGE * 120 * 10, "B-S": 0})
    om = 20e-6 / TPH * (500 * 10 + 800 * 100)
    assert plan.objective.value == pytest.approx(0.1 * LARGE * 120 * 10 + om)
    assert plan.objective.bound <= plan.objective.value + 1e-9


def test_site_takes_one_year_of_its_capacity_in_a_static_year(hand_solved: Solved) -> None:
    # 10,000 kt over 20 years are 500 a year, half of that if only half may be filled; the rest goes to T.
    plan = hand_solved(
        {"targets.captured_ktpa": 700, "storage_life_yr": 20, "storage.max_fill_share": 0.5},
        plants={"A": {"co2_ktpa": 1_000}},
        sites={"S": {"capacity_mid_kt": 10_000}, "T": {"injection_cost_per_t": 100, "site_capex_mn": 1}},
        links={"A-S": {"length_km": 1}, "A-T": {"length_km": 1}},
    )
    assert plan.storage.set_index("site")["injected_ktpa"].to_dict() == pytest.approx({"S": 250, "T": 450})
    assert plan.cost_terms["storage_mn"] == pytest.approx(45)


@pytest.mark.slow
@pytest.mark.parametrize(("capacity_kt", "avoided_kt"), [(10_000, 5_000), (9_000, 4_000)])
def test_site_is_filled_to_its_capacity_and_no_further(
    hand_solved: Solved, capacity_kt: float, avoided_kt: float
) -> None:
    # 500 kt/y for ten years of the horizon and ten years after it; a lack of capacity reduces capture in the horizon.
    plan = hand_solved(
        {"years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "budget.total_mn": 1_000,
         "budget.cumulative_mn": {2026: 1_000}},
        plants={"A": {"co2_ktpa": 500, "capture_capex_mn": 50}},
        sites={"S": {"site_capex_mn": 10, "capacity_mid_kt": capacity_kt}},
        links={"A-S": {}},
    )  # fmt: skip
    assert plan.objective.value == pytest.approx(avoided_kt, rel=1e-6)
    assert plan.storage["committed_kt"].iloc[-1] == pytest.approx(10 * 500)


def test_cost_steps_of_a_site_are_filled_from_the_cheapest(
    hand_solved: Solved, with_steps: Callable[..., object]
) -> None:
    plan = hand_solved(
        {"targets.captured_ktpa": 1_000, "storage_life_yr": 20},
        plants={"A": {"co2_ktpa": 1_000}},
        sites={"S": {"capacity_mid_kt": 20_000, "well_injectivity_ktpa": 100}},
        links={"A-S": {"length_km": 1}},
        storage__site_costs=with_steps("S", {0.25: 10, 0.35: 12, 0.4: 20}),
    )
    # An all-in cost is a fee for each tonne, without capital: 250, 350 and 400 kt/y at 10, 12 and 20.
    assert plan.storage["n_wells"].tolist() == [10]
    by_hand = {"site_capex_mn": 0, "well_capex_mn": 0, "well_fixed_om_mn": 0, "storage_mn": 2.5 + 0.35 * 12 + 0.4 * 20}
    assert {name: plan.cost_terms[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-9)


@pytest.fixture
def with_steps() -> Callable[[str, dict[float, float]], pd.DataFrame]:
    def step_table(site: str, steps: dict[float, float]) -> pd.DataFrame:
        rows = [
            {"site": site, "step": k, "capacity_share": share, "storage_cost_per_t": cost, "currency": "EUR",
             "price_year": 2015, "reference": "OWN", "quality": "reported", "note": ""}
            for k, (share, cost) in enumerate(steps.items(), start=1)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    return step_table


@pytest.mark.slow
def test_target_without_an_operating_retrofit_is_infeasible_unless_it_is_zero(hand_solved: Solved) -> None:
    tables = {"plants": {"A": {"co2_ktpa": 500}}, "sites": {"S": {}}, "links": {"A-S": {}}}
    out = {"plants.exclude": ["A"]}
    assert hand_solved(out | {"targets.captured_ktpa": 0}, **tables).objective.value == 0
    with pytest.raises(InfeasibleError, match="no retrofit can operate there"):
        hand_solved(out | {"targets.captured_ktpa": 400}, **tables)


def test_abatement_target_is_infeasible_if_capture_avoids_no_co2(hand_solved: Solved) -> None:
    # What is captured is emitted again elsewhere.
    plants = {"A": {"co2_ktpa": 500, "avoided_per_captured_share": 0.0}}
    tables = {"plants": plants, "sites": {"S": {}}, "links": {"A-S": {"length_km": 10}}}
    with pytest.raises(
        InfeasibleError,
        match=r"targets.abatement_share.2015: no retrofit there avoids any CO2 .*; 0.00% would restore feasibility",
    ):
        hand_solved({"targets.abatement_share": {2015: 0.1}}, **tables)
