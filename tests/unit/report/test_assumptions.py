"""The statements of sheet Assumptions follow the scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ccs_model.problem import Problem
from ccs_model.report.language import chinese_text
from ccs_model.report.workbook.assumptions_sheet import model_assumptions
from ccs_model.report.workbook.columns import declared_rows

PRICED = {"policy.carbon_price_per_t": {2026: 100, 2030: 300}, "policy.capture_deductible": True}
FUNDED = {
    "finance.inflation_rate": 0.02,
    "funds": {
        "green bond": {"kind": "bond", "nominal_interest_rate": 0.028},
        "state grant": {"kind": "grant", "ceiling_mn": 100},
    },
}
MONEY = {"no_revenue", "carbon_market", "carbon_price", "surplus_band", "payment", "payment_cap", "grants", "loans"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"no_revenue"}),
        ({**PRICED, "policy.capture_deductible": False}, {"no_revenue"}),
        (PRICED, {"carbon_market"}),
        ({**PRICED, "policy.market": None, "policy.surplus_band_share": 0.03}, {"carbon_price", "surplus_band"}),
        ({**PRICED, "policy.paid_per_avoided_t": 50, **FUNDED}, {"carbon_market", "payment", "grants", "loans"}),
        ({"policy.paid_per_captured_t": 50, "policy.paid_cap_mn": 100}, {"payment", "payment_cap"}),
        ({"policy.paid_per_captured_t": 50, "policy.paid_from": 2150}, {"no_revenue"}),
    ],
)
def test_statements_on_revenue_and_funds_follow_the_scenario(
    problem_of: Callable[..., Problem], changes: Mapping[str, Any], expected: set[str]
) -> None:
    found = {str(row["assumption"]) for row in model_assumptions(problem_of(changes))}
    assert found & MONEY == expected
    assert "tax" in found


def test_payments_name_their_years(problem_of: Callable[..., Problem]) -> None:
    changes = {"policy.paid_per_captured_t": 50, "policy.paid_from": 2028, "policy.paid_until": 2029}
    statements = [str(row["statement"]) for row in model_assumptions(problem_of(changes))]
    assert any("in these years: 2028\N{EN DASH}2029." in each for each in statements)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [({}, "grid_path"), ({2025: 0.2, 2040: 0.4}, "grid_of_scenario"), ({2023: 0.19}, "grid_constant")],
)
def test_statement_on_grid_factors_follows_the_non_fossil_share(
    problem_of: Callable[..., Problem], shares: Mapping[int, float], expected: str
) -> None:
    rows = model_assumptions(problem_of({"policy.non_fossil_share": shares}))
    assert {str(row["assumption"]) for row in rows if str(row["assumption"]).startswith("grid")} == {expected}


def test_every_statement_has_a_chinese_text() -> None:
    rows = declared_rows("assumptions.csv")
    texts = [row[name].replace("{}", "2030") for row in rows for name in ("statement", "why", "effect_if_wrong")]
    assert [text for text in texts if chinese_text(text) is None] == []
