"""Layers of rows that give room: prices by hand, and optima over a pool that are optima over everything."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import sparse

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.column_pool import LayerPricing, Pool
from ccs_model.mip.layered_pricing import Layers
from tests.hand_matrix import hand_matrix

linear = partial(hand_matrix, is_integer=False)

# A flow worth 5 a tonne within ten times a pipe of 12, at most 8 of it; and a plant that is always there.
# Columns: flow, pipe, plant.
FLOW = linear(
    [[1.0, -10.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.0, 8.0, 1.0], [5.0, -12.0, 1.0], upper=[np.inf, 1.0, 1.0]
)


def test_a_follower_makes_its_leader_worth_more() -> None:
    layers, inside = Layers(FLOW), np.array([False, False, True])
    assert layers.gives.tolist() == [True, False, False]
    assert layers.vub.tolist() == [True, False, False]
    y = np.zeros(3)
    _, worth, joining = layers.priced(FLOW, y, inside, 1.0)
    # At the row's price of 5 the flow is worth nothing, the pipe 10 × 5 − 12.
    assert y[0] == pytest.approx(5.0)
    assert worth[:2] == pytest.approx([0.0, 38.0])
    assert joining.tolist() == [0, 1]


def test_nothing_joins_where_a_leader_is_not_worth_it() -> None:
    layers, inside = Layers(FLOW), np.array([False, False, True])
    # With 4 asked for the tonne elsewhere, the pipe is worth 10 × 1 − 12.
    y = np.array([0.0, 4.0, 0.0])
    _, worth, joining = layers.priced(FLOW, y, inside, 1.0)
    assert worth[1] == pytest.approx(-2.0)
    assert not len(joining)


def test_a_row_whose_followers_are_outside_stands_aside() -> None:
    layers = Layers(FLOW)
    assert layers.kept(np.array([False, True, True])).tolist() == [False, False, True]
    assert layers.kept(np.array([True, True, False])).tolist() == [True, True, False]
    # What is not of these signs is no such row.
    turned = FLOW.rows.data.copy()
    turned[0] *= -1
    other = sparse.csc_array((turned, FLOW.rows.indices, FLOW.rows.indptr), shape=FLOW.rows.shape)
    assert layers.fit(FLOW)
    assert not layers.fit(linear(other.toarray(), [0.0, 8.0, 1.0], [5.0, -12.0, 1.0], upper=[np.inf, 1.0, 1.0]))


# Flows worth 3 and 4 a tonne, each within ten times a pipe of 12 or 25, of which one may be laid.
# Columns: both flows, both pipes.
ONE_OF_TWO = linear(
    [[1.0, 0.0, -10.0, 0.0], [0.0, 1.0, 0.0, -10.0], [0.0, 0.0, 1.0, 1.0]],
    [0.0, 0.0, 1.0],
    [3.0, 4.0, -12.0, -25.0],
    upper=[np.inf, np.inf, 1.0, 1.0],
)


def test_of_pipes_that_exclude_each_other_the_best_joins_with_its_flow() -> None:
    layers, inside = Layers(ONE_OF_TWO), np.zeros(4, dtype=bool)
    assert layers.vub.tolist() == [True, True, False, False]
    assert layers.group[2] == layers.group[3] and len(set(layers.group.tolist())) == 3
    y = np.zeros(3)
    at_pool, worth, joining = layers.priced(ONE_OF_TWO, y, inside, 1.0)
    assert at_pool.tolist() == [3.0, 4.0, -12.0, -25.0]
    assert y.tolist() == [3.0, 4.0, 0.0]
    # 10 × 3 − 12 and 10 × 4 − 25.
    assert worth == pytest.approx([0.0, 0.0, 18.0, 15.0])
    assert joining.tolist() == [0, 2]


def test_pipes_that_may_both_be_laid_join_together() -> None:
    # A row without an upper limit, and one with room for both, exclude nothing.
    at_least = replace(ONE_OF_TWO, row_lower=np.array([-np.inf, -np.inf, -1.0]), row_upper=np.array([0.0, 0.0, np.inf]))
    for matrix in (at_least, replace(ONE_OF_TWO, row_upper=np.array([0.0, 0.0, 2.0]))):
        layers = Layers(matrix)
        assert len(set(layers.group.tolist())) == 4
        joining = layers.priced(matrix, np.zeros(3), np.zeros(4, dtype=bool), 1.0)[2]
        assert joining.tolist() == [0, 1, 2, 3]


def test_a_row_that_0_breaks_is_kept_for_any_of_its_columns() -> None:
    # At least 2 t flow, which no row without the flow can reach.
    target = linear([[1.0, -10.0], [-1.0, 0.0]], [0.0, -2.0], [-1.0, -12.0], upper=[np.inf, 1.0])
    layers = Layers(target)
    assert layers.never_broken.tolist() == [True, False]
    assert layers.kept(np.array([True, False])).tolist() == [True, True]
    assert layers.kept(np.array([False, True])).tolist() == [False, False]


def test_a_pool_needs_the_flows_that_give_a_pipe_its_value() -> None:
    layers, pipe = Layers(FLOW), np.array([False, True, False])
    # At a price of 0.5 a flow worth 0.5 a tonne has reduced cost 0, one worth 0.4 loses.
    y = np.array([0.5, 0.0, 0.0])
    for worth, needed in ((0.5, True), (0.4, False)):
        matrix = replace(FLOW, costs=np.array([[worth, -4.0, 1.0]]))
        assert layers.leading(matrix, y, pipe, 1.0).tolist() == [needed, True, False]
    # Where the row has no price, the flow gives the pipe nothing.
    worthless = replace(FLOW, costs=np.array([[0.0, -4.0, 1.0]]))
    assert layers.leading(worthless, np.zeros(3), pipe, 1.0).tolist() == [False, True, False]


@pytest.mark.parametrize("seed", range(4))
def test_the_optimum_over_a_pool_is_the_optimum(seed: int) -> None:
    chance = np.random.default_rng(seed)
    first = random_network(chance, 1.0)
    pool = Pool(first, LayerPricing(first))
    assert pool.mark().inside.sum() < len(first.lower)
    mark = pool.mark()
    for size in (0.6, 0.9, 1.4, 2.5):
        there = random_network(np.random.default_rng(seed), size)
        pool.reset(mark)
        cold = Highs(there, SolverOptions(0.0, 1)).run(60.0, "cold")
        assert pool.solve(there).value == pytest.approx(cold.objective, rel=1e-9)


def random_network(chance: np.random.Generator, size: float) -> Matrix:
    """Sources pay for flow over one of several pipes each, in a budget; pipes cost `size` as much and a bit more."""
    n, per = 40, 5
    pipes, flows = n * per, n * per
    rows = np.zeros((pipes + n + 1, pipes + flows))
    room = chance.uniform(5.0, 20.0, pipes)
    cost = chance.uniform(10.0, 60.0, pipes) * size * chance.uniform(0.8, 1.2, pipes) ** size
    for k in range(pipes):
        rows[k, k], rows[k, pipes + k] = -room[k], 1.0
        rows[pipes + k // per, pipes + k] = 1.0
    rows[-1, :pipes] = cost
    upper = [0.0] * pipes + chance.uniform(5.0, 30.0, n).tolist() + [600.0]
    worth = np.r_[-cost, chance.uniform(2.0, 9.0, flows)]
    return linear(rows, upper, worth, upper=[1.0] * pipes + [np.inf] * flows)
