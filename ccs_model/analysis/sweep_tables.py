"""Tables of a sweep, one row a scenario and one row a plant, and the work on one scenario."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ccs_model.errors import (
    BAD_INPUT,
    BUG,
    CHECK_FAILED,
    DONE,
    FILE_TROUBLE,
    INFEASIBLE,
    LIMIT_REACHED,
    NO_PLAN,
    CheckError,
)
from ccs_model.inputs import Inputs
from ccs_model.plan.cache_key import RunKey, run_key
from ccs_model.problem import build_problem
from ccs_model.runs.run_writer import run_files
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import solve

MISSING = "missing"
_STATUS = {
    BUG: "failed", BAD_INPUT: "bad input", INFEASIBLE: "infeasible", NO_PLAN: "no plan", CHECK_FAILED: "check failed",
    FILE_TROUBLE: "file error",
}  # fmt: skip
_FIRST = ("scenario",)
_ABOUT = ("status", "exit_code", "objective_name", "currency", "price_year", "objective", "unit", "bound", "gap_share",
          "searched_bound", "searched_gap_share")  # fmt: skip
_LAST = ("plants", "message", "run")


def row_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Row of one run, from its plan.json."""
    objective = document["objective"]
    retrofitted = {row["plant"]: row for row in document["retrofits"]}
    return {
        "status": document["status"],
        "exit_code": LIMIT_REACHED if document["status"] == "limit" else DONE,
        **{key: document[key] for key in ("objective_name", "currency", "price_year")},
        "objective": objective["value"],
        **{
            key: _without_negative_zero(objective[key])
            for key in ("unit", "bound", "gap_share", "searched_bound", "searched_gap_share")
        },
        "totals": dict(document["totals"]),
        "retrofitted": {
            plant: {key: row[key] for key in ("name", "province", "sector")} for plant, row in retrofitted.items()
        },
    }


def sweep_tables(spec: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a scenario in their order, and one row a plant, most often retrofitted first; `rows` are by run."""
    found = [_row(case, rows) for case in spec["cases"]]
    totals = list(dict.fromkeys(name for each in found for name in each["totals"]))
    table = pd.DataFrame(
        [
            {
                "scenario": case["scenario"],
                **{key: _text(case["changes"][key]) if key in case["changes"] else None for key in spec["keys"]},
                **{key: each.get(key) for key in _ABOUT},
                **{name: each["totals"].get(name) for name in totals},
                "plants": " ".join(sorted(each["retrofitted"])),
                "message": each.get("message", ""),
                "run": case.get("run", ""),
            }
            for case, each in zip(spec["cases"], found, strict=True)
        ],
        columns=[*_FIRST, *spec["keys"], *_ABOUT, *totals, *_LAST],
        # A column of integers with missing values would become floats.
        dtype=object,
    )
    return table, _plants(found)


def _row(case: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"totals": {}, "retrofitted": {}}
    if "run" not in case:
        code = case["exit_code"]
        return {**nothing, "status": _STATUS[code], "exit_code": code, "message": case["error"]}
    row = rows.get(case["run"])
    if row is None:
        return {**nothing, "status": MISSING}
    return {**nothing, "status": _STATUS.get(row["exit_code"], ""), **row}


def _text(value: Any) -> Any:
    """A changed value as one cell."""
    is_plain = isinstance(value, int | float | str) and not isinstance(value, bool)
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _without_negative_zero(value: Any) -> Any:
    """The value, with 0.0 for −0.0."""
    return value + 0.0 if isinstance(value, float) else value


def _plants(found: list[dict[str, Any]]) -> pd.DataFrame:
    with_plan = [each for each in found if "objective" in each]
    often = Counter(plant for each in with_plan for plant in each["retrofitted"])
    about = {plant: row for each in with_plan for plant, row in each["retrofitted"].items()}
    rows = [
        {"plant": plant, **about[plant], "n_scenarios": n, "chosen_share": n / len(with_plan)}
        for plant, n in sorted(often.items(), key=lambda item: (-item[1], item[0]))
    ]
    return pd.DataFrame(rows, columns=["plant", "name", "province", "sector", "n_scenarios", "chosen_share"])


_DIGITS = 12


def run_folder_name(key: RunKey) -> str:
    """`<scenario name>-<hash12>`: among many thousand runs, eight digits could coincide."""
    return f"{key.slug}-{key.sha256[:_DIGITS]}"


@dataclass(frozen=True)
class ScenarioTask:
    """A scenario, the position of its inputs, its hash, and whether to write a workbook."""

    scenario: Scenario
    inputs_at: int
    sha256: str
    with_workbook: bool


@dataclass(frozen=True, eq=False)
class ScenarioRuns:
    """The work of a sweep: inputs are loaded once a process; a result is the run folder's files by name."""

    inputs: tuple[Inputs, ...]

    def opened(self) -> Callable[[ScenarioTask], dict[str, bytes]]:
        """What answers one task."""
        return self._files

    def _files(self, task: ScenarioTask) -> dict[str, bytes]:
        started = datetime.now(UTC)
        inputs = self.inputs[task.inputs_at]
        if run_key(task.scenario, inputs).sha256 != task.sha256:
            raise CheckError("the package version or a file of the scenario differs on this worker")
        plan = solve(build_problem(task.scenario, inputs))
        return run_files(plan, command="ccs-model sweep", started=started, with_workbook=task.with_workbook)
