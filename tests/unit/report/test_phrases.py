"""Sentences of the report from plain values, and their Chinese texts."""

from __future__ import annotations

import pytest

from ccs_model.report.language import Language, chinese_text
from ccs_model.report.phrases import (
    Gap,
    all_plants,
    capitalise,
    estimates_in_words,
    futures_text,
    gap_text,
    less_than_captured,
    load_in_words,
    oil_in_words,
    remaining_emissions_in_words,
    resources_in_words,
    society,
    storage_range,
    unspent_budget_in_words,
)
from ccs_model.report.summary import _Summary


def test_unspent_budget_is_reported() -> None:
    text = unspent_budget_in_words(12_000.0, 11_897.3, "CNY 2024")
    assert text == " The retrofits added also use the 103 million CNY 2024 of the budget that the plan leaves unspent."
    assert Language("zh").sentence(text.strip()) == "新增改造还使用方案预算中未支出的 103 百万元（2024年价）。"


@pytest.mark.parametrize(
    ("budget", "capex"), [(12_000.0, 11_990.0), (None, 500.0), (12_000.0, None), (100.0, 120.0), (0.0, 0.0)]
)
def test_little_or_no_unspent_budget_is_not_reported(budget: float | None, capex: float | None) -> None:
    assert unspent_budget_in_words(budget, capex, "CNY 2024") == ""


@pytest.mark.parametrize(
    ("cost", "low", "high", "sentence"),
    [
        (29.4, 21.0, 60.0, "29 CNY 2024/t stored, within the published range of 21 to 60 (national mean 35, A)"),
        # One decimal is printed where rounded numbers would contradict the sentence or be too coarse.
        (19.6, 20.3, 58.0, "19.6 CNY 2024/t stored, below the published range of 20.3 to 58.0 (national mean 35.0, A)"),
        (20.4, 20.3, 58.0, "20 CNY 2024/t stored, within the published range of 20 to 58 (national mean 35, A)"),
        (19.9, 20.3, 58.0, "19.9 CNY 2024/t stored, below the published range of 20.3 to 58.0 (national mean 35.0, A)"),
        (2.9, 2.8, 8.1, "2.9 CNY 2024/t stored, within the published range of 2.8 to 8.1 (national mean 4.9, A)"),
    ],
)
def test_printed_storage_cost_agrees_with_its_printed_range(
    cost: float, low: float, high: float, sentence: str
) -> None:
    central = 4.9 if high < 10 else 35.0
    band = {"low_per_t": low, "high_per_t": high, "central_per_t": central, "reference": "A"}
    assert storage_range(cost, band, "CNY 2024/t") == f"Storage costs {sentence}."


def test_damages_at_values_of_the_scenario_name_no_series() -> None:
    totals = {
        "resource_cost_mn": 100.0, "break_even_carbon_value_per_t": None, "value_at_market_price_mn": None,
        "damage_avoided_mn": 5_847.0, "net_benefit_mn": 5_747.0,
    }  # fmt: skip
    damages = {"series": "scenario", "near_term_rate": 0.02}
    *_, text = society(totals, "CNY", 2024, {"discount_rate": 0.05, "damages": damages})
    assert text == (
        "Damages avoided at the scenario's own values are 5,847 million CNY 2024, discounted at the social discount "
        "rate of 2 %; net of resource cost at 5 %, the social benefit is 5,747 million."
    )
    assert Language("zh").sentence(text).startswith("按情景自设数值计")


def test_summary_uses_the_word_zone_only_for_calibrated_plans() -> None:
    document = {"totals": {}, "currency": "CNY", "price_year": 2024}
    assert _Summary({**document, "calibration": None}, 80, str)._region == "region"
    assert _Summary(document, 80, str)._region == "region"
    assert _Summary({**document, "calibration": {"statement": "Calibrated."}}, 80, str)._region == "zone"


def test_carbon_price_path_is_attributed_to_the_scenario_or_the_market() -> None:
    totals = {
        "resource_cost_mn": 100.0, "break_even_carbon_value_per_t": None, "value_at_market_price_mn": 40.0,
        "net_value_at_market_price_mn": -60.0,
    }  # fmt: skip
    terms = {"discount_rate": 0.05, "market_price_per_t": [300.0, 1_000.0], "damages": None}
    assert society(totals, "CNY", 2024, terms)[1].startswith("At the price path of the carbon market (300 at first")
    text = society(totals, "CNY", 2024, {**terms, "is_price_of_scenario": True})[1]
    assert text.startswith("At the scenario's carbon price path (300 at first, 1,000 at last, CNY 2024 per t)")
    assert Language("zh").sentence(text).startswith("按情景碳价路径（初期 300、末期 1,000 元/吨（2024年价））")


