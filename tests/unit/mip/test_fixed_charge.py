"""Slope scaling and the stages after it, on a fixed-charge problem small enough to enumerate."""

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
# Plants of 4 and 6 with pipes to two stores; a plant is built as a whole and is worth 10 per unit.
SUPPLY = {"A": 4.0, "B": 6.0}
# (fixed cost, cost per unit of flow); each pipe carries 10.
PIPES = {
    ("A", "near"): (12, 1), ("B", "near"): (15, 1), ("A", "far"): (4, 3), ("B", "far"): (30, 0), ("A", "B"): (3, 1),
}  # fmt: skip
VALUE = 10.0


def model(budget: float) -> pyo.ConcreteModel:
    """Maximise value less flow costs within a budget for fixed costs. CO₂ of B may flow through A and vice versa."""
    m = pyo.ConcreteModel()
    arcs = [*PIPES, ("B", "A")]
    m.build = pyo.Var(list(SUPPLY), domain=pyo.Binary)
    m.pipe = pyo.Var(list(PIPES), domain=pyo.Binary)
    m.flow = pyo.Var(arcs, domain=pyo.NonNegativeReals)
    unit = {arc: PIPES[arc if arc in PIPES else arc[::-1]][1] for arc in arcs}

    @m.Constraint(list(SUPPLY))
    def inflow_equals_outflow(m, plant):
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


def value_of_each_pipe_set(matrix: Matrix) -> Iterator[tuple[float, tuple[float, ...]]]:
    """Optimal value of each feasible set of pipes, by enumeration."""
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


def relaxation_point(matrix: Matrix) -> np.ndarray:
    highs = Highs.lp_relaxation(matrix, OPTIONS)
    found = highs.run(10, "relaxation")
    assert found.x is not None
    return found.x


@pytest.mark.parametrize("step", [1.0, 0.25])
def test_slope_scaling_uses_only_pipes_of_the_previous_iteration(matrix: Matrix, step: float) -> None:
    context, x = context_of(matrix), relaxation_point(matrix)
    network = context.network
    used = set(network.arc_groups_used(x).tolist())
    trace = SlopeScaling(n_rounds=8, step=step).run(context, from_point(x)).trace
    assert trace
    fixed_cost = np.array([PIPES[matrix.columns[j].index][0] for j in network.columns], dtype=float)
    budget = float(matrix.row_upper[network.budget_rows[0]])
    previous = x[network.columns]
    for k, point in enumerate(trace):
        in_use = set(network.arc_groups_used(point).tolist())
        assert in_use <= used
        # At power 1 a pipe that is used as in the previous iteration is charged its full fixed cost.
        linearised = previous ** min(step * (k + 1), 1.0)
        share = np.divide(point[network.columns], linearised, out=np.zeros_like(previous), where=previous > 1e-6)
        assert float(fixed_cost @ share) <= budget * (1 + 1e-6)
        used, previous = in_use, point[network.columns]


def test_construct_is_feasible_extend_is_no_worse_and_prove_is_optimal(matrix: Matrix) -> None:
    context = context_of(matrix)
    scaled = SlopeScaling(n_rounds=8).run(context, from_point(relaxation_point(matrix)))
    result = Construct().run(context, scaled)
    start = result.incumbent
    assert start is not None
    assert residuals(matrix, start).hold
    values = sorted(value_of_each_pipe_set(matrix))
    optimum = values[-1][0]
    assert float(matrix.costs[0] @ start) <= optimum + 1e-9
    all_arc_groups = np.arange(len(context.network.columns))
    result = Extend(0).run(context, replace(result, trace=(np.ones(len(matrix.lower)),)))
    improved = result.incumbent
    assert improved is not None and residuals(matrix, improved).hold
    # Only arcs of the relaxation or the incumbent may change, so the result is no worse but may not be optimal.
    assert float(matrix.costs[0] @ start) - 1e-9 <= float(matrix.costs[0] @ improved) <= optimum + 1e-9
    proven = Prove().run(context, result, all_arc_groups, "all")
    assert proven.status == "optimal" and proven.incumbent is not None
    assert context.value(proven.incumbent) == pytest.approx(optimum)


