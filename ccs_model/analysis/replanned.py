"""Each future planned anew: its best plan, were it known beforehand, with retrofits, pipes and wells in parts.

The linear program, since a thousand whole programs would take a thousand times as long and each would end by its gap:
the differences between futures would drown in what gaps leave open.

Some futures are solved beforehand. They show which columns all others may need (solver/pool), and their bases are at
hand: a future starts from that of the one whose capital costs are nearest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ccs_model.analysis.worlds import World
from ccs_model.solver import Matrix
from ccs_model.solver.hot import Solved
from ccs_model.solver.pool import Mark, pool_of

Floats = npt.NDArray[np.float64]

_COMMON, _RELATIVE = "capture_capex", ("pipe_cost", "storage_cost")


def relaxed(matrix: Matrix) -> Matrix:
    """The program with everything in parts."""
    return replace(matrix, is_whole=np.zeros_like(matrix.is_whole))


class Replanned:
    """Plans the futures of one problem; `planned` is the best plan in parts of the problem itself."""

    def __init__(self, planned: Matrix, *, seed: int = 0) -> None:
        self._pool = pool_of(relaxed(planned), seed=seed)
        self.planned: Solved = self._pool.planned
        self._places: list[Floats] = []
        self._n_before = 1 if self.planned.is_optimal else 0

    def of(self, world: World, values: Mapping[str, float]) -> Solved:
        """The best plan of a future with these values of its inputs; not optimal where it has none.

        Later ones may start from it, until `reset`.
        """
        solved = self._solved(world, values)
        if solved.is_optimal:
            self._pool.keep()
            self._places.append(place_of(values))
        return solved

    def learn(self, some: Sequence[tuple[World, Mapping[str, float]]]) -> None:
        """Solve some futures beforehand: twice, for what the first times added on the way is needed no longer."""
        for is_last in (False, True):
            for world, values in some:
                solved = self._solved(world, values)
                if solved.is_optimal:
                    self._pool.learn(relaxed(world.matrix), solved)
                    self._places.append(place_of(values))
            if not is_last:
                self._pool.settle()
                self._places, self._n_before = [], 0

    def _solved(self, world: World, values: Mapping[str, float]) -> Solved:
        start = 0
        if self._places:
            away = np.square(np.array(self._places) - place_of(values)).sum(axis=1)
            start = self._n_before + int(away.argmin())
        return self._pool.solve(relaxed(world.matrix), world.scale, start=start)

    def rest(self) -> None:
        """Let the solver's instance go until the next future."""
        self._pool.rest()

    def mark(self) -> tuple[Mark, int]:
        """What is known by now."""
        return self._pool.mark(), len(self._places)

    def reset(self, mark: tuple[Mark, int]) -> None:
        """Forget what was found since."""
        self._pool.reset(mark[0])
        del self._places[mark[1] :]


def place_of(values: Mapping[str, float]) -> Floats:
    """Where a future lies by its capital costs: the level, and what pipes, sites and technologies cost beside it."""
    level = np.log(values.get(_COMMON, 1.0))
    beside = [np.log(values[name]) - level for name in _RELATIVE if name in values]
    own = [np.log(value) for name, value in sorted(values.items()) if name.startswith(f"{_COMMON}_")]
    return np.array([level, *beside, *own])
