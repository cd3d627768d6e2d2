"""Outcomes of plans over uncertainty scenarios (futures): the model of each future, its best plan and the fixed plan.

If the coefficients are sums of products of uncertain parameters (`reparameterised.Responses`), a future's model is one
matrix product. Otherwise its problem is built by the parameter changes and its terms are summed, or Pyomo builds it.

The best plan of a future is its LP relaxation: a thousand MILPs would take a thousand times as long, and their gaps
would exceed the differences between futures. Some futures are solved first; they show which columns the others need
(`mip.column_pool`), and each future starts from the basis of the one with the nearest capital costs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.analysis.fixed_plan import FixedPlan, violated_constraints
from ccs_model.analysis.reparameterised import Products, ReparameterisedModel, Responses
from ccs_model.analysis.reversible_options import with_reversible_options
from ccs_model.analysis.uncertain_inputs import UNCERTAIN_PARAMETERS, Draft, Futures, numbers_in
from ccs_model.errors import CheckError
from ccs_model.mip import Matrix
from ccs_model.mip.column_pool import PoolState, pool_of
from ccs_model.mip.warm_start import LpSolution
from ccs_model.model.names import BUILD
from ccs_model.model.objective import OBJECTIVES, npv_terms
from ccs_model.model.terms import abatement_terms, cost_terms, sum_terms
from ccs_model.plan.decisions import vector_of
from ccs_model.plan.plan import FIXED, REPLANNED
from ccs_model.plan.plan_json import to_plain_values
from ccs_model.problem import Problem

# Their effects are not products and are taken from the problem's tables.
_DELIVERED, _CAPACITY, _HEAT = ("delivered_share", "utilisation"), "storage_capacity", "capture_heat"
# Futures in one chunk, the unit that is written and resumed.
CHUNK = 25
# Futures that are solved first; all others start from their bases.
N_WARM_UP = 20
_TRACE = 1e-6
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
        return FutureModel(matrix, np.where(self.reparameterised.is_tonnes, share, 1.0), weights)


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
            [*(getattr(weights, each.name) for each in fields(Weights)), *reparameterised.target_tonnes(problem)]
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


def relax_integrality(matrix: Matrix) -> Matrix:
    """The LP relaxation of a model."""
    return replace(matrix, is_integer=np.zeros_like(matrix.is_integer))


class Replanner:
    """Solves the LP relaxation of each future of a problem; `planned` is the solution of the problem itself."""

    def __init__(self, planned: Matrix) -> None:
        self._pool = pool_of(relax_integrality(planned))
        self.planned: LpSolution = self._pool.planned
        self._positions: list[Floats] = []
        self._n_before = 1 if self.planned.is_optimal else 0

    def solve_future(self, future_model: FutureModel, values: Mapping[str, float]) -> LpSolution:
        """Solve a future with these parameter values; the result is not optimal if the future has no plan.

        Later futures may start from it, until `reset`.
        """
        solved = self._solve(future_model, values)
        if solved.is_optimal:
            self._pool.store_basis()
            self._positions.append(position_of(values))
        return solved

    def learn(self, some: Sequence[tuple[FutureModel, Mapping[str, float]]]) -> None:
        """Solve some futures first, twice: the second pass starts from the final pool of columns."""
        for is_last in (False, True):
            for future_model, values in some:
                solved = self._solve(future_model, values)
                if solved.is_optimal:
                    self._pool.store_optimum(relax_integrality(future_model.matrix), solved)
                    self._positions.append(position_of(values))
            if not is_last:
                self._pool.freeze()
                self._positions, self._n_before = [], 0

    def _solve(self, future_model: FutureModel, values: Mapping[str, float]) -> LpSolution:
        start = 0
        if self._positions:
            distance = np.square(np.array(self._positions) - position_of(values)).sum(axis=1)
            start = self._n_before + int(distance.argmin())
        return self._pool.solve(relax_integrality(future_model.matrix), future_model.scale, start=start)

    def release(self) -> None:
        """Release the solver's instance until the next future."""
        self._pool.release_highs()

    def mark(self) -> tuple[PoolState, int]:
        """A mark of the present state, for `reset`."""
        return self._pool.mark(), len(self._positions)

    def reset(self, mark: tuple[PoolState, int]) -> None:
        """Return to the state of a mark."""
        self._pool.reset(mark[0])
        del self._positions[mark[1] :]


