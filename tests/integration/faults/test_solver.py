"""Every result of the solver is verified: F52–F62."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyomo.environ as pyo
import pytest
from scipy import sparse

from ccs_model.errors import CcsModelError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.matrix import scaling_of, warning_of
from ccs_model.mip.verification import columns_without_limit, verify_by_elastic_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.solve import driver, solution_check
from tests.paths import ROOT

from .conftest import CommandResult, Workspace

ONE_THREAD = SolverOptions(threads=1)
MODEL = pyo.ConcreteModel


@pytest.fixture
def runs(workspace: Workspace) -> Callable[[], list[Path]]:
    """Return a function that lists the run folders and files of `optimize`, without the earlier run."""
    return lambda: sorted(path for path in (workspace.folder / "runs").iterdir() if not path.name.startswith("earlier"))


def run_optimize(workspace: Workspace, *words: str) -> CommandResult:
    return workspace.run("optimize", "s.yaml", "--threads", "1", *words)


@pytest.fixture
def replace_outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that replaces the outcome of HiGHS in the first stage."""

    def replace_with(change: Callable[[Matrix, Outcome], Outcome], *, second: Outcome | None = None) -> None:
        solve = driver.solve_program

        def solve_and_replace(highs: Highs, **words: Any) -> MipOutcome:
            found = solve(highs, **words)
            return MipOutcome(change(highs.matrix, found.outcome), found.relaxation)

        monkeypatch.setattr(driver, "solve_program", solve_and_replace)
        if second is not None:
            monkeypatch.setattr(solution_check, "point_without_presolve", lambda *_: second)

    return replace_with


INFEASIBLE = Outcome("infeasible", np.nan, np.nan, None, None, None)


def small_matrix() -> Matrix:
    """Maximise 3a + 2b subject to 2a + 3b ≤ 4 with binary a and b; the optimum is 3 with a = 1 and b = 0."""
    m = MODEL()
    m.a, m.b = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)
    m.room = pyo.Constraint(expr=2 * m.a + 3 * m.b <= 4)
    m.objective = pyo.Objective(expr=3 * m.a + 2 * m.b, sense=pyo.maximize)
    return matrix_of(m)


def test_F52_a_required_plant_without_a_budget_is_infeasible(
    workspace: Workspace, runs: Callable[[], list[Path]]
) -> None:
    workspace.scenario(plants="{inventory: [mine.csv], require: [M1]}", budget="{total_mn: 0}")
    answer = run_optimize(workspace)
    assert answer.code == 4 and answer.out == ""
    assert "spending_within_budget" in answer.err and "million CNY would restore feasibility" in answer.err
    (folder,) = runs()
    assert folder.name in answer.err
    reported = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert reported["status"] == "infeasible" and len(reported["conflicts"]) >= 1
    book = openpyxl.load_workbook(folder / "plan.xlsx")
    assert book.sheetnames == ["Infeasible"]
    cells = " ".join(str(cell.value) for row in book["Infeasible"].iter_rows() for cell in row if cell.value)
    assert reported["conflicts"][0] in cells
    # The cached run gives the same message.
    again = run_optimize(workspace)
    assert (again.code, again.err) == (4, answer.err)


def test_F53_a_plan_that_a_second_solve_finds_is_written(
    workspace: Workspace, runs: Callable[[], list[Path]], replace_outcome: Callable[..., None]
) -> None:
    replace_outcome(lambda matrix, outcome: INFEASIBLE)
    assert run_optimize(workspace).code == 0
    assert (runs()[0] / "plan.xlsx").exists()


def test_F53_a_plan_that_the_elastic_model_finds_is_written(
    workspace: Workspace, runs: Callable[[], list[Path]], replace_outcome: Callable[..., None]
) -> None:
    replace_outcome(lambda matrix, outcome: INFEASIBLE, second=INFEASIBLE)
    answer = run_optimize(workspace)
    assert answer.code == 0, answer.err
    plan = json.loads((runs()[0] / "plan.json").read_text(encoding="utf-8"))
    assert plan["status"] != "limit" and {each["plant"] for each in plan["retrofits"]} == {"M1"}
    assert all(check["holds"] for check in plan["checks"])


