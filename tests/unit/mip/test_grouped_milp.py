"""Grouped MILPs: sifting against HiGHS on all columns, and integer solutions against enumeration."""

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

from ccs_model.mip import Highs, Matrix, Progress, SolverOptions
from ccs_model.mip import grouped_milp as by_groups
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_milp import are_infeasible_alone, solve_by_groups
from ccs_model.mip.grouped_structure import Shape, shape_of
from ccs_model.mip.matrix import residuals
from tests.examples import examples
from tests.hand_matrix import hand_matrix

EXACT = SolverOptions(gap_share=0.0, threads=1)


@pytest.fixture(autouse=True)
def group_small_models() -> Iterator[None]:
    """Let small models take the path of large grouped ones, with small restricted MILPs."""
    saved = by_groups.PAYS_COLUMNS, by_groups.FIRST_RESTRICTED_COLUMNS
    by_groups.PAYS_COLUMNS, by_groups.FIRST_RESTRICTED_COLUMNS = 0, 4
    yield
    by_groups.PAYS_COLUMNS, by_groups.FIRST_RESTRICTED_COLUMNS = saved


def grouped_model(
    seed: int, n_groups: int, n_each: int, n_rows: int, *, vubs: bool = False, maximise: bool = True
) -> Matrix:
    """One choice per group under coupling rows; with `vubs`, a choice may give up a part of its use and value.

    Maximise value within a limit per row, or minimise the cost that meets a target per row.
    """
    rng = np.random.default_rng(seed)
    n = n_groups * n_each
    value = rng.uniform(1.0, 40.0, n)
    use = rng.uniform(1.0, 20.0, (n_rows, n)) * (rng.uniform(size=(n_rows, n)) < 0.7)
    choice = np.kron(np.eye(n_groups), np.ones((1, n_each)))
    share = 0.4 if maximise else 0.3
    limit = share * use.reshape(n_rows, n_groups, n_each).mean(axis=2).sum(axis=1)
    blocks = [np.vstack([choice, use if maximise else -use])]
    costs, kinds, upper = [value], [np.ones(n, dtype=bool)], [np.ones(n)]
    row_upper = np.r_[np.ones(n_groups), limit if maximise else -limit]
    if vubs:
        # Each column with a variable upper bound takes back some of its choice's use, at a loss of value.
        blocks.append(np.vstack([np.zeros((n_groups, n)), (-0.1 * use if maximise else 0.1 * use)]))
        costs.append((-0.15 if maximise else -0.05) * value)
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
        maximise=maximise,
    )


def solve_grouped(
    matrix: Matrix, *, gap: float = 0.0, options: SolverOptions = EXACT, **more: object
) -> MipOutcome | None:
    return solve_by_groups(
        matrix,
        replace(options, gap_share=gap),
        deadline=now() + 60,
        stage="test",
        **more,  # type: ignore[arg-type]
    )


def lp_relaxation(matrix: Matrix) -> Matrix:
    return replace(matrix, is_integer=np.zeros(len(matrix.lower), dtype=bool))


@pytest.mark.parametrize("vubs", [False, True])
@pytest.mark.parametrize("maximise", [True, False])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_sifting_reaches_the_optimum_over_all_columns(seed: int, maximise: bool, vubs: bool) -> None:
    matrix = lp_relaxation(grouped_model(seed, 230, 4, 3, vubs=vubs, maximise=maximise))
    plain = Highs(matrix, EXACT).run(60, "all")
    found = solve_grouped(matrix)
    assert found is not None
    assert found.outcome.objective == pytest.approx(plain.objective, rel=1e-9)
    # The bound follows from the prices alone, so it proves the value.
    assert found.outcome.bound == pytest.approx(plain.objective, rel=1e-9)
    assert residuals(matrix, found.outcome.x).hold


@pytest.mark.parametrize("vubs", [False, True])
@given(seed=st.integers(0, 10_000))
@examples(15)
def test_prices_of_sifting_prove_the_optimum(seed: int, vubs: bool) -> None:
    """Weak duality by hand, from row duals and reduced costs alone."""
    matrix = lp_relaxation(grouped_model(seed, 40, 3, 2, vubs=vubs))
    found = solve_grouped(matrix)
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


