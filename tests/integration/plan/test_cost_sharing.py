"""Use of a shared network by plant, and allocation of its costs by use and by Shapley value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.plan import cost_sharing as sharing
from ccs_model.plan.cost_sharing import EXACT_USERS, CostSharing, shapley, shares_table
from ccs_model.plan.decisions import Point
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem

Floats = np.ndarray
# A and B meet at H, from where one trunk leads to S and another to T.
WISHBONE: dict[str, Any] = {
    "plants": {"A": {"co2_ktpa": 600}, "B": {"co2_ktpa": 200}},
    "sites": {"S": {"site_capex_mn": 4}, "T": {"site_capex_mn": 2}},
    "links": {
        "A-H": {"length_km": 10},
        "B-H": {"length_km": 20},
        "H-S": {"length_km": 30},
        "H-T": {"length_km": 40},
        "S-T": {"length_km": 5},
    },
}


@pytest.fixture(scope="module")
def hubs() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"hub": name, "lat_deg": 38.0, "lon_deg": 115.3 + 0.1 * k, "reference": "OWN", "quality": "reported"}
            for k, name in enumerate("HXYZ")
        ]
    ).assign(note="")


@pytest.fixture(scope="module")
def problem(hand_problem: Callable[..., Problem], hubs: pd.DataFrame) -> Problem:
    return hand_problem({"targets.captured_ktpa": 800}, **WISHBONE, transport__hubs=hubs)


def point(problem: Problem, **decided: dict[str, float]) -> Point:
    """A one-year solution with the given values; other variables are 0, and all retrofits are built."""
    arrays = {name: np.zeros((len(ids), 1)) for name, ids in problem.axes.items()}
    arrays["build"][:] = 1.0
    for name, values in decided.items():
        for key, value in values.items():
            at = np.flatnonzero(problem.axes[name].str.startswith(key))
            assert len(at), key
            arrays[name][at[-1]] = value
    return Point(problem, MappingProxyType(arrays))


FLOWS = {
    "forward_ktpa": {"A-H": 600, "B-H": 200, "H-S": 600, "H-T": 200},
    "injected_ktpa": {"S": 600, "T": 200},
    "opened": {"S": 1, "T": 1},
}


def use_of(found: CostSharing) -> dict[str, list[float]]:
    """Flows of A and B in kt/y over each link and into each site."""
    problem = found.point.problem
    assert problem.network is not None
    links = dict(zip(problem.network.links["link"], found.on_link_ktpa[:, :, 0].tolist(), strict=True))
    return links | dict(zip(problem.sites["site"], found.at_site_ktpa[:, :, 0].tolist(), strict=True))


def test_flows_mix_at_a_node(problem: Problem) -> None:
    found = use_of(CostSharing.of(point(problem, **FLOWS)))
    # Three quarters of the flow out of H are from A.
    by_hand = {"A-H": [600, 0], "B-H": [0, 200], "H-S": [450, 150], "H-T": [150, 50], "S-T": [0, 0]}
    for facility, use in (by_hand | {"S": [450, 150], "T": [150, 50]}).items():
        assert found[facility] == pytest.approx(use), facility


def test_the_main_site_of_a_retrofit_and_its_share_of_the_tonnes_follow_from_the_flows(problem: Problem) -> None:
    main = CostSharing.of(point(problem, **FLOWS)).main_site()
    assert main["site"].tolist() == ["S", "S"]
    assert main["site_share"].tolist() == pytest.approx([0.75, 0.75])


def test_flows_may_run_in_reverse_and_pass_a_site(problem: Problem) -> None:
    # All CO2 flows to T first; 500 are stored there, and 300 flow on to S, against the direction of the link.
    flows = {"A-H": 600, "B-H": 200, "H-T": 800}
    found = use_of(
        CostSharing.of(
            point(problem, forward_ktpa=flows, reverse_ktpa={"S-T": 300}, injected_ktpa={"S": 300, "T": 500})
        )
    )
    for facility, use in {"T": [375, 125], "S-T": [225, 75], "S": [225, 75]}.items():
        assert found[facility] == pytest.approx(use), facility


def test_circulating_flow_in_a_separate_ring_is_allocated_to_no_plant(
    hand_problem: Callable[..., Problem], hubs: pd.DataFrame
) -> None:
    ring = {name: {"length_km": 1, "existing_ktpa": 100} for name in ("X-Y", "Y-Z", "X-Z")}
    problem = hand_problem(
        {"targets.captured_ktpa": 800}, **{**WISHBONE, "links": WISHBONE["links"] | ring}, transport__hubs=hubs
    )
    flows = {**FLOWS["forward_ktpa"], "X-Y": 50, "Y-Z": 50}
    found = use_of(CostSharing.of(point(problem, **{**FLOWS, "forward_ktpa": flows}, reverse_ktpa={"X-Z": 50})))
    assert found["X-Y"] == found["X-Z"] == [0, 0]
    assert found["S"] == pytest.approx([450, 150])


def test_the_shares_of_each_link_and_site_sum_to_its_capital(problem: Problem) -> None:
    built = {f"{link} | large": 1.0 for link in ("A-H", "H-S", "H-T")} | {"B-H | medium": 1.0, "S-T | small": 1.0}
    found = CostSharing.of(point(problem, **FLOWS, pipe=built, wells={"S": 3}))
    table = shares_table(found)
    for rule in ("by_use_mn", "by_shapley_mn"):
        each = table.groupby("facility")[rule].sum()
        assert each.to_dict() == pytest.approx(table.groupby("facility")["capex_mn"].first().to_dict(), rel=1e-12)
    capex = table.groupby("facility")["capex_mn"].first().to_dict()
    by_hand = {"A-H": 276 * 10, "B-H": 240 * 20, "H-S": 276 * 30, "H-T": 276 * 40, "S-T": 150 * 5}
    assert capex == pytest.approx({link: each / 1e3 for link, each in by_hand.items()} | {"S": 4, "T": 2})
    # S – T has no flow: its cost is allocated in proportion to all CO2 sent.
    split = table.set_index(["facility", "plant"])["by_use_mn"]
    assert split["S-T"].to_dict() == pytest.approx({"A": 0.75 * 0.75, "B": 0.25 * 0.75})
    assert split["H-S"].to_dict() == pytest.approx({"A": 0.75 * 8.28, "B": 0.25 * 8.28})
    per_route = found.by_route
    assert per_route["pipe_capex_mn"].sum() == pytest.approx(sum(by_hand.values()) / 1e3)
    assert per_route["storage_capex_mn"].sum() == pytest.approx(6)
    # A tonne of A flows 10 km and then 30 km or, one in four, 40 km.
    assert per_route["path_km"].tolist() == pytest.approx([10 + 32.5, 20 + 32.5])
    # On the trunk, A alone needs the large class (68 t/h) and B the medium (23 t/h): 276 and 240 per m, together 276.
    trunk = table.set_index(["facility", "plant"])["by_shapley_mn"]["H-S"]
    assert trunk.to_dict() == pytest.approx({"A": 0.030 * (276 + 276 - 240) / 2, "B": 0.030 * (240 + 276 - 276) / 2})


@pytest.mark.parametrize(
    ("capacity_ktpa", "of_a", "of_b"), [(450, 276 / 2, 276 / 2), (200, (240 + 276) / 2, (276 - 240) / 2)]
)
def test_existing_pipes_reduce_the_shapley_costs_of_the_users_that_they_can_carry(
    hand_problem: Callable[..., Problem], hubs: pd.DataFrame, capacity_ktpa: float, of_a: float, of_b: float
) -> None:
    # A sends 450 kt/y and B 150. An existing pipe for 450 carries either alone. One for 200 carries B alone; A alone
    # also needs a new pipe of the medium class (29 t/h), and both together one of the large class (46 t/h).
    links = WISHBONE["links"] | {"H-S": {"length_km": 30, "existing_ktpa": capacity_ktpa}}
    problem = hand_problem({"targets.captured_ktpa": 800}, **{**WISHBONE, "links": links}, transport__hubs=hubs)
    built = {f"{link} | large": 1.0 for link in ("A-H", "H-S", "H-T")} | {"B-H | medium": 1.0}
    table = shares_table(CostSharing.of(point(problem, **FLOWS, pipe=built)))
    split = table.set_index(["facility", "plant"])["by_shapley_mn"]["H-S"]
    assert split.to_dict() == pytest.approx({"A": 0.030 * of_a, "B": 0.030 * of_b})


def test_operating_costs_are_allocated_by_use(hand_problem: Callable[..., Problem], hubs: pd.DataFrame) -> None:
    sites = {
        "S": {"site_capex_mn": 4, "site_om_mn_pa": 2, "injection_cost_per_t": 5},
        "T": {"well_capex_mn": 1, "well_om_mn_pa": 0.5, "injection_cost_per_t": 1, "eor_revenue_per_t": 3},
    }
    problem = hand_problem({"targets.captured_ktpa": 800}, **WISHBONE | {"sites": sites}, transport__hubs=hubs)
    flows = {"A-H | large": 600, "B-H | medium": 200, "H-S | large": 600, "H-T | medium": 200}
    solution = point(problem, **FLOWS, wells={"T": 4}, pipe_flow_ktpa=flows, paid_for_oil_ktpa={"T": 150})
    costs = CostSharing.of(solution).by_route
    # 20 EUR per t/h, km and year; a quarter of the flow on the links after H is from B.
    per_ktpa_km = 20e-6 / 8.76
    assert costs["pipe_om_by_flow_mn_pa"].tolist() == pytest.approx(
        [per_ktpa_km * (600 * 10 + 450 * 30 + 150 * 40), per_ktpa_km * (200 * 20 + 150 * 30 + 50 * 40)]
    )
    # The payment of the oil field is revenue, not a negative cost.
    stored = 5 * 0.6 + 1 * 0.2
    assert costs["storage_mn_pa"].tolist() == pytest.approx([0.75 * stored, 0.25 * stored])
    assert costs["storage_om_mn_pa"].tolist() == pytest.approx([0.75 * 4, 0.25 * 4])
    # S at 4 and four wells at 1, recovered at a tenth a year.
    assert costs["storage_capital_mn_pa"].sum() == pytest.approx(0.8)
    assert not costs[["pipe_power_mn_pa", "haul_mn_pa"]].any(axis=None)


# Shapley values


def concave(fixed: float, slope: float) -> Callable[[Floats], Floats]:
    return lambda q: np.where(np.asarray(q) > 1e-9, fixed + slope * np.asarray(q, dtype=float), 0.0)


def steps(q: Floats) -> Floats:
    """The cost of whole pipes, 10 for every 100 of flow."""
    return 10.0 * np.ceil(np.asarray(q, dtype=float) / 100 - 1e-9)


def shapley_by_definition(size: Floats, cost: Callable[[Floats], Floats]) -> list[float]:
    """Σ over the others' subsets: |S|! (n − |S| − 1)! ÷ n! × what joining S adds."""
    n = len(size)
    values = []
    for user in range(n):
        others = [k for k in range(n) if k != user]
        value = 0.0
        for n_before in range(n):
            weight = math.factorial(n_before) * math.factorial(n - n_before - 1) / math.factorial(n)
            for subset in itertools.combinations(others, n_before):
                before = float(size[list(subset)].sum())
                value += weight * float(cost(np.array(before + size[user])) - cost(np.array(before)))
        values.append(value)
    return values


