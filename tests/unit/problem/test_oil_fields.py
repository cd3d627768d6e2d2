"""Oil fields: their payments for CO2 with shared and own pipes, and errors in their settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccs_model.errors import InputError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.inputs.geography import km_outside_province
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import validate_tables
from ccs_model.scenario import Scenario
from tests.integration.faults.conftest import run_command

MakeProblem = Callable[..., Problem]
Solved = Callable[..., Plan]
PLANTS = {"A": {"co2_ktpa": 900, "capture_cost_per_t": 20}}
FIELD = {
    "kind": "eor",
    "additional_t_oil_per_t": 0.25,
    "well_injectivity_ktpa": 9,
    "n_wells_max": 200,
    "well_capex_mn": 0.1,
}
LINKS = {"A-S": {"length_km": 1}}
OWN_PIPES = {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"}
OIL = {"oil_fields": True, "oil_price_per_bbl": 60, "oil_price_currency": "EUR", "oil_price_year": 2015}


@pytest.fixture(scope="module")
def inputs_with_fields() -> Inputs:
    return load_inputs(scenario(oil_fields=True))


def scenario(**storage: Any) -> Scenario:
    # With oil fields, min_cost needs neither a budget nor a target.
    goal = {"objective": "min_cost"} if storage["oil_fields"] else {"budget": {"total_mn": 100}}
    plants = {"inventory": ["chemicals"], "provinces": ["Shandong"]}
    return Scenario.from_dict({"name": "Oil", "plants": plants, "storage": storage, **goal})


@pytest.mark.parametrize(
    "pipes", [pytest.param({}, marks=pytest.mark.slow, id="shared"), pytest.param(OWN_PIPES, id="own")]
)
def test_oil_field_pays_a_share_of_its_oil_revenue_at_the_scenario_price(
    hand_solved: Solved, inputs: Inputs, pipes: dict[str, Any]
) -> None:
    without_power = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    changes = pipes | {f"storage.{key}": value for key, value in OIL.items() if key != "oil_fields"}
    tables = {"plants": PLANTS, "sites": {"S": FIELD}, "links": LINKS, "transport__pipes": without_power}
    plan = hand_solved(changes, **tables)
    # 0.25 t of oil × 7.33 barrels × 60 EUR × 0.2 = 21.99 EUR per t of CO2, above what capture costs.
    assert plan.totals["captured_ktpa"] == pytest.approx(900)
    assert plan.cost_terms["oil_revenue_mn"] == pytest.approx(-0.9 * 21.99)
    assert plan.storage["oil_revenue_mn_pa"].tolist() == pytest.approx([0.9 * 21.99])
    assert plan.storage["additional_oil_ktpa"].tolist() == pytest.approx([225])
    # 0.85 t of carbon per t of oil, all of it burnt to CO2.
    assert plan.storage["additional_oil_co2_ktpa"].tolist() == pytest.approx([225 * 0.85 * 44 / 12], rel=0.002)
    # Revenue is not part of the storage cost: 100 wells of 0.1 million at a capital recovery of 0.1 per year.
    assert plan.totals["storage_cost_per_t"] == pytest.approx(1.0 / 0.9)
    assert plan.retrofits["storage_mn_pa"].sum() == pytest.approx(0)
    assert plan.checks["holds"].all()
    # At half the oil price capture does not pay.
    lower_price = changes | {"storage.oil_price_per_bbl": 30}
    assert hand_solved(lower_price, **tables).totals["n_retrofits"] == 0
    scaled_price = hand_solved(lower_price | {"costs.oil_factor": 2}, **tables)
    assert scaled_price.cost_terms["oil_revenue_mn"] == pytest.approx(-0.9 * 21.99)


def test_oil_revenue_with_own_pipes_is_limited_by_eor_max_ktpa(hand_solved: Solved, inputs: Inputs) -> None:
    without_power = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    field = {"eor_revenue_per_t": 60, "eor_max_ktpa": 400}
    plan = hand_solved(dict(OWN_PIPES), plants=PLANTS, sites={"S": field}, links=LINKS, transport__pipes=without_power)
    assert plan.storage["oil_revenue_mn_pa"].tolist() == pytest.approx([60 * 0.4])


def test_shipped_oil_fields_match_the_eor_cost_steps(inputs_with_fields: Inputs, inputs: Inputs) -> None:
    fields, steps = inputs["storage/oil_fields"], inputs["storage/cost_steps"]
    assert len(inputs["storage/sites"]) + len(fields) == len(inputs_with_fields["storage/sites"])
    oil = steps[steps["kind"] == "EOR"].groupby("province")["capacity_kt"].sum()
    assert len(steps[steps["kind"] == "EOR"]) == 138
    placed = fields.groupby("province")["capacity_mid_kt"].sum()
    # All steps of a province, but in Inner Mongolia only the fields with coordinates.
    assert placed.drop("Inner Mongolia").to_dict() == pytest.approx(oil[placed.index].drop("Inner Mongolia").to_dict())
    assert placed["Inner Mongolia"] < oil["Inner Mongolia"]
    assert (km_outside_province(fields["province"], fields["lat_deg"], fields["lon_deg"]) <= 30).all()
    # 9 kt/y per well fills the capacity in 30 years.
    assert (fields["n_wells_max"] * 9 * 30 / fields["capacity_mid_kt"]).to_numpy() == pytest.approx(1, abs=0.01)


def test_oil_at_80_usd_per_barrel_pays_the_expected_revenue_per_tonne(inputs_with_fields: Inputs) -> None:
    in_usd = scenario(oil_fields=True).with_changes({"currency": "USD", "transport.shared_trunklines": False})
    sites = build_problem(in_usd, inputs_with_fields).sites.set_index("site")
    assert sites.at["huabei_oil", "eor_revenue_per_t"] == pytest.approx(0.25 * 7.33 * 80 * 0.2)
    assert sites.at["huabei_oil", "well_injectivity_ktpa"] == 9
    assert sites.at["shengli_oil", "eor_revenue_per_t"] == pytest.approx(0.198 * 7.33 * 80 * 0.2)
    assert (sites.loc[sites["kind"] != "eor", "eor_revenue_per_t"] == 0).all()


@pytest.mark.parametrize(
    ("storage", "what", "hint"),
    [
        ({"oil_fields": False, "oil_price_per_bbl": 70}, "no site pays by the oil price", "oil_fields: true"),
        ({"oil_fields": True, "oil_price_per_bbl": 70, "oil_price_currency": "UDS"}, "no price index for UDS", "USD"),
        ({"oil_fields": True, "oil_price_per_bbl": 70, "oil_price_year": 2030}, "no price index for USD 2030", "add"),
        ({"oil_fields": False}, "the tables are with the oil fields", "load_inputs"),
    ],
)
def test_invalid_oil_settings_are_reported_with_their_key(
    inputs_with_fields: Inputs, inputs: Inputs, storage: dict[str, Any], what: str, hint: str
) -> None:
    tables = inputs if what.startswith("no site") else inputs_with_fields
    with pytest.raises(InputError) as caught:
        validate_tables(scenario(**storage), tables)
    issue = caught.value.issues[0]
    assert issue.where.startswith("storage.oil_") and what in issue.what and hint in issue.hint


@pytest.mark.slow
def test_resource_class_column_precedes_capacity_where_given(hand_solved: Solved) -> None:
    site = {"resource_class": "contingent"}
    plan = hand_solved({"targets.captured_ktpa": 500}, plants=PLANTS, sites={"S": site}, links=LINKS)
    columns = list(plan.storage)
    assert plan.storage["resource_class"].tolist() == ["contingent"]
    assert columns.index("resource_class") == columns.index("capacity_kt") - 1
    without = hand_solved({"targets.captured_ktpa": 500}, plants=PLANTS, sites={"S": {}}, links=LINKS)
    assert list(without.storage) == [name for name in columns if name != "resource_class"]


@pytest.mark.parametrize(("oil_fields", "code"), [(True, 0), (False, 3)])
def test_oil_field_is_a_valid_site_only_with_oil_fields_enabled(tmp_path: Path, oil_fields: bool, code: int) -> None:
    text = f"""\
name: Oil
years: [2027, 2032]
plants: {{inventory: [chemicals], provinces: [Shandong]}}
storage: {{oil_fields: {str(oil_fields).lower()}, sites: [shengli_oil]}}
budget: {{total_mn: 3000}}
"""
    (tmp_path / "oil.yaml").write_text(text, encoding="utf-8")
    answer = run_command(["check", "oil.yaml"], tmp_path)
    assert answer.code == code, answer.err
    assert ("site or basin 'shengli_oil' is not in the tables" in answer.err) == (not oil_fields)
