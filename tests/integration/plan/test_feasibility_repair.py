"""Feasibility repair: every change suggested for an infeasible scenario restores feasibility."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ccs_model.errors import InfeasibleError
from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import solve
from ccs_model.solve.feasibility_repair import build_problem_with_advice

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]
Changes = dict[str, object]
REQUIRED = {"plants.require": ["NH3_21", "NH3_82"]}
LEAST_COST = {"objective": "min_cost", "budget.total_mn": None}
SHARED = {"transport.shared_trunklines": True}
SMALL_STORAGE = {"storage.sites": ["qinshui"], "storage.max_fill_share": 1e-3}
SLOW_BUILDS = {"years": [2026, 2031, 2036], "capture.max_builds_per_year": 1}


def conflicts(solved: Callable[..., object], *changes: Changes, **tables: Any) -> list[str]:
    with pytest.raises(InfeasibleError) as caught:
        solved(*changes, **tables)
    return list(caught.value.conflicts)


def message(lines: list[str], start: str) -> str:
    (line,) = [each for each in lines if each.startswith(start)]
    return line


def number(line: str, pattern: str) -> float:
    found = re.search(pattern, line)
    assert found is not None, line
    return float(found.group(1).replace(",", ""))


@pytest.mark.parametrize("retrofits", ["integer", "continuous"])
def test_the_suggested_basin_restores_feasibility(solved: Solved, retrofits: str) -> None:
    kind = {"capture.decisions": retrofits}
    lines = conflicts(solved, REQUIRED, SMALL_STORAGE, kind)
    basin = re.search(r"with basin (.+) among storage.sites", message(lines, "storage.sites:"))
    assert basin is not None
    assert len(solved(REQUIRED, SMALL_STORAGE, kind, {"storage.sites": ["qinshui", basin.group(1)]}).retrofits) >= 2
    # The report is reproducible.
    assert conflicts(solved, REQUIRED, SMALL_STORAGE, kind) == lines


def test_no_basin_is_suggested_if_all_are_available_or_none_helps(solved: Solved) -> None:
    everywhere = conflicts(solved, LEAST_COST, {"targets.abatement_share": {2031: 0.9}})
    nowhere = conflicts(solved, LEAST_COST, {"targets.abatement_share": {2031: 0.9}, "storage.sites": ["Qinshui"]})
    assert not any("storage.sites:" in line for line in [*everywhere, *nowhere])


def test_a_basin_is_suggested_if_no_plant_reaches_a_site(inputs: Inputs, small: Callable[..., Scenario]) -> None:
    far = {"storage.sites": ["Subei"], "targets.abatement_share": {2031: 0.04}}
    lines = conflicts(lambda *changes: build_problem_with_advice(small(*changes), inputs, 30.0), LEAST_COST, far)
    assert lines[0].endswith("0.00% would restore feasibility")
    assert lines[1:] == ["storage.sites: with basin Qinshui among storage.sites there is a plan"]
    repaired = small(LEAST_COST, far, {"storage.sites": ["Subei", "Qinshui"]})
    assert solve(build_problem_with_advice(repaired, inputs, 30.0)).status != "limit"


def test_the_earliest_later_period_for_an_abatement_target_is_suggested(solved: Solved) -> None:
    lines = conflicts(solved, LEAST_COST, SLOW_BUILDS, {"targets.abatement_share": {2026: 0.15}})
    line = message(lines, "targets.abatement_share.2026")
    assert (
        line == "targets.abatement_share.2026 is out of reach; the same 15.00% can be reached in the period from 2031"
    )
    assert solved(LEAST_COST, SLOW_BUILDS, {"targets.abatement_share": {2031: 0.15}}).status != "limit"


def test_a_target_in_tonnes_is_equivalent_to_the_abatement_share(solved: Solved) -> None:
    """Both forms give the same plan; a lower target and a later year are suggested in the unit of the target."""
    share = solved(LEAST_COST, {"targets.abatement_share": {2031: 0.05}})
    tonnes = float(share.targets["required_kt"].iloc[0])
    assert tonnes == pytest.approx(0.05 * share.totals["baseline_ktpa"])
    plan = solved(LEAST_COST, {"targets.avoided_ktpa": {2031: tonnes}})
    assert plan.objective.value == pytest.approx(share.objective.value, rel=1e-9)
    assert plan.targets["target"].tolist() == ["targets.avoided_ktpa.2031"]
    assert plan.targets["reached_kt"].iloc[0] >= tonnes * (1 - 1e-9)
    early = 0.15 * share.totals["baseline_ktpa"]
    lines = conflicts(solved, LEAST_COST, SLOW_BUILDS, {"targets.avoided_ktpa": {2026: early}})
    assert message(lines, "targets.avoided_ktpa.2026 is out").endswith(
        f"is out of reach; the same {early:,.0f} kt/y can be reached in the period from 2031"
    )
    poor = LEAST_COST | {"budget.total_mn": 1_500}
    line = message(conflicts(solved, poor, {"targets.avoided_ktpa": {2031: tonnes}}), "abatement_target_reached")
    least = number(line, rf"is {tonnes:,.0f} kt/y; ([\d,]+) kt/y would restore feasibility")
    assert 0 < least < tonnes
    assert solved(poor, {"targets.avoided_ktpa": {2031: least}}).status != "limit"


def test_targets_of_two_years_are_postponed_together_if_neither_alone_is_enough(solved: Solved) -> None:
    slow = SLOW_BUILDS | {"years": [2026, 2031, 2036, 2041]}
    targets = {2026: 0.12, 2031: 0.22}
    lines = conflicts(solved, LEAST_COST, slow, {"targets.abatement_share": targets})
    line = message(lines, "targets.abatement_share.2026 and targets.abatement_share.2031")
    assert line.endswith("each can be reached one period later")
    later = {2031: 0.12, 2036: 0.22}
    plan = solved(LEAST_COST, slow, {"targets.abatement_share": later, "solver.mip_gap": 0.01})
    assert plan.status != "limit" and (plan.targets["shortfall_kt"] <= 1e-6).all()


def test_a_target_that_no_period_reaches_is_not_postponed(solved: Solved) -> None:
    lines = conflicts(solved, LEAST_COST, SLOW_BUILDS, {"targets.abatement_share": {2026: 0.9}})
    assert not any(line.startswith("targets.abatement_share") for line in lines)


def test_replacing_an_early_cumulative_budget_by_the_next_is_suggested(solved: Solved) -> None:
    early = {"targets.abatement_share": {2026: 0.02}}
    lines = conflicts(solved, REQUIRED, early, {"budget.cumulative_mn": {2026: 50, 2031: 3_000}})
    line = message(lines, "budget.cumulative_mn")
    assert "without the ceiling of 2026" in line
    assert "3,000.0 million CNY of 2031 suffice from 2026 on" in line
    assert solved(REQUIRED, early, {"budget.cumulative_mn": {2026: 3_000, 2031: 3_000}}).status != "limit"


def test_a_target_of_captured_tonnes_is_reported_in_tonnes(solved: Solved) -> None:
    lines = conflicts(solved, LEAST_COST, {"targets.captured_ktpa": 50_000})
    line = message(lines, "abatement_target_reached")
    assert "targets.captured_ktpa is 50,000 kt/y; " in line
    attainable = number(line, r"; ([\d,]+) kt/y would restore feasibility")
    assert solved(LEAST_COST, {"targets.captured_ktpa": attainable}).status != "limit"


BY_HAND: dict[str, dict[str, Any]] = {
    "plants": {"A": {"co2_ktpa": 3_000}, "B": {"co2_ktpa": 2_000}},
    "links": {"A-B": {"length_km": 10}, "A-S": {"length_km": 50}, "B-T": {"length_km": 80}},
}
CAPTURE_ALL = {"targets.captured_ktpa": 5_000, "storage.max_fill_share": 0.5}
WELLS = "wells_need_an_open_site"
CAPACITY = "stored_within_capacity"


def sites(**wells_and_capacity: tuple[int, float]) -> dict[str, dict[str, float]]:
    return {
        site: {"n_wells_max": wells, "capacity_mid_kt": capacity, "site_capex_mn": 5, "well_capex_mn": 2}
        for site, (wells, capacity) in wells_and_capacity.items()
    }


def test_the_suggested_wells_restore_feasibility(hand_solved: Solved) -> None:
    # Five wells of 1,000 kt/y are needed, and three are available.
    few = sites(S=(2, 1e6), T=(1, 1e6))
    lines = conflicts(hand_solved, CAPTURE_ALL, sites=few, **BY_HAND)
    assert "targets.captured_ktpa is 5,000 kt/y; 3,000 kt/y would restore feasibility" in message(
        lines, "abatement_target_reached"
    )
    line = message(lines, WELLS)
    assert not any(CAPACITY in each for each in lines)
    needed = {site: int(n) for site, n in re.findall(r"([ST]): (\d+) in place of \d", line)}
    assert sum(needed.values()) + (len(needed) == 1) * (1 if "S" in needed else 2) == 5
    had = {"S": 2, "T": 1}
    enough = sites(**{site: (needed.get(site, n), 1e6) for site, n in had.items()})
    assert hand_solved(CAPTURE_ALL, sites=enough, **BY_HAND).status != "limit"


@pytest.mark.parametrize("budget", [None, 1_000.0])
def test_the_suggested_storage_capacity_restores_feasibility(hand_solved: Solved, budget: float | None) -> None:
    # Half of 90,000 kt over thirty years: 1,500 kt/y at S, a sixth of that at T.
    small = sites(S=(9, 90_000), T=(9, 15_000))
    requested = CAPTURE_ALL | {"budget.total_mn": budget}
    lines = conflicts(hand_solved, requested, sites=small, **BY_HAND)
    line = message(lines, CAPACITY)
    assert not any(WELLS in each for each in lines)
    needed = {site: float(kt.replace(",", "")) for site, kt in re.findall(r"([ST]): ([\d,]+) kt in place", line)}
    had = {"S": 90_000.0, "T": 15_000.0}
    enough = {site: needed.get(site, kt) for site, kt in had.items()}
    assert sum(enough.values()) == pytest.approx(5_000 * 30 / 0.5, rel=6e-3)
    assert (
        hand_solved(requested, sites=sites(**{site: (9, kt) for site, kt in enough.items()}), **BY_HAND).status
        == "optimal"
    )


def test_insufficient_wells_and_storage_capacity_are_reported_together(hand_solved: Solved) -> None:
    one = BY_HAND | {"plants": {"A": {"co2_ktpa": 3_000}}, "links": {"A-S": {"length_km": 50}}}
    requested = CAPTURE_ALL | {"targets.captured_ktpa": 3_000}
    line = message(conflicts(hand_solved, requested, sites=sites(S=(1, 60_000)), **one), WELLS)
    assert "S: 3 in place of 1 " in line
    assert f"; and {CAPACITY}: " in line
    assert number(line, r"S: ([\d,]+) kt in place of 60,000 kt") == 180_000
    assert hand_solved(requested, sites=sites(S=(3, 180_000)), **one).status != "limit"


def test_wells_are_not_reported_if_only_the_budget_is_insufficient(hand_solved: Solved) -> None:
    # There are enough wells; the budget for them is missing.
    expensive = {"S": {"n_wells_max": 9, "well_capex_mn": 100.0}}
    one = BY_HAND | {"plants": {"A": {"co2_ktpa": 3_000}}, "links": {"A-S": {"length_km": 5}}}
    requested = CAPTURE_ALL | {"targets.captured_ktpa": 3_000, "budget.total_mn": 25}
    lines = conflicts(hand_solved, requested, sites=expensive, **one)
    assert not any(WELLS in line or "wells" in line for line in lines)
    enough = number(message(lines, "spending_within_budget"), r"; ([\d,.]+) million EUR would restore feasibility")
    assert hand_solved(requested | {"budget.total_mn": enough}, sites=expensive, **one).status != "limit"


def test_the_suggested_storage_capacity_includes_injection_after_the_horizon(hand_solved: Solved) -> None:
    one = BY_HAND | {"plants": {"A": {"co2_ktpa": 1_000}}, "links": {"A-S": {"length_km": 50}}}
    requested = CAPTURE_ALL | {"years": [2026, 2031], "capital_recovery_share": None, "targets.captured_ktpa": 1_000}
    line = message(conflicts(hand_solved, requested, sites=sites(S=(3, 20_000)), **one), CAPACITY)
    needed = number(line, r"S: ([\d,]+) kt in place of 20,000 kt")
    # Built in 2026 and idle until the target year: five years of 1,000 kt and ten after the horizon, at half capacity.
    assert needed == pytest.approx(30_000, rel=6e-3)
    assert hand_solved(requested, sites=sites(S=(3, needed)), **one).status != "limit"
    conflicts(hand_solved, requested, sites=sites(S=(3, 0.99 * needed)), **one)


def test_wells_and_a_basin_are_suggested_for_a_network_of_shipped_sites(
    solved: Solved, inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    sites = inputs["storage/sites"].copy()
    sites.loc[sites["site"] == "qinshui", "area_km2"] = 960.0  # area for 30 wells at one per 32 km²
    tables = with_tables({"storage/sites": sites})
    requested = {"targets.captured_ktpa": 5_000, "storage.sites": ["Qinshui"]}
    lines = conflicts(solved, LEAST_COST, SHARED, requested, tables=tables)
    assert number(message(lines, WELLS), r"qinshui: (\d+) in place of 30") == 50  # wells of 100 kt/y each
    basin = re.search(r"with basin (.+) among storage.sites", message(lines, "storage.sites:"))
    assert basin is not None
    wider = {"storage.sites": ["Qinshui", basin.group(1)], "solver.mip_gap": 0.1}
    assert solved(LEAST_COST, SHARED, requested, wider, tables=tables).status != "limit"