def test_slope_scaling_reaches_the_last_power_within_its_effort(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, x, clock = context_of(matrix), relaxation_point(matrix), [0.0]
    for module in (fixed_charge, search):
        monkeypatch.setattr(module, "now", lambda: clock[0])
    attempt, charges = Highs.attempt, []

    def attempt_of_one_unit(highs: Highs, *arguments: Any) -> Outcome:
        clock[0] += 1.0
        return attempt(highs, *arguments)

    def record(highs: Highs, row: int, column: int, value: float) -> None:
        charges.append((clock[0], column, value / matrix.rows[row, column]))

    monkeypatch.setattr(Highs, "attempt", attempt_of_one_unit)
    monkeypatch.setattr(Highs, "set_coefficient", record)
    steps = SlopeScaling(n_rounds=22, step=0.05)
    trace = steps.run(replace(context, began=0.0, deadline=4.0), from_point(x)).trace
    # With four units of effort the power is 0.05 in the first iteration and 1 in the last.
    points = (x, *trace)
    assert {at for at, _, _ in charges} >= {0.0, 3.0}
    for at, power in ((0, 0.05), (3, 1.0)):
        for time_of, column, factor in charges:
            if time_of == at and points[at][column] > 1e-6:
                assert factor == pytest.approx(points[at][column] ** -power, rel=1e-9)


def test_prove_keeps_a_start_that_is_better_than_the_solver_result(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(matrix)
    best = Construct().run(context, SlopeScaling().run(context, from_point(relaxation_point(matrix))))
    assert best.incumbent is not None and context.value(best.incumbent) > 0
    zero = Outcome("limit", 0.0, 99.0, np.zeros(len(matrix.lower)), None, None)
    monkeypatch.setattr(fixed_charge, "outcome_with_integers_fixed", lambda *_: zero)
    all_arc_groups = np.arange(len(context.network.columns))
    found = Prove().run(context, best, all_arc_groups, "all")
    assert found.incumbent is not None and found.bound == 99.0
    assert context.value(found.incumbent) == context.value(best.incumbent)


def test_prove_builds_only_the_given_corridors(matrix: Matrix) -> None:
    context = context_of(matrix)
    arc_groups = np.array([0, 4])  # A – near and A – B
    found = Prove().run(context, Result("limit"), arc_groups, "two").incumbent
    assert found is not None
    assert set(context.network.arc_groups_used(found).tolist()) <= {0, 4}
    inside = [value for value, built in value_of_each_pipe_set(matrix) if not any(built[k] for k in (1, 2, 3))]
    assert context.value(found) == pytest.approx(max(inside))


def test_prove_without_a_new_point_keeps_an_incumbent_of_other_corridors(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(matrix)
    incumbent = Construct().run(context, SlopeScaling().run(context, from_point(relaxation_point(matrix)))).incumbent
    assert incumbent is not None
    used = context.network.arc_groups_used(incumbent)
    others = np.setdiff1d(np.arange(len(context.network.columns)), used)
    assert len(used) and len(others)
    monkeypatch.setattr(Highs, "attempt", lambda *_: Outcome("limit", np.nan, 99.0, None, None, None))
    found = Prove().run(context, Result("limit", incumbent), others, "others")
    assert found.incumbent is incumbent
    assert (found.status, found.bound) == ("limit", 99.0)


def test_extend_builds_only_corridors_of_the_incumbent_and_the_trace_point(matrix: Matrix) -> None:
    context = context_of(matrix)
    start = Prove().run(context, Result("limit"), np.array([0]), "A to the near store").incumbent
    # A alone: 4 × (10 − 1).
    assert start is not None and context.value(start) == pytest.approx(36.0)
    near = np.zeros(len(matrix.lower))
    near[context.network.columns[4]] = 1.0  # A – B
    found = Extend(0).run(context, Result("limit", start, trace=(near,))).incumbent
    # B flows through A, within every budget: 36 + 6 × (10 − 1 − 1).
    assert found is not None and residuals(matrix, found).hold
    assert context.network.arc_groups_used(found).tolist() == [0, 4]
    assert context.value(found) == pytest.approx(84.0)


def test_restricted_extension_allows_one_corridor_if_slope_scaling_ends_with_none(matrix: Matrix) -> None:
    context = context_of(matrix)
    points = []
    for built_groups in ([0, 1], [0], []):
        point = np.zeros(len(matrix.lower))
        point[context.network.columns[built_groups]] = 1.0
        points.append(point)
    before = Result("limit", np.zeros(len(matrix.lower)), trace=tuple(points))
    found = ExtendRestricted(times=1.0).run(context, before).incumbent
    # The first iteration with at most one corridor has that of A to the near store: 4 × (10 − 1).
    assert found is not None and residuals(matrix, found).hold
    assert context.network.arc_groups_used(found).tolist() == [0]
    assert context.value(found) == pytest.approx(36.0)


@pytest.mark.parametrize("sense", [pyo.maximize, pyo.minimize])
def test_points_whose_values_differ_by_rounding_count_as_equal(sense: Any) -> None:
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
        assert context.better_point(one, better) is (better if is_better else one)
        assert context.better_point(one, worse) is one
    assert context.better_point(None, one) is one and context.better_point(one, None) is one


def test_construct_builds_the_highest_rank_of_exclusive_columns() -> None:
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


def test_infeasible_model_has_no_constructed_solution_and_is_proven_infeasible() -> None:
    m = model(40)
    m.too_much = pyo.Constraint(expr=m.flow["A", "near"] >= 11)
    matrix = matrix_of(m)
    context = context_of(matrix, 10)
    no_arcs = Result("limit", trace=(np.zeros(len(matrix.columns)),))
    assert Construct().run(context, no_arcs).incumbent is None
    all_arc_groups = np.arange(len(context.network.columns))
    assert Prove().run(context, Result("limit"), all_arc_groups, "none").status == "infeasible"


def test_solution_that_is_infeasible_after_unscaling_is_searched_again_without_scaling(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(matrix)
    all_arc_groups = np.arange(len(context.network.columns))
    solve, scalings = Prove._solve, []

    def solve_with_scaling_error(*arguments: Any) -> Result:
        """Add a thousandth to every flow, within the tolerance of flows in thousands but infeasible unscaled."""
        *_, scaling = arguments
        scalings.append(scaling)
        found = solve(*arguments)
        if scaling is None or found.incumbent is None:
            return found
        perturbed = found.incumbent.copy()
        perturbed[matrix.columns_of("flow")] += 1e-3
        return replace(found, incumbent=perturbed)

    monkeypatch.setattr(Prove, "_solve", solve_with_scaling_error)
    found = Prove().run(context, Result("limit"), all_arc_groups, "again")
    assert isinstance(scalings[0], Scaling) and scalings[1:] == [None]
    assert found.status == "optimal" and found.incumbent is not None and residuals(matrix, found.incumbent).hold
    assert context.value(found.incumbent) == pytest.approx(max(value_of_each_pipe_set(matrix))[0])
    # Staged networks are not scaled, so that one search suffices.
    scalings.clear()
    staged = replace(context.network, exclusive=np.arange(len(all_arc_groups)), arc_group=all_arc_groups // 2)
    Prove().run(replace(context, network=staged), Result("limit"), all_arc_groups, "once")
    assert scalings == [None]


@pytest.mark.parametrize("later", [Result("limit", bound=np.nan), Result("limit", bound=99.0)])
def test_bound_and_incumbent_of_a_wider_gap_are_kept(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch, later: Result
) -> None:
    context = context_of(matrix)
    all_arc_groups = np.arange(len(context.network.columns))
    staged = replace(context.network, exclusive=np.arange(len(all_arc_groups)), arc_group=all_arc_groups // 2)
    incumbent = np.zeros(len(matrix.columns))
    gaps, outcomes = [], iter([Result("optimal", incumbent, bound=7.0), later])

    def proved(self: Prove, at_gap: SearchContext, *_: object) -> Result:
        gaps.append(at_gap.options.gap_share)
        return next(outcomes)

    monkeypatch.setattr(Prove, "_solve_with_scaling", proved)
    found = Prove().run(replace(context, network=staged), Result("limit", incumbent), all_arc_groups, "staged")
    assert gaps == [0.03, 0.01] and found.bound == 7.0 and found.incumbent is incumbent


def test_prove_past_its_deadline_keeps_the_incumbent(matrix: Matrix) -> None:
    context = context_of(matrix, -1)
    all_arc_groups = np.arange(len(context.network.columns))
    found = Prove().run(context, Result("limit", np.zeros(len(matrix.columns))), all_arc_groups, "late")
    assert found.incumbent is not None and residuals(matrix, found.incumbent).hold
    value = context.value(found.incumbent)
    assert value >= 0 and (found.status == "limit" or found.bound == pytest.approx(value))
