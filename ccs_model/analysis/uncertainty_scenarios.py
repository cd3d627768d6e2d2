"""The programs of futures: each one's matrix and measures from the values of its inputs.

Where the model's numbers are sums of products of inputs (analysis/responses) no future's problem is made: its numbers
are a matrix product. Where they are not, its problem is made by the levers and summed up, or built by Pyomo.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.analysis.outcomes import Weights
from ccs_model.analysis.reparameterised import Products, ReparameterisedModel, Responses
from ccs_model.analysis.uncertain_inputs import UNCERTAIN_PARAMETERS, Draft, Futures
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.column_pool import Mark, pool_of
from ccs_model.mip.highs import Status
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.mip.warm_start import Solved
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import BUDGET_CONSTRAINTS

# These are no products: what they change is found from the problem's own tables.
_DELIVERED, _ROOM, _HEAT = ("delivered_share", "utilisation"), "storage_capacity", "capture_heat"
# So many futures are summed up by the model's terms as well, to see that products give the same.
_TRIED = 2


@dataclass(frozen=True, eq=False)
class FutureModel:
    """A future's program; `scale` [column] is by how much what flows differs from what is planned."""

    matrix: Matrix
    scale: Floats
    weights: Weights


class FutureModels(Protocol):
    """The worlds of all futures."""

    def of(self, k: int) -> FutureModel:
        """The world of future k."""


@dataclass(frozen=True, eq=False)
class ProductFutureModels:
    """Futures as products of their inputs, without the problem: light enough to hand to other processes.

    `parts` [future, input] as parts of what is planned, `shares` [future] delivered by delivered as planned, `rooms`
    [future, site] likewise; `is_tonnes` [column] whether it counts delivered tonnes.
    """

    products: Products
    responses: Responses
    parts: pd.DataFrame
    shares: Floats
    rooms: Floats
    is_tonnes: Mask

    def of(self, k: int) -> FutureModel:
        """The world of future k."""
        share, n_measures = float(self.shares[k]), len(fields(Weights))
        parts = {str(name): float(value) for name, value in self.parts.iloc[k].items()}
        numbers = self.responses.numbers(parts, share)
        weights = Weights(*numbers[:n_measures])
        targets = list(numbers[n_measures:])
        heat = parts.get(_HEAT, 1.0)
        matrix = self.products.matrix(share, heat, self.rooms[k], weights.capex_mn, targets, weights.objective)
        return FutureModel(matrix, np.where(self.is_tonnes, share, 1.0), weights)


@dataclass(frozen=True, eq=False)
class SummedFutureModels:
    """Futures whose problems are made one by one."""

    futures: Futures
    reparameterised: ReparameterisedModel

    def of(self, k: int) -> FutureModel:
        """The world of future k."""
        problem = self.futures.problem(k)
        matrix = self.reparameterised.matrix(problem)
        share = problem.delivered_share / self.reparameterised.problem.delivered_share
        weights = Weights.of(self.reparameterised, problem, matrix)
        return FutureModel(matrix, self.reparameterised.tonnes_scaled(share), weights)


def future_models_of(futures: Futures, reparameterised: ReparameterisedModel) -> FutureModels:
    """The quickest way there is to the worlds of some futures."""
    reading = _Reading(futures, reparameterised)
    responses = None if reparameterised.products is None else reading.responses()
    if reparameterised.products is None or responses is None:
        return SummedFutureModels(futures, reparameterised)
    every = futures.values.to_dict("records")
    return ProductFutureModels(
        reparameterised.products,
        responses,
        pd.DataFrame([reading.parts(values) for values in every]),
        np.array([reading.share(values) for values in every]),
        reading.rooms(),
        reparameterised.is_tonnes,
    )


def planned_model(reparameterised: ReparameterisedModel) -> FutureModel:
    """The scenario's own."""
    weights = Weights.of(reparameterised, reparameterised.problem, reparameterised.planned)
    return FutureModel(reparameterised.planned, reparameterised.tonnes_scaled(1.0), weights)


