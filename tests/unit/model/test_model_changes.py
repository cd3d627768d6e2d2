"""Models changed in Python: fixed variables and changed bounds apply and are reported; changed rows are errors."""

from __future__ import annotations

from collections.abc import Callable

import pyomo.environ as pyo
import pytest
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.analysis.near_optimal import near_optimal
from ccs_model.errors import InfeasibleError, InputError
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import changed_bounds
from ccs_model.problem import Problem
from ccs_model.solve.driver import solve

ProblemOf = Callable[..., Problem]
Changes = dict[str, object]
NETWORK = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"]}


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, NETWORK])
def test_fixing_a_retrofit_of_the_plan_keeps_the_plan_and_is_reported(
    problem_of: ProblemOf, one_vent: Changes, changes: Changes
) -> None:
    problem = problem_of(one_vent, changes)
    free = solve(problem)
    (route, year), *_ = zip(free.retrofits["route"], free.retrofits["year"], strict=True)
    model = build_model(problem)
    model.build[route, year].fix(1)
    fixed = solve(problem, model)
    assert fixed.objective.value == pytest.approx(free.objective.value)
    assert fixed.retrofits["route"].tolist() == free.retrofits["route"].tolist()
    assert fixed.added_components == ("bounds of build",)
    assert model.build[route, year].fixed and model.build[route, year].value == 1
    with pytest.raises(InputError, match="bounds of build"):
        near_optimal(fixed)


@pytest.mark.slow
def test_changed_bound_is_reported(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent, NETWORK, {"solver.effort": "quick", "solver.mip_gap": 0.2})
    model = build_model(problem)
    model.injected_ktpa.setub(100.0)
    plan = solve(problem, model)
    assert plan.storage["injected_ktpa"].max() <= 100.0 + 1e-6
    assert plan.added_components == ("bounds of injected_ktpa",)
    assert any("bounds of injected_ktpa" in each for each in plan.warnings)


def test_fixed_variables_that_rule_out_a_plan_are_named(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent)
    model = build_model(problem)
    for build in model.build.values():
        build.fix(1)
    with pytest.raises(InfeasibleError, match=r"without its changes \(bounds of build; .*\) there is a plan"):
        solve(problem, model)


def test_an_unchanged_model_has_no_changes(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent, NETWORK)
    assert solve(problem, build_model(problem)).added_components == ()


def test_a_deactivated_constraint_and_another_objective_are_errors(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent)
    model = build_model(problem)
    model.spending_within_budget.deactivate()
    with pytest.raises(InputError, match="constraint spending_within_budget was changed, deactivated"):
        solve(problem, model)
    model = build_model(problem)
    model.objective.deactivate()
    model.mine = pyo.Objective(expr=sum(model.build.values()), sense=pyo.maximize)
    with pytest.raises(InputError, match="replaced by mine"):
        solve(problem, model)


def test_changed_sense_row_domain_or_fixing_is_reported(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent)
    model = build_model(problem)
    model.objective.sense = pyo.minimize
    with pytest.raises(InputError, match="the objective of the problem was changed"):
        solve(problem, model)
    model = build_model(problem)
    key = next(iter(model.one_retrofit_per_stream))
    model.one_retrofit_per_stream[key].set_value(model.one_retrofit_per_stream[key].body <= 5)
    with pytest.raises(InputError, match="constraint one_retrofit_per_stream was changed"):
        solve(problem, model)
    model = build_model(problem)
    pyo.TransformationFactory("core.relax_integer_vars").apply_to(model)
    assert "domain of build" in solve(problem, model).added_components
    model = build_model(problem)
    model.build[next(iter(model.build))].fix()
    with pytest.raises(InputError, match="is fixed without a value"):
        solve(problem, model)
    model.build[next(iter(model.build))].fix(2, skip_validation=True)
    with pytest.raises(InputError, match="is fixed at 2, outside its domain Binary"):
        solve(problem, model)


def test_row_with_exchanged_coefficients_is_an_error(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent)
    model = build_model(problem)
    row = next(each for each in model.component_data_objects(pyo.Constraint) if len(set(each.body.linear_coefs)) > 1)
    coefficients = list(row.body.linear_coefs)
    at = next(k for k, each in enumerate(coefficients) if each != coefficients[0])
    coefficients[0], coefficients[at] = coefficients[at], coefficients[0]
    body = row.body
    changed = LinearExpression(constant=body.constant, linear_coefs=coefficients, linear_vars=body.linear_vars)
    row.set_value((row.lb, changed, row.ub))
    with pytest.raises(InputError, match=f"constraint {row.parent_component().name} was changed"):
        solve(problem, model)


def test_a_coefficient_changed_from_minus_one_to_minus_two_is_an_error(
    problem_of: ProblemOf, one_vent: Changes
) -> None:
    # Python's hashes of -1 and -2 are equal.
    problem = problem_of(one_vent, NETWORK)
    model = build_model(problem)
    row = next(each for each in model.component_data_objects(pyo.Constraint) if -1.0 in each.body.linear_coefs)
    coefficients = [-2.0 if each == -1.0 else each for each in row.body.linear_coefs]
    changed = LinearExpression(constant=row.body.constant, linear_coefs=coefficients, linear_vars=row.body.linear_vars)
    row.set_value((row.lb, changed, row.ub))
    with pytest.raises(InputError, match=f"constraint {row.parent_component().name} was changed"):
        solve(problem, model)


def test_a_copy_of_a_model_has_no_changes(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent, NETWORK)
    assert changed_bounds(build_model(problem).clone(), build_model(problem)) == ()


def test_model_of_another_problem_is_an_error(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = problem_of(one_vent)
    stale = build_model(problem_of(one_vent, {"budget.total_mn": 77}))
    with pytest.raises(
        InputError, match=r"constraint spending_within_budget was changed.*rebuild it with build_model\(problem\)"
    ):
        solve(problem, stale)
    for other in (build_model(problem_of(NETWORK)), pyo.ConcreteModel()):
        with pytest.raises(InputError, match="it belongs to another problem"):
            solve(problem, other)
    with pytest.raises(TypeError, match=r"expected a ConcreteModel, got Problem: build_model\(problem\)"):
        solve(problem, problem)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected a Problem, got Scenario: build_problem\(scenario, inputs\)"):
        solve(problem.scenario)  # type: ignore[arg-type]


@pytest.mark.slow
def test_infeasible_changed_model_gets_no_suggestion_for_the_original_model(problem_of: ProblemOf) -> None:
    problem = problem_of(NETWORK, {"budget.total_mn": 100})
    model = build_model(problem)
    largest = problem.routes.loc[problem.routes["capex_mn"].idxmax(), "route"]
    model.build[largest, problem.years[0]].fix(1)
    with pytest.raises(InfeasibleError) as found:
        solve(problem, model)
    assert any("spending_within_budget" in each for each in found.value.conflicts)
    assert not any("storage.sites" in each for each in found.value.conflicts)
