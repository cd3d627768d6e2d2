"""Invalid and conflicting observations of pilot zones: F70 and F71."""

from __future__ import annotations

import json

import pytest

from ccs_model.paths import data_folder

from .conftest import Workspace

SHIPPED = (data_folder() / "pilots/observations.csv").read_text(encoding="utf-8").splitlines()
ROW = (
    "hebei-about,{zone},abatement_share,approx,{value},,,0.025,unknown,{baseline},2025,unknown,unknown,C,OWN,reported,x"
)


def put_observation(workspace: Workspace, zone: str = "Hebei", value: str = "0.15", baseline: str = "unknown") -> None:
    row = ROW.format(zone=zone, value=value, baseline=baseline)
    workspace.put("mine/pilots/observations.csv", f"{SHIPPED[0]}\n{row}\n")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zone": "Atlantis"}, "row hebei-about, zone Atlantis: unknown zone"),
        ({"zone": "Hebai"}, "did you mean 'Hebei'?"),
        ({"baseline": ""}, "row hebei-about, zone Hebei: the baseline year is missing (write 'unknown')"),
        ({"value": "1.5"}, "an abatement of 150% of the baseline is not possible"),
        ({"value": ""}, "is empty"),
    ],
)
def test_F70_an_invalid_observation_is_reported_with_its_zone_and_row(
    workspace: Workspace, changes: dict[str, str], words: str
) -> None:
    put_observation(workspace, **changes)
    answer = workspace.run("calibrate", "--data", "mine", "-o", "calibration.json")
    assert answer.code == 3 and answer.err.startswith("mine/pilots/observations.csv:2") and words in answer.err
    assert not (workspace.folder / "calibration.json").exists()


def test_F70_the_baseline_year_may_be_unknown(workspace: Workspace) -> None:
    for baseline in ("unknown", "2020"):
        put_observation(workspace, baseline=baseline)
        workspace.scenario(data="mine")
        assert workspace.check().code == 0


def test_F71_a_conflict_is_reported_and_calibrated_only_with_accept(workspace: Workspace) -> None:
    rejected = workspace.run("calibrate", "--preset", "pilot-installed", "-o", "calibration.json")
    assert rejected.code == 7 and "stays unexplained" in rejected.err and "hebei-about" in rejected.err
    assert not (workspace.folder / "calibration.json").exists()
    accepted = workspace.run("calibrate", "--preset", "pilot-installed", "--accept", "-o", "calibration.json")
    assert accepted.code == 0 and "Accepted conflict" in accepted.out
    fit = json.loads((workspace.folder / "calibration.json").read_text(encoding="utf-8"))["presets"]["pilot-installed"]
    assert fit["accepted"] and fit["zones"][0]["unexplained_share"] > 0.02