def test_F53_the_model_is_saved_if_solves_contradict_each_other_without_a_plan(
    workspace: Workspace,
    runs: Callable[[], list[Path]],
    replace_outcome: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace_outcome(lambda matrix, outcome: INFEASIBLE, second=INFEASIBLE)
    monkeypatch.setattr(solution_check, "verify_by_elastic_model", lambda *_: ("contradiction", None))
    answer = run_optimize(workspace)
    assert answer.code == 7 and "an elastic model needs to violate no constraint" in answer.err
    (saved,) = runs()
    assert saved.suffix == ".mps" and saved.name in answer.err
    assert saved.read_text(encoding="utf-8").startswith("NAME")


def test_F53_the_elastic_model_classifies_small_models() -> None:
    matrix = small_matrix()
    result, plan = verify_by_elastic_model(matrix, ONE_THREAD, float("inf"))
    assert result == "plan" and plan is not None
    assert (plan.status, plan.objective) == ("optimal", pytest.approx(3.0))
    m = MODEL()
    m.a, m.b = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)
    m.even = pyo.Constraint(expr=2 * m.a + 2 * m.b == 1)  # feasible for continuous, but not for binary a and b
    m.objective = pyo.Objective(expr=m.a)
    assert verify_by_elastic_model(matrix_of(m), ONE_THREAD, float("inf")) == ("infeasible", None)
    m.more = pyo.Constraint(expr=m.a + m.b >= 3)
    assert verify_by_elastic_model(matrix_of(m), ONE_THREAD, float("inf")) == ("infeasible", None)


