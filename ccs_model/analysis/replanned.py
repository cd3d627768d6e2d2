"""Each future planned anew: its best plan, were it known beforehand, with retrofits, pipes and wells in parts.

The linear program, since a thousand whole programs would take a thousand times as long and each would end by its gap:
the differences between futures would drown in what gaps leave open.

Some futures are solved beforehand. Of programs by groups they show which columns all others may need (solver/pool); of
a shared network their bases are at hand, and a future starts from that of the one whose capital costs are nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ccs_model.analysis.restated import Restated
from ccs_model.problem import Problem
from ccs_model.solver import Matrix
from ccs_model.solver.hot import HotProgram, Solved
from ccs_model.solver.pool import pool_of

Floats = npt.NDArray[np.float64]

_COMMON, _RELATIVE = "capture_capex", ("pipe_cost", "storage_cost")


def relaxed(matrix: Matrix) -> Matrix:
    """The program with everything in parts."""
    return replace(matrix, is_whole=np.zeros_like(matrix.is_whole))


class Replanned:
    """Plans the futures of one problem; what it finds in one does not hang on which others came before."""

    def __init__(self, restated: Restated, *, seed: int = 0) -> None:
        self.restated = restated
        planned = relaxed(restated.planned)
        self._pool = pool_of(planned, seed=seed)
        self._hot = HotProgram(planned, seed=seed) if self._pool is None else None
        self._places: list[Floats] = []
        self.planned: Solved = (self._pool or self._hot).planned  # type: ignore[union-attr]

    def of(self, problem: Problem, matrix: Matrix, values: Mapping[str, float] | None = None) -> Solved:
        """The best plan of a future with these values of its inputs; not optimal where it has none."""
        scale = self.restated.tonnes_scaled(problem.delivered_share / self.restated.problem.delivered_share)
        if self._pool is not None:
            self._pool.reset()
            return self._pool.solve(relaxed(matrix), scale)
        assert self._hot is not None
        nearest = None
        if self._places and values is not None:
            away = np.square(np.array(self._places) - _place(values)).sum(axis=1)
            nearest = int(away.argmin())
        return self._hot.solve(relaxed(matrix), scale, start=nearest)

    def learn(self, problem: Problem, matrix: Matrix, values: Mapping[str, float]) -> None:
        """Solve a future beforehand."""
        if self._pool is not None:
            scale = self.restated.tonnes_scaled(problem.delivered_share / self.restated.problem.delivered_share)
            self._pool.solve(relaxed(matrix), scale)
            self._pool.keep()
        elif self.of(problem, matrix).is_optimal:
            assert self._hot is not None
            self._hot.keep()
            self._places.append(_place(values))


def _place(values: Mapping[str, float]) -> Floats:
    """Where a future lies by its capital costs: the level, and what pipes, sites and technologies cost beside it."""
    level = np.log(values.get(_COMMON, 1.0))
    beside = [np.log(values[name]) - level for name in _RELATIVE if name in values]
    own = [np.log(value) for name, value in sorted(values.items()) if name.startswith(f"{_COMMON}_")]
    return np.array([level, *beside, *own])
