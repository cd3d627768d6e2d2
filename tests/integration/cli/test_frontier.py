"""`ccs-model frontier`: what it prints and writes, what it refuses, and a workbook that computes what was found."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.cli.plan_series import _bound
from ccs_model.errors import LIMIT_REACHED, FileError, InfeasibleError, InputError
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.workbook.edited_workbook import read_edited
from tests.integration.report.recomputing import Computed, assert_same_cells, differences, formula_cells, recomputed
from tests.small_scenario import SMALL_TEXT

pytestmark = pytest.mark.slow


# A narrow terminal has shorter headings.
_WIDE = {"COLUMNS": "120"}


def requested(*words: str | Path) -> Result:
    return CliRunner(env=_WIDE).invoke(
        group, ["frontier", *map(str, words)], catch_exceptions=False, standalone_mode=False
    )  # fmt: skip


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frontier") / "small.yaml"
    path.write_text(SMALL_TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(scenario: Path) -> tuple[Result, Path]:
    out = scenario.parent / "out"
    return requested(scenario, "--points", "5", "--out", out), out


def test_it_prints_a_row_a_budget_and_marks_the_scenarios(made: tuple[Result, Path]) -> None:
    result, out = made
    lines = result.stdout.split("change from the previous budget\n", 1)[1].splitlines()
    rows = [line.split() for line in lines[:6]]
    budgets = [row[0] for row in rows]
    # Five from nothing to one and a half times the scenario's, and the scenario's own.
    assert budgets == ["0", "338", "675", "900*", "1,012", "1,350"]
    fitted = [int(row[3]) for row in rows]
    assert fitted[0] == 0 and fitted == sorted(fitted)
    assert str(out) in result.stdout and "slider" in result.stdout
    assert CliRunner(env=_WIDE).invoke(group, ["show", str(out)]).stdout == result.stdout


def test_json_and_table_of_the_folder_agree(made: tuple[Result, Path]) -> None:
    _, out = made
    document = json.loads((out / "frontier.json").read_text(encoding="utf-8"))
    table = pd.read_csv(out / "tables" / "frontier.csv")
    assert [point["budget_mn"] for point in document["points"]] == pytest.approx(list(table["budget_mn"]))


def test_the_workbook_written_again_has_the_frontier(made: tuple[Result, Path], tmp_path: Path) -> None:
    _, out = made
    again = tmp_path / "again.xlsx"
    CliRunner().invoke(group, ["export", str(out), "--format", "xlsx", "-o", str(again)], catch_exceptions=False)
    assert_same_cells(out / "plan.xlsx", again)
    assert openpyxl.load_workbook(again)["Frontier"].sheet_state == "visible"


@pytest.mark.office
def test_the_sheet_says_what_the_folder_says_and_another_program_computes_it(
    made: tuple[Result, Path], tmp_path: Path
) -> None:
    _, out = made
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
    bought = [sheet.cell(head[0].row + k, names["Additional abatement per million"]).value for k in range(2, 7)]
    assert bought == pytest.approx(list(steps["abatement_kt"] / steps["budget_mn"]), rel=1e-9)
    formulas = [each for each in formula_cells(out / "plan.xlsx") if each[0] == "Frontier"]
    assert len(formulas) >= 10
    for found in (recomputed([out / "plan.xlsx"], tmp_path)["plan"], Computed(out / "plan.xlsx")):
        difference, worst = differences(formulas, written, found)
        assert not difference and worst <= 1e-9


@pytest.mark.slow
def test_what_is_there_is_shown_and_not_made_again(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = scenario.parent / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    first = json.loads(requested(scenario, "--points", "2", "--json", "--quiet").stdout)
    folder = next((desk / "runs").glob("small-frontier-*"))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert json.loads(requested(scenario, "--points", "2", "--json", "--quiet").stdout) == first
    message = requested(scenario, "--points", "2").stdout
    assert message.startswith("Abatement by budget") and "Results are cached" in message and "--force" in message
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    # The page comes last, and is made where a kill kept it from being written.
    (folder / "report.html").unlink()
    requested(scenario, "--points", "2")
    assert (folder / "report.html").is_file()


def test_corridors_of_a_run_that_is_none_are_refused(scenario: Path) -> None:
    with pytest.raises(FileError, match="nowhere: no such run folder"):
        requested(scenario, "--run", scenario.parent / "nowhere")


@pytest.mark.slow
def test_with_continuous_decisions_message_and_sheet_list_the_breakpoints(scenario: Path) -> None:
    parts = scenario.parent / "parts.yaml"
    parts.write_text(SMALL_TEXT + "capture: {decisions: continuous}\n", encoding="utf-8")
    out = scenario.parent / "parts"
    message = requested(parts, "--points", "4", "--out", out).stdout
    breaks = pd.read_csv(out / "tables" / "frontier_breakpoints.csv")
    assert f"the slope changes at {len(breaks) - 2} budgets" in message
    sheet = openpyxl.load_workbook(out / "plan.xlsx", data_only=True)["Frontier"]
    first = next(row[0].row for row in sheet.iter_rows() if str(row[0].value).startswith("Breakpoints"))
    values = [row[0].value for row in sheet.iter_rows(min_row=first) if isinstance(row[0].value, int | float)]
    assert values == pytest.approx(list(breaks["budget_mn"]))


@pytest.mark.slow
def test_a_rung_that_is_not_closed_is_told_by_the_exit_code(scenario: Path) -> None:
    shared = scenario.parent / "shared.yaml"
    shared.write_text(SMALL_TEXT.replace("shared_trunklines: false", "shared_trunklines: true"), encoding="utf-8")
    out = scenario.parent / "shared"
    code = requested(shared, "--points", "3", "--time-limit", "8", "--out", out, "--quiet").return_value
    table = pd.read_csv(out / "tables" / "frontier.csv")
    assert code == (LIMIT_REACHED if (table["status"] == "limit").any() else 0)


def test_a_scenario_without_a_budget_reaches_its_plan_and_is_verified(
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
    result = requested("least.yaml", "--points", "3", "--out", "out")
    spent = json.loads(Path("run/plan.json").read_text(encoding="utf-8"))["totals"]["capex_mn"]
    found = json.loads(Path("out/frontier.json").read_text(encoding="utf-8"))["points"]
    assert found[-1]["budget_mn"] == pytest.approx(spent, rel=0.02) and "the scenario's budget" not in result.stdout
    # What the scenario warns of is said here too, and the folder stands for itself.
    assert "fund gift can pay for nothing: its share_max is 0" in result.stderr
    assert json.loads(Path("out/plan.json").read_text(encoding="utf-8"))["warnings"]
    verified = CliRunner().invoke(group, ["verify", "out"], standalone_mode=False)
    assert verified.return_value == 0, verified.output


def test_a_run_with_fixed_decisions_is_refused_and_gives_no_bound(scenario: Path, tmp_path: Path) -> None:
    problem = ccs.build_problem(*read_checked(scenario))
    model = ccs.build_model(problem)
    next(iter(model.build.values())).fix(0)
    run = ccs.solve(problem, model).to_folder(tmp_path / "fixed")
    (notice,) = read_edited(run / "plan.xlsx").notices
    assert "added in Python (bounds of build); it is solved again without them" in notice
    with pytest.raises(InputError, match="bounds of build"):
        requested(run)
    assert _bound(run) is None


def test_a_frontier_does_not_need_the_scenario_to_be_feasible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    poor = SMALL_TEXT.replace("total_mn: 900", "total_mn: 10").replace(
        "min_emissions", "require: [NH3_21], min_emissions"
    )
    Path("poor.yaml").write_text(poor, encoding="utf-8")
    assert isinstance(CliRunner().invoke(group, ["optimize", "poor.yaml", "-q"]).exception, InfeasibleError)
    result = requested("poor.yaml", "--points", "2", "--to", "900", "--out", "out")
    assert "10*" not in result.stdout
    verified = CliRunner().invoke(group, ["verify", "out"], standalone_mode=False)
    assert verified.return_value == 0, verified.output
