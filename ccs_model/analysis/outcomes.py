"""Futures summed up: quantiles, what moves the result most, how often each plant is chosen, what the plan breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.analysis.reparameterised import ReparameterisedModel
from ccs_model.analysis.uncertain_inputs import Futures
from ccs_model.mip import Matrix
from ccs_model.model.account_terms import npv_terms
from ccs_model.model.objective import OBJECTIVES
from ccs_model.model.terms import abatement_terms, capex_mn, cost_terms, summed
from ccs_model.plan.plan import CHOSEN_SHARE, HELD, MODES, NO_REGRET_SHARE, REPLANNED
from ccs_model.problem import Problem

# What a plan is worth in a future: tonnes, money and what breaks, from the model's own terms.


MEASURES = ("aim_value", "abatement_kt", "capex_mn", "cost_mn", "cost_per_t", "npv_mn")
# A row counts as broken where it misses its limit by more than this share of it, or of its parts.
_BROKEN_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class Weights:
    """[column] what 1 of each decision gives in one future."""

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
        # Yearly means of a period weigh as its years do, discounted.
        weighed = replace(problem, periods=periods.assign(n_years=periods["flow_weight"]))
        starts = np.ones(len(problem.years))
        costs = cost_terms(problem)
        first = OBJECTIVES[problem.objective].first
        npv = summed(npv_terms(problem, costs))
        return cls(
            objective=matrix.costs[0],
            abatement_kt=matrix.costs[0] if first is abatement_terms else reparameterised.vector(problem, tonnes),
            discounted_kt=reparameterised.vector(problem, summed(abatement_terms(weighed))),
            capex_mn=reparameterised.vector(
                problem, {name: each[:, None] * starts for name, each in capex_mn(problem).items()}
            ),
            cost_mn=reparameterised.vector(problem, summed(costs)),
            npv_mn=reparameterised.vector(problem, npv),
        )

    def of_plan(self, x: Floats) -> dict[str, float]:
        """MEASURES of a plan."""
        cost, tonnes = float(self.cost_mn @ x), float(self.discounted_kt @ x)
        return {
            "aim_value": float(self.objective @ x),
            "abatement_kt": float(self.abatement_kt @ x),
            "capex_mn": float(self.capex_mn @ x),
            "cost_mn": cost,
            # Million per kt is a thousand per t.
            "cost_per_t": 1000.0 * cost / tonnes if tonnes > 0 else float("nan"),
            "npv_mn": float(self.npv_mn @ x),
        }


def held_point(matrix: Matrix, scale: Floats, short: Ints, x: Floats) -> Floats:
    """What is built stays as it is; what flows is the same share of what is delivered; missed tonnes are what is.

    `scale` [column] is 1 for what is built; `short` are the columns of missed tonnes.
    """
    point = x * scale
    if len(short):
        point[short] = 0.0
        missing = np.maximum(matrix.row_lower - matrix.rows @ point, 0.0)
        for column in short:
            entries = slice(matrix.rows.indptr[column], matrix.rows.indptr[column + 1])
            point[column] = float(missing[matrix.rows.indices[entries]].max(initial=0.0))
    return point


def violated_constraints(matrix: Matrix, x: Floats) -> Mapping[str, float]:
    """By how much at most a plan misses the rows of each claim that it breaks, in the rows' own units."""
    activity = matrix.rows @ x
    over = np.maximum(activity - matrix.row_upper, matrix.row_lower - activity)
    found: dict[str, float] = {}
    near = np.flatnonzero(over > 0.0)
    if not len(near):
        return found
    # What a row's parts round off to is no breach.
    largest = np.abs(matrix.rows) @ np.abs(x)
    for row in near:
        limits = np.abs([matrix.row_upper[row], matrix.row_lower[row]])
        limit = float(limits[np.isfinite(limits)].max(initial=0.0))
        if over[row] > _BROKEN_SHARE * max(limit, largest[row], 1.0):
            name = matrix.row_constraints[row][0]
            found[name] = max(found.get(name, 0.0), float(over[row]))
    return found


QUANTILES = {"p5": 0.05, "p50": 0.5, "p95": 0.95}
# A tornado sets the lowest and the highest of so many equal parts of an input side by side.
_PARTS = 5
# Share of variance that an input explains alone: of means over so many equal parts.
_BINS = 10


