"""Layered pricing of columns outside a pool: prices by hand, and optima that equal those over all columns."""

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

lp_matrix = partial(hand_matrix, is_integer=False)

# A flow worth 5 per tonne, at most 8 and at most ten times a pipe that costs 12; and a plant that is always in.
# Columns: flow, pipe, plant.
FLOW = lp_matrix(
    [[1.0, -10.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.0, 8.0, 1.0], [5.0, -12.0, 1.0], upper=[np.inf, 1.0, 1.0]
)


def test_flow_adds_its_value_to_the_pipe_that_bounds_it() -> None:
    layers, in_pool = Layers(FLOW), np.array([False, False, True])
    assert layers.gives.tolist() == [True, False, False]
    assert layers.vub.tolist() == [True, False, False]
    y = np.zeros(3)
    _, value, joining = layers.price_columns(FLOW, y, in_pool, 1.0)
    # At the row's price of 5 the flow has reduced cost 0, the pipe 10 × 5 − 12.
    assert y[0] == pytest.approx(5.0)
    assert value[:2] == pytest.approx([0.0, 38.0])
    assert joining.tolist() == [0, 1]


def test_no_column_joins_if_the_pipe_costs_more_than_its_flow_earns() -> None:
    layers, in_pool = Layers(FLOW), np.array([False, False, True])
    # At a price of 4 in the second row the pipe has reduced cost 10 × 1 − 12.
    y = np.array([0.0, 4.0, 0.0])
    _, value, joining = layers.price_columns(FLOW, y, in_pool, 1.0)
    assert value[1] == pytest.approx(-2.0)
    assert not len(joining)


def test_row_is_kept_only_if_its_flow_is_in_the_pool() -> None:
    layers = Layers(FLOW)
    assert layers.pool_rows(np.array([False, True, True])).tolist() == [False, False, True]
    assert layers.pool_rows(np.array([True, True, False])).tolist() == [True, True, False]
    # A matrix with another sign does not fit the layers.
    turned = FLOW.rows.data.copy()
    turned[0] *= -1
    other = sparse.csc_array((turned, FLOW.rows.indices, FLOW.rows.indptr), shape=FLOW.rows.shape)
    assert layers.has_same_signs(FLOW)
    assert not layers.has_same_signs(
        lp_matrix(other.toarray(), [0.0, 8.0, 1.0], [5.0, -12.0, 1.0], upper=[np.inf, 1.0, 1.0])
    )


# Flows worth 3 and 4 per tonne, each at most ten times its pipe (cost 12 or 25); only one pipe may be built.
# Columns: both flows, both pipes.
ONE_OF_TWO = lp_matrix(
    [[1.0, 0.0, -10.0, 0.0], [0.0, 1.0, 0.0, -10.0], [0.0, 0.0, 1.0, 1.0]],
    [0.0, 0.0, 1.0],
    [3.0, 4.0, -12.0, -25.0],
    upper=[np.inf, np.inf, 1.0, 1.0],
)


def test_best_of_exclusive_pipes_joins_with_its_flow() -> None:
    layers, in_pool = Layers(ONE_OF_TWO), np.zeros(4, dtype=bool)
    assert layers.vub.tolist() == [True, True, False, False]
    assert layers.group[2] == layers.group[3] and len(set(layers.group.tolist())) == 3
    y = np.zeros(3)
    at_pool, value, joining = layers.price_columns(ONE_OF_TWO, y, in_pool, 1.0)
    assert at_pool.tolist() == [3.0, 4.0, -12.0, -25.0]
    assert y.tolist() == [3.0, 4.0, 0.0]
    # 10 × 3 − 12 and 10 × 4 − 25.
    assert value == pytest.approx([0.0, 0.0, 18.0, 15.0])
    assert joining.tolist() == [0, 2]


def test_pipes_that_do_not_exclude_each_other_join_together() -> None:
    # Neither a row without an upper limit nor one with a limit of 2 makes the pipes exclusive.
    at_least = replace(ONE_OF_TWO, row_lower=np.array([-np.inf, -np.inf, -1.0]), row_upper=np.array([0.0, 0.0, np.inf]))
    for matrix in (at_least, replace(ONE_OF_TWO, row_upper=np.array([0.0, 0.0, 2.0]))):
        layers = Layers(matrix)
        assert len(set(layers.group.tolist())) == 4
        joining = layers.price_columns(matrix, np.zeros(3), np.zeros(4, dtype=bool), 1.0)[2]
        assert joining.tolist() == [0, 1, 2, 3]


def test_row_violated_at_0_is_kept_for_any_of_its_columns() -> None:
    # At least 2 t must flow, which is impossible without the flow column.
    target = lp_matrix([[1.0, -10.0], [-1.0, 0.0]], [0.0, -2.0], [-1.0, -12.0], upper=[np.inf, 1.0])
    layers = Layers(target)
    assert layers.never_broken.tolist() == [True, False]
    assert layers.pool_rows(np.array([True, False])).tolist() == [True, True]
    assert layers.pool_rows(np.array([False, True])).tolist() == [False, False]


def test_pool_includes_the_flows_that_give_a_pipe_its_value() -> None:
    layers, pipe = Layers(FLOW), np.array([False, True, False])
    # At a price of 0.5 a flow worth 0.5 per tonne has reduced cost 0; a flow worth 0.4 has a negative one.
    y = np.array([0.5, 0.0, 0.0])
    for value, needed in ((0.5, True), (0.4, False)):
        matrix = replace(FLOW, costs=np.array([[value, -4.0, 1.0]]))
        assert layers.mark_columns_below(matrix, y, pipe, 1.0).tolist() == [needed, True, False]
    # At a row price of 0 the flow adds no value to the pipe.
    worthless = replace(FLOW, costs=np.array([[0.0, -4.0, 1.0]]))
    assert layers.mark_columns_below(worthless, np.zeros(3), pipe, 1.0).tolist() == [False, True, False]


@pytest.mark.parametrize("seed", range(4))
def test_optimum_over_a_pool_equals_the_optimum_over_all_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = random_network(rng, 1.0)
    pool = Pool(first, LayerPricing(first))
    assert pool.mark().inside.sum() < len(first.lower)
    mark = pool.mark()
    for size in (0.6, 0.9, 1.4, 2.5):
        resized = random_network(np.random.default_rng(seed), size)
        pool.reset(mark)
        cold = Highs(resized, SolverOptions(0.0, 1)).run(60.0, "cold")
        assert pool.solve(resized).value == pytest.approx(cold.objective, rel=1e-9)


def random_network(rng: np.random.Generator, size: float) -> Matrix:
    """Each source earns by flow through any of several pipes, within a budget; pipe costs scale with `size`."""
    n, per = 40, 5
    pipes, flows = n * per, n * per
    rows = np.zeros((pipes + n + 1, pipes + flows))
    capacity = rng.uniform(5.0, 20.0, pipes)
    cost = rng.uniform(10.0, 60.0, pipes) * size * rng.uniform(0.8, 1.2, pipes) ** size
    for k in range(pipes):
        rows[k, k], rows[k, pipes + k] = -capacity[k], 1.0
        rows[pipes + k // per, pipes + k] = 1.0
    rows[-1, :pipes] = cost
    upper = [0.0] * pipes + rng.uniform(5.0, 30.0, n).tolist() + [600.0]
    value = np.r_[-cost, rng.uniform(2.0, 9.0, flows)]
    return lp_matrix(rows, upper, value, upper=[1.0] * pipes + [np.inf] * flows)


def test_layers_fit_matrices_with_the_same_rows_at_0_only() -> None:
    # Flow and pipe balance exactly: lower and upper limit of the first row are 0.
    balance = replace(FLOW, row_lower=np.array([0.0, -np.inf, -np.inf]))
    layers = Layers(balance)
    assert layers.has_same_signs(balance)
    assert not layers.has_same_signs(FLOW)
    assert not Layers(FLOW).has_same_signs(balance)
    assert not layers.has_same_signs(replace(balance, row_lower=np.array([-1.0, -np.inf, -np.inf])))
