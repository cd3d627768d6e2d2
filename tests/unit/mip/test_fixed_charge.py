"""Slope scaling and what follows it, on a problem of fixed charges small enough to enumerate."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions, fixed_charge, search
from ccs_model.mip.fixed_charge import Construct, Extend, ExtendRestricted, Prove, SlopeScaling
from ccs_model.mip.matrix import Scaling, residuals
from ccs_model.mip.search import FixedChargeNetwork, Result, SearchContext
from ccs_model.model.standard_form import matrix_of

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
# Plants of 4 and 6 at the far end of pipes to two stores; each plant is worth 10 a unit when it is whole.
SUPPLY = {"A": 4.0, "B": 6.0}
# (cost of laying, cost of a unit); each carries 10.
PIPES = {
    ("A", "near"): (12, 1), ("B", "near"): (15, 1), ("A", "far"): (4, 3), ("B", "far"): (30, 0), ("A", "B"): (3, 1),
}  # fmt: skip
VALUE = 10.0


def model(budget: float) -> pyo.ConcreteModel:
    """Maximise value less unit costs; laying is limited by a budget. B's CO₂ may go by way of A, and the other way."""
    m = pyo.ConcreteModel()
    arcs = [*PIPES, ("B", "A")]
    m.build = pyo.Var(list(SUPPLY), domain=pyo.Binary)
    m.pipe = pyo.Var(list(PIPES), domain=pyo.Binary)
    m.flow = pyo.Var(arcs, domain=pyo.NonNegativeReals)
    unit = {arc: PIPES[arc if arc in PIPES else arc[::-1]][1] for arc in arcs}

    @m.Constraint(list(SUPPLY))
    def what_comes_in_goes_out(m, plant):
        out = sum(m.flow[arc] for arc in arcs if arc[0] == plant)
        into = sum(m.flow[arc] for arc in arcs if arc[1] == plant)
        return SUPPLY[plant] * m.build[plant] + into == out

    @m.Constraint(list(PIPES))
    def flow_needs_a_pipe(m, a, b):
        return sum(m.flow[arc] for arc in arcs if set(arc) == {a, b}) <= 10 * m.pipe[a, b]

    @m.Constraint()
    def within_budget(m):
        return sum(PIPES[arc][0] * m.pipe[arc] for arc in PIPES) <= budget

    m.objective = pyo.Objective(
        expr=VALUE * sum(SUPPLY[p] * m.build[p] for p in SUPPLY) - sum(unit[arc] * m.flow[arc] for arc in arcs),
        sense=pyo.maximize,
    )
    return m


def context_of(matrix: Matrix, seconds: float = 20) -> SearchContext:
    columns = matrix.columns_of("pipe")
    each, no_choice = np.arange(len(columns)), np.full(len(matrix.lower), -1)
    budget_rows = matrix.rows_of("within_budget")
    network = FixedChargeNetwork(columns, each, each, np.zeros(len(columns)), budget_rows, no_choice)
    return SearchContext(matrix, network, OPTIONS, time.monotonic() + seconds)


def from_point(x: np.ndarray) -> Result:
    return Result("limit", relaxation=Outcome("optimal", 0.0, 0.0, x, None, None))


def every_layout(matrix: Matrix) -> Iterator[tuple[float, tuple[float, ...]]]:
    """Value of the best plan for each set of pipes, by brute force."""
    columns = matrix.columns_of("pipe")
    for built in itertools.product((0.0, 1.0), repeat=len(columns)):
        highs = Highs(matrix, OPTIONS)
        highs.set_bounds(columns, np.array(built), np.array(built))
        found = highs.run(10, "one layout")
        if found.x is not None:
            yield found.objective, built


@pytest.fixture(scope="module", params=[16.0, 19.0, 40.0])
def matrix(request: pytest.FixtureRequest) -> Matrix:
    return matrix_of(model(request.param))


def relaxed(matrix: Matrix) -> np.ndarray:
    highs = Highs.relaxed(matrix, OPTIONS)
    found = highs.run(10, "relaxation")
    assert found.x is not None
    return found.x


