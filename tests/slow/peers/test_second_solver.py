"""Small problems have the same optimum in SCIP, another branch-and-cut solver, that reads the model as an MPS file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccs_model.mip import Highs, SolverOptions
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve.driver import solve
from tests import hand_network

pyscipopt = pytest.importorskip("pyscipopt")
pytestmark = pytest.mark.slow

STAGED = {"years": [2026, 2031], "capital_recovery_share": None}
PLANTS = {**hand_network.PLANTS, "D": {"co2_ktpa": 400, "capture_capex_mn": 25, "lon_deg": 116.3}}
LINKS = {**hand_network.LINKS, "C-D": {"length_km": 25}, "D-T": {"length_km": 70}}
REQUESTS: dict[str, dict[str, Any]] = {
    "tonnes": {"objective": "max_abatement", "budget.total_mn": 180},
    "tonnes in two periods": {
        "objective": "max_abatement", "budget.total_mn": 240, "budget.cumulative_mn": {2026: 110}, **STAGED,
    },
    "cost of a target": {"objective": "min_cost", "targets.captured_ktpa": 900},
    "cost of a total": {
        "objective": "min_cost", "targets.cumulative_avoided_kt": 9_000, **STAGED,
    },
    "owners": {"objective": "max_npv", "policy.carbon_price_per_t": {2026: 90}, **STAGED},
    "society": {"objective": "max_net_benefit", "policy.social_cost_series": "EPA 2023", **STAGED},
    "continuous": {"objective": "max_abatement", "budget.total_mn": 180, "capture.decisions": "continuous"},
}  # fmt: skip


def optimum_in_scip(problem: Problem, folder: Path) -> float:
    """The objective value that SCIP proves optimal."""
    matrix = matrix_of(build_model(problem))
    file = folder / "model.mps"
    file.write_bytes(Highs(matrix, SolverOptions(0.0)).mps())
    model = pyscipopt.Model()
    model.hideOutput()
    model.readProblem(str(file))
    if matrix.maximise[0]:
        model.setMaximize()
    model.setRealParam("limits/gap", 0.0)
    model.optimize()
    assert model.getStatus() == "optimal"
    return float(model.getObjVal())


@pytest.mark.parametrize("name", REQUESTS)
def test_the_optimum_equals_that_of_scip(hand_problem: Callable[..., Problem], tmp_path: Path, name: str) -> None:
    problem = hand_problem(REQUESTS[name], plants=PLANTS, sites=hand_network.SITES, links=LINKS)
    plan: Plan = solve(problem)
    assert plan.objective.value == pytest.approx(optimum_in_scip(problem, tmp_path), rel=1e-8, abs=1e-6)
