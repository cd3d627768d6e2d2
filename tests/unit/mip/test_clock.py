"""Limits by effort, by the wall clock or by CPU seconds."""

from __future__ import annotations

import contextlib
import math
import time
from functools import partial

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.clock import (
    BackgroundTask,
    counts_cpu,
    counts_effort,
    cpu_seconds,
    effort,
    effort_of,
    effort_spent,
    iteration_limits,
    now,
    seconds_until_stop,
    spend,
    time_s,
    was_stopped,
)
from ccs_model.model.standard_form import matrix_of


def market_split(n_goods: int = 50, n_rows: int = 5) -> Matrix:
    """Market split: bring every row as close to half its sum as possible. Small, but branch and bound takes minutes."""
    rng = np.random.default_rng(3)
    weights = rng.integers(1, 100, (n_rows, n_goods))
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(n_goods), domain=pyo.Binary)
    m.over, m.under = (pyo.Var(range(n_rows), domain=pyo.NonNegativeReals) for _ in range(2))

    @m.Constraint(range(n_rows))
    def half(m: pyo.ConcreteModel, i: int) -> object:
        sold = sum(int(weights[i, j]) * m.x[j] for j in range(n_goods))
        return sold + m.under[i] - m.over[i] == int(weights[i].sum()) // 2

    m.objective = pyo.Objective(expr=sum(m.over[i] + m.under[i] for i in range(n_rows)))
    return matrix_of(m)


def test_sleep_counts_as_wall_time_but_not_as_cpu_time() -> None:
    before = now()
    time.sleep(0.3)
    assert now() - before >= 0.3
    with cpu_seconds():
        assert counts_cpu()
        before = now()
        time.sleep(0.3)
        assert now() - before < 0.2
    assert not counts_cpu()


@pytest.mark.slow
def test_milp_stops_at_its_limit_of_cpu_seconds() -> None:
    highs = Highs(market_split(), SolverOptions(gap_share=0.0, threads=1))
    with cpu_seconds():
        before = time.process_time()
        found = highs.run(1.0, "test")
        spent = time.process_time() - before
    assert found.status == "limit"
    assert 0.9 <= spent < 4.0
    # The incumbent is kept, and the instance can continue.
    assert found.x is not None and found.bound <= found.objective
    with cpu_seconds():
        assert highs.run(0.5, "test").status == "limit"


def test_effort_clock_counts_effort_and_not_time() -> None:
    with effort():
        assert counts_effort() and now() == 0.0
        time.sleep(0.05)
        assert now() == 0.0
        spend(2.5)
        assert now() == effort_spent() == 2.5
        with effort():
            spend(1.0)
            assert now() == 1.0
        assert now() == 3.5
        with effort(counted=False):
            spend(10.0)
        assert now() == 3.5 and not was_stopped()
    assert not counts_effort() and seconds_until_stop() == math.inf


def test_time_limit_sets_the_effort_clock_to_infinity() -> None:
    with effort(time_s() + 0.05):
        assert now() == 0.0 and 0 < seconds_until_stop() <= 0.05
        time.sleep(0.06)
        assert now() == math.inf and was_stopped()


def test_more_iterations_and_larger_models_take_more_effort() -> None:
    small = effort_of(1_000, 5_000, 100, 0, is_mip=False)
    assert small < effort_of(1_000, 5_000, 200, 0, is_mip=False) < effort_of(9_000, 5_000, 200, 0, is_mip=False)
    assert effort_of(1_000, 5_000, 100, 0, is_mip=True) > small
    assert effort_of(10, 10, -1, -1, is_mip=True) >= 0
    few, many = iteration_limits(0.1, 1_000, 5_000), iteration_limits(10.0, 1_000, 5_000)
    assert 1 <= few.simplex < many.simplex and few.checks < many.checks and few.interior < many.interior
    assert iteration_limits(math.inf, 1_000, 5_000).simplex == 2**31 - 1
    assert iteration_limits(-math.inf, 1_000, 5_000).checks == 1


def test_search_that_ends_by_its_effort_is_repeatable() -> None:
    matrix = market_split(30, 3)

    def search(limit: float) -> tuple[str, float, float, float]:
        highs = Highs(matrix, SolverOptions(gap_share=0.0))
        with effort():
            found = highs.run(limit, "test")
            return found.status, found.objective, found.bound, now()

    little, more = search(0.5), search(2.0)
    assert little == search(0.5) and more == search(2.0)
    assert little[0] == more[0] == "limit"
    assert more[1] <= little[1] and more[2] >= little[2] and more[3] > little[3]


def objective_and_bound(matrix: Matrix, amount: float) -> tuple[float, float]:
    """Objective and bound of a search with a limit of effort."""
    outcome = Highs(matrix, SolverOptions(gap_share=0.0)).run(amount, "test")
    return outcome.objective, outcome.bound


@pytest.mark.parametrize("is_threaded", [True, False])
def test_parallel_searches_find_what_each_finds_alone(is_threaded: bool) -> None:
    matrix = market_split()
    with effort():
        alone = [objective_and_bound(matrix, amount) for amount in (0.5, 0.25)]
        spent = effort_spent()
    with effort(), BackgroundTask(partial(objective_and_bound, matrix, 0.5), is_threaded=is_threaded) as task:
        in_foreground = objective_and_bound(matrix, 0.25)
        assert effort_spent() < spent
        assert [task.result(), in_foreground] == alone
        assert effort_spent() == pytest.approx(spent)


def test_a_background_task_has_the_time_limit_of_its_search() -> None:
    with effort(stop_at=time_s() - 1.0), BackgroundTask(now) as task:
        assert task.result() == math.inf
        assert was_stopped()


def test_error_of_a_background_task_is_raised_when_its_result_is_read() -> None:
    def failing() -> None:
        raise NoPlanError("the solver failed")

    with BackgroundTask(failing) as task, pytest.raises(NoPlanError, match="the solver failed"):
        task.result()


@pytest.mark.parametrize("counted", [True, False])
def test_background_task_is_cancelled_on_keyboard_interrupt(counted: bool) -> None:
    ended: list[str] = []

    def endless() -> None:
        ended.append(Highs(market_split(), SolverOptions(gap_share=0.0)).run(1e6, "test").status)

    with effort() if counted else contextlib.nullcontext(), pytest.raises(KeyboardInterrupt), BackgroundTask(endless):
        time.sleep(0.3)
        raise KeyboardInterrupt
    assert ended == ["limit"]
