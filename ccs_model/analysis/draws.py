"""Futures by the chunk, in whatever process they fall to: each planned anew, and the scenario's plan held in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.analysis.futures import LATIN, Futures, drawn
from ccs_model.analysis.measures import MEASURES, broken_claims, held_point
from ccs_model.analysis.replanned import Replanned, place_of
from ccs_model.analysis.restated import Restated
from ccs_model.analysis.worlds import ProductWorlds, planned_world, worlds_of
from ccs_model.errors import CheckError
from ccs_model.inputs import Inputs
from ccs_model.plan.decisions import vector_of
from ccs_model.plan.uncertainty import HELD, REPLANNED
from ccs_model.problem import Problem, pose
from ccs_model.scenario import Scenario
from ccs_model.solver import Matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# So many futures are kept at a time: a kill loses what runs of them, and each file is read in a moment.
CHUNK = 25
# So many futures are solved beforehand, to start all others from.
LEARNT = 20
_TRACE = 1e-6


@dataclass(frozen=True, eq=False)
class Draws:
    """The work of a Monte Carlo run; a result is the text of one chunk.

    `answering` is what answers chunks, where it can be handed to another process; else every process makes its own.
    `point` is the held plan's point table.
    """

    scenario: Scenario
    inputs: Inputs | None
    n: int
    seed: int
    point: pd.DataFrame
    sampling: str = LATIN
    answering: Answering | None = None

    @classmethod
    def of(cls, answering: Answering, scenario: Scenario, inputs: Inputs, point: pd.DataFrame) -> Draws:
        """The work of a run of which `answering` was made."""
        n, seed, sampling = len(answering.values), answering.seed, answering.sampling
        if answering.is_light:
            return cls(scenario, None, n, seed, point, sampling, answering)
        return cls(scenario, inputs, n, seed, point, sampling)

    def opened(self) -> Callable[[int], str]:
        """What answers one chunk, by its number."""
        if self.answering is not None:
            return self.answering.text
        assert self.inputs is not None
        problem = pose(self.scenario, self.inputs)
        return Answering.of(problem, drawn(problem, self.n, self.seed, self.sampling), self.point).text


class Answering:
    """What every chunk needs, made once."""

    def __init__(self, futures: Futures, held: Floats, restated: Restated) -> None:
        """`held` [column] is the plan that is held."""
        self.values, self.seed, self.sampling = futures.values, futures.seed, futures.sampling
        self.held = held
        self.worlds = worlds_of(futures, restated)
        self.replanned = Replanned(restated.planned)
        self.planned = planned_world(restated)
        self.chunks = chunks_of(self.values)
        self._short = np.flatnonzero(restated.is_short)
        self._plants, self._of_plant = plant_columns(futures.planned_problem, restated)
        order = np.concatenate(self.chunks)
        n_learnt = min(LEARNT, len(order))
        learnt = [int(order[place]) for place in (np.arange(n_learnt) * len(order)) // n_learnt]
        self.replanned.learn([(self.worlds.of(k), self._of(k)) for k in learnt])
        self.mark = self.replanned.mark()
        self.replanned.rest()

    @classmethod
    def of(cls, problem: Problem, futures: Futures, point: pd.DataFrame, matrix: Matrix | None = None) -> Answering:
        """`matrix` is the problem's own where it was built already.

        Raises CheckError where the plan is not one of this problem.
        """
        restated = Restated(problem, matrix)
        held, strange = vector_of(restated.planned, point)
        if strange:
            raise CheckError(f"the plan does not fit the scenario: it holds {strange[0]}, which nothing here is")
        return cls(futures, held, restated)

    @property
    def is_light(self) -> bool:
        """Whether it holds arrays alone, which any process can be handed."""
        return isinstance(self.worlds, ProductWorlds)

    def text(self, chunk: int) -> str:
        """A chunk as JSON, a line a future; numbers to the last bit."""
        self.replanned.reset(self.mark)
        rows = sorted((self.row(int(k)) for k in self.chunks[chunk]), key=lambda row: int(row["future"]))
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
        return "[\n" + ",\n".join(lines) + "\n]\n"

    def row(self, k: int) -> dict[str, Any]:
        """One future: measures of both modes, plants chosen anew by their share, claims that the held plan breaks."""
        world = self.worlds.of(k)
        solved = self.replanned.of(world, self._of(k))
        anew = world.weights.of_plan(solved.x) if solved.is_optimal else dict.fromkeys(MEASURES, np.nan)
        point = held_point(world.matrix, world.scale, self._short, self.held)
        return {
            "future": k,
            REPLANNED: _plain(anew),
            HELD: _plain(world.weights.of_plan(point)),
            "broken": dict(broken_claims(world.matrix, point)),
            "plants": self.plants_in(solved.x),
        }

    def _of(self, k: int) -> dict[str, float]:
        return {str(name): float(value) for name, value in self.values.iloc[k].items()}

    def plants_in(self, x: Floats) -> dict[str, float]:
        """By plant, what is built of its most built stream, where it is more than a trace."""
        share = plant_shares(self._of_plant, len(self._plants), x)
        return {self._plants[p]: round(float(share[p]), 9) for p in np.flatnonzero(share > _TRACE)}


def chunks_of(values: pd.DataFrame) -> list[Ints]:
    """Futures by chunks of those whose capital costs are alike, so that one starts near to where another ended."""
    places = np.array([place_of(dict(row)) for row in values.to_dict("records")])

    def ordered(these: Ints) -> list[Ints]:
        if len(these) < 2:
            return [these]
        wide = int(np.ptp(places[these], axis=0).argmax())
        these = these[np.argsort(places[these, wide], kind="stable")]
        n_chunks = -(-len(these) // CHUNK)
        half = n_chunks // 2 * CHUNK if n_chunks > 1 else len(these) // 2
        return [*ordered(these[:half]), *ordered(these[half:])]

    order = np.concatenate(ordered(np.arange(len(values))))
    return [order[first : first + CHUNK] for first in range(0, len(order), CHUNK)]


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