def futures_table(futures: Futures, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a future: inputs, measures of both modes by `<mode>_<measure>`, claims broken, plants chosen."""
    made = []
    for row in rows:
        measures = {f"{mode}_{name}": row[mode][name] for mode in MODES for name in MEASURES}
        chosen = sum(share >= CHOSEN_SHARE for share in row["plants"].values())
        made.append({"future": row["future"], **measures, "replanned_n_plants": chosen,
                     "held_breaks": "; ".join(sorted(row["broken"]))})  # fmt: skip
    table = pd.DataFrame(made)
    for name in [f"{mode}_{measure}" for mode in MODES for measure in MEASURES]:
        table[name] = table[name].astype(float)
    values = futures.values.iloc[table["future"].to_numpy()].reset_index(drop=True)
    return pd.concat([table[["future"]], values, table.drop(columns="future")], axis=1)


def inputs_table(futures: Futures) -> pd.DataFrame:
    """How each input is spread, what is planned with, and its quantiles over the futures."""
    values = futures.values[list(futures.inputs["input"])]
    quantiles = {name: values.quantile(share).to_numpy() for name, share in QUANTILES.items()}
    return futures.inputs.assign(planned=futures.planned[list(futures.inputs["input"])].to_numpy(), **quantiles)


def spread_table(table: pd.DataFrame, planned: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """A row a mode and measure: what is planned, mean and quantiles; empty measures are left out."""
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
    """A row a mode, measure and input, widest first: means in the lowest and highest fifth of the input.

    `variance_share` is the variance of means over ten equal parts of the input by that of the measure, less what chance
    alone would give: about the share that the input explains by itself. `chance` is the width that an input without any
    part in the measure exceeds in one of twenty runs.
    """
    rows = []
    for mode in MODES:
        for name in MEASURES:
            kept = table[table[f"{mode}_{name}"].notna()]
            values = kept[f"{mode}_{name}"].to_numpy(float)
            if len(values) < _PARTS:
                continue
            found = []
            chance = 1.96 * float(values.std()) * np.sqrt(2.0 * _PARTS / len(values))
            for each in inputs:
                order = np.argsort(kept[each].to_numpy(float), kind="stable")
                parts = np.array_split(values[order], _PARTS)
                low, high = float(parts[0].mean()), float(parts[-1].mean())
                share = _explained(values[order])
                found.append({"mode": mode, "measure": name, "input": each, "low": low, "high": high,
                              "width": abs(high - low), "chance": chance, "variance_share": share})  # fmt: skip
            rows += sorted(found, key=lambda row: (-float(str(row["width"])), str(row["input"])))
    return pd.DataFrame(rows, columns=["mode", "measure", "input", "low", "high", "width", "chance", "variance_share"])


def _explained(ordered: np.ndarray) -> float:
    """Variance between equal parts by all of it, without what parts of chance would differ by."""
    n = len(ordered)
    total = float(ordered.var())
    if n < 2 * _BINS or total <= 0.0:
        return float("nan") if total > 0.0 else 0.0
    parts = np.array_split(ordered, _BINS)
    between = sum(len(part) * (part.mean() - ordered.mean()) ** 2 for part in parts) / n
    within = max(total - float(between), 0.0)
    return float(min(max((between - within * (_BINS - 1) / (n - _BINS)) / total, 0.0), 1.0))


def broken_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a claim that the held plan breaks in some future: share of futures, and the most it is missed by."""
    constraints = sorted({constraint for row in rows for constraint in row["broken"]})
    found = []
    for constraint in constraints:
        missed = [row["broken"][constraint] for row in rows if constraint in row["broken"]]
        found.append((constraint, len(missed) / len(rows), float(np.median(missed)), max(missed)))
    return pd.DataFrame(found, columns=["claim", "future_share", "median_missed", "most_missed"])


def plants_table(problem: Problem, rows: Sequence[Mapping[str, Any]], held: Mapping[str, float]) -> pd.DataFrame:
    """A row a plant that any future chooses or the plan fits, most often chosen first."""
    planned_anew = [row["plants"] for row in rows if row[REPLANNED]["aim_value"] is not None]
    about = problem.plants.set_index("plant")[["name", "province", "sector", "baseline_ktpa"]]
    names = sorted({plant for row in planned_anew for plant in row} | set(held))
    place = {plant: at for at, plant in enumerate(names)}
    built = np.zeros((len(names), len(planned_anew)))
    for k, row in enumerate(planned_anew):
        for plant, share in row.items():
            built[place[plant], k] = share
    found = []
    for plant, shares in zip(names, built, strict=True):
        chosen = float((shares >= CHOSEN_SHARE).mean()) if len(shares) else float("nan")
        found.append(
            {
                "plant": plant,
                **about.loc[plant].to_dict(),
                "chosen_share": chosen,
                "built_share": float(shares.mean()) if len(shares) else float("nan"),
                "is_planned": held.get(plant, 0.0) >= CHOSEN_SHARE,
                "is_no_regret": chosen >= NO_REGRET_SHARE,
            }
        )
    columns = ["plant", *about.columns, "chosen_share", "built_share", "is_planned", "is_no_regret"]
    table = pd.DataFrame(found, columns=columns)
    return table.sort_values(["chosen_share", "plant"], ascending=[False, True], kind="stable").reset_index(drop=True)


def within_limits_share(table: pd.DataFrame) -> float:
    """Share of futures in which the held plan breaks nothing."""
    return float((table["held_breaks"] == "").mean())


def overrun(problem: Problem, table: pd.DataFrame) -> dict[str, float | None]:
    """How often, and by how much in the 95th of a hundred futures, the held plan's capital is above the budget."""
    if not np.isfinite(problem.budget_mn) or problem.is_static:
        return {"budget_mn": None, "overrun_share": None, "overrun_p95_mn": None}
    over = table[f"{HELD}_capex_mn"] - problem.budget_mn
    return {
        "budget_mn": float(problem.budget_mn),
        "overrun_share": float((over > 1e-6 * max(problem.budget_mn, 1.0)).mean()),
        "overrun_p95_mn": max(float(over.quantile(0.95)), 0.0),
    }
