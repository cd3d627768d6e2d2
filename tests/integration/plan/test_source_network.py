"""Inequalities by source: they cut off no plan at any prices, and they tighten the bound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.source_prices import Charges, PriceRounds, SourceNetwork, inequality
from ccs_model.model.build_model import build_model
from ccs_model.model.names import PIPE
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem
from ccs_model.solve import directed_bound, fixed_charge_network
from ccs_model.solve.directed_bound import bound_over_all_links, without_network_of_other_periods
from ccs_model.solve.fixed_charge_network import source_networks_of
from tests import hand_network

EXACT = SolverOptions(1e-9)
RingBuilder = Callable[[float], tuple[Problem, Matrix]]


def optimum(matrix: Matrix) -> tuple[float, np.ndarray]:
    found = Highs(matrix, EXACT).run(60, "test")
    assert found.status == "optimal" and found.x is not None
    return found.objective, found.x


def network_in(ring_problem: RingBuilder, budget: float) -> tuple[SourceNetwork, Matrix]:
    problem, matrix = ring_problem(budget)
    (network,) = source_networks_of(problem, matrix)
    return network, matrix


@pytest.mark.slow
@pytest.mark.parametrize("budget", [120.0, 300.0, 900.0])
def test_the_optimal_plan_satisfies_the_inequalities_at_random_prices(ring_problem: RingBuilder, budget: float) -> None:
    network, matrix = network_in(ring_problem, budget)
    _, plan = optimum(matrix)
    assert network.pipes.sum_by_item(plan, len(network.link)).sum() >= 1
    random = np.random.default_rng(7)
    n_sources, n_nodes, n_sites = len(network.source), len(network.balance), len(network.site)
    for _ in range(200):
        slope = random.uniform(0.0, 0.05, len(network.link))
        charges = Charges(np.zeros(len(network.link)), slope, np.zeros(n_sites), random.uniform(0.0, 0.5, n_sites))
        prices = random.exponential(1.0, (n_sources, n_nodes)) * random.integers(0, 2, (n_sources, n_nodes))
        columns, values = inequality(network, charges, prices)
        assert float(values @ plan[columns]) <= 1e-7


def test_supplies_and_flows_match_the_model(ring_problem: RingBuilder) -> None:
    network, matrix = network_in(ring_problem, 900.0)
    _, plan = optimum(matrix)
    captured = network.captured.sum_by_item(plan, len(network.source))
    assert captured.sum() > 0
    assert (captured <= network.supply + 1e-9).all()
    assert network.injected.sum_by_item(plan, len(network.site)).sum() == pytest.approx(captured.sum())
    assert network.wells.sum_by_item(plan, len(network.site)).sum() >= captured.sum() - 1e-6
    carried = network.pipes.sum_by_item(plan, len(network.link)) * network.included + network.added.sum_by_item(
        plan, len(network.link)
    )
    assert carried.max() >= captured.max() - 1e-6
    assert (network.largest >= network.included).all()


@pytest.mark.slow
@pytest.mark.parametrize("budget", [60.0, 120.0, 300.0, 900.0])
def test_the_inequalities_tighten_the_bound_and_keep_the_optimum(
    ring_problem: RingBuilder, budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, matrix = ring_problem(budget)

    def bound() -> float:
        found = bound_over_all_links(problem, matrix, EXACT, effort=1e6, stage="test")
        assert found is not None
        return found

    with_prices = bound()
    monkeypatch.setattr(directed_bound, "PRICES_BY_SOURCE", PriceRounds(n_rounds=0))
    without = bound()
    best, _ = optimum(matrix)
    assert best * (1 - 1e-9) <= with_prices <= without * (1 + 1e-9)
    if budget == 120.0:
        assert with_prices - best < 0.9 * (without - best)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_the_inequalities_raise_the_bound_of_the_cheapest_plan_but_not_above_its_cost(
    hand_problem: Callable[..., Problem], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {**hand_network.STAGED, "objective": "min_cost", "targets.abatement_share": {2036: share}}
    problem = hand_problem(changes, plants=hand_network.PLANTS, sites=hand_network.SITES, links=hand_network.RING)
    matrix = matrix_of(build_model(problem))
    bounds = []
    for rounds in (PriceRounds(), PriceRounds(n_rounds=0)):
        monkeypatch.setattr(directed_bound, "PRICES_BY_SOURCE", rounds)
        bounds.append(bound_over_all_links(problem, matrix, EXACT, effort=1e6, stage="test"))
    with_prices, without = bounds
    assert with_prices is not None and without is not None
    best, _ = optimum(matrix)
    assert without * (1 - 1e-9) <= with_prices <= best * (1 + 1e-9)
    # Both relaxations allow a fractional pipe for a fractional retrofit; violated inequalities still raise the bound.
    assert with_prices > without * (1 + 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("price", [10.0, 60.0])
def test_bounds_of_plans_that_earn_money_keep_the_network_of_every_year(
    hand_problem: Callable[..., Problem], price: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {**hand_network.STAGED, "objective": "max_npv", "policy.paid_per_captured_t": price}
    problem = hand_problem(changes, plants=hand_network.PLANTS, sites=hand_network.SITES, links=hand_network.RING)
    matrix = matrix_of(build_model(problem))
    assert len(source_networks_of(problem, matrix)) == len(problem.years)
    assert without_network_of_other_periods(problem, matrix) is matrix
    with_every_year = bound_over_all_links(problem, matrix, EXACT, effort=1e6, stage="test")
    for module in (directed_bound, fixed_charge_network):
        monkeypatch.setattr(module, "earns_by_tonnes", lambda matrix: False)
    assert len(source_networks_of(problem, matrix)) == 1
    with_last_year = bound_over_all_links(problem, matrix, EXACT, effort=1e6, stage="test")
    best, plan = optimum(matrix)
    assert plan[matrix.columns_of(PIPE)].sum() >= 1
    assert with_every_year is not None and with_last_year is not None
    assert best * (1 - 1e-9) <= with_every_year < with_last_year


def test_there_is_no_source_network_with_trucks(hand_problem: Callable[..., Problem]) -> None:
    trucks = {**hand_network.STAGED, "transport.trucks": True, "budget.total_mn": 300.0}
    problem = hand_problem(trucks, plants=hand_network.PLANTS, sites=hand_network.SITES, links=hand_network.RING)
    assert source_networks_of(problem, matrix_of(build_model(problem))) == []
