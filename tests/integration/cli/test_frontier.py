"""`ccs-model frontier`: its output, files and errors, and a workbook whose formulas give the same results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.cli.plan_series import _bound
from ccs_model.errors import LIMIT_REACHED, FileError, InfeasibleError, InputError, NoPlanError
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.workbook.edited_workbook import read_edited_workbook
from tests.integration.report.recalculation import Computed, assert_same_cells, differences, formula_cells, recomputed
from tests.small_scenario import SMALL_TEXT

pytestmark = pytest.mark.slow


# A narrow terminal has shorter headings.
_WIDE = {"COLUMNS": "120"}


def run_frontier(*args: str | Path) -> Result:
    return CliRunner(env=_WIDE).invoke(
        group, ["frontier", *map(str, args)], catch_exceptions=False, standalone_mode=False
    )  # fmt: skip


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frontier") / "small.yaml"
    path.write_text(SMALL_TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def frontier_run(scenario: Path) -> tuple[Result, Path]:
    out = scenario.parent / "out"
    return run_frontier(scenario, "--points", "5", "--out", out), out


def test_frontier_prints_one_row_per_budget_and_marks_the_scenario_budget(frontier_run: tuple[Result, Path]) -> None:
    result, out = frontier_run
    lines = result.stdout.split("change from the previous budget\n", 1)[1].splitlines()
    rows = [line.split() for line in lines[:6]]
    budgets = [row[0] for row in rows]
    # Five budgets from 0 to 1.5 times the scenario's budget, and that budget itself.
    assert budgets == ["0", "338", "675", "900*", "1,012", "1,350"]
    n_retrofitted = [int(row[3]) for row in rows]
    assert n_retrofitted[0] == 0 and n_retrofitted == sorted(n_retrofitted)
    assert str(out) in result.stdout and "slider" in result.stdout
    assert CliRunner(env=_WIDE).invoke(group, ["show", str(out)]).stdout == result.stdout


def test_json_and_csv_list_the_same_budgets(frontier_run: tuple[Result, Path]) -> None:
    _, out = frontier_run
    document = json.loads((out / "frontier.json").read_text(encoding="utf-8"))
    table = pd.read_csv(out / "tables" / "frontier.csv")
    assert [point["budget_mn"] for point in document["points"]] == pytest.approx(list(table["budget_mn"]))


def test_the_exported_workbook_equals_the_original_with_its_frontier(
    frontier_run: tuple[Result, Path], tmp_path: Path
) -> None:
    _, out = frontier_run
    again = tmp_path / "again.xlsx"
    CliRunner().invoke(group, ["export", str(out), "--format", "xlsx", "-o", str(again)], catch_exceptions=False)
    assert_same_cells(out / "plan.xlsx", again)
    assert openpyxl.load_workbook(again)["Frontier"].sheet_state == "visible"


@pytest.mark.office
def test_the_frontier_sheet_matches_the_table_and_its_formulas_are_recomputed(
    frontier_run: tuple[Result, Path], tmp_path: Path
) -> None:
    _, out = frontier_run
    written = openpyxl.load_workbook(out / "plan.xlsx", data_only=True)
    sheet, table = written["Frontier"], pd.read_csv(out / "tables" / "frontier.csv")
    head = next(row for row in sheet.iter_rows() if row[0].value == "Budget")
    names = {cell.value: cell.column for cell in head}
    for offset, (_, row) in enumerate(table.iterrows(), 1):
        cells = {name: sheet.cell(head[0].row + offset, column).value for name, column in names.items()}
        assert cells["Budget"] == pytest.approx(row["budget_mn"], rel=1e-12)
        assert cells["Objective value"] == pytest.approx(row["objective"], rel=1e-12)
        assert cells["Bound"] >= cells["Objective value"] * (1 - 1e-12)
    steps = table[["budget_mn", "abatement_kt"]].diff().iloc[1:]
    abatement_per_mn = [
        sheet.cell(head[0].row + k, names["Additional abatement per million"]).value for k in range(2, 7)
    ]
    assert abatement_per_mn == pytest.approx(list(steps["abatement_kt"] / steps["budget_mn"]), rel=1e-9)
    formulas = [each for each in formula_cells(out / "plan.xlsx") if each[0] == "Frontier"]
    assert len(formulas) >= 10
    for found in (recomputed([out / "plan.xlsx"], tmp_path)["plan"], Computed(out / "plan.xlsx")):
        difference, worst = differences(formulas, written, found)
        assert not difference and worst <= 1e-9


def test_a_cached_frontier_is_shown_and_not_computed_again(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = scenario.parent / "desk"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    first = json.loads(run_frontier(scenario, "--points", "2", "--json", "--quiet").stdout)
    folder = next((workspace / "runs").glob("small-frontier-*"))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert json.loads(run_frontier(scenario, "--points", "2", "--json", "--quiet").stdout) == first
    message = run_frontier(scenario, "--points", "2").stdout
    assert message.startswith("Abatement by budget") and "Results are cached" in message and "--force" in message
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    # The page is written last; if it is missing after a crash, it is written again.
    (folder / "report.html").unlink()
    run_frontier(scenario, "--points", "2")
    assert (folder / "report.html").is_file()


def test_a_cached_frontier_keeps_its_exit_code_and_another_time_limit_solves_again(
    scenario: Path, frontier_run: tuple[Result, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = scenario.parent / "limited"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    limits: list[float | None] = []
    plan = ccs.frontier(str(scenario), n_points=2)
    assert plan.frontier is not None
    limited = replace(plan, frontier=replace(plan.frontier, points=plan.frontier.points.assign(status="limit")))

    def search(*_: object, time_limit_s: float | None, **options: object) -> ccs.Plan:
        limits.append(time_limit_s)
        return limited if time_limit_s == 8 else plan

    monkeypatch.setattr("ccs_model.analysis.frontier.frontier", search)
    args = (scenario, "--points", "2", "-q")
    codes = [run_frontier(*args, "--time-limit", "8").return_value for _ in range(2)]
    assert codes == [LIMIT_REACHED, LIMIT_REACHED] and limits == [8]
    assert run_frontier(*args, "--time-limit", "30").return_value == 0
    assert run_frontier(*args).return_value == 0 and limits == [8, 30, None]


def test_a_frontier_in_a_named_folder_is_recognised_by_its_content(
    frontier_run: tuple[Result, Path], scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out = frontier_run
    again = run_frontier(scenario, "--points", "5", "--out", out)
    assert again.return_value == 0 and "Results are cached" in again.stdout
    with pytest.raises(FileError, match="already contains files of another run"):
        run_frontier(scenario, "--points", "4", "--out", out)
    # A plan that is given counts with its content, wherever its folder is.
    given = scenario.parent / "given"
    monkeypatch.chdir(scenario.parent)
    for run in (out, Path("out"), Path("given/../out")):
        result = run_frontier(scenario, "--points", "2", "--run", run, "--out", given)
        assert result.return_value == 0
    assert "Results are cached" in result.stdout
    # A frontier that has lost a file is computed again.
    (given / "plan.xlsx").unlink()
    assert "cached" not in run_frontier(scenario, "--points", "2", "--run", out, "--out", given).stdout
    assert (given / "plan.xlsx").is_file()


def test_a_given_run_of_the_same_inputs_keeps_its_bound_and_one_of_other_inputs_does_not(
    frontier_run: tuple[Result, Path], scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out = frontier_run
    bounds: list[float | None] = []

    def search(*_: object, known_bound: float | None, **options: object) -> ccs.Plan:
        bounds.append(known_bound)
        raise NoPlanError("only the bound matters here")

    monkeypatch.setattr("ccs_model.analysis.frontier.frontier", search)
    other = scenario.parent / "other_gap.yaml"
    other.write_text(SMALL_TEXT.replace("mip_gap: 0.0", "mip_gap: 0.5"), encoding="utf-8")
    for path, more in ((scenario, ()), (scenario, ("--effort", "quick")), (other, ())):
        with pytest.raises(NoPlanError):
            run_frontier(path, *more, "--points", "2", "--run", out, "--out", scenario.parent / "bound")
    bound = json.loads((out / "plan.json").read_text(encoding="utf-8"))["objective"]["bound"]
    assert bound is not None and bounds == [bound, bound, None]


def test_a_missing_run_folder_is_reported(scenario: Path) -> None:
    with pytest.raises(FileError, match="nowhere: no such run folder"):
        run_frontier(scenario, "--run", scenario.parent / "nowhere")


def test_breakpoints_are_reported_for_continuous_decisions(scenario: Path) -> None:
    parts = scenario.parent / "parts.yaml"
    parts.write_text(SMALL_TEXT + "capture: {decisions: continuous}\n", encoding="utf-8")
    out = scenario.parent / "parts"
    message = run_frontier(parts, "--points", "4", "--out", out).stdout
    breakpoints = pd.read_csv(out / "tables" / "frontier_breakpoints.csv")
    assert f"the slope changes at {len(breakpoints) - 2} budgets" in message
    sheet = openpyxl.load_workbook(out / "plan.xlsx", data_only=True)["Frontier"]
    first = next(row[0].row for row in sheet.iter_rows() if str(row[0].value).startswith("Breakpoints"))
    values = [row[0].value for row in sheet.iter_rows(min_row=first) if isinstance(row[0].value, int | float)]
    assert values == pytest.approx(list(breakpoints["budget_mn"]))


def test_exit_code_5_exactly_if_a_budget_point_reached_a_limit(scenario: Path) -> None:
    shared = scenario.parent / "shared.yaml"
    shared.write_text(SMALL_TEXT.replace("shared_trunklines: false", "shared_trunklines: true"), encoding="utf-8")
    out = scenario.parent / "shared"
    code = run_frontier(shared, "--points", "3", "--time-limit", "8", "--out", out, "--quiet").return_value
    table = pd.read_csv(out / "tables" / "frontier.csv")
    assert code == (LIMIT_REACHED if (table["status"] == "limit").any() else 0)


def test_a_frontier_without_a_scenario_budget_ends_at_the_plan_and_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    least = SMALL_TEXT.replace(
        "budget: {total_mn: 900}", "objective: min_cost\ntargets: {abatement_share: {2031: 0.02}}"
    )
    gift = "funds: {gift: {kind: grant, share_max: 0.0}}\n"
    Path("least.yaml").write_text(least + "budget: {total_mn: null}\n" + gift, encoding="utf-8")
    run = CliRunner().invoke(group, ["optimize", "least.yaml", "--out", "run", "-q"], standalone_mode=False)
    assert run.return_value == 0
    result = run_frontier("least.yaml", "--points", "3", "--out", "out")
    spent = json.loads(Path("run/plan.json").read_text(encoding="utf-8"))["totals"]["capex_mn"]
    found = json.loads(Path("out/frontier.json").read_text(encoding="utf-8"))["points"]
    assert found[-1]["budget_mn"] == pytest.approx(spent, rel=0.02) and "the scenario's budget" not in result.stdout
    # Warnings of the scenario are repeated, and the folder can be verified on its own.
    assert "fund gift can pay for nothing: its share_max is 0" in result.stderr
    assert json.loads(Path("out/plan.json").read_text(encoding="utf-8"))["warnings"]
    verified = CliRunner().invoke(group, ["verify", "out"], standalone_mode=False)
    assert verified.return_value == 0, verified.output


def test_a_run_with_variables_fixed_in_python_is_rejected_and_gives_no_bound(scenario: Path, tmp_path: Path) -> None:
    problem = ccs.build_problem(*read_checked(scenario))
    model = ccs.build_model(problem)
    next(iter(model.build.values())).fix(0)
    run = ccs.solve(problem, model).to_folder(tmp_path / "fixed")
    (notice,) = read_edited_workbook(run / "plan.xlsx").notices
    assert "added in Python (bounds of build); it is solved again without them" in notice
    with pytest.raises(InputError, match="bounds of build"):
        run_frontier(run)
    assert _bound(run) is None


def test_a_frontier_of_an_infeasible_scenario_is_computed_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    infeasible = SMALL_TEXT.replace("total_mn: 900", "total_mn: 10").replace(
        "min_emissions", "require: [NH3_21], min_emissions"
    )
    Path("poor.yaml").write_text(infeasible, encoding="utf-8")
    assert isinstance(CliRunner().invoke(group, ["optimize", "poor.yaml", "-q"]).exception, InfeasibleError)
    result = run_frontier("poor.yaml", "--points", "2", "--to", "900", "--out", "out")
    assert "10*" not in result.stdout
    verified = CliRunner().invoke(group, ["verify", "out"], standalone_mode=False)
    assert verified.return_value == 0, verified.output
