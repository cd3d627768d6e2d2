"""The totals of a plan: for the last period unless the name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ccs_model.problem import Problem


def plan_totals(
    problem: Problem, retrofits: pd.DataFrame, by_year: pd.DataFrame, costs: Mapping[str, float]
) -> dict[str, float | int | None]:
    """Counts, tonnes of the last period, undiscounted capex, yearly levelised cost and the two levelised costs per t.

    `npv_mn` counts no income, since no policy is modelled: it is the discounted cost with its sign turned.
    """
    last = by_year.iloc[-1]
    # Yearly costs are of the units that work in the last period; one whose life is over costs and captures nothing.
    working = retrofits[retrofits["captured_ktpa"] > 0]
    yearly_mn = float(working["cost_mn_pa"].sum())
    full = working["nameplate_ktpa"] * problem.delivered_share
    avoided_full = full * working["avoided_ktpa"] / working["captured_ktpa"]
    capture_mn = float((working["capture_cost_per_t"] * full).sum()) / 1000.0
    return {
        "n_plants": len(problem.plants),
        "n_plants_fitted": int(retrofits["plant"].nunique()),
        "n_retrofits": len(retrofits),
        "baseline_ktpa": problem.baseline_ktpa,
        "captured_ktpa": float(last["captured_ktpa"]),
        "direct_cut_ktpa": float(last["direct_cut_ktpa"]),
        "avoided_ktpa": float(last["avoided_ktpa"]),
        "cut_share": float(last["cut_share"]),
        "direct_cut_share": float(last["direct_cut_share"]),
        "uncalibrated_cut_share": float(last["cut_share"]) / problem.delivered_share,
        "delivered_share": problem.delivered_share,
        "capex_mn": float(retrofits["capex_mn"].sum()),
        "capture_capex_mn": float(retrofits["capture_capex_mn"].sum()),
        "pipe_capex_mn": float(retrofits["pipe_capex_mn"].sum()),
        "storage_capex_mn": float(retrofits["storage_capex_mn"].sum()),
        "budget_mn": problem.budget_mn if np.isfinite(problem.budget_mn) else None,
        "cost_mn_pa": yearly_mn,
        "capture_cost_per_t": _ratio(capture_mn * 1000.0, float(full.sum())),
        "avoidance_cost_per_t": _ratio(yearly_mn * 1000.0, float(avoided_full.sum())),
        "npv_mn": 0.0 - sum(costs.values()),
        "benefit_cost_ratio": None,
    }


def _ratio(above: float, below: float) -> float | None:
    return above / below if below > 0 else None
