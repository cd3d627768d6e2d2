"""Paths to the options that a solution omits: highest value per cost first, along pipes in use if cheaper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ccs_model.mip.clock import effort
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.tree_growth import cheapest_path_links
from tests.unit.mip.test_tree_growth import network_of

# The solution connects node 0 by link 0 to node 1 and by link 1 to the site at node 2.
LINKS = [(0, 1, 100.0), (1, 2, 100.0), (3, 1, 40.0), (3, 2, 60.0), (4, 2, 150.0), (5, 4, 10.0)]
# The options at nodes 3, 4 and 5 earn 100, 90 and 30 and cost 10 each.
OPTIONS = [(0, 100.0, 10.0), (3, 100.0, 10.0), (4, 90.0, 10.0), (5, 30.0, 10.0)]


def network() -> GrowthNetwork:
    everywhere = {"options": [0] * len(OPTIONS), "links": [0] * len(LINKS), "sites": [0]}
    made = network_of(LINKS, [2], OPTIONS, [1e9], everywhere)
    n = len(LINKS)
    return replace(made, column=n + np.arange(len(OPTIONS)), opened=np.full((1, 1), n + len(OPTIONS)))


def solution() -> np.ndarray:
    x = np.zeros(len(LINKS) + len(OPTIONS) + 1)
    x[[0, 1, len(LINKS), -1]] = 1.0
    return x


def paths(n_options: int, x: np.ndarray) -> list[int]:
    with effort():
        return cheapest_path_links(network(), x, n_options).tolist()


def test_best_option_comes_first_and_uses_the_pipe_in_use():
    # Node 3: 100 ÷ (10 + 40 + 5) over the pipe in use at a twentieth of its cost, against 100 ÷ (10 + 60) without it.
    assert paths(1, solution()) == [1, 2]


def test_more_options_add_their_links():
    # Node 4 earns 90 ÷ 160, node 5 earns 30 ÷ 170.
    assert paths(2, solution()) == [1, 2, 4]
    assert paths(3, solution()) == [1, 2, 4, 5] == paths(9, solution())


def test_there_is_no_path_without_an_open_site_or_an_omitted_option():
    nothing = np.zeros_like(solution())
    assert paths(3, nothing) == []
    everything = solution()
    everything[len(LINKS) : -1] = 1.0
    assert paths(3, everything) == []
