"""Accounts of the owners and of society, compared with accounts computed here year by year."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plan_dict
from ccs_model.problem import build_problem
from ccs_model.report.language import Language
from ccs_model.scenario import Scenario

Solved = Callable[..., Plan]
Changes = dict[str, object]

FLAT = {2026: 400.0}
NPV: Changes = {"objective": "max_npv", "policy.carbon_price_per_t": FLAT, "policy.capture_deductible": True}
LOAN: Changes = {"funds": {"bank": {"kind": "loan", "share_max": 0.5, "interest_rate": 0.03, "term_yr": 7}}}


def by_name(plan: Plan, name: str) -> pd.Series:
    assert plan.owners is not None
    return plan.owners.set_index("plant")[name]


def test_npv_of_one_vent_with_a_loan_matches_the_hand_calculation(solved: Solved, one_vent: Changes) -> None:
    """The account of one plant with a loan, year by year, computed from the figures of the retrofit alone."""
    plan = solved(one_vent, NPV, LOAN, {"budget.total_mn": 2_000})
    (retrofit,) = plan.retrofits.to_dict("records")
    flow = plan.cashflow.set_index("year")
    years = [*range(2026, 2037)]
    start, capex, tax, rate = retrofit["year"], retrofit["capex_mn"], 0.25, 0.08
    capital = ["capture_capex_mn", "pipe_capex_mn", "site_capex_mn", "well_capex_mn"]
    running = [c for c in flow if c.endswith("_mn") and c not in (*capital, "salvage_mn", "cost_mn", "discounted_mn")]
    # One lead year out of five, as the mean of the period. Compression burns no fuel, so on-site abatement equals
    # capture. Chemicals are in the carbon market from 2027.
    abatement_kt = pd.Series({y: retrofit["nameplate_ktpa"] * (0.8 if y < 2031 else float(y < 2036)) for y in years})
    assert start == 2026
    loan = 0.5 * capex
    payment = loan * 0.03 / (1 - 1.03**-7)
    debt, net = 0.0, 0.0
    for year in years:
        interest = 0.03 * debt
        principal = payment - interest if debt > 1e-9 else 0.0
        drawn = loan if year == start else 0.0
        debt = max(debt + drawn - principal, 0.0)
        depreciation = capex / 10 if start <= year < start + 10 else 0.0
        carbon = 400.0 * abatement_kt[year] / 1000 if year >= 2027 else 0.0
        cost = flow.loc[year, running].sum()
        profit = carbon - cost - depreciation - interest
        if year == 2036:
            profit += -flow.loc[year, "salvage_mn"]
        cash = carbon - cost - flow.loc[year, capital].sum() - flow.loc[year, "salvage_mn"] + drawn - principal
        net += (cash - interest - tax * profit) / (1 + rate) ** (year - 2026)
    assert abs(debt) < 1e-9
    assert plan.objective.value == pytest.approx(net, rel=1e-9)
    assert by_name(plan, "npv_mn")["all"] == pytest.approx(net, rel=1e-9)
    assert by_name(plan, "borrowed_mn")["all"] == pytest.approx(loan, rel=1e-9)
    # Public money by plant sums to minus the account of the public purse.
    public = by_name(plan, "public_money_mn")
    assert public["all"] == pytest.approx(-plan.totals["public_purse_account_mn"], rel=1e-9)
    assert public.drop("all").sum() == pytest.approx(public["all"], rel=1e-9)
    sold = sum(400.0 * abatement_kt[year] / 1000 * (1 + rate) ** -(year - 2026) for year in years if year >= 2027)
    assert plan.totals["carbon_revenue_mn"] == pytest.approx(sold, rel=1e-9)
    salvage = -flow.loc[2036, "salvage_mn"]
    without = net - (1 - tax) * salvage * (1 + rate) ** -10
    assert salvage > 0 and plan.totals["npv_without_salvage_mn"] == pytest.approx(without, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_npv_is_zero_at_the_break_even_carbon_price(solved: Solved, shared: bool) -> None:
    # From 2027 on, every tonne of these plants is in the carbon market.
    network = {"transport.shared_trunklines": shared, "years": [2027, 2032]}
    first = solved(NPV, LOAN, network, {"solver.mip_gap": 0.3})
    plant = next(name for name in by_name(first, "npv_mn").index if name != "all")
    alone: Changes = {"plants.require": [plant], "budget.total_mn": 5_000, "solver.mip_gap": 0.0}
    others = [name for name in first.problem.plants["plant"] if name != plant]
    only = solved(NPV, network, alone, {"plants.exclude": others})
    price = by_name(only, "break_even_carbon_price_per_t")[plant]
    again = solved(NPV, network, alone, {"plants.exclude": others, "policy.carbon_price_per_t": {2026: price}})
    if again.retrofits["route"].tolist() == only.retrofits["route"].tolist():
        assert by_name(again, "npv_mn")[plant] == pytest.approx(0.0, abs=1e-6 * by_name(again, "capex_mn")[plant])
        assert by_name(again, "equity_irr_share")[plant] == pytest.approx(0.08, abs=1e-6)
    else:
        # At a lower price another size or year may have a positive NPV.
        assert by_name(again, "npv_mn")[plant] > -1e-6


def test_strike_of_all_plants_counts_each_tonne_under_the_contract_of_its_plant(
    solved: Solved, inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    factors = inputs["finance/factors"].copy()
    factors.loc[factors["factor"] == "contract_yr", "value"] = 5
    starts: Changes = {"years": [2027, 2037, 2042], "policy.carbon_price_per_t": {2026: 800.0}, "policy.market": None}
    tables = with_tables({"finance/factors": factors})
    _, *later = solved(NPV, starts, tables=tables).retrofits["plant"].unique()
    late: Changes = {"plants.not_before": {later[0]: 2037}, "plants.require": [later[0]]}
    plan = solved(NPV, starts, late, tables=tables)
    assert set(plan.retrofits["year"]) == {2027, 2037}
    strike, tonnes = (
        by_name(plan, "contract_strike_per_t"),
        plan.owner_tonnes.drop_duplicates("plant").set_index("plant"),
    )
    # Tonnes of the first five years and of the year before operation, discounted.
    begins = plan.retrofits.groupby("plant")["year"].min()
    weight = {
        plant: sum(float(tonnes.at[plant, year]) / 1.08 ** (year - 2027) for year in range(begin, begin + 6))
        for plant, begin in begins.items()
    }
    mean = sum(strike[plant] * kt for plant, kt in weight.items()) / sum(weight.values())
    assert strike["all"] == pytest.approx(mean, rel=1e-9)


@pytest.mark.slow
def test_a_loan_at_the_discount_rate_without_tax_does_not_change_the_npv(solved: Solved) -> None:
    untaxed: Changes = {"finance.tax_share": 0.0}
    bank = {"funds": {"bank": {"kind": "bond", "interest_rate": 0.08, "term_yr": 12}}}
    without, borrowed = solved(NPV, untaxed), solved(NPV, untaxed, bank)
    assert borrowed.objective.value == pytest.approx(without.objective.value, rel=1e-9)


def test_without_revenue_no_retrofit_is_built(solved: Solved) -> None:
    nothing = solved({"objective": "max_npv"})
    assert len(nothing.retrofits) == 0
    assert nothing.objective.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_a_grant_has_the_effect_of_an_equally_larger_budget(solved: Solved) -> None:
    grant = {"funds": {"state": {"kind": "grant", "ceiling_mn": 500.0}}}
    plain, granted, richer = solved(), solved(grant), solved({"budget.total_mn": 2_500})
    assert granted.objective.value == pytest.approx(richer.objective.value, rel=1e-9)
    assert granted.objective.value > plain.objective.value
    assert by_name(granted, "grants_mn")["all"] == pytest.approx(500.0, rel=1e-6)
    # The public purse pays the grant and, at a tax rate of 25 %, for losses; both rates are 8 %.
    totals, years = granted.totals, granted.owner_cashflow.groupby("year")[["grants_mn", "tax_mn"]].sum()
    weights = 1.08 ** -(years.index - 2026.0)
    grants, relief = (float((years[name] * weights).sum()) for name in ("grants_mn", "tax_mn"))
    assert totals["public_grants_mn"] == pytest.approx(-grants, rel=1e-9)
    assert totals["public_tax_mn"] == pytest.approx(-relief, rel=1e-9)
    assert totals["public_purse_account_mn"] == pytest.approx(-grants - relief, rel=1e-9)
    assert totals["owners_account_mn"] == pytest.approx(totals["npv_mn"], rel=1e-9)
    cost = totals["public_cost_per_t"] * totals["avoided_discounted_kt"] / 1000
    assert cost == pytest.approx(grants + relief, rel=1e-9)


@pytest.mark.slow
def test_a_grant_that_pays_only_through_the_salvage_value_gives_a_warning(solved: Solved) -> None:
    grant = {"funds": {"state": {"kind": "grant", "share_max": 1.0}}}
    plan = solved({"objective": "max_npv", "discount_rate": 0.05}, grant)
    # Without revenue every retrofit loses money in operation; only the salvage value of granted assets is a gain.
    assert len(plan.retrofits) and plan.totals["npv_mn"] > 0 > plan.totals["npv_without_salvage_mn"]
    (text,) = (each for each in plan.warnings if "depends on the salvage value" in each)
    assert "lower share_max or ceiling_mn of the grants" in text
    assert Language("zh").sentence(text) != text
    assert not any("depends on the salvage value" in each for each in solved(grant).warnings)


@pytest.mark.slow
def test_better_loan_terms_never_lower_the_npv(solved: Solved) -> None:
    by_rate = [
        solved(NPV, {"funds": {"bank": {"interest_rate": rate, "share_max": 0.5}}}) for rate in (0.06, 0.03, 0.0)
    ]
    by_ceiling = [
        solved(NPV, {"funds": {"bank": {"interest_rate": 0.02, "ceiling_mn": ceiling}}}) for ceiling in (0, 200, 600)
    ]
    for plans in (by_rate, by_ceiling):
        values = [plan.objective.value for plan in plans]
        assert all(less <= more + 1e-6 for less, more in pairwise(values))
    assert by_name(by_ceiling[1], "borrowed_mn")["all"] == pytest.approx(200.0, rel=1e-6)


@pytest.mark.slow
def test_funds_limited_to_other_provinces_or_sectors_pay_nothing(solved: Solved) -> None:
    tied = {
        "funds": {"hebei": {"kind": "grant", "provinces": ["Hebei"]}, "mills": {"kind": "grant", "sectors": ["steel"]}}
    }
    plan = solved(NPV, tied)
    assert by_name(plan, "grants_mn")["all"] == 0.0
    assert plan.objective.value == pytest.approx(solved(NPV).objective.value, rel=1e-9)


TWO_PROVINCES: Changes = {"plants.provinces": ["Hebei", "Shanxi"], "plants.min_emissions_ktpa": 1_500}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{}, {"transport.shared_trunklines": True, "solver.mip_gap": 0.05}], ids=["own pipes", "shared pipes"]
)
def test_grants_and_loans_stay_within_the_capex_of_each_plant(solved: Solved, changes: Changes) -> None:
    """A grant for one province and a loan for all plants: the loan pays the capex that the grant leaves."""
    funds = {
        "shanxi": {"kind": "grant", "provinces": ["Shanxi"], "share_max": 0.4},
        "bank": {"kind": "loan", "interest_rate": 0.0, "term_yr": 20},
    }
    plan = solved(TWO_PROVINCES, NPV, {"funds": funds, "policy.carbon_price_per_t": {2026: 400.0}}, changes)
    assert plan.owners is not None
    each = plan.owners.set_index("plant")
    paid = each["grants_mn"] + each["borrowed_mn"]
    assert (paid <= each["capex_mn"] * (1 + 1e-9)).all()
    # A loan without interest is worth taking, so grants and loans pay for all capital.
    assert paid["all"] == pytest.approx(each.at["all", "capex_mn"], rel=1e-6)
    province = plan.problem.plants.set_index("plant")["province"]
    granted = each["grants_mn"].drop("all").groupby(province).sum()
    assert granted["Shanxi"] == pytest.approx(each.at["all", "grants_mn"])
    assert granted.get("Hebei", 0.0) == pytest.approx(0.0)
    checks = plan.checks.set_index("name")
    assert checks.at["grants and loans beyond a plant's capex", "holds"]


@pytest.mark.slow
def test_a_grant_counts_equally_in_total_province_and_cumulative_budgets(solved: Solved) -> None:
    """A grant of 300 adds to the total, province and cumulative budget; a bank lends a share of the rest."""
    grant = {"state": {"kind": "grant", "ceiling_mn": 300.0}}
    for key, limit in (
        ("budget.total_mn", 600.0),
        ("budget.by_province_mn", {"Shanxi": 600.0}),
        ("budget.cumulative_mn", {2026: 0.0, 2031: 600.0}),
    ):
        free: Changes = {"budget.total_mn": 5_000.0}
        more = {"budget.total_mn": 900.0, "budget.by_province_mn": {"Shanxi": 900.0}}.get(key, {2026: 0.0, 2031: 900.0})
        first = {2026: 300.0, 2031: 900.0} if key == "budget.cumulative_mn" else more
        granted, richer = solved(free, {key: limit}, {"funds": grant}), solved(free, {key: first})
        assert granted.objective.value == pytest.approx(richer.objective.value, rel=1e-9), key
        spent = granted.totals["capex_mn"]
        assert isinstance(spent, float)
        assert spent - by_name(granted, "grants_mn")["all"] <= 600.0 + 1e-6, key
    bank = {"kind": "loan", "share_max": 0.5, "interest_rate": 0.0, "term_yr": 20}
    lent = solved(NPV, {"funds": {**grant, "bank": bank}, "policy.carbon_price_per_t": {2026: 400.0}})
    assert lent.owners is not None
    each = lent.owners.set_index("plant").loc["all"]
    assert each["grants_mn"] == pytest.approx(300.0)
    assert each["borrowed_mn"] == pytest.approx(0.5 * (each["capex_mn"] - 300.0), rel=1e-6)


@pytest.mark.slow
def test_the_surplus_band_limits_the_abatement_that_is_sold(solved: Solved) -> None:
    plan = solved(NPV, {"policy.surplus_band_share": 0.05})
    assert plan.owner_cashflow is not None
    emitted = plan.problem.plants.set_index("plant")["baseline_ktpa"]
    sold_kt = plan.owner_cashflow.groupby("plant")["carbon_mn"].max() * 1000.0 / 400.0
    assert (sold_kt <= 0.05 * emitted[sold_kt.index] + 1e-6).all()
    assert plan.objective.value <= solved(NPV).objective.value + 1e-6


def test_there_is_no_carbon_revenue_unless_capture_is_deductible(solved: Solved) -> None:
    plan = solved({"policy.carbon_price_per_t": FLAT})
    assert plan.owner_cashflow is not None
    assert (plan.owner_cashflow["carbon_mn"] == 0).all()


@pytest.mark.slow
def test_a_capped_payment_stops_at_its_cap_and_outside_its_window(solved: Solved) -> None:
    paid: Changes = {**NPV, "policy.paid_per_captured_t": 400.0, "policy.paid_from": 2028}
    capped = solved(paid, {"policy.paid_cap_mn": 500.0, "policy.paid_until": 2032})
    free = solved(paid)
    assert capped.owner_cashflow is not None
    by_year = capped.owner_cashflow.groupby("year")["paid_mn"].sum()
    assert by_year.sum() == pytest.approx(500.0, rel=1e-6)
    assert by_year.loc[[2026, 2027, 2033, 2034, 2035]].abs().max() == 0.0
    assert capped.objective.value <= free.objective.value + 1e-6


def test_net_social_benefit_is_avoided_damage_less_resource_cost(solved: Solved) -> None:
    plan = solved({"objective": "max_net_benefit", "policy.social_cost_of_carbon_per_t": {2026: 500}})
    assert plan.stakeholders is not None
    emissions = plan.emissions.groupby("year")["avoided_ktpa"].sum()
    weights = [sum(1.08**-t for t in range(a, a + 5)) for a in (0, 5)]
    damage = float((emissions.to_numpy() * weights).sum() * 500 / 1000)
    assert plan.terms["damage_avoided_mn"] == pytest.approx(damage, rel=1e-9)
    # Both discount rates are equal here, so the resource cost is the discounted cost of the plan.
    assert plan.objective.value == pytest.approx(damage - sum(plan.cost_terms.values()), rel=1e-9)
    society = plan.stakeholders.set_index("stakeholder").loc["society"]
    assert society["npv_mn"] == pytest.approx(plan.objective.value, rel=1e-9)


def test_without_a_social_cost_of_carbon_there_is_a_resource_cost_and_a_break_even_value(solved: Solved) -> None:
    plan = solved()
    totals, years = plan.totals, np.arange(10)
    # Both discount rates are 8 % here, so the resource cost is the discounted cost of the plan.
    cost = plan.cashflow["discounted_mn"].sum()
    assert totals["resource_cost_mn"] == pytest.approx(cost, rel=1e-9)
    avoided = np.repeat(plan.by_year["avoided_ktpa"].to_numpy(float), 5)
    discounted = (avoided * 1.08**-years).sum()
    assert totals["break_even_carbon_value_per_t"] == pytest.approx(cost * 1000 / discounted, rel=1e-9)
    # Carbon market of China: 62.36 CNY of 2025 on average, constant; the price index of 2025 is that of the tables.
    index = plan.problem.inputs["indices/deflators"].set_index(["currency", "year"])["price_index"]
    price = 62.36 * index["CNY", 2024] / index["CNY", 2025]
    assert totals["value_at_market_price_mn"] == pytest.approx(price * discounted / 1000, rel=1e-9)
    assert totals["net_value_at_market_price_mn"] == pytest.approx(price * discounted / 1000 - cost, rel=1e-9)
    for name in ("damage_avoided_mn", "net_benefit_mn", "benefit_cost_ratio"):
        assert totals[name] is None, name
    assert plan.stakeholders is not None
    assert plan.stakeholders.set_index("stakeholder").at["society", "npv_mn"] == pytest.approx(-cost, rel=1e-9)


def test_damages_are_discounted_at_the_rate_of_their_series(solved: Solved) -> None:
    plan = solved({"policy.social_cost_series": "EPA 2023"})
    avoided = np.repeat(plan.by_year["avoided_ktpa"].to_numpy(float), 5)
    years = np.arange(2026, 2036)
    # EPA (2023): USD of 2020 per tonne in 2025, 2030 and 2040, at near-term rates of 2.5, 2 and 1.5 %.
    factor = plan.problem.price_level.factor("USD", 2020)
    for name, rate, values in (
        ("damage_avoided_low_mn", 0.025, (130, 140, 170)),
        ("damage_avoided_mn", 0.02, (210, 230, 270)),
        ("damage_avoided_high_mn", 0.015, (360, 380, 430)),
    ):
        per_t = np.interp(years, (2025, 2030, 2040), values) * factor
        by_hand = (avoided * per_t * (1 + rate) ** -(years - 2026.0)).sum() / 1000
        assert plan.totals[name] == pytest.approx(by_hand, rel=1e-9), name
    totals = plan.totals
    net = float(totals["damage_avoided_mn"] or 0) - float(totals["resource_cost_mn"] or 0)
    assert totals["net_benefit_mn"] == pytest.approx(net, rel=1e-9)
    assert plan.checks.set_index("name").at["social account: transfers cancel", "holds"]
    account = plan_dict(plan)["social_account"]["damages"]
    assert (account["series"], account["near_term_rate"], account["currency"]) == ("EPA 2023", 0.02, "USD")
    assert account["conversion"] == "market exchange rate"


def test_an_unknown_series_of_the_social_cost_is_an_input_error(solved: Solved) -> None:
    with pytest.raises(InputError, match="series 'EPA 2016' is not in policy/social_cost_of_carbon"):
        solved({"policy.social_cost_series": "EPA 2016"})


def test_the_hurdle_npv_uses_the_required_return_of_the_product(solved: Solved) -> None:
    plan = solved(NPV)
    assert plan.owners is not None and plan.owner_cashflow is not None
    product = plan.problem.plants.set_index("plant")["product"]
    owners = plan.owners.set_index("plant").drop("all")
    required_return = {"ammonia": 0.09, "methanol": 0.11}
    for plant, row in owners.iterrows():
        cashflow = plan.owner_cashflow[plan.owner_cashflow["plant"] == plant]
        # Required returns are before tax and loans.
        flow = cashflow["net_mn"] - cashflow[["tax_mn", "drawn_mn", "interest_mn", "repaid_mn"]].sum(axis=1)
        rate = required_return[product[plant]]
        by_hand = sum(amount / (1 + rate) ** t for t, amount in enumerate(flow))
        assert row["hurdle_npv_mn"] == pytest.approx(by_hand, rel=1e-9)


def test_transfers_between_stakeholders_cancel(solved: Solved) -> None:
    plan = solved(NPV, LOAN, {"policy.paid_per_avoided_t": 50.0})
    assert plan.ledger is not None
    ledger = plan.ledger.set_index("item")
    for item in ("carbon_mn", "paid_mn", "tax_mn", "loans_mn"):
        assert ledger.loc[item].sum() == pytest.approx(0.0, abs=1e-9), item
        assert ledger.loc[item, "society_mn"] == 0.0


def test_the_credit_of_a_traded_sector_follows_the_carbon_price_path(inputs: Inputs) -> None:
    scenario = Scenario.from_dict(
        {
            "name": "trade", "years": [2024, 2030], "budget": {"total_mn": 1},
            "transport": {"shared_trunklines": False},
            "plants": {"provinces": ["Hebei"], "min_emissions_ktpa": 3_000},
            "policy": {"carbon_price_per_t": {2024: 100, 2030: 160}, "capture_deductible": True},
        }
    )  # fmt: skip
    problem = build_problem(scenario, inputs)
    credit = pd.DataFrame(problem.accounts.credit_per_t, columns=problem.calendar).groupby(problem.routes["sector"])
    first = credit.first()
    assert first.loc["steel", [2024, 2025, 2027, 2030, 2035]].tolist() == [100, 110, 130, 160, 160]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"years": "static", "objective": "max_npv"}, "objective"),
        ({"years": "static", "funds": {"bank": {"interest_rate": 0.03}}}, "funds"),
        ({"funds": {"bank": {"kind": "grant", "interest_rate": 0.03}}}, "funds.bank.interest_rate"),
        ({"funds": {"bank": {"interest_rate": 0.03, "passed_through_share": 0.5}}}, "funds.bank.passed_through_share"),
    ],
)
def test_invalid_financial_settings_are_input_errors_at_their_key(changes: Changes, where: str) -> None:
    with pytest.raises(InputError) as caught:
        Scenario.from_dict({"name": "x", "plants": {}, "budget": {"total_mn": 1}, **changes})
    assert caught.value.issues[0].where == where


def test_a_fund_for_an_unknown_province_or_sector_is_an_input_error(solved: Solved) -> None:
    with pytest.raises(InputError) as caught:
        solved({"funds": {"green": {"kind": "grant", "provinces": ["Hebie"]}}})
    (issue,) = caught.value.issues
    assert (issue.where, issue.hint) == ("funds.green.provinces[0]", "did you mean 'Hebei'?")
    with pytest.raises(InputError, match=r"funds\.green\.sectors"):
        solved({"funds": {"green": {"kind": "grant", "sectors": ["stel"]}}})


FUNDS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.one_of(
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["loan", "bond"]),
                "interest_rate": st.floats(0, 0.2),
                "share_max": st.floats(0, 1),
                "term_yr": st.integers(1, 25),
            }
        ),
        st.fixed_dictionaries({"kind": st.just("grant"), "ceiling_mn": st.one_of(st.just(0.0), st.floats(0.01, 500))}),
    ),
    max_size=3,
)
RANDOM_CHANGES = st.fixed_dictionaries(
    {
        "objective": st.sampled_from(["max_abatement", "max_npv", "max_net_benefit"]),
        "funds": FUNDS,
        "finance.tax_share": st.floats(0, 0.4),
        "finance.depreciation_yr": st.integers(1, 25),
        "discount_rate": st.sampled_from([0.0, 0.05, 0.12]),
        "policy.social_discount_rate": st.sampled_from([0.0, 0.08]),
        "policy.carbon_price_per_t": st.sampled_from([{}, {2026: 100.0, 2035: 400.0}]),
        "policy.capture_deductible": st.booleans(),
        "policy.surplus_band_share": st.sampled_from([None, 0.03, 0.5]),
        "policy.paid_per_captured_t": st.sampled_from([0.0, 80.0]),
        "policy.paid_cap_mn": st.sampled_from([None, 100.0]),
        "capture.decisions": st.sampled_from(["integer", "continuous"]),
    }
)


@pytest.mark.slow
@given(changes=RANDOM_CHANGES)
@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_owners_and_social_accounts_agree_for_random_scenarios(changes: Changes, solved: Solved) -> None:
    plan = solved(changes, {"budget.total_mn": 700.0})
    checks = plan.checks.set_index("name")
    assert checks["holds"].all()
    assert len(checks.index[checks.index.str.startswith(("owners", "social account"))]) == 4
    assert plan.owner_cashflow is not None and plan.owners is not None
    flow = plan.owner_cashflow
    npv = (flow["net_mn"] * flow["discount_factor"]).groupby(flow["plant"]).sum()
    stated = plan.owners.set_index("plant")["npv_mn"].drop("all")
    assert np.allclose(npv.loc[stated.index], stated, rtol=1e-9, atol=1e-9)
    drawn, back = flow["drawn_mn"].sum(), flow["repaid_mn"].sum()
    assert drawn == pytest.approx(-back, rel=1e-9, abs=1e-9)


def test_other_profits_are_worth_the_tax_on_the_losses(solved: Solved, one_vent: Changes) -> None:
    """Without revenue every year is a loss: a plant without other profits pays no tax and gets no tax relief."""
    plan = solved(one_vent, {"budget.total_mn": 2_000})
    flow = plan.owner_cashflow
    assert flow is not None
    untaxed = ((flow["net_mn"] - flow["tax_mn"]) * flow["discount_factor"]).sum()
    assert plan.totals["standalone_npv_mn"] == pytest.approx(untaxed, rel=1e-9)
    assert plan.totals["npv_mn"] == pytest.approx(untaxed + (flow["tax_mn"] * flow["discount_factor"]).sum(), rel=1e-9)
    assert by_name(plan, "standalone_npv_mn")["all"] == pytest.approx(untaxed, rel=1e-9)


SHARED: Changes = {
    "years": [2026, 2030, 2037],
    "plants": {"inventory": ["chemicals"], "provinces": ["Shanxi"], "min_emissions_ktpa": 2_000},
    "capture": {"technologies": ["compression"]},
    "storage": {"sites": ["Qinshui"]},
    "transport": {"shared_trunklines": True},
    "budget": {"total_mn": 3_000},
    "solver": {"effort": "quick"},
}


@pytest.mark.slow
def test_a_cheap_loan_is_drawn_and_a_grant_is_paid_on_a_shared_network(solved: Solved) -> None:
    """The plan maximises abatement; its owners still take a loan of 60 % at 3 % real and a grant of 20 %."""
    plain = solved(SHARED)
    capex = plain.totals["capex_mn"]
    assert isinstance(capex, float) and capex > 0
    loan = {"kind": "loan", "share_max": 0.6, "interest_rate": 0.03, "term_yr": 10}
    lent = solved(SHARED, {"funds": {"bank": loan}})
    assert lent.objective.value == pytest.approx(plain.objective.value, rel=1e-9)
    drawn = lent.funds.groupby("year")["spend_mn"].sum()
    spent = lent.cashflow.set_index("year")[[f"{name}_capex_mn" for name in ("capture", "pipe", "site", "well")]].sum(
        axis=1
    )
    assert drawn.to_numpy() == pytest.approx(0.6 * spent[drawn.index].to_numpy(), rel=1e-6, abs=1e-6)
    assert by_name(lent, "npv_mn")["all"] > by_name(plain, "npv_mn")["all"] + 0.1 * capex
    granted = solved(SHARED, {"funds": {"gift": {"kind": "grant", "share_max": 0.2}}, "budget.total_mn": 1_500})
    assert by_name(granted, "grants_mn")["all"] == pytest.approx(0.2 * float(granted.totals["capex_mn"]), rel=1e-6)


@pytest.mark.slow
def test_the_share_of_a_grant_holds_in_every_year_and_pays_for_no_idle_pipe(solved: Solved) -> None:
    grant = {"funds": {"gift": {"kind": "grant", "share_max": 0.3}}}
    changes = {**NPV, "policy.carbon_price_per_t": {2026: 250.0}, "storage.sites": ["Qinshui", "Ordos"]}
    plan = solved(SHARED, changes, grant, {"policy.market": None})
    capital = plan.cashflow.set_index("year")[[f"{name}_capex_mn" for name in ("capture", "pipe", "site", "well")]]
    paid = plan.funds.groupby("year")["spend_mn"].sum()
    assert paid.sum() > 0
    assert (paid <= 0.3 * capital.sum(axis=1)[paid.index] * (1 + 1e-7) + 1e-6).all()
    assert not any("carry no CO₂" in each for each in plan.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["max_abatement", "min_cost", "max_net_benefit"])
def test_a_surplus_band_that_cannot_bind_does_not_change_the_accounts(
    solved: Solved, one_vent: Changes, objective: str
) -> None:
    """A band of the whole baseline is wider than any abatement, so every tonne is sold as without it."""
    policy = {key: value for key, value in NPV.items() if key != "objective"}
    target: Changes = {"targets.captured_ktpa": 500.0} if objective == "min_cost" else {}
    social: Changes = {"policy.social_cost_of_carbon_per_t": {2026: 900.0}} if objective == "max_net_benefit" else {}
    changes = (one_vent, policy, {"objective": objective, "budget.total_mn": 2_000}, target, social)
    free, banded = solved(*changes), solved(*changes, {"policy.surplus_band_share": 1.0})
    assert free.owner_cashflow is not None and banded.owner_cashflow is not None
    earned = free.owner_cashflow["carbon_mn"].sum()
    assert earned > 0
    assert banded.owner_cashflow["carbon_mn"].sum() == pytest.approx(earned, rel=1e-9)
    assert by_name(banded, "npv_mn")["all"] == pytest.approx(by_name(free, "npv_mn")["all"], rel=1e-9)
