"""Re-parameterised matrices equal those that Pyomo builds, and optima over the column pool are global optima."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from ccs_model.analysis.outcomes import ProductFutureModels, Replanner, Weights, future_models_of, relax_integrality
from ccs_model.analysis.reparameterised import ReparameterisedModel
from ccs_model.analysis.uncertain_inputs import draw_futures
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem

N = 10
CALIBRATED = MappingProxyType({"calibration.use": "median"})
CASES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "own pipes": {"plants.min_emissions_ktpa": 700},
        "committed": {
            "plants.min_emissions_ktpa": 700,
            "plants.committed": {"MEOH_22/boiler_flue_gas/advanced_amine/full@dongpu": 2026},
        },
        "shared": {"transport.shared_trunklines": True, "plants.min_emissions_ktpa": 1_500},
        "targets": {
            "objective": "min_cost",
            "budget.total_mn": None,
            "targets.abatement_share": {2031: 0.1},
            "targets.shortfall_per_t": 500.0,
        },
        "owners": {
            "objective": "max_npv",
            "policy.carbon_price_per_t": {2026: 400, 2031: 900},
            "policy.capture_deductible": True,
            "funds": {"bond": {"kind": "bond", "share_max": 0.4, "interest_rate": 0.02, "term_yr": 5}},
        },
        "society": {"objective": "max_net_benefit"},
        "static": {"years": "static"},
    }
)


@pytest.fixture(scope="module", params=list(CASES))
def problem(request: pytest.FixtureRequest, problem_of: Callable[..., Problem]) -> Problem:
    return problem_of(CALIBRATED, CASES[request.param])


def assert_same_matrix(left: Matrix, right: Matrix) -> None:
    assert np.array_equal(left.rows.indices, right.rows.indices)
    for name in ("row_lower", "row_upper", "lower", "upper"):
        assert getattr(left, name) == pytest.approx(getattr(right, name), rel=1e-12)
    assert left.rows.data == pytest.approx(right.rows.data, rel=1e-11, abs=1e-12)
    assert left.costs[0] == pytest.approx(right.costs[0], rel=1e-10, abs=1e-9)


def test_a_re_parameterised_matrix_equals_the_built_one(problem: Problem) -> None:
    reparameterised, futures = ReparameterisedModel(problem), draw_futures(problem, N, 5)
    for k in range(3):
        future_problem = futures.problem(k)
        assert_same_matrix(reparameterised.matrix(future_problem), matrix_of(build_model(future_problem)))


def test_future_models_equal_those_of_their_problems(problem: Problem) -> None:
    reparameterised, futures = ReparameterisedModel(problem), draw_futures(problem, N, 5)
    future_models = future_models_of(futures, reparameterised)
    assert isinstance(future_models, ProductFutureModels) == (reparameterised.products is not None)
    # Products are checked at the first two futures when they are built.
    for k in range(2, N):
        future_problem, future_model = futures.problem(k), future_models.of(k)
        assert_same_matrix(future_model.matrix, reparameterised.matrix(future_problem))
        summed = Weights.of(reparameterised, future_problem, future_model.matrix)
        for each in fields(Weights):
            ours, theirs = getattr(future_model.weights, each.name), getattr(summed, each.name)
            assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-12 * float(np.abs(theirs).max()))
        assert future_model.scale == pytest.approx(
            np.where(reparameterised.is_tonnes, future_problem.delivered_share / problem.delivered_share, 1.0)
        )


def test_a_replanned_future_has_the_optimum_of_a_cold_solve(problem: Problem) -> None:
    reparameterised, futures = ReparameterisedModel(problem), draw_futures(problem, N, 5)
    future_models, replanned = future_models_of(futures, reparameterised), Replanner(reparameterised.planned)
    replanned.learn([(future_models.of(k), futures.of(k)) for k in range(2)])
    for k in range(N):
        found = replanned.solve_future(future_models.of(k), futures.of(k))
        cold = Highs(relax_integrality(matrix_of(build_model(futures.problem(k)))), SolverOptions(0.0, 1))
        for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            cold.set_option(name, 1e-9)
        outcome = cold.run(60.0, "a future")
        assert found.is_optimal == (outcome.status == "optimal")
        if found.is_optimal:
            assert found.value == pytest.approx(outcome.objective, rel=1e-9, abs=1e-6)


def test_results_do_not_depend_on_earlier_solves(problem: Problem) -> None:
    reparameterised, futures = ReparameterisedModel(problem), draw_futures(problem, N, 5)
    future_models, replanned = future_models_of(futures, reparameterised), Replanner(reparameterised.planned)
    replanned.learn([(future_models.of(k), futures.of(k)) for k in range(2)])
    mark = replanned.mark()
    first = [replanned.solve_future(future_models.of(k), futures.of(k)).x for k in (4, 5)]
    replanned.reset(mark)
    for k in (7, 8, 9):
        replanned.solve_future(future_models.of(k), futures.of(k))
    handed = pickle.loads(pickle.dumps(replanned))
    for each in (replanned, handed):
        each.reset(mark)
        assert all(
            np.array_equal(each.solve_future(future_models.of(k), futures.of(k)).x, x)
            for k, x in zip((4, 5), first, strict=True)
        )


def test_products_are_used_with_own_and_with_shared_pipelines(problem_of: Callable[..., Problem]) -> None:
    assert ReparameterisedModel(problem_of(CALIBRATED)).products is not None
    assert ReparameterisedModel(problem_of(CALIBRATED, {"transport.shared_trunklines": True})).products is not None
