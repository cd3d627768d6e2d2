"""The cost chain of a plant, compared with hand calculations and with the tables of the plan."""

import pandas as pd
import pytest

from ccs_model.analysis.cost_chain import chain_of
from ccs_model.plan.citations import Citations
from ccs_model.plan.merit_order import best_options, reasons_of
from ccs_model.report.language import Language


def values_of(chain, column=0):
    return {(line.section, line.name): line.values[column] for line in chain.lines if len(line.values) > column}


def by_name(chain, column=0):
    return {line.name: line.values[column] for line in chain.lines if len(line.values) > column}


@pytest.fixture(scope="module")
def vent(solved, one_vent):
    plan = solved(one_vent)
    (plant,) = set(plan.retrofits["plant"])
    return plan, chain_of(plan.problem, plan.retrofits, plant, None)


def test_cost_chain_of_a_vent_matches_the_hand_calculation(vent):
    plan, chain = vent
    found, (retrofit,) = by_name(chain), plan.retrofits.to_dict("records")
    assert found["nameplate_ktpa"] == pytest.approx(found["co2_ktpa"] * found["stream_share"] * 0.99)
    # 380 CNY of 2022 per t/y at 1 Mt/y; smaller trains scale with an exponent of 0.8; the stream is pure.
    assert found["concentration_factor"] == 1.0
    assert found["small_train_factor"] == pytest.approx((found["nameplate_ktpa"] / 1_000) ** -0.2)
    assert found["capture_capex_mn"] == pytest.approx(
        380 * 105.04 / 106.46 * found["small_train_factor"] * found["nameplate_ktpa"] / 1_000
    )
    assert found["capital_charge_share"] == pytest.approx(0.1018522 * 1.035, abs=1e-7)
    parts = ("capital_per_t", "fixed_om_per_t", "variable_om_per_t", "power_per_t")
    assert found["capture_cost_per_t"] == pytest.approx(sum(found[name] for name in parts))
    assert found["power_per_t"] == pytest.approx(110.0 * found["power_per_kwh"])
    assert found["fixed_om_per_t"] == pytest.approx(0.036 * found["capture_capex_mn"] * 1000.0 / found["captured_ktpa"])
    all_in = found["capture_cost_per_t"] + found["transport_per_t"] + found["storage_per_t"]
    assert found["avoidance_cost_per_t"] == pytest.approx(all_in / found["avoided_t_per_t"])
    assert found["avoidance_cost_per_t"] == pytest.approx(retrofit["avoidance_cost_per_t"])
    assert found["product_cost_per_t"] == pytest.approx(retrofit["product_cost_per_t"])


def test_a_vent_avoids_about_0_92_t_per_t_captured(vent):
    # MODEL: compression at 110 kWh/t and 0.71 kg/kWh leaves 0.92; the grid factor of Hebei is close to 0.71.
    assert by_name(vent[1])["avoided_t_per_t"] == pytest.approx(0.92, abs=0.01)


def test_capture_capex_follows_from_the_build_up_of_bec_and_tpc(vent):
    found = by_name(vent[1])
    # New compression has TPC ÷ BEC of 1.41 at class 4; an assumed cost is of class 5, whose contingency is higher.
    assert 1.41 * 1.01 - 0.01 <= found["tpc_mn"] / found["bec_mn"] <= 1.9
    assert found["capture_capex_mn"] == pytest.approx(found["tpc_mn"] * 1.22)
    assert found["low_mn"] < found["capture_capex_mn"] < found["high_mn"]


def test_components_of_the_power_price_sum_to_the_price(vent):
    found = values_of(vent[1])
    parts = [value for (section, _), value in found.items() if section == "power price"]
    assert len(parts) == 5
    assert sum(parts) == pytest.approx(found["energy", "power_per_kwh"])


def test_every_input_of_the_cost_chain_cites_a_known_reference(solved, one_mill, vent):
    plan = solved(one_mill)
    (plant,) = set(plan.retrofits["plant"])
    for chain in (vent[1], chain_of(plan.problem, plan.retrofits, plant, None)):
        titles = set(plan.problem.inputs["references"]["reference"])
        assert {each.reference for each in chain.cited} <= titles
        assert all(title != "a reference of your own tables" for title in chain.titles.values())
        for name in (
            "reference_capex_per_tpa", "power_kwh_per_t", "power_per_kwh", "power_co2_t_per_t", "transport_per_t",
            "storage_per_t", "bec_mn",
        ):  # fmt: skip
            (line,) = [line for line in chain.lines if line.name == name]
            assert line.cited[0], name
        assert chain.streams and all(line.cited[0] for line in chain.streams)
    names = {line.name: line for line in chain.lines}
    assert names["heat_gj_per_t"].cited[0] and names["heat_per_gj"].cited[0] and names["concentration_factor"].cited[0]


def test_a_plant_without_a_retrofit_shows_its_best_option(small_plan):
    retrofitted = set(small_plan.retrofits["plant"])
    plants = small_plan.problem.plants
    plant = plants[plants["is_candidate"] & ~plants["plant"].isin(retrofitted)]["plant"].iloc[0]
    chain = chain_of(small_plan.problem, small_plan.retrofits, plant, None)
    assert not chain.is_retrofitted and len(chain.columns) == 1
    assert by_name(chain)["year"] == "–"


def test_a_plant_without_options_has_streams_and_no_chain(solved):
    plan = solved({"plants.exclude": ["NH3_82"]})
    chain = chain_of(plan.problem, plan.retrofits, "NH3_82", None)
    assert chain.streams and not chain.lines and not chain.columns


