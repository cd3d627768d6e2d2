"""Calibration: the report of the pilot zones, what the plan uses of it, and its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ccs_model.plan.calibrated_results import (
    PRESS,
    ensemble_bands,
    ensemble_table,
    report_line,
    reported_reduction_lines,
    statement,
)
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem.applied_calibration import Calibrated
from ccs_model.report.phrases import percent
from ccs_model.report.workbook.columns import CALCULATION, Column, table_columns
from ccs_model.report.workbook.sheet import Page, Sheet

_MEAN = {
    "deployment_share": "share of capturable CO2 retrofitted in five years",
    "delivered_share": "captured ÷ design",
    "b_share": "abatement in the same zone and years that is not capture",
    "kappa": "capex ÷ shipped cost",
}


def write_calibration(sheet: Sheet, plan: Plan) -> None:
    """The statement, both cuts side by side, the fit, and the claim's card."""
    sheet.hide_gridlines()
    sheet.one_page()
    sheet.paragraph(statement(plan))
    if line := _report_line(plan):
        sheet.paragraph(line, "note")
    sheet.section("Abatement of each zone, as delivered and as designed")
    sheet.table("calibration.zones", records(plan.zones), named="zones")
    fitted = plan.problem.calibrated
    if fitted is not None:
        _fit(sheet, plan, fitted)
    if not _has_report(plan):
        return
    sheet.section("What the report states")
    sheet.table(
        "calibration.report", [{"question": what, "answer": answer} for what, answer in _card(plan)], plain=True
    )


def _has_report(plan: Plan) -> bool:
    """Whether the plan is calibrated, or a zone of it has an observation."""
    zones = plan.problem.inputs["pilots/observations"]["zone"]
    return plan.problem.calibrated is not None or bool(zones.isin(plan.problem.zones).any())


def _report_line(plan: Plan) -> str:
    if not _has_report(plan):
        return ""
    lines = reported_reduction_lines(plan)
    if lines or plan.problem.calibrated is not None:
        return next(iter(lines), "")
    reported = _reported(plan)
    return report_line("15 %", PRESS) if set(reported["reference"]) == {"PILOT-PRESS"} else ""


def _reported(plan: Plan) -> pd.DataFrame:
    """The observations that report an abatement share."""
    rows = plan.problem.inputs["pilots/observations"]
    return rows[(rows["quantity"] == "abatement_share") & (rows["grade"] != "D")]


def _fit(sheet: Sheet, plan: Plan, fitted: Calibrated) -> None:
    fit = fitted.fit
    sheet.section(f"Priors and posteriors ({fitted.preset}, {fit['effective_points']:,.0f} effective points)")
    sheet.table("calibration.parameters", list(_parameters(fit)), named="parameters")
    sheet.paragraph(
        "Variance reduction is 1 minus posterior variance ÷ prior variance. Parameters that the pilot data hardly "
        'change are marked "not informed". Capture rate, energy, grid emission factor and cost keep their '
        "engineering values.",
        "note",
    )
    sheet.section("Observed and fitted values")
    sheet.table("calibration.observations", list(_observations(fit)), named="observations")
    sheet.section("Composition of the reported abatement; fit without the zone's own report")
    sheet.table("calibration.split", list(_split(fit)), named="split")
    sheet.paragraph(
        "A zone inside the 80 % interval predicted from the other zone is consistent with it. This is not a "
        "validation: one article reports both zones.",
        "note",
    )
    for words in fit["conflicts"]:
        sheet.paragraph(f"Conflict, accepted in calibration: {words}.", "broken")
    draws = ensemble_table(plan)
    if len(draws):
        sheet.section(f"The plan over {len(draws)} common draws")
        bands = [{"quantity": name, **band} for name, band in ensemble_bands(draws).items()]
        names = ("p10", "median", "p90")
        sheet.table([*table_columns("calibration.draws"), *(Column(n, CALCULATION, label=n) for n in names)], bands)
        within = float(draws["is_within_budget"].mean())
        sheet.paragraph(f"The investment is within the budget in {percent(within, 0)} of the draws.", "note")


def _parameters(fit: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    for name, each in fit["parameters"].items():
        yield {
            "parameter": _MEAN[name],
            **{f"prior_{key}": value for key, value in each["prior"].items()},
            **{f"posterior_{key}": value for key, value in each["posterior"].items()},
            "contraction_share": each["contraction_share"],
            "verdict": each["verdict"],
        }


def _observations(fit: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    for row in fit["observations"]:
        kept = {name: row[name] for name in ("id", "zone", "kind", "grade", "quantity", "value", "z")}
        yield {**kept, **row["fitted"]}


def _split(fit: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    for zone in fit["zones"]:
        reported = zone["held_out"] or {}
        yield {
            "zone": zone["zone"],
            "reported_abatement_share": zone["reported_abatement_share"],
            **{name: zone[name]["mean"] for name in ("fitted_abatement_share", "capture_share", "other_share")},
            "unexplained_share": zone.get("unexplained_share"),
            "held_out_p10_share": reported.get("p10"),
            "held_out_p90_share": reported.get("p90"),
            "held_out": reported.get("verdict", "not held out"),
        }


def _card(plan: Plan) -> Iterator[tuple[str, str]]:
    """The claim's card, from the rows of pilots/observations that report the cut."""
    reported = _reported(plan)
    for name in ("metric", "baseline_year", "boundary", "attribution", "grade", "reference"):
        yield name.replace("_", " "), ", ".join(dict.fromkeys(str(value) for value in reported[name]))


CALIBRATION = Page(
    "Calibration", "Evidence of the pilot zones, its use in the plan, and its limits.", write_calibration
)
