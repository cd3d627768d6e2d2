"""Coefficients of the model for each constraint, by hand for one vent and one site."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest

import ccs_model.model
from ccs_model.mip import Matrix
from ccs_model.model.build_model import build_model
from ccs_model.model.names import CONSTRAINTS, RELAXATIONS, VARIABLES
from ccs_model.model.standard_form import matrix_of
from ccs_model.model.terms import abatement_terms, breakdown, cost_terms
from ccs_model.plan.decisions import Point, point_of
from ccs_model.problem import Problem

Changes = dict[str, object]
FULL = "NH3_79/product_vent/compression/full@jinxian_sag"
# 600 kt/y of ammonia: 534 × (0.7 × 3.1 − 0.52 × 1.296) of product-grade vent, 99 % captured.
NAMEPLATE = 534 * (0.7 * 3.1 - 0.52 * 1.296) * 0.99


@pytest.fixture(scope="module")
def problem(problem_of: Callable[..., Problem], one_vent: Changes) -> Problem:
    limits = {"plants.require": ["NH3_79"], "capture.max_builds_per_year": 2, "budget.cumulative_mn": {2026: 400}}
    return problem_of(one_vent, limits, {"storage.max_fill_share": 0.5})


@pytest.fixture(scope="module")
def matrix(problem: Problem) -> Matrix:
    return matrix_of(build_model(problem))


def row(
    matrix: Matrix, constraint: str, index: object = None
) -> tuple[dict[tuple[str, str, int], float], float, float]:
    """Coefficients by (variable, route, year), and the row's bounds."""
    at = [
        i
        for i, (name, key) in enumerate(matrix.row_constraints)
        if name == constraint and (index is None or key == index)
    ]
    assert len(at) == 1, (constraint, at)
    line = matrix.rows.tocsr()[[at[0]]].toarray().ravel()
    names = [(column.variable, *column.index) for column in matrix.columns]
    found = {name: float(value) for name, value in zip(names, line, strict=True) if value}
    return found, float(matrix.row_lower[at[0]]), float(matrix.row_upper[at[0]])


def builds(size: str) -> list[tuple[str, str, int]]:
    return [("build", FULL.replace("full", size), year) for year in (2026, 2031)]


def test_model_of_one_vent_has_the_expected_columns_and_rows(matrix: Matrix) -> None:
    # Builds: three sizes × two starts. Curtailment: three sizes × two periods.
    assert len(matrix.columns) == 3 * 2 + 3 * 2
    assert matrix.is_integer.sum() == 6
    constraints = [name for name, _ in matrix.row_constraints]
    assert {constraint: constraints.count(constraint) for constraint in constraints} == {
        "one_retrofit_per_stream": 1,
        "required_plant_is_retrofitted": 1,
        "builds_within_yearly_rate": 2,
        "curtailment_keeps_minimum_load": 6,
        "injection_within_wells": 2,
        "stored_within_capacity": 1,
        "spending_within_budget": 1,
        "spending_within_cumulative_budget": 1,
    }


def test_stream_has_at_most_one_retrofit_and_a_required_plant_at_least_one(matrix: Matrix) -> None:
    every = {name: 1.0 for size in ("full", "half", "quarter") for name in builds(size)}
    assert row(matrix, "one_retrofit_per_stream") == (every, -np.inf, 1.0)
    assert row(matrix, "required_plant_is_retrofitted") == (every, 1.0, np.inf)


def test_builds_of_a_period_stay_within_the_yearly_rate(matrix: Matrix) -> None:
    found, _, most = row(matrix, "builds_within_yearly_rate", 2026)
    assert found == {("build", FULL.replace("full", size), 2026): 1.0 for size in ("full", "half", "quarter")}
    assert most == 2 * 5  # two a year, five years


