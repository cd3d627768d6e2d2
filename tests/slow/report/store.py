"""Store the solution of a shipped scenario, so that tests need not solve it again.

From the repository's folder:

    ccs-model optimize scenarios/NAME.yaml --gap 0.1 --out RUN
    python -m tests.slow.report.store NAME RUN

writes tests/slow/report/stored/NAME/: point.csv.gz, the non-zero columns of the model, and record.json.gz, the results
that only the solver gives. Both files are identical for the same run.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ccs_model.analysis.rebuilt_plan import AtPoint, plan_at
from ccs_model.plan.decisions import Point
from ccs_model.plan.plan import Plan
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_reader import POINT, read_point
from ccs_model.runs.run_writer import PLAN, SCENARIO
from tests.paths import ROOT

STORED = Path(__file__).parent / "stored"
SCENARIOS = ROOT / "scenarios"
_POINT, _RECORD = "point.csv.gz", "record.json.gz"
_KEYS = (
    "status",
    "objective_name",
    "objective",
    "relaxation",
    "marginal_budget",
    "binding_limits",
    "corridors",
    "targets",
    "fixed_decisions",
)
# Tolerance of the solver for rows, bounds and integrality.
_TOLERANCE = 1e-6


def store(name: str, run: Path, to: Path = STORED) -> Path:
    """Store the solution in the run folder `run` as that of scenarios/`name`.yaml."""
    folder = to / name
    folder.mkdir(parents=True, exist_ok=True)
    document = json.loads((run / PLAN).read_text(encoding="utf-8"))
    record = json.dumps({key: document[key] for key in _KEYS if key in document}, ensure_ascii=False, sort_keys=True)
    (folder / _POINT).write_bytes(gzip.compress((run / POINT).read_bytes(), 9, mtime=0))
    (folder / _RECORD).write_bytes(gzip.compress(record.encode(), 9, mtime=0))
    return folder


def stored_names() -> Iterator[str]:
    """Return the names of the scenarios with a stored solution."""
    return (path.name for path in sorted(STORED.iterdir()) if (path / _POINT).is_file())


def plan_of(name: str, scratch: Path) -> tuple[Plan, Point]:
    """Return the plan of a stored solution in the current model of scenarios/`name`.yaml, and its decisions.

    Raises ValueError with the commands that store the solution again if the model has changed.
    """
    point = scratch / name / POINT
    point.parent.mkdir(parents=True, exist_ok=True)
    point.write_bytes(gzip.decompress((STORED / name / _POINT).read_bytes()))
    record: dict[str, Any] = json.loads(gzip.decompress((STORED / name / _RECORD).read_bytes()))
    problem = build_problem(*read_checked(SCENARIOS / f"{name}.yaml"))
    at = AtPoint.of(problem, read_point(scratch / name))
    worst = max(at.largest_residuals.row, at.largest_residuals.bound, at.largest_residuals.integrality)
    if at.strange or worst > _TOLERANCE:
        raise ValueError(
            f"the stored solution does not solve the current model of scenarios/{name}.yaml ({len(at.strange)} columns "
            f"unknown, {at.largest_residuals.worst_row} off by {worst:.1e}). Store it again: ccs-model optimize "
            f"scenarios/{name}.yaml --gap 0.1 --out RUN, then python -m tests.slow.report.store {name} RUN"
        )
    return plan_at(at, record), at.point


if __name__ == "__main__":
    if len(sys.argv) != 3 or not (Path(sys.argv[2]) / SCENARIO).is_file():
        sys.exit(__doc__)
    sys.stdout.write(f"{store(sys.argv[1], Path(sys.argv[2]))}\n")