def test_shapley_values_of_two_users_match_the_hand_calculation() -> None:
    # Alone 10 + 30 = 40 and 10 + 10 = 20, together 50: the large user pays (40 + 30) ÷ 2, the small (20 + 10) ÷ 2.
    cost = concave(10, 1)
    value, error = shapley(np.array([30.0, 10.0]), cost, 50.0)
    assert value.tolist() == pytest.approx([35, 15])
    assert error.tolist() == [0, 0]
    # Each pays at most its cost alone and at least its marginal cost.
    assert 10 <= value[1] <= 20 and 30 <= value[0] <= 40
    equal, _ = shapley(np.array([25.0, 25.0]), cost, 60.0)
    assert equal.tolist() == pytest.approx([30, 30])


def test_shapley_values_of_three_users_match_the_hand_calculation() -> None:
    # A pipe carries 100. In each of the six orders of (60, 30, 20), the first user pays the first step of 10, and the
    # user that passes 100 pays the second.
    value, _ = shapley(np.array([60.0, 30.0, 20.0]), steps, 20.0)
    # Each user is first in two of six orders. The last passes 100 (60 + 30 + 20 = 110): each in two of six.
    assert value.tolist() == pytest.approx([20 / 3] * 3)
    value, _ = shapley(np.array([90.0, 30.0, 20.0]), steps, 20.0)
    # 90 with either of the others passes 100, the others together do not: 90 pays 10 in every order, and the others
    # share the second step equally.
    assert value.tolist() == pytest.approx([10, 5, 5])
    # The payments sum to the cost of the plan, whatever the size of its pipes.
    scaled, _ = shapley(np.array([90.0, 30.0, 20.0]), steps, 26.0)
    assert scaled.tolist() == pytest.approx([13, 6.5, 6.5])


