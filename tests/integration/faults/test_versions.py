"""Files of older and newer versions are reported with the version and the required action."""

from __future__ import annotations

import json

import pytest

import ccs_model
from ccs_model.scenario import json_schema
from ccs_model.scenario.upgrade import VERSION

from .conftest import SCENARIO, Workspace


@pytest.mark.parametrize("given", ["99", "0.3", "1.0.0", '"0.10"'])
def test_a_scenario_of_a_newer_format_is_reported_with_both_versions(workspace: Workspace, given: str) -> None:
    workspace.put("s.yaml", f"schema: {given}\n" + SCENARIO)
    number = given.strip('"')
    answer = workspace.check()
    assert answer.code == 3
    what = f"the file has format {number}; ccs-model {ccs_model.__version__} reads format {VERSION}"
    assert answer.lines[0].startswith(f"s.yaml:1:9: schema: {what} (install a newer version")


def test_a_scenario_may_state_the_current_format(workspace: Workspace) -> None:
    for text in ("0.2", '"0.2"'):
        workspace.put("base.yaml", f"schema: {text}\n" + SCENARIO)
        workspace.put("s.yaml", f"schema: {text}\nextends: base.yaml\n")
        assert workspace.check().code == 0
    assert json_schema()["properties"]["schema"]["enum"] == ["0.2", 0.2]


def test_a_scenario_of_an_older_format_is_upgraded(workspace: Workspace) -> None:
    workspace.put("s.yaml", "schema: 0.1\naim: most_abatement\n" + SCENARIO)
    answer = workspace.check()
    assert answer.code == 3 and "format 0.1" in answer.lines[0] and "--upgrade" in answer.lines[0]
    assert "aim: renamed to 'objective' in 0.2" in answer.lines[1]
    assert workspace.run("check", "s.yaml", "--upgrade", "new.yaml").code == 0
    assert workspace.run("check", "new.yaml").code == 0


@pytest.mark.parametrize("given", ["two", "[1]", "true", ""])
def test_an_invalid_format_is_reported(workspace: Workspace, given: str) -> None:
    workspace.put("s.yaml", f"schema: {given}\n" + SCENARIO)
    answer = workspace.check()
    assert answer.code == 3 and "schema: expected 0.2" in answer.lines[0]


def put_run(workspace: Workspace, schema: str, version: str) -> None:
    workspace.put("run/plan.json", json.dumps({"schema": schema, "status": "optimal"}))
    manifest = {"run_sha256": "0", "versions": {"ccs-model": version}}
    workspace.put("run/manifest.json", json.dumps(manifest))
    workspace.put("run/map.geojson", "{}")
    workspace.put("run/scenario.resolved.yaml", SCENARIO + "key_of_tomorrow: 1\n")


@pytest.mark.parametrize(
    ("schema", "version", "words"),
    [
        ("ccs-model/plan/1", "0.1.3", ("older format ccs-model/plan/1 of ccs-model 0.1.3", "ccs-model optimize run/")),
        ("ccs-model/plan/3", "0.9.0", ("newer format ccs-model/plan/3 of ccs-model 0.9.0", "install ccs-model 0.9.0")),
        ("ccs-model/sweep/2", "0.2.0", ("is not of schema ccs-model/plan/2", "")),
    ],
)
def test_a_run_of_another_format_is_reported_with_both_versions(
    workspace: Workspace, schema: str, version: str, words: tuple[str, str]
) -> None:
    put_run(workspace, schema, version)
    for command in (("verify", "run"), ("export", "run", "--format", "csv"), ("explain", "run", "M1")):
        answer = workspace.run(*command)
        assert answer.code == 3 and all(each in answer.lines[0] for each in words), answer.err
    if words[1]:
        assert f"ccs-model {ccs_model.__version__} reads ccs-model/plan/2" in answer.lines[0]


def test_a_run_of_another_version_with_an_unreadable_scenario_is_reported(workspace: Workspace) -> None:
    put_run(workspace, "ccs-model/plan/2", "0.3.1")
    for command in (("export", "run", "--format", "csv"), ("explain", "run", "M1")):
        answer = workspace.run(*command)
        assert answer.code == 3 and "key_of_tomorrow: unknown key" in answer.err
        assert answer.lines[0].startswith(f"run: was written by ccs-model 0.3.1, and this is {ccs_model.__version__}")


def test_sweeps_and_calibrations_of_another_format_are_reported(workspace: Workspace) -> None:
    workspace.put("sweep/sweep.json", json.dumps({"schema": "ccs-model/sweep/1"}))
    merged = workspace.run("sweep", "merge", "sweep")
    assert merged.code == 3 and "older format ccs-model/sweep/1" in merged.err
    workspace.put("fit.json", json.dumps({"schema": "ccs-model/calibration/4"}))
    workspace.scenario(calibration="{use: median, file: fit.json}")
    assert "fit.json has the newer format ccs-model/calibration/4" in workspace.check().err