@pytest.mark.parametrize("step", [1.0, 0.25])
def test_slope_scaling_keeps_to_the_pipes_of_the_round_before(matrix: Matrix, step: float) -> None:
    context, x = context_of(matrix), relaxed(matrix)
    charges = context.network
    used = set(charges.arc_groups_used(x).tolist())
    rounds = SlopeScaling(n_rounds=8, step=step).run(context, from_point(x)).trace
    assert rounds
    laying = np.array([PIPES[matrix.columns[j].index][0] for j in charges.columns], dtype=float)
    budget = float(matrix.row_upper[charges.budget_rows[0]])
    before = x[charges.columns]
    for k, point in enumerate(rounds):
        now = set(charges.arc_groups_used(point).tolist())
        assert now <= used
        # In the end each pipe is charged as if it were laid whole where it is used as much as in the round before.
        part = before ** min(step * (k + 1), 1.0)
        share = np.divide(point[charges.columns], part, out=np.zeros_like(before), where=before > 1e-6)
        assert float(laying @ share) <= budget * (1 + 1e-6)
        used, before = now, point[charges.columns]


def test_a_first_plan_holds_a_better_one_is_no_worse_and_the_search_is_proven(matrix: Matrix) -> None:
    context = context_of(matrix)
    scaled = SlopeScaling(n_rounds=8).run(context, from_point(relaxed(matrix)))
    result = Construct().run(context, scaled)
    start = result.incumbent
    assert start is not None
    assert residuals(matrix, start).hold
    values = sorted(every_layout(matrix))
    best = values[-1][0]
    assert float(matrix.costs[0] @ start) <= best + 1e-9
    every = np.arange(len(context.network.columns))
    result = Extend(0).run(context, replace(result, trace=(np.ones(len(matrix.lower)),)))
    better = result.incumbent
    assert better is not None and residuals(matrix, better).hold
    # Only what the relaxation or the plan in hand lays may move, so that it is no worse, and perhaps not the best.
    assert float(matrix.costs[0] @ start) - 1e-9 <= float(matrix.costs[0] @ better) <= best + 1e-9
    proven = Prove().run(context, result, every, "all")
    assert proven.status == "optimal" and proven.incumbent is not None
    assert context.value(proven.incumbent) == pytest.approx(best)


