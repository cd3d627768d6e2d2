"""Outcomes of plans over uncertainty scenarios (futures): the model of each future, its best plan, and summaries.

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
from scipy import stats

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.analysis.reparameterised import Products, ReparameterisedModel, Responses
from ccs_model.analysis.uncertain_inputs import UNCERTAIN_PARAMETERS, Draft, Futures, numbers_in
from ccs_model.mip import Matrix
from ccs_model.mip.column_pool import Mark, pool_of
from ccs_model.mip.warm_start import Solved
from ccs_model.model.names import BUDGET, TARGETS
from ccs_model.model.objective import OBJECTIVES, npv_terms
from ccs_model.model.terms import abatement_terms, cost_terms, summed
from ccs_model.plan.plan import CHOSEN_SHARE, MODES, NO_REGRET_SHARE, REPLANNED
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


MEASURES = ("objective_value", "abatement_kt", "capex_mn", "cost_mn", "cost_per_t", "npv_mn")
# Cost terms that are revenue: payments per tonne and of oil fields.
REVENUE = frozenset(("paid_mn", "oil_revenue_mn"))
# A row counts as violated beyond this share of its limit or of its largest term.
_VIOLATED_SHARE = 1e-6


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
        tonnes = summed(abatement_terms(problem))
        periods = problem.periods
        # The yearly mean of a period has the discounted weight of its years.
        weighted = replace(problem, periods=periods.assign(n_years=periods["flow_weight"]))
        costs = cost_terms(problem)
        first = OBJECTIVES[problem.objective].first
        spent = {name: term for name, term in costs.items() if name not in REVENUE}
        return cls(
            objective=matrix.costs[0],
            abatement_kt=matrix.costs[0] if first is abatement_terms else reparameterised.vector(problem, tonnes),
            discounted_kt=reparameterised.vector(problem, summed(abatement_terms(weighted))),
            capex_mn=reparameterised.capex(problem),
            cost_mn=reparameterised.vector(problem, summed(spent)),
            # In a static year the NPV is a year's cost with its sign turned.
            npv_mn=-reparameterised.vector(problem, summed(costs))
            if problem.is_static
            else reparameterised.vector(problem, summed(npv_terms(problem, costs))),
        )

    def of_plan(self, x: Floats) -> dict[str, float]:
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


def fixed_point(matrix: Matrix, scale: Floats, shortfalls: Ints, x: Floats) -> Floats:
    """The point of a fixed plan in a future: same builds, flows in proportion to delivery, shortfalls recomputed.

    `scale` [column] is 1 for what is built; `shortfalls` are the columns of target shortfalls.
    """
    point = x * scale
    if len(shortfalls):
        point[shortfalls] = 0.0
        missing = np.maximum(matrix.row_lower - matrix.rows @ point, 0.0)
        for column in shortfalls:
            entries = slice(matrix.rows.indptr[column], matrix.rows.indptr[column + 1])
            point[column] = float(missing[matrix.rows.indices[entries]].max(initial=0.0))
    return point


def violated_constraints(matrix: Matrix, x: Floats) -> Mapping[str, float]:
    """Largest violation of each violated constraint, in the unit of its rows."""
    activity = matrix.rows @ x
    over = np.maximum(activity - matrix.row_upper, matrix.row_lower - activity)
    found: dict[str, float] = {}
    candidates = np.flatnonzero(over > 0.0)
    if not len(candidates):
        return found
    # Rounding errors of a row's terms are not violations.
    largest = np.abs(matrix.rows) @ np.abs(x)
    for row in candidates:
        limits = np.abs([matrix.row_upper[row], matrix.row_lower[row]])
        limit = float(limits[np.isfinite(limits)].max(initial=0.0))
        if over[row] > _VIOLATED_SHARE * max(limit, largest[row], 1.0):
            name = matrix.row_constraints[row][0]
            found[name] = max(found.get(name, 0.0), float(over[row]))
    return found


QUANTILES = {"p5": 0.05, "p50": 0.5, "p95": 0.95}
# A tornado compares the lowest and the highest of this many equal parts of a parameter.
_PARTS = 5
# Equal parts for the share of variance that a parameter explains.
_BINS = 10


def futures_table(futures: Futures, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a future: parameters, `<mode>_<measure>`, number of plants chosen and violated constraints."""
    measures = [(f"{mode}_{name}", mode, name) for mode in MODES for name in MEASURES]
    table = pd.DataFrame(
        {
            "future": row["future"],
            **{column: row[mode][name] for column, mode, name in measures},
            "replanned_n_plants": sum(share >= CHOSEN_SHARE for share in row["plants"].values()),
            "fixed_violations": "; ".join(sorted(row["broken"])),
        }
        for row in rows
    ).astype({column: float for column, _, _ in measures})
    values = futures.values.iloc[table["future"].to_numpy()].reset_index(drop=True)
    return pd.concat([table[["future"]], values, table.drop(columns="future")], axis=1)


def inputs_table(futures: Futures) -> pd.DataFrame:
    """Distribution of each parameter, its planned value and its quantiles over the futures."""
    values = futures.values[list(futures.inputs["input"])]
    quantiles = {name: values.quantile(share).to_numpy() for name, share in QUANTILES.items()}
    return futures.inputs.assign(planned=futures.planned[list(futures.inputs["input"])].to_numpy(), **quantiles)


