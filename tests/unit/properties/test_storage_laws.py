"""Monotonicity of storage: a better site never worsens a plan, with shared and with own pipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]
PLANTS = {
    "A": {"co2_ktpa": 900, "capture_capex_mn": 60, "capture_cost_per_t": 20},
    "B": {"co2_ktpa": 700, "capture_capex_mn": 70, "capture_cost_per_t": 30},
    "C": {"co2_ktpa": 400, "capture_capex_mn": 60, "capture_cost_per_t": 25},
}
SITE = {
    "well_injectivity_ktpa": 150, "n_wells_max": 8, "capacity_mid_kt": 40_000, "site_capex_mn": 40, "site_om_mn_pa": 1,
    "monitoring_mn_pa": 0.5, "well_capex_mn": 12, "well_om_mn_pa": 0.5, "injection_cost_per_t": 0.2, "closure_mn": 1,
    "post_injection_mn": 10,
}  # fmt: skip
LINKS = {"A-S": {"length_km": 40}, "B-S": {"length_km": 60}, "C-S": {"length_km": 30}, "B-T": {"length_km": 50}}
YEARS = {"years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement"}
MONEY = {"budget.total_mn": 330, "budget.cumulative_mn": {2026: 250}}
SHARED = {"transport.shared_trunklines": True}
OWN = {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"}
BETTER = {
    "rate": {"well_injectivity_ktpa": 400},
    "capacity": {"capacity_mid_kt": 400_000},
    "wells": {"n_wells_max": 20},
    "cheaper well": {"well_capex_mn": 6, "well_om_mn_pa": 0.2},
    "cheaper site": {"site_capex_mn": 10},
}


@pytest.fixture(scope="module")
def solved(hand_solved: Solved, inputs: Inputs) -> Solved:
    """Solves with pipes whose boosters draw no power, which has no price here."""
    without_power = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    return lambda changes, **tables: hand_solved(changes, transport__pipes=without_power, **tables)


def plan_of(solved: Solved, changes: Mapping[str, Any], site: Mapping[str, Any] = SITE, *more: str) -> Plan:
    sites = {"S": site, **dict.fromkeys(more, SITE)}
    links = {name: row for name, row in LINKS.items() if name[-1] in sites}
    return solved(dict(changes), plants=PLANTS, sites=sites, links=links)


@pytest.mark.parametrize("pipes", [SHARED, OWN], ids=["shared", "own"])
@pytest.mark.parametrize("better", BETTER)
def test_a_better_site_never_lowers_abatement(solved: Solved, better: str, pipes: Mapping[str, Any]) -> None:
    changes = YEARS | MONEY | pipes
    before, after = plan_of(solved, changes), plan_of(solved, changes, SITE | BETTER[better])
    assert after.objective.value >= before.objective.value * (1 - 1e-9)


@pytest.mark.parametrize("pipes", [SHARED, OWN], ids=["shared", "own"])
def test_another_site_never_lowers_abatement(solved: Solved, pipes: Mapping[str, Any]) -> None:
    changes = YEARS | MONEY | pipes
    after = plan_of(solved, changes, SITE, "T")
    assert after.objective.value >= plan_of(solved, changes).objective.value * (1 - 1e-9)


@pytest.mark.parametrize("pipes", [SHARED, OWN], ids=["shared", "own"])
@pytest.mark.parametrize("better", BETTER)
def test_a_better_site_never_raises_the_cost_of_a_target(solved: Solved, better: str, pipes: Mapping[str, Any]) -> None:
    changes = YEARS | pipes | {"objective": "min_cost", "targets.cumulative_avoided_kt": 9_000}
    before, after = plan_of(solved, changes), plan_of(solved, changes, SITE | BETTER[better])
    assert after.objective.value <= before.objective.value * (1 + 1e-9)


def test_budget_counts_storage_with_own_pipes_as_with_shared_ones(solved: Solved) -> None:
    # One plant and one site: 500 kt/y need four wells of 150 kt/y. Capture 50, site 40 and wells 48 leave 0.2 million
    # for the pipe, which has next to no length.
    tables = {"plants": {"A": {"co2_ktpa": 500, "capture_capex_mn": 50, "lon_deg": 115.2}}, "sites": {"S": SITE}}
    for pipes in (SHARED, OWN):
        sufficient = YEARS | pipes | {"budget.total_mn": 138.2}
        plan = solved(sufficient, **tables, links={"A-S": {"length_km": 0}})
        assert plan.totals["storage_capex_mn"] == pytest.approx(40 + 4 * 12)
        assert plan.totals["capex_mn"] == pytest.approx(138, abs=0.2)
        assert plan.by_year["spending_mn"].sum() == pytest.approx(plan.totals["capex_mn"])
        assert plan.storage["n_wells"].tolist() == [4, 4]
        assert plan.checks["holds"].all()
        # With shared pipes a site may have fewer wells and take less; own wells are sized on the nameplate.
        short = solved(sufficient | {"budget.total_mn": 137.5}, **tables, links={"A-S": {"length_km": 0}})
        assert short.storage["n_wells"].tolist() == ([3, 3] if pipes is SHARED else [])


def test_storage_costs_with_own_and_shared_pipes_match_the_hand_calculation(solved: Solved) -> None:
    tables = {"plants": {"A": {"co2_ktpa": 500, "capture_capex_mn": 50, "lon_deg": 115.2}}, "sites": {"S": SITE}}
    for pipes in (SHARED, OWN):
        plan = solved(YEARS | pipes | {"budget.total_mn": 200}, **tables, links={"A-S": {"length_km": 0}})
        ten = sum(1.08**-t for t in range(10))
        by_hand = {
            "site_capex_mn": 40, "well_capex_mn": 48, "site_fixed_om_mn": ten, "monitoring_mn": 0.5 * ten,
            "well_fixed_om_mn": 4 * 0.5 * ten, "storage_mn": 0.2 * 0.5 * ten,
            "closure_mn": 1.08**-10, "post_injection_mn": 10 * 1.08**-10,
        }  # fmt: skip
        assert {name: plan.cost_terms[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-8)
        # Per tonne: 88 over 30 years at 8 %, 3.5 a year, and 11 set aside at the end of 30 years.
        recovery = 0.08 / (1 - 1.08**-30)
        yearly = 88 * recovery + 3.5 + 11 * (recovery - 0.08)
        assert plan.totals["storage_cost_per_t"] == pytest.approx(yearly / 0.5 + 0.2)
        assert plan.owners.set_index("plant").at["all", "npv_mn"] == pytest.approx(plan.totals["npv_mn"])


def test_free_wells_are_limited_to_those_that_injection_needs(solved: Solved) -> None:
    """An all-in cost per tonne makes wells free: 500 kt/y at 150 kt/y per well need four wells."""
    free = SITE | {"well_capex_mn": 0, "well_om_mn_pa": 0, "n_wells_max": 50}
    tables = {"plants": {"A": {"co2_ktpa": 500, "capture_capex_mn": 50, "lon_deg": 115.2}}, "sites": {"S": free}}
    plan = solved(YEARS | SHARED | {"budget.total_mn": 500}, **tables, links={"A-S": {"length_km": 0}})
    assert plan.storage["n_wells"].tolist() == [4, 4]
