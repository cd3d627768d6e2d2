"""Amounts of money four orders of magnitude beyond plausible ones are rejected with a question about their unit."""

from __future__ import annotations

import re

import pytest

from ccs_model.inputs.checked_scenario import PLAUSIBLE_CNY
from ccs_model.problem.scenario_names import read_checked
from ccs_model.scenario.schema import known_keys
from tests.own_tables import works

from .conftest import CommandResult, Workspace

MONEY = re.compile("_mn$|_per_([a-z]+_)?t$")


@pytest.mark.parametrize(
    ("key", "value", "where", "what"),
    [
        ("budget", "{total_mn: 900_000_000}", "s.yaml:6", "budget.total_mn: 900,000,000 million CNY is implausible"),
        ("budget", "{total_mn: 3000, by_province_mn: {Hebei: 2e9}}", "s.yaml:6", "budget.by_province_mn.Hebei"),
        ("policy", "{carbon_price_per_t: {2026: 75, 2030: 80_000_000}}", "s.yaml:7", "policy.carbon_price_per_t.2030"),
        ("budget", "{total_mn: 3000, cumulative_mn: {2026: 9e11}}", "s.yaml:6", "budget.cumulative_mn.2026"),
        ("budget", "{total_mn: 0.0003}", "s.yaml:6", "budget.total_mn: 0.0003 million CNY is implausible"),
        ("policy", "{paid_per_captured_t: 3e9}", "s.yaml:7", "policy.paid_per_captured_t"),
        ("policy", "{paid_per_avoided_t: 3e9}", "s.yaml:7", "policy.paid_per_avoided_t"),
        ("policy", "{paid_per_avoided_t: 30, paid_cap_mn: 3e9}", "s.yaml:7", "policy.paid_cap_mn"),
        ("policy", "{social_cost_of_carbon_per_t: {2026: 3e9}}", "s.yaml:7", "policy.social_cost_of_carbon_per_t.2026"),
        ("funds", "{bank: {ceiling_mn: 1e12, interest_rate: 0.03}}", "s.yaml:7", "funds.bank.ceiling_mn"),
    ],
)
def test_an_implausible_amount_is_rejected_with_a_question_about_its_unit(
    workspace: Workspace, key: str, value: str, where: str, what: str
) -> None:
    workspace.scenario(**{key: value})
    answer = workspace.check()
    assert answer.code == 3 and answer.lines[0].startswith(where) and what in answer.lines[0], answer.err
    assert ("is this in million?" if "_mn" in what else "is this per tonne of CO2?") in answer.lines[0]


def test_every_monetary_key_has_a_plausible_range() -> None:
    keys = {leaf for each in known_keys() if MONEY.search(leaf := each.removesuffix(".*").rpartition(".")[2])}
    assert keys == {
        "by_province_mn", "carbon_price_per_t", "ceiling_mn", "cumulative_mn", "paid_cap_mn", "paid_per_avoided_t",
        "paid_per_captured_t", "shortfall_per_t", "social_cost_of_carbon_per_t", "total_mn",
    }  # fmt: skip
    assert all(any(key.endswith(ending) for ending in PLAUSIBLE_CNY) for key in keys)


@pytest.mark.parametrize("changes", [{"budget": "{total_mn: 90_000_000}"}, {"budget": "{total_mn: 0}"}])
def test_large_and_zero_budgets_are_accepted(workspace: Workspace, changes: dict[str, str]) -> None:
    workspace.scenario(**changes)
    assert workspace.check().code == 0


def test_the_plausible_limit_depends_on_the_currency(workspace: Workspace) -> None:
    # 0.9e8 million euro are 7e8 million CNY.
    workspace.scenario(budget="{total_mn: 90_000_000}", currency="EUR")
    assert "million EUR is implausible" in workspace.check().err


SITE = "S,Site,Bohai Bay,Hebei,38,115,saline,1000000,1000000,1000000,{amount},{currency},2024,OWN,reported\n"
SITE_COLUMNS = (
    "site,name,basin,province,lat_deg,lon_deg,kind,capacity_low_kt,capacity_mid_kt,capacity_high_kt,{heading},currency,"
    "price_year,reference,quality\n"
)


def check_site(workspace: Workspace, heading: str, amount: str, currency: str = "CNY") -> CommandResult:
    """Check a scenario with its own storage site, whose capex column has this heading."""
    workspace.scenario(data="tables", storage="{sites: [S]}")
    workspace.csv(works("M1"))
    text = SITE_COLUMNS.format(heading=heading) + SITE.format(amount=amount, currency=currency)
    workspace.put("tables/storage/sites.csv", text)
    return workspace.check()


@pytest.mark.parametrize(
    ("heading", "amount", "currency", "notice"),
    [
        ("site_capex_mn（万元）", "12300", "CNY", "from 万元 to million CNY (× 0.01)"),
        ("Site capex [亿元]", "1.23", "CNY", "from 亿元 to million CNY (× 100)"),
        ("Site capex [bn USD]", "0.123", "USD", "from bn USD to million USD (× 1000)"),
    ],
)
def test_money_in_another_unit_is_converted_and_reported(
    workspace: Workspace, heading: str, amount: str, currency: str, notice: str
) -> None:
    answer = check_site(workspace, heading, amount, currency)
    assert answer.code == 0, answer.err
    assert f"tables/storage/sites.csv:1: column '{heading}' is converted {notice}" in answer.out + answer.err
    sites = read_checked(workspace.folder / "s.yaml")[1]["storage/sites"]
    assert sites.set_index("site").at["S", "site_capex_mn"] == pytest.approx(123.0, rel=1e-12)


@pytest.mark.parametrize(
    ("heading", "amount", "currency", "where", "what"),
    [
        ("Site capex [亿元]", "1.2", "USD", ":2:site_capex_mn", "its heading is in CNY, its row in USD"),
        ("Site capex [MUSD]", "1.2", "USD", ":1", "is in MUSD, expected million money (units of money: "),
        ("Site capex [USD/t]", "1.2", "USD", ":1", "is in USD/t, expected million money"),
        ("site_capex_mn", "250000000", "CNY", ":2:site_capex_mn", "outside the range 0 to 100000 (is this in million?"),
        ("Site capex [亿元]", "250000", "CNY", ":2:site_capex_mn", "(2.5e+07 million money) is outside the range"),
    ],
)
def test_money_in_an_inconsistent_unit_or_out_of_range_is_rejected(
    workspace: Workspace, heading: str, amount: str, currency: str, where: str, what: str
) -> None:
    answer = check_site(workspace, heading, amount, currency)
    assert answer.code == 3 and answer.lines[0].startswith(f"tables/storage/sites.csv{where}"), answer.err
    assert what in answer.lines[0]
