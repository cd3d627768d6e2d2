"""Uncertainty scenarios (futures): the model of each future, and its best plan with perfect information.

If the coefficients are sums of products of uncertain parameters (`reparameterised.Responses`), a future's model is one
matrix product. Otherwise its problem is built by the parameter changes and its terms are summed, or Pyomo builds it.

The best plan of a future is its LP relaxation: a thousand MILPs would take a thousand times as long, and their gaps
would exceed the differences between futures. Some futures are solved first; they show which columns the others need
(`mip.column_pool`), and each future starts from the basis of the one with the nearest capital costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.analysis.outcomes import Weights
from ccs_model.analysis.reparameterised import Products, ReparameterisedModel, Responses
from ccs_model.analysis.uncertain_inputs import UNCERTAIN_PARAMETERS, Draft, Futures, numbers_in
from ccs_model.mip import Matrix
from ccs_model.mip.column_pool import Mark, pool_of
from ccs_model.mip.warm_start import Solved
from ccs_model.problem import Problem

# Their effects are not products and are taken from the problem's tables.
_DELIVERED, _CAPACITY, _HEAT = ("delivered_share", "utilisation"), "storage_capacity", "capture_heat"
# Futures that are also computed from the model's terms, to check the products.
_TRIED = 2


@dataclass(frozen=True, eq=False)
class FutureModel:
    """A future's model; `scale` [column] is the ratio of its flows to the planned ones."""

    matrix: Matrix
    scale: Floats
    weights: Weights


@dataclass(frozen=True, eq=False)
class ProductFutureModels:
    """Futures as products of their parameters; it holds arrays alone and is cheap to send to other processes.

    `parts` [future, parameter], `shares` [future] (delivered share) and `capacities` [future, site] are relative to the
    planned ones; `is_tonnes` [column] says whether a column counts delivered tonnes.
    """

    products: Products
    responses: Responses
    parts: pd.DataFrame
    shares: Floats
    capacities: Floats
    is_tonnes: Mask

    def of(self, k: int) -> FutureModel:
        """The model of future k."""
        share, n_measures = float(self.shares[k]), len(fields(Weights))
        parts = numbers_in(self.parts, k)
        numbers = self.responses.numbers(parts, share)
        weights = Weights(*numbers[:n_measures])
        targets = list(numbers[n_measures:])
        heat = parts.get(_HEAT, 1.0)
        matrix = self.products.matrix(share, heat, self.capacities[k], weights.capex_mn, targets, weights.objective)
        return FutureModel(matrix, np.where(self.is_tonnes, share, 1.0), weights)


@dataclass(frozen=True, eq=False)
class SummedFutureModels:
    """Futures whose problems are built one by one."""

    futures: Futures
    reparameterised: ReparameterisedModel

    def of(self, k: int) -> FutureModel:
        """The model of future k."""
        problem = self.futures.problem(k)
        matrix = self.reparameterised.matrix(problem)
        share = problem.delivered_share / self.reparameterised.problem.delivered_share
        weights = Weights.of(self.reparameterised, problem, matrix)
        return FutureModel(matrix, self.reparameterised.tonnes_scaled(share), weights)


def future_models_of(
    futures: Futures, reparameterised: ReparameterisedModel
) -> ProductFutureModels | SummedFutureModels:
    """The models of some futures, as products where that is possible."""
    relative = _RelativeParameters(futures, reparameterised)
    responses = None if reparameterised.products is None else relative.responses()
    if reparameterised.products is None or responses is None:
        return SummedFutureModels(futures, reparameterised)
    every = futures.values.to_dict("records")
    return ProductFutureModels(
        reparameterised.products,
        responses,
        pd.DataFrame([relative.parts(values) for values in every]),
        np.array([relative.share(values) for values in every]),
        relative.capacities(),
        reparameterised.is_tonnes,
    )


def planned_model(reparameterised: ReparameterisedModel) -> FutureModel:
    """The model of the scenario itself."""
    weights = Weights.of(reparameterised, reparameterised.problem, reparameterised.planned)
    return FutureModel(reparameterised.planned, reparameterised.tonnes_scaled(1.0), weights)