def test_curtailment_keeps_minimum_load(matrix: Matrix) -> None:
    # curtailed ≤ (1 − 0.4) × nameplate × share of the period in operation.
    first, _, most = row(matrix, "curtailment_keeps_minimum_load", (FULL, 2026))
    assert most == 0
    assert first == pytest.approx({("curtailed_ktpa", FULL, 2026): 1.0, ("build", FULL, 2026): -0.6 * NAMEPLATE * 0.8})
    second, _, _ = row(matrix, "curtailment_keeps_minimum_load", (FULL, 2031))
    assert second == pytest.approx(
        {
            ("curtailed_ktpa", FULL, 2031): 1.0,
            ("build", FULL, 2026): -0.6 * NAMEPLATE,
            ("build", FULL, 2031): -0.6 * NAMEPLATE * 0.8,
        }
    )


def test_captured_is_nameplate_in_operation_less_curtailment(problem: Problem) -> None:
    model = build_model(problem)
    for name in ("build", "curtailed_ktpa"):
        for each in getattr(model, name).values():
            each.value = 0.0
    model.build[FULL, 2026].value = 1.0
    model.curtailed_ktpa[FULL, 2031].value = 100.0
    # Four of the first five years, all of the next five.
    assert pyo.value(model.captured_ktpa[FULL, 2026]) == pytest.approx(NAMEPLATE * 0.8)
    assert pyo.value(model.captured_ktpa[FULL, 2031]) == pytest.approx(NAMEPLATE - 100)


def test_peak_injection_stays_within_wells(matrix: Matrix) -> None:
    found, _, most = row(matrix, "injection_within_wells", ("jinxian_sag", 2026))
    assert most == 117 * 400
    # A lead time of one year lowers the mean of the period, not its peak.
    assert found["build", FULL, 2026] == pytest.approx(NAMEPLATE)
    assert found["curtailed_ktpa", FULL, 2026] == -1
    assert found["build", FULL.replace("full", "half"), 2026] == pytest.approx(NAMEPLATE * 0.5)
    assert len(found) == 6


def test_storage_reserves_capacity_for_the_whole_life_of_a_retrofit(matrix: Matrix) -> None:
    # Whenever it starts, it delivers 20 years of nameplate: 9 or 4 within the horizon, the rest after it.
    found, _, most = row(matrix, "stored_within_capacity")
    assert most == pytest.approx(1_300_000 * 0.5)
    assert found["build", FULL, 2026] == pytest.approx(NAMEPLATE * 20)
    assert found["build", FULL, 2031] == pytest.approx(NAMEPLATE * 20)
    assert found["curtailed_ktpa", FULL, 2026] == -5
    assert found["curtailed_ktpa", FULL, 2031] == -5


def test_spending_is_undiscounted_overnight_capex(matrix: Matrix, problem: Problem) -> None:
    route = problem.routes.set_index("route").loc[FULL]
    capture = 380 * (NAMEPLATE / 1_000) ** -0.2 * 105.04 / 106.46 * NAMEPLATE / 1_000
    pipe = 120 * 2.3 * 119.08 / 92.9 * 7.7875 * route["length_km"] / 1_000
    # A site of 28.3 million USD2008 and two wells of 8.3 million CNY2010.
    site, wells = 28.3 * 118.8 / 83.53 * 7.1957, 2 * 8.3 * 105.04 / 78.67
    found, _, most = row(matrix, "spending_within_budget")
    assert most == 2_000
    assert found["build", FULL, 2026] == found["build", FULL, 2031] == pytest.approx(capture + pipe + site + wells)
    assert len(found) == 6
    early, _, ceiling = row(matrix, "spending_within_cumulative_budget", 2026)
    assert ceiling == 400
    assert early == {name: value for name, value in found.items() if name[2] == 2026}


def test_objective_counts_tonnes_avoided_over_the_horizon(matrix: Matrix, problem: Problem) -> None:
    # Nine years of operation, 110 kWh/t and the boosters' 0.02 kWh per t and km at 0.6516 kg/kWh.
    route = problem.routes.set_index("route").loc[FULL]
    avoided = 1 - (110 + 0.02 * route["length_km"]) * 0.6516 / 1_000
    names = [(column.variable, *column.index) for column in matrix.columns]
    objective = dict(zip(names, matrix.costs[0], strict=True))
    assert matrix.maximise == (True, False)
    assert objective["build", FULL, 2026] == pytest.approx(NAMEPLATE * 9 * avoided)
    assert objective["build", FULL, 2031] == pytest.approx(NAMEPLATE * 4 * avoided)
    assert objective["curtailed_ktpa", FULL, 2031] == pytest.approx(-5 * avoided)


