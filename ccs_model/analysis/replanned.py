"""Each future planned anew: its best plan, were it known beforehand, with retrofits, pipes and wells in parts.

The linear program, since a thousand whole programs would take a thousand times as long and each would end by its gap:
the differences between futures would drown in what gaps leave open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ccs_model.analysis.network_pricing import NetworkPricing
from ccs_model.analysis.restated import Restated
from ccs_model.problem import Problem
from ccs_model.solver import Matrix
from ccs_model.solver.hot import HotProgram, Solved
from ccs_model.solver.pool import Pool, pool_of

Floats = npt.NDArray[np.float64]


def relaxed(matrix: Matrix) -> Matrix:
    """The program with everything in parts."""
    return replace(matrix, is_whole=np.zeros_like(matrix.is_whole))


def _network_pool(restated: Restated, planned: Matrix, seed: int) -> Pool | None:
    """A pool of lines and retrofits; None without a shared network."""
    network = restated.problem.network
    if network is None or not restated.by_products:
        return None
    found = HotProgram(planned, seed=seed).planned
    if not found.is_optimal:
        return None
    links = dict(zip(network.lines["line"], network.lines["link"], strict=True))
    return Pool(planned, NetworkPricing(planned, links, found.x, found.row_dual), seed=seed)


class Replanned:
    """Plans the futures of one problem, each from the planned program's basis."""

    def __init__(self, restated: Restated, *, seed: int = 0) -> None:
        self.restated = restated
        planned = relaxed(restated.planned)
        self._pool = _network_pool(restated, planned, seed) or pool_of(planned, seed=seed)
        self._program = self._pool or HotProgram(planned, seed=seed)
        self.planned = self._program.planned

    def of(self, problem: Problem, matrix: Matrix) -> Solved:
        """The best plan of a future; not optimal where it has none."""
        share = problem.delivered_share / self.restated.problem.delivered_share
        return self._program.solve(relaxed(matrix), self.restated.tonnes_scaled(share))

    def learn(self, problems: Iterable[tuple[Problem, Matrix]]) -> None:
        """Solve some futures beforehand, so that the columns they need are at hand for all others."""
        if self._pool is not None:
            for problem, matrix in problems:
                self.of(problem, matrix)
            self._pool.keep()

    def begin(self) -> None:
        """Forget what was solved since, so that futures give the same answer whatever came before them."""
        if self._pool is not None:
            self._pool.reset()
