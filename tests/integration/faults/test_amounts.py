"""Amounts of money that are four orders of magnitude beyond plausible ones ask for their unit."""

from __future__ import annotations

import pytest

from .conftest import Desk


@pytest.mark.parametrize(
    ("key", "value", "where", "what"),
    [
        ("budget", "{total_mn: 900_000_000}", "s.yaml:6", "budget.total_mn: 900,000,000 million CNY is implausible"),
        ("budget", "{total_mn: 3000, by_province_mn: {Hebei: 2e9}}", "s.yaml:6", "budget.by_province_mn.Hebei"),
        ("policy", "{carbon_price_per_t: {2026: 75, 2030: 80_000_000}}", "s.yaml:7", "policy.carbon_price_per_t.2030"),
        ("funds", "{bank: {ceiling_mn: 1e12, interest_rate: 0.03}}", "s.yaml:7", "funds.bank.ceiling_mn"),
    ],
)
def test_an_implausible_amount_asks_for_its_unit(desk: Desk, key: str, value: str, where: str, what: str) -> None:
    desk.scenario(**{key: value})
    answer = desk.check()
    assert answer.code == 3 and answer.lines[0].startswith(where) and what in answer.lines[0], answer.err
    assert ("is this in million?" if "_mn" in what else "is this per tonne of CO2?") in answer.lines[0]


@pytest.mark.parametrize("changes", [{"budget": "{total_mn: 90_000_000}"}, {"budget": "{total_mn: 0}"}])
def test_large_and_empty_budgets_are_allowed(desk: Desk, changes: dict[str, str]) -> None:
    desk.scenario(**changes)
    assert desk.check().code == 0


def test_the_limit_is_that_of_the_currency(desk: Desk) -> None:
    # 0.9e8 million euro are 7e8 million CNY.
    desk.scenario(budget="{total_mn: 90_000_000}", currency="EUR")
    assert "million EUR is implausible" in desk.check().err
