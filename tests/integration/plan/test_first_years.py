"""The first year of a storage site (`storage.not_before`) holds for shared and own pipes, and never improves a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ccs_model.errors import InfeasibleError, InputError
from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.problem.unused_inputs import unused_inputs
from ccs_model.scenario import Scenario
from tests.hand_network import LINKS, PLANTS, SITES, STAGED

Solved = Callable[..., Plan]
SHARED = {**STAGED, "budget.total_mn": 150.0}
OWN = {
    **SHARED, "transport.shared_trunklines": False, "transport.candidate_links": "made_and_given",
    "transport.pipe_costs": "dea",
}  # fmt: skip


@pytest.fixture(scope="module")
def solved(hand_solved: Solved, inputs: Inputs) -> Solved:
    without_power = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)

    def solve_with(changes: Mapping[str, object]) -> Plan:
        links = LINKS if changes.get("transport.shared_trunklines", True) else {}
        return hand_solved(changes, plants=PLANTS, sites=SITES, links=links, transport__pipes=without_power)

    return solve_with


def injected(plan: Plan) -> dict[str, dict[int, float]]:
    """Injection in kt/y by site and period."""
    by_site = plan.storage.groupby("site")
    return {site: dict(zip(rows["year"], rows["injected_ktpa"], strict=True)) for site, rows in by_site}


@pytest.mark.parametrize("kind", [pytest.param(SHARED, marks=pytest.mark.slow), OWN])
def test_a_site_injects_nothing_before_its_first_year(solved: Solved, kind: Mapping[str, object]) -> None:
    unrestricted = solved(kind)
    used = {site for site, by_year in injected(unrestricted).items() if by_year[2026] > 0}
    assert used
    later = solved({**kind, "storage.not_before": dict.fromkeys(SITES, 2031)})
    assert all(by_year[2026] == 0.0 for by_year in injected(later).values())
    assert any(by_year[2031] > 0.0 for by_year in injected(later).values())
    never = solved({**kind, "storage.not_before": dict.fromkeys(used, 2090)})
    assert used.isdisjoint(site for site, by_year in injected(never).items() if max(by_year.values()) > 0)
    assert unrestricted.objective.value > max(later.objective.value, never.objective.value) > 0.0
    # A year in the first period changes nothing.
    early = solved({**kind, "storage.not_before": dict.fromkeys(SITES, 2026)})
    assert early.objective.value == pytest.approx(unrestricted.objective.value, rel=1e-9)


def test_plants_whose_sites_open_too_late_have_a_reason(hand_problem: Callable[..., Problem], inputs: Inputs) -> None:
    without_power = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    tables = {"plants": PLANTS, "sites": SITES, "links": {}, "transport__pipes": without_power}
    problem = hand_problem({**OWN, "storage.not_before": dict.fromkeys(SITES, 2090)}, **tables)
    assert set(problem.plants["reason"]) == {"storage sites in reach open too late for the horizon"}


@pytest.mark.slow
def test_a_first_year_that_makes_a_target_infeasible_is_named(solved: Solved) -> None:
    target = {**SHARED, "objective": "min_cost", "budget.total_mn": None, "targets.captured_ktpa": 2_000}
    assert solved(target).objective.value > 0
    with pytest.raises(InfeasibleError) as raised:
        solved({**target, "storage.not_before": {"T": 2090, "S": 2026}})
    assert "storage.not_before: if T does not have to wait until 2090, there is a plan" in raised.value.conflicts


def test_first_years_need_periods_and_known_sites(hand_problem: Callable[..., Problem]) -> None:
    with pytest.raises(InputError, match=r"storage.not_before.*not available with 'years: static'"):
        Scenario.from_dict({"name": "x", "years": "static", "storage": {"not_before": {"nanpu": 2031}}})
    with pytest.raises(InputError, match=r"site 'elsewhere' is not in the tables \(S, T\)"):
        hand_problem({**SHARED, "storage.not_before": {"elsewhere": 2031}}, plants=PLANTS, sites=SITES, links=LINKS)
    changes = {**SHARED, "storage.exclude": ["T"], "storage.not_before": {"T": 2031, "S": 2090}}
    notices = " ".join(unused_inputs(hand_problem(changes, plants=PLANTS, sites=SITES, links=LINKS)))
    assert "names plants or sites that are not in the problem: T" in notices
    assert "the last period begins in 2036, so that these sites do not open: S" in notices
