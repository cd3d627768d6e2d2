"""Targets of a plan: asked, reached, missed, and what the next tonne would cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.plan.decisions import Point
from ccs_model.solver import Matrix

COLUMNS = ["target", "group", "year", "required_kt", "reached_kt", "shortfall_kt", "cut_share", "price_per_t"]


def targets_table(point: Point, matrix: Matrix, row_dual: npt.NDArray[np.float64] | None) -> pd.DataFrame:
    """One row a target: kt/y in its year, or kt over the horizon where `year` is missing.

    `price_per_t` is the target's shadow price in the linear program, where the aim is least cost: the dual over the
    discount factors of the period's years, money per t avoided.
    """
    problem = point.problem
    avoided = point.captured_ktpa * problem.avoided_t_per_t + problem.reduced_ktpa[:, None] * point.running
    shared = np.zeros(len(problem.years))
    if problem.line_power_co2_t_per_t is not None:
        shared = (point.decided["carried_ktpa"] * problem.line_power_co2_t_per_t).sum(axis=0)
    n_years = problem.periods["n_years"].to_numpy(float)
    dual = {}
    if row_dual is not None and problem.aim == "least_cost":
        dual = {index: row_dual[i] for i, (name, index) in enumerate(matrix.row_claims) if name.endswith("cut_reached")}
    rows = []
    for target in problem.targets:
        inside = problem.routes_of(target.group)
        at = None if target.year is None else problem.years.index(target.year)
        measured = point.captured_ktpa if target.measure == "captured" else avoided
        reached = float((measured[inside] @ n_years if at is None else measured[inside, at]).sum())
        # Pumps on shared lines count where all plants are looked at.
        if not target.group and target.measure == "avoided":
            reached -= float(shared @ n_years if at is None else shared[at])
        weight = 1.0 if at is None else float(problem.periods["flow_weight"].iloc[at])
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
                "price_per_t": dual[target.key] * 1000.0 / weight if target.key in dual else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
