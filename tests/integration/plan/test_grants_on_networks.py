"""The shared network depends on the sum of budget and grants, not on how the money is split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.problem.owner_accounts import most_capital
from tests.hand_network import LINKS, PLANTS, SITES

STAGED = {"objective": "max_abatement", "years": [2026, 2031], "capital_recovery_share": None}
MONEY_MN = 300.0


@pytest.mark.slow
@pytest.mark.parametrize("ceiling_mn", [100.0, 200.0, 300.0])
def test_a_grant_in_place_of_budget_does_not_change_the_objective(
    hand_solved: Callable[..., Plan], ceiling_mn: float
) -> None:
    def value(budget_mn: float, grant_mn: float) -> float:
        funds = {"g": {"kind": "grant", "ceiling_mn": grant_mn}} if grant_mn else {}
        requested = {**STAGED, "budget.total_mn": budget_mn, "funds": funds}
        return hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value

    assert value(MONEY_MN - ceiling_mn, ceiling_mn) == pytest.approx(value(MONEY_MN, 0.0), rel=1e-6)


@pytest.mark.slow
def test_the_largest_pipe_capacity_follows_from_budget_and_grants(hand_problem: Callable[..., Problem]) -> None:
    def most_ktpa(budget_mn: float, **funds: dict[str, object]) -> float:
        requested = {**STAGED, "budget.total_mn": budget_mn, "funds": funds}
        network = hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS).network
        assert network is not None
        return network.most_ktpa

    # The streams cost 45, 10 and 30 million.
    assert most_ktpa(50, g={"kind": "grant", "ceiling_mn": 20}) == pytest.approx(most_ktpa(70))
    assert most_ktpa(35, g={"kind": "grant", "share_max": 0.5}) == pytest.approx(most_ktpa(70))
    assert most_ktpa(0, g={"kind": "grant"}) == np.inf
    assert most_ktpa(50, g={"kind": "loan", "interest_rate": 0.03}) == most_ktpa(50) < most_ktpa(70)


@pytest.mark.parametrize(
    ("budget", "grants", "most"),
    [
        (900, [], 900),
        (100, [(800, 1.0)], 900),
        (100, [(np.inf, 0.5)], 200),
        (100, [(800, 0.5)], 200),  # half of 200 stays below the ceiling
        (100, [(50, 0.5), (np.inf, 0.25)], 200),
        (0, [(np.inf, 0.6), (np.inf, 0.4)], np.inf),
    ],
)
def test_the_largest_capital_follows_from_budget_and_grants(
    budget: float, grants: list[tuple[float, float]], most: float
) -> None:
    assert most_capital(budget, grants) == pytest.approx(most)
