"""Solutions at many limits of one row: three projects with fixed charges, small enough for every choice."""

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
from ccs_model.mip.budget_sweep import Deepen, Relate, Sweep, SweepModel, SweepPoint, with_limit, zero_point
from ccs_model.mip.clock import effort
from ccs_model.mip.cut_sets import Connections
from ccs_model.mip.matrix import residuals
from ccs_model.mip.parametric import MovingLimit
from ccs_model.mip.search import FixedChargeNetwork
from ccs_model.mip.sweep_search import SweepSearch, SweepTask, SweepWork
from ccs_model.model.standard_form import matrix_of
from ccs_model.solve.strategies import BUDGET_SWEEP

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
WORTH, CHARGE = (10.0, 6.0, 3.0), (8.0, 5.0, 2.0)
# By hand: nothing below 2, then the third, the first two of less charge, the outer two, and all.
BEST = {1.0: 0.0, 2.0: 3.0, 7.0: 9.0, 10.0: 13.0, 15.0: 19.0}


def projects() -> Matrix:
    """The most worth of what is in use; half a charge is enough for the relaxation, since use may be twice the pipe."""
    m = pyo.ConcreteModel()
    m.pipe, m.use = pyo.Var(range(3), domain=pyo.Binary), pyo.Var(range(3), bounds=(0, 1))
    m.needs = pyo.Constraint(range(3), rule=lambda m, k: m.use[k] <= 2 * m.pipe[k])
    m.money = pyo.Constraint(expr=sum(CHARGE[k] * m.pipe[k] for k in range(3)) <= 10)
    m.objective = pyo.Objective(expr=sum(WORTH[k] * m.use[k] for k in range(3)), sense=pyo.maximize)
    return matrix_of(m)


def sweep_model(options: SolverOptions = OPTIONS) -> SweepModel:
    matrix = projects()
    columns, money = matrix.columns_of("pipe"), matrix.rows_of("money")
    each, no_choice = np.arange(3), np.full(len(matrix.lower), -1)
    network = FixedChargeNetwork(columns, each, each, np.zeros(3), money, no_choice)
    return SweepModel(matrix, int(money[0]), network, (), options)


def plan(matrix: Matrix, chosen: Sequence[int]) -> np.ndarray:
    return np.array([float(column.index in chosen) for column in matrix.columns])


def point_at(model: SweepModel, limit: float, chosen: Sequence[int] | None) -> SweepPoint:
    support = MovingLimit(model.matrix, model.row, OPTIONS).at(limit)
    assert support is not None
    return SweepPoint(limit, None if chosen is None else plan(model.matrix, chosen), support, support.value)


@pytest.mark.parametrize("limit", BEST)
def test_the_best_by_hand_is_the_best_of_every_choice(limit: float) -> None:
    choices = itertools.product((0, 1), repeat=3)
    assert BEST[limit] == max(np.dot(each, WORTH) for each in choices if np.dot(each, CHARGE) <= limit)


def test_the_gap_of_a_point_is_that_of_its_value_and_bound() -> None:
    model = sweep_model(replace(OPTIONS, gap_share=0.05))
    point = replace(point_at(model, 10.0, [0, 2]), bound=13.39)
    # (13.39 − 13) ÷ 13.
    assert model.gap(point) == pytest.approx(0.03)
    assert model.is_closed(point) and not model.is_closed(replace(point, bound=13.78))
    without = replace(point, x=None)
    assert model.gap(without) == np.inf and not model.is_closed(without)


def test_a_limit_starts_from_the_best_known_point_that_it_allows() -> None:
    model = sweep_model()
    known = tuple(plan(model.matrix, chosen) for chosen in ([2], [0, 2], [0, 1, 2], [1]))
    model = replace(model, known=known)
    for limit, best in ((1.0, None), (2.0, 0), (5.0, 3), (10.0, 1), (15.0, 2)):
        found = model.with_known(model.at(limit, time.monotonic() + 10), None)
        assert found is (None if best is None else known[best])
    in_hand = plan(model.matrix, [0, 2])
    assert model.with_known(model.at(10.0, time.monotonic() + 10), in_hand) is in_hand


def test_nothing_is_a_plan_where_nothing_is_required() -> None:
    matrix = projects()
    zero = zero_point(matrix)
    assert zero is not None and not zero.any()
    row = int(matrix.rows_of("money")[0])
    moved = with_limit(matrix, row, 4.0)
    assert moved.row_upper[row] == 4.0 and matrix.row_upper[row] == 10.0
    assert zero_point(with_limit(matrix, row, -1.0)) is None


