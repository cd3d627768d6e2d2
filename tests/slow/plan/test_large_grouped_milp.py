"""Grouped solves of shipped scenarios with own pipelines agree with solves over all columns."""

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
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.paths import scenarios_folder
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked

GAP = 0.02
OPTIONS = SolverOptions(gap_share=GAP, threads=1)


@pytest.fixture(autouse=True)
def groups_for_every_size() -> Iterator[None]:
    kept, by_groups.PAYS_COLUMNS = by_groups.PAYS_COLUMNS, 0
    yield
    by_groups.PAYS_COLUMNS = kept


@cache
def matrix(name: str, decisions: str) -> Matrix:
    scenario, inputs = read_checked(Path(scenarios_folder()) / f"{name}.yaml")
    changed = scenario.with_changes({"transport.shared_trunklines": False, "capture.decisions": decisions})
    return matrix_of(build_model(build_problem(changed, inputs)))


@pytest.mark.parametrize("name", ["hebei", "shanxi"])
def test_grouped_and_full_solves_of_continuous_decisions_have_the_same_optimum(name: str) -> None:
    compiled = matrix(name, "continuous")
    full = Highs(compiled, OPTIONS).run(300, "all columns")
    grouped = solve_by_groups(compiled, OPTIONS, deadline=now() + 300, stage="test")
    assert grouped is not None
    assert grouped.outcome.objective == pytest.approx(full.objective, rel=1e-8)
    assert grouped.outcome.bound == pytest.approx(full.objective, rel=1e-8)
    assert residuals(compiled, grouped.outcome.x).hold


@pytest.mark.parametrize("name", ["shanxi"])
def test_grouped_and_full_solves_of_integer_decisions_respect_the_bounds_of_each_other(name: str) -> None:
    compiled = matrix(name, "integer")
    # Its bound is valid even if the time limit stops the search.
    full = solve_mip(Highs(compiled, OPTIONS), deadline=now() + 30, stage="all columns").outcome
    grouped = solve_by_groups(compiled, OPTIONS, deadline=now() + 300, stage="test")
    assert grouped is not None and grouped.outcome.status == "optimal"
    assert residuals(compiled, grouped.outcome.x).hold
    sign = compiled.sign
    assert sign * grouped.outcome.objective <= sign * full.bound * (1 + sign * 1e-9)
    assert sign * full.objective <= sign * grouped.outcome.bound * (1 + sign * 1e-9)
