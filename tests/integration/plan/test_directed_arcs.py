"""Directed formulations of pipelines keep the optimum and do not weaken the LP relaxation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.generated_networks import write_network_case
from ccs_model._typing import Ints
from ccs_model.mip import Highs, SolverOptions
from ccs_model.mip.cut_sets import Connections, Demand, Relax
from ccs_model.mip.matrix import flow_scaling_of, residuals
from ccs_model.mip.search import SearchContext
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.solve import network_search as corridors_module
from ccs_model.solve.directed_arcs import directed_arcs, relaxation_if_tighter
from ccs_model.solve.driver import solve
from ccs_model.solve.fixed_charge_network import connections_of, network_of
from ccs_model.solve.network_presolve import ONE_DIRECTION, OneWayModel, is_cheaper_below, one_way_model
from ccs_model.solve.strategies import ModelSizes

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]
ProblemBuilder = Callable[..., Problem]
ONE_PERIOD: dict[str, Any] = {
    "years": "static",
    "capital_recovery_share": 0.1,
    "transport.shared_trunklines": True,
    "transport.corridors": "all",
    "transport.trucks": False,
    "storage.sites": ["Qinshui", "Ordos"],
    "plants.min_emissions_ktpa": 2_000,
    "solver.mip_gap": 1e-7,
}
CASES: list[dict[str, Any]] = [
    {},
    {"budget.total_mn": 4_000},
    {"objective": "min_cost", "budget.total_mn": None, "targets.captured_ktpa": 3_000},
    {"objective": "min_cost", "budget.total_mn": None, "targets.captured_ktpa": 3_400},
]


@pytest.mark.parametrize("changes", CASES)
def test_the_one_way_model_has_the_same_optimum(
    solved: Solved, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    undirected = solved(ONE_PERIOD, changes)
    results: list[OneWayModel | None] = []

    def record(*given: Any) -> OneWayModel | None:
        results.append(one_way_model(*given))
        return results[-1]

    monkeypatch.setattr(corridors_module, "SIZES", ModelSizes(few_arc_groups=0))
    monkeypatch.setattr(corridors_module, "one_way_model", record)
    plan = solved(ONE_PERIOD, changes)
    assert results and results[0] is not None
    assert plan.status != "limit" and plan.checks["holds"].all()
    assert plan.objective.value == pytest.approx(undirected.objective.value, rel=1e-6)
    assert plan.objective.bound == pytest.approx(undirected.objective.value, rel=1e-6)


def test_the_one_way_relaxation_is_no_weaker_and_cuts_off_no_plan(problem_of: ProblemBuilder, solved: Solved) -> None:
    changes = ONE_PERIOD | {"objective": "min_cost", "budget.total_mn": None, "targets.captured_ktpa": 3_000}
    problem = problem_of(changes)
    matrix = matrix_of(build_model(problem))
    connections = connections_of(problem, matrix)
    directed = one_way_model(problem, matrix, connections)
    assert directed is not None
    context = SearchContext(matrix, network_of(problem, matrix), SolverOptions(threads=1), np.inf)
    relax, directed_context = Relax(cut_rounds=40), replace(context, matrix=directed.matrix)
    _, undirected = relax.run(context, connections, "test")
    cut, by_arc = relax.run(directed_context, directed.connections, "test")
    best = solved(changes).objective.value
    assert undirected.bound <= by_arc.bound * (1 + 1e-9) and by_arc.bound <= best * (1 + 1e-6)
    # The MILP with all cuts has the same optimum.
    highs = Highs(cut.matrix, SolverOptions(gap_share=1e-7, threads=1))
    found = highs.run(60, "test")
    assert found.objective == pytest.approx(best, rel=1e-6)
    lifted = directed.drop_directions(found).x
    assert lifted is not None and len(lifted) == len(matrix.lower)


def test_the_one_way_model_does_not_apply_with_trucks(problem_of: ProblemBuilder) -> None:
    problem = problem_of(ONE_PERIOD, {"transport.trucks": True})
    matrix = matrix_of(build_model(problem))
    assert one_way_model(problem, matrix, connections_of(problem, matrix)) is None


STAGED: dict[str, Any] = {
    "years": [2026, 2031],
    "transport.shared_trunklines": True,
    "transport.corridors": "all",
    "storage.sites": ["Qinshui", "Ordos"],
    "plants.min_emissions_ktpa": 2_000,
    "solver.mip_gap": 1e-7,
}


@pytest.mark.parametrize("budget_mn", [900.0, 3_000.0])
def test_the_one_way_model_of_several_periods_cuts_off_no_plan(
    problem_of: ProblemBuilder, solved: Solved, budget_mn: float
) -> None:
    changes = {"budget.total_mn": budget_mn}
    best = solved(STAGED, changes)
    problem = problem_of(STAGED, changes)
    matrix = matrix_of(build_model(problem))
    connections = connections_of(problem, matrix)
    directed = one_way_model(problem, matrix, connections)
    assert directed is not None
    context = SearchContext(matrix, network_of(problem, matrix), SolverOptions(), np.inf)
    relax, directed_context = Relax(cut_rounds=40), replace(context, matrix=directed.matrix)
    _, undirected = relax.run(context, connections, "test")
    cut, by_arc = relax.run(directed_context, directed.connections, "test")
    assert undirected.bound >= by_arc.bound * (1 - 1e-9) and by_arc.bound >= best.objective.value * (1 - 1e-6)
    found = Highs(cut.matrix, SolverOptions(gap_share=1e-7)).run(60, "test")
    assert best.status == "optimal" and found.objective == pytest.approx(best.objective.value, rel=1e-6)


@pytest.mark.parametrize("changes", [CASES[1], CASES[2]])
def test_the_model_of_two_arcs_per_link_has_the_same_optimum(
    problem_of: ProblemBuilder, changes: dict[str, Any]
) -> None:
    problem = problem_of(ONE_PERIOD, changes)
    matrix = matrix_of(build_model(problem))
    directed = directed_arcs(problem, matrix)
    assert directed is not None and len(directed.matrix.lower) == len(matrix.lower) + len(directed.reverse)
    options = SolverOptions(gap_share=1e-7)
    both, by_arc = (Highs(each, options).run(60, "test") for each in (matrix, directed.matrix))
    assert both.x is not None and by_arc.x is not None
    assert by_arc.objective == pytest.approx(both.objective, rel=1e-6)
    # A plan of one model is a plan of the other with the same value.
    lifted, split = directed.merge_directions(by_arc.x), directed.split_directions(both.x)
    assert residuals(matrix, lifted).hold and residuals(directed.matrix, split).hold
    assert float(matrix.costs[0] @ lifted) == pytest.approx(by_arc.objective, rel=1e-9)
    assert float(directed.matrix.costs[0] @ split) == pytest.approx(both.objective, rel=1e-9)
    # Two arcs per link are never weaker; here they are no tighter, so the search keeps the undirected model.
    assert relaxation_if_tighter(directed, matrix, options) is None


def test_the_tighter_formulation_of_a_synthetic_case_is_chosen(tmp_path: Path) -> None:
    scenario, inputs = read_checked(write_network_case(tmp_path, 12, 4, 0))
    problem = build_problem(scenario.with_changes({"transport.corridors": "all"}), inputs)
    matrix = matrix_of(build_model(problem))
    directed = directed_arcs(problem, matrix)
    assert directed is not None and relaxation_if_tighter(directed, matrix, SolverOptions()) is not None
    found = solve(problem)
    alone = Highs(matrix, SolverOptions(gap_share=1e-6), scaling=flow_scaling_of(matrix)).run(60, "test")
    assert found.objective.value == pytest.approx(alone.objective, rel=scenario.solver.mip_gap + 1e-6)


@pytest.mark.parametrize("change", [{"transport.trucks": True}, {"years": [2026, 2031]}])
def test_two_arcs_per_link_need_one_period_without_trucks(problem_of: ProblemBuilder, change: dict[str, Any]) -> None:
    base = {name: value for name, value in ONE_PERIOD.items() if not ("years" in change and "recovery" in name)}
    problem = problem_of(base, change)
    assert directed_arcs(problem, matrix_of(build_model(problem))) is None


def test_each_direction_share_has_its_constraints(problem_of: ProblemBuilder) -> None:
    problem = problem_of(ONE_PERIOD)
    matrix = matrix_of(build_model(problem))
    directed = one_way_model(problem, matrix, connections_of(problem, matrix))
    assert directed is not None
    links = len(set(problem.network.lines["link"])) if problem.network is not None else 0
    rows = directed.matrix.rows_of(ONE_DIRECTION)
    assert len(rows) == 3 * links and len(directed.matrix.lower) == len(matrix.lower) + 2 * links
    # The flow of the largest pipe needs the full share of its direction; both shares sum to at most the pipe built.
    coefficients = directed.matrix.rows.tocsr()
    for row in rows[: 2 * links]:
        entries = coefficients[[int(row)]].tocoo()
        flow, share = sorted(zip(entries.col, entries.data, strict=True))
        assert flow[1] == 1.0 and share[0] >= directed.n_columns and share[1] < 0
    lines = problem.network.lines if problem.network is not None else pd.DataFrame()
    most = lines.groupby("link")["largest_ktpa"].max().max()
    assert -coefficients[rows[: 2 * links]].data.min() <= most * (1 + 1e-9)


def line(pipe: str, **numbers: float) -> dict[str, Any]:
    base: dict[str, Any] = {"included_ktpa": 0.0, "slope_mn_per_ktpa": 0.01, "om_mn_per_ktpa": 0.0, "kwh_per_t": 0.0}
    return {"link": "A-B", "line": f"A-B | {pipe}", "smallest_ktpa": 0.0, **base, **numbers}


@pytest.mark.parametrize(
    ("larger", "smaller_is_cheaper"),
    [
        # At 1,000 kt/y the small pipe costs 10 + 10.
        ({"smallest_ktpa": 1_000.0, "fixed_mn": 15.0, "slope_mn_per_ktpa": 0.005}, True),
        ({"smallest_ktpa": 1_000.0, "fixed_mn": 14.0, "slope_mn_per_ktpa": 0.005}, False),
        ({"smallest_ktpa": 0.0, "fixed_mn": 1.0}, True),
        # Between 1,000 and 1,200 kt/y there is no pipe.
        ({"smallest_ktpa": 1_200.0, "fixed_mn": 50.0}, False),
        ({"smallest_ktpa": 1_000.0, "fixed_mn": 50.0, "om_mn_per_ktpa": -0.1}, False),
    ],
)
def test_larger_pipes_are_compared_with_the_next_smaller_one_at_their_least_flow(
    larger: dict[str, float], smaller_is_cheaper: bool
) -> None:
    lines = [line("large", largest_ktpa=9_000.0, **larger), line("small", largest_ktpa=1_000.0, fixed_mn=10.0)]
    assert is_cheaper_below(pd.DataFrame(lines)) is smaller_is_cheaper


def test_directed_cut_sets_find_violations_on_a_ring_that_undirected_ones_miss() -> None:
    # Three plants form a ring; plant 2 is beside the site (node 3). Every pipe of the ring is half built and directed
    # around the ring: one full pipe crosses the border of {0, 1} in total, but only half a pipe leads out of it.
    start, end = np.array([0, 1, 2, 2]), np.array([1, 2, 0, 3])
    pipes: tuple[tuple[Ints, ...], ...] = tuple((np.array([k]),) for k in range(4))
    opened: dict[int, tuple[Ints, ...]] = {3: (np.array([4]),)}
    demands = tuple(Demand(node, 0, np.array([5 + node]), np.ones(1)) for node in range(3))
    existing = np.zeros(4, dtype=bool)
    x = np.array([0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, *(0.5, 0.5, 0.5, 1.0), *(0.0, 0.0, 0.0, 0.0)])
    undirected = Connections(4, start, end, pipes, existing, opened, demands)
    assert undirected.find_violated_cuts(x) == []
    by_arc = Connections(4, start, end, pipes, existing, opened, demands, ways=np.arange(8, 16).reshape(2, 1, 4))
    for columns, coefficients in by_arc.find_violated_cuts(x):
        assert float(coefficients @ x[columns]) > 0.4
        # Arcs to node 2: from 1 along the second pipe (9), and from 0 in reverse along the third pipe (8 + 4 + 2).
        assert set(columns[coefficients < 0]) in ({9, 14}, {8, 14}, {9, 12})
    assert by_arc.find_violated_cuts(x)
