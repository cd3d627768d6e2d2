"""Results in a notebook: short texts, units of tables, charts and duals; added constraints; the how-to page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pyomo.environ as pyo
import pytest

import ccs_model as ccs
from ccs_model.analysis.verify import verify
from ccs_model.cli.inspect_run import run_text
from ccs_model.cli.terminal import columns
from ccs_model.errors import InputError
from ccs_model.mip import Progress
from ccs_model.model.names import CONSTRAINTS, VARIABLES
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.report.page.page import page_text
from ccs_model.scenario import Scenario
from ccs_model.solve.search_progress import SearchProgress
from tests.paths import ROOT

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "how-to" / "notebook.md"


def test_a_plan_has_a_short_repr_and_an_html_table(small_plan: Plan) -> None:
    text = repr(small_plan)
    assert text.startswith("Plan('Small': ") and len(text) < 200 and "optimal, gap 0.00%" in text
    table = small_plan._repr_html_()
    assert table.count("<tr>") >= 8 and "<b>Small</b>" in table
    assert f"{small_plan.totals['capex_mn']:,.0f}" in table and "million CNY 2024" in table
    assert len(repr(small_plan.problem)) < 200 and len(repr(small_plan.problem.inputs)) < 200


def test_the_summary_matches_that_of_the_command_line(small_plan: Plan) -> None:
    summary = small_plan.summary(width=90)
    assert max(map(len, summary.splitlines())) <= 90
    assert click.unstyle(run_text(small_plan.to_dict(), Path("run"))).startswith(small_plan.summary(width=columns()))
    for width in (0, 19, "a", None):
        with pytest.raises(InputError, match="width: expected a whole number of at least 20"):
            small_plan.summary(width)  # type: ignore[arg-type]


def test_the_costs_table_contains_the_cost_terms(small_plan: Plan) -> None:
    costs = small_plan.costs
    assert isinstance(costs, pd.DataFrame) and list(costs.columns) == ["term", "discounted_mn"]
    assert dict(zip(costs["term"], costs["discounted_mn"], strict=True)) == dict(small_plan.cost_terms)
    assert costs.attrs["unit"] == {"discounted_mn": "million CNY 2024"}


def test_every_table_states_its_units(small_plan: Plan) -> None:
    units = small_plan.retrofits.attrs["unit"]
    assert units["captured_ktpa"] == "kt/y" and units["capture_cost_per_t"] == "CNY 2024/t" and "plant" not in units
    for name in ("flows", "storage", "emissions", "zones", "by_year", "cashflow", "owners", "stakeholders"):
        table = getattr(small_plan, name)
        ended = [each for each in table.columns if str(each).endswith(("_mn", "_ktpa", "_km"))]
        assert set(ended) <= table.attrs["unit"].keys(), name


def test_duals_match_the_relaxation_and_the_gain_of_a_larger_budget(small: Callable[..., Scenario]) -> None:
    plan = ccs.optimize(small({"capture.decisions": "continuous"}))
    duals = plan.duals
    assert duals is not None
    budget = duals[duals["constraint"] == "spending_within_budget"]
    assert budget["dual"].iloc[0] == pytest.approx(plan.relaxation.abatement_per_budget_kt_per_mn, rel=1e-9)
    # One more million gains its shadow price as long as the basis does not change.
    more = ccs.optimize(small({"capture.decisions": "continuous", "budget.total_mn": 2_001}))
    gained = more.objective.value - plan.objective.value
    assert gained == pytest.approx(budget["dual"].iloc[0], rel=1e-3)
    assert set(duals["constraint"]) <= set(CONSTRAINTS) and duals["meaning"].str.len().gt(0).all()


def test_components_of_the_model_are_documented(small: Callable[..., Scenario]) -> None:
    scenario = small()
    model = ccs.build_model(ccs.build_problem(scenario, ccs.load_inputs(scenario)))
    for component in model.component_objects((pyo.Var, pyo.Constraint)):
        assert component.doc == {**VARIABLES, **CONSTRAINTS}[component.local_name]


def test_optimize_accepts_a_dict_and_solver_options(small: Callable[..., Scenario]) -> None:
    values = small().model_dump()
    plan = ccs.optimize(values, mip_gap=0.05, time_limit_s=99, effort="quick")
    solver = plan.problem.scenario.solver
    assert (solver.mip_gap, solver.time_limit_s, solver.effort) == (0.05, 99, "quick")
    with pytest.raises(InputError, match="mip_gap"):
        ccs.optimize(values, mip_gap=5.0)


def test_a_stored_run_has_the_texts_and_units_of_its_plan(small_plan: Plan, tmp_path: Path) -> None:
    run = ccs.read_run(small_plan.to_folder(tmp_path / "run"))
    assert (
        repr(run) == repr(small_plan).replace("Plan(", "StoredRun(") and run._repr_html_() == small_plan._repr_html_()
    )
    assert run.summary() == small_plan.summary()
    assert run.retrofits.attrs == small_plan.retrofits.attrs and run.costs.equals(run.tables["costs"])
    pd.testing.assert_series_equal(run.costs["discounted_mn"], small_plan.costs["discounted_mn"])
    with pytest.raises(AttributeError, match="retrofits"):
        _ = run.retrofit
    assert ccs.compare(run, small_plan).names == ccs.compare([run, small_plan]).names


@pytest.mark.parametrize("name", ["map", "macc", "timeline", "stakeholders"])
def test_charts_of_a_plan_are_valid_and_can_be_saved(small_plan: Plan, name: str, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    chart = getattr(small_plan.plot, name)()
    spec = chart.to_dict()  # validates
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    chart.save(tmp_path / "chart.svg")
    svg = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert "Small" in svg and svg.count("<path") > 3


def test_progress_times_never_decrease_and_its_gap_never_grows() -> None:
    seen: list[Progress] = []
    report = SearchProgress(seen.append, "max abatement", scale=2.0)
    for stage, bound, incumbent in (
        ("max abatement: relaxation", 70.0, 60.0),  # a relaxed solution is not an incumbent
        ("max abatement", 60.0, float("nan")),
        ("growth", float("nan"), 40.0),
        ("extension", 45.0, 44.0),  # the bound of a restricted model does not hold for the full one
        ("max abatement", 80.0, 42.0),  # a new solver starts without bound and incumbent
        ("max abatement", 50.0, 50.0000001),
        ("max abatement, links searched", 47.0, 43.0),  # nor does a bound within some of the links
        ("tie-breaking", 9.0, 8.0),  # another objective
    ):
        report(Progress(stage, 0.0, bound, incumbent))
    gaps = [each.gap_share for each in seen if each.gap_share < float("inf")]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] == 0.0
    assert [each.bound for each in seen[1:5]] == [120.0, 120.0, 120.0, 120.0] and seen[4].incumbent == 88.0
    assert [each.seconds for each in seen] == sorted(each.seconds for each in seen)
    assert seen[2].stage == "growing a pipeline network" and seen[-1].stage == "choosing among equal plans"
    costs: list[Progress] = []
    minimise = SearchProgress(costs.append, "min cost", sense=-1)
    for bound, incumbent in ((10.0, 30.0), (12.0, 35.0), (5.0, 20.0)):
        minimise(Progress("min cost", 0.0, bound, incumbent))
    assert [(each.bound, each.incumbent) for each in costs] == [(10.0, 30.0), (12.0, 30.0), (12.0, 20.0)]


def test_progress_of_a_solve_ends_with_the_objective_of_the_plan(small: Callable[..., Scenario]) -> None:
    seen: list[Progress] = []
    plan = ccs.optimize(small(), on_progress=seen.append)
    best = [each.incumbent for each in seen if each.incumbent == each.incumbent]
    assert best == sorted(best) and best[-1] == pytest.approx(plan.objective.value, rel=1e-6)


@pytest.mark.parametrize("error", [ValueError("of the caller"), KeyboardInterrupt()])
def test_an_error_of_the_progress_callback_reaches_the_caller(
    small: Callable[..., Scenario], error: BaseException
) -> None:
    def fail(progress: Progress) -> None:
        raise error

    with pytest.raises(type(error)) as found:
        ccs.optimize(small(), on_progress=fail)
    assert found.value is error


def test_a_stored_run_has_the_tables_of_its_plan(small: Callable[..., Scenario], tmp_path: Path) -> None:
    target = {"objective": "min_cost", "targets": {"abatement_share": {2031: 0.02}}, "plants.require": ["NH3_21"]}
    plan = ccs.optimize(small(target))
    run = ccs.read_run(plan.to_folder(tmp_path / "run"))
    names = ("retrofits", "flows", "storage", "emissions", "costs", "cashflow", "zones", "by_year", "targets", "owners",
             "fixed_decisions", "checks", "owner_cashflow", "funds", "stakeholders", "ledger", "intensity")  # fmt: skip
    for name in names:
        stored, own = getattr(run, name), getattr(plan, name)
        pd.testing.assert_frame_equal(stored, own, check_dtype=False, check_column_type=False, rtol=1e-9)
        assert stored.attrs.get("unit", {}) == own.attrs.get("unit", {}), name
    assert run.retrofits["is_extrapolated"].dtype == bool and run.macc["in_plan"].dtype == bool
    assert set(run.owners["no_project_irr"]) == set(plan.owners["no_project_irr"])
    assert (run.status, dict(run.totals), run.warnings) == (plan.status, dict(plan.totals), plan.warnings)
    assert {"retrofits", "by_year", "summary"} <= set(dir(run))
    with pytest.raises(AttributeError, match=r"'duals'; its tables: .*by_year"):
        _ = run.duals


def test_invalid_arguments_are_input_errors(
    problem_of: Callable[..., Problem], small_plan: Plan, tmp_path: Path
) -> None:
    problem = problem_of()
    for text, expression in (
        ("^the model: Model constraint .*nonlinear", "<="),
        ("^the model: the objective of the problem was changed", "+"),
    ):
        model = ccs.build_model(problem)
        square = sum(model.build.values()) * sum(model.build.values())
        if expression == "<=":
            model.squared = pyo.Constraint(expr=square <= 4)
        else:
            next(model.component_data_objects(pyo.Objective, active=True)).expr += square
        with pytest.raises(InputError, match=text):
            ccs.solve(problem, model)
    for name, component in (
        ("one_of", pyo.SOSConstraint(var=model.build, sos=1)), ("either", pyo.LogicalConstraint(expr=pyo.land(True))),
    ):  # fmt: skip
        model = ccs.build_model(problem)
        model.add_component(name, component)
        kind = type(component).__name__.removeprefix("Scalar")
        with pytest.raises(InputError, match=f"^the model: {name}: is a {kind}, which a linear program does not have"):
            ccs.solve(problem, model)
    model = ccs.build_model(problem)
    key = next(iter(model.build))
    model.build[key].setlb(2)
    with pytest.raises(InputError, match=r"^the model: build\[.*\]: the lower bound 2 exceeds the upper bound 1"):
        ccs.solve(problem, model)
    with pytest.raises(InputError, match=r"^3: is no key"):
        problem.scenario.with_changes({3: 3})  # type: ignore[dict-item]
    for write in (small_plan.to_excel, small_plan.to_folder):
        with pytest.raises(InputError, match=r"^lang: 'fr' is unknown \(one of en, zh, both\)"):
            write(tmp_path / "plan.xlsx", lang="fr")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"^lang: 'fr' is unknown"):
        page_text(ccs.read_run(small_plan.to_folder(tmp_path / "run")), lang="fr")


def test_an_added_constraint_is_reported_and_analyses_that_ignore_it_are_rejected(
    problem_of: Callable[..., Problem], one_vent: dict[str, Any], tmp_path: Path
) -> None:
    problem = problem_of(one_vent)
    assert ccs.solve(problem).added_components == () and not ccs.solve(problem, ccs.build_model(problem)).warnings
    model = ccs.build_model(problem)
    model.none_in_2026 = pyo.Constraint(expr=sum(v for (_, year), v in model.build.items() if year == 2026) == 0)
    plan = ccs.solve(problem, model)
    assert plan.added_components == ("none_in_2026",) and "none_in_2026" in plan.warnings[-1]
    assert plan.to_dict()["added_components"] == ["none_in_2026"]
    assert "Added to the model or changed in it: none_in_2026." in " ".join(plan.summary().split())
    folder = plan.to_folder(tmp_path / "run")
    for given in (plan, folder):
        analyses: list[Callable[[], object]] = [
            lambda given=given: ccs.near_optimal(given),
            lambda given=given: ccs.frontier(given, n_points=2),
            lambda given=given: ccs.explain(given, str(problem.plants["plant"].iloc[0]), time_limit_s=0),
            lambda given=given: ccs.montecarlo(given, draws=2, out=tmp_path / "mc"),
        ]
        for analyse in analyses:
            with pytest.raises(InputError, match="none_in_2026"):
                analyse()
    assert verify(folder).all_hold


def test_the_code_of_the_notebook_page_runs_with_the_described_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("altair")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    plan, equal, shares = names["plan"], names["equal"], names["shares"]
    assert set(plan.retrofits["province"]) == {"Hebei"}
    assert shares.max() <= 0.6 + 1e-6 and set(shares.index) == {"Hebei", "Shanxi"}
    assert names["cost_of_equity_kt"] > 0 and (tmp_path / "macc.html").is_file()
    assert names["unit"] == "CNY 2024/t" and "regional_equity" in set(equal.duals["constraint"])
    assert names["why"].reason.startswith("in: ")
    points = names["budgets"].frontier.points
    at = points[points["is_scenario"]].iloc[0]
    assert at["abatement_kt"] == pytest.approx(plan.objective.value, rel=1e-6)
