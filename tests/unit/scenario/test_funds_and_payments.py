"""Contradictory funds and payments, each reported at its key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ccs_model.errors import InputError
from ccs_model.scenario import Scenario


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"policy.paid_from": 2030, "policy.paid_until": 2028},
            "policy.paid_until: 2028 is before the first year paid, 2030, at policy.paid_from",
        ),
        (
            {"funds": {"bank": {"kind": "loan"}}},
            "funds.bank: a loan needs an interest rate (add 'interest_rate:' (real) or",
        ),
        ({"funds": {"bank": {"kind": "bond"}}}, "funds.bank: a bond needs an interest rate"),
        (
            {"funds": {"gift": {"kind": "grant", "interest_rate": 0.01}}},
            "funds.gift.interest_rate: a grant has no interest",
        ),
        (
            {"funds": {"gift": {"kind": "grant", "nominal_interest_rate": 0.01}}},
            "funds.gift.nominal_interest_rate: a grant has no interest (remove the key)",
        ),
        (
            {"funds": {"bank": {"interest_rate": 0.02, "nominal_interest_rate": 0.04}}},
            "funds.bank.nominal_interest_rate: a nominal interest rate beside the real one at funds.",
        ),
        (
            {"funds": {"gift": {"kind": "grant", "passed_through_share": 0.5}}},
            "funds.gift.passed_through_share: a grant has no interest",
        ),
        ({"funds": {"gift": {"kind": "grant", "term_yr": 5}}}, "funds.gift.term_yr: a grant has no term"),
        ({"funds": {"gift": {"kind": "grant", "ceiling": 5}}}, "did you mean 'ceiling_mn'?"),
        ({"funds": {"gift": {"kind": "grant", "max_share": 0.5}}}, "did you mean 'share_max'?"),
        ({"funds": {"gift": {"kind": "grant", "share_max": 30}}}, "did you mean 0.3?"),
        ({"funds": {"gift": {"kind": "green bond", "interest_rate": 0.02}}}, "did you mean 'bond'?"),
        ({"funds": [{"kind": "grant"}]}, "give each fund under its name"),
        ({"policy.carbon_price_per_t": [100, 200]}, "give it by year: {2026: 100, 2030: 200}"),
        ({"policy.non_fossil_share": [0.1, 0.2]}, "give it by year: {2026: 0.1, 2030: 0.2}"),
        (
            {"funds": {"bank": {"interest_rate": 0.02, "passed_through_share": 0.5}}},
            "funds.bank.passed_through_share: the facility lowers a nominal interest rate",
        ),
        (
            {"funds": {"bank": {"nominal_interest_rate": 0.04}}},
            "funds.bank.nominal_interest_rate: a nominal interest rate requires the inflation rate (add 'finance:",
        ),
        ({"name": "x" * 100_000}, "name: expected at most"),
        ({"years": "statc"}, "years"),
        ({"years": [2026.5, 2031]}, "years"),
    ],
)
def test_invalid_funds_payments_and_years_are_reported_at_their_key(
    small: Callable[..., Scenario], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        small(changes)
    assert message in str(caught.value.issues[0])


def test_payments_of_a_single_year_and_a_nominal_rate_with_inflation_are_valid(small: Callable[..., Scenario]) -> None:
    single_year = small({"policy.paid_per_captured_t": 100.0, "policy.paid_from": 2028, "policy.paid_until": 2028})
    assert (single_year.policy.paid_from, single_year.policy.paid_until) == (2028, 2028)
    with_inflation = small({"funds": {"bank": {"nominal_interest_rate": 0.04}}, "finance.inflation_rate": 0.02})
    assert with_inflation.funds["bank"].nominal_interest_rate == 0.04