@pytest.mark.parametrize("maximise", [True, False])
@given(seed=st.integers(0, 10_000), n_groups=st.integers(2, 5), n_each=st.integers(1, 3))
@examples(20)
def test_integer_optimum_equals_enumeration(seed: int, n_groups: int, n_each: int, maximise: bool) -> None:
    matrix = grouped_model(seed, n_groups, n_each, 2, maximise=maximise)
    best = None
    for choices in itertools.product(range(-1, n_each), repeat=n_groups):
        x = np.zeros(n_groups * n_each)
        x[[g * n_each + k for g, k in enumerate(choices) if k >= 0]] = 1.0
        if (matrix.rows @ x <= matrix.row_upper + 1e-9).all():
            value = float(matrix.costs[0] @ x)
            best = value if best is None else max(best, value) if maximise else min(best, value)
    found = solve_grouped(matrix)
    fits_alone = (matrix.rows.toarray() <= matrix.row_upper[:, None] + 1e-9).all(axis=0)
    if best is None or (maximise and not fits_alone.any()):
        # Infeasible, or no choice fits: the model is left to the solver.
        assert found is None
    else:
        assert found is not None and found.outcome.status == "optimal"
        assert found.outcome.objective == pytest.approx(best, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("vubs", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_grouped_and_plain_solutions_lie_within_each_others_bounds(seed: int, vubs: bool) -> None:
    matrix = grouped_model(seed, 60, 4, 2, vubs=vubs)
    plain = Highs(matrix, replace(EXACT, gap_share=0.02)).run(60, "all")
    found = solve_grouped(matrix, gap=0.02)
    assert found is not None and found.outcome.status == "optimal"
    assert residuals(matrix, found.outcome.x).hold
    assert found.outcome.objective <= plain.bound * (1 + 1e-9)
    assert plain.objective <= found.outcome.bound * (1 + 1e-9)


def test_run_that_ends_by_its_gap_is_repeatable() -> None:
    matrix = grouped_model(5, 80, 4, 2)
    first, again = solve_grouped(matrix, gap=0.01), solve_grouped(matrix, gap=0.01)
    assert first is not None and again is not None
    assert first.outcome.status == "optimal"
    np.testing.assert_array_equal(first.outcome.x, again.outcome.x)
    assert first.outcome.bound == again.outcome.bound


def test_columns_fixed_at_1_or_0_keep_their_values() -> None:
    matrix = grouped_model(7, 12, 3, 2)
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[4], upper[9:12] = 1.0, 0.0
    fixed = replace(matrix, lower=lower, upper=upper)
    found, plain = solve_grouped(fixed), Highs(fixed, EXACT).run(60, "all")
    assert found is not None
    assert found.outcome.objective == pytest.approx(plain.objective, rel=1e-9)
    assert found.outcome.x[4] == 1 and not found.outcome.x[9:12].any()


def test_any_prices_give_a_valid_bound() -> None:
    """The bound holds at random prices."""
    matrix = grouped_model(11, 50, 3, 3, vubs=True)
    optimum = Highs(lp_relaxation(matrix), EXACT).run(60, "all").objective
    shape = shape_of(matrix)
    assert isinstance(shape, Shape)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert shape.price_columns(rng.uniform(0.0, 3.0, len(shape.coupling))).bound >= optimum - 1e-9


def test_choice_that_violates_a_row_alone_is_excluded() -> None:
    matrix = grouped_model(13, 20, 3, 2)
    shape = shape_of(matrix)
    assert isinstance(shape, Shape)
    use = matrix.rows.toarray()[20:]
    by_hand = (use > matrix.row_upper[20:, None]).any(axis=0)
    np.testing.assert_array_equal(are_infeasible_alone(shape), by_hand[shape.choices])


def test_unsuitable_model_is_left_to_the_solver_and_the_reason_is_logged(tmp_path: Path) -> None:
    log = tmp_path / "solver.log"
    knapsack = hand_matrix([[3.0, 4.0, 5.0]], 7.0, [4.0, 5.0, 6.0])
    assert solve_grouped(knapsack, options=replace(EXACT, log_path=log)) is None
    assert "not by groups: no row that allows one of several choices" in log.read_text()
    by_groups.PAYS_COLUMNS = 1_000
    assert solve_grouped(knapsack, options=replace(EXACT, log_path=log)) is None
    assert "3 columns are fewer than 1000" in log.read_text()


def test_model_past_its_deadline_is_left_to_the_solver() -> None:
    matrix = grouped_model(1, 60, 4, 4)
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
        # At least 1 at a price of 0: the best of each group, 4 + 5.
        ([1.0, 1.0, 1.0, 1.0], (1.0, np.inf), 0.0, 9.0),
        # Each choice gains 2 for its use of the row, and the lower limit of 1 costs 2: 6 + 7 − 2.
        ([1.0, 1.0, 1.0, 1.0], (1.0, np.inf), -2.0, 11.0),
        # At most 2 at a price of 3: max(4 − 6, 3 − 3, 0) + max(2 − 3, 5 − 9, 0) + 2 × 3.
        ([2.0, 1.0, 1.0, 3.0], (-np.inf, 2.0), 3.0, 6.0),
        # Between 1 and 2: at a negative price the lower limit applies, max(4 + 2, 3 + 1) + max(2 + 1, 5 + 3) − 1.
        ([2.0, 1.0, 1.0, 3.0], (1.0, 2.0), -1.0, 13.0),
    ],
)
def test_bound_at_a_price_matches_the_hand_calculation(
    row: list[float], limits: tuple[float, float], price: float, bound: float
) -> None:
    shape = shape_of(two_groups(row, *limits))
    assert isinstance(shape, Shape)
    assert shape.price_columns(np.array([price])).bound == pytest.approx(bound)


