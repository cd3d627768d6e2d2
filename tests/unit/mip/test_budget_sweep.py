"""Budget sweep (solutions at many limits of one row) of three fixed-charge projects, small enough to enumerate."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.budget_sweep import ImproveWidestGaps, Relate, Sweep, SweepModel, SweepPoint, with_limit, zero_point
from ccs_model.mip.clock import effort
from ccs_model.mip.cut_sets import Connections
from ccs_model.mip.matrix import residuals
from ccs_model.mip.parametric import MovingLimit
from ccs_model.mip.search import FixedChargeNetwork
from ccs_model.mip.sweep_search import SweepSearch, SweepTask, SweepWork, _halves
from ccs_model.model.standard_form import matrix_of
from ccs_model.solve.strategies import BUDGET_SWEEP
from tests.hand_matrix import hand_matrix

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
VALUE, COST = (10.0, 6.0, 3.0), (8.0, 5.0, 2.0)
# By hand: no project below 2; the third at 2; the second and third at 7; the first and third at 10; all at 15.
OPTIMUM = {1.0: 0.0, 2.0: 3.0, 7.0: 9.0, 10.0: 13.0, 15.0: 19.0}


def projects() -> Matrix:
    """Maximise the value of projects in use; half a fixed cost suffices in the LP relaxation, since use ≤ 2 × pipe."""
    m = pyo.ConcreteModel()
    m.pipe, m.use = pyo.Var(range(3), domain=pyo.Binary), pyo.Var(range(3), bounds=(0, 1))
    m.needs = pyo.Constraint(range(3), rule=lambda m, k: m.use[k] <= 2 * m.pipe[k])
    m.money = pyo.Constraint(expr=sum(COST[k] * m.pipe[k] for k in range(3)) <= 10)
    m.objective = pyo.Objective(expr=sum(VALUE[k] * m.use[k] for k in range(3)), sense=pyo.maximize)
    return matrix_of(m)


def sweep_model(options: SolverOptions = OPTIONS) -> SweepModel:
    matrix = projects()
    columns, money = matrix.columns_of("pipe"), matrix.rows_of("money")
    each, no_choice = np.arange(3), np.full(len(matrix.lower), -1)
    network = FixedChargeNetwork(columns, each, each, np.zeros(3), money, no_choice)
    return SweepModel(matrix, int(money[0]), network, (), options)


def solution(matrix: Matrix, chosen: Sequence[int]) -> np.ndarray:
    return np.array([float(column.index in chosen) for column in matrix.columns])


def point_at(model: SweepModel, limit: float, chosen: Sequence[int] | None) -> SweepPoint:
    support = MovingLimit(model.matrix, model.row, OPTIONS).solve_at(limit)
    assert support is not None
    return SweepPoint(limit, None if chosen is None else solution(model.matrix, chosen), support, support.value)


@pytest.mark.parametrize("limit", OPTIMUM)
def test_optimum_by_hand_equals_enumeration(limit: float) -> None:
    choices = itertools.product((0, 1), repeat=3)
    assert OPTIMUM[limit] == max(np.dot(choice, VALUE) for choice in choices if np.dot(choice, COST) <= limit)


def test_gap_of_a_sweep_point_follows_from_its_value_and_bound() -> None:
    model = sweep_model(replace(OPTIONS, gap_share=0.05))
    point = replace(point_at(model, 10.0, [0, 2]), bound=13.39)
    # (13.39 − 13) ÷ 13.
    assert model.gap(point) == pytest.approx(0.03)
    assert model.is_closed(point) and not model.is_closed(replace(point, bound=13.78))
    unsolved = replace(point, x=None)
    assert model.gap(unsolved) == np.inf and not model.is_closed(unsolved)


def test_each_limit_starts_from_the_best_known_feasible_point() -> None:
    model = sweep_model()
    known = tuple(solution(model.matrix, chosen) for chosen in ([2], [0, 2], [0, 1, 2], [1]))
    model = replace(model, known=known)
    for limit, best in ((1.0, None), (2.0, 0), (5.0, 3), (10.0, 1), (15.0, 2)):
        found = model.best_known_point(model.context_at(limit, time.monotonic() + 10), None)
        assert found is (None if best is None else known[best])
    incumbent = solution(model.matrix, [0, 2])
    assert model.best_known_point(model.context_at(10.0, time.monotonic() + 10), incumbent) is incumbent


def test_zero_point_exists_only_where_it_is_feasible() -> None:
    matrix = projects()
    zero = zero_point(matrix)
    assert zero is not None and not zero.any()
    row = int(matrix.rows_of("money")[0])
    moved = with_limit(matrix, row, 4.0)
    assert moved.row_upper[row] == 4.0 and matrix.row_upper[row] == 10.0
    assert zero_point(with_limit(matrix, row, -1.0)) is None


def test_sweep_finds_the_optimum_at_each_limit() -> None:
    model, limits = sweep_model(), list(OPTIMUM)
    points = Sweep().run(model, limits, 20.0)
    assert [point.limit for point in points] == limits
    for point in points:
        assert point.x is not None and residuals(with_limit(model.matrix, model.row, point.limit), point.x).hold
        assert model.value(point.x) == pytest.approx(OPTIMUM[point.limit])
        # The LP relaxation pays half of each fixed cost, in order of cost per value: 3 for 1, 10 for 4, 6 for 2.5.
        paid = point.limit - np.cumsum([0.0, 1.0, 4.0])
        shares = np.clip(paid / (1.0, 4.0, 2.5), 0.0, 1.0)
        assert point.bound == pytest.approx(shares @ (3.0, 10.0, 6.0))


@pytest.mark.parametrize("limit", OPTIMUM)
def test_sweep_over_a_single_limit_finds_its_optimum(limit: float) -> None:
    model = sweep_model()
    (point,) = Sweep().run(model, [limit], 20.0)
    assert point.x is not None and model.value(point.x) == pytest.approx(OPTIMUM[limit])
    assert Sweep().run(model, [], 20.0) == []


def test_sweep_short_of_effort_still_searches_the_first_limit_with_a_solution() -> None:
    # The projects of the module, of which one whole use is required. The relaxation pays 1 for it, half of the third
    # project; a solution pays 2.
    rows = np.zeros((5, 6))
    rows[:3] = np.hstack([-2.0 * np.eye(3), np.eye(3)])
    rows[3, :3], rows[4, 3:] = COST, -1.0
    matrix = hand_matrix(
        rows, [0.0, 0.0, 0.0, 10.0, -1.0], [0.0, 0.0, 0.0, *VALUE], is_integer=[True] * 3 + [False] * 3
    )
    each, no_choice = np.arange(3), np.full(6, -1)
    model = SweepModel(matrix, 3, FixedChargeNetwork(each, each, each, np.zeros(3), each[:0], no_choice), (), OPTIONS)
    with effort():
        points = Sweep(min_effort=1e-6).run(model, [0.5, 1.0, 1.4, 1.8, 2.0, 2.5, 3.0], 0.0)
    # With a limit of 0.5 even the relaxation is infeasible.
    assert [point.limit for point in points] == [1.0, 1.4, 1.8, 2.0, 2.5, 3.0]
    assert [point.x is not None for point in points] == [False, False, False, True, True, True]
    for point in points[3:]:
        assert point.x is not None and residuals(with_limit(matrix, 3, point.limit), point.x).hold


def test_relate_takes_arcs_of_neighbouring_limits_from_high_to_low() -> None:
    model = sweep_model()
    points = [point_at(model, limit, chosen) for limit, chosen in ((7.0, [1]), (10.0, [2]), (15.0, [0, 2]))]
    found = Relate().run(model, points, None, None, 20.0)
    # At 15 the neighbour adds no arc; at 10 it adds both projects of 15; at 7 it adds the third project of 10.
    assert [model.value(point.x) for point in found if point.x is not None] == pytest.approx([9.0, 13.0, 13.0])
    # With a neighbour above that builds all three, all are free at 15.
    above = point_at(model, 20.0, [0, 1, 2])
    found = Relate().run(model, points, None, above, 20.0)
    assert [model.value(point.x) for point in found if point.x is not None] == pytest.approx([9.0, 13.0, 19.0])


def test_deepen_proves_the_optimum_of_a_sweep_point() -> None:
    model = sweep_model()
    # Half of each fixed cost pays for all projects in the LP relaxation: 19. The incumbent is the third project.
    point = point_at(model, 10.0, [2])
    assert point.bound == pytest.approx(19.0)
    found = ImproveWidestGaps().run(model, point, 20.0)
    assert found.x is not None and model.value(found.x) == pytest.approx(13.0)
    assert found.bound == pytest.approx(13.0) and found.is_deepened
    # A point without a solution stays as it is.
    unsolved = point_at(model, 10.0, None)
    unchanged = ImproveWidestGaps().run(model, unsolved, 20.0)
    assert unchanged.x is None and unchanged.bound == unsolved.bound and unchanged.is_deepened


def test_deepen_passes_its_node_limit_to_highs(monkeypatch: pytest.MonkeyPatch) -> None:
    model, options_set = sweep_model(), []
    set_option = Highs.set_option

    def record(highs: Highs, name: str, value: Any) -> None:
        options_set.append((name, value))
        set_option(highs, name, value)

    monkeypatch.setattr(Highs, "set_option", record)
    ImproveWidestGaps(max_nodes=17).run(model, point_at(model, 10.0, [2]), 20.0)
    assert ("mip_max_nodes", 17) in options_set


@pytest.mark.parametrize("required_only", [True, False])
def test_sweep_search_proves_every_limit_and_divides_the_remaining_effort(required_only: bool) -> None:
    none = np.zeros(0, dtype=np.int64)
    work = SweepWork(sweep_model(), Connections(1, none, none, (), none.astype(bool), {}, ()), BUDGET_SWEEP)
    run_task, efforts_given, spent = work.opened(), [], 3.0

    def run_tasks(tasks: Sequence[tuple[SweepTask, float]]) -> list[tuple[Any, float]]:
        """Run the tasks one by one; each counts 3 units of effort."""
        efforts_given.append([task.keywords["effort"] for task, _ in tasks])  # type: ignore[attr-defined]
        return [(run_task(each)[0], spent) for each in tasks]

    def ignore(_: object) -> None:
        return None

    search = SweepSearch(work, np.arange(3), required_only, False, [], 100.0, run_tasks, ignore, ignore)
    with effort():
        found = search.run(np.array(list(OPTIMUM)))
    assert found is not None and found.arc_groups.tolist() == [0, 1, 2]
    for point, optimum in zip(found.points, OPTIMUM.values(), strict=True):
        assert point.x is not None
        assert work.model.value(found.small.lift_to_full_model(point.x)) == pytest.approx(optimum)
        assert point.bound == pytest.approx(optimum)
    anchors, swept, related, *deepened = efforts_given
    # An anchor gets a fifth; the sweep ends at 76 of 100; each step uses 3.
    assert anchors == [20.0, 20.0] and swept == [76.0, 76.0] and related == [97.0, 97.0]
    for k, efforts in enumerate(deepened):
        assert all(6.0 <= each <= 94.0 - spent * k for each in efforts)
    assert deepened


def test_deepen_keeps_the_columns_of_the_solution_though_they_cannot_improve_it() -> None:
    # Projects of value 10, 10 and 5 cost 6, 6 and 4; the limit is 10. In the LP relaxation the first two are worth
    # 10 + 10 × 4 / 6, and the third one loses 4 × 10 / 6 − 5: at most 15 with it, which is the optimum.
    matrix = hand_matrix([[6.0, 6.0, 4.0]], [10.0], [10.0, 10.0, 5.0])
    each, no_choice = np.arange(3), np.full(3, -1)
    network = FixedChargeNetwork(each, each, each, np.zeros(3), np.array([0]), no_choice)
    model = SweepModel(matrix, 0, network, (), replace(OPTIONS, gap_share=0.01))
    point = point_at(model, 10.0, None)
    assert point.bound == pytest.approx(10.0 + 10.0 * 4 / 6)
    found = ImproveWidestGaps().run(model, replace(point, x=np.array([1.0, 0.0, 1.0])), 20.0)
    assert found.x is not None and model.value(found.x) == pytest.approx(15.0)
    assert model.is_closed(found) and found.bound >= 15.0 - 1e-9


@pytest.mark.parametrize("n", range(6))
def test_halves_cover_all_places_in_order_and_none_is_empty(n: int) -> None:
    halves = [list(range(n))[half] for half in _halves(n)]
    assert [place for half in halves for place in half] == list(range(n))
    assert all(halves) and len(halves) == min(n, 2)
