"""Totals of a plan, for the last period unless the name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ccs_model.plan.owners import Owners
from ccs_model.plan.tables import uncalibrated
from ccs_model.problem import Problem


def plan_totals(
    problem: Problem,
    retrofits: pd.DataFrame,
    by_year: pd.DataFrame,
    costs: Mapping[str, float],
    owners: Owners | None,
    stakeholders: pd.DataFrame | None,
) -> dict[str, float | int | None]:
    """Counts, tonnes of the last period, undiscounted capex, yearly levelised cost and the two levelised costs per t.

    `npv_mn` is the owners', after tax and with funds, at the scenario's rate; `benefit_cost_ratio` is society's. In a
    static year the first is a year's cost with its sign turned, and there is no second.
    """
    last = by_year.iloc[-1]
    social = stakeholders.set_index("stakeholder").loc["society"] if stakeholders is not None else None
    # Yearly costs count the units that work in the last period.
    reduced = retrofits["reduced_ktpa"] if "reduced_ktpa" in retrofits else pd.Series(0.0, index=retrofits.index)
    working = retrofits[(retrofits["captured_ktpa"] > 0) | (reduced > 0)]
    reduced = reduced.loc[working.index]
    yearly_mn = float(working["cost_mn_pa"].sum())
    full = working["nameplate_ktpa"] * problem.delivered_share
    captured = working["captured_ktpa"].where(working["captured_ktpa"] > 0, 1.0)
    avoided_full = full * (working["avoided_ktpa"] - reduced) / captured + reduced
    capture_mn = float((working["capture_cost_per_t"] * full).sum()) / 1000.0
    return {
        "n_plants": len(problem.plants),
        "n_plants_retrofitted": int(retrofits["plant"].nunique()),
        "n_retrofits": len(retrofits),
        "baseline_ktpa": problem.baseline_ktpa,
        "captured_ktpa": float(last["captured_ktpa"]),
        "on_site_abatement_ktpa": float(last["on_site_abatement_ktpa"]),
        "avoided_ktpa": float(last["avoided_ktpa"]),
        "abatement_share": float(last["abatement_share"]),
        "on_site_abatement_share": float(last["on_site_abatement_share"]),
        "uncalibrated_abatement_share": float(uncalibrated(by_year, problem).iloc[-1]),
        "delivered_share": problem.delivered_share,
        "capex_mn": float(retrofits["capex_mn"].sum()),
        "capture_capex_mn": float(retrofits["capture_capex_mn"].sum()),
        "pipe_capex_mn": float(retrofits["pipe_capex_mn"].sum()),
        "storage_capex_mn": float(retrofits["storage_capex_mn"].sum()),
        "budget_mn": problem.budget_mn if np.isfinite(problem.budget_mn) else None,
        "cost_mn_pa": yearly_mn,
        "capture_cost_per_t": _ratio(capture_mn * 1000.0, float(full.sum())),
        "avoidance_cost_per_t": _ratio(yearly_mn * 1000.0, float(avoided_full.sum())),
        "npv_mn": float(owners.npv_mn.sum()) if owners is not None else 0.0 - sum(costs.values()),
        "net_benefit_mn": float(social["npv_mn"]) if social is not None else None,
        "benefit_cost_ratio": _finite(social["benefit_cost_ratio"]) if social is not None else None,
    }


def _ratio(above: float, below: float) -> float | None:
    return above / below if below > 0 else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
