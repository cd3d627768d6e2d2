"""Shipped replay cases have the expected results; own cases are validated, replayed and collected by pytest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.errors import InputError
from ccs_model.paths import scenarios_folder
from ccs_model.pilots.replay import KIND_OF, find_quantities, judge_expectation
from ccs_model.pilots.replay_cases import ReplayContext
from ccs_model.scenario.case import KINDS, read_case

pytestmark = pytest.mark.slow

CASES = sorted((scenarios_folder() / "pilots").glob("*.yaml"))
DRI = scenarios_folder() / "pilots" / "08-dri.yaml"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_expectation_of_a_shipped_case_has_the_expected_result(path: Path, context: ReplayContext) -> None:
    case = read_case(path)
    found, reason = find_quantities(case, context)
    rows = [judge_expectation(case, each, found, reason) for each in case.expect]
    assert [row for row in rows if not row.as_expected] == []


def test_shipped_cases_cover_all_twelve_kinds_and_include_controls() -> None:
    cases = [read_case(path) for path in CASES]
    assert {case.kind for case in cases} == set(KINDS) == set(KIND_OF)
    assert len(KINDS) == 12
    assert len({case.case for case in cases}) == len(cases)
    for kind in ("heldout", "physical", "inverse", "ceiling", "optimality_gap", "carbon_price", "budget_sweep"):
        assert sum(case.kind == kind for case in cases) == 2, kind
    controls = [each for case in cases for each in case.expect if each.expected_to_fail]
    assert len(controls) >= 8
    # At least half of the expectations of every case can fail, and three quarters of all expectations.
    for case in cases:
        assert 2 * sum(each.can_fail for each in case.expect) >= len(case.expect) or case.kind == "plant_hand", (
            case.case
        )
    expectations = [each for case in cases for each in case.expect]
    assert sum(each.can_fail for each in expectations) >= 0.75 * len(expectations)


def test_plants_that_the_tables_lack_and_repeated_names_are_errors(tmp_path: Path) -> None:
    shipped = next(path for path in CASES if read_case(path).plants)
    case = read_case(shipped)
    text = shipped.read_text(encoding="utf-8")
    path = write(tmp_path / "bad.yaml", text.replace(case.plants[0], f"{case.plants[0]}9999", 1))
    result = CliRunner().invoke(group, ["replay", str(path)], standalone_mode=False)
    assert isinstance(result.exception, InputError)
    (issue,) = result.exception.issues
    assert issue.where == f"{path}: case {case.case}: plants[0]"
    assert issue.what == f"no plant '{case.plants[0]}9999' in the tables"
    with pytest.raises(InputError, match="2 cases have this name"):
        ccs.replay([shipped, shipped])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


OWN_CASE = """case: mine
kind: plant_hand
zone: Zhangjiakou
values: {iron_ktpa: 600, captured_kg_per_t: 125, switch_ktpa: 800}
expect:
"""


def test_json_contains_the_documented_fields(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.yaml",
        OWN_CASE
        + "  - {quantity: nameplate_ktpa, low: 80}\n"
        + "  - {quantity: nameplate_ktpa, low: 80, expected_to_fail: true}\n"
        + "  - {quantity: captured_ktpa, about: nameplate_ktpa, within: 0.25, relative: true}\n",
    )
    result = CliRunner().invoke(group, ["replay", str(path), "--json"], standalone_mode=False)
    assert result.return_value == 7
    document = json.loads(result.stdout)
    assert document["schema"] == "ccs-model/replay/2"
    assert document["all_hold"] is False
    names = {"case", "kind", "zone", "quantity", "value", "low", "high", "holds", "expected_to_fail", "can_fail"}
    assert all(names <= row.keys() for row in document["cases"])
    first, control, third = document["cases"]
    assert (first["value"], first["low"], first["high"], first["holds"]) == (75.0, 80.0, None, False)
    assert (control["holds"], control["expected_to_fail"]) == (False, True)
    # 60 within a quarter of 75.
    assert (third["low"], third["high"], third["holds"]) == (56.25, 93.75, True)


def test_a_control_that_holds_is_not_as_expected(tmp_path: Path) -> None:
    path = write(tmp_path / "c.yaml", OWN_CASE + "  - {quantity: nameplate_ktpa, low: 70, expected_to_fail: true}\n")
    replayed = ccs.replay(path)
    assert not replayed.all_hold
    assert replayed.rows[0].holds
    result = CliRunner().invoke(group, ["replay", str(path)], standalone_mode=False)
    assert result.return_value == 7
    assert "HELD, and must not" in result.stdout
    assert ccs.replay(DRI).all_hold


def test_an_infeasible_case_meets_no_expectation(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.yaml",
        "case: too-much\nkind: inverse\nzone: Jincheng\nvalues: {abatement_share: 0.99}\nexpect:\n"
        "  - {quantity: dual_per_t, low: 0}\n  - {quantity: dual_per_t, high: 0, expected_to_fail: true}\n",
    )
    replayed = ccs.replay(path)
    assert [row.as_expected for row in replayed.rows] == [False, False]
    assert "abatement_target_reached" in replayed.rows[0].why


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("case: x\nkind: heldot\nexpect: [{quantity: a, low: 1}]\n", "did you mean 'heldout'?"),
        ("case: x\nkind: heldout\n", "expect: required key is missing"),
        ("case: x\nkind: heldout\nexpect: []\n", "at least 1"),
        ("case: x\nkind: heldout\nexpect: [{quantity: a}]\n", "low, high or both, or about"),
        ("case: x\nkind: heldout\nexpct: []\nexpect: [{quantity: a, low: 1}]\n", "unknown key"),
        ("case: x\nkind: heldout\nexpect:\n  - {quantity: a, low: 1, heigh: 3}\n", "c.yaml:4"),
    ],
)
def test_an_invalid_case_is_an_input_error_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    path = write(tmp_path / "c.yaml", text)
    with pytest.raises(InputError, match=error) as caught:
        read_case(path)
    assert all(issue.where.startswith(f"{path}:") for issue in caught.value.issues)


def test_an_unknown_quantity_missing_value_or_unknown_zone_is_an_input_error(tmp_path: Path) -> None:
    path = write(tmp_path / "c.yaml", OWN_CASE + "  - {quantity: nameplat, low: 1}\n")
    with pytest.raises(InputError, match="computes no 'nameplat' \\(one of nameplate_ktpa"):
        ccs.replay(path)
    path = write(tmp_path / "d.yaml", "case: x\nkind: budget_sweep\nzone: Jincheng\nexpect: [{quantity: a, low: 1}]\n")
    with pytest.raises(InputError, match="needs 'most_mn'"):
        ccs.replay(path)
    path = write(tmp_path / "e.yaml", "case: x\nkind: heldout\nzone: Atlantis\nexpect: [{quantity: a, low: 1}]\n")
    with pytest.raises(InputError, match="Atlantis"):
        ccs.replay(path)


def test_own_zones_observations_and_presets_are_replayed_and_calibrated(tmp_path: Path) -> None:
    """As described in docs/explanation/calibration.md, with the tables in a folder beside the case."""
    data = tmp_path / "mine" / "pilots"
    data.mkdir(parents=True)
    write(
        data / "zones.csv",
        "zone,name,province,sectors,plants,programme_share,status,reference,quality,note\n"
        "Shandong,Steel of Shandong,Shandong,steel,,,assumed,OWN,assumed,\n",
    )
    write(
        data / "observations.csv",
        "id,zone,quantity,kind,value,low,high,sigma,metric,baseline_year,year,boundary,attribution,grade,reference,"
        "quality,note\n"
        "shandong,Shandong,abatement_share,approx,0.12,,,0.03,absolute,2020,2025,works,unknown,B,OWN,reported,\n",
    )
    write(data / "presets.csv", "preset,id,reference,quality,note\nmine,shandong,OWN,assumed,\n"
          "mine,hebei-about,OWN,assumed,\n")  # fmt: skip
    path = write(
        tmp_path / "c.yaml",
        "case: shandong\nkind: heldout\nzone: Shandong\npreset: mine\ndata: mine\nexpect:\n"
        "  - {quantity: reported_abatement_share, low: band_low_share, high: band_high_share}\n",
    )
    replayed = ccs.replay([path, DRI])
    assert replayed.all_hold
    assert replayed.found["shandong"]["reported_abatement_share"] == 0.12
    result = CliRunner().invoke(
        group, ["calibrate", "--preset", "mine", "--data", str(tmp_path / "mine")], standalone_mode=False
    )
    assert result.return_value == 0
    assert "Shandong" in result.stdout


def pytest_run(*args: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # The plugin is loaded through the entry point of the installed package.
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def other_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another project with two cases, a file that is not a case, and its own test."""
    monkeypatch.setenv("PYTHONPATH", str(Path(ccs.__file__).resolve().parents[1]))
    folder = tmp_path / "suite" / "cases"
    folder.mkdir(parents=True)
    write(folder / "good.yaml", OWN_CASE + "  - {quantity: nameplate_ktpa, about: 75}\n")
    write(
        folder / "bad.yaml",
        OWN_CASE + "  - {quantity: nameplate_ktpa, about: 74}\n  - {quantity: captured_ktpa, low: 1}\n",
    )
    write(folder / "other.yaml", "name: no case\n")
    write(folder.parent / "test_own.py", "def test_own():\n    pass\n")
    write(folder.parent / "pytest.ini", "[pytest]\n")
    return folder.parent