def test_storage_resource_classes_state_their_share_of_the_final_stored_tonnes() -> None:
    rows = [
        {"site": "S", "year": 2026, "stored_kt": 100.0, "resource_class": "prospective"},
        {"site": "S", "year": 2031, "stored_kt": 300.0, "resource_class": "prospective"},
        {"site": "G", "year": 2031, "stored_kt": 100.0, "resource_class": "contingent"},
    ]
    text = "of the CO2 goes into storage resources of class {} (Storage Resources Management System): {}."
    assert resources_in_words(rows) == [
        f"75 % {text.format('prospective', 'undiscovered, without a characterised site')}",
        f"25 % {text.format('contingent', 'discovered, without a commercial project')}",
    ]
    # Own sites have a class only where their table states one.
    assert resources_in_words([{"site": "S", "year": 2026, "stored_kt": 100.0}]) == []
    assert resources_in_words([]) == []


def test_futures_name_each_budget_and_the_constraints_violated_most_often() -> None:
    about = {"n_draws": 200, "overrun_share": 0.02, "overrun_p95_mn": 0.0, "within_limits_share": 0.34}
    broken = [
        {"constraint": "fund_within_share", "future_share": 0.1},
        {"constraint": "spending_within_budget", "future_share": 0.02},
        {"constraint": "spending_within_province_budget", "future_share": 0.66},
        {"constraint": "injection_within_wells", "future_share": 0.2},
    ]
    text = futures_text(about, broken)
    assert text == (
        "The fixed plan exceeds the budget in 2 % of the futures. "
        "The fixed plan exceeds the budget of a province in 66 % of the futures. "
        "The fixed plan satisfies every constraint in 34 % of the futures. "
        "It violates the constraint 'injection within wells' in 20 % of the futures. "
        "It violates the constraint 'fund within share' in 10 % of the futures."
    )
    translated = Language("zh").sentence(text)
    # Futures without a plan are named, since they count in the shares of plants.
    infeasible = futures_text({**about, "n_infeasible": 29}, broken)
    assert infeasible.startswith(text) and "No plan is feasible in 29 of 200 futures." in infeasible
    assert "29 种未来情景下不存在可行方案（共 200 种）" in Language("zh").sentence(infeasible)
    assert "超出某省预算" in translated and "“注入量不超过注入井能力”，占 20 %" in translated


def test_net_cost_to_the_public_purse_lists_its_items() -> None:
    totals = {
        "resource_cost_mn": 100.0, "break_even_carbon_value_per_t": None, "value_at_market_price_mn": None,
        "public_purse_account_mn": -876.0, "public_cost_per_t": 17_380.0, "public_grants_mn": -1_010.0,
        "public_carbon_mn": 0.0, "public_paid_mn": -0.2, "public_tax_mn": 134.0,
    }  # fmt: skip
    terms = {"discount_rate": 0.05, "damages": None}
    text = society(totals, "CNY", 2024, terms)[-1]
    assert text == (
        "The net cost to the public purse, discounted at 5 %, is 876 million CNY 2024, 17,380 CNY 2024 per t avoided: "
        "grants 1,010, carbon revenue of the owners 0, payments per tonne 0, less tax paid, net of relief, 134 million."
    )
    translated = Language("zh").sentence(text)
    assert translated.startswith("按 5 % 折现，政府财政净支出为 876 百万元（2024年价），折合每吨净减排 17,380 元")
    assert translated.endswith("扣除税款（已减税收减免）134 百万元。")
    relieved = society({**totals, "public_tax_mn": -134.0}, "CNY", 2024, terms)[-1]
    assert relieved.endswith("payments per tonne 0, tax relief less tax paid 134 million.")
    little = society({**totals, "public_purse_account_mn": 0.2, "public_cost_per_t": -0.2}, "CNY", 2024, terms)[-1]
    assert "public purse, discounted at 5 %, is 0 million CNY 2024, 0 CNY 2024 per t avoided" in little
    taxed = society({**totals, "public_grants_mn": 0.0, "public_purse_account_mn": 134.0}, "CNY", 2024, terms)[-1]
    assert taxed.endswith("is -134 million CNY 2024, 17,380 CNY 2024 per t avoided: tax relief less tax paid.")
    assert Language("zh").sentence(taxed).endswith("元（2024年价），即税收减免额减去已缴税款。")
    nothing = society({**totals, "public_cost_per_t": None}, "CNY", 2024, terms)[-1]
    assert "876 million CNY 2024: grants" in nothing and Language("zh").sentence(nothing) != nothing


