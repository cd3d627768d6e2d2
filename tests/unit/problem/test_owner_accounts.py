"""Owners' accounts: carbon price, payments, funds and depreciation as annual arrays, checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.problem.owner_accounts import Accounts, FundGroups, accounts_of, most_capital, most_capital_mn
from ccs_model.problem.problem import paid_share, periods_of
from ccs_model.scenario import Scenario

Changes = dict[str, object]
MakeAccounts = Callable[..., Accounts]
CALENDAR = np.arange(2026, 2036)
PLANTS = pd.DataFrame(
    {"sector": ["steel", "chemicals", "steel", "glass"], "province": ["Hebei", "Hebei", "Shanxi", "Shanxi"]}
)


@pytest.fixture(scope="module")
def accounts(inputs: Inputs, small: Callable[..., Scenario]) -> MakeAccounts:
    """Accounts of a horizon of 2026 to 2035 with starts in 2026 and 2031."""

    def make(
        changes: Changes, plants: pd.DataFrame = PLANTS, shared: tuple[str, ...] = (), tables: Inputs = inputs
    ) -> Accounts:
        scenario = small(changes)
        level = PriceLevel.of(scenario.currency, scenario.price_year, tables)
        return accounts_of(scenario, tables, level, plants, CALENDAR, shared)

    return make


# Carbon price


def test_a_sector_earns_the_carbon_price_from_its_first_year_in_the_market(accounts: MakeAccounts) -> None:
    # 100 in 2026 rising to 200 in 2031; steel is in the market already, chemicals from 2027, glass never.
    priced: Changes = {"policy.carbon_price_per_t": {2026: 100.0, 2031: 200.0}, "policy.capture_deductible": True}
    price = [100, 120, 140, 160, 180, 200, 200, 200, 200, 200]
    found = accounts(priced)
    assert found.credit_per_t.tolist() == [pytest.approx(row) for row in (price, [0, *price[1:]], price, [0] * 10)]
    assert found.market_price_per_t == pytest.approx(price)
    # Without a market, all sectors earn it in all years; if capture is not deductible, none earns it.
    assert accounts({**priced, "policy.market": None}).credit_per_t.tolist() == [pytest.approx(price)] * 4
    assert not accounts({**priced, "policy.capture_deductible": False}).credit_per_t.any()


def test_surplus_band_applies_only_if_capture_earns_the_carbon_price(accounts: MakeAccounts) -> None:
    band: Changes = {"policy.surplus_band_share": 0.03}
    priced: Changes = {"policy.carbon_price_per_t": {2026: 100.0}, "policy.capture_deductible": True}
    assert [accounts(each).is_banded for each in ({**band, **priced}, band, priced)] == [True, False, False]


def test_unknown_market_is_reported(accounts: MakeAccounts) -> None:
    with pytest.raises(InputError) as caught:
        accounts({"policy.market": "EU ETS"})
    (issue,) = caught.value.issues
    assert issue.what == "market 'EU ETS' has no rules in policy/ets" and "China ETS" in issue.hint


def test_market_price_is_the_latest_mean_with_a_price_index(accounts: MakeAccounts, inputs: Inputs) -> None:
    # 62.36 yuan of 2025 equal 62.36 yuan of 2024; the mean of 2026 has no price index yet.
    assert accounts({}).market_price_per_t == pytest.approx([62.36] * 10)
    assert accounts({"policy.market": None}).market_price_per_t is None
    # One plant in China is enough; plants elsewhere do not earn the Chinese price.
    abroad = PLANTS.assign(province="India")
    assert accounts({}, abroad).market_price_per_t is None
    mixed = abroad.assign(province=["India", "India", "India", "Hebei"])
    assert accounts({}, mixed).market_price_per_t == pytest.approx([62.36] * 10)


# Social cost of carbon


def test_damages_of_a_series_are_converted_to_the_scenario_currency(accounts: MakeAccounts) -> None:
    # EPA 2023: 190 (120 to 340) USD of 2020 in 2020, at 2 % (2.5 to 1.5 %), and 230 in 2030.
    found = accounts({"policy.social_cost_series": "EPA 2023"})
    damages = found.damages
    assert damages is not None and (damages.currency, damages.price_year) == ("USD", 2020)
    yuan = 118.8 / 100 * 7.1957
    assert damages.per_t["central"][4] == pytest.approx(230 * yuan)
    assert found.damage_per_t.tolist() == damages.per_t["central"].tolist()
    assert (damages.per_t["low"] < damages.per_t["central"]).all()
    assert (damages.per_t["central"] < damages.per_t["high"]).all()
    assert damages.rate == {"central": 0.02, "low": 0.025, "high": 0.015}
    # Yuan per dollar in the price year.
    assert damages.exchange_rate == pytest.approx(7.1957)


def test_scenario_damages_replace_those_of_a_series(accounts: MakeAccounts) -> None:
    found = accounts({"policy.social_cost_of_carbon_per_t": {2026: 100.0, 2030: 140.0}})
    assert found.damage_per_t.tolist() == pytest.approx([100, 110, 120, 130, *[140] * 6])
    assert found.damages is not None and found.damages.exchange_rate == 1.0
    assert set(found.damages.rate.values()) == {0.08}


def test_damages_are_computed_only_if_requested(accounts: MakeAccounts) -> None:
    assert accounts({}).damages is None and not accounts({}).damage_per_t.any()
    valued = accounts({"objective": "max_net_benefit"}).damages
    assert valued is not None and valued.series == "EPA 2023"
    with pytest.raises(InputError, match="series 'EPA 1999' is not in policy/social_cost_of_carbon"):
        accounts({"policy.social_cost_series": "EPA 1999"})


# Payments per tonne


def test_payments_run_from_their_first_to_their_last_year(accounts: MakeAccounts) -> None:
    rates: Changes = {"policy.paid_per_captured_t": 30.0, "policy.paid_per_avoided_t": 50.0}
    for window, years in (
        ({}, range(2026, 2036)),
        ({"policy.paid_from": 2028}, range(2028, 2036)),
        ({"policy.paid_until": 2032}, range(2026, 2033)),
        ({"policy.paid_from": 2028, "policy.paid_until": 2028}, [2028]),
        ({"policy.paid_from": 2036}, []),
    ):
        found = accounts({**rates, **window})
        paid = np.isin(CALENDAR, list(years))
        assert found.paid_per_captured_t.tolist() == (30.0 * paid).tolist(), window
        assert found.paid_per_avoided_t.tolist() == (50.0 * paid).tolist(), window
        assert found.paying_years.tolist() == paid.tolist() and found.pays == paid.any(), window


def test_payment_cap_applies_only_with_payments(accounts: MakeAccounts) -> None:
    cap: Changes = {"policy.paid_cap_mn": 0.0}
    paid: Changes = {"policy.paid_per_captured_t": 30.0}
    assert [accounts(each).is_capped for each in ({**cap, **paid}, cap, paid)] == [True, False, False]


PAID: Changes = {"years": [2026, 2031], "policy.paid_per_captured_t": 30.0}
UNPAID = [0.0] * 5


@pytest.mark.parametrize(
    ("limit", "first", "second"),
    [
        # Units operate from 2027 and from 2032 to the end. In the first period of each start they operate in four of
        # five years, but their tonnes are spread over all five; each of the five is paid in full.
        ({"policy.paid_for_yr": 20}, [1.0] * 10, [*UNPAID, *[1.0] * 5]),
        # Paid 2027 to 2029: three of the four operating years. 2032 to 2034: the same.
        ({"policy.paid_for_yr": 3}, [*[0.75] * 5, *UNPAID], [*UNPAID, *[0.75] * 5]),
        # Paid 2027 to 2032: all of the first period, and two full years of the second.
        ({"policy.paid_for_yr": 6}, [*[1.0] * 5, 1, 1, 0, 0, 0], [*UNPAID, *[1.0] * 5]),
        ({"policy.paid_to_starts_until": 2030}, [1.0] * 10, [*UNPAID, *UNPAID]),
        ({"policy.paid_to_starts_until": 2031}, [1.0] * 10, [*UNPAID, *[1.0] * 5]),
    ],
)
def test_unit_is_paid_for_its_operating_years_within_the_limits(
    small: Callable[..., Scenario], limit: Changes, first: list[float], second: list[float]
) -> None:
    scenario = small(PAID, limit)
    periods, lead, ends = periods_of(scenario), np.array([1.0]), np.array([[2047.0, 2052.0]])
    running = np.array([[[0.8, 1.0], [0.0, 0.8]]])
    found = paid_share(scenario.policy, periods, lead, ends, running)
    assert found.tolist() == [[pytest.approx(first), pytest.approx(second)]]


def test_unit_of_a_closing_plant_is_paid_for_all_its_operating_years(small: Callable[..., Scenario]) -> None:
    # The plant closes in 2033: the unit operates in two years of the second period and is paid for both.
    scenario = small(PAID, {"policy.paid_for_yr": 20})
    running = np.array([[[0.8, 0.4], [0.0, 0.2]]])
    ends = np.array([[2033.0, 2033.0]])
    found = paid_share(scenario.policy, periods_of(scenario), np.array([1.0]), ends, running)
    assert found.tolist() == [[pytest.approx([1.0] * 10), pytest.approx([*UNPAID, *[1.0] * 5])]]


def test_payments_occur_in_a_year_if_one_unit_is_paid(accounts: MakeAccounts) -> None:
    share = np.zeros((4, 2, 10))
    share[2, 1, 6] = 0.5
    found = replace(accounts({"policy.paid_per_captured_t": 30.0}), paid_share=share)
    assert np.flatnonzero(found.paying_years).tolist() == [6]
    assert found.paid_share_of_captured[2].tolist() == [0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0]
    assert accounts({"policy.paid_per_captured_t": 30.0}).paid_share_of_captured.tolist() == [1.0]


# Funds


def fund_changes(kind: str, **changes: object) -> Changes:
    rate = {} if kind == "grant" else {"interest_rate": 0.05, "term_yr": 4}
    return {"funds": {"f": {"kind": kind, **rate, **changes}}}


def test_loan_is_repaid_as_an_annuity_and_bond_at_maturity(accounts: MakeAccounts) -> None:
    # Drawn in 2026 for four years: 0.05 ÷ (1 − 1.05⁻⁴) = 0.2820118 in each of 2027 to 2030.
    loan, bond = accounts(fund_changes("loan")), accounts(fund_changes("bond"))
    paid = loan.repaid_share[0] + loan.interest_rate[0]
    assert paid[0].tolist() == pytest.approx([0, *[0.2820118] * 4, *[0] * 6], rel=1e-6)
    assert paid[1].tolist() == pytest.approx([*[0] * 6, *[0.2820118] * 4, 0], rel=1e-6)
    assert loan.interest_rate[0, 0, 1] == pytest.approx(0.05)
    assert bond.interest_rate[0].tolist() == [
        pytest.approx([0, *[0.05] * 4, *[0] * 6]), pytest.approx([*[0] * 6, *[0.05] * 4, 0])
    ]  # fmt: skip
    assert bond.repaid_share[0].tolist() == [
        pytest.approx([0, 0, 0, 0, 1, *[0] * 6]), pytest.approx([*[0] * 9, 1, 0])
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["loan", "bond"])
@pytest.mark.parametrize("term_yr", [1, 4, 12])
def test_debt_is_fully_repaid_within_the_horizon(accounts: MakeAccounts, kind: str, term_yr: int) -> None:
    repaid = accounts(fund_changes(kind, term_yr=term_yr)).repaid_share
    assert repaid.sum(axis=2) == pytest.approx(np.ones((1, 2)))
    # Not before the year after the start.
    assert not repaid[0, 0, 0].any() and not repaid[0, 1, :6].any()


def test_grant_has_no_repayment_and_no_interest(accounts: MakeAccounts) -> None:
    found = accounts(fund_changes("grant", ceiling_mn=10.0))
    assert not found.repaid_share.any() and not found.interest_rate.any()
    assert found.is_grant.tolist() == [[1.0]] and accounts(fund_changes("loan")).is_grant.tolist() == [[0.0]]
    assert found.funds["ceiling_mn"].tolist() == [10.0]
    assert np.isinf(accounts(fund_changes("loan")).funds["ceiling_mn"].iloc[0])


def test_nominal_interest_rate_is_converted_to_a_real_rate(accounts: MakeAccounts) -> None:
    nominal: Changes = {"funds": {"f": {"kind": "loan", "nominal_interest_rate": 0.071}}}
    # 1.071 ÷ 1.02 − 1 = 5 %; without a passed-through share, the central bank's facility lowers nothing.
    assert accounts({**nominal, "finance.inflation_rate": 0.02}).funds["interest_rate"].tolist() == pytest.approx(
        [0.05]
    )


def test_central_bank_facility_lowers_the_loan_rate_by_its_latest_rate(accounts: MakeAccounts) -> None:
    loan = {"kind": "loan", "nominal_interest_rate": 0.035, "passed_through_share": 0.5}
    found = accounts({"funds": {"green": loan}, "finance.inflation_rate": 0.02})
    # 0.60 of the loan is refinanced at 1.25 % from January 2026 on, and half of the saving is passed on.
    nominal = 0.035 - 0.5 * 0.60 * (0.035 - 0.0125)
    assert found.funds["interest_rate"].tolist() == [pytest.approx((1 + nominal) / 1.02 - 1)]


SHARED_PROVINCES = ("Hebei", "Shanxi")


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        ({}, ["f"]),
        ({"sectors": ["steel"]}, ["f, steel"]),
        ({"provinces": ["Shanxi"]}, ["f, Shanxi"]),
        ({"sectors": ["steel"], "provinces": ["Hebei"]}, ["f, steel in Hebei"]),
        ({"sectors": ["steel", "chemicals"]}, ["f, chemicals", "f, steel"]),
        ({"sectors": ["paper"]}, []),
    ],
)
def test_fund_has_allocations_for_its_sectors_and_provinces(
    accounts: MakeAccounts, limits: Changes, names: list[str]
) -> None:
    found = accounts(fund_changes("loan", **limits), shared=SHARED_PROVINCES)
    assert found.allocations["allocation"].tolist() == names
    assert len(found.repaid_share) == len(found.interest_rate) == len(names)


def test_fund_of_a_province_may_pay_for_shared_assets_there(accounts: MakeAccounts) -> None:
    only = PLANTS[PLANTS["province"] == "Hebei"]
    here = accounts(fund_changes("loan", provinces=["Shanxi"]), only, shared=("Shanxi",))
    assert here.allocations["group"].tolist() == ["Shanxi"]
    assert not len(accounts(fund_changes("loan", provinces=["Shanxi"]), only).allocations)


def test_each_allocation_has_the_interest_rate_of_its_fund(accounts: MakeAccounts) -> None:
    funds: Changes = {
        "funds": {
            "gift": {"kind": "grant", "sectors": ["steel"]},
            "loan": {"kind": "loan", "interest_rate": 0.05, "term_yr": 4},
        }
    }
    found = accounts(funds)
    by_name = dict(zip(found.allocations["allocation"], found.interest_rate[:, 0, 1], strict=True))
    assert by_name == pytest.approx(
        {"gift, steel": 0, "loan, steel": 0.05, "loan, chemicals": 0.05, "loan, glass": 0.05}
    )


def test_budgets_of_provinces_split_grants_by_province(accounts: MakeAccounts) -> None:
    budgets: Changes = {"budget.by_province_mn": {"Hebei": 100.0}}
    grant = accounts({**budgets, **fund_changes("grant")})
    assert grant.allocations["group"].tolist() == ["Hebei", "Shanxi"]
    assert accounts({**budgets, **fund_changes("loan")}).allocations["group"].tolist() == ["all"]
    assert accounts(fund_changes("grant")).allocations["group"].tolist() == ["all"]


def test_assets_are_grouped_by_sector_and_province() -> None:
    sectors, provinces = ["steel", "shared"], ["Hebei", "Shanxi"]
    for by_sector, by_province, expected in (
        (False, False, ["all", "all"]),
        (True, False, ["steel", "shared"]),
        (False, True, ["Hebei", "Shanxi"]),
        (True, True, ["steel in Hebei", "shared in Shanxi"]),
    ):
        assert FundGroups(by_sector, by_province).of(sectors, provinces) == expected


# Maximum capital paid by a budget and grants

INF = np.inf


@pytest.mark.parametrize(
    ("grants", "most"),
    [
        ([], 100),
        ([(INF, 0.2)], 125),  # 100 ÷ 0.8
        ([(INF, 0.2), (INF, 0.3)], 200),  # 100 ÷ 0.5
        ([(10, 1.0)], 110),
        ([(50, 0.2)], 125),  # a fifth of 125 is 25, below its ceiling
        ([(10, 0.2)], 110),  # a fifth of 110 is 22, above its ceiling
        ([(INF, 0.2), (10, 0.5)], 137.5),  # 110 ÷ 0.8
        ([(0, 1.0)], 100),
        ([(INF, 1.0)], INF),
        ([(INF, 0.5), (INF, 0.5)], INF),
    ],
)
def test_maximum_capital_is_the_budget_plus_grants(grants: list[tuple[float, float]], most: float) -> None:
    assert most_capital(100, grants) == pytest.approx(most)


def test_loans_do_not_raise_the_maximum_capital(small: Callable[..., Scenario]) -> None:
    funds = {"gift": {"kind": "grant", "ceiling_mn": 30.0}, "loan": {"kind": "loan", "interest_rate": 0.03}}
    assert most_capital_mn(small({"budget.total_mn": 100, "funds": funds})) == pytest.approx(130)
    free = {"budget.total_mn": None, "objective": "max_npv"}
    assert most_capital_mn(small({**free, "funds": funds})) == INF
    # A grant without a ceiling pays half of the capital.
    half = {"gift": {"kind": "grant", "share_max": 0.5}}
    assert most_capital_mn(small({"budget.total_mn": 100, "funds": half})) == pytest.approx(200)


# Depreciation


@pytest.mark.parametrize("depreciation_yr", [1, 4, 10, 20])
def test_depreciation_and_net_book_value_sum_to_the_capital(accounts: MakeAccounts, depreciation_yr: int) -> None:
    found = accounts({"finance.depreciation_yr": depreciation_yr})
    assert found.depreciation_share.shape == (2, 11)
    assert found.depreciation_share.sum(axis=1) + found.book_share == pytest.approx(np.ones(2))


def test_capital_depreciates_in_equal_parts_from_its_start_year(accounts: MakeAccounts) -> None:
    found = accounts({"finance.depreciation_yr": 8})
    assert found.depreciation_share[0].tolist() == pytest.approx([*[0.125] * 8, 0, 0, 0])
    # Five of eight years from 2031 are within the horizon; nothing is depreciated after it.
    assert found.depreciation_share[1].tolist() == pytest.approx([*[0] * 5, *[0.125] * 5, 0])
    assert found.book_share.tolist() == pytest.approx([0, 0.375])
