"""Avoided damages, air pollution and accounts by stakeholder, and the finance tables they use."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.policy import (
    STAKEHOLDERS,
    accounts_by_stakeholder,
    ledger_by_stakeholder,
    pollutants_kt,
    social_cost_path_per_t,
)
from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import Inputs


@pytest.fixture(scope="module")
def yuan(inputs: Inputs) -> PriceLevel:
    return PriceLevel("CNY", 2024, inputs["indices/deflators"], inputs["indices/exchange_rates"])


# EPA 2023: 190 USD of 2020 in 2020, 210 in 2025, 230 in 2030; 120 to 340 in 2020.
def test_social_cost_matches_the_published_series(inputs: Inputs) -> None:
    level = PriceLevel("USD", 2020, inputs["indices/deflators"], inputs["indices/exchange_rates"])
    table = inputs["policy/social_cost_of_carbon"]
    found = social_cost_path_per_t(table, level, "EPA 2023", [2020, 2025, 2026, 2030, 2090])
    assert found.tolist() == pytest.approx([190, 210, 214, 230, 410])
    assert social_cost_path_per_t(table, level, "EPA 2023", [2020], "low_per_t").item() == 120
    assert social_cost_path_per_t(table, level, "EPA 2023", [2020], "high_per_t").item() == 340
    assert social_cost_path_per_t(table, level, "Rennert 2022", [2030]).item() == 185
    with pytest.raises(ValueError, match="EPA 2023"):
        social_cost_path_per_t(table, level, "EPA 2016", [2030])


def test_social_cost_is_converted_to_the_scenario_currency(inputs: Inputs, yuan: PriceLevel) -> None:
    found = social_cost_path_per_t(inputs["policy/social_cost_of_carbon"], yuan, "EPA 2023", [2030]).item()
    assert found == pytest.approx(230 * yuan.factor("USD", 2020))


def test_pollutants_of_fuel_and_power_match_hand_calculation(inputs: Inputs) -> None:
    # 400 kt captured at 2.5 GJ of coal: a million GJ at 12.6, 18 and 3.6 g each. The second draws 100 kWh per tonne.
    emitted = pollutants_kt(inputs["policy/pollutants"], [400.0, 100.0], [2.5, 0.0], [0.0, 100.0])
    assert emitted.iloc[0].to_dict() == pytest.approx({"SO2_kt": 0.0126, "NOx_kt": 0.018, "dust_kt": 0.0036})
    assert emitted.at[1, "SO2_kt"] == pytest.approx(1e7 * 0.0699 / 1e9)


def test_pollution_tax_tiers_of_hebei_match_the_published_rates(inputs: Inputs) -> None:
    taxes = inputs["policy/pollution_taxes"].query("pollutant == 'SO2'").set_index("tax_zone")["tax_per_t"]
    # 9.6, 6.0 and 4.8 CNY per 0.95 kg; the law allows 1.2 to 12.
    assert taxes["Hebei tier 1"] == pytest.approx(9.6 / 0.95 * 1000, abs=0.5)
    assert taxes["Hebei tier 2"] == pytest.approx(6.0 / 0.95 * 1000, abs=0.5)
    assert taxes["Hebei tier 3"] == pytest.approx(4.8 / 0.95 * 1000, abs=0.5)
    assert taxes.between(taxes["legal minimum"], taxes["legal maximum"]).all()


ITEMS = pd.DataFrame(
    [
        ("capital and running cost", "owners", "", 1000.0),
        ("grant", "public purse", "owners", 200.0),
        ("loan drawn", "financiers", "owners", 400.0),
        ("loan served", "owners", "financiers", 380.0),
        ("income tax", "owners", "public purse", -50.0),
        ("oil sold", "", "owners", 300.0),
        ("harm avoided", "", "society", 900.0),
    ],
    columns=["item", "from_stakeholder", "to_stakeholder", "discounted_mn"],
)


def test_accounts_by_stakeholder_match_hand_calculation() -> None:
    accounts = accounts_by_stakeholder(ITEMS).set_index("stakeholder")
    assert accounts.index.tolist() == list(STAKEHOLDERS)
    # Owners: 200 + 400 + 50 + 300 against 1,000 + 380; the negative tax is a payment to them.
    assert accounts.loc["owners", ["benefits_mn", "costs_mn", "npv_mn"]].tolist() == [950, 1380, -430]
    assert accounts.at["public purse", "npv_mn"] == -250
    assert accounts.at["financiers", "npv_mn"] == -20
    # Society: 1,200 of real benefits against 1,000 of real costs; transfers between stakeholders cancel.
    assert accounts.loc["society", ["benefits_mn", "costs_mn", "npv_mn"]].tolist() == [1200, 1000, 200]
    assert accounts.at["society", "benefit_cost_ratio"] == pytest.approx(1.2)
    assert np.isnan(accounts.at["financiers", "benefit_cost_ratio"])
    without_harm = accounts_by_stakeholder(ITEMS[ITEMS["item"] != "harm avoided"]).set_index("stakeholder")
    assert np.isnan(without_harm.at["society", "benefit_cost_ratio"])
    # Damages of 0 are no benefit to set against the cost; those of half a million are.
    for harm_mn, ratio in ((0.0, np.nan), (0.5, 300.5 / 1000)):
        items = ITEMS.assign(discounted_mn=ITEMS["discounted_mn"].where(ITEMS["item"] != "harm avoided", harm_mn))
        society = accounts_by_stakeholder(items).set_index("stakeholder").loc["society"]
        assert society["benefit_cost_ratio"] == pytest.approx(ratio, nan_ok=True)


def test_the_ledger_sums_to_the_accounts() -> None:
    ledger = ledger_by_stakeholder(ITEMS).set_index("item")
    assert list(ledger) == ["owners_mn", "public_purse_mn", "financiers_mn", "society_mn"]
    assert ledger.sum().tolist() == pytest.approx(accounts_by_stakeholder(ITEMS)["npv_mn"].tolist())
    assert ledger.loc["grant"].tolist() == [200, -200, 0, 0]
    assert ledger.loc["income tax"].tolist() == [50, -50, 0, 0]


ENDS = st.sampled_from(["", *STAKEHOLDERS[:-1]])


@pytest.mark.slow
@given(st.lists(st.tuples(ENDS, ENDS, st.floats(-1e3, 1e3)), min_size=1, max_size=12))
def test_net_social_benefit_is_the_sum_over_stakeholders(rows: list[tuple[str, str, float]]) -> None:
    kept = [(f"item {k}", *row) for k, row in enumerate(rows) if row[0] != row[1]]
    items = pd.DataFrame(kept, columns=ITEMS.columns)
    npv = accounts_by_stakeholder(items).set_index("stakeholder")["npv_mn"]
    assert npv["society"] == pytest.approx(npv[list(STAKEHOLDERS[:-1])].sum(), abs=1e-9)


@given(st.floats(0, 1e4))
def test_transfer_does_not_change_the_net_social_benefit(amount: float) -> None:
    more = pd.concat([ITEMS, pd.DataFrame([("more", "public purse", "owners", amount)], columns=ITEMS.columns)])
    before, after = (accounts_by_stakeholder(each).set_index("stakeholder") for each in (ITEMS, more))
    assert after.loc["society"].tolist() == before.loc["society"].tolist()
    assert after.at["owners", "npv_mn"] == pytest.approx(before.at["owners", "npv_mn"] + amount)


@pytest.mark.parametrize(
    ("start", "end", "message"), [("owners", "ministry", "ministry"), ("owners", "owners", "itself")]
)
def test_item_with_unknown_or_equal_stakeholders_is_an_error(start: str, end: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        accounts_by_stakeholder(pd.DataFrame([("x", start, end, 1.0)], columns=ITEMS.columns))


# The national appraisal table, per cent: fertiliser 9, inorganic 10, organic and chlor-alkali 11, ethylene 12.
def test_hurdle_rates_match_the_national_appraisal_table(inputs: Inputs) -> None:
    hurdle = inputs["finance/hurdle_rates"].set_index("sector")
    requested = ["fertiliser", "inorganic chemicals", "organic chemicals", "chlor-alkali", "ethylene", "pipelines"]
    assert hurdle.loc[requested, "hurdle_share"].tolist() == [0.09, 0.10, 0.11, 0.11, 0.12, 0.12]
    of_product = inputs["finance/hurdle_rates"].set_index("product")["hurdle_share"]
    assert of_product[["ammonia", "methanol", "crude_steel"]].tolist() == [0.09, 0.11, 0.10]
    steel = hurdle.loc["steel"]
    assert (steel["low_share"], steel["high_share"], steel["quality"]) == (0.08, 0.12, "assumed")


def test_chinese_rates_and_taxes_match_published_values(inputs: Inputs) -> None:
    factors = inputs["finance/factors"].set_index("factor")["value"]
    assert factors["social_discount_rate"] == 0.08
    assert factors["income_tax_share"] == 0.25
    assert factors["depreciation_yr"] == 10
    assert factors["loss_carry_forward_yr"] == 5
    rates = inputs["finance/rates"]
    facility = rates[rates["instrument"] == "carbon_reduction_facility"].sort_values("year")
    assert facility["rate_share"].tolist() == [0.0175, 0.015, 0.0125]
    prime = rates[rates["instrument"] == "loan_prime_rate_5yr"].sort_values("from_date")
    assert prime["rate_share"].iloc[-1] == 0.035


def test_steel_margin_matches_published_totals(inputs: Inputs) -> None:
    # 29.19 billion CNY over 1,005.09 Mt.
    margin = inputs["finance/margins"].set_index(["product", "year"]).at[("steel", 2024), "margin_per_t"]
    assert margin == pytest.approx(29_190 / 1005.09, abs=0.05)
