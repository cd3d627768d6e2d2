"""What more budget adds to a plan, in words."""

from __future__ import annotations

from typing import Any

import pytest

from ccs_model.report.marginal_abatement import marginal_abatement_in_words


def document(kept_kt: float, replan_kt: float, decisions: str = "integer", **more: Any) -> dict[str, Any]:
    replan = {"added_mn": 300.0, "abatement_kt": replan_kt, "entering": ("A",), "leaving": (), "changing": ()}
    bought = {
        "added_mn": 30.0, "abatement_kt": kept_kt, "abatement_kt_per_mn": kept_kt / 30.0, "names_entering": [],
        "replans": [replan], **more,
    }  # fmt: skip
    return {
        "currency": "CNY", "price_year": 2024, "decisions": decisions, "marginal_budget": bought, "binding_limits": [],
        "relaxation": {"abatement_per_budget_kt_per_mn": 6.3}, "funds": [],
        "totals": {"capex_mn": 2_990.0, "budget_mn": 3_000.0},
    }  # fmt: skip


@pytest.mark.parametrize("kt", [0.0, 0.087])
def test_no_rate_is_stated_where_more_money_gives_less_than_half_a_kt(kt: float) -> None:
    kept, replanned, shadow = marginal_abatement_in_words(document(kt, kt))
    more = "million CNY 2024 more"
    assert kept == f"Marginal abatement: 30 {more} give no further abatement (existing retrofits kept)."
    assert replanned == f"Re-planned with 300 {more}: no further abatement found."
    assert shadow == "Shadow price of the budget (LP relaxation): 6.3 kt per million CNY 2024."


def test_a_gain_is_stated_with_its_rate_and_plants() -> None:
    kept, replanned, _ = marginal_abatement_in_words(document(60.0, 228.9))
    assert kept == (
        "Marginal abatement: 2.0 kt per additional million CNY 2024 over the horizon (existing retrofits kept; "
        "30 million CNY 2024 more give 60 kt: no further plant)."
    )
    assert replanned.endswith("at least 229 kt more (plants entering: 1, leaving: 0, changing: 0).")


def test_a_small_step_of_a_continuous_plan_keeps_its_rate() -> None:
    # A million of a currency of little worth.
    kept, *_ = marginal_abatement_in_words(
        document(0.0029, 9.0, "continuous", added_mn=1.0, abatement_kt_per_mn=0.0029)
    )
    assert "0.0029 kt per additional million" in kept and "1 million CNY 2024 more give 0.0029 kt" in kept
