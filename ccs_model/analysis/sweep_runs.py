"""One scenario of a sweep, answered in whatever process it falls to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ccs_model.errors import CheckError
from ccs_model.inputs import Inputs
from ccs_model.plan.optimize import solve
from ccs_model.plan.run_key import RunKey, run_key
from ccs_model.problem import pose
from ccs_model.report.run_folder import run_files
from ccs_model.scenario import Scenario

_DIGITS = 12


def run_folder_name(key: RunKey) -> str:
    """`<scenario name>-<hash12>`: among many thousand runs, eight digits could be the same by chance."""
    return f"{key.slug}-{key.sha256[:_DIGITS]}"


@dataclass(frozen=True)
class Question:
    """A scenario, which of the sweep's tables it needs, its key, and whether a workbook is wanted."""

    scenario: Scenario
    inputs_at: int
    sha256: str
    with_workbook: bool


@dataclass(frozen=True, eq=False)
class ScenarioRuns:
    """The work of a sweep: the tables are loaded once a process. A result is the run folder's files by name."""

    inputs: tuple[Inputs, ...]

    def opened(self) -> Callable[[Question], dict[str, bytes]]:
        """What answers one question."""
        return self._answer

    def _answer(self, question: Question) -> dict[str, bytes]:
        started = datetime.now(UTC)
        inputs = self.inputs[question.inputs_at]
        if run_key(question.scenario, inputs).sha256 != question.sha256:
            raise CheckError("this worker's version, or a file that the scenario names, is not that of the sweep")
        plan = solve(pose(question.scenario, inputs))
        return run_files(plan, command="ccs-model sweep", started=started, with_workbook=question.with_workbook)
