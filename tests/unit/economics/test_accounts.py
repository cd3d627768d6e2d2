"""The coefficients of capex, tax and funding against an owner's account written out year by year.

The account: capex and grants at the start, write-offs from that year, interest deducted, losses used in the year they
arise, and at the horizon's end salvage, tax on what it is above book value, and the loan's balance.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.financing import (
    ANNUITY,
    BULLET,
    book_value_mn,
    depreciation_mn,
    depreciation_shield_per_mn,
    end_tax_per_mn,
    funding_value_per_mn,
    group_tax_mn,
    loan_flows_mn,
)
from ccs_model.economics.investment import discount_factor, npv_mn, salvage_share

FIRST = 2026


@given(
    st.lists(st.floats(0, 500), min_size=1, max_size=15),
    st.floats(0, 0.9),
    st.floats(0, 1),
    st.floats(0, 0.12),
    st.floats(0, 0.15),
    st.floats(0, 0.4),
    st.integers(1, 15),
    st.integers(1, 25),
    st.sampled_from([ANNUITY, BULLET]),
)
def test_an_owners_account_discounts_to_its_coefficients(
    capex: list[float],
    grant: float,
    borrowed: float,
    rate: float,
    discount: float,
    tax: float,
    write_off: int,
    term: int,
    kind: str,
) -> None:
    spent, life = np.array(capex), 20
    n = len(spent)
    end, starts = FIRST + n, FIRST + np.arange(n)
    own, loan = spent * (1 - grant), spent * borrowed
    kept = salvage_share(discount, life, end - starts)

    service = loan_flows_mn(loan, rate, term, kind, FIRST, end)
    flows = np.zeros((1, n + 1))
    flows[0, :n] += loan - own
    flows -= service["interest_mn"] + service["principal_mn"]
    profit = -service["interest_mn"]
    profit[:, :n] -= depreciation_mn(own, write_off)
    salvage = (kept * spent).sum()
    flows[0, -1] += salvage
    profit[0, -1] += salvage - book_value_mn(own, write_off)[0, -1]
    flows -= group_tax_mn(profit, tax)

    shield = depreciation_shield_per_mn(starts, FIRST, end, write_off, discount, tax)
    at_end = end_tax_per_mn(kept, starts, FIRST, end, write_off, discount, tax, grant)
    funding = funding_value_per_mn(rate, term, kind, FIRST, starts, end, discount, tax)
    left = kept * float(discount_factor(discount, n))
    per_mn = -(1 - grant) * (discount_factor(discount, np.arange(n)) - shield) + left - at_end + borrowed * funding
    assert npv_mn(flows, discount).item() == pytest.approx((spent * per_mn).sum(), abs=1e-9 * (1 + spent.sum()))