def test_a_sweep_has_the_best_plan_at_each_limit() -> None:
    model, limits = sweep_model(), list(BEST)
    points = Sweep().run(model, limits, 20.0)
    assert [point.limit for point in points] == limits
    for point in points:
        assert point.x is not None and residuals(with_limit(model.matrix, model.row, point.limit), point.x).hold
        assert model.value(point.x) == pytest.approx(BEST[point.limit])
        # Half of each charge, the cheapest a unit of worth first: 3 for 1, 10 for 4, 6 for 2.5.
        paid = point.limit - np.cumsum([0.0, 1.0, 4.0])
        shares = np.clip(paid / (1.0, 4.0, 2.5), 0.0, 1.0)
        assert point.bound == pytest.approx(shares @ (3.0, 10.0, 6.0))


def test_neighbours_lend_their_charges_from_high_to_low() -> None:
    model = sweep_model()
    points = [point_at(model, limit, chosen) for limit, chosen in ((7.0, [1]), (10.0, [2]), (15.0, [0, 2]))]
    found = Relate().run(model, points, None, None, 20.0)
    # At 15 the neighbour has nothing new; at 10 the outer two are those of 15; at 7 the last two, one of each limit.
    assert [model.value(point.x) for point in found if point.x is not None] == pytest.approx([9.0, 13.0, 13.0])
    # With a neighbour above that has all three, all are free at 15.
    above = point_at(model, 20.0, [0, 1, 2])
    found = Relate().run(model, points, None, above, 20.0)
    assert [model.value(point.x) for point in found if point.x is not None] == pytest.approx([9.0, 13.0, 19.0])


def test_a_deepened_point_is_proven() -> None:
    model = sweep_model()
    # Half of each charge pays for all in the relaxation: 19. The plan in hand is the third project.
    point = point_at(model, 10.0, [2])
    assert point.bound == pytest.approx(19.0)
    found = Deepen().run(model, point, 20.0)
    assert found.x is not None and model.value(found.x) == pytest.approx(13.0)
    assert found.bound == pytest.approx(13.0) and found.is_deepened
    # Without a plan there is nothing to deepen.
    without = point_at(model, 10.0, None)
    left = Deepen().run(model, without, 20.0)
    assert left.x is None and left.bound == without.bound and left.is_deepened


def test_the_search_for_a_bound_ends_by_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, given = sweep_model(), []
    set_option = Highs.set_option

    def noted(highs: Highs, name: str, value: Any) -> None:
        given.append((name, value))
        set_option(highs, name, value)

    monkeypatch.setattr(Highs, "set_option", noted)
    Deepen(max_nodes=17).run(model, point_at(model, 10.0, [2]), 20.0)
    assert ("mip_max_nodes", 17) in given


@pytest.mark.parametrize("required_only", [True, False])
def test_a_search_proves_every_limit_and_gives_each_job_the_effort_that_is_left(required_only: bool) -> None:
    none = np.zeros(0, dtype=np.int64)
    work = SweepWork(sweep_model(), Connections(1, none, none, (), none.astype(bool), {}, ()), BUDGET_SWEEP)
    do, given, spent = work.opened(), [], 3.0

    def run_tasks(tasks: Sequence[tuple[SweepTask, float]]) -> list[tuple[Any, float]]:
        """Two jobs side by side take 3 units of effort each, whatever they do."""
        given.append([task.keywords["effort"] for task, _ in tasks])  # type: ignore[attr-defined]
        return [(do(each)[0], spent) for each in tasks]

    def nothing(_: object) -> None:
        return None

    search = SweepSearch(work, np.arange(3), required_only, False, [], 100.0, run_tasks, nothing, nothing)
    with effort():
        found = search.run(np.array(list(BEST)))
    assert found is not None and found.arc_groups.tolist() == [0, 1, 2]
    for point, best in zip(found.points, BEST.values(), strict=True):
        assert point.x is not None
        assert work.model.value(found.small.lifted(point.x)) == pytest.approx(best)
        assert point.bound == pytest.approx(best)
    anchors, swept, related, *deepened = given
    # A fifth for an anchor; the sweep ends at 76 of 100, and each step leaves 3 less.
    assert anchors == [20.0, 20.0] and swept == [76.0, 76.0] and related == [97.0, 97.0]
    for k, efforts in enumerate(deepened):
        assert all(6.0 <= each <= 94.0 - spent * k for each in efforts)
    assert deepened
