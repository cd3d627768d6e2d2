"""Costs of pipes, paths and spending in tree growth, against direct calculations over all links."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ccs_model.mip.clock import effort
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.grown_solution import Growth
from tests.unit.mip.test_tree_growth import network_of

LINKS = [(0, 1, 1.0), (1, 2, 1.0), (0, 3, 1.0), (3, 2, 1.0), (4, 3, 1.0)]
OPTIONS = [(0, 10.0, 1.0), (1, 10.0, 1.0), (4, 10.0, 1.0)]
N_PERIODS = 3


@pytest.fixture(scope="module")
def network() -> GrowthNetwork:
    """Three periods, two sizes of pipes with costs that rise over the periods, two sites, and growing flows."""
    one = network_of(LINKS, [2, 3], OPTIONS, [1e9], {"options": [0] * 3, "links": [0] * 5, "sites": [0, 0]})
    year = 1.0 + 0.1 * np.arange(N_PERIODS)[:, None, None]
    length = np.arange(1.0, 6.0)[None, :, None]
    return replace(
        one,
        fixed=year * length * np.array([30.0, 90.0]),
        slope=year * length * np.array([0.5, 0.1]),
        included=np.tile([50.0, 400.0], (5, 1)),
        largest=np.tile([200.0, 2_000.0], (5, 1)),
        pipe=np.arange(N_PERIODS * 5 * 2).reshape(N_PERIODS, 5, 2),
        opening=np.full((N_PERIODS, 2), 40.0),
        well=np.full((N_PERIODS, 2), 7.0),
        weight=np.ones((N_PERIODS, 2)),
        flow=np.array([[80.0, 150.0, 150.0], [0.0, 60.0, 90.0], [120.0, 120.0, 40.0]]),
        limits=np.full(N_PERIODS, 1e9),
        area_limits=np.zeros(0),
        area_options=np.zeros((0, 3)),
        area_links=np.zeros((0, 5)),
        area_sites=np.zeros((0, 2)),
    )


@pytest.fixture
def growth(network: GrowthNetwork) -> Growth:
    solution = Growth.make_empty(network)
    solution.add(0, np.array([0, 1]), 0)
    solution.add(1, np.array([1]), 0)
    solution.ahead[1] = 240.0
    return solution


def test_first_pipe_costs_as_much_as_the_cheapest_size_of_each_period(network: GrowthNetwork) -> None:
    flows = network.flow
    found = network.first_pipe_costs(flows, 0)
    built = np.diff(np.maximum.accumulate(flows, axis=1), axis=1, prepend=0.0)
    by_hand = [
        [
            sum(
                min(
                    network.fixed[p, link, d] + network.slope[p, link, d] * max(more - network.included[link, d], 0.0)
                    for d in range(2)
                    if more <= network.largest[link, d]
                )
                for p, more in enumerate(rows)
                if more > 0
            )
            for link in range(5)
        ]
        for rows in built
    ]
    assert found == pytest.approx(np.array(by_hand))


def test_cost_of_a_path_equals_the_increase_in_spending(network: GrowthNetwork, growth: Growth) -> None:
    """The tree's cost of a node is the increase in total spending if the flow is added along the tree's path."""
    before = growth.spending().sum()
    with effort():
        for option in range(3):
            flows, node = network.flow[[option]], int(network.node[option])
            ((cost, following),) = growth.trees(flows, 0)
            first = network.first_pipe_costs(flows, 0)
            ((again, _),) = growth.trees(flows, 0, first)
            assert again.tolist() == cost.tolist()
            trial, links, at = growth.copy(), [], node
            while following[at] != len(network.positions):
                links.append(network.link_between[at, int(following[at])])
                at = int(following[at])
            trial.flow[:, links] += flows[0][:, None]
            trial.stored[:, network.site_at[at]] += flows[0]
            assert trial.spending().sum() - before == pytest.approx(cost[node])


def test_spending_counts_each_pipe_of_each_period(network: GrowthNetwork, growth: Growth) -> None:
    every_link = network.pipe_costs(growth.vintages()).sum(axis=1) + growth.site_costs().sum(axis=1)
    options = np.bincount(network.period[growth.options], weights=network.cost[growth.options], minlength=N_PERIODS)
    assert growth.spending().tolist() == (every_link + options).tolist()


@pytest.mark.parametrize("first", range(N_PERIODS))
def test_pipes_of_later_periods_exclude_what_is_built_before(growth: Growth, first: int) -> None:
    whole = growth.vintages()
    # The link that both options share carries 80, 210 and 240, all in a first pipe of 240.
    assert whole[:, 1].tolist() == [240.0, 0.0, 0.0]
    assert growth.vintages(first=first).tolist() == whole[first:].tolist()
    growth.build_ahead(np.zeros(5))
    assert growth.vintages()[:, 1].tolist() == [80.0, 130.0, 30.0]
    assert growth.vintages(first=first).tolist() == growth.vintages()[first:].tolist()


def test_raised_limits_exceed_money_and_targets_by_the_given_share(network: GrowthNetwork) -> None:
    limited = replace(
        network, limits=np.array([10.0, 20.0, 40.0]), area_limits=np.array([5.0]), target_limits=np.array([2.0])
    )
    raised = limited.with_limits_raised(0.5)
    assert raised.limits.tolist() == [15.0, 30.0, 60.0]
    assert (raised.area_limits.tolist(), raised.target_limits.tolist()) == ([7.5], [3.0])
