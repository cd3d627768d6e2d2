"""What the reported reduction of the pilot zones would take by capture alone.

The report gives one figure without baseline, metric or technology. This module states what it would mean: the tonnes a
year, how many times the plan that is, and what the last tonne costs in the merit order of the zone's own streams.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan

_AVOIDED, _COST = "avoided_at_full_load_ktpa", "avoidance_cost_at_full_load_per_t"


@dataclass(frozen=True)
class ReportedReduction:
    """What the reported reduction would take in one zone.

    Attributes
    ----------
    zone, share
        Zone, and reported reduction as a share of its baseline.
    needed_ktpa
        CO₂ to avoid, kt/y.
    multiple
        That amount ÷ what the plan avoids in its last period; None if the plan avoids nothing there.
    last_cost_per_t
        Avoidance cost of the last tonne in order of cost, money per t at full load with own pipelines; None where the
        streams do not suffice.
    most_share
        Reduction at which the zone's streams end, as a share of its baseline; 0 without a merit order.
    """

    zone: str
    share: float
    needed_ktpa: float
    multiple: float | None
    last_cost_per_t: float | None
    most_share: float


def reported_reductions(plan: Plan) -> tuple[ReportedReduction, ...]:
    """Return one record per zone of the plan with a reported reduction; none without a calibration."""
    fitted = plan.problem.calibrated
    if fitted is None:
        return ()
    zones = plan.zones.set_index("zone")
    reported = {
        str(zone): share for zone in zones.index if (share := fitted.reported_abatement_share(str(zone))) is not None
    }
    if not reported:
        return ()
    merit_order = macc_table(plan.problem, plan.retrofits)
    return tuple(_of(zone, share, zones.loc[zone], merit_order) for zone, share in reported.items())


def _of(zone: str, share: float, row: pd.Series, merit_order: pd.DataFrame) -> ReportedReduction:
    baseline, avoided = float(row["baseline_ktpa"]), float(row["avoided_ktpa"])
    needed = share * baseline
    own = merit_order[merit_order["province"] == zone].sort_values(_COST, kind="stable")
    reached = own[_AVOIDED].cumsum()
    beyond = own[reached >= needed]
    return ReportedReduction(
        zone,
        share,
        needed,
        needed / avoided if avoided > 0 else None,
        float(beyond[_COST].iloc[0]) if len(beyond) else None,
        float(reached.iloc[-1]) / baseline if len(own) and baseline > 0 else 0.0,
    )


def reported_reduction_lines(plan: Plan) -> tuple[str, ...]:
    """Return what the report is, and for each zone what it would take and what its last tonne costs."""
    found = reported_reductions(plan)
    if not found:
        return ()
    return (
        f"The {found[0].share * 100:.0f} % is a press figure without baseline, metric or technology; it informs the "
        "scale of deployment, not the performance.",
        *(_line(plan, each) for each in found),
    )


def _line(plan: Plan, each: ReportedReduction) -> str:
    takes = (
        f"In {each.zone}, {each.share * 100:.0f} % by capture alone would take {each.needed_ktpa / 1000:,.1f} Mt a year"
    )
    times = "" if each.multiple is None else f", {each.multiple:,.1f} times this plan"
    if each.last_cost_per_t is None:
        return f"{takes}{times}; the streams on file end at {each.most_share * 100:.0f} %."
    return (
        f"{takes}{times}; in order of cost, with own pipelines and unlimited wells, its last tonne costs "
        f"{each.last_cost_per_t:,.0f} {plan.problem.money} per t avoided."
    )