def position_of(values: Mapping[str, float]) -> Floats:
    """Coordinates of a future by its log capital costs: level, and pipes, sites and technologies relative to it."""
    level = np.log(values.get(_COMMON, 1.0))
    relative = [np.log(values[name]) - level for name in _RELATIVE if name in values]
    own = [np.log(value) for name, value in sorted(values.items()) if name.startswith(f"{_COMMON}_")]
    return np.array([level, *relative, *own])


MEASURES = ("objective_value", "abatement_kt", "capex_mn", "cost_mn", "cost_per_t", "npv_mn")
# Cost terms that are revenue: payments per tonne and of oil fields.
REVENUE = frozenset(("paid_mn", "oil_revenue_mn"))


@dataclass(frozen=True, eq=False)
class Weights:
    """[column] contribution of one unit of each decision to each measure, in one future.

    `cost_mn` contains no revenue, like the costs of a plan's retrofits.
    """

    objective: Floats
    abatement_kt: Floats
    discounted_kt: Floats
    capex_mn: Floats
    cost_mn: Floats
    npv_mn: Floats

    @classmethod
    def of(cls, reparameterised: ReparameterisedModel, problem: Problem, matrix: Matrix) -> Weights:
        """From the terms of a future's problem."""
        tonnes = sum_terms(abatement_terms(problem))
        periods = problem.periods
        # The yearly mean of a period has the discounted weight of its years.
        weighted = replace(problem, periods=periods.assign(n_years=periods["flow_weight"]))
        costs = cost_terms(problem)
        first = OBJECTIVES[problem.objective].first
        spent = {name: term for name, term in costs.items() if name not in REVENUE}
        return cls(
            objective=matrix.costs[0],
            abatement_kt=matrix.costs[0] if first is abatement_terms else reparameterised.vector(problem, tonnes),
            discounted_kt=reparameterised.vector(problem, sum_terms(abatement_terms(weighted))),
            capex_mn=reparameterised.capex(problem),
            cost_mn=reparameterised.vector(problem, sum_terms(spent)),
            # In a static year the NPV is a year's cost with its sign turned.
            npv_mn=-reparameterised.vector(problem, sum_terms(costs))
            if problem.is_static
            else reparameterised.vector(problem, sum_terms(npv_terms(problem, costs))),
        )

    def measures_of_plan(self, x: Floats) -> dict[str, float]:
        """MEASURES of a plan."""
        cost, tonnes = float(self.cost_mn @ x), float(self.discounted_kt @ x)
        return {
            "objective_value": float(self.objective @ x),
            "abatement_kt": float(self.abatement_kt @ x),
            "capex_mn": float(self.capex_mn @ x),
            "cost_mn": cost,
            # Million per kt is a thousand per t.
            "cost_per_t": 1000.0 * cost / tonnes if tonnes > 0 else float("nan"),
            "npv_mn": float(self.npv_mn @ x),
        }


