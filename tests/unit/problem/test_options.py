"""Capture options: heat sources, shared units, vintages and readiness, from the scenario to the plan."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.model.build_model import build_model
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.options import waste_heat_of
from ccs_model.scenario import Scenario

MakeProblem = Callable[..., Problem]
Solved = Callable[..., Plan]
WithTables = Callable[..., Inputs]
Changes = dict[str, object]

ALL_HEAT: Changes = {"capture.heat_sources": ["coal_boiler", "gas_boiler", "waste_heat", "heat_pump"]}
SHARED: Changes = {"capture.shared_absorbers": True}
KILN = "P100000120106/lime_kiln/amine/quarter"


def test_default_option_ids_name_no_heat_source_or_shared_streams(problem_of: MakeProblem, one_mill: Changes) -> None:
    options = problem_of(one_mill).options
    assert options["option"].str.count("/").eq(3).all()
    assert set(options["heat_source"]) == {"coal_boiler"}
    assert not options["stream"].str.contains("+", regex=False).any()


def test_each_heat_source_is_a_separate_option(problem_of: MakeProblem, one_mill: Changes) -> None:
    options = problem_of(one_mill, ALL_HEAT).options.set_index("option")
    named = {f"{KILN}{suffix}" for suffix in ("", "/gas_boiler", "/waste_heat", "/heat_pump")}
    assert named <= set(options.index)
    assert options.loc[sorted(named), "capture_capex_mn"].nunique() == 1


def test_unknown_heat_source_is_reported_with_a_suggestion(small: Callable[..., Scenario]) -> None:
    with pytest.raises(InputError) as caught:
        small({"capture.heat_sources": ["coal_boiler", "gas_boilr"]})
    (issue,) = caught.value.issues
    assert "gas_boilr" in issue.what
    assert issue.hint == "did you mean 'gas_boiler'?"


def test_power_demand_is_the_sum_of_its_components(problem_of: MakeProblem, one_mill: Changes) -> None:
    options = problem_of(one_mill, ALL_HEAT, {"capture.technologies": ["amine", "compression"]}).options
    parts = options[["compression_kwh_per_t", "process_kwh_per_t", "heat_kwh_per_t"]]
    assert (parts >= 0).all(axis=None)
    assert parts.sum(axis=1).tolist() == pytest.approx(options["power_kwh_per_t"].tolist())
    # Without a heat pump the total is that of the table: 130 kWh/t for amine.
    boiler = options[options["heat_source"] == "coal_boiler"]
    assert boiler["power_kwh_per_t"].tolist() == pytest.approx([130.0] * len(boiler))
    assert boiler["compression_kwh_per_t"].between(80, 95).all()


def test_cost_and_co2_of_each_heat_source_match_hand_calculation(
    problem_of: MakeProblem, one_mill: Changes, inputs: Inputs
) -> None:
    # Minimum shares keep all options. The kiln's gas has 24.5 % CO2 and needs 3.02 GJ/t with plain amine.
    problem = problem_of(one_mill, ALL_HEAT, {"targets.share_of_avoided_min": {"Hebei": 0.1}})
    routes = problem.routes.reset_index().set_index("option")
    at = {name: int(routes.at[KILN + suffix, "index"]) for name, suffix in SUFFIXES.items()}
    heat, grid = 3.02, 0.6516
    assert routes.at[KILN, "heat_gj_per_t"] == pytest.approx(heat)
    # Hebei: coal 31.3 less 13 % VAT over 0.84 plus 10; gas 99.6 less 9 % VAT over 0.87 plus 6; in money of 2024.
    level = 105.04 / deflator(inputs, 2025)
    coal, gas = 31.3 / 1.13 / 0.84 * level + 10, 99.6 / 1.09 / 0.87 * level + 6
    per_t = {name: problem.cost_per_t["heat"][row, -1] for name, row in at.items()}
    assert per_t == pytest.approx({"coal": coal * heat, "gas": gas * heat, "waste": 12 * heat, "pump": 15 * heat})
    on_site_abatement = {name: 1 - problem.fuel_co2_t_per_t[row, -1] for name, row in at.items()}
    assert on_site_abatement == pytest.approx(
        {"coal": 1 - heat / 0.84 * 0.0957, "gas": 1 - heat / 0.87 * 0.0561, "waste": 1.0, "pump": 1.0}
    )
    # The pump abates as much on site as waste heat but avoids less: 3.02 GJ are 838.9 kWh, half of it drawn as power.
    power_co2 = {name: problem.capture_power_t_per_t[row, -1] for name, row in at.items()}
    assert power_co2["pump"] - power_co2["waste"] == pytest.approx(heat / 3.6 * 1_000 / 2 * grid / 1_000)
    assert power_co2["coal"] == power_co2["gas"] == power_co2["waste"] == pytest.approx(0.130 * grid)


SUFFIXES = {"coal": "", "gas": "/gas_boiler", "waste": "/waste_heat", "pump": "/heat_pump"}


def deflator(inputs: Inputs, year: int) -> float:
    table = inputs["indices/deflators"]
    return float(table.loc[(table["currency"] == "CNY") & (table["year"] == year), "price_index"].iloc[0])


def test_waste_heat_of_a_mill_is_proportional_to_its_steel(
    problem_of: MakeProblem, one_mill: Changes, inputs: Inputs
) -> None:
    problem = problem_of(one_mill, ALL_HEAT)
    # Jingtang: 13,700 kt/y of oxygen-furnace steel at 0.9388, 0.3 GJ/t.
    assert problem.waste_heat_tj_pa["P100000120106"] == pytest.approx(13_700 * 0.9388 * 0.3)
    assert problem_of(one_mill).waste_heat_tj_pa == {}
    retiring = problem.plants.assign(capacity_ktpa=0.0)
    assert waste_heat_of(problem.scenario, inputs, retiring)["P100000120106"] > 0


def with_waste_heat(tj_per_t: float, inputs: Inputs, with_tables: WithTables) -> Inputs:
    table = inputs["streams/factors"]
    table = table.assign(value=table["value"].mask(table["factor"] == "steel_waste_heat_gj_per_t", tj_per_t))
    return with_tables({"streams/factors": table})


@pytest.mark.slow
@pytest.mark.parametrize("gj_per_t", [0.05, 0.3, 3.0])
def test_plan_uses_no_more_waste_heat_than_available(
    solved: Solved, inputs: Inputs, with_tables: WithTables, one_mill: Changes, gj_per_t: float
) -> None:
    waste = {"capture.heat_sources": ["waste_heat"], "solver.mip_gap": 0.001}
    plan = solved(one_mill, waste, tables=with_waste_heat(gj_per_t, inputs, with_tables))
    used_tj = (plan.retrofits["captured_ktpa"] * plan.retrofits["heat_gj_per_t"]).sum()
    available_tj = 13_700 * 0.9388 * gj_per_t
    assert used_tj <= available_tj * (1 + 1e-6)
    assert plan.retrofits["fuel_co2_ktpa"].abs().sum() == 0.0
    # Where waste heat is scarce, much of it is used: quarter-size units of small stacks can be curtailed to fit.
    assert used_tj > 0.5 * min(available_tj, 6_000)


def test_waste_heat_constraint_exists_for_each_plant_and_period(problem_of: MakeProblem, one_mill: Changes) -> None:
    model = build_model(problem_of(one_mill, ALL_HEAT))
    assert sorted(model.waste_heat_within_plant) == [("P100000120106", 2026), ("P100000120106", 2031)]
    assert not list(build_model(problem_of(one_mill)).waste_heat_within_plant)


@pytest.mark.slow
def test_removing_dominated_options_does_not_change_the_objective(
    solved: Solved, inputs: Inputs, with_tables: WithTables, one_mill: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Gas as cheap as coal: every coal boiler is dominated.
    fuels = inputs["prices/fuels"].copy()
    fuels.loc[fuels["fuel"] == "natural_gas", "price_per_gj"] = 20.0
    tables = with_tables({"prices/fuels": fuels})
    requested = {**ALL_HEAT, "capture.technologies": ["amine", "advanced_amine"], "solver.mip_gap": 0.0}
    pruned = solved(one_mill, requested, tables=tables)
    module = sys.modules["ccs_model.problem.build_problem"]
    monkeypatch.setattr(module, "drop_dominated_options", lambda scenario, inputs, level, routes, periods: routes)
    unpruned = solved(one_mill, requested, tables=tables)
    assert len(pruned.problem.routes) < len(unpruned.problem.routes)
    assert pruned.objective.value == pytest.approx(unpruned.objective.value, rel=1e-6)


def test_dominated_heat_source_is_removed_unless_minimum_shares_apply(
    problem_of: MakeProblem, inputs: Inputs, with_tables: WithTables, one_mill: Changes
) -> None:
    # Gas at the price of coal and with less CO2: the coal boiler is dominated.
    fuels = inputs["prices/fuels"].copy()
    fuels.loc[fuels["fuel"] == "natural_gas", "price_per_gj"] = 20.0
    both = {"capture.heat_sources": ["coal_boiler", "gas_boiler"]}
    cheap = problem_of(one_mill, both, tables=with_tables({"prices/fuels": fuels}))
    assert set(cheap.routes["heat_source"]) == {"gas_boiler"}
    assert set(problem_of(one_mill, both).routes["heat_source"]) == {"coal_boiler", "gas_boiler"}
    # With minimum shares, avoiding more here may violate the share of another region: nothing is removed.
    shares = {"targets.share_of_avoided_min": {"Hebei": 0.1}}
    kept = problem_of(one_mill, both, shares, tables=with_tables({"prices/fuels": fuels}))
    assert set(kept.routes["heat_source"]) == {"coal_boiler", "gas_boiler"}


def test_province_without_a_gas_price_is_reported(
    problem_of: MakeProblem, inputs: Inputs, with_tables: WithTables, one_mill: Changes
) -> None:
    fuels = inputs["prices/fuels"]
    removed = with_tables({"prices/fuels": fuels[fuels["fuel"] == "coal"]})
    with pytest.raises(InputError) as caught:
        problem_of(one_mill, {"capture.heat_sources": ["gas_boiler"]}, tables=removed)
    assert [issue.what for issue in caught.value.issues] == [
        "no row of natural_gas for province 'Hebei', which has plants"
    ]
    # Waste heat and heat pumps need no fuel.
    assert len(problem_of(one_mill, {"capture.heat_sources": ["waste_heat", "heat_pump"]}, tables=removed).routes)


def test_shared_unit_captures_all_its_streams(problem_of: MakeProblem, one_mill: Changes) -> None:
    options = problem_of(one_mill, SHARED).options.set_index("option")
    shared = options.loc["P100000120106/hot_stoves+power_plant/amine/half"]
    alone = options.loc[[f"P100000120106/{stream}/amine/half" for stream in ("hot_stoves", "power_plant")]]
    # Both gases have 24.6 % CO2: only the train is shared.
    assert shared["nameplate_ktpa"] == pytest.approx(alone["nameplate_ktpa"].sum())
    assert shared["co2_share"] == pytest.approx(0.246)
    assert shared["capture_capex_mn"] == pytest.approx(alone["capture_capex_mn"].sum())


def test_shared_unit_avoids_the_small_train_penalty(problem_of: MakeProblem, one_mill: Changes) -> None:
    # The quarter-size units are smaller than the smallest train built: one train is cheaper than several.
    small = {"plants.min_emissions_ktpa": 0, "plants.require": [], **SHARED}
    options = problem_of(one_mill, small).options
    quarters = options[(options["size"] == "quarter") & (options["technology"] == "amine")]
    shared = quarters[quarters["stream"].str.count("[+]") == 3]
    capex_ratios = []
    for row in shared.itertuples():
        alone = quarters[(quarters["plant"] == row.plant) & quarters["stream"].isin(row.stream.split("+"))]
        assert row.nameplate_ktpa == pytest.approx(alone["nameplate_ktpa"].sum())
        # Capex by concentration is concave in volume, so mixing alone never lowers it.
        capex_ratios.append(row.capture_capex_mn / alone["capture_capex_mn"].sum())
    assert min(capex_ratios) < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("trunklines", [False, True])
def test_plan_with_shared_units_is_verified_and_uses_each_stream_once(
    solved: Solved, one_mill: Changes, trunklines: bool
) -> None:
    requested = {**SHARED, "transport.shared_trunklines": trunklines, "capture.max_builds_per_year": 1}
    plan = solved(one_mill, requested, {"solver.mip_gap": 0.02, "budget.total_mn": 9_000})
    assert plan.checks["holds"].all(), plan.checks[~plan.checks["holds"]]
    captured_streams = [part for stream in plan.retrofits["stream"] for part in stream.split("+")]
    assert len(captured_streams) == len(set(captured_streams))
    # With few builds allowed, a unit on several stacks captures more than one on a single stack.
    separate = solved(
        one_mill, requested, {"capture.shared_absorbers": False, "solver.mip_gap": 0.02, "budget.total_mn": 9_000}
    )
    assert plan.objective.value >= separate.objective.value * (1 - 0.02)


def test_shared_unit_without_savings_is_no_option_unless_builds_are_limited(
    problem_of: MakeProblem, one_mill: Changes
) -> None:
    network = {**SHARED, "transport.shared_trunklines": True}
    option_ids = set(problem_of(one_mill, network).options["option"])
    # For large trains of equal gases, separate units are as good unless builds are limited.
    name = "P100000120106/hot_stoves+power_plant/amine/full"
    assert name not in option_ids
    assert name in set(problem_of(one_mill, network, {"capture.max_builds_per_year": 2}).options["option"])


def test_shared_unit_with_small_trains_is_an_option_on_a_shared_network(
    problem_of: MakeProblem, one_mill: Changes
) -> None:
    network = {**SHARED, "transport.shared_trunklines": True, "plants.min_emissions_ktpa": 0}
    options = problem_of(one_mill, network).options
    shared = options["stream"].str.contains("+", regex=False)
    assert shared.any() and (options.loc[shared, "small_train_factor"] >= 1).all()
    # Each of them costs less than separate units on its streams.
    single = options[~shared].set_index(["plant", "stream", "technology", "size"])["capture_capex_mn"]
    for row in options[shared].itertuples():
        separate_capex_mn = sum(single[row.plant, stream, row.technology, row.size] for stream in row.stream.split("+"))
        assert row.capture_capex_mn < separate_capex_mn


def with_learning(inputs: Inputs, with_tables: WithTables, share: float) -> Inputs:
    table = inputs["technologies/technologies"].copy()
    table.loc[table["technology"] == "amine", "learning_share"] = share
    return with_tables({"technologies/technologies": table})


def test_later_vintages_cost_less_and_start_only_in_their_year(
    problem_of: MakeProblem, inputs: Inputs, with_tables: WithTables, one_mill: Changes
) -> None:
    steady = problem_of(one_mill).routes.set_index("option")
    problem = problem_of(one_mill, tables=with_learning(inputs, with_tables, 0.03))
    routes = problem.routes.reset_index().set_index("option")
    first, second = f"{KILN}/built_2026", f"{KILN}/built_2031"
    assert routes.at[first, "capture_capex_mn"] == pytest.approx(steady.at[KILN, "capture_capex_mn"])
    assert routes.at[second, "capture_capex_mn"] == pytest.approx(steady.at[KILN, "capture_capex_mn"] * 0.97**5)
    assert routes.at[second, "fixed_om_mn_pa"] == pytest.approx(steady.at[KILN, "fixed_om_mn_pa"] * 0.97**5)
    starts = {
        name: problem.running_share[int(routes.at[name, "index"])].any(axis=1).tolist() for name in (first, second)
    }
    assert starts == {first: [True, False], second: [False, True]}
    # The vintages of a stream are curtailed as one unit on a shared network.
    network = problem_of(
        one_mill, {"transport.shared_trunklines": True}, tables=with_learning(inputs, with_tables, 0.03)
    )
    assert not network.units.str.contains("built").any()


@pytest.mark.slow
def test_plan_with_learning_is_verified_and_no_worse(
    solved: Solved, inputs: Inputs, with_tables: WithTables, one_mill: Changes
) -> None:
    plan = solved(one_mill, tables=with_learning(inputs, with_tables, 0.05))
    assert plan.checks["holds"].all()
    steady = solved(one_mill)
    assert plan.objective.value >= steady.objective.value * (1 - 1e-6)


def test_technologies_below_the_minimum_readiness_are_not_offered(problem_of: MakeProblem, one_mill: Changes) -> None:
    both = {"capture.technologies": ["amine", "advanced_amine"]}
    assert set(problem_of(one_mill, both).options["technology"]) == {"amine", "advanced_amine"}
    assert set(problem_of(one_mill, both, {"capture.readiness_min": 9}).options["technology"]) == {"amine"}


def test_higher_capture_rate_needs_more_heat(
    problem_of: MakeProblem, inputs: Inputs, with_tables: WithTables, one_mill: Changes
) -> None:
    table = inputs["technologies/technologies"].copy()
    table.loc[table["technology"] == "amine", "capture_rate_share"] = 0.99
    steady, higher_rate = (
        problem_of(one_mill),
        problem_of(one_mill, tables=with_tables({"technologies/technologies": table})),
    )
    assert higher_rate.options["nameplate_ktpa"].tolist() == pytest.approx(
        (steady.options["nameplate_ktpa"] * 1.1).tolist()
    )
    assert (higher_rate.options["heat_gj_per_t"] > steady.options["heat_gj_per_t"] * 1.05).all()
    assert np.all(higher_rate.avoided_t_per_t < steady.avoided_t_per_t)


@pytest.mark.slow
def test_water_use_is_reported_and_does_not_change_the_plan(
    solved: Solved, inputs: Inputs, with_tables: WithTables, one_mill: Changes
) -> None:
    table: pd.DataFrame = inputs["technologies/technologies"].assign(used_t_water_per_t=3.0)
    wet, dry = solved(one_mill, tables=with_tables({"technologies/technologies": table})), solved(one_mill)
    assert wet.retrofits["route"].tolist() == dry.retrofits["route"].tolist()
    assert wet.retrofits["water_ktpa"].tolist() == pytest.approx((3.0 * wet.retrofits["captured_ktpa"]).tolist())


@pytest.mark.slow
def test_options_do_not_depend_on_the_order_of_heat_sources_and_rows(
    small: Callable[..., Scenario], shuffled: Inputs, inputs: Inputs
) -> None:
    one = build_problem(small(ALL_HEAT, SHARED, {"plants": {"inventory": ["steel"], "provinces": ["Shanxi"]}}), inputs)
    back = {"capture.heat_sources": list(reversed(ALL_HEAT["capture.heat_sources"]))}  # type: ignore[call-overload]
    other = build_problem(small(back, SHARED, {"plants": {"inventory": ["steel"], "provinces": ["Shanxi"]}}), shuffled)
    assert one.routes["route"].tolist() == other.routes["route"].tolist()
    assert np.allclose(one.avoided_t_per_t, other.avoided_t_per_t, rtol=1e-12)
