"""Replay cases of the pilot zones: one function a kind, and the tables and fits that they share.

`heldout`, `presets`, `plant_hand` and `calibrator` test the estimator; the other kinds run the optimiser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.policy import carbon_value_mn
from ccs_model.errors import CcsModelError, InputError, Issue, NoPlanError
from ccs_model.inputs import Inputs
from ccs_model.paths import data_folder
from ccs_model.pilots.calibrate import Fit, fit, predict_held_out, zone_spread
from ccs_model.pilots.estimate import (
    BAND,
    DELTA,
    LITERAL,
    OTHER,
    PARAMETERS,
    PHI,
    REPORTED,
    Observation,
    Sample,
    Zone,
    band,
    best_options,
    mean,
    observations_of,
    priors_of,
    sample_of,
    variance,
    weighted_quantiles,
    zone_inputs,
    zone_names,
    zone_of,
    zone_scenario,
)
from ccs_model.plan.merit_order import levelised_costs
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.applied_calibration import INSTALLED
from ccs_model.scenario import Scenario
from ccs_model.scenario.case import Case
from ccs_model.scenario.sections import SHIPPED_CALIBRATION
from ccs_model.solve.driver import solve

Found = Mapping[str, float]


@dataclass
class ReplayContext:
    """The tables, and results computed from them so far."""

    inputs: Inputs
    zones: dict[str, Zone] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=dict)

    def zone(self, name: str) -> Zone:
        """Return the figures of a zone."""
        if name not in self.zones:
            self.zones[name] = zone_of(self.inputs, name)
        return self.zones[name]

    def zones_of(self, rows: Sequence[Observation]) -> list[Zone]:
        """Return the figures of the zones that the observations name."""
        return [self.zone(name) for name in zone_names(rows)]

    def fit(self, preset: str) -> Fit:
        """Return the posterior of a preset; a conflict is reported by the case instead of raised."""
        if preset not in self.fits:
            rows = observations_of(self.inputs, preset)
            self.fits[preset] = fit(self.inputs, preset, rows, self.zones_of(rows))
        return self.fits[preset]

    def committed_record(self, preset: str) -> Mapping[str, Any]:
        """Return the preset's record in the shipped calibration.json, or an empty mapping."""
        return self._shipped_presets.get(preset, {})

    @cached_property
    def _shipped_presets(self) -> dict[str, Any]:
        return dict(json.loads((data_folder() / SHIPPED_CALIBRATION).read_text(encoding="utf-8"))["presets"])

    def scenario(self, case: Case, *more: Mapping[str, Any]) -> Scenario:
        """Return the zone's scenario, overridden by the case's keys and then by `more`."""
        scenario = zone_scenario(self.inputs, case.zone, _dotted_keys(case.scenario))
        for changes in more:
            scenario = scenario.with_changes(changes)
        return scenario

    def problem(self, case: Case, *more: Mapping[str, Any], plants: Sequence[str] = ()) -> Problem:
        """Its question in sets and coefficients; with `plants`, of these alone."""
        return build_problem(self.scenario(case, *more), zone_inputs(self.inputs, case.zone, plants))

    def plan(self, case: Case, *more: Mapping[str, Any], plants: Sequence[str] = ()) -> Plan:
        """Its plan."""
        return solve(self.problem(case, *more, plants=plants))


def _dotted_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Sections as dotted keys, so that a key replaces its own value only."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            found |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            found[name] = value
    return found


# Synthetic observations that test the estimator, and their random seed.
N_SYNTHETIC_PROGRAMMES, SEED = 500, 7
_VAGUE = 1e3


def heldout(case: Case, context: ReplayContext) -> Found:
    """Fit the preset without the zone and predict its report; the committed band is beside it."""
    fit = context.fit(case.preset)
    row = _report(fit, case.zone)
    reported = predict_held_out(fit, case.zone, row.sigma)
    shipped = next((z for z in context.committed_record(case.preset).get("zones", ()) if z["zone"] == case.zone), None)
    committed = (shipped or {}).get("held_out") or {}
    return {
        "reported_abatement_share": row.value,
        "band_low_share": reported["p10"],
        "band_middle_share": reported["median"],
        "band_high_share": reported["p90"],
        "committed_low_share": committed.get("p10", np.nan),
        "committed_high_share": committed.get("p90", np.nan),
        "net_share": fit.sample.zones[case.zone].net_share,
        "is_refused": float(bool(fit.conflicts)),
    }