class _Reading:
    """Reads off what futures change."""

    def __init__(self, futures: Futures, reparameterised: ReparameterisedModel) -> None:
        self._futures, self._restated = futures, reparameterised
        self._planned: Problem = futures.planned_problem
        self._values_planned = {str(name): float(value) for name, value in futures.planned.items()}
        self._names = [name for name in futures.inputs["input"] if name not in (*_DELIVERED, _ROOM)]

    def responses(self) -> Responses | None:
        """Of measures and targets; None where they are no products."""
        tried = [self._futures.of(k) for k in range(min(_TRIED, len(self._futures)))]
        return Responses.of(self._numbers, self._names, [(self.parts(each), self.share(each)) for each in tried])

    def _numbers(self, parts: Mapping[str, float], share: float) -> Floats:
        """Measures and targets [vector, column] with inputs and share at parts of what is planned."""
        reparameterised = self._restated
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
        """Inputs by what is planned."""
        return {name: values[name] / self._values_planned[name] for name in self._names}

    def share(self, values: Mapping[Any, float]) -> float:
        """Delivered by delivered as planned."""
        draft = Draft(self._planned)
        for name in _DELIVERED:
            if name in values and values[name] != self._values_planned[name]:
                UNCERTAIN_PARAMETERS[name](draft, values[name])
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
            UNCERTAIN_PARAMETERS[_ROOM](draft, place)
            ratio[place] = np.divide(draft.sites["capacity_kt"], before, out=np.ones_like(before), where=known)
        at = self._futures.values[_ROOM].to_numpy(float)[:, None]
        end = np.where(at > 0, ratio[1.0], ratio[-1.0])
        there = ratio[0.0] + np.abs(at) * (end - ratio[0.0])
        return np.asarray(np.where(at == self._futures.planned[_ROOM], 1.0, there))


# What is built in one future, held in another: the same retrofits, pipes, sites and wells, run as that future pays.
#
# What is built is held; how it is run (throttling, flows, what is injected, which fund pays) is chosen anew.

Key = tuple[str, Any]

BUILT_THINGS = ("build", "pipe", "built_ktpa", "opened", "wells")
TARGETS = ("abatement_target_reached", "cumulative_target_reached", "minimum_share_of_avoided_kept")
KEPT, OVER_BUDGET, MISSES_TARGET, NOT_KEPT = "kept", "over budget", "misses a target", "cannot be kept"
# Held amounts keep to the last bit what the solver gave; a row may be off by its tolerance, so they may move by this.
_GIVE = 1e-9


@dataclass(frozen=True, eq=False)
class Valuation:
    """What held decisions are worth: `state` says whether they can be kept; without a point `objective` is NaN.

    `excess_mn` is the money they need beyond the most that may be spent.
    """

    state: str
    objective: float
    bound: float
    excess_mn: float
    x: Floats | None
    status: Status = "optimal"


def decisions_of(matrix: Matrix, x: Floats, years: Collection[int] | None = None) -> dict[Key, float]:
    """What a point builds, by variable and index; only in some years where they are given."""
    return {
        (column.variable, column.index): float(x[j])
        for j, column in enumerate(matrix.columns)
        if column.variable in BUILT_THINGS and x[j] != 0 and (years is None or column.index[1] in years)
    }


def valued(
    matrix: Matrix,
    decisions: Mapping[Key, float],
    options: SolverOptions,
    deadline: float,
    *,
    years: Collection[int] | None = None,
    start: Floats | None = None,
) -> Valuation:
    """The best point of the program that builds exactly what is decided (in `years`, or at all).

    Where there is none, ceilings of money and then targets give way, to say what is broken.
    """
    held = [
        j
        for j, column in enumerate(matrix.columns)
        if column.variable in BUILT_THINGS and (years is None or column.index[1] in years)
    ]
    known = {(matrix.columns[j].variable, matrix.columns[j].index) for j in held}
    if any(key not in known for key in decisions):
        return Valuation(NOT_KEPT, np.nan, np.nan, 0.0, None)
    at = np.array(held, dtype=np.int64)
    amounts = np.array([decisions.get((matrix.columns[j].variable, matrix.columns[j].index), 0.0) for j in held])
    give = np.where(matrix.is_integer[at], 0.0, _GIVE * np.abs(amounts))
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[at] = np.clip(amounts - give, matrix.lower[at], matrix.upper[at])
    upper[at] = np.clip(amounts + give, matrix.lower[at], matrix.upper[at])
    fixed = replace(matrix, lower=lower, upper=upper)
    for state, constraints in (
        (KEPT, ()),
        (OVER_BUDGET, BUDGET_CONSTRAINTS),
        (MISSES_TARGET, TARGETS),
        (NOT_KEPT, (*BUDGET_CONSTRAINTS, *TARGETS)),
    ):
        loose = _without(fixed, constraints)
        highs = Highs(loose, options)
        if start is not None and state == KEPT:
            highs.start_from(start)
        outcome = highs.run(deadline - now(), "held decisions")
        if outcome.x is None:
            continue
        x = rounded_to_integrality(loose, outcome.x)
        if not residuals(loose, x).hold:
            continue
        bound = outcome.bound if np.isfinite(outcome.bound) else np.nan
        return Valuation(state, float(matrix.costs[0] @ x), bound, _excess(matrix, x), x, outcome.status)
    return Valuation(NOT_KEPT, np.nan, np.nan, 0.0, None)


