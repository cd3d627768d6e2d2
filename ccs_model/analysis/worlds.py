"""The programs of futures: each one's matrix and measures from the values of its inputs.

Where the model's numbers are sums of products of inputs (analysis/responses) no future's problem is made: its numbers
are a matrix product. Where they are not, its problem is made by the levers and summed up, or built by Pyomo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.analysis.futures import Futures
from ccs_model.analysis.levers import LEVERS, Draft
from ccs_model.analysis.measures import Weights
from ccs_model.analysis.products import Products
from ccs_model.analysis.responses import Responses
from ccs_model.analysis.restated import Restated
from ccs_model.problem import Problem
from ccs_model.solver import Matrix

Floats = npt.NDArray[np.float64]

# These are no products: what they change is found from the problem's own tables.
_DELIVERED, _ROOM, _HEAT = ("delivered_share", "utilisation"), "storage_capacity", "capture_heat"
# So many futures are summed up by the model's terms as well, to see that products give the same.
_TRIED = 2


@dataclass(frozen=True, eq=False)
class World:
    """A future's program; `scale` [column] is by how much what flows differs from what is planned."""

    matrix: Matrix
    scale: Floats
    weights: Weights


class Worlds(Protocol):
    """The worlds of all futures."""

    def of(self, k: int) -> World:
        """The world of future k."""


@dataclass(frozen=True, eq=False)
class ProductWorlds:
    """Futures as products of their inputs, without the problem: light enough to hand to other processes.

    `parts` [future, input] as parts of what is planned, `shares` [future] delivered by delivered as planned, `rooms`
    [future, site] likewise; `is_tonnes` [column] whether it counts delivered tonnes.
    """

    products: Products
    responses: Responses
    parts: pd.DataFrame
    shares: Floats
    rooms: Floats
    is_tonnes: npt.NDArray[np.bool_]

    def of(self, k: int) -> World:
        """The world of future k."""
        share, n_measures = float(self.shares[k]), len(fields(Weights))
        parts = {str(name): float(value) for name, value in self.parts.iloc[k].items()}
        numbers = self.responses.numbers(parts, share)
        weights = Weights(*numbers[:n_measures])
        targets = list(numbers[n_measures:])
        heat = parts.get(_HEAT, 1.0)
        matrix = self.products.matrix(share, heat, self.rooms[k], weights.capex_mn, targets, weights.aim)
        return World(matrix, np.where(self.is_tonnes, share, 1.0), weights)


@dataclass(frozen=True, eq=False)
class SummedWorlds:
    """Futures whose problems are made one by one."""

    futures: Futures
    restated: Restated

    def of(self, k: int) -> World:
        """The world of future k."""
        problem = self.futures.problem(k)
        matrix = self.restated.matrix(problem)
        share = problem.delivered_share / self.restated.problem.delivered_share
        weights = Weights.of(self.restated, problem, matrix)
        return World(matrix, self.restated.tonnes_scaled(share), weights)


def worlds_of(futures: Futures, restated: Restated) -> Worlds:
    """The quickest way there is to the worlds of some futures."""
    reading = _Reading(futures, restated)
    responses = None if restated.products is None else reading.responses()
    if restated.products is None or responses is None:
        return SummedWorlds(futures, restated)
    every = futures.values.to_dict("records")
    return ProductWorlds(
        restated.products,
        responses,
        pd.DataFrame([reading.parts(values) for values in every]),
        np.array([reading.share(values) for values in every]),
        reading.rooms(),
        restated.is_tonnes,
    )


def planned_world(restated: Restated) -> World:
    """The scenario's own."""
    weights = Weights.of(restated, restated.problem, restated.planned)
    return World(restated.planned, restated.tonnes_scaled(1.0), weights)


class _Reading:
    """Reads off what futures change."""

    def __init__(self, futures: Futures, restated: Restated) -> None:
        self._futures, self._restated = futures, restated
        self._planned: Problem = futures.planned_problem
        self._values_planned = {str(name): float(value) for name, value in futures.planned.items()}
        self._names = [name for name in futures.inputs["input"] if name not in (*_DELIVERED, _ROOM)]

    def responses(self) -> Responses | None:
        """Of measures and targets; None where they are no products."""
        tried = [self._futures.of(k) for k in range(min(_TRIED, len(self._futures)))]
        return Responses.of(self._numbers, self._names, [(self.parts(each), self.share(each)) for each in tried])

    def _numbers(self, parts: Mapping[str, float], share: float) -> Floats:
        """Measures and targets [vector, column] with inputs and share at parts of what is planned."""
        restated = self._restated
        problem = self._futures.problem_with(
            {name: part * float(self._futures.planned[name]) for name, part in parts.items()}
        )
        problem = replace(problem, delivered_share=problem.delivered_share * share)
        first = restated.first_objective(problem)
        weights = Weights.of(restated, problem, replace(restated.planned, costs=first[None, :]))
        return np.vstack([*(getattr(weights, each.name) for each in fields(Weights)), *restated.of_targets(problem)])

    def parts(self, values: Mapping[Any, float]) -> dict[str, float]:
        """Inputs by what is planned."""
        return {name: values[name] / self._values_planned[name] for name in self._names}

    def share(self, values: Mapping[Any, float]) -> float:
        """Delivered by delivered as planned."""
        draft = Draft(self._planned)
        for name in _DELIVERED:
            if name in values and values[name] != self._values_planned[name]:
                LEVERS[name](draft, values[name])
        return draft.delivered_share / self._planned.delivered_share

    def rooms(self) -> Floats:
        """[future, site] room by what is planned, which runs straight from low to mid and from mid to high."""
        before = self._planned.sites["capacity_kt"].to_numpy(float)
        n = len(self._futures)
        if _ROOM not in self._futures.values:
            return np.ones((n, len(before)))
        known = (before > 0) & np.isfinite(before)
        ratio = {}
        for place in (-1.0, 0.0, 1.0):
            draft = Draft(self._planned)
            LEVERS[_ROOM](draft, place)
            ratio[place] = np.divide(draft.sites["capacity_kt"], before, out=np.ones_like(before), where=known)
        at = self._futures.values[_ROOM].to_numpy(float)[:, None]
        end = np.where(at > 0, ratio[1.0], ratio[-1.0])
        there = ratio[0.0] + np.abs(at) * (end - ratio[0.0])
        return np.asarray(np.where(at == self._futures.planned[_ROOM], 1.0, there))