def random_point(problem: Problem, matrix: Matrix) -> tuple[np.ndarray, Point]:
    """A random point of the model, as a vector and as a Point."""
    x = np.random.default_rng(3).random(len(matrix.columns)) * 10
    return x, point_of(problem, matrix, x)


NETWORK = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"]}
PRICED = {"objective": "min_cost", "targets.abatement_share": {2031: 0.05}, "targets.shortfall_per_t": 400}


@pytest.mark.parametrize("changes", [{}, NETWORK, NETWORK | PRICED | {"policy.paid_per_avoided_t": 90}])
def test_terms_equal_the_objectives_of_the_matrix_at_a_random_point(
    problem_of: Callable[..., Problem], one_vent: Changes, changes: Changes
) -> None:
    problem = problem_of(changes or one_vent)
    matrix = matrix_of(build_model(problem))
    x, point = random_point(problem, matrix)
    objectives = (cost_terms, abatement_terms) if "objective" in changes else (abatement_terms, cost_terms)
    for k, terms in enumerate(objectives):
        found = breakdown(terms(problem), point.values, point.shortfall_kt)
        assert sum(found.values()) == pytest.approx(float(matrix.costs[k] @ x), rel=1e-12)
    # Every other variable of a shared network has a cost.
    with_cost = {name for term in cost_terms(problem).values() for name, each in term.on.items() if np.any(each)}
    without_cost = {"curtailed_ktpa", "forward_ktpa", "reverse_ktpa", "paid_for_oil_ktpa"}
    above_mean = {name for name in problem.axes if name.startswith("above_mean_")} | {"total_curtailed_ktpa"}
    assert with_cost - {"captured_ktpa"} == set(problem.axes) - without_cost - above_mean


def test_continuous_decisions_leave_no_integer_column(problem_of: Callable[..., Problem], one_vent: Changes) -> None:
    matrix = matrix_of(build_model(problem_of(one_vent, {"capture.decisions": "continuous"})))
    assert not matrix.is_integer.any()
    is_build = np.array([column.variable == "build" for column in matrix.columns])
    assert (matrix.upper[is_build] == 1).all()
    assert (matrix.lower == 0).all()


def test_constraints_and_variables_of_the_model_are_declared(problem: Problem) -> None:
    model = build_model(problem)
    assert {each.name for each in model.component_objects(pyo.Constraint)} <= set(CONSTRAINTS)
    assert {each.name for each in model.component_objects(pyo.Var)} <= set(VARIABLES)
    assert set(problem.axes) <= set(VARIABLES)


def test_declared_names_are_defined_in_a_theme_and_in_the_formulation() -> None:
    themes = "".join(path.read_text(encoding="utf-8") for path in Path(ccs_model.model.__path__[0]).glob("*.py"))
    assert [name for name in CONSTRAINTS if f"def {name}(m:" not in themes] == []
    assert [
        name for name in VARIABLES if f"m.{name}" not in themes and name not in ("spend_mn", "credited_ktpa", "paid_mn")
    ] == []
    docs = Path(ccs_model.__path__[0]).parent / "docs"
    formulation = (docs / "explanation" / "formulation.md").read_text(encoding="utf-8")
    assert [name for name in (*CONSTRAINTS, *VARIABLES) if f"`{name}" not in formulation] == []


def test_relaxable_constraints_are_constraints_of_the_model(problem: Problem) -> None:
    model = build_model(problem)
    for constraint in {constraint for group in RELAXATIONS for constraint in group}:
        assert isinstance(model.component(constraint), pyo.Constraint), constraint
