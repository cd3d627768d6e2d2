"""Limits of a year hold in each year of operation, and assets of a plant end when it closes, within a period or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ccs_model.analysis.merit_order_plans import NO_RETROFITS
from ccs_model.inputs import Inputs
from ccs_model.model.build_model import build_model
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem

Solved = Callable[..., Plan]
MakeProblem = Callable[..., Problem]
YEARS = {
    "years": [2030, 2035], "capital_recovery_share": None, "objective": "max_npv", "budget.total_mn": 1_000,
    "discount_rate": 0.0, "finance.tax_share": 0.0,
}  # fmt: skip
OWN_PIPE = {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"}
# Works from 2030 to 2032, three years of the first period.
CLOSING = {"co2_ktpa": 100.0, "capture_capex_mn": 10.0, "closing_year": 2033.0}
LINK = {"A-S": {"length_km": 5.0}}


@pytest.fixture(scope="module")
def without_power(inputs: Inputs) -> dict[str, Any]:
    return {"transport__pipes": inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)}


def test_surplus_band_limits_credits_of_each_year_of_operation(
    hand_solved: Solved, without_power: dict[str, Any]
) -> None:
    credit = {
        "carbon_price_per_t": {2030: 400.0},
        "surplus_band_share": 0.3,
        "market": None,
        "capture_deductible": True,
    }
    changes = {**YEARS, **{f"policy.{key}": value for key, value in credit.items()}}
    plan = hand_solved(changes, plants={"A": CLOSING}, sites={"S": {}}, links=LINK, **without_power)
    # 30 kt a year for three years at 400 per t.
    assert plan.totals["carbon_revenue_mn"] == pytest.approx(3 * 30.0 * 0.4)


def test_oil_field_buys_its_most_in_each_year_of_operation(hand_solved: Solved, without_power: dict[str, Any]) -> None:
    field = {"kind": "eor", "eor_revenue_per_t": 1_000.0, "eor_max_ktpa": 60.0}
    plan = hand_solved(YEARS, plants={"A": CLOSING}, sites={"S": field}, links=LINK, **without_power)
    assert -plan.cost_terms["oil_revenue_mn"] == pytest.approx(3 * 60.0 * 1.0)


def test_waste_heat_limits_each_year_of_operation(problem_of: MakeProblem, one_mill: dict[str, Any]) -> None:
    changes = {"capture.heat_sources": ["waste_heat"], "objective": "max_abatement", "years": [2026, 2031]}
    problem = problem_of(one_mill, changes)
    assert 0.6 in set(problem.running_share.ravel().tolist())  # two years of construction in the first period of five
    heat = problem.routes["heat_gj_per_t"]
    full = dict(zip(problem.routes["route"], heat * problem.delivered_ktpa, strict=True))
    model = build_model(problem)
    constraint = model.waste_heat_within_plant["P100000120106", 2026]
    found = list(zip(constraint.body.linear_vars, constraint.body.linear_coefs, strict=True))
    builds = {at.index()[0]: value for at, value in found if at.parent_component().local_name == "build"}
    curtailed = [value for at, value in found if at.parent_component().local_name != "build"]
    # Full use in a year of operation, and the curtailment of the period in its years of operation.
    assert builds and curtailed
    assert builds == pytest.approx({route: full[route] for route in builds})
    assert {round(value, 9) for value in curtailed} <= {round(-each / 0.6, 9) for each in heat}
    assert constraint.upper() == pytest.approx(problem.waste_heat_tj_pa["P100000120106"])


def test_merit_order_spends_the_waste_heat_of_a_plant_once(problem_of: MakeProblem, one_mill: dict[str, Any]) -> None:
    sources = {"capture.heat_sources": ["coal_boiler", "waste_heat"]}
    problem = problem_of(one_mill, sources)
    heat = problem.routes["heat_gj_per_t"] * problem.delivered_ktpa
    smallest = float(heat[(problem.routes["stream_share"] == 1.0) & (heat > 0)].min())
    cost = "avoidance_cost_at_full_load_per_t"
    coal = macc_table(problem_of(one_mill, {}), NO_RETROFITS).set_index("stream")[cost]
    # Too little for any stream, and enough for the smallest one.
    for tj_pa, n_cheaper in ((0.99 * smallest, 0), (1.01 * smallest, 1)):
        limited = replace(problem, waste_heat_tj_pa=dict.fromkeys(problem.plants["plant"], tj_pa))
        table = macc_table(limited, NO_RETROFITS).set_index("stream")[cost]
        assert len(table) == len(coal)
        assert (table.sub(coal) < -1.0).sum() == n_cheaper


def test_own_pipe_and_site_of_a_closing_plant_have_no_salvage_value(
    hand_solved: Solved, without_power: dict[str, Any]
) -> None:
    rows = {
        "never": {"co2_ktpa": 100.0, "capture_capex_mn": 10.0},
        "2040": {"co2_ktpa": 100.0, "capture_capex_mn": 10.0, "closing_year": 2040.0},
    }
    salvage = {}
    for closing, plant in rows.items():
        plan = hand_solved(
            {**YEARS, **OWN_PIPE, "objective": "max_abatement", "discount_rate": 0.08},
            plants={"A": plant},
            sites={"S": {"site_capex_mn": 30.0}},
            links=LINK,
            **without_power,
        )
        salvage[closing] = -plan.cost_terms["salvage_mn"]
        table = plan.retrofits.iloc[0]
        # Ten years of operation, over which levelised costs spread the capital.
        years = 10 if closing == "2040" else 20
        charge = 0.08 * 1.08**years / (1.08**years - 1)
        assert table["capture_capital_mn_pa"] == pytest.approx(10.0 * charge, rel=1e-9)
        if closing == "2040":
            assert table["storage_capital_mn_pa"] == pytest.approx(30.0 * charge, rel=1e-9)
            assert table["pipe_capital_mn_pa"] == pytest.approx(table["pipe_capex_mn"] * charge, rel=1e-9)
    assert salvage["2040"] == pytest.approx(0.0, abs=1e-9) and salvage["never"] > 1.0


def test_own_pipe_of_a_plant_that_closes_later_keeps_the_years_until_then(
    problem_of: MakeProblem, one_mill: dict[str, Any]
) -> None:
    problem = problem_of(one_mill, {**OWN_PIPE, "years": [2026, 2031]})  # to 2035, with two years of construction
    closing = replace(problem, routes=problem.routes.assign(closing_year=2046.0))
    # Built in 2026 and 2031: 20 and 15 years until the plant closes, whatever the construction time; 10 after 2035.
    lives = closing.own_asset_lives(closing.routes["pipe_life_yr"])
    assert set(map(tuple, lives.tolist())) == {(20.0, 15.0)}
    annuity = {years: (1.0 - 1.08**-years) / 0.08 for years in (10, 15, 20)}
    expected = [annuity[10] / annuity[20] / 1.08**10, annuity[10] / annuity[15] / 1.08**10]
    found = closing.asset_salvage(lives)
    assert found[0].tolist() == pytest.approx(expected)
    # Levelised costs count the 18 years of operation.
    assert set(closing.levelised_routes["pipe_life_yr"]) == {18.0} and problem.levelised_routes is problem.routes


def test_own_pipe_and_site_of_a_unit_that_ends_within_the_horizon_have_no_remaining_value(
    hand_solved: Solved, without_power: dict[str, Any]
) -> None:
    salvage = {}
    for life in (4, 12):
        plan = hand_solved(
            {**YEARS, **OWN_PIPE, "years": [2026, 2031], "objective": "max_abatement", "discount_rate": 0.08},
            plants={"A": {"co2_ktpa": 100.0, "capture_capex_mn": 10.0, "life_yr": life}},
            sites={"S": {"site_capex_mn": 30.0}},
            links=LINK,
            **without_power,
        )
        (retrofit,) = plan.retrofits.to_dict("records")
        salvage[life] = -plan.cost_terms["salvage_mn"]
        assert bool(retrofit.get("end_year")) == (life == 4)
    # No stream is retrofitted twice, so that nothing uses the pipe, the site and the wells after a life of four years.
    assert salvage[4] == pytest.approx(0.0, abs=1e-9) and salvage[12] > 1.0


def test_static_year_offers_technologies_with_learning(
    problem_of: MakeProblem, with_tables: Callable[..., Inputs], inputs: Inputs, one_mill: dict[str, Any]
) -> None:
    table = inputs["technologies/technologies"]
    learning = with_tables({"technologies/technologies": table.assign(learning_share=0.02, first_year=2030)})
    static = {"years": "static"}
    steady = problem_of(one_mill, static).options
    found = problem_of(one_mill, static, tables=learning).options
    assert len(found) == len(steady) > 0
    assert found["capture_capex_mn"].sum() == pytest.approx(steady["capture_capex_mn"].sum())


@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_capital_factor_below_one_keeps_the_flow_of_shared_pipes(
    hand_solved: Solved, without_power: dict[str, Any], factor: float
) -> None:
    plants = {name: {"co2_ktpa": 100.0, "capture_capex_mn": 100.0} for name in "AB"}
    plan = hand_solved(
        {**YEARS, "objective": "max_abatement", "budget.total_mn": 545.0 * factor, "costs.capex_factor": factor},
        plants=plants,
        sites={"S": {}},
        links={"A-S": {"length_km": 100.0}, "B-S": {"length_km": 100.0}, "A-B": {"length_km": 20.0}},
        **without_power,
    )
    assert plan.totals["captured_ktpa"] == pytest.approx(200.0)