def test_pytest_collects_the_cases_of_a_named_folder_or_file(other_project: Path) -> None:
    run = pytest_run("cases", folder=other_project)
    assert run.returncode == 1
    assert "2 passed" in run.stdout
    assert "1 failed" in run.stdout
    assert "mine, zone Zhangjiakou: nameplate_ktpa = 75.0 must lie in 74.0 … 74.0" in run.stdout
    assert "Traceback" not in run.stdout
    assert "1 passed" in pytest_run("cases/good.yaml", folder=other_project).stdout


def test_pytest_omits_no_case_of_a_named_folder_or_file(other_project: Path) -> None:
    """A misspelt key or a long comment does not hide a case; a file named on the command line is read as a case."""
    comment = "# why this case is here, at length\n" * 400
    write(other_project / "cases" / "late.yaml", comment + OWN_CASE + "  - {quantity: nameplate_ktpa, high: 74}\n")
    run = pytest_run("cases", folder=other_project)
    assert "2 failed" in run.stdout and "nameplate_ktpa = 75.0 must lie at or below 74.0" in run.stdout
    write(
        other_project / "cases" / "typo.yaml",
        OWN_CASE.replace("kind:", "kindd:") + "  - {quantity: nameplate_ktpa, low: 1}\n",
    )
    assert "typo.yaml" in (run := pytest_run("cases", folder=other_project)).stdout and "kindd" in run.stdout
    assert run.returncode != 0
    assert "name: unknown key" in (run := pytest_run("cases/other.yaml", folder=other_project)).stdout
    assert run.returncode != 0


def test_pytest_collects_no_cases_unless_requested(other_project: Path) -> None:
    assert "1 passed" in pytest_run(folder=other_project).stdout
    assert "1 passed" in pytest_run(".", folder=other_project).stdout
    requested = pytest_run("--ccs-cases", folder=other_project)
    assert "3 passed" in requested.stdout
    assert "1 failed" in requested.stdout


def test_the_plugin_does_not_import_pandas_pyomo_or_numpy() -> None:
    heavy = "('pandas', 'pyomo', 'numpy')"
    code = f"import sys, ccs_model.pilots.pytest_plugin; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert run.stdout.strip() == "[]"
