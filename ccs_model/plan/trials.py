"""Trials: the question asked again with something changed, to see whether there is a plan then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ccs_model.errors import CcsModelError
from ccs_model.inputs import Inputs
from ccs_model.model import build_model
from ccs_model.problem import Problem, pose
from ccs_model.scenario import Scenario
from ccs_model.solver import Highs, Matrix, SolverOptions, matrix_of
from ccs_model.solver.clock import now
from ccs_model.solver.residuals import residuals, snapped

# Of the time that is left, what one trial may take.
_TIME_SHARE = 1 / 3


@dataclass(frozen=True)
class Trials:
    """How trials are solved and by when; none is begun that would not be posed in time. `posing_s` is one's guess."""

    options: SolverOptions
    deadline: float
    posing_s: float = 0.0

    def program(self, scenario: Scenario, inputs: Inputs) -> tuple[Problem, Matrix] | None:
        """The question as a program; None where it cannot be asked, or not in time."""
        if now() + self.posing_s >= self.deadline:
            return None
        try:
            problem = pose(scenario, inputs)
            return problem, matrix_of(build_model(problem))
        except CcsModelError:
            return None

    def until(self) -> float:
        """When a trial that begins now is to end."""
        begun = now()
        return begun + _TIME_SHARE * (self.deadline - begun)

    def has_plan(self, scenario: Scenario, inputs: Inputs) -> bool:
        """Whether a plan was found; it keeps every row when checked without the solver."""
        posed = self.program(scenario, inputs)
        until = self.until()
        if posed is None or until <= now():
            return False
        _, matrix = posed
        try:
            highs = Highs(matrix, self.options)
            highs.set_objective(np.zeros(len(matrix.lower)), maximise=False)
            highs.set_whole(False)
            outcome = highs.run(until - now(), "a trial: relaxation")
            if outcome.status == "optimal" and matrix.is_whole.any():
                highs.set_whole(True)
                outcome = highs.run(until - now(), "a trial")
        except CcsModelError:
            return False
        return outcome.x is not None and residuals(matrix, snapped(matrix, outcome.x)).hold