class FutureEvaluator:
    """Evaluates chunks of futures; what all chunks need is computed once."""

    def __init__(self, futures: Futures, point: pd.DataFrame, matrix: Matrix | None = None) -> None:
        """From futures and the point table of the fixed plan; `matrix` is the problem's own if it exists already.

        Raises CheckError if the plan belongs to another problem.
        """
        # Futures may choose options that the planned values rule out.
        problem = with_reversible_options(futures.planned_problem, futures.inputs)
        if problem is not futures.planned_problem:
            futures, matrix = replace(futures, planned_problem=problem), None
        reparameterised = ReparameterisedModel(problem, matrix)
        self.fixed, strange = vector_of(reparameterised.planned, point)
        if strange:
            raise CheckError(f"the plan belongs to another scenario: the model has no column {strange[0]}")
        self.values = futures.values
        self.future_models = future_models_of(futures, reparameterised)
        self.replanner = Replanner(reparameterised.planned)
        self.weights = Weights.of(reparameterised, reparameterised.problem, reparameterised.planned)
        self.chunks = chunks_of(self.values)
        self._plan = FixedPlan.of(reparameterised.planned, self.fixed, self.weights.npv_mn)
        self._plants, self._of_plant = _plant_columns(reparameterised)
        order = np.concatenate(self.chunks)
        n_warm_up = min(N_WARM_UP, len(order))
        first = [int(order[place]) for place in (np.arange(n_warm_up) * len(order)) // n_warm_up]
        self.replanner.learn([(self.future_models.of(k), numbers_in(self.values, k)) for k in first])
        self.mark = self.replanner.mark()
        self.replanner.release()

    @property
    def is_light(self) -> bool:
        """Whether it holds arrays alone and can be sent to other processes."""
        return isinstance(self.future_models, ProductFutureModels)

    def opened(self) -> Callable[[int], str]:
        """The function that evaluates one chunk, by its number: with arrays alone it is the work of every process."""
        return self.text

    def text(self, chunk: int) -> str:
        """A chunk as JSON, one line a future, with numbers to the last bit."""
        self.replanner.reset(self.mark)
        rows = sorted((self.row(int(k)) for k in self.chunks[chunk]), key=lambda row: int(row["future"]))
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
        return "[\n" + ",\n".join(lines) + "\n]\n"

    def row(self, k: int) -> dict[str, Any]:
        """One future: measures of both modes, replanned plants by share built, limits that the fixed plan misses."""
        future_model = self.future_models.of(k)
        solved = self.replanner.solve_future(future_model, numbers_in(self.values, k))
        replanned = (
            future_model.weights.measures_of_plan(solved.x) if solved.is_optimal else dict.fromkeys(MEASURES, np.nan)
        )
        point = self._plan.point(future_model.matrix, future_model.scale)
        violated = violated_constraints(future_model.matrix, point)
        return {
            "future": k,
            REPLANNED: to_plain_values(replanned),
            FIXED: to_plain_values(future_model.weights.measures_of_plan(point)),
            "broken": dict(violated),
            "missed": dict(self._plan.missed_targets(future_model.matrix, point, violated)),
            "plants": self.plants_in(solved.x) if solved.is_optimal else {},
        }

    def plants_in(self, x: Floats) -> dict[str, float]:
        """Share built of the most built stream of each plant, over all start years and without traces."""
        columns, stream, plant = self._of_plant
        by_stream = np.bincount(stream, weights=x[columns], minlength=len(plant))
        share = np.zeros(len(self._plants))
        np.maximum.at(share, plant, np.minimum(by_stream, 1.0))
        return {self._plants[p]: round(float(share[p]), 9) for p in np.flatnonzero(share > _TRACE)}


def chunks_of(values: pd.DataFrame) -> list[Ints]:
    """Chunks of futures with similar capital costs, so that one starts near where another ended."""
    positions = np.array([position_of(dict(row)) for row in values.to_dict("records")])

    def split_positions(these: Ints) -> list[Ints]:
        if len(these) < 2:
            return [these]
        wide = int(np.ptp(positions[these], axis=0).argmax())
        these = these[np.argsort(positions[these, wide], kind="stable")]
        n_chunks = -(-len(these) // CHUNK)
        half = n_chunks // 2 * CHUNK if n_chunks > 1 else len(these) // 2
        return [*split_positions(these[:half]), *split_positions(these[half:])]

    order = np.concatenate(split_positions(np.arange(len(values))))
    return [order[first : first + CHUNK] for first in range(0, len(order), CHUNK)]


def _plant_columns(reparameterised: ReparameterisedModel) -> tuple[list[str], tuple[Ints, Ints, Ints]]:
    """Plants with a capture option, and (build columns, stream of each column, plant of each stream)."""
    columns, first, _ = reparameterised.places[BUILD]
    routes, captures = reparameterised.problem.routes, reparameterised.problem.captures[first]
    # Joined as plain strings: without pyarrow, adding columns of pandas drops the separator.
    pairs = zip(routes["plant"], routes["stream"], strict=True)
    keys = np.array([f"{plant}\0{stream}" for plant, stream in pairs], dtype=object)
    streams, at = np.unique(keys[first[captures]], return_inverse=True)
    plants, of_stream = np.unique(np.array([key.split("\0")[0] for key in streams], dtype=object), return_inverse=True)
    return [str(plant) for plant in plants], (columns[captures], at, of_stream)