def test_target_is_met_even_if_it_displaces_more_value_than_it_costs() -> None:
    # Meeting the target costs 1 and uses 100 of a capacity of 105; twelve other choices use 10 each at a value of 5.
    n = 12
    rows = np.zeros((n + 3, 2 * n + 2))
    for g in range(n + 1):
        rows[g, 2 * g : 2 * g + 2] = 1.0
    rows[n + 1, 0] = -1.0
    rows[n + 2] = [100.0, 0.0, *[10.0, 5.0] * n]
    matrix = hand_matrix(rows, np.r_[np.ones(n + 1), -1.0, 105.0], [-1.0, 0.0, *[5.0, 1.0] * n], is_integer=False)
    found = solve_grouped(matrix)
    # The capacity left is half of one choice: −1 + 5 / 2.
    assert found is not None and found.outcome.objective == pytest.approx(1.5)
    assert found.outcome.bound == pytest.approx(1.5)
    assert found.outcome.x[0] == pytest.approx(1.0)


@pytest.mark.parametrize("factor", [0.25, 8.0])
@pytest.mark.parametrize("maximise", [True, False])
def test_prices_prove_the_optimum_if_variable_upper_bound_rows_are_rescaled(factor: float, maximise: bool) -> None:
    n_groups, n_each, n_rows = 40, 3, 2
    matrix = lp_relaxation(grouped_model(17, n_groups, n_each, n_rows, vubs=True, maximise=maximise))
    optimum = Highs(matrix, EXACT).run(60, "all").objective
    row_factor = np.r_[np.ones(n_groups + n_rows), np.full(n_groups * n_each, factor)]
    matrix = replace(matrix, rows=sparse.csc_array(sparse.diags_array(row_factor) @ matrix.rows))
    found = solve_grouped(matrix)
    assert found is not None and found.outcome.row_dual is not None
    # Signed as for maximisation: prices are at least 0, and no unbounded column has a positive reduced cost.
    sign = 1.0 if maximise else -1.0
    dual = sign * found.outcome.row_dual
    reduced_cost = sign * matrix.costs[0] - matrix.rows.T @ dual
    assert (dual >= -1e-9).all()
    assert (reduced_cost[np.isinf(matrix.upper)] <= 1e-7).all()
    at_upper = np.where(np.isfinite(matrix.upper), matrix.upper, 0.0)
    proved = dual @ matrix.row_upper + np.maximum(reduced_cost, 0.0) @ at_upper
    assert sign * proved == pytest.approx(optimum, rel=1e-8)


def test_progress_is_reported_only_where_the_incumbent_improves() -> None:
    # Every choice loses value, so that no choice at all is the optimum: the start stays the incumbent.
    matrix = replace(two_groups([1.0, 1.0, 1.0, 1.0], -np.inf, 2.0), costs=-np.array([[4.0, 3.0, 2.0, 5.0]]))
    reported: list[Progress] = []
    found = solve_grouped(matrix, start=np.zeros(4), on_progress=reported.append)
    assert found is not None and (found.outcome.status, found.outcome.objective) == ("optimal", 0.0)
    assert [each.incumbent for each in reported] == [0.0]


def test_price_of_the_wrong_sign_for_a_one_sided_row_counts_as_0() -> None:
    one = shape_of(two_groups([2.0, 1.0, 1.0, 3.0], -np.inf, 2.0))
    assert isinstance(one, Shape)
    # A price above 0 needs an upper limit, one below 0 a lower limit.
    for lower, upper, clipped in ((-np.inf, 2.0, [0.0, 0.5]), (1.0, np.inf, [-0.5, 0.0]), (1.0, 2.0, [-0.5, 0.5])):
        shape = replace(one, row_lower=np.array([lower]), row_upper=np.array([upper]))
        assert [float(shape.clip_prices(np.array([price]))[0]) for price in (-0.5, 0.5)] == clipped