@pytest.mark.parametrize("cost", [concave(7, 0.3), steps, concave(0, 2)])
@pytest.mark.parametrize("n", [1, 2, 4, EXACT_USERS])
def test_exact_shapley_values_match_the_definition(n: int, cost: Callable[[Floats], Floats]) -> None:
    size = np.random.default_rng(n).uniform(5, 90, n)
    size[-1] = size[0]
    total = float(cost(np.array(size.sum())))
    value, error = shapley(size, cost, total)
    assert value.tolist() == pytest.approx(shapley_by_definition(size, cost))
    assert value.sum() == pytest.approx(total)
    assert value[0] == pytest.approx(value[-1])
    assert not error.any()


def test_shapley_values_are_proportional_to_use_if_the_cost_is_proportional() -> None:
    size = np.array([10.0, 20.0, 70.0])
    value, _ = shapley(size, concave(0, 2), 200.0)
    assert value.tolist() == pytest.approx([20, 40, 140])
    free, _ = shapley(size, lambda q: np.zeros(np.shape(q)), 30.0)
    assert free.tolist() == pytest.approx([10, 10, 10])


def test_sampled_shapley_values_converge_to_the_exact_values(monkeypatch: pytest.MonkeyPatch) -> None:
    size = np.array([12.0, 25.0, 31.0, 44.0, 58.0, 63.0, 77.0, 95.0])
    exact = np.array(shapley_by_definition(size, steps))
    total = float(steps(np.array(size.sum())))
    errors = []
    for n in (500, 2_000, 8_000):
        monkeypatch.setattr(sharing, "N_SAMPLES", n)
        value, error = shapley(size, steps, total)
        assert value.sum() == pytest.approx(total)
        assert (np.abs(value - exact) <= 4 * error).all()
        errors.append(float(error.mean()))
        # The sampled orders are reproducible.
        assert shapley(size, steps, total)[0].tolist() == value.tolist()
    # Four times the samples, half the error.
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.15)


def test_the_shares_of_a_plan_sum_to_its_capital(hand_solved: Callable[..., Plan], hubs: pd.DataFrame) -> None:
    plan = hand_solved({"targets.captured_ktpa": 800}, **WISHBONE, transport__hubs=hubs)
    assert plan.shares is not None
    total = plan.flows["built_mn"].sum() + plan.storage["invested_mn"].sum()
    assert plan.shares["by_use_mn"].sum() == pytest.approx(total)
    assert plan.shares["by_shapley_mn"].sum() == pytest.approx(total)
    assert plan.retrofits[["pipe_capex_mn", "storage_capex_mn"]].sum().sum() == pytest.approx(total)
