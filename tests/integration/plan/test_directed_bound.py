"""Flow directions over several periods: bounds cut off no plan, and the proof finds the optimum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.budget_sweep import with_limit
from ccs_model.mip.clock import effort, now
from ccs_model.mip.cut_sets import Relax
from ccs_model.mip.fixed_charge import Prove
from ccs_model.mip.matrix import residuals
from ccs_model.mip.search import Result, SearchContext
from ccs_model.model.build_model import build_model
from ccs_model.model.names import BALANCE
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem
from ccs_model.solve import directed_bound
from ccs_model.solve.assembly import budget_row
from ccs_model.solve.directed_bound import (
    bound_over_all_links,
    lines_over_all_links,
    prove_by_directions,
    without_network_of_other_periods,
    without_peak_flows,
)
from ccs_model.solve.fixed_charge_network import network_of
from ccs_model.solve.strategies import ProveByDirections
from tests import hand_network

pytestmark = pytest.mark.slow

BUDGETS = [60.0, 120.0, 300.0, 900.0]
EXACT = SolverOptions(1e-9)
RingBuilder = Callable[[float], tuple[Problem, Matrix]]


def optimum(matrix: Matrix) -> float:
    found = Highs(matrix, EXACT).run(60, "test")
    assert found.status == "optimal"
    return found.objective


def relaxation(matrix: Matrix) -> float:
    highs = Highs.lp_relaxation(matrix, EXACT)
    return highs.run(60, "test").objective


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_bound_over_all_links_is_between_the_optimum_and_the_relaxation(
    ring_problem: RingBuilder, budget: float
) -> None:
    problem, matrix = ring_problem(budget)
    bound = bound_over_all_links(problem, matrix, EXACT, effort=np.inf, stage="test")
    assert bound is not None
    assert optimum(matrix) * (1 - 1e-9) <= bound <= relaxation(matrix) * (1 + 1e-9)
    if budget == 120.0:
        assert bound < relaxation(matrix) * 0.99


def test_each_line_over_all_links_bounds_the_plans_of_every_budget(ring_problem: RingBuilder) -> None:
    problem, matrix = ring_problem(BUDGETS[-1])
    row = budget_row(matrix)
    assert row is not None
    lines = lines_over_all_links(problem, matrix, row.row, BUDGETS[::-1], EXACT, effort=60.0)
    assert [line.limit for line in lines] == BUDGETS[::-1]
    for budget in BUDGETS:
        best = optimum(with_limit(matrix, row.row, budget))
        bounds = [line.value_at(budget) for line in lines]
        assert all(best * (1 - 1e-9) <= bound for bound in bounds)
        # The line of the budget itself is the tightest at that budget.
        assert min(bounds) == pytest.approx(bounds[BUDGETS[::-1].index(budget)], rel=1e-9)


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_relaxation_without_the_network_of_other_periods_is_an_upper_bound(
    ring_problem: RingBuilder, budget: float
) -> None:
    problem, matrix = ring_problem(budget)
    relaxed = without_network_of_other_periods(problem, matrix)
    # The network of the second of three periods is left out; the first has a cumulative budget.
    assert {relaxed.row_constraints[i][1][-1] for i in relaxed.rows_of(BALANCE)} == {2026, 2036}
    assert optimum(relaxed) >= optimum(matrix) * (1 - 1e-9)


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_proof_by_directions_finds_the_optimum_from_the_empty_plan(
    ring_problem: RingBuilder, budget: float
) -> None:
    problem, matrix = ring_problem(budget)
    result, all_arc_groups = prove_over_all_links(problem, matrix, SolverOptions(1e-7))
    assert result is not None and result.incumbent is not None and residuals(matrix, result.incumbent).hold
    best = optimum(matrix)
    assert float(matrix.costs[0] @ result.incumbent) == pytest.approx(best, rel=1e-6)
    assert result.bound == pytest.approx(best, rel=1e-6)
    assert len(all_arc_groups) == len(hand_network.RING) + len(hand_network.SITES)


def test_a_model_too_large_to_branch_on_keeps_its_incumbent_and_gets_the_bound(
    ring_problem: RingBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, matrix = ring_problem(300.0)
    monkeypatch.setattr(directed_bound, "PROVE_BY_DIRECTIONS", ProveByDirections(Relax(cut_rounds=40), most_rows=0))
    result, _ = prove_over_all_links(problem, matrix, SolverOptions(1e-7))
    assert result is not None and result.status == "limit"
    assert result.incumbent is not None and not result.incumbent.any()
    assert optimum(matrix) * (1 - 1e-9) <= result.bound <= relaxation(matrix)
    # If the bound of the relaxation is within the gap, there is no branching either.
    with_wide_gap, _ = prove_over_all_links(
        problem, matrix, SolverOptions(0.9), start=Highs(matrix, EXACT).run(60, "test").x
    )
    assert with_wide_gap is not None and with_wide_gap.status == "optimal" and with_wide_gap.bound == result.bound


def prove_over_all_links(
    problem: Problem, matrix: Matrix, options: SolverOptions, start: np.ndarray | None = None
) -> tuple[Result | None, np.ndarray]:
    """The proof over all links and sites, from a given solution or the empty plan."""
    network = network_of(problem, matrix)
    all_arc_groups = np.unique(network.arc_group)
    with effort():
        context = SearchContext(matrix, network, options, now() + 60.0)
        before = Result("limit", incumbent=np.zeros(len(matrix.lower)) if start is None else start)
        return prove_by_directions(problem, context, before, all_arc_groups, Prove(), "test"), all_arc_groups


@pytest.mark.parametrize("budget", [1_000, 3_000])
def test_the_optimal_plan_is_feasible_in_the_relaxation_without_peak_flows(
    problem_of: Callable[..., Problem], budget: float
) -> None:
    changes = {"transport.shared_trunklines": True, "budget.total_mn": budget, "capture.decisions": "continuous"}
    matrix = matrix_of(build_model(problem_of(changes)))
    reduced = without_peak_flows(matrix)
    assert len(reduced.columns) < len(matrix.columns)
    assert not any(column.variable.startswith("above_mean") for column in reduced.matrix.columns)
    full, relaxed = (Highs(each, EXACT).run(60, "test") for each in (matrix, reduced.matrix))
    assert full.x is not None
    assert residuals(reduced.matrix, full.x[reduced.columns]).hold
    assert full.objective <= relaxed.objective * (1 + 1e-9)
    # Where all retrofits start, pipes carry the peak that belongs to their mean flow, so the bound is little higher.
    assert relaxed.objective < full.objective * 1.2
