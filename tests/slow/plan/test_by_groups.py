"""Shipped scenarios with a pipe of each plant's own come out by groups as with all columns in the solver."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip import grouped_milp as by_groups
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_milp import solve_by_groups
from ccs_model.mip.matrix import residuals
from ccs_model.model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.paths import scenarios_folder
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked

GAP = 0.02
OPTIONS = SolverOptions(gap_share=GAP, threads=1)


@pytest.fixture(autouse=True)
def every_size() -> Iterator[None]:
    kept, by_groups.PAYS_COLUMNS = by_groups.PAYS_COLUMNS, 0
    yield
    by_groups.PAYS_COLUMNS = kept


@cache
def matrix(name: str, retrofits: str) -> Matrix:
    scenario, inputs = read_checked(Path(scenarios_folder()) / f"{name}.yaml")
    changed = scenario.with_changes({"transport.shared_trunklines": False, "capture.decisions": retrofits})
    return matrix_of(build_model(build_problem(changed, inputs)))


@pytest.mark.parametrize("name", ["hebei", "shanxi"])
def test_fractional_plans_are_the_same(name: str) -> None:
    program = matrix(name, "continuous")
    plain = Highs(program, OPTIONS).run(300, "all columns")
    found = solve_by_groups(program, OPTIONS, deadline=now() + 300, stage="test")
    assert found is not None
    assert found.outcome.objective == pytest.approx(plain.objective, rel=1e-8)
    assert found.outcome.bound == pytest.approx(plain.objective, rel=1e-8)
    assert residuals(program, found.outcome.x).hold


@pytest.mark.parametrize("name", ["shanxi"])
def test_whole_plans_lie_in_each_others_bounds(name: str) -> None:
    program = matrix(name, "integer")
    # Its bound holds wherever it stops.
    plain = solve_mip(Highs(program, OPTIONS), deadline=now() + 30, stage="all columns").outcome
    found = solve_by_groups(program, OPTIONS, deadline=now() + 300, stage="test")
    assert found is not None and found.outcome.status == "optimal"
    assert residuals(program, found.outcome.x).hold
    sign = program.sign
    assert sign * found.outcome.objective <= sign * plain.bound * (1 + sign * 1e-9)
    assert sign * plain.objective <= sign * found.outcome.bound * (1 + sign * 1e-9)