class _RelativeParameters:
    """Parameters, delivered shares and capacities of futures relative to the planned ones."""

    def __init__(self, futures: Futures, reparameterised: ReparameterisedModel) -> None:
        self._futures, self._reparameterised = futures, reparameterised
        self._planned: Problem = futures.planned_problem
        self._values_planned = {str(name): float(value) for name, value in futures.planned.items()}
        self._names = [name for name in futures.inputs["input"] if name not in (*_DELIVERED, _CAPACITY)]

    def responses(self) -> Responses | None:
        """Responses of measures and targets; None if they are not products."""
        tried = [self._futures.of(k) for k in range(min(_TRIED, len(self._futures)))]
        return Responses.of(self._numbers, self._names, [(self.parts(each), self.share(each)) for each in tried])

    def _numbers(self, parts: Mapping[str, float], share: float) -> Floats:
        """[vector, column] measures and targets at relative parameters and a relative share."""
        reparameterised = self._reparameterised
        problem = self._futures.problem_with(
            {name: part * float(self._futures.planned[name]) for name, part in parts.items()}
        )
        problem = replace(problem, delivered_share=problem.delivered_share * share)
        first = reparameterised.first_objective(problem)
        weights = Weights.of(reparameterised, problem, replace(reparameterised.planned, costs=first[None, :]))
        return np.vstack(
            [*(getattr(weights, each.name) for each in fields(Weights)), *reparameterised.of_targets(problem)]
        )

    def parts(self, values: Mapping[Any, float]) -> dict[str, float]:
        """Parameters relative to the planned ones."""
        return {name: values[name] / self._values_planned[name] for name in self._names}

    def share(self, values: Mapping[Any, float]) -> float:
        """Delivered share relative to the planned one."""
        draft = Draft(self._planned)
        for name in _DELIVERED:
            if name in values and values[name] != self._values_planned[name]:
                UNCERTAIN_PARAMETERS[name](draft, values[name])
        return draft.delivered_share / self._planned.delivered_share

    def capacities(self) -> Floats:
        """[future, site] capacity relative to the planned one, linear from low to mid and from mid to high."""
        before = self._planned.sites["capacity_kt"].to_numpy(float)
        n = len(self._futures)
        if _CAPACITY not in self._futures.values:
            return np.ones((n, len(before)))
        known = (before > 0) & np.isfinite(before)
        ratio = {}
        for position in (-1.0, 0.0, 1.0):
            draft = Draft(self._planned)
            UNCERTAIN_PARAMETERS[_CAPACITY](draft, position)
            capacity = draft.tables["sites"]["capacity_kt"]
            ratio[position] = np.divide(capacity, before, out=np.ones_like(before), where=known)
        at = self._futures.values[_CAPACITY].to_numpy(float)[:, None]
        end = np.where(at > 0, ratio[1.0], ratio[-1.0])
        capacity = ratio[0.0] + np.abs(at) * (end - ratio[0.0])
        return np.asarray(np.where(at == self._futures.planned[_CAPACITY], 1.0, capacity))


_COMMON, _RELATIVE = "capture_capex", ("pipe_cost", "storage_cost")


def relaxed(matrix: Matrix) -> Matrix:
    """The LP relaxation of a model."""
    return replace(matrix, is_integer=np.zeros_like(matrix.is_integer))


class Replanner:
    """Solves the LP relaxation of each future of a problem; `planned` is the solution of the problem itself."""

    def __init__(self, planned: Matrix, *, seed: int = 0) -> None:
        self._pool = pool_of(relaxed(planned), seed=seed)
        self.planned: Solved = self._pool.planned
        self._positions: list[Floats] = []
        self._n_before = 1 if self.planned.is_optimal else 0

    def of(self, future_model: FutureModel, values: Mapping[str, float]) -> Solved:
        """Solve a future with these parameter values; the result is not optimal if the future has no plan.

        Later futures may start from it, until `reset`.
        """
        solved = self._solve(future_model, values)
        if solved.is_optimal:
            self._pool.keep()
            self._positions.append(position_of(values))
        return solved

    def learn(self, some: Sequence[tuple[FutureModel, Mapping[str, float]]]) -> None:
        """Solve some futures first, twice: the second pass starts from the final pool of columns."""
        for is_last in (False, True):
            for future_model, values in some:
                solved = self._solve(future_model, values)
                if solved.is_optimal:
                    self._pool.learn(relaxed(future_model.matrix), solved)
                    self._positions.append(position_of(values))
            if not is_last:
                self._pool.freeze()
                self._positions, self._n_before = [], 0

    def _solve(self, future_model: FutureModel, values: Mapping[str, float]) -> Solved:
        start = 0
        if self._positions:
            distance = np.square(np.array(self._positions) - position_of(values)).sum(axis=1)
            start = self._n_before + int(distance.argmin())
        return self._pool.solve(relaxed(future_model.matrix), future_model.scale, start=start)

    def release(self) -> None:
        """Release the solver's instance until the next future."""
        self._pool.rest()

    def mark(self) -> tuple[Mark, int]:
        """A mark of the present state, for `reset`."""
        return self._pool.mark(), len(self._positions)

    def reset(self, mark: tuple[Mark, int]) -> None:
        """Return to the state of a mark."""
        self._pool.reset(mark[0])
        del self._positions[mark[1] :]


def position_of(values: Mapping[str, float]) -> Floats:
    """Coordinates of a future by its log capital costs: level, and pipes, sites and technologies relative to it."""
    level = np.log(values.get(_COMMON, 1.0))
    relative = [np.log(values[name]) - level for name in _RELATIVE if name in values]
    own = [np.log(value) for name, value in sorted(values.items()) if name.startswith(f"{_COMMON}_")]
    return np.array([level, *relative, *own])
