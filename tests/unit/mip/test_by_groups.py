"""Large programs by groups: sifting against HiGHS on all columns, and whole plans against every choice tried."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip import grouped_milp as by_groups
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_milp import infeasible_alone, solve_by_groups
from ccs_model.mip.grouped_structure import Shape, shape_of
from ccs_model.mip.matrix import residuals
from tests.examples import examples
from tests.hand_matrix import hand_matrix

EXACT = SolverOptions(gap_share=0.0, threads=1)


@pytest.fixture(autouse=True)
def every_size() -> Iterator[None]:
    """Small programs go by groups as large ones do, through small cores."""
    kept = by_groups.PAYS_COLUMNS, by_groups.FIRST_RESTRICTED_COLUMNS
    by_groups.PAYS_COLUMNS, by_groups.FIRST_RESTRICTED_COLUMNS = 0, 4
    yield
    by_groups.PAYS_COLUMNS, by_groups.FIRST_RESTRICTED_COLUMNS = kept


def program(seed: int, n_groups: int, n_each: int, n_rows: int, *, vubs: bool = False, most: bool = True) -> Matrix:
    """One choice a group under rows with limits; with followers, each choice may give up a part of its use and value.

    `most` takes what fits; otherwise the least cost that serves a target a row.
    """
    chance = np.random.default_rng(seed)
    n = n_groups * n_each
    value = chance.uniform(1.0, 40.0, n)
    use = chance.uniform(1.0, 20.0, (n_rows, n)) * (chance.uniform(size=(n_rows, n)) < 0.7)
    choice = np.kron(np.eye(n_groups), np.ones((1, n_each)))
    share = 0.4 if most else 0.3
    limit = share * use.reshape(n_rows, n_groups, n_each).mean(axis=2).sum(axis=1)
    blocks = [np.vstack([choice, use if most else -use])]
    costs, kinds, upper = [value], [np.ones(n, dtype=bool)], [np.ones(n)]
    row_upper = np.r_[np.ones(n_groups), limit if most else -limit]
    if vubs:
        # Each follower takes back some of its choice's use, at a loss of value.
        blocks.append(np.vstack([np.zeros((n_groups, n)), (-0.1 * use if most else 0.1 * use)]))
        costs.append((-0.15 if most else -0.05) * value)
        kinds.append(np.zeros(n, dtype=bool))
        upper.append(np.full(n, np.inf))
    rows = np.hstack(blocks)
    if vubs:
        rows = np.vstack([rows, np.hstack([-5.0 * np.eye(n), np.eye(n)])])
        row_upper = np.r_[row_upper, np.zeros(n)]
    return hand_matrix(
        rows,
        row_upper,
        np.concatenate(costs),
        upper=np.concatenate(upper),
        is_integer=np.concatenate(kinds),
        maximise=most,
    )


def by(matrix: Matrix, *, gap: float = 0.0, options: SolverOptions = EXACT, **more: object) -> MipOutcome | None:
    return solve_by_groups(
        matrix,
        replace(options, gap_share=gap),
        deadline=now() + 60,
        stage="test",
        **more,  # type: ignore[arg-type]
    )


def linear(matrix: Matrix) -> Matrix:
    return replace(matrix, is_integer=np.zeros(len(matrix.lower), dtype=bool))


@pytest.mark.parametrize("vubs", [False, True])
@pytest.mark.parametrize("most", [True, False])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_sifting_reaches_the_optimum_over_all_columns(seed: int, most: bool, vubs: bool) -> None:
    matrix = linear(program(seed, 230, 4, 3, vubs=vubs, most=most))
    plain = Highs(matrix, EXACT).run(60, "all")
    found = by(matrix)
    assert found is not None
    assert found.outcome.objective == pytest.approx(plain.objective, rel=1e-9)
    # The bound is taken from the prices alone, so that it proves the value.
    assert found.outcome.bound == pytest.approx(plain.objective, rel=1e-9)
    assert residuals(matrix, found.outcome.x).hold


@pytest.mark.parametrize("vubs", [False, True])
@given(seed=st.integers(0, 10_000))
@examples(15)
def test_prices_of_a_sifted_program_prove_it(seed: int, vubs: bool) -> None:
    """Weak duality by hand, from row duals and reduced costs alone."""
    matrix = linear(program(seed, 40, 3, 2, vubs=vubs))
    found = by(matrix)
    assert found is not None
    outcome = found.outcome
    assert outcome.row_dual is not None and outcome.reduced_cost is not None
    np.testing.assert_allclose(
        outcome.reduced_cost, matrix.costs[0] - matrix.rows.T @ outcome.row_dual, rtol=0, atol=1e-8
    )
    assert (outcome.row_dual >= -1e-9).all()
    at_upper = np.where(np.isfinite(matrix.upper), matrix.upper, 0.0)
    proved = outcome.row_dual @ matrix.row_upper + np.maximum(outcome.reduced_cost, 0.0) @ at_upper
    assert proved == pytest.approx(outcome.objective, rel=1e-8)


@pytest.mark.parametrize("most", [True, False])
@given(seed=st.integers(0, 10_000), n_groups=st.integers(2, 5), n_each=st.integers(1, 3))
@examples(20)
def test_whole_plans_against_every_choice(seed: int, n_groups: int, n_each: int, most: bool) -> None:
    matrix = program(seed, n_groups, n_each, 2, most=most)
    best = None
    for picked in itertools.product(range(-1, n_each), repeat=n_groups):
        x = np.zeros(n_groups * n_each)
        x[[g * n_each + k for g, k in enumerate(picked) if k >= 0]] = 1.0
        if (matrix.rows @ x <= matrix.row_upper + 1e-9).all():
            value = float(matrix.costs[0] @ x)
            best = value if best is None else max(best, value) if most else min(best, value)
    found = by(matrix)
    alone = (matrix.rows.toarray() <= matrix.row_upper[:, None] + 1e-9).all(axis=0)
    if best is None or (most and not alone.any()):
        # Nothing to search; the solver has the word.
        assert found is None
    else:
        assert found is not None and found.outcome.status == "optimal"
        assert found.outcome.objective == pytest.approx(best, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("vubs", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whole_plans_lie_with_plain_ones_in_both_bounds(seed: int, vubs: bool) -> None:
    matrix = program(seed, 60, 4, 2, vubs=vubs)
    plain = Highs(matrix, replace(EXACT, gap_share=0.02)).run(60, "all")
    found = by(matrix, gap=0.02)
    assert found is not None and found.outcome.status == "optimal"
    assert residuals(matrix, found.outcome.x).hold
    assert found.outcome.objective <= plain.bound * (1 + 1e-9)
    assert plain.objective <= found.outcome.bound * (1 + 1e-9)


def test_a_run_that_ends_by_its_gap_repeats() -> None:
    matrix = program(5, 80, 4, 2)
    first, again = by(matrix, gap=0.01), by(matrix, gap=0.01)
    assert first is not None and again is not None
    assert first.outcome.status == "optimal"
    np.testing.assert_array_equal(first.outcome.x, again.outcome.x)
    assert first.outcome.bound == again.outcome.bound


def test_what_must_be_chosen_is_and_what_is_shut_is_not() -> None:
    matrix = program(7, 12, 3, 2)
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[4], upper[9:12] = 1.0, 0.0
    held = replace(matrix, lower=lower, upper=upper)
    found, plain = by(held), Highs(held, EXACT).run(60, "all")
    assert found is not None
    assert found.outcome.objective == pytest.approx(plain.objective, rel=1e-9)
    assert found.outcome.x[4] == 1 and not found.outcome.x[9:12].any()


def test_any_prices_bound_the_program() -> None:
    """The bound holds at prices that no solver gave."""
    matrix = program(11, 50, 3, 3, vubs=True)
    optimum = Highs(linear(matrix), EXACT).run(60, "all").objective
    shape = shape_of(matrix)
    assert isinstance(shape, Shape)
    chance = np.random.default_rng(0)
    for _ in range(20):
        assert shape.priced(chance.uniform(0.0, 3.0, len(shape.coupling))).bound >= optimum - 1e-9


def test_a_choice_that_breaks_a_row_alone_is_ruled_out() -> None:
    matrix = program(13, 20, 3, 2)
    shape = shape_of(matrix)
    assert isinstance(shape, Shape)
    use = matrix.rows.toarray()[20:]
    by_hand = (use > matrix.row_upper[20:, None]).any(axis=0)
    np.testing.assert_array_equal(infeasible_alone(shape), by_hand[shape.choices])


def test_another_shape_is_told_and_left_to_the_solver(tmp_path: Path) -> None:
    log = tmp_path / "solver.log"
    knapsack = hand_matrix([[3.0, 4.0, 5.0]], 7.0, [4.0, 5.0, 6.0])
    assert by(knapsack, options=replace(EXACT, log_path=log)) is None
    assert "not by groups: no row that allows one of several choices" in log.read_text()
    by_groups.PAYS_COLUMNS = 1_000
    assert by(knapsack, options=replace(EXACT, log_path=log)) is None
    assert "3 columns are fewer than 1000" in log.read_text()


def test_time_that_is_over_leaves_the_program_to_the_solver() -> None:
    matrix = program(1, 60, 4, 4)
    assert solve_by_groups(matrix, EXACT, deadline=now() - 1, stage="test") is None


def two_groups(row: list[float], lower: float, upper: float) -> Matrix:
    """Values 4 and 3 in one group, 2 and 5 in the other, under one row."""
    return hand_matrix(
        [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], row],
        [1.0, 1.0, upper],
        [4.0, 3.0, 2.0, 5.0],
        row_lower=[-np.inf, -np.inf, lower],
    )


@pytest.mark.parametrize(
    ("row", "limits", "price", "bound"),
    [
        # At least 1, without a price: the best of each group, 4 + 5.
        ([1.0, 1.0, 1.0, 1.0], (1.0, np.inf), 0.0, 9.0),
        # Each choice earns 2 more for what it adds to the row, of which 1 is paid back: 6 + 7 − 2.
        ([1.0, 1.0, 1.0, 1.0], (1.0, np.inf), -2.0, 11.0),
        # At most 2 at a price of 3: max(4 − 6, 3 − 3, 0) + max(2 − 3, 5 − 9, 0) + 2 × 3.
        ([2.0, 1.0, 1.0, 3.0], (-np.inf, 2.0), 3.0, 6.0),
        # Between 1 and 2: at a negative price the lower limit counts, max(4 + 2, 3 + 1) + max(2 + 1, 5 + 3) − 1.
        ([2.0, 1.0, 1.0, 3.0], (1.0, 2.0), -1.0, 13.0),
    ],
)
def test_the_bound_of_a_price_by_hand(
    row: list[float], limits: tuple[float, float], price: float, bound: float
) -> None:
    shape = shape_of(two_groups(row, *limits))
    assert isinstance(shape, Shape)
    assert shape.priced(np.array([price])).bound == pytest.approx(bound)


def test_a_target_is_met_though_it_costs_many_times_what_serves_it() -> None:
    # What serves the target costs 1, and takes 100 of a room of 105 from twelve choices that are worth 5 for 10 of it.
    n = 12
    rows = np.zeros((n + 3, 2 * n + 2))
    for g in range(n + 1):
        rows[g, 2 * g : 2 * g + 2] = 1.0
    rows[n + 1, 0] = -1.0
    rows[n + 2] = [100.0, 0.0, *[10.0, 5.0] * n]
    matrix = hand_matrix(rows, np.r_[np.ones(n + 1), -1.0, 105.0], [-1.0, 0.0, *[5.0, 1.0] * n], is_integer=False)
    found = by(matrix)
    # The room left is half of one choice: −1 + 5 / 2.
    assert found is not None and found.outcome.objective == pytest.approx(1.5)
    assert found.outcome.bound == pytest.approx(1.5)
    assert found.outcome.x[0] == pytest.approx(1.0)


@pytest.mark.parametrize("factor", [0.25, 8.0])
@pytest.mark.parametrize("most", [True, False])
def test_prices_prove_a_program_whose_followers_are_counted_in_another_unit(factor: float, most: bool) -> None:
    n_groups, n_each, n_rows = 40, 3, 2
    matrix = linear(program(17, n_groups, n_each, n_rows, vubs=True, most=most))
    optimum = Highs(matrix, EXACT).run(60, "all").objective
    of_row = np.r_[np.ones(n_groups + n_rows), np.full(n_groups * n_each, factor)]
    matrix = replace(matrix, rows=sparse.csc_array(sparse.diags_array(of_row) @ matrix.rows))
    found = by(matrix)
    assert found is not None and found.outcome.row_dual is not None
    # With the sign of a maximised objective: prices are at least 0, and no column without a limit earns anything.
    sign = 1.0 if most else -1.0
    dual = sign * found.outcome.row_dual
    earned = sign * matrix.costs[0] - matrix.rows.T @ dual
    assert (dual >= -1e-9).all()
    assert (earned[np.isinf(matrix.upper)] <= 1e-7).all()
    at_upper = np.where(np.isfinite(matrix.upper), matrix.upper, 0.0)
    proved = dual @ matrix.row_upper + np.maximum(earned, 0.0) @ at_upper
    assert sign * proved == pytest.approx(optimum, rel=1e-8)