def test_slope_scaling_reaches_the_last_power_within_its_effort(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, x, clock = context_of(matrix), relaxed(matrix), [0.0]
    for module in (fixed_charge, search):
        monkeypatch.setattr(module, "now", lambda: clock[0])
    attempt, charges = Highs.attempt, []

    def one_unit(highs: Highs, *given: Any) -> Outcome:
        clock[0] += 1.0
        return attempt(highs, *given)

    def noted(highs: Highs, row: int, column: int, value: float) -> None:
        charges.append((clock[0], column, value / matrix.rows[row, column]))

    monkeypatch.setattr(Highs, "attempt", one_unit)
    monkeypatch.setattr(Highs, "set_coefficient", noted)
    steps = SlopeScaling(n_rounds=22, step=0.05)
    rounds = steps.run(replace(context, began=0.0, deadline=4.0), from_point(x)).trace
    # With four units of effort the power is 0.05 in the first round and 1 in the last.
    before = (x, *rounds)
    assert {at for at, _, _ in charges} >= {0.0, 3.0}
    for at, power in ((0, 0.05), (3, 1.0)):
        for time_of, column, factor in charges:
            if time_of == at and before[at][column] > 1e-6:
                assert factor == pytest.approx(before[at][column] ** -power, rel=1e-9)


def test_a_start_that_the_solver_does_not_take_over_is_kept(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    context = context_of(matrix)
    best = Construct().run(context, SlopeScaling().run(context, from_point(relaxed(matrix))))
    assert best.incumbent is not None and context.value(best.incumbent) > 0
    nothing = Outcome("limit", 0.0, 99.0, np.zeros(len(matrix.lower)), None, None)
    monkeypatch.setattr(fixed_charge, "outcome_with_integers_fixed", lambda *_: nothing)
    every = np.arange(len(context.network.columns))
    found = Prove().run(context, best, every, "all")
    assert found.incumbent is not None and found.bound == 99.0
    assert context.value(found.incumbent) == context.value(best.incumbent)


def test_only_the_corridors_given_are_laid(matrix: Matrix) -> None:
    context = context_of(matrix)
    arc_groups = np.array([0, 4])  # A – near and A – B
    found = Prove().run(context, Result("limit"), arc_groups, "two").incumbent
    assert found is not None
    assert set(context.network.arc_groups_used(found).tolist()) <= {0, 4}
    inside = [value for value, built in every_layout(matrix) if not any(built[k] for k in (1, 2, 3))]
    assert context.value(found) == pytest.approx(max(inside))


def test_a_search_that_ends_without_a_point_keeps_a_plan_of_other_corridors(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(matrix)
    plan = Construct().run(context, SlopeScaling().run(context, from_point(relaxed(matrix)))).incumbent
    assert plan is not None
    used = context.network.arc_groups_used(plan)
    others = np.setdiff1d(np.arange(len(context.network.columns)), used)
    assert len(used) and len(others)
    monkeypatch.setattr(Highs, "attempt", lambda *_: Outcome("limit", np.nan, 99.0, None, None, None))
    found = Prove().run(context, Result("limit", plan), others, "others")
    assert found.incumbent is plan
    assert (found.status, found.bound) == ("limit", 99.0)


def test_an_extension_lays_only_the_corridors_of_both_points(matrix: Matrix) -> None:
    context = context_of(matrix)
    start = Prove().run(context, Result("limit"), np.array([0]), "A to the near store").incumbent
    # A alone: 4 × (10 − 1).
    assert start is not None and context.value(start) == pytest.approx(36.0)
    near = np.zeros(len(matrix.lower))
    near[context.network.columns[4]] = 1.0  # A – B
    found = Extend(0).run(context, Result("limit", start, trace=(near,))).incumbent
    # B by way of A, within every budget: 36 + 6 × (10 − 1 − 1).
    assert found is not None and residuals(matrix, found).hold
    assert context.network.arc_groups_used(found).tolist() == [0, 4]
    assert context.value(found) == pytest.approx(84.0)


def test_where_slope_scaling_ends_without_a_corridor_one_is_the_measure(matrix: Matrix) -> None:
    context = context_of(matrix)
    rounds = []
    for laid in ([0, 1], [0], []):
        point = np.zeros(len(matrix.lower))
        point[context.network.columns[laid]] = 1.0
        rounds.append(point)
    before = Result("limit", np.zeros(len(matrix.lower)), trace=tuple(rounds))
    found = ExtendRestricted(times=1.0).run(context, before).incumbent
    # The first round with one corridor at most has that of A to the near store: 4 × (10 − 1).
    assert found is not None and residuals(matrix, found).hold
    assert context.network.arc_groups_used(found).tolist() == [0]
    assert context.value(found) == pytest.approx(36.0)


@pytest.mark.parametrize("sense", [pyo.maximize, pyo.minimize])
def test_points_whose_values_differ_by_rounding_are_equally_good(sense: Any) -> None:
    m = pyo.ConcreteModel()
    m.pipe = pyo.Var([0], bounds=(0, 9))
    m.within_budget = pyo.Constraint(expr=m.pipe[0] <= 9)
    m.objective = pyo.Objective(expr=m.pipe[0], sense=sense)
    context = context_of(matrix_of(m))
    sign = 1.0 if sense == pyo.maximize else -1.0
    assert context.sign == sign
    one = np.array([4.0])
    # Relative differences of 7e-10 and 2e-9.
    for change, is_better in ((2.8e-9, False), (8e-9, True), (1.0, True)):
        better, worse = one + sign * change, one - sign * change
        assert context.better(one, better) is (better if is_better else one)
        assert context.better(one, worse) is one
    assert context.better(None, one) is one and context.better(one, None) is one


def test_of_columns_that_exclude_each_other_the_highest_rank_is_laid() -> None:
    m = pyo.ConcreteModel()
    m.pipe = pyo.Var(["small", "large"], domain=pyo.Binary)
    m.flow = pyo.Var(domain=pyo.NonNegativeReals, bounds=(0, 5))
    m.within_pipes = pyo.Constraint(expr=m.flow <= 2 * m.pipe["small"] + 5 * m.pipe["large"])
    m.one_size = pyo.Constraint(expr=m.pipe["small"] + m.pipe["large"] <= 1)
    m.objective = pyo.Objective(expr=m.flow, sense=pyo.maximize)
    matrix = matrix_of(m)
    columns = matrix.columns_of("pipe")
    rank = np.array([5.0 if matrix.columns[j].index == "large" else 2.0 for j in columns])
    no_choice = np.full(len(matrix.lower), -1)
    one_group, no_rows = np.zeros(2, int), np.array([], dtype=np.int64)
    network = FixedChargeNetwork(columns, one_group, one_group, rank, no_rows, no_choice)
    both = np.zeros(len(matrix.columns))
    both[columns] = 0.5
    context = SearchContext(matrix, network, OPTIONS, time.monotonic() + 10)
    found = Construct().run(context, Result("limit", trace=(both,))).incumbent
    assert found is not None
    assert found[columns].tolist() == (rank == 5).astype(float).tolist()
    assert float(matrix.costs[0] @ found) == pytest.approx(5)


def test_without_a_layout_that_holds_there_is_no_first_plan() -> None:
    m = model(40)
    m.too_much = pyo.Constraint(expr=m.flow["A", "near"] >= 11)
    matrix = matrix_of(m)
    context = context_of(matrix, 10)
    nothing = Result("limit", trace=(np.zeros(len(matrix.columns)),))
    assert Construct().run(context, nothing).incumbent is None
    every = np.arange(len(context.network.columns))
    assert Prove().run(context, Result("limit"), every, "none").status == "infeasible"


def test_a_plan_that_only_just_holds_in_a_large_unit_is_sought_again_in_the_program_s_own(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(matrix)
    every = np.arange(len(context.network.columns))
    searched, scalings = Prove._solve, []

    def within_a_large_unit(*given: Any) -> Result:
        """A thousandth of a unit is nothing to a solver that counts flows in thousands; polishing may not mend it."""
        *_, scaling = given
        scalings.append(scaling)
        found = searched(*given)
        if scaling is None or found.incumbent is None:
            return found
        off = found.incumbent.copy()
        off[matrix.columns_of("flow")] += 1e-3
        return replace(found, incumbent=off)

    monkeypatch.setattr(Prove, "_solve", within_a_large_unit)
    found = Prove().run(context, Result("limit"), every, "again")
    assert isinstance(scalings[0], Scaling) and scalings[1:] == [None]
    assert found.status == "optimal" and found.incumbent is not None and residuals(matrix, found.incumbent).hold
    assert context.value(found.incumbent) == pytest.approx(max(every_layout(matrix))[0])
    # Where decisions are staged flows are counted as they are, and what was found is not sought twice.
    scalings.clear()
    staged = replace(context.network, exclusive=np.arange(len(every)), arc_group=every // 2)
    Prove().run(replace(context, network=staged), Result("limit"), every, "once")
    assert scalings == [None]


def test_out_of_time_the_plan_in_hand_stands(matrix: Matrix) -> None:
    context = context_of(matrix, -1)
    every = np.arange(len(context.network.columns))
    found = Prove().run(context, Result("limit", np.zeros(len(matrix.columns))), every, "late")
    assert found.incumbent is not None and residuals(matrix, found.incumbent).hold
    value = context.value(found.incumbent)
    assert value >= 0 and (found.status == "limit" or found.bound == pytest.approx(value))