def presets(case: Case, context: ReplayContext) -> Found:
    """Return deployment and the split of the abatement under each preset, averaged over the zones."""
    found: dict[str, float] = {}
    for name, preset in (("reported", REPORTED), ("literal", LITERAL), ("installed", INSTALLED)):
        fit = context.fit(preset)
        sample, weights = fit.sample, fit.weights
        found[f"deployment_{name}_share"] = band(sample.values[DELTA], weights)["median"]
        committed = context.committed_record(preset).get("parameters", {}).get(DELTA, {}).get("posterior", {})
        found[f"committed_deployment_{name}_share"] = committed.get("median", np.nan)
        found[f"delivered_{name}_share"] = band(sample.values[PHI], weights)["median"]
        capture = [mean(sample.capture_share(zone), weights) for zone in sample.zones]
        found[f"capture_{name}_share"] = float(np.mean(capture))
        found[f"other_{name}_share"] = mean(sample.values[OTHER], weights)
        reported = [row.value for row in fit.rows if row.quantity == "abatement_share"]
        found[f"unexplained_{name}_share"] = (
            float(np.mean(reported)) - found[f"capture_{name}_share"] - found[f"other_{name}_share"]
        )
        found[f"is_refused_{name}"] = float(bool(fit.conflicts))
    return found


def plant_hand(case: Case, context: ReplayContext) -> Found:
    """Check a plant by hand: iron × kg captured per t is its nameplate; use is compared with the delivered share."""
    values = case.values
    nameplate = values["iron_ktpa"] * values["captured_kg_per_t"] / 1000.0
    used = {row.id: row.value for row in context.fit(INSTALLED).rows}["zhangjiakou-use"]
    fit = context.fit(case.preset)
    delivered = band(fit.sample.values[PHI], fit.weights)
    hebei = fit.sample.zones["Hebei"]
    return {
        "nameplate_ktpa": nameplate,
        "captured_ktpa": used,
        "delivered_share": used / nameplate,
        "delivered_low_share": delivered["p10"],
        "delivered_high_share": delivered["p90"],
        "counted_as_capture_ktpa": used,
        "counted_as_other_ktpa": values["switch_ktpa"],
        "part_of_reported_abatement_share": used / (_report(fit, "Hebei").value * hebei.baseline_ktpa),
    }


def calibrator(case: Case, context: ReplayContext) -> Found:
    """Test the estimator on synthetic observations from its own priors, and its invariants."""
    rows = observations_of(context.inputs, case.preset)
    approx = [replace(row, kind="approx") for row in rows if row.quantity == "abatement_share"]
    sample = _sample(context, rows)
    again = _sample(context, tuple(reversed(rows)))
    weights, reversed_weights = sample.weights(rows), again.weights(tuple(reversed(rows)))
    vague = sample.weights([replace(row, sigma=_VAGUE) for row in approx])
    flat = np.ones_like(vague)
    moved = 0.0
    for name, prior in sample.priors.items():
        before, after = (weighted_quantiles(sample.values[name], each, BAND) for each in (flat, vague))
        moved = max(moved, *(abs(a - b) / (prior.high - prior.low) for a, b in zip(after, before, strict=True)))
    return {
        "rank_distance_share": ranks_distance(sample, approx),
        "rank_distance_allowed_share": 1.63 / np.sqrt(N_SYNTHETIC_PROGRAMMES),
        "vague_moves_share": moved,
        "variance_against_prior_share": max(
            abs(variance(sample.values[name], flat) / sample.priors[name].variance - 1.0) for name in PARAMETERS
        ),
        "order_changes_bits": float(not np.array_equal(weights, reversed_weights)),
        "rerun_changes_bits": float(not np.array_equal(weights, _sample(context, rows).weights(rows))),
    }


def ranks_distance(
    sample: Sample, rows: list[Observation], n_programmes: int = N_SYNTHETIC_PROGRAMMES, seed: int = SEED
) -> float:
    """Return the largest Kolmogorov distance between the truth's posterior ranks and a uniform distribution.

    Simulation-based calibration (Talts et al. 2018): truths are drawn from the priors and observed with noise. If the
    estimator is correct, the posterior weight below the truth is uniform on 0 to 1.
    """
    rng = np.random.default_rng(seed)
    truths = rng.choice(len(sample.noise), size=n_programmes, replace=False)
    ranks = {name: np.empty(n_programmes) for name in (DELTA, PHI, OTHER)}
    predicted = [sample.predict(row) for row in rows]
    for k, truth in enumerate(truths):
        log = np.zeros(len(sample.noise))
        for row, each in zip(rows, predicted, strict=True):
            reported = float(each[truth] + row.sigma * rng.standard_normal())
            log += replace(row, value=reported).log_likelihood(each)
        weights = np.exp(log - log.max())
        # The truth is a point of the sample; half of its own weight counts as below it.
        for name, found in ranks.items():
            values = sample.values[name]
            below = float(weights[values < values[truth]].sum()) + 0.5 * float(weights[truth])
            found[k] = below / float(weights.sum())
    return max(_distance(found) for found in ranks.values())


