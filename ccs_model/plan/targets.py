"""Targets of a plan: asked, reached, missed, and what the next tonne would cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.plan.decisions import Point
from ccs_model.problem import Problem
from ccs_model.solver import Matrix

COLUMNS = ["target", "group", "year", "required_kt", "reached_kt", "shortfall_kt", "cut_share", "price_per_t"]


def prices_of(problem: Problem, matrix: Matrix, row_dual: npt.NDArray[np.float64] | None) -> dict[str, float]:
    """The shadow price of each target in the linear program, where the aim is least cost, by the target's key.

    It is the dual over the discount factors of the period's years, money per t avoided.
    """
    if row_dual is None or problem.aim != "least_cost":
        return {}
    dual = {index: row_dual[i] for i, (name, index) in enumerate(matrix.row_claims) if name.endswith("cut_reached")}
    weight = problem.periods["flow_weight"].to_numpy(float)
    return {
        target.key: float(dual[target.key])
        * 1000.0
        / (1.0 if target.year is None else float(weight[problem.years.index(target.year)]))
        for target in problem.targets
        if target.key in dual
    }


def targets_table(point: Point, price_per_t: Mapping[str, float]) -> pd.DataFrame:
    """One row a target: kt/y in its year, or kt over the horizon where `year` is missing.

    `price_per_t` is what `prices_of` found in the linear program.
    """
    problem = point.problem
    avoided = point.captured_ktpa * problem.avoided_t_per_t + problem.reduced_ktpa[:, None] * point.running
    shared = np.zeros(len(problem.years))
    if problem.line_power_co2_t_per_t is not None:
        shared = (point.decided["carried_ktpa"] * problem.line_power_co2_t_per_t).sum(axis=0)
    n_years = problem.periods["n_years"].to_numpy(float)
    rows = []
    for target in problem.targets:
        inside = problem.routes_of(target.group)
        at = None if target.year is None else problem.years.index(target.year)
        measured = point.captured_ktpa if target.measure == "captured" else avoided
        reached = float((measured[inside] @ n_years if at is None else measured[inside, at]).sum())
        # Pumps on shared lines count where all plants are looked at.
        if not target.group and target.measure == "avoided":
            reached -= float(shared @ n_years if at is None else shared[at])
        rows.append(
            {
                "target": target.key,
                "group": target.group or "all",
                "year": target.year,
                "required_kt": target.required,
                "reached_kt": reached,
                "shortfall_kt": point.shortfall_kt.get(target.key, 0.0),
                "cut_share": reached / target.baseline_ktpa
                if at is not None and target.baseline_ktpa and target.measure == "avoided"
                else np.nan,
                "price_per_t": price_per_t.get(target.key, np.nan),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
