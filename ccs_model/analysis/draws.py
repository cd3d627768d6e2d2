"""Futures by the chunk, in whatever process they fall to: each planned anew, and the scenario's plan held in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.analysis.futures import drawn
from ccs_model.analysis.measures import MEASURES, Weights, broken_claims, held_point
from ccs_model.analysis.replanned import Replanned
from ccs_model.analysis.restated import Restated
from ccs_model.errors import CheckError
from ccs_model.inputs import Inputs
from ccs_model.plan.decisions import vector_of
from ccs_model.plan.uncertainty import HELD, REPLANNED
from ccs_model.problem import Problem, pose
from ccs_model.scenario import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# So many futures are kept at a time: a kill loses what runs of them, and each file is read in a moment.
CHUNK = 25
# So many futures are solved beforehand, to start all others from.
LEARNT = 20
_TRACE = 1e-6


@dataclass(frozen=True, eq=False)
class Draws:
    """The work of a Monte Carlo run; a result is the text of one chunk. `point` is the held plan's point table."""

    scenario: Scenario
    inputs: Inputs
    n: int
    seed: int
    point: pd.DataFrame

    def opened(self) -> Callable[[tuple[int, int]], str]:
        """What answers one chunk, its first future and the one after its last."""
        return Answering.of(pose(self.scenario, self.inputs), self.n, self.seed, self.point).text


class Answering:
    """What every chunk needs, made once a process."""

    def __init__(self, problem: Problem, n: int, seed: int, held: Floats, restated: Restated) -> None:
        self.futures = drawn(problem, n, seed)
        self.restated = restated
        self.held = held
        self.replanned = Replanned(restated)
        self._plants, self._of_plant = plant_columns(problem, restated)
        for k in range(min(n, LEARNT)):
            there = self.futures.problem(k)
            self.replanned.learn(there, restated.matrix(there), self.futures.of(k))

    @classmethod
    def of(cls, problem: Problem, n: int, seed: int, point: pd.DataFrame) -> Answering:
        """Raises CheckError where the plan is not one of this problem."""
        restated = Restated(problem)
        held, strange = vector_of(restated.planned, point)
        if strange:
            raise CheckError(f"the plan does not fit the scenario: it holds {strange[0]}, which nothing here is")
        return cls(problem, n, seed, held, restated)

    def text(self, chunk: tuple[int, int]) -> str:
        """A chunk as JSON, a line a future; numbers to the last bit."""
        rows = [json.dumps(self.row(k), ensure_ascii=False, allow_nan=False) for k in range(*chunk)]
        return "[\n" + ",\n".join(rows) + "\n]\n"

    def row(self, k: int) -> dict[str, Any]:
        """One future: measures of both modes, plants chosen anew by their share, claims that the held plan breaks."""
        problem = self.futures.problem(k)
        matrix = self.restated.matrix(problem)
        weights = Weights.of(self.restated, problem, matrix)
        solved = self.replanned.of(problem, matrix, self.futures.of(k))
        anew = weights.of_plan(solved.x) if solved.is_optimal else dict.fromkeys(MEASURES, np.nan)
        point = held_point(self.restated, problem, matrix, self.held)
        return {
            "future": k,
            REPLANNED: _plain(anew),
            HELD: _plain(weights.of_plan(point)),
            "broken": dict(broken_claims(matrix, point)),
            "plants": self.plants_in(solved.x),
        }

    def plants_in(self, x: Floats) -> dict[str, float]:
        """By plant, what is built of its most built stream, where it is more than a trace."""
        share = plant_shares(self._of_plant, len(self._plants), x)
        return {self._plants[p]: round(float(share[p]), 9) for p in np.flatnonzero(share > _TRACE)}


def plant_columns(problem: Problem, restated: Restated) -> tuple[list[str], tuple[Ints, Ints, Ints]]:
    """Plants with a capture route; columns of build with the position of their stream and of each stream's plant."""
    columns, first, _ = restated.places["build"]
    routes = problem.routes
    captures = problem.captures[first]
    keys = (routes["plant"].astype(str) + "\0" + routes["stream"].astype(str)).to_numpy(object)
    streams, at = np.unique(keys[first[captures]], return_inverse=True)
    plants, of_stream = np.unique(np.array([key.split("\0")[0] for key in streams], dtype=object), return_inverse=True)
    return [str(plant) for plant in plants], (columns[captures], at, of_stream)


def plant_shares(of_plant: tuple[Ints, Ints, Ints], n_plants: int, x: Floats) -> Floats:
    """[plant] what is built of its most built stream, over all starts."""
    columns, stream, plant = of_plant
    by_stream = np.bincount(stream, weights=x[columns], minlength=len(plant))
    share = np.zeros(n_plants)
    np.maximum.at(share, plant, np.minimum(by_stream, 1.0))
    return share


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if not np.isfinite(value) else float(value) for name, value in values.items()}