@pytest.mark.parametrize("kind", ["a row", "a whole number"])
def test_F54_an_optimum_that_violates_a_row_or_integrality_is_rejected(
    workspace: Workspace, runs: Callable[[], list[Path]], replace_outcome: Callable[..., None], kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def violated(matrix: Matrix, outcome: Outcome) -> Outcome:
        assert outcome.x is not None
        x = outcome.x.copy()
        built = matrix.columns_of("build")
        if kind == "a row":
            x[built] = 1.0  # every option of the only stream at once
        else:
            x[built[np.argmax(x[built])]] = 0.5
        return replace(outcome, x=x)

    replace_outcome(violated)
    # Disable the stages that would repair the solution.
    monkeypatch.setattr(driver, "break_ties", lambda highs, chosen, **_: chosen)
    monkeypatch.setattr(driver, "marginal_budget", lambda *_: None)
    answer = run_optimize(workspace)
    assert answer.code == 7, answer.err
    assert "verification of the plan failed" in answer.err
    (saved,) = runs()
    assert saved.suffix == ".mps" and saved.name in answer.err


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_F55_non_finite_coefficients_never_reach_the_solver(
    workspace: Workspace, bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    original_matrix_of = driver.matrix_of

    def with_non_finite(model: Any) -> Matrix:
        matrix = original_matrix_of(model)
        matrix.rows.data[0] = bad
        return matrix

    monkeypatch.setattr(driver, "matrix_of", with_non_finite)
    answer = run_optimize(workspace)
    assert answer.code == 1
    assert "is not a finite number; nothing was solved" in answer.err


def test_F55_later_changes_of_the_model_reject_non_finite_numbers() -> None:
    highs = Highs(small_matrix(), ONE_THREAD)
    for change in (
        lambda: highs.set_costs(np.array([1.0, np.nan])),
        lambda: highs.set_objective(np.array([np.inf, 1.0]), maximise=True),
        lambda: highs.set_coefficient(0, 0, np.nan),
        lambda: highs.add_row(np.array([1.0, np.nan]), 0.0, 1.0),
        lambda: highs.add_sparse_row(np.array([0]), np.array([np.inf]), 0.0, 1.0),
    ):
        with pytest.raises(CcsModelError, match="not a finite number") as caught:
            change()
        assert caught.value.exit_code == 1


def test_F56_an_unbounded_variable_is_reported_with_the_missing_bound(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = driver.unshared_model

    def unlimited(problem: Any) -> MODEL:
        model = build(problem)
        model.credit_ktpa = pyo.Var(bounds=(0, None))
        for objective in model.component_data_objects(pyo.Objective, active=True):
            objective.expr = objective.expr + 5.0 * model.credit_ktpa * (1 if objective.sense == pyo.maximize else -1)
        return model

    monkeypatch.setattr(driver, "unshared_model", unlimited)
    answer = run_optimize(workspace)
    assert answer.code == 3, answer.err
    assert "the objective max_abatement is unbounded: credit_ktpa has no limit" in answer.err
    assert "set an upper bound of credit_ktpa" in answer.err


def test_F56_only_unbounded_columns_are_found() -> None:
    m = MODEL()
    m.a, m.b = pyo.Var(bounds=(0, 5)), pyo.Var(bounds=(0, None))
    m.objective = pyo.Objective(expr=9 * m.a + m.b, sense=pyo.maximize)
    m.room = pyo.Constraint(expr=m.a - m.b <= 3)
    assert [column.name for column in columns_without_limit(matrix_of(m), ONE_THREAD, 10.0)] == ["b"]


def test_F58_a_time_limit_without_an_incumbent_ends_with_exit_code_5(
    workspace: Workspace, runs: Callable[[], list[Path]], replace_outcome: Callable[..., None]
) -> None:
    replace_outcome(lambda matrix, outcome: replace(INFEASIBLE, status="limit"))
    answer = run_optimize(workspace, "--time-limit", "7")
    assert answer.code == 5 and len(runs()) == 1
    assert json.loads((runs()[0] / "plan.json").read_text(encoding="utf-8"))["status"] == "limit"


def well_and_badly_scaled() -> tuple[Matrix, Matrix]:
    """Return the same model in kt and million, and with coefficients scaled by 1e-9 and 1e12."""
    rng = np.random.default_rng(7)
    m = MODEL()
    m.k = pyo.RangeSet(0, 5)
    m.build, m.flow = pyo.Var(m.k, domain=pyo.Binary), pyo.Var(m.k, domain=pyo.NonNegativeReals)
    size, cost = rng.uniform(1, 9, 6), rng.uniform(1, 9, 6)
    m.within = pyo.Constraint(m.k, rule=lambda m, k: m.flow[k] <= size[k] * m.build[k])
    m.money = pyo.Constraint(expr=sum(cost[k] * m.build[k] for k in m.k) <= 0.6 * cost.sum())
    m.objective = pyo.Objective(expr=sum(m.flow[k] for k in m.k), sense=pyo.maximize)
    well_scaled = matrix_of(m)
    is_money = np.array([constraint == "money" for constraint, _ in well_scaled.row_constraints])
    row = np.where(is_money, 1e12, 1.0)
    column = np.where([each.variable == "flow" for each in well_scaled.columns], 1e-9, 1.0)
    badly_scaled = replace(
        well_scaled,
        rows=sparse.csc_array(sparse.diags_array(row) @ well_scaled.rows @ sparse.diags_array(column)),
        row_lower=well_scaled.row_lower * row, row_upper=well_scaled.row_upper * row,
        lower=well_scaled.lower / column, upper=well_scaled.upper / column, costs=well_scaled.costs * column,
    )  # fmt: skip
    return well_scaled, badly_scaled


def test_F59_a_badly_scaled_model_is_rescaled_to_the_same_optimum() -> None:
    well_scaled, badly_scaled = well_and_badly_scaled()
    assert not scaling_of(well_scaled).is_needed and warning_of(well_scaled) == ""
    assert scaling_of(badly_scaled).is_needed
    reported = warning_of(badly_scaled)
    assert "from" in reported and "money (" in reported
    answers = [
        Highs(matrix, replace(ONE_THREAD, gap_share=0.0)).run(10, "test") for matrix in (well_scaled, badly_scaled)
    ]
    assert answers[0].objective == pytest.approx(answers[1].objective, rel=1e-6)
    assert answers[1].x is not None
    activity = badly_scaled.rows @ answers[1].x
    assert (activity <= badly_scaled.row_upper * (1 + 1e-6) + 1e-6).all()
    relaxed = []
    for matrix in (well_scaled, badly_scaled):
        highs = Highs.lp_relaxation(matrix, ONE_THREAD)
        relaxed.append(highs.run(10, "test"))
    money = int(well_scaled.rows_of("money")[0])
    assert relaxed[0].row_dual is not None and relaxed[1].row_dual is not None
    assert relaxed[1].row_dual[money] * 1e12 == pytest.approx(relaxed[0].row_dual[money], rel=1e-6)


def test_F59_the_scaling_warning_is_printed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "warning_of", lambda matrix: "coefficients reach far. The worst rows: money (1 to 2)")
    answer = run_optimize(workspace)
    assert answer.code == 0 and "warning: coefficients reach far. The worst rows: money" in answer.err


def test_F60_the_number_of_threads_may_change_in_one_process() -> None:
    for threads in (1, 2, 1):
        found = Highs(small_matrix(), SolverOptions(threads=threads)).run(10, "test")
        assert (found.status, found.objective) == ("optimal", pytest.approx(3.0))


@pytest.fixture
def run_with_highspy(workspace: Workspace) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a function that runs `optimize` in a subprocess with a replacement of the module highspy."""

    def run(module: str) -> subprocess.CompletedProcess[str]:
        workspace.put("lib/highspy/__init__.py", module)
        if "version" in module:
            workspace.put(
                "lib/highspy-1.7.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: highspy\nVersion: 1.7.2\n"
            )
        return subprocess.run(
            [sys.executable, "-m", "ccs_model", "optimize", "s.yaml"], cwd=workspace.folder, capture_output=True,
            text=True, timeout=300, env={"PYTHONPATH": f"{workspace.folder / 'lib'}:{ROOT}"}, check=False,
        )  # fmt: skip

    return run


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("raise ImportError('no shared library')", "the solver cannot be loaded (no shared library)"),
        ("version = 1", "the solver is too old (highspy 1.7.2"),
    ],
)
def test_F62_an_unusable_solver_is_reported_with_the_install_command(
    run_with_highspy: Callable[[str], subprocess.CompletedProcess[str]], module: str, words: str
) -> None:
    done = run_with_highspy(module)
    assert done.returncode == 6, done.stderr
    assert words in done.stderr and 'python -m pip install "highspy>=1.11"' in done.stderr
    assert "Traceback" not in done.stderr