def test_units_below_full_load_state_their_cost_at_full_load():
    rows = [
        {"captured_ktpa": 600.0, "captured_at_full_load_ktpa": 1_000.0, "avoided_at_full_load_ktpa": 700.0,
         "cost_at_full_load_mn_pa": 210.0, "operating_share": 1.0},
        {"captured_ktpa": 0.0, "captured_at_full_load_ktpa": 500.0, "avoided_at_full_load_ktpa": 400.0,
         "cost_at_full_load_mn_pa": 90.0, "operating_share": 0.0},
    ]  # fmt: skip
    found = load_in_words(rows, "CNY 2024/t")
    assert found.startswith("The units run at 60 % of full load; ")
    assert found.endswith("; at full load the avoidance cost would be 300 CNY 2024/t avoided.")
    assert load_in_words([{**rows[0], "captured_ktpa": 960.0}], "CNY 2024/t") == ""
    assert load_in_words([], "CNY 2024/t") == ""
    # A unit that begins after half of the period and then runs at full load.
    assert load_in_words([{**rows[0], "captured_ktpa": 500.0, "operating_share": 0.5}], "CNY 2024/t") == ""


def test_estimates_name_class_accuracy_and_share():
    rows = [
        {"aace_class": 5.0, "low_share": -0.5, "high_share": 1.0, "share": 0.97},
        {"aace_class": 4.0, "low_share": -0.3, "high_share": 0.5, "share": 0.03},
    ]
    assert estimates_in_words(rows) == [
        "97 % of the capture capital is an estimate of AACE class 5 (−50 to +100 %).",
        "3 % of the capture capital is an estimate of AACE class 4 (−30 to +50 %).",
    ]


def test_remaining_emissions_of_the_baseline_are_stated():
    totals = {"baseline_ktpa": 10_000.0, "avoided_ktpa": 1_250.0}
    assert remaining_emissions_in_words(totals) == "Of the baseline of 10.00 Mt a year, 8.75 Mt are not avoided."
    text = remaining_emissions_in_words(totals, "2040–44")
    assert text == "In 2040–44, 8.75 Mt of the baseline of 10.00 Mt a year are not avoided."
    assert Language("zh").sentence(text) == "2040–44 年，基准排放量每年 10.00 百万吨，其中 8.75 百万吨未实现减排。"


def test_one_link_searched_is_singular_and_two_plants_are_both():
    text = f"{capitalise(gap_text(Gap(0.0002, 0.9, 1.0, 2.0, 1, 167)))}."
    assert text == "Optimality gap 90.00 % (over all 167 candidate links); 0.02 % within the 1 link searched."
    assert "搜索的 1 条管段内" in Language("zh").sentence(text)
    assert "within the 2 links searched" in gap_text(Gap(0.0002, 0.9, 1.0, 2.0, 2, 167))
    assert [all_plants(n) for n in (1, 2, 3)] == [
        "the operating plant", "both operating plants", "all 3 operating plants",
    ]  # fmt: skip


def test_avoided_is_called_less_than_captured_only_where_it_is():
    assert less_than_captured({"captured_ktpa": 100.0, "avoided_ktpa": 90.0}).startswith("Avoided is less")
    assert less_than_captured({"captured_ktpa": 100.0, "avoided_ktpa": 100.0}) == ""


def test_oil_fields_state_the_emissions_of_their_oil():
    row = {"year": 2030, "oil_revenue_mn_pa": 100.0, "additional_oil_ktpa": 500.0, "additional_oil_co2_ktpa": 1_560.0}
    text = oil_in_words([{**row, "year": 2026, "oil_revenue_mn_pa": 7.0}, row], "CNY 2024", is_static=False)
    assert "pay 100 million CNY 2024 a year" in text
    assert "0.50 Mt of additional oil, whose emissions of some 1.56 Mt CO2 when burnt are not counted." in text
    assert oil_in_words([{**row, "oil_revenue_mn_pa": 0.0}], "CNY 2024", is_static=False) == ""
    # A representative year has neither owners' accounts nor a social account.
    assert "a year, which the annual cost counts; they" in oil_in_words([row], "CNY 2024", is_static=True)


def test_sentences_on_baseline_estimates_load_and_oil_have_a_chinese_text():
    totals = {"baseline_ktpa": 10_000.0, "avoided_ktpa": 1_250.0}
    estimate = {"aace_class": 5.0, "low_share": -0.5, "high_share": 1.0, "share": 1.0}
    row = {"year": 2030, "oil_revenue_mn_pa": 1.0, "additional_oil_ktpa": 5.0, "additional_oil_co2_ktpa": 15.6}
    load = {"captured_ktpa": 1.0, "captured_at_full_load_ktpa": 2.0, "avoided_at_full_load_ktpa": 2.0,
            "cost_at_full_load_mn_pa": 1.0}  # fmt: skip
    texts = [remaining_emissions_in_words(totals), *estimates_in_words([estimate]), load_in_words([load], "CNY 2024/t")]
    oil = (oil_in_words([row], "CNY 2024", is_static=is_static) for is_static in (False, True))
    assert all(chinese_text(each) for each in (*texts, *oil))
