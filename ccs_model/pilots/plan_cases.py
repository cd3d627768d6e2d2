"""Replay cases that run the optimiser: capture, cost and value of a zone's programme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.economics.policy import carbon_value_mn
from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import CcsModelError, InputError, NoPlanError
from ccs_model.pilots.observations import best_options
from ccs_model.pilots.replay_tables import ReplayContext
from ccs_model.plan.merit_order import levelised_costs
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.scenario.case import Case

Found = Mapping[str, float]

N_BUDGET_POINTS = 12
# Larger than any zone can spend.
_ALL_THE_MONEY_MN = 1e7
_N_INTEGER_POINTS = (2, 5, 8)
# Tolerance on the size of an option against a published size.
_NEAR_SIZE = 0.15


def physical(case: Case, context: ReplayContext) -> Found:
    """Return capture, avoidance and energy of the named plants at full retrofit and design load."""
    plan = context.plan(case, {"budget.total_mn": _ALL_THE_MONEY_MN}, plants=case.plants)
    retrofits, routes = plan.retrofits, plan.problem.routes.set_index("route")
    at = routes.loc[retrofits["route"]]
    captured = retrofits["captured_ktpa"].to_numpy(float)
    kwh = (at["power_kwh_per_t"] + at["booster_kwh_per_t"]).to_numpy(float)
    return {
        "baseline_ktpa": plan.problem.baseline_ktpa,
        "nameplate_ktpa": float(retrofits["nameplate_ktpa"].sum()),
        "captured_ktpa": float(captured.sum()),
        "on_site_abatement_ktpa": float(retrofits["on_site_abatement_ktpa"].sum()),
        "avoided_ktpa": float(retrofits["avoided_ktpa"].sum()),
        "heat_tj_pa": float((captured * at["heat_gj_per_t"].to_numpy(float)).sum()),
        "capture_power_mwh_pa": float((captured * at["power_kwh_per_t"].to_numpy(float)).sum()),
        "power_mwh_pa": float((captured * kwh).sum()),
        "length_km": float(retrofits["length_km"].sum()),
    }


def inverse(case: Case, context: ReplayContext) -> Found:
    """Solve the least-cost programme for an abatement target, with its dual, and for a lower and a higher target."""
    wanted = {"": case.values.get("abatement_share", 0.15), "lower_": 0.10, "higher_": 0.20}
    wanted |= {
        f"{name}_": case.values[f"{name}_share"] for name in ("lower", "higher") if f"{name}_share" in case.values
    }
    found: dict[str, float] = {}
    for name, share in wanted.items():
        plan = context.plan(case, _at_least(context, case, share))
        found[f"{name}dual_per_t"] = float(plan.relaxation.cost_of_next_tonne_per_t or np.nan)
        if name:
            continue
        totals = plan.totals
        found |= {
            "abatement_share": float(totals["abatement_share"] or 0.0),
            "mean_cost_per_t": float(totals["avoidance_cost_per_t"] or np.nan),
            "capex_mn": float(totals["capex_mn"] or 0.0),
            "n_plants": float(totals["n_plants_retrofitted"] or 0),
            "avoided_per_captured": float(totals["avoided_ktpa"] or 0.0) / float(totals["captured_ktpa"] or np.nan),
            **_anchors(context, plan),
        }
    return found


def budget_sweep(case: Case, context: ReplayContext) -> Found:
    """Solve the LP at twelve budgets from 0 to `most_mn` and check the properties of the curve."""
    budgets = np.linspace(0.0, case.values["most_mn"], N_BUDGET_POINTS)
    plans = [context.plan(case, {"budget.total_mn": float(each)}) for each in budgets]
    bought = np.array([plan.objective.value for plan in plans])
    gained = np.diff(bought)
    scale = max(float(bought.max()), 1.0)
    away, n_compared = 0.0, 0
    for plan in plans[1:]:
        more, dual = plan.marginal_budget, plan.relaxation.abatement_per_budget_kt_per_mn
        if more is None or dual is None or more.last_kt_per_mn is None:
            continue
        # At a breakpoint the two slopes differ, and the dual may be either.
        if abs(more.kt_per_mn - more.last_kt_per_mn) <= 1e-7 * max(abs(more.kt_per_mn), 1e-3):
            away = max(away, abs(dual - more.kt_per_mn) / max(abs(more.kt_per_mn), 1e-3))
            n_compared += 1
    wholes = [
        context.plan(case, {"budget.total_mn": float(budgets[k]), "capture.decisions": "integer"}).objective.value
        - bought[k] * (1 + 1e-9)
        for k in _N_INTEGER_POINTS
    ]
    return {
        "n_points": float(len(budgets)),
        "largest_drop_share": max(float(-gained.min()), 0.0) / scale + 0.0,
        "largest_rise_of_slope_share": max(float(np.diff(gained).max()), 0.0) / scale,
        "dual_error_share": away,
        "n_duals_compared": float(n_compared),
        "integer_above_continuous_kt": max(0.0, *map(float, wholes)),
        "abatement_at_zero_budget_kt": float(bought[0]),
        "abatement_at_full_budget_kt": float(bought[-1]),
        "physical_maximum_kt": _physical_maximum_kt(plans[-1].problem),
    }


def ceiling(case: Case, context: ReplayContext) -> Found:
    """Solve one five-year plan with an unlimited budget, with and without the deployment ceiling."""
    use = {"budget.total_mn": _ALL_THE_MONEY_MN, "calibration.use": "p90", "calibration.preset": case.preset}
    limited = context.plan(case, use, {"calibration.ceiling": True})
    free = context.plan(case, use, {"calibration.ceiling": False})
    problem = limited.problem
    fitted = problem.calibrated
    assert fitted is not None
    best = best_options(problem)
    routes = problem.routes.assign(avoided_t_per_t=problem.avoided_t_per_t[:, -1])
    # The ceiling is filled by the options that avoid most per t captured, each stream once.
    each = routes.sort_values(["avoided_t_per_t", "route"], ascending=[False, True], kind="stable")
    each = each.sort_values(["avoided_t_per_t", "nameplate_ktpa"], ascending=[False, False], kind="stable")
    each = each.drop_duplicates(["plant", "stream"])
    room = sum(problem.deployment_ceiling_ktpa.values())
    until = each["nameplate_ktpa"].cumsum().clip(upper=room)
    taken = np.diff(until, prepend=0.0)
    bound = fitted.delivered_share * float((taken * each["avoided_t_per_t"]).sum()) / problem.baseline_ktpa
    capturable = float(best["nameplate_ktpa"].sum())
    return {
        "abatement_share": float(limited.totals["abatement_share"] or 0.0),
        "bound_share": bound,
        "abatement_without_ceiling_share": float(free.totals["abatement_share"] or 0.0),
        "deployed_share": float(limited.retrofits["nameplate_ktpa"].sum()) / capturable,
        "ceiling_share": room / capturable,
        "deployment_share": fitted.deployment_share,
        "delivered_share": fitted.delivered_share,
    }


def optimality_gap(case: Case, context: ReplayContext) -> Found:
    """Compare the programme as installed (`plants`) with the best one of the same capital."""
    installed = context.plan(case, {"budget.total_mn": _ALL_THE_MONEY_MN}, plants=case.plants)
    spent = float(installed.totals["capex_mn"] or 0.0)
    best = context.plan(case, {"budget.total_mn": spent})
    return {
        "installed_kt": installed.objective.value,
        "optimised_kt": best.objective.value,
        "optimised_over_installed": best.objective.value / installed.objective.value,
        "installed_capex_mn": spent,
        "optimised_capex_mn": float(best.totals["capex_mn"] or 0.0),
    }


def published_cost(case: Case, context: ReplayContext) -> Found:
    """Compare the cheapest option of about a published size with the published avoidance and cost."""
    problem = context.problem(case)
    wanted = case.values["nameplate_ktpa"]
    costs = levelised_costs(problem)
    near = (problem.routes["nameplate_ktpa"] / wanted - 1.0).abs() <= _NEAR_SIZE
    if not near.any():
        raise NoPlanError(f"no option of the zone is within {_NEAR_SIZE:.0%} of {wanted:g} kt/y")
    at = costs.loc[near, "avoidance_cost_per_t"].sort_values(kind="stable").index[0]
    row = costs.loc[at]
    cost = float(row["avoidance_cost_per_t"])
    ratio = float(row["avoided_at_full_load_ktpa"] / row["captured_at_full_load_ktpa"])
    return {
        "nameplate_ktpa": float(problem.routes.at[at, "nameplate_ktpa"]),
        "length_km": float(problem.routes.at[at, "length_km"]),
        "avoided_per_captured": ratio,
        "capture_cost_per_t": float(row["capture_cost_per_t"]),
        "avoidance_cost_per_t": cost,
        "distance_share": cost / case.values["published_per_t"] - 1.0,
        "ratio_distance_share": ratio / case.values["published_ratio"] - 1.0,
    }


def carbon_price(case: Case, context: ReplayContext) -> Found:
    """Return the carbon revenue of the named plants' capture, deductible and not deductible.

    `banded`: only a share of the verified emissions may be sold as surplus.
    """
    plan = context.plan(case, {"budget.total_mn": _ALL_THE_MONEY_MN}, plants=case.plants)
    cut = float(plan.totals["on_site_abatement_ktpa"] or 0.0)
    avoided = float(plan.totals["avoided_ktpa"] or 0.0)
    price = case.values["carbon_price_per_t"]
    band = case.values.get("band_share", 1.0)
    verified = plan.problem.baseline_ktpa

    def revenue_mn(is_deductible: bool, band_share: float) -> float:
        sold = carbon_value_mn(price, cut, verified, is_covered=1.0, band_share=band_share, is_deductible=is_deductible)
        return float(sold.sum())

    return {
        "on_site_abatement_ktpa": cut,
        "avoided_ktpa": avoided,
        "revenue_not_deductible_mn": revenue_mn(False, 1.0),
        "revenue_deductible_mn": revenue_mn(True, 1.0),
        "revenue_banded_mn": revenue_mn(True, band),
        "price_times_on_site_abatement_mn": price * cut / 1000.0,
        "price_times_avoided_mn": price * avoided / 1000.0,
        "price_times_band_mn": price * min(cut, band * verified) / 1000.0,
    }


def degenerate(case: Case, context: ReplayContext) -> Found:
    """Solve limiting cases of a zone like any other; invalid ones raise an error with a message."""
    try:
        plan = context.plan(case, plants=case.plants)
    except InputError:
        return {"is_refused": 1.0}
    except CcsModelError as error:
        return {"exit_code": float(error.exit_code)}
    totals = plan.totals
    return {
        "is_refused": 0.0,
        "n_plants": float(totals["n_plants"] or 0),
        "n_candidates": float(plan.problem.plants["is_candidate"].sum()),
        "n_retrofits": float(totals["n_retrofits"] or 0),
        "baseline_ktpa": float(totals["baseline_ktpa"] or 0.0),
        "captured_ktpa": float(totals["captured_ktpa"] or 0.0),
        "capex_mn": float(totals["capex_mn"] or 0.0),
        "abatement_share": float(totals["abatement_share"] or 0.0),
        "n_broken_checks": float((~plan.checks["holds"]).sum()),
    }


def _at_least(context: ReplayContext, case: Case, share: float) -> dict[str, Any]:
    last = context.scenario(case).starts[-1]
    return {"objective": "min_cost", "budget.total_mn": None, "targets": {"abatement_share": {last: share}}}


def _anchors(context: ReplayContext, plan: Plan) -> dict[str, float]:
    """Published costs as money per t avoided, like the dual: (capture + transport + storage) ÷ (avoided ÷ captured).

    Sector and ratio are those of the dearest retrofit. The band runs from the lowest anchor to the highest;
    `demonstrations_low_per_t` is the low end of built projects.
    """
    problem = plan.problem
    scenario, inputs = problem.scenario, problem.inputs
    level = PriceLevel(
        scenario.currency, scenario.price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"]
    )
    table = inputs["pilots/anchors"]
    dearest = plan.retrofits.sort_values("avoidance_cost_per_t", kind="stable").iloc[-1]
    ratio = float(dearest["avoided_ktpa"] / dearest["captured_ktpa"])
    found: dict[str, float] = {"dearest_avoided_per_captured": ratio}
    for end, name in (("low", "low_per_t"), ("high", "high_per_t")):
        money = pd.Series(np.asarray(level.convert(table[name], table["currency"], table["price_year"]), dtype=float))
        on_the_way = float(money[table["covers"].isin(("transport", "storage"))].sum())
        of_sector = table["sector"] == dearest["sector"]
        built = money[of_sector & (table["covers"] == "capture")] + on_the_way
        chains = money[of_sector & (table["covers"] == "chain")]
        every = pd.concat([built, chains])
        found[f"anchor_{end}_per_t"] = float(every.min() if end == "low" else every.max()) / ratio
        found[f"demonstrations_{end}_per_t"] = float(built.min() if end == "low" else built.max()) / ratio
    return found


def _physical_maximum_kt(problem: Problem) -> float:
    """Upper bound on abatement over the horizon without a budget: Σ streams: best option and start."""
    years = problem.periods["n_years"].to_numpy(float)
    full = problem.routes["nameplate_ktpa"].to_numpy(float) * problem.delivered_share
    each = np.einsum("rsy,ry->rs", problem.running_share, problem.avoided_t_per_t * years) * full[:, None]
    best = pd.Series(each.max(axis=1)).groupby([problem.routes["plant"], problem.routes["stream"]]).max()
    return float(best.clip(lower=0.0).sum())
