"""Upper bounds on the nameplate of any useful plan, which size the candidate pipes of a shared network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.problem import Problem
from ccs_model.problem.candidate_network import Network
from ccs_model.problem.link_costs import network_of
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, object]
# A: 300 kt/y for 10 million, B: 700 for 30, C: 1,500 for 45. By cost per kt/y: C 0.03, A 0.033, B 0.043.
YEARS: Changes = {
    "years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "targets.captured_ktpa": None,
}  # fmt: skip
STATIC: Changes = {"targets.captured_ktpa": 400}


@pytest.fixture(scope="module")
def posed(hand_problem: Callable[..., Problem]) -> Callable[..., Problem]:
    def made(changes: Changes, plants: Changes | None = None, sites: Changes | None = None) -> Problem:
        tables = {"plants": {**PLANTS, **(plants or {})}, "sites": {**SITES, **(sites or {})}}
        return hand_problem(changes, **tables, links=LINKS)

    return made


@pytest.fixture(scope="module")
def network(posed: Callable[..., Problem]) -> Callable[..., Network]:
    """The network of the same options and sites for a scenario with changes."""
    known = posed(STATIC)

    def made(changes: Changes, problem: Problem = known, delivered_share: float = 1.0, least: float = 0.0) -> Network:
        scenario, tables = known.scenario.with_changes(changes), (problem.options, problem.plants, problem.sites)
        return network_of(scenario, problem.inputs, problem.price_level, *tables, delivered_share, least)

    return made


@pytest.mark.parametrize(
    ("changes", "most_ktpa"),
    [
        ({"budget.total_mn": 50}, 1_500 + 150),  # C for 45, half of A for 5
        ({"budget.total_mn": 55}, 1_500 + 300),
        ({"budget.total_mn": 60}, 1_500 + 300 + 700 * 5 / 30),
        ({"budget.total_mn": 85}, 2_500),
        ({"budget.total_mn": 9_000}, 2_500),
        # Less than the cheapest stream costs: it stays eligible.
        ({"budget.total_mn": 10}, 1_500),
        ({"budget.total_mn": 0}, 1_500),
        # A grant adds to the budget, a loan does not.
        ({"budget.total_mn": 50, "funds": {"gift": {"kind": "grant", "ceiling_mn": 5}}}, 1_800),
        ({"budget.total_mn": 50, "funds": {"loan": {"kind": "loan", "interest_rate": 0.03}}}, 1_650),
    ],
)
def test_a_budget_pays_for_the_cheapest_streams_first(
    network: Callable[..., Network], changes: Changes, most_ktpa: float
) -> None:
    assert network(YEARS | changes).most_ktpa == pytest.approx(most_ktpa)


def test_streams_that_cost_nothing_are_all_captured(
    network: Callable[..., Network], posed: Callable[..., Problem]
) -> None:
    money = YEARS | {"budget.total_mn": 50}
    # B for nothing, C for 45, half of A for 5.
    free = posed(STATIC, {"B": {**PLANTS["B"], "capture_capex_mn": 0}})
    assert network(money, free).most_ktpa == pytest.approx(700 + 1_500 + 150)
    none = posed(STATIC, {name: {**row, "capture_capex_mn": 0} for name, row in PLANTS.items()})
    assert network(money, none).most_ktpa == pytest.approx(2_500)


@pytest.mark.parametrize(
    "changes",
    [
        {"budget.total_mn": 50, "capture.decisions": "continuous"},
        {"budget.total_mn": 50, "plants.require": ["B"]},
        {"budget.total_mn": 50, "targets.captured_ktpa": 100},
        {"budget.total_mn": 50, "targets.abatement_share": {2031: 0.1}},
        {"budget.total_mn": 50, "targets.cumulative_avoided_kt": 100},
        {"budget.total_mn": 50, "targets.share_of_avoided_min": {"Here": 0.1}},
        {"budget.total_mn": 50, "plants.committed": {"B/all/given/full": 2026}},
        {"budget.total_mn": None, "objective": "max_npv"},
    ],
    ids=lambda changes: next(reversed(changes)),
)
def test_what_must_be_reached_whatever_it_costs_has_no_bound(network: Callable[..., Network], changes: Changes) -> None:
    assert network(YEARS | changes).most_ktpa == np.inf


def test_a_static_year_captures_no_more_than_its_target(network: Callable[..., Network]) -> None:
    assert network(STATIC).most_ktpa == pytest.approx(400)
    # Only 80 % of the nameplate is delivered.
    assert network(STATIC, delivered_share=0.8).most_ktpa == pytest.approx(500)


@pytest.mark.parametrize(
    "changes",
    [
        {"policy.paid_per_captured_t": 1.0},
        {"policy.paid_per_avoided_t": 1.0},
        {"targets.abatement_share": {2015: 0.1}},
        {"plants.require": ["B"]},
        {"objective": "max_abatement", "budget.total_mn": 100},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_static_year_with_a_reason_to_capture_more_has_no_bound(
    network: Callable[..., Network], changes: Changes
) -> None:
    assert network(STATIC | changes).most_ktpa == np.inf


def test_a_field_that_pays_for_co2_may_take_more_than_the_target(posed: Callable[..., Problem]) -> None:
    found = posed(STATIC, sites={"S": {**SITES["S"], "eor_revenue_per_t": 20.0}}).network
    assert found is not None and found.most_ktpa == np.inf


def test_a_bound_of_another_budget_is_kept(network: Callable[..., Network]) -> None:
    for least, most in ((1_600, 1_650), (1_700, 1_700)):
        assert network(YEARS | {"budget.total_mn": 50}, least=least).most_ktpa == pytest.approx(most)


def test_pipes_are_sized_for_what_may_flow_through_their_link(
    network: Callable[..., Network], posed: Callable[..., Problem]
) -> None:
    rich = YEARS | {"budget.total_mn": 1_650}
    largest = network(rich).lines.groupby("link")["largest_ktpa"].max()
    # A, B and S form a ring, which all 2,500 kt/y may use, as they may C – T. By B – C go either the 1,000 of A and B
    # to T, or as much of C's 1,500 as S takes: three wells of 400.
    assert largest.to_dict() == pytest.approx({"C-T": 2_500, "B-C": 1_200, "A-B": 2_500, "A-S": 2_500, "B-S": 2_500})
    # The target of a static year bounds all of them.
    assert network(STATIC).lines["largest_ktpa"].max() == pytest.approx(400)
    # A site without wells takes nothing.
    closed = network(rich, posed(STATIC, sites={"S": {**SITES["S"], "n_wells_max": 0}})).lines
    assert closed.groupby("link")["largest_ktpa"].max()["B-C"] == pytest.approx(1_000)
