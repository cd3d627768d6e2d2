"""Progress of a whole solve: stages in plain words, one clock, and a gap that never grows.

Single solvers report the bounds and solutions of the model before them, which may be a neighbourhood, a sample or
another objective. `SearchProgress` passes on what holds for the plan: the best solution and the tightest bound so far.
A bound within some of the candidate links is none of the whole model, which may have better plans over other links.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ccs_model.mip import Progress
from ccs_model.mip.clock import time_s

# What follows the name of the whole model where only some of the candidate links are searched.
WITHIN_LINKS = ", links searched"
# Beginning or end of a solver's stage → what it does, in plain words.
_WORDS = (
    (WITHIN_LINKS, "proving the gap within the links searched"),
    ("growth", "growing a pipeline network"),
    ("slope scaling", "choosing pipelines"),
    ("construction", "building a first plan"),
    ("large-neighbourhood search", "improving the plan"),
    ("extension", "adding retrofits to the plan"),
    ("neighbourhood", "improving the plan"),
    ("diving", "building a first plan"),
    ("tie-breaking", "choosing among equal plans"),
    ("marginal budget", "value of a larger budget"),
    ("funds", "allocating the funds"),
    ("fixed decision", "cost of fixed decisions"),
    ("feasibility", "checking whether a plan exists"),
    ("flow directions", "bounding over all links"),
    ("all links", "bounding over all links"),
    ("one period", "choosing pipelines"),
    ("relaxation", "bounding (LP relaxation)"),
    ("sifting", "bounding (LP relaxation)"),
    ("sample", "bounding (LP relaxation)"),
    ("cuts", "bounding (LP relaxation)"),
    ("columns", "bounding (LP relaxation)"),
)
# Stages whose solutions are plans of the whole model.
_OF_PLANS = (WITHIN_LINKS, "growth", "slope scaling", "construction", "extension", "large-neighbourhood search")
PROVING = "proving the gap"


@dataclass
class SearchProgress:
    """Passes the progress of a solve to `report`.

    Attributes
    ----------
    report
        Called with each line of progress.
    stage
        Name that the solvers give the whole model.
    scale
        Unit of the problem's objective ÷ that of the search.
    sense
        1 to maximise, -1 to minimise.
    """

    report: Callable[[Progress], None]
    stage: str
    scale: float = 1.0
    sense: float = 1.0
    began: float = field(default_factory=time_s)
    _bound: float = math.nan
    _best: float = math.nan

    def __call__(self, seen: Progress) -> None:
        """Report the progress of a solver."""
        is_whole = seen.stage == self.stage
        if is_whole and math.isfinite(seen.bound):
            self._bound = _furthest_value(self._bound, self.scale * seen.bound, -self.sense)
        if (is_whole or seen.stage.endswith(_OF_PLANS)) and math.isfinite(seen.incumbent):
            self._best = _furthest_value(self._best, self.scale * seen.incumbent, self.sense)
        # A solution of the search may exceed a bound by its tolerance.
        bound = self._best if self.sense * (self._bound - self._best) < 0 else self._bound
        self.report(Progress(self._stage_text(seen.stage), time_s() - self.began, bound, self._best))

    def _stage_text(self, stage: str) -> str:
        return next((words for part, words in _WORDS if part in stage), PROVING if stage == self.stage else stage)


def _furthest_value(one: float, other: float, sense: float) -> float:
    """The larger of two values with a positive sense, else the smaller; `other` if `one` is NaN."""
    return other if math.isnan(one) or sense * (other - one) > 0 else one
