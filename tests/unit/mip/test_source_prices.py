"""Inequalities by source: earnings of pipes and sites, prices found by the ascent, and the bound after rounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from ccs_model.mip import Highs, SolverOptions
from ccs_model.mip.source_prices import Ascent, Charges, Columns, PriceRounds, SourceNetwork, _earnings_at, inequality
from tests.hand_matrix import hand_matrix

NONE = Columns(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def columns(*entries: tuple[int, int, float]) -> Columns:
    item, column, value = zip(*entries, strict=True)
    return Columns(np.array(item), np.array(column), np.array(value, dtype=float))


def network(supply: list[float], included: float = 5.0, largest: float = 20.0, **changes: Any) -> SourceNetwork:
    """Sources at node 0 and a site at node 1, with one pipe size between them.

    Columns are the pipe, its added capacity, the site and then the sources, which deliver all or a part.
    """
    n = len(supply)
    given = {
        "start": np.array([0]), "end": np.array([1]), "link": np.array([0]),
        "included": np.array([included]), "largest": np.array([largest]),
        "pipes": columns((0, 0, 1.0)), "added": columns((0, 1, 1.0)),
        "source": np.zeros(n, dtype=np.int64), "supply": np.array(supply),
        "captured": columns(*((p, 3 + p, supply[p]) for p in range(n))),
        "site": np.array([1]), "opened": columns((0, 2, 1.0)), "injected": NONE, "wells": NONE,
        "balance": np.array([0, 1]), "sign": 1.0, "money_rows": np.zeros(0, dtype=np.int64),
    }  # fmt: skip
    return SourceNetwork(**{**given, **changes})


def dense(cut: tuple[np.ndarray, np.ndarray], n: int) -> np.ndarray:
    found = np.zeros(n)
    found[cut[0]] = cut[1]
    return found


def test_pipe_earns_no_more_than_its_sources_supply() -> None:
    # 3 and 4 kt/y at 2 per tonne: 14, although the pipe could carry 20. With added capacity at 0.5 per t, 2 of the 7
    # flow beyond the included 5: 14 − 1.
    charges = Charges(pipe=np.array([10.0]), slope=np.array([0.5]), site=np.array([1.0]), fee=np.zeros(1))
    prices = np.array([[2.0, 0.0], [2.0, 0.0]])
    row = dense(inequality(network([3.0, 4.0]), charges, prices), 5)
    assert row * 13.0 == pytest.approx([-13.0, -0.5, 0.0, 6.0, 8.0])


def test_site_earns_the_price_above_its_fee() -> None:
    charges = Charges(pipe=np.array([10.0]), slope=np.array([9.0]), site=np.array([1.0]), fee=np.array([0.5]))
    prices = np.array([[2.0, 2.0]])
    injecting = network([3.0], injected=columns((0, 4, 1.0)))
    row = dense(inequality(injecting, charges, prices), 5)
    # The pipe earns nothing, since both ends have the same price; the site 3 × (2 − 0.5).
    assert row * 9.0 == pytest.approx([0.0, -9.0, -4.5, 6.0, -0.5])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(0.5, 9.0), st.floats(-3.0, 3.0)), min_size=1, max_size=5), st.floats(0.0, 2.0))
def test_earnings_of_a_pipe_equal_the_optimum_of_an_lp(sources: list[tuple[float, float]], slope: float) -> None:
    supply, price = (np.array(each) for each in zip(*sources, strict=True))
    charges = Charges(pipe=np.array([1.0]), slope=np.array([slope]), site=np.array([1.0]), fee=np.zeros(1))
    prices = np.stack([np.maximum(price, 0.0), np.maximum(-price, 0.0)], axis=1)
    cut = inequality(network(supply.tolist(), included=4.0, largest=11.0), charges, prices)
    row = dense(cut, 3 + len(supply))
    # Flows of each source, and the flow beyond the included 4.
    best = linprog(
        np.r_[-np.abs(price), slope],
        A_ub=np.array([np.r_[np.ones(len(supply)), -1.0]]),
        b_ub=[4.0],
        bounds=[*((0.0, each) for each in supply), (0.0, 7.0)],
    )
    scale = np.abs(np.r_[best.fun, slope, price * supply, np.maximum(prices[:, 1], 0) @ supply]).max()
    assert -row[0] * scale == pytest.approx(-best.fun, abs=1e-7 * max(scale, 1.0))


def test_the_ascent_charges_a_source_for_the_whole_pipe() -> None:
    """The relaxation pays for a fifth of a pipe; a source of a fifth of its capacity needs the whole pipe."""
    charges = Charges(pipe=np.array([10.0]), slope=np.array([9.0]), site=np.array([5.0]), fee=np.zeros(1))
    alone = network([4.0], included=20.0)
    # The source is fully in use, with 0.2 of the pipe and 0.2 of the site.
    x = np.array([0.2, 0.0, 0.2, 1.0])
    prices = Ascent(n_steps=2000).run(alone, charges, np.array([[0.75, 0.25]]), x)
    row = dense(inequality(alone, charges, prices), 4)
    assert row @ x > 0
    # Pipe and site cost 15, which the source pays for 4 kt/y.
    assert prices[0, 0] * 4.0 == pytest.approx(15.0, rel=0.02)
    # The whole pipe and the whole site satisfy the inequality.
    assert row @ np.array([1.0, 0.0, 1.0, 1.0]) <= 1e-9


def test_without_charges_there_is_no_inequality() -> None:
    free = Charges(*(np.zeros(1) for _ in range(4)))
    assert len(inequality(network([4.0]), free, np.zeros((1, 2)))[0]) == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 6))
def test_earnings_do_not_depend_on_the_initial_order_of_the_sources(seed: int, n: int, m: int) -> None:
    # Prices with ties, several sizes per link, and links without a gain for some source.
    rng = np.random.default_rng(seed)
    links = replace(
        network(rng.uniform(0.1, 9.0, n).tolist()),
        start=rng.integers(0, 4, m), end=rng.integers(0, 4, m), link=np.repeat(np.arange(m), 2),
        included=rng.uniform(0.0, 9.0, 2 * m), largest=rng.uniform(5.0, 40.0, 2 * m),
    )  # fmt: skip
    charges = Charges(np.ones(2 * m), rng.uniform(0.0, 2.0, 2 * m), np.ones(1), np.zeros(1))
    prices = np.round(rng.uniform(0.0, 3.0, (n, 4)), 1)
    order = np.array([rng.permutation(n) for _ in range(m)])
    one, other = (_earnings_at(links, charges, prices, each) for each in (None, order))
    np.testing.assert_allclose(one.pipe, other.pipe, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(one.capacity, other.capacity, rtol=1e-12)
    # Each pipe earns the value of its own knapsack.
    for k in range(2 * m):
        gains = sorted(zip(abs(one.difference[k // 2]), links.supply, strict=True), reverse=True)
        left, beyond, earnings = links.included[k], max(links.largest[k] - links.included[k], 0.0), 0.0
        for gain, supply in gains:
            within = min(supply, left)
            more = min(supply - within, beyond) if gain > charges.slope[k] else 0.0
            left, beyond = left - within, beyond - more
            earnings += gain * within + (gain - charges.slope[k]) * more
        assert one.pipe[k] == pytest.approx(earnings, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("maximise", [True, False])
def test_rounds_of_inequalities_raise_the_bound_to_whole_pipes_and_sites(maximise: bool) -> None:
    # A source of 4 is worth 40; the pipe of 10 and the site of 5 carry 20. Columns: pipe, added, site, source, flow.
    sign = 1.0 if maximise else -1.0
    rows = np.array([[0.0, 0.0, 0.0, 4.0, -1.0], [0.0, 0.0, -20.0, 0.0, 1.0], [-20.0, -1.0, 0.0, 0.0, 1.0]])
    matrix = hand_matrix(
        rows,
        0.0,
        sign * np.array([-10.0, -9.0, -5.0, 40.0, 0.0]),
        row_lower=[0.0, -np.inf, -np.inf],
        upper=[1.0, 0.0, 1.0, 1.0, np.inf],
        is_integer=[True, False, True, True, False],
        maximise=maximise,
    )
    highs = Highs.lp_relaxation(matrix, SolverOptions(gap_share=0.0, threads=1))
    relaxation = highs.run(10, "relaxation")
    # A fifth of the pipe and of the site: 40 − 15 / 5.
    assert sign * relaxation.objective == pytest.approx(37.0)
    alone = network([4.0], included=20.0)
    assert PriceRounds().run(highs, None, [alone], relaxation, 0.0, "late") == ([], relaxation)
    cuts, outcome = PriceRounds(n_rounds=4).run(highs, None, [alone], relaxation, 20.0, "test")
    # The bound is not below the solution with pipe and site, 40 − 15, and close to it.
    assert 25.0 - 1e-6 <= sign * outcome.objective <= 25.0 + 0.02 * 15.0
    solution = np.array([1.0, 0.0, 1.0, 1.0, 4.0])
    assert cuts
    for columns_of_cut, coefficients in cuts:
        assert coefficients @ solution[columns_of_cut] <= 1e-9
        assert np.abs(coefficients).max() == pytest.approx(1.0)
