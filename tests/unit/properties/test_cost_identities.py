"""Cost identities of the printed columns: yearly cost ÷ tonnes, at the load at which the plan runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ccs_model.plan.merit_order import CAPTURE_PARTS, PARTS, macc_table
from ccs_model.plan.plan import Plan

Changes = Mapping[str, Any]
Solved = Callable[..., Plan]
TPH = 8.76  # kt/y
SHARED: Changes = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"]}


def assert_columns_agree(plan: Plan) -> None:
    """Recompute each cost per tonne and each total from the printed columns."""
    table, totals = plan.retrofits, plan.totals
    assert table["cost_mn_pa"].tolist() == pytest.approx(table[list(PARTS)].sum(axis=1).tolist(), rel=1e-12)
    capture_mn = table[list(CAPTURE_PARTS)].sum(axis=1)
    for cost, amount, tonnes in (
        ("avoidance_cost_per_t", table["cost_mn_pa"], table["avoided_ktpa"]),
        ("capture_cost_per_t", capture_mn, table["captured_ktpa"]),
    ):
        by_hand = (amount * 1000 / tonnes.where(tonnes > 0)).to_numpy(float)
        assert table[cost].to_numpy(float) == pytest.approx(by_hand, rel=1e-9, nan_ok=True)
        assert totals[cost] == pytest.approx(amount.sum() * 1000 / tonnes.sum(), rel=1e-9)
    full = table["cost_at_full_load_mn_pa"] * 1000 / table["avoided_at_full_load_ktpa"]
    assert table["avoidance_cost_at_full_load_per_t"].tolist() == pytest.approx(full.tolist(), rel=1e-9)
    assert totals["cost_mn_pa"] == pytest.approx(table["cost_mn_pa"].sum(), rel=1e-12)
    assert totals["avoided_ktpa"] == pytest.approx(table["avoided_ktpa"].sum(), rel=1e-9)


def test_plant_at_part_load_spreads_its_capital_over_fewer_tonnes(hand_solved: Solved) -> None:
    plan = hand_solved(
        {"targets.captured_ktpa": 1_200},
        plants={"A": {"co2_ktpa": 2_000, "capture_capex_mn": 100, "fixed_om_mn_pa": 3, "capture_cost_per_t": 10}},
        sites={"S": {"site_capex_mn": 20, "injection_cost_per_t": 2}},
        links={"A-S": {"length_km": 100}},
    )
    row = plan.retrofits.iloc[0]
    capture = 0.1 * 100 + 3 + 10 * 1.2
    pipe = (0.1 * 2.3e-3 + 20e-6) * 100 * 1_200 / TPH
    storage = 0.1 * 20 + 2 * 1.2
    assert row["load_share"] == pytest.approx(0.6)
    assert row["capture_cost_per_t"] == pytest.approx(capture / 1.2, rel=1e-9)
    # In a static year without closure, the cost of the retrofits is the objective.
    assert row["cost_mn_pa"] == pytest.approx(capture + pipe + storage, rel=1e-9)
    assert plan.totals["cost_mn_pa"] == pytest.approx(plan.objective.value, rel=1e-9)
    assert row["avoidance_cost_per_t"] == pytest.approx((capture + pipe + storage) / 1.2, rel=1e-9)
    assert row["avoidance_cost_at_full_load_per_t"] < row["avoidance_cost_per_t"]
    assert_columns_agree(plan)


@pytest.mark.slow
def test_closing_plant_pays_only_for_its_years_of_operation(hand_solved: Solved) -> None:
    plan = hand_solved(
        {"years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "budget.total_mn": 500},
        plants={"A": {"co2_ktpa": 1_000, "capture_capex_mn": 100, "capture_cost_per_t": 10, "closing_year": 2033}},
        sites={"S": {}},
        links={"A-S": {"length_km": 10}},
    )
    row = plan.retrofits.iloc[0]
    # 2031 and 2032 of five years.
    assert row[["operating_share", "load_share"]].tolist() == pytest.approx([0.4, 0.4])
    assert row["captured_ktpa"] == pytest.approx(400)
    # Seven years of operation until the plant closes.
    recovery = 0.08 * 1.08**7 / (1.08**7 - 1)
    assert row["capture_capital_mn_pa"] == pytest.approx(0.4 * 100 * recovery, rel=1e-9)
    assert row["capture_cost_per_t"] == pytest.approx(100 * recovery + 10, rel=1e-9)
    assert_columns_agree(plan)


@pytest.mark.parametrize("changes", [{}, pytest.param(SHARED, marks=pytest.mark.slow)], ids=["own", "shared"])
def test_every_printed_cost_per_tonne_follows_from_its_columns(solved: Solved, changes: Changes) -> None:
    plan = solved(changes)
    assert_columns_agree(plan)
    listed = macc_table(plan.problem, plan.retrofits)
    assert (listed["avoidance_cost_at_full_load_per_t"] >= listed["capture_cost_at_full_load_per_t"]).all()