def spread_table(table: pd.DataFrame, planned: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """One row a mode and measure that has values: planned value, mean and quantiles."""
    rows = []
    for mode in MODES:
        for name in MEASURES:
            values = table[f"{mode}_{name}"].dropna()
            if len(values):
                quantiles = {q: float(values.quantile(share)) for q, share in QUANTILES.items()}
                rows.append({"mode": mode, "measure": name, "planned": planned[mode][name],
                             "mean": float(values.mean()), **quantiles, "n_futures": len(values)})  # fmt: skip
    return pd.DataFrame(rows, columns=["mode", "measure", "planned", "mean", *QUANTILES, "n_futures"])


def tornado_table(table: pd.DataFrame, inputs: Sequence[str]) -> pd.DataFrame:
    """One row a mode, measure and parameter, widest first: means in the lowest and highest fifth of the parameter.

    `noise_width` is the width that a parameter without any effect exceeds in one of twenty runs. `variance_share` is
    the variance of the means over ten equal parts of the parameter, less sampling noise, over the variance of the
    measure: the first-order share of the parameter, with that of parameters correlated with it, so that shares may sum
    to more than 1. It is 0 where an F test at 1 % finds no effect.
    """
    rows = []
    for mode in MODES:
        for name in MEASURES:
            kept = table[table[f"{mode}_{name}"].notna()]
            values = kept[f"{mode}_{name}"].to_numpy(float)
            if len(values) < _PARTS:
                continue
            found = []
            noise_width = 1.96 * float(values.std()) * np.sqrt(2.0 * _PARTS / len(values))
            for each in inputs:
                order = np.argsort(kept[each].to_numpy(float), kind="stable")
                parts = np.array_split(values[order], _PARTS)
                low, high = float(parts[0].mean()), float(parts[-1].mean())
                share = _explained(values[order])
                found.append((mode, name, each, low, high, abs(high - low), noise_width, share))
            rows += sorted(found, key=lambda row: (-row[5], row[2]))
    columns = ["mode", "measure", "input", "low", "high", "width", "noise_width", "variance_share"]
    return pd.DataFrame(rows, columns=columns)


def _explained(ordered: np.ndarray) -> float:
    """Variance between equal parts over the total variance, less sampling noise."""
    n = len(ordered)
    total = float(ordered.var())
    if n < 2 * _BINS or total <= 0.0:
        return float("nan") if total > 0.0 else 0.0
    parts = np.array_split(ordered, _BINS)
    between = sum(len(part) * (part.mean() - ordered.mean()) ** 2 for part in parts) / n
    within = max(total - float(between), 0.0)
    if between * (n - _BINS) <= within * (_BINS - 1) * stats.f.ppf(0.99, _BINS - 1, n - _BINS):
        return 0.0
    return float(min(max((between - within * (_BINS - 1) / (n - _BINS)) / total, 0.0), 1.0))


def broken_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a constraint that the fixed plan violates: share of futures and size of the violation."""
    constraints = sorted({constraint for row in rows for constraint in row["broken"]})
    found = []
    for constraint in constraints:
        missed = [row["broken"][constraint] for row in rows if constraint in row["broken"]]
        found.append((constraint, len(missed) / len(rows), float(np.median(missed)), max(missed)))
    return pd.DataFrame(found, columns=["constraint", "future_share", "median_missed", "most_missed"])


def plants_table(problem: Problem, rows: Sequence[Mapping[str, Any]], planned: Mapping[str, float]) -> pd.DataFrame:
    """One row a plant that any future chooses or the plan retrofits, most often chosen first."""
    replanned = [row["plants"] for row in rows if row[REPLANNED]["objective_value"] is not None]
    about = problem.plants.set_index("plant")[["name", "province", "sector", "baseline_ktpa"]]
    found = []
    for plant in sorted({plant for row in replanned for plant in row} | set(planned)):
        shares = np.array([row.get(plant, 0.0) for row in replanned])
        chosen = float((shares >= CHOSEN_SHARE).mean()) if len(shares) else float("nan")
        found.append(
            {
                "plant": plant,
                **about.loc[plant].to_dict(),
                "chosen_share": chosen,
                "built_share": float(shares.mean()) if len(shares) else float("nan"),
                "is_planned": planned.get(plant, 0.0) >= CHOSEN_SHARE,
                "is_no_regret": chosen >= NO_REGRET_SHARE and planned.get(plant, 0.0) >= CHOSEN_SHARE,
            }
        )
    columns = ["plant", *about.columns, "chosen_share", "built_share", "is_planned", "is_no_regret"]
    table = pd.DataFrame(found, columns=columns)
    return table.sort_values(["chosen_share", "plant"], ascending=[False, True], kind="stable").reset_index(drop=True)


def within_limits_share(table: pd.DataFrame) -> float:
    """Share of futures in which the fixed plan violates no constraint."""
    return float((table["fixed_violations"] == "").mean())


def missed_target_share(problem: Problem, rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Share of futures in which the fixed plan misses a target; None without targets."""
    if not problem.targets and not problem.share_of_avoided_min:
        return None
    return float(np.mean([any(name in row["broken"] for name in TARGETS) for row in rows]))


def overrun(problem: Problem, rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Share of futures in which the fixed plan exceeds the budget, and the 95 % quantile of the excess.

    Spending counts less grants, as in the constraint; in a static year it is a year's cost.
    """
    if not np.isfinite(problem.budget_mn):
        return {"budget_mn": None, "overrun_share": None, "overrun_p95_mn": None}
    over = np.array([row["broken"].get(BUDGET, 0.0) for row in rows])
    return {
        "budget_mn": float(problem.budget_mn),
        "overrun_share": float((over > 0.0).mean()),
        "overrun_p95_mn": float(np.quantile(over, 0.95)),
    }
