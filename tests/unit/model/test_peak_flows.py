"""Pipes and wells are sized on the peak flow of a period, with all its retrofits in operation, not on the mean."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from ccs_model.plan.plan import Plan

Changes = dict[str, object]
# 600 kt/y of ammonia: 534 × (0.7 × 3.1 − 0.52 × 1.296) of product-grade vent, 99 % captured.
NAMEPLATE = 534 * (0.7 * 3.1 - 0.52 * 1.296) * 0.99
SHARED = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui"]}


def first_period_row(table: pd.DataFrame) -> pd.Series:
    rows = table[table["year"] == 2026]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.slow
@pytest.mark.parametrize("network", [{}, SHARED])
def test_lead_time_lowers_the_mean_flow_but_no_capacity(
    solved: Callable[..., Plan], one_vent: Changes, network: Changes
) -> None:
    plan = solved(one_vent, network, {"budget.cumulative_mn": {}, "budget.total_mn": 10_000})
    storage, pipe = first_period_row(plan.storage), first_period_row(plan.flows)
    # Decided in 2026, the retrofit operates from 2027 on: in four of five years.
    for found in (storage["injected_ktpa"], pipe["flow_ktpa"]):
        assert found == pytest.approx(0.8 * NAMEPLATE, rel=1e-6)
    for found in (storage["peak_injected_ktpa"], pipe["peak_flow_ktpa"]):
        assert found == pytest.approx(NAMEPLATE, rel=1e-6)
    assert storage["wells_ktpa"] >= NAMEPLATE * (1 - 1e-9)
    assert pipe["capacity_ktpa"] >= NAMEPLATE * (1 - 1e-9)
    assert plan.storage["n_wells"].nunique() == 1
    checks = plan.checks.set_index("name")["holds"]
    assert checks["peak injection beyond the rate of the wells"]
    assert checks["peak flow beyond the pipelines"]


@pytest.mark.slow
@pytest.mark.parametrize("network", [{}, SHARED])
def test_storage_cost_of_a_late_start_is_the_same_at_the_site_and_in_the_plan(
    solved: Callable[..., Plan], one_vent: Changes, network: Changes
) -> None:
    plant = str(solved(one_vent, network, {"budget.total_mn": 10_000}).retrofits["plant"].iloc[0])
    plan = solved(one_vent, network, {"plants.not_before": {plant: 2031}, "budget.total_mn": 10_000})
    assert plan.retrofits["operating_share"].tolist() == [0.8]
    last = plan.storage[plan.storage["year"] == 2031]
    # Capital of the site counts in four of five years, as do its tonnes.
    assert last["storage_cost_per_t"].tolist() == pytest.approx([plan.totals["storage_cost_per_t"]], rel=1e-6)


@pytest.mark.slow
def test_retrofits_that_stop_or_start_in_a_period_use_capacity_at_the_same_time(
    hand_solved: Callable[..., Plan],
) -> None:
    plan = hand_solved(
        {
            "years": [2026, 2031],
            "capital_recovery_share": None,
            "objective": "max_abatement",
            "budget.total_mn": 1_000,
            "budget.cumulative_mn": {2026: 100},
        },
        plants={
            "A": {"co2_ktpa": 500, "capture_capex_mn": 50, "life_yr": 8},
            "B": {"co2_ktpa": 1_500, "capture_capex_mn": 150},
        },
        sites={"S": {"well_injectivity_ktpa": 450}},
        links={"A-S": {"length_km": 10}, "A-B": {"length_km": 0}},
    )
    assert plan.retrofits.set_index("plant")["year"].to_dict() == {"A": 2026, "B": 2031}
    storage = plan.storage.set_index("year")
    # A operates in the first three years of the second period: a mean of 300 beside the 1,500 of B, a peak of 500.
    assert storage["injected_ktpa"].to_dict() == pytest.approx({2026: 500, 2031: 1_800})
    assert storage["peak_injected_ktpa"].to_dict() == pytest.approx({2026: 500, 2031: 2_000})
    # 2,000 kt/y need five wells of 450; the mean would fit into four.
    assert storage["n_wells"].to_dict() == {2026: 2, 2031: 5}
    trunk = plan.flows[plan.flows["link"] == "A-S"].set_index("year")
    assert trunk["peak_flow_ktpa"].to_dict() == pytest.approx({2026: 500, 2031: 2_000})
    assert trunk.at[2031, "capacity_ktpa"] >= 2_000 * (1 - 1e-9)
    # Stored tonnes follow the mean.
    assert storage.at[2031, "stored_kt"] == pytest.approx(5 * 500 + 5 * 1_800)


@pytest.mark.slow
def test_site_takes_its_share_of_the_peak_flow(hand_solved: Callable[..., Plan]) -> None:
    """T has cheap wells and little capacity: it cannot take the peak of CO₂ whose mean goes to another site."""
    units = {"co2_ktpa": 1_000, "life_yr": 8}
    plan = hand_solved(
        {
            "years": [2026, 2031, 2036],
            "capital_recovery_share": None,
            "objective": "max_abatement",
            "budget.total_mn": 420,
        },
        plants={"A": units, "B": units},
        sites={
            "S": {"well_injectivity_ktpa": 200, "well_capex_mn": 50},
            "T": {
                "well_injectivity_ktpa": 200, "well_capex_mn": 1,
                **dict.fromkeys(("capacity_low_kt", "capacity_mid_kt", "capacity_high_kt"), 100),
            },
        },
        links={"A-S": {"length_km": 10}, "B-S": {"length_km": 10}, "A-T": {"length_km": 10}},
    )  # fmt: skip
    assert plan.retrofits.set_index("plant")["year"].to_dict() == {"A": 2026, "B": 2031}
    of_t = plan.storage.set_index(["site", "year"]).loc[("T", 2031)]
    # In 2031 A operates in three of five years: two thirds of its mean before curtailment come on top of it.
    curtailed = 0.6 * 1_000 + 1_000 - plan.by_year.set_index("year").at[2031, "captured_ktpa"]
    limit = of_t["injected_ktpa"] + 2 / 3 * (of_t["injected_ktpa"] + curtailed)
    assert of_t["peak_injected_ktpa"] <= limit * (1 + 1e-6)
