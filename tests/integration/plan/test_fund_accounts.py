"""What each fund pays for, the tonnes attributed to it, and its debt service by year."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ccs_model.plan.plan import Plan

Solved = Callable[..., Plan]
Changes = dict[str, object]
NPV: Changes = {
    "objective": "max_npv",
    "policy.carbon_price_per_t": {2026: 400.0},
    "policy.capture_deductible": True,
    "finance.tax_share": 0.25,
}


def test_loan_and_grant_of_one_vent_by_hand(solved: Solved, one_vent: Changes) -> None:
    """A grant of 20 %, and half of the rest from a loan at 3 % over seven years, drawn in 2026."""
    funds: Changes = {
        "funds": {
            "state": {"kind": "grant", "share_max": 0.2},
            "bank": {"kind": "loan", "share_max": 0.5, "interest_rate": 0.03, "term_yr": 7},
        }
    }
    plan = solved(one_vent, NPV, funds, {"budget.total_mn": 2_000})
    (retrofit,) = plan.retrofits.to_dict("records")
    assert plan.fund_uses is not None and plan.fund_years is not None
    uses = plan.fund_uses.set_index("fund")
    capex, years = retrofit["capex_mn"], plan.problem.periods["n_years"].to_numpy(float)
    avoided_kt = float(plan.by_year["avoided_ktpa"].to_numpy(float) @ years)
    assert uses["plant"].tolist() == [retrofit["plant"]] * 2
    assert uses["drawn_mn"].to_dict() == pytest.approx({"state": 0.2 * capex, "bank": 0.4 * capex})
    assert uses["attributed_avoided_kt"].to_dict() == pytest.approx(
        {"state": 0.2 * avoided_kt, "bank": 0.4 * avoided_kt}
    )
    bank = plan.fund_years[plan.fund_years["fund"] == "bank"].set_index("year")
    payment = 0.4 * capex * 0.03 / (1 - 1.03**-7)
    service = bank["interest_mn"] + bank["repaid_mn"]
    assert service.loc[2027:2033].tolist() == pytest.approx([payment] * 7)
    assert service.drop(range(2027, 2034)).abs().max() == 0.0
    assert bank.at[2027, "outstanding_mn"] == pytest.approx(0.4 * capex * 1.03 - payment)
    assert bank.at[2033, "outstanding_mn"] == 0.0


def test_what_the_last_year_owes_is_repaid_at_the_end_of_the_horizon(solved: Solved, one_vent: Changes) -> None:
    bond: Changes = {"funds": {"bond": {"kind": "bond", "share_max": 0.3, "interest_rate": 0.02, "term_yr": 30}}}
    plan = solved(one_vent, NPV, bond, {"budget.total_mn": 2_000})
    assert plan.fund_years is not None
    *years, last = plan.fund_years.to_dict("records")
    assert last["year"] == plan.problem.horizon_end
    assert last["repaid_mn"] == years[-1]["outstanding_mn"] == pytest.approx(0.3 * plan.retrofits["capex_mn"].sum())
    assert last["outstanding_mn"] == 0.0


@pytest.mark.slow
def test_a_loan_for_all_capital_of_a_shared_network_is_attributed_all_tonnes(solved: Solved) -> None:
    whole: Changes = {"funds": {"bank": {"kind": "loan", "interest_rate": 0.0, "term_yr": 20}}}
    network: Changes = {"transport.shared_trunklines": True, "solver.mip_gap": 0.05}
    plan = solved(whole, network, {"budget.total_mn": 2_500})
    assert plan.fund_uses is not None and len(plan.fund_uses) > 1
    avoided_kt = plan.by_year["avoided_ktpa"].to_numpy(float) @ plan.problem.periods["n_years"].to_numpy(float)
    assert plan.fund_uses["attributed_avoided_kt"].sum() == pytest.approx(avoided_kt, rel=1e-6)
    assert plan.fund_uses["drawn_mn"].sum() == pytest.approx(plan.totals["capex_mn"], rel=1e-6)


def test_without_funds_there_is_no_table(solved: Solved, one_vent: Changes) -> None:
    plan = solved(one_vent)
    assert plan.fund_uses is None and plan.fund_years is None