def _distance(ranks: Floats) -> float:
    ordered = np.sort(ranks)
    n = len(ordered)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def _sample(context: ReplayContext, rows: tuple[Observation, ...]) -> Sample:
    return sample_of(priors_of(context.inputs), context.zones_of(rows), zone_spread(context.inputs), rows)


def _report(fit: Fit, zone: str) -> Observation:
    """Observation of a zone's abatement."""
    row = next((row for row in fit.rows if zone in row.zones and row.quantity == "abatement_share"), None)
    if row is None:
        what = f"preset {fit.preset} has no reported abatement of '{zone}'"
        raise InputError([Issue(f"zone '{zone}'", what, f"it reports {', '.join(fit.sample.zones)}")])
    return row


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
        **{
            name: float(retrofits[name].sum())
            for name in ("nameplate_ktpa", "captured_ktpa", "on_site_abatement_ktpa", "avoided_ktpa")
        },
        "heat_tj_pa": float((captured * at["heat_gj_per_t"].to_numpy(float)).sum()),
        "capture_power_mwh_pa": float((captured * at["power_kwh_per_t"].to_numpy(float)).sum()),
        "power_mwh_pa": float((captured * kwh).sum()),
        "length_km": float(retrofits["length_km"].sum()),
    }


def inverse(case: Case, context: ReplayContext) -> Found:
    """Solve the least-cost programme for an abatement target, with its dual, and for a lower and a higher target."""
    defaults = {"": 0.15, "lower_": 0.10, "higher_": 0.20}
    wanted = {name: case.values.get(f"{name or 'abatement_'}share", share) for name, share in defaults.items()}
    last = context.scenario(case).starts[-1]
    found: dict[str, float] = {}
    for name, share in wanted.items():
        targets = {"abatement_share": {last: share}}
        plan = context.plan(case, {"objective": "min_cost", "budget.total_mn": None, "targets": targets})
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
        **{
            name: float(totals[name] or 0.0)
            for name in ("baseline_ktpa", "captured_ktpa", "capex_mn", "abatement_share")
        },
        "n_broken_checks": float((~plan.checks["holds"]).sum()),
    }


def _anchors(context: ReplayContext, plan: Plan) -> dict[str, float]:
    """Published costs as money per t avoided, like the dual: (capture + transport + storage) ÷ (avoided ÷ captured).

    Sector and ratio are those of the retrofit with the highest avoidance cost. The band runs from the lowest anchor to
    the highest; `demonstrations_low_per_t` is the low end of built projects.
    """
    problem = plan.problem
    table = problem.inputs["pilots/anchors"]
    costliest = plan.retrofits.sort_values("avoidance_cost_per_t", kind="stable").iloc[-1]
    ratio = float(costliest["avoided_ktpa"] / costliest["captured_ktpa"])
    found: dict[str, float] = {"dearest_avoided_per_captured": ratio}
    for end in ("low", "high"):
        money = pd.Series(problem.price_level.column(table, f"{end}_per_t").to_numpy(float))
        on_the_way = float(money[table["covers"].isin(("transport", "storage"))].sum())
        of_sector = table["sector"] == costliest["sector"]
        built = money[of_sector & (table["covers"] == "capture")] + on_the_way
        chains = money[of_sector & (table["covers"] == "chain")]
        outermost = "min" if end == "low" else "max"
        found[f"anchor_{end}_per_t"] = float(pd.concat([built, chains]).agg(outermost)) / ratio
        found[f"demonstrations_{end}_per_t"] = float(built.agg(outermost)) / ratio
    return found


def _physical_maximum_kt(problem: Problem) -> float:
    """Upper bound on abatement over the horizon without a budget: Σ streams: best option and start."""
    years = problem.periods["n_years"].to_numpy(float)
    each = np.einsum("rsy,ry->rs", problem.running_share, problem.avoided_t_per_t * years)
    each *= problem.delivered_ktpa[:, None]
    best = pd.Series(each.max(axis=1)).groupby([problem.routes["plant"], problem.routes["stream"]]).max()
    return float(best.clip(lower=0.0).sum())