def test_the_chain_of_a_plant_with_given_costs_uses_and_cites_its_own_row(hand_solved):
    plants = {"A": {"co2_ktpa": 1000.0, "capture_cost_per_t": 20.0, "avoided_per_captured_share": 1.0}}
    plan = hand_solved(
        {"targets": {"captured_ktpa": 500.0}}, plants=plants, sites={"S": {}}, links={"A-S": {"length_km": 10.0}}
    )
    chain = chain_of(plan.problem, plan.retrofits, "A", None)
    assert by_name(chain)["variable_om_per_t"] == pytest.approx(20.0)
    assert Citations(plan.problem).technology("given", "A")[0].reference == "OWN"


def test_a_site_with_its_own_costs_cites_its_own_row(hand_problem, small_plan):
    plants = {"A": {"co2_ktpa": 1000.0, "capture_cost_per_t": 20.0, "avoided_per_captured_share": 1.0}}
    separate, all_in = {"site_capex_mn": 50.0, "storage_cost_per_t": None}, {"storage_cost_per_t": 30.0}
    problem = hand_problem({}, plants=plants, sites={"S": separate, "T": all_in}, links={"A-S": {"length_km": 10.0}})
    for site in ("S", "T"):
        (cited,) = Citations(problem).site_costs(site)
        assert (cited.table, cited.reference) == ("storage/sites", "OWN")
    shipped = Citations(small_plan.problem).site_costs(small_plan.problem.sites["site"].iloc[0])
    assert {each.table for each in shipped} == {"storage/class_costs"}


def test_the_marginal_cost_in_the_chain_is_the_dual_of_the_target(solved):
    plan = solved({"objective": "min_cost", "targets": {"abatement_share": {2031: 0.02}}, "budget": {}})
    (plant, *_) = plan.retrofits["plant"]
    chain = chain_of(plan.problem, plan.retrofits, plant, plan.relaxation.cost_of_next_tonne_per_t)
    assert by_name(chain)["marginal_cost_per_t"] == plan.relaxation.cost_of_next_tonne_per_t


def test_each_plant_has_a_reason(small_plan):
    table = reasons_of(small_plan.problem, small_plan.retrofits)
    assert list(table.columns) == ["plant", "is_retrofitted", "reason", "change"]
    assert set(table["plant"]) == set(small_plan.problem.plants["plant"])
    retrofitted = set(small_plan.retrofits["plant"])
    assert set(table["plant"][table["is_retrofitted"]]) == retrofitted
    assert table["reason"][table["is_retrofitted"]].str.startswith("in: ").all()
    reasons = table.set_index("plant")["reason"]
    for row in small_plan.problem.plants.itertuples():
        if row.reason:
            assert reasons[row.plant] == f"out: {row.reason}"


def test_reasons_compare_costs_at_full_load_with_own_pipes_and_name_the_place_in_the_plan(small_plan):
    problem = small_plan.problem
    alone = best_options(problem).set_index("plant")["avoidance_cost_per_t"].sort_values()
    names = problem.plants.set_index("plant")["name"]
    cheapest, low, high = alone.index[0], alone.index[1], alone.index[2]

    def reasons(*costs):
        # In the plan, at the load of the last period, the plants cost other than alone.
        rows = [{"plant": plant, "cost_mn_pa": cost, "avoided_ktpa": 1_000.0} for plant, cost in costs]
        return reasons_of(problem, pd.DataFrame(rows)).set_index("plant")

    two = reasons((low, 1.0), (high, 9_999.0))
    assert two["reason"][low].endswith("per t avoided, the lowest of 2 retrofitted plants")
    assert two["reason"][high].endswith("per t avoided, the highest of 2 retrofitted plants")
    basis = f"within the costs of retrofitted plants on this basis (up to {alone[high]:,.0f}): cost alone"
    assert basis in two["reason"][cheapest]
    beyond = alone.index[-1]
    assert f"above the highest cost of a retrofitted plant on this basis ({alone[high]:,.0f})" in two["reason"][beyond]
    assert two["change"][beyond].startswith(f"a cost lower by {alone[beyond] - alone[high]:,.0f} CNY")
    # Other plants are named, and compared with what this one costs alone.
    against = f"{names[cheapest]} has a lower cost ({alone[cheapest]:,.0f} against {alone[low]:,.0f})"
    assert against in two["change"][low]
    one = reasons((cheapest, 9_999.0))
    assert one["reason"][cheapest].endswith("the only retrofitted plant")
    assert f"a cost higher by {alone[low] - alone[cheapest]:,.0f} CNY" in one["change"][cheapest]
    for text in {*two["reason"], *two["change"], *one["change"]}:
        assert "per t" not in Language("zh").label(text)


def test_a_plant_whose_cheapest_retrofit_exceeds_the_budget_has_that_reason_first(problem_of):
    problem = problem_of({"budget.total_mn": 2})
    least = problem.routes.groupby("plant")["capex_mn"].min()
    found = reasons_of(problem, pd.DataFrame()).set_index("plant")
    plant = least.idxmax()
    start = (
        f"out: its cheapest retrofit costs {least[plant]:,.0f} million CNY 2024, more than the budget of 2 million; "
    )
    assert found["reason"][plant].startswith(start)
    assert found["change"][plant] == f"a budget of at least {least[plant]:,.0f} million CNY 2024"
    assert Language("zh").label(found["reason"][plant]).startswith("未入选：其投资最低的改造需")
    # A grant pays on top of the budget, and a part of a retrofit needs less.
    for more in ({"funds": {"gift": {"kind": "grant"}}}, {"capture.decisions": "continuous"}):
        other = reasons_of(problem_of({"budget.total_mn": 2}, more), pd.DataFrame())["reason"]
        assert not other.str.contains("more than the budget").any()
