"""`optimize_to_folder`: caching, listing, and the report of an infeasible problem."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ccs_model as ccs
from ccs_model.errors import FileError, InfeasibleError
from ccs_model.plan.plan import Plan
from ccs_model.runs.run_reader import list_runs
from ccs_model.scenario import Scenario
from ccs_model.solve.optimize_run import optimize_to_folder

pytestmark = pytest.mark.slow

# No retrofit can reach this share, so the problem is infeasible before anything is solved.
UNREACHABLE = {"objective": "min_cost", "targets.abatement_share": {2031: 0.99}, "budget.total_mn": None}


def test_a_run_is_cached_by_its_inputs_and_listed(small: Callable[..., Scenario], tmp_path: Path) -> None:
    messages: list[str] = []
    first = optimize_to_folder(small(), tmp_path / "runs" / "one", command="test", on_message=messages.append)
    assert first.plan is not None
    assert messages[0].startswith("reading") and messages[-1] == "writing the run folder"
    again = optimize_to_folder(small(), tmp_path / "runs" / "one")
    assert again.plan is None and again.manifest["command"] == "test" and again.folder == first.folder
    with pytest.raises(FileError, match="already contains files"):
        optimize_to_folder(small(), tmp_path / "runs" / "one", changes={"budget.total_mn": 300})
    other = optimize_to_folder(small(), tmp_path / "runs" / "one", changes={"budget.total_mn": 300}, force=True)
    assert other.plan is not None and other.plan.totals["capex_mn"] <= 300

    (tmp_path / "runs" / "notes").mkdir()
    listed = list_runs(tmp_path / "runs")
    assert list(listed.columns) == [
        "name", "date", "objective", "status", "gap_share", "unit", "kind", "scenario", "headline",
    ]  # fmt: skip
    assert listed[["kind", "scenario"]].iloc[0].tolist() == ["run", "Small"]
    assert listed["name"].tolist() == ["one"]
    assert listed["objective"].iloc[0] == other.plan.objective.value
    with pytest.raises(FileError, match="no such folder"):
        list_runs(tmp_path / "nowhere")


def test_an_infeasible_problem_writes_the_same_conflicts_as_the_python_api(
    small: Callable[..., Scenario], tmp_path: Path
) -> None:
    scenario = small(UNREACHABLE)
    with pytest.raises(InfeasibleError) as from_python:
        ccs.optimize(scenario)
    for _ in range(2):  # the second is the cached report
        with pytest.raises(InfeasibleError) as caught:
            optimize_to_folder(scenario, tmp_path / "run")
        assert caught.value.conflicts == from_python.value.conflicts
        assert caught.value.folder == tmp_path / "run"
    document = json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))
    assert document["conflicts"] == list(from_python.value.conflicts) and document["conflicts"]
    listed = list_runs(tmp_path)
    assert listed["status"].tolist() == ["infeasible"] and listed["objective"].isna().all()


def test_an_infeasible_problem_keeps_the_warnings_of_its_scenario(
    small: Callable[..., Scenario], tmp_path: Path
) -> None:
    # A plant can reach the target, but the budget pays for none.
    conflicting = {"objective": "min_cost", "targets.abatement_share": {2031: 0.01}, "budget.total_mn": 1}
    scenario = small({**conflicting, "policy.carbon_price_per_t": {2026: 300}})
    with pytest.raises(InfeasibleError):
        optimize_to_folder(scenario, tmp_path / "run")
    document = json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))
    assert any("policy.capture_deductible is false" in each for each in document["warnings"])


def test_to_excel_without_a_writer_raises_value_error(small_plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this plan has no writer"):
        replace(small_plan, writer=None).to_excel(tmp_path / "plan.xlsx")