def _without(matrix: Matrix, constraints: Collection[str]) -> Matrix:
    """The program without some claims."""
    if not constraints:
        return matrix
    off = np.concatenate([matrix.rows_of(constraint) for constraint in constraints])
    row_lower, row_upper = matrix.row_lower.copy(), matrix.row_upper.copy()
    row_lower[off], row_upper[off] = -np.inf, np.inf
    return replace(matrix, row_lower=row_lower, row_upper=row_upper)


def _excess(matrix: Matrix, x: Floats) -> float:
    """The most that any ceiling of money is passed by."""
    rows = np.concatenate([matrix.rows_of(constraint) for constraint in BUDGET_CONSTRAINTS])
    over = (matrix.rows @ x - matrix.row_upper)[rows]
    largest = float(over.max(initial=0.0))
    return largest if largest > 1e-6 else 0.0


# Each future planned anew: its best plan, were it known beforehand, with retrofits, pipes and wells in parts.
#
# The linear program, since a thousand whole programs would take a thousand times as long and each would end by its gap:
# the differences between futures would drown in what gaps leave open.
#
# Some futures are solved beforehand. They show which columns all others may need (solver/pool), and their bases are at
# hand: a future starts from that of the one whose capital costs are nearest.

_COMMON, _RELATIVE = "capture_capex", ("pipe_cost", "storage_cost")


def relaxed(matrix: Matrix) -> Matrix:
    """The program with everything in parts."""
    return replace(matrix, is_integer=np.zeros_like(matrix.is_integer))


class Replanned:
    """Plans the futures of one problem; `planned` is the best plan in parts of the problem itself."""

    def __init__(self, planned: Matrix, *, seed: int = 0) -> None:
        self._pool = pool_of(relaxed(planned), seed=seed)
        self.planned: Solved = self._pool.planned
        self._places: list[Floats] = []
        self._n_before = 1 if self.planned.is_optimal else 0

    def of(self, future_model: FutureModel, values: Mapping[str, float]) -> Solved:
        """The best plan of a future with these values of its inputs; not optimal where it has none.

        Later ones may start from it, until `reset`.
        """
        solved = self._solved(future_model, values)
        if solved.is_optimal:
            self._pool.keep()
            self._places.append(place_of(values))
        return solved

    def learn(self, some: Sequence[tuple[FutureModel, Mapping[str, float]]]) -> None:
        """Solve some futures beforehand: twice, for what the first times added on the way is needed no longer."""
        for is_last in (False, True):
            for future_model, values in some:
                solved = self._solved(future_model, values)
                if solved.is_optimal:
                    self._pool.learn(relaxed(future_model.matrix), solved)
                    self._places.append(place_of(values))
            if not is_last:
                self._pool.freeze()
                self._places, self._n_before = [], 0

    def _solved(self, future_model: FutureModel, values: Mapping[str, float]) -> Solved:
        start = 0
        if self._places:
            away = np.square(np.array(self._places) - place_of(values)).sum(axis=1)
            start = self._n_before + int(away.argmin())
        return self._pool.solve(relaxed(future_model.matrix), future_model.scale, start=start)

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
