"""Scenario values without effect are reported, and values with an effect are not."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.plan.merit_order import reasons_of
from ccs_model.problem import Problem
from ccs_model.problem.unused_inputs import unused_inputs
from ccs_model.report.language import Language

Changes = dict[str, object]
GIFT = {"kind": "grant", "ceiling_mn": 10.0}
PRICE: Changes = {"policy.carbon_price_per_t": {2026: 300.0}, "objective": "max_npv"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"funds": {"gift": {**GIFT, "sectors": ["steel"]}}}, "funds.gift: fund gift can pay for nothing"),
        ({"policy.paid_per_avoided_t": 50.0, "policy.paid_from": 2090}, "policy.paid_from: no payment per tonne"),
        ({"policy.paid_cap_mn": 100.0}, "policy.paid_cap_mn limits payments per tonne, of which there are none"),
        ({"policy.paid_for_yr": 12}, "policy.paid_for_yr limits payments per tonne, of which there are none"),
        ({"policy.paid_to_starts_until": 2030}, "policy.paid_to_starts_until limits payments per tonne"),
        ({"policy.paid_is_taxed": False}, "policy.paid_is_taxed has no effect: there are no payments per tonne"),
        (
            {"policy.paid_per_captured_t": 50.0, "policy.paid_to_starts_until": 2025},
            "policy.paid_to_starts_until: no payment per tonne is made, since no unit that it allows",
        ),
        (
            {"years": "static", "policy.paid_per_captured_t": 50.0, "policy.paid_for_yr": 12},
            "policy.paid_for_yr has no effect in a representative year, in which no unit starts",
        ),
        (
            {"years": "static", "policy.paid_per_captured_t": 50.0, "policy.paid_is_taxed": False},
            "policy.paid_is_taxed has no effect in a representative year, which has neither",
        ),
        (PRICE, "policy.carbon_price_per_t: the carbon price earns the owners nothing"),
        (
            {
                **PRICE,
                "objective": "min_cost",
                "policy.capture_deductible": True,
                "targets.captured_ktpa": 100,
                "policy.market": None,
            },
            "policy.carbon_price_per_t affects the owners' accounts but not the plan",
        ),
        (
            {
                "objective": "min_cost",
                "targets.captured_ktpa": 100,
                "funds": {"bank": {"kind": "loan", "interest_rate": 0.03, "term_yr": 7}},
            },
            "funds.bank affects the owners' accounts but not the plan",
        ),
        (
            {"targets.abatement_share": {2031: 0.01}, "budget.total_mn": None},
            "targets: objective: max_abatement without a budget builds whatever avoids CO2",
        ),
        (
            {"futures": {name: {"changes": {"policy.carbon_price_per_t": {2026: 75.0}}} for name in ("low", "high")}},
            "futures: policy.carbon_price_per_t: the carbon price earns the owners nothing",
        ),
        (
            {"funds": {"gift": {"kind": "grant", "share_max": 0.0}}},
            "funds.gift: fund gift can pay for nothing: its share_max",
        ),
        ({"policy.paid_per_avoided_t": 50.0, "policy.paid_cap_mn": 0.0}, "policy.paid_cap_mn: no payment per tonne"),
        ({"policy.paid_per_avoided_t": 50.0, "policy.paid_until": 2027}, "paid_until 2027 lies within a period"),
        (
            {"years": "static", "policy.carbon_price_per_t": {2024: 500.0}, "policy.capture_deductible": True},
            "policy.carbon_price_per_t has no effect in a representative year",
        ),
        (
            {**PRICE, "policy.capture_deductible": True},
            "policy.market: the sector chemicals enters the market in 2027, within a period",
        ),
        (
            {"policy.carbon_price_per_t": {2060: 500.0}, "policy.capture_deductible": True, "policy.market": None},
            "no year of the price lies in the horizon, 2026 to 2035, where the price of 2060 holds",
        ),
        (
            {"funds": {"gift": GIFT, "Gift ": GIFT}},
            "funds.gift: funds 'Gift ' and 'gift' are two funds, though their names differ in spelling only",
        ),
        ({"policy.surplus_band_share": 0.03}, "policy.surplus_band_share limits tonnes sold"),
        (
            {**PRICE, "policy.market": None, "policy.capture_deductible": True, "policy.surplus_band_share": 0.0},
            "policy.surplus_band_share: no tonne is sold on the carbon market, since the band is 0",
        ),
        (
            {"objective": "min_cost", "policy.paid_per_captured_t": 100.0, "targets.shortfall_per_t": 100.0},
            "targets.shortfall_per_t has no effect: there is no target",
        ),
        (
            {"storage.not_before": {"qinshui": 2028}},
            "storage.not_before has years within a period, so that the next period counts: qinshui (2028)",
        ),
        ({"storage_life_yr": 20.0}, "storage_life_yr has no effect: it spreads the capacity of sites over the years"),
        (
            {"transport.shared_trunklines": False, "transport.corridors": "all"},
            "transport.corridors has no effect: it names links of shared networks with integer",
        ),
        ({"storage.oil_price_currency": "EUR"}, "storage.oil_price_currency has no effect: it is that of storage."),
        ({"costs.oil_factor": 2.0}, "costs.oil_factor has no effect: it is for oil fields, of which there are none"),
        ({"plants.furnace_streams": True}, "plants.furnace_streams has no effect: it splits the hot stoves of steel"),
        ({"calibration.preset": "pilot-literal"}, "calibration.preset has no effect: it selects a calibration"),
        ({"policy.paid_from": 2030}, "policy.paid_from has no effect: it dates payments per tonne"),
        ({"risk.cvar_share": 0.2}, "risk.cvar_share has no effect: it defines the worst futures of risk.weight"),
        (
            {"years": "static", "finance.tax_share": 0.3},
            "finance.tax_share has no effect in a representative year, which has neither owners' accounts",
        ),
        (
            {"years": "static", "capital_recovery_share": 0.1, "discount_rate": 0.06},
            "discount_rate has no effect: capital_recovery_share annualises the capital of a representative year",
        ),
        ({"budget.cumulative_mn": {2026: 500.0, 2031: 100.0}}, "the limit until 2031 is lower than that until 2026"),
    ],
)
def test_value_without_effect_is_reported(problem_of: Callable[..., Problem], changes: Changes, message: str) -> None:
    (found,) = unused_inputs(problem_of(changes))
    assert message in found
    # The report shows it in the language of the reader.
    assert Language("zh").sentence(found) != found or "futures" in changes


def test_growth_of_value_added_is_reported_unless_an_intensity_goal_is_judged_with_it(
    problem_of: Callable[..., Problem], inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    def added(table: str, year: int, **row: object) -> pd.DataFrame:
        new = inputs[table].iloc[:1].assign(province="Shanxi", year=year, quality="reported", **row)
        return pd.concat([inputs[table], new], ignore_index=True)

    growth: Changes = {"policy.value_added_growth_rate": 0.04}
    (found,) = unused_inputs(problem_of(growth))
    assert "policy.value_added_growth_rate has no effect: no carbon intensity goal is judged with projected" in found
    assert Language("zh").sentence(found) != found
    start = {"policy/provincial_co2": added("policy/provincial_co2", 2025, co2_ktpa=500_000.0)}
    start["policy/value_added"] = added("policy/value_added", 2025, gdp_mn=2_600_000.0)
    assert unused_inputs(problem_of(growth, tables=with_tables(start))) == ()
    # A static plan has no year in which a five-year plan ends.
    found = unused_inputs(problem_of({**growth, "years": "static"}, tables=with_tables(start)))
    assert any("policy.value_added_growth_rate has no effect" in each for each in found)


def test_a_price_between_years_before_and_after_the_horizon_is_not_reported(problem_of: Callable[..., Problem]) -> None:
    around = {"policy.carbon_price_per_t": {2020: 50.0, 2060: 200.0}, "policy.market": None}
    assert unused_inputs(problem_of({**around, "policy.capture_deductible": True})) == ()


def test_funds_whose_names_differ_in_a_digit_are_not_reported(problem_of: Callable[..., Problem]) -> None:
    assert unused_inputs(problem_of({"funds": {"gift 1.5": GIFT, "gift 15": GIFT}})) == ()


def test_values_with_an_effect_are_not_reported(problem_of: Callable[..., Problem]) -> None:
    used: Changes = {
        **PRICE,
        "policy.market": None,
        "policy.capture_deductible": True,
        "policy.surplus_band_share": 0.5,
        "policy.paid_per_avoided_t": 50.0,
        "policy.paid_cap_mn": 100.0,
        "policy.paid_for_yr": 12,
        "policy.paid_to_starts_until": 2031,
        "policy.paid_is_taxed": False,
        "funds": {"gift": GIFT},
        "budget.cumulative_mn": {2026: 100.0, 2031: 500.0},
    }
    assert unused_inputs(problem_of(used)) == ()


def test_sectors_without_a_market_rule_are_reported(
    problem_of: Callable[..., Problem], inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    rules = inputs["policy/ets"]
    tables = with_tables({"policy/ets": rules[rules["sector"] == "steel"].reset_index(drop=True)})
    (found,) = unused_inputs(problem_of({**PRICE, "policy.capture_deductible": True}, tables=tables))
    assert "policy.market: China ETS has no rule in policy/ets for chemicals, whose plants earn nothing" in found
    assert Language("zh").sentence(found) != found


def test_plants_of_a_sector_without_a_market_rule_have_that_reason(
    problem_of: Callable[..., Problem], inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    rules = inputs["policy/ets"]
    tables = with_tables({"policy/ets": rules[rules["sector"] == "steel"].reset_index(drop=True)})
    paid: Changes = {**PRICE, "policy.capture_deductible": True}
    expected = "out: its sector has no rule in China ETS (policy.market) and earns nothing from the carbon price; "
    problem = problem_of(paid, tables=tables)
    table = reasons_of(problem, pd.DataFrame())
    found = table.loc[problem.plants["is_candidate"].to_numpy(), "reason"]
    assert len(found) and found.str.startswith(expected).all()
    assert Language("zh").label(found.iloc[0]).startswith("未入选：该行业在 China ETS")
    # The price has no effect if abatement is the objective; without a market, every sector earns it.
    for change in ({"objective": "max_abatement"}, {"policy.market": None}):
        others = reasons_of(problem_of({**paid, **change}, tables=tables), pd.DataFrame())["reason"]
        assert not others.str.contains("policy.market").any()


def test_closing_plants_are_reported_in_a_static_year(hand_problem: Callable[..., Problem]) -> None:
    given = {"co2_ktpa": 1000.0, "capture_cost_per_t": 20.0, "avoided_per_captured_share": 1.0}
    rows: dict[str, dict[str, object]] = {"A": {**given, "closing_year": 2034.0}, "B": given}
    tables = {"plants": rows, "sites": {"S": {}}, "links": {"A-S": {"length_km": 10.0}, "B-S": {"length_km": 10.0}}}
    changes: Changes = {"objective": "max_abatement", "budget.total_mn": 100.0}
    (found,) = (each for each in unused_inputs(hand_problem(changes, **tables)) if "closing_year" in each)
    assert found.startswith("years: ") and found.endswith("(closing_year): A (2034)")
    assert Language("zh").sentence(found) != found
    dynamic = unused_inputs(hand_problem({**changes, "years": [2026, 2031]}, **tables))
    assert not any("closing_year" in each for each in dynamic)


@pytest.mark.parametrize(
    ("budget", "is_reported"),
    [({"total_mn": 100.0}, False), ({"by_province_mn": {"Shanxi": 100.0}}, False), ({}, True)],
)
def test_grant_without_a_budget_is_reported_as_without_effect_on_a_min_cost_plan(
    problem_of: Callable[..., Problem], budget: Changes, is_reported: bool
) -> None:
    problem = problem_of(
        {
            "objective": "min_cost", "targets.captured_ktpa": 100, "funds": {"gift": GIFT},
            "budget": budget,
        }
    )  # fmt: skip
    warnings = [text for text in unused_inputs(problem) if "affects the owners' accounts but not the plan" in text]
    assert [text.split()[0] for text in warnings] == (["funds.gift"] if is_reported else [])
