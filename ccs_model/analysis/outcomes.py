"""Outcomes of plans over futures: measures, quantiles, sensitivity, choice frequency and violated constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ccs_model._typing import Floats, Ints
from ccs_model.analysis.reparameterised import ReparameterisedModel
from ccs_model.analysis.uncertain_inputs import Futures
from ccs_model.mip import Matrix
from ccs_model.model.account_terms import npv_terms
from ccs_model.model.names import BUDGET, TARGETS
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.terms import abatement_terms, cost_terms, summed
from ccs_model.plan.plan import CHOSEN_SHARE, MODES, NO_REGRET_SHARE, REPLANNED
from ccs_model.problem import Problem

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
