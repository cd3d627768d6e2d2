"""What a plan says of its calibration: one line, the plan over the common draws of a fit, and the reported reduction.

The report of the pilot zones gives one figure without baseline, metric or technology. This module states what it would
take by capture alone: the tonnes a year, how many times the plan that is, and what the last tonne costs in the merit
order of the zone's own streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.plan.headline import class_text, period_text, uncalibrated_text
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.money import budgeted_cost_mn_pa
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.problem.applied_calibration import CLASS_OF_GRADE, CONSISTENT, DELIVERED, DEPLOYMENT, AppliedFit

PRESS = "press figure, grade C"
"""Evidence of a fit that rests on press reports alone."""
_AVOIDED, _COST = "avoided_at_full_load_ktpa", "avoidance_cost_at_full_load_per_t"


def evidence_of(fit: Mapping[str, Any]) -> str:
    """Return what the reported abatement of a fit is: a press figure, or a report of another grade."""
    reported = [row["grade"] for row in fit["observations"] if row["quantity"] == "abatement_share"]
    grades = sorted({*reported} or {row["grade"] for row in fit["observations"]})
    if grades == ["C"]:
        return PRESS
    return f"report, grade {grades[0]}" if len(grades) == 1 else f"reports, grades {' and '.join(grades)}"


def reported_reduction_lines(plan: Plan) -> tuple[str, ...]:
    """Return what the report is, and for each zone what it would take and what its last tonne costs."""
    fitted = plan.problem.calibrated
    if fitted is None:
        return ()
    zones = plan.zones.set_index("zone")
    reported = {
        str(zone): share for zone in zones.index if (share := fitted.reported_abatement_share(str(zone))) is not None
    }
    if not reported:
        return ()
    shares = " and ".join(dict.fromkeys(f"{share * 100:.0f} %" for share in reported.values()))
    merit_order = macc_table(plan.problem, plan.retrofits)
    return (
        report_line(shares, evidence_of(fitted.fit)),
        *(_reported_line(plan, zones.loc[zone], share, merit_order) for zone, share in reported.items()),
    )


def report_line(shares: str, evidence: str) -> str:
    """Return what a reported abatement, such as 15 %, is and what it informs."""
    if evidence == PRESS:
        return (
            f"The {shares} is a press figure without baseline, metric or technology; it informs the scale of "
            "deployment, not the performance."
        )
    return f"The reported {shares} ({evidence}) informs the scale of deployment, not the performance."


def _reported_line(plan: Plan, zone: pd.Series, share: float, merit_order: pd.DataFrame) -> str:
    """What the reported reduction of a row of `plan.zones` would take by capture alone, in order of cost."""
    baseline, avoided = float(zone["baseline_ktpa"]), float(zone["avoided_ktpa"])
    needed = share * baseline
    own = merit_order[merit_order["province"] == zone.name].sort_values(_COST, kind="stable")
    reached = own[_AVOIDED].cumsum()
    beyond = own[reached >= needed]
    plants = plan.problem.plants
    there = set(plants["sector"][plants["province"] == zone.name])
    sectors = ", ".join(sorted(str(sector).replace("_", " ") for sector in there))
    takes = (
        f"In {zone.name}, {share * 100:.0f} % of the {needed / share / 1000:,.1f} Mt of its plants "
        f"({sectors}) by capture alone would take {needed / 1000:,.1f} Mt a year"
    )
    times = f", {needed / avoided:,.1f} times this plan" if avoided > 0 else ""
    if beyond.empty:
        most = float(reached.iloc[-1]) / baseline if len(own) and baseline > 0 else 0.0
        return f"{takes}{times}; the streams on file end at {most * 100:.0f} %."
    return (
        f"{takes}{times}; in order of cost, with own pipelines and unlimited wells, its last tonne costs "
        f"{float(beyond[_COST].iloc[0]):,.0f} {plan.problem.money} per t avoided."
    )


def statement(plan: Plan) -> str:
    """The one line every run prints: preset, delivery and ceiling with bands, evidence, the held-out zones."""
    fitted, totals = plan.problem.calibrated, plan.totals
    by_class = delivered_shares(plan.problem)
    if fitted is None:
        return uncalibrated_text({"delivered_shares": by_class})
    ceiling = "is applied: at most" if fitted.has_ceiling else "is not applied; it would be"
    elsewhere = "" if set(plan.problem.zones) & set(fitted.zones) else " No zone of this plan was among those fitted."
    classes, delivered = f"{class_text(by_class)} " if by_class else "", ""
    if not by_class:
        share = f"{_share(fitted.delivered_share)} ({_band(fitted, DELIVERED)})"
        delivered = f": delivered share assumed, {share}, not informed by the pilots"
    return (
        f"{classes}"
        f"Calibrated on {fitted.preset} ({evidence_of(fitted.fit)}), {fitted.use}{delivered}. "
        f"The deployment ceiling {ceiling} {_share(fitted.deployment_share)} ({_band(fitted, DEPLOYMENT)}; "
        f"{_other_preset_text(fitted)}) of capturable CO2 in five years. "
        f"{_held_out_text(fitted)} {_validation_note(fitted)}"
        f"Abatement{_last_period(plan.problem)} {100 * (totals['abatement_share'] or 0.0):.2f} %, "
        f"as designed {100 * (totals['uncalibrated_abatement_share'] or 0.0):.2f} %.{elsewhere}"
        f"{_draws_text(plan)}"
    )


def _last_period(problem: Problem) -> str:
    """The period of the totals, with a colon; empty for a representative year."""
    if problem.is_static:
        return ""
    return f" in {period_text(problem.years[-1], int(problem.periods['n_years'].iloc[-1]))}:"


def _draws_text(plan: Plan) -> str:
    """What the plan avoids and costs over the draws of an ensemble, P10 to P90; empty without one."""
    draws = ensemble_table(plan)
    if draws.empty:
        return ""
    bands = ensemble_bands(draws)
    avoided, capex = ([f"{bands[name][end]:,.0f}" for end in ("p10", "p90")] for name in ("avoided_ktpa", "capex_mn"))
    within = ""
    if np.isfinite(plan.problem.budget_mn):
        within = f", within the budget in {100 * draws['is_within_budget'].mean():.0f} % of them"
    return (
        f" Over {len(draws)} draws (P10 to P90) it avoids {avoided[0]} to {avoided[1]} kt a year and costs {capex[0]} "
        f"to {capex[1]} million {plan.problem.money} of capital{within}."
    )


def delivered_shares(problem: Problem) -> dict[str, list[float]] | None:
    """Return the delivered shares of each class, several for a plan over several regions; None without classes."""
    if not problem.scenario.calibration.is_by_class:
        return None
    classes, captures = problem.routes["grade"].map(CLASS_OF_GRADE), problem.captures
    shares = pd.Series(problem.delivered_share_of[captures]).groupby(classes[captures].to_numpy())
    return {str(name): sorted(set(found.tolist()), reverse=True) for name, found in shares}


def ensemble_table(plan: Plan) -> pd.DataFrame:
    """The plan over the common draws of its fit, one row a draw: same retrofits, other delivery and other capex.

    Tonnes follow the delivered share and capital kappa, so nothing has to be solved again. Empty unless requested.
    """
    fitted = plan.problem.calibrated
    if fitted is None or fitted.use != "ensemble":
        names = "draw delivered_share kappa captured_ktpa avoided_ktpa abatement_share capex_mn is_within_budget"
        return pd.DataFrame(columns=names.split())
    draws = pd.DataFrame(list(fitted.fit["draws"]))
    totals = plan.totals
    ratio = draws[DELIVERED].to_numpy(float) / fitted.delivered_share
    share: pd.Series | Floats = draws[DELIVERED]
    captured, avoided = ratio, ratio
    if delivered_shares(plan.problem) is not None:
        captured, avoided = (_scale_by_class(plan, ratio, name) for name in ("captured_ktpa", "avoided_ktpa"))
        share = captured * float(totals["delivered_share"] or 0.0)
    capex = draws["kappa"].to_numpy(float) * float(totals["capex_mn"] or 0.0)
    return pd.DataFrame(
        {
            "draw": np.arange(1, len(draws) + 1),
            "delivered_share": share,
            "kappa": draws["kappa"],
            "captured_ktpa": captured * float(totals["captured_ktpa"] or 0.0),
            "avoided_ktpa": avoided * float(totals["avoided_ktpa"] or 0.0),
            "abatement_share": avoided * float(totals["abatement_share"] or 0.0),
            "capex_mn": capex,
            "is_within_budget": _spent_mn(plan, draws["kappa"].to_numpy(float)) <= plan.problem.budget_mn * (1 + 1e-9),
        }
    )


_CAPITAL = ("capture_capex_mn", "pipe_capex_mn", "site_capex_mn", "well_capex_mn")


def _spent_mn(plan: Plan, kappa: Floats) -> Floats:
    """Return [draw] what counts towards the budget with capital times kappa; a static budget limits all yearly costs.

    Grants fall with the capital and never exceed those of the plan.
    """
    if plan.problem.is_static:
        capital = sum(plan.cost_terms.get(name, 0.0) for name in _CAPITAL)
        return np.asarray(budgeted_cost_mn_pa(plan.cost_terms) + (kappa - 1.0) * capital)
    granted = float(plan.funds.loc[plan.funds["kind"] == "grant", "spend_mn"].sum()) if len(plan.funds) else 0.0
    return kappa * float(plan.totals["capex_mn"] or 0.0) - np.minimum(kappa, 1.0) * granted


def _scale_by_class(plan: Plan, ratio: Floats, name: str) -> Floats:
    """Return [draw] the tonnes of a column relative to those of the plan; no class delivers more than its design."""
    retrofits = plan.retrofits
    tonnes = retrofits[name].to_numpy(float)
    shares = retrofits.get("delivered_share", pd.Series(plan.problem.delivered_share, index=retrofits.index))
    factor = np.minimum(ratio[:, None], 1.0 / shares.to_numpy(float))
    total = float(tonnes.sum())
    return np.asarray(factor @ tonnes / total if total else ratio, dtype=float)


def ensemble_bands(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """P10, median and P90 over the draws, by quantity."""
    names = ("captured_ktpa", "avoided_ktpa", "abatement_share", "capex_mn")
    shares = {"p10": 0.1, "median": 0.5, "p90": 0.9}
    return {name: {key: float(table[name].quantile(share)) for key, share in shares.items()} for name in names}


def calibration_dict(plan: Plan) -> dict[str, Any] | None:
    """The part of plan.json; null where nothing is calibrated."""
    fitted = plan.problem.calibrated
    if fitted is None:
        return None
    draws = ensemble_table(plan)
    return {
        "preset": fitted.preset,
        "use": fitted.use,
        "statement": statement(plan),
        "reported_reduction": list(reported_reduction_lines(plan)),
        "delivered_share": {"used": plan.totals["delivered_share"], **fitted.posterior(DELIVERED)},
        "deployment_share": {"used": fitted.deployment_share, **fitted.posterior(DEPLOYMENT)},
        "deployment_share_beside": dict(zip(("preset", "median"), fitted.beside, strict=True)),
        "has_ceiling": fitted.has_ceiling,
        "evidence": evidence_of(fitted.fit),
        "held_out": {zone: each["held_out"] for zone, each in fitted.zones.items()},
        "conflicts": list(fitted.fit["conflicts"]),
        "ensemble": ensemble_bands(draws) if len(draws) else None,
    }


def _other_preset_text(fitted: AppliedFit) -> str:
    """The ceiling of the preset that reads the report differently: what is known to be installed, or the report."""
    preset, median = fitted.beside
    return "no other preset" if preset == fitted.preset else f"{preset} {_share(median)}"


def _held_out_text(fitted: AppliedFit) -> str:
    reported: Mapping[str, str] = {
        zone: each["held_out"]["verdict"] for zone, each in fitted.zones.items() if each["held_out"] is not None
    }
    if not reported:
        return "No zone was held out."
    conflict = " The report conflicts with what is known." if fitted.fit["conflicts"] else ""
    if set(reported.values()) == {CONSISTENT}:
        return f"Each zone's report agrees with a fit that leaves it out: {', '.join(reported)}.{conflict}"
    message = [f"{zone} {result}" for zone, result in reported.items()]
    return f"Each zone's report beside a fit that leaves it out: {', '.join(message)}.{conflict}"


def _validation_note(fitted: AppliedFit) -> str:
    """That zones of one press report do not validate each other; empty without two of them."""
    n_held_out = sum(each["held_out"] is not None for each in fitted.zones.values())
    if n_held_out < 2 or evidence_of(fitted.fit) != PRESS:
        return ""
    return "One article reports all of these zones, so that their consistency is no validation. "


def _band(fitted: AppliedFit, name: str) -> str:
    band = fitted.posterior(name)
    return f"80 % band {_share(band['p10']).removesuffix(' %')}–{_share(band['p90'])}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.01 else f"{100 * value:.2f} %"
